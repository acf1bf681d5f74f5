;; Contains `size` bytes that are not code.
(component
  {{include libc}}
  (core module $m
    (func (export "run") (param i32 i32 i32) (result i32) (i32.const 1024))
    (@custom "filler" "{{repeat x}}"))
  (core instance $i (instantiate $m))
  {{include run}})

;; Declares `size` types, which take memory of the host even if nothing uses them.
(component
  {{include libc}}
  (core module $m
    (func (export "run") (param i32 i32 i32) (result i32) (i32.const 1024)))
  (core instance $i (instantiate $m))
  {{repeat (type (list u8)) }}
  {{include run}})

;; Contains components nested inside each other, `size` levels deep.
(component
  {{repeat (component }}{{repeat ) }}
  {{include libc}}
  (core module $m
    (func (export "run") (param i32 i32 i32) (result i32) (i32.const 1024)))
  (core instance $i (instantiate $m))
  {{include run}})

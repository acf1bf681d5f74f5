;; Creates `size` core instances in addition to the two that it needs.
(component
  {{include libc}}
  (core module $other)
  {{repeat (core instance (instantiate $other)) }}
  (core module $m
    (func (export "run") (param i32 i32 i32) (result i32) (i32.const 1024)))
  (core instance $i (instantiate $m))
  {{include run}})

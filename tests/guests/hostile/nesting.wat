;; Holds a component that holds a component that holds a component: `size` of them, in itself.
(component
  {{repeat (component }}{{repeat ) }}
  {{include libc}}
  (core module $m
    (func (export "run") (param i32 i32 i32) (result i32) (i32.const 1024)))
  (core instance $i (instantiate $m))
  {{include run}})

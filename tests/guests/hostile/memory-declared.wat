;; Declares a memory of `size` pages, which must exist before the first instruction runs.
(component
  (core module $c
    (memory (export "memory") {{size}})
    (func (export "realloc") (param i32 i32 i32 i32) (result i32) (i32.const 2048)))
  (core instance $libc (instantiate $c))
  (core module $m
    (func (export "run") (param i32 i32 i32) (result i32) (i32.const 1024)))
  (core instance $i (instantiate $m))
  {{include run}})

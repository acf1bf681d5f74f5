;; Has `size` linear memories, each of which uses a slot that another plugin could need.
(component
  {{include libc}}
  (core module $other (memory 1))
  {{repeat (core instance (instantiate $other)) }}
  (core module $m
    (func (export "run") (param i32 i32 i32) (result i32) (i32.const 1024)))
  (core instance $i (instantiate $m))
  {{include run}})

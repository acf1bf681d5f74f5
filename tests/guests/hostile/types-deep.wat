;; Returns lists nested `size` levels deep, which would nest JSON as deep.
(component
  {{include libc}}
  (core module $m
    (func (export "run") (param i32 i32 i32) (result i32) (i32.const 1024)))
  (core instance $i (instantiate $m))
  (type $t {{repeat (list }} string {{repeat ) }})
  (func $run (param "text" string) (param "n" u32) (result $t)
    (canon lift (core func $i "run") (memory (core memory $libc "memory")) (realloc (core func $libc "realloc"))))
  (instance $calls (export "run" (func $run)))
  (export "acme:odd/calls" (instance $calls)))

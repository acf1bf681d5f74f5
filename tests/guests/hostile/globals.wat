;; Has `size` globals, which are stored in the part of an instance that no memory limit counts.
(component
  {{include libc}}
  (core module $m
    (import "libc" "memory" (memory 1))
    {{repeat (global i64 (i64.const 0)) }}
    (func $run (export "run") (param $text i32) (param $bytes i32) (param $n i32) (result i32)
      (nop)
      (i32.const 1024)))
  (core instance $i (instantiate $m (with "libc" (instance $libc))))
  {{include run}})

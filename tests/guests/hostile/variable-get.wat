;; Reads the variable named `text`.
(component
  {{include variables}}
  {{include libc}}
  (core func $get (canon lower (func $variables "get") (memory (core memory $libc "memory")) (realloc (core func $libc "realloc"))))
  (core module $m
    (import "libc" "memory" (memory 1))
    (import "host" "get" (func $get (param i32 i32 i32)))
    (func $run (export "run") (param $text i32) (param $bytes i32) (param $n i32) (result i32)
      (call $get (local.get $text) (local.get $bytes) (i32.const 1024))
      (i32.const 1024)))
  (core instance $i (instantiate $m
    (with "libc" (instance $libc))
    (with "host" (instance (export "get" (func $get))))))
  {{include run}})

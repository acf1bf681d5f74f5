;; Sends `n` bytes to the URL `text`.
(component
  {{include http}}
  {{include libc}}
  (core func $fetch (canon lower (func $http "fetch") (memory (core memory $libc "memory")) (realloc (core func $libc "realloc"))))
  (core module $m
    (import "libc" "memory" (memory 1))
    (import "host" "fetch" (func $fetch (param i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32)))
    (func $run (export "run") (param $text i32) (param $bytes i32) (param $n i32) (result i32)
      (drop (memory.grow (i32.const 32)))
      (call $fetch (i32.const 2) (local.get $text) (local.get $bytes) (i32.const 0) (i32.const 0)
            (i32.const 1) (i32.const 65536) (local.get $n) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 1024))
      (i32.const 1024)))
  (core instance $i (instantiate $m
    (with "libc" (instance $libc))
    (with "host" (instance (export "fetch" (func $fetch))))))
  {{include run}})

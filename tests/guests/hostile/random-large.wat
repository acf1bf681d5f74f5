;; Requests `n` random bytes at once.
(component
  {{include random}}
  {{include libc}}
  (core func $bytes (canon lower (func $random "bytes") (memory (core memory $libc "memory")) (realloc (core func $libc "realloc"))))
  (core module $m
    (import "libc" "memory" (memory 1))
    (import "host" "bytes" (func $random (param i32 i32)))
    (func $run (export "run") (param $text i32) (param $bytes i32) (param $n i32) (result i32)
      (call $random (local.get $n) (i32.const 1024))
      (i32.const 1024)))
  (core instance $i (instantiate $m
    (with "libc" (instance $libc))
    (with "host" (instance (export "bytes" (func $bytes))))))
  {{include run}})

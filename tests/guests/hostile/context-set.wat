;; Stores `n` bytes in the request's context under the key `text`.
(component
  {{include context}}
  {{include libc}}
  (core func $set (canon lower (func $context "set") (memory (core memory $libc "memory")) (realloc (core func $libc "realloc"))))
  (core module $m
    (import "libc" "memory" (memory 1))
    (import "host" "set" (func $set (param i32 i32 i32 i32 i32)))
    (func $run (export "run") (param $text i32) (param $bytes i32) (param $n i32) (result i32)
      (drop (memory.grow (i32.const 32)))
      (call $set (local.get $text) (local.get $bytes) (i32.const 65536) (local.get $n) (i32.const 1024))
      (i32.const 1024)))
  (core instance $i (instantiate $m
    (with "libc" (instance $libc))
    (with "host" (instance (export "set" (func $set))))))
  {{include run}})

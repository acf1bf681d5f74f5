;; Stores `text` in the request's context `n` times, although it is too large each time.
(component
  {{include context}}
  {{include libc}}
  (core func $set (canon lower (func $context "set") (memory (core memory $libc "memory")) (realloc (core func $libc "realloc"))))
  (core module $m
    (import "libc" "memory" (memory 1))
    (import "host" "set" (func $set (param i32 i32 i32 i32 i32)))
    (func $run (export "run") (param $text i32) (param $bytes i32) (param $n i32) (result i32)
      (i32.store (i32.const 2048) (i32.const 0x20202020))
      (block $done
        (loop $again
          (br_if $done (i32.eqz (local.get $n)))
          (call $set (i32.const 2048) (i32.const 4) (local.get $text) (local.get $bytes) (i32.const 4096))
          (local.set $n (i32.sub (local.get $n) (i32.const 1)))
          (br $again)))
      (i32.const 1024)))
  (core instance $i (instantiate $m
    (with "libc" (instance $libc))
    (with "host" (instance (export "set" (func $set))))))
  {{include run}})

;; Requests 16 random bytes `n` times, until a request is rejected.
(component
  {{include random}}
  {{include libc}}
  (core func $bytes (canon lower (func $random "bytes") (memory (core memory $libc "memory")) (realloc (core func $libc "realloc"))))
  (core module $m
    (import "libc" "memory" (memory 1))
    (import "host" "bytes" (func $random (param i32 i32)))
    (func $run (export "run") (param $text i32) (param $bytes i32) (param $n i32) (result i32)
      (block $done
        (loop $again
          (br_if $done (i32.eqz (local.get $n)))
          (call $random (i32.const 16) (i32.const 1024))
          (br_if $done (i32.load8_u (i32.const 1024)))
          (local.set $n (i32.sub (local.get $n) (i32.const 1)))
          (br $again)))
      (i32.const 1024)))
  (core instance $i (instantiate $m
    (with "libc" (instance $libc))
    (with "host" (instance (export "bytes" (func $bytes))))))
  {{include run}})

;; Stores `n` empty values in the request's context, each under its own key.
(component
  {{include context}}
  {{include libc}}
  (core func $set (canon lower (func $context "set") (memory (core memory $libc "memory")) (realloc (core func $libc "realloc"))))
  (core module $m
    (import "libc" "memory" (memory 1))
    (import "host" "set" (func $set (param i32 i32 i32 i32 i32)))
    (func $run (export "run") (param $text i32) (param $bytes i32) (param $n i32) (result i32)
      (block $done
        (loop $again
          (br_if $done (i32.eqz (local.get $n)))
          (i32.store (i32.const 2048) (i32.add (i32.const 0x20202020) (local.get $n)))
          (call $set (i32.const 2048) (i32.const 4) (i32.const 0) (i32.const 0) (i32.const 1024))
          (br_if $done (i32.load8_u (i32.const 1024)))
          (local.set $n (i32.sub (local.get $n) (i32.const 1)))
          (br $again)))
      (i32.const 1024)))
  (core instance $i (instantiate $m
    (with "libc" (instance $libc))
    (with "host" (instance (export "set" (func $set))))))
  {{include run}})

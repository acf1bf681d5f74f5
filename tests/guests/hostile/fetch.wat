;; Requests the URL `text` `n` times, until a request is rejected, and drops no response: each is a handle.
(component
  {{include http}}
  {{include libc}}
  (core func $fetch (canon lower (func $http "fetch") (memory (core memory $libc "memory")) (realloc (core func $libc "realloc"))))
  (core module $m
    (import "libc" "memory" (memory 1))
    (import "host" "fetch" (func $fetch (param i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32)))
    (func $run (export "run") (param $text i32) (param $bytes i32) (param $n i32) (result i32)
      (block $done
        (loop $again
          (br_if $done (i32.eqz (local.get $n)))
          (call $fetch (i32.const 0) (local.get $text) (local.get $bytes) (i32.const 0) (i32.const 0)
            (i32.const 0) (i32.const 65536) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 1024))
          (br_if $done (i32.load8_u (i32.const 1024)))
          (local.set $n (i32.sub (local.get $n) (i32.const 1)))
          (br $again)))
      (i32.const 1024)))
  (core instance $i (instantiate $m
    (with "libc" (instance $libc))
    (with "host" (instance (export "fetch" (func $fetch))))))
  {{include run}})

;; Runs the SQL `text` `n` times, although it is rejected each time.
(component
  {{include query}}
  (core module $m
    (import "libc" "memory" (memory 1))
    (import "host" "query" (func $query (param i32 i32 i32 i32 i32)))
    (func $run (export "run") (param $text i32) (param $bytes i32) (param $n i32) (result i32)
      (block $done
        (loop $again
          (br_if $done (i32.eqz (local.get $n)))
          (call $query (local.get $text) (local.get $bytes) (i32.const 0) (i32.const 0) (i32.const 2048))
          (local.set $n (i32.sub (local.get $n) (i32.const 1)))
          (br $again)))
      (i32.const 1024)))
  (core instance $i (instantiate $m
    (with "libc" (instance $libc))
    (with "host" (instance (export "query" (func $query))))))
  {{include run}})

;; Recurses without end with large frames, and at each depth runs the SQL `text`, which the host parses on the rest of the stack.
(component
  {{include query}}
  (core module $m
    (import "libc" "memory" (memory 1))
    (import "host" "query" (func $query (param i32 i32 i32 i32 i32)))
    (func $down (param $text i32) (param $bytes i32) (param $seed i64) (result i64)
      {{repeat (local i64) }}
      (local.set 3 (i64.add (local.get $seed) (i64.const 1)))
      (local.set 4 (i64.mul (local.get 3) (local.get $seed)))
      (local.set 5 (i64.xor (local.get 4) (local.get 3)))
      (call $query (local.get $text) (local.get $bytes) (i32.const 0) (i32.const 0) (i32.const 1024))
      (local.set 6 (call $down (local.get $text) (local.get $bytes) (local.get 5)))
      (i64.add (local.get 3) (i64.add (local.get 4) (i64.add (local.get 5) (local.get 6)))))
    (func $run (export "run") (param $text i32) (param $bytes i32) (param $n i32) (result i32)
      (drop (call $down (local.get $text) (local.get $bytes) (i64.const 1)))
      (i32.const 1024)))
  (core instance $i (instantiate $m
    (with "libc" (instance $libc))
    (with "host" (instance (export "query" (func $query))))))
  {{include run}})

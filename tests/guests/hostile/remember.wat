;; Counts its calls in a global, a memory and a table: it answers 1 as long as nothing outlives an invocation.
(component
  {{include libc}}
  (core module $m
    (import "libc" "memory" (memory 1))
    (global $calls (mut i64) (i64.const 0))
    (table $table 2 funcref)
    (func $mark)
    (elem declare func $mark)
    (func $run (export "run") (param $text i32) (param $bytes i32) (param $n i32) (result i32)
      (global.set $calls (i64.add (global.get $calls) (i64.const 1)))
      (i64.store (i32.const 60000) (i64.add (i64.load (i32.const 60000)) (i64.const 1)))
      (i64.store (i32.const 1048) (global.get $calls))
      (if (i64.gt_u (i64.load (i32.const 60000)) (global.get $calls))
        (then (i64.store (i32.const 1048) (i64.const 1000))))
      (if (i32.eqz (ref.is_null (table.get $table (i32.const 1))))
        (then (i64.store (i32.const 1048) (i64.const 2000))))
      (table.set $table (i32.const 1) (ref.func $mark))
      (i32.const 1024)))
  (core instance $i (instantiate $m (with "libc" (instance $libc))))
  {{include run}})

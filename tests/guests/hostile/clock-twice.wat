;; Reads the clock twice with work in between, and reaches `unreachable` if it moved, which shows real time in a query.
(component
  {{include clock}}
  {{include libc}}
  (core func $now (canon lower (func $clock "now")))
  (core func $monotonic (canon lower (func $clock "monotonic")))
  (core module $m
    (import "libc" "memory" (memory 1))
    (import "host" "now" (func $now (result i64)))
    (import "host" "monotonic" (func $monotonic (result i64)))
    (global $before (mut i64) (i64.const 0))
    (func $run (export "run") (param $text i32) (param $bytes i32) (param $n i32) (result i32)
      (global.set $before (call $now))
      (loop $work
        (local.set $n (i32.sub (local.get $n) (i32.const 1)))
        (br_if $work (local.get $n)))
      (if (i64.ne (call $now) (global.get $before)) (then (unreachable)))
      (i64.store (i32.const 1048) (call $monotonic))
      (i32.const 1024)))
  (core instance $i (instantiate $m
    (with "libc" (instance $libc))
    (with "host" (instance (export "now" (func $now)) (export "monotonic" (func $monotonic))))))
  {{include run}})

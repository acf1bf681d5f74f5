;; Sleeps with `size` tables, which other plugins cannot use in the meantime.
(component
  {{include poll}}
  {{include libc}}
  (core module $other (table 1 funcref))
  {{repeat (core instance (instantiate $other)) }}
  (core module $m
    (import "libc" "memory" (memory 1))
    (import "host" "subscribe" (func $subscribe (param i64) (result i32)))
    (import "host" "block" (func $block (param i32)))
    (func $run (export "run") (param $text i32) (param $bytes i32) (param $n i32) (result i32)
      (call $block (call $subscribe (i64.mul (i64.extend_i32_u (local.get $n)) (i64.const 1000000))))
      (i32.const 1024)))
  (core instance $i (instantiate $m
    (with "libc" (instance $libc))
    (with "host" (instance (export "subscribe" (func $subscribe)) (export "block" (func $block))))))
  {{include run}})

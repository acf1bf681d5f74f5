;; Passes `n` fields that all have the same 64 KiB as their value: 320 KiB describe 1.3 GB.
(component
  {{include log}}
  (core module $m
    (import "libc" "memory" (memory 1))
    (import "host" "log" (func $log (param i32 i32 i32 i32 i32)))
    (global $at (mut i32) (i32.const 131072))
    (func $run (export "run") (param $text i32) (param $bytes i32) (param $n i32) (result i32)
      (drop (memory.grow (i32.const 16)))
      (local.set $bytes (local.get $n))
      (memory.fill (i32.const 65536) (i32.const 0x61) (i32.const 65536))
      (loop $again
        (i32.store (global.get $at) (i32.const 65536))
        (i32.store offset=4 (global.get $at) (i32.const 1))
        (i32.store offset=8 (global.get $at) (i32.const 65536))
        (i32.store offset=12 (global.get $at) (i32.const 65536))
        (global.set $at (i32.add (global.get $at) (i32.const 16)))
        (local.set $n (i32.sub (local.get $n) (i32.const 1)))
        (br_if $again (local.get $n)))
      (call $log (i32.const 2) (i32.const 0) (i32.const 0) (i32.const 131072) (local.get $bytes))
      (i32.const 1024)))
  (core instance $i (instantiate $m
    (with "libc" (instance $libc))
    (with "host" (instance (export "log" (func $log))))))
  {{include run}})

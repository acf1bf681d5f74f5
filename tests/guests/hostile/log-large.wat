;; Logs one record of `n` bytes.
(component
  {{include log}}
  (core module $m
    (import "libc" "memory" (memory 1))
    (import "host" "log" (func $log (param i32 i32 i32 i32 i32)))
    (func $run (export "run") (param $text i32) (param $bytes i32) (param $n i32) (result i32)
      (drop (memory.grow (i32.const 128)))
      (memory.fill (i32.const 65536) (i32.const 0x61) (local.get $n))
      (call $log (i32.const 2) (i32.const 65536) (local.get $n) (i32.const 0) (i32.const 0))
      (i32.const 1024)))
  (core instance $i (instantiate $m
    (with "libc" (instance $libc))
    (with "host" (instance (export "log" (func $log))))))
  {{include run}})

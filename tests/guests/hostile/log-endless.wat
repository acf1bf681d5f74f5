;; Passes a log message of 2 GiB, with so many fields that their number times their size overflows.
(component
  {{include log}}
  (core module $m
    (import "libc" "memory" (memory 1))
    (import "host" "log" (func $log (param i32 i32 i32 i32 i32)))
    (func $run (export "run") (param $text i32) (param $bytes i32) (param $n i32) (result i32)
      (if (local.get $n) (then
        (call $log (i32.const 2) (i32.const 0) (i32.const 0x7fffffff) (i32.const 0) (i32.const 0))))
      (call $log (i32.const 2) (i32.const 0) (i32.const 0) (i32.const 16) (i32.const 0x10000001))
      (i32.const 1024)))
  (core instance $i (instantiate $m
    (with "libc" (instance $libc))
    (with "host" (instance (export "log" (func $log))))))
  {{include run}})

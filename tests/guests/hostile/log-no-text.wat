;; Logs bytes that are not UTF-8.
(component
  {{include log}}
  (core module $m
    (import "libc" "memory" (memory 1))
    (import "host" "log" (func $log (param i32 i32 i32 i32 i32)))
    (func $run (export "run") (param $text i32) (param $bytes i32) (param $n i32) (result i32)
      (i32.store (i32.const 2048) (i32.const 0xfffefdff))
      (call $log (i32.const 2) (i32.const 2048) (i32.const 4) (i32.const 0) (i32.const 0))
      (i32.const 1024)))
  (core instance $i (instantiate $m
    (with "libc" (instance $libc))
    (with "host" (instance (export "log" (func $log))))))
  {{include run}})

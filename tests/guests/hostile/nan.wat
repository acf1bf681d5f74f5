;; Computes with NaNs that have chosen bits, and answers with the resulting bits, which differ between machines.
(component
  {{include libc}}
  (core module $m
    (import "libc" "memory" (memory 1))
    (func $run (export "run") (param $text i32) (param $bytes i32) (param $n i32) (result i32)
      (i64.store (i32.const 1048) (i64.reinterpret_f64
        (f64.add (f64.reinterpret_i64 (i64.const 0x7ff4deadbeef0001)) (f64.reinterpret_i64 (i64.const 0xfff8123456789abc)))))
      (if (i64.ne (i64.load (i32.const 1048)) (i64.reinterpret_f64 (f64.div (f64.const 0) (f64.const 0))))
        (then (unreachable)))
      (i32.const 1024)))
  (core instance $i (instantiate $m (with "libc" (instance $libc))))
  {{include run}})

;; Multiplies integers to a product of 128 bits.
(component
  {{include libc}}
  (core module $m
    (import "libc" "memory" (memory 1))
    (func (param i64 i64) (drop (drop (i64.mul_wide_u (local.get 0) (local.get 1)))))
    (func $run (export "run") (param $text i32) (param $bytes i32) (param $n i32) (result i32)
      (nop)
      (i32.const 1024)))
  (core instance $i (instantiate $m (with "libc" (instance $libc))))
  {{include run}})

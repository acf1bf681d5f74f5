;; Calls itself `n` times, and returns if that depth fits the stack.
(component
  {{include libc}}
  (core module $m
    (import "libc" "memory" (memory 1))
    (func $down (param i32)
      (if (local.get 0) (then (call $down (i32.sub (local.get 0) (i32.const 1))))))
    (func $run (export "run") (param $text i32) (param $bytes i32) (param $n i32) (result i32)
      (call $down (local.get $n))
      (i32.const 1024)))
  (core instance $i (instantiate $m (with "libc" (instance $libc))))
  {{include run}})

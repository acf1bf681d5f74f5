;; Calls itself without end.
(component
  {{include libc}}
  (core module $m
    (import "libc" "memory" (memory 1))
    (func $down (param i32) (result i32)
      (i32.add (call $down (i32.add (local.get 0) (i32.const 1))) (i32.const 1)))
    (func $run (export "run") (param $text i32) (param $bytes i32) (param $n i32) (result i32)
      (drop (call $down (local.get $n)))
      (i32.const 1024)))
  (core instance $i (instantiate $m (with "libc" (instance $libc))))
  {{include run}})

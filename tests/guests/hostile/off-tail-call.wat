;; Tail-calls itself for ever, with a stack that never grows.
(component
  {{include libc}}
  (core module $m
    (import "libc" "memory" (memory 1))
    (func $again (return_call $again))
    (func $run (export "run") (param $text i32) (param $bytes i32) (param $n i32) (result i32)
      (call $again)
      (i32.const 1024)))
  (core instance $i (instantiate $m (with "libc" (instance $libc))))
  {{include run}})

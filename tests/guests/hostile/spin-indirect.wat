;; Spins without a long loop: a function calls itself through a table and returns, for ever, from a loop of one iteration each.
(component
  {{include libc}}
  (core module $m
    (import "libc" "memory" (memory 1))
    (type $step (func))
    (table 1 funcref)
    (elem (i32.const 0) $step)
    (func $step (type $step))
    (func $run (export "run") (param $text i32) (param $bytes i32) (param $n i32) (result i32)
      (loop $again
        (call_indirect (type $step) (i32.const 0))
        (br $again))
      (i32.const 1024)))
  (core instance $i (instantiate $m (with "libc" (instance $libc))))
  {{include run}})

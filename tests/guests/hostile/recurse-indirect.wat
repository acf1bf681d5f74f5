;; Has two functions that call each other through a table without end.
(component
  {{include libc}}
  (core module $m
    (import "libc" "memory" (memory 1))
    (type $step (func (param i32) (result i32)))
    (table 2 funcref)
    (elem (i32.const 0) $even $odd)
    (func $even (type $step) (i32.add (i32.const 1) (call_indirect (type $step) (local.get 0) (i32.const 1))))
    (func $odd (type $step) (i32.add (i32.const 1) (call_indirect (type $step) (local.get 0) (i32.const 0))))
    (func $run (export "run") (param $text i32) (param $bytes i32) (param $n i32) (result i32)
      (drop (call $even (local.get $n)))
      (i32.const 1024)))
  (core instance $i (instantiate $m (with "libc" (instance $libc))))
  {{include run}})

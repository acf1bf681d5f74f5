;; Returns nested pairs: 12 declarations describe a type of 4,096 numbers.
(component
  (type $t1 (tuple u8 u8)) (type $t2 (tuple $t1 $t1)) (type $t3 (tuple $t2 $t2)) (type $t4 (tuple $t3 $t3))
  (type $t5 (tuple $t4 $t4)) (type $t6 (tuple $t5 $t5)) (type $t7 (tuple $t6 $t6)) (type $t8 (tuple $t7 $t7))
  (type $t9 (tuple $t8 $t8)) (type $t10 (tuple $t9 $t9)) (type $t11 (tuple $t10 $t10)) (type $t12 (tuple $t11 $t11))
  {{include libc}}
  (core module $m
    (func (export "run") (result i32) (i32.const 1024)))
  (core instance $i (instantiate $m))
  (func $run (result $t12) (canon lift (core func $i "run") (memory (core memory $libc "memory"))))
  (instance $calls (export "run" (func $run)))
  (export "acme:odd/calls" (instance $calls)))

;; Doubles its instances at each of 12 levels: a few lines make 4,096 instances.
(component
  {{include libc}}
  (component $c12 (component $c11 (component $c10 (component $c9 (component $c8 (component $c7
    (component $c6 (component $c5 (component $c4 (component $c3 (component $c2 (component $c1
      (core module $m) (core instance (instantiate $m)) (core instance (instantiate $m)))
    (instance (instantiate $c1)) (instance (instantiate $c1)))
    (instance (instantiate $c2)) (instance (instantiate $c2)))
    (instance (instantiate $c3)) (instance (instantiate $c3)))
    (instance (instantiate $c4)) (instance (instantiate $c4)))
    (instance (instantiate $c5)) (instance (instantiate $c5)))
    (instance (instantiate $c6)) (instance (instantiate $c6)))
    (instance (instantiate $c7)) (instance (instantiate $c7)))
    (instance (instantiate $c8)) (instance (instantiate $c8)))
    (instance (instantiate $c9)) (instance (instantiate $c9)))
    (instance (instantiate $c10)) (instance (instantiate $c10)))
    (instance (instantiate $c11)) (instance (instantiate $c11)))
  (instance (instantiate $c12)) (instance (instantiate $c12))
  (core module $m
    (func (export "run") (param i32 i32 i32) (result i32) (i32.const 1024)))
  (core instance $i (instantiate $m))
  {{include run}})

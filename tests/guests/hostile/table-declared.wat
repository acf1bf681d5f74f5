;; Declares a table of `size` elements, which must exist before the first instruction runs.
(component
  {{include libc}}
  (core module $m
    (import "libc" "memory" (memory 1))
    (table {{size}} funcref)
    (func $run (export "run") (param $text i32) (param $bytes i32) (param $n i32) (result i32)
      (nop)
      (i32.const 1024)))
  (core instance $i (instantiate $m (with "libc" (instance $libc))))
  {{include run}})

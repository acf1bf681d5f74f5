;; Fills a table of 50,000 elements repeatedly.
(component
  {{include libc}}
  (core module $m
    (import "libc" "memory" (memory 1))
    (table $t 50000 funcref)
    (func $run (export "run") (param $text i32) (param $bytes i32) (param $n i32) (result i32)
      (loop $again
        (table.fill $t (i32.const 0) (ref.null func) (i32.const 50000))
        (br $again))
      (i32.const 1024)))
  (core instance $i (instantiate $m (with "libc" (instance $libc))))
  {{include run}})

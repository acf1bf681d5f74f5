;; Grows its memory by `n` pages at once, and reaches `unreachable` if that fails.
(component
  {{include libc}}
  (core module $m
    (import "libc" "memory" (memory 1))
    (func $run (export "run") (param $text i32) (param $bytes i32) (param $n i32) (result i32)
      (if (i32.eq (memory.grow (local.get $n)) (i32.const -1)) (then (unreachable)))
      (i32.const 1024)))
  (core instance $i (instantiate $m (with "libc" (instance $libc))))
  {{include run}})

;; Copies memory onto itself without end, in overlapping steps.
(component
  {{include libc}}
  (core module $m
    (import "libc" "memory" (memory 1))
    (func $run (export "run") (param $text i32) (param $bytes i32) (param $n i32) (result i32)
      (loop $again
        (memory.copy (i32.const 65536) (i32.const 65537) (i32.const 65535))
        (br $again))
      (i32.const 1024)))
  (core instance $i (instantiate $m (with "libc" (instance $libc))))
  {{include run}})

;; Never reaches a call, because its start function does not end.
(component
  {{include libc}}
  (core module $m
    (import "libc" "memory" (memory 1))
    (func $start (loop $again (br $again)))
    (start $start)
    (func $run (export "run") (param $text i32) (param $bytes i32) (param $n i32) (result i32)
      (nop)
      (i32.const 1024)))
  (core instance $i (instantiate $m (with "libc" (instance $libc))))
  {{include run}})

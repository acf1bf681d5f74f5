;; Exits the process in which it runs.
(component
  (import "wasi:cli/exit@0.2.0" (instance $w (export "exit" (func (param "status" (result))))))
  {{include libc}}
  (core func $exit (canon lower (func $w "exit")))
  (core module $m
    (import "libc" "memory" (memory 1))
    (import "host" "exit" (func $exit (param i32)))
    (func $run (export "run") (param $text i32) (param $bytes i32) (param $n i32) (result i32)
      (call $exit (local.get $n))
      (i32.const 1024)))
  (core instance $i (instantiate $m
    (with "libc" (instance $libc))
    (with "host" (instance (export "exit" (func $exit))))))
  {{include run}})

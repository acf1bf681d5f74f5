;; Imports from a world that no host provides.
(component
  (import "acme:other/door@0.1.0" (instance $w (export "open" (func))))
  {{include libc}}
  (core func $open (canon lower (func $w "open")))
  (core module $m
    (import "libc" "memory" (memory 1))
    (import "host" "open" (func $open))
    (func $run (export "run") (param $text i32) (param $bytes i32) (param $n i32) (result i32)
      (call $open)
      (i32.const 1024)))
  (core instance $i (instantiate $m
    (with "libc" (instance $libc))
    (with "host" (instance (export "open" (func $open))))))
  {{include run}})

;; Imports a function of the contract with the wrong types.
(component
  (import "palisade:plugin/clock@0.1.0" (instance $w (export "now" (func (result u8)))))
  {{include libc}}
  (core func $now (canon lower (func $w "now")))
  (core module $m
    (import "libc" "memory" (memory 1))
    (import "host" "now" (func $now (result i32)))
    (func $run (export "run") (param $text i32) (param $bytes i32) (param $n i32) (result i32)
      (drop (call $now))
      (i32.const 1024)))
  (core instance $i (instantiate $m
    (with "libc" (instance $libc))
    (with "host" (instance (export "now" (func $now))))))
  {{include run}})

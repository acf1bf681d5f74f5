;; Uses a handle that it never received.
(component
  {{include poll}}
  {{include libc}}
  (core module $m
    (import "libc" "memory" (memory 1))
    (import "host" "subscribe" (func $subscribe (param i64) (result i32)))
    (import "host" "block" (func $block (param i32)))
    (func $run (export "run") (param $text i32) (param $bytes i32) (param $n i32) (result i32)
      (call $block (local.get $n))
      (i32.const 1024)))
  (core instance $i (instantiate $m
    (with "libc" (instance $libc))
    (with "host" (instance (export "subscribe" (func $subscribe)) (export "block" (func $block))))))
  {{include run}})

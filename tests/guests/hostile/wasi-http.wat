;; Requests a server through WASI, past the host's allow-list.
(component
  (import "wasi:http/outgoing-handler@0.2.0" (instance $w (export "handle" (func))))
  {{include libc}}
  (core func $handle (canon lower (func $w "handle")))
  (core module $m
    (import "libc" "memory" (memory 1))
    (import "host" "handle" (func $handle))
    (func $run (export "run") (param $text i32) (param $bytes i32) (param $n i32) (result i32)
      (call $handle)
      (i32.const 1024)))
  (core instance $i (instantiate $m
    (with "libc" (instance $libc))
    (with "host" (instance (export "handle" (func $handle))))))
  {{include run}})

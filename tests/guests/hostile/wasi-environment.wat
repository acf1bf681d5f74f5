;; Reads the environment, which may hold secrets, and answers with the number of variables.
(component
  (import "wasi:cli/environment@0.2.0" (instance $w
    (export "get-environment" (func (result (list (tuple string string)))))))
  {{include libc}}
  (core func $get (canon lower (func $w "get-environment") (memory (core memory $libc "memory")) (realloc (core func $libc "realloc"))))
  (core module $m
    (import "libc" "memory" (memory 1))
    (import "host" "get" (func $get (param i32)))
    (func $run (export "run") (param $text i32) (param $bytes i32) (param $n i32) (result i32)
      (call $get (i32.const 2048))
      (i64.store (i32.const 1048) (i64.extend_i32_u (i32.load (i32.const 2052))))
      (i32.const 1024)))
  (core instance $i (instantiate $m
    (with "libc" (instance $libc))
    (with "host" (instance (export "get" (func $get))))))
  {{include run}})

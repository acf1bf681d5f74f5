;; Reads the preopened folders, and answers with their number.
(component
  (import "wasi:filesystem/types@0.2.0" (instance $types
    (export "descriptor" (type (sub resource)))))
  (alias export $types "descriptor" (type $descriptor))
  (import "wasi:filesystem/preopens@0.2.0" (instance $preopens
    (alias outer 1 $descriptor (type $descriptor0))
    (export "descriptor" (type $own (eq $descriptor0)))
    (export "get-directories" (func (result (list (tuple (own $own) string)))))))
  {{include libc}}
  (core func $get (canon lower (func $preopens "get-directories") (memory (core memory $libc "memory")) (realloc (core func $libc "realloc"))))
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

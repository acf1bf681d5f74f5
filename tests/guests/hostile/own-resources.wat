;; Creates `n` of its own resources and drops none.
(component
  {{include libc}}
  (type $ticket (resource (rep i32)))
  (core func $new (canon resource.new $ticket))
  (core module $m
    (import "libc" "memory" (memory 1))
    (import "host" "new" (func $new (param i32) (result i32)))
    (func $run (export "run") (param $text i32) (param $bytes i32) (param $n i32) (result i32)
      (block $done
        (loop $again
          (br_if $done (i32.eqz (local.get $n)))
          (drop (call $new (local.get $n)))
          (local.set $n (i32.sub (local.get $n) (i32.const 1)))
          (br $again)))
      (i32.const 1024)))
  (core instance $i (instantiate $m
    (with "libc" (instance $libc))
    (with "host" (instance (export "new" (func $new))))))
  {{include run}})

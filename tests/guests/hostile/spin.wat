;; Runs `n` iterations of an empty loop: with a large `n` it never ends.
(component
  {{include libc}}
  (core module $m
    (import "libc" "memory" (memory 1))
    (func $run (export "run") (param $text i32) (param $bytes i32) (param $n i32) (result i32)
      (block $done
        (loop $again
          (br_if $done (i32.eqz (local.get $n)))
          (local.set $n (i32.sub (local.get $n) (i32.const 1)))
          (br $again)))
      (i32.const 1024)))
  (core instance $i (instantiate $m (with "libc" (instance $libc))))
  {{include run}})

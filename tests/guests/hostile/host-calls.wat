;; Reads the clock `n` times.
(component
  {{include clock}}
  {{include libc}}
  (core func $now (canon lower (func $clock "now")))
  (core module $m
    (import "libc" "memory" (memory 1))
    (import "host" "now" (func $now (result i64)))
    (func $run (export "run") (param $text i32) (param $bytes i32) (param $n i32) (result i32)
      (block $done
        (loop $again
          (br_if $done (i32.eqz (local.get $n)))
          (drop (call $now))
          (local.set $n (i32.sub (local.get $n) (i32.const 1)))
          (br $again)))
      (i32.const 1024)))
  (core instance $i (instantiate $m
    (with "libc" (instance $libc))
    (with "host" (instance (export "now" (func $now))))))
  {{include run}})

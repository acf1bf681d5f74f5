;; Grows its memory by `n` pages, one at a time, continues after failures, and answers with how many pages it got.
(component
  {{include libc}}
  (core module $m
    (import "libc" "memory" (memory 1))
    (func $run (export "run") (param $text i32) (param $bytes i32) (param $n i32) (result i32)
      (loop $again
        (if (local.get $n)
          (then
            (local.set $n (i32.sub (local.get $n) (i32.const 1)))
            (drop (memory.grow (i32.const 1)))
            (br $again))))
      (i64.store (i32.const 1048) (i64.extend_i32_u (memory.size)))
      (i32.const 1024)))
  (core instance $i (instantiate $m (with "libc" (instance $libc))))
  {{include run}})

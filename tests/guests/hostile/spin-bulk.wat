;; Fills 64 KiB of memory repeatedly: each iteration is one instruction that takes long.
(component
  {{include libc}}
  (core module $m
    (import "libc" "memory" (memory 1))
    (func $run (export "run") (param $text i32) (param $bytes i32) (param $n i32) (result i32)
      (loop $again
        (memory.fill (i32.const 65536) (i32.const 7) (i32.const 65536))
        (br $again))
      (i32.const 1024)))
  (core instance $i (instantiate $m (with "libc" (instance $libc))))
  {{include run}})

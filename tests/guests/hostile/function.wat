;; Has a function whose body consists of `size` instructions of one byte each, and two more bytes.
(component
  {{include libc}}
  (core module $m
    (import "libc" "memory" (memory 1))
    (func {{repeat (nop) }})
    (func $run (export "run") (param $text i32) (param $bytes i32) (param $n i32) (result i32)
      (nop)
      (i32.const 1024)))
  (core instance $i (instantiate $m (with "libc" (instance $libc))))
  {{include run}})

;; Reads past the end of its memory, where a neighbour's memory could be.
(component
  {{include libc}}
  (core module $m
    (import "libc" "memory" (memory 1))
    (func $run (export "run") (param $text i32) (param $bytes i32) (param $n i32) (result i32)
      (drop (i32.load (i32.const 0x7ffffff0)))
      (i32.const 1024)))
  (core instance $i (instantiate $m (with "libc" (instance $libc))))
  {{include run}})

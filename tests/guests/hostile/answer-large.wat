;; Answers with a text of `n` bytes.
(component
  {{include libc}}
  (core module $m
    (import "libc" "memory" (memory 1))
    (func $run (export "run") (param $text i32) (param $bytes i32) (param $n i32) (result i32)
      (drop (memory.grow (i32.const 128)))
      (memory.fill (i32.const 65536) (i32.const 0x61) (local.get $n))
      (i32.store (i32.const 1040) (i32.const 65536))
      (i32.store (i32.const 1044) (local.get $n))
      (i32.const 1024)))
  (core instance $i (instantiate $m (with "libc" (instance $libc))))
  {{include run}})

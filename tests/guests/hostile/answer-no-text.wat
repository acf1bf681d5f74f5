;; Answers with a text that is not UTF-8.
(component
  {{include libc}}
  (core module $m
    (import "libc" "memory" (memory 1))
    (func $run (export "run") (param $text i32) (param $bytes i32) (param $n i32) (result i32)
      (i32.store (i32.const 2048) (i32.const 0xfffefdff))
      (i32.store (i32.const 1040) (i32.const 2048))
      (i32.store (i32.const 1044) (i32.const 4))
      (i32.const 1024)))
  (core instance $i (instantiate $m (with "libc" (instance $libc))))
  {{include run}})

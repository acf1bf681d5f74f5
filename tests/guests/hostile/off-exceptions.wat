;; Throws an exception.
(component
  {{include libc}}
  (core module $m
    (import "libc" "memory" (memory 1))
    (tag $e)
    (func (throw $e))
    (func $run (export "run") (param $text i32) (param $bytes i32) (param $n i32) (result i32)
      (nop)
      (i32.const 1024)))
  (core instance $i (instantiate $m (with "libc" (instance $libc))))
  {{include run}})

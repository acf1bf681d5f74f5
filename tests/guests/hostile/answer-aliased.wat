;; Answers with `n` texts that all share the same 64 KiB of its memory.
(component
  {{include libc}}
  (core module $m
    (import "libc" "memory" (memory 1))
    (global $at (mut i32) (i32.const 131072))
    (func (export "run") (param $text i32) (param $bytes i32) (param $n i32) (result i32)
      (drop (memory.grow (i32.const 16)))
      (memory.fill (i32.const 65536) (i32.const 0x61) (i32.const 65536))
      (i32.store (i32.const 1024) (i32.const 131072))
      (i32.store (i32.const 1028) (local.get $n))
      (loop $again
        (i32.store (global.get $at) (i32.const 65536))
        (i32.store offset=4 (global.get $at) (i32.const 65536))
        (global.set $at (i32.add (global.get $at) (i32.const 8)))
        (local.set $n (i32.sub (local.get $n) (i32.const 1)))
        (br_if $again (local.get $n)))
      (i32.const 1024)))
  (core instance $i (instantiate $m (with "libc" (instance $libc))))
  (func $run (param "text" string) (param "n" u32) (result (list string))
    (canon lift (core func $i "run") (memory (core memory $libc "memory")) (realloc (core func $libc "realloc"))))
  (instance $calls (export "run" (func $run)))
  (export "acme:odd/calls" (instance $calls)))

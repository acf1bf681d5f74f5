;; Memory, and an allocator that never frees. Addresses below 65,536 belong to the component itself: its answer is at 1,024.
  (core module $c
    (memory (export "memory") 2)
    (global $next (mut i32) (i32.const 65536))
    (func (export "realloc") (param i32 i32) (param $align i32) (param $bytes i32) (result i32)
      (local $at i32)
      (local.set $at (i32.and
        (i32.add (global.get $next) (i32.sub (local.get $align) (i32.const 1)))
        (i32.sub (i32.const 0) (local.get $align))))
      (global.set $next (i32.add (local.get $at) (local.get $bytes)))
      (block $fits
        (loop $more
          (br_if $fits (i32.le_u (global.get $next) (i32.shl (memory.size) (i32.const 16))))
          (br_if $more (i32.ne (memory.grow (i32.const 1)) (i32.const -1)))
          (unreachable)))
      (local.get $at)))
  (core instance $libc (instantiate $c))

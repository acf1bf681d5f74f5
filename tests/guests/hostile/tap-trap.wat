;; Traps in its access tap for items.
(component
  {{include libc}}
  (core module $m
    (func (export "check")
      (param i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i64 i64) (result i32)
      (unreachable)))
  (core instance $i (instantiate $m))
  {{include access}})

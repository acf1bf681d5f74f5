;; Returns an invalid decision from its access tap for items.
(component
  {{include libc}}
  (core module $m
    (func (export "check")
      (param i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i64 i64) (result i32)
      (i32.const 7)))
  (core instance $i (instantiate $m))
  {{include access}})

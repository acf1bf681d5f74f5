;; Answers the question whether an item may be seen with a decision that there is not.
(component
  {{include libc}}
  (core module $m
    (func (export "check")
      (param i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i64 i64) (result i32)
      (i32.const 7)))
  (core instance $i (instantiate $m))
  {{include access}})

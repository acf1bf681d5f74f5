;; Has a type with a name of `size` letters, which would stand in each value, schema and error of the type.
(component
  {{include libc}}
  (core module $m
    (func (export "run") (param i32 i32 i32) (result i32) (i32.const 1024)))
  (core instance $i (instantiate $m))
  (type (enum "{{repeat n}}"))
  {{include run}})

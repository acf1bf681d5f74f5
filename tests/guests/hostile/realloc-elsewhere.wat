;; Has an allocator that returns addresses past the end of its memory.
(component
  
  (core module $m
    
    (memory (export "memory") 2)
    (func (export "realloc") (param i32 i32 i32 i32) (result i32)
      (i32.const 0xfffffff0))
    (func (export "run") (param $text i32) (param $bytes i32) (param $n i32) (result i32)
      (i32.const 1024))
    (func (export "post") (param i32)
      (nop)))
  (core instance $i (instantiate $m))
  (func $run (param "text" string) (param "n" u32) (result (tuple u64 u64 string u64 u64))
    (canon lift (core func $i "run") (memory (core memory $i "memory")) (realloc (core func $i "realloc")) (post-return (core func $i "post"))))
  (instance $calls (export "run" (func $run)))
  (export "acme:odd/calls" (instance $calls)))

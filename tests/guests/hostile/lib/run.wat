;; `run` answers with what a host call stored at the address that it returns: whether it is an `err`, which case, its text
;; or the name of a limit, the usage and the maximum.
  (func $run (param "text" string) (param "n" u32) (result (tuple u64 u64 string u64 u64))
    (canon lift (core func $i "run") (memory (core memory $libc "memory")) (realloc (core func $libc "realloc"))))
  (instance $calls (export "run" (func $run)))
  (export "acme:odd/calls" (instance $calls))

;; `run` answers with what a host call left at the address it returns: whether it is an `err`, which case, its text or the
;; name of a limit, what was used of it and its maximum.
  (func $run (param "text" string) (param "n" u32) (result (tuple u64 u64 string u64 u64))
    (canon lift (core func $i "run") (memory (core memory $libc "memory")) (realloc (core func $libc "realloc"))))
  (instance $calls (export "run" (func $run)))
  (export "acme:odd/calls" (instance $calls))

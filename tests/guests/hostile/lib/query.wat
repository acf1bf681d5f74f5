  {{include db}}
  {{include libc}}
  (core func $query (canon lower (func $db "query") (memory (core memory $libc "memory")) (realloc (core func $libc "realloc"))))

  {{include logging}}
  {{include libc}}
  (core func $log (canon lower (func $logging "log") (memory (core memory $libc "memory")) (realloc (core func $libc "realloc"))))

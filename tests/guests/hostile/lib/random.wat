  (import "palisade:plugin/random@0.1.0" (instance $random
    {{include usage}}
    (type $error0 (variant (case "limit-exceeded" $usage) (case "other" string)))
    (export "error" (type $error (eq $error0)))
    (export "bytes" (func (param "length" u32) (result (result (list u8) (error $error)))))))

  (import "palisade:plugin/request-context@0.1.0" (instance $context
    {{include usage}}
    (type $error0 (variant (case "invalid-argument" string) (case "limit-exceeded" $usage)))
    (export "error" (type $error (eq $error0)))
    (export "set" (func (param "key" string) (param "value" (list u8)) (result (result (error $error)))))))

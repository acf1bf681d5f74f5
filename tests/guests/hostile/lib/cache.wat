  (import "palisade:plugin/cache@0.1.0" (instance $cache
    {{include usage}}
    (type $error0 (variant (case "invalid-argument" string) (case "limit-exceeded" $usage) (case "other" string)))
    (export "error" (type $error (eq $error0)))
    (type $retention0 (record (field "ttl-ms" (option u64)) (field "tags" (list string))))
    (export "retention" (type $retention (eq $retention0)))
    (export "get" (func (param "key" string) (result (result (option (list u8)) (error $error)))))
    (export "set" (func (param "key" string) (param "value" (list u8)) (param "retention" $retention) (result (result (error $error)))))))

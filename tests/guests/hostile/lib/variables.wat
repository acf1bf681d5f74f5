  (import "palisade:plugin/variables@0.1.0" (instance $variables
    {{include usage}}
    (type $value0 (variant (case "boolean" bool) (case "integer" s64) (case "number" f64) (case "text" string)))
    (export "value" (type $value (eq $value0)))
    (type $error0 (variant (case "invalid-argument" string) (case "limit-exceeded" $usage) (case "other" string)))
    (export "error" (type $error (eq $error0)))
    (export "get" (func (param "name" string) (result (result $value (error $error)))))))

  (import "palisade:plugin/logging@0.1.0" (instance $logging
    (type $level0 (enum "trace" "debug" "info" "warn" "error"))
    (export "level" (type $level (eq $level0)))
    (type $field0 (record (field "name" string) (field "value" string)))
    (export "field" (type $field (eq $field0)))
    (export "log" (func (param "level" $level) (param "message" string) (param "fields" (list $field))))))

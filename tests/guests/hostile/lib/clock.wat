  (import "palisade:plugin/clock@0.1.0" (instance $clock
    (export "now" (func (result s64)))
    (export "monotonic" (func (result u64)))))

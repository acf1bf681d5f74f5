    (type $usage0 (record (field "which" string) (field "used" u64) (field "max" u64)))
    (export "usage" (type $usage (eq $usage0)))

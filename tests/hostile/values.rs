//! Rows about values that a component passes to the host: too large, or invalid.

use super::row::{End, Row, rust, wat};
use palisade::limits::{
    CACHE_KEY_BYTES_MAX, CACHE_VALUE_BYTES_MAX, CONTEXT_KEY_BYTES_MAX, HOSTCALL_FUEL, ITEM_FIELDS_BYTES_MAX,
    JSON_BYTES_MAX, LOG_RECORD_BYTES_MAX, Limit, RANDOM_CALL_BYTES_MAX, SQL_BYTES_MAX, SQL_DEPTH_MAX,
    VARIABLE_NAME_BYTES_MAX, VARIABLE_TEXT_BYTES_MAX,
};
use serde_json::json;

const QUERY: &str = "[grants]\ndb = { query = true }";

pub fn rows() -> Vec<Row> {
    let mut rows = large();
    rows.extend(arguments());
    rows.extend(no_values());
    rows
}

/// Values over what the host accepts in one call.
fn large() -> Vec<Row> {
    let (fuel, json) = (HOSTCALL_FUEL as u64, JSON_BYTES_MAX as u64);
    vec![
        wat("log-large", "G5 HOSTCALL_FUEL LOG_RECORD_BYTES_MAX", End::Logs(1)).at().n(fuel),
        wat("log-large", "G5 HOSTCALL_FUEL", End::Traps("more in one call than fits")).n(fuel + 1),
        wat("log-aliased", "G5 HOSTCALL_FUEL", End::Logs(1)).at().n(10),
        wat("log-aliased", "G5 HOSTCALL_FUEL", End::Traps("more in one call than fits")).n(20_000),
        wat("answer-aliased", "G5 HOSTCALL_FUEL", End::Works).n(10),
        wat("answer-aliased", "G5 HOSTCALL_FUEL", End::Traps("return it in pages")).n(40_000),
        wat("answer-large", "G5 HOSTCALL_FUEL", End::Works).n(fuel / 2),
        wat("answer-large", "G5 HOSTCALL_FUEL", End::Traps("return it in pages")).n(fuel + 1),
        // Each character takes six bytes of JSON, with twelve around all of them.
        wat("answer-escaped", "G5 JSON_BYTES_MAX", End::Works).n((json - 12) / 6),
        wat("answer-escaped", "G5 JSON_BYTES_MAX", End::Traps("bytes of JSON")).n((json - 12) / 6 + 1),
        wat("own-resources", "G5 handles", End::Works).n(20).limit("handles = 20"),
        wat("own-resources", "G5 handles", End::Limit(Limit::Handles, 20)).n(1_000_000).limit("handles = 20"),
        wat("wasi-streams", "G5 handles", End::Works).n(20).limit("handles = 20"),
        wat("wasi-streams", "G5 handles", End::Limit(Limit::Handles, 20)).n(1_000_000).limit("handles = 20"),
        wat("query", "G5 handles", End::Works).n(20).text("SELECT 1").with(QUERY).limit("handles = 20"),
        wat("query", "G5 handles", End::Told(Limit::Handles, 21, 20))
            .n(21)
            .text("SELECT 1")
            .with(QUERY)
            .limit("handles = 20"),
    ]
}

/// Arguments that are one byte or one element too long.
fn arguments() -> Vec<Row> {
    let x = |bytes: usize| "x".repeat(bytes);
    let (value, random) = (CACHE_VALUE_BYTES_MAX, RANDOM_CALL_BYTES_MAX);
    let nested = |levels: usize| format!("SELECT {}1{}", "(SELECT ".repeat(levels), ")".repeat(levels));
    let padded = |bytes: usize| format!("SELECT 1{}", " ".repeat(bytes - 8));
    let text = |bytes: u64| x(usize::try_from(bytes).unwrap());
    let item = |bytes: u64| {
        let fields = format!("{{\"a\":\"{}\"}}", text(bytes - 8));
        json!({ "draft": { "itemType": "note", "title": "A note", "status": "published", "fields": fields } })
    };
    let label = |bytes: u64| json!({ "name": "label", "value": { "tag": "text", "val": text(bytes) } });
    vec![
        wat("cache-set", "G5 CACHE_KEY_BYTES_MAX", End::Works).text(x(CACHE_KEY_BYTES_MAX)).n(1),
        wat("cache-set", "G5 CACHE_KEY_BYTES_MAX", End::Invalid("a cache key is"))
            .text(x(CACHE_KEY_BYTES_MAX + 1)),
        wat("cache-set", "G5 cache-value-bytes CACHE_VALUE_BYTES_MAX", End::Works).text("k").n(value),
        wat(
            "cache-set",
            "G5 cache-value-bytes CACHE_VALUE_BYTES_MAX",
            End::Told(Limit::CacheValueBytes, value + 1, value),
        )
        .text("k")
        .n(value + 1),
        wat("cache-set", "G5 cache-value-bytes", End::Works)
            .text("k")
            .n(10)
            .limit("cache-value-bytes = \"10 B\""),
        wat("cache-set", "G5 cache-value-bytes", End::Told(Limit::CacheValueBytes, 11, 10))
            .text("k")
            .n(11)
            .limit("cache-value-bytes = \"10 B\""),
        wat("context-set", "G5 CONTEXT_KEY_BYTES_MAX", End::Works).text(x(CONTEXT_KEY_BYTES_MAX)),
        wat("context-set", "G5 CONTEXT_KEY_BYTES_MAX", End::Invalid("a context key is"))
            .text(x(CONTEXT_KEY_BYTES_MAX + 1)),
        wat("random-large", "G5 random-call-bytes RANDOM_CALL_BYTES_MAX", End::Works).n(random),
        wat(
            "random-large",
            "G5 random-call-bytes RANDOM_CALL_BYTES_MAX",
            End::Told(Limit::RandomCallBytes, random + 1, random),
        )
        .n(random + 1),
        // An anonymous caller may not insert: at the limit that is what the guest is told.
        rust("probe", "G5 item-fields-bytes", "writes/item-insert", item(ITEM_FIELDS_BYTES_MAX), End::Denied)
            .at(),
        rust(
            "probe",
            "G5 item-fields-bytes",
            "writes/item-insert",
            item(ITEM_FIELDS_BYTES_MAX + 1),
            End::Told(Limit::ItemFieldsBytes, ITEM_FIELDS_BYTES_MAX + 1, ITEM_FIELDS_BYTES_MAX),
        ),
        rust(
            "probe",
            "G5 variable-text-bytes",
            "writes/set-variable",
            label(VARIABLE_TEXT_BYTES_MAX),
            End::Works,
        ),
        rust(
            "probe",
            "G5 variable-text-bytes",
            "writes/set-variable",
            label(VARIABLE_TEXT_BYTES_MAX + 1),
            End::Told(Limit::VariableTextBytes, VARIABLE_TEXT_BYTES_MAX + 1, VARIABLE_TEXT_BYTES_MAX),
        ),
        wat("variable-get", "G5 VARIABLE_NAME_BYTES_MAX", End::Works).text(x(VARIABLE_NAME_BYTES_MAX)).with(
            &format!("[variables]\n{} = {{ type = \"integer\", default = 1 }}", x(VARIABLE_NAME_BYTES_MAX)),
        ),
        wat("variable-get", "G5 VARIABLE_NAME_BYTES_MAX", End::Refused("at most 64 bytes")).with(&format!(
            "[variables]\n{} = {{ type = \"integer\", default = 1 }}",
            x(VARIABLE_NAME_BYTES_MAX + 1)
        )),
        wat("variable-get", "G5 VARIABLE_NAME_BYTES_MAX", End::Invalid("")).text(x(1024 * 1024)),
        wat("query", "G5 SQL_BYTES_MAX", End::Works).n(1).text(padded(SQL_BYTES_MAX)).with(QUERY),
        wat("query", "G5 SQL_BYTES_MAX", End::Invalid("")).n(1).text(padded(SQL_BYTES_MAX + 1)).with(QUERY),
        wat("query", "G2 SQL_DEPTH_MAX", End::Invalid("")).n(1).text(nested(SQL_DEPTH_MAX)).with(QUERY),
        wat("query", "G2 SQL_DEPTH_MAX", End::Invalid("")).n(1).text(nested(5_000)).with(QUERY),
        wat("log-large", "G9 LOG_RECORD_BYTES_MAX", End::Logs(1)).at().n(LOG_RECORD_BYTES_MAX as u64),
    ]
}

/// Values that are invalid for their type, or outside memory.
fn no_values() -> Vec<Row> {
    vec![
        wat("log-no-text", "G12", End::Traps("broke the rules of its interface")),
        wat("log-no-level", "G12", End::Traps("broke the rules of its interface")),
        wat("log-elsewhere", "G12", End::Traps("broke the rules of its interface")),
        wat("log-endless", "G5 G12", End::Traps("broke the rules of its interface")).n(1),
        wat("log-endless", "G5 G12", End::Traps("broke the rules of its interface")).n(0),
        wat("handle-unknown", "G12", End::Traps("broke the rules of its interface")).n(0),
        wat("handle-unknown", "G12", End::Traps("broke the rules of its interface")).n(77),
        wat("answer-elsewhere", "G12", End::Traps("broke the rules of its interface")),
        wat("answer-unaligned", "G12", End::Traps("broke the rules of its interface")),
        wat("answer-no-text", "G12", End::Traps("broke the rules of its interface")),
        wat("answer-endless", "G5 G12", End::Traps("broke the rules of its interface")),
        wat("realloc-elsewhere", "G12", End::Traps("broke the rules of its interface")).text("a text"),
        wat("realloc-into-host-call", "G12", End::Traps("cannot leave component instance")).text("a text"),
        wat("trap", "G12", End::Traps("integer divide by zero")),
        wat("out-of-bounds", "G12", End::Traps("out of bounds memory access")),
    ]
}

//! Tests of the numbers themselves, so that nobody changes one by accident. The code that compares a value with a
//! number has tests of its own, at the number and over it.

use super::*;

/// The names as manifests write them, the default maxima, and the units.
#[test]
fn limits_have_their_published_names_defaults_and_units() {
    let published = [
        ("memory", 67_108_864, "bytes"),
        ("table-elements", 100_000, "allowed"),
        ("instances", 200, "allowed"),
        ("stack", 1_048_576, "bytes"),
        ("guest-time", 10_000, "ms"),
        ("fuel", 18_446_744_073_709_551_615, "allowed"),
        ("wall-time", 30_000, "ms"),
        ("action-time", 300_000, "ms"),
        ("host-calls", 100_000, "allowed"),
        ("handles", 1_000, "allowed"),
        ("db-statements", 1_000, "allowed"),
        ("db-rows", 10_000, "allowed"),
        ("db-bytes", 16_777_216, "bytes"),
        ("storage", 1_073_741_824, "bytes"),
        ("log-records", 256, "allowed"),
        ("log-bytes", 262_144, "bytes"),
        ("cache-bytes", 16_777_216, "bytes"),
        ("context-entries", 64, "allowed"),
        ("context-bytes", 65_536, "bytes"),
        ("random-bytes", 1_048_576, "bytes"),
        ("http-requests", 50, "allowed"),
        ("http-bytes", 16_777_216, "bytes"),
        ("cache-value-bytes", 1_048_576, "bytes"),
        ("item-fields-bytes", 1_048_576, "bytes"),
        ("random-call-bytes", 65_536, "bytes"),
        ("variable-text-bytes", 65_536, "bytes"),
    ];
    let actual = Limit::ALL.iter().map(|limit| (limit.name(), limit.default_max(), limit.unit().to_string()));
    assert!(actual.eq(published.iter().map(|&(name, max, unit)| (name, max, unit.to_owned()))));
    for limit in Limit::ALL {
        assert_eq!(limit.to_string(), limit.name());
        assert_eq!(Limits::zero().get(*limit), 0);
        assert_eq!(Limits::default().get(*limit), limit.default_max());
        assert_eq!(Limits::unlimited().get(*limit), u64::MAX);
    }
}

/// The engine is built for these sizes, and no caller waits longer than these times.
#[test]
fn ceiling_bounds_pool_sizes_times_and_arguments_only() {
    let ceiling = Limits::ceiling();
    for limit in Limit::ALL {
        let most = match limit {
            Limit::Memory => MEMORY_CEILING_BYTES,
            Limit::TableElements | Limit::Instances | Limit::Stack | Limit::WallTime | Limit::ActionTime => {
                limit.default_max()
            }
            limit if limit.is_of_an_argument() => limit.default_max(),
            _ => u64::MAX,
        };
        assert_eq!(ceiling.get(*limit), most, "{limit}");
    }
}

#[test]
fn computed_constants_have_their_documented_values() {
    for (name, actual, expected) in [
        ("MIB", MIB, 1_048_576),
        ("MEMORY_CEILING_BYTES", MEMORY_CEILING_BYTES, 268_435_456),
        ("POOL_KEEP_RESIDENT_BYTES", POOL_KEEP_RESIDENT_BYTES as u64, 131_072),
        ("POOL_TABLE_KEEP_RESIDENT_BYTES", POOL_TABLE_KEEP_RESIDENT_BYTES as u64, 4_096),
        ("WASM_STACK_BYTES", WASM_STACK_BYTES as u64, 1_048_576),
        ("ASYNC_STACK_BYTES", ASYNC_STACK_BYTES as u64, 2_097_152),
        ("HOSTCALL_FUEL", HOSTCALL_FUEL as u64, 4_194_304),
        ("COMPONENT_BYTES_MAX", COMPONENT_BYTES_MAX, 33_554_432),
        ("FUNCTION_BYTES_MAX", FUNCTION_BYTES_MAX as u64, 524_288),
        ("LOAD_SENTENCE_BYTES_MAX", LOAD_SENTENCE_BYTES_MAX as u64, 8_192),
        ("COMPILER_ADDRESS_BYTES_MAX", COMPILER_ADDRESS_BYTES_MAX, 2_147_483_648),
        ("COMPILED_BYTES_MAX", COMPILED_BYTES_MAX, 268_435_456),
        ("COMPILER_MESSAGE_BYTES_MAX", COMPILER_MESSAGE_BYTES_MAX, 4_096),
        ("MANIFEST_BYTES_MAX", MANIFEST_BYTES_MAX, 65_536),
        ("AUDIT_LINE_BYTES_MAX", AUDIT_LINE_BYTES_MAX as u64, 8_192),
        ("JSON_BYTES_MAX", JSON_BYTES_MAX as u64, 4_194_304),
        ("JSON_BINARY_BYTES_MAX", JSON_BINARY_BYTES_MAX as u64, 1_048_576),
        ("JSON_INTEGER_MAX", JSON_INTEGER_MAX, 9_007_199_254_740_992),
        ("SIGNATURE_BYTES_MAX", SIGNATURE_BYTES_MAX as u64, 524_288),
        ("COMPONENT_SIGNATURES_BYTES_MAX", COMPONENT_SIGNATURES_BYTES_MAX as u64, 2_097_152),
        ("CALL_VALUES_BYTES_MAX", CALL_VALUES_BYTES_MAX as u64, 50_331_648),
        ("MIGRATIONS_BYTES_MAX", MIGRATIONS_BYTES_MAX, 16_777_216),
        ("POLICY_BYTES_MAX", POLICY_BYTES_MAX, 1_048_576),
        ("MODULE_BYTES_MAX", MODULE_BYTES_MAX, 536_870_912),
        ("BODY_BYTES_MAX", BODY_BYTES_MAX as u64, 4_194_304),
        ("BODIES_BYTES_MAX", BODIES_BYTES_MAX as u64, 67_108_864),
        ("BODY_DISCARD_BYTES_MAX", BODY_DISCARD_BYTES_MAX as u64, 8_388_608),
        ("JSON_INLINE_BYTES_MAX", JSON_INLINE_BYTES_MAX as u64, 65_536),
        ("HEAD_BYTES_MAX", HEAD_BYTES_MAX as u64, 81_920),
        ("WRITE_WINDOW_BYTES_MIN", WRITE_WINDOW_BYTES_MIN, 65_536),
        ("OPENAPI_BYTES_MAX", OPENAPI_BYTES_MAX as u64, 16_777_216),
        ("DOCS_BYTES_MAX", DOCS_BYTES_MAX as u64, 65_536),
        ("RANDOM_CALL_BYTES_MAX", RANDOM_CALL_BYTES_MAX, 65_536),
        ("LOG_RECORD_BYTES_MAX", LOG_RECORD_BYTES_MAX as u64, 4_096),
        ("CACHE_PLUGIN_BYTES_MAX", CACHE_PLUGIN_BYTES_MAX, 16_777_216),
        ("CACHE_TTL_MAX_MS", CACHE_TTL_MAX_MS, 2_592_000_000),
        ("VARIABLE_TEXT_BYTES_MAX", VARIABLE_TEXT_BYTES_MAX, 65_536),
        ("DAY_S", DAY_S, 86_400),
        ("STORAGE_STATEMENT_BYTES", STORAGE_STATEMENT_BYTES, 67_108_864),
        ("ANSWER_MS", ANSWER_MS, 7_000),
        ("PLUGIN_WORK_MEMORY_KIB", PLUGIN_WORK_MEMORY_KIB, 4_096),
        ("PLUGIN_TEMPORARY_FILES_KIB", PLUGIN_TEMPORARY_FILES_KIB, 262_144),
        ("STORED_BYTES_MAX", STORED_BYTES_MAX, 1_048_576),
        ("WORK_BYTES_MAX", WORK_BYTES_MAX, 134_217_728),
        ("GATHERED_BYTES", GATHERED_BYTES, 16_777_216),
        ("SQL_BYTES_MAX", SQL_BYTES_MAX as u64, 65_536),
        ("SQL_STACK_BYTES", SQL_STACK_BYTES as u64, 16_777_216),
        ("MIGRATION_BYTES_MAX", MIGRATION_BYTES_MAX as u64, 1_048_576),
        ("HTTP_URL_BYTES_MAX", HTTP_URL_BYTES_MAX as u64, 8_192),
        ("HTTP_HEADER_VALUE_BYTES_MAX", HTTP_HEADER_VALUE_BYTES_MAX as u64, 8_192),
        ("HTTP_RESPONSE_HEADERS_BYTES_MAX", HTTP_RESPONSE_HEADERS_BYTES_MAX as u64, 65_536),
        ("HTTP_READ_BYTES_MAX", u64::from(HTTP_READ_BYTES_MAX), 65_536),
        ("ROUTE_RESPONSE_BYTES_MAX", ROUTE_RESPONSE_BYTES_MAX, 1_048_576),
        ("PRIVATE_PROCESS_BYTES_MAX", PRIVATE_PROCESS_BYTES_MAX, 486_539_264),
        ("PRIVATE_LOG_LINE_BYTES_MAX", PRIVATE_LOG_LINE_BYTES_MAX, 2_048),
        ("CALLER_KEYS_BYTES", CALLER_KEYS_BYTES as u64, 128),
    ] {
        assert_eq!(actual, expected, "{name}");
    }
    for (name, actual, expected) in [
        ("DATE_DAYS_MIN", i64::from(DATE_DAYS_MIN), -2_440_588),
        ("TIMESTAMP_US_MIN", TIMESTAMP_US_MIN, -210_866_803_200_000_000),
        ("TIMESTAMP_US_MAX", TIMESTAMP_US_MAX, 9_223_372_036_854_775_806),
    ] {
        assert_eq!(actual, expected, "{name}");
    }
}

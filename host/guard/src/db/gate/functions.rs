//! The functions that SQL text can call, by family, each with the reason why the family is harmless.
//!
//! The list contains a function only if it always returns the same result for the same arguments, has no side effect,
//! reads nothing but its arguments, and takes time and memory in proportion to them. Functions that break one of these
//! rules are left out: `repeat`, `lpad`, `rpad`, `format`, `array_fill`, `generate_series` (a number decides the size
//! of the result); `regexp_*` and jsonpath (unbounded time); `power`, `exp`, `ln`, `factorial` (seconds on long
//! numerics); `set_config`, `nextval`, `pg_*`, `lo_*`, `query_to_xml`, `ts_stat` (side effects, or SQL in a string);
//! `current_setting`, `to_regclass`, `has_*` (reveal the server's state); `row_to_json` (whole rows); the clock and
//! randomness, which are host interfaces.

/// How a function may be called.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// With any arguments.
    Plain,
    /// With exactly two arguments. With one argument the function would read the clock.
    Pair,
    /// With any arguments, but counted as a product, because the time grows with the product of the arguments' lengths.
    Product,
    /// With short text for the arguments at these indexes, because their length multiplies the time or the result.
    Short(&'static [usize]),
    /// As an aggregate.
    Aggregate,
    /// As an aggregate with short text for the arguments at these indexes.
    ShortAggregate(&'static [usize]),
    /// As an aggregate with WITHIN GROUP.
    OrderedSet,
    /// Only with OVER.
    Window,
    /// As a keyword of the grammar. It is printed without a schema, and no function can shadow it.
    Grammar,
}

/// How a function may be called; `None` if it is not in the list.
#[expect(clippy::match_same_arms, reason = "each arm is a family, with the reason why it is harmless")]
pub(super) fn kind(name: &str) -> Option<Kind> {
    Some(match name {
        // Choosing among values. These are keywords of the grammar, not functions.
        "coalesce" | "nullif" | "greatest" | "least" | "grouping" => Kind::Grammar,
        // One value for a set of rows. They take constant memory, or one value for each distinct row.
        "count" | "sum" | "avg" | "min" | "max" | "bool_and" | "bool_or" | "every" | "bit_and" | "bit_or"
        | "stddev" | "stddev_pop" | "stddev_samp" | "variance" | "var_pop" | "var_samp" | "corr" => {
            Kind::Aggregate
        }
        // Collecting rows into one value. They take memory for what they collect, which the server bounds.
        "array_agg" | "json_agg" | "jsonb_agg" | "json_object_agg" | "jsonb_object_agg" => Kind::Aggregate,
        // The separator is repeated for each row.
        "string_agg" => Kind::ShortAggregate(&[1]),
        "percentile_cont" | "percentile_disc" | "mode" => Kind::OrderedSet,
        // Positions and neighbours within a window.
        "row_number" | "rank" | "dense_rank" | "percent_rank" | "cume_dist" | "ntile" | "lag" | "lead"
        | "first_value" | "last_value" | "nth_value" => Kind::Window,
        // Text functions whose result is at most as long as the arguments together.
        "lower" | "upper" | "initcap" | "length" | "char_length" | "character_length" | "octet_length"
        | "bit_length" | "substr" | "left" | "right" | "starts_with" | "reverse" | "concat" | "overlay"
        | "ascii" | "chr" | "md5" | "sha256" | "encode" | "decode" | "to_hex" | "convert_to" => Kind::Plain,
        // Searching for a text. PostgreSQL compares it at every position and does not check for a cancel.
        "btrim" | "ltrim" | "rtrim" | "split_part" | "strpos" | "string_to_array" => Kind::Short(&[1]),
        "replace" | "translate" => Kind::Short(&[1, 2]),
        // The separator is repeated between all arguments or elements.
        "concat_ws" => Kind::Short(&[0]),
        "array_to_string" => Kind::Short(&[1]),
        // Conversion of numbers and times by a pattern, whose length decides the time and the size of the result.
        "to_char" | "to_number" | "to_date" => Kind::Short(&[1]),
        // Numbers.
        "abs" | "ceil" | "ceiling" | "floor" | "round" | "trunc" | "sign" | "num_nulls" | "num_nonnulls" => {
            Kind::Plain
        }
        "mod" | "div" | "sqrt" | "width_bucket" => Kind::Product,
        // Dates and times from arguments. `age` with one argument reads today's date.
        "date_trunc" | "date_part" | "date_bin" | "make_date" | "make_time" | "make_timestamp"
        | "make_timestamptz" | "make_interval" | "justify_days" | "justify_hours" | "justify_interval"
        | "isfinite" | "to_timestamp" | "timezone" => Kind::Plain,
        "age" => Kind::Pair,
        // Reading and building JSON.
        "jsonb_typeof"
        | "json_typeof"
        | "jsonb_array_length"
        | "json_array_length"
        | "jsonb_extract_path"
        | "jsonb_extract_path_text"
        | "json_extract_path"
        | "json_extract_path_text"
        | "jsonb_build_object"
        | "jsonb_build_array"
        | "json_build_object"
        | "json_build_array"
        | "to_json"
        | "to_jsonb"
        | "jsonb_set"
        | "jsonb_insert"
        | "jsonb_strip_nulls" => Kind::Plain,
        // Arrays.
        "array_length" | "array_lower" | "array_upper" | "array_ndims" | "cardinality" | "array_position"
        | "array_positions" | "array_append" | "array_prepend" | "array_cat" | "array_remove"
        | "array_replace" => Kind::Plain,
        // Network addresses.
        "host" | "masklen" | "family" | "network" | "broadcast" | "abbrev" => Kind::Plain,
        _ => return None,
    })
}

/// The columns of a function that may stand in FROM; `None` for other functions. An empty name means that PostgreSQL
/// names the column after the alias.
pub(super) fn rows(name: &str) -> Option<&'static [&'static str]> {
    Some(match name {
        "unnest" | "jsonb_object_keys" | "json_object_keys" => &[""],
        "jsonb_array_elements"
        | "jsonb_array_elements_text"
        | "json_array_elements"
        | "json_array_elements_text" => &["value"],
        "jsonb_each" | "jsonb_each_text" | "json_each" | "json_each_text" => &["key", "value"],
        _ => return None,
    })
}

/// Why a function is not in the list, and what in the contract replaces it.
pub(super) fn instead(name: &str) -> &'static str {
    match name {
        "now"
        | "current_timestamp"
        | "current_date"
        | "current_time"
        | "localtime"
        | "localtimestamp"
        | "clock_timestamp"
        | "statement_timestamp"
        | "transaction_timestamp"
        | "timeofday" => "SQL has no clock here: pass `clock.now` as a parameter",
        "random" | "gen_random_uuid" | "setseed" | "random_normal" | "uuid_generate_v4" => {
            "SQL has no randomness here: pass what `random.bytes` gives as a parameter"
        }
        "current_user" | "session_user" | "user" | "current_role" | "current_catalog" | "current_schema"
        | "current_database" => "not in the list of functions; who calls is in the interface `user`",
        _ => "not in the list of functions",
    }
}

//! The functions that SQL text can call, by family, each with the reason why the family is harmless.
//!
//! The list contains a function only if it always returns the same result for the same arguments in the same session, has no
//! side effect, reads nothing but its arguments, and takes time and memory that their sizes bound
//! ([`cost`](crate::db::cost)). Functions that break one of these rules are left out: `set_config`, `nextval`, `pg_*`, `lo_*`,
//! `query_to_xml`, `ts_stat`, `ts_rewrite` (side effects, or SQL in a string); `current_setting`, `to_regclass`, `has_*`
//! (reveal the server's state); `jsonb_populate_record` (composite types); `array_fill`, `jsonb_pretty` (the size of
//! the result is not bounded by that of the arguments); and randomness, which is a host interface. The clock is the
//! invocation's instant.
//!
//! A number, a text or a path that decides what a call costs is a literal or a parameter: see `call.rs` and
//! `db/cost/bounds.rs`.

use super::scope::is_near;
use crate::db::{cost, shown};

/// How a function may be called.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::db) enum Kind {
    /// With any arguments.
    Plain,
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
    /// Only with OVER or WITHIN GROUP.
    Place,
    /// As a keyword of the grammar. It is printed without a schema, and no function can shadow it.
    Grammar,
    /// In the select list or in FROM: it returns rows.
    Rows,
    /// The same, with short text for the arguments at these indexes.
    ShortRows(&'static [usize]),
    /// Only in FROM: it returns rows with several columns.
    Records,
    /// With a literal path of JSON as the second argument.
    Path,
    /// The same, in the select list or in FROM.
    PathRows,
    /// With a configuration of full-text search as the first of several arguments.
    Search,
}

/// Functions of one kind that belong together.
#[derive(Clone, Copy, Debug)]
pub(in crate::db) struct Family {
    /// Its title on the page for authors.
    #[cfg_attr(not(test), expect(dead_code, reason = "only the page shows it, and a test makes the page"))]
    pub title: &'static str,
    /// Why it is harmless, and what is to be known of it.
    #[cfg_attr(not(test), expect(dead_code, reason = "only the page shows it, and a test makes the page"))]
    pub note: &'static str,
    /// Its functions.
    pub rows: &'static [(Kind, &'static [&'static str])],
}

/// How a function may be called; `None` if it is not in the list.
pub(in crate::db) fn kind(name: &str) -> Option<Kind> {
    let rows = FAMILIES.iter().flat_map(|family| family.rows);
    rows.copied().find(|(_, names)| names.contains(&name)).map(|(kind, _)| kind)
}

/// The functions, by family.
pub(in crate::db) const FAMILIES: &[Family] = &[
    Family {
        title: "Choosing among values",
        note: "Words of SQL, which are written without quotes and schema.",
        rows: &[(Kind::Grammar, &["coalesce", "nullif", "greatest", "least", "grouping", "normalize"])],
    },
    Family {
        title: "Aggregates",
        note: "One value for a set of rows. Those that collect rows take memory for what they collect, which the server \
               bounds; the separator of `string_agg` is repeated for each row and must be short.",
        rows: &[
            (
                Kind::Aggregate,
                &[
                    "any_value",
                    "array_agg",
                    "avg",
                    "bit_and",
                    "bit_or",
                    "bit_xor",
                    "bool_and",
                    "bool_or",
                    "corr",
                    "count",
                    "covar_pop",
                    "covar_samp",
                    "every",
                    "json_agg",
                    "json_agg_strict",
                    "json_object_agg",
                    "json_object_agg_strict",
                    "json_object_agg_unique",
                    "json_object_agg_unique_strict",
                    "jsonb_agg",
                    "jsonb_agg_strict",
                    "jsonb_object_agg",
                    "jsonb_object_agg_strict",
                    "jsonb_object_agg_unique",
                    "jsonb_object_agg_unique_strict",
                    "max",
                    "min",
                    "regr_avgx",
                    "regr_avgy",
                    "regr_count",
                    "regr_intercept",
                    "regr_r2",
                    "regr_slope",
                    "regr_sxx",
                    "regr_sxy",
                    "regr_syy",
                    "stddev",
                    "stddev_pop",
                    "stddev_samp",
                    "sum",
                    "var_pop",
                    "var_samp",
                    "variance",
                ],
            ),
            (Kind::ShortAggregate(&[1]), &["string_agg"]),
            (Kind::OrderedSet, &["mode", "percentile_cont", "percentile_disc"]),
        ],
    },
    Family {
        title: "Windows",
        note: "Positions and neighbours within a window, or within a group.",
        rows: &[
            (Kind::Window, &["first_value", "lag", "last_value", "lead", "nth_value", "ntile", "row_number"]),
            (Kind::Place, &["cume_dist", "dense_rank", "percent_rank", "rank"]),
        ],
    },
    Family {
        title: "Text",
        note: "What decides the length of a result is known before the statement runs: the length of `lpad`, `rpad` and \
               `repeat` is a number, a parameter, or has a bound (`least(n, 100)`), and the format of `format` is a literal. A \
               text that is searched for, a separator and a pattern are short: PostgreSQL compares them at every position.",
        rows: &[
            (
                Kind::Plain,
                &[
                    "ascii",
                    "bit_length",
                    "casefold",
                    "char_length",
                    "character_length",
                    "chr",
                    "concat",
                    "format",
                    "initcap",
                    "left",
                    "length",
                    "lower",
                    "lpad",
                    "octet_length",
                    "overlay",
                    "quote_ident",
                    "quote_literal",
                    "quote_nullable",
                    "repeat",
                    "reverse",
                    "right",
                    "rpad",
                    "starts_with",
                    "substr",
                    "to_bin",
                    "to_hex",
                    "to_oct",
                    "unistr",
                    "upper",
                ],
            ),
            (Kind::Short(&[1]), &["btrim", "ltrim", "rtrim", "split_part", "string_to_array", "strpos"]),
            (Kind::ShortRows(&[1]), &["string_to_table"]),
            (Kind::Short(&[1, 2]), &["replace", "translate"]),
            (Kind::Short(&[0]), &["concat_ws"]),
        ],
    },
    Family {
        title: "Regular expressions",
        note: "PostgreSQL ends them when the statement's time is over.",
        rows: &[
            (
                Kind::Plain,
                &[
                    "regexp_count",
                    "regexp_instr",
                    "regexp_like",
                    "regexp_match",
                    "regexp_replace",
                    "regexp_split_to_array",
                    "regexp_substr",
                ],
            ),
            (Kind::Rows, &["regexp_matches", "regexp_split_to_table"]),
        ],
    },
    Family {
        title: "Bytes and hashes",
        note: "Linear in the length of the value.",
        rows: &[(
            Kind::Plain,
            &[
                "bit_count",
                "convert",
                "convert_from",
                "convert_to",
                "crc32",
                "crc32c",
                "decode",
                "encode",
                "get_bit",
                "get_byte",
                "md5",
                "set_bit",
                "set_byte",
                "sha224",
                "sha256",
                "sha384",
                "sha512",
            ],
        )],
    },
    Family {
        title: "Patterns for numbers and times",
        note: "The pattern decides the time and the size of the result: it is short.",
        rows: &[(Kind::Short(&[1]), &["to_char", "to_date", "to_number", "to_timestamp"])],
    },
    Family {
        title: "Numbers",
        note: "The time of a `numeric` grows with its digits; a `double precision` is cheap. A power of `numeric` without a \
               known exponent counts as one with 131,072 digits; an exponent such as 1.8, a literal that is no whole number, is cheap.",
        rows: &[
            (
                Kind::Plain,
                &[
                    "abs",
                    "acos",
                    "acosd",
                    "acosh",
                    "asin",
                    "asind",
                    "asinh",
                    "atan",
                    "atan2",
                    "atan2d",
                    "atand",
                    "atanh",
                    "cbrt",
                    "ceil",
                    "ceiling",
                    "cos",
                    "cosd",
                    "cosh",
                    "cot",
                    "cotd",
                    "degrees",
                    "erf",
                    "erfc",
                    "factorial",
                    "floor",
                    "gamma",
                    "lgamma",
                    "min_scale",
                    "num_nonnulls",
                    "num_nulls",
                    "pi",
                    "radians",
                    "round",
                    "scale",
                    "sign",
                    "sin",
                    "sind",
                    "sinh",
                    "tan",
                    "tand",
                    "tanh",
                    "trim_scale",
                    "trunc",
                ],
            ),
            (
                Kind::Product,
                &[
                    "div",
                    "exp",
                    "gcd",
                    "lcm",
                    "ln",
                    "log",
                    "log10",
                    "mod",
                    "pow",
                    "power",
                    "sqrt",
                    "width_bucket",
                ],
            ),
        ],
    },
    Family {
        title: "Dates and times",
        note: "`now()`, `current_date`, `current_timestamp`, `localtime`, `localtimestamp` and `age(t)` mean the invocation's \
               instant. A time zone is a literal or a parameter.",
        rows: &[(
            Kind::Plain,
            &[
                "age",
                "date_add",
                "date_bin",
                "date_part",
                "date_subtract",
                "date_trunc",
                "isfinite",
                "justify_days",
                "justify_hours",
                "justify_interval",
                "make_date",
                "make_interval",
                "make_time",
                "make_timestamp",
                "make_timestamptz",
                "timezone",
            ],
        )],
    },
    Family {
        title: "Ranges",
        note: "For comparisons within a statement, with `lower` and `upper`, `&&`, `@>`, `<@`, `-|-`, `*`, `+` and `-`. A range is \
               no type of a column, a parameter or a result here: return its bounds.",
        rows: &[(
            Kind::Plain,
            &[
                "daterange",
                "int4range",
                "int8range",
                "isempty",
                "lower_inc",
                "lower_inf",
                "range_merge",
                "tsrange",
                "tstzrange",
                "upper_inc",
                "upper_inf",
            ],
        )],
    },
    Family {
        title: "Rows from numbers and times",
        note: "In FROM PostgreSQL keeps all rows before it goes on, so their number must be known: the ends are literals, \
               parameters, `now()` or bounded (`least(n, 100)`), and the step of times is an interval such as `'1 day'`. In a \
               select list the ends can be anything.",
        rows: &[(Kind::Rows, &["generate_series"])],
    },
    Family {
        title: "JSON",
        note: "A path is a literal of at most 256 bytes, without `like_regex`, `*` and `/` as arithmetic, lists of subscripts, \
               and more than one `**` or `keyvalue()`; from its first condition on it has no `$` but in up to four variables \
               (`$min`, of the third argument), with no condition behind them, and at most one of `[*]` and `.*`. \
               Two parts of the JSON are compared in pairs, so a comparison has at most one (`@.a - @.b > 0` for two numbers), \
               unless the JSON is short. PostgreSQL ends it when the statement's time is over. In `jsonb_path_query_array`, and in \
               `jsonb_path_query` in FROM, `**` needs its levels, such as `.**{0 to 9}`, unless the JSON is short.",
        rows: &[
            (
                Kind::Plain,
                &[
                    "array_to_json",
                    "json_array_length",
                    "json_build_array",
                    "json_build_object",
                    "json_extract_path",
                    "json_extract_path_text",
                    "json_strip_nulls",
                    "json_typeof",
                    "jsonb_array_length",
                    "jsonb_build_array",
                    "jsonb_build_object",
                    "jsonb_extract_path",
                    "jsonb_extract_path_text",
                    "jsonb_insert",
                    "jsonb_object",
                    "jsonb_set",
                    "jsonb_set_lax",
                    "jsonb_strip_nulls",
                    "jsonb_typeof",
                    "row_to_json",
                    "to_json",
                    "to_jsonb",
                ],
            ),
            (
                Kind::Rows,
                &[
                    "json_array_elements",
                    "json_array_elements_text",
                    "json_object_keys",
                    "jsonb_array_elements",
                    "jsonb_array_elements_text",
                    "jsonb_object_keys",
                ],
            ),
            (
                Kind::Records,
                &[
                    "json_each",
                    "json_each_text",
                    "json_to_record",
                    "json_to_recordset",
                    "jsonb_each",
                    "jsonb_each_text",
                    "jsonb_to_record",
                    "jsonb_to_recordset",
                ],
            ),
            (
                Kind::Path,
                &[
                    "jsonb_path_exists",
                    "jsonb_path_match",
                    "jsonb_path_query_array",
                    "jsonb_path_query_first",
                ],
            ),
            (Kind::PathRows, &["jsonb_path_query"]),
        ],
    },
    Family {
        title: "Arrays and enums",
        note: "Linear in the number of elements; a stored array has at most 10,000. The separator of `array_to_string` is short.",
        rows: &[
            (
                Kind::Plain,
                &[
                    "array_append",
                    "array_cat",
                    "array_dims",
                    "array_length",
                    "array_lower",
                    "array_ndims",
                    "array_position",
                    "array_positions",
                    "array_prepend",
                    "array_remove",
                    "array_replace",
                    "array_reverse",
                    "array_sort",
                    "array_upper",
                    "cardinality",
                    "enum_first",
                    "enum_last",
                    "enum_range",
                    "trim_array",
                ],
            ),
            (Kind::Short(&[1]), &["array_to_string"]),
            (Kind::Rows, &["generate_subscripts", "unnest"]),
        ],
    },
    Family {
        title: "Full-text search",
        note: "A configuration is a literal, one that PostgreSQL brings along: `'english'`. Without one, PostgreSQL takes the \
               server's `default_text_search_config`. `ts_headline` takes a query without phrases: PostgreSQL 15 takes gigabytes for one. `ts_rank` compares the places of words in pairs: a query of more than \
               about 60 words is too expensive.",
        rows: &[
            (
                Kind::Search,
                &[
                    "phraseto_tsquery",
                    "plainto_tsquery",
                    "to_tsquery",
                    "to_tsvector",
                    "ts_headline",
                    "websearch_to_tsquery",
                ],
            ),
            (
                Kind::Plain,
                &[
                    "array_to_tsvector",
                    "numnode",
                    "querytree",
                    "setweight",
                    "strip",
                    "ts_delete",
                    "ts_filter",
                    "ts_rank",
                    "ts_rank_cd",
                    "tsquery_phrase",
                    "tsvector_to_array",
                ],
            ),
        ],
    },
    Family {
        title: "Network addresses and UUIDs",
        note: "Values of a fixed size.",
        rows: &[(
            Kind::Plain,
            &[
                "abbrev",
                "broadcast",
                "family",
                "host",
                "hostmask",
                "inet_merge",
                "inet_same_family",
                "masklen",
                "netmask",
                "network",
                "set_masklen",
                "uuid_extract_timestamp",
                "uuid_extract_version",
            ],
        )],
    },
];

/// The first version of PostgreSQL that has a function, if it is newer than the oldest that the host supports.
#[cfg(test)]
pub(in crate::db) fn since(name: &str) -> u32 {
    match name {
        "any_value"
        | "date_add"
        | "date_subtract"
        | "erf"
        | "erfc"
        | "json_agg_strict"
        | "json_object_agg_strict"
        | "json_object_agg_unique"
        | "json_object_agg_unique_strict"
        | "jsonb_agg_strict"
        | "jsonb_object_agg_strict"
        | "jsonb_object_agg_unique"
        | "jsonb_object_agg_unique_strict" => 16,
        "uuid_extract_timestamp" | "uuid_extract_version" => 17,
        "array_reverse" | "array_sort" | "casefold" | "crc32" | "crc32c" | "gamma" | "lgamma" => 18,
        _ => 15,
    }
}

/// The configurations of full-text search that every server has.
pub(in crate::db) const CONFIGURATIONS: &[&str] = &[
    "simple",
    "arabic",
    "armenian",
    "basque",
    "catalan",
    "danish",
    "dutch",
    "english",
    "finnish",
    "french",
    "german",
    "greek",
    "hindi",
    "hungarian",
    "indonesian",
    "irish",
    "italian",
    "lithuanian",
    "nepali",
    "norwegian",
    "portuguese",
    "romanian",
    "russian",
    "serbian",
    "spanish",
    "swedish",
    "tamil",
    "turkish",
    "yiddish",
];

/// The columns of a function that may stand in FROM.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::db) enum Columns {
    /// One, named after the alias.
    Alias,
    /// These.
    Named(&'static [&'static str]),
    /// One for each argument.
    Arguments,
    /// Those that the statement defines behind the alias.
    Defined,
}

/// The columns of a function that may stand in FROM; `None` for other functions.
pub(in crate::db) fn rows(name: &str) -> Option<Columns> {
    Some(match name {
        "unnest" => Columns::Arguments,
        // A query for words returns one value, and often stands here to be named once.
        "jsonb_object_keys"
        | "json_object_keys"
        | "generate_series"
        | "generate_subscripts"
        | "regexp_matches"
        | "regexp_split_to_table"
        | "string_to_table"
        | "jsonb_path_query"
        | "to_tsquery"
        | "plainto_tsquery"
        | "phraseto_tsquery"
        | "websearch_to_tsquery" => Columns::Alias,
        "jsonb_to_record" | "jsonb_to_recordset" | "json_to_record" | "json_to_recordset" => Columns::Defined,
        "jsonb_array_elements"
        | "jsonb_array_elements_text"
        | "json_array_elements"
        | "json_array_elements_text" => Columns::Named(&["value"]),
        "jsonb_each" | "jsonb_each_text" | "json_each" | "json_each_text" => {
            Columns::Named(&["key", "value"])
        }
        _ => return None,
    })
}

/// Whether a function without arguments is PostgreSQL's clock, which is the invocation's instant here.
pub(super) fn is_clock(name: &str) -> bool {
    matches!(name, "now" | "transaction_timestamp" | "statement_timestamp")
}

/// Whether a word without quotes is PostgreSQL's clock.
pub(super) fn is_clock_word(name: &str) -> bool {
    matches!(name, "current_date" | "current_timestamp" | "current_time" | "localtime" | "localtimestamp")
}

/// Whether a word without quotes tells of the session.
pub(super) fn is_session_word(name: &str) -> bool {
    matches!(
        name,
        "current_user"
            | "session_user"
            | "user"
            | "current_role"
            | "current_catalog"
            | "current_schema"
            | "system_user"
    )
}

/// Whether the function's parameters have names, which a call may write.
pub(super) fn has_named_arguments(name: &str) -> bool {
    matches!(
        name,
        "make_interval"
            | "jsonb_set"
            | "jsonb_insert"
            | "make_date"
            | "make_time"
            | "make_timestamp"
            | "make_timestamptz"
    )
}

/// Whether VARIADIC cannot stand in a call of the function.
pub(super) fn is_never_variadic(name: &str) -> bool {
    !matches!(
        name,
        "concat"
            | "concat_ws"
            | "format"
            | "num_nulls"
            | "num_nonnulls"
            | "jsonb_build_object"
            | "jsonb_build_array"
            | "json_build_object"
            | "json_build_array"
            | "jsonb_extract_path"
            | "jsonb_extract_path_text"
            | "json_extract_path"
            | "json_extract_path_text"
    )
}

/// Whether the function makes a range.
pub(super) fn is_range(name: &str) -> bool {
    matches!(name, "daterange" | "tsrange" | "tstzrange" | "int4range" | "int8range")
}

/// Whether no parameter of the function is or can become a date or time.
pub(super) fn takes_no_date(name: &str) -> bool {
    ["json_", "jsonb_", "regexp_", "ts_"].iter().any(|head| name.starts_with(head))
        || matches!(
            name,
            "to_tsvector" | "to_tsquery" | "plainto_tsquery" | "phraseto_tsquery" | "websearch_to_tsquery"
        )
}

/// The index of the argument that names a time zone.
pub(super) fn zone_argument(name: &str) -> Option<usize> {
    match name {
        "timezone" => Some(0),
        "date_trunc" | "date_add" | "date_subtract" => Some(2),
        "generate_series" => Some(3),
        "make_timestamptz" => Some(6),
        _ => None,
    }
}

/// Why a function is not in the list, and what to write instead.
pub(in crate::db) fn instead(name: &str) -> &'static str {
    INSTEAD.iter().find(|(names, _)| names.contains(&name)).map_or(UNLISTED, |(_, rule)| rule)
}

/// The same, or the function that was probably meant.
pub(super) fn unlisted(name: &str) -> String {
    let listed = cost::functions().filter(|known| kind(known).is_some()).chain(WORDS.iter().copied());
    let near = listed.filter(|known| is_near(known, name));
    match (instead(name), near.min_by_key(|known| (strsim::osa_distance(known, name), *known))) {
        (UNLISTED, Some(near)) => format!("{UNLISTED}; did you mean {}?", shown(near)),
        (rule, _) => rule.to_owned(),
    }
}

const UNLISTED: &str = "not in the list of functions";

/// What is called like a function and is a word of the grammar.
const WORDS: &[&str] =
    &["coalesce", "extract", "greatest", "grouping", "least", "nullif", "overlay", "position", "trim"];

/// Functions that authors look for and that are not in the list, with what to write instead.
pub(in crate::db) const INSTEAD: &[(&[&str], &str)] = &[
    (
        &["clock_timestamp", "timeofday", "current_time"],
        "SQL has no running clock here: write now(), the invocation's instant, or pass `clock.now` as a parameter",
    ),
    (
        &[
            "random",
            "gen_random_uuid",
            "setseed",
            "random_normal",
            "uuid_generate_v4",
            "uuidv4",
            "uuidv7",
            "array_sample",
            "array_shuffle",
        ],
        "SQL has no randomness here: pass what `random.bytes` gives as a parameter",
    ),
    (
        &[
            "current_user",
            "session_user",
            "user",
            "current_role",
            "current_catalog",
            "current_schema",
            "current_database",
            "system_user",
        ],
        "not in the list of functions; who calls is in the interface `user`",
    ),
    (&["jsonb_pretty"], "the text can be thousands of times as long as the JSON: indent it in the plugin"),
    (
        &["array_fill"],
        "the size is not that of its arguments: write ARRAY(SELECT value FROM generate_series(1, n))",
    ),
    (
        &["json_object", "json_array", "json_query", "json_value", "json_exists"],
        "not known to PostgreSQL 15: write json_build_object, json_build_array or jsonb_path_query",
    ),
    (
        &[
            "json_populate_record",
            "json_populate_recordset",
            "jsonb_populate_record",
            "jsonb_populate_recordset",
        ],
        "there are no composite types here: write jsonb_to_record(…) AS name(column type, …)",
    ),
    (
        &["nextval", "currval", "setval", "lastval"],
        "a sequence is not granted: declare the column GENERATED BY DEFAULT AS IDENTITY",
    ),
    (
        &["pg_advisory_lock", "pg_advisory_xact_lock", "pg_try_advisory_lock", "pg_try_advisory_xact_lock"],
        "locks are shared with others: write to a row, which locks it until the end of the action",
    ),
    (&["pg_typeof"], "a type of the server is not a value here: the types of columns are in the migrations"),
    (&["ts_stat", "ts_rewrite", "query_to_xml"], "it runs SQL from a string, which nobody has checked"),
    (
        &["current_setting", "set_config"],
        "settings of the server are not the plugin's: read the plugin's variables",
    ),
    (
        &["hashtext", "hashtextextended"],
        "its result differs between versions of PostgreSQL: write get_byte(sha256(convert_to(text, 'UTF8')), 0) for a bucket, \
         or md5(text)",
    ),
    (
        &["pg_column_size", "pg_total_relation_size", "pg_relation_size", "pg_database_size"],
        "how the server stores a value is not the plugin's to know: write octet_length(column::text)",
    ),
    (
        &["txid_current", "pg_current_xact_id", "txid_current_snapshot"],
        "a number of the server is not the plugin's: give the row a key, or pass what the plugin chose as a parameter",
    ),
    (
        &["set_limit", "show_limit"],
        "the thresholds of pg_trgm are fixed: compare similarity(a, b) with a number",
    ),
    (&["show_trgm"], "it multiplies the text: compare texts with similarity(a, b)"),
    (&["version"], "what the server is is not the plugin's to know"),
    (&["xmlagg", "xmlelement", "xmlforest", "xmlparse", "xpath"], "there is no `xml` here: write JSON"),
];

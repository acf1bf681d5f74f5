//! The class of each function that SQL text can call. A function without a class cannot be called.

use super::class::Class;
use super::plan::Moment;

/// What is known of a function.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Known {
    /// Its name.
    pub name: &'static str,
    /// How it behaves.
    pub class: Class,
    /// Whether its result is a date or time.
    pub moment: Clock,
}

/// Whether a function's result is a date or time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Clock {
    /// Never, or not certainly.
    No,
    /// Always.
    Yes,
    /// If an argument is.
    AsArguments,
}

impl Clock {
    /// Whether a call's result is a date or time.
    pub fn of(self, arguments: Moment) -> Moment {
        match self {
            Self::Yes => Moment::Certain,
            Self::AsArguments => arguments,
            Self::No => Moment::Unknown,
        }
    }
}

/// What is known of a function; `None` if it has no class.
pub fn function(name: &str) -> Option<Known> {
    let row = |class: Class, names: &[&'static str], moment| {
        names.iter().find(|known| **known == name).map(|&name| Known { name, class, moment })
    };
    FAMILIES.iter().find_map(|&(class, moment, names)| row(class, names, moment))
}

/// The names of all functions that have a class: what SQL text can call, at most.
pub fn functions() -> impl Iterator<Item = &'static str> {
    FAMILIES.iter().flat_map(|(_, _, names)| names.iter().copied())
}

use self::Clock::{AsArguments, No, Yes};

const FAMILIES: &[(Class, Clock, &[&str])] = &[
    (Class::Largest, AsArguments, &["coalesce"]),
    (Class::Extreme, AsArguments, &["nullif", "greatest", "least", "min", "max", "mode", "percentile_disc"]),
    (
        Class::Same,
        AsArguments,
        &["lag", "lead", "first_value", "last_value", "nth_value", "unnest", "array_remove"],
    ),
    (
        Class::Fixed,
        No,
        &[
            "grouping",
            "count",
            "bool_and",
            "bool_or",
            "every",
            "bit_and",
            "bit_or",
            "row_number",
            "rank",
            "dense_rank",
            "percent_rank",
            "cume_dist",
            "ntile",
            "length",
            "char_length",
            "character_length",
            "octet_length",
            "bit_length",
            "ascii",
            "chr",
            "md5",
            "sha256",
            "to_hex",
            "starts_with",
            "num_nulls",
            "num_nonnulls",
            "sign",
            "date_part",
            "isfinite",
            "jsonb_typeof",
            "json_typeof",
            "jsonb_array_length",
            "array_length",
            "array_lower",
            "array_upper",
            "array_ndims",
            "cardinality",
            "host",
            "masklen",
            "family",
            "network",
            "broadcast",
            "abbrev",
            "percentile_cont",
        ],
    ),
    (
        Class::Fixed,
        Yes,
        &[
            "date_trunc",
            "date_bin",
            "make_date",
            "make_time",
            "make_timestamp",
            "make_timestamptz",
            "make_interval",
            "justify_days",
            "justify_hours",
            "justify_interval",
            "timezone",
            "age",
        ],
    ),
    (Class::Fixed, Yes, &["to_timestamp", "to_date"]),
    (Class::Sum, No, &["sum", "avg"]),
    (
        Class::Spread,
        No,
        &["stddev", "stddev_pop", "stddev_samp", "variance", "var_pop", "var_samp", "corr", "sqrt"],
    ),
    (
        Class::Gathered,
        AsArguments,
        &["array_agg", "json_agg", "jsonb_agg", "json_object_agg", "jsonb_object_agg", "string_agg"],
    ),
    (Class::Same, No, &["substr", "left", "right", "reverse", "abs", "ceil", "ceiling", "floor", "trunc"]),
    (Class::Same, No, &["round"]),
    (Class::Grown(2), No, &["lower", "upper", "initcap"]),
    (Class::Grown(4), No, &["encode", "decode", "convert_to"]),
    (Class::Joined, No, &["overlay"]),
    (Class::Grown(4), No, &["concat"]),
    (Class::JoinOperands, No, &["concat_ws"]),
    (Class::JoinElements, No, &["array_to_string"]),
    (Class::Trim, No, &["btrim", "ltrim", "rtrim"]),
    (Class::Search, No, &["strpos"]),
    (Class::Part, No, &["split_part"]),
    (Class::Split, No, &["string_to_array"]),
    (Class::Replace, No, &["replace"]),
    (Class::Translate, No, &["translate"]),
    (Class::Pattern, No, &["to_char"]),
    (Class::ToNumeric(u64::MAX), No, &["to_number"]),
    (Class::Quotient, No, &["mod", "div", "width_bucket"]),
    (Class::JsonEdit, No, &["json_array_length", "jsonb_set", "jsonb_insert", "jsonb_strip_nulls"]),
    (Class::Field, No, &["jsonb_extract_path", "json_extract_path"]),
    (Class::FieldText, No, &["jsonb_extract_path_text", "json_extract_path_text"]),
    (
        Class::Json,
        No,
        &[
            "jsonb_build_object",
            "jsonb_build_array",
            "json_build_object",
            "json_build_array",
            "to_json",
            "to_jsonb",
        ],
    ),
    (
        Class::Elements,
        AsArguments,
        &["array_position", "array_positions", "array_append", "array_prepend", "array_cat"],
    ),
    (Class::ReplaceElements, AsArguments, &["array_replace"]),
    (
        Class::Rows,
        No,
        &[
            "jsonb_object_keys",
            "json_object_keys",
            "jsonb_array_elements",
            "jsonb_array_elements_text",
            "json_array_elements",
            "json_array_elements_text",
            "jsonb_each",
            "jsonb_each_text",
            "json_each",
            "json_each_text",
        ],
    ),
];

#[cfg(test)]
mod tests {
    use super::FAMILIES;
    use std::collections::BTreeSet;

    #[test]
    fn function_has_one_class() {
        let names: Vec<&str> = FAMILIES.iter().flat_map(|(_, _, names)| names.iter().copied()).collect();
        let different: BTreeSet<&str> = names.iter().copied().collect();
        assert_eq!(names.len(), different.len());
    }
}

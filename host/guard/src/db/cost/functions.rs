//! The class of each function that SQL text can call. A function without a class cannot be called.

use super::class::{Class, Each, Path};
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
    /// Never.
    No,
    /// Not certainly.
    Maybe,
    /// Always.
    Yes,
    /// If an argument is: all get one type.
    AsArguments,
    /// If the first argument is.
    AsFirst,
    /// If one of the first two arguments is.
    AsFirstTwo,
    /// If the first argument or the third is: the second is an offset.
    AsFirstAndThird,
    /// If the values are that WITHIN GROUP sorts.
    AsSorted,
    /// It is a range of them.
    Range,
    /// If the argument is a range of them.
    OfRange,
}

impl Clock {
    /// Whether the argument at an index has the type of the result, or that of which it is an array or the reverse.
    pub fn shares(self, index: usize) -> bool {
        match self {
            Self::AsArguments => true,
            Self::AsFirst | Self::OfRange => index == 0,
            Self::AsFirstTwo => index < 2,
            Self::AsFirstAndThird => index == 0 || index == 2,
            Self::AsSorted | Self::No | Self::Maybe | Self::Yes | Self::Range => false,
        }
    }

    /// Whether a call's result is a date or time, from what is known of the values that [share](Self::shares) its type.
    pub fn of(self, arguments: Moment) -> Moment {
        match self {
            Self::Yes => Moment::Certain,
            Self::AsArguments | Self::AsFirst | Self::AsFirstTwo | Self::AsFirstAndThird | Self::AsSorted => {
                arguments
            }
            Self::Range => Moment::Range,
            Self::OfRange => match arguments {
                Moment::Range => Moment::Certain,
                Moment::Never => Moment::Never,
                _ => Moment::Unknown,
            },
            Self::No => Moment::Never,
            Self::Maybe => Moment::Unknown,
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

use self::Clock::{
    AsArguments, AsFirst, AsFirstAndThird, AsFirstTwo, AsSorted, Maybe, No, OfRange, Range, Yes,
};

const FAMILIES: &[(Class, Clock, &[&str])] = &[
    (Class::Largest, AsArguments, &["coalesce"]),
    (Class::Largest, AsFirstAndThird, &["lag", "lead"]),
    (Class::Extreme, AsArguments, &["greatest"]),
    (Class::Extreme, AsFirst, &["nullif", "min", "max"]),
    (Class::Extreme, AsSorted, &["mode", "percentile_disc"]),
    (Class::Least, AsArguments, &["least"]),
    (
        Class::Same,
        AsFirst,
        &[
            "first_value",
            "last_value",
            "nth_value",
            "any_value",
            "trim_array",
            "array_reverse",
            "enum_first",
            "enum_last",
        ],
    ),
    (Class::Unnested, AsFirst, &["unnest"]),
    (Class::Same, AsArguments, &["array_remove"]),
    (
        Class::Fixed,
        No,
        &[
            "bool_and",
            "bool_or",
            "every",
            "bit_and",
            "bit_or",
            "bit_xor",
            "percent_rank",
            "cume_dist",
            "chr",
            "md5",
            "sha224",
            "sha256",
            "sha384",
            "sha512",
            "crc32",
            "crc32c",
            "to_hex",
            "to_oct",
            "to_bin",
            "starts_with",
            "sign",
            "date_part",
            "isfinite",
            "jsonb_typeof",
            "json_typeof",
            "array_dims",
            "host",
            "masklen",
            "family",
            "network",
            "broadcast",
            "abbrev",
            "netmask",
            "hostmask",
            "set_masklen",
            "inet_merge",
            "inet_same_family",
            "regr_avgx",
            "regr_avgy",
            "regr_count",
            "regr_intercept",
            "regr_r2",
            "regr_slope",
            "regr_sxx",
            "regr_sxy",
            "regr_syy",
            "covar_pop",
            "covar_samp",
            "get_bit",
            "get_byte",
            "scale",
            "min_scale",
            "uuid_extract_version",
        ],
    ),
    (Class::Fixed, Maybe, &["percentile_cont"]),
    (Class::Fixed, No, &["isempty", "lower_inc", "upper_inc", "lower_inf", "upper_inf"]),
    (Class::Joined, Range, &["daterange", "tsrange", "tstzrange"]),
    (Class::Joined, No, &["int4range", "int8range"]),
    (Class::Joined, AsArguments, &["range_merge"]),
    (Class::Count, No, &["length", "char_length", "character_length", "octet_length", "numnode"]),
    (Class::Counted, No, &["jsonb_array_length", "array_length", "cardinality"]),
    (
        Class::Fixed,
        No,
        &[
            "count",
            "row_number",
            "rank",
            "dense_rank",
            "ntile",
            // Bits are more than bytes, and neither a set of groups nor nulls, which can be in an array, are bytes.
            "bit_length",
            "bit_count",
            "grouping",
            "num_nulls",
            "num_nonnulls",
            "ascii",
            "array_lower",
            "array_upper",
            "array_ndims",
        ],
    ),
    (
        Class::Fixed,
        Yes,
        &[
            "make_date",
            "make_time",
            "make_timestamp",
            "make_timestamptz",
            "make_interval",
            "justify_days",
            "justify_hours",
            "justify_interval",
            "age",
            "to_timestamp",
            "to_date",
            "uuid_extract_timestamp",
        ],
    ),
    (Class::Near(0), Yes, &["timezone"]),
    // The gate says how far a literal field or step can move a time.
    (Class::Fixed, Yes, &["date_trunc", "date_bin", "date_add", "date_subtract"]),
    (Class::Sum, Maybe, &["sum", "avg"]),
    (
        Class::Spread,
        No,
        &["stddev", "stddev_pop", "stddev_samp", "variance", "var_pop", "var_samp", "corr", "sqrt"],
    ),
    (Class::GatheredArray, AsFirst, &["array_agg"]),
    (
        Class::Gathered,
        No,
        &[
            "jsonb_agg",
            "jsonb_agg_strict",
            "jsonb_object_agg",
            "jsonb_object_agg_strict",
            "jsonb_object_agg_unique",
            "jsonb_object_agg_unique_strict",
            "string_agg",
        ],
    ),
    (
        Class::GatheredText,
        No,
        &[
            "json_agg",
            "json_agg_strict",
            "json_object_agg",
            "json_object_agg_strict",
            "json_object_agg_unique",
            "json_object_agg_unique_strict",
        ],
    ),
    (
        Class::Same,
        No,
        &[
            "substr",
            "reverse",
            "ceil",
            "ceiling",
            "floor",
            "trunc",
            "round",
            "trim_scale",
            "set_bit",
            "set_byte",
            "strip",
            "setweight",
            "ts_delete",
            "ts_filter",
        ],
    ),
    (Class::Cut, No, &["left", "right"]),
    (Class::Sign, No, &["abs"]),
    // A bound of a range has its name from a text in capitals.
    (Class::Grown(2), OfRange, &["lower", "upper"]),
    (Class::Grown(2), No, &["initcap", "quote_ident", "quote_literal", "quote_nullable", "unistr"]),
    (Class::Grown(3), No, &["casefold"]),
    (Class::Grown(4), No, &["encode", "decode", "convert_to", "convert_from", "convert"]),
    (Class::Concatenated, No, &["concat"]),
    (Class::Normalized, No, &["normalize"]),
    (Class::Joined, No, &["overlay"]),
    (Class::Phrase, No, &["tsquery_phrase"]),
    (Class::JoinOperands, No, &["concat_ws"]),
    (Class::JoinElements, No, &["array_to_string"]),
    (Class::Repeated, No, &["repeat"]),
    (Class::Padded, No, &["lpad", "rpad"]),
    // The gate counts what the format says.
    (Class::Formatted(u64::MAX, 0), No, &["format"]),
    (Class::Trim, No, &["btrim", "ltrim", "rtrim"]),
    (Class::Search, No, &["strpos"]),
    (Class::Part, No, &["split_part"]),
    (Class::Split, No, &["string_to_array", "string_to_table"]),
    (Class::Replace, No, &["replace"]),
    (Class::Translate, No, &["translate"]),
    (Class::Pattern, No, &["to_char"]),
    (Class::Regex, No, &["regexp_like"]),
    // The gate counts the groups of a literal pattern where they have places.
    (Class::RegexCount(1), No, &["regexp_count", "regexp_instr"]),
    (Class::RegexSubstring(1), No, &["regexp_substr"]),
    (Class::RegexPart, No, &["regexp_match"]),
    (Class::RegexSplit, No, &["regexp_matches", "regexp_split_to_array", "regexp_split_to_table"]),
    (Class::RegexReplace, No, &["regexp_replace"]),
    (Class::ToNumeric(u64::MAX, 0), No, &["to_number"]),
    (Class::Quotient, No, &["mod", "div", "width_bucket"]),
    (Class::Divisor, No, &["gcd", "lcm"]),
    (Class::Factorial, No, &["factorial"]),
    (Class::Power, No, &["power", "pow", "exp"]),
    (Class::Logarithm, No, &["ln", "log", "log10"]),
    (
        Class::Float,
        No,
        &[
            "cbrt", "degrees", "radians", "pi", "sin", "cos", "tan", "cot", "asin", "acos", "atan", "atan2",
            "sind", "cosd", "tand", "cotd", "asind", "acosd", "atand", "atan2d", "sinh", "cosh", "tanh",
            "asinh", "acosh", "atanh", "erf", "erfc", "gamma", "lgamma",
        ],
    ),
    (
        Class::JsonEdit,
        No,
        &[
            "json_array_length",
            "jsonb_set",
            "jsonb_set_lax",
            "jsonb_insert",
            "jsonb_strip_nulls",
            "json_strip_nulls",
        ],
    ),
    (Class::Field, No, &["jsonb_extract_path", "json_extract_path"]),
    (Class::FieldText, No, &["jsonb_extract_path_text", "json_extract_path_text"]),
    // The gate counts the levels of `**`.
    (
        Class::JsonPath(Path::PLAIN),
        No,
        &[
            "jsonb_path_exists",
            "jsonb_path_match",
            "jsonb_path_query",
            "jsonb_path_query_array",
            "jsonb_path_query_first",
        ],
    ),
    (Class::Json, No, &["jsonb_build_object", "jsonb_build_array", "to_jsonb", "jsonb_object"]),
    (
        Class::JsonText,
        No,
        &["json_build_object", "json_build_array", "to_json", "array_to_json", "row_to_json"],
    ),
    (Class::Elements, AsArguments, &["array_append", "array_prepend", "array_cat"]),
    (Class::Sought, No, &["array_position", "array_positions"]),
    (Class::ReplaceElements, AsArguments, &["array_replace"]),
    (Class::Sorted, AsFirst, &["array_sort"]),
    (Class::Labels, No, &["enum_range"]),
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
            "jsonb_to_record",
            "jsonb_to_recordset",
            "json_to_record",
            "json_to_recordset",
            "generate_subscripts",
        ],
    ),
    (Class::Steps, AsFirstTwo, &["generate_series"]),
    (Class::Document, No, &["to_tsvector", "array_to_tsvector"]),
    (Class::PlainTerms, No, &["plainto_tsquery"]),
    (Class::PhraseTerms, No, &["phraseto_tsquery"]),
    (Class::Terms, No, &["to_tsquery", "websearch_to_tsquery"]),
    (Class::Ranked, No, &["ts_rank"]),
    (Class::RankedCover, No, &["ts_rank_cd"]),
    // The gate counts the bytes of its options.
    (Class::Headline(u64::MAX, 1), No, &["ts_headline"]),
    (Class::ToArray(Each::Plain), No, &["tsvector_to_array"]),
    (Class::ToText(u64::MAX), No, &["querytree"]),
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

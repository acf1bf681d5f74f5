//! The fields that a search asks for, and whether an item has them.
//!
//! The rule is that of PostgreSQL's `@>` on `jsonb`. PostgreSQL applies it to what is stored; the host applies it here to what a
//! caller is shown, which taps may have changed. Both cost the values of the filter times the elements of an array, so a filter
//! is small.

use super::fields::object;
use crate::json::text::{Shape, elements, members, unescaped};
use crate::limits::{ITEM_FILTER_BYTES_MAX, ITEM_FILTER_VALUES_MAX};
use crate::refusal::Refusal;
use std::borrow::Cow;

/// A JSON object that an item's fields must contain.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Filter {
    text: String,
    sought: Sought,
}

impl Filter {
    /// Parses JSON text of at most [`ITEM_FILTER_BYTES_MAX`] bytes with at most [`ITEM_FILTER_VALUES_MAX`] values.
    pub fn parse(text: &str) -> Result<Self, Refusal> {
        if text.len() > ITEM_FILTER_BYTES_MAX {
            return Err(Refusal::Invalid(format!(
                "fields: a search asks for at most {ITEM_FILTER_BYTES_MAX} bytes of JSON: ask for fewer fields"
            )));
        }
        let text = object(text)?;
        let sought = Sought::of(&text);
        if sought.values() > ITEM_FILTER_VALUES_MAX {
            return Err(Refusal::Invalid(format!(
                "fields: a search asks for at most {ITEM_FILTER_VALUES_MAX} values: ask for fewer"
            )));
        }
        Ok(Self { text, sought })
    }

    /// The filter as JSON text.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Whether fields contain this object.
    pub fn matches(&self, fields: &str) -> bool {
        self.sought.is_in(fields)
    }
}

/// A value of a filter. A filter is small, so it may be a tree.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Sought {
    Object(Vec<(String, Sought)>),
    Array(Vec<Sought>),
    Text(String),
    Number(Decimal),
    Word(String),
}

impl Sought {
    fn of(text: &str) -> Self {
        match Shape::of(text) {
            Shape::Object => Self::Object(
                members(text).map(|(key, value)| (unescaped(key).into_owned(), Self::of(value))).collect(),
            ),
            Shape::Array => Self::Array(elements(text).map(Self::of).collect()),
            Shape::Text => Self::Text(unescaped(text).into_owned()),
            Shape::Number => Self::Number(Decimal::of(text)),
            Shape::Word => Self::Word(text.to_owned()),
        }
    }

    /// The scalars, and the empty arrays and objects.
    fn values(&self) -> usize {
        match self {
            Self::Object(members) => members.iter().map(|(_, value)| value.values()).sum::<usize>().max(1),
            Self::Array(elements) => elements.iter().map(Self::values).sum::<usize>().max(1),
            Self::Text(_) | Self::Number(_) | Self::Word(_) => 1,
        }
    }

    /// Whether a value contains this one. It reads the text once for each level of the filter.
    fn is_in(&self, text: &str) -> bool {
        match (self, Shape::of(text)) {
            (Self::Object(sought), Shape::Object) => {
                let found = members(text).filter(|(key, value)| {
                    let key = unescaped(key);
                    sought.iter().any(|(other, sought)| *other == key && sought.is_in(value))
                });
                found.take(sought.len()).count() == sought.len()
            }
            (Self::Array(sought), Shape::Array) => {
                let mut missing: Vec<&Self> = sought.iter().collect();
                for element in elements(text) {
                    if missing.is_empty() {
                        break;
                    }
                    missing.retain(|sought| !sought.is_in(element));
                }
                missing.is_empty()
            }
            (Self::Text(sought), Shape::Text) => *sought == unescaped(text),
            (Self::Number(sought), Shape::Number) => *sought == Decimal::of(text),
            (Self::Word(sought), Shape::Word) => sought == text,
            _ => false,
        }
    }
}

/// A number by its value: `1.0` and `10e-1` are equal.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Decimal {
    is_negative: bool,
    /// Without zeros at either end; empty for zero.
    digits: String,
    /// The power of ten of the last digit.
    exponent: i64,
}

impl Decimal {
    fn of(number: &str) -> Self {
        let (number, is_negative) = match number.strip_prefix('-') {
            Some(rest) => (rest, true),
            None => (number, false),
        };
        let (plain, exponent) = number.split_once(['e', 'E']).unwrap_or((number, "0"));
        let (whole, fraction) = plain.split_once('.').unwrap_or((plain, ""));
        let all: Cow<'_, str> =
            if fraction.is_empty() { whole.into() } else { format!("{whole}{fraction}").into() };
        let leading = all.trim_start_matches('0');
        let digits = leading.trim_end_matches('0');
        if digits.is_empty() {
            return Self { is_negative: false, digits: String::new(), exponent: 0 };
        }
        let count = |text: &str| i64::try_from(text.len()).unwrap_or(i64::MAX);
        let exponent: i64 = exponent.parse().unwrap_or_default();
        let exponent = exponent
            .saturating_sub(count(fraction))
            .saturating_add(count(leading).saturating_sub(count(digits)));
        Self { is_negative, digits: digits.to_owned(), exponent }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn filter_over_its_bounds_is_refused_with_what_to_change() {
        let ones = |count: usize| format!("{{\"a\":[{}]}}", vec!["1"; count].join(","));
        let empty = |count: usize| format!("{{\"a\":[{}]}}", vec!["[]"; count].join(","));
        let keys = |count: usize| {
            let keys: Vec<String> = (0..count).map(|key| format!("\"{key}\":{{}}")).collect();
            format!("{{{}}}", keys.join(","))
        };
        for many in [&ones as &dyn Fn(usize) -> String, &empty, &keys] {
            let Err(Refusal::Invalid(sentence)) = Filter::parse(&many(ITEM_FILTER_VALUES_MAX + 1)) else {
                panic!("{} values pass", ITEM_FILTER_VALUES_MAX + 1)
            };
            assert!(sentence.contains("at most 64 values: ask for fewer"), "{sentence}");
            assert!(Filter::parse(&many(ITEM_FILTER_VALUES_MAX)).is_ok());
        }
        let long = |bytes: usize| format!("{{\"a\":\"{}\"}}", "x".repeat(bytes - 8));
        assert!(matches!(Filter::parse(&long(ITEM_FILTER_BYTES_MAX + 1)), Err(Refusal::Invalid(_))));
        assert!(Filter::parse(&long(ITEM_FILTER_BYTES_MAX)).is_ok());
        for text in ["", "1", "[]", "{\"a\":1,\"a\":2}", "{\"a\":\"\\u0000\"}", "{\"a\":1e99999}"] {
            assert!(matches!(Filter::parse(text), Err(Refusal::Invalid(_))), "{text}");
        }
    }

    /// `tests/item.rs` compares this table's rule with PostgreSQL's.
    #[test]
    fn filter_matches_what_contains_it() {
        for (fields, filter, matches) in [
            (r#"{"a":1}"#, r"{}", true),
            (r"{}", r#"{"a":1}"#, false),
            (r#"{"a":1,"b":2}"#, r#"{"b":2}"#, true),
            (r#"{"a":1}"#, r#"{"a":2}"#, false),
            (r#"{"a":1}"#, r#"{"a":"1"}"#, false),
            (r#"{"a":1}"#, r#"{"a":1.0}"#, true),
            (r#"{"a":100}"#, r#"{"a":1e2}"#, true),
            (r#"{"a":0.50}"#, r#"{"a":5E-1}"#, true),
            (r#"{"a":-0}"#, r#"{"a":0}"#, true),
            (r#"{"a":-1}"#, r#"{"a":1}"#, false),
            (r#"{"a":12345678901234567890123}"#, r#"{"a":12345678901234567890124}"#, false),
            (r#"{"a":null}"#, r#"{"a":null}"#, true),
            (r"{}", r#"{"a":null}"#, false),
            (r#"{"a":true}"#, r#"{"a":false}"#, false),
            (r#"{"a":"\u0041"}"#, r#"{"a":"A"}"#, true),
            (r#"{"\u0061":1}"#, r#"{"a":1}"#, true),
            (r#"{"a":["x","y"]}"#, r#"{"a":["y"]}"#, true),
            (r#"{"a":["x","y"]}"#, r#"{"a":["y","x","y"]}"#, true),
            (r#"{"a":["x"]}"#, r#"{"a":["x","y"]}"#, false),
            (r#"{"a":["x"]}"#, r#"{"a":"x"}"#, false),
            (r#"{"a":"x"}"#, r#"{"a":["x"]}"#, false),
            (r#"{"a":["x"]}"#, r#"{"a":[]}"#, true),
            (r#"{"a":{}}"#, r#"{"a":[]}"#, false),
            (r#"{"a":{"b":{"c":1,"d":2}}}"#, r#"{"a":{"b":{"d":2}}}"#, true),
            (r#"{"a":{"b":1}}"#, r#"{"a":{}}"#, true),
            (r#"{"a":[{"b":1},{"c":2}]}"#, r#"{"a":[{"c":2}]}"#, true),
            (r#"{"a":[{"b":1},{"c":2}]}"#, r#"{"a":[{"b":1,"c":2}]}"#, false),
            (r#"{"a":[[1,2],[3]]}"#, r#"{"a":[[3],[2]]}"#, true),
            (r#"{"a":[[1,2],[3]]}"#, r#"{"a":[3]}"#, false),
            (r#"{"a": [1, 2], "b": {"c": 3}}"#, r#"{"b":{"c":3},"a":[2]}"#, true),
        ] {
            assert_eq!(Filter::parse(filter).unwrap().matches(fields), matches, "{fields} {filter}");
        }
    }
}

//! What a test expects and what it got: whether they are equal, and how they differ.

use palisade_test::Row;
use serde_json::{Map, Value};
use similar::{ChangeTag, TextDiff};

/// Whether a value is the expected one. Of an object, only the expected keys are compared, and a key that is missing is null.
pub(super) fn is(value: &Value, expected: &Value) -> bool {
    match (value, expected) {
        (Value::Object(value), Value::Object(expected)) => {
            expected.iter().all(|(key, expected)| is(value.get(key).unwrap_or(&Value::Null), expected))
        }
        (Value::Array(value), Value::Array(expected)) => {
            value.len() == expected.len()
                && value.iter().zip(expected).all(|(value, expected)| is(value, expected))
        }
        // `1` and `1.0` are the same number: a person writes the one for the other.
        (Value::Number(value), Value::Number(expected)) if value.is_f64() != expected.is_f64() => {
            value.as_f64() == expected.as_f64()
        }
        _ => value == expected,
    }
}

/// A value without the keys that are not compared.
fn compared(value: &Value, expected: &Value) -> Value {
    match (value, expected) {
        (Value::Object(value), Value::Object(expected)) => {
            let kept = value
                .iter()
                .filter_map(|(key, value)| Some((key.clone(), compared(value, expected.get(key)?))));
            Value::Object(kept.collect())
        }
        (Value::Array(value), Value::Array(expected)) => {
            let shown = value.iter().enumerate().map(|(index, value)| {
                // An element more than expected is shown whole.
                expected.get(index).map_or_else(|| value.clone(), |expected| compared(value, expected))
            });
            shown.collect()
        }
        // What is equal is written alike.
        _ if is(value, expected) => expected.clone(),
        _ => value.clone(),
    }
}

/// A line of a difference: whether it is expected, is what is there, or is both.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Side {
    Both,
    Expected,
    Got,
}

/// How a value differs from the expected one, line by line.
pub(super) fn difference(value: &Value, expected: &Value) -> Vec<(Side, String)> {
    let (expected, got) = (format!("{expected:#}"), format!("{:#}", compared(value, expected)));
    let diff = TextDiff::from_lines(&expected, &got);
    let line = |change: similar::Change<&str>| {
        let side = match change.tag() {
            ChangeTag::Equal => Side::Both,
            ChangeTag::Delete => Side::Expected,
            ChangeTag::Insert => Side::Got,
        };
        (side, change.value().trim_end_matches('\n').to_owned())
    };
    diff.iter_all_changes().map(line).collect()
}

/// How the rows of a table differ from the expected ones, in any order; `None` if they are equal. Each row may stand for one
/// expected row only, and rows are matched so that as many as possible are.
pub(super) fn rows(stored: &[Row], expected: &[Row]) -> Option<Vec<(Side, String)>> {
    let fits = |expected: &Row, stored: &Row| {
        expected.iter().all(|(key, expected)| is(stored.get(key).unwrap_or(&Value::Null), expected))
    };
    // The expected row that each stored one stands for.
    let mut matched: Vec<Option<usize>> = vec![None; stored.len()];
    for index in 0..expected.len() {
        let mut seen = vec![false; stored.len()];
        place(index, &mut matched, &mut seen, &|index, place| fits(&expected[index], &stored[place]));
    }
    let found: Vec<usize> = matched.iter().flatten().copied().collect();
    if found.len() == expected.len() && found.len() == stored.len() {
        return None;
    }
    let named = |row: &Row| {
        let kept = row.iter().filter(|(key, _)| {
            expected.is_empty() || expected.iter().any(|expected| expected.contains_key(*key))
        });
        Value::Object(kept.map(|(key, value)| (key.clone(), value.clone())).collect::<Map<_, _>>())
            .to_string()
    };
    let mut lines = Vec::new();
    for (index, row) in expected.iter().enumerate() {
        let side = if found.contains(&index) { Side::Both } else { Side::Expected };
        lines.push((side, Value::Object(row.clone()).to_string()));
    }
    for (row, _) in stored.iter().zip(&matched).filter(|(_, matched)| matched.is_none()) {
        lines.push((Side::Got, named(row)));
    }
    Some(lines)
}

/// Finds a stored row for an expected one; a row that stands for another is taken if that one finds a different row.
fn place(
    index: usize,
    matched: &mut [Option<usize>],
    seen: &mut [bool],
    fits: &dyn Fn(usize, usize) -> bool,
) -> bool {
    // An explicit stack: as many rows may move as there are.
    let mut way: Vec<(usize, usize)> = vec![(index, 0)];
    while let Some((index, next)) = way.pop() {
        let candidate = (next..seen.len()).find(|at| !seen[*at] && fits(index, *at));
        let Some(at) = candidate else { continue };
        seen[at] = true;
        way.push((index, at + 1));
        if let Some(other) = matched[at] {
            way.push((other, 0));
            continue;
        }
        // Along the way, each expected row takes the row that it has reached last.
        for (index, after) in way {
            matched[after - 1] = Some(index);
        }
        return true;
    }
    false
}

/// The known name that is nearly this one.
pub(super) fn close<'a>(name: &str, known: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let distance = |other: &&str| strsim::damerau_levenshtein(name, other);
    known.min_by_key(distance).filter(|other| distance(other) <= 2)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn row(value: &Value) -> Row {
        value.as_object().unwrap().clone()
    }

    #[test]
    fn only_expected_keys_of_objects_are_compared() {
        for (value, expected, equal) in [
            (json!({"a": 1, "b": 2}), json!({"a": 1}), true),
            (json!({"a": 1}), json!({"a": 2}), false),
            (json!({"a": 1}), json!({"a": 1, "b": null}), true),
            (json!({"a": 1}), json!({"a": 1, "b": 2}), false),
            (json!([{"a": 1, "b": 2}]), json!([{"a": 1}]), true),
            (json!([1, 2]), json!([1]), false),
            (json!([1, 2]), json!([2, 1]), false),
            (json!([]), json!({}), false),
            (json!(1), json!("1"), false),
            (json!(1.0), json!(1), true),
            (json!(1.5), json!(1), false),
            (json!(u64::MAX), json!(u64::MAX), true),
            (json!(9_007_199_254_740_993_i64), json!(9_007_199_254_740_992_i64), false),
            (json!(null), json!(null), true),
        ] {
            assert_eq!(is(&value, &expected), equal, "{value} {expected}");
        }
    }

    #[test]
    fn difference_shows_expected_and_got_and_not_what_is_not_compared() {
        let lines = difference(&json!({"a": 1, "b": 2, "c": 3}), &json!({"a": 1, "b": 5}));
        let shown: Vec<_> = lines.iter().map(|(side, line)| (*side, line.trim())).collect();
        assert_eq!(
            shown,
            [
                (Side::Both, "{"),
                (Side::Both, "\"a\": 1,"),
                (Side::Expected, "\"b\": 5"),
                (Side::Got, "\"b\": 2"),
                (Side::Both, "}")
            ]
        );
    }

    #[test]
    fn each_row_stands_for_one_expected_row() {
        let stored = [row(&json!({"id": 1, "n": "a"})), row(&json!({"id": 2, "n": "a"}))];
        for (expected, equal) in [
            (vec![json!({"id": 2}), json!({"id": 1})], true),
            // The first may be either row, and must leave the other its own.
            (vec![json!({"n": "a"}), json!({"id": 1})], true),
            (vec![json!({"n": "a"}), json!({"id": 2})], true),
            (vec![json!({}), json!({})], true),
            (vec![json!({"id": 1}), json!({"id": 1})], false),
            (vec![json!({"id": 1})], false),
            (vec![json!({}), json!({}), json!({})], false),
            (vec![], false),
        ] {
            let expected: Vec<Row> = expected.iter().map(row).collect();
            assert_eq!(rows(&stored, &expected).is_none(), equal, "{expected:?}");
        }
        assert!(rows(&[], &[]).is_none());
        let lines = rows(&stored, &[row(&json!({"id": 1})), row(&json!({"id": 3}))]).unwrap();
        let side = |line: &str| lines.iter().find(|(_, shown)| shown == line).map(|(side, _)| *side);
        assert_eq!(side("{\"id\":1}"), Some(Side::Both));
        assert_eq!(side("{\"id\":3}"), Some(Side::Expected));
        assert_eq!(side("{\"id\":2}"), Some(Side::Got));
    }

    #[test]
    fn rows_that_can_be_matched_by_moving_all_others_are() {
        // The expected row k fits the rows k and k + 1, and the last one fits row 0 alone, so that all others move.
        let most = palisade_guard::limits::TEST_ROWS_MAX;
        let key = |number: usize| format!("p{number}");
        let stored: Vec<Row> = (0..most).map(|k| row(&json!({ key(k): 1, key(k + 1): 1 }))).collect();
        let mut expected: Vec<Row> = (1..most).map(|k| row(&json!({ key(k): 1 }))).collect();
        expected.push(row(&json!({ key(0): 1 })));
        assert!(rows(&stored, &expected).is_none());
        expected[0] = row(&json!({ key(0): 1 }));
        assert!(rows(&stored, &expected).is_some(), "one row has two claims");
    }

    #[test]
    fn name_is_close_if_two_letters_differ() {
        assert_eq!(close("entris", ["entries", "tags"].into_iter()), Some("entries"));
        assert_eq!(close("something", ["entries", "tags"].into_iter()), None);
        assert_eq!(close("a", std::iter::empty()), None);
    }
}

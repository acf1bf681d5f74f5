//! An item's fields: JSON text within the bounds of `wit/item.wit`, and never a tree.

use crate::json::text::{self, Shape, members, unescaped};
use crate::ledger::{Exceeded, Usage};
use crate::limits::{ITEM_FIELDS_DEPTH_MAX, JSON_BYTES_MAX, Limit, Limits};
use crate::refusal::Refusal;
use serde_json::Value;
use std::borrow::Cow;
use std::collections::HashMap;

/// An item's fields: the text of one JSON object, without white space between its tokens. Numbers, strings and the order of the
/// keys are as they were sent.
///
/// Whoever made the text, a caller, a guest, a tap or an import, it has passed the same checks: size, nesting, the digits of each
/// number, no key twice in an object, no NUL. Only what a store returns is [taken as it is](Self::stored).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fields(String);

impl Fields {
    /// No fields at all.
    pub fn empty() -> Self {
        Self("{}".to_owned())
    }

    /// Parses JSON text.
    pub fn parse(text: &str, limits: &Limits) -> Result<Self, Refusal> {
        if text.len() > JSON_BYTES_MAX {
            let (used, max) = (text.len() as u64, limits.get(Limit::ItemFieldsBytes));
            return Err(Exceeded(Usage { limit: Limit::ItemFieldsBytes, used, max }).into());
        }
        let fields = Self(object(text)?);
        limits.check(Limit::ItemFieldsBytes, fields.0.len() as u64)?;
        Ok(fields)
    }

    /// Checks a JSON value, except for its size. A float may have lost digits before it became a value: prefer
    /// [`parse`](Self::parse) for what somebody sent.
    #[allow(clippy::needless_pass_by_value, reason = "callers make the value for this call")]
    pub fn from_value(value: Value) -> Result<Self, Refusal> {
        object(&value.to_string()).map(Self)
    }

    /// Takes the text of a JSON object that a store has checked. It may exceed what [`parse`](Self::parse) allows: an item that
    /// another program wrote is shown and not hidden.
    pub fn stored(text: String) -> Result<Self, Refusal> {
        if Shape::of(&text) == Shape::Object {
            return Ok(Self(text));
        }
        Err(Refusal::internal("the fields of a stored item are no JSON object"))
    }

    /// Applies a JSON merge patch (RFC 7396) to these fields.
    pub fn patched(self, patch: &Self, limits: &Limits) -> Result<Self, Refusal> {
        let mut merged = String::with_capacity(self.0.len().saturating_add(patch.0.len()));
        merge(&self.0, &patch.0, &mut merged);
        // Both may be within bounds that their merger exceeds, and stored fields may be over them.
        Self::parse(&merged, limits)
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The text.
    pub fn into_string(self) -> String {
        self.0
    }

    /// The text of the value under a key.
    pub fn get(&self, key: &str) -> Option<&str> {
        members(&self.0).find(|(other, _)| unescaped(other) == key).map(|(_, value)| value)
    }

    /// The fields as a JSON value: a tree, in which a number with a fraction or over 64 bits is the nearest float.
    pub fn to_value(&self) -> Value {
        serde_json::from_str(&self.0).unwrap_or_default()
    }
}

/// Checks the text of a JSON object.
pub(super) fn object(text: &str) -> Result<String, Refusal> {
    let text = text::compact(text, ITEM_FIELDS_DEPTH_MAX)
        .map_err(|malformed| Refusal::Invalid(format!("fields: {malformed}")))?;
    if Shape::of(&text) == Shape::Object {
        return Ok(text);
    }
    Err(Refusal::Invalid("fields: give a JSON object".into()))
}

/// Writes `target` as `patch` changes it. Only objects are merged; the recursion is as deep as the patch.
fn merge(target: &str, patch: &str, merged: &mut String) {
    let mut changes: HashMap<Cow<'_, str>, (&str, &str)> =
        members(patch).map(|(key, change)| (unescaped(key), (key, change))).collect();
    merged.push('{');
    let mut is_first = true;
    for (key, old) in members(target) {
        match changes.remove(&unescaped(key)) {
            None => {
                begin(key, &mut is_first, merged);
                merged.push_str(old);
            }
            Some((_, change)) => replace(key, old, change, &mut is_first, merged),
        }
    }
    // In the order of the patch.
    for (key, change) in members(patch) {
        if changes.contains_key(&unescaped(key)) {
            replace(key, "{}", change, &mut is_first, merged);
        }
    }
    merged.push('}');
}

fn replace(key: &str, old: &str, change: &str, is_first: &mut bool, merged: &mut String) {
    if change == "null" {
        return;
    }
    begin(key, is_first, merged);
    match Shape::of(change) {
        Shape::Object if Shape::of(old) == Shape::Object => merge(old, change, merged),
        Shape::Object => merge("{}", change, merged),
        _ => merged.push_str(change),
    }
}

fn begin(key: &str, is_first: &mut bool, merged: &mut String) {
    if !std::mem::take(is_first) {
        merged.push(',');
    }
    merged.push_str(key);
    merged.push(':');
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::limits::ITEM_FIELDS_BYTES_MAX;
    use proptest::prelude::*;
    use serde_json::Map;

    fn fields(text: &str) -> Result<Fields, Refusal> {
        Fields::parse(text, &Limits::default())
    }

    fn largest() -> usize {
        usize::try_from(ITEM_FIELDS_BYTES_MAX).unwrap()
    }

    #[test]
    fn fields_that_are_no_object_or_over_a_limit_are_refused() {
        let deep =
            format!("{{\"a\":{}{}}}", "[".repeat(ITEM_FIELDS_DEPTH_MAX), "]".repeat(ITEM_FIELDS_DEPTH_MAX));
        let very_deep = format!("{{\"a\":{}", "[".repeat(100_000));
        for text in [
            "",
            "[]",
            "1",
            "null",
            "{",
            "{\"a\":\"\\u0000\"}",
            "{\"\\u0000\":1}",
            "{\"status\":\"a\",\"status\":\"b\"}",
            "{\"a\":[{\"b\":1,\"\\u0062\":2}]}",
            "{\"a\":1e200000}",
            &deep,
            &very_deep,
        ] {
            assert!(matches!(fields(text), Err(Refusal::Invalid(_))), "{text:.40}");
        }
        let large = format!("{{\"a\":\"{}\"}}", "x".repeat(largest()));
        let huge = format!("{{\"a\":\"{}\"}}", "x".repeat(JSON_BYTES_MAX));
        for text in [large, huge] {
            assert!(matches!(fields(&text), Err(Refusal::Exceeded(_))));
        }
    }

    #[test]
    fn fields_at_their_limits_are_accepted() {
        let levels = ITEM_FIELDS_DEPTH_MAX - 1;
        let deep = format!("{{\"a\":{}{}}}", "[".repeat(levels), "]".repeat(levels));
        assert!(fields(&deep).is_ok());
        let large = format!("{{\"a\":\"{}\"}}", "x".repeat(largest() - 8));
        assert!(fields(&large).is_ok());
        // White space does not count.
        assert_eq!(fields(&large.replace("{\"a\":", "\n{ \"a\" : ")).unwrap().as_str(), large);
    }

    #[test]
    fn numbers_strings_and_order_stay_as_they_were_sent() {
        let text = r#"{"n":12345678901234567890123,"price":123456789012345.678901,"e":1e308,"b":"\u00e9\/","a":-0.0}"#;
        assert_eq!(fields(text).unwrap().into_string(), text);
    }

    #[test]
    fn patched_fields_at_their_limit_are_accepted_and_over_it_refused() {
        let filled = |bytes: usize| fields(&format!("{{\"b\":\"{}\"}}", "x".repeat(bytes))).unwrap();
        // `{"a":1,"b":""}` has 14 bytes.
        let room = largest() - 14;
        let old = || fields("{\"a\":1}").unwrap();
        assert!(matches!(old().patched(&filled(room + 1), &Limits::default()), Err(Refusal::Exceeded(_))));
        assert!(old().patched(&filled(room), &Limits::default()).is_ok());
    }

    #[test]
    fn merge_patch_follows_rfc_7396() {
        for (old, patch, new) in [
            (r#"{"a":"b"}"#, r#"{"a":"c"}"#, r#"{"a":"c"}"#),
            (r#"{"a":"b"}"#, r#"{"b":"c"}"#, r#"{"a":"b","b":"c"}"#),
            (r#"{"a":"b","b":"c"}"#, r#"{"a":null}"#, r#"{"b":"c"}"#),
            (r#"{"a":["b"]}"#, r#"{"a":"c"}"#, r#"{"a":"c"}"#),
            (r#"{"a":"c"}"#, r#"{"a":["b",null]}"#, r#"{"a":["b",null]}"#),
            (r#"{"a":{"b":"c"}}"#, r#"{"a":{"b":"d","c":null}}"#, r#"{"a":{"b":"d"}}"#),
            (r#"{"e":null}"#, r#"{"a":1}"#, r#"{"e":null,"a":1}"#),
            (r"{}", r#"{"a":{"bb":{"ccc":null}}}"#, r#"{"a":{"bb":{}}}"#),
            (r#"{"a":1}"#, r#"{"a":{"b":null,"c":2}}"#, r#"{"a":{"c":2}}"#),
            (r#"{"a":1}"#, r#"{"\u0061":2}"#, r#"{"a":2}"#),
            (
                r#"{"z":1.10,"a":12345678901234567890123}"#,
                r#"{"m":2}"#,
                r#"{"z":1.10,"a":12345678901234567890123,"m":2}"#,
            ),
        ] {
            let patched = fields(old).unwrap().patched(&fields(patch).unwrap(), &Limits::default()).unwrap();
            assert_eq!(patched.as_str(), new, "{old} {patch}");
        }
        // As PostgreSQL prints what was `jsonb` before.
        let stored = Fields::stored(r#"{"a": {"b": 1, "c": 2}, "d": [1, 2]}"#.into()).unwrap();
        let patched = stored.patched(&fields(r#"{"a":{"b":null}}"#).unwrap(), &Limits::default()).unwrap();
        assert_eq!(patched.as_str(), r#"{"a":{"c":2},"d":[1,2]}"#);
    }

    /// RFC 7396 as it is written there, on trees.
    fn patched_tree(target: Value, patch: &Value) -> Value {
        let Value::Object(changes) = patch else { return patch.clone() };
        let mut members = if let Value::Object(members) = target { members } else { Map::new() };
        for (key, change) in changes {
            if change.is_null() {
                members.remove(key);
            } else {
                let old = members.remove(key).unwrap_or_default();
                members.insert(key.clone(), patched_tree(old, change));
            }
        }
        Value::Object(members)
    }

    fn trees() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<i8>().prop_map(Value::from),
            "[a\"\\\\,}]{0,3}".prop_map(Value::from)
        ];
        leaf.prop_recursive(4, 24, 4, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
                prop::collection::btree_map("[abc\"]{1,2}", inner, 0..4)
                    .prop_map(|members| Value::Object(members.into_iter().collect())),
            ]
        })
    }

    fn objects() -> impl Strategy<Value = Value> {
        prop::collection::btree_map("[abc\"]{1,2}", trees(), 0..4)
            .prop_map(|members| Value::Object(members.into_iter().collect()))
    }

    proptest! {
        #[test]
        fn merge_of_texts_is_the_merge_of_their_trees(old in objects(), patch in objects()) {
            let text = |tree: &Value| fields(&tree.to_string()).unwrap();
            let patched = text(&old).patched(&text(&patch), &Limits::default()).unwrap();
            prop_assert_eq!(patched.to_value(), patched_tree(old, &patch));
        }
    }
}

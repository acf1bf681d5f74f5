//! A JSON parser with limits that a general parser does not have.
//!
//! `serde_json`'s own parser for `Value` does not do: of two equal keys it keeps the last, while another parser in
//! front of the host may keep the first; it does not limit the number of values, and it allows 128 levels of nesting.
//! What the host only passes on is not parsed at all and stays [`text`].

pub mod text;

use crate::limits::{
    JSON_BYTES_MAX, JSON_DEPTH_MAX, JSON_NODE_BYTES, JSON_VALUE_HELD_BYTES, JSON_VALUES_MAX,
};
use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Value};
use std::fmt;

/// The error for text that is not JSON within the limits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NotJson {
    /// What the parser found instead.
    pub found: String,
}

impl NotJson {
    /// The limits of JSON text, as a sentence.
    pub fn rule() -> String {
        format!("at most {JSON_BYTES_MAX} bytes, {JSON_VALUES_MAX} values and {JSON_DEPTH_MAX} levels")
    }
}

/// Parses JSON text of at most [`JSON_BYTES_MAX`] bytes, [`JSON_VALUES_MAX`] values and [`JSON_DEPTH_MAX`] levels.
/// Refuses an object that contains a key twice.
pub fn parse(text: &[u8]) -> Result<Value, NotJson> {
    if text.len() > JSON_BYTES_MAX {
        return Err(NotJson { found: format!("{} bytes", text.len()) });
    }
    let mut values = 0;
    let mut deserializer = serde_json::Deserializer::from_slice(text);
    Node { depth: 0, values: &mut values }
        .deserialize(&mut deserializer)
        .and_then(|value| deserializer.end().map(|()| value))
        .map_err(|error| NotJson { found: format!("text that is not: {error}") })
}

/// Bytes that [`parse`] makes of a text, at most: found in one pass over it that keeps nothing, so that they can be reserved first.
/// Text that is not JSON counts as well.
pub fn held(text: &[u8]) -> u64 {
    let (mut values, mut objects) = (1_u64, 0_u64);
    let mut rest = text.iter();
    while let Some(byte) = rest.next() {
        match byte {
            // What is in a string ends no value, and an escaped quote does not end the string.
            b'"' => {
                while let Some(byte) = rest.next().filter(|byte| **byte != b'"') {
                    if *byte == b'\\' {
                        rest.next();
                    }
                }
            }
            b',' | b':' => values = values.saturating_add(1),
            // Its first element, and room for more.
            b'[' => values = values.saturating_add(2),
            b'{' => objects = objects.saturating_add(1),
            _ => {}
        }
    }
    let nodes = values.saturating_mul(JSON_VALUE_HELD_BYTES);
    nodes.saturating_add(objects.saturating_mul(JSON_NODE_BYTES as u64)).saturating_add(text.len() as u64)
}

struct Node<'a> {
    /// The number of arrays and objects around this value.
    depth: usize,
    /// The number of values read so far.
    values: &'a mut usize,
}

impl Node<'_> {
    fn enter<E: Error>(&self) -> Result<usize, E> {
        let depth = self.depth.saturating_add(1);
        if depth > JSON_DEPTH_MAX {
            return Err(E::custom(format_args!("nested over {JSON_DEPTH_MAX} levels")));
        }
        Ok(depth)
    }
}

impl<'de> DeserializeSeed<'de> for Node<'_> {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        *self.values = self.values.saturating_add(1);
        if *self.values > JSON_VALUES_MAX {
            return Err(Error::custom(format_args!("over {JSON_VALUES_MAX} values")));
        }
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Node<'_> {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, v: bool) -> Result<Value, E> {
        Ok(Value::Bool(v))
    }

    fn visit_i64<E>(self, v: i64) -> Result<Value, E> {
        Ok(Value::from(v))
    }

    fn visit_u64<E>(self, v: u64) -> Result<Value, E> {
        Ok(Value::from(v))
    }

    fn visit_f64<E>(self, v: f64) -> Result<Value, E> {
        Ok(Value::from(v))
    }

    fn visit_str<E>(self, v: &str) -> Result<Value, E> {
        Ok(Value::String(v.to_owned()))
    }

    fn visit_string<E>(self, v: String) -> Result<Value, E> {
        Ok(Value::String(v))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut array: A) -> Result<Value, A::Error> {
        let depth = self.enter()?;
        let mut elements = Vec::new();
        while let Some(element) = array.next_element_seed(Node { depth, values: self.values })? {
            elements.push(element);
        }
        Ok(Value::Array(elements))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut object: A) -> Result<Value, A::Error> {
        let depth = self.enter()?;
        let mut members = Map::new();
        while let Some(key) = object.next_key::<String>()? {
            if members.contains_key(&key) {
                return Err(A::Error::custom("the same key twice in one object"));
            }
            members.insert(key, object.next_value_seed(Node { depth, values: self.values })?);
        }
        Ok(Value::Object(members))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn malformed_json_is_rejected() {
        for (text, why) in [
            (&b""[..], "EOF"),
            (b"{", "EOF"),
            (b"{} {}", "trailing characters"),
            (b"\xff", "expected value"),
            (b"\"\xff\"", "invalid unicode"),
            (br#"{"x": "\ud800"}"#, "hex escape"),
            (br#"{"x": "\ud800\u0041"}"#, "surrogate"),
            (b"NaN", "expected"),
            (b"1e999", "out of range"),
            (br#"{"x": 1, "x": 2}"#, "the same key twice"),
            (br#"{"x": 1, "\u0078": 2}"#, "the same key twice"),
        ] {
            let refusal = parse(text).unwrap_err();
            assert!(refusal.found.contains(why), "{} should say {why}", refusal.found);
        }
    }

    /// Bytes that a value holds, as the allocator gives them: of a size that is a multiple of 16, with 8 for itself. A list's room
    /// is the next power of two, and a map's nodes have room for eleven members, of which half may be empty.
    fn measured(value: &Value) -> u64 {
        let block = |bytes: u64| if bytes == 0 { 0 } else { (bytes + 8).next_multiple_of(16).max(32) };
        let slot = size_of::<Value>() as u64;
        match value {
            Value::String(text) => block(text.capacity() as u64),
            Value::Array(values) => {
                block(values.capacity() as u64 * slot) + values.iter().map(measured).sum::<u64>()
            }
            Value::Object(members) => {
                let leaf = block(11 * (slot + size_of::<String>() as u64) + 16);
                let inner = block(11 * (slot + size_of::<String>() as u64) + 16 + 12 * 8);
                let leaves = (members.len() as u64).div_ceil(5).max(u64::from(!members.is_empty()));
                let nodes = leaves * leaf + (leaves - leaves.min(1)).div_ceil(4) * inner;
                nodes
                    + members
                        .iter()
                        .map(|(key, value)| block(key.capacity() as u64) + measured(value))
                        .sum::<u64>()
            }
            _ => 0,
        }
    }

    #[test]
    fn held_bytes_are_at_least_what_the_tree_takes() {
        let many =
            |open: &str, one: &str, close: &str| format!("{open}{}{close}", vec![one; 5_000].join(","));
        let mut keys: Vec<String> = (0..5_000).map(|number| format!("\"{number:05}\":0")).collect();
        let ascending = format!("{{{}}}", keys.join(","));
        keys.reverse();
        let descending = format!("{{{}}}", keys.join(","));
        for text in [
            many("[", "0", "]"),
            many("[", "\"\"", "]"),
            many("[", "\"a\"", "]"),
            many("[", "[]", "]"),
            many("[", "[0]", "]"),
            many("[", "[0,0,0,0,0]", "]"),
            many("[", "{}", "]"),
            many("[", r#"{"":0}"#, "]"),
            many("[", r#"{"a":"b"}"#, "]"),
            many("[", r#"{"a":{"b":[{"c":"d"}]}}"#, "]"),
            many("{\"a\":[", r#""\"{[,:""#, "]}"),
            ascending,
            descending,
            format!("\"{}\"", "x".repeat(10_000)),
            "0".to_owned(),
            "{}".to_owned(),
            [b"["[..].repeat(64), b"]"[..].repeat(64)]
                .concat()
                .iter()
                .map(|byte| char::from(*byte))
                .collect(),
        ] {
            let (held, measured) = (held(text.as_bytes()), measured(&parse(text.as_bytes()).unwrap()));
            assert!(held >= measured, "{text:.60}: {held} for {measured}");
        }
        // Punctuation in a text is no value.
        let prose = format!("\"{}\"", ", [:{".repeat(1_000));
        assert!(held(prose.as_bytes()) < 2 * prose.len() as u64);
        for text in [&b"\""[..], b"\"\\", b"", b"\\", b"[[[[", b"{{{"] {
            assert!(held(text) < 4_096, "{text:?}");
        }
    }

    #[test]
    fn private_token_of_serde_json_is_plain_data() {
        let text = br#"{"$serde_json::private::RawValue": "[1]"}"#;
        assert_eq!(parse(text).unwrap(), json!({"$serde_json::private::RawValue": "[1]"}));
    }

    #[test]
    fn text_at_its_limits_is_accepted_and_over_them_refused() {
        let nested = |depth| [b"[".repeat(depth), b"]".repeat(depth)].concat();
        assert!(parse(&nested(JSON_DEPTH_MAX)).is_ok());
        assert!(parse(&nested(JSON_DEPTH_MAX + 1)).unwrap_err().found.contains("nested over 64"));
        assert!(parse(&nested(100_000)).is_err());

        let zeros = |count: usize| [b"[0".as_slice(), &b",0".repeat(count - 2), b"]"].concat();
        assert!(parse(&zeros(JSON_VALUES_MAX)).is_ok());
        assert!(parse(&zeros(JSON_VALUES_MAX + 1)).unwrap_err().found.contains("over 250000 values"));

        let string = |len: usize| [b"\"".as_slice(), &b"a".repeat(len - 2), b"\""].concat();
        assert!(parse(&string(JSON_BYTES_MAX)).is_ok());
        assert_eq!(parse(&string(JSON_BYTES_MAX + 1)).unwrap_err().found, "4194305 bytes");
    }
}

//! A JSON parser with limits that a general parser does not have.
//!
//! `serde_json`'s own parser for `Value` does not do: of two equal keys it keeps the last, while another parser in
//! front of the host may keep the first; it does not limit the number of values, and it allows 128 levels of nesting.
//! What the host only passes on is not parsed at all and stays [`text`].

pub mod text;

use crate::limits::{JSON_BYTES_MAX, JSON_DEPTH_MAX, JSON_VALUES_MAX};
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

//! JSON text as a value, with the caps that a general parser does not have.
//!
//! Not `serde_json`'s own `Value` parsing: that keeps the last of two equal keys, which another parser in front of the
//! host may read otherwise, and bounds neither the number of values nor, below 128, their depth.

use super::refusal::BadArgument;
use crate::limits::{JSON_BYTES_MAX, JSON_DEPTH_MAX, JSON_VALUES_MAX};
use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Value};
use std::fmt;

/// Parses JSON text of at most [`JSON_BYTES_MAX`] bytes, [`JSON_VALUES_MAX`] values and [`JSON_DEPTH_MAX`] levels.
/// An object that names a key twice is refused.
pub fn parse(text: &[u8]) -> Result<Value, BadArgument> {
    let refused = |found: String| BadArgument {
        path: "$".into(),
        expected: "JSON".into(),
        rule: Some(format!(
            "at most {JSON_BYTES_MAX} bytes, {JSON_VALUES_MAX} values and {JSON_DEPTH_MAX} levels"
        )),
        found,
    };
    if text.len() > JSON_BYTES_MAX {
        return Err(refused(format!("{} bytes", text.len())));
    }
    let mut values = 0;
    let mut deserializer = serde_json::Deserializer::from_slice(text);
    Node { depth: 0, values: &mut values }
        .deserialize(&mut deserializer)
        .and_then(|value| deserializer.end().map(|()| value))
        .map_err(|error| refused(format!("text that is not: {error}")))
}

struct Node<'a> {
    /// Arrays and objects around this value.
    depth: usize,
    /// Values read so far.
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

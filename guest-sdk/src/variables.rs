//! The plugin's settings: typed, persistent, and declared with defaults in its manifest.
//!
//! ```
//! # fn f() -> Result<(), palisade_sdk::Error> {
//! use palisade_sdk::variables;
//!
//! let page_size: i64 = variables::get("page-size")?;
//! variables::set("site-name", "Notes")?;
//! # Ok(()) }
//! ```

pub use crate::raw::variables::{Error, Value};

use crate::raw::{variables as raw, variables_write as raw_write};

/// Returns the value of the variable `name`: the value last set, else its default from the manifest. A value that is
/// not a `T` is `InvalidArgument`; use [`Value`] as `T` to accept every type.
pub fn get<T: FromValue>(name: &str) -> Result<T, Error> {
    let value = raw::get(name)?;
    let declared = type_name(&value);
    T::from_value(value)
        .ok_or_else(|| Error::InvalidArgument(format!("`{name}` is declared as {declared}, not {}", T::TYPE)))
}

/// Sets the variable `name` to `value`. A value that is not of the declared type is `invalid-argument`.
pub fn set(name: &str, value: impl Into<Value>) -> Result<(), Error> {
    raw_write::set(name, &value.into())
}

/// Resets the variable `name` to its default from the manifest. Returns `ok` also when no value was set.
pub fn unset(name: &str) -> Result<(), Error> {
    raw_write::unset(name)
}

/// A Rust type that can represent the value of a variable.
pub trait FromValue: Sized {
    /// The name of the type in manifests.
    const TYPE: &'static str;
    /// Converts the value, or returns `None` when it has another type.
    fn from_value(value: Value) -> Option<Self>;
}

fn type_name(value: &Value) -> &'static str {
    match value {
        Value::Boolean(_) => bool::TYPE,
        Value::Integer(_) => i64::TYPE,
        Value::Number(_) => f64::TYPE,
        Value::Text(_) => String::TYPE,
    }
}

impl FromValue for Value {
    const TYPE: &'static str = "any";
    fn from_value(value: Value) -> Option<Self> {
        Some(value)
    }
}

macro_rules! types {
    ($($type:ty, $case:ident, $name:literal;)*) => {$(
        impl FromValue for $type {
            const TYPE: &'static str = $name;
            fn from_value(value: Value) -> Option<Self> {
                match value {
                    Value::$case(value) => Some(value),
                    _ => None,
                }
            }
        }

        impl From<$type> for Value {
            fn from(value: $type) -> Self {
                Self::$case(value)
            }
        }
    )*};
}

types! {
    bool, Boolean, "boolean";
    i64, Integer, "integer";
    f64, Number, "number";
    String, Text, "text";
}

impl From<&str> for Value {
    fn from(value: &str) -> Self {
        Self::Text(value.to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn from_value_of_another_type_is_none() {
        assert_eq!(bool::from_value(Value::Integer(1)), None);
        assert_eq!(i64::from_value(Value::Number(1.0)), None);
        assert_eq!(f64::from_value(Value::Integer(1)), None);
        assert_eq!(String::from_value(Value::Boolean(true)), None);
    }

    #[test]
    fn from_value_of_the_same_type_is_the_value() {
        assert_eq!(bool::from_value(true.into()), Some(true));
        assert_eq!(i64::from_value(i64::MIN.into()), Some(i64::MIN));
        assert_eq!(f64::from_value(0.5.into()), Some(0.5));
        assert_eq!(String::from_value("a".into()), Some("a".to_owned()));
        assert_eq!(Value::from_value("a".into()), Some(Value::Text("a".to_owned())));
    }
}

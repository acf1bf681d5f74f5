//! Conversions between Rust types and values, and types for the kinds of value that Rust has no type for.

use crate::clock::Instant;
use crate::raw::db::{Interval, Scalar, Value};

/// Defines a type for a kind of value that Rust has no type for.
macro_rules! newtypes {
    ($($(#[$doc:meta])* $name:ident($inner:ty),)*) => {$(
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub struct $name(pub $inner);

        impl From<$name> for Scalar {
            fn from(value: $name) -> Self {
                Self::$name(value.0)
            }
        }
    )*};
}

newtypes! {
    /// `numeric`: an optional `-`, digits, and optionally `.` and digits; or `NaN`, `Infinity`, `-Infinity`.
    Numeric(String),
    /// `uuid`: 36 characters, hexadecimal and `-`; lower case when read.
    Uuid(String),
    /// `json` or `jsonb`: JSON text.
    Json(String),
    /// `inet` or `cidr`: an address, followed by `/` and the prefix length unless the prefix is the whole address.
    Inet(String),
    /// `date`: days since 1970-01-01.
    Date(i32),
    /// `time`: microseconds since midnight.
    Time(u64),
    /// `timestamp`: microseconds since 1970-01-01T00:00:00 in no time zone.
    Timestamp(i64),
    /// `timestamptz`: microseconds since 1970-01-01T00:00:00Z.
    Timestamptz(Instant),
}

/// Implements the conversion into a scalar.
macro_rules! into_scalar {
    ($($type:ty, $value:ident => $scalar:expr;)*) => {$(
        impl From<$type> for Scalar {
            fn from($value: $type) -> Self {
                $scalar
            }
        }
    )*};
}

into_scalar! {
    bool, value => Self::Boolean(value);
    i16, value => Self::Integer(value.into());
    i32, value => Self::Integer(value.into());
    u32, value => Self::Integer(value.into());
    i64, value => Self::Integer(value);
    f32, value => Self::Float(value.into());
    f64, value => Self::Float(value);
    &str, value => Self::Text(value.to_owned());
    &String, value => Self::Text(value.clone());
    String, value => Self::Text(value);
    &[u8], value => Self::Bytes(value.to_vec());
    Vec<u8>, value => Self::Bytes(value);
    Interval, value => Self::Interval(value);
}

/// Builds the parameters of a statement, or the values of a row: `params![5, "text", None::<i64>]`.
#[macro_export]
macro_rules! params {
    ($($value:expr),* $(,)?) => {
        ::std::vec![$($crate::db::Value::from($value)),*]
    };
}

impl<T: Into<Scalar>> From<T> for Value {
    fn from(value: T) -> Self {
        Self::Scalar(value.into())
    }
}

impl<T: Into<Scalar>> From<Option<T>> for Scalar {
    fn from(value: Option<T>) -> Self {
        value.map_or(Self::Null, Into::into)
    }
}

impl Value {
    /// Builds an array of values of one type, possibly with nulls.
    pub fn array<T: Into<Scalar>>(values: impl IntoIterator<Item = T>) -> Self {
        Self::Array(values.into_iter().map(Into::into).collect())
    }

    /// Returns SQL NULL.
    pub fn null() -> Self {
        Self::Scalar(Scalar::Null)
    }

    /// Returns the database's name for the kind of value.
    pub(super) fn kind(&self) -> &'static str {
        match self {
            Self::Array(_) => "array",
            Self::Scalar(scalar) => match scalar {
                Scalar::Null => "null",
                Scalar::Boolean(_) => "boolean",
                Scalar::Integer(_) => "an integer",
                Scalar::Float(_) => "double precision",
                Scalar::Numeric(_) => "numeric",
                Scalar::Text(_) => "text",
                Scalar::Bytes(_) => "bytea",
                Scalar::Uuid(_) => "uuid",
                Scalar::Date(_) => "date",
                Scalar::Time(_) => "time",
                Scalar::Timestamp(_) => "timestamp",
                Scalar::Timestamptz(_) => "timestamptz",
                Scalar::Interval(_) => "interval",
                Scalar::Json(_) => "json",
                Scalar::Inet(_) => "inet",
            },
        }
    }
}

/// A Rust type that can represent a value. Not `TryFrom<Value>`: the standard library implements that trait for
/// `Option` already, in a way that never maps a null to `None`.
pub trait FromValue: Sized {
    /// The database's name for the type.
    const TYPE: &'static str;
    /// Converts the value, or returns `None` when it is not a `Self`.
    fn from_value(value: Value) -> Option<Self>;
}

impl FromValue for Value {
    const TYPE: &'static str = "any type";
    fn from_value(value: Value) -> Option<Self> {
        Some(value)
    }
}

impl<T: FromValue> FromValue for Option<T> {
    const TYPE: &'static str = T::TYPE;
    fn from_value(value: Value) -> Option<Self> {
        match value {
            Value::Scalar(Scalar::Null) => Some(None),
            value => T::from_value(value).map(Some),
        }
    }
}

impl<T: FromValue> FromValue for Vec<T> {
    const TYPE: &'static str = "array";
    fn from_value(value: Value) -> Option<Self> {
        match value {
            Value::Array(values) => {
                values.into_iter().map(|value| T::from_value(Value::Scalar(value))).collect()
            }
            Value::Scalar(_) => None,
        }
    }
}

/// Implements the conversion from a value.
macro_rules! from_value {
    ($($type:ty, $name:literal, $pattern:pat => $value:expr;)*) => {$(
        impl FromValue for $type {
            const TYPE: &'static str = $name;
            fn from_value(value: Value) -> Option<Self> {
                let Value::Scalar(scalar) = value else { return None };
                match scalar {
                    $pattern => $value,
                    _ => None,
                }
            }
        }
    )*};
}

from_value! {
    bool, "boolean", Scalar::Boolean(value) => Some(value);
    i16, "smallint", Scalar::Integer(value) => value.try_into().ok();
    i32, "integer", Scalar::Integer(value) => value.try_into().ok();
    u32, "an unsigned 32-bit integer", Scalar::Integer(value) => value.try_into().ok();
    u64, "an unsigned integer", Scalar::Integer(value) => value.try_into().ok();
    i64, "bigint", Scalar::Integer(value) => Some(value);
    f64, "double precision", Scalar::Float(value) => Some(value);
    String, "text", Scalar::Text(value) | Scalar::Uuid(value) | Scalar::Numeric(value) | Scalar::Json(value)
        | Scalar::Inet(value) => Some(value);
    Vec<u8>, "bytea", Scalar::Bytes(value) => Some(value);
    Numeric, "numeric", Scalar::Numeric(value) => Some(Self(value));
    Uuid, "uuid", Scalar::Uuid(value) => Some(Self(value));
    Json, "json", Scalar::Json(value) => Some(Self(value));
    Inet, "inet", Scalar::Inet(value) => Some(Self(value));
    Date, "date", Scalar::Date(value) => Some(Self(value));
    Time, "time", Scalar::Time(value) => Some(Self(value));
    Timestamp, "timestamp", Scalar::Timestamp(value) => Some(Self(value));
    Timestamptz, "timestamptz", Scalar::Timestamptz(value) => Some(Self(value));
    Interval, "interval", Scalar::Interval(value) => Some(value);
}

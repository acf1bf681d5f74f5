//! Conversions between Rust's types and values, and types for what Rust has none of.

use super::{FromValue, Interval, Scalar, Value};
use crate::clock::Instant;

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
    /// `inet` or `cidr`: an address, with `/` and the prefix length unless it is the whole address.
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

/// Implements the way into a scalar.
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
    /// An array of values of one type, possibly with nulls.
    pub fn array<T: Into<Scalar>>(values: impl IntoIterator<Item = T>) -> Self {
        Self::Array(values.into_iter().map(Into::into).collect())
    }

    /// SQL NULL.
    pub fn null() -> Self {
        Self::Scalar(Scalar::Null)
    }

    /// The database's name of the kind of value.
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

/// Implements the way out of a value.
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
    u32, "an integer of 32 bits without sign", Scalar::Integer(value) => value.try_into().ok();
    u64, "an integer without sign", Scalar::Integer(value) => value.try_into().ok();
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::db::{Error, Row};
    use crate::params;

    fn read<T: FromValue>(value: impl Into<Value>) -> Result<T, Error> {
        Row::new(["v".to_owned()].into(), vec![value.into()]).get("v")
    }

    #[test]
    fn get_of_what_a_type_cannot_hold_is_invalid_argument() {
        let refused: [Option<Error>; 7] = [
            read::<i64>(None::<i64>).err(),
            read::<i16>(i64::from(i16::MAX) + 1).err(),
            read::<u64>(-1).err(),
            read::<String>(Timestamptz(0)).err(),
            read::<bool>(1).err(),
            read::<Vec<i64>>(1).err(),
            read::<i64>(Value::array([1])).err(),
        ];
        assert!(refused.iter().all(|error| matches!(error, Some(Error::InvalidArgument(_)))));
        let sentence = read::<i64>("text").unwrap_err().to_string();
        assert_eq!(
            sentence,
            "db: An argument or statement is not acceptable: column `v` is text, not bigint"
        );
    }

    #[test]
    fn get_of_an_absent_column_is_invalid_argument() {
        let row = Row::new(["v".to_owned()].into(), params![1]);
        assert!(matches!(row.get::<i64>("w"), Err(Error::InvalidArgument(_))));
    }

    #[test]
    fn get_returns_what_was_put_in() {
        assert_eq!(read::<bool>(true), Ok(true));
        assert_eq!(read::<i64>(i64::MIN), Ok(i64::MIN));
        assert_eq!(read::<u32>(u32::MAX), Ok(u32::MAX));
        assert_eq!(read::<f64>(0.5_f32), Ok(0.5));
        assert_eq!(read::<String>("a"), Ok("a".to_owned()));
        assert_eq!(read::<String>(Uuid("u".to_owned())), Ok("u".to_owned()));
        assert_eq!(read::<Vec<u8>>(vec![1_u8, 2]), Ok(vec![1, 2]));
        assert_eq!(read::<Option<i64>>(None::<i64>), Ok(None));
        assert_eq!(read::<Option<i64>>(1), Ok(Some(1)));
        assert_eq!(read::<Vec<Option<i64>>>(Value::array([Some(1), None])), Ok(vec![Some(1), None]));
        assert_eq!(read::<Timestamptz>(Timestamptz(7)), Ok(Timestamptz(7)));
    }
}

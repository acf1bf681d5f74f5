//! The values of rows and parameters: the contract's `scalar` and `value`, unchecked.
//!
//! A checked value is a [`Parameter`](super::parameter::Parameter).

/// What a structured call needs to know of a value.
pub trait Nullable {
    /// Whether the value is SQL NULL.
    fn is_null(&self) -> bool;
}

/// A value that is not an array, with the cases, units and syntaxes of the contract's `scalar`.
#[derive(Clone, Debug, PartialEq)]
#[allow(missing_docs, reason = "the contract documents each case")]
pub enum Scalar {
    Null,
    Boolean(bool),
    Integer(i64),
    Float(f64),
    Numeric(String),
    Text(String),
    Bytes(Vec<u8>),
    Uuid(String),
    Date(i32),
    Time(u64),
    Timestamp(i64),
    Timestamptz(i64),
    Interval { months: i32, days: i32, microseconds: i64 },
    Json(String),
    Inet(String),
}

impl Scalar {
    /// The name of the value's case in the contract.
    pub const fn case(&self) -> &'static str {
        match self {
            Self::Null => "null",
            Self::Boolean(_) => "boolean",
            Self::Integer(_) => "integer",
            Self::Float(_) => "float",
            Self::Numeric(_) => "numeric",
            Self::Text(_) => "text",
            Self::Bytes(_) => "bytes",
            Self::Uuid(_) => "uuid",
            Self::Date(_) => "date",
            Self::Time(_) => "time",
            Self::Timestamp(_) => "timestamp",
            Self::Timestamptz(_) => "timestamptz",
            Self::Interval { .. } => "interval",
            Self::Json(_) => "json",
            Self::Inet(_) => "inet",
        }
    }
}

/// One value of a row or parameter.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// A single value.
    Scalar(Scalar),
    /// A one-dimensional array.
    Array(Vec<Scalar>),
}

impl Value {
    /// The name of the value's case in the contract; `array` for every array.
    pub const fn case(&self) -> &'static str {
        match self {
            Self::Scalar(scalar) => scalar.case(),
            Self::Array(_) => "array",
        }
    }
}

impl Nullable for Value {
    fn is_null(&self) -> bool {
        matches!(self, Self::Scalar(Scalar::Null))
    }
}

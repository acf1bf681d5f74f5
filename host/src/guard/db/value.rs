//! Values of rows and parameters, and parameters that have been checked.
//!
//! [`Scalar`] and [`Value`] are the contract's `scalar` and `value` with nothing checked yet. A [`Parameter`] is a value
//! that fits a type of the server exactly, in the server's own form; the type comes from the prepared statement or the
//! table, never from the value. What fits what is in [`codec`]. Tests: `host/tests/db_values.rs`.

use std::error::Error;

use bytes::{BufMut as _, BytesMut};
use tokio_postgres::types::{FromSql, IsNull, ToSql, Type, to_sql_checked};

use super::codec;
use super::structured::Nullable;

/// One value that is not an array: the cases, units and syntaxes of the contract's `scalar`.
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
    /// The name of its case in the contract.
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
    /// The name of its case in the contract, `array` for every array.
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

/// A value that fits a type of the server exactly, encoded for it.
#[derive(Clone, Debug)]
pub struct Parameter {
    ty: Type,
    /// `None` is null.
    wire: Option<Vec<u8>>,
}

impl Parameter {
    /// Checks that the value fits the type, and encodes it. The error is a sentence for the plugin.
    // By value: what the guest sent has no use once it is encoded.
    #[allow(clippy::needless_pass_by_value, reason = "a parser consumes what it parses")]
    pub fn parse(value: Value, ty: &Type) -> Result<Self, String> {
        Ok(Self { ty: ty.clone(), wire: codec::encode(&value, ty)? })
    }

    /// The server's type that it was checked for.
    pub fn ty(&self) -> &Type {
        &self.ty
    }

    /// Bytes that it takes on the wire, for budgets: its length and itself.
    pub fn wire_bytes(&self) -> u64 {
        let length = size_of::<i32>();
        u64::try_from(self.wire.as_ref().map_or(0, Vec::len).saturating_add(length)).unwrap_or(u64::MAX)
    }
}

impl ToSql for Parameter {
    fn to_sql(&self, ty: &Type, out: &mut BytesMut) -> Result<IsNull, Box<dyn Error + Sync + Send>> {
        if ty.oid() != self.ty.oid() {
            return Err(format!("a parameter checked for {} was sent as {ty}", self.ty).into());
        }
        let Some(wire) = &self.wire else { return Ok(IsNull::Yes) };
        out.put_slice(wire);
        Ok(IsNull::No)
    }

    fn accepts(_: &Type) -> bool {
        true
    }

    to_sql_checked!();
}

/// A column's bytes as the server sent them, `None` for null: for [`codec::decode`], which is told the type.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Raw<'a>(pub Option<&'a [u8]>);

impl<'a> FromSql<'a> for Raw<'a> {
    fn from_sql(_: &Type, raw: &'a [u8]) -> Result<Self, Box<dyn Error + Sync + Send>> {
        Ok(Self(Some(raw)))
    }

    fn from_sql_null(_: &Type) -> Result<Self, Box<dyn Error + Sync + Send>> {
        Ok(Self(None))
    }

    fn accepts(_: &Type) -> bool {
        true
    }
}

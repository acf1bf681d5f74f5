//! Parameters that have been checked, and the bytes of columns.
//!
//! A [`Parameter`] is a value that fits a type of the server exactly, in the server's own form; the type comes from the
//! prepared statement or the table, never from the value. What fits what is in [`codec`]. Tests:
//! `host/store/tests/db_values`.

use std::error::Error;

use bytes::{BufMut as _, BytesMut};
use postgres_types::{FromSql, IsNull, ToSql, Type, to_sql_checked};

use super::value::Value;
use super::{codec, short};
use crate::refusal::Refusal;

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

/// The parameters of SQL text, of which only the server knows the types.
#[derive(Debug)]
pub struct Binder<'a> {
    short: &'a [usize],
    values: Vec<Value>,
}

impl<'a> Binder<'a> {
    /// Takes as many values as the text has parameters; those that are named by `short`, from 1 on, must be short.
    pub fn parse(expected: usize, short: &'a [usize], values: Vec<Value>) -> Result<Self, Refusal> {
        if values.len() == expected {
            return Ok(Self { short, values });
        }
        let given = values.len();
        Err(Refusal::Invalid(format!("the statement has {expected} parameters, and {given} were given")))
    }

    /// Checks each value against the type that the server found for it.
    pub fn bind(self, types: &[Type]) -> Result<Vec<Parameter>, Refusal> {
        let numbered = (1..).zip(self.values.into_iter().zip(types));
        let bound = numbered.map(|(number, (value, kind))| {
            let parameter = Parameter::parse(value, kind).map_err(Refusal::Invalid)?;
            if self.short.contains(&number) {
                short(&parameter)?;
            }
            Ok(parameter)
        });
        bound.collect()
    }
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

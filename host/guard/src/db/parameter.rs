//! Checked parameters, and the raw bytes of columns.
//!
//! A [`Parameter`] is a value that fits a type of the server exactly, encoded in the server's binary format. The type
//! comes from the prepared statement or the table, never from the value. [`codec`] decides which values fit a type.
//! Tests: `host/store/tests/db_values`.

use super::catalogue::is_moment;
use super::cost::{Dear, Size};
use super::gate::Demands;
use super::gate::zone::{self, is_zone};
use super::value::{Scalar, Value};
use super::{codec, short};
use crate::ledger::Exceeded;
use crate::refusal::Refusal;
use bytes::{BufMut as _, BytesMut};
use postgres_types::{FromSql, IsNull, Kind, ToSql, Type, to_sql_checked};
use std::error::Error;

/// A value that fits a type of the server exactly, encoded for it.
#[derive(Clone, Debug)]
pub struct Parameter {
    ty: Type,
    /// `None` is null.
    wire: Option<Vec<u8>>,
}

/// Pays for bytes on the wire, or refuses: how a guard that encodes value by value lets its caller spend from the ledger.
pub type Pay<'a> = dyn FnMut(u64) -> Result<(), Exceeded> + 'a;

impl Parameter {
    /// Checks that the value fits the type, and encodes the value. The error is a sentence for the plugin.
    // Takes the value itself, because the guest's value is not needed once it is encoded.
    #[allow(clippy::needless_pass_by_value, reason = "a parser consumes what it parses")]
    pub fn parse(value: Value, ty: &Type) -> Result<Self, String> {
        Ok(Self { ty: ty.clone(), wire: codec::encode(&value, ty)? })
    }

    /// The same for a guest's value, whose bytes are paid for.
    pub(crate) fn paid(value: Value, ty: &Type, pay: &mut Pay<'_>) -> Result<Self, Refusal> {
        let parameter = Self::parse(value, ty).map_err(Refusal::Invalid)?;
        pay(parameter.wire_bytes())?;
        Ok(parameter)
    }

    /// The server's type that the value was checked against.
    pub fn ty(&self) -> &Type {
        &self.ty
    }

    /// The bytes that the parameter takes on the wire: its length and its value. Counted against `db-bytes`.
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

/// The values for the parameters of SQL text, before the server has named their types.
#[derive(Debug)]
pub struct Binder<'a> {
    demands: &'a Demands,
    values: Vec<Value>,
    /// The invocation's instant, in microseconds since 1970.
    instant: i64,
}

impl<'a> Binder<'a> {
    /// Checks that there are as many values as the text has parameters, and that the statement is not too expensive with
    /// values of their sizes. `now()` and its kin in the text mean the instant: microseconds since 1970.
    pub fn parse(demands: &'a Demands, values: Vec<Value>, instant: i64) -> Result<Self, Refusal> {
        let (expected, found) = (demands.parameters, values.len());
        if found != expected {
            return Err(Refusal::Invalid(format!(
                "the statement has {expected} parameters, but the call has {found} values"
            )));
        }
        if found > 0 {
            let sizes: Vec<Size> = values.iter().map(Size::of).collect();
            demands.cost.check(&sizes).map_err(|dear| too_dear(dear, &values))?;
        }
        Ok(Self { demands, values, instant })
    }

    /// Checks each value against the type that the server named for it. Each is paid for before the next one is encoded.
    pub fn bind(self, types: &[Type], pay: &mut Pay<'_>) -> Result<Vec<Parameter>, Refusal> {
        let instant = self.demands.instant.then_some(Value::Scalar(Scalar::Timestamptz(self.instant)));
        let numbered = (1..).zip(self.values.into_iter().chain(instant).zip(types));
        let bound = numbered.map(|(number, (value, kind))| {
            let Demands { short: shorts, moments, zones, .. } = self.demands;
            if moments.contains(&number) && !is_moment(kind) {
                becomes_moment(number, kind, &value)?;
            }
            if zones.contains(&number)
                && let Value::Scalar(Scalar::Text(text)) = &value
                && !is_zone(text)
            {
                return Err(Refusal::Invalid(format!("${number}: {}", zone::RULE)));
            }
            let parameter =
                Parameter::paid(value, kind, pay).map_err(|refusal| of_parameter(number, refusal))?;
            if shorts.contains(&number) {
                short(&parameter)?;
            }
            Ok(parameter)
        });
        bound.collect()
    }
}

/// Refuses a statement that its values make too expensive. If one of them should bound it and does not, the sentence says which
/// and what to send: the type is written in the statement already.
fn too_dear(dear: Dear, values: &[Value]) -> Refusal {
    let found = dear.unbounded.and_then(|number| Some((number, values.get(number.checked_sub(1)?)?.case())));
    let Some((number, case)) = found else { return dear.into() };
    let rule = format!(
        "needs a bound, which is ${number} here, and the call sends a `{case}`: a bound is an `integer`, or a finite `date`, \
         `timestamp`, `timestamptz` or `interval`. Send the case of the type that the parameter has, such as `date` for \
         `${number}::date` and `integer` for `${number}::int`"
    );
    Dear { rule, ..dear }.into()
}

/// Names the parameter that a value does not fit.
fn of_parameter(number: usize, refusal: Refusal) -> Refusal {
    match refusal {
        Refusal::Invalid(rule) => Refusal::Invalid(format!("${number}: {rule}")),
        other => other,
    }
}

/// Checks a parameter of another type that becomes a date or time in the statement: only a text can, and it must be a fixed
/// one.
fn becomes_moment(number: usize, kind: &Type, value: &Value) -> Result<(), Refusal> {
    let element = match kind.kind() {
        Kind::Array(element) => element,
        _ => kind,
    };
    if ![Type::TEXT, Type::VARCHAR, Type::BPCHAR].contains(element) {
        return Err(Refusal::Invalid(format!(
            "${number} is a {} and becomes a date or time: give it a type of its own, such as `$1::timestamptz`, and send that",
            kind.name()
        )));
    }
    let is_unfixed = |scalar: &Scalar| matches!(scalar, Scalar::Text(text) if zone::is_unfixed(text));
    let is_refused = match value {
        Value::Scalar(scalar) => is_unfixed(scalar),
        Value::Array(scalars) => scalars.iter().any(is_unfixed),
    };
    if is_refused {
        return Err(Refusal::Invalid(format!("${number} becomes a date or time: {}", zone::FIXED_RULE)));
    }
    Ok(())
}

/// A column's bytes as the server sent them, `None` for null. [`codec::decode`] decodes them.
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

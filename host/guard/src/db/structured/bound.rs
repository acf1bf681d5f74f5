//! A structured statement with its values, each checked against the type of its column and encoded for that type.

use super::{Argument, Statement};
use crate::db::cost::Size;
use crate::db::parameter::{Parameter, Pay};
use crate::db::shape::Shape;
use crate::db::short;
use crate::db::value::{Scalar, Value};
use crate::limits::{STORED_BYTES_MAX, STORED_ELEMENTS_MAX, STORED_NUMERIC_BYTES_MAX};
use crate::refusal::Refusal;
use postgres_types::{Kind, ToSql, Type};

/// A statement that can be sent, with its encoded values.
#[derive(Debug)]
pub struct Bound {
    /// The statement's text.
    pub text: String,
    /// The type of each parameter.
    pub types: Vec<Type>,
    /// The columns of the result, each with its type.
    pub columns: Vec<(String, Type)>,
    /// What the server must say of the result's columns.
    pub shape: Shape,
    values: Vec<Sent>,
}

/// The value that is sent for one placeholder.
#[derive(Debug)]
enum Sent {
    Value(Parameter),
    List(Vec<Parameter>),
    Count(i64),
}

impl Statement<Value> {
    /// Checks and encodes every value. Each is paid for, by its bytes on the wire, before the next one is encoded.
    pub fn bind(self, pay: &mut Pay<'_>) -> Result<Bound, Refusal> {
        let Self { sql, parameters, values: of, columns, shape, rows_max: _, cost } = self;
        let sizes: Vec<Size> = parameters.iter().map(|(argument, _)| argument.size()).collect();
        cost.check(&sizes)?;
        let (mut values, mut types) =
            (Vec::with_capacity(parameters.len()), Vec::with_capacity(parameters.len()));
        for (index, (argument, kind)) in parameters.into_iter().enumerate() {
            let sent = Sent::parse(argument, &kind, pay);
            values.push(sent.map_err(|refusal| match (refusal, of.column(index)) {
                (Refusal::Invalid(rule), Some(column)) => {
                    Refusal::Invalid(format!("column `{column}`: {rule}"))
                }
                (refusal, _) => refusal,
            })?);
            types.push(kind);
        }
        Ok(Bound { text: sql, types, columns, shape, values })
    }
}

impl Bound {
    /// The values, for the driver.
    pub fn parameters(&self) -> Vec<&(dyn ToSql + Sync)> {
        self.values.iter().map(Sent::as_sql).collect()
    }
}

impl Argument<Value> {
    /// The size of what is sent.
    fn size(&self) -> Size {
        match self {
            Self::Value(value) | Self::Stored(value, _) | Self::Pattern(value) => Size::of(value),
            Self::List(values) => Size::listed(values),
            Self::Count(_) => Size::FIXED,
        }
    }
}

/// Refuses a value that is too large for a plugin's table. The table has a constraint that says the same.
fn storable(value: &Value) -> Result<(), Refusal> {
    let size = Size::of(value);
    let refused = |rule: String| Err(Refusal::Invalid(rule));
    match value {
        Value::Array(_) if size.elements > STORED_ELEMENTS_MAX => refused(format!(
            "a stored array has at most {STORED_ELEMENTS_MAX} elements: use a table of its own"
        )),
        Value::Scalar(Scalar::Numeric(text)) if text.len() as u64 > STORED_NUMERIC_BYTES_MAX => {
            refused(format!("a stored `numeric` has at most {STORED_NUMERIC_BYTES_MAX} digits"))
        }
        // The server counts what JSON takes in memory.
        Value::Scalar(Scalar::Json(text)) if text.len() as u64 > STORED_BYTES_MAX => refused(too_large()),
        Value::Scalar(Scalar::Json(_)) => Ok(()),
        _ if size.bytes > STORED_BYTES_MAX => refused(too_large()),
        _ => Ok(()),
    }
}

fn too_large() -> String {
    format!("a stored value has at most {STORED_BYTES_MAX} bytes: split it over several rows")
}

impl Sent {
    fn parse(argument: Argument<Value>, kind: &Type, pay: &mut Pay<'_>) -> Result<Self, Refusal> {
        let mut parameter = |value, kind| Parameter::paid(value, kind, pay);
        Ok(match argument {
            Argument::Value(value) => Self::Value(parameter(value, kind)?),
            Argument::Stored(value, typmod) => {
                typmod.check(&value)?;
                storable(&value)?;
                Self::Value(parameter(value, kind)?)
            }
            Argument::Pattern(pattern) => {
                let pattern = parameter(pattern, kind)?;
                short(&pattern)?;
                Self::Value(pattern)
            }
            Argument::List(values) => {
                let element = match kind.kind() {
                    Kind::Array(element) => element,
                    _ => kind,
                };
                let values = values.into_iter().map(|value| parameter(value, element));
                Self::List(values.collect::<Result<_, _>>()?)
            }
            Argument::Count(count) => Self::Count(count),
        })
    }

    fn as_sql(&self) -> &(dyn ToSql + Sync) {
        match self {
            Self::Value(value) => value,
            Self::List(values) => values,
            Self::Count(count) => count,
        }
    }
}

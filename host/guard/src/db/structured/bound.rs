//! A structured statement with its values, each checked against the type of its column and encoded for that type.

use super::{Argument, Statement};
use crate::db::parameter::{Parameter, Pay};
use crate::db::short;
use crate::db::value::Value;
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
        let Self { sql, parameters, columns, .. } = self;
        let (mut values, mut types) =
            (Vec::with_capacity(parameters.len()), Vec::with_capacity(parameters.len()));
        for (argument, kind) in parameters {
            values.push(Sent::parse(argument, &kind, pay)?);
            types.push(kind);
        }
        Ok(Bound { text: sql, types, columns, values })
    }
}

impl Bound {
    /// The values, for the driver.
    pub fn parameters(&self) -> Vec<&(dyn ToSql + Sync)> {
        self.values.iter().map(Sent::as_sql).collect()
    }
}

impl Sent {
    fn parse(argument: Argument<Value>, kind: &Type, pay: &mut Pay<'_>) -> Result<Self, Refusal> {
        let mut parameter = |value, kind| Parameter::paid(value, kind, pay);
        Ok(match argument {
            Argument::Value(value) => Self::Value(parameter(value, kind)?),
            Argument::Stored(value, typmod) => {
                typmod.check(&value)?;
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

//! Values on their way to the server: checked against the types of the columns or of the text's parameters, and counted.

use crate::backend::postgres::statement::Sql;
use crate::bindings::palisade::plugin::db as wit;
use crate::error::Refusal;
use crate::guard::db::short;
use crate::guard::db::structured::{Argument, Statement};
use crate::guard::db::value::{Parameter, Value};
use crate::ledger::Ledger;
use crate::limits::Limit;
use tokio_postgres::types::{Kind, ToSql, Type};

/// A structured statement with its values, ready to be sent.
pub(super) struct Prepared {
    text: String,
    values: Vec<Sent>,
    types: Vec<Type>,
    pub(super) columns: Vec<(String, Type)>,
}

enum Sent {
    Value(Parameter),
    List(Vec<Parameter>),
    Count(i64),
}

impl Prepared {
    pub(super) fn parse(statement: Statement<Value>, ledger: &mut Ledger) -> Result<Self, Refusal> {
        let (text, arguments, columns) = statement.into_parts();
        let (mut values, mut types) =
            (Vec::with_capacity(arguments.len()), Vec::with_capacity(arguments.len()));
        for (argument, kind) in arguments {
            values.push(Sent::parse(argument, &kind, ledger)?);
            types.push(kind);
        }
        Ok(Self { text, values, types, columns })
    }

    pub(super) fn parameters(&self) -> Vec<&(dyn ToSql + Sync)> {
        self.values.iter().map(Sent::as_sql).collect()
    }

    pub(super) fn sql<'a>(&'a self, parameters: &'a [&'a (dyn ToSql + Sync)], role: &'a str) -> Sql<'a> {
        Sql { text: &self.text, parameters, types: &self.types, role: Some(role) }
    }
}

impl Sent {
    fn parse(argument: Argument<Value>, kind: &Type, ledger: &mut Ledger) -> Result<Self, Refusal> {
        Ok(match argument {
            Argument::Value(value) => Self::Value(parameter(value, kind, ledger)?),
            Argument::Stored(value, kept) => {
                kept.check(&value)?;
                Self::Value(parameter(value, kind, ledger)?)
            }
            Argument::Pattern(pattern) => {
                let pattern = parameter(pattern, kind, ledger)?;
                short(&pattern)?;
                Self::Value(pattern)
            }
            Argument::List(values) => {
                let element = match kind.kind() {
                    Kind::Array(element) => element,
                    _ => kind,
                };
                let values = values.into_iter().map(|value| parameter(value, element, ledger));
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

/// The parameters of SQL text, of which only the server knows the types.
pub(super) struct Binder<'a> {
    short: &'a [usize],
    values: Vec<wit::Value>,
}

impl<'a> Binder<'a> {
    pub(super) fn parse(
        expected: usize,
        short: &'a [usize],
        values: Vec<wit::Value>,
    ) -> Result<Self, Refusal> {
        if values.len() != expected {
            let given = values.len();
            return Err(Refusal::Invalid(format!(
                "the statement has {expected} parameters, and {given} were given"
            )));
        }
        Ok(Self { short, values })
    }

    pub(super) fn bind(
        self,
        types: &[Type],
        ledger: &mut Ledger,
    ) -> Result<Vec<Box<dyn ToSql + Sync + Send>>, Refusal> {
        let numbered = (1..).zip(self.values.into_iter().zip(types));
        let bound = numbered.map(|(number, (value, kind))| {
            let parameter = parameter(value.into(), kind, ledger)?;
            if self.short.contains(&number) {
                short(&parameter)?;
            }
            Ok(Box::new(parameter) as Box<dyn ToSql + Sync + Send>)
        });
        bound.collect()
    }
}

fn parameter(value: Value, kind: &Type, ledger: &mut Ledger) -> Result<Parameter, Refusal> {
    let parameter = Parameter::parse(value, kind).map_err(Refusal::Invalid)?;
    ledger.spend(Limit::DbBytes, parameter.wire_bytes())?;
    Ok(parameter)
}

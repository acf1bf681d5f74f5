//! `wit/db.wit`: the plugin's own tables. Guards: [`crate::guard::db`]; transactions: [`crate::backend::postgres::session`].

mod convert;
mod rows;

pub use rows::Rows;

use crate::backend::postgres::session::Session;
use crate::backend::postgres::statement::{Answer, Sql};
use crate::bindings::palisade::plugin::db as wit;
use crate::bindings::palisade::plugin::db_write as write;
use crate::error::{Constraint, Refusal};
use crate::guard::db::gate::{ReadStatement, WriteStatement};
use crate::guard::db::structured::{Argument, Insertion, Modification, Removal, Selection, Statement};
use crate::guard::db::value::{Parameter, Value};
use crate::invocation::State;
use crate::ledger::Ledger;
use crate::limits::Limit;
use crate::plugin::Plugin;
use rows::BatchSize;
use tokio_postgres::types::{ToSql, Type};
use wasmtime::component::{HasData, Resource, ResourceTable};

pub(crate) struct View<'a> {
    plugin: &'a Plugin,
    session: &'a mut Session,
    ledger: &'a mut Ledger,
    table: &'a mut ResourceTable,
}

pub(crate) struct Face;

impl HasData for Face {
    type Data<'a> = View<'a>;
}

pub(crate) fn view(state: &mut State) -> View<'_> {
    let State { plugin, session, ledger, table, .. } = state;
    View { plugin, session, ledger, table }
}

impl wit::Host for View<'_> {
    async fn select(&mut self, selection: wit::Selection) -> Result<Resource<Rows>, Refusal> {
        let statement = Selection::<Value>::from(selection).parse(&self.plugin.catalogue)?;
        let (answer, columns) = self.run(statement).await?;
        self.rows(Rows::new(answer.rows, columns))
    }

    async fn query(&mut self, sql: String, parameters: Vec<wit::Value>) -> Result<Resource<Rows>, Refusal> {
        let statement = ReadStatement::parse(&self.plugin.catalogue, &sql)?;
        let short = statement.short_parameters();
        let (answer, prepared) =
            self.run_text(statement.text(), statement.parameters(), short, parameters).await?;
        let columns =
            prepared.columns().iter().map(|column| (column.name().to_owned(), column.type_().clone()));
        self.rows(Rows::new(answer.rows, columns.collect()))
    }

    fn convert_error(&mut self, refusal: Refusal) -> wasmtime::Result<wit::Error> {
        Ok(match refusal {
            Refusal::Denied => wit::Error::AccessDenied,
            Refusal::Invalid(sentence) => wit::Error::InvalidArgument(sentence),
            Refusal::Exceeded(exceeded) => wit::Error::LimitExceeded(exceeded.into()),
            Refusal::Violation(violation) => wit::Error::ConstraintViolation(wit::Violation {
                kind: violation.kind.into(),
                column: violation.column,
            }),
            Refusal::Serialization => wit::Error::Serialization,
            Refusal::Timeout => wit::Error::Timeout,
            other => wit::Error::Other(other.into_other()),
        })
    }
}

impl wit::HostRows for View<'_> {
    fn columns(&mut self, rows: Resource<Rows>) -> wasmtime::Result<Vec<wit::Column>> {
        let columns = self.table.get(&rows)?.columns();
        Ok(columns
            .map(|(name, kind)| wit::Column { name: name.to_owned(), type_name: kind.name().to_owned() })
            .collect())
    }

    fn next(&mut self, rows: Resource<Rows>, max: u32) -> Result<Vec<wit::Row>, Refusal> {
        let max = BatchSize::parse(max)?;
        self.table.get_mut(&rows).map_err(Refusal::internal)?.next(max)
    }

    async fn drop(&mut self, rows: Resource<Rows>) -> wasmtime::Result<()> {
        self.table.delete(rows)?;
        self.ledger.release(Limit::Handles, 1);
        Ok(())
    }
}

impl write::Host for View<'_> {
    async fn insert(&mut self, insertion: write::Insertion) -> Result<write::Outcome, Refusal> {
        let statement = Insertion::<Value>::from(insertion).parse(&self.plugin.catalogue)?;
        self.change(statement).await
    }

    async fn update(&mut self, modification: write::Modification) -> Result<write::Outcome, Refusal> {
        let statement = Modification::<Value>::from(modification).parse(&self.plugin.catalogue)?;
        self.change(statement).await
    }

    async fn delete(&mut self, removal: write::Removal) -> Result<write::Outcome, Refusal> {
        let statement = Removal::<Value>::from(removal).parse(&self.plugin.catalogue)?;
        self.change(statement).await
    }

    async fn execute(&mut self, sql: String, parameters: Vec<wit::Value>) -> Result<u64, Refusal> {
        let statement = WriteStatement::parse(&self.plugin.catalogue, &sql)?;
        let short = statement.short_parameters();
        let (answer, _) = self.run_text(statement.text(), statement.parameters(), short, parameters).await?;
        Ok(answer.affected)
    }
}

impl View<'_> {
    /// Runs a structured statement; in a shared transaction, with the plugin's own rights.
    async fn run(&mut self, statement: Statement<Value>) -> Result<(Answer, Vec<(String, Type)>), Refusal> {
        let (text, arguments, columns) = statement.into_parts();
        let types: Vec<Type> = arguments.iter().map(|(_, kind)| kind.clone()).collect();
        let bound = arguments.into_iter().map(|(argument, kind)| bind(argument, &kind, self.ledger));
        let bound = bound.collect::<Result<Vec<Bound>, Refusal>>()?;
        let parameters: Vec<&(dyn ToSql + Sync)> = bound.iter().map(Bound::as_sql).collect();
        let sql = Sql { text: &text, parameters: &parameters, types: &types, role: Some(&self.plugin.role) };
        Ok((self.session.run(sql, self.ledger).await?, columns))
    }

    async fn change(&mut self, statement: Statement<Value>) -> Result<write::Outcome, Refusal> {
        let (answer, columns) = self.run(statement).await?;
        let rows = Rows::new(answer.rows, columns).all()?;
        Ok(write::Outcome { count: answer.affected, rows })
    }

    /// Runs SQL text. The plugin's login is its boundary, so there is none in a transaction of the host's.
    async fn run_text(
        &mut self,
        text: &str,
        expected: usize,
        short: &[usize],
        values: Vec<wit::Value>,
    ) -> Result<(Answer, tokio_postgres::Statement), Refusal> {
        if self.session.is_shared() {
            let rule = "SQL text does not run in a tap's transaction, which several plugins share: use a structured call";
            return Err(Refusal::Invalid(rule.into()));
        }
        if values.len() != expected {
            let given = values.len();
            return Err(Refusal::Invalid(format!(
                "the statement has {expected} parameters, and {given} were given"
            )));
        }
        let mut ledger = self.ledger.clone();
        let bind = |types: &[Type]| {
            let numbered = (1..).zip(values.into_iter().zip(types));
            let bound = numbered.map(|(number, (value, kind))| {
                let parameter = parameter(value.into(), kind, &mut ledger)?;
                if short.contains(&number) {
                    crate::guard::db::short(&parameter)?;
                }
                Ok(parameter.boxed())
            });
            bound.collect()
        };
        let result = self.session.run_text(text, bind, self.ledger).await;
        self.ledger.record(Limit::DbBytes, ledger.used(Limit::DbBytes).max(self.ledger.used(Limit::DbBytes)));
        result
    }

    fn rows(&mut self, rows: Rows) -> Result<Resource<Rows>, Refusal> {
        self.ledger.spend(Limit::Handles, 1)?;
        self.table.push(rows).map_err(Refusal::internal)
    }
}

/// A value on its way to the server.
enum Bound {
    Value(Parameter),
    List(Vec<Parameter>),
    Count(i64),
}

impl Bound {
    fn as_sql(&self) -> &(dyn ToSql + Sync) {
        match self {
            Self::Value(value) => value,
            Self::List(values) => values,
            Self::Count(count) => count,
        }
    }
}

fn bind(argument: Argument<Value>, kind: &Type, ledger: &mut Ledger) -> Result<Bound, Refusal> {
    Ok(match argument {
        Argument::Value(value) => Bound::Value(parameter(value, kind, ledger)?),
        Argument::Pattern(pattern) => {
            let pattern = parameter(pattern, kind, ledger)?;
            crate::guard::db::short(&pattern)?;
            Bound::Value(pattern)
        }
        Argument::List(values) => {
            let element = match kind.kind() {
                tokio_postgres::types::Kind::Array(element) => element,
                _ => kind,
            };
            let values = values.into_iter().map(|value| parameter(value, element, ledger));
            Bound::List(values.collect::<Result<_, _>>()?)
        }
        Argument::Count(count) => Bound::Count(count),
    })
}

fn parameter(value: Value, kind: &Type, ledger: &mut Ledger) -> Result<Parameter, Refusal> {
    let parameter = Parameter::parse(value, kind).map_err(Refusal::Invalid)?;
    ledger.spend(Limit::DbBytes, parameter.wire_bytes())?;
    Ok(parameter)
}

impl Parameter {
    fn boxed(self) -> Box<dyn ToSql + Sync + Send> {
        Box::new(self)
    }
}

impl From<crate::guard::db::Refusal> for Refusal {
    fn from(refusal: crate::guard::db::Refusal) -> Self {
        match refusal {
            crate::guard::db::Refusal::Denied => Self::Denied,
            crate::guard::db::Refusal::Invalid(sentence) => Self::Invalid(sentence),
        }
    }
}

impl From<Constraint> for wit::Constraint {
    fn from(kind: Constraint) -> Self {
        match kind {
            Constraint::Unique => Self::Unique,
            Constraint::ForeignKey => Self::ForeignKey,
            Constraint::NotNull => Self::NotNull,
            Constraint::Check => Self::Check,
            Constraint::Exclusion => Self::Exclusion,
        }
    }
}

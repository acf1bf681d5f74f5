//! `wit/db.wit`: the plugin's own tables. Guards: [`crate::guard::db`]; transactions: [`crate::backend::postgres::session`].

mod convert;
mod parameters;
mod rows;

pub use rows::Rows;

use crate::backend::postgres::reading::Reading;
use crate::backend::postgres::session::Session;
use crate::bindings::palisade::plugin::db as wit;
use crate::bindings::palisade::plugin::db_write as write;
use crate::error::{Constraint, Refusal};
use crate::guard::db::gate::{ReadStatement, WriteStatement};
use crate::guard::db::structured::{Insertion, Modification, Removal, Selection, Statement};
use crate::guard::db::value::Value;
use crate::invocation::State;
use crate::ledger::Ledger;
use crate::limits::{DB_FETCH_ROWS, Limit};
use crate::plugin::Plugin;
use parameters::{Binder, Prepared};
use rows::BatchSize;
use tokio_postgres::types::Type;
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
        let is_small = statement.rows_max().is_some_and(|rows| rows <= DB_FETCH_ROWS);
        let prepared = Prepared::parse(statement, self.ledger)?;
        let parameters = prepared.parameters();
        let sql = prepared.sql(&parameters, &self.plugin.role);
        let reading = if is_small {
            // It comes whole with the first fetch, so it needs no cursor.
            let answer = self.session.look_up(sql, self.ledger).await?;
            Reading { rows: answer.rows, cursor: None }
        } else {
            self.session.read(sql, self.ledger).await?
        };
        self.rows(Rows::new(reading, prepared.columns))
    }

    async fn query(&mut self, sql: String, parameters: Vec<wit::Value>) -> Result<Resource<Rows>, Refusal> {
        let statement = ReadStatement::parse(&self.plugin.catalogue, &sql)?;
        self.may_run_text()?;
        let binder = Binder::parse(statement.parameters(), statement.short_parameters(), parameters)?;
        let bind = |types: &[Type], ledger: &mut Ledger| binder.bind(types, ledger);
        let (reading, prepared) = self.session.read_text(statement.text(), bind, self.ledger).await?;
        let columns =
            prepared.columns().iter().map(|column| (column.name().to_owned(), column.type_().clone()));
        self.rows(Rows::new(reading, columns.collect()))
    }

    fn convert_error(&mut self, refusal: Refusal) -> wasmtime::Result<wit::Error> {
        Ok(match refusal {
            Refusal::Denied => {
                self.plugin.ward.denied("db");
                wit::Error::AccessDenied
            }
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

    async fn next(&mut self, rows: Resource<Rows>, max: u32) -> Result<Vec<wit::Row>, Refusal> {
        let max = BatchSize::parse(max)?;
        let rows = self.table.get_mut(&rows).map_err(Refusal::internal)?;
        rows.next(max, self.session, &self.plugin.role, self.ledger).await
    }

    async fn drop(&mut self, rows: Resource<Rows>) -> wasmtime::Result<()> {
        if let Some(cursor) = self.table.delete(rows)?.cursor() {
            self.session.close(cursor);
        }
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
        self.may_run_text()?;
        let binder = Binder::parse(statement.parameters(), statement.short_parameters(), parameters)?;
        let bind = |types: &[Type], ledger: &mut Ledger| binder.bind(types, ledger);
        self.session.run_text(statement.text(), bind, self.ledger).await
    }
}

impl View<'_> {
    /// Runs a structured statement that writes; in a shared transaction, with the plugin's own rights.
    async fn change(&mut self, statement: Statement<Value>) -> Result<write::Outcome, Refusal> {
        let prepared = Prepared::parse(statement, self.ledger)?;
        let parameters = prepared.parameters();
        let answer = self.session.run(prepared.sql(&parameters, &self.plugin.role), self.ledger).await?;
        let rows = rows::decode_all(&answer.rows, &prepared.columns)?;
        Ok(write::Outcome { count: answer.affected, rows })
    }

    /// The plugin's login is the boundary of SQL text, so there is none in a transaction of the host's.
    fn may_run_text(&self) -> Result<(), Refusal> {
        if self.session.is_shared() {
            let rule = "SQL text does not run in a tap's transaction, which several plugins share: use a structured call";
            return Err(Refusal::Invalid(rule.into()));
        }
        Ok(())
    }

    fn rows(&mut self, rows: Rows) -> Result<Resource<Rows>, Refusal> {
        self.ledger.spend(Limit::Handles, 1)?;
        self.table.push(rows).map_err(Refusal::internal)
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

//! `wit/db.wit`: the plugin's own tables. Guards: [`palisade_guard::db`]; transactions: [`palisade_store::postgres::session`].

mod convert;

use crate::api::bindings::palisade::plugin::db as wit;
use crate::api::bindings::palisade::plugin::db_write as write;
use crate::api::refused;
use crate::engine::{lane, processor};
use crate::state::State;
use crate::supervision::Availability;
use palisade_guard::clock::Clock;
use palisade_guard::db::batch::BatchSize;
use palisade_guard::db::catalogue::Catalogue;
use palisade_guard::db::codec;
use palisade_guard::db::gate::{self, ReadStatement, WriteStatement, may_run_text};
use palisade_guard::db::parameter::{Binder, Raw};
use palisade_guard::db::structured::{
    Aggregation, Bound, Insertion, Modification, Removal, Selection, Statement,
};
use palisade_guard::db::value::Value;
use palisade_guard::ledger::{Exceeded, Ledger};
use palisade_guard::limits::{DB_ELEMENT_HELD_BYTES, DB_FETCH_ROWS, Limit, SQL_INLINE_BYTES_MAX};
use palisade_guard::refusal::Refusal;
use palisade_guard::reports::Notes;
use palisade_guard::violation::{Constraint, Violation};
use palisade_store::error::InstallError;
use palisade_store::postgres::reading::Reading;
use palisade_store::postgres::rows::{Row, Rows};
use palisade_store::postgres::session::{Doubt, Session};
use palisade_store::postgres::statement::{Answer, Sql, named};
use palisade_store::postgres::tables::Tables;
use palisade_store::postgres::text::Arguments;
use postgres_types::{ToSql, Type};
use std::sync::Arc;
use wasmtime::component::{Resource, ResourceTable};

/// The plugin's tables, and the invocation's transaction.
struct View<'a> {
    tables: &'a Tables,
    /// The tables as the host knows them when the call begins.
    catalogue: Arc<Catalogue>,
    role: &'a str,
    availability: &'a Availability,
    session: &'a mut Session,
    clock: &'a Clock,
    ledger: &'a mut Ledger,
    table: &'a mut ResourceTable,
}

interface! { link: db, link_write: db_write }

impl<'a> View<'a> {
    fn of(state: &'a mut State) -> Self {
        let State { plugin, session, clock, ledger, table, .. } = state;
        Self {
            catalogue: plugin.tables.catalogue(),
            tables: &plugin.tables,
            role: &plugin.role,
            availability: &plugin.availability,
            session,
            clock,
            ledger,
            table,
        }
    }
}

impl wit::Host for View<'_> {
    async fn select(&mut self, selection: wit::Selection) -> Result<Resource<Rows>, Refusal> {
        let statement = Selection::<Value>::from(selection).parse(&self.catalogue)?;
        self.read(statement).await
    }

    async fn aggregate(&mut self, aggregation: wit::Aggregation) -> Result<Resource<Rows>, Refusal> {
        let statement = Aggregation::<Value>::from(aggregation).parse(&self.catalogue)?;
        self.read(statement).await
    }

    async fn query(&mut self, sql: String, parameters: Vec<wit::Value>) -> Result<Resource<Rows>, Refusal> {
        self.ledger.handled(sql.len());
        let statement = judged(&self.catalogue, &sql, &mut self.ledger.notes, ReadStatement::noted).await?;
        may_run_text(self.session.is_shared())?;
        let values = parameters.into_iter().map(Value::from).collect();
        let binder = Binder::parse(statement.demands(), values, self.clock.now())?;
        self.ledger.spend(Limit::DbStatements, 1)?;
        let bind = |types: &[Type], ledger: &mut Ledger| bind(binder, types, ledger);
        let read = self.session.read_text(&statement, bind, self.ledger).await;
        let (reading, prepared) = self.told_of_text(read, &sql, statement.text()).await?;
        self.rows(Rows::new(reading, named(&prepared), None))
    }

    fn convert_error(&mut self, refusal: Refusal) -> wasmtime::Result<wit::Error> {
        Ok(match refusal.noted(&mut self.ledger.notes) {
            Refusal::Denied => {
                self.availability.denied("db");
                wit::Error::AccessDenied
            }
            Refusal::Invalid(sentence) => wit::Error::InvalidArgument(sentence),
            Refusal::Exceeded(exceeded) => wit::Error::LimitExceeded(refused(self.ledger, exceeded)),
            Refusal::Violation(violation) => {
                let Violation { kind, name, column, .. } = violation.known_in(self.catalogue.schema());
                wit::Error::ConstraintViolation(wit::Violation { kind: kind.into(), name, column })
            }
            Refusal::Serialization => wit::Error::Serialization,
            Refusal::Timeout => wit::Error::Timeout,
            other => wit::Error::Other(other.into_other(&mut self.ledger.notes)),
        })
    }
}

impl wit::HostRows for View<'_> {
    fn columns(&mut self, rows: Resource<Rows>) -> wasmtime::Result<Vec<wit::Column>> {
        Ok(described(self.table.get(&rows)?.columns()))
    }

    async fn next(&mut self, rows: Resource<Rows>, max: u32) -> Result<Vec<wit::Row>, Refusal> {
        let max = BatchSize::parse(max)?;
        let rows = self.table.get_mut(&rows).map_err(Refusal::internal)?;
        let batch = rows.next(max, self.session, self.role, self.ledger).await?;
        decode(&batch, rows.columns(), self.ledger)
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
        let statement = Insertion::<Value>::from(insertion).parse(&self.catalogue)?;
        self.change(statement).await
    }

    async fn update(&mut self, modification: write::Modification) -> Result<write::Outcome, Refusal> {
        let statement = Modification::<Value>::from(modification).parse(&self.catalogue)?;
        self.change(statement).await
    }

    async fn delete(&mut self, removal: write::Removal) -> Result<write::Outcome, Refusal> {
        let statement = Removal::<Value>::from(removal).parse(&self.catalogue)?;
        self.change(statement).await
    }

    async fn execute(&mut self, sql: String, parameters: Vec<wit::Value>) -> Result<write::Outcome, Refusal> {
        self.ledger.handled(sql.len());
        let statement = judged(&self.catalogue, &sql, &mut self.ledger.notes, WriteStatement::noted).await?;
        may_run_text(self.session.is_shared())?;
        let values = parameters.into_iter().map(Value::from).collect();
        let binder = Binder::parse(statement.demands(), values, self.clock.now())?;
        self.ledger.spend(Limit::DbStatements, 1)?;
        let bind = |types: &[Type], ledger: &mut Ledger| bind(binder, types, ledger);
        let mut rows = Vec::new();
        let accept = &mut |answer: &Answer, ledger: &mut Ledger| {
            decode(&answer.rows, &answer.columns, ledger).map(|all| rows = all)
        };
        let ran = self.session.run_text(&statement, bind, accept, self.ledger).await;
        let Answer { columns, affected, .. } = self.told_of_text(ran, &sql, statement.text()).await?;
        Ok(write::Outcome { count: affected, columns: described(&columns), rows })
    }
}

impl View<'_> {
    /// Runs a structured statement that reads.
    async fn read(&mut self, statement: Statement<Value>) -> Result<Resource<Rows>, Refusal> {
        let is_small = statement.rows_max().is_some_and(|rows| rows <= DB_FETCH_ROWS);
        let bound = self.bind(statement)?;
        let parameters = bound.parameters();
        let sql = sql(&bound, &parameters, self.role);
        let reading = if is_small {
            // All rows fit the first fetch, so no cursor is needed.
            let answer = self.session.look_up(sql, self.ledger).await;
            answer.map(|answer| Reading { rows: answer.rows, cursor: None })
        } else {
            self.session.read(sql, self.ledger).await
        };
        drop(parameters);
        let reading = self.told(reading).await?;
        self.rows(Rows::new(reading, bound.columns, Some(bound.shape)))
    }

    /// Runs a structured statement that writes. In a shared transaction it runs with the plugin's own rights.
    async fn change(&mut self, statement: Statement<Value>) -> Result<write::Outcome, Refusal> {
        let bound = self.bind(statement)?;
        let parameters = bound.parameters();
        let sql = sql(&bound, &parameters, self.role);
        let mut rows = Vec::new();
        let accept = &mut |answer: &Answer, ledger: &mut Ledger| {
            decode(&answer.rows, &bound.columns, ledger).map(|all| rows = all)
        };
        let answer = self.session.change(sql, accept, self.ledger).await;
        drop(parameters);
        let count = self.told(answer).await?.affected;
        Ok(write::Outcome { count, columns: described(&bound.columns), rows })
    }

    /// Passes an answer on. If the failure of a statement means that the tables have changed, the host reads them again, and the
    /// invocation runs again or, in an action, its call may be tried again. If the plugin no longer fits them, it is not served.
    async fn told<T>(&mut self, answer: Result<T, Refusal>) -> Result<T, Refusal> {
        self.session.take_character();
        let Err(refusal) = answer else { return answer };
        let is_certain = match self.session.take_doubt() {
            Some(Doubt::Certain) => true,
            Some(Doubt::Possible) if self.tables.may_doubt() => false,
            _ => return Err(refusal),
        };
        match self.tables.read_again(&self.catalogue).await {
            Ok(false) if !is_certain => Err(refusal),
            Ok(_) => Err(self.session.outdate()),
            Err(InstallError::Migration { sentence, .. }) => {
                self.availability.outlive(sentence);
                Err(self.session.outdate())
            }
            Err(error) => Err(Refusal::Unavailable(error.to_string())),
        }
    }

    /// The same for SQL text: the server's complaint gets its place in the author's text.
    async fn told_of_text<T>(
        &mut self,
        answer: Result<T, Refusal>,
        sql: &str,
        sent: &str,
    ) -> Result<T, Refusal> {
        let character = self.session.take_character().and_then(|at| usize::try_from(at).ok());
        self.told(answer).await.map_err(|refusal| match (refusal, character) {
            (Refusal::Invalid(rule), Some(at)) => Refusal::Invalid(gate::with_place(&rule, sql, sent, at)),
            (refusal, _) => refusal,
        })
    }

    /// Checks the values of a structured statement, and spends for the values and for the statement.
    fn bind(&mut self, statement: Statement<Value>) -> Result<Bound, Refusal> {
        let bound = statement.bind(&mut |bytes| self.ledger.spend(Limit::DbBytes, bytes))?;
        self.ledger.spend(Limit::DbStatements, 1)?;
        Ok(bound)
    }

    fn rows(&mut self, rows: Rows) -> Result<Resource<Rows>, Refusal> {
        self.ledger.spend(Limit::Handles, 1)?;
        self.table.push(rows).map_err(Refusal::internal)
    }
}

/// The SQL of a structured statement. In a shared transaction it runs with the plugin's own rights.
fn sql<'a>(bound: &'a Bound, parameters: &'a [&'a (dyn ToSql + Sync)], role: &'a str) -> Sql<'a> {
    Sql { text: &bound.text, parameters, types: &bound.types, role: Some(role), shape: Some(&bound.shape) }
}

/// The values of SQL text as the driver takes them, each paid for.
fn bind(binder: Binder<'_>, types: &[Type], ledger: &mut Ledger) -> Result<Arguments, Refusal> {
    let values = binder.bind(types, &mut |bytes| ledger.spend(Limit::DbBytes, bytes))?;
    Ok(values.into_iter().map(|value| Box::new(value) as Box<dyn ToSql + Sync + Send>).collect())
}

/// Asks the gate, for whose thread this one waits: of a long text in the slow lane.
async fn judged<T>(
    catalogue: &Catalogue,
    sql: &str,
    notes: &mut Notes,
    parse: impl FnOnce(&Catalogue, &str, &mut Notes) -> Result<T, Refusal>,
) -> Result<T, Refusal> {
    if sql.len() > SQL_INLINE_BYTES_MAX {
        lane::leave_usual().await;
    }
    processor::elsewhere(|| parse(catalogue, sql, notes))
}

fn described(columns: &[(String, Type)]) -> Vec<wit::Column> {
    let column =
        |(name, kind): &(String, Type)| wit::Column { name: name.clone(), type_name: kind.name().to_owned() };
    columns.iter().map(column).collect()
}

fn decode(rows: &[Row], columns: &[(String, Type)], ledger: &mut Ledger) -> Result<Vec<wit::Row>, Refusal> {
    rows.iter().map(|row| decode_row(row, columns, ledger)).collect()
}

fn decode_row(row: &Row, columns: &[(String, Type)], ledger: &mut Ledger) -> Result<wit::Row, Refusal> {
    let values = columns.iter().enumerate().map(|(index, (name, kind))| {
        let Raw(bytes) = row.try_get(index).map_err(Refusal::internal)?;
        let value = codec::decode(kind, bytes);
        let value = value.map_err(|rule| Refusal::Invalid(format!("column {name:?}: {rule}")))?;
        if let Value::Array(elements) = &value {
            let bytes = (elements.len() as u64).saturating_mul(DB_ELEMENT_HELD_BYTES);
            // The invocation ends before its guest sees this error.
            ledger.hold(bytes).map_err(|_| Exceeded(ledger.usage(Limit::DbBytes)))?;
        }
        Ok::<_, Refusal>(wit::Value::from(value))
    });
    values.collect()
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

#[cfg(test)]
mod tests {
    use super::{DB_ELEMENT_HELD_BYTES, wit};
    use palisade_guard::db::value::Scalar;

    #[test]
    fn element_of_an_array_takes_no_more_than_is_held_for_it() {
        assert!(size_of::<Scalar>().max(size_of::<wit::Scalar>()) as u64 <= DB_ELEMENT_HELD_BYTES);
    }
}

//! How a store reaches the database: with statements in the invocation's own transaction.
//!
//! An integrator's own store takes part in that transaction like the built-in ones: its writes are committed and rolled
//! back together with the plugin's.

use super::statement::{Answer, Sql};
use crate::At;
use palisade_guard::db::codec;
use palisade_guard::db::parameter::{Parameter, Raw};
use palisade_guard::db::value::{Scalar, Value};
use palisade_guard::limits::Limit;
use palisade_guard::refusal::Refusal;
use tokio_postgres::Row;
use tokio_postgres::types::{ToSql, Type};

impl At<'_> {
    /// Runs a statement that the store wrote, never one of a guest, and returns its rows, with a value for each column.
    ///
    /// Parameters are `$1`, `$2` and so on, each of the type that its case names: `integer` is `bigint`, `float` is
    /// `double precision`, `json` is `jsonb`, and null is `text`; write `$1::uuid` where the statement needs another.
    ///
    /// In an invocation of one plugin the statement runs as that plugin's login. Load the plugin first; then create the tables
    /// and grant them to the login, which the column `role` of `palisade.plugins` names. In a transaction that several
    /// plugins share, and in the host's own work on items, the statement runs as the host. The statement, its rows and their
    /// bytes count against the invocation's `db-statements`, `db-rows` and `db-bytes`.
    ///
    /// # Errors
    ///
    /// As for a plugin's statement: a constraint, a lost race, a timeout, a limit, an unreachable database. Return a
    /// lost race unchanged: it makes the whole mutation run again.
    pub async fn query(&mut self, text: &str, parameters: &[Value]) -> Result<Vec<Vec<Value>>, Refusal> {
        self.answer(text, parameters).await?.rows.iter().map(values).collect()
    }

    /// Runs a statement that returns no rows, and returns how many rows it changed.
    ///
    /// # Errors
    ///
    /// As for [`query`](Self::query).
    pub async fn execute(&mut self, text: &str, parameters: &[Value]) -> Result<u64, Refusal> {
        Ok(self.answer(text, parameters).await?.affected)
    }

    /// Runs a statement that the host wrote, and spends it here: only the store knows how many statements one of its
    /// calls needs.
    pub(crate) async fn run(&mut self, sql: Sql<'_>) -> Result<Answer, Refusal> {
        self.ledger.spend(Limit::DbStatements, 1)?;
        self.session.run(sql, self.ledger).await
    }

    /// Like [`run`](Self::run), for a select that may be the only statement of its invocation.
    pub(crate) async fn look_up(&mut self, sql: Sql<'_>) -> Result<Answer, Refusal> {
        self.ledger.spend(Limit::DbStatements, 1)?;
        self.session.look_up(sql, self.ledger).await
    }

    /// Lets others have the connection of a read of the host's own, which goes on with another snapshot.
    pub fn pause(&mut self) {
        self.session.pause();
    }

    async fn answer(&mut self, text: &str, parameters: &[Value]) -> Result<Answer, Refusal> {
        let types: Vec<Type> = parameters.iter().map(natural).collect();
        let parse =
            |(value, kind): (&Value, &Type)| Parameter::parse(value.clone(), kind).map_err(Refusal::internal);
        let parameters = parameters.iter().zip(&types).map(parse).collect::<Result<Vec<_>, _>>()?;
        let sent: Vec<&(dyn ToSql + Sync)> =
            parameters.iter().map(|parameter| parameter as &(dyn ToSql + Sync)).collect();
        self.run(Sql { text, parameters: &sent, types: &types, role: None, shape: None }).await
    }
}

/// The PostgreSQL type that a value is sent as.
fn natural(value: &Value) -> Type {
    match value {
        Value::Scalar(scalar) => of(scalar).0,
        Value::Array(elements) => elements
            .iter()
            .find(|element| **element != Scalar::Null)
            .map_or(Type::TEXT_ARRAY, |element| of(element).1),
    }
}

/// The type of a scalar, and the type of an array of such scalars.
fn of(scalar: &Scalar) -> (Type, Type) {
    match scalar {
        Scalar::Null | Scalar::Text(_) => (Type::TEXT, Type::TEXT_ARRAY),
        Scalar::Boolean(_) => (Type::BOOL, Type::BOOL_ARRAY),
        Scalar::Integer(_) => (Type::INT8, Type::INT8_ARRAY),
        Scalar::Float(_) => (Type::FLOAT8, Type::FLOAT8_ARRAY),
        Scalar::Numeric(_) => (Type::NUMERIC, Type::NUMERIC_ARRAY),
        Scalar::Bytes(_) => (Type::BYTEA, Type::BYTEA_ARRAY),
        Scalar::Uuid(_) => (Type::UUID, Type::UUID_ARRAY),
        Scalar::Date(_) => (Type::DATE, Type::DATE_ARRAY),
        Scalar::Time(_) => (Type::TIME, Type::TIME_ARRAY),
        Scalar::Timestamp(_) => (Type::TIMESTAMP, Type::TIMESTAMP_ARRAY),
        Scalar::Timestamptz(_) => (Type::TIMESTAMPTZ, Type::TIMESTAMPTZ_ARRAY),
        Scalar::Interval { .. } => (Type::INTERVAL, Type::INTERVAL_ARRAY),
        Scalar::Json(_) => (Type::JSONB, Type::JSONB_ARRAY),
        Scalar::Inet(_) => (Type::INET, Type::INET_ARRAY),
    }
}

fn values(row: &Row) -> Result<Vec<Value>, Refusal> {
    let columns = row.columns().iter().enumerate();
    let value = columns.map(|(index, column)| {
        let Raw(bytes) = row.try_get(index).map_err(Refusal::internal)?;
        codec::decode(column.type_(), bytes)
            .map_err(|rule| Refusal::internal(format!("column {:?}: {rule}", column.name())))
    });
    value.collect()
}

//! The contenders: several ways to read one row by its key, and parts of them.

use crate::world::ROWS;
use palisade::Host;
use serde_json::{Value, json};
use std::hint::black_box;
use std::sync::Arc;
use tokio_postgres::{Client as Connection, Row, Statement};

/// How many selects the contender `Many` makes in one invocation.
pub const MANY: u32 = 21;
/// The statements with which the host opens a query's transaction.
const BEGIN: &str = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY; SAVEPOINT s";

/// One contender.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Contender {
    Bare,
    OneByOne,
    Pipelined,
    Get,
    Nothing,
    Once,
    Many,
}

impl Contender {
    /// All contenders. The others are compared with the first.
    pub const ALL: [Self; 7] =
        [Self::Bare, Self::OneByOne, Self::Pipelined, Self::Get, Self::Nothing, Self::Once, Self::Many];
    /// The contenders that are worth measuring when many clients share few processors.
    pub const UNDER_LOAD: [Self; 5] = [Self::Bare, Self::OneByOne, Self::Pipelined, Self::Get, Self::Nothing];

    pub fn name(self) -> &'static str {
        match self {
            Self::Bare => "bare",
            Self::OneByOne => "one-by-one",
            Self::Pipelined => "pipelined",
            Self::Get => "call",
            Self::Nothing => "empty-call",
            Self::Once => "call-1",
            Self::Many => "call-21",
        }
    }

    /// Describes what the measured time contains.
    pub fn includes(self) -> &'static str {
        match self {
            Self::Bare => "tokio-postgres alone: a prepared select in autocommit",
            Self::OneByOne => "tokio-postgres alone: BEGIN, select, ROLLBACK, each after the other",
            Self::Pipelined => {
                "tokio-postgres alone: a query's BEGIN and SAVEPOINT with the select, ROLLBACK off the path"
            }
            Self::Get => {
                "a plugin's query, JSON to JSON, with its one select in autocommit: admission, a fresh store, the guest"
            }
            Self::Nothing => "a plugin's query that does nothing",
            Self::Once => {
                "a plugin's query with one select of several in a transaction, answering with a number"
            }
            Self::Many => "the same with 21 selects in its one transaction",
        }
    }
}

/// A client that sends its next request after it has the previous answer.
pub struct Client {
    host: Host,
    /// Two connections, as from a pool: one is used while the other rolls back.
    connections: Vec<(Arc<Connection>, Statement)>,
    random: u64,
}

impl Client {
    pub fn new(host: Host, connections: Vec<(Arc<Connection>, Statement)>, number: usize) -> Self {
        Self { host, connections, random: number as u64 }
    }

    /// Runs one call of this contender. Most of them read one row.
    pub async fn run(&mut self, contender: Contender) {
        let id = self.next_id();
        match contender {
            Contender::Bare => {
                let (connection, select) = self.connection();
                take(&connection.query_one(&select, &[&id, &1_i64]).await.expect("a row"), id);
            }
            Contender::OneByOne => {
                let (connection, select) = self.connection();
                connection.batch_execute("BEGIN READ ONLY").await.expect("a transaction");
                take(&connection.query_one(&select, &[&id, &1_i64]).await.expect("a row"), id);
                connection.batch_execute("ROLLBACK").await.expect("its end");
            }
            Contender::Pipelined => {
                let (connection, select) = self.connection();
                let key: [&(dyn tokio_postgres::types::ToSql + Sync); 2] = [&id, &1_i64];
                let (begun, row) =
                    tokio::join!(connection.batch_execute(BEGIN), connection.query_one(&select, &key));
                begun.expect("a transaction");
                take(&row.expect("a row"), id);
                // The process may end before the last rollback does.
                tokio::spawn(async move { connection.batch_execute("ROLLBACK").await });
            }
            Contender::Get => {
                let entry = self.call("reads/get", json!({ "id": id })).await;
                assert_eq!(entry["id"], id);
            }
            Contender::Nothing => self.repeat(id, 0).await,
            Contender::Once => self.repeat(id, 1).await,
            Contender::Many => self.repeat(id, MANY).await,
        }
    }

    async fn repeat(&self, id: i64, count: u32) {
        assert_eq!(self.call("reads/repeat", json!({ "id": id, "count": count })).await, count);
    }

    async fn call(&self, function: &str, arguments: Value) -> Value {
        self.host.call("bench", function).arguments(arguments).await.expect("an answer").value
    }

    fn connection(&mut self) -> (Arc<Connection>, Statement) {
        self.connections.rotate_left(1);
        let (connection, select) = &self.connections[0];
        (Arc::clone(connection), select.clone())
    }

    /// The next key, in an order that no cache can predict. At least `MANY` rows have smaller keys.
    fn next_id(&mut self) -> i64 {
        // The multiplier and the increment are Knuth's.
        self.random =
            self.random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let first = i64::from(MANY);
        first + i64::try_from(self.random >> 33).expect("31 bits") % (ROWS - first)
    }
}

/// Reads the columns of the row, as a program would.
fn take(row: &Row, id: i64) {
    let (found, title, body): (i64, String, String) = (row.get(0), row.get(1), row.get(2));
    assert_eq!(found, id);
    black_box((title, body));
}

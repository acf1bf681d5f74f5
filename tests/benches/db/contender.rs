//! What is measured: ways to read one row by its key, and parts of them.

use crate::world::ROWS;
use palisade::Host;
use serde_json::{Value, json};
use std::hint::black_box;
use std::sync::Arc;
use tokio_postgres::{Client as Connection, Row, Statement};

/// Selects of the invocation that makes many.
pub const MANY: u32 = 21;
/// As `host/src/backend/postgres/mode.rs` opens a query's transaction.
const BEGIN: &str = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY; SAVEPOINT s";

/// One of what takes turns.
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
    /// The first is what the others are compared with.
    pub const ALL: [Self; 7] =
        [Self::Bare, Self::OneByOne, Self::Pipelined, Self::Get, Self::Nothing, Self::Once, Self::Many];
    /// Those that say something when many wait for few processors.
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

    /// What is in its time.
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

/// A caller that waits for one answer before it asks again.
pub struct Client {
    host: Host,
    /// Two, as a pool would give them out: one is used while the other rolls back.
    connections: Vec<(Arc<Connection>, Statement)>,
    random: u64,
}

impl Client {
    pub fn new(host: Host, connections: Vec<(Arc<Connection>, Statement)>, number: usize) -> Self {
        Self { host, connections, random: number as u64 }
    }

    /// Reads one row, or does what else this contender does.
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
                // The last of all is cut off by the end of the process.
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

    /// The next key, in no order that a cache could know. `MANY` keys before it there are rows as well.
    fn next_id(&mut self) -> i64 {
        // The multiplier and increment are Knuth's.
        self.random =
            self.random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let first = i64::from(MANY);
        first + i64::try_from(self.random >> 33).expect("31 bits") % (ROWS - first)
    }
}

/// Reads the row as a program would.
fn take(row: &Row, id: i64) {
    let (found, title, body): (i64, String, String) = (row.get(0), row.get(1), row.get(2));
    assert_eq!(found, id);
    black_box((title, body));
}

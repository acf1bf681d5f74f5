//! Rows about host calls that outlast their invocation: what they wait for comes in time, or their deadline does, or their
//! caller goes away. In the last two the statement is cancelled and the connection closed.

use super::arena::Arena;
use super::row::{End, Row, Seen, rust, wat};
use crate::harness::{call, connect};
use palisade::CallError;
use palisade::limits::Limit;
use serde_json::{Value, json};
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

const ANSWERED: End = End::Shown("it answers when what it waits for comes");
const ENDED: End = End::Shown("it ends with its deadline, and its connection is closed");
const DROPPED: End = End::Shown("it is dropped with its caller, and its connection is closed");
/// How long to wait for what takes no time.
const PATIENCE: Duration = Duration::from_mins(1);
/// The case `timeout` of the error of `http`, as a component of `guests/hostile` passes it on.
const TIMEOUT: u8 = 3;

/// What comes while a call waits.
const COMES: [(&str, End, &str); 3] =
    [("answer", ANSWERED, "30 s"), ("deadline", ENDED, "500 ms"), ("end", DROPPED, "30 s")];

pub fn rows() -> Vec<Row> {
    let mut rows = Vec::new();
    for (comes, end, limit) in COMES {
        let row = rust("sql", "G7 wall-time", "in-query/query", json!({ "comes": comes }), end.clone());
        rows.push(row.limit(&format!("wall-time = \"{limit}\"")));
        let mut row = wat("fetch", "G7 action-time", end).kind("action").n(1);
        row.arguments["comes"] = comes.into();
        rows.push(row.limit(&format!("action-time = \"{limit}\"")));
    }
    rows.into_iter().map(|row| if row.arguments["comes"] == "answer" { row.at() } else { row }).collect()
}

/// Tries one of them.
pub async fn try_row(arena: &Arena, row: &Row) -> Seen {
    if row.component == "fetch" { in_http(arena, row).await } else { in_the_database(arena, row).await }
}

type Calling = JoinHandle<Result<Value, CallError>>;

/// Lets come what is to come, and says how it ended. `answers` makes what the call waits for come, `is_closed` returns when
/// its connection is.
async fn come(
    row: &Row,
    calling: Calling,
    limit: Limit,
    answers: impl Future<Output = ()>,
    is_closed: impl Future<Output = ()>,
) -> Seen {
    let end = match row.arguments["comes"].as_str().unwrap() {
        "answer" => {
            answers.await;
            return match calling.await.unwrap() {
                Ok(_) => Seen::Shown("it answers when what it waits for comes".into()),
                other => Seen::Otherwise(format!("{other:?}")),
            };
        }
        "deadline" => match calling.await.unwrap() {
            Err(CallError::LimitExceeded { usage, .. }) if usage.limit == limit => {
                "it ends with its deadline"
            }
            // A request's own time ends with the invocation's, and a guest may hear of it first.
            Ok(told) if told[0] == 1 && told[1] == TIMEOUT => "it ends with its deadline",
            other => return Seen::Otherwise(format!("{other:?}")),
        },
        _ => {
            calling.abort();
            "it is dropped with its caller"
        }
    };
    match tokio::time::timeout(PATIENCE, is_closed).await {
        Ok(()) => Seen::Shown(format!("{end}, and its connection is closed")),
        Err(_) => Seen::Otherwise(format!("{end}, and its connection stays open")),
    }
}

/// A select waits for a table that somebody else holds.
async fn in_the_database(arena: &Arena, row: &Row) -> Seen {
    if let Err(sentence) = arena.load(row, "sql").await {
        return Seen::Refused(sentence);
    }
    // No timeout of the server's own ends it: what does is the host.
    let sql = &arena.world.sql;
    let role: String =
        sql.query_one("SELECT role FROM palisade.plugins WHERE name = 'sql'", &[]).await.unwrap().get(0);
    for setting in ["lock_timeout", "statement_timeout"] {
        sql.batch_execute(&format!("ALTER ROLE {role} SET {setting} = '300s'")).await.unwrap();
    }
    let rival = connect(&arena.world.url()).await;
    rival.batch_execute("BEGIN; LOCK TABLE plugin_sql.notes").await.unwrap();
    let host = arena.host.clone();
    let select = json!({ "sql": "SELECT title FROM notes", "parameters": [] });
    let calling = tokio::spawn(async move { call(&host, "sql", "in-query/query", select).await });
    let waits = format!(
        "SELECT count(*) FROM pg_stat_activity WHERE usename = '{role}' AND wait_event_type = 'Lock'"
    );
    until(arena, &waits, 1).await;
    let there = format!("SELECT count(*) FROM pg_stat_activity WHERE usename = '{role}'");
    let release = async { rival.batch_execute("COMMIT").await.unwrap() };
    come(row, calling, Limit::WallTime, release, until(arena, &there, 0)).await
}

async fn until(arena: &Arena, query: &str, number: i64) {
    let deadline = Instant::now() + PATIENCE;
    while arena.world.count(query).await != number {
        assert!(Instant::now() < deadline, "{query} is never {number}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

/// A server takes the request and says nothing.
async fn in_http(arena: &Arena, row: &Row) -> Seen {
    let listener = TcpListener::bind("127.0.0.2:0").await.unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    let row = row.clone().with(&format!("[grants]\nhttp = [{{ url = \"{url}\" }}]")).text(&url);
    if let Err(sentence) = arena.load(&row, "late").await {
        return Seen::Refused(sentence);
    }
    let (host, arguments) = (arena.host.clone(), json!({ "text": url, "n": 1 }));
    let calling = tokio::spawn(async move { call(&host, "late", "calls/run", arguments).await });
    let mut connection = listener.accept().await.unwrap().0;
    let mut head = [0; 16];
    connection.read_exact(&mut head).await.unwrap();
    let (mut reading, mut writing) = connection.into_split();
    let answer = async move {
        writing.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n").await.unwrap();
    };
    let closed = async move {
        let mut rest = [0; 1024];
        while !matches!(reading.read(&mut rest).await, Ok(0) | Err(_)) {}
    };
    come(&row, calling, Limit::ActionTime, answer, closed).await
}

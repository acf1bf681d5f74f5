//! Rows about host calls that outlast their invocation. Either the call gets its answer, or its deadline passes, or
//! its caller disconnects. In the last two cases the host ends the statement, or closes the connection.

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

const ANSWERED: End = End::Shown("the call answers when it gets what it waits for");
const ENDED: End = End::Shown("the call ends at its deadline, and nothing of it runs on");
const DROPPED: End = End::Shown("the call is dropped with its caller, and nothing of it runs on");
/// A timeout for operations that take no noticeable time.
const WAIT_MAX: Duration = Duration::from_mins(1);
/// The case `timeout` of the error of `http`, as the components of `guests/hostile` return it.
const TIMEOUT: u8 = 3;

/// The event that ends the waiting, the expected end, and the limit on the call's time.
const EVENTS: [(&str, End, &str); 3] =
    [("answer", ANSWERED, "30 s"), ("deadline", ENDED, "500 ms"), ("end", DROPPED, "30 s")];

pub fn rows() -> Vec<Row> {
    let mut rows = Vec::new();
    for (event, end, limit) in EVENTS {
        let row = rust("sql", "G7 wall-time", "in-query/query", json!({ "event": event }), end.clone());
        rows.push(row.limit(&format!("wall-time = \"{limit}\"")));
        let mut row = wat("fetch", "G7 action-time", end).kind("action").n(1);
        row.arguments["event"] = event.into();
        rows.push(row.limit(&format!("action-time = \"{limit}\"")));
    }
    rows.into_iter().map(|row| if row.arguments["event"] == "answer" { row.at() } else { row }).collect()
}

/// Tries one of these rows.
pub async fn try_row(arena: &Arena, row: &Row) -> Seen {
    if row.component == "fetch" { in_http(arena, row).await } else { in_the_database(arena, row).await }
}

type Calling = JoinHandle<Result<Value, CallError>>;

/// Lets the event happen and returns how the call ended. `answers` provides what the call waits for. `is_over`
/// completes when nothing of the call runs any more.
async fn end_of_call(
    row: &Row,
    calling: Calling,
    limit: Limit,
    answers: impl Future<Output = ()>,
    is_over: impl Future<Output = ()>,
) -> Seen {
    let end = match row.arguments["event"].as_str().unwrap() {
        "answer" => {
            answers.await;
            return match calling.await.unwrap() {
                Ok(_) => Seen::Shown("the call answers when it gets what it waits for".into()),
                other => Seen::Otherwise(format!("{other:?}")),
            };
        }
        "deadline" => match calling.await.unwrap() {
            Err(CallError::LimitExceeded { usage, .. }) if usage.limit == limit => {
                "the call ends at its deadline"
            }
            // The deadline also limits the request, so the guest may see its own timeout first.
            Ok(told) if told[0] == 1 && told[1] == TIMEOUT => "the call ends at its deadline",
            other => return Seen::Otherwise(format!("{other:?}")),
        },
        _ => {
            calling.abort();
            "the call is dropped with its caller"
        }
    };
    match tokio::time::timeout(WAIT_MAX, is_over).await {
        Ok(()) => Seen::Shown(format!("{end}, and nothing of it runs on")),
        Err(_) => Seen::Otherwise(format!("{end}, and it runs on")),
    }
}

/// A select waits for a table that another session has locked.
async fn in_the_database(arena: &Arena, row: &Row) -> Seen {
    if let Err(sentence) = arena.load(row, "sql").await {
        return Seen::Refused(sentence);
    }
    // The server's own timeouts do not end it, so the host must.
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
    let busy = format!("SELECT count(*) FROM pg_stat_activity WHERE usename = '{role}' AND state <> 'idle'");
    let release = async { rival.batch_execute("COMMIT").await.unwrap() };
    end_of_call(row, calling, Limit::WallTime, release, until(arena, &busy, 0)).await
}

async fn until(arena: &Arena, query: &str, number: i64) {
    let deadline = Instant::now() + WAIT_MAX;
    while arena.world.count(query).await != number {
        assert!(Instant::now() < deadline, "{query} is never {number}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

/// A server accepts the request and does not answer.
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
    end_of_call(&row, calling, Limit::ActionTime, answer, closed).await
}

//! Rows about what has to be the same again: time and randomness within one invocation and from one to the next, and a
//! mutation that lost a race. That nothing at all differs is in `determinism.rs`.

use super::arena::Arena;
use super::row::{End, Row, Seen, rust};
use crate::harness::{call, connect};
use palisade::Replay;
use palisade::guard::request_context::RequestId;
use serde_json::{Value, json};
use std::collections::BTreeSet;

const SAME: End = End::Shown("the same bytes at the same moment, and others at another");
const AGAIN: End = End::Shown("it runs again with the same bytes");

pub fn rows() -> Vec<Row> {
    let of = |function, end| rust("replay", "G8", function, json!({}), end).over();
    vec![of("reads/brief", SAME), of("writes/keep", AGAIN)]
}

/// Tries one of them.
pub async fn try_row(arena: &Arena, row: &Row) -> Seen {
    if let Err(sentence) = arena.load(row, "replay").await {
        return Seen::Refused(sentence);
    }
    if row.function == "reads/brief" { same(arena, row).await } else { after_a_race(arena, row).await }
}

/// Orders of hash maps, randomness and time of the contract and of WASI, twice each in one invocation.
async fn same(arena: &Arena, row: &Row) -> Seen {
    let (one, other) = (Replay::draw(), Replay::draw());
    let mut seen = Vec::new();
    for moment in [one, one, other] {
        let request = RequestId::parse("again").unwrap();
        let called = arena.host.call("replay", row.function).request(request).replay(moment).await;
        seen.push(called.unwrap().value.to_string());
    }
    let differ = |what: &str| {
        let line = |text: &str| text.split("\\n").find(|line| line.contains(what)).unwrap().to_owned();
        line(&seen[0]) != line(&seen[2])
    };
    let all = ["now", "random:", "random again", "randomness:", "order of a map", "order of a set", "a hash"];
    if seen[0] == seen[1] && all.into_iter().all(differ) {
        return Seen::Shown("the same bytes at the same moment, and others at another".into());
    }
    Seen::Otherwise(format!("{seen:?}"))
}

/// Somebody else is about to change what the mutation changes; it waits for them, and has lost.
async fn after_a_race(arena: &Arena, row: &Row) -> Seen {
    let rival = connect(&arena.world.url()).await;
    rival.batch_execute("BEGIN; UPDATE plugin_replay.entries SET kind = 'taken' WHERE id = 1").await.unwrap();
    let calling = call(&arena.host, "replay", row.function, json!({}));
    let rivalry = async {
        let waiting = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'";
        while arena.world.count(waiting).await == 0 {
            tokio::task::yield_now().await;
        }
        rival.batch_execute("COMMIT").await.unwrap();
    };
    let (answer, ()) = tokio::join!(calling, rivalry);
    let logged = arena.world.log.messages();
    let runs: BTreeSet<&String> = logged.iter().collect();
    match answer {
        // The hash that each run logged is of all that it answers.
        Ok(Value::Array(lines)) if logged.len() == 2 && runs.len() == 1 && !lines.is_empty() => {
            Seen::Shown("it runs again with the same bytes".into())
        }
        other => Seen::Otherwise(format!("{other:?} after {logged:?}")),
    }
}

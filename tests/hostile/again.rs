//! Rows about what must repeat: time and random bytes under the same replay, and a mutation that lost a race.
//! `determinism.rs` tests that nothing else differs either.

use super::arena::Arena;
use super::row::{End, Row, Seen, rust};
use crate::harness::{call, connect};
use palisade::Replay;
use palisade::guard::request_context::RequestId;
use serde_json::{Value, json};
use std::collections::BTreeSet;

const SAME: End = End::Shown("the same replay gives the same bytes, and another gives others");
const AGAIN: End = End::Shown("the retry gets the same bytes");

pub fn rows() -> Vec<Row> {
    let of = |function, end| rust("replay", "G8", function, json!({}), end).over();
    vec![of("reads/brief", SAME), of("writes/keep", AGAIN)]
}

/// Tries one of these rows.
pub async fn try_row(arena: &Arena, row: &Row) -> Seen {
    if let Err(sentence) = arena.load(row, "replay").await {
        return Seen::Refused(sentence);
    }
    if row.function == "reads/brief" { same(arena, row).await } else { after_a_race(arena, row).await }
}

/// Compares orders of hash maps, random bytes and time from the contract and from WASI.
async fn same(arena: &Arena, row: &Row) -> Seen {
    let (one, other) = (Replay::draw(), Replay::draw());
    let mut seen = Vec::new();
    for replay in [one, one, other] {
        let request = RequestId::parse("again").unwrap();
        let called = arena.host.call("replay", row.function).request(request).replay(replay).await;
        seen.push(called.unwrap().value.to_string());
    }
    let differ = |what: &str| {
        let line = |text: &str| text.split("\\n").find(|line| line.contains(what)).unwrap().to_owned();
        line(&seen[0]) != line(&seen[2])
    };
    let all = ["now", "random:", "random again", "randomness:", "order of a map", "order of a set", "a hash"];
    if seen[0] == seen[1] && all.into_iter().all(differ) {
        return Seen::Shown("the same replay gives the same bytes, and another gives others".into());
    }
    Seen::Otherwise(format!("{seen:?}"))
}

/// Another transaction changes the same row, so the mutation waits and loses the race.
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
        // The hash that each run logged covers its whole answer.
        Ok(Value::Array(lines)) if logged.len() == 2 && runs.len() == 1 && !lines.is_empty() => {
            Seen::Shown("the retry gets the same bytes".into())
        }
        other => Seen::Otherwise(format!("{other:?} after {logged:?}")),
    }
}

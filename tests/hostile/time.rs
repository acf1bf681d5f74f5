//! Rows about time, about the stack, and about sleeping in the host, which uses neither.

use super::row::{End, Row, wat};
use palisade::limits::{HOST_CALL_BYTES, Limit};

const BRIEF: &str = "guest-time = \"100 ms\"";
const FOREVER: u64 = 0xffff_ffff;
/// Rounds of a loop that takes some tenths of a second, and milliseconds of sleep: on any machine, however busy, far
/// above one limit and far below the other.
const ROUNDS: u64 = 400_000_000;
const SLEEP_MS: u64 = 4_000;

pub fn rows() -> Vec<Row> {
    [pairs(), endless()].concat()
}

/// The same work under two limits: one ends it and the other does not.
fn pairs() -> Vec<Row> {
    let spin = |about, kind, limit: &str, end| wat("spin", about, end).n(ROUNDS).kind(kind).limit(limit);
    let sleep = |about, kind, limit: &str, end| wat("sleep", about, end).n(SLEEP_MS).kind(kind).limit(limit);
    let (guest, wall, action) = (Limit::GuestTime, Limit::WallTime, Limit::ActionTime);
    vec![
        spin("G1 guest-time", "query", "guest-time = \"10 s\"", End::Works),
        spin("G1 guest-time", "query", "guest-time = \"20 ms\"", End::Limit(guest, 20)),
        spin("G1 guest-time", "action", "guest-time = \"10 s\"", End::Works),
        spin("G1 guest-time", "action", "guest-time = \"20 ms\"", End::Limit(guest, 20)),
        spin("G1 wall-time", "query", "wall-time = \"30 s\"", End::Works),
        spin("G1 wall-time", "query", "wall-time = \"20 ms\"", End::Limit(wall, 20)),
        spin("G1 action-time", "action", "action-time = \"30 s\"", End::Works),
        spin("G1 action-time", "action", "action-time = \"20 ms\"", End::Limit(action, 20)),
        // Where time stands still, every sleep is over at once.
        sleep("G7 wall-time", "query", "wall-time = \"2 s\"", End::Works),
        sleep("G7 wall-time", "mutation", "wall-time = \"2 s\"", End::Works),
        sleep("G7 action-time", "action", "action-time = \"30 s\"", End::Works),
        sleep("G7 action-time", "action", "action-time = \"50 ms\"", End::Limit(action, 50)),
        // Time in the host does not count as the guest's.
        sleep("G7 guest-time", "action", "guest-time = \"50 ms\"", End::Works),
    ]
}

/// A text that makes a host call count as three.
fn two_units() -> String {
    "x".repeat(2 * usize::try_from(HOST_CALL_BYTES).unwrap())
}

fn endless() -> Vec<Row> {
    let guest_time = || End::Limit(Limit::GuestTime, 100);
    let stack = || End::Limit(Limit::Stack, Limit::Stack.default_max());
    let wall = || End::Limit(Limit::WallTime, 200);
    let action = || End::Limit(Limit::ActionTime, 200);
    let host_calls = Limit::HostCalls.default_max();
    vec![
        wat("spin", "G1 guest-time", guest_time()).n(FOREVER).limit(BRIEF),
        wat("spin-bulk", "G1 guest-time", guest_time()).limit(BRIEF),
        wat("spin-copy", "G1 guest-time", guest_time()).limit(BRIEF),
        wat("spin-table", "G1 guest-time", guest_time()).limit(BRIEF),
        wat("spin-indirect", "G1 guest-time", guest_time()).limit(BRIEF),
        wat("spin-start", "G1 guest-time", guest_time()).limit(BRIEF),
        wat("spin-realloc", "G1 guest-time", guest_time()).text("a text for it to take").limit(BRIEF),
        wat("spin-post-return", "G1 guest-time", guest_time()).limit(BRIEF),
        wat("spin", "G1 wall-time", wall()).n(FOREVER).limit("wall-time = \"200 ms\""),
        wat("spin", "G1 action-time", action()).n(FOREVER).kind("action").limit("action-time = \"200 ms\""),
        wat("host-calls", "G1 host-calls", End::Works).n(50).limit("host-calls = 50"),
        wat("host-calls", "G1 host-calls", End::Limit(Limit::HostCalls, 50)).n(51).limit("host-calls = 50"),
        wat("log-flood", "G1 HOST_CALL_BYTES", End::Works).n(16).text(two_units()).limit("host-calls = 50"),
        wat("log-flood", "G1 HOST_CALL_BYTES", End::Limit(Limit::HostCalls, 50))
            .n(17)
            .text(two_units())
            .limit("host-calls = 50"),
        // Without a loop there is no tick of the epoch, and the border to the host ends the call.
        wat("log-straight", "G1 HOST_CALL_BYTES", End::Works)
            .size(16)
            .text(two_units())
            .limit("host-calls = 50"),
        wat("log-straight", "G1 HOST_CALL_BYTES", End::Limit(Limit::HostCalls, 50))
            .size(17)
            .text(two_units())
            .limit("host-calls = 50"),
        wat("log-straight", "G1 guest-time", guest_time()).size(5_000).text("x".repeat(16_000)).limit(BRIEF),
        // The guest itself takes a hundredth of this time.
        wat("log-flood", "G1 guest-time", guest_time()).n(100_000).text("x".repeat(4_000)).limit(BRIEF),
        wat("query-refused", "G1 guest-time", guest_time())
            .n(100_000)
            .text(format!("SELECT {}no_such_column", "1 + ".repeat(500)))
            .with(super::QUERY)
            .limit(BRIEF),
        wat("context-refused", "G1 host-calls", End::Limit(Limit::HostCalls, host_calls))
            .n(100_000)
            .text("x".repeat(1_000_000)),
        wat("spin", "G1 fuel", End::Works).n(1_000).limit("fuel = 100000"),
        wat("spin", "G1 fuel", End::Limit(Limit::Fuel, 100_000)).n(FOREVER).limit("fuel = 100000"),
        wat("sleep", "G7 wall-time", End::Works).n(3_600_000),
        wat("sleep", "G7 action-time", action())
            .n(3_600_000)
            .kind("action")
            .limit("action-time = \"200 ms\""),
        wat("recurse-counted", "G2 stack", End::Works).n(5_000),
        wat("recurse-counted", "G2 stack", stack()).n(FOREVER),
        wat("recurse", "G2 stack WASM_STACK_BYTES", stack()),
        wat("recurse-indirect", "G2 stack", stack()),
        wat("recurse-query", "G2 stack ASYNC_STACK_BYTES SQL_STACK_BYTES", stack())
            .size(400)
            .text(format!("SELECT {}1{}", "(".repeat(30), ")".repeat(30)))
            .with("[grants]\ndb = { query = true }")
            .limit("db-statements = 1000\nguest-time = \"200 s\"\nwall-time = \"300 s\""),
    ]
}

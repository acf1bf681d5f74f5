//! Rows about time, the stack, and what takes neither: sleeping in the host.

use super::row::{End, Row, wat};
use palisade::limits::Limit;

const BRIEF: &str = "guest-time = \"100 ms\"";
const FOREVER: u64 = 0xffff_ffff;

pub fn rows() -> Vec<Row> {
    let guest_time = || End::Limit(Limit::GuestTime, 100);
    let stack = || End::Limit(Limit::Stack, Limit::Stack.default_max());
    let wall = || End::Limit(Limit::WallTime, 200);
    let action = || End::Limit(Limit::ActionTime, 200);
    vec![
        wat("spin", "G1 guest-time", End::Works).n(1_000).limit(BRIEF),
        wat("spin", "G1 guest-time", guest_time()).n(FOREVER).limit(BRIEF),
        wat("spin-bulk", "G1 guest-time", guest_time()).limit(BRIEF),
        wat("spin-copy", "G1 guest-time", guest_time()).limit(BRIEF),
        wat("spin-table", "G1 guest-time", guest_time()).limit(BRIEF),
        wat("spin-indirect", "G1 guest-time", guest_time()).limit(BRIEF),
        wat("spin-start", "G1 guest-time", guest_time()).limit(BRIEF),
        wat("spin-realloc", "G1 guest-time", guest_time()).text("a text for it to take").limit(BRIEF),
        wat("spin-post-return", "G1 guest-time", guest_time()).limit(BRIEF),
        wat("spin", "G1 wall-time", End::Works).n(1_000).limit("wall-time = \"200 ms\""),
        wat("spin", "G1 wall-time", wall()).n(FOREVER).limit("wall-time = \"200 ms\""),
        wat("spin", "G1 action-time", End::Works).n(1_000).kind("action").limit("action-time = \"200 ms\""),
        wat("spin", "G1 action-time", action()).n(FOREVER).kind("action").limit("action-time = \"200 ms\""),
        wat("host-calls", "G1 host-calls", End::Works).n(50).limit("host-calls = 50"),
        wat("host-calls", "G1 host-calls", End::Limit(Limit::HostCalls, 50)).n(51).limit("host-calls = 50"),
        wat("spin", "G1 fuel", End::Works).n(1_000).limit("fuel = 100000"),
        wat("spin", "G1 fuel", End::Limit(Limit::Fuel, 100_000)).n(FOREVER).limit("fuel = 100000"),
        wat("sleep", "G7 wall-time", End::Works).n(1).limit("wall-time = \"200 ms\""),
        wat("sleep", "G7 wall-time", wall()).n(3_600_000).limit("wall-time = \"200 ms\""),
        wat("sleep", "G7 action-time", End::Works).n(1).kind("action").limit("action-time = \"200 ms\""),
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
            .limit("db-statements = 1000"),
    ]
}

//! Rows about the budgets of one invocation, in pairs: a call at the limit succeeds, and one more is rejected.

use super::row::{End, Row, rust, wat};
use palisade::limits::{CACHE_ENTRY_OVERHEAD_BYTES, Limit};
use serde_json::json;

const SERVER: &str = "[grants]\nhttp = [{ url = \"http://ADDRESS/\", methods = [\"GET\", \"POST\"] }]";

pub fn rows() -> Vec<Row> {
    let query = |about, n, text: &str, limit, end| {
        wat("query", about, end).n(n).text(text).with(super::QUERY).limit(limit)
    };
    let fetch = |about, n, limit, end| {
        wat("fetch", about, end).kind("action").n(n).text("http://ADDRESS/").with(SERVER).limit(limit)
    };
    let send = |n, end| {
        let row = wat("fetch-body", "G14 http-bytes", end).kind("action").n(n).text("http://ADDRESS/");
        row.with(SERVER).limit("http-bytes = \"1000 B\"")
    };
    // The tables of `sql` take 106,496 bytes when they are empty, and two pages more with the first row of `journal`.
    let store = |limit, end| {
        let arguments = json!({ "sql": "INSERT INTO journal (what) VALUES ('a')", "parameters": [] });
        rust("sql", "G14 storage", "in-mutation/execute", arguments, end).limit(limit)
    };
    let three = "VALUES (1), (2), (3)";
    // The size of an entry of 1 KiB under a key of one byte.
    let entry = CACHE_ENTRY_OVERHEAD_BYTES + 1 + 1024;
    let cache = |n, end| {
        let row = wat("cache-flood", "G14 cache-bytes", end).n(n).text("k");
        row.limit(&format!("cache-bytes = \"{} B\"", 3 * entry))
    };
    vec![
        query("G14 db-statements", 3, "SELECT 1", "db-statements = 3", End::Works),
        query("G14 db-statements", 4, "SELECT 1", "db-statements = 3", End::Told(Limit::DbStatements, 4, 3)),
        query("G14 db-rows", 1, three, "db-rows = 3", End::Works),
        query("G14 db-rows", 1, three, "db-rows = 2", End::Told(Limit::DbRows, 3, 2)),
        query("G14 db-bytes", 1, "SELECT 1", "db-bytes = \"8 B\"", End::Works),
        query("G14 db-bytes", 1, "SELECT 1", "db-bytes = \"7 B\"", End::Told(Limit::DbBytes, 8, 7)),
        store("storage = \"122880 B\"", End::Works),
        store("storage = \"122879 B\"", End::Told(Limit::Storage, 122_880, 122_879)),
        fetch("G14 http-requests", 3, "http-requests = 3", End::Works),
        fetch("G14 http-requests", 4, "http-requests = 3", End::Told(Limit::HttpRequests, 4, 3)),
        send(1_000, End::Works),
        send(1_001, End::Told(Limit::HttpBytes, 1_001, 1_000)),
        cache(3, End::Works),
        cache(4, End::Told(Limit::CacheBytes, 4 * entry, 3 * entry)),
        wat("context-flood", "G14 context-entries", End::Works).n(3).limit("context-entries = 3"),
        wat("context-flood", "G14 context-entries", End::Told(Limit::ContextEntries, 4, 3))
            .n(4)
            .limit("context-entries = 3"),
        wat("context-set", "G14 context-bytes", End::Works)
            .n(99)
            .text("k")
            .limit("context-bytes = \"100 B\""),
        wat("context-set", "G14 context-bytes", End::Told(Limit::ContextBytes, 101, 100))
            .n(100)
            .text("k")
            .limit("context-bytes = \"100 B\""),
        wat("random-flood", "G14 random-bytes", End::Works).n(3).limit("random-bytes = \"48 B\""),
        wat("random-flood", "G14 random-bytes", End::Told(Limit::RandomBytes, 64, 48))
            .n(4)
            .limit("random-bytes = \"48 B\""),
    ]
}

//! Rows about what a component must not reach: the machine, time, random bytes, other servers, another plugin's log.

use super::row::{End, Row, rust, wat};
use serde_json::json;

/// Servers that no plugin reaches, even if its grants name them.
const INSIDE: &str = "[grants]\nhttp = [{ url = \"http://127.0.0.1/\" }, { url = \"http://10.0.0.1/\" }, \
     { url = \"http://169.254.169.254/\" }, { url = \"http://[::1]/\" }, { url = \"http://[::ffff:10.0.0.1]/\" }, \
     { url = \"http://[64:ff9b::a00:1]/\" }, { url = \"http://[2002:a00:1::1]/\" }, { url = \"http://localhost/\" }]";
/// A server that plugins may reach.
const SERVER: &str = "[grants]\nhttp = [{ url = \"http://ADDRESS/\", methods = [\"GET\", \"POST\"] }]";

pub fn rows() -> Vec<Row> {
    let mut rows = machine();
    rows.extend(servers());
    rows
}

fn machine() -> Vec<Row> {
    let attempt =
        |what: &str| rust("wasi", "G6", "attempts/reach", json!({ "what": what }), End::Invalid("")).over();
    let mut rows = vec![
        wat("wasi-environment", "G6", End::Gives(0)).over(),
        wat("wasi-arguments", "G6", End::Gives(0)).over(),
        wat("wasi-files", "G6", End::Gives(0)).over(),
        wat("wasi-exit", "G6", End::Traps("it exited with status 0")).n(0),
        wat("wasi-exit", "G6", End::Traps("it exited with status 1")).n(1),
        wat("clock-twice", "G8", End::Gives(0)).over().n(1_000_000),
        wat("nan", "G8", End::Gives(0x7ff8_0000_0000_0000)).over(),
        wat("log-flood", "G9 log-records", End::Logs(5)).at().n(5).text("a line").limit("log-records = 5"),
        wat("log-flood", "G9 log-records", End::Logs(5)).n(10_000).text("a line").limit("log-records = 5"),
        wat("log-flood", "G9 log-bytes", End::Logs(5))
            .at()
            .n(5)
            .text("ten bytes.")
            .limit("log-bytes = \"50 B\""),
        wat("log-flood", "G9 log-bytes", End::Logs(5)).n(6).text("ten bytes.").limit("log-bytes = \"50 B\""),
        wat("log-flood", "G9", End::Logs(1)).n(1).text("a\nlevel=ERROR plugin=greeter \u{1b}[2J\u{2028}b"),
        wat("query", "G10", End::Denied).n(1).text("SELECT * FROM plugin_greeter.secrets").with(super::QUERY),
        wat("query", "G10", End::Denied).n(1).text("SELECT * FROM palisade.users").with(super::QUERY),
        wat("query", "G10", End::Denied).n(1).text("SELECT * FROM pg_authid").with(super::QUERY),
    ];
    // The same plugin is called three times.
    rows.extend((0..3).map(|_| wat("remember", "G10", End::Gives(1)).over()));
    rows.extend(["file", "list", "environment", "connect", "listen", "resolve", "process"].map(attempt));
    rows
}

fn servers() -> Vec<Row> {
    let fetch = |url: &str, end: End| wat("fetch", "G13", end).kind("action").n(1).text(url);
    let mut rows = vec![
        fetch("http://ADDRESS/", End::Works).with(SERVER),
        fetch("http://ADDRESS/metadata", End::Denied).with(SERVER),
        fetch("http://user:password@ADDRESS/", End::Invalid("")).with(SERVER),
        fetch("http://127.0.0.1:22/", End::Denied).with(SERVER),
        fetch("file:///etc/passwd", End::Invalid("")).with(SERVER),
    ];
    let inside = [
        "http://127.0.0.1/",
        "http://10.0.0.1/",
        "http://169.254.169.254/latest/meta-data",
        "http://[::1]/",
        "http://[::ffff:10.0.0.1]/",
        "http://[64:ff9b::a00:1]/",
        "http://[2002:a00:1::1]/",
        "http://localhost/",
        "http://2130706433/",
        "http://0x7f.1/",
    ];
    rows.extend(inside.map(|url| fetch(url, End::Denied).with(INSIDE)));
    rows
}

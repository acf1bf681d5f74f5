//! What WASI guests print: lines of standard output and error are log records within the invocation's budget, whoever writes them
//! and however.

use crate::harness::{Captured, World, call, limited};
use crate::logging::Lines;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use palisade::guard::logging::Level;
use palisade::limits::{
    LOG_RECORD_BYTES_MAX, Limit, PRINTED_LINE_BYTES_MAX, PRINTED_WRITE_BYTES_MAX, TRAP_BYTES_MAX,
};
use palisade::{CallError, Host, Kind};
use serde_json::{Value, json};

/// Writes pieces to standard error or output, each at once, and ends like this.
async fn write(host: &Host, to_stderr: bool, pieces: &[&[u8]], end: &str) -> Result<Value, CallError> {
    let pieces: Vec<String> = pieces.iter().map(|piece| STANDARD.encode(piece)).collect();
    let arguments = json!({ "toStderr": to_stderr, "pieces": pieces, "end": end });
    call(host, "wasi", "printing/write", arguments).await
}

async fn flood(host: &Host, piece: &[u8], times: u32) -> Result<Value, CallError> {
    let arguments = json!({ "toStderr": false, "piece": STANDARD.encode(piece), "times": times });
    call(host, "wasi", "printing/flood", arguments).await
}

/// The messages since the last time.
fn taken(log: &Captured, seen: &mut usize) -> Vec<String> {
    let all = log.messages();
    let new = all[*seen..].to_vec();
    *seen = all.len();
    new
}

/// The limit that stopped a call.
fn stopped(result: Result<Value, CallError>) -> Limit {
    match result {
        Err(CallError::LimitExceeded { usage, .. }) => usage.limit,
        other => panic!("expected a limit, got {other:?}"),
    }
}

#[tokio::test]
async fn printed_text_is_escaped_records_line_by_line_however_it_is_written() {
    let world = World::new().await;
    let host = world.host(&["wasi"]).await;
    let mut seen = 0;
    let rows: &[(&[&[u8]], &[&str])] = &[
        (&[b"\n\n", b"\r\n", b"", b"\n"], &[]),
        (
            &[b"a\x1b[2J\nlevel=ERROR plugin=other\r\n\xe2\x80\xae\x00"],
            &["a\\u{1b}[2J", "level=ERROR plugin=other", "\\u{202e}\\u{0}"],
        ),
        (&[b"\xff\xfe\n\xc3", b"\n\xf0\x9f"], &["\u{fffd}\u{fffd}", "\u{fffd}", "\u{fffd}"]),
        (&[b"caf\xc3", b"\xa9 \xf0", b"\x9f", b"\x98", b"\x80\n"], &["café \u{1f600}"]),
        (&[b"o", b"n", b"e", b"\n", b"t", b"wo"], &["one", "two"]),
        (
            &[b"Traceback:\n  File \"x.py\", line 1\nValueError: no"],
            &["Traceback:", "  File \"x.py\", line 1", "ValueError: no"],
        ),
    ];
    for to_stderr in [false, true] {
        for (pieces, expected) in rows {
            write(&host, to_stderr, pieces, "returns").await.unwrap();
            assert_eq!(taken(&world.log, &mut seen), *expected, "{pieces:?}");
        }
    }
}

#[tokio::test]
async fn printed_line_has_the_level_and_name_of_its_stream_and_the_hosts_fields() {
    let world = World::new().await;
    let host = world.host(&["wasi"]).await;
    for (to_stderr, level, name) in [(false, Level::Info, "stdout"), (true, Level::Warn, "stderr")] {
        write(&host, to_stderr, &[b"plugin=other"], "returns").await.unwrap();
        let entry = world.log.all().pop().unwrap();
        assert_eq!((&*entry.plugin, &*entry.entered, entry.kind), ("wasi", "printing/write", Kind::Query));
        assert_eq!((entry.level, &*entry.message), (level, "plugin=other"));
        assert_eq!(entry.fields, [("stream".to_owned(), name.to_owned())]);
        assert!(!entry.request.is_empty() && !entry.is_cut);
    }
}

#[tokio::test]
async fn printed_lines_and_log_records_are_in_the_order_in_which_they_ended() {
    let world = World::new().await;
    let host = world.host(&["wasi"]).await;
    for _ in 0..2 {
        call(&host, "wasi", "printing/interleave", json!({})).await.unwrap();
    }
    let once = ["one", "two", "three", "four", "five", "six", "last"];
    assert_eq!(world.log.messages(), [once, once].concat());
}

#[tokio::test]
async fn lines_of_a_guest_that_traps_or_is_stopped_are_logged_with_the_last_one() {
    let world = World::new().await;
    let host = world.host_with("wasi", limited("guest-time = \"200 ms\"")).await;
    let mut seen = 0;
    let trace: &[&[u8]] = &[b"Error: no\n    at f (a.js:1:2)\n", b"    at ", b"g (b.js:3:4)"];
    let lines = ["Error: no", "    at f (a.js:1:2)", "    at g (b.js:3:4)"];
    for to_stderr in [true, false] {
        let trapped = write(&host, to_stderr, trace, "traps").await;
        assert!(matches!(trapped, Err(CallError::Trapped { .. })), "{trapped:?}");
        assert_eq!(taken(&world.log, &mut seen), lines);
        let ended = write(&host, to_stderr, trace, "spins").await;
        assert_eq!(stopped(ended), Limit::GuestTime);
        assert_eq!(taken(&world.log, &mut seen), lines);
    }
}

#[tokio::test]
async fn printed_lines_up_to_the_limits_are_logged_and_further_ones_counted() {
    let world = World::new().await;
    let host = world.host(&["wasi"]).await;
    let mut seen = 0;
    let max = u32::try_from(Limit::LogRecords.default_max()).unwrap();
    for (times, dropped) in [(max, None), (max + 1, Some(1)), (max + 5_000, Some(5_000))] {
        let (lines, _capturing) = Lines::capture();
        assert_eq!(flood(&host, b"x\n", times).await.unwrap(), times, "the guest goes on");
        assert_eq!(taken(&world.log, &mut seen).len(), max as usize);
        let reported =
            lines.of("palisade::plugin").into_iter().find_map(|event| event["fields"]["dropped"].as_u64());
        assert_eq!(reported, dropped);
    }
    let host = world.host_with("wasi", limited("log-bytes = \"1 KiB\"")).await;
    let most = 1_024 - "streamstdout".len();
    for (bytes, logged) in [(most + 1, 0), (most, 1)] {
        write(&host, false, &[&vec![b'x'; bytes]], "returns").await.unwrap();
        assert_eq!(taken(&world.log, &mut seen).len(), logged, "{bytes}");
    }
}

#[tokio::test]
async fn long_line_is_several_whole_records_and_one_at_the_limit_is_one() {
    let world = World::new().await;
    let host = world.host(&["wasi"]).await;
    let mut seen = 0;
    for (bytes, records) in
        [(PRINTED_LINE_BYTES_MAX, 1), (PRINTED_LINE_BYTES_MAX + 1, 2), (3 * PRINTED_LINE_BYTES_MAX, 3)]
    {
        let line = vec![b'x'; bytes];
        let pieces: Vec<&[u8]> = line.chunks(PRINTED_WRITE_BYTES_MAX).collect();
        write(&host, true, &pieces, "returns").await.unwrap();
        let messages = taken(&world.log, &mut seen);
        assert_eq!((messages.len(), messages.concat().into_bytes()), (records, line));
    }
    assert!(world.log.all().iter().all(|entry| !entry.is_cut && entry.fields.len() == 1));
}

#[tokio::test]
async fn flood_of_output_is_stopped_and_logs_no_more_than_its_budget() {
    let world = World::new().await;
    let host = world.host(&["wasi"]).await;
    let mut seen = 0;
    let page = |byte| vec![byte; PRINTED_WRITE_BYTES_MAX];
    let bytes_max = usize::try_from(Limit::LogBytes.default_max()).unwrap();
    // 1 GiB each.
    for (piece, logged) in [
        (page(b'\n'), 0..=0),
        (page(b'x'), 1..=bytes_max / LOG_RECORD_BYTES_MAX),
        (page(0), 1..=bytes_max / LOG_RECORD_BYTES_MAX),
        (page(0xff), 1..=bytes_max / LOG_RECORD_BYTES_MAX),
        (b"x\n".repeat(PRINTED_WRITE_BYTES_MAX / 2), 256..=256),
    ] {
        // On a slow machine the time ends first.
        let limit = stopped(flood(&host, &piece, 1 << 18).await);
        assert!(matches!(limit, Limit::HostCalls | Limit::GuestTime), "{limit}");
        let messages = taken(&world.log, &mut seen);
        assert!(logged.contains(&messages.len()), "{} records of {:?}", messages.len(), piece.first());
        assert!(messages.iter().map(String::len).sum::<usize>() <= bytes_max);
    }
    // Byte by byte, which takes a call each.
    let limit = stopped(flood(&host, b"x", 1 << 20).await);
    assert!(matches!(limit, Limit::HostCalls | Limit::GuestTime), "{limit}");
    taken(&world.log, &mut seen);
    assert_eq!(flood(&host, b"x", 20_000).await.unwrap(), 20_000);
    assert_eq!(taken(&world.log, &mut seen).concat(), "x".repeat(20_000));
}

#[tokio::test]
async fn write_over_what_the_stream_offers_is_refused_and_one_at_it_is_not() {
    let world = World::new().await;
    let host = world.host(&["wasi"]).await;
    let most = u32::try_from(PRINTED_WRITE_BYTES_MAX).unwrap();
    let at_once =
        async |bytes: u32| call(&host, "wasi", "printing/write-at-once", json!({ "bytes": bytes })).await;
    for bytes in [most + 1, 1 << 20] {
        let refused = at_once(bytes).await;
        assert!(matches!(refused, Err(CallError::Trapped { .. })), "{bytes}: {refused:?}");
    }
    at_once(most).await.unwrap();
    assert!(world.log.all().is_empty());
}

#[tokio::test]
async fn trace_over_the_budget_stands_whole_in_the_report_of_the_trap() {
    let world = World::new().await;
    let host = world.host(&["wasi"]).await;
    let report = |lines: &Lines| lines.of("palisade::invocation").pop().unwrap()["fields"].clone();
    let noise = b"noise\n".repeat(300);
    let trace =
        b"Traceback (most recent call last):\n  File \"app.py\", line 3, in greet\nValueError: no name";
    let (lines, capturing) = Lines::capture();
    write(&host, true, &[&noise, trace], "traps").await.unwrap_err();
    drop(capturing);
    assert_eq!(world.log.all().len(), 256);
    let fields = report(&lines);
    let text = fields["stderr"].as_str().unwrap();
    assert!(text.ends_with(std::str::from_utf8(trace).unwrap()) && text.len() <= TRAP_BYTES_MAX, "{fields}");
    assert_eq!((&fields["plugin"], &fields["entered"]), (&json!("wasi"), &json!("printing/write")));
    assert!(
        fields["error"].as_str().unwrap().contains("unreachable") && !fields["request"].is_null(),
        "{fields}"
    );
    // As much of a longer one as fits.
    let (lines, capturing) = Lines::capture();
    let long = b"-------\n".repeat(TRAP_BYTES_MAX / 8);
    write(&host, true, &[&noise, &long, &long, b"last"], "traps").await.unwrap_err();
    drop(capturing);
    let fields = report(&lines);
    let text = fields["stderr"].as_str().unwrap();
    assert!(
        text.ends_with("-------\nlast") && text.len() > TRAP_BYTES_MAX - 16 && text.len() <= TRAP_BYTES_MAX,
        "{text}"
    );
    // What the log has is not repeated, nor what went to standard output.
    let rows: [(bool, &[&[u8]]); 2] = [(true, &[trace]), (false, &[&noise, trace])];
    for (to_stderr, pieces) in rows {
        let (lines, capturing) = Lines::capture();
        write(&host, to_stderr, pieces, "traps").await.unwrap_err();
        drop(capturing);
        assert!(report(&lines)["stderr"].is_null());
    }
}

#[tokio::test]
async fn what_a_guest_sees_of_its_log_is_the_same_in_every_run() {
    let world = World::new().await;
    let host = world.host(&["wasi"]).await;
    for _ in 0..3 {
        assert_eq!(call(&host, "wasi", "printing/remaining", json!({})).await.unwrap(), json!([0, 2]));
    }
}

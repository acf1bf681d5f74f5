//! Tests `wit/logging.wit` through a component and checks the log.

use crate::command::child::{Ran, Serving, examples, finish, palisade, run};
use crate::harness::{CALLS, Served, World, altered, builder, call, client, guest, limited, odd, returned};
use palisade::guard::logging::Level;
use palisade::guard::request_context::RequestId;
use palisade::limits::{
    BREAKER_FAILURES, KIB, LOG_FIELD_NAME_BYTES_MAX, LOG_FIELDS_MAX, LOG_RECORD_BYTES_MAX, Limit,
    REPORT_PERIOD_MS, REPORTS_MAX,
};
use palisade::{Host, Policy};
use palisade_guard::text::is_unsafe;
use serde_json::{Value, json};
use std::fs;
use std::io::Write;
use std::sync::{Arc, Mutex};
use std::time::Instant;
use tracing_subscriber::fmt::MakeWriter;

async fn log(host: &Host, plugin: &str, message: &str, fields: &[(&str, &str)]) {
    let fields: Vec<Value> =
        fields.iter().map(|(name, value)| json!({ "name": name, "value": value })).collect();
    let arguments = json!({ "level": "info", "message": message, "fields": fields });
    assert_eq!(call(host, plugin, "reads/log", arguments).await.unwrap(), Value::Null);
}

/// The host's own log as JSON lines.
#[derive(Clone, Default)]
pub struct Lines(Arc<Mutex<Vec<u8>>>);

impl Lines {
    /// Captures everything that this thread logs from now on.
    pub fn capture() -> (Self, tracing::subscriber::DefaultGuard) {
        let lines = Self::default();
        let subscriber = tracing_subscriber::fmt()
            .json()
            .with_max_level(tracing::Level::TRACE)
            .with_writer(lines.clone())
            .finish();
        (lines, tracing::subscriber::set_default(subscriber))
    }

    /// The events of plugins.
    fn of_plugins(&self) -> Vec<Value> {
        self.of("palisade::plugin")
    }

    /// The events of one target.
    pub fn of(&self, target: &str) -> Vec<Value> {
        self.everything().into_iter().filter(|event| event["target"] == target).collect()
    }

    /// The warnings and errors.
    fn warnings(&self) -> Vec<Value> {
        self.everything()
            .into_iter()
            .filter(|event| event["level"] == "WARN" || event["level"] == "ERROR")
            .collect()
    }

    /// All events.
    pub fn everything(&self) -> Vec<Value> {
        let text = String::from_utf8(self.0.lock().unwrap().clone()).unwrap();
        text.lines().map(|line| serde_json::from_str::<Value>(line).unwrap()).collect()
    }
}

impl Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Lines {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        self.clone()
    }
}

#[tokio::test]
async fn record_with_control_characters_is_one_escaped_line() {
    let world = World::new().await;
    let host = world.host(&["probe"]).await;
    let rows = [
        ("a\nlevel=ERROR plugin=other", "a\\nlevel=ERROR plugin=other"),
        ("a\r\n\0\u{7f}\u{85}", "a\\r\\n\\u{0}\\u{7f}\\u{85}"),
        ("\u{1b}[31mred\u{1b}]0;title\u{7}", "\\u{1b}[31mred\\u{1b}]0;title\\u{7}"),
        ("\u{202e}txt.exe\u{2028}\u{2029}\u{feff}", "\\u{202e}txt.exe\\u{2028}\\u{2029}\\u{feff}"),
        ("plain ☃ \"quoted\" {json}", "plain ☃ \"quoted\" {json}"),
        ("", ""),
    ];
    for (text, expected) in rows {
        log(&host, "probe", text, &[("value", text)]).await;
        let entry = world.log.all().pop().unwrap();
        assert_eq!((&*entry.message, &*entry.fields[0].1, entry.is_cut), (expected, expected, false));
    }
    assert_eq!(world.log.all().len(), rows.len());
}

#[tokio::test]
async fn record_has_plugin_and_request_that_no_field_overrides() {
    let world = World::new().await;
    let host = world.twins("probe").await;
    let forged = json!([{ "name": "plugin", "value": "other" }, { "name": "request", "value": "forged" }]);
    for (plugin, id) in [("probe", "request-1"), ("other", "request-2")] {
        let arguments = json!({ "level": "warn", "message": plugin, "fields": forged });
        host.call(plugin, "reads/log")
            .arguments(arguments)
            .request(RequestId::parse(id).unwrap())
            .await
            .unwrap();
        let entry = world.log.all().pop().unwrap();
        assert_eq!((&*entry.plugin, &*entry.request, &*entry.message), (plugin, id, plugin));
        assert_eq!(entry.fields, [("plugin".into(), "other".into()), ("request".into(), "forged".into())]);
    }
}

#[tokio::test]
async fn record_in_the_hosts_own_log_cannot_be_forged() {
    let world = World::new().await;
    // Without a sink from the integrator, records go to the host's own log.
    let host = builder(world.url()).plugin(guest("probe"), Policy::as_asked()).build().await.unwrap();
    let (lines, _guard) = Lines::capture();
    log(&host, "probe", "m\"}\n{\"target\":\"forged\"}", &[("plugin", "other\" plugin=\"third"), ("x", "1")])
        .await;
    let events = lines.of_plugins();
    assert_eq!(events.len(), 1, "{events:?}");
    let fields = &events[0]["fields"];
    assert_eq!(events[0]["level"], "INFO");
    assert_eq!(fields["plugin"], "probe");
    assert_eq!(fields["message"], "m\"}\\n{\"target\":\"forged\"}");
    assert_eq!(fields["fields"], r#"plugin="other\" plugin=\"third" x="1""#);
}

#[tokio::test]
async fn malformed_field_name_is_sanitized_character_by_character() {
    let world = World::new().await;
    let host = world.host(&["probe"]).await;
    let (long, longest) = ("n".repeat(LOG_FIELD_NAME_BYTES_MAX + 1), "n".repeat(LOG_FIELD_NAME_BYTES_MAX));
    let hostile = ["plugin\n", "Ab c", "é=1", "", "1st", &long, &"9".repeat(LOG_FIELD_NAME_BYTES_MAX)];
    let fields: Vec<(&str, &str)> = hostile.iter().map(|name| (*name, "v")).collect();
    log(&host, "probe", "m", &fields).await;
    let names: Vec<String> =
        world.log.all().pop().unwrap().fields.into_iter().map(|(name, _)| name).collect();
    assert_eq!(names.len(), hostile.len());
    for name in &names {
        let plain = name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || "_.-".contains(c));
        let begins = name.starts_with(|first: char| first.is_ascii_lowercase());
        assert!(plain && begins && name.len() <= LOG_FIELD_NAME_BYTES_MAX, "{name:?}");
    }
    assert_eq!((&*names[0], &names[5]), ("plugin_", &longest));
    log(&host, "probe", "m", &[("a1_.-", "v"), (&longest, "v")]).await;
    let names: Vec<String> =
        world.log.all().pop().unwrap().fields.into_iter().map(|(name, _)| name).collect();
    assert_eq!(names, ["a1_.-".to_owned(), longest]);
}

#[tokio::test]
async fn record_over_4_kib_or_32_fields_is_cut_and_marked() {
    let world = World::new().await;
    let host = world.host(&["probe"]).await;
    let text = "x".repeat(LOG_RECORD_BYTES_MAX);
    let fields = vec![("n", "v"); LOG_FIELDS_MAX + 1];
    let half = &text[..LOG_RECORD_BYTES_MAX / 2];
    let over: [(&str, &[(&str, &str)]); 5] = [
        (&format!("{text}x"), &[]),
        (&"é".repeat(LOG_RECORD_BYTES_MAX / 2 + 1), &[]),
        (&"\n".repeat(LOG_RECORD_BYTES_MAX / 2 + 1), &[]),
        (half, &[("n", half)]),
        ("m", &fields),
    ];
    for (message, fields) in over {
        log(&host, "probe", message, fields).await;
        let entry = world.log.all().pop().unwrap();
        let bytes: usize = entry.fields.iter().map(|(name, value)| name.len() + value.len()).sum::<usize>()
            + entry.message.len();
        assert!(
            entry.is_cut && bytes <= LOG_RECORD_BYTES_MAX && entry.fields.len() <= LOG_FIELDS_MAX,
            "{bytes}"
        );
        assert!(!entry.message.is_empty());
    }
    let at: [(&str, &[(&str, &str)]); 3] = [(&text, &[]), (half, &[("n", &half[1..])]), ("m", &fields[1..])];
    for (message, fields) in at {
        log(&host, "probe", message, fields).await;
        let entry = world.log.all().pop().unwrap();
        assert!(!entry.is_cut && entry.message == message && entry.fields.len() == fields.len());
    }
}

#[tokio::test]
async fn records_over_256_are_dropped_and_the_host_logs_how_many() {
    let world = World::new().await;
    let host = world.host(&["probe"]).await;
    let max = Limit::LogRecords.default_max();
    for (count, dropped) in [(max, None), (max + 44, Some(44))] {
        let (lines, guard) = Lines::capture();
        let before = world.log.all().len() as u64;
        call(&host, "probe", "reads/flood-log", json!({ "count": count })).await.unwrap();
        drop(guard);
        assert_eq!(world.log.all().len() as u64 - before, max);
        assert_eq!(world.log.messages().pop().unwrap(), format!("line {}", max - 1));
        let reported: Vec<u64> =
            lines.of_plugins().iter().filter_map(|event| event["fields"]["dropped"].as_u64()).collect();
        assert_eq!(reported, dropped.into_iter().collect::<Vec<_>>());
    }
}

#[tokio::test]
async fn log_text_over_the_manifest_limit_is_dropped() {
    let world = World::new().await;
    let host = world.host_with("probe", limited("log-bytes = \"1 KiB\"")).await;
    let most = "x".repeat(usize::try_from(KIB).unwrap());
    log(&host, "probe", &format!("{most}x"), &[]).await;
    assert!(world.log.all().is_empty());
    log(&host, "probe", &most, &[]).await;
    assert_eq!(world.log.messages(), [most]);
}

#[tokio::test]
async fn levels_are_logged_as_sent() {
    let world = World::new().await;
    let host = world.host(&["probe"]).await;
    let levels = [
        ("trace", Level::Trace),
        ("debug", Level::Debug),
        ("info", Level::Info),
        ("warn", Level::Warn),
        ("error", Level::Error),
    ];
    for (name, level) in levels {
        let arguments = json!({ "level": name, "message": name, "fields": [] });
        call(&host, "probe", "reads/log", arguments).await.unwrap();
        assert_eq!(world.log.all().pop().unwrap().level, level);
    }
}

#[tokio::test]
async fn failed_mutation_keeps_its_log_records() {
    let world = World::new().await;
    let host = world.host(&["steps"]).await;
    let failed =
        call(&host, "steps", "sequences/log-then-fail", json!({ "message": "before the end" })).await;
    assert_eq!(returned(failed), json!("failed after the record"));
    assert_eq!(world.log.messages(), ["before the end"]);
}

#[tokio::test]
async fn failing_statements_of_one_call_are_a_few_lines_with_their_number() {
    let world = World::new().await;
    let host = world.host(&["sql"]).await;
    for function in ["in-query/query-each", "in-mutation/query-each", "in-action/query-each"] {
        let (lines, _capturing) = Lines::capture();
        // PostgreSQL refuses it, and the guest gets a code alone.
        let arguments = json!({ "statements": vec!["SELECT extract(hour FROM date '2020-01-01')"; 900] });
        let answer = call(&host, "sql", function, arguments).await.unwrap();
        let warnings = lines.warnings();
        assert!(warnings.len() <= 8, "{function}: {} lines: {:?}", warnings.len(), warnings.first());
        let failed = answer.to_string().matches("\"other\"").count() as u64;
        let counted: u64 = warnings.iter().filter_map(|event| event["fields"]["count"].as_u64()).sum();
        assert!(failed > 8 && counted >= failed, "{function}: {counted} of {failed}: {warnings:?}");
    }
}

#[tokio::test]
async fn statement_that_is_not_granted_is_logged_with_its_place_and_what_is_granted() {
    let world = World::new().await;
    let host = world.host(&["sql"]).await;
    let (lines, _capturing) = Lines::capture();
    let arguments = json!({ "statements": ["SELECT 1,\n  zzz FROM notes", "SELECT 1 FROM palisade.users"] });
    let answer = call(&host, "sql", "in-query/query-each", arguments).await.unwrap().to_string();
    assert!(answer.matches("access-denied").count() == 2 && !answer.contains("zzz"), "{answer}");
    let reasons: Vec<Value> =
        lines.warnings().iter().map(|event| event["fields"]["reason"].clone()).collect();
    let reasons: Vec<&str> = reasons.iter().filter_map(Value::as_str).collect();
    assert!(
        reasons.iter().any(|reason| reason.contains("zzz") && reason.contains("line 2, column 3")),
        "{reasons:?}"
    );
    assert_eq!(reasons.len(), 2, "{reasons:?}");
}

#[tokio::test]
async fn traps_of_a_loud_plugin_are_bounded_and_hide_nothing_of_a_quiet_one() {
    let world = World::new().await;
    let host = world.twins("probe").await;
    let served = Served::new(host.clone()).await;
    let (lines, _capturing) = Lines::capture();
    let began = Instant::now();
    let mut traps = 0;
    for number in 0..300 {
        // Failures of too few causes for a quarantine, however many they are.
        if number % 5 < 2 {
            let message = json!({ "message": format!("{}", number % (BREAKER_FAILURES - 1)) });
            assert_eq!(served.post("/call/probe/abuses/panic", &message).await.status, 500);
            traps += 1;
        } else {
            assert_eq!(served.post("/call/probe/reads/now", &json!({})).await.status, 200);
        }
    }
    assert_eq!(served.post("/call/other/abuses/panic", &json!({ "message": "" })).await.status, 500);
    let periods = began.elapsed().as_millis() / u128::from(REPORT_PERIOD_MS) + 1;
    let about = |plugin: &str| -> Vec<Value> {
        let mut found = lines.of("palisade::invocation");
        found.retain(|event| event["fields"]["plugin"] == plugin);
        found
    };
    assert!(!about("probe").is_empty() && about("probe").len() as u128 <= periods * u128::from(REPORTS_MAX));
    assert_eq!(about("other").len(), 1);
    assert!(lines.warnings().len() as u128 <= (periods + 1) * 3 * u128::from(REPORTS_MAX));
    let written = about("probe").len() as u64;
    host.stop().await;
    let more = lines.of("palisade::reports");
    let more: u64 = more
        .iter()
        .filter(|event| event["fields"]["kind"] == "a plugin trapped")
        .map(|event| {
            let words = event["fields"]["message"].as_str().unwrap();
            words.split(' ').find_map(|word| word.parse::<u64>().ok()).unwrap()
        })
        .sum();
    assert_eq!(written + more, traps, "the lines that were not written are counted");
}

#[tokio::test]
async fn call_shows_what_the_plugin_logs_and_prints_on_stderr_alone() {
    let world = World::new().await;
    let (wasi, probe) = (guest("wasi"), guest("probe"));
    let (wasi, probe) = (wasi.to_str().unwrap(), probe.to_str().unwrap());
    let print = |to_stderr: bool, end: &str| {
        let pieces = ["VHJhY2ViYWNrOgogIEZpbGUg", "YXBwLnB5Cg==", "VmFsdWVFcnJvcjogeA=="];
        json!({ "toStderr": to_stderr, "pieces": pieces, "end": end }).to_string()
    };
    let (out, err, fails) = (print(false, "returns"), print(true, "returns"), print(true, "traps"));
    let log = |level: &str| json!({ "level": level, "message": "a word", "fields": [] }).to_string();
    let (info, debug) = (log("info"), log("debug"));
    let lines = ["Traceback:", "  File app.py", "ValueError: x"];
    let rows: &[(&str, &str, &str, &[&str])] = &[
        (wasi, "printing/write", &out, &lines),
        (wasi, "printing/write", &err, &lines),
        (wasi, "printing/write", &fails, &lines),
        (probe, "reads/log", &info, &["a word"]),
        (probe, "reads/log", &debug, &[]),
    ];
    for (dir, function, arguments, expected) in rows {
        let plugin = if *dir == wasi { "wasi" } else { "probe" };
        for quiet in [false, true] {
            let mut all = vec!["call", plugin, function, arguments, "--dir", dir];
            all.extend(quiet.then_some("--quiet"));
            let ran = run(&world, &all).await;
            let fails = arguments.contains("traps");
            assert_eq!((ran.code(), &*ran.stdout), if fails { (1, "") } else { (0, "null\n") }, "{ran:?}");
            let plugins: Vec<&str> =
                ran.stderr.lines().filter(|line| line.contains("palisade::plugin")).collect();
            let shown = if quiet { &[] } else { *expected };
            assert_eq!(plugins.len(), shown.len(), "{ran:?}");
            for (line, text) in plugins.iter().zip(shown) {
                let entered = format!("entered=\"{function}\"");
                assert!(
                    line.contains(text) && line.contains(&entered) && line.contains("kind=query"),
                    "{line}"
                );
            }
            assert!(!fails || ran.stderr.contains("error: plugin `wasi` failed: "), "{ran:?}");
        }
    }
}

#[tokio::test]
async fn call_of_a_server_says_where_its_log_is() {
    let world = World::new().await;
    let serving = Serving::of(&guest("probe"), &world, &[], &[]).await;
    let log = json!({ "level": "info", "message": "a word", "fields": [] }).to_string();
    let mut ids = Vec::new();
    for (function, arguments, code) in [("reads/log", &*log, 0), ("abuses/panic", "{\"message\": \"x\"}", 1)]
    {
        let ran = run(&world, &["call", "probe", function, arguments, "--url", serving.url()]).await;
        assert_eq!(ran.code(), code, "{ran:?}");
        let (_, id) = ran.stderr.split_once("under request=").unwrap_or_else(|| panic!("{ran:?}"));
        assert!(ran.stderr.contains("the server's log"), "{ran:?}");
        ids.push(id.trim().trim_end_matches(')').to_owned());
    }
    let quiet = run(&world, &["call", "probe", "reads/log", &log, "--url", serving.url(), "--quiet"]).await;
    assert_eq!((quiet.code(), &*quiet.stderr), (0, ""));
    let served = serving.terminate().await;
    for id in ids {
        let found = served.stderr.lines().any(|line| line.contains(&id) && line.contains("palisade::plugin"));
        assert!(found, "{id}: {}", served.stderr);
    }
}

/// What must not reach a terminal or begin a line: escape sequences in both codings, line breaks of every kind, marks that
/// change the direction of text, and a forged line.
const EVIL: &str =
    "a\u{1b}[2J\n2026-01-01T00:00:00Z ERROR forged\u{9b}31m\u{202e}\u{2066}\u{2028}\u{7f}\r\u{85}\u{200f}b";

fn assert_plain(what: &str, ran: &Ran) {
    for line in ran.stdout.split('\n').chain(ran.stderr.split('\n')) {
        assert!(!line.contains(is_unsafe), "{what}: {line:?}");
        assert!(!line.starts_with("2026-01-01") && !line.starts_with("error: forged"), "{what}: {line:?}");
    }
}

#[tokio::test]
async fn no_command_prints_a_control_character_whoever_wrote_it() {
    let world = World::new().await;
    let evil = |name: &str| format!("{name} = {}", toml::Value::String(EVIL.to_owned()));
    let folder = tempfile::tempdir().unwrap();
    // Manifests that load and manifests that do not.
    let described = altered("greeter", |manifest| {
        manifest.replace("version = \"0.1.0\"", &format!("version = \"0.1.0\"\n{}", evil("description")))
    });
    let mut folders = vec![described];
    for (line, field) in [
        ("name = \"greeter\"", "name"),
        ("version = \"0.1.0\"", "version"),
        ("component = \"greeter.wasm\"", "component"),
        ("[exports]", "[exports]\nx"),
        ("[exports]", "[grants]\nnone"),
    ] {
        folders.push(altered("greeter", |manifest| manifest.replace(line, &evil(field))));
    }
    folders.push(altered("greeter", |manifest| format!("{manifest}\n{EVIL} = ")));
    for (number, folder) in folders.iter().enumerate() {
        let dir = folder.path().to_str().unwrap();
        for arguments in [&["plugins", "--dir", dir][..], &["plugins", "--json", "--dir", dir]] {
            assert_plain(&format!("manifest {number}"), &run(&world, arguments).await);
        }
    }
    // A file whose name and content are hostile.
    let docs = folder.path().join("docs");
    fs::create_dir(&docs).unwrap();
    fs::write(docs.join(format!("{}.md", EVIL.replace('/', ""))), b"\xff\xfe").unwrap();
    fs::write(folder.path().join("policy.toml"), format!("{EVIL} = 1")).unwrap();
    let (docs, policy) = (docs.to_str().unwrap().to_owned(), folder.path().join("policy.toml"));
    let (examples, greeter) = (examples(), guest("greeter"));
    let (examples, greeter) = (examples.to_str().unwrap(), greeter.to_str().unwrap());
    let (missing, flag) = (format!("/none{EVIL}"), format!("--{EVIL}"));
    let name = json!({ "name": EVIL }).to_string();
    let commands: &[&[&str]] = &[
        &["plugins", "--dir", &missing],
        &["plugins", "--dir", greeter, "--policy", policy.to_str().unwrap()],
        &["serve", &missing],
        &["call", "greeter", EVIL, "{}", "--dir", greeter],
        &["call", EVIL, "greeting/greet", "{}", "--dir", greeter],
        &["call", "greeter", "greeting/greet", &name, "--dir", greeter],
        &["call", "greeter", "greeting/greet", EVIL, "--dir", greeter],
        &["call", "greeter", "greeting/greet", "{}", "--dir", greeter, "--token", EVIL],
        &["user", "add", EVIL],
        &["user", "permit", EVIL, EVIL],
        &["disable", EVIL, "--reason", EVIL],
        &["import", &docs, "--dir", examples],
        &["audit-log", "verify", &missing],
        &["audit-log", "rotate", &missing],
        &["build", &missing],
        &["db", "harden", "--database-url", EVIL],
        &["call", "greeter", "greeting/greet", "{}", "--url", EVIL],
        &[EVIL],
        &["plugins", &flag],
        &["plugins", "--dir"],
    ];
    for arguments in commands {
        let ran = run(&world, arguments).await;
        assert_plain(&format!("{arguments:?}"), &ran);
        assert!(!ran.stdout.is_empty() || !ran.stderr.is_empty(), "{arguments:?}");
    }
    let help = finish(palisade(&["--help"])).await;
    assert!(help.code() == 0 && help.stdout.contains("Usage"), "{help:?}");
}

#[tokio::test]
async fn served_log_escapes_every_field_of_every_line() {
    let id = EVIL.chars().map(|character| format!("\\u{{{:x}}}", u32::from(character)));
    let id = id.collect::<Vec<_>>().concat();
    let text = format!(
        r#"(component
            (core module $m (func $"{id}" (export "f") unreachable))
            (core instance $i (instantiate $m))
            (func $f (canon lift (core func $i "f")))
            (instance $calls (export "f" (func $f)))
            (export "acme:odd/calls" (instance $calls)))"#
    );
    let plugin = odd(&wat::parse_str(text).unwrap(), CALLS);
    let world = World::new().await;
    for format in ["text", "json"] {
        let levels = [("PALISADE_LOG", "trace")];
        let serving = Serving::of(plugin.path(), &world, &["--log-format", format], &levels).await;
        let url = serving.url().to_owned();
        let trapped = client().post(format!("{url}/call/odd/calls/f")).json(&json!({}));
        assert_eq!(trapped.send().await.unwrap().status(), 500);
        let raw = reqwest::header::HeaderValue::from_bytes("x\u{9b}31m\u{202e}\u{85}".as_bytes()).unwrap();
        for path in ["/%0a%1b%5b2J", "/call/odd%0aERROR/%e2%80%ae", "/items?type=%1b%5b2J%e2%80%ae"] {
            let request = client().get(format!("{url}{path}")).header("x-request-id", raw.clone());
            let answer = request.header("user-agent", raw.clone()).send().await.unwrap();
            let body = answer.text().await.unwrap();
            assert!(!body.contains(is_unsafe), "{body:?}");
        }
        let ran = serving.terminate().await;
        assert_plain(format, &ran);
        assert!(ran.stderr.contains("forged"), "the name of the function is in the log");
        for line in ran.stderr.lines() {
            let is_event = match format {
                "json" => serde_json::from_str::<Value>(line).is_ok(),
                _ => line.starts_with("20") && line.contains('Z'),
            };
            assert!(is_event, "{line:?}");
        }
    }
}

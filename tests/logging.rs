//! Tests `wit/logging.wit` through a component and checks the log.

use crate::harness::{World, builder, call, guest, limited, returned};
use palisade::guard::logging::Level;
use palisade::guard::request_context::RequestId;
use palisade::limits::{KIB, LOG_FIELD_NAME_BYTES_MAX, LOG_FIELDS_MAX, LOG_RECORD_BYTES_MAX, Limit};
use palisade::{Host, Policy};
use serde_json::{Value, json};
use std::io::Write;
use std::sync::{Arc, Mutex};
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
        let text = String::from_utf8(self.0.lock().unwrap().clone()).unwrap();
        let events = text.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
        events.filter(|event| event["target"] == target).collect()
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

//! What `palisade dev` shows of what happens in the host: each call, what plugins log, why something was refused, and where.
//!
//! All of it is in the host's own events, which any program can read: the target says what an event is. An event of another target
//! is shown if it is a warning. `PALISADE_LOG` shows more, as in any command.

use crate::log::style;
use crate::output::Line;
use anstyle::{AnsiColor, Style};
use palisade_guard::limits::{DEV_GUEST_TIME_MS, Limit, MS_PER_S, US_PER_MS};
use std::collections::BTreeMap;
use std::fmt::{self, Write as _};
use tracing::field::{Field, Visit};
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::layer::{Context, SubscriberExt};
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{EnvFilter, Layer};

/// What is shown by default.
const SHOWN: &str = "warn,palisade::plugin=trace,palisade::call=debug,palisade::refusal=debug";
/// What stands before what belongs to a line above.
const MARGIN: &str = "           ";

/// Shows events from now on.
pub(crate) fn start() {
    let named = std::env::var("PALISADE_LOG").ok().filter(|text| !text.is_empty());
    let filter =
        EnvFilter::try_new(named.as_deref().unwrap_or(SHOWN)).unwrap_or_else(|_| EnvFilter::new(SHOWN));
    tracing_subscriber::registry().with(filter).with(Screen).init();
    std::panic::set_hook(Box::new(|panic| tracing::error!(target: "palisade::panic", "{panic}")));
}

struct Screen;

impl<S: Subscriber> Layer<S> for Screen {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        let mut fields = Fields::default();
        event.record(&mut fields);
        let (level, target) = (*event.metadata().level(), event.metadata().target());
        match target {
            "palisade::call" => call(&fields),
            "palisade::plugin" => record(level, &fields),
            "palisade::refusal" => refusal(&fields),
            "palisade::invocation" if fields.get("error").is_some() => trap(&fields),
            _ => other(level, &fields),
        }
    }
}

/// The fields of an event, as texts.
#[derive(Default)]
struct Fields(BTreeMap<&'static str, String>);

impl Fields {
    fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str)
    }

    fn text(&self, name: &str) -> &str {
        self.get(name).unwrap_or_default()
    }
}

impl Visit for Fields {
    fn record_str(&mut self, field: &Field, value: &str) {
        self.0.insert(field.name(), value.to_owned());
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.0.insert(field.name(), format!("{value:?}"));
    }
}

/// A call of a function, or a run of a tap.
fn call(fields: &Fields) {
    let outcome = fields.text("outcome");
    // It runs again, and is shown then.
    if outcome == "again" {
        return;
    }
    let style = if outcome == "answered" { AnsiColor::Green } else { AnsiColor::Red }.on_default();
    let mut line = super::stamped()
        .text(format_args!("{:<8} ", fields.text("kind")))
        .styled(Style::new().bold(), fields.text("entered"));
    line = line.text(" ").styled(style, outcome);
    if let Some(us) = fields.get("us").and_then(|us| us.parse::<u64>().ok()) {
        line = line.text(format_args!(" in {}", spelled(us)));
    }
    // How long it took stands there already.
    let used = fields.text("usage").split(' ').filter_map(|pair| pair.split_once('='));
    let used = used.filter(|(limit, _)| ![Limit::WallTime.name(), Limit::ActionTime.name()].contains(limit));
    let used = used.map(|(limit, used)| format!("{limit} {used}")).collect::<Vec<_>>().join(", ");
    line.text("  ").styled(Style::new().dimmed(), used).print();
    if let Some(error) = fields.get("error") {
        Line::block(MARGIN, error);
        if error.contains(&format!("`{}`", Limit::GuestTime)) {
            Line::block(MARGIN, &endless());
        }
    }
}

/// What to do about a call that computes for too long.
fn endless() -> String {
    let seconds = DEV_GUEST_TIME_MS.checked_div(MS_PER_S).unwrap_or_default();
    format!(
        "an endless loop? `palisade dev` ends a call that computes for {seconds} s; if it has to, write `{} = \"10 s\"` under [limits] in \
         palisade.toml",
        Limit::GuestTime
    )
}

/// Microseconds, for people.
fn spelled(us: u64) -> String {
    let per_ms = US_PER_MS.unsigned_abs();
    let (ms, rest) = (us.checked_div(per_ms).unwrap_or_default(), us.checked_rem(per_ms).unwrap_or_default());
    let tenths = rest.checked_div(per_ms / 10).unwrap_or_default(); // wire: a digit
    format!("{ms}.{tenths} ms")
}

/// What a plugin logs or prints.
fn record(level: Level, fields: &Fields) {
    let message = fields.text("message");
    let line = Line::of(MARGIN).styled(style(level), level.as_str().to_lowercase()).text(" ").text(message);
    let more = fields.get("fields").or_else(|| fields.get("dropped")).unwrap_or_default();
    // Which stream a line was printed to, nobody asks.
    let is_printed = more.starts_with("stream=");
    if more.is_empty() || is_printed { line } else { line.text("  ").styled(Style::new().dimmed(), more) }
        .print();
}

/// Why the host refused something, and which place of a statement it is about.
fn refusal(fields: &Fields) {
    if let Some(sql) = fields.get("sql") {
        Line::of(MARGIN).text("  ").text(sql.replace('\t', " ")).print();
        let column: usize = fields.text("column").parse().unwrap_or(1);
        Line::of(MARGIN).text(" ".repeat(column.saturating_add(1))).styled(style(Level::ERROR), "^").print();
        return;
    }
    let (what, reason) = (fields.text("message"), fields.text("reason"));
    let mut line = Line::of(MARGIN).styled(style(Level::WARN), "refused").text(format_args!(" {what}"));
    if !reason.is_empty() {
        line = line.text(": ").text(reason);
    }
    if fields.get("count").is_some_and(|count| count != "1") {
        line = line.text(format_args!(" ({} times)", fields.text("count")));
    }
    line.print();
}

/// A trap, with the guest's backtrace and what it printed last.
fn trap(fields: &Fields) {
    Line::of(MARGIN).styled(style(Level::ERROR), "trapped").text(" ").text(fields.text("reason")).print();
    for name in ["error", "stderr"] {
        Line::block(&format!("{MARGIN}  "), fields.text(name));
    }
}

fn other(level: Level, fields: &Fields) {
    let mut rest = String::new();
    for (name, value) in fields.0.iter().filter(|(name, _)| **name != "message") {
        let _infallible = write!(rest, " {name}={value}");
    }
    let line = super::stamped().styled(style(level), level.as_str().to_lowercase());
    line.text(" ").text(fields.text("message")).styled(Style::new().dimmed(), rest).print();
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_have_a_tenth_of_a_millisecond() {
        for (us, text) in
            [(0, "0.0 ms"), (99, "0.0 ms"), (100, "0.1 ms"), (1_999, "1.9 ms"), (2_000_000, "2000.0 ms")]
        {
            assert_eq!(spelled(us), text);
        }
    }
}

//! The log of a command: to stderr, for people or for machines.
//!
//! Each event is one line, and the whole line is escaped when it is written: whatever an event or a span repeats of a
//! plugin, a caller or a server cannot begin a line or reach a terminal.

use anstyle::{AnsiColor, Style};
use clap::ValueEnum;
use palisade_guard::text;
use std::borrow::Cow;
use std::fmt;
use std::io::stderr;
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields};
use tracing_subscriber::registry::LookupSpan;

/// How log lines are written.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub(super) enum Format {
    /// For people
    Text,
    /// One JSON object a line
    Json,
}

/// What a server logs by default: what happens. Notices of the database are left out, such as that something exists already.
pub(super) const SERVER: &str = "info,tokio_postgres=warn";
/// What a command logs by default: what goes wrong.
pub(super) const COMMAND: &str = "warn";
/// What a call logs by default: also what the plugin logs and prints, for its author.
pub(super) const CALL: &str = "warn,palisade::plugin=info";

/// What a run of tests logs by default: the failures of calls are part of what it prints.
pub(super) const TEST: &str = "error,palisade::failure=off";

/// Starts the log with the filter in `PALISADE_LOG`, or by default with this one. `is_quiet` leaves out what plugins log.
pub(super) fn start(format: Format, default: &str, is_quiet: bool) {
    let named = std::env::var("PALISADE_LOG").ok().filter(|text| !text.is_empty());
    let filter = EnvFilter::try_new(named.as_deref().unwrap_or(default));
    let refused = filter.as_ref().err().map(ToString::to_string);
    let mut filter = filter.unwrap_or_else(|_| EnvFilter::new(default));
    if let (true, Ok(plugins)) = (is_quiet, "palisade::plugin=off".parse()) {
        filter = filter.add_directive(plugins);
    }
    let colour = anstream::AutoStream::choice(&stderr()) != anstream::ColorChoice::Never;
    // The formats write no colours, so nothing but text is escaped. The level gets its colour afterwards.
    let lines = tracing_subscriber::fmt().with_env_filter(filter).with_writer(stderr).with_ansi(false);
    match format {
        Format::Text => {
            lines.compact().map_event_format(|format| Lines { format, escape: text::plain, colour }).init();
        }
        Format::Json => {
            lines
                .json()
                .map_event_format(|format| Lines { format, escape: text::plain_json, colour: false })
                .init();
        }
    }
    std::panic::set_hook(Box::new(|panic| tracing::error!(target: "palisade::panic", "{panic}")));
    if let Some(reason) = refused {
        tracing::warn!(
            "PALISADE_LOG is malformed ({reason}); write a level such as `debug`, or `palisade=debug`"
        );
    }
}

/// A format whose lines are escaped.
struct Lines<F> {
    format: F,
    escape: fn(&str) -> Cow<'_, str>,
    /// Whether the level has a colour.
    colour: bool,
}

impl<S, N, F> FormatEvent<S, N> for Lines<F>
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
    F: FormatEvent<S, N>,
{
    fn format_event(
        &self,
        context: &FmtContext<'_, S, N>,
        mut writer: Writer<'_>,
        event: &Event<'_>,
    ) -> fmt::Result {
        let mut line = String::new();
        self.format.format_event(context, Writer::new(&mut line), event)?;
        let line = (self.escape)(line.strip_suffix('\n').unwrap_or(&line));
        let level = *event.metadata().level();
        // The level stands before everything that a plugin or caller could have written.
        match line.split_once(level.as_str()).filter(|_| self.colour) {
            Some((before, after)) => {
                let (dim, style) = (Style::new().dimmed(), style(level));
                writeln!(writer, "{dim}{before}{dim:#}{style}{level}{style:#}{after}")
            }
            None => writeln!(writer, "{line}"),
        }
    }
}

/// The style of a level's name.
pub(crate) fn style(level: Level) -> Style {
    let colour = match level {
        Level::ERROR => AnsiColor::Red,
        Level::WARN => AnsiColor::Yellow,
        Level::INFO => AnsiColor::Green,
        Level::DEBUG => AnsiColor::Blue,
        Level::TRACE => AnsiColor::Magenta,
    };
    colour.on_default()
}

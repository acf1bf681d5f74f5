//! The log of a command: to stderr, for people or for machines.

use clap::ValueEnum;
use std::io::stderr;
use tracing_subscriber::EnvFilter;

/// How log lines are written.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub(super) enum Format {
    /// For people
    Text,
    /// One JSON object a line
    Json,
}

/// What a server logs by default. Notices of the database are left out, such as that something exists already.
const SERVER: &str = "info,tokio_postgres=warn";

/// Starts the log with the filter in `PALISADE_LOG`. By default a server logs what happens, and a command only what
/// goes wrong.
pub(super) fn start(format: Format, is_server: bool) {
    let default = if is_server { SERVER } else { "warn" };
    let named = std::env::var("PALISADE_LOG").ok().filter(|text| !text.is_empty());
    let filter = EnvFilter::try_new(named.as_deref().unwrap_or(default));
    let refused = filter.as_ref().err().map(ToString::to_string);
    let filter = filter.unwrap_or_else(|_| EnvFilter::new(default));
    let colour = anstream::AutoStream::choice(&stderr()) != anstream::ColorChoice::Never;
    let lines = tracing_subscriber::fmt().with_env_filter(filter).with_writer(stderr).with_ansi(colour);
    match format {
        Format::Text => lines.compact().init(),
        Format::Json => lines.json().init(),
    }
    if let Some(reason) = refused {
        tracing::warn!(
            "PALISADE_LOG is malformed ({reason}); write a level such as `debug`, or `palisade=debug`"
        );
    }
}

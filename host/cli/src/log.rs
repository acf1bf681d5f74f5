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

/// The database's notices, such as of what is there already, are nobody's news.
const SERVER: &str = "info,tokio_postgres=warn";

/// Begins to log what `PALISADE_LOG` names. Unless it is set: what happens, of a server; what goes wrong, of a command.
pub(super) fn start(format: Format, is_server: bool) {
    let unless_set = if is_server { SERVER } else { "warn" };
    let named = std::env::var("PALISADE_LOG").ok().filter(|text| !text.is_empty());
    let filter = EnvFilter::try_new(named.as_deref().unwrap_or(unless_set));
    let refused = filter.as_ref().err().map(ToString::to_string);
    let filter = filter.unwrap_or_else(|_| EnvFilter::new(unless_set));
    let colour = anstream::AutoStream::choice(&stderr()) != anstream::ColorChoice::Never;
    let lines = tracing_subscriber::fmt().with_env_filter(filter).with_writer(stderr).with_ansi(colour);
    match format {
        Format::Text => lines.compact().init(),
        Format::Json => lines.json().init(),
    }
    if let Some(reason) = refused {
        tracing::warn!(
            "PALISADE_LOG is not understood ({reason}); write a level such as `debug`, or `palisade=debug`"
        );
    }
}

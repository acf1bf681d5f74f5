//! `palisade serve`.

use super::content;
use crate::folder::{FileArgs, Folder};
use crate::{host, output};
use anyhow::{Context, Result};
use clap::Args;
use palisade::{Host, ServingStatus};
use palisade_guard::limits::CONNECTION_BUDGET_MAX;
use palisade_server::Shared;
use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Instant;
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

/// Serves a folder of plugins over HTTP
///
/// SIGTERM and Ctrl-C let running requests finish; a second one stops at once. GET /openapi.json lists what is served.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  palisade serve plugins\n  palisade serve plugins --listen 127.0.0.1:9000 --import docs"
)]
pub(super) struct ServeArgs {
    /// The folder of a plugin, or of several in subfolders
    #[arg(default_value = ".")]
    dir: PathBuf,
    /// Where to listen; port 0 takes a free one
    #[arg(long, value_name = "ADDRESS:PORT", default_value = "127.0.0.1:8080")]
    listen: SocketAddr,
    /// A folder of Markdown files to import before the first request
    #[arg(long, value_name = "MARKDOWN_DIR")]
    import: Option<PathBuf>,
    /// Connections to the database that all plugins together may hold; the host itself holds up to 20 more
    #[arg(long, value_name = "COUNT", default_value_t = CONNECTION_BUDGET_MAX, value_parser = clap::builder::RangedU64ValueParser::<usize>::new().range(1..))]
    plugin_connections: usize,
    /// The file that security events are written to [default: `audit.jsonl` in the folder's data; see `palisade
    /// audit-log`]
    #[arg(long, value_name = "FILE")]
    audit_log: Option<PathBuf>,
    /// Start only if every plugin can be loaded; without it, those that cannot are logged, and the others are served
    #[arg(long)]
    strict: bool,
    #[command(flatten)]
    files: FileArgs,
}

/// Runs the command.
pub(super) async fn run(args: ServeArgs, began: Instant) -> Result<()> {
    let folder = Folder::find(&args.dir, &args.files)?.with_plugins()?;
    let listener = TcpListener::bind(args.listen).await.map_err(|error| refused(args.listen, &error))?;
    let address = listener.local_addr()?;
    let stop = on_signal()?;
    // The server answers while the host starts, so that a monitor sees it alive but not ready.
    let shared = Arc::new(Shared::default());
    let serving =
        palisade_server::serve_shared(Arc::clone(&shared), listener, stop.clone().cancelled_owned());
    let serving = tokio::spawn(serving);
    let made = tokio::select! {
        made = start(folder, args.plugin_connections, args.audit_log, args.strict, args.import) => made.map(Some),
        () = stop.cancelled() => Ok(None),
    };
    if let Ok(Some(host)) = &made {
        let statuses = host.statuses();
        let broken =
            statuses.iter().filter(|plugin| matches!(plugin.status, ServingStatus::NotLoaded { .. })).count();
        let (plugins, ms) = (statuses.len() - broken, began.elapsed().as_millis());
        let without = if broken == 0 { String::new() } else { format!(", {broken} not loaded") };
        shared.open(host.clone());
        anstream::println!("palisade: ready on http://{address} ({plugins} plugins{without}, {ms} ms)");
    } else {
        stop.cancel();
    }
    serving.await.context("the server ended")?;
    drop(shared);
    if let Some(host) = made? {
        host.stop().await;
    }
    Ok(())
}

async fn start(
    folder: Folder,
    connections: usize,
    audit_log: Option<PathBuf>,
    is_strict: bool,
    import: Option<PathBuf>,
) -> Result<Host> {
    let builder = host::with_audit(&folder, Host::builder().plugin_connections(connections), audit_log);
    let builder = if is_strict { builder } else { builder.serve_the_others() };
    let host = host::build(folder, builder).await?;
    if let Some(folder) = import {
        let report = content::import(&host, &folder, content::TYPE).await?;
        for (path, sentence) in &report.refused {
            tracing::warn!("{path} is not imported: {sentence}");
        }
        tracing::info!("{report}");
    }
    Ok(host)
}

/// Cancelled by the first signal; the second ends the process.
fn on_signal() -> Result<CancellationToken> {
    let (mut terminate, mut interrupt) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
    let stop = CancellationToken::new();
    let token = stop.clone();
    tokio::spawn(async move {
        let mut next = async || {
            tokio::select! {
                _ = terminate.recv() => {}
                _ = interrupt.recv() => {}
            }
        };
        next().await;
        token.cancel();
        next().await;
        tracing::warn!("stopped at once by a second signal");
        std::process::exit(1);
    });
    Ok(stop)
}

fn refused(listen: SocketAddr, error: &io::Error) -> anyhow::Error {
    match error.kind() {
        io::ErrorKind::AddrInUse => {
            anyhow::anyhow!("{listen} is taken: stop what listens there, or choose another with --listen")
        }
        io::ErrorKind::PermissionDenied => {
            anyhow::anyhow!("this user may not listen on {listen}: choose a port over 1023 with --listen") // wire: Linux
        }
        io::ErrorKind::AddrNotAvailable => {
            output::usage(format!("{listen} is not an address of this machine: choose another with --listen"))
        }
        _ => anyhow::anyhow!("cannot listen on {listen}: {error}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn port_in_use_is_reported_with_the_option() {
        let taken = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = taken.local_addr().unwrap();
        let error = TcpListener::bind(address).await.unwrap_err();
        let message = refused(address, &error).to_string();
        assert!(
            message.starts_with(&format!("{address} is taken")) && message.contains("--listen"),
            "{message}"
        );
    }
}

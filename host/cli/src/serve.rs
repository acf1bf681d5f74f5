//! `palisade serve`.

use super::content;
use crate::folder::{FileArgs, Folder};
use crate::host;
use crate::output::{self, Line};
use crate::record;
use crate::reload::{self, Reloader};
use crate::watch;
use anyhow::{Context, Result};
use clap::Args;
use palisade::{Host, HostBuilder, ServingStatus};
use palisade_guard::limits::{
    CONNECTION_BUDGET_MAX, DATABASE_WAIT_MS, DRAIN_MS, GRACE_MS, HEAD_BYTES_MAX, MS_PER_S, PERCENT,
    SERVER_CONNECTIONS_MAX, SERVER_HEADS_PERCENT, STOP_MS,
};
use palisade_guard::manifest::parse_bytes;
use palisade_server::{HostName, ServerOptions, Shared};
use rustix::process::{Resource, getrlimit, setrlimit};
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

/// Serves a folder of plugins over HTTP
///
/// SIGTERM and Ctrl-C stop the server in steps: GET /readyz says so, requests are still accepted for --grace, and what runs then
/// may finish within --drain. A second one stops at once. SIGHUP reads the folder again: its plugins, the policy and the secrets.
/// No call is lost, and a plugin that cannot be loaded leaves the version before in its place. GET /openapi.json lists what is
/// served.
#[allow(clippy::struct_excessive_bools, reason = "each is a flag of the command line")]
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
    /// Memory that this process may hold, such as `2 GiB`: at least 256 MiB [default: half of the machine's]
    #[arg(long, value_name = "SIZE", value_parser = parse_bytes)]
    memory: Option<u64>,
    /// A name of this server, such as `example.com` or `localhost:3000`, that requests without a token may have in `host`, and web
    /// pages in `origin`; may be given several times. On loopback, the address itself and `localhost` need not be named
    #[arg(long, value_name = "HOST")]
    allowed_host: Vec<HostName>,
    /// The address of a proxy in front, whose connections are those of many callers; may be given several times. Any other
    /// address may hold as many connections, requests and bytes as it leaves free to others
    #[arg(long, value_name = "ADDRESS")]
    proxy: Vec<IpAddr>,
    /// Connections at once; the system's limit of open files and --memory lower it
    #[arg(long, value_name = "COUNT", default_value_t = SERVER_CONNECTIONS_MAX, value_parser = clap::builder::RangedU64ValueParser::<usize>::new().range(1..))]
    connections: usize,
    /// Seconds after SIGTERM for which requests are still accepted
    #[arg(long, value_name = "SECONDS", default_value_t = GRACE_MS / MS_PER_S)]
    grace: u64,
    /// Seconds after that for which running requests and cron taps may finish
    #[arg(long, value_name = "SECONDS", default_value_t = DRAIN_MS / MS_PER_S)]
    drain: u64,
    /// Seconds to wait for a database that is not there yet
    #[arg(long, value_name = "SECONDS", default_value_t = DATABASE_WAIT_MS / MS_PER_S)]
    database_wait: u64,
    /// The file that security events are written to [default: `audit.jsonl` in the folder's data; see `palisade
    /// audit-log`]
    #[arg(long, value_name = "FILE")]
    audit_log: Option<PathBuf>,
    /// Start only if every plugin can be loaded; without it, those that cannot are logged, and the others are served
    #[arg(long)]
    strict: bool,
    /// Load plugins again when their files change, and all of them when the policy or the secrets do
    #[arg(long)]
    watch: bool,
    /// Load a plugin even if it is older than the version that was installed in the database last
    #[arg(long)]
    allow_downgrade: bool,
    /// Keep the last queries and mutations, with arguments and answers, in the folder's data, for `palisade replay`; only this
    /// user can read them
    #[arg(long)]
    record: bool,
    #[command(flatten)]
    files: FileArgs,
}

/// Runs the command.
pub(super) async fn run(args: ServeArgs, began: Instant) -> Result<()> {
    let folder = Folder::find(&args.dir, &args.files)?.with_plugins()?;
    raise_file_limit();
    let listener = TcpListener::bind(args.listen).await.map_err(|error| refused(args.listen, &error))?;
    let address = listener.local_addr()?;
    let stop = on_signal()?;
    let hangup = signal(SignalKind::hangup())?;
    let (dir, files) = (folder.path.clone(), args.files.clone());
    // From before the start reads them, so that no change is missed.
    let before =
        if args.watch { Some(watch::look(&reload::looking(dir.clone(), files.clone())).await) } else { None };
    let (secrets, names) = (folder.secrets.clone(), reload::names(&folder));
    // The server answers while the host starts, so that a monitor sees it alive but not ready.
    let shared = Arc::new(Shared::new(args.options()));
    let serving =
        palisade_server::serve_shared(Arc::clone(&shared), listener, stop.clone().cancelled_owned());
    let serving = tokio::spawn(serving);
    let wait = Duration::from_secs(args.database_wait);
    let builder = Host::builder().plugin_connections(args.plugin_connections).database_wait(wait);
    let builder = args.memory.into_iter().fold(builder, HostBuilder::memory);
    let builder = if args.allow_downgrade { builder.allow_downgrade() } else { builder };
    let builder = if args.record { builder.recorder(record::start(&folder.path)?) } else { builder };
    let made = tokio::select! {
        made = start(folder, builder, args.audit_log, args.strict, args.import) => made.map(Some),
        () = stop.cancelled() => Ok(None),
    };
    // There was nothing to answer but that the host is starting.
    let Ok(Some(host)) = made else {
        serving.abort();
        return made.map(drop);
    };
    let statuses = host.statuses();
    let broken =
        statuses.iter().filter(|plugin| matches!(plugin.status, ServingStatus::NotLoaded { .. })).count();
    let (plugins, ms) = (statuses.len() - broken, began.elapsed().as_millis());
    let without = if broken == 0 { String::new() } else { format!(", {broken} not loaded") };
    shared.open(host.clone());
    Line::of(format_args!("palisade: ready on http://{address} ({plugins} plugins{without}, {ms} ms)"))
        .print();
    let reloader = Reloader::new(host.clone(), dir, files, secrets, names);
    let crons = async {
        tokio::select! {
            () = stop.cancelled() => {}
            () = reloader.run(hangup, before) => stop.cancelled().await,
        }
        host.drain(Duration::from_secs(args.grace.saturating_add(args.drain))).await;
    };
    let (served, ()) = tokio::join!(serving, crons);
    served.context("the server ended")?;
    drop(shared);
    if tokio::time::timeout(Duration::from_millis(STOP_MS), host.stop()).await.is_err() {
        tracing::warn!(
            "the host did not stop within {STOP_MS} ms and is left: see whether another process holds its audit log or its database"
        );
        // What it waits for runs on a thread that would keep the process alive.
        std::process::exit(0);
    }
    Ok(())
}

impl ServeArgs {
    fn options(&self) -> ServerOptions {
        let heads = self.memory.map_or(u64::MAX, |memory| memory / PERCENT * SERVER_HEADS_PERCENT);
        let heads = usize::try_from(heads / HEAD_BYTES_MAX as u64).unwrap_or(usize::MAX);
        ServerOptions {
            grace: Duration::from_secs(self.grace),
            drain: Duration::from_secs(self.drain),
            connections: self.connections.min(heads),
            allowed_hosts: self.allowed_host.clone(),
            proxies: self.proxy.clone(),
            ..ServerOptions::default()
        }
    }
}

/// Lets the process open as many files as its user may: each connection is one.
fn raise_file_limit() {
    let mut limit = getrlimit(Resource::Nofile);
    limit.current = limit.maximum;
    if let Err(error) = setrlimit(Resource::Nofile, limit) {
        tracing::warn!(%error, "the limit of open files could not be raised to the most that this user may have");
    }
}

async fn start(
    folder: Folder,
    builder: HostBuilder,
    audit_log: Option<PathBuf>,
    is_strict: bool,
    import: Option<PathBuf>,
) -> Result<Host> {
    let builder = host::with_audit(&folder, builder, audit_log);
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

pub(super) fn refused(listen: SocketAddr, error: &io::Error) -> anyhow::Error {
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

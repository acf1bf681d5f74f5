//! `palisade dev`: builds, checks and serves a plugin whenever its source changes.
//!
//! A build or load that fails leaves the version before in its place. The host runs in this process, on the private database of
//! the folder, which no other server may use meanwhile: [`running`] starts both, and makes them anew when the database is reset.
//! What happens in the host is what it tells in its log and of each call ([`screen`]). On a terminal, keys act at once; elsewhere
//! they are read as they come from the standard input ([`keys`]). Tests: `tests/command/dev/`.

mod keys;
mod running;
pub(super) mod screen;

use crate::build;
use crate::check::{self, finding::Finding};
use crate::folder::{FileArgs, Folder};
use crate::output::{self, Line};
use crate::secrets::Current;
use crate::watch::{Look, Looking, Watch, look};
use crate::{host, serve};
use anstyle::{AnsiColor, Style};
use anyhow::{Context, Result};
use clap::Args;
use keys::{Key, Keys};
use palisade::{FunctionInfo, Host, PluginInfo};
use palisade_guard::limits::{DEV_GUEST_TIME_MS, EXCERPT_CHARS_MAX, Limit, Limits, MANIFEST_BYTES_MAX};
use palisade_guard::manifest::Manifest;
use palisade_store::files;
use running::Running;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::Arc;
use std::time::Instant;
use tokio::net::TcpListener;
use tokio::process::Command;
use tokio::signal::unix::{SignalKind, signal};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

const MANIFEST: &str = "palisade.toml";

/// Builds and serves a plugin while you write it
///
/// Each time a file of the folder changes, the plugin is built, checked and put in the place of the version before, without a lost
/// call. Every call is shown, with its time and what it used, what the plugin logs, and why the host refused something. A version
/// that cannot be built or loaded leaves the one before in its place. The rows are in the private database of the folder, whatever
/// `DATABASE_URL` says, and a version number may go down.
///
/// Keys: `r` resets the database, `c` runs the cron tap now, `t` runs the tests, `b` builds again, `q` quits. Without a terminal they
/// are read from the standard input.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  palisade dev\n  palisade dev plugins/blog --listen 127.0.0.1:9000")]
pub(super) struct DevArgs {
    /// The plugin's folder
    #[arg(default_value = ".")]
    dir: PathBuf,
    /// Where to listen; port 0 takes a free one
    #[arg(long, value_name = "ADDRESS:PORT", default_value = "127.0.0.1:8080")]
    listen: SocketAddr,
    #[command(flatten)]
    files: FileArgs,
}

/// Runs the command.
pub(super) async fn run(args: DevArgs) -> Result<()> {
    let DevArgs { dir, listen, files } = args;
    let folder = Folder::find(&dir, &files)?.with_plugins()?;
    if !folder.path.join(MANIFEST).exists() {
        return Err(output::usage(format!(
            "{} holds several plugins: name the folder of one of them",
            folder.path.display()
        )));
    }
    let listener = TcpListener::bind(listen).await.map_err(|error| serve::refused(listen, &error))?;
    let listener = listener.into_std()?;
    let stop = on_signal()?;
    let keys = Keys::open();
    let looking = looking(&folder.path);
    // From before the first build reads them.
    let before = look(&looking).await;
    let starting = Running::start(&folder, &listener);
    let running = tokio::select! {
        running = starting => running?,
        () = stop.cancelled() => return Ok(()),
    };
    let watch = Watch::new(looking);
    let mut session = Session { dir: folder.path, files, listener, running, working: None, loaded: None };
    session.greet();
    let ended = session.follow(watch, before, keys, stop).await;
    let is_building = session.end().await;
    if is_building && ended.is_ok() {
        // Its tools end by themselves, and nobody waits for them.
        keys::restore();
        std::process::exit(0);
    }
    ended
}

/// What is going on.
struct Session {
    dir: PathBuf,
    files: FileArgs,
    listener: std::net::TcpListener,
    running: Running,
    /// A build, and the load of what it makes.
    working: Option<JoinHandle<Done>>,
    /// The version that is served.
    loaded: Option<PluginInfo>,
}

/// What came of a build and a load.
struct Done {
    /// What a check of the folder finds. What a host would not refuse for it is served.
    found: Vec<Finding>,
    loaded: Result<Loaded>,
}

/// A version that was built and loaded.
struct Loaded {
    info: PluginInfo,
    remarks: String,
    how: String,
}

impl Session {
    /// Says where the server is and what the keys do.
    fn greet(&self) {
        let bold = Style::new().bold();
        let address =
            self.listener.local_addr().map_or_else(|_| String::new(), |address| address.to_string());
        Line::of("palisade dev: ").styled(bold, format_args!("http://{address}")).print();
        Line::of(
            "keys: r resets the database, c runs the cron tap, t runs the tests, b builds again, q quits",
        )
        .print();
    }

    /// Builds, loads and does what keys ask for, until it is told to stop.
    async fn follow(
        &mut self,
        mut watch: Watch,
        mut before: Look,
        mut keys: Keys,
        stop: CancellationToken,
    ) -> Result<()> {
        say("building");
        self.build();
        loop {
            let is_idle = self.working.is_none();
            let done = async {
                match &mut self.working {
                    Some(working) => working.await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                () = stop.cancelled() => return Ok(()),
                done = done => {
                    self.working = None;
                    self.report(done.map_err(Into::into));
                }
                key = keys.next() => match key {
                    Key::Quit => return Ok(()),
                    Key::Build if is_idle => self.build(),
                    Key::Build => say("it is being built already"),
                    Key::Reset => self.reset().await?,
                    Key::Cron => self.cron(),
                    Key::Test => self.test(),
                },
                now = watch.change(&before), if is_idle => {
                    let names: Vec<String> = now.changes(&before).iter().take(3).map(|path| self.shown(path)).collect();
                    say(format_args!("changed: {}", names.join(", ")));
                    before = now;
                    self.build();
                }
            }
        }
    }

    /// Starts a check, a build, and the load of what it makes.
    fn build(&mut self) {
        let (dir, files, host) = (self.dir.clone(), self.files.clone(), self.running.host.clone());
        let secrets = self.running.secrets.clone();
        self.working = Some(tokio::spawn(async move {
            let of = dir.clone();
            let checked = tokio::task::spawn_blocking(move || check::folder(&of)).await;
            let (found, is_checked) = match checked.map_err(Into::into).and_then(|found| found) {
                Ok(found) => (found, Ok(())),
                Err(error) => (Vec::new(), Err(error)),
            };
            let loaded = match is_checked {
                Ok(()) => loaded(dir, files, &host, &secrets).await,
                Err(error) => Err(error),
            };
            Done { found, loaded }
        }));
    }

    /// Shows what came of a build and a load.
    fn report(&mut self, done: Result<Done>) {
        let Done { found, loaded } =
            done.unwrap_or_else(|error| Done { found: Vec::new(), loaded: Err(error) });
        let error = match loaded {
            Ok(Loaded { info, remarks, how }) => {
                // Before it is said: whoever reads that calls at once.
                self.running.open();
                check::print(&found);
                Line::block("  ", &remarks);
                let green = AnsiColor::Green.on_default().bold();
                stamped()
                    .styled(green, format_args!("{} {}", info.name, info.version))
                    .text(format_args!(" is served: {how}"))
                    .print();
                let functions = listed(&info);
                if self.loaded.as_ref().is_none_or(|before| listed(before) != functions) {
                    for line in &functions {
                        Line::of("  ").text(line).print();
                    }
                }
                self.loaded = Some(info);
                return;
            }
            Err(error) => format!("{error:#}"),
        };
        let red = AnsiColor::Red.on_default().bold();
        let still = match &self.loaded {
            Some(info) => format!(": version {} as it was before is still served", info.version),
            None => ": nothing is served yet".to_owned(),
        };
        stamped().styled(red, "failed").text(still).print();
        check::print(&found);
        // A build refuses what the check has found, in its own words.
        if found.iter().all(|finding| !error.contains(&finding.sentence)) {
            Line::block("  ", &error);
        }
    }

    /// Makes the database anew, and loads the plugin again.
    async fn reset(&mut self) -> Result<()> {
        if let Some(working) = self.working.take() {
            let done = working.await;
            self.report(done.map_err(Into::into));
        }
        say("the database is made anew: rows, users and tokens are gone");
        let folder = Folder::find(&self.dir, &self.files)?;
        self.running.reset(&folder, &self.listener).await?;
        self.build();
        Ok(())
    }

    /// Runs the plugin's cron tap.
    fn cron(&self) {
        let Some(info) = &self.loaded else { return say("there is no cron tap yet: nothing is loaded") };
        let (host, name) = (self.running.host.clone(), info.name.clone());
        tokio::spawn(async move {
            match host.run_cron(&name).await {
                Ok(true) => say("the cron tap has run"),
                Ok(false) => say(
                    "the plugin has no cron tap: export `tap-cron`, and add `cron = { every = \"1 h\" }` to [taps]",
                ),
                Err(error) => say(format_args!("the cron tap failed: {error}")),
            }
        });
    }

    /// Runs the plugin's tests, as `palisade test` does.
    fn test(&self) {
        let dir = self.dir.clone();
        tokio::spawn(async move {
            say("running the tests");
            let program = std::env::current_exe();
            let ran = async {
                let mut tests = Command::new(program?);
                tests.arg("test").arg(&dir).stdin(Stdio::null()).kill_on_drop(true).status().await
            };
            match ran.await {
                Ok(status) if status.success() => say("the tests passed"),
                Ok(status) => say(format_args!("the tests failed ({status})")),
                Err(error) => say(format_args!("the tests cannot be started: {error}")),
            }
        });
    }

    /// Stops everything, and returns whether a build is left.
    async fn end(self) -> bool {
        let is_building = self.working.is_some();
        if let Some(working) = self.working {
            working.abort();
        }
        self.running.end().await;
        is_building
    }

    /// A path as it is from the folder on.
    fn shown(&self, path: &Path) -> String {
        path.strip_prefix(&self.dir).unwrap_or(path).display().to_string()
    }
}

/// Builds a plugin and loads it.
async fn loaded(dir: PathBuf, files: FileArgs, host: &Host, secrets: &Current) -> Result<Loaded> {
    let began = Instant::now();
    let (folder, built) = (dir.clone(), dir.clone());
    let remarks = tokio::task::spawn_blocking(move || built_from_source(&built)).await??;
    let built = began.elapsed();
    let found = tokio::task::spawn_blocking(move || Folder::find(&folder, &files)).await??;
    secrets.replace(&found.secrets);
    let plugin = found.plugins.into_iter().next().context("its manifest is gone")?;
    let mut policy = plugin.policy;
    if names_no_guest_time(&dir) {
        let short = Limits::unlimited().with(Limit::GuestTime, DEV_GUEST_TIME_MS);
        policy.limits = policy.limits.lowered_to(&short);
    }
    let began = Instant::now();
    let info = host.load_source(plugin.source, &policy).await;
    let info = info.map_err(|error| anyhow::anyhow!(host::whole(&error)))?;
    let loaded = format!("loaded in {} ms", began.elapsed().as_millis());
    let how = match &remarks {
        Some(_) => format!("built in {} ms, {loaded}", built.as_millis()),
        None => loaded,
    };
    Ok(Loaded { info, remarks: remarks.unwrap_or_default(), how })
}

/// The functions of a plugin, a line for each. A signature that fills more than a line is cut.
fn listed(info: &PluginInfo) -> Vec<String> {
    let line = |function: &FunctionInfo| {
        let FunctionInfo { path, kind, signature, .. } = function;
        let shown: String = signature.chars().take(EXCERPT_CHARS_MAX).collect();
        let dots = if shown.len() < signature.len() { " …" } else { "" };
        format!("{:<8} {path}  {shown}{dots}", kind.to_string())
    };
    info.functions.iter().map(line).collect()
}

/// A line with the time before it.
fn stamped() -> Line {
    Line::default().styled(Style::new().dimmed(), jiff::Zoned::now().strftime("%H:%M:%S")).text(" ")
}

fn say(text: impl std::fmt::Display) {
    stamped().text(text).print();
}

/// Builds a plugin that says how. Returns what the tools said, or `None` if there is nothing to build.
fn built_from_source(dir: &Path) -> Result<Option<String>> {
    // A manifest that cannot be parsed is refused by the build, with the place.
    if manifest(dir).is_some_and(|manifest| manifest.build.is_none()) {
        return Ok(None);
    }
    build::plugin(dir).map(|built| Some(built.remarks))
}

/// The manifest of a folder, if it can be parsed.
fn manifest(dir: &Path) -> Option<Manifest> {
    let path = dir.join(MANIFEST);
    let text = files::open(&path).and_then(|file| files::read_text(file, MANIFEST_BYTES_MAX)).ok()?;
    Manifest::parse(&text, &path).ok()
}

/// Whether the author has not said how long a call may compute.
fn names_no_guest_time(dir: &Path) -> bool {
    manifest(dir).is_none_or(|manifest| manifest.limits.get(Limit::GuestTime) == u64::MAX)
}

/// How to look at the files that a build or a load reads.
fn looking(dir: &Path) -> Looking {
    let dir = dir.to_owned();
    Arc::new(move || {
        let mut look = Look::default();
        let manifest = manifest(&dir);
        let component = manifest.as_ref().map(|manifest| dir.join(&manifest.plugin.component));
        let is_built = manifest.is_some_and(|manifest| manifest.build.is_some());
        // What a build writes is no reason for another one. Tests are not built.
        let ours = [build::CONTRACT_FOLDER, "Cargo.lock", "tests"].map(|name| dir.join(name));
        let is_left_out = |path: &Path| {
            ours.iter().any(|ours| ours == path) || (is_built && component.as_deref() == Some(path))
        };
        look.add_tree(&dir, &is_left_out);
        if let (false, Some(component)) = (is_built, &component) {
            look.add(component);
        }
        look
    })
}

/// Cancelled by the first signal; the second ends the process.
fn on_signal() -> Result<CancellationToken> {
    let mut signals =
        [SignalKind::terminate(), SignalKind::interrupt(), SignalKind::hangup(), SignalKind::quit()]
            .map(signal)
            .into_iter()
            .collect::<std::io::Result<Vec<_>>>()?;
    let stop = CancellationToken::new();
    let token = stop.clone();
    tokio::spawn(async move {
        loop {
            let heard = signals.iter_mut().map(|signal| Box::pin(signal.recv()));
            futures_util::future::select_all(heard).await;
            if token.is_cancelled() {
                keys::restore();
                std::process::exit(1);
            }
            token.cancel();
        }
    });
    Ok(stop)
}

//! Starts `palisade serve`, waits until it is ready, and stops it.

use std::fs::{self, File};
use std::net::SocketAddr;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use rustix::process::{Pid, Signal, kill_process};
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::iterator::Signals;

use super::http;
use crate::guests::Set;
use crate::{repo, step};

/// The first start creates a database and compiles the plugins.
const READY_MAX: Duration = Duration::from_mins(3);
/// More than the time in which the server finishes running requests.
const STOP_MAX: Duration = Duration::from_secs(45);
const POLL: Duration = Duration::from_millis(50);
/// Lines at the end of the log that show why the server ended.
const LOG_LINES_SHOWN: usize = 40;

/// A running `palisade serve`.
pub struct Server {
    child: Child,
    listen: SocketAddr,
    signals: Signals,
    log: Option<PathBuf>,
}

/// The file for its output, when that does not go to the terminal.
pub fn log() -> PathBuf {
    repo::target().join("demo/server.log")
}

impl Server {
    /// Starts it on the example plugins. With `to_log` its output goes to a file instead of the terminal.
    pub fn start(listen: SocketAddr, content: &Path, to_log: bool) -> Result<Self> {
        let mut command = Command::new(repo::palisade());
        command.arg("serve").arg(Set::Examples.built()).args(["--listen", &listen.to_string()]);
        command.arg("--import").arg(content).stdin(Stdio::null());
        let log = to_log.then(log);
        if let Some(path) = &log {
            let file = File::create(path)?;
            command.stdout(file.try_clone()?).stderr(file);
        }
        // Registered before the start, so that Ctrl-C always stops the server. The server has its own process group: a
        // terminal sends Ctrl-C to xtask alone, which then stops the server once.
        let signals = Signals::new([SIGINT, SIGTERM, SIGHUP])?;
        let child = command.process_group(0).spawn().context("cannot start palisade")?;
        step::say(&format!("starting palisade on {listen} …"));
        Ok(Self { child, listen, signals, log })
    }

    /// Returns when `/readyz` answers 200.
    pub fn wait_until_ready(&mut self) -> Result<()> {
        let start = Instant::now();
        while start.elapsed() < READY_MAX {
            if let Some(status) = self.ended()? {
                bail!("palisade ended before it was ready ({status}){}", self.last_words());
            }
            if self.is_interrupted() {
                bail!("interrupted");
            }
            if http::send(self.listen, "GET", "/readyz", "").is_ok_and(|answer| answer.status == 200) {
                step::say(&format!("ready after {:.1} s", start.elapsed().as_secs_f64()));
                return Ok(());
            }
            thread::sleep(POLL);
        }
        bail!("palisade was not ready after {} s{}", READY_MAX.as_secs(), self.last_words());
    }

    /// Returns at Ctrl-C. It is an error if the server ends by itself.
    pub fn wait_for_signal(&mut self) -> Result<()> {
        while !self.is_interrupted() {
            if let Some(status) = self.ended()? {
                bail!("palisade ended ({status})");
            }
            thread::sleep(POLL);
        }
        Ok(())
    }

    /// Asks the server to end, and waits. If it does not end in time, it is killed, which is an error.
    pub fn stop(mut self) -> Result<()> {
        if self.ended()?.is_none() {
            kill_process(Pid::from_child(&self.child), Signal::TERM)?;
        }
        let start = Instant::now();
        while start.elapsed() < STOP_MAX {
            match self.ended()? {
                Some(status) if status.success() => {
                    step::say("palisade stopped");
                    return Ok(());
                }
                Some(status) => bail!("palisade stopped with an error ({status}){}", self.last_words()),
                None => thread::sleep(POLL),
            }
        }
        self.child.kill()?;
        self.child.wait()?;
        bail!("palisade did not stop in {} s and was killed", STOP_MAX.as_secs());
    }

    fn ended(&mut self) -> Result<Option<ExitStatus>> {
        Ok(self.child.try_wait()?)
    }

    fn is_interrupted(&mut self) -> bool {
        self.signals.pending().next().is_some()
    }

    /// The end of its log, if that is a file.
    fn last_words(&self) -> String {
        let Some(text) = self.log.as_ref().and_then(|path| fs::read_to_string(path).ok()) else {
            return String::new();
        };
        let lines: Vec<_> = text.lines().collect();
        let shown = lines.len().saturating_sub(LOG_LINES_SHOWN);
        format!(":\n{}", lines[shown..].join("\n"))
    }
}

//! Runs the command as a child process, which is killed when the test ends.

use crate::harness::{World, guest};
use serde_json::Value;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, BufReader};
use tokio::process::{Child, ChildStdout, Command};
use tokio::task::JoinHandle;

/// Longer than any command takes.
const WAIT_MAX: Duration = Duration::from_mins(3);

/// What a command printed, and its exit code.
#[derive(Debug)]
pub struct Ran {
    pub code: Option<i32>,
    pub stdout: String,
    pub stderr: String,
}

impl Ran {
    /// Its standard output as JSON.
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.stdout).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    /// Its exit code. Asserts that the output has no terminal escapes, since it goes to a pipe.
    pub fn code(&self) -> i32 {
        assert!(!self.stdout.contains('\u{1b}') && !self.stderr.contains('\u{1b}'), "{self:?}");
        self.code.unwrap_or_else(|| panic!("ended by a signal: {self:?}"))
    }
}

/// The folder of the example plugins.
pub fn examples() -> PathBuf {
    guest("greeter").parent().unwrap().to_owned()
}

/// The command with a clean environment: it inherits none of this process's settings.
pub fn palisade(arguments: &[&str]) -> Command {
    let mut command = Command::new(crate::harness::palisade());
    for name in ["DATABASE_URL", "PALISADE_LOG", "PALISADE_TOKEN", "CLICOLOR_FORCE"] {
        command.env_remove(name);
    }
    // All tests of a build share compiled code, also those that run no child process.
    command.env("XDG_CACHE_HOME", Path::new(env!("CARGO_TARGET_TMPDIR")).join("cache"));
    command
        .args(arguments)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true);
    command
}

/// Runs a command and waits for its end.
pub async fn finish(mut command: Command) -> Ran {
    let ended = tokio::time::timeout(WAIT_MAX, command.output()).await.expect("the command ends").unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    Ran { code: ended.status.code(), stdout: text(ended.stdout), stderr: text(ended.stderr) }
}

/// Runs a command with the database of a test.
pub async fn run(world: &World, arguments: &[&str]) -> Ran {
    let mut command = palisade(arguments);
    command.env("DATABASE_URL", world.url());
    finish(command).await
}

/// A running `palisade serve` that has reported ready.
pub struct Serving {
    child: Child,
    _logs: tempfile::TempDir,
    stdout: BufReader<ChildStdout>,
    /// What it logs is read while it runs: a full pipe would stop it.
    stderr: JoinHandle<Vec<u8>>,
    /// The line that it printed when it was ready.
    pub ready: String,
}

impl Serving {
    /// Serves the example plugins on a free port.
    pub async fn start(world: &World, options: &[&str]) -> Self {
        Self::of(world, &examples(), options).await
    }

    /// Serves a folder of plugins on a free port.
    pub async fn of(world: &World, folder: &Path, options: &[&str]) -> Self {
        let mut command = palisade(&["serve", folder.to_str().unwrap(), "--listen", "127.0.0.1:0"]);
        let logs = tempfile::tempdir().unwrap();
        if !options.contains(&"--audit-log") {
            // Not in the data folder of the examples, because all tests share it.
            command.arg("--audit-log").arg(logs.path().join("audit.jsonl"));
        }
        let mut child = command.args(options).env("DATABASE_URL", world.url()).spawn().unwrap();
        let mut stdout = BufReader::new(child.stdout.take().unwrap());
        let mut logged = child.stderr.take().unwrap();
        let stderr = tokio::spawn(async move {
            let mut text = Vec::new();
            let _read = logged.read_to_end(&mut text).await;
            text
        });
        let mut ready = String::new();
        let read = tokio::time::timeout(WAIT_MAX, stdout.read_line(&mut ready))
            .await
            .expect("a ready line")
            .unwrap();
        if read == 0 {
            panic!(
                "the server exited before it was ready: {}",
                String::from_utf8_lossy(&stderr.await.unwrap())
            );
        }
        Self { child, _logs: logs, stdout, stderr, ready }
    }

    /// Its process.
    pub fn id(&self) -> u32 {
        self.child.id().unwrap()
    }

    /// Its URL, from the ready line.
    pub fn url(&self) -> &str {
        self.ready.split_whitespace().find(|word| word.starts_with("http://")).unwrap()
    }

    /// Sends SIGTERM and returns the final output.
    pub async fn terminate(mut self) -> Ran {
        let id = self.child.id().unwrap().to_string();
        let sent = Command::new("kill").args(["-TERM", &id]).status().await.unwrap();
        assert!(sent.success());
        let mut rest = self.ready.clone();
        self.stdout.read_to_string(&mut rest).await.unwrap();
        let status =
            tokio::time::timeout(WAIT_MAX, self.child.wait()).await.expect("the server exits").unwrap();
        let stderr = String::from_utf8(self.stderr.await.unwrap()).unwrap();
        Ran { code: status.code(), stdout: rest, stderr }
    }
}

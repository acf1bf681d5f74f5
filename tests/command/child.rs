//! Runs the command as a child process, which is killed when the test ends.

use crate::harness::{World, guest};
use serde_json::Value;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::{Arc, Mutex};
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
    /// Reads stderr all the time, so that a loud log does not block the process.
    stderr: JoinHandle<()>,
    log: Arc<Mutex<String>>,
    /// The line that it printed when it was ready.
    pub ready: String,
}

impl Serving {
    /// Serves the example plugins on a free port. It stops without a grace, unless the options have one.
    pub async fn start(world: &World, options: &[&str]) -> Self {
        Self::run(&examples(), world, palisade(&[]), options).await
    }

    /// Serves a folder of plugins, with these variables in its environment.
    pub async fn of(folder: &Path, world: &World, options: &[&str], variables: &[(&str, &str)]) -> Self {
        let mut command = palisade(&[]);
        command.envs(variables.iter().copied());
        Self::run(folder, world, command, options).await
    }

    /// Does so with a limit of open files.
    pub async fn start_with_files(world: &World, files: u64, options: &[&str]) -> Self {
        let clean = palisade(&[]);
        let mut shell = Command::new("sh");
        shell
            .args(["-c", &format!("ulimit -n {files} && exec \"$0\" \"$@\"")])
            .arg(clean.as_std().get_program());
        for (name, value) in clean.as_std().get_envs() {
            match value {
                Some(value) => shell.env(name, value),
                None => shell.env_remove(name),
            };
        }
        shell.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
        Self::run(&examples(), world, shell, options).await
    }

    async fn run(folder: &Path, world: &World, mut command: Command, options: &[&str]) -> Self {
        command.arg("serve").arg(folder).args(["--listen", "127.0.0.1:0"]);
        let logs = tempfile::tempdir().unwrap();
        if !options.contains(&"--audit-log") {
            // Not in the data folder of the examples, because all tests share it.
            command.arg("--audit-log").arg(logs.path().join("audit.jsonl"));
        }
        if !options.contains(&"--grace") {
            command.args(["--grace", "0"]);
        }
        let mut child = command.args(options).env("DATABASE_URL", world.url()).spawn().unwrap();
        let mut stdout = BufReader::new(child.stdout.take().unwrap());
        let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
        let log = Arc::new(Mutex::new(String::new()));
        let written = Arc::clone(&log);
        let stderr = tokio::spawn(async move {
            while let Some(line) = lines.next_line().await.unwrap() {
                written.lock().unwrap().extend([&line, "\n"]);
            }
        });
        let mut ready = String::new();
        let read = tokio::time::timeout(WAIT_MAX, stdout.read_line(&mut ready))
            .await
            .expect("a ready line")
            .unwrap();
        if read == 0 {
            stderr.await.unwrap();
            panic!("the server exited before it was ready: {}", log.lock().unwrap());
        }
        Self { child, _logs: logs, stdout, stderr, log, ready }
    }

    /// Its URL, from the ready line.
    pub fn url(&self) -> &str {
        self.ready.split_whitespace().find(|word| word.starts_with("http://")).unwrap()
    }

    /// The id of the process.
    pub fn id(&self) -> u32 {
        self.child.id().unwrap()
    }

    /// Sends a signal, such as `-HUP`.
    pub async fn signal(&self, name: &str) {
        let sent = Command::new("kill").args([name, &self.id().to_string()]).status().await.unwrap();
        assert!(sent.success());
    }

    /// Waits until its log has this text as often as given.
    pub async fn logged(&self, text: &str, times: usize) {
        let waited = tokio::time::timeout(WAIT_MAX, async {
            while self.log.lock().unwrap().matches(text).count() < times {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        });
        assert!(waited.await.is_ok(), "no {times} of {text:?} in {}", self.log.lock().unwrap());
    }

    /// Sends SIGTERM and returns the final output.
    pub async fn terminate(self) -> Ran {
        self.signal("-TERM").await;
        self.ended().await
    }

    /// Waits for its end and returns the final output.
    pub async fn ended(mut self) -> Ran {
        let mut rest = self.ready.clone();
        self.stdout.read_to_string(&mut rest).await.unwrap();
        let ended =
            tokio::time::timeout(WAIT_MAX, self.child.wait()).await.expect("the server exits").unwrap();
        self.stderr.await.unwrap();
        let stderr = self.log.lock().unwrap().clone();
        Ran { code: ended.code(), stdout: rest, stderr }
    }
}

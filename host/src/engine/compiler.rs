//! The compiler: a child process with limits, because no setting of a compiler bounds the memory and time that it takes.
//!
//! The pre-pass refuses the known compilation bombs; the limits of this process stop unknown ones. The child is this program,
//! started again, or another program that is named. It runs with no environment, in `/`, and under limits on its address space
//! and processor time that the kernel enforces. Before it reads the component it gives up files, network and user, as far as the
//! system allows (`confinement.rs`). It gets a component through a pipe and returns compiled code or a sentence.
//! The host trusts that code, because the child is the same compiler. The host's own process compiles nothing.
//!
//! The child's side is in `child.rs`. Test: `tests/load/compiler.rs`.

use crate::engine::{Fuel, Missing};
use palisade_guard::limits::{
    COMPILED_BYTES_MAX, COMPILER_ADDRESS_BYTES_MAX, COMPILER_CPU_S_MAX, COMPILER_MESSAGE_BYTES_MAX,
    COMPILER_PREFACE_BYTES_MAX, COMPILER_START_MS, COMPILER_THREADS_MAX, COMPILER_WALL_MS_MAX, MIB,
};
use rustix::process::{Pid, Resource, Rlimit, Signal, prlimit};
use std::io::Error as IoError;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt};
use tokio::process::{Child, Command};
use tokio::sync::Mutex;
use tokio::time::timeout;

/// The environment variable that makes this program act as the compiler. Only the child has it.
const CHILD_VARIABLE: &str = "PALISADE_COMPILE";
/// The child's first output. The host sends a component only to a program that starts with it; only a program of tests may print
/// something before.
pub(crate) const GREETING: &[u8] = concat!("palisade compiler ", env!("CARGO_PKG_VERSION"), "\n").as_bytes();
/// The first byte of an answer that is compiled code; the second tells which layers of its confinement are missing. Any other
/// first byte begins a sentence.
pub(crate) const COMPILED: u8 = 0;
/// This program, even after its file was replaced by a newer version.
const THIS_PROGRAM: &str = "/proc/self/exe";
/// Whether this program called [`compile_if_asked`], and so acts as the compiler when it is started as one.
static ANSWERS: AtomicBool = AtomicBool::new(false);

/// Makes this program the compiler of its hosts. Call it first in `main`. If a host started this process to compile a
/// component, it compiles the component and exits; otherwise it returns at once.
///
/// ```no_run
/// palisade::compile_if_asked();
/// // The program's own code follows.
/// ```
pub fn compile_if_asked() {
    if std::env::var_os(CHILD_VARIABLE).is_some() {
        std::process::exit(super::child::run());
    }
    ANSWERS.store(true, Ordering::Relaxed);
}

/// Compiled code, and how the process that compiled it was confined.
#[derive(Debug)]
pub(crate) struct Compiled {
    pub(crate) code: Vec<u8>,
    pub(crate) missing: Missing,
}

/// The program that compiles components for a host, and its limits. The limits can be lowered and never raised.
#[derive(Debug)]
pub struct Compiler {
    program: Option<PathBuf>,
    arguments: Vec<String>,
    /// Bytes that the child may print before its greeting.
    preface_bytes: usize,
    address_bytes: u64,
    cpu_s: u64,
    wall_ms: u64,
    compiled_bytes: u64,
    /// One compilation at a time, because its limits allow it a large part of the machine.
    turn: Mutex<()>,
}

impl Default for Compiler {
    fn default() -> Self {
        Self::this_program()
    }
}

impl Compiler {
    /// This program, whose `main` must call [`compile_if_asked`] first.
    pub fn this_program() -> Self {
        Self {
            program: None,
            arguments: Vec::new(),
            preface_bytes: 0,
            address_bytes: COMPILER_ADDRESS_BYTES_MAX,
            cpu_s: COMPILER_CPU_S_MAX,
            wall_ms: COMPILER_WALL_MS_MAX,
            compiled_bytes: COMPILED_BYTES_MAX,
            turn: Mutex::default(),
        }
    }

    /// Another program that calls it: the `palisade` command of the same version.
    pub fn program(path: impl Into<PathBuf>) -> Self {
        Self { program: Some(path.into()), ..Self::default() }
    }

    /// This program, whose `main` is that of Rust's tests: it is started to run one test alone, which must call
    /// [`compile_if_asked`] first. `test` is the test's path without the crate. What the test's `main` prints before is skipped.
    pub fn of_test(test: &str) -> Self {
        let arguments = [test, "--exact", "--test-threads=1", "--quiet"].map(str::to_owned).to_vec();
        Self { arguments, preface_bytes: COMPILER_PREFACE_BYTES_MAX, ..Self::default() }
    }

    /// Lowers the child's address space, in bytes. Default: 2 GiB.
    pub fn address_bytes(mut self, max: u64) -> Self {
        self.address_bytes = self.address_bytes.min(max);
        self
    }

    /// Lowers the child's processor time, in seconds over all its threads. Default: 60 s.
    pub fn cpu_s(mut self, max: u64) -> Self {
        self.cpu_s = self.cpu_s.min(max);
        self
    }

    /// Lowers the time from the child's start to its answer, in milliseconds. Default: 120,000 ms.
    pub fn wall_ms(mut self, max: u64) -> Self {
        self.wall_ms = self.wall_ms.min(max);
        self
    }

    /// Lowers the size of the compiled code, in bytes. Default: 256 MiB.
    pub fn compiled_bytes(mut self, max: u64) -> Self {
        self.compiled_bytes = self.compiled_bytes.min(max);
        self
    }

    /// Compiles a component for the engine with this hash of its settings.
    pub(crate) async fn compile(
        &self,
        fuel: Fuel,
        settings: u64,
        component: &[u8],
    ) -> Result<Compiled, CompileError> {
        let _turn = self.turn.lock().await;
        let mut child = self.start()?;
        let answer = self.converse(&mut child, fuel, settings, component);
        let answer = timeout(Duration::from_millis(self.wall_ms), answer).await;
        answer.unwrap_or_else(|_| {
            Err(CompileError::Component(format!("it takes more than {} ms to compile", self.wall_ms)))
        })
    }

    fn start(&self) -> Result<Child, CompileError> {
        let program = match &self.program {
            Some(program) => program,
            None if ANSWERS.load(Ordering::Relaxed) => Path::new(THIS_PROGRAM),
            None => return Err(CompileError::NoProgram),
        };
        let mut command = Command::new(program);
        command
            .args(&self.arguments)
            .env_clear()
            .env(CHILD_VARIABLE, "")
            .env("RAYON_NUM_THREADS", COMPILER_THREADS_MAX.to_string());
        // A program that is linked to its own libraries does not start without this variable.
        if let Some(path) = std::env::var_os("LD_LIBRARY_PATH") {
            command.env("LD_LIBRARY_PATH", path);
        }
        command.current_dir("/").stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let child = command.kill_on_drop(true).spawn();
        child.map_err(|error| CompileError::Start(program.display().to_string(), error))
    }

    async fn converse(
        &self,
        child: &mut Child,
        fuel: Fuel,
        settings: u64,
        component: &[u8],
    ) -> Result<Compiled, CompileError> {
        let (Some(mut stdin), Some(mut stdout), Some(stderr)) =
            (child.stdin.take(), child.stdout.take(), child.stderr.take())
        else {
            return Err(CompileError::Broken(IoError::other("a pipe is missing")));
        };
        let greeted = greeted(&mut stdout, self.preface_bytes);
        let greeted = timeout(Duration::from_millis(COMPILER_START_MS), greeted).await;
        if !matches!(greeted, Ok(Ok(true))) {
            return Err(CompileError::NoCompiler);
        }
        self.bound(child)?;
        let request = async {
            // Write errors are ignored: a child that exits early closes its pipe, and its exit status says more.
            let _ = stdin.write_all(&[u8::from(fuel == Fuel::Counted)]).await;
            let _ = stdin.write_all(&settings.to_le_bytes()).await;
            let _ = stdin.write_all(component).await;
            drop(stdin);
        };
        // The first two bytes say what the rest is, so they are not part of the code.
        let answer_bytes = self.compiled_bytes.saturating_add(2);
        let answer = read(stdout, answer_bytes);
        let complaint = read(stderr, COMPILER_MESSAGE_BYTES_MAX);
        let ((), answer, complaint) = tokio::join!(request, answer, complaint);
        let (mut answer, complaint) = (answer?, complaint?);
        if answer.len() as u64 > answer_bytes {
            let sentence = format!("it makes more than {} bytes of compiled code", self.compiled_bytes);
            return Err(CompileError::Component(sentence));
        }
        let status = child.wait().await.map_err(CompileError::Broken)?;
        if !status.success() {
            return Err(CompileError::Component(self.ended(status, &complaint)));
        }
        if let [COMPILED, missing, ..] = *answer {
            return Ok(Compiled { code: answer.split_off(2), missing: Missing(missing) });
        }
        answer.truncate(usize::try_from(COMPILER_MESSAGE_BYTES_MAX).unwrap_or(usize::MAX));
        let sentence = String::from_utf8_lossy(answer.get(1..).unwrap_or_default());
        Err(CompileError::Component(sentence.trim().replace('\n', " ")))
    }

    /// Sets the child's limits before it gets any input. The kernel enforces them.
    fn bound(&self, child: &Child) -> Result<(), CompileError> {
        let pid = child.id().and_then(|id| i32::try_from(id).ok()).and_then(Pid::from_raw);
        let bounds = [
            (Resource::As, self.address_bytes, self.address_bytes),
            // The kernel sends SIGXCPU at the first limit and SIGKILL at the second.
            (Resource::Cpu, self.cpu_s, self.cpu_s.saturating_add(1)),
            // The child writes only to pipes, and leaves no core dump.
            (Resource::Fsize, 0, 0),
            (Resource::Core, 0, 0),
        ];
        for (resource, current, maximum) in bounds {
            let bound = Rlimit { current: Some(current), maximum: Some(maximum) };
            prlimit(pid, resource, bound).map_err(|error| CompileError::Broken(error.into()))?;
        }
        Ok(())
    }

    /// The sentence for a child that exited without an answer.
    fn ended(&self, status: ExitStatus, complaint: &[u8]) -> String {
        let complaint = String::from_utf8_lossy(complaint);
        tracing::warn!(%status, complaint = complaint.trim(), "the compiler ended early");
        if status.signal() == Some(Signal::XCPU.as_raw()) {
            return format!("it takes more than {} s of processor time to compile", self.cpu_s);
        }
        // A Rust program reports failed allocations with the first text; failed thread starts have the error codes EAGAIN or ENOMEM.
        if ["memory allocation of", "os error 11", "os error 12"].iter().any(|says| complaint.contains(says))
        {
            let mib = self.address_bytes / MIB;
            return format!("it takes more than {mib} MiB of address space to compile");
        }
        format!("the compiler failed on it ({status}); the host's log says more")
    }
}

/// Whether the child greets, behind at most so many other bytes.
async fn greeted(stdout: &mut (impl AsyncRead + Unpin), preface_bytes: usize) -> Result<bool, IoError> {
    let mut read = vec![0; GREETING.len()];
    stdout.read_exact(&mut read).await?;
    while !read.ends_with(GREETING) && read.len() < GREETING.len().saturating_add(preface_bytes) {
        read.push(stdout.read_u8().await?);
    }
    Ok(read.ends_with(GREETING))
}

/// Reads a pipe to its end, but at most one byte over the maximum.
async fn read(pipe: impl AsyncRead + Unpin, max: u64) -> Result<Vec<u8>, CompileError> {
    let mut bytes = Vec::new();
    pipe.take(max.saturating_add(1)).read_to_end(&mut bytes).await.map_err(CompileError::Broken)?;
    Ok(bytes)
}

/// Why there is no compiled code.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CompileError {
    #[error("{0}")]
    Component(String),
    #[error(
        "this host has no compiler: call `palisade::compile_if_asked()` first thing in `main`, or name the `palisade` command with `HostBuilder::compiler`"
    )]
    NoProgram,
    #[error(
        "the compiler does not answer as a Palisade compiler of version {}: its `main` must call `palisade::compile_if_asked()` first", env!("CARGO_PKG_VERSION")
    )]
    NoCompiler,
    #[error("the compiler {0} cannot be started: {1}")]
    Start(String, IoError),
    #[error("cannot communicate with the compiler: {0}")]
    Broken(IoError),
}

//! A private PostgreSQL server: a child process of the host, used when `DATABASE_URL` is not set.
//!
//! The host finds the installed server programs, initialises the data on first use, and connects through a Unix socket
//! in a folder that only the host and the server can enter. The server ends when the host ends, even if the host is
//! killed. The host deliberately downloads nothing; the server listens on no network and never runs as root. Its
//! processes have a bound on their memory, and a setting marks it as private: the host hardens the database that it
//! opens there, see `host/store/src/postgres/harden.rs`. A start needs the modules in this order: [`programs`],
//! [`account`], [`home`], [`process`]. Tests: `host/store/tests/private_postgres.rs`.

mod account;
mod error;
mod home;
mod process;
mod programs;

use std::env;
use std::ffi::OsString;
use std::fmt::Write as _;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use sha2::{Digest as _, Sha256};
use tokio::time::{Instant, sleep};

use self::account::Account;
use self::home::Home;
use self::process::Postgres;
pub use error::PrivateError;
use palisade_guard::limits::{
    PRIVATE_CONNECTIONS_MAX, PRIVATE_POLL_MS, PRIVATE_PROCESS_BYTES_MAX, PRIVATE_START_MS,
};

/// The superuser that the host connects as. Every other role needs a password.
pub const SUPERUSER: &str = "palisade";

/// The setting that marks a server as a host's own, which the host may harden without asking.
pub(crate) const PRIVATE_SETTING: &str = "palisade.private";

/// Where the data of a private server lives.
#[derive(Clone, Debug)]
pub enum DataDir {
    /// In this folder, which is made if it is missing and stays when the server stops.
    Persistent(PathBuf),
    /// In a folder of its own, which is removed when the server stops or, if the host was killed, when the next server
    /// starts.
    Temporary,
}

impl DataDir {
    /// The default folder of a project's data: `/var/tmp` for root, whose home no unprivileged process can enter; for
    /// others `$XDG_STATE_HOME/palisade` or `~/.local/state/palisade`.
    pub fn of_project(project: &Path) -> Result<Self, PrivateError> {
        let project = project.canonicalize().map_err(PrivateError::io("read", project))?;
        let digest = Sha256::digest(project.as_os_str().as_encoded_bytes());
        let mut name = String::new();
        for byte in digest.iter().take(8) {
            let _ = write!(name, "{byte:02x}");
        }
        if rustix::process::geteuid().is_root() {
            return Ok(Self::Persistent(Path::new("/var/tmp").join(format!("palisade-{name}"))));
        }
        let absolute = |name| env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute());
        let state =
            absolute("XDG_STATE_HOME").or_else(|| absolute("HOME").map(|home| home.join(".local/state")));
        state.map(|state| Self::Persistent(state.join("palisade").join(name))).ok_or(PrivateError::NoHome)
    }
}

/// How to start a private server.
#[derive(Clone, Debug)]
pub struct PrivateOptions {
    /// Where its data lives.
    pub data: DataDir,
    /// Whether a commit survives a crash of the machine. `false` is for tests: it is several times as fast.
    pub durable: bool,
    /// PostgreSQL settings, name and value, that override the host's own. If `shared_buffers` is among them, the
    /// server's processes have no bound on their address space, because that memory is part of it.
    pub settings: Vec<(String, String)>,
    /// The folder of PostgreSQL's programs; `None` looks for them where they are usually installed.
    pub programs: Option<PathBuf>,
}

/// The environment variable that names the folder of PostgreSQL's programs for servers of tests.
const TEST_PROGRAMS: &str = "PALISADE_TEST_POSTGRES";

impl PrivateOptions {
    /// A server for one test: temporary and not durable, with the programs in the folder that `PALISADE_TEST_POSTGRES` names,
    /// if it is set.
    pub fn temporary() -> Self {
        let programs = env::var_os(TEST_PROGRAMS).map(PathBuf::from);
        Self { data: DataDir::Temporary, durable: false, settings: Vec::new(), programs }
    }

    /// A durable server for this project, with its data in [`DataDir::of_project`].
    pub fn of_project(project: &Path) -> Result<Self, PrivateError> {
        Ok(Self { data: DataDir::of_project(project)?, durable: true, settings: Vec::new(), programs: None })
    }

    /// Whether the server has data already.
    pub fn exists(&self) -> bool {
        matches!(&self.data, DataDir::Persistent(folder) if folder.join("data").exists())
    }

    /// A server whose data stays in `folder`.
    pub fn persistent(folder: impl Into<PathBuf>) -> Self {
        Self { data: DataDir::Persistent(folder.into()), durable: true, settings: Vec::new(), programs: None }
    }
}

impl PrivateError {
    fn io(doing: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::Io { doing, path, source }
    }
}

/// A running private server. If it ends unexpectedly, it is started again with its data, and the log says so. Dropping it stops the server at once; [`stop`](Self::stop) lets the server write a
/// checkpoint first.
pub struct PrivateServer {
    postgres: Postgres,
    sockets: PathBuf,
}

/// How to connect to it, as its superuser.
pub fn config(server: &PrivateServer) -> tokio_postgres::Config {
    let mut config = tokio_postgres::Config::new();
    config.host_path(&server.sockets).user(SUPERUSER).dbname("postgres");
    config
}

impl PrivateServer {
    /// Starts a server and returns when it accepts connections.
    pub async fn start(options: PrivateOptions) -> Result<Self, PrivateError> {
        let durable = options.durable;
        let prepared = tokio::task::spawn_blocking(move || prepare(&options));
        let Prepared { home, command, again } = prepared.await.map_err(|e| PrivateError::Failed {
            program: "initdb",
            text: format!("its thread ended: {e}"),
        })??;
        let (sockets, data) = (home.sockets(), home.data());
        let postgres = Postgres::spawn(command, home, again, durable).await?;
        let server = Self { postgres, sockets };
        let deadline = Instant::now() + Duration::from_millis(PRIVATE_START_MS);
        while !home::is_ready(&data, server.postgres.id()) {
            if server.postgres.has_ended() {
                return Err(PrivateError::Failed { program: "postgres", text: server.postgres.log() });
            }
            if Instant::now() >= deadline {
                return Err(PrivateError::NotReady { text: server.postgres.log() });
            }
            sleep(Duration::from_millis(PRIVATE_POLL_MS)).await;
        }
        server.postgres.keep();
        Ok(server)
    }

    /// How to connect to it as text, in the form that `DATABASE_URL` takes.
    pub fn url(&self) -> String {
        let sockets = self.sockets.to_string_lossy().replace('\\', r"\\").replace('\'', r"\'");
        format!("host='{sockets}' user={SUPERUSER} dbname=postgres")
    }

    /// The folder of the server's data and its socket.
    pub fn folder(&self) -> &Path {
        self.sockets.parent().unwrap_or(&self.sockets)
    }

    /// The process id of the server. It is another one after the server has ended unexpectedly.
    pub fn id(&self) -> u32 {
        self.postgres.id()
    }

    /// Closes all connections, writes a checkpoint and returns when the server has ended.
    pub async fn stop(self) {
        self.postgres.stop().await;
    }
}

/// Removes the data of a private server that does not run, so that the next start makes it anew. Returns whether there was
/// any. What else is in the folder stays, such as the audit log. It waits for the disk.
pub fn reset(data: &DataDir) -> Result<bool, PrivateError> {
    let DataDir::Persistent(path) = data else { return Ok(false) };
    if !path.join("data").exists() {
        return Ok(false);
    }
    let home = Home::open(data, &Account::find()?)?;
    home.settle()?;
    home.empty()?;
    Ok(true)
}

/// What a server is started with.
struct Prepared {
    home: Home,
    command: std::process::Command,
    again: Again,
}

/// Prepares the folder for another start, after a server that ended unexpectedly.
type Again = Box<dyn Fn(&Home) -> Result<(), PrivateError> + Send>;

/// Prepares everything before the server starts. Blocks for as long as `initdb` takes.
fn prepare(options: &PrivateOptions) -> Result<Prepared, PrivateError> {
    let account = Account::find()?;
    let home = Home::open(&options.data, &account)?;
    let programs = programs::find(options.programs.as_deref(), home.version()?, &home.data())?;
    home.settle()?;
    home.fill(&account, &programs, options.durable)?;
    let postgres = programs.join("postgres");
    let is_sized = |(name, _): &(String, String)| name.eq_ignore_ascii_case("shared_buffers");
    let mut command = if options.settings.iter().any(is_sized) {
        // Shared memory counts for every process, so a caller that sizes it must bound the processes too.
        account.command(&postgres, "INT")
    } else {
        let mut bounded = account.command(Path::new("prlimit"), "INT");
        bounded.arg(format!("--as={PRIVATE_PROCESS_BYTES_MAX}")).arg("--").arg(&postgres);
        bounded
    };
    command.arg("-D").arg(home.data());
    let mut set = |name: &str, value: OsString| {
        let mut pair = OsString::from(format!("{name}="));
        pair.push(value);
        command.arg("-c").arg(pair);
    };
    set("listen_addresses", "".into());
    set("unix_socket_directories", quoted(&home.sockets()));
    set("unix_socket_permissions", "0700".into());
    set("hba_file", home.access_rules().into());
    set("max_connections", PRIVATE_CONNECTIONS_MAX.to_string().into());
    set("cluster_name", "palisade".into());
    set("timezone", "UTC".into());
    set("log_timezone", "UTC".into());
    // JIT compilation takes memory and seconds that no limit of a statement counts.
    set("jit", "off".into());
    // Tells a host that no other application's database is on this server.
    set(PRIVATE_SETTING, "on".into());
    // Not the statements that fail for a plugin, nor the values in them: they concern only the plugin and would fill
    // this log.
    set("log_min_messages", "log".into());
    if !options.durable {
        for name in ["fsync", "synchronous_commit", "full_page_writes"] {
            set(name, "off".into());
        }
    }
    for (name, value) in &options.settings {
        set(name, value.into());
    }
    let durable = options.durable;
    let again: Again = Box::new(move |home| {
        home.end_orphans();
        home.settle()?;
        home.fill(&account, &programs, durable)
    });
    Ok(Prepared { home, command, again })
}

/// `unix_socket_directories` is a list of identifiers. [`Home`] refuses paths that hold a quote.
fn quoted(path: &Path) -> OsString {
    let mut text = OsString::from("\"");
    text.push(path);
    text.push("\"");
    text
}

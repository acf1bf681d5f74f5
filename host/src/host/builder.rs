//! Building a host. Every option has a default that works.

use crate::audit::{Audit, heads};
use crate::engine::artifact::Artifacts;
use crate::engine::compiler::Compiler;
use crate::engine::lane::Lanes;
use crate::error::LoadError;
use crate::host::Host;
use crate::host::start::{Origin, Planned};
use crate::memory::HostMemory;
use crate::metrics::Metrics;
use crate::plugin::source::Source;
use crate::program::link::Machines;
use crate::program::load::Loader;
use crate::request::record::CallRecorder;
use crate::runtime::{Places, Registry, Runtime};
use crate::supervision::Supervision;
use palisade_guard::address::AddressPolicy;
use palisade_guard::grant::Policy;
use palisade_guard::limits::{CONNECTION_BUDGET_MAX, DATABASE_WAIT_MS, Limits};
use palisade_store::Backends;
use palisade_store::cache::InProcessCache;
use palisade_store::http::{DefaultClient, HttpClient, SecretStore, Secrets};
use palisade_store::log::TracingLog;
use palisade_store::postgres::items::PostgresItems;
use palisade_store::postgres::users;
use palisade_store::postgres::variables::PostgresVariables;
use palisade_store::postgres::{Database, DatabaseUrl};
use palisade_store::private::{self, PrivateOptions, PrivateServer};
use palisade_store::{CacheStore, ItemStore, LogSink, UserStore, VariableStore};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

/// Builds a [`Host`]. Every option has a default that works.
#[derive(Default)]
pub struct HostBuilder {
    pub(super) database: Option<String>,
    pub(super) private: Option<PrivateOptions>,
    plugin_connections: Option<usize>,
    pub(super) database_wait: Option<Duration>,
    pub(super) plugins: Vec<Planned>,
    serves_the_others: bool,
    only_looks: bool,
    pub(super) allows_downgrade: bool,
    compiler: Compiler,
    compiled: Option<PathBuf>,
    users: Option<Arc<dyn UserStore>>,
    cache: Option<Arc<dyn CacheStore>>,
    log: Option<Arc<dyn LogSink>>,
    variables: Option<Arc<dyn VariableStore>>,
    items: Option<Arc<dyn ItemStore>>,
    http: Option<Arc<dyn HttpClient>>,
    secrets: Option<Arc<dyn SecretStore>>,
    addresses: AddressPolicy,
    audit: Option<PathBuf>,
    limits: Option<Limits>,
    memory: Option<u64>,
    recorder: Option<Arc<dyn CallRecorder>>,
}

impl HostBuilder {
    /// The database, as a URL or a list of `key=value`; see [`DatabaseUrl`]. Default: `DATABASE_URL`, or a private server if
    /// that variable is not set.
    pub fn database(mut self, url: impl Into<String>) -> Self {
        self.database = Some(url.into());
        self
    }

    /// Starts a private server with these options and ignores `DATABASE_URL`. A program that needs a connection of its own to it
    /// starts it with [`PrivateServer::start`] and passes its [`url`](PrivateServer::url) to [`database`](Self::database).
    pub fn private_database(mut self, options: PrivateOptions) -> Self {
        self.private = Some(options);
        self
    }

    /// How many connections to the database all plugins together may hold: at least 1, default 64. An invocation that finds
    /// none free waits up to 5 s. The host itself holds up to 20 more.
    pub fn plugin_connections(mut self, connections: usize) -> Self {
        self.plugin_connections = Some(connections.max(1));
        self
    }

    /// How long a host that starts waits for a database that is not there yet. Default: 30 s. A database that refuses the
    /// login is not waited for.
    pub fn database_wait(mut self, wait: Duration) -> Self {
        self.database_wait = Some(wait);
        self
    }

    /// Adds a plugin: its folder or its `palisade.toml`, and the policy that grants its powers.
    pub fn plugin(mut self, path: impl Into<PathBuf>, policy: Policy) -> Self {
        self.plugins.push(Planned { origin: Origin::Path(path.into()), policy });
        self
    }

    /// Adds a plugin whose manifest is read already, for a program that chooses the policy by the name in it. `path` is where it
    /// was looked for; an error counts as a plugin that cannot be loaded.
    pub fn source(
        mut self,
        path: impl Into<PathBuf>,
        source: Result<Source, LoadError>,
        policy: Policy,
    ) -> Self {
        self.plugins.push(Planned { origin: Origin::Opened(path.into(), source.map(Box::new)), policy });
        self
    }

    /// Serves the other plugins if some cannot be loaded. Each is logged, and [`Host::statuses`] lists it as not loaded; calls of
    /// it fail with [`CallError::NotLoaded`](crate::CallError::NotLoaded), and so do all requests for items if it may guard them
    /// with taps. The start still fails if no plugin can be loaded, or if the database or the compiler does not work. Default: the
    /// start fails if any plugin cannot be loaded, with the errors of all of them.
    pub fn serve_the_others(mut self) -> Self {
        self.serves_the_others = true;
        self
    }

    /// Loads a plugin even if it is older than the version that was installed in the database last, here or by another host of it.
    /// The older version may not fit the tables any more: migrations are never undone. Default: such a version is refused with
    /// [`LoadError::Downgrade`].
    pub fn allow_downgrade(mut self) -> Self {
        self.allows_downgrade = true;
        self
    }

    /// Changes nothing in the database, which refuses whatever would write: the host's tables and those of the plugins stay as they
    /// are, and [`PluginInfo::pending`](crate::PluginInfo::pending) lists the migrations that have not run. The plugins can be
    /// listed and not called: this is for a program that shows what a folder holds.
    pub fn only_look(mut self) -> Self {
        self.only_looks = true;
        self
    }

    /// The program that compiles components in a child process. Default: this program, whose `main` must call
    /// [`compile_if_asked`](crate::compile_if_asked) first.
    pub fn compiler(mut self, compiler: Compiler) -> Self {
        self.compiler = compiler;
        self
    }

    /// Keeps compiled code in a folder that only this host uses. Default: none, so each start compiles. A folder that cannot be
    /// used, or in which other users could replace what the host would run, is left alone: the log says so, and the host compiles.
    pub fn compiled_code(mut self, folder: impl Into<PathBuf>) -> Self {
        self.compiled = Some(folder.into());
        self
    }

    /// The store behind `user` and bearer tokens.
    pub fn users(mut self, users: Arc<dyn UserStore>) -> Self {
        self.users = Some(users);
        self
    }

    /// The store behind `cache`.
    pub fn cache(mut self, cache: Arc<dyn CacheStore>) -> Self {
        self.cache = Some(cache);
        self
    }

    /// The sink for the log records of plugins.
    pub fn log(mut self, log: Arc<dyn LogSink>) -> Self {
        self.log = Some(log);
        self
    }

    /// The store behind `variables`.
    pub fn variables(mut self, variables: Arc<dyn VariableStore>) -> Self {
        self.variables = Some(variables);
        self
    }

    /// The store behind `item`.
    pub fn items(mut self, items: Arc<dyn ItemStore>) -> Self {
        self.items = Some(items);
        self
    }

    /// The client that sends the requests of `http`, one hop at a time.
    pub fn http_client(mut self, http: Arc<dyn HttpClient>) -> Self {
        self.http = Some(http);
        self
    }

    /// The store of the secrets that plugins name and never see.
    pub fn secrets(mut self, secrets: impl SecretStore + 'static) -> Self {
        self.secrets = Some(Arc::new(secrets));
        self
    }

    /// Exceptions to the rule that `http` reaches public addresses only: non-public addresses to allow, public ones to deny.
    pub fn addresses(mut self, addresses: AddressPolicy) -> Self {
        self.addresses = addresses;
        self
    }

    /// Limits that no plugin of this host may exceed, whatever its policy says: the limit in effect is the smallest of the
    /// host's, the policy's and the manifest's. Default: only the ceiling that no host can exceed, which is 256 MiB of memory
    /// and the default times, tables, instances, stack and bounds of one argument. They bound what plugins do; items that callers write
    /// through the host's own API keep the default bounds.
    pub fn limits(mut self, limits: Limits) -> Self {
        self.limits = Some(limits);
        self
    }

    /// How many bytes this process may hold in memory: at least 256 MiB, default half of what the machine or the control group
    /// around the process has. Whatever would hold more is refused with [`CallError::Overloaded`](crate::CallError::Overloaded):
    /// requests, instances and their memory, rows, results. What the rest of the program holds beyond what it held when the host
    /// was built counts as well, up to three quarters of the number.
    pub fn memory(mut self, bytes: u64) -> Self {
        self.memory = Some(bytes);
        self
    }

    /// Keeps queries and mutations, so that they can be run again. Default: nothing keeps them.
    pub fn recorder(mut self, recorder: Arc<dyn CallRecorder>) -> Self {
        self.recorder = Some(recorder);
        self
    }

    /// Keeps an [audit log](crate::audit) in this file, with its key and its head beside it. Default: no audit log. The host
    /// creates the folder if it is missing. Several hosts may share a file.
    pub fn audit_log(mut self, file: impl Into<PathBuf>) -> Self {
        self.audit = Some(file.into());
        self
    }

    /// Starts a private database if needed, connects, migrates the host's tables, and loads the plugins.
    pub async fn build(self) -> Result<Host, LoadError> {
        // First, so that a log that cannot be written stops the start before anything runs.
        let audit = audit(self.audit.as_deref())?;
        let (url, private) = database(self.database, self.private).await?;
        let connections = self.plugin_connections.unwrap_or(CONNECTION_BUDGET_MAX);
        let wait = self.database_wait.unwrap_or(Duration::from_millis(DATABASE_WAIT_MS));
        let database = if self.only_looks {
            Database::look_within(wait, url, connections).await?
        } else {
            let database = Database::connect_within(wait, url, connections).await?;
            heads::compare(&audit, &database).await.map_err(|refusal| LoadError::Database {
                sentence: "cannot compare the audit log with the database".to_owned(),
                source: refusal.into(),
            })?;
            database
        };
        let memory = Arc::new(HostMemory::new(self.memory)?);
        let machines =
            Machines::new(Arc::clone(&memory)).map_err(|error| LoadError::Engine(format!("{error:#}")))?;
        let artifacts = match self.compiled {
            Some(folder) => artifacts(folder).await,
            None => None,
        };
        let http = match self.http {
            Some(http) => http,
            None => Arc::new(
                DefaultClient::new(self.addresses.clone())
                    .map_err(|error| LoadError::Engine(format!("{error:?}")))?,
            ),
        };
        // Another store may know other tokens than those in the database.
        let has_users = self.users.is_none();
        let backends = Backends {
            users: self.users.unwrap_or_else(|| Arc::new(users::of(database.clone()))),
            cache: self.cache.unwrap_or_else(|| Arc::new(InProcessCache::within(memory.budget()))),
            log: self.log.unwrap_or_else(|| Arc::new(TracingLog)),
            variables: self.variables.unwrap_or_else(|| Arc::new(PostgresVariables)),
            items: self.items.unwrap_or_else(|| Arc::new(PostgresItems)),
            secrets: self.secrets.unwrap_or_else(|| Arc::new(Secrets::default())),
            http,
        };
        let supervision = Arc::new(Supervision::new(audit));
        match supervision.sync(&database).await {
            // The host's tables may be missing, and then nobody has disabled anything.
            Err(_) if self.only_looks => {}
            synced => synced.map_err(|refusal| LoadError::Database {
                sentence: "cannot read from the database which plugins are disabled".to_owned(),
                source: refusal.into(),
            })?,
        }
        let metrics = Arc::new(Metrics::new());
        let loader = Loader {
            machines,
            compiler: self.compiler,
            artifacts,
            database: database.clone(),
            addresses: self.addresses,
            secrets: Arc::clone(&backends.secrets),
            supervision: Arc::clone(&supervision),
            metrics: Arc::clone(&metrics),
            memory: Arc::clone(&memory),
            limits: self.limits.iter().fold(Limits::ceiling(), Limits::lowered_to),
            allows_downgrade: self.allows_downgrade,
            only_looks: self.only_looks,
        };
        let runtime = Arc::new(Runtime {
            backends: Arc::new(backends),
            registry: Registry::default(),
            database,
            places: Places::new(memory.instances() as usize),
            memory,
            lanes: Lanes::default(),
            supervision,
            metrics,
            recorder: self.recorder,
        });
        let host = Host::start(runtime, loader, private, has_users);
        host.load_all(self.plugins, !self.serves_the_others).await?;
        Ok(host)
    }
}

/// The folder of compiled code, if it can be used. What it holds saves time and is never needed.
async fn artifacts(folder: PathBuf) -> Option<Artifacts> {
    let path = folder.clone();
    let opened = tokio::task::spawn_blocking(move || Artifacts::open(&path)).await;
    let opened = opened.unwrap_or_else(|error| Err(std::io::Error::other(error)));
    opened
        .inspect_err(|error| {
            tracing::warn!(path = %folder.display(), %error, "compiled code is not kept, so each start compiles");
        })
        .ok()
}

fn audit(file: Option<&Path>) -> Result<Audit, LoadError> {
    let Some(file) = file else { return Ok(Audit::default()) };
    Audit::open(file).map_err(|source| LoadError::File { path: file.display().to_string(), source })
}

/// The database that the caller or the environment names, or a private one.
pub(super) async fn database(
    url: Option<String>,
    private: Option<PrivateOptions>,
) -> Result<(DatabaseUrl, Option<PrivateServer>), LoadError> {
    let named = url.or_else(|| std::env::var("DATABASE_URL").ok().filter(|_| private.is_none()));
    if let Some(url) = named {
        return Ok((url.parse()?, None));
    }
    let options = match private {
        Some(options) => Ok(options),
        None => std::env::current_dir()
            .map_err(anyhow::Error::new)
            .and_then(|folder| Ok(PrivateOptions::of_project(&folder)?)),
    };
    let refused = |source: anyhow::Error| LoadError::Database { sentence: source.to_string(), source };
    let server =
        PrivateServer::start(options.map_err(refused)?).await.map_err(|error| refused(error.into()))?;
    Ok((private::config(&server).into(), Some(server)))
}

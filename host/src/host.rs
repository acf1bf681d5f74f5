//! The public face: build a host, call its plugins, deal in its items.

use crate::backend::http::{DefaultClient, HttpClient, SecretStore, Secrets};
use crate::backend::log::TracingLog;
use crate::backend::postgres::Database;
use crate::backend::postgres::items::PostgresItems;
use crate::backend::postgres::session::Session;
use crate::backend::postgres::users::Users;
use crate::backend::postgres::variables::PostgresVariables;
use crate::backend::private::{PrivateOptions, PrivateServer};
use crate::backend::{CacheStore, Item, ItemStore, LogSink, UserStore, VariableStore};
use crate::backend::cache::InProcessCache;
use crate::caller::Caller;
use crate::engine::Engine;
use crate::error::{CallError, LoadError, Refusal};
use crate::grant::Policy;
use crate::guard::address::AddressPolicy;
use crate::guard::item::{Criteria, Draft, ItemId, Patch};
use crate::guard::request_context::RequestId;
use crate::invocation::{self, Ended, Setting};
use crate::items::{Items, Page, Write};
use crate::kind::{Kind, Linkers};
use crate::ledger::Exceeded;
use crate::limits::{
    ADMISSION_WAIT_MS, INSTANCES_TOTAL_MAX, Limit, MUTATION_ATTEMPTS_MAX, MUTATION_BACKOFF_MAX_MS, MUTATION_BACKOFF_MS,
};
use crate::plugin::artifact::Artifacts;
use crate::plugin::{Entry, Function, Loader, Plugin, Reply, Source};
use crate::registry::Registry;
use crate::request::Request;
use crate::tap;
use crate::value::Outcome as Lifted;
use serde_json::Value;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// What stands behind the interfaces.
pub(crate) struct Backends {
    pub(crate) users: Arc<dyn UserStore>,
    pub(crate) cache: Arc<dyn CacheStore>,
    pub(crate) log: Arc<dyn LogSink>,
    pub(crate) variables: Arc<dyn VariableStore>,
    pub(crate) items: Arc<dyn ItemStore>,
    pub(crate) http: Arc<dyn HttpClient>,
    pub(crate) secrets: Arc<dyn SecretStore>,
}

/// What a host is made of.
pub(crate) struct Core {
    pub(crate) engine: Engine,
    pub(crate) backends: Arc<Backends>,
    pub(crate) registry: Registry,
    pub(crate) database: Database,
    loader: Loader,
    admission: Arc<Semaphore>,
}

/// A host with its plugins. Cheap to clone; all clones are the same host.
#[derive(Clone)]
pub struct Host {
    core: Arc<Core>,
    private: Option<Arc<PrivateServer>>,
    maintenance: Arc<tokio_util::task::AbortOnDropHandle<()>>,
}

/// What a call gave, and what it took.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// The function's result as JSON; `null` when it has none.
    pub value: Value,
    /// What the invocation used of each limit.
    pub usage: Vec<Exceeded>,
}

impl Host {
    /// Begins to build a host.
    pub fn builder() -> HostBuilder {
        HostBuilder::default()
    }

    /// Calls `interface/function` of a plugin with JSON arguments, an object of named parameters.
    pub async fn call(&self, plugin: &str, function: &str, arguments: Value, caller: Caller) -> Result<Outcome, CallError> {
        self.call_in(plugin, function, arguments, caller, RequestId::random()).await
    }

    /// The same, as part of a request that has an id.
    pub async fn call_in(
        &self,
        plugin: &str,
        function: &str,
        arguments: Value,
        caller: Caller,
        request: RequestId,
    ) -> Result<Outcome, CallError> {
        let (plugin, Function { kind, signature, .. }) = &self.core.find(plugin, function)?;
        let lowered = signature.lower(arguments).map_err(|error| CallError::BadArguments(error.to_string()))?;
        let _permit = self.core.admit(plugin).await?;
        let setting = Setting::new(Arc::new(Request::new(request, caller)), *kind, &plugin.limits);
        let mut attempts = Attempts::new(&setting);
        loop {
            setting.request.restart();
            let entry = Entry::Function { path: function.to_owned(), arguments: lowered.clone() };
            let session = plugin.session(*kind);
            let Ended { session, ledger, reply } = invocation::run(&self.core, plugin, *kind, &setting, session, entry).await;
            let value = reply.and_then(|reply| lift(plugin, signature, reply));
            if let Some(value) = attempts.settle(session, value).await {
                let usage = Limit::ALL.iter().map(|limit| ledger.usage(*limit)).collect();
                return Ok(Outcome { value: value?, usage });
            }
        }
    }

    /// One item, as the caller may see it, through every access and view tap.
    pub async fn item(&self, id: &str, caller: Caller, request: RequestId) -> Result<Item, CallError> {
        self.items(caller, request).get(ItemId::parse(id)?).await
    }

    /// A page of items.
    pub async fn find_items(&self, criteria: &Criteria, caller: Caller, request: RequestId) -> Result<Page, CallError> {
        self.items(caller, request).find(criteria).await
    }

    /// Inserts an item through every tap, and returns it as the caller may see it.
    pub async fn create_item(&self, draft: Draft, caller: Caller, request: RequestId) -> Result<Item, CallError> {
        self.written(Write::Create(draft), caller, request).await
    }

    /// Changes an item through every tap.
    pub async fn patch_item(&self, id: &str, patch: Patch, caller: Caller, request: RequestId) -> Result<Item, CallError> {
        self.written(Write::Patch(ItemId::parse(id)?, patch), caller, request).await
    }

    /// Deletes an item through every tap; only at this revision, where one is given.
    pub async fn delete_item(
        &self,
        id: &str,
        revision: Option<u32>,
        caller: Caller,
        request: RequestId,
    ) -> Result<(), CallError> {
        let write = Write::Delete(ItemId::parse(id)?, revision);
        self.items(caller, request).write(&write).await.map(drop)
    }

    /// Loads a plugin, or a new version of one that is loaded; running calls finish on the old one.
    pub async fn load(&self, path: impl AsRef<Path>, policy: &Policy) -> Result<PluginInfo, LoadError> {
        let plugin = Arc::new(self.core.loader.load(Source::read(path.as_ref())?, policy).await?);
        self.core.registry.swap(&plugin);
        Ok(PluginInfo::of(&plugin))
    }

    /// The plugins that are loaded, by name.
    pub fn plugins(&self) -> Vec<PluginInfo> {
        self.core.registry.all().iter().map(|plugin| PluginInfo::of(plugin)).collect()
    }

    /// The users of the host's own tables, whoever else may stand behind `user`.
    pub fn users(&self) -> Users {
        Users::new(self.core.database.clone())
    }

    /// Who a bearer token identifies.
    pub async fn identify(&self, token: &str) -> Result<Option<Caller>, CallError> {
        Ok(self.core.backends.users.by_token(token).await?.map(Caller::user))
    }

    /// Whether the host can serve: its database answers.
    pub async fn ready(&self) -> Result<(), CallError> {
        Ok(self.core.database.ping().await?)
    }

    /// Stops the host: connections are closed, and a private database with them.
    pub async fn stop(self) {
        self.maintenance.abort();
        self.core.database.close();
        if let Some(private) = self.private.and_then(Arc::into_inner) {
            private.stop().await;
        }
    }

    pub(crate) fn core(&self) -> &Arc<Core> {
        &self.core
    }

    fn items(&self, caller: Caller, request: RequestId) -> Items<'_> {
        Items::new(&self.core, Arc::new(Request::new(request, caller)))
    }

    async fn written(&self, write: Write, caller: Caller, request: RequestId) -> Result<Item, CallError> {
        let written = self.items(caller, request).write(&write).await?;
        written.ok_or_else(|| CallError::internal(anyhow::anyhow!("a write left no item")))
    }
}

/// What an operator or caller may know of a loaded plugin.
#[derive(Clone, Debug)]
pub struct PluginInfo {
    /// Its name.
    pub name: String,
    /// Its version.
    pub version: String,
    /// One line for people.
    pub description: String,
    /// What it can do.
    pub passport: crate::passport::Passport,
    /// What it was granted.
    pub grants: crate::grant::Grants,
    /// The functions that callers can name.
    pub functions: Vec<FunctionInfo>,
}

/// A function that callers can name.
#[derive(Clone, Debug)]
pub struct FunctionInfo {
    /// `interface/function`.
    pub path: String,
    /// What it may do.
    pub kind: Kind,
    /// Its type, in WIT.
    pub signature: String,
    /// JSON Schema of its arguments.
    pub parameters: Value,
    /// JSON Schema of its result.
    pub result: Value,
    /// JSON Schema of its error, if it can return one.
    pub error: Option<Value>,
}

impl PluginInfo {
    fn of(plugin: &Plugin) -> Self {
        let functions = plugin.paths().filter_map(|path| {
            let Function { kind, signature, .. } = plugin.function(&path)?;
            Some(FunctionInfo {
                kind: *kind,
                signature: signature.to_string(),
                parameters: signature.parameters_schema(),
                result: signature.result_schema(),
                error: signature.error_schema(),
                path,
            })
        });
        Self {
            name: plugin.name.to_string(),
            version: plugin.version.to_string(),
            description: plugin.description.clone(),
            passport: plugin.passport.clone(),
            grants: plugin.grants.clone(),
            functions: functions.collect(),
        }
    }
}

/// The guest's own `ok` or `err`.
fn lift(plugin: &Plugin, signature: &crate::value::Signature, reply: Reply) -> Result<Value, CallError> {
    let Reply::Values(values) = reply else {
        return Err(CallError::internal(anyhow::anyhow!("a function gave a tap's answer")));
    };
    match signature.lift(values) {
        Ok(Lifted::Ok(value)) => Ok(value),
        Ok(Lifted::Err(value)) => Err(CallError::Returned(value)),
        Err(error) => Err(CallError::Trapped { plugin: plugin.name.to_string(), reason: error.to_string() }),
    }
}

impl Core {
    /// Finds a function, or says what there is instead.
    fn find(&self, plugin: &str, function: &str) -> Result<(Arc<Plugin>, Function), CallError> {
        let Some(found) = self.registry.find(plugin) else {
            let names: Vec<String> = self.registry.all().iter().map(|plugin| plugin.name.to_string()).collect();
            let hint = if names.is_empty() { "none is loaded".into() } else { format!("loaded are {}", names.join(", ")) };
            return Err(CallError::NoPlugin { plugin: plugin.to_owned(), hint });
        };
        match found.function(function).cloned() {
            Some(known) => Ok((found, known)),
            None => {
                let paths: Vec<String> = found.paths().collect();
                let hint = format!("it has {}", paths.join(", "));
                Err(CallError::NoFunction { plugin: plugin.to_owned(), function: function.to_owned(), hint })
            }
        }
    }

    /// A permit of the plugin's own and one of the host's, within a bounded wait.
    pub(crate) async fn admit(&self, plugin: &Plugin) -> Result<[OwnedSemaphorePermit; 2], CallError> {
        let permits = async {
            // The plugin's own first: one that takes everything waits for itself, not for the others.
            let own = Arc::clone(&plugin.admission).acquire_owned().await;
            let host = Arc::clone(&self.admission).acquire_owned().await;
            Ok::<_, tokio::sync::AcquireError>([own?, host?])
        };
        match tokio::time::timeout(Duration::from_millis(ADMISSION_WAIT_MS), permits).await {
            Ok(permits) => permits.map_err(CallError::internal),
            Err(_) => Err(CallError::Overloaded { retry_after_ms: ADMISSION_WAIT_MS }),
        }
    }

    /// Runs the cron taps that are due; each plugin alone.
    pub(crate) async fn cron(&self, plugin: &Arc<Plugin>, scheduled: i64) {
        let request = Arc::new(Request::new(RequestId::random(), Caller::Host));
        let setting = Setting::new(request, Kind::Action, &plugin.limits);
        if let Err(error) = tap::cron(self, plugin, &setting, scheduled).await {
            tracing::error!(plugin = plugin.name.as_str(), %error, "a cron tap failed");
        }
    }
}

/// A unit of work that runs again while it loses races, for a bounded number of times.
pub(crate) struct Attempts {
    left: u32,
    wait: Duration,
    deadline: tokio::time::Instant,
}

impl Attempts {
    pub(crate) fn new(setting: &Setting) -> Self {
        Self { left: MUTATION_ATTEMPTS_MAX, wait: Duration::from_millis(MUTATION_BACKOFF_MS), deadline: setting.deadline }
    }

    /// Commits what succeeded and rolls back what failed. `None` when the attempt lost a race: it left nothing behind and
    /// is to run again.
    pub(crate) async fn settle<T>(&mut self, session: Option<Session>, result: Result<T, CallError>) -> Option<Result<T, CallError>> {
        if let Ok(result) = settle((session, result)).await {
            return Some(result);
        }
        self.left = self.left.saturating_sub(1);
        if self.left == 0 {
            return Some(Err(CallError::Contended { attempts: MUTATION_ATTEMPTS_MAX }));
        }
        tokio::time::sleep_until(self.deadline.min(tokio::time::Instant::now() + self.wait)).await;
        self.wait = self.wait.saturating_mul(2).min(Duration::from_millis(MUTATION_BACKOFF_MAX_MS));
        None
    }
}

/// The attempt lost a race and left nothing behind.
struct Lost;

async fn settle<T>(attempt: (Option<Session>, Result<T, CallError>)) -> Result<Result<T, CallError>, Lost> {
    match attempt {
        (Some(session), _) if session.lost_race() => {
            session.rollback().await;
            Err(Lost)
        }
        (Some(session), Ok(value)) => match session.commit().await {
            Ok(()) => Ok(Ok(value)),
            Err(Refusal::Serialization) => Err(Lost),
            Err(refusal) => Ok(Err(refusal.into())),
        },
        (Some(session), Err(error)) => {
            session.rollback().await;
            Ok(Err(error))
        }
        (None, Err(error)) => Ok(Err(error)),
        (None, Ok(_)) => Ok(Err(CallError::internal(anyhow::anyhow!("a call succeeded without its transaction")))),
    }
}

/// Builds a [`Host`]. What is not set has a default that works.
#[derive(Default)]
pub struct HostBuilder {
    database: Option<String>,
    private: Option<PrivateOptions>,
    plugins: Vec<(PathBuf, Policy)>,
    compiled: Option<PathBuf>,
    users: Option<Arc<dyn UserStore>>,
    cache: Option<Arc<dyn CacheStore>>,
    log: Option<Arc<dyn LogSink>>,
    variables: Option<Arc<dyn VariableStore>>,
    items: Option<Arc<dyn ItemStore>>,
    http: Option<Arc<dyn HttpClient>>,
    secrets: Option<Arc<dyn SecretStore>>,
    addresses: AddressPolicy,
}

impl HostBuilder {
    /// The database, as a URL or a list of `key=value`. Unless given, `DATABASE_URL` is used; unless that is set, a private
    /// server is started.
    pub fn database(mut self, url: impl Into<String>) -> Self {
        self.database = Some(url.into());
        self
    }

    /// A private server with these options, whatever `DATABASE_URL` says.
    pub fn private_database(mut self, options: PrivateOptions) -> Self {
        self.private = Some(options);
        self
    }

    /// A plugin: its folder or its `palisade.toml`, and what it may have.
    pub fn plugin(mut self, path: impl Into<PathBuf>, policy: Policy) -> Self {
        self.plugins.push((path.into(), policy));
        self
    }

    /// Keeps compiled code in a folder that belongs to this host alone. Unless given, each start compiles.
    pub fn compiled_code(mut self, folder: impl Into<PathBuf>) -> Self {
        self.compiled = Some(folder.into());
        self
    }

    /// Who stands behind `user` and bearer tokens.
    pub fn users(mut self, users: Arc<dyn UserStore>) -> Self {
        self.users = Some(users);
        self
    }

    /// What stands behind `cache`.
    pub fn cache(mut self, cache: Arc<dyn CacheStore>) -> Self {
        self.cache = Some(cache);
        self
    }

    /// Where log records of plugins go.
    pub fn log(mut self, log: Arc<dyn LogSink>) -> Self {
        self.log = Some(log);
        self
    }

    /// What stands behind `variables`.
    pub fn variables(mut self, variables: Arc<dyn VariableStore>) -> Self {
        self.variables = Some(variables);
        self
    }

    /// What stands behind `item`.
    pub fn items(mut self, items: Arc<dyn ItemStore>) -> Self {
        self.items = Some(items);
        self
    }

    /// What sends the requests of `http`, one hop at a time.
    pub fn http_client(mut self, http: Arc<dyn HttpClient>) -> Self {
        self.http = Some(http);
        self
    }

    /// Secrets that plugins name and never see.
    pub fn secrets(mut self, secrets: Secrets) -> Self {
        self.secrets = Some(Arc::new(secrets));
        self
    }

    /// Addresses that are reached although they are not public, or not although they are.
    pub fn addresses(mut self, addresses: AddressPolicy) -> Self {
        self.addresses = addresses;
        self
    }

    /// Starts what is missing, connects, migrates, and loads the plugins.
    pub async fn build(self) -> Result<Host, LoadError> {
        let (config, private) = database(self.database, self.private).await?;
        let database = Database::connect(config).await?;
        let engine = Engine::new().map_err(|error| LoadError::Engine(error.to_string()))?;
        let linkers = Linkers::new(&engine).map_err(|error| LoadError::Engine(format!("{error:#}")))?;
        let artifacts = match &self.compiled {
            Some(folder) => Some(Artifacts::open(folder).map_err(|source| LoadError::File {
                path: folder.display().to_string(),
                source,
            })?),
            None => None,
        };
        let http = match self.http {
            Some(http) => http,
            None => Arc::new(DefaultClient::new(self.addresses.clone()).map_err(|error| LoadError::Engine(format!("{error:?}")))?),
        };
        let backends = Backends {
            users: self.users.unwrap_or_else(|| Arc::new(Users::new(database.clone()))),
            cache: self.cache.unwrap_or_else(|| Arc::new(InProcessCache::default())),
            log: self.log.unwrap_or_else(|| Arc::new(TracingLog)),
            variables: self.variables.unwrap_or_else(|| Arc::new(PostgresVariables)),
            items: self.items.unwrap_or_else(|| Arc::new(PostgresItems)),
            secrets: self.secrets.unwrap_or_else(|| Arc::new(Secrets::default())),
            http,
        };
        let loader = Loader { engine: engine.clone(), linkers, artifacts, database: database.clone(), addresses: self.addresses };
        let core = Arc::new(Core {
            engine,
            backends: Arc::new(backends),
            registry: Registry::default(),
            database,
            loader,
            admission: Arc::new(Semaphore::new(INSTANCES_TOTAL_MAX as usize)),
        });
        let maintenance = tokio_util::task::AbortOnDropHandle::new(tokio::spawn(crate::maintenance::run(Arc::downgrade(&core))));
        let host = Host { core, private: private.map(Arc::new), maintenance: Arc::new(maintenance) };
        for (path, policy) in &self.plugins {
            host.load(path, policy).await?;
        }
        Ok(host)
    }
}

/// The database that is named, by the caller or by the environment, or a private one.
async fn database(
    url: Option<String>,
    private: Option<PrivateOptions>,
) -> Result<(tokio_postgres::Config, Option<PrivateServer>), LoadError> {
    let named = url.or_else(|| std::env::var("DATABASE_URL").ok().filter(|_| private.is_none()));
    if let Some(url) = named {
        let config = url.parse().map_err(|error| LoadError::Database {
            sentence: "DATABASE_URL is no connection string: write postgresql://USER:PASSWORD@HOST/DATABASE".to_owned(),
            source: anyhow::Error::new(error),
        })?;
        return Ok((config, None));
    }
    let options = match private {
        Some(options) => Ok(options),
        None => std::env::current_dir().map_err(anyhow::Error::new).and_then(|folder| {
            Ok(PrivateOptions::of_project(&folder)?)
        }),
    };
    let refused = |source: anyhow::Error| LoadError::Database { sentence: source.to_string(), source };
    let server = PrivateServer::start(options.map_err(refused)?).await.map_err(|error| refused(error.into()))?;
    Ok((server.config(), Some(server)))
}

//! The public API: a [`Host`] loads plugins, calls their functions, and reads and writes items.
//!
//! It has no logic of a request, which is in `calls/`, and none of loading, which is in `program/load.rs`. The builder is in
//! `builder.rs`, what a start does with plugins in `start.rs`, what runs in the background in `maintenance.rs`. Tests: `tests/calls.rs`, `tests/load/`, `tests/operator.rs`.

mod builder;
mod info;
mod maintenance;
mod migrate;
mod schemas;
mod start;
mod tables;
mod typed;

pub use builder::HostBuilder;
pub use info::{FunctionInfo, PluginInfo};
pub use migrate::Migrated;
pub use schemas::{FunctionSchemas, PluginSchemas};
pub use typed::{Typed, TypedCall};

use crate::audit::heads;
use crate::calls::call::Call;
use crate::calls::items::Items;
use crate::calls::route::Route;
use crate::error::{CallError, LoadError};
use crate::memory;
use crate::plugin::source::Source;
use crate::program::Program;
use crate::program::load::Loader;
use crate::runtime::Runtime;
use crate::supervision::{self, DisabledWhere, OPERATOR_PERMISSION, PluginStatus, ServingStatus};
use palisade_guard::caller::Caller;
use palisade_guard::clock::Clock;
use palisade_guard::grant::Policy;
use palisade_guard::memory::Reservation;
use palisade_guard::refusal::Refusal;
use palisade_guard::user::Permission;
use palisade_store::postgres::alone::Alone;
use palisade_store::postgres::users::{self, Users};
use palisade_store::private::PrivateServer;
use serde::Serialize;
use serde::de::DeserializeOwned;
use start::{Planned, Started};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use tokio_util::sync::CancellationToken;
use tokio_util::task::{AbortOnDropHandle, TaskTracker};

/// A host with its plugins. Clones are cheap and refer to the same host.
#[derive(Clone)]
pub struct Host {
    runtime: Arc<Runtime>,
    loader: Arc<Loader>,
    private: Option<Arc<PrivateServer>>,
    tasks: Arc<[AbortOnDropHandle<()>]>,
    stopping: CancellationToken,
    crons: TaskTracker,
}

impl Host {
    /// Starts building a host.
    pub fn builder() -> HostBuilder {
        HostBuilder::default()
    }

    /// Starts a call of a plugin's `interface/function`: `host.call("blog", "posts/list").arguments(json).await`.
    pub fn call<'a>(&'a self, plugin: &'a str, function: &'a str) -> Call<'a> {
        Call::new(&self.runtime, plugin, function)
    }

    /// A function that takes and returns Rust types instead of JSON. It is resolved once.
    ///
    /// ```standalone_crate
    /// # use palisade::store::private::PrivateOptions;
    /// # use palisade::{Host, Policy};
    /// #[derive(serde::Serialize)]
    /// struct Greet {
    ///     name: String,
    /// }
    ///
    /// # #[tokio::main]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # palisade::compile_if_asked();
    /// # let host = Host::builder()
    /// #     .private_database(PrivateOptions::temporary())
    /// #     .plugin("../target/guests/example-plugins/greeter", Policy::harmless())
    /// #     .build()
    /// #     .await?;
    /// let greet = host.typed::<Greet, String>("greeter", "greeting/greet")?;
    /// assert_eq!(greet.call(&Greet { name: "Ada".into() }).await?, "Hello, Ada!");
    /// # host.stop().await;
    /// # Ok(())
    /// # }
    /// ```
    pub fn typed<Arguments: Serialize + Sync, Answer: DeserializeOwned>(
        &self,
        plugin: &str,
        function: &str,
    ) -> Result<Typed<Arguments, Answer>, CallError> {
        Typed::resolve(self.clone(), plugin, function)
    }

    /// Items as this caller may see and change them, through every tap: `host.items(caller).get(id).await`.
    pub fn items(&self, caller: Caller) -> Items<'_> {
        Items::new(&self.runtime, caller)
    }

    /// The route of a plugin that a request reaches, by the path that follows `/hooks/PLUGIN` in its URL, as it was sent:
    /// `host.route("shop", "/stripe")?`. A malformed path is [`CallError::BadArguments`].
    pub fn route(&self, plugin: &str, path: &str) -> Result<Route<'_>, CallError> {
        Route::find(&self.runtime, plugin, path)
    }

    /// Loads a plugin, or replaces a loaded plugin with a new version. Calls that arrive meanwhile are answered by the old version, and
    /// running ones finish on it. If the plugin cannot be loaded, the old version stays. A version that is older than the one that
    /// was installed last is refused, unless the host [allows it](HostBuilder::allow_downgrade).
    pub async fn load(&self, path: impl AsRef<Path>, policy: &Policy) -> Result<PluginInfo, LoadError> {
        let source = self.loader.open(path.as_ref()).await?;
        self.load_opened(source, policy).await
    }

    /// Like [`load`](Self::load), with a manifest that is read already: for a program that chooses the policy by the name in it. An
    /// error counts as a plugin that is refused.
    pub async fn load_source(
        &self,
        source: Result<Source, LoadError>,
        policy: &Policy,
    ) -> Result<PluginInfo, LoadError> {
        self.load_opened(source.inspect_err(|error| self.loader.refused(error))?, policy).await
    }

    async fn load_opened(&self, source: Source, policy: &Policy) -> Result<PluginInfo, LoadError> {
        let program = self.loader.load(source, policy).await?;
        let program = Arc::new(self.loader.attack(program).await?);
        program.plugin.availability.renew();
        self.runtime.registry.swap(&program);
        Ok(PluginInfo::of(&program))
    }

    /// Unloads a plugin: new calls and item requests no longer reach it, and running ones finish. Its tables, items and
    /// variables stay, and if an operator has disabled it, it stays disabled. Returns `false` if no plugin of this name is
    /// loaded.
    pub fn unload(&self, plugin: &str) -> bool {
        self.runtime.registry.remove(plugin).is_some()
    }

    /// Loads the plugins that a host starts with, as `start.rs` says.
    async fn load_all(&self, plugins: Vec<Planned>, is_strict: bool) -> Result<(), LoadError> {
        let Started { programs, unloaded } = start::load(&self.loader, plugins, is_strict).await?;
        for program in programs {
            self.runtime.registry.swap(&Arc::new(program));
        }
        self.runtime.registry.lack(&unloaded.into());
        Ok(())
    }

    /// The loaded plugins, sorted by name. Each schema of each function is made anew: a view of many plugins that is kept or sent
    /// is better made plugin by plugin, with [`statuses`](Self::statuses) and [`plugin`](Self::plugin).
    pub fn plugins(&self) -> Vec<PluginInfo> {
        self.runtime.registry.all().iter().map(|program| PluginInfo::of(program)).collect()
    }

    /// A loaded plugin.
    pub fn plugin(&self, name: &str) -> Option<PluginInfo> {
        self.runtime.registry.find(name).map(|program| PluginInfo::of(&program))
    }

    /// The functions of a loaded plugin as `OpenAPI` describes them. They are described anew each time.
    pub fn schemas(&self, plugin: &str) -> Option<PluginSchemas> {
        self.runtime.registry.find(plugin).map(|program| PluginSchemas::of(&program))
    }

    /// The plugins, sorted by name, with whether each is served. Plugins that could not be loaded when the host started are among
    /// them.
    pub fn statuses(&self) -> Vec<PluginStatus> {
        let status = |program: &Arc<Program>| PluginStatus {
            name: program.plugin.name.to_string(),
            version: program.plugin.version.to_string(),
            status: program.plugin.availability.status(),
            entries: program.plugin.availability.entries(),
            running_on: program.plugin.pool.running_on(),
        };
        let current = self.runtime.registry.current();
        let unloaded = current.unloaded().iter().map(|unloaded| PluginStatus {
            name: unloaded.name.clone(),
            version: unloaded.version.clone(),
            status: ServingStatus::NotLoaded { reason: unloaded.reason.clone(), since: unloaded.since },
            running_on: 0,
            entries: Vec::new(),
        });
        let mut statuses: Vec<_> = self.runtime.registry.all().iter().map(status).chain(unloaded).collect();
        statuses.sort_by(|a, b| a.name.cmp(&b.name));
        statuses
    }

    /// The host's counters and gauges, in the text format that Prometheus reads (`OpenMetrics`): the text that the server answers
    /// at `/metrics`. Labels are names of plugins, kinds, outcomes, states and [limits](palisade_guard::limits), and never a
    /// guest's or a caller's text. Counters start at zero with the host. `metrics/mod.rs` lists the metrics.
    ///
    /// ```standalone_crate
    /// # use palisade::store::private::PrivateOptions;
    /// # use palisade::{Host, Policy};
    /// # #[tokio::main]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # palisade::compile_if_asked();
    /// # let host = Host::builder()
    /// #     .private_database(PrivateOptions::temporary())
    /// #     .plugin("../target/guests/example-plugins/greeter", Policy::harmless())
    /// #     .build()
    /// #     .await?;
    /// host.call("greeter", "greeting/greet").arguments(serde_json::json!({ "name": "Ada" })).await?;
    /// let answered = r#"palisade_invocations_total{plugin="greeter",kind="query",outcome="answered"} 1"#;
    /// assert!(host.metrics().contains(answered));
    /// # host.stop().await;
    /// # Ok(())
    /// # }
    /// ```
    pub fn metrics(&self) -> String {
        let Runtime { metrics, database, memory, .. } = &*self.runtime;
        metrics.text(&self.statuses(), database.plugin_connections(), memory.usage())
    }

    /// Disables a plugin until [`enable`](Self::enable). On this host it takes effect at once: running calls are cut off and
    /// their changes are rolled back. It takes effect on every other host of the database within
    /// [`SWITCH_POLL_MS`](palisade_guard::limits::SWITCH_POLL_MS), and it outlives a restart. The plugin need not be loaded
    /// here.
    ///
    /// If the database does not answer within 2 s, this returns [`DisabledWhere::Here`]: the plugin is disabled on this host,
    /// and the host keeps trying to tell the database. If the host stops before it could, the plugin is not disabled elsewhere
    /// nor after a restart.
    pub async fn disable(&self, plugin: &str, reason: &str) -> Result<DisabledWhere, CallError> {
        self.disable_by(plugin, reason, "by the host's owner").await
    }

    /// Enables a disabled plugin and lifts its quarantine, on the same hosts as [`disable`](Self::disable). If the database does
    /// not answer within 2 s, this fails and the plugin stays as it is: only the database knows what other operators have done.
    pub async fn enable(&self, plugin: &str) -> Result<(), CallError> {
        self.enable_by(plugin, "by the host's owner").await
    }

    /// Disables a plugin; the audit log names `by` as who did.
    pub async fn disable_by(&self, plugin: &str, reason: &str, by: &str) -> Result<DisabledWhere, CallError> {
        let disabled = self.runtime.supervision.disable(&self.runtime.database, plugin, reason, by).await;
        self.reported("disable", disabled)
    }

    /// Enables a plugin; the audit log names `by` as who did.
    pub async fn enable_by(&self, plugin: &str, by: &str) -> Result<(), CallError> {
        let enabled = self.runtime.supervision.enable(&self.runtime.database, plugin, by).await;
        self.reported("enable", enabled)
    }

    /// The users in the host's own tables, even if another store is behind `user`.
    pub fn users(&self) -> Users {
        users::of(self.runtime.database.clone())
    }

    /// The caller that a bearer token identifies, or `None`. While the database does not answer, the tokens of operators are
    /// still known, as they were when it last did, so that an operator can disable a plugin.
    pub async fn identify(&self, token: &str) -> Result<Option<Caller>, CallError> {
        let operator = || self.runtime.supervision.operator(token).map(Caller::user);
        if self.runtime.database.is_silent()
            && let Some(caller) = operator()
        {
            return Ok(Some(caller));
        }
        let identified = match self.runtime.backends.users.by_token(token).await {
            Ok(user) => Ok(user.map(Caller::user)),
            Err(refusal @ (Refusal::Unavailable(_) | Refusal::Busy)) => match operator() {
                Some(caller) => Ok(Some(caller)),
                None => Err(refusal.into()),
            },
            Err(refusal) => Err(refusal.into()),
        };
        self.reported("identify", identified)
    }

    /// Checks that the host can serve: its database must answer.
    pub async fn ready(&self) -> Result<(), CallError> {
        self.reported("ready", self.runtime.database.ping().await.map_err(CallError::from))
    }

    /// Runs a plugin's cron tap now, also if it runs at the moment, and waits for its end. Its schedule stays as it is. Returns `false`
    /// if the plugin has no cron tap.
    pub async fn run_cron(&self, plugin: &str) -> Result<bool, CallError> {
        let program = self.runtime.program(plugin)?;
        if program.taps.cron.is_none() {
            return Ok(false);
        }
        maintenance::cron(&self.runtime, &program, Clock::running().now()).await.map(|()| true)
    }

    /// Starts no more cron taps, and waits until those that run have ended, for at most so long. What still runs then is cut off when
    /// the host [stops](Self::stop).
    pub async fn drain(&self, at_most: Duration) {
        self.stopping.cancel();
        self.crons.close();
        if tokio::time::timeout(at_most, self.crons.wait()).await.is_err() {
            tracing::warn!(ms = at_most.as_millis(), "cron taps that did not finish in time are cut off");
        }
    }

    /// Waits until no other host of the database holds the lock of this name, at most 10 min, and holds it until what this
    /// returns is dropped: for work that two hosts must not do at once, such as an import at the start of each.
    pub async fn alone(&self, name: &str) -> Result<Alone, CallError> {
        self.reported("alone", self.runtime.database.alone(name).await.map_err(CallError::from))
    }

    /// Stops the host: closes its connections and stops its private database, if it has one.
    pub async fn stop(self) {
        self.tasks.iter().for_each(AbortOnDropHandle::abort);
        self.runtime.supervision.report_repeats(true);
        heads::finish(self.runtime.supervision.audit(), &self.runtime.database).await;
        self.runtime.database.close();
        if let Some(private) = self.private.and_then(Arc::into_inner) {
            private.stop().await;
        }
    }

    /// Whether a caller may list, disable and enable plugins. The host itself may, and so may every holder of
    /// [`OPERATOR_PERMISSION`].
    pub async fn may_operate(&self, caller: &Caller) -> Result<bool, CallError> {
        if matches!(caller, Caller::Host) {
            return Ok(true);
        }
        let was_operator = || caller.as_user().is_some_and(|user| self.runtime.supervision.is_operator(user));
        if self.runtime.database.is_silent() && was_operator() {
            return Ok(true);
        }
        let held = match self.runtime.backends.users.permissions(&caller.roles()).await {
            Err(Refusal::Unavailable(_) | Refusal::Busy) if was_operator() => return Ok(true),
            held => self.reported("may-operate", held.map_err(CallError::from))?,
        };
        Ok(held.contains(Permission::parse(OPERATOR_PERMISSION)?.as_str()))
    }

    /// An empty reservation of the host's [memory](HostBuilder::memory) for a request of this caller. Whoever holds a request's
    /// bytes grows it first; an answer's are held until they are sent.
    pub fn reservation(&self, caller: &Caller) -> Reservation {
        self.runtime.memory.reservation(None, caller)
    }

    /// A number that changes whenever a plugin is loaded or unloaded. It tells whether a cached view of the plugins is stale.
    pub fn plugins_version(&self) -> u64 {
        self.runtime.registry.version()
    }

    /// An answer of the host itself. What the caller is not told of a failure goes to the operator's log.
    fn reported<T>(&self, what: &'static str, answer: Result<T, CallError>) -> Result<T, CallError> {
        answer.inspect_err(|error| self.runtime.supervision.report_failure(None, what, None, error))
    }

    /// Makes a host of these parts and starts its background tasks.
    fn start(runtime: Arc<Runtime>, loader: Loader, private: Option<PrivateServer>, has_users: bool) -> Self {
        let (stopping, crons) = (CancellationToken::new(), TaskTracker::new());
        // A host that only looks has nothing to follow.
        let tasks = if loader.only_looks {
            Vec::new()
        } else {
            let maintenance = maintenance::run(Arc::downgrade(&runtime), stopping.clone(), crons.clone());
            let maintenance = tokio::spawn(maintenance);
            let supervision = Arc::downgrade(&runtime.supervision);
            let watch = tokio::spawn(supervision::watch(supervision, runtime.database.clone(), has_users));
            let memory = tokio::spawn(memory::watch(Arc::downgrade(&runtime.memory)));
            let heads = heads::follow(runtime.supervision.audit().clone(), runtime.database.clone());
            let tables = tokio::spawn(tables::follow(Arc::downgrade(&runtime)));
            vec![maintenance, watch, memory, tokio::spawn(heads), tables]
        };
        let tasks: Vec<_> = tasks.into_iter().map(AbortOnDropHandle::new).collect();
        let (loader, private) = (Arc::new(loader), private.map(Arc::new));
        Self { runtime, loader, private, tasks: tasks.into(), stopping, crons }
    }
}

//! The public face: call plugins, deal in items, see what is loaded.

mod info;

pub use info::{FunctionInfo, PluginInfo};

use crate::backend::Item;
use crate::backend::postgres::users::Users;
use crate::backend::private::PrivateServer;
use crate::builder::HostBuilder;
use crate::call;
use crate::caller::Caller;
use crate::core::Core;
use crate::error::{CallError, LoadError};
use crate::grant::Policy;
use crate::guard::item::{Criteria, Draft, ItemId, Patch};
use crate::guard::request_context::RequestId;
use crate::items::{Items, Page, Write};
use crate::ledger::Exceeded;
use crate::limits::LOOKUP_CONNECTIONS_MAX;
use crate::moment::Moment;
use crate::plugin::Plugin;
use crate::request::Request;
use crate::supervision::{self, PluginStatus};
use futures_util::{StreamExt, TryStreamExt};
use serde_json::Value;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tokio_util::task::AbortOnDropHandle;

/// A host with its plugins. Cheap to clone; all clones are the same host.
#[derive(Clone)]
pub struct Host {
    core: Arc<Core>,
    private: Option<Arc<PrivateServer>>,
    tasks: Arc<[AbortOnDropHandle<()>; 2]>,
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
    pub async fn call(
        &self,
        plugin: &str,
        function: &str,
        arguments: Value,
        caller: Caller,
    ) -> Result<Outcome, CallError> {
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
        call::call(&self.core, (plugin, function), arguments, caller, request, None).await
    }

    /// The same at a moment that is chosen: what a query or mutation answered at it once it answers again, to the byte, where
    /// the caller, the request's id and the rows are the same. A mutation changes rows; replay it on rows as they were. An
    /// action is refused: it has no [`Moment`], where there is more to read.
    ///
    /// ```standalone_crate
    /// # use palisade::backend::private::PrivateOptions;
    /// # use palisade::guard::request_context::RequestId;
    /// # use palisade::{Caller, Host, Moment, Policy};
    /// # #[tokio::main]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # palisade::compile_if_asked();
    /// # let host = Host::builder()
    /// #     .private_database(PrivateOptions::temporary())
    /// #     .plugin("../target/guests/example-plugins/greeter", Policy::harmless())
    /// #     .build()
    /// #     .await?;
    /// // Written down before the call, so that what fails can be replayed as well.
    /// let (moment, request) = (Moment::draw(), RequestId::random());
    /// let arguments = serde_json::json!({ "name": "Ada" });
    /// let greet = || {
    ///     host.call_at("greeter", "greeting/greet", arguments.clone(), Caller::Anonymous, request.clone(), moment)
    /// };
    /// assert_eq!(greet().await?.value, greet().await?.value);
    /// # host.stop().await;
    /// # Ok(())
    /// # }
    /// ```
    pub async fn call_at(
        &self,
        plugin: &str,
        function: &str,
        arguments: Value,
        caller: Caller,
        request: RequestId,
        moment: Moment,
    ) -> Result<Outcome, CallError> {
        call::call(&self.core, (plugin, function), arguments, caller, request, Some(moment)).await
    }

    /// One item, as the caller may see it, through every access and view tap.
    pub async fn item(&self, id: &str, caller: Caller, request: RequestId) -> Result<Item, CallError> {
        self.items(caller, request).get(ItemId::parse(id)?).await
    }

    /// A page of items.
    pub async fn find_items(
        &self,
        criteria: &Criteria,
        caller: Caller,
        request: RequestId,
    ) -> Result<Page, CallError> {
        self.items(caller, request).find(criteria).await
    }

    /// Inserts an item through every tap, and returns it as the caller may see it.
    pub async fn create_item(
        &self,
        draft: Draft,
        caller: Caller,
        request: RequestId,
    ) -> Result<Item, CallError> {
        self.written(Write::Create(draft), caller, request).await
    }

    /// Changes an item through every tap.
    pub async fn patch_item(
        &self,
        id: &str,
        patch: Patch,
        caller: Caller,
        request: RequestId,
    ) -> Result<Item, CallError> {
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
        let loader = &self.core.loader;
        let plugin = loader.load(path.as_ref(), policy).await?;
        let plugin = Arc::new(loader.attack(plugin).await?);
        plugin.ward.renew();
        self.core.registry.swap(&plugin);
        Ok(PluginInfo::of(&plugin))
    }

    /// Loads all plugins of a start. Attacks begin when all are installed, so that each is tried on what the others have.
    pub(crate) async fn load_all(&self, plugins: &[(PathBuf, Policy)]) -> Result<(), LoadError> {
        let loader = &self.core.loader;
        let mut installed = Vec::new();
        for (path, policy) in plugins {
            installed.push(loader.load(path, policy).await?);
        }
        let attacked = futures_util::stream::iter(installed).map(|plugin| loader.attack(plugin));
        let plugins: Vec<Plugin> = attacked.buffered(LOOKUP_CONNECTIONS_MAX).try_collect().await?;
        for plugin in plugins {
            self.core.registry.swap(&Arc::new(plugin));
        }
        Ok(())
    }

    /// The plugins that are loaded, by name.
    pub fn plugins(&self) -> Vec<PluginInfo> {
        self.core.registry.all().iter().map(|plugin| PluginInfo::of(plugin)).collect()
    }

    /// The plugins that are loaded, by name, and whether each is served.
    pub fn statuses(&self) -> Vec<PluginStatus> {
        let status = |plugin: &Arc<Plugin>| PluginStatus {
            name: plugin.name.to_string(),
            version: plugin.version.to_string(),
            standing: plugin.ward.standing(),
        };
        self.core.registry.all().iter().map(status).collect()
    }

    /// What happened so far and how things stand, in the text format that Prometheus reads (`OpenMetrics`): the same that the
    /// server answers at `/metrics`. Labels are names of plugins, kinds, outcomes, states and [limits](crate::limits), and
    /// never a guest's or a caller's text. Counters begin at zero with the host; what there is, is in `metrics.rs`.
    ///
    /// ```standalone_crate
    /// # use palisade::backend::private::PrivateOptions;
    /// # use palisade::{Caller, Host, Policy};
    /// # #[tokio::main]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # palisade::compile_if_asked();
    /// # let host = Host::builder()
    /// #     .private_database(PrivateOptions::temporary())
    /// #     .plugin("../target/guests/example-plugins/greeter", Policy::harmless())
    /// #     .build()
    /// #     .await?;
    /// host.call("greeter", "greeting/greet", serde_json::json!({ "name": "Ada" }), Caller::Anonymous).await?;
    /// let answered = r#"palisade_invocations_total{plugin="greeter",kind="query",outcome="answered"} 1"#;
    /// assert!(host.metrics().contains(answered));
    /// # host.stop().await;
    /// # Ok(())
    /// # }
    /// ```
    pub fn metrics(&self) -> String {
        self.core.metrics.text(&self.statuses(), self.core.database.seats())
    }

    /// Disables a plugin until [`enable`](Self::enable): on this host at once, running calls included, whose changes are
    /// undone; on every other host of the database within
    /// [`SWITCH_POLL_MS`](crate::limits::SWITCH_POLL_MS), and after a restart. The plugin need not be loaded here. With the database
    /// away it is an error, and the plugin is disabled on this host all the same; that is written down as soon as it can be.
    pub async fn disable(&self, plugin: &str, reason: &str) -> Result<(), CallError> {
        self.disable_by(plugin, reason, "by the host's owner").await
    }

    /// Enables a plugin that is disabled, and lifts its quarantine, as far as [`disable`](Self::disable) reaches.
    pub async fn enable(&self, plugin: &str) -> Result<(), CallError> {
        self.enable_by(plugin, "by the host's owner").await
    }

    /// The same, by somebody whom the audit log names.
    pub(crate) async fn disable_by(&self, plugin: &str, reason: &str, by: &str) -> Result<(), CallError> {
        self.core.supervision.disable(&self.core.database, plugin, reason, by).await
    }

    /// The same, by somebody whom the audit log names.
    pub(crate) async fn enable_by(&self, plugin: &str, by: &str) -> Result<(), CallError> {
        self.core.supervision.enable(&self.core.database, plugin, by).await
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
        self.tasks.iter().for_each(AbortOnDropHandle::abort);
        self.core.supervision.audit().flush().await;
        self.core.database.close();
        if let Some(private) = self.private.and_then(Arc::into_inner) {
            private.stop().await;
        }
    }

    /// A host of these parts, with its maintenance under way.
    pub(crate) fn start(core: Arc<Core>, private: Option<PrivateServer>) -> Self {
        let maintenance = tokio::spawn(crate::maintenance::run(Arc::downgrade(&core)));
        let watch = supervision::watch(Arc::downgrade(&core.supervision), core.database.clone());
        let tasks = [maintenance, tokio::spawn(watch)].map(AbortOnDropHandle::new);
        Self { core, private: private.map(Arc::new), tasks: Arc::new(tasks) }
    }

    #[cfg(feature = "server")]
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

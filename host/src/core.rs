//! What a host is made of: shared by everything that a request does.

use crate::backend::http::{HttpClient, SecretStore};
use crate::backend::postgres::Database;
use crate::backend::{CacheStore, ItemStore, LogSink, UserStore, VariableStore};
use crate::caller::Caller;
use crate::error::CallError;
use crate::guard::request_context::RequestId;
use crate::invocation::Setting;
use crate::kind::Kind;
use crate::lane::Lanes;
use crate::limits::ADMISSION_WAIT_MS;
use crate::metrics::Metrics;
use crate::plugin::{Function, Loader, Plugin};
use crate::registry::Registry;
use crate::request::Request;
use crate::supervision::Supervision;
use crate::tap;
use futures_util::FutureExt;
use std::pin::pin;
use std::sync::Arc;
use std::time::{Duration, Instant};
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

/// A plugin that has a place to run in, for as long as one of these is held.
#[derive(Clone)]
pub(crate) struct Admitted {
    pub(crate) plugin: Arc<Plugin>,
    _permits: Arc<[OwnedSemaphorePermit; 2]>,
}

/// What a host is made of.
pub(crate) struct Core {
    pub(crate) backends: Arc<Backends>,
    pub(crate) registry: Registry,
    pub(crate) database: Database,
    pub(crate) loader: Loader,
    pub(crate) admission: Arc<Semaphore>,
    pub(crate) lanes: Lanes,
    pub(crate) supervision: Arc<Supervision>,
    pub(crate) metrics: Arc<Metrics>,
}

impl Core {
    /// Finds a function, or says what there is instead.
    pub(crate) fn find(
        &self,
        plugin: &str,
        function: &str,
    ) -> Result<(Arc<Plugin>, Arc<Function>), CallError> {
        let Some(found) = self.registry.find(plugin) else {
            let names: Vec<String> =
                self.registry.all().iter().map(|plugin| plugin.name.to_string()).collect();
            let hint = if names.is_empty() {
                "none is loaded".into()
            } else {
                format!("loaded are {}", names.join(", "))
            };
            return Err(CallError::NoPlugin { plugin: plugin.to_owned(), hint });
        };
        if let Some(known) = found.function(function).cloned() {
            return Ok((found, known));
        }
        let paths: Vec<String> = found.paths().collect();
        let hint = format!("it has {}", paths.join(", "));
        Err(CallError::NoFunction { plugin: plugin.to_owned(), function: function.to_owned(), hint })
    }

    /// A permit of the plugin's own and one of the host's, within a bounded wait; none for a plugin that is not served.
    pub(crate) async fn admit(&self, plugin: &Arc<Plugin>) -> Result<Admitted, CallError> {
        let permits = self.permits(plugin).await?;
        Ok(Admitted { plugin: Arc::clone(plugin), _permits: Arc::new(permits) })
    }

    async fn permits(&self, plugin: &Plugin) -> Result<[OwnedSemaphorePermit; 2], CallError> {
        plugin.ward.check().inspect_err(|_| plugin.tally.turned_away())?;
        let mut permits = pin!(async {
            // The plugin's own first: one that takes everything waits for itself, not for the others.
            let own = Arc::clone(&plugin.admission).acquire_owned().await;
            let host = Arc::clone(&self.admission).acquire_owned().await;
            Ok::<_, tokio::sync::AcquireError>([own?, host?])
        });
        // Nearly always both are free, and no timer is needed.
        if let Some(permits) = permits.as_mut().now_or_never() {
            return permits.map_err(CallError::internal);
        }
        let began = Instant::now();
        let waited = tokio::time::timeout(Duration::from_millis(ADMISSION_WAIT_MS), permits).await;
        plugin.tally.waited(began.elapsed());
        let Ok(permits) = waited else {
            plugin.tally.overloaded();
            return Err(CallError::Overloaded { retry_after_ms: ADMISSION_WAIT_MS });
        };
        permits.map_err(CallError::internal)
    }

    /// Runs the cron taps that are due; each plugin alone.
    pub(crate) async fn cron(&self, plugin: &Arc<Plugin>, scheduled: i64) {
        let request = Arc::new(Request::new(RequestId::random(), Caller::Anonymous));
        let setting = Setting::new(request, Kind::Action, &plugin.limits);
        match tap::cron(self, plugin, &setting, scheduled).await {
            // That it is not served was told when it began, and not at each of its times.
            Ok(()) | Err(CallError::Quarantined { .. } | CallError::Disabled { .. }) => {}
            Err(error) => tracing::error!(plugin = plugin.name.as_str(), %error, "a cron tap failed"),
        }
    }
}

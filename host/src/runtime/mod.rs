//! What all requests of a host share: stores, loaded plugins, database, permits, lanes, supervision and metrics.
//!
//! It finds functions and admits invocations. It does not load plugins (`program/load.rs`) and does not run them
//! (`invocation/`). The loaded plugins are in `registry.rs`. Tests: `tests/calls.rs`, `tests/load/`.

mod places;
mod registry;

pub(crate) use places::Places;
pub(crate) use registry::{Current, Registry, Unloaded};

use crate::engine::lane::Lanes;
use crate::error::CallError;
use crate::memory::HostMemory;
use crate::metrics::Metrics;
use crate::program::{Function, Program};
use crate::request::record::CallRecorder;
use crate::supervision::Supervision;
use futures_util::FutureExt;
use palisade_guard::limits::ADMISSION_WAIT_MS;
use palisade_store::Backends;
use palisade_store::postgres::Database;
use std::pin::pin;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::OwnedSemaphorePermit;

/// A program with the permits to run once. The permits are returned when the last clone is dropped.
#[derive(Clone)]
pub(crate) struct Admitted {
    pub(crate) program: Arc<Program>,
    permits: Arc<[OwnedSemaphorePermit; 2]>,
}

impl Admitted {
    /// Lends the permits of an invocation that waits to another one. It waits for nothing: an invocation that holds permits while it
    /// waits for others could wait for one that waits for its own. Each permit has at most two invocations, of which one runs.
    pub(crate) fn lend(&self, program: &Arc<Program>) -> Result<Self, CallError> {
        program.plugin.availability.check().inspect_err(|_| program.plugin.tally.turned_away())?;
        Ok(Self { program: Arc::clone(program), permits: Arc::clone(&self.permits) })
    }
}

/// What all requests of a host share.
pub(crate) struct Runtime {
    pub(crate) backends: Arc<Backends>,
    pub(crate) registry: Registry,
    pub(crate) database: Database,
    pub(crate) places: Places,
    pub(crate) memory: Arc<HostMemory>,
    pub(crate) lanes: Lanes,
    pub(crate) supervision: Arc<Supervision>,
    pub(crate) metrics: Arc<Metrics>,
    /// Who keeps calls, if anybody does.
    pub(crate) recorder: Option<Arc<dyn CallRecorder>>,
}

impl Runtime {
    /// Finds a function, or returns an error that lists the plugins or functions that exist.
    pub(crate) fn find(
        &self,
        plugin: &str,
        function: &str,
    ) -> Result<(Arc<Program>, Arc<Function>), CallError> {
        let found = self.resolve(plugin, function);
        found.inspect_err(|error| {
            tracing::debug!(
                target: "palisade::call", plugin, entered = function, outcome = "rejected", %error, "a call was rejected"
            );
        })
    }

    /// Finds a plugin, or returns an error that lists those that exist.
    pub(crate) fn program(&self, plugin: &str) -> Result<Arc<Program>, CallError> {
        self.registry.find(plugin).ok_or_else(|| {
            if self.registry.current().unloaded().iter().any(|unloaded| unloaded.name == plugin) {
                return CallError::NotLoaded { plugin: plugin.to_owned() };
            }
            let names: Vec<String> =
                self.registry.all().iter().map(|program| program.plugin.name.to_string()).collect();
            let hint = if names.is_empty() {
                "none is loaded".into()
            } else {
                format!("loaded are {}", names.join(", "))
            };
            CallError::NoPlugin { plugin: plugin.to_owned(), hint }
        })
    }

    fn resolve(&self, plugin: &str, function: &str) -> Result<(Arc<Program>, Arc<Function>), CallError> {
        let found = self.program(plugin)?;
        if let Some(known) = found.function(function).cloned() {
            return Ok((found, known));
        }
        let paths: Vec<String> = found.paths().collect();
        let hint = format!("it has {}", paths.join(", "));
        Err(CallError::NoFunction { plugin: plugin.to_owned(), function: function.to_owned(), hint })
    }

    /// Waits a bounded time for one of the plugin's permits and one of the host's. A plugin that is not served gets an error
    /// at once.
    pub(crate) async fn admit(&self, program: &Arc<Program>) -> Result<Admitted, CallError> {
        let permits = self.permits(program).await?;
        Ok(Admitted { program: Arc::clone(program), permits: Arc::new(permits) })
    }

    async fn permits(&self, program: &Program) -> Result<[OwnedSemaphorePermit; 2], CallError> {
        let plugin = &program.plugin;
        plugin.availability.check().inspect_err(|_| plugin.tally.turned_away())?;
        // The plugin's permit comes first: a busy plugin waits for its own invocations and takes no permit from other plugins.
        let own = Arc::clone(&program.admission).try_acquire_owned().ok();
        // Both are nearly always free.
        match (own.is_some().then(|| self.places.free()).flatten(), own) {
            (Some(host), Some(own)) => Ok([own, host]),
            // On the heap, so that the future of each call is not larger for the sake of a few.
            (_, own) => Box::pin(self.wait(program, own)).await,
        }
    }

    /// Waits for a permit of the host's, and for one of the plugin's unless there is one.
    async fn wait(
        &self,
        program: &Program,
        own: Option<OwnedSemaphorePermit>,
    ) -> Result<[OwnedSemaphorePermit; 2], CallError> {
        let plugin = &program.plugin;
        let mut permits = pin!(async {
            let own = match own {
                Some(own) => own,
                None => Arc::clone(&program.admission).acquire_owned().await?,
            };
            Ok::<_, tokio::sync::AcquireError>([own, self.places.take(&program.admission).await?])
        });
        // One of the reserved places may be free, and then no timer is needed.
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
}

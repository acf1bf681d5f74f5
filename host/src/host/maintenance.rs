//! The host's background work: it closes idle connections and runs cron taps when they are due.

use crate::calls::tap;
use crate::error::CallError;
use crate::program::Program;
use crate::request::Request;
use crate::request::setting::Setting;
use crate::runtime::Runtime;
use palisade_guard::caller::Caller;
use palisade_guard::clock::Clock;
use palisade_guard::kind::Kind;
use palisade_guard::limits::MAINTENANCE_S;
use palisade_guard::request_context::RequestId;
use std::collections::HashMap;
use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// Runs until the host is dropped. No cron tap starts after `stopping` is cancelled; those that run are tracked in `crons`.
pub(super) async fn run(runtime: Weak<Runtime>, stopping: CancellationToken, crons: TaskTracker) {
    let mut due: HashMap<String, Instant> = HashMap::new();
    let mut running: HashMap<String, JoinHandle<()>> = HashMap::new();
    let mut tick = tokio::time::interval(Duration::from_secs(MAINTENANCE_S));
    tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        tick.tick().await;
        let Some(runtime) = runtime.upgrade() else { return };
        runtime.database.reap();
        runtime.supervision.report_repeats(false);
        let programs = runtime.registry.all();
        // Forget unloaded plugins: one that is loaded again waits a whole interval for its first run.
        due.retain(|name, _| programs.iter().any(|program| program.plugin.name.as_str() == name));
        for program in programs {
            program.plugin.reap();
            let Some(cron) = program.taps.cron else { continue };
            let now = Instant::now();
            let name = program.plugin.name.to_string();
            let next = due.entry(name.clone()).or_insert_with(|| now + cron.every);
            // At most one run at a time: a run that outlasts its interval delays the next.
            let is_running = running.get(&name).is_some_and(|run| !run.is_finished());
            if *next <= now && !is_running && !stopping.is_cancelled() {
                *next = now + cron.every;
                let scheduled = Clock::running().now();
                // A task for each plugin, so that a slow cron tap delays no other plugin's.
                let runtime = Arc::clone(&runtime);
                let run = crons.spawn(async move { _ = self::cron(&runtime, &program, scheduled).await });
                running.insert(name, run);
            }
        }
    }
}

/// Runs one plugin's cron tap, and reports a failure.
pub(super) async fn cron(
    runtime: &Arc<Runtime>,
    program: &Arc<Program>,
    scheduled: i64,
) -> Result<(), CallError> {
    let request = Arc::new(Request::new(RequestId::random(), Caller::Anonymous));
    let setting = Setting::new(request, Kind::Action, &program.plugin.limits);
    let ran = tap::cron(runtime, program, &setting, scheduled).await;
    match &ran {
        // Already reported when the plugin was quarantined or disabled.
        Ok(()) | Err(CallError::Quarantined { .. } | CallError::Disabled { .. }) => {}
        Err(error) => {
            let (plugin, request) = (&*program.plugin.availability, &setting.request.id);
            plugin.report("a cron tap failed", || {
                let name = program.plugin.name.as_str();
                tracing::error!(plugin = name, request = request.as_str(), %error, "a cron tap failed");
            });
            runtime.supervision.report_failure(Some(plugin), "tap-cron", Some(request), error);
        }
    }
    ran
}

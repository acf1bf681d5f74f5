//! What a host does while nobody calls: closes idle connections, and runs cron taps when they are due.

use crate::core::Core;
use crate::limits::MAINTENANCE_S;
use std::collections::HashMap;
use std::sync::Weak;
use std::time::{Duration, Instant};
use tokio::task::JoinHandle;

/// Runs until the host is gone.
pub(crate) async fn run(core: Weak<Core>) {
    let mut due: HashMap<String, Instant> = HashMap::new();
    let mut running: HashMap<String, JoinHandle<()>> = HashMap::new();
    let mut tick = tokio::time::interval(Duration::from_secs(MAINTENANCE_S));
    tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        tick.tick().await;
        let Some(core) = core.upgrade() else { return };
        core.database.reap();
        for plugin in core.registry.all() {
            plugin.reap();
            let Some(cron) = plugin.taps.cron else { continue };
            let now = Instant::now();
            let next = due.entry(plugin.name.to_string()).or_insert_with(|| now + cron.every);
            // A run that takes longer than its interval is not joined by another.
            let is_running = running.get(plugin.name.as_str()).is_some_and(|run| !run.is_finished());
            if *next <= now && !is_running {
                *next = now + cron.every;
                let core = std::sync::Arc::clone(&core);
                let scheduled = crate::guard::clock::Clock::running().now();
                // Each alone: a slow one holds up nobody, and its own next run comes at its time.
                let name = plugin.name.to_string();
                running.insert(name, tokio::spawn(async move { core.cron(&plugin, scheduled).await }));
            }
        }
    }
}

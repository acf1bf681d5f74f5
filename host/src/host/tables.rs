//! Looks for installations by other hosts, once a second: a migration may have changed the tables of a plugin that this host
//! serves. A statement finds changes of types by itself, and this finds the others: a new label of an enum, a column that may
//! be null from now on.

use crate::runtime::Runtime;
use palisade_guard::limits::TABLES_POLL_MS;
use palisade_store::error::InstallError;
use std::sync::Weak;
use std::time::Duration;
use tokio::time::MissedTickBehavior;

/// Runs until the host is dropped.
pub(super) async fn follow(runtime: Weak<Runtime>) {
    let mut tick = tokio::time::interval(Duration::from_millis(TABLES_POLL_MS));
    tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tick.tick().await;
        let Some(runtime) = runtime.upgrade() else { return };
        // While the database is away, nothing can have been installed through it.
        let Ok(stamps) = runtime.database.installations().await else { continue };
        for program in runtime.registry.all() {
            let plugin = &program.plugin;
            if !plugin.tables.is_installed_anew(&stamps) {
                continue;
            }
            match plugin.tables.read_again(&plugin.tables.catalogue()).await {
                Ok(_) => plugin.availability.fit(),
                Err(InstallError::Migration { sentence, .. }) => plugin.availability.outlive(sentence),
                Err(error) => {
                    plugin.tables.look_again();
                    tracing::warn!(plugin = plugin.name.as_str(), %error, "another host has installed the plugin");
                }
            }
        }
    }
}

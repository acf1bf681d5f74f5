//! Which plugins an operator has disabled: the table `palisade.switches`.

use super::Database;
use palisade_guard::name::PluginName;
use palisade_guard::refusal::Refusal;
use std::time::SystemTime;
use tokio_postgres::types::Type;

/// The last switch that an operator set for a plugin.
#[derive(Debug)]
pub struct Switch {
    pub plugin: String,
    /// Grows with each change.
    pub revision: i64,
    /// Why and since when it is disabled, if it is.
    pub off: Option<(String, SystemTime)>,
}

impl Database {
    /// Every switch that was ever set.
    pub async fn switches(&self) -> Result<Vec<Switch>, Refusal> {
        let text = "SELECT plugin, revision, reason, changed_at FROM palisade.switches";
        let rows = self.watch.ask(text, &[], &[]).await?;
        rows.iter()
            .map(|row| {
                let reason: Option<String> = row.try_get(2).map_err(Refusal::internal)?;
                let since: SystemTime = row.try_get(3).map_err(Refusal::internal)?;
                Ok(Switch {
                    plugin: row.try_get(0).map_err(Refusal::internal)?,
                    revision: row.try_get(1).map_err(Refusal::internal)?,
                    off: reason.map(|reason| (reason, since)),
                })
            })
            .collect()
    }

    /// Disables a plugin for this reason, or enables it if there is none. Returns the revision of the change, or none
    /// if no such plugin was ever installed.
    pub async fn set_switch(
        &self,
        plugin: &PluginName,
        reason: Option<&str>,
    ) -> Result<Option<i64>, Refusal> {
        let text = "INSERT INTO palisade.switches AS s (plugin, reason, revision) \
            SELECT name, $2, 1 FROM palisade.plugins WHERE name = $1 \
            ON CONFLICT (plugin) DO UPDATE SET reason = excluded.reason, revision = s.revision + 1, changed_at = now() \
            RETURNING revision";
        let rows = self.watch.ask(text, &[Type::TEXT, Type::TEXT], &[&plugin.as_str(), &reason]).await?;
        rows.first().map(|row| row.try_get(0).map_err(Refusal::internal)).transpose()
    }
}

//! Audit entries of loading: plugins that were refused, and powers that a manifest asks for and the policy does not grant.

use crate::audit::{Audit, Event};
use crate::error::LoadError;
use palisade_guard::grant::Grants;
use palisade_guard::name::PluginName;
use serde_json::Value;

/// Records that a plugin was refused. A failed database, engine or compiler refuses no plugin and is not recorded; of several
/// errors each is recorded by itself.
pub fn refused(audit: &Audit, error: &LoadError) {
    let (event, plugin) = match error {
        LoadError::Database { .. }
        | LoadError::Engine(_)
        | LoadError::Compiler(_)
        | LoadError::Several(_) => return,
        LoadError::Breach { plugin, .. } => (Event::CanaryFell, Some(plugin)),
        LoadError::Component { plugin, .. }
        | LoadError::Migration { plugin, .. }
        | LoadError::Downgrade { plugin, .. } => (Event::RefusedLoad, Some(plugin)),
        LoadError::File { .. } | LoadError::Manifest(_) => (Event::RefusedLoad, None),
    };
    let plugin = plugin.and_then(|name| PluginName::parse(name).ok());
    audit.note(event, plugin.as_ref(), error.to_string());
}

/// Records what the manifest asks for and the policy does not grant.
pub fn denied(audit: &Audit, plugin: &PluginName, requested: &Grants, granted: &Grants) {
    let missing = missing(requested, granted);
    if !missing.is_empty() {
        let what = format!("the policy gives less than it asks for: {}", missing.join(", "));
        audit.note(Event::DeniedGrant, Some(plugin), what);
    }
}

/// The names of the powers that differ. They are keys of `[grants]`, never a plugin's text.
fn missing(requested: &Grants, granted: &Grants) -> Vec<String> {
    let fields = |grants: &Grants| match serde_json::to_value(grants) {
        Ok(Value::Object(fields)) => fields,
        _ => serde_json::Map::new(),
    };
    let granted = fields(granted);
    fields(requested)
        .into_iter()
        .filter(|(name, requested)| granted.get(name) != Some(requested))
        .map(|(name, _)| name)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn power_that_is_not_granted_in_full_is_missing_and_a_granted_one_is_not() {
        let grants = |text: &str| toml::from_str::<Grants>(text).unwrap();
        let requested =
            grants("user = [\"get\", \"has-permission\"]\nvariables = [\"write\"]\ndb = { query = true }");
        let granted = grants("user = [\"get\"]\nvariables = [\"write\"]");
        assert_eq!(missing(&requested, &granted), ["db", "user"]);
        assert!(missing(&requested, &requested).is_empty());
    }
}

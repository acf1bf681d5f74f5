//! What loading tells the audit log: plugins that were refused, and powers that they asked for in vain.

use crate::audit::{Audit, Event};
use crate::error::LoadError;
use palisade_guard::grant::Grants;
use palisade_guard::name::PluginName;
use serde_json::Value;

/// A plugin that is not loaded. A database or a compiler that is away refuses nobody.
pub fn refused(audit: &Audit, error: &LoadError) {
    let (event, plugin) = match error {
        LoadError::Database { .. } | LoadError::Engine(_) | LoadError::Compiler(_) => return,
        LoadError::Breach { plugin, .. } => (Event::CanaryFell, Some(plugin)),
        LoadError::Component { plugin, .. } | LoadError::Migration { plugin, .. } => {
            (Event::RefusedLoad, Some(plugin))
        }
        LoadError::File { .. } | LoadError::Manifest(_) => (Event::RefusedLoad, None),
    };
    let plugin = plugin.and_then(|name| PluginName::parse(name).ok());
    audit.note(event, plugin.as_ref(), error.to_string());
}

/// What a manifest asks for and the policy does not give.
pub fn denied(audit: &Audit, plugin: &PluginName, asked: &Grants, granted: &Grants) {
    let missing = missing(asked, granted);
    if !missing.is_empty() {
        let what = format!("the policy gives less than it asks for: {}", missing.join(", "));
        audit.note(Event::DeniedGrant, Some(plugin), what);
    }
}

/// The names of the powers that differ; none of them is a plugin's text.
fn missing(asked: &Grants, granted: &Grants) -> Vec<String> {
    let fields = |grants: &Grants| match serde_json::to_value(grants) {
        Ok(Value::Object(fields)) => fields,
        _ => serde_json::Map::new(),
    };
    let granted = fields(granted);
    fields(asked)
        .into_iter()
        .filter(|(name, asked)| granted.get(name) != Some(asked))
        .map(|(name, _)| name)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn power_that_is_not_given_in_full_is_named_and_one_that_is_given_is_not() {
        let grants = |text: &str| toml::from_str::<Grants>(text).unwrap();
        let asked =
            grants("user = [\"get\", \"has-permission\"]\nvariables = [\"write\"]\ndb = { query = true }");
        let granted = grants("user = [\"get\"]\nvariables = [\"write\"]");
        assert_eq!(missing(&asked, &granted), ["db", "user"]);
        assert!(missing(&asked, &asked).is_empty());
    }
}

//! The files that an operator writes: `policy.toml`, what each plugin may have, and `secrets.toml`, headers that plugins
//! only name.
//!
//! Both have a table for each plugin. Grants and limits have the same form as in a manifest. How a host finds the
//! files, and who may write to them, is in `host/cli/src/policy.rs` and `host/cli/src/secrets.rs`.

use crate::grant::{Grants, Policy};
use crate::limits::{Limit, Limits};
use crate::manifest;
use serde::Deserialize;

#[cfg(test)]
use crate::tests::reference;

/// What one plugin may have: a table of `policy.toml`.
#[derive(Clone, Debug, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields, expecting = "a table such as { grants = {} }")]
pub struct PolicyTable {
    /// The powers that the plugin gets, as far as its manifest requests them. Without this key it gets none.
    #[serde(default)]
    pub grants: Grants,
    /// Maxima of the plugin's limits, in the place of the host's own. The manifest can lower them.
    #[serde(default = "Limits::unlimited", deserialize_with = "manifest::limits")]
    #[cfg_attr(test, schemars(schema_with = "reference::limits"))]
    pub limits: Limits,
    /// Whether the component may import `wasi:*`. With `false`, a component that does is refused.
    #[serde(default = "allowed")]
    #[cfg_attr(test, schemars(example = false))]
    pub wasi: bool,
    /// Whether the component may compute with floats. With `false`, a component that does is refused.
    #[serde(default = "allowed")]
    #[cfg_attr(test, schemars(example = false))]
    pub floats: bool,
}

/// A header that the host adds to a plugin's requests: an entry of `secrets.toml`. It has no `Debug`, which would show
/// the value.
#[derive(Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields, expecting = "a table with header and value")]
pub struct SecretEntry {
    /// The header's name. A header that belongs to the connection, such as `host`, is refused.
    #[cfg_attr(test, schemars(schema_with = "reference::header"))]
    pub header: String,
    /// The header's value: visible characters and spaces.
    #[cfg_attr(test, schemars(schema_with = "reference::header_value"))]
    pub value: String,
}

impl PolicyTable {
    /// The policy that the table writes.
    pub fn policy(&self) -> Policy {
        let mut policy = Policy::only(self.grants.clone()).limits(or_default(&self.limits));
        if !self.wasi {
            policy = policy.without_wasi();
        }
        if !self.floats {
            policy = policy.without_floats();
        }
        policy
    }
}

/// The default for WASI and floats.
fn allowed() -> bool {
    true
}

/// The named limits, and the defaults for the rest: a policy changes only the limits that it names.
fn or_default(named: &Limits) -> Limits {
    let mut limits = Limits::default();
    for &limit in Limit::ALL {
        let max = named.get(limit);
        if max != Limits::unlimited().get(limit) {
            limits.set(limit, max);
        }
    }
    limits
}

//! Grants: a manifest requests powers, an operator's policy allows powers, and a plugin is granted those in both.
//!
//! A policy can only narrow what a manifest requests. Manifests and policies have the same form, so an operator can
//! write a policy by copying the `[grants]` of a manifest and deleting lines.

mod columns;
pub mod cover;
pub(crate) mod form;
mod route;
mod table;

pub use columns::ColumnSet;
pub use route::RouteGrant;
pub use table::{TableGrant, TableOperation};

use crate::db::extension::Extension;
use crate::limits::Limits;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

#[cfg(test)]
use crate::tests::reference;

/// A set of powers.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(
    deny_unknown_fields,
    rename_all = "kebab-case",
    expecting = "a table of grants such as { user = [\"get\"] }"
)]
pub struct Grants {
    /// Powers over the plugin's own tables.
    #[serde(default)]
    pub db: DbGrant,
    /// Powers over content items.
    #[serde(default)]
    pub item: ItemGrant,
    /// Functions of `user` beyond `current`.
    #[serde(default)]
    #[cfg_attr(test, schemars(extend("examples" = [["get", "has-permission"]])))]
    pub user: BTreeSet<UserPower>,
    /// Powers over the plugin's variables, beyond reading them.
    #[serde(default)]
    #[cfg_attr(test, schemars(extend("examples" = [["write"]])))]
    pub variables: BTreeSet<VariablePower>,
    /// The HTTP servers that the plugin may send requests to.
    #[serde(default)]
    pub http: Vec<HttpGrant>,
    /// The requests below `/hooks/PLUGIN` that the plugin's handler `routes` gets.
    #[serde(default, deserialize_with = "route::routes", skip_serializing_if = "Vec::is_empty")]
    pub routes: Vec<RouteGrant>,
    /// Taps, such as `item-view`, that a policy allows. A manifest requests them in its `[taps]`.
    #[serde(default)]
    #[cfg_attr(test, schemars(extend("examples" = [["item-view"]])))]
    pub taps: BTreeSet<String>,
}

/// Powers over the plugin's own tables.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields, expecting = "a table such as { query = true }")]
pub struct DbGrant {
    /// Operations on each table, on all of its columns or on the named ones. A migration makes the table.
    #[serde(default)]
    #[cfg_attr(test, schemars(schema_with = "reference::tables"))]
    pub tables: BTreeMap<String, TableGrant>,
    /// Whether the plugin may read with SQL text, `db.query`, the tables that it may select from.
    #[serde(default)]
    #[cfg_attr(test, schemars(example = true))]
    pub query: bool,
    /// Whether the plugin may write with SQL text, `db-write.execute`, the tables that it may write to.
    #[serde(default)]
    #[cfg_attr(test, schemars(example = true))]
    pub execute: bool,
    /// Extensions of PostgreSQL that SQL text and migrations may use, by name: `["pg_trgm", "vector"]`. Each means the functions,
    /// operators, types and operator classes in the list of `docs/sql.md`, all of them and nothing else of the extension. The
    /// operator installs it: `CREATE EXTENSION pg_trgm SCHEMA extensions`.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    #[cfg_attr(test, schemars(example = ("pg_trgm",)))]
    pub extensions: BTreeSet<Extension>,
}

/// Powers over content items.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields, expecting = "a table such as { types = { post = [\"read\"] } }")]
pub struct ItemGrant {
    /// Powers over the items of each type.
    #[serde(default)]
    #[cfg_attr(test, schemars(schema_with = "reference::item_types"))]
    pub types: BTreeMap<String, BTreeSet<ItemPower>>,
}

/// What a plugin may do with the items of a type.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum ItemPower {
    /// Read items, with the interface `item`.
    Read,
    /// Insert, change and delete items, with the interface `item-write`.
    Write,
}

/// A function of the interface `user` that needs a grant.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum UserPower {
    /// Look users up by their ids, with `user.get`.
    Get,
    /// Ask for the caller's permissions, with `user.has-permission`.
    HasPermission,
}

/// A power over variables.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum VariablePower {
    /// Change variables, with the interface `variables-write`.
    Write,
}

/// One entry of the allow-list of URLs. [`crate::http`] parses it into an allowance.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields, expecting = "a table such as { url = \"https://api.example.com/v1/\" }")]
pub struct HttpGrant {
    /// A URL whose scheme, host and port are allowed, with every path at or below its own. It has no query and no fragment,
    /// and its host is one exact name.
    #[serde(deserialize_with = "crate::http::grant_url")]
    #[cfg_attr(test, schemars(example = &"https://api.example.com/v1/"))]
    pub url: String,
    /// The allowed methods; GET and HEAD if the list is empty.
    #[serde(default)]
    #[cfg_attr(test, schemars(schema_with = "reference::methods"))]
    pub methods: Vec<String>,
    /// The name of a secret that requests to the URL may carry. An operator writes it in `secrets.toml`. It needs `https`.
    #[serde(default)]
    #[cfg_attr(test, schemars(schema_with = "reference::secret"))]
    pub secret: Option<String>,
}

/// What an operator allows a plugin.
#[derive(Clone, Debug)]
pub struct Policy {
    allowed: Allowed,
    /// The maxima of the plugin's limits.
    pub limits: Limits,
    /// Whether the component may import `wasi:*`.
    pub wasi: bool,
    /// Whether the component may compute with floats.
    pub floats: bool,
}

#[derive(Clone, Debug)]
enum Allowed {
    /// Everything that the manifest requests.
    Requested,
    /// What the manifest requests, as far as these grants contain it.
    Only(Grants),
}

impl Policy {
    /// Allows only what needs no grant: logging, clock, random, request-context, the plugin's own cache, reading the
    /// plugin's own variables, and knowing the caller.
    pub fn harmless() -> Self {
        Self::only(Grants::default())
    }

    /// Allows everything that the manifest requests: for a plugin whose manifest the operator has reviewed.
    pub fn as_asked() -> Self {
        Self { allowed: Allowed::Requested, limits: Limits::default(), wasi: true, floats: true }
    }

    /// Allows what the manifest requests, as far as these grants contain it.
    pub fn only(grants: Grants) -> Self {
        Self { allowed: Allowed::Only(grants), ..Self::as_asked() }
    }

    /// Replaces the limits. The host and the manifest can lower them further, and neither can raise any.
    pub fn limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }

    /// Refuses a component that imports anything from `wasi:*`. Without this setting the host provides `wasi:*` in a
    /// form that reaches nothing; with it, a plugin can import only the contract.
    pub fn without_wasi(mut self) -> Self {
        self.wasi = false;
        self
    }

    /// Refuses a component with a float in its code or in the types of its exports. This is hard on authors: they must
    /// use a `numeric` of `db` or an integer instead, and components from interpreted languages always contain floats.
    pub fn without_floats(mut self) -> Self {
        self.floats = false;
        self
    }

    /// Whether the policy allows a tap. A tap sees and shapes content that is not the plugin's own, so it is a power.
    pub fn allows_tap(&self, tap: &str) -> bool {
        match &self.allowed {
            Allowed::Requested => true,
            Allowed::Only(grants) => grants.taps.contains(tap),
        }
    }

    /// The part of a manifest's request that the policy allows.
    pub fn grant(&self, requested: &Grants) -> Grants {
        match &self.allowed {
            Allowed::Requested => requested.clone(),
            Allowed::Only(allowed) => requested.within(allowed),
        }
    }
}

impl Grants {
    /// The part of these grants that the allowed ones contain too.
    pub fn within(&self, allowed: &Self) -> Self {
        Self {
            db: DbGrant {
                tables: self.db.tables_within(&allowed.db),
                query: self.db.query && allowed.db.query,
                execute: self.db.execute && allowed.db.execute,
                extensions: self.db.extensions.intersection(&allowed.db.extensions).copied().collect(),
            },
            item: ItemGrant { types: shared(&self.item.types, &allowed.item.types) },
            user: self.user.intersection(&allowed.user).copied().collect(),
            variables: self.variables.intersection(&allowed.variables).copied().collect(),
            taps: self.taps.intersection(&allowed.taps).cloned().collect(),
            routes: route::within(&self.routes, &allowed.routes),
            http: self.http.iter().filter(|entry| allowed.http.contains(entry)).cloned().collect(),
        }
    }
}

impl DbGrant {
    fn tables_within(&self, allowed: &Self) -> BTreeMap<String, TableGrant> {
        let both = self.tables.iter().filter_map(|(name, requested)| {
            let common = requested.within(allowed.tables.get(name)?)?;
            Some((name.clone(), common))
        });
        both.collect()
    }
}

fn shared<P: Copy + Ord>(
    requested: &BTreeMap<String, BTreeSet<P>>,
    allowed: &BTreeMap<String, BTreeSet<P>>,
) -> BTreeMap<String, BTreeSet<P>> {
    let both = requested.iter().filter_map(|(name, powers)| {
        let common: BTreeSet<P> = powers.intersection(allowed.get(name)?).copied().collect();
        (!common.is_empty()).then(|| (name.clone(), common))
    });
    both.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn grants(text: &str) -> Grants {
        toml::from_str(text).unwrap()
    }

    #[test]
    fn request_beyond_the_policy_is_reduced_to_what_both_contain() {
        let requested = grants(
            "db = { tables = { a = [\"select\", \"delete\"], b = [\"select\"] }, query = true, execute = true, extensions = [\"vector\", \"pg_trgm\"] }\n\
             user = [\"get\", \"has-permission\"]\nvariables = [\"write\"]\n\
             item = { types = { post = [\"read\", \"write\"] } }\nhttp = [{ url = \"https://a.example/\" }]",
        );
        let allowed = grants(
            "db = { tables = { a = [\"select\", \"insert\"] }, query = true, extensions = [\"pg_trgm\"] }\nuser = [\"get\"]\n\
             item = { types = { post = [\"read\"], page = [\"read\"] } }",
        );
        let expected = grants(
            "db = { tables = { a = [\"select\"] }, query = true, extensions = [\"pg_trgm\"] }\nuser = [\"get\"]\nitem = { types = { post = [\"read\"] } }",
        );
        assert_eq!(Policy::only(allowed).grant(&requested), expected);
        assert_eq!(Policy::harmless().grant(&requested), Grants::default());
        assert_eq!(Policy::as_asked().grant(&requested), requested);
    }
}

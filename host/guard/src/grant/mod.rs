//! Powers: what a manifest asks for, what an operator allows, and what is granted: the part they share.
//!
//! A grant is only ever narrowed. The same shape serves both sides, so a policy can be written by copying the
//! `[grants]` of a manifest and striking out lines.

mod columns;
mod form;
mod table;

pub use columns::ColumnSet;
pub use table::{TableGrant, TableOperation};

use crate::limits::Limits;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// A set of powers.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Grants {
    /// The plugin's own tables.
    #[serde(default)]
    pub db: DbGrant,
    /// Content items.
    #[serde(default)]
    pub item: ItemGrant,
    /// Functions of `user` beyond `current`.
    #[serde(default)]
    pub user: BTreeSet<UserPower>,
    /// Changing the plugin's variables.
    #[serde(default)]
    pub variables: BTreeSet<VariablePower>,
    /// Servers outside.
    #[serde(default)]
    pub http: Vec<HttpGrant>,
    /// Taps, such as `item-view`, that a policy allows. A manifest asks for them in its `[taps]`.
    #[serde(default)]
    pub taps: BTreeSet<String>,
}

/// Powers over the plugin's own tables.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DbGrant {
    /// Operations on each table, on all its columns or on those that are named.
    #[serde(default)]
    pub tables: BTreeMap<String, TableGrant>,
    /// SQL text that reads.
    #[serde(default)]
    pub query: bool,
    /// SQL text that writes.
    #[serde(default)]
    pub execute: bool,
}

/// Powers over content items.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ItemGrant {
    /// Powers over each type.
    #[serde(default)]
    pub types: BTreeMap<String, BTreeSet<ItemPower>>,
}

/// What may be done with items of a type.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ItemPower {
    /// `item`.
    Read,
    /// `item-write`.
    Write,
}

/// Functions of `user`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum UserPower {
    /// `user.get`.
    Get,
    /// `user.has-permission`.
    HasPermission,
}

/// Powers over variables.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum VariablePower {
    /// `variables-write`.
    Write,
}

/// One entry of an allow-list; parsed into an allowance by [`crate::http`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HttpGrant {
    /// Scheme, host, port and the beginning of the path.
    pub url: String,
    /// Methods; GET and HEAD unless given.
    #[serde(default)]
    pub methods: Vec<String>,
    /// A secret that may be sent there.
    #[serde(default)]
    pub secret: Option<String>,
}

/// What an operator lets a plugin have.
#[derive(Clone, Debug)]
pub struct Policy {
    allowed: Allowed,
    pub limits: Limits,
    /// Whether a component may import `wasi:*`.
    pub wasi: bool,
    /// Whether a component may compute with floats.
    pub floats: bool,
}

#[derive(Clone, Debug)]
enum Allowed {
    Asked,
    Only(Grants),
}

impl Policy {
    /// Only what needs no grant: logging, clock, random, request-context, the plugin's own cache, reading its own
    /// variables, and knowing who calls.
    pub fn harmless() -> Self {
        Self::only(Grants::default())
    }

    /// What the manifest asks for, whatever it is: for plugins whose manifest somebody has read.
    pub fn as_asked() -> Self {
        Self { allowed: Allowed::Asked, limits: Limits::default(), wasi: true, floats: true }
    }

    /// What the manifest asks for, as far as these grants go.
    pub fn only(grants: Grants) -> Self {
        Self { allowed: Allowed::Only(grants), ..Self::as_asked() }
    }

    /// Replaces the limits. The host and the manifest can lower them further, and neither can raise one.
    pub fn limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }

    /// Refuses a component that imports anything of `wasi:*`, which otherwise is there and leads nowhere: for those who want
    /// the contract to be all that a plugin can name.
    pub fn without_wasi(mut self) -> Self {
        self.wasi = false;
        self
    }

    /// Refuses a component with a float in its code or in the types of its exports. Whoever asks for it asks much of an
    /// author: a `numeric` of `db` or an integer takes the place of a float, and languages that are interpreted cannot do without.
    pub fn without_floats(mut self) -> Self {
        self.floats = false;
        self
    }

    /// Whether a plugin may have a tap. Taps see and shape what is not theirs, so they are powers like any other.
    pub fn allows_tap(&self, tap: &str) -> bool {
        match &self.allowed {
            Allowed::Asked => true,
            Allowed::Only(grants) => grants.taps.contains(tap),
        }
    }

    /// What a manifest that asks for this gets.
    pub fn grant(&self, asked: &Grants) -> Grants {
        match &self.allowed {
            Allowed::Asked => asked.clone(),
            Allowed::Only(allowed) => asked.within(allowed),
        }
    }
}

impl Grants {
    /// The part of these grants that the others have, too.
    pub fn within(&self, allowed: &Self) -> Self {
        Self {
            db: DbGrant {
                tables: self.db.tables_within(&allowed.db),
                query: self.db.query && allowed.db.query,
                execute: self.db.execute && allowed.db.execute,
            },
            item: ItemGrant { types: shared(&self.item.types, &allowed.item.types) },
            user: self.user.intersection(&allowed.user).copied().collect(),
            variables: self.variables.intersection(&allowed.variables).copied().collect(),
            taps: self.taps.intersection(&allowed.taps).cloned().collect(),
            http: self.http.iter().filter(|entry| allowed.http.contains(entry)).cloned().collect(),
        }
    }
}

impl DbGrant {
    fn tables_within(&self, allowed: &Self) -> BTreeMap<String, TableGrant> {
        let both = self.tables.iter().filter_map(|(name, asked)| {
            let common = asked.within(allowed.tables.get(name)?)?;
            Some((name.clone(), common))
        });
        both.collect()
    }
}

fn shared<P: Copy + Ord>(
    asked: &BTreeMap<String, BTreeSet<P>>,
    allowed: &BTreeMap<String, BTreeSet<P>>,
) -> BTreeMap<String, BTreeSet<P>> {
    let both = asked.iter().filter_map(|(name, powers)| {
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
    fn grant_beyond_the_policy_is_cut_to_what_both_have() {
        let asked = grants(
            "db = { tables = { a = [\"select\", \"delete\"], b = [\"select\"] }, query = true, execute = true }\n\
             user = [\"get\", \"has-permission\"]\nvariables = [\"write\"]\n\
             item = { types = { post = [\"read\", \"write\"] } }\nhttp = [{ url = \"https://a.example/\" }]",
        );
        let allowed = grants(
            "db = { tables = { a = [\"select\", \"insert\"] }, query = true }\nuser = [\"get\"]\n\
             item = { types = { post = [\"read\"], page = [\"read\"] } }",
        );
        let expected = grants(
            "db = { tables = { a = [\"select\"] }, query = true }\nuser = [\"get\"]\nitem = { types = { post = [\"read\"] } }",
        );
        assert_eq!(Policy::only(allowed).grant(&asked), expected);
        assert_eq!(Policy::harmless().grant(&asked), Grants::default());
        assert_eq!(Policy::as_asked().grant(&asked), asked);
    }
}

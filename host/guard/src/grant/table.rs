//! Powers over one table: its operations, their columns, and the column that names the owner of a row.
//!
//! A manifest writes a list of operations, each on all columns, or a TOML table that names the columns of each
//! operation: `{ select = ["id", "title"], insert = true, delete = true, owner = "author" }`. Whether the columns exist
//! is checked when the plugin is installed, in `host/store/src/postgres/rights.rs`.

use crate::db::catalogue;
use crate::grant::columns::ColumnSet;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

/// What a plugin may do with a table.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum TableOperation {
    /// Read rows.
    Select,
    /// Add rows.
    Insert,
    /// Change rows.
    Update,
    /// Remove rows.
    Delete,
}

/// Powers over one table.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TableGrant {
    /// The columns that the plugin may read. A column that a call compares or orders by is read too.
    pub select: ColumnSet,
    /// The columns that the plugin may fill in a new row.
    pub insert: ColumnSet,
    /// The columns that the plugin may change in an existing row.
    pub update: ColumnSet,
    /// Whether the plugin may remove rows.
    pub delete: bool,
    /// The `uuid` column that says which user a row belongs to. If it is set, a call sees only its caller's rows.
    pub owner: Option<String>,
}

impl TableGrant {
    /// Whether an operation is granted on any column.
    pub fn allows(&self, operation: TableOperation) -> bool {
        match operation {
            TableOperation::Select => self.select.is_granted(),
            TableOperation::Insert => self.insert.is_granted(),
            TableOperation::Update => self.update.is_granted(),
            TableOperation::Delete => self.delete,
        }
    }

    /// Every column that the grant names, for any operation or as the owner.
    pub fn columns(&self) -> impl Iterator<Item = &String> {
        let sets = [&self.select, &self.insert, &self.update].into_iter();
        let named = sets.filter_map(|set| match set {
            ColumnSet::Some(columns) => Some(columns),
            ColumnSet::None | ColumnSet::All => None,
        });
        named.flatten().chain(&self.owner)
    }

    /// The part of these powers that the allowed ones contain too; `None` if no operation is left.
    pub(super) fn within(&self, allowed: &Self) -> Option<Self> {
        // An owner column narrows the grant, so either side may set it. Two different columns leave no row.
        let owner = match (&self.owner, &allowed.owner) {
            (Some(requested), Some(allowed)) if requested != allowed => return None,
            (requested, allowed) => requested.as_ref().or(allowed.as_ref()).cloned(),
        };
        let common = Self {
            select: both(&self.select, &allowed.select),
            insert: both(&self.insert, &allowed.insert),
            update: both(&self.update, &allowed.update),
            delete: self.delete && allowed.delete,
            owner,
        };
        OPERATIONS.iter().any(|(operation, _)| common.allows(*operation)).then_some(common)
    }

    pub(super) fn set(&self, operation: TableOperation) -> Option<&ColumnSet> {
        match operation {
            TableOperation::Select => Some(&self.select),
            TableOperation::Insert => Some(&self.insert),
            TableOperation::Update => Some(&self.update),
            TableOperation::Delete => None,
        }
    }
}

/// The operations, each with its name in manifests.
pub(super) const OPERATIONS: [(TableOperation, &str); 4] = [
    (TableOperation::Select, "select"),
    (TableOperation::Insert, "insert"),
    (TableOperation::Update, "update"),
    (TableOperation::Delete, "delete"),
];

fn both(requested: &ColumnSet, allowed: &ColumnSet) -> ColumnSet {
    match (requested, allowed) {
        (ColumnSet::None, _) | (_, ColumnSet::None) => ColumnSet::None,
        (ColumnSet::All, set) | (set, ColumnSet::All) => set.clone(),
        (ColumnSet::Some(requested), ColumnSet::Some(allowed)) => {
            let common: BTreeSet<String> = requested.intersection(allowed).cloned().collect();
            if common.is_empty() { ColumnSet::None } else { ColumnSet::Some(common) }
        }
    }
}

impl From<&TableGrant> for catalogue::Grant {
    fn from(grant: &TableGrant) -> Self {
        let TableGrant { select, insert, update, delete, owner: _ } = grant.clone();
        Self { select, insert, update, delete }
    }
}

/// A grant as a manifest writes it.
#[cfg(test)]
pub(super) fn table(text: &str) -> TableGrant {
    let grant: super::DbGrant = toml::from_str(&format!("tables = {{ t = {text} }}")).unwrap();
    grant.tables["t"].clone()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn policy_that_names_fewer_columns_grants_only_these() {
        for (requested, allowed, granted) in [
            ("{ select = true }", "{ select = [\"id\"] }", Some("{ select = [\"id\"] }")),
            ("{ select = [\"id\", \"a\"] }", "{ select = [\"id\", \"b\"] }", Some("{ select = [\"id\"] }")),
            ("{ select = [\"a\"] }", "[\"select\", \"delete\"]", Some("{ select = [\"a\"] }")),
            (
                "{ select = [\"a\"], delete = true }",
                "{ select = [\"b\"], delete = true }",
                Some("[\"delete\"]"),
            ),
            ("{ select = [\"a\"] }", "{ select = [\"b\"] }", None),
            ("{ update = true }", "[\"select\", \"insert\", \"delete\"]", None),
            (
                "[\"select\"]",
                "{ select = true, owner = \"who\" }",
                Some("{ select = true, owner = \"who\" }"),
            ),
            (
                "{ select = true, owner = \"who\" }",
                "[\"select\"]",
                Some("{ select = true, owner = \"who\" }"),
            ),
            ("{ select = true, owner = \"a\" }", "{ select = true, owner = \"b\" }", None),
        ] {
            assert_eq!(
                table(requested).within(&table(allowed)),
                granted.map(table),
                "{requested} within {allowed}"
            );
        }
    }
}

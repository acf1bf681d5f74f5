//! How manifests, policies and screens write a grant on a table.
//!
//! There are two forms: a list of operations, each on all columns, or a TOML table that names the columns of each
//! operation. [`super::table`] says what they mean.

use super::table::{OPERATIONS, TableGrant, TableOperation};
use crate::grant::columns::ColumnSet;
use serde::de::value::{MapAccessDeserializer, SeqAccessDeserializer};
use serde::de::{Error, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::collections::BTreeSet;
use std::fmt;

#[cfg(test)]
use crate::tests::reference;

/// The form for people: `select (id, title), insert, delete`, and the column that names the rows' owner.
impl fmt::Display for TableGrant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let granted = OPERATIONS.iter().filter(|(operation, _)| self.allows(*operation));
        for (index, (operation, name)) in granted.enumerate() {
            write!(f, "{}{name}", if index == 0 { "" } else { ", " })?;
            if let Some(ColumnSet::Some(columns)) = self.set(*operation) {
                write!(f, " ({})", columns.iter().map(String::as_str).collect::<Vec<_>>().join(", "))?;
            }
        }
        match &self.owner {
            Some(owner) => write!(f, "; rows belong to users, by `{owner}`"),
            None => Ok(()),
        }
    }
}

/// Powers over one table, column by column.
#[derive(Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub(crate) struct Form {
    /// The columns that the plugin may read. A column that a call compares or orders by is read too.
    #[serde(default, skip_serializing_if = "is_none")]
    #[cfg_attr(test, schemars(schema_with = "reference::columns"))]
    select: ColumnSet,
    /// The columns that the plugin may fill in a new row.
    #[serde(default, skip_serializing_if = "is_none")]
    #[cfg_attr(test, schemars(schema_with = "reference::columns"))]
    insert: ColumnSet,
    /// The columns that the plugin may change in a stored row.
    #[serde(default, skip_serializing_if = "is_none")]
    #[cfg_attr(test, schemars(schema_with = "reference::columns"))]
    update: ColumnSet,
    /// Whether the plugin may remove rows.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    #[cfg_attr(test, schemars(example = true))]
    delete: bool,
    /// The `uuid` column that says which user a row belongs to. If it is set, a call sees only its caller's rows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(test, schemars(schema_with = "reference::owner"))]
    owner: Option<String>,
}

fn is_none(set: &ColumnSet) -> bool {
    !set.is_granted()
}

impl Serialize for TableGrant {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        if self.columns().next().is_none() {
            let operations = OPERATIONS.iter().map(|(operation, _)| *operation);
            return to.collect_seq(operations.filter(|operation| self.allows(*operation)));
        }
        let Self { select, insert, update, delete, owner } = self.clone();
        Form { select, insert, update, delete, owner }.serialize(to)
    }
}

impl<'de> Deserialize<'de> for TableGrant {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct Either;
        impl<'de> Visitor<'de> for Either {
            type Value = TableGrant;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(
                    "a list such as [\"select\"], or a table such as { select = [\"id\"], delete = true }",
                )
            }

            fn visit_seq<A: SeqAccess<'de>>(self, list: A) -> Result<TableGrant, A::Error> {
                let granted = BTreeSet::<TableOperation>::deserialize(SeqAccessDeserializer::new(list))?;
                let all = |operation| {
                    if granted.contains(&operation) { ColumnSet::All } else { ColumnSet::None }
                };
                Ok(TableGrant {
                    select: all(TableOperation::Select),
                    insert: all(TableOperation::Insert),
                    update: all(TableOperation::Update),
                    delete: granted.contains(&TableOperation::Delete),
                    owner: None,
                })
            }

            fn visit_map<A: MapAccess<'de>>(self, table: A) -> Result<TableGrant, A::Error> {
                let Form { select, insert, update, delete, owner } =
                    Form::deserialize(MapAccessDeserializer::new(table))?;
                Ok(TableGrant { select, insert, update, delete, owner })
            }
        }
        from.deserialize_any(Either)
    }
}

impl Serialize for ColumnSet {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::None => to.serialize_bool(false),
            Self::All => to.serialize_bool(true),
            Self::Some(columns) => columns.serialize(to),
        }
    }
}

impl<'de> Deserialize<'de> for ColumnSet {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct Either;
        impl<'de> Visitor<'de> for Either {
            type Value = ColumnSet;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("true for all columns, or a list of columns")
            }

            fn visit_bool<E: Error>(self, all: bool) -> Result<ColumnSet, E> {
                Ok(if all { ColumnSet::All } else { ColumnSet::None })
            }

            fn visit_seq<A: SeqAccess<'de>>(self, list: A) -> Result<ColumnSet, A::Error> {
                let columns = BTreeSet::<String>::deserialize(SeqAccessDeserializer::new(list))?;
                if columns.is_empty() {
                    return Err(A::Error::custom(
                        "a list of columns names at least one: leave the operation out",
                    ));
                }
                Ok(ColumnSet::Some(columns))
            }
        }
        from.deserialize_any(Either)
    }
}

#[cfg(test)]
mod tests {
    use crate::grant::table::table;
    use crate::grant::{DbGrant, Grants, Policy};

    fn refusal(text: &str) -> String {
        toml::from_str::<DbGrant>(&format!("tables = {{ t = {text} }}")).unwrap_err().message().to_owned()
    }

    #[test]
    fn malformed_table_grant_is_rejected_with_a_sentence() {
        for (text, expected) in [
            ("[\"drop\"]", "unknown variant `drop`"),
            ("{ drop = true }", "unknown field `drop`"),
            ("{ select = [] }", "names at least one"),
            ("{ select = \"id\" }", "true for all columns, or a list of columns"),
            ("{ select = [1] }", "expected a string"),
            ("{ delete = [\"id\"] }", "expected a boolean"),
            ("{ owner = true }", "expected a string"),
            ("true", "a list such as"),
        ] {
            let refusal = refusal(text);
            assert!(refusal.contains(expected), "{text}: {refusal}");
        }
    }

    #[test]
    fn serialized_table_grant_parses_to_the_same_grant() {
        for text in [
            "[\"select\", \"delete\"]",
            "{ select = [\"id\", \"title\"], insert = true, delete = true, owner = \"author\" }",
        ] {
            let grants = Grants {
                db: DbGrant { tables: [("t".into(), table(text))].into(), ..DbGrant::default() },
                ..Grants::default()
            };
            let again: Grants = serde_json::from_value(serde_json::to_value(&grants).unwrap()).unwrap();
            assert_eq!(again, grants, "{text}");
            assert_eq!(Policy::as_asked().grant(&again), grants);
        }
    }

    #[test]
    fn table_grant_is_displayed_as_a_sentence() {
        let whole = "{ select = [\"id\", \"title\"], insert = true, delete = true, owner = \"author\" }";
        assert_eq!(
            table(whole).to_string(),
            "select (id, title), insert, delete; rows belong to users, by `author`"
        );
        assert_eq!(table("[\"update\"]").to_string(), "update");
    }
}

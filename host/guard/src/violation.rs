//! Violations of a table's constraints, as the database reports them.

use std::fmt;

/// A constraint of a table that a statement violated.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    /// The kind of constraint.
    pub kind: Constraint,
    /// The constraint's name, if PostgreSQL names one.
    pub name: Option<String>,
    /// The column, if PostgreSQL names one.
    pub column: Option<String>,
    /// The schema of the constraint's table.
    pub schema: Option<String>,
}

impl Violation {
    /// What a plugin may know of it: names in its own schema only.
    pub fn known_in(self, schema: &str) -> Self {
        if self.schema.as_deref() == Some(schema) {
            return self;
        }
        Self { name: None, column: None, schema: None, ..self }
    }
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.kind {
            Constraint::Unique => "a unique key",
            Constraint::ForeignKey => "a foreign key",
            Constraint::NotNull => "a NOT NULL",
            Constraint::Check => "a check",
            Constraint::Exclusion => "an exclusion",
        })?;
        self.column.as_ref().map_or(Ok(()), |column| write!(f, " on `{column}`"))
    }
}

/// A kind of constraint.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Constraint {
    /// `UNIQUE` or `PRIMARY KEY`.
    Unique,
    /// `REFERENCES`.
    ForeignKey,
    /// `NOT NULL`.
    NotNull,
    /// `CHECK`.
    Check,
    /// `EXCLUDE`.
    Exclusion,
}

#[cfg(test)]
mod tests {
    use super::{Constraint, Violation};

    #[test]
    fn names_of_another_schema_are_not_told() {
        let of = |schema: Option<&str>| {
            let [name, column] = ["things_pkey", "id"].map(|name| Some(name.to_owned()));
            Violation { kind: Constraint::Unique, name, column, schema: schema.map(str::to_owned) }
        };
        assert_eq!(of(Some("plugin_shop")).known_in("plugin_shop"), of(Some("plugin_shop")));
        for other in [None, Some("palisade"), Some("plugin_shop_"), Some("")] {
            let Violation { kind, name, column, schema } = of(other).known_in("plugin_shop");
            assert_eq!((kind, name, column, schema), (Constraint::Unique, None, None, None), "{other:?}");
        }
    }
}

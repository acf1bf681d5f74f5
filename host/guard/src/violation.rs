//! Rules of tables, as the database tells of them.

use std::fmt;

/// A rule of a table that a statement violated.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    /// Which kind of rule.
    pub kind: Constraint,
    /// The column, where PostgreSQL names one.
    pub column: Option<String>,
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

/// Kinds of rules of a table.
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

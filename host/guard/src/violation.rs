//! Violations of a table's constraints, as the database reports them.

use std::fmt;

/// A constraint of a table that a statement violated.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    /// The kind of constraint.
    pub kind: Constraint,
    /// The column, if PostgreSQL names one.
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

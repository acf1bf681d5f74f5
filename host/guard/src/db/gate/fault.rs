//! Faults: why the walk over a statement ends early.

use crate::refusal::Refusal;
use sqlparser::tokenizer::Location;

/// The result of a step of the walk.
pub(in crate::db) type Checked<T = ()> = Result<T, Fault>;

/// Why the walk over a statement ended early.
#[derive(Debug, PartialEq)]
pub(in crate::db) enum Fault {
    /// The grants do not cover a name.
    Denied,
    /// A construct is not accepted, with its position and the rule.
    Invalid { at: Location, construct: String, rule: String },
}

impl Fault {
    pub(in crate::db) fn invalid(
        at: Location,
        construct: impl Into<String>,
        rule: impl Into<String>,
    ) -> Self {
        Self::Invalid { at, construct: construct.into(), rule: rule.into() }
    }
}

impl From<Fault> for Refusal {
    fn from(fault: Fault) -> Self {
        match fault {
            Fault::Denied => Self::Denied,
            Fault::Invalid { at, construct, rule } => {
                Self::Invalid(format!("{construct} near line {}, column {}: {rule}", at.line, at.column))
            }
        }
    }
}

/// Converts a refusal of the catalogue, which only ever denies.
impl From<Refusal> for Fault {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::Denied => Self::Denied,
            other => Self::invalid(Location { line: 1, column: 1 }, "name", other.to_string()),
        }
    }
}

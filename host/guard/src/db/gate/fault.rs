//! Faults: why the walk over a statement ends early, and where.

use crate::db::cost::Dear;
use crate::refusal::Refusal;
use crate::reports::{Excerpt, Notes};
use std::num::NonZeroU32;

/// The result of a step of the walk.
pub(in crate::db) type Checked<T = ()> = Result<T, Fault>;

/// A place in the author's text. Both numbers start at 1, and a column is a character.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::db) struct Location {
    pub line: usize,
    pub column: usize,
}

impl Location {
    pub(in crate::db) const START: Self = Self { line: 1, column: 1 };

    /// The place behind a text that begins here.
    pub(super) fn after(self, text: &str) -> Self {
        let lines = text.bytes().filter(|byte| *byte == b'\n').count();
        let last = text.rsplit('\n').next().unwrap_or_default().chars().count();
        let before = if lines == 0 { self.column } else { 1 };
        Self { line: self.line.saturating_add(lines), column: before.saturating_add(last) }
    }
}

/// Why the walk over a statement ended early.
#[derive(Debug, PartialEq)]
pub(in crate::db) enum Fault {
    /// The grants do not cover a name.
    Denied,
    /// The same, with its position and what the plugin's own catalogue has. The guest is told no more than that the name is
    /// denied; the author of a file is told all.
    Unknown { at: Location, construct: String, rule: String },
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

    /// What the guest is told. The place and the name of what is not granted go to the notes, for the operator; with the line of the
    /// statement, and so does what the guest is told itself, for the author.
    pub(super) fn told(self, sql: &str, notes: &mut Notes) -> Refusal {
        match &self {
            Self::Invalid { at, construct, rule } => {
                let reason = format!("{construct} near line {}, column {}: {rule}", at.line, at.column);
                notes.tell(NOT_ACCEPTED, reason, Excerpt::of(sql, at.line, at.column));
            }
            Self::Denied => notes.add(NOT_GRANTED, "a table or column that is not granted".to_owned()),
            Self::Unknown { at, construct, rule } => {
                let Location { line, column } = at;
                let reason = format!("{construct} near line {line}, column {column}: {rule}");
                notes.quote(NOT_GRANTED, reason, Some(Excerpt::of(sql, *line, *column)));
            }
        }
        self.into()
    }
}

/// What the operator's log calls a statement with a name that the grants do not cover.
const NOT_GRANTED: &str = "a statement is not granted";

/// What the log calls a statement that is refused with a sentence for the guest.
const NOT_ACCEPTED: &str = "a statement is not accepted";

impl From<Fault> for Refusal {
    fn from(fault: Fault) -> Self {
        match fault {
            Fault::Denied | Fault::Unknown { .. } => Self::Denied,
            Fault::Invalid { at, construct, rule } => {
                Self::Invalid(format!("{construct} near line {}, column {}: {rule}", at.line, at.column))
            }
        }
    }
}

/// Refuses a statement that is too expensive at its dearest operation.
impl From<Dear> for Fault {
    fn from(Dear { place, what, rule, .. }: Dear) -> Self {
        let number = |number: NonZeroU32| usize::try_from(number.get()).unwrap_or(usize::MAX);
        let at = place.map_or(Location::START, |(line, column)| Location {
            line: number(line),
            column: number(column),
        });
        Self::invalid(at, what, rule)
    }
}

/// Converts a refusal of the catalogue, which only ever denies.
impl From<Refusal> for Fault {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::Denied | Refusal::Ungranted(_) => Self::Denied,
            other => Self::invalid(Location::START, "name", other.to_string()),
        }
    }
}

//! The set of columns that an operation on a table is granted for.

use std::collections::BTreeSet;

/// The columns that an operation may use.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum ColumnSet {
    /// No column: the operation is not granted.
    #[default]
    None,
    /// Every column of the table.
    All,
    /// These columns.
    Some(BTreeSet<String>),
}

impl ColumnSet {
    pub(crate) fn holds(&self, column: &str) -> bool {
        match self {
            Self::None => false,
            Self::All => true,
            Self::Some(columns) => columns.contains(column),
        }
    }

    /// Whether the set contains any column.
    pub fn is_granted(&self) -> bool {
        match self {
            Self::None => false,
            Self::All => true,
            Self::Some(columns) => !columns.is_empty(),
        }
    }
}

//! The columns of a table that an operation is granted on.

use std::collections::BTreeSet;

/// Columns that an operation may touch.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum ColumnSet {
    /// None: the operation is not granted.
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

    /// Whether there is any column in it.
    pub fn is_granted(&self) -> bool {
        match self {
            Self::None => false,
            Self::All => true,
            Self::Some(columns) => !columns.is_empty(),
        }
    }
}

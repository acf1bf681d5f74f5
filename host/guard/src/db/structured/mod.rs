//! The structured calls of `wit/db.wit`: select, insert, update and delete, written from granted names.
//!
//! The text of a [`Statement`] depends only on the shape of a call: its names and how many values it has. Values are
//! parameters, so a text can be kept as a prepared statement. Every column that is compared, ordered by or returned is
//! read, and needs the right to be. [`Statement::bind`] checks the values, against the
//! types given here. Tests are in `tests.rs`.

mod bound;
mod change;
mod filter;
mod select;
#[cfg(test)]
mod tests;

pub use bound::Bound;
use postgres_types::Type;

use super::Refusal;
use super::catalogue::{Catalogue, ColumnName, Operation, TableName};
use crate::db::typmod::Typmod;
use crate::limits;

/// What a column's value must be.
#[derive(Clone, Debug, PartialEq)]
pub enum Test<V> {
    /// Equal to the value.
    Equal(V),
    /// Not equal to the value.
    NotEqual(V),
    /// Less than the value.
    Less(V),
    /// Less than or equal to the value.
    AtMost(V),
    /// Greater than the value.
    Greater(V),
    /// Greater than or equal to the value.
    AtLeast(V),
    /// Between the two values, both included.
    Between(V, V),
    /// Equal to one of the values.
    OneOf(Vec<V>),
    /// Like the pattern.
    Like(V),
    /// Like the pattern, regardless of case.
    Ilike(V),
    /// Null.
    IsNull,
    /// Not null.
    IsNotNull,
    /// A `jsonb` that contains this JSON.
    Contains(V),
}

/// A condition on one column.
#[derive(Clone, Debug, PartialEq)]
pub struct Condition<V> {
    /// The column.
    pub column: String,
    /// What its value must be.
    pub test: Test<V>,
}

/// Rows for which all conditions of at least one inner list hold.
pub type Filter<V> = Vec<Vec<Condition<V>>>;

/// A direction of ordering.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// Smallest first.
    Ascending,
    /// Largest first.
    Descending,
}

/// A column to order by.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ordering {
    /// The column.
    pub column: String,
    /// Which way.
    pub direction: Direction,
}

/// What to select.
#[derive(Clone, Debug, PartialEq)]
pub struct Selection<V> {
    /// The table.
    pub table: String,
    /// The columns to return.
    pub columns: Vec<String>,
    /// Which rows; all if empty.
    pub filter: Filter<V>,
    /// In which order.
    pub order_by: Vec<Ordering>,
    /// At most this many rows.
    pub limit: Option<u32>,
    /// Only rows after these values of the ordering's columns.
    pub after: Vec<V>,
}

/// Rows to insert.
#[derive(Clone, Debug, PartialEq)]
pub struct Insertion<V> {
    /// The table.
    pub table: String,
    /// The columns to fill.
    pub columns: Vec<String>,
    /// The rows.
    pub rows: Vec<Vec<V>>,
    /// Columns to return.
    pub returning: Vec<String>,
}

/// Rows to change.
#[derive(Clone, Debug, PartialEq)]
pub struct Modification<V> {
    /// The table.
    pub table: String,
    /// Columns and their new values.
    pub assignments: Vec<(String, V)>,
    /// Which rows.
    pub filter: Filter<V>,
    /// Columns to return.
    pub returning: Vec<String>,
}

/// Rows to delete.
#[derive(Clone, Debug, PartialEq)]
pub struct Removal<V> {
    /// The table.
    pub table: String,
    /// Which rows.
    pub filter: Filter<V>,
    /// Columns to return.
    pub returning: Vec<String>,
}

/// What is sent for one placeholder.
#[derive(Clone, Debug, PartialEq)]
pub enum Argument<V> {
    /// A value of the guest's.
    Value(V),
    /// A value that a column stores: whoever sends it must check that the column keeps all of it.
    Stored(V, Typmod),
    /// A pattern of the guest's: whoever sends it must check it with [`short`](super::short).
    Pattern(V),
    /// Values of the guest's, as one array.
    List(Vec<V>),
    /// A number of rows.
    Count(i64),
}

/// A statement to send: it has no constructor outside of this module.
#[derive(Clone, Debug, PartialEq)]
pub struct Statement<V> {
    sql: String,
    parameters: Vec<(Argument<V>, Type)>,
    columns: Vec<(String, Type)>,
    rows_max: Option<u32>,
}

impl<V> Statement<V> {
    /// The text. Equal shapes have equal texts.
    pub fn sql(&self) -> &str {
        &self.sql
    }

    /// What `$1`, `$2` and so on stand for, each with its type.
    pub fn parameters(&self) -> &[(Argument<V>, Type)] {
        &self.parameters
    }

    /// The columns of the result, each with its type; empty if nothing is returned.
    pub fn columns(&self) -> &[(String, Type)] {
        &self.columns
    }

    /// The most rows that a select can return, where its shape says so.
    pub fn rows_max(&self) -> Option<u32> {
        self.rows_max
    }
}

/// A statement while it is written.
struct Writer<'c, V> {
    table: TableName<'c>,
    sql: String,
    parameters: Vec<(Argument<V>, Type)>,
    columns: Vec<(String, Type)>,
    conditions: usize,
    rows_max: Option<u32>,
}

impl<'c, V> Writer<'c, V> {
    fn new(catalogue: &'c Catalogue, table: &str, operation: Operation) -> Result<Self, Refusal> {
        let table = catalogue.table(table, operation)?;
        let (parameters, columns) = (Vec::new(), Vec::new());
        Ok(Self { table, sql: String::new(), parameters, columns, conditions: 0, rows_max: None })
    }

    fn put(&mut self, text: &str) {
        self.sql.push_str(text);
    }

    /// Prints the next placeholder and returns its number.
    fn bind(&mut self, argument: Argument<V>, data_type: Type) -> Result<usize, Refusal> {
        self.parameters.push((argument, data_type));
        let number = self.parameters.len();
        if number > limits::DB_PARAMETERS_MAX {
            return Err(Refusal::Invalid(format!(
                "at most {} values in one call",
                limits::DB_PARAMETERS_MAX
            )));
        }
        self.put(&format!("${number}"));
        Ok(number)
    }

    /// Looks columns up and refuses a list that is empty or names one twice.
    fn lookup<'n>(
        &self,
        what: &str,
        names: impl IntoIterator<Item = &'n String>,
        operation: Operation,
    ) -> Result<Vec<ColumnName<'c>>, Refusal> {
        let mut columns: Vec<ColumnName<'c>> = Vec::new();
        for name in names {
            let column = self.table.column(name, operation)?;
            // The names are granted columns: a list without repetition is as short as the table is wide.
            if columns.iter().any(|known| known.name() == column.name()) {
                return Err(Refusal::Invalid(format!("{what}: {} stands there twice", super::shown(name))));
            }
            columns.push(column);
        }
        if columns.is_empty() {
            return Err(Refusal::Invalid(format!("{what}: at least 1 column")));
        }
        Ok(columns)
    }

    /// Prints columns with commas between and makes them the result.
    fn result(&mut self, columns: &[ColumnName<'_>]) {
        let sql: Vec<String> = columns.iter().map(|column| column.sql()).collect();
        self.put(&sql.join(", "));
        self.columns =
            columns.iter().map(|column| (column.name().to_owned(), column.data_type().clone())).collect();
    }

    fn returning(&mut self, returning: &[String]) -> Result<(), Refusal> {
        if !returning.is_empty() {
            let columns = self.lookup("returning", returning, Operation::Select)?;
            self.put(" RETURNING ");
            self.result(&columns);
        }
        Ok(())
    }

    fn finish(self) -> Statement<V> {
        let Self { table: _, sql, parameters, columns, conditions: _, rows_max } = self;
        Statement { sql, parameters, columns, rows_max }
    }
}

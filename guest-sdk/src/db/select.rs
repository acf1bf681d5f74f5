//! Builds a `selection`.

use super::filter::Filter;
use super::row::{Row, Rows};
use crate::raw::db::{self as raw, Direction, Error, Ordering, Selection, Value};

/// The rows and columns to select. [`super::select`] returns a new one.
#[derive(Clone, Debug, PartialEq)]
#[must_use = "nothing is read until `fetch`, `first` or `rows`"]
pub struct Select(Selection);

impl Select {
    pub(super) fn new(table: String) -> Self {
        let (columns, filter, order_by, after) = Default::default();
        Self(Selection { table, columns, filter, order_by, limit: None, after })
    }

    /// Adds columns to return, at least 1.
    pub fn columns<N: Into<String>>(mut self, columns: impl IntoIterator<Item = N>) -> Self {
        self.0.columns.extend(columns.into_iter().map(Into::into));
        self
    }

    /// Selects only the rows that match the filter. Several filters must all match.
    pub fn filter(mut self, filter: Filter) -> Self {
        self.0.filter = filter.within(self.0.filter);
        self
    }

    /// Orders by a column, smallest first and nulls last. A further column orders rows that are equal so far.
    pub fn order_by(self, column: impl Into<String>) -> Self {
        self.order(column.into(), Direction::Ascending)
    }

    /// Orders by a column, largest first and nulls last.
    pub fn order_by_descending(self, column: impl Into<String>) -> Self {
        self.order(column.into(), Direction::Descending)
    }

    /// Sets the largest number of rows to return.
    pub fn limit(mut self, rows: u32) -> Self {
        self.0.limit = Some(rows);
        self
    }

    /// Selects only rows after these values of the ordering columns, for keyset pagination.
    pub fn after(mut self, values: impl Into<Vec<Value>>) -> Self {
        self.0.after = values.into();
        self
    }

    /// Returns all rows.
    pub fn fetch(&self) -> Result<Vec<Row>, Error> {
        self.rows()?.all()
    }

    /// Returns the first row, or `None` when no row matches.
    pub fn first(self) -> Result<Option<Row>, Error> {
        self.limit(1).rows()?.next().transpose()
    }

    /// Returns an iterator that reads the rows in batches.
    pub fn rows(&self) -> Result<Rows, Error> {
        raw::select(&self.0).map(|rows| Rows::named(rows, self.0.columns.as_slice().into()))
    }

    fn order(mut self, column: String, direction: Direction) -> Self {
        self.0.order_by.push(Ordering { column, direction });
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::db::filter::col;
    use crate::params;

    #[test]
    fn select_builds_the_selection() {
        let built = Select::new("drafts".to_owned())
            .columns(["id", "title"])
            .filter(col("id").equals(5))
            .filter(col("title").is_null().or(col("title").like("a%")))
            .order_by_descending("id")
            .limit(10)
            .after(params![7]);
        let Select(selection) = built;
        assert_eq!(selection.columns, ["id", "title"]);
        assert_eq!(selection.filter.len(), 2);
        assert!(selection.filter.iter().all(|all| all.len() == 2));
        assert_eq!(selection.order_by[0].direction, Direction::Descending);
        assert_eq!((selection.limit, selection.after), (Some(10), vec![Value::from(7)]));
    }
}

//! Builds insertions, modifications and removals.

use std::rc::Rc;

use super::filter::Filter;
use super::row::Row;
use crate::raw::db::{Column, Error, Value};
use crate::raw::db_write::{
    self as raw, Assignment, Change, Conflict, Insertion, Merging, Modification, Outcome, Removal, Resolution,
};

/// The result of a change.
#[derive(Clone, Debug, PartialEq)]
pub struct Changed {
    /// The number of rows that the call inserted, changed or deleted. Of SQL text whose outermost statement is a `SELECT`,
    /// the number of rows that it found.
    pub count: u64,
    /// The columns of the rows, in order; empty when the call returns no columns.
    pub columns: Vec<Column>,
    /// A row for each that `count` counts; empty when the call returns no columns.
    pub rows: Vec<Row>,
}

impl Changed {
    pub(super) fn new(Outcome { count, columns, rows }: Outcome) -> Self {
        let names: Rc<[String]> = columns.iter().map(|column| column.name.clone()).collect();
        let rows = rows.into_iter().map(|values| Row::new(Rc::clone(&names), values)).collect();
        Self { count, columns, rows }
    }

    /// Returns the first row, for a change that must return at least one. No row is `InvalidArgument`.
    pub fn one(self) -> Result<Row, Error> {
        let none = || {
            Error::InvalidArgument(
                "no row to return: the change affected no row, or `returning` is missing".to_owned(),
            )
        };
        self.rows.into_iter().next().ok_or_else(none)
    }
}

/// New values for the columns of a stored row that has the key of a row to insert.
#[derive(Clone, Debug, Default, PartialEq)]
#[must_use]
pub struct Merge(Vec<Merging>);

/// Rows to insert. [`super::insert`] returns a new one.
#[derive(Clone, Debug, PartialEq)]
#[must_use = "nothing is written until `run` or `one`"]
pub struct Insert(Insertion);

/// A change to rows. [`super::update`] returns a new one.
#[derive(Clone, Debug, PartialEq)]
#[must_use = "nothing is written until `run` or `one`"]
pub struct Update(Modification);

/// A deletion of rows. [`super::delete`] returns a new one.
#[derive(Clone, Debug, PartialEq)]
#[must_use = "nothing is written until `run` or `one`"]
pub struct Delete(Removal);

/// Defines the methods that all changes share.
macro_rules! change {
    ($($builder:ident => $function:path,)*) => {$(
        impl $builder {
            /// Adds columns to return of each row.
            pub fn returning<N: Into<String>>(mut self, columns: impl IntoIterator<Item = N>) -> Self {
                self.0.returning.extend(columns.into_iter().map(Into::into));
                self
            }

            /// Makes the change.
            pub fn run(&self) -> Result<Changed, Error> {
                $function(&self.0).map(Changed::new)
            }

            /// Makes the change and returns the `returning` columns of the first row. No row is `InvalidArgument`.
            pub fn one(&self) -> Result<Row, Error> {
                self.run()?.one()
            }
        }
    )*};
}

change! {
    Insert => raw::insert,
    Update => raw::update,
    Delete => raw::delete,
}

impl Merge {
    /// Returns one without columns; add at least 1.
    pub fn new() -> Self {
        Self::default()
    }

    /// Gives columns the values of the row to insert.
    pub fn inserted<N: Into<String>>(self, columns: impl IntoIterator<Item = N>) -> Self {
        self.each(columns, &raw::Merge::Inserted)
    }

    /// Adds the values of the row to insert to those of the columns. A null stays null.
    pub fn sum<N: Into<String>>(self, columns: impl IntoIterator<Item = N>) -> Self {
        self.each(columns, &raw::Merge::Sum)
    }

    /// Sets a column to a value, whatever the row to insert has.
    pub fn set(self, column: impl Into<String>, value: impl Into<Value>) -> Self {
        self.each([column], &raw::Merge::Change(Change::Set(value.into())))
    }

    /// Adds a number to a column's value, whatever the row to insert has. A null stays null.
    pub fn add(self, column: impl Into<String>, number: impl Into<Value>) -> Self {
        self.each([column], &raw::Merge::Change(Change::Add(number.into())))
    }

    fn each<N: Into<String>>(mut self, columns: impl IntoIterator<Item = N>, merge: &raw::Merge) -> Self {
        self.0.extend(
            columns.into_iter().map(|column| Merging { column: column.into(), merge: merge.clone() }),
        );
        self
    }
}

impl Insert {
    pub(super) fn new(table: String) -> Self {
        let (columns, rows, returning) = Default::default();
        Self(Insertion { table, columns, rows, on_conflict: None, returning })
    }

    /// Adds columns to set, at least 1; all other columns get their defaults.
    pub fn columns<N: Into<String>>(mut self, columns: impl IntoIterator<Item = N>) -> Self {
        self.0.columns.extend(columns.into_iter().map(Into::into));
        self
    }

    /// Adds a row, with a value for each of the columns.
    pub fn row(mut self, values: impl Into<Vec<Value>>) -> Self {
        self.0.rows.push(values.into());
        self
    }

    /// Leaves a row out when a stored row has the same values in these columns, which must be exactly those of a primary
    /// key or `UNIQUE` constraint. Rows that are left out are neither counted nor returned.
    pub fn on_conflict_nothing<N: Into<String>>(self, columns: impl IntoIterator<Item = N>) -> Self {
        self.resolve(columns, Resolution::Nothing)
    }

    /// Changes the stored row instead when one has the same values in these columns, which must be exactly those of a
    /// primary key or `UNIQUE` constraint.
    pub fn on_conflict_update<N: Into<String>>(
        self,
        columns: impl IntoIterator<Item = N>,
        merge: Merge,
    ) -> Self {
        self.resolve(columns, Resolution::Update(merge.0))
    }

    fn resolve<N: Into<String>>(
        mut self,
        columns: impl IntoIterator<Item = N>,
        resolution: Resolution,
    ) -> Self {
        let columns = columns.into_iter().map(Into::into).collect();
        self.0.on_conflict = Some(Conflict { columns, resolution });
        self
    }
}

impl Update {
    pub(super) fn new(table: String) -> Self {
        let (assignments, filter, returning) = Default::default();
        Self(Modification { table, assignments, filter, returning })
    }

    /// Sets a column to a new value.
    pub fn set(self, column: impl Into<String>, value: impl Into<Value>) -> Self {
        self.change(column.into(), Change::Set(value.into()))
    }

    /// Adds a number to a column's value. A null stays null.
    pub fn add(self, column: impl Into<String>, number: impl Into<Value>) -> Self {
        self.change(column.into(), Change::Add(number.into()))
    }

    fn change(mut self, column: String, change: Change) -> Self {
        self.0.assignments.push(Assignment { column, change });
        self
    }

    /// Changes only the rows that match the filter. Several filters must all match.
    pub fn filter(mut self, filter: Filter) -> Self {
        self.0.filter = filter.within(self.0.filter);
        self
    }
}

impl Delete {
    pub(super) fn new(table: String) -> Self {
        let (filter, returning) = Default::default();
        Self(Removal { table, filter, returning })
    }

    /// Deletes only the rows that match the filter. Several filters must all match.
    pub fn filter(mut self, filter: Filter) -> Self {
        self.0.filter = filter.within(self.0.filter);
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::db::filter::col;
    use crate::params;

    #[test]
    fn insert_builds_the_insertion() {
        let Insert(insertion) = Insert::new("t".to_owned())
            .columns(["a", "b"])
            .row(params![1, "x"])
            .row(params![2, None::<&str>]);
        assert_eq!(insertion.columns, ["a", "b"]);
        assert_eq!(insertion.rows, [params![1, "x"], vec![Value::from(2), Value::null()]]);
    }

    #[test]
    fn insert_builds_the_conflict() {
        let insert = || Insert::new("t".to_owned()).columns(["a", "b"]).row(params![1, 2]);
        let Insert(Insertion { on_conflict, .. }) = insert().on_conflict_nothing(["a"]);
        let conflict = on_conflict.expect("a conflict");
        assert_eq!((conflict.columns, conflict.resolution), (vec!["a".to_owned()], Resolution::Nothing));
        let merge = Merge::new().inserted(["a"]).sum(["b"]).set("c", "x").add("d", 1);
        let Insert(Insertion { on_conflict, .. }) = insert().on_conflict_update(["a"], merge);
        let merging = |column: &str, merge| Merging { column: column.to_owned(), merge };
        let merges = vec![
            merging("a", raw::Merge::Inserted),
            merging("b", raw::Merge::Sum),
            merging("c", raw::Merge::Change(Change::Set("x".into()))),
            merging("d", raw::Merge::Change(Change::Add(1.into()))),
        ];
        assert_eq!(on_conflict.map(|conflict| conflict.resolution), Some(Resolution::Update(merges)));
        assert_eq!(insert().0.on_conflict, None);
    }

    #[test]
    fn update_and_delete_build_the_modification_and_the_removal() {
        let Update(modification) =
            Update::new("t".to_owned()).set("a", 1).add("b", 2).filter(col("id").equals(5)).returning(["a"]);
        let assignment = |column: &str, change| Assignment { column: column.to_owned(), change };
        assert_eq!(
            modification.assignments,
            [assignment("a", Change::Set(1.into())), assignment("b", Change::Add(2.into()))]
        );
        assert_eq!((modification.filter.len(), modification.returning.len()), (1, 1));
        let Delete(removal) = Delete::new("t".to_owned()).filter(col("id").equals(5));
        assert_eq!(removal.filter.len(), 1);
    }

    #[test]
    fn changed_rows_have_column_names() {
        let column =
            |name: &str, type_name: &str| Column { name: name.to_owned(), type_name: type_name.to_owned() };
        let columns = vec![column("id", "int8"), column("title", "text")];
        let changed =
            Changed::new(Outcome { count: 1, columns: columns.clone(), rows: vec![params![7, "a"]] });
        assert_eq!(changed.columns, columns);
        let row = changed.one().expect("a row");
        assert_eq!((row.get("id"), row.get("title")), (Ok(7_i64), Ok("a".to_owned())));
    }

    #[test]
    fn one_without_a_returned_row_is_invalid_argument() {
        let changed = Changed::new(Outcome { count: 1, columns: Vec::new(), rows: Vec::new() });
        assert!(matches!(changed.one(), Err(Error::InvalidArgument(_))));
    }
}

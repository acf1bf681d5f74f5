//! The structured calls of `wit/db.wit`: select, aggregate, insert, update and delete, written from granted names.
//!
//! The text of a [`Statement`] depends only on the shape of a call: its names, and how many values it has. Values are
//! parameters, so the server can keep the text as a prepared statement. A call reads every column that it compares,
//! computes with, orders by or returns, and needs the right to read it. [`Statement::bind`] checks the values against the
//! columns' types. The tests are in `tests/`.

mod aggregate;
mod bound;
mod change;
mod conflict;
mod filter;
mod select;
#[cfg(test)]
mod tests;

pub use bound::Bound;

use super::Refusal;
use super::catalogue::{Catalogue, ColumnName, Operation, TableName};
use crate::db::cost::{Class, Moment, Plan, Planner, Size};
use crate::db::shape::Shape;
use crate::db::typmod::Typmod;
use crate::limits;
use postgres_types::Type;
use std::cell::RefCell;

/// A test of a column's value.
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
    /// A `jsonb` that contains the JSON.
    Contains(V),
}

/// A condition on one column.
#[derive(Clone, Debug, PartialEq)]
pub struct Condition<V> {
    /// The column.
    pub column: String,
    /// The test that the column's value must pass.
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
    /// The direction.
    pub direction: Direction,
}

/// A call of `select`.
#[derive(Clone, Debug, PartialEq)]
pub struct Selection<V> {
    /// The table.
    pub table: String,
    /// The columns to return.
    pub columns: Vec<String>,
    /// The rows to select; all if empty.
    pub filter: Filter<V>,
    /// The order of the rows.
    pub order_by: Vec<Ordering>,
    /// The most rows to return.
    pub limit: Option<u32>,
    /// Values of the columns in `order_by`; only rows after them are returned.
    pub after: Vec<V>,
}

/// What to compute of a group of rows, of a column unless of the rows themselves.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Computation {
    /// The number of rows.
    Count,
    /// The number of rows in which the column is not null.
    CountOf(String),
    /// The number of different values.
    CountDistinct(String),
    /// The sum.
    Sum(String),
    /// The average.
    Average(String),
    /// The smallest value.
    Minimum(String),
    /// The largest value.
    Maximum(String),
}

/// A computed column of a result.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Measure {
    /// The column's name, which the guest chooses.
    pub name: String,
    /// What the column contains.
    pub computation: Computation,
}

/// A call of `aggregate`.
#[derive(Clone, Debug, PartialEq)]
pub struct Aggregation<V> {
    /// The table.
    pub table: String,
    /// The columns whose values make a group; all rows are one group if empty.
    pub group_by: Vec<String>,
    /// What to compute of each group.
    pub measures: Vec<Measure>,
    /// The rows to read; all if empty.
    pub filter: Filter<V>,
    /// The order of the groups, by columns of the result.
    pub order_by: Vec<Ordering>,
    /// The most groups to return.
    pub limit: Option<u32>,
}

/// A new value for a column.
#[derive(Clone, Debug, PartialEq)]
pub enum Change<V> {
    /// The value.
    Set(V),
    /// The sum of the present value and this one.
    Add(V),
}

/// A column and its new value.
#[derive(Clone, Debug, PartialEq)]
pub struct Assignment<V> {
    /// The column.
    pub column: String,
    /// The new value.
    pub change: Change<V>,
}

/// A new value for a column of the row in the way of an insert.
#[derive(Clone, Debug, PartialEq)]
pub enum Merge<V> {
    /// The value of the row to insert.
    Inserted,
    /// The sum of the present value and of that of the row to insert.
    Sum,
    /// A value that does not depend on the row to insert.
    Change(Change<V>),
}

/// A column of the row in the way, and its new value.
#[derive(Clone, Debug, PartialEq)]
pub struct Merging<V> {
    /// The column.
    pub column: String,
    /// The new value.
    pub merge: Merge<V>,
}

/// What happens to a row to insert, and to the one in its way.
#[derive(Clone, Debug, PartialEq)]
pub enum Resolution<V> {
    /// The row is left out.
    Nothing,
    /// The row in the way is changed.
    Update(Vec<Merging<V>>),
}

/// What to do when a stored row has the key of a row to insert.
#[derive(Clone, Debug, PartialEq)]
pub struct Conflict<V> {
    /// The columns of the key.
    pub columns: Vec<String>,
    /// What to do.
    pub resolution: Resolution<V>,
}

/// A call of `insert`.
#[derive(Clone, Debug, PartialEq)]
pub struct Insertion<V> {
    /// The table.
    pub table: String,
    /// The columns to fill.
    pub columns: Vec<String>,
    /// The rows, each with one value for each column.
    pub rows: Vec<Vec<V>>,
    /// What to do when a stored row has the same key.
    pub on_conflict: Option<Conflict<V>>,
    /// The columns to return.
    pub returning: Vec<String>,
}

/// A call of `update`.
#[derive(Clone, Debug, PartialEq)]
pub struct Modification<V> {
    /// The table.
    pub table: String,
    /// The columns to change, with their new values.
    pub assignments: Vec<Assignment<V>>,
    /// The rows to change.
    pub filter: Filter<V>,
    /// The columns to return.
    pub returning: Vec<String>,
}

/// A call of `delete`.
#[derive(Clone, Debug, PartialEq)]
pub struct Removal<V> {
    /// The table.
    pub table: String,
    /// The rows to delete.
    pub filter: Filter<V>,
    /// The columns to return.
    pub returning: Vec<String>,
}

/// The argument for one placeholder, before it is checked.
#[derive(Clone, Debug, PartialEq)]
pub enum Argument<V> {
    /// A value from the guest.
    Value(V),
    /// A value from the guest for a column to store. [`Statement::bind`] checks that the column stores it exactly.
    Stored(V, Typmod),
    /// A pattern from the guest. [`Statement::bind`] checks it with [`short`](super::short).
    Pattern(V),
    /// Values from the guest, sent as one array.
    List(Vec<V>),
    /// A number of rows.
    Count(i64),
}

/// A statement to send. Only this module can construct it.
#[derive(Clone, Debug, PartialEq)]
pub struct Statement<V> {
    sql: String,
    parameters: Vec<(Argument<V>, Type)>,
    values: Values,
    columns: Vec<(String, Type)>,
    shape: Shape,
    rows_max: Option<u32>,
    cost: Plan,
}

impl<V> Statement<V> {
    /// The statement's text. Calls of the same shape have the same text.
    pub fn sql(&self) -> &str {
        &self.sql
    }

    /// The arguments for `$1`, `$2` and so on, each with its type.
    pub fn parameters(&self) -> &[(Argument<V>, Type)] {
        &self.parameters
    }

    /// The columns of the result, each with its type; empty if the statement returns no rows.
    pub fn columns(&self) -> &[(String, Type)] {
        &self.columns
    }

    /// The most rows that a select can return, if its limit or its filter says so.
    pub fn rows_max(&self) -> Option<u32> {
        self.rows_max
    }
}

/// Which column each value is for. A name is kept once, however many rows have a value for it.
#[derive(Clone, Debug, Default, PartialEq)]
struct Values {
    names: Vec<String>,
    /// For each parameter its place in `names`; `None` for a number of rows.
    of: Vec<Option<usize>>,
}

impl Values {
    fn push(&mut self, column: Option<&str>) {
        let Some(name) = column else { return self.of.push(None) };
        let is = |place: usize| self.names.get(place).is_some_and(|known| known == name);
        // The rows of an insert have the same columns in the same order.
        let next = self.of.last().copied().flatten().map_or(0, |last| last.saturating_add(1));
        let known = [next, 0].into_iter().find(|place| is(*place));
        let known = known.or_else(|| self.names.iter().position(|known| known == name));
        let place = known.unwrap_or_else(|| {
            self.names.push(name.to_owned());
            self.names.len().saturating_sub(1)
        });
        self.of.push(Some(place));
    }

    /// The column of the value with this index.
    fn column(&self, index: usize) -> Option<&str> {
        self.names.get((*self.of.get(index)?)?).map(String::as_str)
    }
}

/// The list of what a statement returns.
#[derive(Default)]
struct List<'c> {
    /// The columns in it that are returned as they are.
    columns: Vec<ColumnName<'c>>,
    types: Vec<(Type, Typmod)>,
    /// Where it ends in the text.
    end: usize,
}

/// The state of a statement while it is written.
struct Writer<'c, V> {
    table: TableName<'c>,
    sql: String,
    parameters: Vec<(Argument<V>, Type)>,
    values: Values,
    columns: Vec<(String, Type)>,
    conditions: usize,
    rows_max: Option<u32>,
    cost: Planner,
    /// Every column that was looked up: the [`Shape`] has them all.
    seen: RefCell<Vec<ColumnName<'c>>>,
    /// The columns of the result, and where their list ends in the text.
    list: Option<List<'c>>,
}

impl<'c, V> Writer<'c, V> {
    fn new(catalogue: &'c Catalogue, table: &str, operation: Operation) -> Result<Self, Refusal> {
        let table = catalogue.table(table, operation).map_err(|_| {
            let (verb, table) = (operation.verb(), super::shown(table));
            Refusal::Ungranted(format!(
                "the table {table} is not granted for {verb}: add \"{verb}\" to it in [grants.db.tables]"
            ))
        })?;
        let (parameters, columns) = (Vec::new(), Vec::new());
        let cost = Planner::default();
        let (seen, list) = (RefCell::default(), None);
        let sql = String::new();
        let values = Values::default();
        Ok(Self { table, sql, parameters, values, columns, conditions: 0, rows_max: None, cost, seen, list })
    }

    fn put(&mut self, text: &str) {
        self.sql.push_str(text);
    }

    /// Prints the next placeholder, for a value of a column, and returns its number.
    fn bind_to(
        &mut self,
        column: ColumnName<'_>,
        argument: Argument<V>,
        data_type: Type,
    ) -> Result<usize, Refusal> {
        self.values.push(Some(column.name()));
        self.placeholder(argument, data_type)
    }

    /// Does so for a number of rows.
    fn bind(&mut self, argument: Argument<V>, data_type: Type) -> Result<usize, Refusal> {
        self.values.push(None);
        self.placeholder(argument, data_type)
    }

    fn placeholder(&mut self, argument: Argument<V>, data_type: Type) -> Result<usize, Refusal> {
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

    /// Adds a test of a column against the last parameter to what the statement costs.
    fn tested(&mut self, column: ColumnName<'_>, class: Class, what: &'static str) {
        let mark = self.cost.mark();
        self.cost.known(Size::column(column.data_type(), column.typmod()), Moment::Unknown);
        self.cost.parameter(self.parameters.len());
        self.cost.close(mark, class, what, Moment::Unknown);
        self.cost.forget(mark);
    }

    /// Looks up a column. Every column of a statement is looked up here.
    fn column(&self, name: &str, operation: Operation) -> Result<ColumnName<'c>, Refusal> {
        let column = self.table.column(name, operation).map_err(|_| self.ungranted(name, operation))?;
        self.seen.borrow_mut().push(column);
        Ok(column)
    }

    /// The refusal of a column. The names of granted columns are in the plugin's own manifest.
    fn ungranted(&self, name: &str, operation: Operation) -> Refusal {
        let granted: Vec<&str> =
            self.table.columns(operation).take(limits::SQL_NAMES_SHOWN_MAX).map(ColumnName::name).collect();
        let (name, verb, table) = (super::shown(name), operation.verb(), self.table.name());
        Refusal::Ungranted(format!(
            "the column {name} of `{table}` is not granted for {verb}; granted are {}: correct the name, or add it to `{verb}` in \
             [grants.db.tables.{table}]",
            if granted.is_empty() { "none".to_owned() } else { granted.join(", ") }
        ))
    }

    /// Adds an operation on two values of a column to what the statement costs.
    fn paired(&mut self, column: ColumnName<'_>, class: Class, what: &'static str) {
        let size = Size::column(column.data_type(), column.typmod());
        self.sized(size, size, class, what);
    }

    fn sized(&mut self, first: Size, second: Size, class: Class, what: &'static str) {
        let mark = self.cost.mark();
        self.cost.known(first, Moment::Unknown);
        self.cost.known(second, Moment::Unknown);
        self.cost.close(mark, class, what, Moment::Unknown);
        self.cost.forget(mark);
    }

    /// Looks up columns. Refuses a list that is empty or contains a column twice.
    fn lookup<'n>(
        &self,
        what: &str,
        names: impl IntoIterator<Item = &'n String>,
        operation: Operation,
    ) -> Result<Vec<ColumnName<'c>>, Refusal> {
        let mut columns: Vec<ColumnName<'c>> = Vec::new();
        for name in names {
            let column = self.column(name, operation)?;
            // The search is short: without repetition, the list has at most as many columns as the table.
            if columns.iter().any(|known| known.name() == column.name()) {
                return Err(Refusal::Invalid(format!("{what}: {} is listed twice", super::shown(name))));
            }
            columns.push(column);
        }
        if columns.is_empty() {
            return Err(Refusal::Invalid(format!("{what}: at least 1 column")));
        }
        Ok(columns)
    }

    /// Prints columns with commas between them, and makes them the columns of the result.
    fn result(&mut self, columns: &[ColumnName<'c>]) {
        let sql: Vec<String> = columns.iter().map(|column| column.sql()).collect();
        self.put(&sql.join(", "));
        self.columns =
            columns.iter().map(|column| (column.name().to_owned(), column.data_type().clone())).collect();
        let types = columns.iter().map(|column| (column.data_type().clone(), column.typmod())).collect();
        for column in columns {
            let mark = self.cost.mark();
            self.cost.known(Size::column(column.data_type(), column.typmod()), Moment::Unknown);
            self.cost.close(mark, Class::Sent(false), "a result", Moment::Unknown);
            self.cost.forget(mark);
        }
        self.list = Some(List { columns: columns.to_vec(), types, end: self.sql.len() });
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
        let Self { table, mut sql, parameters, values, columns, conditions: _, rows_max, cost, seen, list } =
            self;
        let List { columns: visible, types: shown, end } = list.unwrap_or_default();
        let mut hidden: Vec<ColumnName<'c>> = Vec::new();
        for column in seen.into_inner() {
            if !visible.iter().chain(&hidden).any(|known| known.name() == column.name()) {
                hidden.push(column);
            }
        }
        let types = hidden.iter().map(|column| format!("(NULL::{}).{}", table.sql(), column.sql()));
        let types = types.collect::<Vec<_>>().join(", ");
        match (end, types.is_empty()) {
            (_, true) => {}
            (0, false) => sql.extend([" RETURNING ", types.as_str()]),
            (end, false) => sql.insert_str(end, &format!(", {types}")),
        }
        let shape = Shape::new(shown, &hidden);
        Statement { sql, parameters, values, columns, shape, rows_max, cost: cost.finish() }
    }
}

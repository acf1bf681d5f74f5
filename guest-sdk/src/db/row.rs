//! Rows, and what their values can be read as.

use std::rc::Rc;

use super::{Column, Error, Scalar, Value};
use crate::raw::db as raw;

/// Rows asked for at once while rows are iterated: few calls for many rows, little memory for wide ones.
const BATCH_ROWS: u32 = 256;

/// One row of a result.
#[derive(Clone, Debug, PartialEq)]
pub struct Row {
    columns: Rc<[String]>,
    values: Vec<Value>,
}

impl Row {
    pub(super) fn new(columns: Rc<[String]>, values: Vec<Value>) -> Self {
        Self { columns, values }
    }

    /// The value of the first column named `column`, as a `T`. A column that is not there, or a value that is no `T`,
    /// is `InvalidArgument`.
    pub fn get<T: FromValue>(&self, column: &str) -> Result<T, Error> {
        let value = self
            .value(column)
            .ok_or_else(|| Error::InvalidArgument(format!("no column `{column}` in the row")))?;
        T::from_value(value.clone()).ok_or_else(|| {
            Error::InvalidArgument(format!("column `{column}` is {}, not {}", value.kind(), T::TYPE))
        })
    }

    /// The value of the first column named `column`, if there is one.
    pub fn value(&self, column: &str) -> Option<&Value> {
        let position = self.columns.iter().position(|name| name == column)?;
        self.values.get(position)
    }

    /// All values, in the order of the columns.
    pub fn values(&self) -> &[Value] {
        &self.values
    }
}

/// The rows of a result, read in batches. Drop it early to free what it holds.
#[derive(Debug)]
pub struct Rows {
    source: raw::Rows,
    columns: Rc<[String]>,
    batch: std::vec::IntoIter<raw::Row>,
    ended: bool,
}

impl Rows {
    pub(super) fn new(source: raw::Rows) -> Self {
        let columns = source.columns().into_iter().map(|column| column.name).collect();
        Self::named(source, columns)
    }

    /// The same where the names are known: asking for them is a call to the host.
    pub(super) fn named(source: raw::Rows, columns: Rc<[String]>) -> Self {
        Self { source, columns, batch: Vec::new().into_iter(), ended: false }
    }

    /// Returns the columns, in order.
    pub fn columns(&self) -> Vec<Column> {
        self.source.columns()
    }

    /// All rows that are left.
    pub fn all(self) -> Result<Vec<Row>, Error> {
        self.collect()
    }
}

impl Iterator for Rows {
    type Item = Result<Row, Error>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.batch.len() == 0 && !self.ended {
            match self.source.next(BATCH_ROWS) {
                Ok(batch) => self.batch = batch.into_iter(),
                Err(error) => {
                    self.ended = true;
                    return Some(Err(error));
                }
            }
        }
        let row = self.batch.next().map(|values| Ok(Row::new(Rc::clone(&self.columns), values)));
        self.ended |= row.is_none();
        row
    }
}

/// A type that a value can be read as. It is not `TryFrom<Value>` because the standard library has that one for
/// `Option` already, where it never sees a null.
pub trait FromValue: Sized {
    /// The database's name of the type.
    const TYPE: &'static str;
    /// The value, or `None` when it is no `Self`.
    fn from_value(value: Value) -> Option<Self>;
}

impl FromValue for Value {
    const TYPE: &'static str = "any type";
    fn from_value(value: Value) -> Option<Self> {
        Some(value)
    }
}

impl<T: FromValue> FromValue for Option<T> {
    const TYPE: &'static str = T::TYPE;
    fn from_value(value: Value) -> Option<Self> {
        match value {
            Value::Scalar(Scalar::Null) => Some(None),
            value => T::from_value(value).map(Some),
        }
    }
}

impl<T: FromValue> FromValue for Vec<T> {
    const TYPE: &'static str = "array";
    fn from_value(value: Value) -> Option<Self> {
        match value {
            Value::Array(values) => {
                values.into_iter().map(|value| T::from_value(Value::Scalar(value))).collect()
            }
            Value::Scalar(_) => None,
        }
    }
}

//! Rows of a result.

use std::rc::Rc;

use super::value::FromValue;
use crate::raw::db::{self as raw, Column, Error, Value};

/// Rows in one batch of an iteration: enough that many rows take few calls, few enough that wide rows take little
/// memory.
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

    /// Returns the value of the first column named `column`, as a `T`. An absent column, or a value that is not a `T`,
    /// is `InvalidArgument`.
    pub fn get<T: FromValue>(&self, column: &str) -> Result<T, Error> {
        let value = self
            .value(column)
            .ok_or_else(|| Error::InvalidArgument(format!("the row has no column `{column}`")))?;
        T::from_value(value.clone()).ok_or_else(|| {
            Error::InvalidArgument(format!("column `{column}` is {}, not {}", value.kind(), T::TYPE))
        })
    }

    /// Returns the value of the first column named `column`, or `None` when the row has no such column.
    pub fn value(&self, column: &str) -> Option<&Value> {
        let position = self.columns.iter().position(|name| name == column)?;
        self.values.get(position)
    }

    /// Returns all values, in the order of the columns.
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

    /// Like `new`, with column names that are already known. This saves a call to the host.
    pub(super) fn named(source: raw::Rows, columns: Rc<[String]>) -> Self {
        Self { source, columns, batch: Vec::new().into_iter(), ended: false }
    }

    /// Returns the columns, in order.
    pub fn columns(&self) -> Vec<Column> {
        self.source.columns()
    }

    /// Returns all remaining rows.
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::db::value::{Timestamptz, Uuid};
    use crate::params;

    fn read<T: FromValue>(value: impl Into<Value>) -> Result<T, Error> {
        Row::new(["v".to_owned()].into(), vec![value.into()]).get("v")
    }

    #[test]
    fn get_of_a_value_that_is_not_of_the_type_is_invalid_argument() {
        let rejected: [Option<Error>; 7] = [
            read::<i64>(None::<i64>).err(),
            read::<i16>(i64::from(i16::MAX) + 1).err(),
            read::<u64>(-1).err(),
            read::<String>(Timestamptz(0)).err(),
            read::<bool>(1).err(),
            read::<Vec<i64>>(1).err(),
            read::<i64>(Value::array([1])).err(),
        ];
        assert!(rejected.iter().all(|error| matches!(error, Some(Error::InvalidArgument(_)))));
        let sentence = read::<i64>("text").unwrap_err().to_string();
        assert_eq!(sentence, "db: An argument or statement is invalid: column `v` is text, not bigint");
    }

    #[test]
    fn get_of_an_absent_column_is_invalid_argument() {
        let row = Row::new(["v".to_owned()].into(), params![1]);
        assert!(matches!(row.get::<i64>("w"), Err(Error::InvalidArgument(_))));
    }

    #[test]
    fn get_returns_the_converted_value() {
        assert_eq!(read::<bool>(true), Ok(true));
        assert_eq!(read::<i64>(i64::MIN), Ok(i64::MIN));
        assert_eq!(read::<u32>(u32::MAX), Ok(u32::MAX));
        assert_eq!(read::<f64>(0.5_f32), Ok(0.5));
        assert_eq!(read::<String>("a"), Ok("a".to_owned()));
        assert_eq!(read::<String>(Uuid("u".to_owned())), Ok("u".to_owned()));
        assert_eq!(read::<Vec<u8>>(vec![1_u8, 2]), Ok(vec![1, 2]));
        assert_eq!(read::<Option<i64>>(None::<i64>), Ok(None));
        assert_eq!(read::<Option<i64>>(1), Ok(Some(1)));
        assert_eq!(read::<Vec<Option<i64>>>(Value::array([Some(1), None])), Ok(vec![Some(1), None]));
        assert_eq!(read::<Timestamptz>(Timestamptz(7)), Ok(Timestamptz(7)));
    }
}

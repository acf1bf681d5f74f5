//! Reading the plugin's own tables. And changing them, with what the contract calls `db-write`.
//!
//! ```
//! # fn f() -> Result<(), palisade_sdk::Error> {
//! use palisade_sdk::db::{self, col};
//! use palisade_sdk::params;
//!
//! let id: i64 = db::insert("drafts").columns(["title"]).row(params!["Hello"]).returning(["id"]).one()?.get("id")?;
//! let drafts = db::select("drafts")
//!     .columns(["id", "title"])
//!     .filter(col("id").at_least(id).and(col("title").ilike("h%")))
//!     .order_by("id")
//!     .limit(10)
//!     .fetch()?;
//! for draft in drafts {
//!     let title: String = draft.get("title")?;
//! }
//! db::update("drafts").set("title", "Hello again").filter(col("id").equals(id)).run()?;
//! db::delete("drafts").filter(col("id").equals(id)).run()?;
//! let newest = db::query("SELECT max(id) AS id FROM drafts WHERE id > $1", params![id])?.all()?;
//! # Ok(()) }
//! ```

pub use filter::{ColumnName, Filter, col};
pub use row::{FromValue, Row, Rows};
pub use select::Select;
pub use value::{Date, Inet, Json, Numeric, Time, Timestamp, Timestamptz, Uuid};
pub use write::{Changed, Delete, Insert, Update};

pub use crate::raw::db::{Column, Constraint, Interval, Scalar, Value, Violation};

mod filter;
mod row;
mod select;
mod value;
mod write;

use crate::error::interface_error;
use crate::raw::limits::Usage;
use crate::raw::{db as raw, db_write as raw_write};

interface_error! { "db",
    /// The grants do not cover the table, column, operation or statement.
    AccessDenied,
    /// An argument or statement is not acceptable.
    InvalidArgument(rule: String),
    /// A budget is used up: statements, rows or bytes.
    LimitExceeded(usage: Usage),
    /// A rule of the table refused the change.
    ConstraintViolation(violation: Violation),
    /// The transaction lost a race (40001, 40P01).
    Serialization,
    /// The statement took longer than allowed, or waited too long for a lock.
    Timeout,
    /// Anything else: the five-character SQLSTATE, `connection` when the database is out of reach, `in-doubt` when it was
    /// lost while it committed, or `internal`.
    Other(sqlstate: String),
}

/// Parameters of a statement, or the values of a row: `params![5, "text", None::<i64>]`.
#[macro_export]
macro_rules! params {
    ($($value:expr),* $(,)?) => {
        ::std::vec![$($crate::db::Value::from($value)),*]
    };
}

/// Returns rows of one table.
pub fn select(table: impl Into<String>) -> Select {
    Select::new(table.into())
}

/// Returns the rows of one SQL statement that reads: `SELECT`, `VALUES`, or `WITH` of these. Needs `query = true`.
pub fn query(sql: &str, parameters: impl AsRef<[Value]>) -> Result<Rows, Error> {
    raw::query(sql, parameters.as_ref()).map(Rows::new)
}

/// Inserts rows.
pub fn insert(table: impl Into<String>) -> Insert {
    Insert::new(table.into())
}

/// Changes the rows that meet the filter.
pub fn update(table: impl Into<String>) -> Update {
    Update::new(table.into())
}

/// Deletes the rows that meet the filter.
pub fn delete(table: impl Into<String>) -> Delete {
    Delete::new(table.into())
}

/// Runs one SQL statement that writes, `INSERT`, `UPDATE` or `DELETE`, and returns how many rows it changed. Needs
/// `execute = true`.
pub fn execute(sql: &str, parameters: impl AsRef<[Value]>) -> Result<u64, Error> {
    raw_write::execute(sql, parameters.as_ref())
}

/// A list of names, from anything that holds names.
fn names<N: Into<String>>(names: impl IntoIterator<Item = N>) -> Vec<String> {
    names.into_iter().map(Into::into).collect()
}

//! Reads from the plugin's own tables. It also writes to them, through the contract's interface `db-write`.
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
//! db::update("drafts").set("title", "Hello again").add("edits", 1).filter(col("id").equals(id)).run()?;
//! db::insert("tags")
//!     .columns(["name", "uses"])
//!     .row(params!["news", 1])
//!     .on_conflict_update(["name"], db::Merge::new().sum(["uses"]))
//!     .run()?;
//! let all = db::aggregate("drafts").count("drafts").sum("edits", "edits").one()?;
//! let (count, edits): (i64, Option<i64>) = (all.get("drafts")?, all.get("edits")?);
//! db::delete("drafts").filter(col("id").equals(id)).run()?;
//! let newest = db::query("SELECT max(id) AS id FROM drafts WHERE id > $1", params![id])?.all()?;
//! let gone = db::execute("DELETE FROM drafts WHERE id < $1 RETURNING *", params![id])?;
//! for draft in gone.rows {
//!     let title: String = draft.get("title")?;
//! }
//! # Ok(()) }
//! ```

pub use aggregate::Aggregate;
pub use filter::{ColumnName, Filter, col};
pub use row::{Row, Rows};
pub use select::Select;
pub use value::{Date, FromValue, Inet, Json, Numeric, Time, Timestamp, Timestamptz, Uuid};
pub use write::{Changed, Delete, Insert, Merge, Update};

pub use crate::raw::db::{Column, Constraint, Error, Interval, Scalar, Value, Violation};

mod aggregate;
mod filter;
mod row;
mod select;
mod value;
mod write;

use crate::raw::{db as raw, db_write as raw_write};

/// Returns rows of one table.
pub fn select(table: impl Into<String>) -> Select {
    Select::new(table.into())
}

/// Returns a row for each group of rows of one table: the columns of `group-by`, then the measures.
pub fn aggregate(table: impl Into<String>) -> Aggregate {
    Aggregate::new(table.into())
}

/// Returns the rows of one SQL statement that reads: `SELECT`, `VALUES`, `TABLE`, or `WITH` of these. Needs `query = true`.
pub fn query(sql: &str, parameters: impl AsRef<[Value]>) -> Result<Rows, Error> {
    raw::query(sql, parameters.as_ref()).map(Rows::new)
}

/// Inserts rows, or changes those that are in their way.
pub fn insert(table: impl Into<String>) -> Insert {
    Insert::new(table.into())
}

/// Changes the rows that match the filter.
pub fn update(table: impl Into<String>) -> Update {
    Update::new(table.into())
}

/// Deletes the rows that match the filter.
pub fn delete(table: impl Into<String>) -> Delete {
    Delete::new(table.into())
}

/// Runs one SQL statement that writes, `INSERT`, `UPDATE`, `DELETE`, `MERGE`, or `WITH` one of these, and returns the rows of its
/// outermost `RETURNING` or `SELECT`, all at once. Needs `execute = true`.
pub fn execute(sql: &str, parameters: impl AsRef<[Value]>) -> Result<Changed, Error> {
    raw_write::execute(sql, parameters.as_ref()).map(Changed::new)
}

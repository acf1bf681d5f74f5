//! Several hosts on one database: what a host does when its plugins' tables change while it serves, and how migrations run
//! beside those who use the tables.

mod development;
mod locks;
mod migrations;
mod types;

use crate::harness::altered;
use serde_json::{Value, json};
use std::fs;
use tempfile::TempDir;

/// A copy of the guest `sql` with these further migrations.
fn sql_with(files: &[(&str, &str)]) -> TempDir {
    let folder = altered("sql", |manifest| manifest);
    for (name, text) in files {
        add(&folder, name, text);
    }
    folder
}

/// Writes a migration.
fn add(folder: &TempDir, name: &str, text: &str) {
    fs::write(folder.path().join("migrations").join(name), text).unwrap();
}

fn scalar(tag: &str, val: impl Into<Value>) -> Value {
    json!({ "tag": "scalar", "val": { "tag": tag, "val": val.into() } })
}

/// The arguments of a select of one column of the row with this id.
fn selection(column: &str, id: i64, limit: Option<u32>) -> Value {
    let filter = json!([[{ "column": "id", "test": { "tag": "between", "val": [scalar("integer", id), scalar("integer", id)] } }]]);
    json!({ "selection": {
        "table": "kinds", "columns": [column], "filter": filter, "orderBy": [], "limit": limit, "after": [] } })
}

/// The arguments of an insert of one value.
fn insertion(column: &str, id: i64, value: &Value) -> Value {
    let row = json!([scalar("integer", id), value]);
    json!({ "insertion": { "table": "kinds", "columns": ["id", column], "rows": [row], "returning": [] } })
}

/// The arguments of an update of one value.
fn modification(column: &str, id: i64, value: &Value, returning: &[&str]) -> Value {
    let filter = json!([[{ "column": "id", "test": { "tag": "equal", "val": scalar("integer", id) } }]]);
    let assignments = json!([{ "column": column, "change": { "tag": "set", "val": value } }]);
    json!({ "modification": {
        "table": "kinds", "assignments": assignments, "filter": filter, "returning": returning } })
}

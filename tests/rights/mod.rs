//! A plugin's rights in PostgreSQL: on columns, on users' rows, and on its schema. Each is tested through a component
//! and directly in the database, without the guards.

mod clocks;
mod columns;
mod forging;
mod owners;
mod proofs;
mod reach;
mod schema;
mod taps;
mod tricks;

use crate::harness::{World, altered, returned};
use palisade::{CallError, Host, Policy, User};
use serde_json::{Value, json};
use tempfile::TempDir;
use uuid::Uuid;

/// The probe with a narrower grant on its table.
fn probe(notes: &str) -> TempDir {
    let all = r#"notes = ["select", "insert", "update", "delete"]"#;
    altered("probe", |manifest| {
        assert!(manifest.contains(all));
        manifest.replace(all, &format!("notes = {notes}"))
    })
}

/// Adds a migration to a plugin's folder.
fn migration(folder: &TempDir, name: &str, text: &str) {
    std::fs::write(folder.path().join("migrations").join(name), text).unwrap();
}

fn scalar(tag: &str, value: impl Into<Value>) -> Value {
    json!({ "tag": "scalar", "val": { "tag": tag, "val": value.into() } })
}

fn text(text: &str) -> Value {
    scalar("text", text)
}

fn integer(number: i64) -> Value {
    scalar("integer", number)
}

/// A condition that one column equals a value.
#[allow(clippy::needless_pass_by_value, reason = "callers build the argument for the call")]
fn equals(column: &str, value: Value) -> Value {
    json!([[{ "column": column, "test": { "tag": "equal", "val": value } }]])
}

#[allow(clippy::needless_pass_by_value, reason = "callers build the argument for the call")]
fn selection(columns: &[&str], filter: Value) -> Value {
    json!({ "selection": {
        "table": "notes", "columns": columns, "filter": filter, "orderBy": [], "limit": null, "after": [] } })
}

#[allow(clippy::needless_pass_by_value, reason = "callers build the argument for the call")]
fn insertion(columns: &[&str], row: Value, returning: &[&str]) -> Value {
    json!({ "insertion": { "table": "notes", "columns": columns, "rows": [row], "returning": returning } })
}

#[allow(clippy::needless_pass_by_value, reason = "callers build the argument for the call")]
fn modification(column: &str, value: Value, filter: Value, returning: &[&str]) -> Value {
    json!({ "modification": {
        "table": "notes", "assignments": [{ "column": column, "change": { "tag": "set", "val": value } }],
        "filter": filter, "returning": returning } })
}

#[allow(clippy::needless_pass_by_value, reason = "callers build the argument for the call")]
fn removal(filter: Value, returning: &[&str]) -> Value {
    json!({ "removal": { "table": "notes", "filter": filter, "returning": returning } })
}

fn sql(text: &str) -> Value {
    json!({ "sql": text, "parameters": [] })
}

/// Whether a call was denied without further details.
fn is_denied(result: Result<Value, CallError>) -> bool {
    returned(result) == json!({ "tag": "access-denied" })
}

/// All rights on a table whose rows belong to the users in the column `key`.
const OWNED: &str = r#"{ select = true, insert = true, update = true, delete = true, owner = "key" }"#;

fn uuid(id: Uuid) -> Value {
    scalar("uuid", id.to_string())
}

/// A host whose probe has a table of users' rows, and two users.
async fn owned(world: &World) -> (Host, User, User) {
    let folder = probe(OWNED);
    let host = world.builder().plugin(folder.path(), Policy::as_asked()).build().await.unwrap();
    let (ada, bob) = (world.user(&host, "Ada", &[]).await, world.user(&host, "Bob", &[]).await);
    (host, ada, bob)
}

fn note(title: &str, of: Uuid) -> Value {
    insertion(&["title", "key"], json!([text(title), uuid(of)]), &["title"])
}

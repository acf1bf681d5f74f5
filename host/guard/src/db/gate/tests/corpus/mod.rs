//! A catalogue and hundreds of statements for the gate's tests. `host/store/tests/gate_differential` includes this
//! folder and runs the statements against a server.

pub mod calls;
pub mod legitimate;
pub mod reads;
pub mod writes;

use crate::db::catalogue::{Catalogue, Column, Grant, Operations, Table};
use crate::db::gate::{ReadStatement, WriteStatement};
use crate::db::typmod::Typmod;
use crate::grant::ColumnSet;
use crate::refusal::Refusal;
use postgres_types::{Kind, Type};
use std::collections::BTreeSet;

pub fn column(name: &str, data_type: Type) -> Column {
    Column { name: name.to_owned(), data_type, nullable: true, typmod: Typmod::All }
}

/// The catalogue of an imaginary plugin `blog`: a table with every right, one to read, one to append to, one with a
/// secret column, and one whose columns have different rights.
pub fn catalogue() -> Catalogue {
    let status = Type::new(
        "status".to_owned(),
        90_000,
        Kind::Enum(vec!["draft".to_owned(), "live".to_owned()]),
        "plugin_blog".to_owned(),
    );
    let drafts = vec![
        column("id", Type::INT8),
        column("title", Type::TEXT),
        column("body", Type::TEXT),
        column("status", status),
        column("tags", Type::TEXT_ARRAY),
        column("data", Type::JSONB),
        column("price", Type::NUMERIC),
        column("created", Type::TIMESTAMPTZ),
        column("owner", Type::UUID),
    ];
    let comments = vec![column("id", Type::INT8), column("draft_id", Type::INT8), column("body", Type::TEXT)];
    let events = vec![column("id", Type::INT8), column("what", Type::TEXT)];
    let people = vec![column("id", Type::INT8), column("name", Type::TEXT), column("secret", Type::TEXT)];
    let all = Operations { select: true, insert: true, update: true, delete: true };
    let some =
        |names: &[&str]| ColumnSet::Some(names.iter().map(|&name| name.to_owned()).collect::<BTreeSet<_>>());
    Catalogue::new("plugin_blog", true, true)
        .with_table(Table::new("drafts", drafts, all))
        .with_table(Table::new("comments", comments, Operations { select: true, ..Operations::default() }))
        .with_table(Table::new("events", events, Operations { insert: true, ..Operations::default() }))
        .with_table(Table::new(
            "people",
            people,
            Grant { select: some(&["id", "name"]), update: some(&["name"]), ..Grant::default() },
        ))
        .with_table(Table::new(
            "letters",
            vec![column("id", Type::INT8), column("body", Type::TEXT), column("seal", Type::TEXT)],
            Grant {
                select: some(&["id"]),
                insert: some(&["id", "body"]),
                update: some(&["body"]),
                delete: true,
            },
        ))
}

pub fn read(sql: &str) -> Result<String, Refusal> {
    ReadStatement::parse(&catalogue(), sql).map(|statement| statement.text().to_owned())
}

pub fn write(sql: &str) -> Result<String, Refusal> {
    WriteStatement::parse(&catalogue(), sql).map(|statement| statement.text().to_owned())
}

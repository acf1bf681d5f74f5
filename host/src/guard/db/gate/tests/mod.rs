//! Tests of the gate: what is refused, what passes, what is printed, and what would exhaust the parser.

mod bombs;
mod differential;
mod foreign;
mod hostile;
mod hostile_calls;
mod hostile_reads;
mod legitimate;
mod round_trip;

use std::collections::BTreeSet;

use sqlparser::tokenizer::Location;
use tokio_postgres::types::{Kind, Type};

use super::super::Refusal;
use super::super::catalogue::{Catalogue, Column, ColumnSet, Grant, Operations, Table};
use super::super::kept::Kept;
use super::printer::Printer;
use super::scope::Names;
use super::{ReadStatement, WriteStatement};

pub(super) fn column(name: &str, data_type: Type) -> Column {
    Column { name: name.to_owned(), data_type, nullable: true, kept: Kept::All }
}

/// What a plugin `blog` could have: a table for everything, one to read, one to append to, one with a secret, and
/// one with columns of every right.
pub(super) fn catalogue() -> Catalogue {
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

pub(super) fn read(sql: &str) -> Result<String, Refusal> {
    ReadStatement::parse(&catalogue(), sql).map(|statement| statement.text().to_owned())
}

pub(super) fn write(sql: &str) -> Result<String, Refusal> {
    WriteStatement::parse(&catalogue(), sql).map(|statement| statement.text().to_owned())
}

#[test]
fn sql_text_without_its_grant_is_denied() {
    let drafts = || {
        let all = Operations { select: true, insert: true, update: true, delete: true };
        Table::new("drafts", vec![column("id", Type::INT8)], all)
    };
    let (reads, writes) = ("SELECT 1", "DELETE FROM drafts");
    for (query, execute) in [(false, false), (true, false), (false, true)] {
        let catalogue = Catalogue::new("plugin_blog", query, execute).with_table(drafts());
        assert_eq!(ReadStatement::parse(&catalogue, reads).is_ok(), query);
        assert_eq!(WriteStatement::parse(&catalogue, writes).is_ok(), execute);
        if !query {
            assert_eq!(ReadStatement::parse(&catalogue, reads), Err(Refusal::Denied));
        }
        if !execute {
            assert_eq!(WriteStatement::parse(&catalogue, writes), Err(Refusal::Denied));
        }
    }
}

#[test]
fn refusal_names_construct_position_and_rule() {
    let refusal = read("SELECT title,\n       now() FROM drafts").unwrap_err().to_string();
    assert_eq!(
        refusal,
        "`now` near line 2, column 8: SQL has no clock here: pass `clock.now` as a parameter"
    );
    for (call, instead) in [
        ("gen_random_uuid()", "what `random.bytes` gives"),
        ("current_user", "interface `user`"),
        ("pg_sleep(1)", "not in the list of functions"),
    ] {
        let refusal = read(&format!("SELECT {call}")).unwrap_err().to_string();
        assert!(refusal.contains(instead), "{refusal}");
    }
}

#[test]
fn position_that_the_parser_does_not_tell_is_the_last_that_it_told() {
    let catalogue = catalogue();
    let mut printer = Printer::new(Names::Granted(&catalogue));
    printer.see(Location { line: 3, column: 5 });
    printer.see(Location { line: 0, column: 0 });
    let refusal = Refusal::from(printer.refuse::<()>("this", "not so").unwrap_err());
    assert_eq!(refusal.to_string(), "this near line 3, column 5: not so");
}

#[test]
fn enum_is_of_a_granted_tables_column_or_of_its_elements() {
    let of = |schema: &str, name: &str| {
        Type::new(name.to_owned(), 90_000, Kind::Enum(vec!["live".to_owned()]), schema.to_owned())
    };
    let own = of("plugin_blog", "status");
    let array = Type::new("_status".to_owned(), 90_001, Kind::Array(own.clone()), "plugin_blog".to_owned());
    let cast = |data_type: Type| {
        let table = Table::new("drafts", vec![column("status", data_type)], Operations::default());
        ReadStatement::parse(
            &Catalogue::new("plugin_blog", true, true).with_table(table),
            "SELECT 'live'::status",
        )
    };
    assert!(cast(own).is_ok());
    assert!(cast(array).is_ok());
    for other in [of("public", "status"), of("plugin_blog", "state"), Type::TEXT] {
        assert!(cast(other).is_err());
    }
}

//! Tests of the gate: statements that are refused, statements that pass, the printed text, and statements that try to
//! exhaust the parser.

mod bombs;
pub(in crate::db) mod corpus;
mod cost;
mod extensions;
mod hostile;
mod legitimate;
mod lexing;
mod memory;
mod page;
mod round_trip;
mod rules;

use self::corpus::{catalogue, column, read, write};
use super::{ReadStatement, WriteStatement};
use crate::db::catalogue::{Catalogue, Operations, Table};
use crate::refusal::Refusal;
use postgres_types::{Kind, Type};

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
    let refusal = read("SELECT title,\n       pg_sleep(1) FROM drafts").unwrap_err().to_string();
    assert_eq!(refusal, "`pg_sleep` near line 2, column 8: not in the list of functions");
    for (call, instead) in [
        ("gen_random_uuid()", "what `random.bytes` gives"),
        ("current_user", "interface `user`"),
        ("pg_sleep(1)", "not in the list of functions"),
    ] {
        let refusal = read(&format!("SELECT {call}")).unwrap_err().to_string();
        assert!(refusal.contains(instead), "{refusal}");
    }
}

/// The parser's own messages are for those who work on it.
#[test]
fn syntax_error_says_in_words_of_sql_what_is_expected_and_where() {
    for (sql, sentence) in [
        (
            "SELECT id FROM drafts WHERE",
            "the end of the statement near line 1, column 23: not expected here: write a value first",
        ),
        (
            "SELECT (id FROM drafts",
            "`from` near line 1, column 12: not expected here: write `,` or `)` first",
        ),
        (
            "SELECT id\nFROM WHERE id = 1",
            "`where` near line 2, column 6: not expected here: write a table, a subquery or a function first",
        ),
        ("SELECT id FROM drafts ORDER id", "`id` near line 1, column 29: not expected here: write BY first"),
        ("SELECT CAST(id) FROM drafts", "`)` near line 1, column 15: not expected here: write AS first"),
        ("SELECT id + FROM drafts", "`from` near line 1, column 13: not expected here: write a value first"),
        (
            "SELECT CASE WHEN id = 1 THEN 2 FROM drafts",
            "`from` near line 1, column 32: not expected here: write END first",
        ),
        (
            "SELECT 1 AS",
            "the end of the statement near line 1, column 10: not expected here: write a name first",
        ),
        (
            "SELECT id::",
            "the end of the statement near line 1, column 10: not expected here: write a type first",
        ),
    ] {
        assert_eq!(read(sql).unwrap_err().to_string(), sentence, "{sql}");
    }
    for sql in [
        "SELECT ,",
        "SELECT id id id FROM drafts",
        "SELECT * FROM drafts d JOIN",
        "VALUES 1",
        "WITH x SELECT 1",
        "SELECT a[ FROM drafts",
        "SELECT 1 LIMIT LIMIT",
        "SELECT id IN FROM drafts",
        "TABLE",
        "SELECT DISTINCT ON id FROM drafts",
    ] {
        let sentence = read(sql).unwrap_err().to_string();
        let words = ["expr", "_KW", "PAREN", "atom", "got ", "IDENT", "node"];
        assert!(
            !words.iter().any(|word| sentence.contains(word)) && sentence.contains(" near line 1, column "),
            "{sql}: {sentence}"
        );
    }
}

#[test]
fn cast_to_an_enum_is_accepted_only_if_a_column_or_its_elements_have_it() {
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

//! Tests of structured calls: names first, then limits. `written.rs` tests the text of the statements.

mod aggregate;
mod conflict;
mod written;

use super::super::Refusal;
use super::super::catalogue::{Catalogue, Column, Grant, Operations, Table};
use super::{
    Assignment, Change, Condition, Direction, Insertion, Modification, Ordering, Removal, Selection, Test,
};
use crate::db::typmod::Typmod;
use crate::db::value::Nullable;
use crate::grant::ColumnSet;
use crate::limits;
use crate::reports::Notes;
use postgres_types::{Kind, Type};

/// A value that is null when it is zero.
#[derive(Clone, Debug, PartialEq)]
struct Number(u32);

impl Nullable for Number {
    fn is_null(&self) -> bool {
        self.0 == 0
    }
}

fn catalogue() -> Catalogue {
    let column = |name: &str, data_type: Type, nullable| Column {
        name: name.to_owned(),
        data_type,
        nullable,
        typmod: Typmod::All,
    };
    let status =
        Type::new("status".to_owned(), 90_000, Kind::Enum(vec!["live".to_owned()]), "plugin_blog".to_owned());
    let columns = vec![
        column("id", Type::INT8, false),
        column("title", Type::TEXT, true),
        column("odd\"name", Type::TEXT, false),
        column("status", status, false),
        column("data", Type::JSONB, true),
        column("raw", Type::JSON, true),
        column("tags", Type::TEXT_ARRAY, true),
        column("secret", Type::TEXT, true),
    ];
    let some = |names: &[&str]| ColumnSet::Some(names.iter().map(|&name| name.to_owned()).collect());
    let readable = some(&["id", "title", "odd\"name", "status", "data", "raw", "tags"]);
    let grant =
        Grant { select: readable, insert: ColumnSet::All, update: some(&["title", "secret"]), delete: true };
    Catalogue::new("plugin_blog", false, false)
        .with_table(Table::new("drafts", columns.clone(), grant))
        .with_table(Table::new("log", columns, Operations { insert: true, ..Operations::default() }))
}

/// An assignment of a value.
fn set(column: &str, value: u32) -> Assignment<Number> {
    Assignment { column: column.to_owned(), change: Change::Set(Number(value)) }
}

fn owned(names: &[&str]) -> Vec<String> {
    names.iter().map(|&name| name.to_owned()).collect()
}

fn condition(column: &str, test: Test<Number>) -> Condition<Number> {
    Condition { column: column.to_owned(), test }
}

fn selection(columns: &[&str], filter: Vec<Vec<Condition<Number>>>) -> Selection<Number> {
    Selection {
        table: "drafts".to_owned(),
        columns: owned(columns),
        filter,
        order_by: Vec::new(),
        limit: None,
        after: Vec::new(),
    }
}

fn order(columns: &[(&str, Direction)]) -> Vec<Ordering> {
    columns.iter().map(|&(column, direction)| Ordering { column: column.to_owned(), direction }).collect()
}

fn invalid(result: Result<super::Statement<Number>, Refusal>, rule: &str) {
    match result {
        Err(Refusal::Invalid(text)) => assert!(text.contains(rule), "{text}"),
        other => panic!("{rule}: {other:?}"),
    }
}

const HOSTILE_NAMES: &[&str] = &[
    "pg_settings",
    "DRAFTS",
    "Id",
    "user",
    "ctid",
    "tableoid",
    "xmin",
    "drafts.id",
    "plugin_blog.drafts",
    "\"id\"",
    "id\"",
    "id; DROP TABLE drafts",
    "id\0",
    "\0",
    "",
    " id",
    "id ",
    "*",
    "i\u{501}",
    "dr\u{430}fts",
    "secret",
    "id0123456789012345678901234567890123456789012345678901234567890123",
];

/// What the guest is told of a refusal.
fn bare(refusal: Refusal) -> Refusal {
    refusal.noted(&mut Notes::default())
}

#[test]
fn name_that_is_not_granted_is_denied_everywhere() {
    let catalogue = catalogue();
    for &name in HOSTILE_NAMES {
        let by_name = || vec![vec![condition(name, Test::IsNull)]];
        let fine = || vec![vec![condition("id", Test::Equal(Number(1)))]];
        let table = Selection { table: name.to_owned(), ..selection(&["id"], Vec::new()) };
        let ordered =
            Selection { order_by: order(&[(name, Direction::Ascending)]), ..selection(&["id"], Vec::new()) };
        let returned = Removal { table: "drafts".to_owned(), filter: fine(), returning: owned(&[name]) };
        let filtered = Removal { table: "drafts".to_owned(), filter: by_name(), returning: Vec::new() };
        for (place, result) in [
            ("table", table.parse(&catalogue)),
            ("columns", selection(&[name], Vec::new()).parse(&catalogue)),
            ("filter", selection(&["id"], by_name()).parse(&catalogue)),
            ("order", ordered.parse(&catalogue)),
            ("returning", returned.parse(&catalogue)),
            ("delete", filtered.parse(&catalogue)),
        ] {
            assert_eq!(result.map_err(bare), Err(Refusal::Denied), "{place}: {name}");
        }
        if name != "secret" {
            let row = Insertion {
                table: "log".to_owned(),
                columns: owned(&[name]),
                rows: vec![vec![Number(1)]],
                on_conflict: None,
                returning: Vec::new(),
            };
            assert_eq!(row.parse(&catalogue).map_err(bare), Err(Refusal::Denied), "insert: {name}");
        }
    }
}

#[test]
fn operation_that_is_not_granted_is_denied() {
    let catalogue = catalogue();
    let filter = || vec![vec![condition("id", Test::Equal(Number(1)))]];
    let read = Selection { table: "log".to_owned(), ..selection(&["id"], Vec::new()) };
    assert_eq!(read.parse(&catalogue).map_err(bare), Err(Refusal::Denied));
    let removal = Removal { table: "log".to_owned(), filter: filter(), returning: Vec::new() };
    assert_eq!(removal.parse(&catalogue).map_err(bare), Err(Refusal::Denied));
    let change = |table: &str, column: &str| Modification {
        table: table.to_owned(),
        assignments: vec![set(column, 1)],
        filter: filter(),
        returning: Vec::new(),
    };
    assert_eq!(change("log", "title").parse(&catalogue).map_err(bare), Err(Refusal::Denied));
    assert_eq!(change("drafts", "id").parse(&catalogue).map_err(bare), Err(Refusal::Denied));
    assert!(change("drafts", "secret").parse(&catalogue).is_ok());
    let row = Insertion {
        table: "log".to_owned(),
        columns: owned(&["id"]),
        rows: vec![vec![Number(1)]],
        on_conflict: None,
        returning: owned(&["id"]),
    };
    assert_eq!(row.parse(&catalogue).map_err(bare), Err(Refusal::Denied));
}

#[test]
fn keyset_that_does_not_fit_its_order_is_refused() {
    let catalogue = catalogue();
    let (up, down) = (Direction::Ascending, Direction::Descending);
    for (columns, after, rule) in [
        (&[][..], vec![Number(1)], "one value for each"),
        (&[("id", up)][..], vec![Number(1), Number(2)], "one value for each"),
        (&[("id", up)][..], vec![Number(0)], "may be null"),
        (&[("id", up), ("title", down)][..], vec![Number(1), Number(2)], "one direction"),
        (&[("id", up), ("id", up)][..], vec![Number(1), Number(2)], "twice"),
    ] {
        let call = Selection { order_by: order(columns), after, ..selection(&["id"], Vec::new()) };
        invalid(call.parse(&catalogue), rule);
    }
}

#[test]
fn test_that_does_not_fit_its_column_is_refused() {
    let catalogue = catalogue();
    for (column, test, rule) in [
        ("id", Test::Like(Number(1)), "like and ilike"),
        ("status", Test::Ilike(Number(1)), "like and ilike"),
        ("raw", Test::Equal(Number(1)), "jsonb"),
        ("raw", Test::OneOf(vec![]), "jsonb"),
        ("raw", Test::Contains(Number(1)), "jsonb"),
        ("title", Test::Contains(Number(1)), "jsonb"),
    ] {
        invalid(selection(&["id"], vec![vec![condition(column, test)]]).parse(&catalogue), rule);
    }
    let call =
        Selection { order_by: order(&[("raw", Direction::Ascending)]), ..selection(&["id"], Vec::new()) };
    invalid(call.parse(&catalogue), "jsonb");
}

#[test]
fn change_without_a_condition_is_refused() {
    let catalogue = catalogue();
    let some = || vec![condition("id", Test::Equal(Number(1)))];
    for filter in [vec![], vec![vec![]], vec![some(), vec![]]] {
        let removal = Removal { table: "drafts".to_owned(), filter: filter.clone(), returning: Vec::new() };
        invalid(removal.parse(&catalogue), "at least 1 condition");
        let assignments = vec![set("title", 1)];
        let change = Modification { table: "drafts".to_owned(), assignments, filter, returning: Vec::new() };
        invalid(change.parse(&catalogue), "at least 1 condition");
    }
}

#[test]
fn list_that_is_empty_or_repeats_a_column_is_refused() {
    let catalogue = catalogue();
    invalid(selection(&[], Vec::new()).parse(&catalogue), "at least 1");
    invalid(selection(&["id", "id"], Vec::new()).parse(&catalogue), "twice");
    let insertion = |columns: &[&str], rows| Insertion {
        table: "drafts".to_owned(),
        columns: owned(columns),
        rows,
        on_conflict: None,
        returning: Vec::new(),
    };
    invalid(insertion(&[], vec![vec![]]).parse(&catalogue), "at least 1");
    invalid(insertion(&["id", "id"], vec![vec![Number(1), Number(1)]]).parse(&catalogue), "twice");
    invalid(insertion(&["id"], vec![]).parse(&catalogue), "1 to 1000 rows");
    invalid(insertion(&["id"], vec![vec![Number(1), Number(2)]]).parse(&catalogue), "2 values for 1 columns");
    let assignments = vec![set("title", 1), set("title", 2)];
    let filter = || vec![vec![condition("id", Test::Equal(Number(1)))]];
    let change = |assignments| Modification {
        table: "drafts".to_owned(),
        assignments,
        filter: filter(),
        returning: Vec::new(),
    };
    invalid(change(assignments).parse(&catalogue), "twice");
    invalid(change(Vec::new()).parse(&catalogue), "at least 1");
}

#[test]
fn call_at_each_limit_is_accepted_and_over_it_refused() {
    let catalogue = catalogue();
    let select = |filter| selection(&["id"], filter).parse(&catalogue);
    let conditions =
        |count: usize| vec![(0..count).map(|_| condition("id", Test::IsNull)).collect::<Vec<_>>()];
    assert!(select(conditions(limits::DB_CONDITIONS_MAX)).is_ok());
    invalid(select(conditions(limits::DB_CONDITIONS_MAX + 1)), "at most 64 conditions");
    assert!(select(vec![Vec::new(); limits::DB_CONDITIONS_MAX]).is_ok());
    invalid(select(vec![Vec::new(); limits::DB_CONDITIONS_MAX + 1]), "at most 64 conditions");
    let one_of = |count| vec![vec![condition("id", Test::OneOf(vec![Number(1); count]))]];
    assert!(select(one_of(limits::DB_ONE_OF_MAX)).is_ok());
    invalid(select(one_of(limits::DB_ONE_OF_MAX + 1)), "at most 1000 values");
    let rows = |columns: &[&str], count| {
        let rows = vec![vec![Number(1); columns.len()]; count];
        Insertion {
            table: "drafts".to_owned(),
            columns: owned(columns),
            rows,
            on_conflict: None,
            returning: Vec::new(),
        }
        .parse(&catalogue)
    };
    assert!(rows(&["id"], limits::DB_INSERT_ROWS_MAX).is_ok());
    invalid(rows(&["id"], limits::DB_INSERT_ROWS_MAX + 1), "1 to 1000 rows");
}

#[test]
fn more_parameters_than_the_protocol_allows_are_refused() {
    let names: Vec<String> = (0..255).map(|number| format!("c{number}")).collect();
    let columns = names
        .iter()
        .map(|name| Column { name: name.clone(), data_type: Type::INT8, nullable: true, typmod: Typmod::All })
        .collect();
    let all = Operations { insert: true, ..Operations::default() };
    let catalogue = Catalogue::new("s", false, false).with_table(Table::new("t", columns, all));
    let call = |rows: usize| Insertion {
        table: "t".to_owned(),
        columns: names.clone(),
        rows: vec![vec![Number(1); names.len()]; rows],
        on_conflict: None,
        returning: Vec::new(),
    };
    let most = limits::DB_PARAMETERS_MAX / names.len();
    assert_eq!(most * names.len(), limits::DB_PARAMETERS_MAX);
    assert!(call(most).parse(&catalogue).is_ok());
    invalid(call(most + 1).parse(&catalogue), "at most 65535");
}

#[test]
fn only_a_select_by_a_whole_key_returns_at_most_one_row() {
    let key = |names: &[&str]| names.iter().map(|&name| name.to_owned()).collect();
    let columns = ["a", "b", "c"].map(|name| Column {
        name: name.into(),
        data_type: Type::INT8,
        nullable: true,
        typmod: Typmod::All,
    });
    let all = Operations { select: true, ..Operations::default() };
    let table = Table::new("t", columns.into(), all).with_keys(vec![key(&["a"]), key(&["b", "c"])]);
    let catalogue = Catalogue::new("s", false, false).with_table(table);
    let equal = |name: &str| Condition { column: name.into(), test: Test::Equal(Number(1)) };
    let less = |name: &str| Condition { column: name.into(), test: Test::Less(Number(1)) };
    let rows_max = |filter: Vec<Vec<Condition<Number>>>, limit| {
        let selection = Selection {
            table: "t".into(),
            columns: vec!["a".into()],
            filter,
            order_by: Vec::new(),
            limit,
            after: Vec::new(),
        };
        selection.parse(&catalogue).unwrap().rows_max()
    };
    assert_eq!(rows_max(vec![vec![equal("a")]], None), Some(1));
    assert_eq!(rows_max(vec![vec![less("a"), equal("c"), equal("b")]], Some(7)), Some(1));
    for filter in [
        vec![],
        vec![vec![less("a")]],
        vec![vec![equal("b")]],
        vec![vec![equal("a")], vec![equal("c")]],
        vec![vec![equal("b"), less("c")]],
    ] {
        assert_eq!(rows_max(filter.clone(), None), None, "{filter:?}");
        assert_eq!(rows_max(filter, Some(7)), Some(7));
    }
}

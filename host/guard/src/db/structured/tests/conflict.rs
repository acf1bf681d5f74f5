//! Tests of new values: increments, and what an insert does with the row in its way. Names first, then types and the text.

use super::super::{Argument, Conflict, Merge, Merging, Resolution};
use super::*;

const TYPES: [(&str, Type); 8] = [
    ("slug", Type::TEXT),
    ("small", Type::INT2),
    ("views", Type::INT4),
    ("large", Type::INT8),
    ("amount", Type::NUMERIC),
    ("single", Type::FLOAT4),
    ("ratio", Type::FLOAT8),
    ("span", Type::INTERVAL),
];
const NUMBERS: [&str; 6] = ["small", "views", "large", "amount", "single", "ratio"];

/// Everything may be read and inserted but `blind`, which may only be changed, and `kept`, which may not.
fn pages() -> Catalogue {
    let column = |name: &str, data_type: Type| Column {
        name: name.to_owned(),
        data_type,
        nullable: true,
        typmod: if name == "amount" { Typmod::Digits(2) } else { Typmod::All },
    };
    let mut columns: Vec<Column> =
        TYPES.iter().map(|(name, data_type)| column(name, data_type.clone())).collect();
    columns.extend([column("blind", Type::INT4), column("kept", Type::INT4)]);
    let names = |more: &str| {
        let all = TYPES.iter().map(|&(name, _)| name.to_owned()).chain([more.to_owned()]);
        ColumnSet::Some(all.collect())
    };
    let grant =
        Grant { select: names("kept"), insert: ColumnSet::All, update: names("blind"), delete: false };
    Catalogue::new("s", false, false).with_table(Table::new("pages", columns, grant))
}

fn merging(column: &str, merge: Merge<Number>) -> Merging<Number> {
    Merging { column: column.to_owned(), merge }
}

fn add(column: &str, value: u32) -> Assignment<Number> {
    Assignment { column: column.to_owned(), change: Change::Add(Number(value)) }
}

fn upsert(columns: &[&str], key: &[&str], resolution: Resolution<Number>) -> Insertion<Number> {
    Insertion {
        table: "pages".to_owned(),
        columns: owned(columns),
        rows: vec![(1..).take(columns.len()).map(Number).collect()],
        on_conflict: Some(Conflict { columns: owned(key), resolution }),
        returning: Vec::new(),
    }
}

fn update(assignments: Vec<Assignment<Number>>) -> Modification<Number> {
    Modification {
        table: "pages".to_owned(),
        assignments,
        filter: vec![vec![condition("slug", Test::Equal(Number(9)))]],
        returning: Vec::new(),
    }
}

#[test]
fn name_that_is_not_granted_is_denied_in_a_conflict() {
    let catalogue = pages();
    for &name in HOSTILE_NAMES.iter().chain(&["blind"]) {
        let call = upsert(&["slug"], &[name], Resolution::Nothing);
        assert_eq!(call.parse(&catalogue).map_err(bare), Err(Refusal::Denied), "key: {name}");
    }
    for &name in HOSTILE_NAMES.iter().chain(&["kept"]) {
        for merge in [
            Merge::Inserted,
            Merge::Sum,
            Merge::Change(Change::Set(Number(1))),
            Merge::Change(Change::Add(Number(1))),
        ] {
            let call = upsert(&["slug", "kept"], &["slug"], Resolution::Update(vec![merging(name, merge)]));
            assert_eq!(call.parse(&catalogue).map_err(bare), Err(Refusal::Denied), "update: {name}");
        }
        assert_eq!(
            update(vec![add(name, 1)]).parse(&catalogue).map_err(bare),
            Err(Refusal::Denied),
            "add: {name}"
        );
    }
}

/// A sum reads the column.
#[test]
fn adding_to_a_column_that_may_not_be_read_is_denied() {
    let catalogue = pages();
    assert_eq!(update(vec![add("blind", 1)]).parse(&catalogue).map_err(bare), Err(Refusal::Denied));
    for merge in [Merge::Sum, Merge::Change(Change::Add(Number(1)))] {
        let resolution = Resolution::Update(vec![merging("blind", merge)]);
        assert_eq!(
            upsert(&["slug", "blind"], &["slug"], resolution).parse(&catalogue).map_err(bare),
            Err(Refusal::Denied)
        );
    }
    for merge in [Merge::Inserted, Merge::Change(Change::Set(Number(1)))] {
        let resolution = Resolution::Update(vec![merging("blind", merge)]);
        assert!(upsert(&["slug", "blind"], &["slug"], resolution).parse(&catalogue).is_ok());
    }
}

#[test]
fn only_numbers_can_be_added() {
    let catalogue = pages();
    for (name, _) in TYPES {
        let calls = [
            update(vec![add(name, 1)]).parse(&catalogue),
            upsert(
                &["slug", "large"],
                &["slug"],
                Resolution::Update(vec![merging(name, Merge::Change(Change::Add(Number(1))))]),
            )
            .parse(&catalogue),
        ];
        for call in calls {
            if NUMBERS.contains(&name) {
                assert!(call.is_ok(), "{name}: {call:?}");
            } else {
                invalid(call, "adding needs a column of numbers");
            }
        }
    }
    let sum = Resolution::Update(vec![merging("span", Merge::Sum)]);
    invalid(upsert(&["slug", "span"], &["slug"], sum).parse(&catalogue), "adding needs a column of numbers");
}

/// The sum would be null, and the column would lose its value.
#[test]
fn null_is_never_added() {
    let catalogue = pages();
    invalid(update(vec![add("views", 0)]).parse(&catalogue), "null cannot be added");
    let added = Resolution::Update(vec![merging("views", Merge::Change(Change::Add(Number(0))))]);
    invalid(upsert(&["slug"], &["slug"], added).parse(&catalogue), "null cannot be added");
    let sum = || Resolution::Update(vec![merging("views", Merge::Sum)]);
    let rows = |last: u32| vec![vec![Number(1), Number(2)], vec![Number(3), Number(last)]];
    let call = |last| Insertion { rows: rows(last), ..upsert(&["slug", "views"], &["slug"], sum()) };
    invalid(call(0).parse(&catalogue), "null cannot be added");
    assert!(call(4).parse(&catalogue).is_ok());
    // Null in another column is a value like any other.
    let call =
        Insertion { rows: vec![vec![Number(0), Number(2)]], ..upsert(&["slug", "views"], &["slug"], sum()) };
    assert!(call.parse(&catalogue).is_ok());
}

#[test]
fn conflict_that_is_empty_or_names_a_column_twice_is_refused() {
    let catalogue = pages();
    let nothing = |key: &[&str]| upsert(&["slug"], key, Resolution::Nothing).parse(&catalogue);
    invalid(nothing(&[]), "at least 1");
    invalid(nothing(&["slug", "slug"]), "twice");
    let update = |columns: &[&str]| {
        let merges = columns.iter().map(|column| merging(column, Merge::Inserted)).collect();
        upsert(&["slug", "views"], &["slug"], Resolution::Update(merges)).parse(&catalogue)
    };
    invalid(update(&[]), "at least 1");
    invalid(update(&["views", "views"]), "twice");
    for merge in [Merge::Inserted, Merge::Sum] {
        let call = upsert(&["slug"], &["slug"], Resolution::Update(vec![merging("views", merge)]));
        invalid(call.parse(&catalogue), "`views` is not among the columns to insert");
    }
}

#[test]
fn increment_is_written_from_granted_names() {
    let statement = update(vec![add("views", 1), set("slug", 2), add("amount", 3)]).parse(&pages()).unwrap();
    assert_eq!(
        statement.sql(),
        "UPDATE \"s\".\"pages\" SET \"views\" = \"views\" + $1, \"slug\" = $2, \"amount\" = \"amount\" + $3 \
         WHERE (\"slug\" = $4) RETURNING (NULL::\"s\".\"pages\").\"views\", (NULL::\"s\".\"pages\").\"slug\", \
         (NULL::\"s\".\"pages\").\"amount\""
    );
    let types: Vec<_> = statement.parameters().iter().map(|(_, data_type)| data_type.clone()).collect();
    assert_eq!(types, [Type::INT4, Type::TEXT, Type::NUMERIC, Type::TEXT]);
    // A sum of numbers that the column stores exactly is exact.
    assert_eq!(statement.parameters()[2].0, Argument::Stored(Number(3), Typmod::Digits(2)));
}

#[test]
fn conflict_is_written_from_granted_names() {
    let catalogue = pages();
    let call = |resolution| {
        let call = upsert(&["slug", "views"], &["slug", "large"], resolution);
        Insertion { returning: owned(&["views"]), ..call }.parse(&catalogue).unwrap()
    };
    let head = "INSERT INTO \"s\".\"pages\" AS \"stored\" (\"slug\", \"views\") VALUES ($1, $2) \
         ON CONFLICT (\"slug\", \"large\") DO ";
    // The types of the columns that the guest does not see.
    let hidden = |columns: &[&str]| {
        let list: Vec<String> =
            columns.iter().map(|column| format!(", (NULL::\"s\".\"pages\").\"{column}\"")).collect();
        list.concat()
    };
    assert_eq!(
        call(Resolution::Nothing).sql(),
        format!("{head}NOTHING RETURNING \"views\"{}", hidden(&["slug", "large"]))
    );
    let statement = call(Resolution::Update(vec![
        merging("slug", Merge::Inserted),
        merging("views", Merge::Sum),
        merging("small", Merge::Change(Change::Set(Number(3)))),
        merging("amount", Merge::Change(Change::Add(Number(4)))),
    ]));
    assert_eq!(
        statement.sql(),
        format!(
            "{head}UPDATE SET \"slug\" = EXCLUDED.\"slug\", \"views\" = \"stored\".\"views\" + EXCLUDED.\"views\", \
             \"small\" = $3, \"amount\" = \"stored\".\"amount\" + $4 RETURNING \"views\"{}",
            hidden(&["slug", "large", "small", "amount"])
        )
    );
    assert_eq!(statement.parameters()[2], (Argument::Stored(Number(3), Typmod::All), Type::INT2));
    assert_eq!(statement.parameters()[3], (Argument::Stored(Number(4), Typmod::Digits(2)), Type::NUMERIC));
    assert_eq!(statement.columns(), [("views".to_owned(), Type::INT4)]);
}

//! Tests of the text that structured calls are written as.

use super::super::{Argument, Insertion, Modification, Removal};
use super::*;

#[test]
fn select_is_written_from_granted_names() {
    let catalogue = catalogue();
    let filter = vec![
        vec![
            condition("id", Test::Between(Number(1), Number(2))),
            condition("odd\"name", Test::Like(Number(3))),
        ],
        vec![
            condition("title", Test::OneOf(vec![Number(4), Number(5)])),
            condition("data", Test::Contains(Number(6))),
        ],
    ];
    let call = Selection {
        order_by: order(&[("title", Direction::Descending), ("id", Direction::Ascending)]),
        limit: Some(10),
        ..selection(&["id", "odd\"name"], filter)
    };
    let statement = call.parse(&catalogue).unwrap();
    assert_eq!(
        statement.sql(),
        "SELECT \"id\", \"odd\"\"name\", (NULL::\"plugin_blog\".\"drafts\").\"title\", \
         (NULL::\"plugin_blog\".\"drafts\").\"data\" FROM \"plugin_blog\".\"drafts\" WHERE (\"id\" >= $1 AND \"id\" <= $2 AND \
         \"odd\"\"name\" LIKE $3) OR (\"title\" = ANY ($4) AND \"data\" @> $5) \
         ORDER BY \"plugin_blog\".\"drafts\".\"title\" DESC NULLS LAST, \"plugin_blog\".\"drafts\".\"id\" LIMIT $6"
    );
    let types: Vec<_> = statement.parameters().iter().map(|(_, data_type)| data_type.clone()).collect();
    assert_eq!(types, [Type::INT8, Type::INT8, Type::TEXT, Type::TEXT_ARRAY, Type::JSONB, Type::INT8]);
    assert_eq!(statement.parameters()[3].0, Argument::List(vec![Number(4), Number(5)]));
    assert_eq!(statement.columns(), [("id".to_owned(), Type::INT8), ("odd\"name".to_owned(), Type::TEXT)]);
}

#[test]
fn text_depends_on_the_shape_of_a_call_and_not_on_its_values() {
    let sql = |values: Vec<Number>| {
        let filter = vec![vec![condition("title", Test::OneOf(values))]];
        selection(&["id"], filter).parse(&catalogue()).unwrap().sql().to_owned()
    };
    assert_eq!(sql(vec![]), sql(vec![Number(1), Number(2)]));
}

#[test]
fn one_of_for_an_enum_lists_its_values_and_an_empty_one_is_false() {
    let sql = |values: Vec<Number>| {
        let filter = vec![vec![condition("status", Test::OneOf(values))]];
        selection(&["id"], filter).parse(&catalogue()).unwrap().sql().to_owned()
    };
    assert!(sql(vec![Number(1), Number(2)]).ends_with("WHERE (\"status\" IN ($1, $2))"));
    assert!(sql(vec![]).ends_with("WHERE (false)"));
}

#[test]
fn keyset_compares_whole_rows_and_keeps_rows_with_nulls() {
    let catalogue = catalogue();
    let call = |columns: &[(&str, Direction)], after: Vec<Number>, filter| Selection {
        order_by: order(columns),
        after,
        ..selection(&["id"], filter)
    };
    let down = Direction::Descending;
    let plain = call(&[("odd\"name", down), ("id", down)], vec![Number(1), Number(2)], Vec::new());
    assert!(
        plain
            .parse(&catalogue)
            .unwrap()
            .sql()
            .contains(" WHERE (\"odd\"\"name\", \"id\") < ($1, $2) ORDER BY")
    );
    let either = vec![vec![condition("id", Test::IsNull)], vec![condition("id", Test::IsNotNull)]];
    let nulls = call(&[("title", down), ("id", down)], vec![Number(1), Number(2)], either);
    assert!(nulls.parse(&catalogue).unwrap().sql().contains(
        " WHERE ((\"id\" IS NULL) OR (\"id\" IS NOT NULL)) AND \
         (\"title\" < $1 OR \"title\" IS NULL OR (\"title\" = $1 AND (\"id\" < $2))) ORDER BY"
    ));
}

#[test]
fn changes_are_written_from_granted_names() {
    let catalogue = catalogue();
    let insertion = Insertion {
        table: "drafts".to_owned(),
        columns: owned(&["id", "secret"]),
        rows: vec![vec![Number(1), Number(2)], vec![Number(3), Number(0)]],
        on_conflict: None,
        returning: owned(&["id"]),
    };
    let statement = insertion.parse(&catalogue).unwrap();
    assert_eq!(
        statement.sql(),
        "INSERT INTO \"plugin_blog\".\"drafts\" (\"id\", \"secret\") VALUES ($1, $2), ($3, $4) RETURNING \"id\", \
         (NULL::\"plugin_blog\".\"drafts\").\"secret\""
    );
    assert_eq!(statement.columns(), [("id".to_owned(), Type::INT8)]);
    let change = Modification {
        table: "drafts".to_owned(),
        assignments: vec![set("title", 1), set("secret", 3)],
        filter: vec![vec![condition("id", Test::Equal(Number(2)))]],
        returning: Vec::new(),
    };
    let statement = change.parse(&catalogue).unwrap();
    assert_eq!(
        statement.sql(),
        "UPDATE \"plugin_blog\".\"drafts\" SET \"title\" = $1, \"secret\" = $2 WHERE (\"id\" = $3) \
         RETURNING (NULL::\"plugin_blog\".\"drafts\").\"title\", (NULL::\"plugin_blog\".\"drafts\").\"secret\", \
         (NULL::\"plugin_blog\".\"drafts\").\"id\""
    );
    let removal = Removal {
        table: "drafts".to_owned(),
        filter: vec![vec![condition("title", Test::NotEqual(Number(1)))]],
        returning: Vec::new(),
    };
    let statement = removal.parse(&catalogue).unwrap();
    assert_eq!(
        statement.sql(),
        "DELETE FROM \"plugin_blog\".\"drafts\" WHERE (\"title\" <> $1) \
         RETURNING (NULL::\"plugin_blog\".\"drafts\").\"title\""
    );
}

#[test]
fn stored_value_is_bound_with_the_typmod_of_its_column() {
    let typmod = Typmod::Characters(3);
    let column = Column { name: "code".to_owned(), data_type: Type::VARCHAR, nullable: true, typmod };
    let all = Operations { insert: true, update: true, select: true, ..Operations::default() };
    let catalogue = Catalogue::new("s", false, false).with_table(Table::new("t", vec![column], all));
    let insertion = Insertion {
        table: "t".to_owned(),
        columns: owned(&["code"]),
        rows: vec![vec![Number(1)]],
        on_conflict: None,
        returning: Vec::new(),
    };
    assert_eq!(insertion.parse(&catalogue).unwrap().parameters()[0].0, Argument::Stored(Number(1), typmod));
    let change = Modification {
        table: "t".to_owned(),
        assignments: vec![set("code", 1)],
        filter: vec![vec![condition("code", Test::Equal(Number(2)))]],
        returning: Vec::new(),
    };
    let statement = change.parse(&catalogue).unwrap();
    assert_eq!(statement.parameters()[0].0, Argument::Stored(Number(1), typmod));
    assert_eq!(statement.parameters()[1].0, Argument::Value(Number(2)));
    assert_eq!((statement.parameters().len(), statement.columns().len()), (2, 0));
}

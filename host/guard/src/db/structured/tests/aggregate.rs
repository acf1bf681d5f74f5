//! Tests of `aggregate`: names first, then types, limits and the text.

use super::super::{Aggregation, Computation, Measure};
use super::*;
use crate::db::cost::Size;
use crate::db::value::{Scalar, Value};

fn measure(name: &str, computation: Computation) -> Measure {
    Measure { name: name.to_owned(), computation }
}

/// Every computation of a column.
const OF_A_COLUMN: [fn(String) -> Computation; 6] = [
    Computation::CountOf,
    Computation::CountDistinct,
    Computation::Sum,
    Computation::Average,
    Computation::Minimum,
    Computation::Maximum,
];

fn aggregation<V>(group_by: &[&str], measures: Vec<Measure>) -> Aggregation<V> {
    Aggregation {
        table: "drafts".to_owned(),
        group_by: owned(group_by),
        measures,
        filter: Vec::new(),
        order_by: Vec::new(),
        limit: None,
    }
}

fn counted<V>(group_by: &[&str]) -> Aggregation<V> {
    aggregation(group_by, vec![measure("n", Computation::Count)])
}

/// A table with a column of each type that has a name of its own here.
fn of_types() -> Catalogue {
    let mood = Type::new("mood".to_owned(), 90_001, Kind::Enum(vec!["sad".to_owned()]), "s".to_owned());
    let columns = [
        ("bool", Type::BOOL),
        ("int2", Type::INT2),
        ("int4", Type::INT4),
        ("int8", Type::INT8),
        ("float4", Type::FLOAT4),
        ("float8", Type::FLOAT8),
        ("numeric", Type::NUMERIC),
        ("text", Type::TEXT),
        ("varchar", Type::VARCHAR),
        ("bpchar", Type::BPCHAR),
        ("bytea", Type::BYTEA),
        ("uuid", Type::UUID),
        ("date", Type::DATE),
        ("time", Type::TIME),
        ("timestamp", Type::TIMESTAMP),
        ("timestamptz", Type::TIMESTAMPTZ),
        ("interval", Type::INTERVAL),
        ("json", Type::JSON),
        ("jsonb", Type::JSONB),
        ("inet", Type::INET),
        ("cidr", Type::CIDR),
        ("mood", mood),
        ("_int8", Type::INT8_ARRAY),
        ("_json", Type::JSON_ARRAY),
    ];
    let columns = columns.map(|(name, data_type)| {
        let typmod = if name == "bpchar" { Typmod::Padded(3) } else { Typmod::All };
        Column { name: name.to_owned(), data_type, nullable: name != "int8", typmod }
    });
    let all = Operations { select: true, ..Operations::default() };
    Catalogue::new("s", false, false).with_table(Table::new("drafts", columns.into(), all))
}

#[test]
fn name_that_is_not_granted_is_denied_in_every_place() {
    let catalogue = catalogue();
    for &name in HOSTILE_NAMES {
        let condition = || vec![vec![condition(name, Test::IsNull)]];
        let computed =
            OF_A_COLUMN.map(|computation| aggregation(&[], vec![measure("m", computation(name.to_owned()))]));
        for (place, call) in [
            ("table", Aggregation { table: name.to_owned(), ..counted(&[]) }),
            ("group-by", counted(&[name])),
            ("group-by", counted(&["id", name])),
            ("filter", Aggregation { filter: condition(), ..counted(&[]) }),
        ]
        .into_iter()
        .chain(computed.map(|call| ("measures", call)))
        {
            assert_eq!(call.parse(&catalogue).map_err(bare), Err(Refusal::Denied), "{place}: {name}");
        }
    }
    assert_eq!(
        Aggregation::<Number> { table: "log".to_owned(), ..counted(&[]) }.parse(&catalogue).map_err(bare),
        Err(Refusal::Denied)
    );
}

/// The name of a measure is the guest's own, whatever it is, and is not in the text.
#[test]
fn name_of_a_measure_never_enters_the_text() {
    let catalogue = catalogue();
    let plain = counted::<Number>(&[]).parse(&catalogue).unwrap();
    for &name in HOSTILE_NAMES.iter().filter(|name| (1..=limits::IDENTIFIER_BYTES_MAX).contains(&name.len()))
    {
        let order_by = order(&[(name, Direction::Ascending)]);
        let call = aggregation::<Number>(&[], vec![measure(name, Computation::Count)]);
        let statement = call.parse(&catalogue).unwrap();
        assert_eq!(statement.sql(), plain.sql(), "{name}");
        assert_eq!(statement.columns(), [(name.to_owned(), Type::INT8)]);
        let call = aggregation::<Number>(&[], vec![measure(name, Computation::Count)]);
        let ordered = Aggregation { order_by, ..call }.parse(&catalogue).unwrap();
        assert_eq!(ordered.sql(), format!("{} ORDER BY 1", plain.sql()), "{name}");
    }
}

#[test]
fn name_of_a_measure_at_its_length_is_accepted_and_over_it_refused() {
    let catalogue = catalogue();
    let call = |name: &str| aggregation(&[], vec![measure(name, Computation::Count)]).parse(&catalogue);
    assert!(call(&"n".repeat(limits::IDENTIFIER_BYTES_MAX)).is_ok());
    invalid(call(&"n".repeat(limits::IDENTIFIER_BYTES_MAX + 1)), "a name has 1 to 63 bytes");
    invalid(call(""), "a name has 1 to 63 bytes");
}

#[test]
fn two_columns_of_the_result_never_have_one_name() {
    let catalogue = catalogue();
    let twice = vec![measure("n", Computation::Count), measure("n", Computation::CountOf("id".into()))];
    invalid(aggregation(&[], twice).parse(&catalogue), "`n` names two columns of the result");
    let group = aggregation(&["title"], vec![measure("title", Computation::Count)]);
    invalid(group.parse(&catalogue), "`title` names two columns of the result");
    invalid(counted(&["title", "title"]).parse(&catalogue), "twice");
}

#[test]
fn order_by_what_is_not_in_the_result_is_refused() {
    let catalogue = catalogue();
    for (name, rule) in [
        // A granted column, an ungranted one and none get the same answer.
        ("id", "`id` is no column of the result"),
        ("secret", "`secret` is no column of the result"),
        ("nothing", "`nothing` is no column of the result"),
        ("1", "`1` is no column of the result"),
        ("", "`` is no column of the result"),
    ] {
        let order_by = order(&[(name, Direction::Ascending)]);
        invalid(Aggregation { order_by, ..counted(&["title"]) }.parse(&catalogue), rule);
    }
    let twice = order(&[("n", Direction::Ascending), ("n", Direction::Descending)]);
    invalid(Aggregation { order_by: twice, ..counted(&[]) }.parse(&catalogue), "`n` is listed twice");
}

#[test]
fn measures_at_their_limit_are_accepted_and_over_it_refused() {
    let catalogue = catalogue();
    let call = |count: usize| {
        let measures = (0..count).map(|number| measure(&number.to_string(), Computation::Count));
        aggregation(&[], measures.collect()).parse(&catalogue)
    };
    assert!(call(limits::DB_MEASURES_MAX).is_ok());
    invalid(call(limits::DB_MEASURES_MAX + 1), "at most 32");
    invalid(call(0), "at least 1, or a column in group-by");
    assert!(aggregation::<Number>(&["title"], Vec::new()).parse(&catalogue).is_ok());
}

/// The types that PostgreSQL gives, or the words of the refusal. `tests/db/aggregate.rs` compares them with a server.
#[test]
fn computation_has_the_type_that_the_server_gives_it_or_is_refused() {
    let catalogue = of_types();
    let (int8, numeric, text) = (Some(Type::INT8), Some(Type::NUMERIC), Some(Type::TEXT));
    let (float4, float8, interval) = (Some(Type::FLOAT4), Some(Type::FLOAT8), Some(Type::INTERVAL));
    let none = || None;
    for (column, distinct, sum, average, extreme) in [
        ("bool", true, none(), none(), none()),
        ("int2", true, int8.clone(), numeric.clone(), Some(Type::INT2)),
        ("int4", true, int8, numeric.clone(), Some(Type::INT4)),
        ("int8", true, numeric.clone(), numeric.clone(), Some(Type::INT8)),
        ("float4", true, float4.clone(), float8.clone(), float4),
        ("float8", true, float8.clone(), float8.clone(), float8),
        ("numeric", true, numeric.clone(), numeric.clone(), numeric),
        ("text", true, none(), none(), text.clone()),
        ("varchar", true, none(), none(), text),
        ("bpchar", true, none(), none(), Some(Type::BPCHAR)),
        ("bytea", true, none(), none(), none()),
        ("uuid", true, none(), none(), none()),
        ("date", true, none(), none(), Some(Type::DATE)),
        ("time", true, none(), none(), Some(Type::TIME)),
        ("timestamp", true, none(), none(), Some(Type::TIMESTAMP)),
        ("timestamptz", true, none(), none(), Some(Type::TIMESTAMPTZ)),
        ("interval", true, interval.clone(), interval.clone(), interval),
        ("json", false, none(), none(), none()),
        ("jsonb", true, none(), none(), none()),
        ("inet", true, none(), none(), Some(Type::INET)),
        ("cidr", true, none(), none(), Some(Type::INET)),
        ("_int8", true, none(), none(), none()),
        ("_json", false, none(), none(), none()),
    ] {
        let of = |computation: fn(String) -> Computation| {
            let call = aggregation::<Number>(&[], vec![measure("m", computation(column.to_owned()))]);
            match call.parse(&catalogue) {
                Ok(statement) => Some(statement.columns()[0].1.clone()),
                Err(Refusal::Invalid(rule)) if rule.contains(column) => None,
                Err(other) => panic!("{column}: {other:?}"),
            }
        };
        assert_eq!(of(Computation::CountOf), Some(Type::INT8), "{column}");
        assert_eq!(of(Computation::CountDistinct), distinct.then_some(Type::INT8), "{column}");
        assert_eq!((of(Computation::Sum), of(Computation::Average)), (sum, average), "{column}");
        assert_eq!(of(Computation::Minimum), extreme, "{column}");
        assert_eq!(of(Computation::Maximum), extreme, "{column}");
        assert_eq!(counted::<Number>(&[column]).parse(&catalogue).is_ok(), distinct, "{column}");
    }
    let smallest = aggregation::<Number>(&[], vec![measure("m", Computation::Minimum("mood".into()))]);
    assert_eq!(smallest.parse(&catalogue).unwrap().columns()[0].1.name(), "mood");
}

#[test]
fn aggregate_is_written_from_granted_names_and_positions() {
    let catalogue = catalogue();
    let call = Aggregation {
        filter: vec![vec![condition("id", Test::Greater(Number(1)))]],
        order_by: order(&[
            ("largest", Direction::Descending),
            ("n", Direction::Descending),
            ("odd\"name", Direction::Descending),
            ("title", Direction::Ascending),
        ]),
        limit: Some(5),
        ..aggregation(
            &["title", "odd\"name"],
            vec![
                measure("n", Computation::Count),
                measure("tagged", Computation::CountOf("tags".into())),
                measure("kinds", Computation::CountDistinct("status".into())),
                measure("total", Computation::Sum("id".into())),
                measure("mean", Computation::Average("id".into())),
                measure("largest", Computation::Maximum("id".into())),
            ],
        )
    };
    let statement = call.parse(&catalogue).unwrap();
    assert_eq!(
        statement.sql(),
        "SELECT \"title\", \"odd\"\"name\", \"pg_catalog\".\"count\"(*), \"pg_catalog\".\"count\"(\"tags\"), \
         \"pg_catalog\".\"count\"(DISTINCT \"status\"), \"pg_catalog\".\"sum\"(\"id\"), \"pg_catalog\".\"avg\"(\"id\"), \
         \"pg_catalog\".\"max\"(\"id\"), (NULL::\"plugin_blog\".\"drafts\").\"tags\", \
         (NULL::\"plugin_blog\".\"drafts\").\"status\", (NULL::\"plugin_blog\".\"drafts\").\"id\" \
         FROM \"plugin_blog\".\"drafts\" WHERE (\"id\" > $1) \
         GROUP BY \"title\", \"odd\"\"name\" ORDER BY 8 DESC NULLS LAST, 3 DESC, 2 DESC, 1 LIMIT $2"
    );
    let types: Vec<_> = statement.parameters().iter().map(|(_, data_type)| data_type.clone()).collect();
    assert_eq!(types, [Type::INT8, Type::INT8]);
    let names: Vec<&str> = statement.columns().iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, ["title", "odd\"name", "n", "tagged", "kinds", "total", "mean", "largest"]);
}

/// See the head of `structured/aggregate.rs`.
#[test]
fn sum_of_floats_and_longest_text_of_each_group_are_ordered() {
    let catalogue = of_types();
    let sql = |group_by: &[&str], computation: Computation| {
        let call = aggregation::<Number>(group_by, vec![measure("m", computation)]);
        call.parse(&catalogue).unwrap().sql().to_owned()
    };
    for (group_by, computation, is_ordered) in [
        (&[][..], Computation::Sum("float8".into()), true),
        (&[], Computation::Average("float4".into()), true),
        (&["int8"], Computation::Sum("float4".into()), true),
        (&["int8"], Computation::Sum("numeric".into()), false),
        (&["int8"], Computation::Average("interval".into()), false),
        (&["int8"], Computation::Maximum("text".into()), true),
        (&["int8"], Computation::Minimum("varchar".into()), true),
        (&["int8"], Computation::Minimum("bpchar".into()), false),
        (&["int8"], Computation::Maximum("numeric".into()), false),
        (&["int8"], Computation::Maximum("float8".into()), false),
        (&["int8"], Computation::Maximum("mood".into()), false),
        // One group holds one value.
        (&[], Computation::Maximum("text".into()), false),
    ] {
        let sql = sql(group_by, computation.clone());
        assert_eq!(sql.contains("ORDER BY"), is_ordered, "{computation:?}: {sql}");
    }
}

#[test]
fn column_at_the_length_of_a_grouped_value_is_hashed_and_over_it_ordered() {
    let most = usize::try_from(limits::GROUPED_VALUE_BYTES_MAX).unwrap() / 4;
    for (characters, is_ordered) in [(most, false), (most + 1, true)] {
        let typmod = Typmod::Characters(characters);
        let size = Size::column(&Type::VARCHAR, typmod);
        assert_eq!(size.bytes > limits::GROUPED_VALUE_BYTES_MAX, is_ordered);
        let column =
            |name: &str| Column { name: name.into(), data_type: Type::VARCHAR, nullable: true, typmod };
        let all = Operations { select: true, ..Operations::default() };
        let table = Table::new("drafts", vec![column("a"), column("b")], all);
        let catalogue = Catalogue::new("s", false, false).with_table(table);
        let call = aggregation::<Number>(&["a"], vec![measure("m", Computation::Maximum("b".into()))]);
        assert_eq!(call.parse(&catalogue).unwrap().sql().contains("ORDER BY"), is_ordered);
    }
}

#[test]
fn aggregate_without_groups_returns_one_row_and_with_groups_as_many_as_its_limit() {
    let catalogue = catalogue();
    let rows_max = |group_by: &[&str], limit| {
        let call = Aggregation::<Number> { limit, ..counted(group_by) };
        call.parse(&catalogue).unwrap().rows_max()
    };
    assert_eq!((rows_max(&[], None), rows_max(&[], Some(7))), (Some(1), Some(1)));
    assert_eq!((rows_max(&["id"], None), rows_max(&["id"], Some(7))), (None, Some(7)));
}

/// What an aggregate computes for each row counts, as in a filter.
#[test]
fn aggregate_that_would_keep_the_server_busy_with_one_row_is_refused() {
    let names: Vec<String> = (0..200).map(|number| format!("c{number}")).collect();
    let column = |name: &String| Column {
        name: name.clone(),
        data_type: Type::TEXT,
        nullable: true,
        typmod: Typmod::All,
    };
    let all = Operations { select: true, ..Operations::default() };
    let table = Table::new("drafts", names.iter().map(column).collect(), all);
    let catalogue = Catalogue::new("s", false, false).with_table(table);
    let checked = |call: Aggregation<Value>| call.parse(&catalogue).unwrap().bind(&mut |_| Ok(())).map(drop);
    let distinct = |count: usize| {
        let each = names.iter().take(count);
        let measures =
            each.map(|name| measure(&format!("{name} values"), Computation::CountDistinct(name.clone())));
        aggregation::<Value>(&["c199"], measures.collect())
    };
    assert_eq!(checked(distinct(limits::DB_MEASURES_MAX)), Ok(()));
    let many_groups = |count: usize| {
        let groups: Vec<&str> = names.iter().take(count).map(String::as_str).collect();
        let order_by = groups.iter().map(|&name| (name, Direction::Ascending)).collect::<Vec<_>>();
        Aggregation::<Value> { order_by: order(&order_by), ..counted(&groups) }
    };
    assert_eq!(checked(many_groups(10)), Ok(()));
    let Err(Refusal::Invalid(rule)) = checked(many_groups(200)) else { panic!("accepted") };
    assert!(rule.contains("for one row") && rule.contains("order-by"), "{rule}");
    let pattern = Value::Scalar(Scalar::Text("%a".repeat(128)));
    let like = Condition { column: "c0".to_owned(), test: Test::Like(pattern) };
    let filter = vec![vec![like; limits::DB_CONDITIONS_MAX]];
    let Err(Refusal::Invalid(rule)) = checked(Aggregation { filter, ..counted(&[]) }) else {
        panic!("accepted")
    };
    assert!(rule.contains("for one row") && rule.contains("like"), "{rule}");
}

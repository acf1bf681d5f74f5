//! `db.aggregate` through a component: values and types as the server has them, groups, order and what it costs.

use super::attacks::arena::{Arena, KINDS};
use super::{integer, text};
use crate::harness::{World, call, invalid};
use palisade::Host;
use palisade::limits::{DB_MEASURES_MAX, Limit};
use serde_json::{Value, json};

fn measure(name: &str, tag: &str, column: Option<&str>) -> Value {
    let computation = match column {
        Some(column) => json!({ "tag": tag, "val": column }),
        None => json!({ "tag": tag }),
    };
    json!({ "name": name, "computation": computation })
}

fn count() -> Value {
    measure("n", "count", None)
}

#[allow(clippy::needless_pass_by_value, reason = "callers build the argument for the call")]
fn aggregation(table: &str, group_by: &[&str], measures: Value) -> Value {
    json!({ "table": table, "groupBy": group_by, "measures": measures, "filter": [], "orderBy": [], "limit": null })
}

fn with(mut aggregation: Value, field: &str, value: Value) -> Value {
    aggregation[field] = value;
    aggregation
}

fn ordered(aggregation: Value, columns: &[(&str, &str)]) -> Value {
    let order = columns.iter().map(|(column, direction)| json!({ "column": column, "direction": direction }));
    with(aggregation, "orderBy", order.collect())
}

async fn answer(host: &Host, kind: &str, aggregation: &Value) -> Value {
    let function = format!("{kind}/aggregate");
    call(host, "sql", &function, json!({ "aggregation": aggregation })).await.unwrap()
}

async fn rows(host: &Host, aggregation: Value) -> Value {
    answer(host, "in-query", &aggregation).await["rows"].take()
}

fn numeric(digits: &str) -> Value {
    json!({ "tag": "scalar", "val": { "tag": "numeric", "val": digits } })
}

fn no_value() -> Value {
    json!({ "tag": "scalar", "val": { "tag": "null" } })
}

/// Six notes in two ranks and without one.
const NOTES: &str = "INSERT INTO plugin_sql.notes (title, rank, amount) VALUES ('a', 1, 1.50), ('b', 1, 2), \
     ('c', 2, NULL), ('d', NULL, 7), ('e', NULL, -1), ('f', 2, 10)";

/// Columns of `kinds`, with SQL for three different values, and the computations that have a result: `s` for sum and
/// average, `x` for minimum and maximum, `d` for different values.
const COLUMNS: [(&str, [&str; 3], &str); 24] = [
    ("flag", ["true", "false", "true"], "d"),
    ("small", ["1", "-7", "32767"], "sxd"),
    ("middle", ["1", "2147483647", "2147483647"], "sxd"),
    ("large", ["9223372036854775807", "9223372036854775807", "-5"], "sxd"),
    ("single", ["0.5", "1e10", "-2.25"], "sxd"),
    ("ratio", ["0.1", "1e100", "'-Infinity'"], "sxd"),
    ("amount", ["1.50", "99999999999999999999.000", "-0.125"], "sxd"),
    ("label", ["'a'", "'é'", "''"], "xd"),
    ("code", ["'b'", "'B'", "'a'"], "xd"),
    ("data", ["'\\x00'", "'\\x01ff'", "''"], "d"),
    ("key", ["gen_random_uuid()", "gen_random_uuid()", "gen_random_uuid()"], "d"),
    ("day", ["'2020-01-01'", "'infinity'", "'1969-12-31'"], "xd"),
    ("hour", ["'00:00'", "'24:00'", "'12:30:00.000001'"], "xd"),
    ("local_at", ["'2020-01-01 00:00'", "'-infinity'", "'1969-12-31'"], "xd"),
    ("at", ["'2020-01-01 00:00+02'", "'infinity'", "'1969-12-31'"], "xd"),
    ("span", ["'1 month'", "'-3 days 1 second'", "'2 hours'"], "sxd"),
    ("raw", ["'{}'", "'[1]'", "'null'"], ""),
    ("extra", ["'{\"a\": 1}'", "'[1]'", "'null'"], "d"),
    ("address", ["'10.0.0.1'", "'::1'", "'10.0.0.0/8'"], "xd"),
    ("network", ["'10.0.0.0/24'", "'10.0.0.0/8'", "'::/0'"], "xd"),
    ("feeling", ["'glad'", "'sad'", "'glad'"], "xd"),
    ("tags", ["'{a}'", "'{}'", "'{b,NULL}'"], "d"),
    ("numbers", ["'{1}'", "'{2,3}'", "'{}'"], "d"),
    ("amounts", ["'{1.0}'", "'{NULL}'", "'{}'"], "d"),
];

/// For each column and computation: the contract's name, the SQL, and whether it has a result.
fn computations<'a>(
    column: &str,
    can: &'a str,
) -> impl Iterator<Item = (&'static str, String, bool)> + use<'a> {
    let column = column.to_owned();
    [
        ("count-of", "count(COL)", ""),
        ("count-distinct", "count(DISTINCT COL)", "d"),
        ("sum", "sum(COL)", "s"),
        ("average", "avg(COL)", "s"),
        ("minimum", "min(COL)", "x"),
        ("maximum", "max(COL)", "x"),
    ]
    .into_iter()
    .map(move |(tag, sql, needs)| (tag, sql.replace("COL", &column), can.contains(needs)))
}

/// The same computation in SQL text is the oracle: its types and values come from the server's own description.
#[tokio::test]
async fn computation_on_every_type_is_what_sql_text_says_or_is_refused() {
    let world = World::new().await;
    let host = world.host(&["sql"]).await;
    for row in 0..3 {
        let columns: Vec<&str> = COLUMNS.iter().map(|(column, ..)| *column).collect();
        let values: Vec<&str> = COLUMNS.iter().map(|(_, values, _)| values[row]).collect();
        let insert = format!(
            "INSERT INTO plugin_sql.kinds (id, {}) VALUES ({row}, {})",
            columns.join(", "),
            values.join(", ")
        );
        world.sql.batch_execute(&insert).await.unwrap();
    }
    world.sql.batch_execute("INSERT INTO plugin_sql.kinds (id) VALUES (10)").await.unwrap();
    let mut compared = 0;
    for (column, _, can) in COLUMNS {
        let (mut measures, mut list) = (vec![count()], vec!["count(*)".to_owned()]);
        for (tag, sql, has_result) in computations(column, can) {
            let one = measure(tag, tag, Some(column));
            if has_result {
                measures.push(one);
                list.push(sql);
            } else {
                let arguments = json!({ "aggregation": aggregation("kinds", &[], json!([one])) });
                let refusal = invalid(call(&host, "sql", "in-query/aggregate", arguments).await);
                assert!(refusal.starts_with(&format!("`{column}`: ")), "{tag}({column}): {refusal}");
            }
        }
        for filter in ["true", "false"] {
            let sql = format!("SELECT {} FROM kinds WHERE {filter}", list.join(", "));
            let expected = json!({ "sql": sql, "parameters": [] });
            let expected = call(&host, "sql", "in-query/query", expected).await.unwrap();
            let mut call = aggregation("kinds", &[], json!(measures));
            if filter == "false" {
                call["filter"] = json!([[{ "column": "id", "test": { "tag": "is-null" } }]]);
            }
            for (kind, _) in KINDS {
                let found = answer(&host, kind, &call).await;
                assert_eq!(found["rows"].to_string(), expected["rows"].to_string(), "{kind}: {sql}");
                for (index, tag) in measures.iter().map(|measure| &measure["name"]).enumerate() {
                    assert_eq!(found["columns"][index]["name"], *tag);
                    assert_eq!(
                        found["columns"][index]["typeName"], expected["columns"][index]["typeName"],
                        "{kind} {tag}({column})"
                    );
                    compared += 1;
                }
            }
        }
    }
    assert!(compared > 500, "{compared} results were compared");
}

#[tokio::test]
async fn groups_have_their_keys_nulls_included_and_come_in_order() {
    let world = World::new().await;
    let host = world.host(&["sql"]).await;
    world.sql.batch_execute(NOTES).await.unwrap();
    let measures = || {
        json!([count(), measure("total", "sum", Some("amount")), measure("last", "maximum", Some("title"))])
    };
    let by_rank = || aggregation("notes", &["rank"], measures());
    let one = json!([integer(1), integer(2), numeric("3.50"), text("b")]);
    let two = json!([integer(2), integer(2), numeric("10"), text("f")]);
    let none = json!([no_value(), integer(2), numeric("6"), text("e")]);
    for (order, expected) in [
        (&[("rank", "ascending")][..], json!([one, two, none])),
        (&[("rank", "descending")], json!([two, one, none])),
        (&[("total", "descending")], json!([two, none, one])),
        (&[("last", "ascending")], json!([one, none, two])),
        (&[("n", "descending"), ("last", "descending")], json!([two, none, one])),
    ] {
        assert_eq!(rows(&host, ordered(by_rank(), order)).await, expected, "{order:?}");
        let first = with(ordered(by_rank(), order), "limit", json!(1));
        assert_eq!(rows(&host, first).await, json!([expected[0]]), "{order:?}");
    }
    let none = with(by_rank(), "limit", json!(0));
    assert_eq!(rows(&host, none).await, json!([]));
    let positive = json!([[{ "column": "amount", "test": { "tag": "greater", "val": numeric("2") } }]]);
    let filtered = ordered(with(by_rank(), "filter", positive), &[("rank", "ascending")]);
    let expected = json!([
        [integer(2), integer(1), numeric("10"), text("f")],
        [no_value(), integer(1), numeric("7"), text("d")]
    ]);
    assert_eq!(rows(&host, filtered).await, expected);
    // Without measures: the different values.
    let distinct = ordered(aggregation("notes", &["rank"], json!([])), &[("rank", "ascending")]);
    assert_eq!(rows(&host, distinct).await, json!([[integer(1)], [integer(2)], [no_value()]]));
    let two_columns =
        ordered(aggregation("notes", &["rank", "amount"], json!([count()])), &[("n", "ascending")]);
    assert_eq!(rows(&host, two_columns).await.as_array().unwrap().len(), 6);
}

#[tokio::test]
async fn all_rows_are_one_group_that_exists_without_rows() {
    let world = World::new().await;
    let host = world.host(&["sql"]).await;
    let measures = json!([
        count(),
        measure("ranked", "count-of", Some("rank")),
        measure("ranks", "count-distinct", Some("rank")),
        measure("total", "sum", Some("rank")),
        measure("mean", "average", Some("rank")),
        measure("last", "maximum", Some("title")),
    ]);
    let all = || aggregation("notes", &[], measures.clone());
    let empty = json!([[integer(0), integer(0), integer(0), no_value(), no_value(), no_value()]]);
    assert_eq!(rows(&host, all()).await, empty);
    assert_eq!(rows(&host, aggregation("notes", &["rank"], json!([count()]))).await, json!([]));
    world.sql.batch_execute(NOTES).await.unwrap();
    let full =
        json!([[integer(6), integer(4), integer(2), integer(6), numeric("1.5000000000000000"), text("f")]]);
    assert_eq!(rows(&host, all()).await, full);
}

/// A name of the guest's own is never read as SQL, and names of the table are free.
#[tokio::test]
async fn measure_may_have_any_name() {
    let world = World::new().await;
    let host = world.host(&["sql"]).await;
    world.sql.batch_execute(NOTES).await.unwrap();
    for name in ["title", "count", "a\"b", "'; DROP TABLE notes; --", "é\u{0}", "1", "$1", " "] {
        let call = aggregation("notes", &["rank"], json!([measure(name, "count", None)]));
        let call = ordered(call, &[(name, "descending"), ("rank", "ascending")]);
        let found = answer(&host, "in-query", &call).await;
        assert_eq!(
            found["columns"],
            json!([{ "name": "rank", "typeName": "int4" }, { "name": name, "typeName": "int8" }])
        );
        assert_eq!(found["rows"][0], json!([integer(1), integer(2)]), "{name}");
    }
    assert_eq!(world.count("SELECT count(*) FROM plugin_sql.notes").await, 6);
}

#[tokio::test]
async fn aggregate_that_breaks_a_rule_is_refused_in_every_kind() {
    let arena = Arena::new().await;
    let before = arena.world.snapshot().await;
    let many = |count: usize| {
        (0..count).map(|number| measure(&number.to_string(), "count", None)).collect::<Value>()
    };
    for (call, rule) in [
        (aggregation("notes", &[], json!([])), "at least 1, or a column in group-by"),
        (aggregation("notes", &[], many(DB_MEASURES_MAX + 1)), "at most 32"),
        (aggregation("notes", &["rank", "rank"], json!([count()])), "listed twice"),
        (aggregation("notes", &[], json!([count(), count()])), "names two columns of the result"),
        (
            ordered(aggregation("notes", &["rank"], json!([count()])), &[("title", "ascending")]),
            "no column of the result",
        ),
        (
            aggregation("notes", &[], json!([measure("s", "sum", Some("title"))])),
            "a column of numbers or intervals",
        ),
        (aggregation("kinds", &["raw"], json!([])), "another type than json"),
        (
            with(aggregation("notes", &[], json!([count()])), "filter", json!(vec![json!([]); 65])),
            "at most 64 conditions",
        ),
    ] {
        for (kind, _) in KINDS {
            let refused = arena.call(&format!("{kind}/aggregate"), json!({ "aggregation": call })).await;
            let refusal = invalid(refused);
            assert!(refusal.contains(rule), "{kind} {call}: {refusal}");
        }
    }
    let most = arena.call(
        "in-query/aggregate",
        json!({ "aggregation": aggregation("notes", &[], many(DB_MEASURES_MAX)) }),
    );
    assert_eq!(most.await.unwrap()["rows"][0].as_array().unwrap().len(), DB_MEASURES_MAX);
    arena.assert_unharmed(&before).await;
}

#[tokio::test]
async fn sum_outside_its_type_is_refused_with_a_sentence() {
    let world = World::new().await;
    let host = world.host(&["sql"]).await;
    let fill = "INSERT INTO plugin_sql.kinds (id, ratio, large, span) SELECT g, 1e308, 9223372036854775807, \
         '178000000 years' FROM generate_series(1, 2) g";
    world.sql.batch_execute(fill).await.unwrap();
    for (kind, _) in KINDS {
        let sum = |column: &str| json!({ "aggregation": aggregation("kinds", &[], json!([measure("s", "sum", Some(column))])) });
        let refusal = invalid(call(&host, "sql", &format!("{kind}/aggregate"), sum("ratio")).await);
        assert_eq!(refusal, "a number is outside the range of its type (SQLSTATE 22003)");
        let refusal = invalid(call(&host, "sql", &format!("{kind}/aggregate"), sum("span")).await);
        assert!(refusal.contains("SQLSTATE 22008"), "{refusal}");
        // A sum of `bigint` cannot overflow.
        let sum = call(&host, "sql", &format!("{kind}/aggregate"), sum("large")).await.unwrap();
        assert_eq!(sum["rows"], json!([[numeric("18446744073709551614")]]));
    }
}

/// A query answers the same while its rows are the same, wherever the server stores them.
#[tokio::test]
async fn sum_of_floats_does_not_depend_on_where_the_rows_are() {
    let world = World::new().await;
    let host = world.host(&["sql"]).await;
    let fill = async |order: &str| {
        let fill = format!(
            "DELETE FROM plugin_sql.kinds; INSERT INTO plugin_sql.kinds (id, ratio, single) \
             SELECT g, v, (v / 10)::real FROM (SELECT g, CASE g % 3 WHEN 0 THEN 1e16 WHEN 1 THEN 3.3 ELSE -1e16 END v \
             FROM generate_series(1, 300) g) s ORDER BY {order}"
        );
        world.sql.batch_execute(&fill).await.unwrap();
        let plain = "SELECT sum(ratio)::text FROM plugin_sql.kinds";
        world.sql.query_one(plain, &[]).await.unwrap().get::<_, String>(0)
    };
    let measures = || {
        json!([
            measure("s", "sum", Some("ratio")),
            measure("a", "average", Some("ratio")),
            measure("r", "sum", Some("single"))
        ])
    };
    let (mut plain, mut computed) = (Vec::new(), Vec::new());
    for order in ["g", "v", "v DESC"] {
        plain.push(fill(order).await);
        computed.push(rows(&host, aggregation("kinds", &[], measures())).await.to_string());
    }
    // Without an order, the server's sum depends on the place: the test can fail.
    assert!(plain.iter().any(|sum| *sum != plain[0]), "{plain:?}");
    assert!(computed.iter().all(|sums| *sums == computed[0]), "{computed:?}");
}

/// A hash table with the longest text of each of many groups grows without a bound. Sorted groups are read one by one.
#[tokio::test]
async fn longest_texts_of_many_groups_take_little_memory() {
    let world = World::new().await;
    let host = world.host(&["sql"]).await;
    // In all groups a short text comes first, so that a hash table would take in every group before one grows.
    let fill = "INSERT INTO plugin_sql.notes (title, body, rank) SELECT 't' || g, 'x', g FROM generate_series(1, 700) g; \
         INSERT INTO plugin_sql.notes (title, body, rank) SELECT 'u' || g, repeat('y', 1000000), g \
         FROM generate_series(1, 700) g; ANALYZE plugin_sql.notes";
    world.sql.batch_execute(fill).await.unwrap();
    let longest = json!([measure("longest", "maximum", Some("body"))]);
    let call = with(aggregation("notes", &["rank"], longest), "limit", json!(1));
    for (kind, _) in KINDS {
        let found = answer(&host, kind, &call).await;
        assert_eq!(found["rows"][0][1]["val"]["val"].as_str().unwrap().len(), 1_000_000, "{kind}");
    }
}

#[tokio::test]
async fn each_group_counts_as_a_row_and_what_it_reads_does_not() {
    let world = World::new().await;
    let host = world.host(&["sql"]).await;
    let fill = "INSERT INTO plugin_sql.notes (title, rank) SELECT 't' || g, g % 250 FROM generate_series(1, 20000) g";
    world.sql.batch_execute(fill).await.unwrap();
    for (group_by, groups) in [(&[][..], 1), (&["rank"][..], 250)] {
        for (kind, _) in KINDS {
            let arguments = json!({ "aggregation": aggregation("notes", group_by, json!([count()])) });
            let outcome = host.call("sql", &format!("{kind}/aggregate")).arguments(arguments).await.unwrap();
            assert_eq!(outcome.value["rows"].as_array().unwrap().len(), groups, "{kind}");
            let used = |limit: Limit| outcome.usage.iter().find(|usage| usage.limit == limit).unwrap().used;
            assert_eq!(used(Limit::DbRows), groups as u64, "{kind}");
            assert!(used(Limit::DbBytes) < 20_000, "{kind}");
        }
    }
}

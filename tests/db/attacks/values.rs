//! S14: values in both directions through a component: exact, or rejected with a typed error.

use super::arena::{Arena, KINDS};
use crate::harness::{invalid, returned};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use palisade::limits;
use proptest::prelude::*;
use proptest::strategy::ValueTree as _;
use proptest::test_runner::TestRunner;
use serde_json::{Value, json};

fn scalar(tag: &str, val: impl Into<Value>) -> Value {
    json!({ "tag": tag, "val": val.into() })
}

fn value(scalar: &Value) -> Value {
    json!({ "tag": "scalar", "val": scalar })
}

fn array(scalars: &[Value]) -> Value {
    json!({ "tag": "array", "val": scalars })
}

fn null() -> Value {
    json!({ "tag": "null" })
}

/// A 64-bit integer as the host writes it.
fn wide(number: i64) -> Value {
    json!(number)
}

fn float(number: f64) -> Value {
    match number {
        number if number.is_nan() => json!("NaN"),
        f64::INFINITY => json!("Infinity"),
        f64::NEG_INFINITY => json!("-Infinity"),
        number => json!(number),
    }
}

fn bytes(bytes: &[u8]) -> Value {
    scalar("bytes", STANDARD.encode(bytes))
}

fn numeric(digits: impl Into<String>) -> Value {
    scalar("numeric", digits.into())
}

/// Each column of `kinds` with its type, and a strategy for its values in the form in which they are read.
fn classes() -> Vec<(&'static str, &'static str, BoxedStrategy<Value>)> {
    let texts = || {
        "[^\0]{0,20}|a;b|'; DROP TABLE notes; --|\\\\'|\\$\\$;\\$\\$".prop_map(|text| scalar("text", text))
    };
    let instants = || prop_oneof![8 => limits::TIMESTAMP_US_MIN..=limits::TIMESTAMP_US_MAX, 1 => Just(i64::MIN), 1 => Just(i64::MAX)];
    let numerics = || {
        prop_oneof![
            8 => "-?[1-9][0-9]{0,40}(\\.[0-9]{1,40})?",
            2 => "0\\.(0000){0,9}[0-9]{1,9}",
            1 => prop::sample::select(vec!["0", "NaN", "Infinity", "-Infinity"]).prop_map(str::to_owned),
            1 => any::<u64>().prop_map(|number| number.to_string()),
        ]
        .prop_map(numeric)
    };
    let floats = prop_oneof![8 => any::<f64>(), 1 => Just(f64::NAN), 1 => Just(f64::INFINITY), 1 => Just(f64::NEG_INFINITY), 1 => Just(5e-324)];
    let reals =
        prop_oneof![8 => any::<f32>(), 1 => Just(f32::NAN), 1 => Just(f32::NEG_INFINITY), 1 => Just(1e-45)];
    let days = prop_oneof![8 => limits::DATE_DAYS_MIN..=limits::DATE_DAYS_MAX, 1 => Just(i32::MIN), 1 => Just(i32::MAX)];
    let v4 =
        || (any::<[u8; 4]>(), 0..=31_u8).prop_map(|(a, n)| format!("{}/{n}", std::net::Ipv4Addr::from(a)));
    let v6 = any::<[u8; 16]>().prop_map(|a| std::net::Ipv6Addr::from(a).to_string());
    let networks = any::<[u8; 3]>().prop_map(|[a, b, c]| format!("{a}.{b}.{c}.0/24"));
    let moods = || prop::sample::select(vec!["sad", "glad"]).prop_map(|label| scalar("text", label));
    let listed = |items: BoxedStrategy<Value>| {
        let item = prop_oneof![4 => items, 1 => Just(null())];
        prop::collection::vec(item, 0..6).prop_map(|items| array(&items)).boxed()
    };
    let spans = any::<(i32, i32, i64)>().prop_filter("the server has no such span", |(months, days, us)| {
        (*months, *days, *us) != (i32::MAX, i32::MAX, i64::MAX)
            && (*months, *days, *us) != (i32::MIN, i32::MIN, i64::MIN)
    });
    let spans = spans.prop_map(|(months, days, us)| {
        scalar("interval", json!({ "months": months, "days": days, "microseconds": wide(us) }))
    });
    let raws = texts().prop_map(|text| scalar("json", text["val"].to_string()));
    let extras = prop_oneof![
        Just("{}".to_owned()),
        any::<i32>().prop_map(|n| format!("[{n}, {n}.50, null]")),
        "[a-z;']{1,9}".prop_map(|text| format!("{{\"{text}\": \"{text}\"}}")),
    ];
    let single = |name, ty, scalars: BoxedStrategy<Value>| {
        (name, ty, scalars.prop_map(|scalar| value(&scalar)).boxed())
    };
    vec![
        single("flag", "boolean", any::<bool>().prop_map(|flag| scalar("boolean", flag)).boxed()),
        single("small", "smallint", any::<i16>().prop_map(|n| scalar("integer", n)).boxed()),
        single("middle", "integer", any::<i32>().prop_map(|n| scalar("integer", n)).boxed()),
        single("large", "bigint", any::<i64>().prop_map(|n| scalar("integer", wide(n))).boxed()),
        single("single", "real", reals.prop_map(|n| scalar("float", float(n.into()))).boxed()),
        single("ratio", "double precision", floats.prop_map(|n| scalar("float", float(n))).boxed()),
        single("amount", "numeric", numerics().boxed()),
        single("label", "text", texts().boxed()),
        single("code", "varchar", texts().boxed()),
        single(
            "data",
            "bytea",
            prop::collection::vec(any::<u8>(), 0..40).prop_map(|data| bytes(&data)).boxed(),
        ),
        single(
            "key",
            "uuid",
            any::<u128>().prop_map(|n| scalar("uuid", uuid::Uuid::from_u128(n).to_string())).boxed(),
        ),
        single("day", "date", days.prop_map(|n| scalar("date", n)).boxed()),
        single("hour", "time", (0..=86_400_000_000_u64).prop_map(|n| scalar("time", n)).boxed()),
        single("local_at", "timestamp", instants().prop_map(|n| scalar("timestamp", wide(n))).boxed()),
        single("at", "timestamptz", instants().prop_map(|n| scalar("timestamptz", wide(n))).boxed()),
        single("span", "interval", spans.boxed()),
        single("raw", "json", raws.boxed()),
        single("extra", "jsonb", extras.prop_map(|text| scalar("json", text)).boxed()),
        single("address", "inet", prop_oneof![v4(), v6].prop_map(|text| scalar("inet", text)).boxed()),
        single("network", "cidr", networks.prop_map(|text| scalar("inet", text)).boxed()),
        single("feeling", "mood", moods().boxed()),
        ("tags", "text[]", listed(texts().boxed())),
        ("numbers", "bigint[]", listed(any::<i64>().prop_map(|n| scalar("integer", wide(n))).boxed())),
        ("amounts", "numeric[]", listed(numerics().boxed())),
        ("feelings", "mood[]", listed(moods().boxed())),
    ]
}

fn id(number: usize) -> Value {
    value(&scalar("integer", number))
}

fn insertion(columns: &[&str], rows: &[Value], returning: &[&str]) -> Value {
    json!({ "insertion": { "table": "kinds", "columns": columns, "rows": rows, "returning": returning } })
}

fn selection(column: &str, from: usize) -> Value {
    let after = json!([[{ "column": "id", "test": { "tag": "at-least", "val": id(from) } }]]);
    let order = json!([{ "column": "id", "direction": "ascending" }]);
    json!({ "selection": { "table": "kinds", "columns": [column], "filter": after, "orderBy": order, "limit": null, "after": [] } })
}

/// Values go from the component to the server and back, by both ways of writing and both of reading. Then the values
/// that were read are written into another row, and the server compares the two.
#[tokio::test]
async fn generated_value_of_every_type_round_trips_by_every_route() {
    const ROWS: usize = 40;
    let arena = Arena::new().await;
    let mut runner = TestRunner::default();
    for (column, ty, values) in classes() {
        let sent: Vec<Value> = (0..ROWS).map(|_| values.new_tree(&mut runner).unwrap().current()).collect();
        let rows = |from: usize, values: &[Value]| -> Vec<Value> {
            values.iter().enumerate().map(|(n, value)| json!([id(from + n), value])).collect()
        };
        let returned: Vec<Value> = sent.iter().map(|value| json!([value])).collect();
        let inserted =
            arena.call("in-mutation/insert", insertion(&["id", column], &rows(0, &sent), &[column])).await;
        assert_same(column, &inserted.unwrap()["rows"], &returned);
        // The first rows are stored behind the last ones now, so only ORDER BY brings them first.
        arena.world.sql.batch_execute("UPDATE plugin_sql.kinds SET id = id WHERE id < 20").await.unwrap();
        let selected = arena.call("in-query/select", selection(column, 0)).await.unwrap();
        assert_same(column, &selected["rows"], &returned);
        let sql = format!("SELECT {column} FROM kinds WHERE id >= $1 ORDER BY id");
        let queried =
            arena.call("in-action/query", json!({ "sql": sql, "parameters": [id(0)] })).await.unwrap();
        assert_same(column, &queried["rows"], &returned);
        let read: Vec<Value> =
            selected["rows"].as_array().unwrap().iter().map(|row| row[0].clone()).collect();
        for (n, value) in read.iter().enumerate() {
            let sql = format!("INSERT INTO kinds (id, {column}) VALUES ($1, $2)");
            let parameters = json!([id(1_000 + n), value]);
            let count =
                arena.call("in-mutation/execute", json!({ "sql": sql, "parameters": parameters })).await;
            assert_eq!(count.unwrap(), json!(1), "{ty}");
            if n == 5 {
                break;
            }
        }
        let again =
            arena.call("in-action/insert", insertion(&["id", column], &rows(2_000, &read), &[])).await;
        assert_eq!(again.unwrap()["count"], json!(ROWS), "{ty}");
        let differing = format!(
            "SELECT count(*) FROM plugin_sql.kinds a JOIN plugin_sql.kinds b ON b.id IN (a.id + 1000, a.id + 2000) \
             WHERE a.id < 1000 AND a.{column}::text IS DISTINCT FROM b.{column}::text"
        );
        assert_eq!(arena.world.count(&differing).await, 0, "{ty}");
        arena.world.sql.batch_execute("DELETE FROM plugin_sql.kinds").await.unwrap();
    }
}

fn assert_same(column: &str, rows: &Value, expected: &[Value]) {
    let rows = rows.as_array().unwrap();
    assert_eq!(rows.len(), expected.len(), "{column}");
    for (row, expected) in rows.iter().zip(expected) {
        // Compared as text, because the sign of a float's zero counts.
        assert_eq!(row.to_string(), expected.to_string(), "{column}");
    }
}

/// Values that the server wrote are compared with the server's own text.
#[tokio::test]
async fn value_written_by_the_server_is_read_exactly() {
    let arena = Arena::new().await;
    let stored = usize::try_from(limits::STORED_NUMERIC_BYTES_MAX).unwrap();
    let digits = "9".repeat(stored);
    let fraction = format!("0.{}1", "0".repeat(stored - 3));
    for (column, text, expected) in [
        ("amount", "1.500", numeric("1.500")),
        ("amount", "NaN", numeric("NaN")),
        ("amount", "-Infinity", numeric("-Infinity")),
        ("amount", &u64::MAX.to_string(), numeric(u64::MAX.to_string())),
        ("amount", &digits, numeric(&digits)),
        ("amount", &fraction, numeric(&fraction)),
        ("ratio", "NaN", scalar("float", "NaN")),
        ("ratio", "-0", json!({ "tag": "float", "val": -0.0 })),
        ("single", "Infinity", scalar("float", "Infinity")),
        ("day", "infinity", scalar("date", i32::MAX)),
        ("day", "4714-11-24 BC", scalar("date", limits::DATE_DAYS_MIN)),
        ("at", "-infinity", scalar("timestamptz", i64::MIN)),
        ("at", "1969-12-31 23:59:59.999999+00", scalar("timestamptz", -1)),
        ("at", "2000-01-01 00:00:00+14", scalar("timestamptz", 946_634_400_000_000_i64)),
        ("hour", "24:00:00", scalar("time", 86_400_000_000_u64)),
        ("data", "\\x00ff3b", bytes(&[0, 255, b';'])),
        ("label", "a;b'; --", scalar("text", "a;b'; --")),
        ("raw", "{\"a\":  \"\\u0000\"}", scalar("json", "{\"a\":  \"\\u0000\"}")),
        ("extra", "{\"b\":1.50,\"a\":1,\"a\":2}", scalar("json", "{\"a\": 2, \"b\": 1.50}")),
        ("address", "10.0.0.1/8", scalar("inet", "10.0.0.1/8")),
        ("feeling", "glad", scalar("text", "glad")),
    ] {
        let put =
            format!("INSERT INTO plugin_sql.kinds (id, {column}) VALUES (1, '{}')", text.replace('\'', "''"));
        arena.world.sql.batch_execute(&put).await.unwrap();
        for (kind, _) in KINDS {
            let rows = arena.call(&format!("{kind}/select"), selection(column, 1)).await.unwrap();
            assert_eq!(
                rows["rows"][0][0].to_string(),
                value(&expected).to_string(),
                "{kind} {column} {text:.60}"
            );
            let sql = json!({ "sql": format!("SELECT {column} FROM kinds WHERE id = 1"), "parameters": [] });
            let rows = arena.call(&format!("{kind}/query"), sql).await.unwrap();
            assert_eq!(
                rows["rows"][0][0].to_string(),
                value(&expected).to_string(),
                "{kind} {column} {text:.60}"
            );
        }
        arena.world.sql.batch_execute("DELETE FROM plugin_sql.kinds").await.unwrap();
    }
}

/// A value that a column cannot hold exactly is rejected as a value, as a condition and as a parameter.
#[tokio::test]
async fn value_that_does_not_fit_is_rejected_and_writes_nothing() {
    let arena = Arena::new().await;
    let before = arena.world.snapshot().await;
    let long = "9".repeat(limits::NUMERIC_INTEGER_DIGITS_MAX + 1);
    for (column, scalar) in [
        ("label", scalar("text", "a\0b")),
        ("code", scalar("text", "\0")),
        ("extra", scalar("json", "\"\\u0000\"")),
        ("extra", scalar("json", "{\"a\\u0000\": 1}")),
        ("extra", scalar("json", "\"\\ud800\"")),
        ("extra", scalar("json", "{")),
        ("extra", scalar("text", "{}")),
        ("raw", scalar("json", "1 2")),
        ("small", scalar("integer", 32_768)),
        ("middle", scalar("integer", i64::from(i32::MAX) + 1)),
        ("large", numeric(u64::MAX.to_string())),
        ("large", scalar("time", u64::MAX.to_string())),
        ("hour", scalar("time", u64::MAX.to_string())),
        ("hour", scalar("time", 86_400_000_001_u64)),
        ("single", scalar("float", 0.1)),
        ("single", scalar("float", 1e300)),
        ("amount", numeric(&long)),
        ("amount", numeric("1e3")),
        ("amount", numeric("0x10")),
        ("amount", scalar("integer", 1)),
        ("amount", scalar("float", 1.5)),
        ("key", scalar("uuid", "x")),
        ("day", scalar("date", limits::DATE_DAYS_MAX + 1)),
        ("at", scalar("timestamp", 0)),
        ("at", scalar("timestamptz", (i64::MIN + 1).to_string())),
        ("address", scalar("inet", "10.0.0.1/33")),
        ("network", scalar("inet", "10.0.0.1/8")),
        ("feeling", scalar("text", "Glad")),
        ("feeling", scalar("text", "'; DROP TABLE notes; --")),
        ("flag", scalar("text", "true")),
        ("tags", scalar("text", "{a}")),
    ] {
        let rows = [json!([id(1), value(&scalar)])];
        for kind in ["in-mutation", "in-action"] {
            let refusal =
                invalid(arena.call(&format!("{kind}/insert"), insertion(&["id", column], &rows, &[])).await);
            assert!(refusal.len() < 500, "{column}: {refusal}");
            let sql = format!("INSERT INTO kinds (id, {column}) VALUES (1, $1)");
            invalid(
                arena
                    .call(&format!("{kind}/execute"), json!({ "sql": sql, "parameters": [value(&scalar)] }))
                    .await,
            );
        }
        let mut chosen = selection("id", 1);
        chosen["selection"]["filter"] =
            json!([[{ "column": column, "test": { "tag": "equal", "val": value(&scalar) } }]]);
        invalid(arena.call("in-query/select", chosen).await);
    }
    // A code of 41 characters. In SQL text only the server knows that it is too long.
    let code = value(&scalar("text", "x".repeat(41)));
    let row = json!([id(1), code]);
    let refusal = returned(arena.call("in-mutation/insert", insertion(&["id", "code"], &[row], &[])).await);
    assert_eq!(
        refusal,
        json!({ "tag": "invalid-argument", "val": "column `code`: the column holds at most 40 characters" })
    );
    let sql = json!({ "sql": "INSERT INTO kinds (id, code) VALUES (1, $1)", "parameters": [code] });
    let refusal = returned(arena.call("in-mutation/execute", sql).await);
    let rule = "a text is longer than its type allows, character varying(40) (SQLSTATE 22001)";
    assert_eq!(refusal, json!({ "tag": "invalid-argument", "val": rule }));
    arena.assert_unharmed(&before).await;
}

#[tokio::test]
async fn columns_with_one_name_are_told_apart_by_position() {
    let arena = Arena::new().await;
    let sql = json!({ "sql": "SELECT 1 AS a, 'x;y' AS a, NULL AS a, id AS a FROM notes WHERE id = 1", "parameters": [] });
    for (kind, _) in KINDS {
        let answer = arena.call(&format!("{kind}/query"), sql.clone()).await.unwrap();
        let names: Vec<&Value> =
            answer["columns"].as_array().unwrap().iter().map(|column| &column["name"]).collect();
        assert_eq!(names, ["a", "a", "a", "a"], "{kind}");
        let row =
            json!([[value(&scalar("integer", 1)), value(&scalar("text", "x;y")), value(&null()), id(1)]]);
        assert_eq!(answer["rows"], row, "{kind}");
    }
}

#[tokio::test]
async fn comparison_with_null_is_never_true() {
    let arena = Arena::new().await;
    let before = arena.world.snapshot().await;
    arena.world.sql.batch_execute("INSERT INTO plugin_sql.kinds (id) VALUES (1)").await.unwrap();
    for test in ["equal", "not-equal", "less", "at-least"] {
        let mut chosen = selection("id", 1);
        chosen["selection"]["filter"] =
            json!([[{ "column": "label", "test": { "tag": test, "val": value(&null()) } }]]);
        match arena.call("in-query/select", chosen).await {
            Ok(answer) => assert_eq!(answer["rows"], json!([]), "{test}"),
            refused => drop(invalid(refused)),
        }
    }
    for sql in
        ["SELECT id FROM kinds WHERE label = $1", "SELECT id FROM kinds WHERE label <> $1 OR $1 = label"]
    {
        let answer = arena
            .call("in-query/query", json!({ "sql": sql, "parameters": [value(&null())] }))
            .await
            .unwrap();
        assert_eq!(answer["rows"], json!([]), "{sql}");
    }
    arena.world.sql.batch_execute("DELETE FROM plugin_sql.kinds").await.unwrap();
    arena.assert_unharmed(&before).await;
}

/// A value without a case in the contract is rejected, never cut or turned into null.
#[tokio::test]
async fn unsupported_value_is_rejected_when_read() {
    let arena = Arena::new().await;
    for (sql, reason) in [
        ("SELECT ARRAY[ARRAY[1, 2], ARRAY[3, 4]] AS a", "dimensions"),
        ("SELECT array_agg(tags) AS a FROM notes", "dimensions"),
        ("SELECT make_timestamp(294276, 12, 31, 0, 0, 0) AS a", "294247"),
    ] {
        for (kind, _) in KINDS {
            let sql = json!({ "sql": sql, "parameters": [] });
            let refusal = invalid(arena.call(&format!("{kind}/query"), sql).await);
            assert!(refusal.contains(reason), "{refusal}");
        }
    }
}

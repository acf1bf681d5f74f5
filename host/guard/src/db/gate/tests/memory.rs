//! Tests of what an expression, and what is sent, keeps in memory until its row is done, and of work that repeats for each
//! element. The figures are of PostgreSQL 15, for stored values of 1 MiB.

use super::{ReadStatement, WriteStatement, column};
use crate::db::catalogue::{Catalogue, Column, Operations, Table};
use crate::db::extension::Extensions;
use crate::db::migration::Migration;
use crate::db::parameter::Binder;
use crate::db::structured::Selection;
use crate::db::typmod::Typmod;
use crate::db::value::{Scalar, Value};
use crate::refusal::Refusal;
use postgres_types::Type;

fn catalogue() -> Catalogue {
    let short = Column { typmod: Typmod::Characters(200), ..column("short", Type::VARCHAR) };
    let columns = vec![
        column("id", Type::INT8),
        column("body", Type::TEXT),
        column("padded", Type::BPCHAR),
        short,
        column("tags", Type::TEXT_ARRAY),
        column("data", Type::JSONB),
        column("js", Type::JSON),
        column("parts", Type::JSONB_ARRAY),
        column("nums", Type::NUMERIC_ARRAY),
        column("price", Type::NUMERIC),
    ];
    let all = Operations { select: true, insert: true, update: true, delete: true };
    Catalogue::new("plugin_blog", true, true).with_table(Table::new("t", columns, all))
}

fn bound(sql: &str, values: Vec<Value>) -> Result<(), Refusal> {
    let demands = if sql.starts_with("SELECT") || sql.starts_with("WITH") {
        ReadStatement::parse(&catalogue(), sql)?.demands().clone()
    } else {
        WriteStatement::parse(&catalogue(), sql)?.demands().clone()
    };
    Binder::parse(&demands, values, 0).map(drop)
}

fn json(text: &str) -> Value {
    Value::Scalar(Scalar::Json(text.to_owned()))
}

fn refused(sql: &str, values: Vec<Value>) {
    let refusal = bound(sql, values);
    assert!(matches!(refusal, Err(Refusal::Invalid(_))), "{sql:.120}: {refusal:?}");
}

/// Checks expressions, each so often in one row: the last number of times is refused, and the first accepted.
fn at_and_over(rows: &[(&str, usize, usize)]) {
    for &(expression, at, over) in rows {
        let times = |count: usize| {
            let all: Vec<String> = (0..count).map(|n| expression.replace("{n}", &n.to_string())).collect();
            format!("SELECT 1 FROM t ORDER BY {}", all.join(", "))
        };
        refused(&times(over), vec![]);
        if at > 0 {
            assert_eq!(bound(&times(at), vec![]), Ok(()), "{expression} × {at}");
        }
    }
}

/// A stored value that is no text is fetched for each element, and of `char` the spaces at the end are looked for: 10,000
/// comparisons took up to 3.7 s. What `unnest` gives is in memory.
#[test]
fn large_value_that_is_sought_in_an_array_is_counted_for_each_element() {
    for sought in [
        "padded = ANY (tags::bpchar[])",
        "body::bpchar = ANY (tags::bpchar[])",
        "body::char(900000) <> ALL (tags)",
        "coalesce(padded, 'a') = ANY (tags::bpchar[])",
        "data = ANY (parts)",
        "array_position(parts, data)",
        "array_position(tags::bpchar[], padded)",
    ] {
        refused(&format!("SELECT {sought} FROM t"), vec![]);
    }
    for sought in ["body = ANY (tags)", "short::char(20) = ANY (tags)", "array_position(tags, body)"] {
        assert_eq!(bound(&format!("SELECT {sought} FROM t"), vec![]), Ok(()), "{sought}");
    }
    for sql in [
        "SELECT count(*) FROM t a, t b, unnest(a.tags) x WHERE x = ANY (b.tags)",
        "SELECT count(*) FROM t a, t b, unnest(a.parts) x WHERE x = ANY (b.parts)",
    ] {
        assert_eq!(bound(sql, vec![]), Ok(()), "{sql}");
    }
}

/// The place of each group of each match stays until the row is done: eight groups took 70 MiB.
#[test]
fn places_of_matches_are_counted_by_the_groups_of_the_pattern() {
    let groups = |count: usize| (0..count).map(|n| format!("(a{n})")).collect::<Vec<_>>().join("|");
    for call in [
        format!("regexp_instr(body, '{}', 1, 1, 0, '', 1)", groups(20)),
        format!("regexp_substr(body, '{}', 1, 1, '', 1)", groups(20)),
        "regexp_instr(body, body, 1, 1, 0, '', 1)".to_owned(),
        "regexp_substr(body, short, 1, 1, '', 1)".to_owned(),
    ] {
        refused(&format!("SELECT {call} FROM t"), vec![]);
    }
    for call in [
        format!("regexp_instr(short, '{}', 1, 1, 0, '', 1)", groups(20)),
        format!("regexp_substr(body, '{}')", groups(20)),
        "regexp_instr(body, '(a)-(b)', 1, 1, 0, '', 2)".to_owned(),
        "regexp_substr(body, '#([0-9]+)', 1, 1, '', 1)".to_owned(),
    ] {
        assert_eq!(bound(&format!("SELECT {call} FROM t"), vec![]), Ok(()), "{call}");
    }
}

/// Each makes lists of the values of JSON: of `[[],[],…]` 35 MiB, of an object of short keys with `keyvalue()` 128 MiB, and the
/// text of each element of `jsonb[]` has a buffer of its own.
#[test]
fn expression_that_copies_json_is_counted_by_the_values_of_the_json() {
    at_and_over(&[
        ("jsonb_build_array({n}, data)", 6, 7),
        ("jsonb_build_object('a{n}', data)", 6, 7),
        ("to_jsonb(ROW({n}, data))", 5, 7),
        ("data - {n}", 6, 7),
        ("data #- '{{n}}'", 6, 7),
        ("data || '{n}'::jsonb", 6, 7),
        ("jsonb_set('{\"a\": 1}', '{{n}}', data)", 6, 7),
        ("jsonb_insert(data, '{{n}}', '1')", 6, 7),
        ("jsonb_strip_nulls(data)", 6, 7),
        ("jsonb_path_exists(data, '$[*] ? (@ == {n})')", 6, 7),
        ("jsonb_path_query_first(data, '$.keyvalue() ? (@.value == {n})')", 1, 2),
        ("jsonb_path_query_array(data, '$.**{0 to 2} ? (@ == {n})')", 2, 4),
        ("cardinality(tags::jsonb[]) + {n}", 2, 3),
        ("array_to_string(parts, '{n}')", 11, 12),
    ]);
    let edits = |count: usize| {
        (0..count).fold("$1::jsonb".to_owned(), |all, n| format!("{all} || '{{\"k{n}\": 1}}'"))
    };
    refused(&format!("SELECT {}", edits(20)), vec![json(&format!("[{}1]", "[],".repeat(300_000)))]);
    assert_eq!(bound(&format!("SELECT {}", edits(100)), vec![json(r#"{"a": [1, {"b": 2}]}"#)]), Ok(()));
}

/// A number such as `1e131000` takes ten bytes, and 131,001 of text: 10,000 of them took 1.3 GiB and 3 s wherever they become one.
#[test]
fn text_of_numbers_with_exponents_is_counted_where_it_is_made() {
    let many = format!("[{}1]", "1e131000,".repeat(3_000));
    let exponents = || vec![json(&many)];
    for sql in [
        "SELECT jsonb_agg('1e131000'::numeric) FROM generate_series(1, 10000)",
        "SELECT array_agg(1e131000)::text FROM generate_series(1, 10000)",
        "SELECT json_agg(n)::varchar(5) FROM (SELECT 1e131000 AS n FROM generate_series(1, 10000)) s",
        "SELECT concat_ws('', jsonb_agg(repeat('9', 100000)::numeric)) FROM t",
        "SELECT array_to_string(array_agg(1e131000 * price), '') FROM t",
        "SELECT jsonb_object_agg(id, (body)::numeric) FROM t",
        "SELECT ARRAY(SELECT 1e131000 FROM t)::varchar(5)[]::text FROM t",
        "SELECT body::jsonb FROM t",
        "SELECT body::jsonb ->> 'a' FROM t",
        "SELECT to_jsonb(js) FROM t",
        "SELECT to_jsonb(d) FROM t d",
        "SELECT jsonb_agg(js) FROM t",
        "SELECT length(format('%s', tags::numeric[])) FROM t",
        "SELECT length((tags::jsonb[])::text) FROM t",
        "UPDATE t SET data = to_jsonb(js)",
        "UPDATE t SET (data, id) = (SELECT js::jsonb, 1 FROM t)",
        "INSERT INTO t (data) SELECT body::jsonb FROM t",
        "MERGE INTO t USING t s ON false WHEN NOT MATCHED THEN INSERT (data) VALUES (s.body::jsonb)",
        "DELETE FROM t RETURNING js::jsonb",
    ] {
        refused(sql, vec![]);
    }
    for sql in [
        "SELECT $1::jsonb",
        "SELECT $1::jsonb::text",
        "SELECT $1::json::jsonb -> 'a'",
        "SELECT jsonb_build_array($1::json)",
        "SELECT ($1::jsonb || data) ->> 'a' FROM t",
        "UPDATE t SET data = $1::jsonb",
        "INSERT INTO t (data) VALUES ($1::jsonb), ('1')",
        "SELECT data || $1 FROM t",
    ] {
        refused(sql, exponents());
        assert_eq!(bound(sql, vec![json(r#"{"a": [1e-7, 6.02e23, -1.5e308]}"#)]), Ok(()), "{sql}");
    }
    let literal = format!(
        "'{}'",
        "[1e131000,1e131000]".replace("1e131000]", &format!("{}1]", "1e131000,".repeat(3_000)))
    );
    refused(&format!("SELECT {literal}::jsonb"), vec![]);
    refused(&format!("UPDATE t SET data = {literal}::jsonb"), vec![]);
    for sql in [
        "SELECT data, data ->> 'a', (data -> 'price')::numeric(12, 2), nums, nums::text, to_jsonb(nums) FROM t",
        "SELECT jsonb_agg(price), jsonb_agg(round(price * 1.19, 2)), array_agg(price)  FROM t",
        "SELECT jsonb_agg((data ->> 'price')::numeric(12, 2)) FROM t",
        "SELECT js, js -> 'a', js ->> 'a', body::json -> 'a', json_agg(js), row_to_json(d) FROM (SELECT js, body FROM t) d",
        "SELECT body::jsonb @> '{\"a\": 1}', jsonb_typeof(js::jsonb) FROM t",
        "UPDATE t SET data = coalesce(data -> 'a', '[]') || $1::jsonb",
        "UPDATE t SET data = jsonb_set(data, '{a}', coalesce(data -> 'a', '[]'::jsonb) || '[\"x\"]')",
        "INSERT INTO t (data) SELECT row_to_json(d)::jsonb FROM (SELECT id, short, price FROM t) d",
    ] {
        let values = if sql.contains("$1") { vec![json(r#"{"a": 1}"#)] } else { vec![] };
        assert_eq!(bound(sql, values), Ok(()), "{sql}");
    }
}

/// PostgreSQL makes the row of an answer in one piece, with a copy of each value: 900 of 1 MiB took 1.8 GiB.
#[test]
fn columns_that_are_sent_are_counted_together() {
    let times = |what: &str, count: usize| vec![what; count].join(", ");
    for (what, at, over) in [("body", 60, 100), ("data", 16, 22), ("tags", 60, 100), ("d.*", 4, 40)] {
        refused(&format!("SELECT {} FROM t d", times(what, over)), vec![]);
        refused(&format!("UPDATE t d SET id = 1 RETURNING {}", times(what, over)), vec![]);
        refused(&format!("WITH x AS (SELECT * FROM t) SELECT {} FROM x d", times(what, over)), vec![]);
        assert_eq!(bound(&format!("SELECT {} FROM t d", times(what, at)), vec![]), Ok(()), "{what} × {at}");
    }
    refused(&format!("SELECT {} FROM (SELECT string_agg(body, '') AS a FROM t) s", times("a", 10)), vec![]);
    // Different columns of a wide table, in SQL text and in a structured call.
    for (count, accepted) in [(80, true), (100, false)] {
        let columns: Vec<Column> = (0..count).map(|n| column(&format!("c{n}"), Type::TEXT)).collect();
        let names: Vec<String> = columns.iter().map(|column| column.name.clone()).collect();
        let all = Operations { select: true, insert: true, update: true, delete: true };
        let wide = Catalogue::new("plugin_blog", true, true).with_table(Table::new("wide", columns, all));
        assert_eq!(ReadStatement::parse(&wide, "SELECT * FROM wide").is_ok(), accepted, "{count}");
        let selection = Selection::<Value> {
            table: "wide".to_owned(),
            columns: names,
            filter: vec![],
            order_by: vec![],
            limit: None,
            after: vec![],
        };
        let bound = selection.parse(&wide).and_then(|statement| statement.bind(&mut |_| Ok(())));
        assert_eq!(bound.is_ok(), accepted, "{count}: {:?}", bound.err());
    }
    // What a subquery has is not sent.
    let inner = format!("SELECT count(*) FROM (SELECT {} FROM t) s", times("body", 200));
    assert_eq!(bound(&inner, vec![]), Ok(()));
    assert_eq!(bound(&format!("SELECT {} FROM t", times("short, id, price", 200)), vec![]), Ok(()));
}

#[test]
fn kinds_of_expensive_expressions_are_refused_in_migrations_too() {
    let migration = |text: &str| Migration::parse("plugin_blog", &Extensions::default(), "1.sql", text);
    let columns = "id bigint, body text, tags text[], data jsonb, nums numeric[]";
    for (text, accepted) in [
        ("CHECK (length(body::jsonb::text) > 0)", false),
        ("CHECK (body::bpchar = ANY (tags::bpchar[]))", false),
        ("CHECK (length(concat_ws('', body::jsonb)) > 0)", false),
        ("CHECK (length(body) > 0 AND jsonb_typeof(data) = 'object')", true),
    ] {
        let made = migration(&format!("CREATE TABLE x ({columns}, {text});"));
        assert_eq!(made.is_ok(), accepted, "{text}: {:?}", made.err());
    }
}

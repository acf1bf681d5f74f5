//! Tests of what a statement may reveal: the clock, time zones that are made up, rows of others, and functions through
//! attribute notation.

use super::corpus::column;
use super::{ReadStatement, WriteStatement, catalogue, read, write};
use crate::db::catalogue::{Catalogue, Operations, Table};
use crate::db::parameter::Binder;
use crate::db::value::{Scalar, Value};
use crate::refusal::Refusal;
use postgres_types::Type;

/// Texts that are the clock to PostgreSQL.
const CLOCK: &[&str] = &[
    "now",
    "today",
    "tomorrow",
    "yesterday",
    " NOW ",
    "Now",
    "today 10:00",
    "at now",
    "-5/today",
    "epoch -5/today",
    "dst+5/tomorrow",
    "isoyear+5/today",
    "infinity+5/tomorrow",
    "10:00:001.2460000+5/yesterday",
    "{to\\day}",
];

/// Every SQL way to the server's clock that the walk can see: each is refused.
#[test]
fn way_to_the_clock_is_refused() {
    let types = ["timestamptz", "timestamp", "date", "time", "timestamp(0)", "timestamptz(3)"];
    let mut rows: Vec<String> = Vec::new();
    for word in CLOCK {
        for kind in types {
            rows.push(format!("SELECT '{word}'::{kind}"));
            rows.push(format!("SELECT CAST('{word}' AS {kind})"));
            rows.push(format!("SELECT ('{word}')::{kind}"));
            rows.push(format!("SELECT ARRAY['{word}']::{kind}[]"));
            rows.push(format!("SELECT '{{{word}}}'::{kind}[]"));
        }
        rows.push(format!("SELECT timestamp '{word}', date '{word}'"));
    }
    for row in [
        "SELECT E'\\x6eow'::timestamptz",
        "SELECT 'now'::\"pg_catalog\".\"timestamptz\"",
        "SELECT 'now'::pg_catalog.\"date\"",
        "SELECT 'now'::\"date\"",
        "SELECT CAST('today' AS \"pg_catalog\".\"date\")",
        "SELECT '{now}'::\"pg_catalog\".\"timestamp\"[]",
        "SELECT \"pg_catalog\".\"date\" 'now'",
        "SELECT U&'n\\006fw'::timestamptz",
        "SELECT $$now$$::timestamptz",
        "SELECT $1::text::timestamptz",
        "SELECT CAST($1::text AS date)",
        "SELECT ($1 || '')::timestamptz",
        "SELECT ('n' || 'ow')::timestamptz",
        "SELECT concat('n', 'ow')::date",
        "SELECT coalesce($1, 'now')::timestamptz",
        "SELECT coalesce($1, (SELECT 'x'))::date",
        "SELECT coalesce($1, title)::date FROM drafts",
        "SELECT coalesce($1 || '', 'x')::date",
        "SELECT nullif('today', $1)::date",
        "SELECT nullif(title, $1)::date FROM drafts",
        "SELECT (CASE WHEN true THEN 'now' END)::date",
        "SELECT (CASE WHEN true THEN $1 ELSE title END)::date FROM drafts",
        "SELECT (CASE WHEN true THEN nullif($1, '') ELSE coalesce('tomorrow', $2) END)::date",
        "SELECT CAST(greatest($1, 'yesterday') AS timestamp)",
        "SELECT coalesce($1::varchar(3), 'x')::date",
        "SELECT coalesce('nowhere'::varchar(3), 'x')::date",
        "SELECT coalesce('now'::text, $1)::date",
        "SELECT coalesce(left($1, 3), 'x')::date",
        "SELECT \"coalesce\"($1, 'x')::date",
        "SELECT u.t::date FROM drafts, unnest(tags, ARRAY[created]) AS u (t, c)",
        "SELECT tsrange('today', NULL)",
        "SELECT lower(daterange('now', 'tomorrow'))",
        "SELECT daterange(title, title)::date FROM drafts",
        "SELECT age('2001-01-01')",
        "SELECT age($1)",
        "SELECT age(('2001-01-01'))",
        "SELECT (SELECT $1)::timestamptz",
        "SELECT (SELECT 'now')::timestamptz",
        "SELECT x::timestamptz FROM (SELECT 'now' AS x) s",
        "SELECT x::date FROM (VALUES ('now')) AS v (x)",
        "SELECT x::date FROM (SELECT 'a' AS x UNION SELECT 'now') s",
        "SELECT title::timestamptz FROM drafts",
        "SELECT (data ->> 'at')::timestamptz FROM drafts",
        "SELECT tags::timestamptz[] FROM drafts",
        "SELECT (tags)[1]::date FROM drafts",
        "SELECT string_to_array($1, ',')::timestamptz[]",
        "SELECT ARRAY[title]::date[] FROM drafts",
        "SELECT array_agg(title)::date[] FROM drafts",
        "SELECT lower('NOW')::date",
        "SELECT min(title)::date FROM drafts",
        "SELECT (title COLLATE \"C\")::date FROM drafts",
        "SELECT u::date FROM unnest($1::text[]) AS u (u)",
        "WITH a AS (SELECT title AS t FROM drafts) SELECT t::date FROM a",
        // As functions, with and without arguments.
        "SELECT current_time",
        "SELECT clock_timestamp()",
        "SELECT timeofday()",
        "SELECT pg_postmaster_start_time()",
        "SELECT pg_conf_load_time()",
        "SELECT txid_current()",
        "SELECT date('now')",
        "SELECT timestamptz('now')",
        "SELECT jsonb_populate_record(NULL, data) FROM drafts",
        "SELECT tstzrange('now', NULL)",
        "SELECT '[now,)'::tstzrange",
    ] {
        rows.push(row.to_owned());
    }
    let accepted: Vec<&String> = rows.iter().filter(|row| read(row).is_ok()).collect();
    assert_eq!(accepted, Vec::<&String>::new());
    for row in [
        "UPDATE drafts SET created = title::timestamptz",
        "INSERT INTO drafts (created) VALUES ('now'::timestamptz)",
    ] {
        assert!(write(row).is_err(), "{row}");
    }
}

#[test]
fn value_that_grows_with_each_step_of_a_recursion_is_refused() {
    let recursion = |step: &str| {
        format!(
            "WITH RECURSIVE r (n, v) AS (SELECT 1, 'a' UNION ALL SELECT n + 1, {step} FROM r WHERE n < 30) SELECT n FROM r"
        )
    };
    for step in ["v || v", "concat(v, v)", "replace(v, 'a', 'aa')", "upper(v) || v", "repeat(v, 2)"] {
        assert!(read(&recursion(step)).is_err(), "{step}");
    }
    for step in ["substr(v || v, n)", "substring(v || v FROM n)", "substr(v || v, 1, n)", "left(v || v, n)"] {
        assert!(read(&recursion(step)).is_err(), "{step}");
    }
    for step in [
        "v",
        "v || ',' || n::text",
        "lower('x')",
        "left(v, 10)",
        "v || 'abc'",
        "left(v || v, 100)",
        "right(v || v, 100)",
        "substr(v || v, 1, 100)",
        "substring(v || v FROM 2 FOR 100)",
        "substring(v || v, 2, 100)",
        "lpad(v || v, 100)",
    ] {
        assert!(read(&recursion(step)).is_ok(), "{step}: {:?}", read(&recursion(step)));
    }
    let path = "WITH RECURSIVE t (id, path) AS (SELECT id, ARRAY[id] FROM drafts UNION ALL \
                SELECT c.draft_id, path || c.id FROM t JOIN comments c ON c.draft_id = t.id) SELECT id, path FROM t";
    assert!(read(path).is_ok(), "{:?}", read(path));
}

#[test]
fn growth_of_a_recursion_at_its_limit_is_accepted_and_over_it_refused() {
    let recursion = |bytes: u64| {
        let more = "x".repeat(usize::try_from(bytes).unwrap());
        read(&format!(
            "WITH RECURSIVE r (v) AS (SELECT 'a' UNION ALL SELECT v || '{more}' FROM r) SELECT v FROM r LIMIT 9"
        ))
    };
    let max = crate::limits::RECURSION_GROWTH_BYTES_MAX;
    assert!(recursion(max).is_ok(), "{:?}", recursion(max));
    assert!(recursion(max + 1).is_err());
}

/// A `numeric` has more digits with each product, and two products of the longest take longer than a row may.
#[test]
fn column_of_a_recursion_is_an_integer_only_if_its_first_part_says_so() {
    let recursion = |first: &str| {
        read(&format!("WITH RECURSIVE r (n) AS ({first} UNION ALL SELECT n * n * n FROM r) SELECT n FROM r"))
    };
    for first in ["SELECT 2", "VALUES (2)", "(SELECT 2)", "SELECT 9223372036854775807"] {
        assert!(recursion(first).is_ok(), "{first}: {:?}", recursion(first));
    }
    for first in [
        "SELECT 9223372036854775808",
        "VALUES (9223372036854775808)",
        "VALUES (2), (2.5)",
        "SELECT 2 UNION ALL SELECT 2.5",
        "(SELECT 2 UNION ALL SELECT 2.5)",
        "(VALUES (2), (2.5))",
    ] {
        assert!(recursion(first).is_err(), "{first}");
    }
}

#[test]
fn column_of_a_recursion_has_the_size_that_its_first_part_is_converted_to() {
    let recursion = |first: &str, step: &str| {
        read(&format!(
            "WITH RECURSIVE r (a, b) AS (SELECT {first} UNION ALL SELECT b, {step} FROM r) SELECT a FROM r"
        ))
    };
    for (first, step) in [
        ("0::numeric, 1::numeric", "a * b * b"),
        ("title, title", "a || b"),
        ("title::text, title::text", "a || b"),
        ("title::varchar, title::varchar", "a || b"),
        ("ARRAY[1]::bigint[], ARRAY[1]::bigint[]", "a || b"),
        ("title || title::varchar(5), title || title::varchar(5)", "a || b"),
        ("0::bigint, 1::bigint UNION ALL SELECT 1.5, 2.5", "a * b * b"),
    ] {
        let first = if first.contains("title") { format!("{first} FROM drafts") } else { first.to_owned() };
        assert!(recursion(&first, step).is_err(), "{first}");
    }
    for (first, step) in [
        ("0::bigint, 1::bigint", "a + b"),
        ("CAST(0 AS int), (1)::int", "a * b * b"),
        ("0::float8, 1::double precision", "a * b * b"),
        ("title::varchar(500), title::varchar(500) FROM drafts", "(a || '/' || b)::varchar(500)"),
    ] {
        assert!(recursion(first, step).is_ok(), "{first}: {:?}", recursion(first, step));
    }
}

/// A path whose conditions name variables compares each value of the document with each of theirs.
#[test]
fn variables_of_a_json_path_cost_what_they_are_compared_with() {
    let of = |vars: &str| format!("SELECT jsonb_path_exists(data, '$.v[*] ? (@ == $a)', {vars}) FROM drafts");
    let list = |count: usize| Value::Scalar(Scalar::Json(format!("[{}]", vec!["1"; count].join(","))));
    let bound = |sql: &str, value: Value| {
        let demands = ReadStatement::parse(&catalogue(), sql)?.demands().clone();
        Binder::parse(&demands, vec![value], 0).map(drop)
    };
    assert!(read(&of("data")).is_err());
    assert!(bound(&of("$1::jsonb"), list(1_000)).is_err());
    assert_eq!(bound(&of("$1::jsonb"), list(3)), Ok(()));
    assert_eq!(bound(&of("jsonb_build_object('a', $1::int)"), Value::Scalar(Scalar::Integer(3))), Ok(()));
}

#[test]
fn json_path_that_multiplies_a_document_with_itself_is_refused() {
    for path in [
        "$[*] ? (exists($[*] ? (@ == 5)))",
        "$ ? ($[*] > $[*] + 5)",
        "$[*] ? (@.a[*] == @.b[*])",
        "$.a ? ($.b > 1)",
    ] {
        let sql = format!("SELECT jsonb_path_exists(data, '{path}'), data @? '{path}' FROM drafts");
        assert!(read(&sql).is_err(), "{sql}");
    }
    for path in
        ["$.a", "$.a[*]", "$.items[*] ? (@.price > 10)", "$.items[*] ? (@.tags[*] == \"x\")", "$.a.b[0]"]
    {
        let sql = format!("SELECT jsonb_path_exists(data, '{path}') FROM drafts");
        assert!(read(&sql).is_ok(), "{sql}: {:?}", read(&sql));
    }
}

/// Two parts of JSON are compared in pairs wherever a path stands, whatever its mode is; a part and a literal are not.
#[test]
fn json_path_that_compares_two_parts_of_json_is_refused_unless_they_are_short() {
    let bound = |sql: &str, values: Vec<Value>| {
        let demands = ReadStatement::parse(&catalogue(), sql)?.demands().clone();
        Binder::parse(&demands, values, 0).map(drop)
    };
    let list = |count: usize| {
        let items = vec!["1"; count].join(",");
        Value::Scalar(Scalar::Json(format!("{{\"a\":[{items}],\"b\":[{items}]}}")))
    };
    for path in
        ["$.a == $.b", "$.a[*] == $.b[*]", "strict $.a[*] == $.b[*]", "$.a < $.b", "$.a <> $.b && $.c == 1"]
    {
        for call in [
            format!("data @@ '{path}'"),
            format!("data OPERATOR(pg_catalog.@@) ('{path}')"),
            format!("jsonb_path_match(data, '{path}')"),
            format!("jsonb_path_exists(data, '{path}')"),
        ] {
            let refusal =
                read(&format!("SELECT id FROM drafts WHERE {call}")).map_err(|refusal| refusal.to_string());
            assert!(refusal.as_ref().is_err_and(|rule| rule.contains("two parts")), "{call}: {refusal:?}");
        }
    }
    for path in [
        "$ ? (@.a == @.b)",
        "$.** ? (@.a == @.b)",
        "strict $ ? (@.a >= @.b)",
        "$.a ? (@.x == 1 || @.x > @.y)",
    ] {
        for call in [format!("data @? '{path}'"), format!("jsonb_path_query_first(data, '{path}') IS NULL")] {
            let refusal =
                read(&format!("SELECT id FROM drafts WHERE {call}")).map_err(|refusal| refusal.to_string());
            assert!(refusal.as_ref().is_err_and(|rule| rule.contains("two parts")), "{call}: {refusal:?}");
        }
    }
    for (call, at) in [
        ("$1::jsonb @@ '$.a == $.b'", 3_000),
        ("$1::jsonb @? '$ ? (@.a == @.b)'", 3_000),
        ("jsonb_path_match('1', '$a == $b', $1::jsonb)", 1_500),
        ("jsonb_path_exists('1', '$ ? ($a == $b)', $1::jsonb)", 1_500),
        ("jsonb_path_query_first('1', '$a ? (@ == $b)', $1::jsonb)", 1_500),
    ] {
        let sql = format!("SELECT {call}");
        assert_eq!(bound(&sql, vec![list(at / 3)]), Ok(()), "{sql}");
        assert!(bound(&sql, vec![list(at * 2)]).is_err(), "{sql}");
    }
    for call in [
        "jsonb_path_match('1', '$a == $b', data)",
        "jsonb_path_exists('1', '$ ? ($a == $b)', data)",
        "jsonb_path_query_first('1', '$a ? (@ == $b)', data) IS NULL",
    ] {
        assert!(read(&format!("SELECT id FROM drafts WHERE {call}")).is_err(), "{call}");
    }
    // Each check of a condition leaves a copy of the variable's list.
    let variables = |count: usize| {
        let items = vec!["1"; count].join(",");
        Value::Scalar(Scalar::Json(format!("{{\"a\":[{items}]}}")))
    };
    let sql = "SELECT id FROM drafts WHERE jsonb_path_exists(data, '$.v[*] ? (@ == $a)', $1::jsonb)";
    assert_eq!(bound(sql, vec![variables(7)]), Ok(()));
    assert!(bound(sql, vec![variables(9)]).is_err());
    for call in [
        "data @? '$.tags[*] ? (@ == \"news\")'",
        "data @? '$.items[*] ? (@.price > 10 && @.name == \"x\")'",
        "data @? '$.items[*] ? (@.price - @.cost > 0)'",
        "data @@ '$.a == 1 && $.b starts with \"x\"'",
        "to_tsvector('simple', body) @@ 'a <-> b'",
        "jsonb_path_exists(data, '$.v[*] ? (@.price > $min && @.price < $max)', jsonb_build_object('min', $1::int, 'max', $2::int))",
    ] {
        let values = if call.contains("$2") { vec![Value::Scalar(Scalar::Integer(3)); 2] } else { vec![] };
        let sql = format!("SELECT id FROM drafts WHERE {call}");
        assert_eq!(bound(&sql, values), Ok(()), "{sql}");
    }
}

/// A word of the clock in a text that cannot become a date or time where it stands is left as it was written.
#[test]
fn word_for_the_clock_is_left_alone_where_no_date_can_come_of_it() {
    for sql in [
        "INSERT INTO drafts (title, data, tags) VALUES ('{\"b\":1,\"a\":\"now\"}', '{\"b\":1,\"a\":\"now\"}', '{today,sale}')",
        "UPDATE drafts SET title = '[\"today\",  1]', data = '\"now\"', tags = '{now}' WHERE id = 1",
        "UPDATE drafts SET data = jsonb_set(data, '{today}', '\"now\"') WHERE title LIKE '%now%'",
        "DELETE FROM drafts WHERE data #>> '{today,x}' = 'a' OR data ? 'now' OR title ~ '^now'",
    ] {
        let text = write(sql).unwrap();
        assert!(!text.contains("CAST"), "{text}");
    }
    // Where the type is not known, it is a text, in the very same characters.
    let text =
        read("SELECT '{\"b\":1,  \"a\":\"now\"}', coalesce(title, '[\"now\" ,1]') FROM drafts").unwrap();
    assert!(text.contains("CAST('{\"b\":1,  \"a\":\"now\"}' AS text)") && !text.contains("jsonb"), "{text}");
    assert!(text.contains("CAST('[\"now\" ,1]' AS text)"), "{text}");
    // Beside `||` it takes the type of the other value, which no text replaces: it is left as it is, or its type is asked for.
    for sql in [
        "SELECT data || '\"now\"' FROM drafts",
        "SELECT title || '{\"a\":\"now\"}' FROM drafts",
        "SELECT title || ' now' FROM drafts",
        "SELECT tags || '{today,x}' FROM drafts",
        "SELECT '{now}' || tags FROM drafts",
        "SELECT ('{now}') || tags FROM drafts",
        "SELECT tags || ('{now}') FROM drafts",
        "SELECT 'today' || d.tags FROM drafts d",
        "SELECT title || ' ' || 'today' FROM drafts",
        "SELECT 'to' || 'day' || title FROM drafts",
        "SELECT $1 || ' now'",
        "SELECT upper(title) || ' now' FROM drafts",
        "SELECT convert_to(title, 'UTF8') || 'now' FROM drafts",
    ] {
        let text = read(sql).unwrap_or_else(|refusal| panic!("{sql}: {refusal}"));
        assert!(!text.contains("CAST"), "{sql}: {text}");
    }
    for sql in [
        "SELECT '{now}' || array_agg(created) FROM drafts",
        "SELECT array_agg(created) || '{now}' FROM drafts",
        "SELECT array_agg(created) || 'today' FROM drafts",
        "SELECT ('today') || array_agg(created) FROM drafts",
        "SELECT s.a || ('{today}') FROM (SELECT array_agg(created) AS a FROM drafts) s",
        "SELECT '{today}' || s.a FROM (SELECT array_agg(created) AS a FROM drafts) s",
        "SELECT '{today}' || ARRAY[created] || '{now}' FROM drafts",
    ] {
        assert!(
            read(sql).is_err_and(|refusal| refusal.to_string().contains("which type")),
            "{sql}: {:?}",
            read(sql)
        );
    }
    assert!(write("UPDATE drafts SET created = 'now'").unwrap().contains("CAST('now' AS text)"));
}

/// A date less a date is a number, and an offset, a fraction or a condition is not the result.
#[test]
fn text_is_no_date_because_a_date_stands_beside_it() {
    for sql in [
        "SELECT (lag(title, created::date - created::date) OVER ())::timestamptz FROM drafts",
        "SELECT lead('to' || 'day', created::date - created::date) OVER ()::date FROM drafts",
        "SELECT (lead('to' || 'day', created::date - created::date) OVER ())::date FROM drafts",
        "SELECT (nth_value(title, created::date - created::date + 1) OVER ())::date FROM drafts",
        "SELECT (nth_value(title, extract(day FROM created)::int) OVER (ORDER BY created))::date FROM drafts",
        "SELECT (first_value(title) OVER (PARTITION BY created ORDER BY created))::date FROM drafts",
        "SELECT (percentile_disc(created::date - created::date) WITHIN GROUP (ORDER BY title))::timestamptz FROM drafts",
        "SELECT (trim_array(tags, created::date - created::date))::timestamptz[] FROM drafts",
        "SELECT (array_sort(tags, created = created))::date[] FROM drafts",
        "SELECT (mode() WITHIN GROUP (ORDER BY title) FILTER (WHERE created > now()))::date FROM drafts",
        "SELECT (mode() WITHIN GROUP (ORDER BY title) FILTER (WHERE b))::date FROM (SELECT title, \
         lag(true, created::date - created::date) OVER () AS b FROM drafts) s",
        "SELECT (string_agg(title, ',' ORDER BY created))::date FROM drafts",
        "SELECT (json_object_agg(title, created) ->> 'a')::date FROM drafts",
        "SELECT coalesce(title, created::date - created::date)::date FROM drafts",
        "SELECT (CASE WHEN true THEN title ELSE created::date - created::date END)::date FROM drafts",
        "SELECT (CASE created WHEN now() THEN title END)::date FROM drafts",
        "SELECT ARRAY[title, created - created]::date[] FROM drafts",
        "SELECT x::date FROM (SELECT title AS x FROM drafts UNION SELECT created - created FROM drafts) s",
        "SELECT x::date FROM (VALUES ('n' || 'ow'), (date '2024-01-01' - date '2024-01-01')) v (x)",
        "SELECT (data - (created::date - created::date))::date FROM drafts",
    ] {
        assert!(read(sql).is_err(), "{sql}");
    }
}

/// What a difference is depends on its operands, but it is no text.
#[test]
fn conversion_of_a_value_that_shares_the_type_of_a_date_is_accepted() {
    for value in [
        "created - interval '1 day'",
        "created - $1::interval",
        "created::date - 1",
        "created::date - id::int + 1",
        "coalesce(created - interval '1 day', $1)",
        "CASE WHEN true THEN created - interval '1 day' ELSE created END",
        "CASE WHEN true THEN created - interval '1 day' END",
        "greatest(created - interval '1 day', '2024-01-01')",
        "now() - (now() - created)",
        "interval '1 day' * 2 + created",
        "lag(created, 1, '2024-01-01') OVER (ORDER BY id)",
        "lag('2024-01-01', 1, created) OVER (ORDER BY id)",
        "nth_value(created, 2) OVER (ORDER BY id)",
        "percentile_disc(0.5) WITHIN GROUP (ORDER BY created)",
        "mode() WITHIN GROUP (ORDER BY created - interval '1 day')",
        "(array_agg(created ORDER BY title))[1]",
        "(trim_array(array_agg(created), 1))[1]",
        "(array_remove(array_agg(created), '2024-01-01'))[1]",
        "(SELECT max(d.created) - interval '1 day' FROM drafts d)",
        "(SELECT u.x FROM (SELECT created - interval '1 day' AS x UNION SELECT created) u)",
        "(SELECT g FROM generate_series(date '2024-01-01', '2024-01-09', interval '1 day') g LIMIT 1)",
    ] {
        for target in ["date", "timestamp"] {
            let sql = format!("SELECT CAST({value} AS {target}) FROM drafts");
            assert!(read(&sql).is_ok(), "{sql}: {:?}", read(&sql));
        }
    }
}

/// PostgreSQL gives a time of day the offset that its zone has today.
#[test]
fn time_of_day_with_a_zone_is_refused() {
    for value in [
        "time '12:00'",
        "'12:00'::time",
        "CAST('12:00' AS time(0))",
        "created::time",
        "localtime",
        "make_time(1, 2, 3)",
        "(time '12:00')",
        "(time '12:00' + interval '1 hour')",
        "(SELECT time '12:00')",
        "coalesce(time '12:00', '13:00')",
        "(CASE WHEN true THEN time '12:00' END)",
        "(ARRAY[time '12:00'])[1]",
        "v.t",
        "u.t",
        "(SELECT max(w.t) FROM (VALUES (time '12:00')) w (t))",
    ] {
        let from =
            "FROM drafts, (VALUES (time '12:00')) v (t), (SELECT time '1:00' UNION SELECT '2:00') u (t)";
        for sql in [
            format!("SELECT {value} AT TIME ZONE 'America/Santiago' {from}"),
            format!("SELECT timezone('America/Santiago', {value}) {from}"),
        ] {
            let sentence = read(&sql).unwrap_err().to_string();
            assert!(sentence.contains("a time zone of this value"), "{sql}: {sentence}");
        }
        assert!(read(&format!("SELECT {value} {from}")).is_ok(), "{value}");
    }
    // What a recursion returns can be of any type.
    let recursive =
        "WITH RECURSIVE r (t) AS (SELECT time '12:00' UNION ALL SELECT t FROM r WHERE false) SELECT t";
    assert!(read(&format!("{recursive} FROM r")).is_ok());
    for zoned in [
        "t AT TIME ZONE 'UTC'",
        "timezone('UTC', t)",
        "mode() WITHIN GROUP (ORDER BY time '1:00') AT TIME ZONE 'UTC'",
    ] {
        assert!(read(&recursive.replace("SELECT t", &format!("SELECT {zoned}"))).is_err(), "{zoned}");
        assert!(
            read(&format!("{} FROM r", recursive.replacen(") SELECT t", &format!(") SELECT {zoned}"), 1)))
                .is_err(),
            "{zoned}"
        );
    }
    for value in [
        "created",
        "now()",
        "$1",
        "max(created)",
        "coalesce(created, $1)",
        "(created + interval '1 day')",
        "(created - $1::interval)",
        "to_timestamp(0)",
        "(SELECT max(d.created) FROM drafts d)",
        "CASE WHEN true THEN created END",
        "date_trunc('day', created)",
        "first_value(created) OVER ()",
        "(date '2024-01-01' + time '12:00')::timestamp",
        "'2024-01-01 12:00'",
        "s.d",
    ] {
        let from =
            "FROM drafts, generate_series(timestamp '2024-01-01', '2024-01-02', interval '1 hour') s (d)";
        for sql in [
            format!("SELECT {value} AT TIME ZONE 'UTC' {from}"),
            format!("SELECT timezone('UTC', {value}) {from}"),
        ] {
            assert!(read(&sql).is_ok(), "{sql}: {:?}", read(&sql));
        }
    }
}

/// A literal takes part in the tightest operation beside it, and only that decides what it can become.
#[test]
fn word_for_the_clock_in_an_operation_of_its_own_is_printed_as_text() {
    for sql in [
        "SELECT data -> 'today' - date '2024-01-01' FROM drafts",
        "SELECT data #- 'today' - date '2024-01-01' FROM drafts",
        "SELECT id = 'today' - date '2024-01-01' FROM drafts",
        "SELECT id < 'today' - date '2024-01-01' FROM drafts",
        "SELECT id IN ('today' - date '2024-01-01') FROM drafts",
        "SELECT id BETWEEN 'today' - date '2024-01-01' AND 5 FROM drafts",
        "SELECT id BETWEEN 5 AND 'today' - date '2024-01-01' FROM drafts",
        "SELECT id IS DISTINCT FROM 'today' - date '2024-01-01' FROM drafts",
        "SELECT title IS DISTINCT FROM 'today' = created FROM drafts",
        "SELECT date '2024-01-01' - 'today' = id FROM drafts",
        "SELECT 'today' = created FROM drafts",
        "SELECT created = 'today' FROM drafts",
        "SELECT coalesce(created, $1) = 'today' FROM drafts",
        "SELECT sum(price) = 'today' FROM drafts",
        "SELECT lower(daterange($1, $2)) = 'today'",
        "SELECT lower($1) = 'today'",
        "SELECT mode() WITHIN GROUP (ORDER BY created) = 'today' FROM drafts",
        "SELECT created > '-5/today' FROM drafts",
        "SELECT ARRAY[created] && '{to\\day}' FROM drafts",
        "SELECT tsrange($1, $2) @> '[to\"day\",)'",
    ] {
        let text = read(sql).unwrap();
        let is_text = text.contains("CAST('") || text.contains("CAST(E'");
        assert!(is_text && text.contains(" AS text)"), "{sql}: {text}");
    }
}

/// Beside a value that is certainly no date or time, a word for the clock is left as it was written.
#[test]
fn word_for_the_clock_beside_a_value_of_another_type_is_left_alone() {
    for sql in [
        "SELECT id FROM drafts WHERE title = 'Call me now!' OR price < 'now' OR id = 'today'",
        "SELECT id FROM drafts WHERE tags = '{now}' OR tags && '{today,sale}' OR '{now}' && tags",
        "SELECT id FROM drafts WHERE data = '\"now\"' OR data IN ('\"now\"', '{\"a\":\"now\"}') OR '\"now\"' = drafts.data",
        "SELECT id FROM drafts d WHERE d.data -> 'a' = '\"now\"' AND status = 'today' AND title = ANY ('{now}')",
        "SELECT id FROM drafts WHERE tags IS DISTINCT FROM '{now}' AND title BETWEEN 'now' AND 'today'",
        "SELECT id FROM drafts WHERE $1::text[] && '{now}' AND to_jsonb(id) = '\"now\"' AND s.t = '{now}'",
    ] {
        let sql =
            sql.replace("FROM drafts WHERE $1", "FROM drafts, (SELECT tags AS t FROM drafts) s WHERE $1");
        let text = read(&sql).unwrap();
        assert!(!text.contains("CAST"), "{text}");
    }
}

/// A word for the clock that PostgreSQL could take for a time is printed as a text, so that it cannot.
#[test]
fn word_for_the_clock_without_a_type_is_printed_as_text_or_json() {
    for (sql, printed) in [
        ("SELECT 1 FROM drafts WHERE created > 'now'", "\"created\" > CAST('now' AS text)"),
        ("SELECT 1 FROM drafts WHERE lower($1) = 'Call me now!'", "= CAST('Call me now!' AS text)"),
        ("SELECT 1 FROM drafts WHERE created IN ('2024-01-01', 'today')", "CAST('today' AS text)"),
        ("SELECT coalesce(created, 'tomorrow') FROM drafts", "CAST('tomorrow' AS text)"),
        ("SELECT date_trunc('day', 'now')", "CAST('now' AS text)"),
        ("SELECT extract(year FROM 'now')", "CAST('now' AS text)"),
        ("SELECT 1 FROM drafts WHERE data @> '{\"at\":\"now\"}'", "CAST('{\"at\":\"now\"}' AS jsonb)"),
        ("SELECT 1 FROM drafts WHERE created > '2020-01-01 abc5'", "CAST('2020-01-01 abc5' AS text)"),
        ("SELECT created FROM drafts UNION SELECT 'now'", "CAST('now' AS text)"),
        ("VALUES ('now')", "CAST('now' AS text)"),
    ] {
        let text = read(sql).unwrap();
        assert!(text.contains(printed), "{text}");
    }
    let text = write("INSERT INTO drafts (created, title) VALUES ('today', 'snow')").unwrap();
    assert!(text.contains("(CAST('today' AS text), 'snow')"), "{text}");
}

#[test]
fn conversion_of_a_fixed_time_is_accepted() {
    for sql in [
        "SELECT '2024-01-01'::date, '2024-01-01T10:00:00Z'::timestamptz, '10:00'::time, 'epoch'::timestamp",
        "SELECT '2024-01-01 10:00 Europe/Berlin'::timestamptz, timestamptz '2024-01-01 10:00+02:00'",
        "SELECT created::date, created::timestamp, created::time FROM drafts",
        "SELECT $1::timestamptz, $2::date, ARRAY[$3]::date[], ARRAY['2024-01-01', $4]::timestamptz[]",
        "SELECT date_trunc('day', created)::date, (created + interval '1 day')::date, max(created)::date FROM drafts",
        "SELECT coalesce(created, $1)::date, (CASE WHEN id = 1 THEN created END)::date FROM drafts",
        "SELECT (SELECT max(created) FROM drafts)::date, (lag(created) OVER (ORDER BY id))::date FROM drafts",
        "SELECT x::date FROM (SELECT created AS x FROM drafts UNION ALL SELECT NULL) s",
        "SELECT NULL::timestamptz, '1 day'::interval, (title)::interval FROM drafts",
        "SELECT to_date(title, 'YYYY-MM-DD')::timestamptz, to_timestamp(data ->> 'at', 'YYYY-MM-DD')::date FROM drafts",
        "SELECT array_agg(created)::date[] FROM drafts",
        "SELECT nullif($1, '')::date, coalesce($2, '2024-01-01')::timestamptz, CAST(nullif($3, 'x') AS timestamp)",
        "SELECT (CASE WHEN $1 THEN $2 WHEN id = 1 THEN '2024-01-01' ELSE nullif($3::text, '') END)::date FROM drafts",
        "SELECT id FROM drafts WHERE created >= coalesce(nullif($1, '')::timestamptz, '-infinity')",
        "SELECT mode() WITHIN GROUP (ORDER BY created)::date, percentile_disc(0.5) WITHIN GROUP (ORDER BY created)::date FROM drafts",
        "SELECT lower(daterange(created::date, $1)), upper(tstzrange(created, now()))::date FROM drafts",
    ] {
        assert!(read(sql).is_ok(), "{sql}: {:?}", read(sql));
    }
}

#[test]
fn time_zone_is_a_known_name_or_offset() {
    for zone in [
        "'UTC'",
        "'Europe/Berlin'",
        "'+05:30'",
        "$1",
        "$1::text",
        "interval '1 hour'",
        "'1 hour'::interval",
        "('UTC')",
    ] {
        for sql in [
            format!("SELECT created AT TIME ZONE {zone} FROM drafts"),
            format!("SELECT timezone({zone}, created) FROM drafts"),
            format!("SELECT date_trunc('day', created, {zone}) FROM drafts"),
            format!("SELECT make_timestamptz(2020, 1, 1, 0, 0, 0, {zone})"),
        ] {
            assert!(read(&sql).is_ok(), "{sql}: {:?}", read(&sql));
        }
    }
    for zone in [
        "title",
        "'<a' || id::text || '>1'",
        "'abc5'",
        "'<+03>-3'",
        "lower('UTC')",
        "($1 || '5')",
        "(SELECT 'UTC')",
        "id * interval '1 hour'",
        "upper($1)",
        "coalesce($1, 'UTC')",
        "'+05:31'",
        "NULL",
        "CASE WHEN true THEN 'UTC' END",
        "title::interval",
        "'abc5'::text",
    ] {
        for sql in [
            format!("SELECT created AT TIME ZONE {zone} FROM drafts"),
            format!("SELECT timezone({zone}, created) FROM drafts"),
            format!("SELECT date_trunc('day', created, {zone}) FROM drafts"),
            format!("SELECT make_timestamptz(2020, 1, 1, 0, 0, 0, {zone}) FROM drafts"),
        ] {
            assert!(matches!(read(&sql), Err(Refusal::Invalid(_))), "{sql}");
        }
    }
    for made in [
        "'2020-01-01 <a1>1 a1+5'::timestamptz",
        "'2020-01-01 10:00 UTC+3'::timestamptz",
        "'20200101 abc5'::date",
    ] {
        assert!(read(&format!("SELECT {made}")).is_err(), "{made}");
    }
}

#[test]
fn parameter_that_becomes_a_time_or_names_a_zone_is_checked_when_bound() {
    let bind = |sql: &str, types: &[Type], values: Vec<Scalar>| {
        let statement = ReadStatement::parse(&catalogue(), sql).unwrap();
        let values = values.into_iter().map(Value::Scalar).collect();
        Binder::parse(statement.demands(), values, 0)?.bind(types, &mut |_| Ok(())).map(drop)
    };
    let text = |text: &str| Scalar::Text(text.to_owned());
    let two_types = "SELECT $1::text, $1::timestamptz";
    assert!(
        matches!(bind(two_types, &[Type::TEXT], vec![text("now")]), Err(Refusal::Invalid(rule)) if rule.starts_with("$1 "))
    );
    assert_eq!(bind("SELECT $1::timestamptz", &[Type::TIMESTAMPTZ], vec![Scalar::Timestamptz(0)]), Ok(()));
    for sql in [
        "SELECT nullif($1, '')::date",
        "SELECT coalesce($1, '2024-01-01')::timestamptz",
        "SELECT (CASE WHEN true THEN $1 ELSE nullif($1::text, 'x') END)::date",
    ] {
        for risky in [
            "now",
            " Today ",
            "tomorrow 10:00",
            "2020-01-01 abc5",
            "-5/today",
            "epoch -5/today",
            "dst+5/tomorrow",
            "infinity+5/tomorrow",
            "10:00:001.2460000+5/yesterday",
            "to\\day",
            "abc5",
        ] {
            let refused = bind(sql, &[Type::TEXT], vec![text(risky)]);
            assert!(
                matches!(refused, Err(Refusal::Invalid(rule)) if rule.starts_with("$1 becomes")),
                "{sql} {risky}"
            );
        }
        for fixed in ["", "2024-01-01", "2024-01-01T10:00:00Z", "x"] {
            assert_eq!(bind(sql, &[Type::TEXT], vec![text(fixed)]), Ok(()), "{sql} {fixed}");
        }
        assert_eq!(bind(sql, &[Type::VARCHAR], vec![Scalar::Null]), Ok(()), "{sql}");
        assert!(bind(sql, &[Type::JSONB], vec![Scalar::Json("\"now\"".into())]).is_err(), "{sql}");
        assert!(bind(sql, &[Type::INT4], vec![Scalar::Integer(1)]).is_err(), "{sql}");
    }
    // The bounds of a range get the range's type from the server, and a range has no value here.
    for sql in ["SELECT lower(tstzrange($1, $2))", "SELECT $1 < created AND created < $2 FROM drafts"] {
        let two = |scalar: &Scalar| vec![scalar.clone(), scalar.clone()];
        let bounds = [Type::TIMESTAMPTZ, Type::TIMESTAMPTZ];
        assert_eq!(bind(sql, &bounds, two(&Scalar::Timestamptz(0))), Ok(()), "{sql}");
        for risky in ["now", "-5/today", "[now,)"] {
            for kind in
                [Type::TIMESTAMPTZ, Type::DATE, Type::TSTZ_RANGE, Type::TSTZ_RANGE_ARRAY, Type::UNKNOWN]
            {
                assert!(bind(sql, &[kind.clone(), kind], two(&text(risky))).is_err(), "{sql} {risky}");
            }
        }
    }
    for cast in ["$1::text", "nullif($1, '')", "coalesce($1, 'now')", "lower($1)"] {
        let sql = format!("SELECT tstzrange({cast}::timestamptz, NULL)");
        let kept = ReadStatement::parse(&catalogue(), &sql).is_ok();
        assert_eq!(kept, cast == "nullif($1, '')", "{sql}");
    }
    let zone = "SELECT created AT TIME ZONE $1 FROM drafts";
    for made in ["abc5", "<a>1", "", "UTC+3"] {
        assert!(matches!(bind(zone, &[Type::TEXT], vec![text(made)]), Err(Refusal::Invalid(_))), "{made}");
    }
    assert_eq!(bind(zone, &[Type::TEXT], vec![text("Europe/Berlin")]), Ok(()));
}

/// A row in the way can be another user's, and WHERE is asked before the policy.
#[test]
fn condition_on_the_row_in_the_way_is_refused_where_rows_belong_to_users() {
    let all = Operations { select: true, insert: true, update: true, delete: true };
    let columns = vec![column("id", Type::INT8), column("title", Type::TEXT), column("owner", Type::UUID)];
    let table = Table::new("notes", columns, all);
    let parse = |table: Table, sql: &str| {
        WriteStatement::parse(&Catalogue::new("plugin_blog", true, true).with_table(table), sql).map(drop)
    };
    let insert = "INSERT INTO notes AS n (id, title, owner) VALUES (1, 'x', $1) ON CONFLICT";
    let (owned, free) = (table.clone().with_owner(Some("owner".into())), table);
    for refused in [
        "(id) DO UPDATE SET title = 'y' WHERE n.title LIKE 'a%'",
        "(id) DO UPDATE SET title = 'y' WHERE false",
        "(id, title) DO UPDATE SET title = 'y' WHERE excluded.title = 'x'",
        "(id) DO UPDATE SET title = 'y' WHERE (SELECT true FROM notes LIMIT 1)",
        "(\"id\") DO UPDATE SET title = 'y' WHERE 1 / n.id = 1",
    ] {
        let sql = format!("{insert} {refused}");
        assert!(matches!(parse(owned.clone(), &sql), Err(Refusal::Invalid(_))), "{sql}");
        assert_eq!(parse(free.clone(), &sql), Ok(()), "{sql}");
    }
    for accepted in [
        "(id) DO UPDATE SET title = n.title || excluded.title",
        "(id, owner) DO UPDATE SET title = 'y' WHERE n.title LIKE 'a%'",
        "(id) DO NOTHING",
        "DO NOTHING",
    ] {
        assert_eq!(parse(owned.clone(), &format!("{insert} {accepted}")), Ok(()), "{accepted}");
    }
}

/// Columns that USING merges stand once and first in `*`. A gate that thinks otherwise lets attribute notation call a
/// function of its name.
#[test]
fn attribute_notation_through_merged_columns_is_denied() {
    let renamed = |aliases: &str| {
        format!(
            "SELECT s.row_to_json FROM (SELECT * FROM (SELECT 1 AS id, 2 AS a) x JOIN (SELECT 1 AS id, 3 AS row_to_json) y \
             USING (id)) AS s ({aliases})"
        )
    };
    assert_eq!(read(&renamed("p, q, r")), Err(Refusal::Denied));
    assert!(matches!(read(&renamed("p, q, r, t")), Err(Refusal::Invalid(_))), "there are three columns");
    assert!(read(&renamed("p, q")).is_ok());
    assert!(read(&renamed("p, q, row_to_json")).is_ok());
    for (from, aliases, accepted) in [
        // Of several merged columns, in the order of USING.
        ("(SELECT 1 AS a, 2 AS b) x JOIN (SELECT 2 AS b, 1 AS a) y USING (b, a)", "p, q", true),
        ("(SELECT 1 AS a, 2 AS b) x JOIN (SELECT 2 AS b, 1 AS a) y USING (b, a)", "p, q, r", false),
        (
            "(SELECT 1 AS a) x FULL JOIN (SELECT 1 AS a) y USING (a) LEFT JOIN (SELECT 1 AS a, 2 AS c) z USING (a)",
            "p, q",
            true,
        ),
        (
            "(SELECT 1 AS a) x FULL JOIN (SELECT 1 AS a) y USING (a) LEFT JOIN (SELECT 1 AS a, 2 AS c) z USING (a)",
            "p, q, r",
            false,
        ),
        ("((SELECT 1 AS a) x JOIN (SELECT 1 AS a) y USING (a)), (SELECT 1 AS a) z", "p, q", true),
        ("((SELECT 1 AS a) x JOIN (SELECT 1 AS a) y USING (a)), (SELECT 1 AS a) z", "p, q, r", false),
        ("(SELECT 1 AS a) x JOIN (SELECT 1 AS a) y ON true", "p, q", true),
    ] {
        let sql = format!("SELECT s.p FROM (SELECT * FROM {from}) AS s ({aliases})");
        assert_eq!(read(&sql).is_ok(), accepted, "{sql}");
    }
    for other in [
        "SELECT d.row_to_json FROM drafts d",
        "SELECT c.row_to_json FROM (SELECT 1 AS x) c",
        "WITH c AS (SELECT 1 AS x) SELECT c.to_json FROM c",
        "SELECT u.to_json FROM unnest($1::int[]) AS u (x)",
        "SELECT e.hash_record FROM jsonb_each('{}') AS e",
        "SELECT v.row_to_json FROM (VALUES (1)) AS v (x)",
        "SELECT s.row_to_json FROM (SELECT 1 AS x UNION SELECT 2) s",
        "SELECT d.to_jsonb, d.id FROM drafts d JOIN comments c USING (id)",
    ] {
        assert_eq!(read(other), Err(Refusal::Denied), "{other}");
    }
}

/// The alias of a join stands for its columns in their order, and hides what it is made of.
#[test]
fn alias_of_a_join_has_its_columns_and_hides_the_tables() {
    let join = "FROM (drafts d JOIN comments c USING (id)) AS j";
    for sql in [
        format!("SELECT j.id, j.title, j.draft_id, j.* {join}"),
        format!("SELECT id, draft_id {join}"),
        format!("SELECT to_jsonb(j), count(j.*) {join} GROUP BY j"),
        "SELECT to_jsonb(u), u IS NULL FROM drafts d JOIN comments c USING (id) AS u".into(),
        format!("SELECT * {join}, drafts d WHERE d.id = j.id"),
        "SELECT j.a, j.b FROM (drafts d CROSS JOIN comments c) AS j (a, b)".into(),
        "SELECT u.id, u.*, d.title, c.body FROM drafts d JOIN comments c USING (id) AS u".into(),
        "SELECT j.id, j.name FROM (people p JOIN drafts d USING (id)) AS j".into(),
    ] {
        assert!(read(&sql).is_ok(), "{sql}: {:?}", read(&sql));
    }
    for sql in [
        format!("SELECT d.id {join}"),
        format!("SELECT c.body {join}"),
        format!("SELECT j {join}"),
        format!("SELECT j.row_to_json {join}"),
        "SELECT to_jsonb(j) FROM (people p JOIN drafts d USING (id)) AS j".into(),
        "SELECT count(j.*) FROM (people p JOIN drafts d USING (id)) AS j".into(),
        "SELECT j.secret FROM (people p JOIN drafts d USING (id)) AS j".into(),
        "SELECT secret FROM (people p JOIN drafts d USING (id)) AS j".into(),
        "SELECT j.* FROM (people p JOIN drafts d USING (id)) AS j".into(),
        "SELECT * FROM (people p JOIN drafts d USING (id)) AS j".into(),
        "SELECT j.c FROM (people p CROSS JOIN drafts d) AS j (a, b, c)".into(),
        "SELECT 1 FROM (people p JOIN drafts d USING (id)) j JOIN (SELECT 'x' AS secret) s USING (secret)".into(),
        "SELECT 1 FROM (people p JOIN drafts d USING (id)) j NATURAL JOIN (SELECT 'x' AS secret) s".into(),
        "SELECT u.title FROM drafts d JOIN comments c USING (id) AS u".into(),
        "SELECT u FROM drafts d JOIN comments c USING (id) AS u".into(),
        "SELECT u.row_to_json FROM drafts d JOIN comments c USING (id) AS u".into(),
        "SELECT s.p FROM (SELECT * FROM drafts d JOIN comments c USING (id) AS u) AS s (a, b, c, d, e, f, g, h, i, k, l, p)".into(),
    ] {
        assert!(read(&sql).is_err(), "{sql}");
    }
}

#[test]
fn nul_in_a_text_or_name_is_refused() {
    for sql in [
        "SELECT U&'\\0000'",
        "SELECT E'a\\000b'",
        "SELECT E'\\x00'",
        "SELECT E'\\u0000'",
        "SELECT U&'\\+000000'",
        "SELECT 1 AS U&\"\\0000\"",
        "SELECT U&'a\\0000'::bytea",
        "SELECT 1 FROM drafts WHERE title LIKE U&'\\0000'",
        "SELECT text E'\\000'",
        "SELECT interval E'\\000'",
    ] {
        assert!(matches!(read(sql), Err(Refusal::Invalid(_))), "{sql}: {:?}", read(sql));
    }
}

/// A name means what PostgreSQL takes it for. Each row has a cheap or harmless value of that name around, which a gate that
/// looks in another place would take.
#[test]
fn name_that_is_another_value_for_postgresql_than_the_one_around_is_refused() {
    let (dear, clock) = ("q.x LIKE '%' || left(q.x, 500000) || 'b%'", "q.x < 'now'");
    let (short, text) = ("(SELECT 'a' AS x) q", "(SELECT title AS x FROM drafts) q");
    let (body, moment) = ("(SELECT body AS x FROM drafts) q", "(SELECT created AS x FROM drafts) q");
    let mut rows = Vec::new();
    for (near, far, test) in [(short, body, dear), (text, moment, clock)] {
        for from in [
            // ON sees the sides of its own join.
            format!("{near}, comments a JOIN comments b ON {test}"),
            format!("{near}, comments a LEFT JOIN comments b ON (SELECT {test})"),
            format!("{near}, comments a JOIN comments b ON EXISTS (SELECT 1 FROM comments c WHERE {test})"),
            format!("{near}, comments c, comments a RIGHT JOIN comments b ON {}", test.replace("q.x", "x")),
            format!("{near} JOIN (comments a JOIN comments b ON {test}) ON true"),
            format!("{near} CROSS JOIN (comments a FULL JOIN comments b ON {test})"),
            format!("{near} JOIN comments a JOIN comments b ON {test} ON true"),
            format!("{near}, LATERAL (SELECT 1 FROM comments z) l, comments a JOIN comments b ON {test}"),
        ] {
            rows.push(format!("SELECT (SELECT max(1) FROM {from}) FROM {far}"));
        }
        // What stands behind a parenthesis belongs to the query inside.
        for query in [
            format!("(SELECT 1 FROM {far}) ORDER BY {test} LIMIT 1"),
            format!("((SELECT 1 FROM {far})) ORDER BY (SELECT {test}) LIMIT 1"),
            format!("(SELECT 1 FROM {far}) ORDER BY {} LIMIT 1", test.replace("q.x", "x")),
        ] {
            rows.push(format!("SELECT ({query}) FROM {near}"));
            rows.push(format!("SELECT s.n FROM {near}, LATERAL ({query}) AS s (n)"));
        }
    }
    // VALUES has columns of its own.
    let values = "(VALUES ((SELECT body FROM drafts LIMIT 1)) ORDER BY column1 LIKE '%' || left(column1, 500000) || 'b%')";
    rows.push(format!("SELECT {values} FROM (SELECT 'a' AS column1) q"));
    rows.push(
        "SELECT (SELECT max(1) FROM comments q, comments a JOIN comments b ON to_jsonb(q)::text LIKE '%S%') FROM people q"
            .into(),
    );
    let accepted: Vec<&String> = rows.iter().filter(|row| read(row).is_ok()).collect();
    assert_eq!(accepted, Vec::<&String>::new());
    // A row that is not matched has no target, whose columns would come first.
    for row in [
        "MERGE INTO drafts d USING (SELECT id AS i, title AS created FROM drafts) s ON d.id = s.i \
         WHEN NOT MATCHED THEN INSERT (id, created) VALUES (s.i, created::timestamptz)",
        "MERGE INTO drafts d USING comments c ON d.id = c.id WHEN NOT MATCHED THEN INSERT (id) VALUES (d.id)",
        "UPDATE drafts d SET title = 'x' FROM comments a JOIN comments b ON d.id = a.id",
        "DELETE FROM drafts d USING comments a JOIN comments b ON d.id = a.id",
    ] {
        assert!(write(row).is_err(), "{row}: {:?}", write(row));
    }
    let merge = "MERGE INTO drafts d USING (SELECT id AS i, created AS title FROM drafts) s ON d.id = s.i \
                 WHEN NOT MATCHED AND title < 'now' THEN INSERT (id) VALUES (s.i)";
    assert!(write(merge).is_ok_and(|text| text.contains("CAST('now' AS text)")), "{:?}", write(merge));
    let sentence = read("SELECT 1 FROM drafts d, comments a JOIN comments b ON d.id = a.id").unwrap_err();
    assert!(sentence.to_string().contains("ON sees the two sides of its own join"), "{sentence}");
}

#[test]
fn name_that_postgresql_sees_is_accepted() {
    for sql in [
        "SELECT 1 FROM drafts a JOIN comments b ON a.id = b.id JOIN comments c ON a.id = c.id AND b.id = c.id",
        "SELECT 1 FROM drafts a CROSS JOIN comments b JOIN comments c ON a.id = c.id AND b.id = c.id",
        "SELECT 1 FROM drafts a NATURAL JOIN (SELECT 1::bigint AS id) b JOIN comments c ON a.id = c.id",
        "SELECT 1 FROM drafts a JOIN comments b CROSS JOIN comments c ON a.id = c.id",
        "SELECT 1 FROM drafts a JOIN comments b LEFT JOIN comments c ON b.id = c.id ON a.id = c.id",
        "SELECT 1 FROM drafts a JOIN (comments b JOIN comments c ON b.id = c.id) ON a.id = c.id",
        "SELECT 1 FROM comments z, drafts a JOIN comments b ON a.id = b.id AND EXISTS (SELECT 1 FROM comments c WHERE c.id = b.id) \
         WHERE z.id = a.id",
        "SELECT (SELECT count(*) FROM comments b JOIN comments c ON b.id = c.id AND b.id = o.id) FROM drafts o",
        "SELECT 1 FROM drafts a, LATERAL (SELECT 1 FROM comments b JOIN comments c ON b.id = a.id) l",
        "SELECT t FROM drafts a, comments b LEFT JOIN LATERAL unnest(a.tags) t ON t = b.body",
        "SELECT (SELECT 1 FROM comments) FROM drafts UNION SELECT 2 ORDER BY 1",
        "(SELECT id AS n FROM drafts) ORDER BY n LIMIT 5",
        "VALUES (1), (2) ORDER BY column1 + 1",
        "SELECT lower(title) AS t, count(*) FROM drafts GROUP BY t ORDER BY t",
    ] {
        assert!(read(sql).is_ok(), "{sql}: {:?}", read(sql));
    }
    for sql in [
        "MERGE INTO drafts d USING comments c ON d.id = c.id WHEN NOT MATCHED THEN INSERT (id, title) VALUES (id, body) \
         WHEN MATCHED AND d.title <> c.body THEN UPDATE SET title = c.body",
        "UPDATE drafts d SET title = a.body FROM comments a JOIN comments b ON a.id = b.id WHERE d.id = a.id",
    ] {
        assert!(write(sql).is_ok(), "{sql}: {:?}", write(sql));
    }
}

/// RIGHT and FULL JOIN return the right side's value of a merged column.
#[test]
fn merged_column_is_as_large_and_as_much_of_a_moment_as_either_side() {
    let short = "(SELECT v FROM (SELECT 'a' AS v) s) a";
    let long = "(SELECT body AS v FROM drafts) b";
    let sides = |left: &str, join: &str, right: &str| {
        let natural = format!("{left} NATURAL {join} {right}");
        let using = format!("{left} {join} {right} USING (v)");
        vec![
            format!("SELECT % FROM {natural}"),
            format!("SELECT % FROM {using}"),
            format!("SELECT % FROM ({using}) AS q"),
            format!("SELECT % FROM (SELECT * FROM {using}) q"),
            format!("SELECT % FROM (SELECT v FROM {natural}) q"),
            format!("SELECT (SELECT %) FROM {using}"),
            format!("SELECT % FROM {using} JOIN (SELECT 'c' AS v) c USING (v)"),
            format!("SELECT j.% FROM {using} AS j"),
        ]
    };
    let fill = |row: &str, test: &str| match row.strip_prefix("SELECT j.%") {
        Some(rest) => format!("SELECT {}{rest}", test.replace("v,", "j.v,").replace("v ", "j.v ")),
        None => row.replace('%', test),
    };
    let dear = "v LIKE '@' || left(v, 500000) || 'b@'";
    for join in ["JOIN", "LEFT JOIN", "RIGHT JOIN", "FULL JOIN"] {
        for row in sides(short, join, long) {
            let row = fill(&row, dear).replace('@', "%");
            assert!(read(&row).is_err(), "{row}");
        }
        for row in sides(short, join, "(SELECT 'b' AS v) b") {
            let row = fill(&row, dear).replace('@', "%");
            assert!(read(&row).is_ok(), "{row}: {:?}", read(&row));
        }
        // A string beside a moment could name the clock, and is printed as a text.
        let (text, moment) = ("(SELECT title AS v FROM drafts) a", "(SELECT created AS v FROM drafts) b");
        for row in sides(text, join, moment) {
            let row = fill(&row, "v < 'now'");
            assert!(
                read(&row).is_ok_and(|text| text.contains("CAST('now' AS text)")),
                "{row}: {:?}",
                read(&row)
            );
        }
    }
}

/// A join without a condition ends at the next join, whatever the parser thinks.
#[test]
fn cross_and_natural_join_are_grouped_from_the_left() {
    // The columns are x, q, p: the first two joined have p, x, q, of which the last has x and q.
    let tables = "(SELECT 'a' AS p, 2 AS x) a NATURAL JOIN (SELECT body AS q FROM drafts) b \
                  NATURAL JOIN (SELECT body AS q, 2 AS x FROM drafts) c";
    let test = |name: &str| {
        read(&format!(
            "SELECT s.{name} LIKE '%' || left(s.{name}, 500000) || 'b%' FROM (SELECT * FROM {tables}) AS s (one, two, three)"
        ))
    };
    assert!(test("two").is_err());
    assert!(test("three").is_ok(), "{:?}", test("three"));
    let cross = "SELECT 1 FROM (SELECT 'a' AS v) a CROSS JOIN comments b JOIN (SELECT body AS v FROM drafts) c USING (v)";
    assert!(read(cross).is_ok(), "{:?}", read(cross));
    for sql in [
        "SELECT 1 FROM drafts a CROSS JOIN comments b ON a.id = b.id",
        "SELECT 1 FROM drafts a NATURAL JOIN comments b USING (id)",
        "SELECT 1 FROM people a CROSS JOIN (SELECT 1 AS z) b NATURAL JOIN (SELECT 'x' AS secret) c",
    ] {
        assert!(read(sql).is_err(), "{sql}");
    }
}

/// A list of columns renames by place, and PostgreSQL counts the columns that are not granted.
#[test]
fn list_of_columns_in_an_alias_is_refused_where_a_column_is_not_granted() {
    for sql in [
        "SELECT q.b FROM people q (a, b)",
        "SELECT q.a FROM people AS q (a)",
        "SELECT a FROM people q (a, b, c)",
        "SELECT q.b FROM drafts d JOIN people q (a, b) ON d.id = q.a",
        "SELECT (SELECT max(q.b) FROM people q (a, b)) FROM drafts",
        "SELECT 1 FROM letters l (a)",
    ] {
        let sentence = read(sql).unwrap_err().to_string();
        assert!(sentence.starts_with("a list of columns in an alias near"), "{sql}: {sentence}");
    }
    for sql in [
        "UPDATE drafts d SET title = q.b FROM people q (a, b) WHERE d.id = q.a",
        "DELETE FROM drafts d USING people q (a, b) WHERE d.id = q.a",
        "MERGE INTO drafts d USING people q (a, b) ON d.id = q.a WHEN MATCHED THEN UPDATE SET title = q.b",
        "UPDATE letters l (a, b) SET body = 'x' WHERE a = 1",
        "DELETE FROM letters l (a, b) WHERE a = 1",
        "MERGE INTO letters l (a, b) USING drafts d ON l.a = d.id WHEN MATCHED THEN UPDATE SET body = 'x'",
    ] {
        assert!(write(sql).is_err(), "{sql}");
    }
    for sql in [
        "SELECT c.b, c.body FROM comments c (a, b)",
        "SELECT q.b FROM (SELECT id, name FROM people) AS q (a, b)",
        "WITH q (a, b) AS (SELECT id, name FROM people) SELECT r.y FROM q AS r (x, y)",
        "SELECT t.a, t.n FROM drafts, unnest(tags) WITH ORDINALITY AS t (a, n)",
    ] {
        assert!(read(sql).is_ok(), "{sql}: {:?}", read(sql));
    }
}

/// With RECURSIVE a name is an item's everywhere in the clause, also before it and in it. A table of that name would be read where
/// PostgreSQL reads the item.
#[test]
fn name_of_an_item_of_with_recursive_is_never_a_tables() {
    for sql in [
        "WITH RECURSIVE x AS (SELECT id FROM comments), comments AS (SELECT 99 AS id) SELECT * FROM x",
        "WITH RECURSIVE x AS (SELECT (SELECT count(*) FROM comments) AS n), comments AS (SELECT 99 AS id) SELECT n FROM x",
        "WITH RECURSIVE x AS (SELECT 1 AS n WHERE EXISTS (SELECT FROM drafts d, LATERAL (TABLE comments) c)), comments AS (VALUES (1)) \
         SELECT n FROM x",
        "WITH RECURSIVE x AS (WITH y AS (SELECT id FROM comments) SELECT id FROM y), comments AS (SELECT 99 AS id) SELECT id FROM x",
        "WITH RECURSIVE x AS (WITH RECURSIVE y AS (SELECT id FROM comments) SELECT id FROM y), comments AS (SELECT 9 AS id) SELECT id FROM x",
        "WITH RECURSIVE \"comments\"(id) AS ((SELECT 1::int8 UNION SELECT id + 1 FROM comments WHERE id < 12)) SELECT * FROM comments",
        "WITH RECURSIVE comments(id) AS (((SELECT 1::int8 UNION SELECT id + 1 FROM COMMENTS WHERE id < 12))) SELECT * FROM comments",
        "WITH RECURSIVE comments(id) AS ((SELECT 1::int8 UNION SELECT id + 1 FROM comments) ORDER BY 1 LIMIT 3) SELECT * FROM comments",
        "WITH RECURSIVE comments AS (SELECT id FROM comments) SELECT * FROM comments",
        "WITH RECURSIVE comments AS (TABLE comments) SELECT * FROM comments",
        "WITH RECURSIVE comments AS (SELECT id FROM drafts WHERE id IN (SELECT id FROM comments)) SELECT * FROM comments",
        "WITH RECURSIVE comments AS (WITH w AS (SELECT 1 AS id) SELECT id FROM w UNION ALL SELECT id FROM comments) SELECT id FROM comments",
        "SELECT 1 FROM (WITH RECURSIVE x AS (SELECT id FROM comments), comments AS (SELECT 99 AS id) SELECT id FROM x) s",
    ] {
        // A part of a recursion may name it: then what is sent names the item, too.
        match read(sql) {
            Ok(printed) => assert!(!printed.contains("\"plugin_blog\".\"comments\""), "{sql}: {printed}"),
            Err(refusal) => {
                assert!(refusal.to_string().contains("WITH RECURSIVE can be named"), "{sql}: {refusal}");
            }
        }
    }
    for sql in [
        "WITH RECURSIVE x AS (SELECT id FROM drafts), drafts AS (INSERT INTO drafts (id) VALUES (1) RETURNING id) SELECT id FROM x",
        "WITH RECURSIVE drafts AS (INSERT INTO drafts (id) SELECT id + 100 FROM drafts RETURNING id) SELECT id FROM drafts",
        "WITH RECURSIVE x AS (DELETE FROM drafts USING comments c WHERE c.id = drafts.id RETURNING drafts.id), comments AS (SELECT 1 AS id) \
         SELECT id FROM x",
    ] {
        let refusal = write(sql).unwrap_err().to_string();
        assert!(refusal.contains("WITH RECURSIVE can be named"), "{sql}: {refusal}");
    }
    for (sql, is_table) in [
        (
            "WITH RECURSIVE comments AS (SELECT 1 AS id), x AS (SELECT id FROM comments) SELECT id FROM x",
            false,
        ),
        (
            "WITH RECURSIVE comments(id) AS (SELECT 1 UNION ALL SELECT id + 1 FROM comments WHERE id < 9) SELECT id FROM comments",
            false,
        ),
        (
            "WITH RECURSIVE x AS (WITH comments AS (SELECT 1 AS id) SELECT id FROM comments), comments AS (SELECT 2 AS id) SELECT x.id FROM x",
            false,
        ),
        ("WITH x AS (SELECT id FROM comments), comments AS (SELECT 99 AS id) SELECT id FROM x", true),
        ("WITH comments AS (SELECT id FROM comments) SELECT id FROM comments", true),
        (
            "WITH RECURSIVE x AS (SELECT id FROM plugin_blog.comments), comments AS (SELECT 9 AS id) SELECT id FROM x",
            true,
        ),
        ("WITH RECURSIVE comments AS (SELECT 1 AS id) SELECT c.id FROM plugin_blog.comments c", true),
    ] {
        let printed = read(sql).unwrap_or_else(|refusal| panic!("{sql}: {refusal}"));
        assert_eq!(printed.contains("\"plugin_blog\".\"comments\""), is_table, "{sql}: {printed}");
    }
}

/// A text beside a `char(n)` keeps the spaces at its end, which a string takes off with its type.
#[test]
fn word_for_the_clock_beside_padded_text_asks_for_its_type() {
    let table = Table::new(
        "cards",
        vec![column("id", Type::INT8), column("code", Type::BPCHAR), column("title", Type::TEXT)],
        Operations { select: true, insert: true, update: true, delete: true },
    );
    let catalogue = Catalogue::new("plugin_blog", true, true).with_table(table);
    for sql in [
        "SELECT CASE WHEN id > 1 THEN code ELSE 'today' END FROM cards",
        "SELECT nullif(code, 'now') FROM cards",
        "SELECT 'now' UNION SELECT code FROM cards",
        "SELECT 'now', id FROM cards UNION SELECT c.code, c.id FROM cards c",
        "SELECT 'now', 1, 'x' UNION SELECT c.code, c.id, c.title FROM cards c",
        "SELECT 1, 'now', 'x' UNION SELECT * FROM cards",
        "SELECT 1, 'now', 'x' UNION SELECT c.* FROM cards c",
        "SELECT 1, 'now', 'x' UNION TABLE cards",
        "SELECT coalesce(s.c, 'today') FROM (SELECT code AS c FROM cards) s",
        "SELECT CASE WHEN true THEN 'x'::char(9) ELSE 'today' END",
        "SELECT CASE WHEN true THEN 'x'::bpchar ELSE 'today' END",
        "SELECT ARRAY['today', code] FROM cards",
        "VALUES ('now'), ((SELECT code FROM cards LIMIT 1))",
    ] {
        let refusal = ReadStatement::parse(&catalogue, sql).map(|statement| statement.text().to_owned());
        assert!(
            refusal.as_ref().is_err_and(|refusal| refusal.to_string().contains("char(n)")),
            "{sql}: {refusal:?}"
        );
    }
    for sql in [
        "SELECT CASE WHEN id > 1 THEN title ELSE 'today' END FROM cards",
        "SELECT CASE WHEN id > 1 THEN code ELSE 'today'::text END FROM cards",
        "SELECT code FROM cards WHERE code = 'today'",
        "SELECT nullif(code, 'later') FROM cards",
    ] {
        let sent = ReadStatement::parse(&catalogue, sql);
        assert!(sent.is_ok(), "{sql}: {sent:?}");
    }
}

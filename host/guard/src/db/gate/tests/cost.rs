//! Tests of what a statement may cost: statements that would keep a backend busy, those of ordinary use, and the shapes
//! of results.

use super::super::Demands;
use super::super::functions;
use super::{ReadStatement, WriteStatement, catalogue, read};
use crate::db::catalogue::{Catalogue, Operations, Table};
use crate::db::cost;
use crate::db::parameter::Binder;
use crate::db::value::{Scalar, Value};
use crate::limits::{self, SQL_BYTES_MAX, SQL_COLUMNS_MAX, SQL_COLUMNS_TOTAL_MAX};
use crate::refusal::Refusal;
use postgres_types::Type;
use std::time::{Duration, Instant};

fn text(bytes: usize) -> Value {
    Value::Scalar(Scalar::Text("x".repeat(bytes)))
}

fn integer(value: i64) -> Value {
    Value::Scalar(Scalar::Integer(value))
}

fn numeric(digits: usize) -> Value {
    Value::Scalar(Scalar::Numeric("7".repeat(digits)))
}

fn texts(count: usize) -> Value {
    Value::Array(vec![Scalar::Text(String::new()); count])
}

fn json(text: String) -> Value {
    Value::Scalar(Scalar::Json(text))
}

fn listed(piece: &str, count: usize) -> Value {
    json(format!("[{}]", vec![piece; count].join(",")))
}

fn bound(sql: &str, values: Vec<Value>) -> Result<(), Refusal> {
    let demands = if sql.starts_with("SELECT") {
        ReadStatement::parse(&catalogue(), sql)?.demands().clone()
    } else {
        WriteStatement::parse(&catalogue(), sql)?.demands().clone()
    };
    Binder::parse(&demands, values, 0).map(drop)
}

/// Statements whose work has no look at a cancel, with values that the byte budget allows.
#[test]
#[expect(clippy::too_many_lines, reason = "a table with a row for each statement reads best as one")]
fn statement_that_would_keep_a_backend_busy_is_refused() {
    let many = |piece: &str, times: usize, between: &str| vec![piece; times].join(between);
    let needle = "x".repeat(limits::SQL_SHORT_TEXT_BYTES_MAX);
    for (sql, values) in [
        (format!("SELECT {} FROM drafts", many(&format!("strpos(body, '{needle}')"), 120, ", ")), vec![]),
        (format!("SELECT id FROM drafts WHERE {}", many("body LIKE $1", 60, " OR ")), vec![text(250)]),
        (format!("SELECT id FROM drafts WHERE {}", many("body ILIKE $1", 60, " OR ")), vec![text(250)]),
        ("SELECT $1::jsonb @> $2::jsonb".into(), vec![listed("1", 500_000), listed("1", 100_000)]),
        ("SELECT id FROM drafts WHERE data @> $1".into(), vec![listed("1", 100_000)]),
        ("SELECT id FROM drafts WHERE data <@ $1".into(), vec![listed("[1]", 10_000)]),
        ("SELECT $1::jsonb ?| $2::text[]".into(), vec![listed("\"a\"", 300_000), texts(50_000)]),
        ("SELECT data - $1::text[] FROM drafts".into(), vec![texts(100_000)]),
        ("SELECT $1::text[] && $2::text[]".into(), vec![texts(100_000), texts(100_000)]),
        ("SELECT $1::text[] <@ $2::text[]".into(), vec![texts(50_000), texts(50_000)]),
        ("SELECT body <= ANY($1::text[]) FROM drafts".into(), vec![texts(60_000)]),
        (format!("SELECT greatest({}) FROM drafts", many("body", 2_400, ", ")), vec![]),
        (
            "SELECT $1::numeric / $2::numeric, $1::numeric % $2::numeric".into(),
            vec![numeric(131_072), numeric(65_536)],
        ),
        (format!("SELECT {}", many("$1::numeric * $1::numeric", 15, ", ")), vec![numeric(131_072)]),
        ("SELECT translate(body, $1, 'a') FROM drafts".into(), vec![text(256)]),
        ("SELECT btrim(body, $1), ltrim(body, $1) FROM drafts".into(), vec![text(256)]),
        ("SELECT replace(body, 'a', $1) FROM drafts".into(), vec![text(256)]),
        ("SELECT concat(body, body, $1, $1, $1, $1, $1, $1, $1, $1) FROM drafts".into(), vec![text(8_000_000)]),
        ("SELECT $1::text || $1 || $1 || $1 || $1 || $1 || $1 || $1".into(), vec![text(8_000_000)]),
        ("SELECT a.data @> b.data FROM drafts a, drafts b".into(), vec![]),
        ("SELECT a.id FROM drafts a, drafts b WHERE a.tags && b.tags".into(), vec![]),
        // The planner writes a subquery's expression in place of its column, at each reference.
        (
            format!(
                "SELECT {} FROM (SELECT strpos(body, '{needle}') AS n FROM drafts) s",
                many("s.n", 100, " + ")
            ),
            vec![],
        ),
        (
            format!(
                "WITH a AS (SELECT strpos(body, '{needle}') AS n FROM drafts), b AS (SELECT n + n + n + n AS n FROM a), \
                 c AS (SELECT n + n + n + n AS n FROM b) SELECT n + n FROM c"
            ),
            vec![],
        ),
        (
            format!(
                "SELECT {} FROM (SELECT id AS n FROM drafts UNION ALL SELECT strpos(body, '{needle}') FROM drafts) s",
                many("s.n", 100, " + ")
            ),
            vec![],
        ),
        // GROUP BY takes a table's column before a result's.
        (
            format!(
                "SELECT 1 AS n FROM (SELECT strpos(body, '{needle}') AS n FROM drafts) s GROUP BY {}",
                many("n", 100, ", ")
            ),
            vec![],
        ),
        (format!("DELETE FROM drafts WHERE {}", many("body LIKE $1", 60, " OR ")), vec![text(250)]),
        ("SELECT repeat(body, $1::int) FROM drafts".into(), vec![integer(200)]),
        ("SELECT repeat('x', $1::int)".into(), vec![integer(1_000_000_000)]),
        ("SELECT repeat('x', $1::int)".into(), vec![Value::Scalar(Scalar::Null)]),
        ("SELECT repeat('x', coalesce($1::int, 5) * 1000000)".into(), vec![integer(1_000)]),
        ("SELECT repeat('x', least(id, $1::int)::int) FROM drafts".into(), vec![Value::Scalar(Scalar::Null)]),
        ("SELECT lpad(title, $1) FROM drafts".into(), vec![integer(50_000_000)]),
        ("SELECT repeat('x', bit_count(body::bytea)::int) FROM drafts".into(), vec![]),
        ("SELECT repeat(body, num_nonnulls('', '', '')) FROM drafts".into(), vec![]),
        ("SELECT repeat(title, grouping(title)) FROM drafts GROUP BY title".into(), vec![]),
        ("SELECT lpad(title, num_nulls(VARIADIC tags)) FROM drafts".into(), vec![]),
        ("SELECT factorial($1)".into(), vec![integer(30_000)]),
        ("SELECT * FROM generate_series(1, $1) g".into(), vec![integer(100_001)]),
        ("SELECT * FROM generate_series($1, 1, $2) g".into(), vec![integer(1_000_000), integer(-1)]),
        ("SELECT * FROM generate_series(1, $1::bigint) g".into(), vec![numeric(3)]),
        (
            "SELECT * FROM generate_series($1::timestamptz, now(), $2) g".into(),
            vec![Value::Scalar(Scalar::Timestamptz(i64::MAX)), Value::Scalar(Scalar::Null)],
        ),
        ("SELECT format('%1$s%1$s%1$s%1$s%1$s%1$s%1$s%1$s%1$s%1$s%1$s%1$s%1$s%1$s%1$s%1$s%1$s%1$s%1$s%1$s%1$s%1$s%1$s%1$s%1$s%1$s%1$s%1$s%1$s%1$s%1$s%1$s%1$s%1$s%1$s%1$s%1$s%1$s%1$s%1$s', body) FROM drafts".into(), vec![]),
        ("SELECT regexp_replace(body, '', $1, 'g') FROM drafts".into(), vec![text(256)]),
        // Text of rows doubles the quotes of each row inside.
        (format!("SELECT length({}'\"'{}::text)", "ROW(".repeat(27), ")".repeat(27)), vec![]),
        (format!("SELECT '' || {}'\"'{}", "ROW(".repeat(27), ")".repeat(27)), vec![]),
        (format!("SELECT length(concat({}'\"'{}))", "ROW(".repeat(27), ")".repeat(27)), vec![]),
        (format!("SELECT format('%s', {}'\"'{})", "ROW(".repeat(27), ")".repeat(27)), vec![]),
        (format!("SELECT concat_ws(',', {}'\"'{})", "ROW(".repeat(27), ")".repeat(27)), vec![]),
        (format!("SELECT quote_literal({}'\"'{})", "ROW(".repeat(27), ")".repeat(27)), vec![]),
        (format!("SELECT (ARRAY[{}'\"'{}])::text", "ROW(".repeat(26), ")".repeat(26)), vec![]),
        (format!("SELECT array_to_string(ARRAY[{}'\"'{}], '')", "ROW(".repeat(27), ")".repeat(27)), vec![]),
        (format!("SELECT r::text FROM (SELECT {}$1::text{} AS r) s", "ROW(".repeat(10), ")".repeat(10)), vec![text(100_000)]),
        // Digits behind the point.
        ("SELECT length(repeat(round(id, 2000)::text, 200000)) FROM drafts".into(), vec![]),
        ("SELECT length(repeat(trunc(id, $1::int)::text, 200000)) FROM drafts".into(), vec![integer(2_000)]),
        ("SELECT length(repeat('x' || round(id, 2000), 500000)) FROM drafts".into(), vec![]),
        ("SELECT repeat(id::numeric(3, 1000)::text, 200000) FROM drafts".into(), vec![]),
        (format!("SELECT repeat(array_to_string(ARRAY[{}], ''), 1000)", many("round(1, 2000)", 100, ", ")), vec![]),
        ("SELECT repeat(concat_ws(',', round(1, 2000)), 200000)".into(), vec![]),
        // Numbers in JSON are written without exponents.
        (format!("SELECT length('[{}1]'::jsonb::text)", "1e131000,".repeat(6_000)), vec![]),
        (format!("SELECT '[{}1]'::jsonb", "1e131000,".repeat(6_000)), vec![]),
        (format!("SELECT concat('[{}1]'::jsonb)", "1e131000,".repeat(6_000)), vec![]),
        (format!("SELECT ''::text || '[{}1]'::jsonb", "1e131000,".repeat(6_000)), vec![]),
        (format!("SELECT to_jsonb('{{{}1}}'::numeric[])", "1e131000,".repeat(6_000)), vec![]),
        (format!("SELECT to_jsonb('{{{}1}}'::numeric[])", "\"1e131000\",".repeat(5_000)), vec![]),
        (format!("SELECT jsonb_build_array('[{}1]'::jsonb, data)::text FROM drafts", "1e131000,".repeat(6_000)), vec![]),
        (format!("SELECT jsonb_build_array('[{}1]'::jsonb, jsonb_agg(id))::text FROM drafts", "1e131000,".repeat(6_000)), vec![]),
        ("SELECT $1::jsonb".into(), vec![listed("1e131000", 6_000)]),
        ("SELECT ($1::jsonb)::text".into(), vec![listed("1e131000", 6_000)]),
        (format!("UPDATE drafts SET data = '[{}1]'::jsonb", "1e131000,".repeat(6_000)), vec![]),
        // The text is folded again for each pattern, and each copy stays.
        (format!("SELECT id FROM drafts WHERE body ILIKE ANY (ARRAY[{}])", many("''", 2_000, ", ")), vec![]),
        (format!("SELECT id FROM drafts WHERE body NOT ILIKE ALL (ARRAY[{}])", many("'_'", 450, ", ")), vec![]),
        (format!("SELECT id FROM drafts WHERE body ~~* ANY (ARRAY[{}])", many("''", 300, ", ")), vec![]),
        (format!("SELECT id FROM drafts WHERE body !~ ANY (ARRAY[{}])", many("''", 300, ", ")), vec![]),
        ("SELECT id FROM drafts WHERE body LIKE ANY ($1)".into(), vec![texts(300)]),
        // The places of all matches.
        (format!("SELECT {} FROM drafts", many("regexp_count(body, '')", 100, " + ")), vec![]),
        (format!("SELECT {} FROM drafts", many("regexp_instr(body, '', 1, 2)", 100, " + ")), vec![]),
        (format!("SELECT {} FROM drafts", many("length(regexp_substr(body, ''))", 100, " + ")), vec![]),
        // What an edit of JSON is made of stays until the row is done.
        (format!("SELECT {} FROM drafts", (0..12).map(|i| format!("data - {i}")).collect::<Vec<_>>().join(", ")), vec![]),
        (format!("SELECT {} FROM drafts", many("jsonb_set(data, '{a}', '1')", 12, ", ")), vec![]),
        (format!("SELECT {} FROM drafts", many("jsonb_strip_nulls(data)", 12, ", ")), vec![]),
        (format!("SELECT {} FROM drafts", many("data || '{}'::jsonb", 12, ", ")), vec![]),
        (format!("SELECT {} FROM drafts", many("jsonb_path_query_first(data, '$.keyvalue()')", 12, ", ")), vec![]),
        (format!("SELECT {} FROM drafts", many("regexp_match(body, 'zz')", 40, ", ")), vec![]),
        // Each element becomes what it is converted to.
        (format!("SELECT {} FROM drafts", many("cardinality(tags::char(10000)[])", 5, ", ")), vec![]),
        (format!("SELECT {} FROM drafts", many("cardinality(tags::tsquery[])", 2, ", ")), vec![]),
        (format!("SELECT {} FROM drafts", many("cardinality(tags::jsonb[])", 25, ", ")), vec![]),
        (format!("SELECT {} FROM drafts", many("cardinality(ARRAY(SELECT data FROM drafts)::text[])", 25, ", ")), vec![]),
        (format!("SELECT cardinality('{{{}1}}'::numeric[]::text[])", "1e131000,".repeat(5_000)), vec![]),
        ("SELECT repeat((ARRAY[id]::numeric(1000, 1000)[])::text, 200000) FROM drafts".into(), vec![]),
        (format!("SELECT {} FROM drafts", many("jsonb_typeof(body::jsonb)", 6, ", ")), vec![]),
        (format!("SELECT {}", many("jsonb_typeof($1::text::jsonb)", 6, ", ")), vec![text(1_000_000)]),
        // What is missing in front of an element is filled, and copied for each further one.
        ("UPDATE drafts SET tags[134217000] = 'x', tags[1] = 'a'".into(), vec![]),
        ("UPDATE drafts SET tags[1] = 'a', tags[$1] = 'x'".into(), vec![integer(20_001)]),
        ("UPDATE drafts SET tags[-134217000] = 'x', tags[1] = 'a'".into(), vec![]),
        ("UPDATE drafts SET tags[id] = 'x', tags[1] = 'a'".into(), vec![]),
        ("UPDATE drafts SET tags[1:134217000] = tags, tags[1] = 'a'".into(), vec![]),
        ("UPDATE drafts SET (tags[134217000], tags[1]) = ROW('x', 'y')".into(), vec![]),
        ("INSERT INTO drafts (tags[134217000], tags[1]) VALUES ('a', 'b')".into(), vec![]),
        ("INSERT INTO drafts (id) VALUES (1) ON CONFLICT (id) DO UPDATE SET tags[134217000] = 'x', tags[2] = 'y'".into(), vec![]),
        ("MERGE INTO drafts d USING comments c ON d.id = c.id WHEN MATCHED THEN UPDATE SET tags[134217000] = 'x', tags[1] = 'y'".into(), vec![]),
        ("UPDATE drafts SET data[134217000] = '1'".into(), vec![]),
        ("UPDATE drafts SET data['134217000'] = '1'".into(), vec![]),
        ("UPDATE drafts SET data['a']['+134217000'] = '1'".into(), vec![]),
        ("UPDATE drafts SET data[id] = '1'".into(), vec![]),
        ("UPDATE drafts SET data[$1] = '1'".into(), vec![Value::Scalar(Scalar::Text("134217000".into()))]),
        (
            "SELECT length(repeat(body, g.ordinality::int)) FROM drafts, generate_series($1::int, $2::int) WITH ORDINALITY AS g".into(),
            vec![integer(-100_000), integer(-1)],
        ),
        (
            "SELECT repeat('x', o::int) FROM generate_series($1::int, $2::int) WITH ORDINALITY AS g (n, o)".into(),
            vec![integer(-100_000), integer(-1)],
        ),
        // A number in JSON can be longer than one of a column.
        (format!("SELECT {} FROM drafts", many("(data -> 0)::numeric / (data -> 1)::numeric", 21, ", ")), vec![]),
        (format!("SELECT {} FROM drafts", many("mod((data -> 0)::numeric, (data -> 1)::numeric)", 21, ", ")), vec![]),
        // A prefix can be each word of the document.
        (
            format!("SELECT ts_rank_cd(to_tsvector('simple', body), '{}'::tsquery) FROM drafts", many("w:*", 12, " & ")),
            vec![],
        ),
        (
            "SELECT ts_rank_cd(to_tsvector('simple', body), to_tsquery('simple', $1)) FROM drafts".into(),
            vec![Value::Scalar(Scalar::Text(many("w:*", 12, "&")))],
        ),
        // Numbers of JSON that was sent are read digit by digit.
        ("SELECT jsonb_build_array($1::json, $1::json, $1::json)".into(), vec![listed("1e1000", 40_000)]),
        ("SELECT $1::jsonb || $1::jsonb".into(), vec![listed("1e1000", 40_000)]),
        // All of a large value is read for each element.
        ("SELECT data = ANY (ARRAY(SELECT d.data FROM drafts d)) FROM drafts".into(), vec![]),
        ("SELECT array_position(ARRAY(SELECT d.data FROM drafts d), data) FROM drafts".into(), vec![]),
        ("SELECT body ~ $1 FROM drafts".into(), vec![text(1_000_000)]),
        ("SELECT power(9.9, id), power(9.9, id) FROM drafts".into(), vec![]),
        ("SELECT to_jsonb(a) @> to_jsonb(b) FROM drafts a, drafts b".into(), vec![]),
        ("SELECT body LIKE d::text FROM drafts d".into(), vec![]),
        ("SELECT to_tsvector('simple', d::text), d::text::jsonb FROM (SELECT *, repeat('x', 9999999) AS r FROM drafts) d".into(), vec![]),
        ("SELECT power(price, 1.0), price ^ 2.0, price ^ id FROM drafts".into(), vec![]),
        (format!("SELECT {} FROM drafts", many("power(price, 9.9)", 6, ", ")), vec![]),
        ("SELECT json_build_object('a', array_agg(a.price * b.price)) FROM drafts a, drafts b".into(), vec![]),
        ("SELECT body LIKE concat($1::text, $1, $1, $1, $1, $1) FROM drafts".into(), vec![text(50)]),
        (format!("SELECT {}", many("normalize(body)", 2, ", ") + " FROM drafts"), vec![]),
        ("SELECT ts_rank(to_tsvector('simple', body), to_tsquery('simple', $1)) FROM drafts".into(), vec![text(1_000)]),
        (
            "SELECT ts_rank(to_tsvector('simple', body), to_tsquery('simple', $1) && plainto_tsquery('simple', $1)) \
             FROM drafts"
                .into(),
            vec![text(1_000)],
        ),
        (
            "WITH RECURSIVE q (t) AS (SELECT 'a'::tsquery UNION ALL SELECT t && t FROM q) \
             SELECT ts_rank(to_tsvector('simple', body), t) FROM drafts, q"
                .into(),
            vec![],
        ),
        ("SELECT plainto_tsquery('simple', $1)".into(), vec![text(1_000_000)]),
        ("SELECT to_tsvector('simple', body) @@ plainto_tsquery('simple', $1) FROM drafts".into(), vec![text(100_000)]),
        (
            format!("SELECT ts_headline(body, to_tsquery('a'), 'StartSel={}') FROM drafts", "x".repeat(240)),
            vec![],
        ),
        (
            format!("UPDATE drafts SET title = 'x' WHERE {}", many("data @> $1", 60, " OR ")),
            vec![listed("1", 90)],
        ),
    ] {
        let refusal = bound(&sql, values);
        assert!(matches!(refusal, Err(Refusal::Invalid(_))), "{sql:.100}: {refusal:?}");
    }
}

#[test]
#[expect(clippy::too_many_lines, reason = "a table of statements reads best as one")]
fn ordinary_statement_is_cheap_enough() {
    for (sql, values) in [
        (
            "SELECT id FROM drafts WHERE title LIKE $1 OR body ILIKE $1 ORDER BY created LIMIT 20",
            vec![text(40)],
        ),
        (
            "SELECT id FROM drafts WHERE data @> $1",
            vec![json(r#"{"tags":["a","b"],"author":{"name":"Ada"}}"#.into())],
        ),
        ("SELECT id FROM drafts WHERE id = ANY($1)", vec![Value::Array(vec![Scalar::Integer(1); 10_000])]),
        ("SELECT id FROM drafts WHERE title = ANY($1)", vec![texts(1_000)]),
        ("SELECT sum(price * id), avg(price), sum(price) / count(*), stddev(price) FROM drafts", vec![]),
        ("SELECT (a.price - b.price) / a.price * 100 FROM drafts a, drafts b", vec![]),
        ("SELECT sum((data->>'price')::numeric * (data->>'count')::numeric) FROM drafts", vec![]),
        (
            "SELECT array_to_string(array_agg(title ORDER BY id), ', '), coalesce(jsonb_agg(title), '[]') FROM drafts",
            vec![],
        ),
        (
            "SELECT json_agg(json_build_object('id', id, 'title', title, 'tags', tags, 'body', left(body, 100)) ORDER BY id) FROM drafts",
            vec![],
        ),
        ("SELECT to_jsonb(d), row_to_json(d), count(d.*) FROM drafts d GROUP BY d", vec![]),
        (
            "SELECT price / power(extract(epoch FROM now() - created) / 3600 + 2, 1.8), price ^ - 1.8 FROM drafts",
            vec![],
        ),
        (
            "SELECT id FROM drafts WHERE title LIKE concat('%', $1::text, '%') OR body LIKE format('%%%s%%', $1::text)",
            vec![text(20)],
        ),
        (
            "SELECT jsonb_build_object('titles', jsonb_agg(title), 'tags', jsonb_agg(tags)) FROM drafts",
            vec![],
        ),
        ("SELECT unnest(tags), lower(title), length(body), split_part(body, ',', 1) FROM drafts", vec![]),
        (
            "INSERT INTO drafts (id, body) SELECT x, $2 FROM unnest($1::bigint[]) AS u (x)",
            vec![Value::Array(vec![Scalar::Integer(1); 10_000]), text(1_000)],
        ),
        (
            "UPDATE drafts SET body = body || $1, tags = array_append(tags, $2) WHERE id = $3",
            vec![text(10_000), text(10), Value::Scalar(Scalar::Integer(1))],
        ),
        (
            "SELECT replace(body, $1, $2), translate(title, 'äöü', 'aou'), btrim(body) FROM drafts",
            vec![text(5), text(10)],
        ),
        ("SELECT $1::jsonb, $2::text", vec![listed("1", 100_000), text(8_000_000)]),
        ("SELECT repeat('*', $1::int), lpad(title, $2) FROM drafts", vec![integer(1_000_000), integer(8)]),
        (
            "SELECT repeat('*', least(id, 50)::int), repeat('-', length(title)), repeat('+', least(bit_count($1::bytea), 99)::int) \
             FROM drafts WHERE title <> ''",
            vec![Value::Scalar(Scalar::Bytes(vec![0; 10]))],
        ),
        ("SELECT g FROM generate_series(1, $1::int) g", vec![integer(100_000)]),
        ("UPDATE drafts SET tags[1] = 'a', tags[2] = 'b', tags[$1] = 'c'", vec![integer(20_000)]),
        ("UPDATE drafts SET tags[id] = 'x', data['a']['b'] = '1'", vec![]),
        ("UPDATE drafts SET tags[id] = 'x'", vec![]),
        (
            "SELECT ts_rank_cd(to_tsvector('simple', body), to_tsquery('simple', $1)) FROM drafts",
            vec![Value::Scalar(Scalar::Text("cat & dog".into()))],
        ),
        (
            "SELECT ts_rank_cd(to_tsvector('simple', title), to_tsquery('simple', $1 || ':*')) FROM (SELECT left(title, 200) AS title FROM drafts) d",
            vec![text(3)],
        ),
        (
            "SELECT ts_rank_cd(to_tsvector('simple', body), websearch_to_tsquery('simple', $1)) FROM drafts",
            vec![text(3)],
        ),
        (
            "SELECT id FROM drafts WHERE body LIKE 'a%'::text OR position('b'::text IN body) > 0 OR repeat('a'::text, 1000) = title",
            vec![],
        ),
        ("UPDATE drafts SET tags[cardinality(tags) + 1] = 'x', tags[1:2] = '{a,b}'", vec![]),
        ("UPDATE drafts SET data[$1] = '1', data[0] = '2'", vec![Value::Scalar(Scalar::Text("name".into()))]),
        ("SELECT tags::varchar(20)[], tags::text[], $1::jsonb[] FROM drafts", vec![texts(3)]),
        ("SELECT body::json -> 'a', $1::jsonb -> 'b' FROM drafts", vec![listed("1.5e-7", 10_000)]),
        (
            "SELECT round(price, 2), (price * 1.19)::numeric(10, 2), trunc(price, -2)::text FROM drafts",
            vec![],
        ),
        (
            "SELECT data - 'a' - 'b' || jsonb_build_object('c', $1::int), jsonb_set(data, '{a}', '1') FROM drafts",
            vec![integer(1)],
        ),
        (
            "SELECT ROW(d.id, ROW(d.title, d.tags))::text FROM drafts d WHERE (id, title) IN ((1, 'a'), (2, 'b'))",
            vec![],
        ),
        (
            "SELECT id FROM drafts WHERE title ILIKE ANY (ARRAY['%a%', '%b%', '%c%']) OR body ILIKE ANY ($1)",
            vec![texts(2)],
        ),
        (
            "SELECT regexp_count(body, 'a'), regexp_match(body, 'b'), regexp_substr(title, 'c') FROM drafts",
            vec![],
        ),
        ("SELECT g FROM generate_series($1, 1, $2) g", vec![integer(10), integer(-1)]),
        (
            "SELECT g FROM generate_series($1::timestamptz, $2::timestamptz, '1 hour') g",
            vec![
                Value::Scalar(Scalar::Timestamptz(0)),
                Value::Scalar(Scalar::Timestamptz(86_400_000_000 * 3_650)),
            ],
        ),
        (
            "SELECT g FROM generate_series($1::date, $1::date + $2::int, $3::interval) g",
            vec![
                Value::Scalar(Scalar::Date(20_000)),
                integer(90),
                Value::Scalar(Scalar::Interval { months: 0, days: 1, microseconds: 0 }),
            ],
        ),
        (
            "SELECT id, ts_rank(to_tsvector('english', body), q) AS rank, ts_headline('english', body, q) \
             FROM drafts, websearch_to_tsquery('english', $1) q WHERE to_tsvector('english', body) @@ q ORDER BY rank",
            vec![text(40)],
        ),
        ("SELECT power(price, 2), exp(0.5), ln(price), power(1.05::float8, id) FROM drafts", vec![]),
        (
            "SELECT regexp_replace(body, '\\s+', ' ', 'g'), regexp_split_to_array(title, ',') FROM drafts",
            vec![],
        ),
    ] {
        assert_eq!(bound(sql, values), Ok(()), "{sql}");
    }
}

/// PostgreSQL 15 takes gigabytes for a phrase in a headline, and as many copies of nested JSON as it has levels.
#[test]
fn headline_of_words_and_json_with_levels_are_accepted_and_phrases_and_all_levels_refused() {
    for (query, value) in [
        ("websearch_to_tsquery('english', $1)", Some("\"a b\"")),
        ("websearch_to_tsquery('english', $1)", Some("e-mail")),
        ("to_tsquery($1)", Some("a <-> b")),
        ("to_tsquery($1)", Some("a.b")),
        ("$1::tsquery", Some("a <2> b")),
        ("phraseto_tsquery('simple', $1)", Some("a b")),
        ("phraseto_tsquery('a b')", None),
        ("'a <-> b'::tsquery", None),
        ("to_tsquery('e-mail')", None),
        ("(to_tsquery('a') <-> to_tsquery('b'))", None),
        ("tsquery_phrase(to_tsquery('a'), to_tsquery('b'))", None),
        ("(to_tsquery('a') && phraseto_tsquery('a b'))", None),
        ("coalesce(to_tsquery($1), 'a')", Some("a <-> b")),
        ("to_tsquery(title)", None),
    ] {
        let values: Vec<Value> =
            value.map(|text| Value::Scalar(Scalar::Text(text.to_owned()))).into_iter().collect();
        for sql in [
            format!("SELECT ts_headline('english', body, {query}) FROM drafts"),
            format!("SELECT ts_headline(body, {query}) FROM drafts"),
            format!("SELECT ts_headline(body, q) FROM drafts, LATERAL (SELECT {query} AS q) s"),
        ] {
            let refusal = bound(&sql, values.clone()).map_err(|refusal| refusal.to_string());
            assert!(
                refusal.as_ref().is_err_and(|rule| rule.contains("without phrases")),
                "{sql}: {refusal:?}"
            );
        }
    }
    for (query, value) in [
        ("websearch_to_tsquery('english', $1)", Some("rust or größe")),
        ("plainto_tsquery('english', $1)", Some("\"e-mail\" a <-> b")),
        ("to_tsquery('a & (b | !c:*)')", None),
        ("(to_tsquery('a') && plainto_tsquery('a-b'))", None),
    ] {
        let values: Vec<Value> =
            value.map(|text| Value::Scalar(Scalar::Text(text.to_owned()))).into_iter().collect();
        let sql =
            format!("SELECT ts_headline('english', body, q) FROM drafts, LATERAL (SELECT {query} AS q) s");
        assert_eq!(bound(&sql, values), Ok(()), "{sql}");
    }
    for (sql, accepted) in [
        ("SELECT jsonb_path_query_array(data, '$.**') FROM drafts", false),
        ("SELECT jsonb_path_query_array(data, '$.**.a') FROM drafts", false),
        ("SELECT jsonb_path_query_array(data, '$.**{2 to last}') FROM drafts", false),
        ("SELECT p FROM drafts, jsonb_path_query(data, '$.**') p", false),
        ("SELECT jsonb_path_query_array(data, '$.**{0 to 26}') FROM drafts", true),
        ("SELECT jsonb_path_query_array(data, '$.**{0 to 31}') FROM drafts", false),
        ("SELECT jsonb_path_query_array(data, '$.a[*]') FROM drafts", true),
        ("SELECT jsonb_path_query(data, '$.**') FROM drafts", true),
        ("SELECT jsonb_path_exists(data, '$.**.a'), data @? '$.**.a' FROM drafts", true),
    ] {
        assert_eq!(bound(sql, vec![]).is_ok(), accepted, "{sql}: {:?}", bound(sql, vec![]));
    }
    let array = "SELECT jsonb_path_query_array($1::jsonb, '$.**')";
    let nested = |levels: usize| vec![json("[".repeat(levels) + &"]".repeat(levels))];
    assert_eq!(bound(array, nested(100)), Ok(()));
    assert!(bound(array, nested(1_000)).is_err());
}

/// A null in a gathered array of rows takes a bit, and a name and a value in JSON; JSON text has an element in two bytes.
#[test]
fn json_of_a_gathered_array_or_of_much_json_text_is_refused_and_of_rows_and_jsonb_accepted() {
    for (call, instead) in [
        ("to_jsonb(array_agg(d))", "jsonb_agg"),
        ("to_jsonb(array_agg(d.*))", "jsonb_agg"),
        ("jsonb_build_array(1, array_agg(d))", "jsonb_agg"),
        ("jsonb_build_object('a', array_agg(tags))", "jsonb_agg"),
        ("to_jsonb(array_agg(data))", "jsonb_agg"),
        ("to_json(array_agg(d))", "jsonb_agg"),
        ("json_build_object('a', array_agg(d))", "jsonb_agg"),
        ("to_jsonb(ARRAY(SELECT d FROM drafts d))", "jsonb_agg"),
        ("to_jsonb(coalesce(array_agg(d), '{}'))", "jsonb_agg"),
        ("to_jsonb(ARRAY[array_agg(d)])", "jsonb_agg"),
        ("to_jsonb(json_agg(d))", "json_agg"),
        ("jsonb_build_object('a', json_agg(id))", "json_agg"),
        ("jsonb_build_array(body::json, title::json, body::json)", "may have exponents"),
        ("to_jsonb(string_to_array(body, ',')), to_jsonb(string_to_array(body, ','))", "of memory"),
    ] {
        let refusal =
            bound(&format!("SELECT {call} FROM drafts d"), vec![]).map_err(|refusal| refusal.to_string());
        assert!(refusal.as_ref().is_err_and(|rule| rule.contains(instead)), "{call}: {refusal:?}");
    }
    for sql in [
        "SELECT jsonb_agg(s.a) FROM (SELECT array_agg(d) AS a FROM drafts d) s",
        "SELECT to_jsonb(s) FROM (SELECT array_agg(d) AS a FROM drafts d) s",
        "SELECT json_agg(s) FROM (SELECT 1, array_agg(d) AS a FROM drafts d) s",
    ] {
        let refusal = bound(sql, vec![]).map_err(|refusal| refusal.to_string());
        assert!(refusal.as_ref().is_err_and(|rule| rule.contains("jsonb_agg")), "{sql}: {refusal:?}");
    }
    for sql in [
        "SELECT jsonb_agg(d), jsonb_agg(tags), json_agg(d), cardinality(array_agg(d)) FROM drafts d",
        "SELECT to_jsonb(array_agg(title)) FROM drafts",
        "SELECT to_jsonb(s) FROM (SELECT id, jsonb_agg(data) AS a FROM drafts GROUP BY id) s",
        "SELECT json_agg(d), jsonb_build_object('a', jsonb_agg(d)) FROM drafts d",
        "SELECT to_jsonb(d), jsonb_build_object('a', data, 'b', data, 'c', tags) FROM drafts d",
        "SELECT jsonb_typeof(to_jsonb(body::json)) FROM drafts",
    ] {
        assert_eq!(bound(sql, vec![]), Ok(()), "{sql}");
    }
    // The column of a table, at and over.
    let table = |count: usize| {
        let names = ["a", "b", "c", "d"];
        let columns = names.iter().take(count).map(|name| super::column(name, Type::JSON)).collect();
        let all = Operations { select: true, insert: true, update: true, delete: true };
        Catalogue::new("plugin_blog", true, true).with_table(Table::new("raw", columns, all))
    };
    for (count, accepted) in [(2, true), (3, false)] {
        let names = ["a", "b", "c"].get(..count).unwrap().join(", ");
        for sql in [
            "SELECT 1 FROM raw r ORDER BY to_jsonb(r)".to_owned(),
            format!("SELECT 1 FROM raw ORDER BY jsonb_build_array({names})"),
            "SELECT 1 FROM raw r ORDER BY jsonb_agg(r)".to_owned(),
        ] {
            let read = ReadStatement::parse(&table(count), &sql);
            assert_eq!(read.is_ok(), accepted, "{sql}: {:?}", read.err());
        }
    }
}

/// A function in FROM is computed once, however often its columns are named.
#[test]
fn function_in_from_is_charged_once_and_its_columns_as_values() {
    let sql = "SELECT e.key, e.value, lower(e.key) FROM drafts, jsonb_each_text(data) e \
               WHERE e.value <> '' GROUP BY e.key, e.value ORDER BY e.key, e.value";
    assert_eq!(bound(sql, vec![]), Ok(()));
    // What is done with a column is charged each time, and so is the same in a subquery.
    let again = "SELECT s.k, s.k, s.k, s.k FROM (SELECT jsonb_object_keys(data) AS k FROM drafts) s";
    assert!(bound(again, vec![]).is_err());
    let edits = ["normalize(e.value)"; 2].join(", ");
    assert!(bound(&format!("SELECT {edits} FROM drafts, jsonb_each_text(data) e"), vec![]).is_err());
}

/// The type is written in the statement already: what is wrong is what the call sends.
#[test]
fn value_that_should_bound_a_cost_and_does_not_is_named_with_what_to_send() {
    let day = || Value::Scalar(Scalar::Text("2026-01-01".into()));
    let null = || Value::Scalar(Scalar::Null);
    for (sql, values, number, case) in [
        ("SELECT g FROM generate_series($1::date, now(), '1 day') g", vec![day()], 1, "text"),
        (
            "SELECT g FROM generate_series($1::date, $2::date + 1, $3::interval) g",
            vec![Value::Scalar(Scalar::Date(20_000)), day(), text(5)],
            2,
            "text",
        ),
        ("SELECT g FROM generate_series(1, $1::int) g", vec![null()], 1, "null"),
        ("SELECT repeat('x', $2::int) || $1::text", vec![text(3), text(1)], 2, "text"),
        ("SELECT lpad($1, $2 + 1) FROM drafts", vec![text(3), numeric(3)], 2, "numeric"),
        ("SELECT factorial(s.n) FROM (SELECT $1::bigint AS n) s", vec![texts(2)], 1, "array"),
    ] {
        let sentence = bound(sql, values).unwrap_err().to_string();
        let expected = format!("needs a bound, which is ${number} here, and the call sends a `{case}`");
        assert!(sentence.contains(&expected), "{sql}: {sentence}");
        assert!(sentence.contains(&format!("`date` for `${number}::date`")), "{sql}: {sentence}");
    }
    // What a value has nothing to do with keeps its sentence.
    for (sql, values, expected) in [
        ("SELECT repeat('x', id::int), $1::text FROM drafts", vec![text(1)], "write a whole number"),
        (
            "SELECT g FROM generate_series(1, $1) g, drafts WHERE title = $2",
            vec![integer(200_000), day()],
            "make it shorter",
        ),
    ] {
        let sentence = bound(sql, values).unwrap_err().to_string();
        assert!(sentence.contains(expected), "{sql}: {sentence}");
    }
}

/// The place is that of the dearest function or operator.
#[test]
fn refusal_of_a_cost_names_its_place() {
    for (sql, place) in [
        ("SELECT 1,\n  repeat('x', id::int) FROM drafts", "`repeat` near line 2, column 3: needs"),
        (
            "SELECT 1\nFROM drafts,\n generate_series(1, id) g",
            "`generate_series` near line 3, column 2: in FROM",
        ),
        (
            "SELECT id FROM drafts a\nWHERE data\n  @> data",
            "`@>` near line 3, column 3: the statement may take",
        ),
        (
            "SELECT translate(body, 'abcdefghijklmnopqrstuvwxyz', '') || title,\n\n price ^ id FROM drafts WHERE body <> translate(body, 'abcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrstuvwxyz', '')",
            "`^` near line 3, column 8: the statement may take",
        ),
    ] {
        let sentence = bound(sql, vec![]).unwrap_err().to_string();
        assert!(sentence.starts_with(place), "{sql}: {sentence}");
    }
    let late = "SELECT 1,\n factorial($1)";
    let sentence = bound(late, vec![integer(30_000)]).unwrap_err().to_string();
    assert!(sentence.starts_with("`factorial` near line 2, column 2: the statement may take"), "{sentence}");
    let read = "SELECT 1,\n length($1::text),\n $2::jsonb";
    let sentence = bound(read, vec![text(1), listed("1", 5_000_000)]).unwrap_err().to_string();
    assert!(sentence.contains(" near line 3, column "), "{sentence}");
}

#[test]
fn function_with_a_class_can_be_called_or_stand_in_from() {
    for name in cost::functions() {
        assert!(functions::kind(name).is_some() || functions::rows(name).is_some(), "{name}");
    }
}

/// Stars of stars, in every construct that has columns.
#[test]
fn shape_at_its_limit_is_accepted_and_over_it_refused() {
    let ones = |times: usize| vec!["1"; times].join(", ");
    assert!(read(&format!("SELECT {}", ones(SQL_COLUMNS_MAX))).is_ok());
    let stars = |times: usize| vec!["*"; times].join(", ");
    let names = |times: usize| (0..times).map(|n| format!("c{n}")).collect::<Vec<_>>().join(", ");
    for over in [
        format!("SELECT {}", ones(SQL_COLUMNS_MAX + 1)),
        format!("SELECT {} FROM (SELECT 1 AS x, 2 AS y) s", stars(SQL_COLUMNS_MAX / 2 + 1)),
        format!(
            "WITH a AS (SELECT 1 AS x), b AS (SELECT {0} FROM a), c AS (SELECT {0} FROM b), d AS (SELECT {0} FROM c) SELECT 1",
            stars(800)
        ),
        format!(
            "WITH a AS (SELECT 1 AS x), b AS (SELECT {0} FROM a), c AS (SELECT {0} FROM b) SELECT 1",
            stars(1_600)
        ),
        format!("SELECT 1 FROM (SELECT {0} FROM (SELECT {0} FROM (SELECT 1 AS x) a) b) c", stars(700)),
        format!("SELECT {} FROM (SELECT 1 AS x) s JOIN (SELECT 1 AS x, 2 AS y) t USING (x)", stars(1_000)),
        format!("VALUES ({})", ones(SQL_COLUMNS_MAX + 1)),
        format!("SELECT {} UNION SELECT {}", ones(SQL_COLUMNS_MAX + 1), ones(SQL_COLUMNS_MAX + 1)),
        format!("SELECT 1 FROM (SELECT {0} FROM (SELECT 1 AS x) s) AS t ({1})", stars(1_700), names(1_700)),
        format!("DELETE FROM drafts RETURNING {}", stars(400)),
        // Many shapes, each within its own limit.
        format!(
            "WITH a AS (SELECT {}){} SELECT 1",
            ones(1_600),
            (0..SQL_COLUMNS_TOTAL_MAX / 1_600)
                .map(|n| format!(", b{n} AS (SELECT * FROM a)"))
                .collect::<Vec<_>>()
                .concat()
        ),
    ] {
        let refused = if over.starts_with("DELETE") { super::write(&over) } else { read(&over) };
        assert!(matches!(refused, Err(Refusal::Invalid(_))), "{over:.100}: {refused:?}");
    }
}

/// The time is generous: a gate that copies a shape for each reference takes many times as long.
#[test]
fn gate_takes_little_time_for_the_worst_texts() {
    let stars = |times: usize| vec!["*"; times].join(",");
    let ones = |times: usize| (0..times).map(|n| format!("1 c{n}")).collect::<Vec<_>>().join(",");
    let tables = (0..30).map(|n| format!("(SELECT * FROM a) t{n}")).collect::<Vec<_>>().join(",");
    for sql in [
        format!("WITH a AS (SELECT {}) SELECT {} FROM a", ones(1_000), vec!["c999"; 3_000].join("+")),
        format!(
            "WITH a AS (SELECT {}) SELECT {} FROM {tables}",
            ones(600),
            vec!["t29.c599"; 1_000].join("+")
        ),
        format!("WITH a AS (SELECT {}) SELECT 1 FROM a{}", ones(600), " JOIN a b USING (c1)"),
        format!("SELECT {}", vec!["(SELECT * FROM drafts)"; 300].join(",")),
        format!("SELECT {} FROM drafts", stars(180)),
        format!("SELECT 1 WHERE {}", vec!["'2020-01-01 a1' > 'b'"; 1_000].join(" OR ")),
        "SELECT ".to_owned() + &"'".repeat(SQL_BYTES_MAX - 8),
    ] {
        let started = Instant::now();
        let _either = read(&sql);
        assert!(started.elapsed() < Duration::from_secs(2), "{sql:.80}: {:?}", started.elapsed());
    }
}

#[test]
fn demands_without_parameters_are_checked_when_the_statement_is_parsed() {
    assert_eq!(Demands::default().parameters, 0);
    let heavy =
        format!("SELECT {} FROM drafts", vec!["body <> translate(body, 'abcdefghij', '')"; 20].join(" AND "));
    assert!(matches!(read(&heavy), Err(Refusal::Invalid(_))));
}

/// Two texts of 1 MiB are compared byte by byte, and each is copied: 11 ms.
#[test]
fn comparisons_of_long_texts_at_the_limit_are_accepted_and_over_it_refused() {
    let of = |count: usize| {
        bound(&format!("SELECT id FROM drafts WHERE {}", vec!["title < body"; count].join(" OR ")), vec![])
    };
    assert_eq!(of(44), Ok(()));
    assert!(of(46).is_err_and(|refusal| refusal.to_string().contains("for one row")));
}

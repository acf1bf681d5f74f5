//! Statements that plugins write and that must pass, and how they are printed.

use super::{ReadStatement, WriteStatement, catalogue, read, write};

/// Reads of many kinds.
pub(super) const READS: &[&str] = &[
    "SELECT 1",
    "SELECT 1, 'it''s', E'a\\nb', $$dollar$$, NULL, TRUE, 1.5e10",
    "VALUES (1, 'a'), (2, 'b')",
    "SELECT * FROM drafts",
    "select id, Title from Drafts where ID = $1",
    "SELECT * FROM plugin_blog.drafts",
    "SELECT d.* FROM drafts d",
    "SELECT d.id AS x, d.\"title\" FROM drafts AS d WHERE d.id > 3 AND d.title LIKE 'a%' OR NOT d.price < 2",
    "SELECT id FROM drafts WHERE id IN (1, 2, 3) AND title NOT IN ('a')",
    "SELECT id FROM drafts WHERE id = ANY($1) AND price BETWEEN $2 AND $3",
    "SELECT id FROM drafts WHERE body IS NULL OR body IS NOT NULL AND (price IS DISTINCT FROM 3)",
    "SELECT id FROM drafts WHERE id <= 3 AND id >= - 1 AND price - 1 = ALL ($1) AND (id, id, id) <> (1, 2, 3)",
    "SELECT id IN (1) IS TRUE, id = 1 IS NOT TRUE, id = 2 IS FALSE, id = 3 IS NOT FALSE FROM drafts",
    "SELECT id = 1 IS UNKNOWN, id = 2 IS NOT UNKNOWN, price IS NOT DISTINCT FROM $1 FROM drafts",
    "SELECT id FROM drafts WHERE EXISTS (SELECT 1 FROM comments c WHERE c.draft_id = drafts.id)",
    "SELECT id FROM drafts WHERE id NOT IN (SELECT draft_id FROM comments)",
    "SELECT id, (SELECT count(*) FROM comments c WHERE c.draft_id = d.id) AS n FROM drafts d ORDER BY n DESC",
    "SELECT d.id, c.body FROM drafts d JOIN comments c ON c.draft_id = d.id",
    "SELECT d.id, c.body FROM drafts d LEFT JOIN comments c ON c.draft_id = d.id WHERE c.id IS NULL",
    "SELECT * FROM drafts JOIN comments USING (id)",
    "SELECT * FROM drafts CROSS JOIN comments",
    "SELECT * FROM drafts, comments WHERE draft_id = drafts.id",
    "SELECT count(*), count(DISTINCT title), sum(price), avg(price), min(id), max(id) FROM drafts",
    "SELECT status, count(*) FROM drafts GROUP BY status HAVING count(*) > 1 ORDER BY count DESC",
    "SELECT status AS s, count(*) AS n FROM drafts GROUP BY s ORDER BY s NULLS FIRST, n DESC NULLS LAST",
    "SELECT status, owner, count(*) FROM drafts GROUP BY GROUPING SETS ((status), (owner), ())",
    "SELECT status, owner, count(*), grouping(status) FROM drafts GROUP BY ROLLUP (status, owner)",
    "SELECT count(*) FROM drafts GROUP BY ()",
    "SELECT DISTINCT status FROM drafts",
    "SELECT DISTINCT ON (status) status, id FROM drafts ORDER BY status, created DESC",
    "SELECT id FROM drafts ORDER BY created DESC, id LIMIT 10 OFFSET 20",
    "SELECT id FROM drafts ORDER BY id LIMIT $1 OFFSET $2",
    "SELECT id FROM drafts ORDER BY 1 FETCH FIRST 5 ROWS ONLY",
    "SELECT id FROM drafts WHERE (created, id) > ($1, $2) ORDER BY created, id",
    "SELECT row_number() OVER (PARTITION BY status ORDER BY created DESC) AS n, id FROM drafts",
    "SELECT sum(price) OVER w FROM drafts WINDOW w AS (ORDER BY id ROWS BETWEEN 2 PRECEDING AND CURRENT ROW)",
    "SELECT lag(price) OVER (ORDER BY id), first_value(id) OVER (ORDER BY id) FROM drafts",
    "SELECT count(*) FILTER (WHERE status = 'live') FROM drafts",
    "SELECT string_agg(title, ', ' ORDER BY id), array_agg(id), jsonb_agg(title) FROM drafts",
    "SELECT percentile_cont(0.5) WITHIN GROUP (ORDER BY price) FROM drafts",
    "SELECT CASE WHEN price > 10 THEN 'dear' WHEN price > 5 THEN 'fair' ELSE 'cheap' END FROM drafts",
    "SELECT CASE status WHEN 'live' THEN 1 ELSE 0 END FROM drafts",
    "SELECT coalesce(body, title, ''), nullif(title, ''), greatest(id, 3), least(id, 3) FROM drafts",
    "SELECT lower(title), upper(title), length(body), left(body, 100), trim(body), initcap(title) FROM drafts",
    "SELECT substring(body FROM 1 FOR 10), substring(body, 2), position('a' IN body), overlay(title PLACING 'x' FROM 2) FROM drafts",
    "SELECT trim(BOTH 'x' FROM title), trim(LEADING 'y' FROM title), replace(title, 'a', 'b'), split_part(title, ',', 1) FROM drafts",
    "SELECT title || ' ' || body || '!', concat_ws(', ', title, body) FROM drafts",
    "SELECT mod(id, 3), div(price, 2), sqrt(price), width_bucket(price, 0, 10, 5) FROM drafts",
    "SELECT round(price, 2), floor(price), ceil(price), abs(- price), price * 1.2 / 3 % 7, - id FROM drafts",
    "SELECT date_trunc('day', created), extract(year FROM created), to_char(created, 'YYYY-MM') FROM drafts",
    "SELECT created AT TIME ZONE 'UTC', created + interval '1 day', age(created, $1) FROM drafts",
    "SELECT date '2024-01-01', timestamp '2024-01-01 10:00', '2024-01-01'::timestamptz, time '10:00'",
    "SELECT data -> 'a', data ->> 'b', data #>> '{a,b}', data #> '{a}' FROM drafts WHERE data @> '{\"a\": 1}'",
    "SELECT id FROM drafts WHERE data ? 'a' AND data ?| ARRAY['a', 'b'] AND data ?& ARRAY['c']",
    "SELECT data #- '{a}' FROM drafts WHERE data <@ $1 AND NOT tags <@ ARRAY['a']",
    "SELECT jsonb_build_object('id', id, 'title', title), jsonb_array_length(data), jsonb_typeof(data) FROM drafts",
    "SELECT tags[1], tags[1:2], cardinality(tags), array_length(tags, 1), array_to_string(tags, ',') FROM drafts",
    "SELECT id FROM drafts WHERE 'x' = ANY (tags) AND tags && ARRAY['a', 'b'] AND tags @> ARRAY['c']::text[]",
    "SELECT t.tag, count(*) FROM drafts CROSS JOIN unnest(drafts.tags) AS t (tag) GROUP BY t.tag",
    "SELECT u, n FROM unnest($1::text[]) WITH ORDINALITY AS u (u, n)",
    "SELECT e.key, e.value FROM drafts d, jsonb_each(d.data) AS e",
    "SELECT x.value, y FROM jsonb_array_elements_text($1::jsonb) AS x, jsonb_array_elements('[1]') AS z (y)",
    "SELECT q.n FROM (SELECT count(*) AS n FROM drafts) q",
    "SELECT l.id FROM drafts d CROSS JOIN LATERAL (SELECT c.id FROM comments c WHERE c.draft_id = d.id LIMIT 1) l",
    "SELECT v.a, v.b FROM (VALUES (1, 'x'), (2, 'y')) AS v (a, b)",
    "WITH live AS (SELECT id, title FROM drafts WHERE status = 'live') SELECT * FROM live WHERE live.id > 3",
    "WITH a AS (SELECT 1 AS x), b (y) AS (SELECT x FROM a) SELECT a.x, b.y FROM a, b",
    "WITH drafts AS (SELECT id FROM drafts) SELECT id FROM drafts",
    "WITH a AS MATERIALIZED (SELECT 1 AS x) SELECT x FROM a",
    "SELECT id FROM drafts UNION ALL SELECT id FROM comments ORDER BY id LIMIT 5",
    "SELECT id FROM drafts EXCEPT SELECT draft_id FROM comments INTERSECT SELECT id FROM people",
    "(SELECT id FROM drafts LIMIT 1) UNION (SELECT id FROM comments LIMIT 1)",
    "SELECT ARRAY(SELECT id FROM comments ORDER BY id) AS ids",
    "SELECT id::text, CAST(price AS integer), 'live'::status, 'draft'::plugin_blog.status, $1::uuid FROM drafts",
    "SELECT $1::bool, $2::boolean, $3::int2, $4::smallint, $5::bytea, $6::real, $7::float8, $8::char(3), $9::json",
    "SELECT host($1::inet), masklen($1), family($1), network($1), broadcast($1), abbrev($1)",
    "SELECT x.a, x.two FROM (SELECT 1 AS one, 2 AS two) AS x (a)",
    "SELECT title COLLATE \"C\" FROM drafts ORDER BY title COLLATE \"C\"",
    "SELECT id FROM drafts WHERE title ILIKE $1 AND body NOT ILIKE '%\\%%' ESCAPE '\\'",
    "SELECT id & 1, id | 2, id # 3, id << 1, id >> 1, ~ id FROM drafts",
    "SELECT md5(title), encode(sha256(convert_to(title, 'UTF8')), 'hex') FROM drafts",
    "SELECT id FROM drafts WHERE title LIKE upper($1)",
    "((SELECT id FROM drafts LIMIT 1))",
    "SELECT id FROM drafts WHERE title LIKE '%' || lower($1) || '%' AND position($2 IN body) > 0",
    "SELECT name FROM people WHERE id = $1",
    "SELECT count(*) FROM people p JOIN drafts d USING (id)",
    "SELECT pg_catalog.lower(title) FROM drafts; -- the end",
];

/// Writes of many kinds.
pub(super) const WRITES: &[&str] = &[
    "INSERT INTO drafts (id, title) VALUES ($1, $2), (2, DEFAULT)",
    "INSERT INTO drafts (title) SELECT title FROM drafts WHERE id = $1",
    "INSERT INTO drafts (title) WITH x AS (SELECT 'a' AS t) SELECT t FROM x",
    "WITH x AS (SELECT id FROM comments) INSERT INTO drafts (id) SELECT id FROM x",
    "INSERT INTO drafts AS d (id, title) VALUES ($1, $2) ON CONFLICT (id) DO UPDATE SET title = excluded.title WHERE d.title <> excluded.title",
    "INSERT INTO drafts (id) VALUES (1) ON CONFLICT DO NOTHING",
    "INSERT INTO drafts (id) VALUES (1) RETURNING id",
    "INSERT INTO drafts (id) VALUES (1) ON CONFLICT (id) DO UPDATE SET title = 'x' RETURNING drafts.id",
    "INSERT INTO letters (id, body) VALUES (1, $1) ON CONFLICT (id) DO UPDATE SET body = excluded.body",
    "INSERT INTO events (what) VALUES ($1)",
    "UPDATE drafts SET title = $1, body = DEFAULT WHERE id = $2",
    "UPDATE drafts AS d SET price = d.price * 1.1 WHERE d.status = 'live'",
    "UPDATE drafts SET title = c.body FROM comments c WHERE c.draft_id = drafts.id",
    "UPDATE drafts SET title = (SELECT body FROM comments c WHERE c.draft_id = drafts.id LIMIT 1)",
    "UPDATE people SET name = $1 WHERE id = 3",
    "DELETE FROM drafts WHERE id = $1",
    "DELETE FROM drafts d USING comments c WHERE c.draft_id = d.id",
    "WITH old AS (SELECT id FROM drafts LIMIT 10) DELETE FROM drafts WHERE id IN (SELECT id FROM old)",
    "DELETE FROM plugin_blog.drafts WHERE data ->> 'x' = 'y' RETURNING id",
];

#[test]
fn legitimate_read_passes() {
    let refused: Vec<_> =
        READS.iter().filter_map(|row| read(row).err().map(|why| (row, why.to_string()))).collect();
    assert_eq!(refused, Vec::new());
}

#[test]
fn legitimate_write_passes() {
    let refused: Vec<_> =
        WRITES.iter().filter_map(|row| write(row).err().map(|why| (row, why.to_string()))).collect();
    assert_eq!(refused, Vec::new());
}

#[test]
fn printed_text_is_quoted_qualified_and_parenthesized() {
    for (sql, printed) in [
        (
            "select Title, count(*) from Drafts where id = $1 and not title = 'x' or id < 3 -- comment",
            "SELECT \"title\", \"pg_catalog\".\"count\"(*) FROM \"plugin_blog\".\"drafts\" AS \"drafts\" \
             WHERE (((\"id\" = $1) AND (NOT (\"title\" = 'x'))) OR (\"id\" < 3))",
        ),
        ("SELECT E'\\'; DROP\\\\', $q$a'b\\c$q$", "SELECT E'''; DROP\\\\', E'a''b\\\\c'"),
        (
            "WITH pg_authid AS (SELECT 1 AS x) SELECT x FROM pg_authid",
            "WITH \"cte 1\" AS (SELECT 1 AS \"x\") SELECT \"x\" FROM \"cte 1\" AS \"pg_authid\"",
        ),
        // Parentheses alone say nothing, and what stands after them stays.
        ("((SELECT 1))", "SELECT 1"),
        ("(SELECT 1) LIMIT 1", "(SELECT 1) LIMIT 1"),
        (
            "SELECT '1'::timestamp(3), '2'::time, '3'::numeric(4, 2)",
            "SELECT CAST('1' AS timestamp(3)), CAST('2' AS time), CAST('3' AS numeric(4, 2))",
        ),
        ("SELECT 1 AS \"a\"\"b\"", "SELECT 1 AS \"a\"\"b\""),
        ("SELECT substring('abc', 'b')", "SELECT \"pg_catalog\".\"substr\"('abc', 'b') AS \"substring\""),
        (
            "SELECT count(*) AS n FROM drafts GROUP BY (id, price), ()",
            "SELECT \"pg_catalog\".\"count\"(*) AS \"n\" FROM \"plugin_blog\".\"drafts\" AS \"drafts\" \
             GROUP BY (\"id\", \"price\"), ()",
        ),
        ("SELECT U&'d\\0061t\\+000061'", "SELECT 'data'"),
    ] {
        assert_eq!(read(sql).unwrap(), printed, "{sql}");
    }
}

#[test]
fn what_follows_inserted_values_is_kept_and_leaves_no_place_for_a_default() {
    for (with, after, printed) in [
        ("WITH x AS (SELECT 1) ", "", ""),
        ("", " ORDER BY 1", " ORDER BY 1"),
        ("", " LIMIT 1", " LIMIT 1"),
        ("", " OFFSET 1", " OFFSET 1"),
        ("", " FETCH FIRST 1 ROWS ONLY", " LIMIT 1"),
    ] {
        let insert = |value: &str| write(&format!("INSERT INTO drafts (id) {with}VALUES ({value}){after}"));
        let kept = insert("1").unwrap();
        assert!(kept.contains("WITH") != with.is_empty() && kept.ends_with(printed), "{kept}");
        assert!(insert("DEFAULT").is_err(), "{with}{after}");
    }
    assert!(write("INSERT INTO drafts (id) VALUES (DEFAULT)").is_ok());
    assert!(write("INSERT INTO drafts (id) VALUES (1) FOR UPDATE").is_err());
}

#[test]
fn parameters_that_are_patterns_are_named_as_short() {
    let sql = "SELECT $1::text FROM drafts WHERE title LIKE $3 || '%' AND replace(body, $2, 'x') = $4";
    assert_eq!(ReadStatement::parse(&catalogue(), sql).unwrap().short_parameters(), [2, 3]);
    let sql = "UPDATE drafts SET title = $1 WHERE body LIKE $2";
    let statement = WriteStatement::parse(&catalogue(), sql).unwrap();
    assert_eq!((statement.short_parameters(), statement.parameters()), (&[2][..], 2));
}

#[test]
fn parameters_are_counted_and_leave_no_gap() {
    let statement = ReadStatement::parse(&catalogue(), "SELECT $2::text, $1::text, $2::text").unwrap();
    assert_eq!(statement.parameters(), 2);
    assert!(read("SELECT $1::text, $3::text").is_err());
}

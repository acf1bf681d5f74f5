//! Tests of legitimate statements: they must pass, and their printed text has a fixed form.

pub(super) use super::corpus::legitimate::{READS, WRITES};
use super::{ReadStatement, WriteStatement, catalogue, read, write};

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
fn printed_text_is_the_statements_own_tokens_in_canonical_form() {
    for (sql, printed) in [
        (
            "select Title, count(*) from Drafts where id = $1 and not title = 'x' or id < 3 -- comment",
            "SELECT \"title\", pg_catalog.\"count\"(*) FROM \"plugin_blog\".\"drafts\" \
             WHERE \"id\" = $1 AND NOT \"title\" = 'x' OR \"id\" < 3",
        ),
        ("SELECT E'\\'; DROP\\\\', $q$a'b\\c$q$", "SELECT E'''; DROP\\\\', E'a''b\\\\c'"),
        (
            "WITH pg_authid AS (SELECT 1 AS x) SELECT x FROM pg_authid",
            "WITH \"cte 1\" AS (SELECT 1 AS \"x\") SELECT \"x\" FROM \"cte 1\" AS \"pg_authid\"",
        ),
        ("((SELECT 1))", "((SELECT 1))"),
        ("(SELECT 1) LIMIT 1", "(SELECT 1) LIMIT 1"),
        (
            "SELECT '1'::timestamp(3), '2'::time, '3'::numeric(4, 2)",
            "SELECT '1'::TIMESTAMP(3), '2'::TIME, '3'::numeric(4, 2)",
        ),
        ("SELECT 1 AS \"a\"\"b\"", "SELECT 1 AS \"a\"\"b\""),
        ("SELECT substring('abc', 'b')", "SELECT SUBSTRING('abc', 'b')"),
        ("select ~1 + 2, -2 ^ 2, 1 - -1", "SELECT ~ 1 + 2, - 2 ^ 2, 1 - - 1"),
        ("SELECT id ISNULL FROM drafts", "SELECT \"id\" ISNULL FROM \"plugin_blog\".\"drafts\""),
        ("SELECT interval(0) '1.5 s', interval '1' day", "SELECT INTERVAL(0) '1.5 s', INTERVAL '1' DAY"),
        ("SELECT n>-1 FROM (SELECT 1 n) s", "SELECT \"n\" > - 1 FROM (SELECT 1 AS \"n\") AS \"s\""),
        (
            "SELECT 1 BETWEEN 2 AND 3 OR NOT 4 > 5 OR NOT NOT true",
            "SELECT 1 BETWEEN 2 AND 3 OR NOT 4 > 5 OR NOT NOT TRUE",
        ),
        (
            "SELECT e, e->>'a' FROM jsonb_array_elements('[{}]') e WHERE e ? 'x'",
            "SELECT \"e\", \"e\" ->> 'a' FROM pg_catalog.\"jsonb_array_elements\"('[{}]') AS \"e\" WHERE \"e\" ? 'x'",
        ),
        ("SELECT 'a'\n'b'", "SELECT 'ab'"),
        (
            "SELECT now(), current_date::text, $1::int, 'now'",
            "SELECT ($2::timestamptz) AS \"now\", ($2::timestamptz::date)::text AS \"current_date\", $1::int, \
             CAST('now' AS text) AS \"?column?\"",
        ),
        (
            "SELECT count(*) AS n FROM drafts GROUP BY (id, price), ()",
            "SELECT pg_catalog.\"count\"(*) AS \"n\" FROM \"plugin_blog\".\"drafts\" \
             GROUP BY (\"id\", \"price\"), ()",
        ),
        ("SELECT U&'d\\0061t\\+000061'", "SELECT 'data'"),
    ] {
        assert_eq!(read(sql).unwrap(), printed, "{sql}");
    }
}

#[test]
fn clause_around_inserted_values_is_printed_and_rules_out_default() {
    for (with, after, printed) in [
        ("WITH x AS (SELECT 1) ", "", ""),
        ("", " ORDER BY 1", " ORDER BY 1"),
        ("", " LIMIT 1", " LIMIT 1"),
        ("", " OFFSET 1", " OFFSET 1"),
        ("", " FETCH FIRST 1 ROWS ONLY", " FETCH FIRST 1 ROWS ONLY"),
    ] {
        let insert = |value: &str| write(&format!("INSERT INTO drafts (id) {with}VALUES ({value}){after}"));
        let text = insert("1").unwrap();
        assert!(text.contains("WITH") != with.is_empty() && text.ends_with(printed), "{text}");
        assert!(insert("DEFAULT").is_err(), "{with}{after}");
    }
    assert!(write("INSERT INTO drafts (id) VALUES (DEFAULT)").is_ok());
    assert!(write("INSERT INTO drafts (id) VALUES (1) FOR UPDATE").is_err());
}

#[test]
fn parameters_that_are_separators_are_reported_as_short() {
    let sql = "SELECT $1::text FROM drafts WHERE title LIKE $3 || '%' AND replace(body, $2, 'x') = $4";
    assert_eq!(ReadStatement::parse(&catalogue(), sql).unwrap().demands().short, [2]);
    let sql = "UPDATE drafts SET title = $1 WHERE split_part(body, $2, 1) = 'x'";
    let statement = WriteStatement::parse(&catalogue(), sql).unwrap();
    assert_eq!((&*statement.demands().short, statement.demands().parameters), (&[2][..], 2));
}

#[test]
fn parameters_are_counted_and_a_gap_is_refused() {
    let statement = ReadStatement::parse(&catalogue(), "SELECT $2::text, $1::text, $2::text").unwrap();
    assert_eq!(statement.demands().parameters, 2);
    assert!(read("SELECT $1::text, $3::text").is_err());
}

//! Tests of extensions in SQL text and migrations: what is refused without a grant or beyond the list, whose operator a sign is,
//! and what each may cost.

use super::corpus::{catalogue, column};
use super::{ReadStatement, WriteStatement};
use crate::db::catalogue::{Operations, Table};
use crate::db::extension::{Extension, Extensions};
use crate::db::migration::Migration;
use crate::db::parameter::Binder;
use crate::db::value::{Scalar, Value};
use crate::refusal::Refusal;
use postgres_types::{Kind, Type};

fn granted(extensions: &[Extension]) -> Extensions {
    extensions.iter().fold(Extensions::default(), |all, &extension| {
        all.with(extension, if extension == Extension::PgTrgm { "Ext \"a\"" } else { "vec" })
    })
}

/// A statement with a table that has a short text and a vector beside those of the corpus.
fn parsed(extensions: &[Extension], sql: &str) -> Result<ReadStatement, Refusal> {
    let vector = Type::new("vector".into(), 77_777, Kind::Simple, "vec".into());
    let mut name = column("name", Type::VARCHAR);
    name.typmod = crate::db::typmod::Typmod::Characters(100);
    let columns = vec![column("id", Type::INT8), name, column("embedding", vector)];
    let all = Operations { select: true, insert: true, update: true, delete: true };
    let catalogue =
        catalogue().with_table(Table::new("things", columns, all)).with_extensions(granted(extensions));
    ReadStatement::parse(&catalogue, sql)
}

fn both(sql: &str) -> Result<String, Refusal> {
    parsed(&Extension::ALL, sql).map(|statement| statement.text().to_owned())
}

fn migrated(extensions: &[Extension], sql: &str) -> Result<String, Refusal> {
    let migration = Migration::parse("plugin_blog", &granted(extensions), "1.sql", sql)?;
    Ok(migration.statements().join(";"))
}

#[test]
fn extension_that_is_not_granted_is_refused_with_its_grant() {
    for (sql, name) in [
        ("SELECT similarity(name, $1) FROM things", "pg_trgm"),
        ("SELECT id FROM things WHERE name <% $1", "pg_trgm"),
        ("SELECT id FROM things WHERE name <<<-> $1 < 1", "pg_trgm"),
        ("SELECT l2_distance(embedding, $1) FROM things", "vector"),
        ("SELECT id FROM things ORDER BY embedding <=> $1", "vector"),
        ("SELECT $1::vector(3)", "vector"),
    ] {
        let others: Vec<Extension> =
            Extension::ALL.into_iter().filter(|extension| extension.name() != name).collect();
        for extensions in [&[][..], &others] {
            let refusal = parsed(extensions, sql).map(drop).unwrap_err().to_string();
            assert!(refusal.contains(&format!("extensions = [\"{name}\"]")), "{sql}: {refusal}");
        }
        assert!(both(sql).is_ok(), "{sql}: {:?}", both(sql));
    }
    for (sql, name) in [
        ("CREATE INDEX i ON things USING gin (name gin_trgm_ops)", "pg_trgm"),
        ("CREATE INDEX i ON things USING gist (name gist_trgm_ops)", "pg_trgm"),
        ("CREATE INDEX i ON things USING hnsw (embedding vector_l2_ops)", "vector"),
        ("CREATE TABLE things (embedding vector(3))", "vector"),
        ("ALTER TABLE things ADD COLUMN embedding vector", "vector"),
    ] {
        let refusal = migrated(&[], sql).unwrap_err().to_string();
        assert!(refusal.contains(&format!("extensions = [\"{name}\"]")), "{sql}: {refusal}");
        assert!(migrated(&Extension::ALL, sql).is_ok(), "{sql}: {:?}", migrated(&Extension::ALL, sql));
    }
}

#[test]
fn what_is_not_in_the_list_of_an_extension_is_refused() {
    for sql in [
        "SELECT show_trgm(name) FROM things",
        "SELECT set_limit(0.1)",
        "SELECT show_limit()",
        "SELECT similarity_op(name, $1) FROM things",
        "SELECT gtrgm_in(name) FROM things",
        "SELECT \"Similarity\"(name, $1) FROM things",
        "SELECT public.similarity(name, $1) FROM things",
        "SELECT pg_catalog.similarity(name, $1) FROM things",
        "SELECT plugin_blog.similarity(name, $1) FROM things",
        "SELECT \"Ext \"\"a\"\"\".similarity(name, $1) FROM things",
        "SELECT id FROM things WHERE name OPERATOR(public.%) $1",
        "SELECT id FROM things WHERE name OPERATOR(pg_catalog.<%) $1",
        "SELECT id FROM things WHERE name <% ANY ($1)",
        "SELECT id FROM things WHERE name % ANY ($1)",
        "SELECT s FROM similarity('a', 'b') AS s",
        "SELECT similarity(name, $1) OVER () FROM things",
        "SELECT similarity(DISTINCT name, $1) FROM things",
        "SELECT similarity(VARIADIC $1) FROM things",
        "SELECT similarity(a => name, b => $1) FROM things",
        "SELECT similarity FROM things",
        "SELECT (embedding).similarity FROM things",
        "SELECT $1::gtrgm",
        "SELECT $1::halfvec",
        "SELECT $1::vec.vector",
        "SELECT $1::\"Vector\"",
        "SELECT $1::vector(3, 4)",
        "SELECT embedding + embedding + array_to_vector(ARRAY[1], 1, true) FROM things",
        "SELECT subvector(embedding, 1, 2) FROM things",
        "SELECT <% name FROM things",
    ] {
        assert!(both(sql).is_err(), "{sql}: {:?}", both(sql));
    }
    for sql in [
        "CREATE EXTENSION pg_trgm",
        "CREATE INDEX i ON things USING gist (name)",
        "CREATE INDEX i ON things USING hnsw (embedding)",
        "CREATE INDEX i ON things USING hnsw (name text_pattern_ops)",
        "CREATE INDEX i ON things USING hnsw (embedding vector_l2_ops, name)",
        "CREATE INDEX i ON things USING gin (name gist_trgm_ops)",
        "CREATE INDEX i ON things (name gin_trgm_ops)",
        "CREATE INDEX i ON things USING gin (name public.gin_trgm_ops)",
        "CREATE INDEX i ON things USING gist (name gist_trgm_ops (siglen = 2024))",
        "CREATE INDEX i ON things USING hnsw (embedding vector_l2_ops) WITH (m = 100)",
        "CREATE INDEX i ON things USING spgist (name)",
        "CREATE TABLE things (a halfvec(3))",
    ] {
        assert!(migrated(&Extension::ALL, sql).is_err(), "{sql}");
    }
}

#[test]
fn name_of_an_extension_is_printed_with_its_schema() {
    let ext = "\"Ext \"\"a\"\"\"";
    for (sql, part) in [
        ("SELECT similarity(name, $1) FROM things", format!("{ext}.\"similarity\"(")),
        ("SELECT SIMILARITY(name, $1) FROM things", format!("{ext}.\"similarity\"(")),
        ("SELECT id FROM things WHERE name <% $1", format!("OPERATOR ({ext}.<%) $1")),
        ("SELECT id FROM things WHERE name % $1", format!("OPERATOR ({ext}.%) $1")),
        ("SELECT id FROM things WHERE name%$1", format!("OPERATOR ({ext}.%) $1")),
        ("SELECT id FROM things WHERE $1 % name", format!("$1 OPERATOR ({ext}.%)")),
        ("SELECT id FROM things WHERE lower(name) % $1::text", format!("OPERATOR ({ext}.%) $1")),
        ("SELECT id FROM things WHERE $1::text % $2", format!("OPERATOR ({ext}.%) $2")),
        ("SELECT id FROM things WHERE coalesce(name, 'x') % $1", format!("OPERATOR ({ext}.%) $1")),
        ("SELECT id FROM drafts WHERE (data ->> 'a')::varchar(9) % $1", format!("OPERATOR ({ext}.%) $1")),
        ("SELECT x.n FROM (SELECT name AS n FROM things) x WHERE x.n % $1", format!("OPERATOR ({ext}.%) $1")),
        (
            "SELECT 1 FROM things a JOIN things b USING (name) WHERE name % $1",
            format!("OPERATOR ({ext}.%) $1"),
        ),
        ("SELECT id FROM things ORDER BY name <-> $1", format!("OPERATOR ({ext}.<->) $1")),
        ("SELECT id FROM things ORDER BY embedding <-> $1", "OPERATOR (\"vec\".<->) $1".into()),
        (
            "SELECT id FROM things ORDER BY $1::vector <-> embedding",
            "$1::\"vec\".\"vector\" OPERATOR (\"vec\".<->)".into(),
        ),
        (
            "SELECT id FROM things ORDER BY embedding <=> '[1,2,3]' LIMIT 5",
            "OPERATOR (\"vec\".<=>) '[1,2,3]'".into(),
        ),
        ("SELECT $1::vector(3)", "$1::\"vec\".\"vector\"(3)".into()),
        ("SELECT vector '[1,2]'", "\"vec\".\"vector\" '[1,2]'".into()),
        ("SELECT name % $1 AS near, id FROM things", format!("SELECT \"name\" OPERATOR ({ext}.%) $1 AS")),
        (
            "SELECT CASE WHEN name % 'a' THEN name <-> 'b' ELSE 1 END FROM things",
            format!("WHEN \"name\" OPERATOR ({ext}.%) 'a' THEN \"name\" OPERATOR ({ext}.<->) 'b' ELSE"),
        ),
        (
            "SELECT a.id FROM things a JOIN things b ON a.name <-> b.name < 0.5 AND a.name % b.name",
            format!(
                "\"a\".\"name\" OPERATOR ({ext}.<->) \"b\".\"name\" < 0.5 AND \"a\".\"name\" OPERATOR ({ext}.%) \"b\".\"name\""
            ),
        ),
        (
            "SELECT id FROM things WHERE (name <-> 'a') <-> 'b' <% name",
            format!("(\"name\" OPERATOR ({ext}.<->) 'a') <-> 'b' OPERATOR ({ext}.<%) \"name\""),
        ),
        // PostgreSQL's own operators stay.
        ("SELECT id % 2 FROM things", "\"id\" % 2".into()),
        ("SELECT id OPERATOR(pg_catalog.%) 2 FROM things", "OPERATOR (pg_catalog.%) 2".into()),
        ("SELECT name FROM things WHERE name OPERATOR(pg_catalog.%) $1", "OPERATOR (pg_catalog.%) $1".into()),
        ("SELECT 'a'::tsquery <-> 'b'::tsquery", "<-> 'b'".into()),
        ("SELECT $1 % $2", "$1 % $2".into()),
    ] {
        let text = both(sql).unwrap_or_else(|refusal| panic!("{sql}: {refusal}"));
        assert!(text.contains(&part), "{sql}: {text}");
    }
    // With one of them granted, the other's sign is PostgreSQL's.
    let text = parsed(&[Extension::PgTrgm], "SELECT embedding <-> $1 FROM things").unwrap();
    assert!(text.text().contains("\"embedding\" <-> $1"), "{}", text.text());
    for (sql, part) in [
        (
            "CREATE INDEX i ON t USING gin (a gin_trgm_ops)",
            format!("USING \"gin\" (\"a\" {ext}.\"gin_trgm_ops\")"),
        ),
        (
            "CREATE INDEX i ON t USING gist (a gist_trgm_ops)",
            format!("USING \"gist\" (\"a\" {ext}.\"gist_trgm_ops\")"),
        ),
        (
            "CREATE INDEX i ON t USING hnsw (a vector_cosine_ops)",
            "(\"a\" \"vec\".\"vector_cosine_ops\")".into(),
        ),
        ("CREATE TABLE t (a vector(3) NOT NULL)", "\"a\" \"vec\".\"vector\"(3) NOT NULL".into()),
    ] {
        let text = migrated(&Extension::ALL, sql).unwrap_or_else(|refusal| panic!("{sql}: {refusal}"));
        assert!(text.contains(&part), "{sql}: {text}");
    }
}

#[test]
fn remainder_of_texts_is_accepted_only_where_its_place_is_plain() {
    for place in [
        "'x' || name % $1",
        "name % $1 || 'x'",
        "name % 'x' % $1",
        "1 + name % $1",
        "@ name % $1",
        "~ name % $1",
        "name % 'x' + 1",
        "1 - 1 - name % $1",
        "'a' || name COLLATE \"C\" % $1",
        "'a' || name::text % $1",
    ] {
        let sql = format!("SELECT id FROM things WHERE {place}");
        let refusal = both(&sql).unwrap_err().to_string();
        assert!(refusal.contains("in parentheses"), "{sql}: {refusal}");
    }
    for place in [
        "(name || 'x') % $1",
        "name % $1 AND id = 1",
        "id + 1 = 2 AND name % $1 OR NOT name % $2",
        "name % lower($1)",
        "name::text COLLATE \"C\" % $1::text",
        "(name % $1) = true",
        "true = name % $1",
        "id * 2 = 4 AND name % $1 IS NOT NULL",
        "name BETWEEN 'a' AND 'b' AND name % ('x' || $1)",
    ] {
        let sql = format!("SELECT id FROM things WHERE {place}");
        assert!(both(&sql).is_ok(), "{sql}: {:?}", both(&sql));
    }
}

fn bound(sql: &str, values: Vec<Value>) -> Result<(), Refusal> {
    let demands = parsed(&Extension::ALL, sql)?.demands().clone();
    Binder::parse(&demands, values, 0).map(drop)
}

#[test]
fn extension_that_takes_too_long_for_one_row_is_refused() {
    for sql in [
        // A mebibyte takes a fifth of a second.
        "SELECT similarity(title, body) + similarity(title, body) FROM drafts",
        "SELECT id FROM drafts WHERE title % body AND body % title",
        "SELECT id FROM drafts WHERE title <-> body < title <-> body",
        // The time is a square, and no timeout ends it.
        "SELECT word_similarity('abc', body) FROM drafts",
        "SELECT strict_word_similarity(body, 'abc') FROM drafts",
        "SELECT id FROM drafts WHERE body %> 'abc'",
        "SELECT id FROM drafts WHERE 'abc' <% body",
        "SELECT id FROM drafts ORDER BY 'abc' <<-> body",
        "SELECT id FROM drafts ORDER BY body <->>> 'abc'",
        "SELECT id FROM things WHERE name <% repeat('abc ', 100000)",
        "SELECT similarity(repeat('abc ', 1000000), name) FROM things",
    ] {
        let refusal = both(sql).unwrap_err().to_string();
        assert!(refusal.contains(" ms"), "{sql}: {refusal}");
    }
    for sql in [
        "SELECT id, similarity(name, 'abc') FROM things WHERE name % 'abc' ORDER BY name <-> 'abc' LIMIT 10",
        "SELECT id FROM things WHERE 'abc' <% name AND 'abc' <<% name ORDER BY 'abc' <<-> name",
        "SELECT id FROM drafts WHERE title % 'abc' ORDER BY similarity(title, 'abc') DESC",
        "SELECT id FROM things ORDER BY embedding <=> embedding, embedding <#> '[1,2]', l2_distance(embedding, embedding)",
    ] {
        assert!(both(sql).is_ok(), "{sql}: {:?}", both(sql));
    }
}

#[test]
fn long_parameter_of_a_word_similarity_is_refused() {
    let text = |bytes: usize| vec![Value::Scalar(Scalar::Text("x".repeat(bytes)))];
    let sql = "SELECT id FROM things WHERE $1 <% name";
    assert_eq!(bound(sql, text(10_000)), Ok(()));
    assert!(matches!(bound(sql, text(30_000)), Err(Refusal::Invalid(_))));
    let sql = "SELECT id FROM things WHERE name % $1";
    assert_eq!(bound(sql, text(1_000_000)), Ok(()));
    assert!(matches!(bound(sql, text(3_000_000)), Err(Refusal::Invalid(_))));
}

#[test]
fn statement_that_writes_can_use_an_extension() {
    let catalogue = catalogue().with_extensions(granted(&[Extension::PgTrgm]));
    let sql = "UPDATE drafts SET title = $1 WHERE title % $1";
    let text = WriteStatement::parse(&catalogue, sql).unwrap();
    assert!(text.text().contains("OPERATOR (\"Ext \"\"a\"\"\".%)"), "{}", text.text());
}

#[test]
fn sign_keeps_its_meaning_beside_rows_ranges_paths_and_words_of_the_clock() {
    let ext = "\"Ext \"\"a\"\"\"";
    for (sql, part) in [
        // A bound of a range has the name of a text in small letters.
        ("SELECT lower(int4range(7, 9)) % 2", "% 2".into()),
        ("SELECT upper(int8range(id, 90)) % 4 FROM things", ") % 4".into()),
        ("SELECT id FROM things WHERE upper(name) % $1", format!(") OPERATOR ({ext}.%) $1")),
        ("SELECT id FROM things WHERE left(name, 5) % $1", format!(") OPERATOR ({ext}.%) $1")),
        ("SELECT id FROM things WHERE trim(name) % $1", format!(") OPERATOR ({ext}.%) $1")),
        ("SELECT id FROM things WHERE concat(name, id) % $1", format!(") OPERATOR ({ext}.%) $1")),
        (
            "SELECT id FROM things WHERE int8range(1, 9) -|- int8range(9, 12) AND name % $1",
            format!("AND \"name\" OPERATOR ({ext}.%) $1"),
        ),
        (
            "SELECT id FROM things WHERE int8range(1, 9) @> id % 3 AND name <-> $1 < 1",
            format!("@> \"id\" % 3 AND \"name\" OPERATOR ({ext}.<->) $1 < 1"),
        ),
        // A whole row is none of the types, and a function's row of one value has that value's.
        (
            "SELECT to_jsonb(t) FROM things t WHERE t.* IS NOT NULL AND t.name % $1",
            format!("\"t\".\"name\" OPERATOR ({ext}.%) $1"),
        ),
        ("SELECT t <-> 'x' FROM things t", "\"t\" <-> 'x'".into()),
        ("SELECT g FROM generate_series(1, 9) AS g WHERE g % 3 = 0", "\"g\" % 3".into()),
        ("SELECT a FROM unnest($1::text[], $2::int[]) AS u (a, b) WHERE b % 2 = 0", "\"b\" % 2".into()),
        (
            "SELECT jsonb_path_exists('{}', '$.n ? (@ > $m)', to_jsonb(length(name) % 7)) FROM things",
            "% 7".into(),
        ),
        (
            "SELECT id FROM drafts WHERE data @? '$.a ? (@ == \"x % y\")' AND title % $1",
            format!("'$.a ? (@ == \"x % y\")' AND \"title\" OPERATOR ({ext}.%) $1"),
        ),
        // Beside a text, a word of the clock is a text and no date.
        (
            "SELECT id FROM things WHERE name % 'today'",
            format!("\"name\" OPERATOR ({ext}.%) CAST('today' AS text)"),
        ),
        (
            "SELECT id FROM things WHERE 'today' <% name",
            format!("CAST('today' AS text) OPERATOR ({ext}.<%) \"name\""),
        ),
        (
            "SELECT id FROM things WHERE 'today' = name AND name <-> 'now' < 0.5",
            format!("'today' = \"name\" AND \"name\" OPERATOR ({ext}.<->) CAST('now' AS text) < 0.5"),
        ),
        ("SELECT 'now'::tsquery <-> 'b'", "<-> 'b'".into()),
        ("SELECT to_tsquery('simple', 'a') <-> to_tsquery('simple', name) FROM things", ") <-> ".into()),
    ] {
        let text = both(sql).unwrap_or_else(|refusal| panic!("{sql}: {refusal}"));
        assert!(text.contains(&part), "{sql}: {text}");
    }
    // A range's operator is one beside which the place of `%` is not plain.
    let refusal = both("SELECT id FROM things WHERE name % $1 -|- int4range(1, 2)").unwrap_err().to_string();
    assert!(refusal.contains("in parentheses"), "{refusal}");
}

#[test]
fn vector_in_rows_and_json_is_as_long_as_its_text() {
    let rows = |count: usize| {
        let rows = vec!["to_jsonb(t)"; count].join(", ");
        let four = "embedding AS a, embedding AS b, embedding AS c, embedding AS d";
        both(&format!("SELECT {rows} FROM (SELECT {four} FROM things) AS t"))
    };
    assert!(rows(10).is_ok(), "{:?}", rows(10));
    // The texts of 240 vectors have 60 MB, and JSON keeps them beside its own.
    let refusal = rows(60).unwrap_err().to_string();
    assert!(refusal.contains("bytes of memory"), "{refusal}");
}

#[test]
fn refusal_of_an_expensive_operator_says_where_it_stands() {
    let refusal =
        both("SELECT id FROM drafts\nWHERE title = 'a' AND\n  'abc' <% body").unwrap_err().to_string();
    assert!(refusal.starts_with("`<%` near line 3, column 9: "), "{refusal}");
}

//! Tests of migrations: which statements are refused, which pass, and how they are printed.

mod foreign;

use super::super::Refusal;
use super::Migration;
use crate::limits;

fn parse(text: &str) -> Result<Vec<String>, Refusal> {
    Migration::parse("plugin_blog", "1.sql", text).map(|migration| migration.statements().to_vec())
}

const HOSTILE: &[&str] = &[
    "SELECT 1",
    "DO $$ BEGIN END $$",
    "SET search_path = public",
    "SET ROLE postgres",
    "COMMIT",
    "GRANT ALL ON t TO PUBLIC",
    "REVOKE ALL ON t FROM x",
    "TRUNCATE t",
    "COPY t FROM PROGRAM 'sh'",
    "CALL f()",
    "CREATE ROLE x",
    "CREATE USER x",
    "CREATE DATABASE x",
    "CREATE SCHEMA x",
    "CREATE EXTENSION dblink",
    "CREATE FUNCTION f() RETURNS int LANGUAGE sql AS 'select 1'",
    "CREATE FUNCTION f() RETURNS int LANGUAGE sql SECURITY DEFINER AS 'select 1'",
    "CREATE PROCEDURE f() LANGUAGE sql AS 'select 1'",
    "CREATE TRIGGER x BEFORE INSERT ON t FOR EACH ROW EXECUTE FUNCTION f()",
    "CREATE RULE x AS ON INSERT TO t DO INSTEAD NOTHING",
    "CREATE VIEW v AS SELECT * FROM pg_authid",
    "CREATE MATERIALIZED VIEW v AS SELECT 1",
    "CREATE POLICY p ON t USING (true)",
    "CREATE SEQUENCE s",
    "CREATE OPERATOR === (LEFTARG = int, RIGHTARG = int, FUNCTION = f)",
    "CREATE CAST (int AS text) WITHOUT FUNCTION",
    "CREATE AGGREGATE a (int) (SFUNC = f, STYPE = int)",
    "CREATE DOMAIN d AS int CHECK (f(value))",
    "CREATE TYPE c AS (a int)",
    "CREATE TYPE r AS RANGE (subtype = int)",
    "CREATE TYPE x",
    "CREATE SERVER s FOREIGN DATA WRAPPER w",
    "CREATE FOREIGN TABLE t (a int) SERVER s",
    "CREATE TABLE public.t (a int)",
    "CREATE TABLE pg_catalog.t (a int)",
    "CREATE TABLE plugin_other.t (a int)",
    "CREATE TABLE a.b.t (a int)",
    "CREATE TEMP TABLE t (a int)",
    "CREATE UNLOGGED TABLE t (a int)",
    "CREATE OR REPLACE TABLE t (a int)",
    "CREATE TABLE t AS SELECT * FROM pg_authid",
    "CREATE TABLE t (LIKE public.x)",
    "CREATE TABLE t (a int) INHERITS (public.x)",
    "CREATE TABLE t PARTITION OF public.x FOR VALUES IN (1)",
    "CREATE TABLE t (a int) PARTITION BY RANGE (a)",
    "CREATE TABLE t (a int) TABLESPACE x",
    "CREATE TABLE t (a int) WITH (fillfactor = 10)",
    "CREATE TABLE t (a int) USING heap2",
    "CREATE TABLE t (a int) ON COMMIT DROP",
    "CREATE TABLE t OF x",
    "CREATE TABLE t (a int DEFAULT nextval('public.s'))",
    "CREATE TABLE t (a int DEFAULT f())",
    "CREATE TABLE t (a text DEFAULT current_setting('role'))",
    "CREATE TABLE t (a text DEFAULT current_user)",
    "CREATE TABLE t (a int DEFAULT (SELECT pg_sleep(1)))",
    "CREATE TABLE t (a int CHECK (pg_sleep(1) IS NULL))",
    "CREATE TABLE t (a timestamptz CHECK (a < now()))",
    "CREATE TABLE t (a int, CHECK (public.f(a)))",
    "CREATE TABLE t (a int, CHECK (t IS NOT NULL))",
    "CREATE TABLE t (a int GENERATED ALWAYS AS (f(a)) STORED)",
    "CREATE TABLE t (a int GENERATED ALWAYS AS (a) VIRTUAL)",
    "CREATE TABLE t (a int REFERENCES public.x (id))",
    "CREATE TABLE t (a int REFERENCES pg_catalog.pg_class)",
    "CREATE TABLE t (a int, FOREIGN KEY (a) REFERENCES plugin_other.x (id))",
    "CREATE TABLE t (a int, EXCLUDE USING gist (a WITH =))",
    "CREATE TABLE t (a regclass)",
    "CREATE TABLE t (a oid)",
    "CREATE TABLE t (a public.evil)",
    "CREATE TABLE t (a xml)",
    "CREATE TABLE t (a serial)",
    "CREATE TABLE t (a bigserial PRIMARY KEY)",
    "CREATE TABLE t (a text COLLATE evil)",
    "CREATE TABLE t (a int AUTO_INCREMENT)",
    "CREATE TABLE t (a int IDENTITY)",
    "CREATE TABLE t (a int PRIMARY KEY DESC)",
    "CREATE TABLE t (a int ON UPDATE now())",
    "CREATE TABLE t (a int AS (b) STORED)",
    "ALTER TABLE t ADD COLUMN a int autoincrement",
    "CREATE TABLE t (a int COMMENT 'x')",
    "CREATE TABLE t (a int) -- '\nSECURITY",
    "CREATE INDEX ON t (a)",
    "CREATE INDEX i ON public.t (a)",
    "CREATE INDEX CONCURRENTLY i ON t (a)",
    "CREATE INDEX i ON t USING gist (a)",
    "CREATE INDEX i ON t USING evil (a)",
    "CREATE INDEX i ON t (f(a))",
    "CREATE INDEX i ON t (a evil_ops)",
    "CREATE INDEX i ON t (a) WHERE f(a)",
    "CREATE INDEX i ON t (a) WITH (fillfactor = 10)",
    "CREATE INDEX i ON t (a) TABLESPACE x",
    "ALTER TABLE public.t ADD COLUMN a int",
    "ALTER TABLE t OWNER TO postgres",
    "ALTER TABLE t SET SCHEMA public",
    "ALTER TABLE t DISABLE ROW LEVEL SECURITY",
    "ALTER TABLE t NO FORCE ROW LEVEL SECURITY",
    "ALTER TABLE t ENABLE ROW LEVEL SECURITY",
    "ALTER TABLE t DISABLE TRIGGER ALL",
    "ALTER TABLE t ENABLE ALWAYS RULE r",
    "ALTER TABLE t INHERIT public.x",
    "ALTER TABLE t ATTACH PARTITION public.x FOR VALUES IN (1)",
    "ALTER TABLE t SET (fillfactor = 10)",
    "ALTER TABLE t SET TABLESPACE x",
    "ALTER TABLE t REPLICA IDENTITY FULL",
    "ALTER TABLE t CLUSTER ON i",
    "ALTER TABLE t RENAME TO public.u",
    "ALTER TABLE t ADD CONSTRAINT c PRIMARY KEY USING INDEX i",
    "ALTER TABLE t ALTER COLUMN a TYPE int USING f(a)",
    "ALTER TABLE t ALTER COLUMN a SET DEFAULT f()",
    "ALTER TABLE t ALTER COLUMN a SET STORAGE plain",
    "ALTER ROLE self PASSWORD 'x'",
    "ALTER SYSTEM SET x = 1",
    "ALTER SCHEMA plugin_blog OWNER TO x",
    "ALTER TYPE public.x ADD VALUE 'a'",
    "ALTER TYPE x RENAME TO y",
    "ALTER INDEX i RENAME TO public.j",
    "DROP TABLE public.t",
    "DROP TABLE t, pg_catalog.pg_class",
    "DROP SCHEMA plugin_blog CASCADE",
    "DROP ROLE x",
    "DROP VIEW v",
    "DROP FUNCTION f",
    "DROP DATABASE x",
    "DROP OWNED BY x",
    "COMMENT ON ROLE x IS 'x'",
    "COMMENT ON DATABASE x IS 'x'",
    "COMMENT ON TABLE public.t IS 'x'",
    "COMMENT ON COLUMN public.t.a IS 'x'",
    "COMMENT ON COLUMN a IS 'x'",
    "INSERT INTO public.t (a) VALUES (1)",
    "INSERT INTO t (a) SELECT rolname FROM pg_catalog.pg_authid",
    "INSERT INTO t (a) VALUES (pg_sleep(1))",
    "INSERT INTO t (a) VALUES ($1)",
    "INSERT INTO t (tableoid) VALUES (1)",
    "UPDATE public.t SET a = 1",
    "UPDATE t SET a = (SELECT 1 FROM information_schema.tables)",
    "DELETE FROM t USING public.u",
    "WITH x AS (DELETE FROM t RETURNING a) SELECT 1",
    "CREATE TABLE t (\"a\0b\" int)",
    "CREATE TABLE t (a regproc)",
    "CREATE TABLE t (a pg_lsn)",
    "CREATE TABLE t (a money)",
    "CREATE TABLE t (a timestamptz DEFAULT now(1))",
    "CREATE TABLE t (a timestamptz DEFAULT now() OVER ())",
    "CREATE TABLE t (a timestamptz DEFAULT now() FILTER (WHERE true))",
    "CREATE TABLE t (a timestamptz DEFAULT now() WITHIN GROUP (ORDER BY 1))",
    "ALTER TABLE t ALTER COLUMN a ADD GENERATED BY DEFAULT AS IDENTITY (START 5)",
    "ALTER TABLE t ALTER COLUMN a ADD GENERATED BY DEFAULT AS IDENTITY (INCREMENT 5)",
    "CREATE TABLE t (a0123456789012345678901234567890123456789012345678901234567890123 int)",
];

/// Statements that must pass, each with its printed text; an empty text is not compared.
pub(super) const LEGITIMATE: &[(&str, &str)] = &[
    (
        "CREATE TYPE status AS ENUM ('draft', 'live', 'it''s')",
        "CREATE TYPE \"plugin_blog\".\"status\" AS ENUM ('draft', 'live', 'it''s')",
    ),
    ("ALTER TYPE status ADD VALUE IF NOT EXISTS 'old' AFTER 'live'", "ALTER TYPE \"plugin_blog\".\"status\" ADD VALUE IF NOT EXISTS 'old' AFTER 'live'"),
    (
        "CREATE TABLE authors (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, Name text NOT NULL UNIQUE)",
        "CREATE TABLE \"plugin_blog\".\"authors\" (\"id\" bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, \"name\" text NOT NULL UNIQUE)",
    ),
    (
        "CREATE TABLE IF NOT EXISTS plugin_blog.posts (
            id uuid DEFAULT gen_random_uuid(), author bigint NOT NULL REFERENCES authors (id) ON DELETE CASCADE ON UPDATE NO ACTION,
            number integer GENERATED BY DEFAULT AS IDENTITY,
            title varchar(200) NOT NULL CHECK (length(title) > 0), slug text GENERATED ALWAYS AS (lower(title)) STORED,
            state status NOT NULL DEFAULT 'draft', past status[], tags text[] NOT NULL DEFAULT ARRAY[]::text[], data jsonb DEFAULT '{}',
            price numeric(10, 2) CONSTRAINT price_positive CHECK (price >= 0), address inet, long double precision,
            at time, span interval, day date DEFAULT current_date, note char(3) NULL,
            created timestamptz NOT NULL DEFAULT now(), changed timestamp(3) DEFAULT current_timestamp,
            CONSTRAINT posts_key PRIMARY KEY (id), UNIQUE (author, title), CHECK (created < changed OR changed IS NULL),
            FOREIGN KEY (author) REFERENCES authors (id) DEFERRABLE INITIALLY DEFERRED)",
        "",
    ),
    ("CREATE TABLE names (identity text, srid int, \"desc\" int); DROP TABLE names", ""),
    ("CREATE INDEX posts_title ON posts (title)", "CREATE INDEX \"posts_title\" ON \"plugin_blog\".\"posts\" ((\"title\"))"),
    ("CREATE UNIQUE INDEX IF NOT EXISTS posts_lower ON posts (lower(title), created DESC NULLS LAST) WHERE state = 'live'", ""),
    ("CREATE INDEX posts_data ON posts USING gin (data jsonb_path_ops)", ""),
    ("CREATE INDEX posts_prefix ON posts USING btree (title text_pattern_ops) INCLUDE (price)", ""),
    ("ALTER TABLE posts ADD COLUMN views bigint NOT NULL DEFAULT 0, ADD COLUMN IF NOT EXISTS extra text", ""),
    ("ALTER TABLE posts ADD CONSTRAINT views_positive CHECK (views >= 0) NOT VALID", ""),
    ("ALTER TABLE posts VALIDATE CONSTRAINT views_positive", ""),
    ("ALTER TABLE posts DROP CONSTRAINT IF EXISTS views_positive", ""),
    ("ALTER TABLE posts DROP COLUMN extra CASCADE", ""),
    ("ALTER TABLE posts RENAME COLUMN views TO reads", ""),
    ("ALTER TABLE posts ALTER COLUMN reads SET DEFAULT 1, ALTER COLUMN reads DROP NOT NULL", ""),
    ("ALTER TABLE posts ALTER COLUMN reads TYPE numeric USING reads::numeric", ""),
    ("ALTER TABLE posts ALTER COLUMN reads SET NOT NULL, ALTER COLUMN reads DROP DEFAULT", ""),
    ("ALTER TABLE posts ALTER COLUMN number ADD GENERATED BY DEFAULT AS IDENTITY", ""),
    ("ALTER TABLE posts RENAME CONSTRAINT price_positive TO price_check", ""),
    ("COMMENT ON TABLE posts IS 'What it''s about'", "COMMENT ON TABLE \"plugin_blog\".\"posts\" IS 'What it''s about'"),
    ("COMMENT ON COLUMN posts.title IS 'Its title'", "COMMENT ON COLUMN \"plugin_blog\".\"posts\".\"title\" IS 'Its title'"),
    ("INSERT INTO authors (name) VALUES ('a'), ('b')", ""),
    ("INSERT INTO posts (author, title, reads) SELECT id, 'Hello ' || name, 1 FROM authors WHERE id = 1", ""),
    ("UPDATE posts SET price = 3, data = data || '{\"a\": 1}' WHERE author = 1", ""),
    ("INSERT INTO authors (name) SELECT q.title FROM (SELECT * FROM posts) q WHERE q.reads = 1", ""),
    ("DELETE FROM posts WHERE reads < 0", ""),
    ("DELETE FROM posts WHERE author IN (SELECT id FROM authors ORDER BY id DESC LIMIT 1)", ""),
    ("ALTER TABLE posts RENAME TO articles", "ALTER TABLE \"plugin_blog\".\"posts\" RENAME TO \"articles\""),
    ("DROP INDEX IF EXISTS posts_title", "DROP INDEX IF EXISTS \"plugin_blog\".\"posts_title\""),
    ("DROP TABLE articles, plugin_blog.authors CASCADE", "DROP TABLE \"plugin_blog\".\"articles\", \"plugin_blog\".\"authors\" CASCADE"),
    ("DROP TYPE status", "DROP TYPE \"plugin_blog\".\"status\""),
];

#[test]
fn hostile_statement_is_refused() {
    let passed: Vec<_> = HOSTILE.iter().filter_map(|row| parse(row).ok().map(|text| (row, text))).collect();
    assert_eq!(passed, Vec::new());
}

#[test]
fn legitimate_statement_passes_and_its_printed_text_is_stable() {
    for (row, printed) in LEGITIMATE {
        let text = parse(row).unwrap_or_else(|why| panic!("{row}: {why}"));
        assert_eq!(parse(&text.join(";")), Ok(text.clone()), "{row}");
        if !printed.is_empty() {
            assert_eq!(text, [*printed]);
        }
    }
}

#[test]
fn statements_are_split_at_semicolons_outside_of_text_and_comments() {
    let text =
        parse("-- one; two\nINSERT INTO t (a) VALUES ('x;y'), ($$;$$);;\n/* ; */ DELETE FROM t;").unwrap();
    assert_eq!(text.len(), 2);
}

#[test]
fn refusal_names_file_and_line() {
    for (text, start) in [
        ("CREATE TABLE t (a int);\nGRANT ALL ON t TO x", "1.sql:2: `GRANT`"),
        ("CREATE TABLE t (\n  a int,\n  b serial\n)", "1.sql:3: serial"),
        ("CREATE TABLE t (a int);\n\nDROP TABLE public.t", "1.sql:3: this name"),
        ("SELECT 'open", "1.sql:1: text"),
    ] {
        match parse(text) {
            Err(Refusal::Invalid(why)) => assert!(why.starts_with(start), "{why}"),
            other => panic!("{text}: {other:?}"),
        }
    }
}

#[test]
fn label_at_the_identifier_limit_is_accepted_and_over_it_refused() {
    let labelled = |bytes: usize| parse(&format!("CREATE TYPE x AS ENUM ('{}')", "l".repeat(bytes)));
    assert!(labelled(limits::IDENTIFIER_BYTES_MAX + 1).is_err());
    assert!(labelled(limits::IDENTIFIER_BYTES_MAX).is_ok());
}

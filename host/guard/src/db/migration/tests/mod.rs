//! Tests of migrations: which statements are refused, which pass, and how they are printed.

mod foreign;

use super::super::Refusal;
use super::{Migration, Names, Printer, lex};
use crate::db::extension::Extensions;
use crate::limits;
use proptest::prelude::*;

fn parse(text: &str) -> Result<Vec<String>, Refusal> {
    Migration::parse("plugin_blog", &Extensions::default(), "1.sql", text)
        .map(|migration| migration.statements().to_vec())
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
    "CREATE INDEX CONCURRENTLY i ON t (a); DROP TABLE u",
    "INSERT INTO t (a) VALUES (1); DROP INDEX CONCURRENTLY i",
    "DROP INDEX CONCURRENTLY i, j",
    "DROP INDEX CONCURRENTLY i CASCADE",
    "DROP INDEX CONCURRENTLY public.i",
    "DROP TABLE CONCURRENTLY t",
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
    "ALTER TABLE t ALTER COLUMN a ADD GENERATED BY DEFAULT AS IDENTITY (INCREMENT 0)",
    "ALTER TABLE t ALTER COLUMN a ADD GENERATED BY DEFAULT AS IDENTITY (SEQUENCE NAME public.s)",
    "ALTER TABLE t ALTER COLUMN a ADD GENERATED BY DEFAULT AS IDENTITY (OWNED BY public.t.a)",
    "ALTER TABLE t ALTER COLUMN a ADD GENERATED BY DEFAULT AS IDENTITY (AS regclass)",
    "ALTER TABLE t ALTER COLUMN a ADD GENERATED BY DEFAULT AS IDENTITY (UNLOGGED)",
    "ALTER TABLE t ALTER COLUMN a ADD GENERATED BY DEFAULT AS IDENTITY (START f())",
    "ALTER TABLE t ALTER COLUMN a ADD GENERATED BY DEFAULT AS IDENTITY (START 1 + 1)",
    "ALTER TABLE t ALTER COLUMN a ADD GENERATED BY DEFAULT AS IDENTITY (START '5')",
    "ALTER TABLE t ALTER COLUMN a ADD GENERATED BY DEFAULT AS IDENTITY (START 1.5)",
    "ALTER TABLE t ALTER COLUMN a ADD GENERATED BY DEFAULT AS IDENTITY (MAXVALUE 9223372036854775808)",
    "ALTER TABLE t ALTER COLUMN a ADD GENERATED BY DEFAULT AS IDENTITY (CACHE -1)",
    "ALTER TABLE t ALTER COLUMN a SET OWNED BY public.t.a",
    "ALTER TABLE t ALTER COLUMN a SET SEQUENCE NAME public.s",
    "ALTER TABLE t ALTER COLUMN a RESTART WITH pg_sleep(1)",
    "ALTER TABLE t ALTER COLUMN a SET EXPRESSION AS (1)",
    "ALTER TABLE t ALTER COLUMN a SET STATISTICS 100",
    "ALTER TABLE t ALTER COLUMN a SET COMPRESSION pglz",
    "ALTER TABLE t ALTER COLUMN a SET (n_distinct = 5)",
    "ALTER TABLE t ALTER COLUMN a TYPE text COLLATE evil",
    "ALTER TABLE t ALTER COLUMN a TYPE public.evil",
    "ALTER TABLE t ALTER COLUMN a TYPE text USING a::regclass::text",
    "ALTER TABLE t ALTER COLUMN a TYPE text USING (SELECT rolname FROM pg_catalog.pg_authid)",
    "ALTER TABLE t ALTER COLUMN a TYPE timestamptz USING now()",
    "ALTER TABLE t ALTER CONSTRAINT c NOT ENFORCED",
    "ALTER TABLE t ADD CONSTRAINT c CHECK (a > 0) NO INHERIT",
    "ALTER TABLE t ADD CONSTRAINT c CHECK (a > 0) NOT ENFORCED",
    "ALTER TABLE t ADD CONSTRAINT c NOT NULL a",
    "ALTER TABLE t ADD CONSTRAINT c UNIQUE (a) WITH (fillfactor = 10)",
    "ALTER TABLE t ADD CONSTRAINT c UNIQUE (a) USING INDEX TABLESPACE x",
    "ALTER TABLE t ADD CONSTRAINT c UNIQUE (a, b WITHOUT OVERLAPS)",
    "ALTER TABLE t ADD FOREIGN KEY (a, PERIOD b) REFERENCES u (a, PERIOD b)",
    "ALTER TABLE t ADD FOREIGN KEY (a) REFERENCES u (a) MATCH PARTIAL",
    "ALTER TABLE t ADD FOREIGN KEY (a) REFERENCES u (a) ON DELETE SET NULL (a.b)",
    "ALTER TABLE t *  ADD COLUMN a int",
    "ALTER TABLE ALL IN TABLESPACE x SET TABLESPACE y",
    "ALTER TABLE t ADD COLUMN a int, OWNER TO postgres",
    "ALTER TABLE t ADD COLUMN a int, DISABLE ROW LEVEL SECURITY",
    "ALTER INDEX i SET TABLESPACE x",
    "ALTER INDEX public.i RENAME TO j",
    "ALTER INDEX i ATTACH PARTITION j",
    "ALTER TYPE x ADD VALUE 'a' BEFORE b",
    "ALTER TYPE x ADD VALUE a",
    "ALTER TYPE public.x RENAME VALUE 'a' TO 'b'",
    "ALTER TYPE x RENAME ATTRIBUTE a TO b",
    "ALTER TYPE x OWNER TO postgres",
    "ALTER TYPE x SET SCHEMA public",
    "ALTER TYPE x SET (SEND = f)",
    "CREATE TYPE x AS ENUM ()",
    "CREATE TABLE t (a text STORAGE plain)",
    "CREATE TABLE t (a text COMPRESSION pglz)",
    "CREATE TABLE t (a text COLLATE public.\"C\")",
    "CREATE TABLE t (a text COLLATE \"de_DE\")",
    "CREATE TABLE t (a int GENERATED BY DEFAULT AS (1) STORED)",
    "CREATE TABLE t (a int GENERATED ALWAYS AS (1))",
    "CREATE TABLE t (a timestamptz GENERATED ALWAYS AS (now()) STORED)",
    "CREATE TABLE t (a uuid GENERATED ALWAYS AS (gen_random_uuid()) STORED)",
    "CREATE TABLE t (a timestamptz DEFAULT now() CHECK (a < now()))",
    "CREATE TABLE t (a uuid DEFAULT gen_random_uuid(), b uuid GENERATED ALWAYS AS (gen_random_uuid()) STORED)",
    "ALTER TABLE t ALTER a SET DEFAULT gen_random_uuid(), ADD CHECK (b <> gen_random_uuid())",
    "CREATE TABLE t (a interval DEFAULT age(timestamp '2026-01-01'))",
    "CREATE TABLE t (a int DEFAULT 0b11)",
    "CREATE TABLE t (a int DEFAULT 0x1F)",
    "CREATE TABLE t (a int DEFAULT 1_000)",
    "CREATE TABLE t (a int DEFAULT $1)",
    "CREATE TABLE t (a bool DEFAULT NOT true)",
    "CREATE TABLE t (a bool DEFAULT true AND false)",
    "CREATE TABLE t (a bool DEFAULT 1 IS NULL)",
    "CREATE TABLE t (a bool DEFAULT 1 + 1 IN (1, 2))",
    "CREATE TABLE t (a bool DEFAULT 'a' LIKE 'b' UNIQUE)",
    "CREATE TABLE t (a bool DEFAULT 1 BETWEEN 1 AND 2)",
    "CREATE TABLE t (a timestamp DEFAULT now() AT TIME ZONE 'UTC')",
    "CREATE TABLE t (a)",
    "CREATE TABLE t (a NOT NULL)",
    "CREATE TABLE t (a t.b%TYPE)",
    "CREATE TABLE t (a SETOF int)",
    "CREATE TABLE t (a int[][][3] DEFAULT f())",
    "CREATE TABLE t (a \"char\")",
    "CREATE TABLE t (a pg_catalog.point)",
    "CREATE TABLE t (a public.status)",
    "CREATE TABLE t (a int CHECK (a > 0) NOT VALID)",
    "CREATE TABLE t (a int NOT NULL NO INHERIT)",
    "CREATE TABLE t (a int NOT NULL DEFERRABLE)",
    "CREATE TABLE t (a int DEFAULT 1 DEFERRABLE)",
    "CREATE TABLE t (a int, LIKE u INCLUDING ALL)",
    "CREATE TABLE t (a int REFERENCES u (a, b))",
    "CREATE TABLE t PARTITION OF u DEFAULT",
    "CREATE INDEX i ON ONLY t (a)",
    "CREATE INDEX public.i ON t (a)",
    "CREATE INDEX plugin_blog.i ON t (a)",
    "CREATE INDEX i ON t (a + 1)",
    "CREATE INDEX i ON t (a::text)",
    "CREATE INDEX i ON t ((a IN (SELECT 1 FROM public.u)))",
    "CREATE INDEX i ON t (a public.text_pattern_ops)",
    "CREATE INDEX i ON t USING spgist (a)",
    "CREATE INDEX i ON t USING gin (a gin_trgm_ops)",
    "CREATE INDEX i ON t USING gin (a jsonb_path_ops (siglen = 5))",
    "CREATE INDEX i ON t (a COLLATE evil)",
    "CREATE INDEX i ON t (a USING <)",
    "CREATE INDEX i ON t (a) INCLUDE (f(b))",
    "CREATE INDEX i ON t (a) INCLUDE (b DESC)",
    "CREATE INDEX i ON t (a) WHERE a < now()",
    "CREATE INDEX i ON t (ctid)",
    "COMMENT ON CONSTRAINT c ON public.t IS 'x'",
    "COMMENT ON CONSTRAINT c ON DOMAIN t IS 'x'",
    "COMMENT ON FUNCTION f() IS 'x'",
    "COMMENT ON TABLE t IS B'1'",
    "COMMENT ON COLUMN plugin_other.t.a IS 'x'",
    "COMMENT ON COLUMN postgres.plugin_blog.t.a IS 'x'",
    "UPDATE t SET a = now()",
    "INSERT INTO t (a) VALUES (gen_random_uuid())",
    "INSERT INTO t (a) VALUES (CURRENT_USER)",
    "MERGE INTO public.t USING u ON t.a = u.a WHEN MATCHED THEN DELETE",
    "WITH x AS (DELETE FROM public.u RETURNING a) INSERT INTO t (a) SELECT a FROM x",
    "WITH x AS (SELECT 1 FROM pg_catalog.pg_class) DELETE FROM t",
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
    ("CREATE INDEX posts_title ON posts (title)", "CREATE INDEX \"posts_title\" ON \"plugin_blog\".\"posts\" (\"title\")"),
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
    // Constraints.
    (
        "CREATE TABLE t (a int UNIQUE NULLS NOT DISTINCT, b int, UNIQUE NULLS NOT DISTINCT (a, b) INCLUDE (c), UNIQUE NULLS DISTINCT (b))",
        "CREATE TABLE \"plugin_blog\".\"t\" (\"a\" int UNIQUE NULLS NOT DISTINCT, \"b\" int, UNIQUE NULLS NOT DISTINCT (\"a\", \"b\") INCLUDE (\"c\"), UNIQUE NULLS DISTINCT (\"b\"))",
    ),
    (
        "ALTER TABLE ONLY t ADD CONSTRAINT c FOREIGN KEY (a, b) REFERENCES u (x, y) MATCH FULL ON DELETE SET NULL (a) ON UPDATE SET DEFAULT NOT DEFERRABLE INITIALLY IMMEDIATE NOT VALID",
        "ALTER TABLE ONLY \"plugin_blog\".\"t\" ADD CONSTRAINT \"c\" FOREIGN KEY (\"a\", \"b\") REFERENCES \"plugin_blog\".\"u\" (\"x\", \"y\") MATCH FULL ON DELETE SET NULL (\"a\") ON UPDATE SET DEFAULT NOT DEFERRABLE INITIALLY IMMEDIATE NOT VALID",
    ),
    ("CREATE TABLE t (a int REFERENCES u ON UPDATE RESTRICT ON DELETE SET NULL DEFERRABLE INITIALLY DEFERRED, b int PRIMARY KEY DEFERRABLE)", ""),
    ("ALTER TABLE t ADD UNIQUE (a), ADD PRIMARY KEY (b) INCLUDE (c), ADD FOREIGN KEY (a) REFERENCES plugin_blog.u", ""),
    ("ALTER TABLE t ALTER CONSTRAINT c DEFERRABLE INITIALLY DEFERRED", ""),
    ("COMMENT ON CONSTRAINT c ON t IS 'x'", "COMMENT ON CONSTRAINT \"c\" ON \"plugin_blog\".\"t\" IS 'x'"),
    // Collations.
    (
        "CREATE TABLE t (a text COLLATE \"C\" NOT NULL, b varchar(9) COLLATE \"und-x-icu\" DEFAULT 'x', c text DEFAULT 'y' COLLATE \"POSIX\")",
        "CREATE TABLE \"plugin_blog\".\"t\" (\"a\" text COLLATE pg_catalog.\"C\" NOT NULL, \"b\" character varying(9) COLLATE pg_catalog.\"und-x-icu\" DEFAULT 'x', \"c\" text DEFAULT 'y' COLLATE pg_catalog.\"POSIX\")",
    ),
    ("ALTER TABLE t ALTER a SET DATA TYPE text COLLATE pg_catalog.\"default\" USING a || 'x'", ""),
    ("CREATE INDEX i ON t (a COLLATE \"C\" text_pattern_ops DESC NULLS LAST)", "CREATE INDEX \"i\" ON \"plugin_blog\".\"t\" (\"a\" COLLATE pg_catalog.\"C\" pg_catalog.\"text_pattern_ops\" DESC NULLS LAST)"),
    // Enums.
    ("ALTER TYPE status RENAME VALUE 'old' TO 'new'", "ALTER TYPE \"plugin_blog\".\"status\" RENAME VALUE 'old' TO 'new'"),
    ("ALTER TYPE status ADD VALUE 'older' BEFORE 'old'", ""),
    ("UPDATE t SET state = 'older' WHERE state = 'old'::status", ""),
    // Identities.
    (
        "CREATE TABLE t (a bigint GENERATED ALWAYS AS IDENTITY (START WITH 1000 INCREMENT BY -5 MINVALUE -9223372036854775808 MAXVALUE 2000 CACHE 10 NO CYCLE))",
        "CREATE TABLE \"plugin_blog\".\"t\" (\"a\" bigint GENERATED ALWAYS AS IDENTITY (START WITH 1000 INCREMENT BY - 5 MINVALUE - 9223372036854775808 MAXVALUE 2000 CACHE 10 NO CYCLE))",
    ),
    ("ALTER TABLE t ALTER COLUMN a ADD GENERATED BY DEFAULT AS IDENTITY (START 5 NO MINVALUE NO MAXVALUE CYCLE)", ""),
    ("ALTER TABLE t ALTER COLUMN a ADD GENERATED BY DEFAULT AS IDENTITY (INCREMENT 5)", ""),
    ("ALTER TABLE t ALTER a SET GENERATED ALWAYS SET INCREMENT 5 SET CACHE 2 RESTART, ALTER b RESTART WITH 100", ""),
    ("ALTER TABLE t ALTER a DROP IDENTITY IF EXISTS, ALTER b DROP EXPRESSION, ALTER b DROP EXPRESSION IF EXISTS", ""),
    // Indexes.
    (
        "CREATE UNIQUE INDEX i ON t (lower(a), (b + 1), CAST(c AS text), coalesce(d, 'x')) INCLUDE (e) NULLS NOT DISTINCT WHERE a IS NOT NULL AND b > 1",
        "CREATE UNIQUE INDEX \"i\" ON \"plugin_blog\".\"t\" (pg_catalog.\"lower\"(\"a\"), (\"b\" + 1), CAST(\"c\" AS text), COALESCE(\"d\", 'x')) INCLUDE (\"e\") NULLS NOT DISTINCT WHERE \"a\" IS NOT NULL AND \"b\" > 1",
    ),
    ("CREATE INDEX i ON t USING gin (a)", "CREATE INDEX \"i\" ON \"plugin_blog\".\"t\" USING \"gin\" (\"a\")"),
    ("CREATE INDEX i ON t USING gin (a jsonb_path_ops, b pg_catalog.jsonb_ops)", ""),
    ("CREATE INDEX i ON t USING brin (date, \"value\", name DESC)", ""),
    ("CREATE UNIQUE INDEX CONCURRENTLY IF NOT EXISTS i ON t (a)", "CREATE UNIQUE INDEX CONCURRENTLY IF NOT EXISTS \"i\" ON \"plugin_blog\".\"t\" (\"a\")"),
    ("DROP INDEX CONCURRENTLY IF EXISTS i", "DROP INDEX CONCURRENTLY IF EXISTS \"plugin_blog\".\"i\""),
    ("ALTER INDEX IF EXISTS plugin_blog.i RENAME TO j", "ALTER INDEX IF EXISTS \"plugin_blog\".\"i\" RENAME TO \"j\""),
    // A generated column for full-text search.
    ("CREATE TABLE t (a text, b tsvector, c text GENERATED ALWAYS AS (a || 'x') STORED NOT NULL)", ""),
    // Values that PostgreSQL reads in its own way.
    (
        "CREATE TABLE t (a interval DEFAULT interval(0) '1.5 s', b interval DEFAULT interval '1' day, c int DEFAULT ~1 + 2, d text DEFAULT 'a'\n'b', e text DEFAULT E'\\x41', f text DEFAULT U&'\\0041')",
        "CREATE TABLE \"plugin_blog\".\"t\" (\"a\" INTERVAL DEFAULT INTERVAL(0) '1.5 s', \"b\" INTERVAL DEFAULT INTERVAL '1' DAY, \"c\" int DEFAULT ~ 1 + 2, \"d\" text DEFAULT 'ab', \"e\" text DEFAULT 'A', \"f\" text DEFAULT 'A')",
    ),
    ("CREATE TABLE t (a timestamp(3) with time zone DEFAULT now(), b int[] DEFAULT '{}', c text[3], d status ARRAY, e dec(4), f float8)", ""),
    ("CREATE TABLE t (a bool DEFAULT (NOT true) NOT NULL, b bool DEFAULT 1 IS DISTINCT FROM 2, c timestamp DEFAULT (now() AT TIME ZONE 'UTC'))", ""),
    // Names that are words of the grammar.
    ("CREATE TABLE t (identity text, position int, value text, name text, type text, date date, \"collation\" text, \"check\" int CHECK (\"check\" > 0))", ""),
    ("ALTER TABLE t RENAME type TO \"constraint\"", "ALTER TABLE \"plugin_blog\".\"t\" RENAME \"type\" TO \"constraint\""),
    ("ALTER TABLE t DROP type RESTRICT, ADD value int", ""),
    ("CREATE TABLE t ()", ""),
    // Changes of rows.
    ("INSERT INTO t VALUES (1, DEFAULT) ON CONFLICT DO NOTHING", ""),
    ("WITH x AS (DELETE FROM u RETURNING a) INSERT INTO t (a) SELECT a FROM x", ""),
    ("MERGE INTO t USING u ON t.a = u.a WHEN MATCHED THEN DELETE WHEN NOT MATCHED THEN INSERT (a) VALUES (u.a)", ""),
];

#[test]
fn hostile_statement_is_refused() {
    let passed: Vec<_> = HOSTILE.iter().filter_map(|row| parse(row).ok().map(|text| (row, text))).collect();
    assert_eq!(passed, Vec::new());
}

#[test]
fn refusal_is_a_sentence_with_line_and_column() {
    for row in HOSTILE {
        match parse(row) {
            Err(Refusal::Invalid(why)) => {
                let (place, rule) = why.split_once("): ").unwrap_or_else(|| panic!("{row}: {why}"));
                assert!(place.starts_with("1.sql:") && place.contains(" (column "), "{row}: {why}");
                assert!(rule.len() >= 10, "{row}: {why}");
            }
            other => panic!("{row}: {other:?}"),
        }
    }
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

/// The tokens of a text, names in one form, without the schemas that the gate adds and with one spelling of a type.
fn tokens(text: &str) -> Vec<String> {
    let statements = lex::statements(text, limits::MIGRATION_BYTES_MAX).unwrap();
    let all: Vec<_> = statements.into_iter().flat_map(|statement| statement.tokens).collect();
    let is_schema = |index: usize| {
        let value = |index: usize| all.get(index).map_or("", |token| token.value.as_str());
        let is_added = |index| matches!(value(index), "plugin_blog" | "pg_catalog");
        is_added(index) && value(index + 1) == "." || index > 0 && value(index) == "." && is_added(index - 1)
    };
    let kept = (0..all.len()).filter(|index| !is_schema(*index));
    let spelled = |value: &str| match value {
        "varchar" => vec!["character".to_owned(), "varying".to_owned()],
        "char" => vec!["character".to_owned()],
        other => vec![other.to_owned()],
    };
    kept.flat_map(|index| spelled(&all[index].value)).collect()
}

/// The statements that change no rows. In those that do, the gate renames the common table expressions.
fn definitions() -> impl Iterator<Item = &'static str> {
    let words = ["CREATE", "ALTER", "DROP", "COMMENT"];
    let rows = LEGITIMATE.iter().map(|(row, _)| *row);
    rows.filter(move |row| words.iter().any(|word| row.starts_with(word)))
}

#[test]
fn printed_text_has_the_tokens_of_the_statement_in_their_order() {
    for row in definitions() {
        assert_eq!(tokens(&parse(row).unwrap().join(";")), tokens(row), "{row}");
    }
}

#[test]
fn column_and_index_of_full_text_search_are_accepted() {
    for row in [
        "CREATE TABLE t (a text, b tsvector GENERATED ALWAYS AS (to_tsvector('english', a)) STORED)",
        "ALTER TABLE t ADD COLUMN b tsvector GENERATED ALWAYS AS (to_tsvector('simple', coalesce(a, ''))) STORED NOT NULL",
        "CREATE INDEX i ON t USING gin (b)",
        "CREATE INDEX i ON t USING gin (to_tsvector('english', a))",
    ] {
        assert_eq!(tokens(&parse(row).unwrap_or_else(|why| panic!("{row}: {why}")).join(";")), tokens(row));
    }
}

#[test]
fn column_that_has_its_tables_name_is_a_column_and_a_whole_row_is_refused() {
    for accepted in [
        "CREATE TABLE value (id bigint PRIMARY KEY, value int CHECK (value > 0))",
        "CREATE TABLE t (t int, CHECK (t > 0))",
        "CREATE INDEX i ON value (value)",
    ] {
        assert!(parse(accepted).is_ok(), "{accepted}: {:?}", parse(accepted));
    }
    for refused in [
        "CREATE TABLE value (id bigint CHECK (value IS NOT NULL))",
        "CREATE INDEX i ON value ((value IS NULL))",
        "ALTER TABLE value ADD CHECK (value IS NOT NULL)",
    ] {
        assert!(parse(refused).is_err(), "{refused}");
    }
}

#[test]
fn search_column_is_as_expensive_as_the_columns_that_it_is_made_of() {
    let of = |kind: &str, value: &str| {
        parse(&format!(
            "CREATE TABLE t (a {kind}, b {kind}, c {kind}, d tsvector GENERATED ALWAYS AS ({value}) STORED)"
        ))
    };
    let weighted = "setweight(to_tsvector('english', coalesce(a, '')), 'A') || setweight(to_tsvector('english', b), 'B')";
    let three = "to_tsvector('simple', a || ' ' || b || ' ' || c || ' ' || a)";
    for value in ["to_tsvector('english', a || ' ' || b)", weighted] {
        assert!(of("text", value).is_ok(), "{value}: {:?}", of("text", value));
    }
    assert!(of("text", three).is_err());
    assert!(of("varchar(9000)", three).is_ok(), "{:?}", of("varchar(9000)", three));
    assert!(of("varchar(1048576)", three).is_err());
    let sentence = of("text", three).unwrap_err().to_string();
    assert!(sentence.starts_with("1.sql"), "{sentence}");
    // A constraint stays when its column becomes a text, so it counts as one.
    let check = |kind: &str| {
        parse(&format!("CREATE TABLE t (a {kind}, CHECK (numnode(plainto_tsquery('simple', a)) > 0))"))
    };
    assert!(check("varchar(10)").is_err() && check("text").is_err());
    assert!(parse("CREATE INDEX i ON t USING gin (to_tsvector('english', a || ' ' || b))").is_ok());
}

#[test]
fn json_path_that_compares_two_parts_is_refused_in_a_constraint_a_column_and_an_index() {
    for (refused, accepted) in [
        ("a @@ '$.x == $.y'", "a @@ '$.x == 1'"),
        ("a @? '$ ? (@.x == @.y)'", "a @? '$ ? (@.x == \"y\")'"),
        ("jsonb_path_exists(a, 'strict $ ? (@.x[*] < @.y)')", "jsonb_path_exists(a, '$ ? (@.x - @.y < 0)')"),
    ] {
        for place in [
            "CREATE TABLE t (a jsonb CHECK (…))",
            "CREATE TABLE t (a jsonb, b boolean GENERATED ALWAYS AS (…) STORED)",
            "CREATE INDEX i ON t ((…))",
            "CREATE INDEX i ON t (b) WHERE (…)",
        ] {
            let sql = |path: &str| place.replace('…', path);
            let refusal = parse(&sql(refused)).map_err(|refusal| refusal.to_string());
            assert!(refusal.as_ref().is_err_and(|rule| rule.contains("two parts")), "{refused}: {refusal:?}");
            assert!(parse(&sql(accepted)).is_ok(), "{}: {:?}", sql(accepted), parse(&sql(accepted)));
        }
    }
}

#[test]
fn varchar_at_the_bound_of_a_stored_value_is_accepted_and_over_it_refused() {
    let of =
        |length: u64| parse(&format!("CREATE TABLE t (a varchar({length}), b character varying({length}))"));
    assert!(of(limits::STORED_BYTES_MAX).is_ok());
    assert!(of(limits::STORED_BYTES_MAX + 1).is_err());
    let padded = |length: u64| parse(&format!("CREATE TABLE t (a char({length}))"));
    assert!(padded(limits::SQL_TYPE_LENGTH_MAX).is_ok());
    assert!(padded(limits::SQL_TYPE_LENGTH_MAX + 1).is_err());
}

#[test]
fn statement_with_one_token_more_or_less_never_prints_a_token_of_its_own() {
    // Whatever the parser makes of a broken statement: what passes has the statement's own tokens.
    for row in definitions() {
        for statement in lex::statements(row, limits::MIGRATION_BYTES_MAX).unwrap() {
            for token in &statement.tokens {
                let (before, after) =
                    (&statement.text[..token.range.start], &statement.text[token.range.end..]);
                let own = &statement.text[token.range.clone()];
                for broken in [
                    format!("{before}{after}"),
                    format!("{before}{own} {own}{after}"),
                    format!("{before}\"x\"{after}"),
                ] {
                    if let Ok(text) = parse(&broken) {
                        assert_eq!(tokens(&text.join(";")), tokens(&broken), "{broken}");
                    }
                }
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn statement_with_a_piece_of_another_is_refused_or_holds_only_its_own_tokens(
        row in 0_usize..1_000, other in 0_usize..1_000, cut in any::<prop::sample::Index>(), paste in any::<prop::sample::Index>(),
    ) {
        let rows: Vec<&str> = definitions().chain(HOSTILE.iter().copied()).collect();
        let words = |index: usize| {
            rows[index % rows.len()].split_inclusive([' ', '(', ')', ',', '.']).collect::<Vec<_>>()
        };
        let (mut a, b) = (words(row), words(other));
        prop_assume!(!a.is_empty() && !b.is_empty());
        let (at, from) = (cut.index(a.len()), paste.index(b.len()));
        a.splice(at..=at, b[from..].iter().copied());
        let sql = a.concat();
        if let Ok(text) = parse(&sql) {
            let text = text.join(";");
            prop_assert!(names_only_own_schema(&text), "{}", text);
            for hostile in ["f", "pg_sleep", "nextval", "current_setting", "regclass", "evil", "evil_ops", "pg_authid"] {
                prop_assert!(!text.contains(&format!("pg_catalog.\"{hostile}\"")), "{}", text);
            }
            // In a query, the gate writes AS before an alias and renames the common table expressions.
            let is_definition = definitions().any(|row| sql.starts_with(&row[..4]));
            if is_definition && !sql.to_lowercase().contains("select") {
                prop_assert_eq!(tokens(&text), tokens(&sql));
            }
            prop_assert_eq!(parse(&text).map(|again| again.join(";")), Ok(text));
        }
    }
}

/// Whether no name is looked up in a schema of the hostile statements.
fn names_only_own_schema(text: &str) -> bool {
    let schemas = ["public", "plugin_other", "information_schema", "pg_class"];
    let is_schema = |schema: &&str| {
        let name = format!("\"{schema}\".");
        // Behind a dot it is the name of a table in the plugin's schema.
        text.match_indices(&name).any(|(at, _)| !text[..at].ends_with('.'))
    };
    !schemas.iter().any(is_schema)
}

#[test]
fn token_that_nobody_judged_is_refused() {
    let statements = lex::statements("DROP TABLE t", limits::MIGRATION_BYTES_MAX).unwrap();
    assert!(
        Printer::new(Names::Own("plugin_blog", &Extensions::default()), &statements[0]).finished().is_err()
    );
}

#[test]
fn statements_are_split_at_semicolons_outside_of_text_and_comments() {
    let text =
        parse("-- one; two\nINSERT INTO t (a) VALUES ('x;y'), ($$;$$);;\n/* ; */ DELETE FROM t;").unwrap();
    assert_eq!(text.len(), 2);
}

/// Refused statements, each with how the refusal begins, and what it says to write instead.
const REFUSALS: &[(&str, &str, &str)] = &[
    ("CREATE TABLE t (a int);\nGRANT ALL ON t TO x", "1.sql:2: `grant` (column 1)", "can create, alter"),
    (
        "CREATE TABLE t (\n  a int,\n  b serial\n)",
        "1.sql:3: `serial` (column 5)",
        "integer GENERATED BY DEFAULT AS IDENTITY",
    ),
    ("CREATE TABLE t (\n  a point)", "1.sql:2: `point` (column 5)", "double precision for each coordinate"),
    ("CREATE TABLE t (a money)", "1.sql:1: `money` (column 19)", "numeric(12, 2)"),
    ("CREATE TABLE t (a int4range)", "1.sql:1: `int4range` (column 19)", "two columns"),
    ("CREATE TABLE t (a bit(3))", "1.sql:1: `bit` (column 19)", "boolean"),
    ("CREATE TABLE t (a pg_catalog.point)", "1.sql:1: `point` (column 30)", "not in the list of types"),
    ("CREATE TABLE t (a int);\n\nDROP TABLE public.t", "1.sql:3: this name (column 19)", "without a schema"),
    (
        "CREATE TABLE t (a int);\nINSERT INTO t VALUES (\n $1)",
        "1.sql:3: `$1` (column 2)",
        "write the value itself",
    ),
    ("UPDATE t SET a =\n now()", "1.sql:2: `now` (column 5)", "DEFAULT now()"),
    ("CREATE TABLE t (a int DEFAULT 0b11)", "1.sql:1: letters behind `0` (column 31)", "decimal digits"),
    (
        "CREATE TABLE t (a bool DEFAULT 1 =\n 2 OR true)",
        "1.sql:1: this default (column 32)",
        "parentheses around",
    ),
    ("CREATE TABLE t (LIKE u)", "1.sql:1: LIKE (column 17)", "write the columns"),
    (
        "CREATE TABLE t (a int) PARTITION BY RANGE (a)",
        "1.sql:1: this clause of CREATE TABLE (column 24)",
        "no partitions",
    ),
    (
        "CREATE TABLE t (a int) INHERITS (u)",
        "1.sql:1: this clause of CREATE TABLE (column 24)",
        "no children",
    ),
    ("CREATE TEMP TABLE t (a int)", "1.sql:1: this clause of CREATE TABLE (column 8)", "permanent"),
    (
        "CREATE TABLE t (a int) WITH (fillfactor = 10)",
        "1.sql:1: this clause of CREATE TABLE (column 24)",
        "only an operator",
    ),
    ("CREATE TABLE t AS SELECT 1", "1.sql:1: this statement (column 1)", "INSERT INTO … SELECT"),
    ("CREATE SEQUENCE s", "1.sql:1: this statement (column 1)", "AS IDENTITY"),
    ("CREATE VIEW v AS SELECT 1", "1.sql:1: this statement (column 1)", "common table expression"),
    ("WITH x AS (SELECT 1) SELECT 1", "1.sql:1: this statement (column 1)", "nobody reads"),
    ("ALTER TYPE x RENAME TO y", "1.sql:1: a new name for a type (column 14)", "create a type"),
    (
        "CREATE TABLE t (a int GENERATED ALWAYS AS (1))",
        "1.sql:1: a generated column that is not stored (column 33)",
        "STORED",
    ),
    (
        "CREATE TABLE t (a int CHECK (b > 0),\n CHECK (u.a > 0))",
        "1.sql:2: this name (column 9)",
        "not a column here",
    ),
    ("CREATE TABLE t (a)", "1.sql:1: `)` (column 18)", "write a type first"),
    ("CREATE INDEX i ON t (a + 1)", "1.sql:1: this item of an index (column 22)", "in parentheses"),
    ("CREATE INDEX i ON t USING gist (a)", "1.sql:1: `gist` (column 27)", "btree, hash, gin, brin"),
    (
        "CREATE INDEX CONCURRENTLY i ON t (a);\nDROP TABLE t",
        "1.sql:1: CONCURRENTLY (column 1)",
        "a file of its own",
    ),
    ("DROP TABLE t;\nDROP INDEX CONCURRENTLY i", "1.sql:2: CONCURRENTLY (column 1)", "a file of its own"),
    (
        "CREATE TABLE t (a int GENERATED ALWAYS AS IDENTITY (CACHE 0))",
        "1.sql:1: `0` (column 59)",
        "CACHE is a whole number from 1 to",
    ),
    (
        "CREATE TABLE t (a text, b tsvector GENERATED ALWAYS AS (to_tsvector(a)) STORED)",
        "1.sql:1: `to_tsvector` (column 57)",
        "to_tsvector('english', …)",
    ),
    (
        "CREATE TABLE t (a text, b tsvector GENERATED ALWAYS AS (lower(pg_catalog.\"to_tsvector\"(a, a))) STORED)",
        "1.sql:1: `to_tsvector` (column 63)",
        "to_tsvector('english', …)",
    ),
    (
        "CREATE INDEX i ON t USING gin (to_tsvector(a))",
        "1.sql:1: `to_tsvector` (column 32)",
        "to_tsvector('english', …)",
    ),
    ("ALTER TABLE t OWNER TO x", "1.sql:1: this change of a table (column 15)", "only the host"),
    ("COMMENT ON COLUMN a IS 'x'", "1.sql:1: this column (column 19)", "table.column"),
    ("DELETE FROM 'open", "1.sql:1: ' (column 13)", "close it"),
];

#[test]
fn refusal_names_file_line_and_what_to_write() {
    for (text, start, rule) in REFUSALS {
        match parse(text) {
            Err(Refusal::Invalid(why)) => assert!(why.starts_with(start) && why.contains(rule), "{why}"),
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

#[test]
fn option_of_an_identity_at_its_limit_is_accepted_and_over_it_refused() {
    let with = |option: &str, number: i64| {
        parse(&format!("CREATE TABLE t (a bigint GENERATED ALWAYS AS IDENTITY ({option} {number}))")).is_ok()
    };
    for (option, most) in [("CACHE", limits::IDENTITY_CACHE_MAX), ("INCREMENT", limits::IDENTITY_STEP_MAX)] {
        assert!(with(option, most), "{option}");
        assert!(!with(option, most + 1), "{option}");
    }
    assert!(with("INCREMENT", -limits::IDENTITY_STEP_MAX));
    assert!(!with("INCREMENT", -limits::IDENTITY_STEP_MAX - 1));
    assert!(with("CACHE", 1) && !with("CACHE", 0));
    assert!(with("MINVALUE", i64::MIN) && with("MAXVALUE", i64::MAX));
}

#[test]
fn only_a_statement_with_concurrently_is_concurrent() {
    let is_concurrent = |text: &str| {
        Migration::parse("plugin_blog", &Extensions::default(), "1.sql", text).unwrap().is_concurrent()
    };
    assert!(is_concurrent("CREATE INDEX CONCURRENTLY i ON t (a);;"));
    assert!(is_concurrent("-- A comment.\nDROP INDEX CONCURRENTLY i"));
    for text in [
        "",
        "CREATE INDEX i ON t (a)",
        "CREATE TABLE concurrently (a int)",
        "COMMENT ON TABLE t IS 'concurrently'",
    ] {
        assert!(text.contains("TABLE concurrently") || !is_concurrent(text), "{text}");
    }
}

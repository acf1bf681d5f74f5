//! S1, S2, S5, S6, S7: reads that are not reads, and hidden calls with side effects.

use super::arena::Arena;

/// S1: writes through a read.
const WRITES_IN_READS: &[&str] = &[
    "WITH x AS (WITH y AS (DELETE FROM notes RETURNING id) SELECT * FROM y) SELECT * FROM x",
    "SELECT * FROM (WITH x AS (DELETE FROM notes RETURNING id) SELECT * FROM x) y",
    "SELECT (WITH x AS (DELETE FROM notes RETURNING id) SELECT count(*) FROM x)",
    "VALUES ((WITH x AS (DELETE FROM notes RETURNING id) SELECT count(*) FROM x))",
    "SELECT title INTO evil FROM notes",
    "SELECT title INTO TEMP evil FROM notes",
    "SELECT title INTO UNLOGGED TABLE evil FROM notes",
    "SELECT title FROM notes FOR UPDATE",
    "SELECT title FROM notes FOR NO KEY UPDATE",
    "SELECT title FROM notes FOR SHARE SKIP LOCKED",
    "SELECT title FROM notes FOR KEY SHARE OF notes NOWAIT",
    "SELECT * FROM (SELECT title FROM notes FOR UPDATE) n",
    "EXPLAIN ANALYZE DELETE FROM notes",
    "EXPLAIN (ANALYZE, VERBOSE) UPDATE notes SET title = 'x'",
    "EXPLAIN SELECT title FROM notes",
];

/// S2: statements that evade keyword lists.
const TRICKS: &[&str] = &[
    "CREATE/**/TABLE evil (x int)",
    "CREATE\u{b}TABLE evil (x int)",
    "/* /* */ */ DROP TABLE notes",
    "/* /* */ SELECT 1 */ DROP TABLE notes",
    "-- SELECT\nDROP TABLE notes",
    "--\rDROP TABLE notes",
    "SELECT 1; DROP TABLE notes",
    "SELECT 1;;DROP TABLE notes",
    "SELECT 'a\\'; DROP TABLE notes; --'",
    "SELECT E'a\\\\'; DROP TABLE notes; --'",
    "SELECT $$a$$; DROP TABLE notes",
    "SELECT $a$ $b$ $a$; DROP TABLE notes; SELECT $b$",
    "SELECT U&'\\0027'; DROP TABLE notes; --'",
    "SELECT 1 /* \0 */ ; DROP TABLE notes",
    "DO E'BEGIN DELETE FROM notes\\x3b END'",
    "DO $$ BEGIN DELETE FROM notes; END $$",
    "DO LANGUAGE plpgsql $$ BEGIN END $$",
    "COPY notes TO PROGRAM 'sh'",
    "COPY notes FROM PROGRAM 'sh'",
    "COPY (DELETE FROM notes RETURNING *) TO STDOUT",
    "COPY (SELECT 1) TO '/tmp/evil'",
    "CALL evil()",
    "LOAD 'evil'",
    "LOCK TABLE notes",
    "LOCK notes IN ACCESS EXCLUSIVE MODE NOWAIT",
    "TRUNCATE notes",
    "TRUNCATE TABLE ONLY notes RESTART IDENTITY CASCADE",
    "DROP TABLE notes",
    "ALTER TABLE notes ADD COLUMN evil int",
    "ALTER TABLE notes DISABLE ROW LEVEL SECURITY",
    "CREATE TEMP TABLE notes (title text)",
    "CREATE TABLE evil AS SELECT 1",
    "CREATE VIEW evil AS SELECT * FROM vault",
    "CREATE MATERIALIZED VIEW evil AS SELECT 1",
    "CREATE FUNCTION evil() RETURNS int LANGUAGE sql AS 'SELECT 1'",
    "CREATE RULE evil AS ON SELECT TO notes DO INSTEAD SELECT 1",
    "CREATE TRIGGER evil BEFORE INSERT ON notes EXECUTE FUNCTION evil()",
    "CREATE INDEX evil ON notes (title)",
    "CREATE EXTENSION dblink",
    "CREATE SCHEMA evil",
    "CREATE ROLE evil SUPERUSER",
    "CREATE POLICY evil ON notes USING (true)",
    "CREATE EVENT TRIGGER evil ON ddl_command_end EXECUTE FUNCTION evil()",
    "CREATE SERVER evil FOREIGN DATA WRAPPER x",
    "CREATE CAST (text AS int) WITH INOUT AS IMPLICIT",
    "CREATE OPERATOR = (leftarg = text, rightarg = int, function = evil)",
    "GRANT ALL ON vault TO PUBLIC",
    "REVOKE ALL ON notes FROM PUBLIC",
    "COMMENT ON TABLE notes IS 'evil'",
    "SECURITY LABEL ON TABLE notes IS 'evil'",
    "IMPORT FOREIGN SCHEMA evil FROM SERVER evil INTO public",
    "REASSIGN OWNED BY CURRENT_USER TO evil",
    "DROP OWNED BY CURRENT_USER CASCADE",
    "VACUUM FULL notes",
    "ANALYZE notes",
    "CLUSTER notes",
    "REINDEX TABLE notes",
    "CHECKPOINT",
    "REFRESH MATERIALIZED VIEW evil",
];

/// S5: SQL inside strings, which a check of table names cannot see.
const STRINGS: &[&str] = &[
    "SELECT query_to_xml('SELECT secret FROM plugin_sql.vault', true, true, '')",
    "SELECT pg_catalog.query_to_xml('DELETE FROM notes', true, true, '')",
    "SELECT \"pg_catalog\".\"query_to_xml\"('DELETE FROM notes', true, true, '')",
    "SELECT query_to_xmlschema('SELECT 1', true, true, '')",
    "SELECT query_to_xml_and_xmlschema('SELECT 1', true, true, '')",
    "SELECT cursor_to_xml('c', 1, true, true, '')",
    "SELECT table_to_xml('vault', true, true, '')",
    "SELECT schema_to_xml('plugin_rival', true, true, '')",
    "SELECT database_to_xml(true, true, '')",
    "SELECT * FROM ts_stat($$SELECT to_tsvector(secret) FROM plugin_sql.vault$$)",
    "SELECT ts_rewrite('a', 'SELECT secret::tsquery, secret::tsquery FROM plugin_sql.vault')",
    "SELECT dblink('', 'DELETE FROM notes')",
    "SELECT * FROM dblink('', 'SELECT 1') AS t (x int)",
    "SELECT dblink_exec('', 'DELETE FROM notes')",
    "SELECT crosstab('SELECT 1, 2, 3')",
    "SELECT connectby('vault', 'id', 'id', '1', 0)",
    "SELECT xpath_table('id', 'secret', 'vault', '/', 'true')",
    "SELECT xmlparse(document '<x/>')",
];

/// S6: functions with side effects.
const EFFECTS: &[&str] = &[
    "SELECT nextval('notes_id_seq')",
    "SELECT nextval('planted')",
    "SELECT setval('plugin_sql.planted', 7)",
    "SELECT currval('planted')",
    "SELECT lastval()",
    "SELECT pg_advisory_lock(1)",
    "SELECT pg_try_advisory_lock(1)",
    "SELECT pg_advisory_xact_lock_shared(1, 1)",
    "SELECT lo_from_bytea(0, 'evil')",
    "SELECT lo_create(0)",
    "SELECT lo_import('/etc/passwd')",
    "SELECT lo_unlink(1)",
    "SELECT lo_put(1, 0, 'x')",
    "SELECT lo_get(1)",
    "SELECT loread(lo_open(1, 262144), 100)",
    "SELECT pg_notify('evil', 'x')",
    "SELECT pg_logical_emit_message(true, 'evil', 'x')",
    "SELECT pg_sleep(60)",
    "SELECT pg_sleep_for('1 minute')",
    "SELECT pg_sleep_until('infinity')",
    "SELECT pg_terminate_backend(1)",
    "SELECT pg_cancel_backend(1)",
    "SELECT pg_reload_conf()",
    "SELECT pg_rotate_logfile()",
    "SELECT pg_switch_wal()",
    "SELECT pg_create_restore_point('evil')",
    "SELECT pg_drop_replication_slot('evil')",
    "SELECT pg_export_snapshot()",
    "SELECT pg_read_file('/etc/passwd')",
    "SELECT pg_ls_dir('/')",
    "SELECT pg_stat_file('/etc/passwd')",
    "SELECT pg_stat_reset()",
    "SELECT pg_current_xact_id()",
    "SELECT txid_current()",
    "SELECT pg_backend_pid()",
    "SELECT random()",
    "SELECT setseed(0.5)",
    "SELECT gen_random_uuid()",
    "SELECT clock_timestamp()",
    "SELECT evil()",
    "SELECT plugin_sql.evil()",
    "SELECT * FROM evil()",
    "SELECT * FROM evil() AS e (x)",
    "SELECT plugin_sql.lower(title) FROM notes",
    "SELECT leak(notes) FROM notes",
    "SELECT public.leak(n) FROM notes n",
    "SELECT n.leak FROM notes n",
    "SELECT notes.leak FROM notes",
    "SELECT (n).leak FROM notes n",
    "SELECT (n.*).leak FROM notes n",
    "SELECT (SELECT n.leak) FROM notes n",
    "SELECT leak FROM notes",
];

/// S7: places that a tree walker can miss. `%` stands for the hidden call.
const PLACES: &[&str] = &[
    "SELECT %",
    "SELECT title FROM notes LIMIT %",
    "SELECT title FROM notes LIMIT (SELECT %)",
    "SELECT title FROM notes OFFSET %",
    "SELECT title FROM notes FETCH FIRST (%) ROWS ONLY",
    "VALUES (1), (%)",
    "SELECT * FROM (VALUES (%)) v (x)",
    "SELECT DISTINCT ON (%) title FROM notes",
    "SELECT count(*) OVER (PARTITION BY %) FROM notes",
    "SELECT count(*) OVER (ORDER BY %) FROM notes",
    "SELECT count(*) OVER (ROWS BETWEEN % PRECEDING AND CURRENT ROW) FROM notes",
    "SELECT count(*) OVER (ROWS BETWEEN CURRENT ROW AND % FOLLOWING) FROM notes",
    "SELECT count(*) OVER w FROM notes WINDOW w AS (PARTITION BY %)",
    "SELECT count(*) FILTER (WHERE % IS NULL) FROM notes",
    "SELECT array_agg(title ORDER BY %) FROM notes",
    "SELECT percentile_cont(0.5) WITHIN GROUP (ORDER BY %) FROM notes",
    "SELECT percentile_cont(%) WITHIN GROUP (ORDER BY rank) FROM notes",
    "SELECT lag(title, %) OVER () FROM notes",
    "SELECT ARRAY[%]",
    "SELECT ARRAY[[1], [%]]",
    "SELECT ARRAY(SELECT %)",
    "SELECT ROW(1, %)",
    "SELECT (1, %)",
    "SELECT (1, %) = (1, 2)",
    "SELECT tags[%] FROM notes",
    "SELECT tags[1:%] FROM notes",
    "SELECT (ARRAY[1])[%:]",
    "SELECT CASE % WHEN 1 THEN 1 END",
    "SELECT CASE WHEN true THEN 1 ELSE % END",
    "SELECT coalesce(1, %)",
    "SELECT nullif(%, 1)",
    "SELECT greatest(1, %)",
    "SELECT CAST(% AS text)",
    "SELECT (%)::text",
    "SELECT 1 BETWEEN 0 AND %",
    "SELECT 1 IN (1, %)",
    "SELECT 1 = ANY (ARRAY[%])",
    "SELECT EXISTS (SELECT %)",
    "SELECT 'x' LIKE % || ''",
    "SELECT 'x' LIKE 'x' ESCAPE (%)",
    "SELECT (%) COLLATE \"C\"",
    "SELECT (%) AT TIME ZONE 'UTC'",
    "SELECT extract(year FROM %)",
    "SELECT substring('x' FROM 1 FOR %)",
    "SELECT overlay('x' PLACING (%) FROM 1)",
    "SELECT trim(BOTH (%) FROM 'x')",
    "SELECT title FROM notes WHERE % IS NULL",
    "SELECT title FROM notes ORDER BY %",
    "SELECT 1 FROM notes GROUP BY %",
    "SELECT 1 FROM notes GROUP BY GROUPING SETS ((%), ())",
    "SELECT 1 FROM notes GROUP BY ROLLUP (id, %)",
    "SELECT 1 FROM notes GROUP BY CUBE (id, %)",
    "SELECT 1 FROM notes HAVING % IS NULL",
    "SELECT 1 FROM notes n JOIN readings r ON % IS NULL",
    "SELECT 1 FROM notes n, LATERAL (SELECT %) c",
    "SELECT 1 FROM notes TABLESAMPLE system (%)",
    "SELECT 1 FROM notes TABLESAMPLE bernoulli (1) REPEATABLE (%)",
    "SELECT 1 FROM unnest(ARRAY[%]) u",
    "SELECT 1 FROM % u",
    "SELECT 1 FROM LATERAL % u",
    "SELECT 1 FROM ROWS FROM (%, unnest(ARRAY[1])) u",
    "SELECT 1 FROM XMLTABLE('/x' PASSING (%) COLUMNS x int PATH 'x') u",
    "SELECT 1 FROM JSON_TABLE('{}', '$' PASSING % AS y COLUMNS (x int PATH '$')) u",
    "SELECT JSON_VALUE('{}', '$.x' PASSING % AS y)",
    "SELECT JSON_OBJECT('a': %)",
    "SELECT JSON_ARRAYAGG(%)",
    "SELECT xmlelement(name x, xmlattributes(% AS y))",
    "WITH x AS (SELECT %) SELECT 1",
    "WITH x AS NOT MATERIALIZED (SELECT %) SELECT 1",
    "SELECT 1 UNION ALL SELECT %",
    "(SELECT 1) UNION (SELECT 1 EXCEPT SELECT %)",
    "SELECT interval (%)",
    "INSERT INTO notes (title) VALUES (%)",
    "INSERT INTO notes (title) SELECT %",
    "INSERT INTO notes (title) VALUES ('x') ON CONFLICT (title) DO UPDATE SET body = %",
    "INSERT INTO notes (title) VALUES ('x') ON CONFLICT (title) DO UPDATE SET body = 'x' WHERE % IS NULL",
    "INSERT INTO notes (title) VALUES ('x') RETURNING %",
    "UPDATE notes SET title = %",
    "UPDATE notes SET title = 'x' WHERE % IS NULL",
    "UPDATE notes SET title = 'x' FROM (SELECT %) y",
    "UPDATE notes SET title = 'x' RETURNING %",
    "DELETE FROM notes WHERE % IS NULL",
    "DELETE FROM notes USING (SELECT %) y",
    "DELETE FROM notes RETURNING %",
];

/// The calls hidden in these places: one of each kind of side effect.
const HIDDEN: &[&str] = &[
    "nextval('planted')",
    "evil()",
    "pg_catalog.set_config('statement_timeout', '0', false)",
    "(SELECT secret FROM vault)",
];

/// Statements that may run where a plugin may write, and not as a query.
const WRITES: &[&str] = &[
    "DELETE FROM notes",
    "WITH x AS (UPDATE notes SET title = 'x' RETURNING id) SELECT * FROM x",
    "WITH x AS (INSERT INTO notes (title) VALUES ('x') RETURNING id) SELECT * FROM x",
    "MERGE INTO notes USING readings ON true WHEN MATCHED THEN DELETE",
    "WITH x AS (DELETE FROM notes RETURNING id) SELECT * FROM x",
    "WITH x AS (SELECT 1), y AS (DELETE FROM notes RETURNING id) SELECT * FROM x, y",
    "WITH x AS (MERGE INTO notes USING readings ON true WHEN MATCHED THEN DELETE) SELECT 1",
    "WITH RECURSIVE x AS (DELETE FROM notes RETURNING id) SELECT * FROM x",
];

#[tokio::test]
async fn write_in_a_read_is_rejected() {
    let arena = Arena::new().await;
    arena.withstands(WRITES_IN_READS).await;
    let before = arena.world.snapshot().await;
    let rows: Vec<String> = WRITES.iter().map(|&row| row.to_owned()).collect();
    for (kind, _) in super::arena::KINDS {
        let function = format!("{kind}/query-each");
        for (row, outcome) in rows.iter().zip(arena.each(&function, &rows).await) {
            super::arena::assert_rejected(&function, row, outcome);
        }
    }
    assert_eq!(arena.world.snapshot().await, before);
}

#[tokio::test]
async fn statement_that_evades_keyword_lists_is_rejected() {
    Arena::new().await.withstands(TRICKS).await;
}

#[tokio::test]
async fn sql_inside_a_string_is_rejected() {
    Arena::new().await.withstands(STRINGS).await;
}

#[tokio::test]
async fn function_with_side_effects_is_rejected() {
    Arena::new().await.withstands(EFFECTS).await;
}

#[tokio::test]
async fn hidden_function_call_is_rejected_everywhere() {
    let hidden = HIDDEN.iter().flat_map(|call| PLACES.iter().map(move |place| place.replace('%', call)));
    Arena::new().await.withstands(&hidden.collect::<Vec<_>>()).await;
}

#[tokio::test]
async fn function_in_the_plugins_schema_does_not_shadow_a_builtin() {
    let arena = Arena::new().await;
    let before = arena.world.snapshot().await;
    for (kind, _) in super::arena::KINDS {
        let sql = "SELECT lower(title) FROM notes WHERE lower(title) = 'note 1' ORDER BY lower(title)";
        assert_eq!(
            arena.each(&format!("{kind}/query-each"), &[sql.to_owned()]).await,
            [Ok(1.into())],
            "{kind}"
        );
    }
    arena.assert_unharmed(&before).await;
}

//! S3, S4: statements that no GRANT prevents, and settings that would outlast the plugin's use of the connection.

use super::arena::Arena;

/// S3: statements that every login may run.
const SESSION: &[&str] = &[
    "COMMIT",
    "COMMIT AND CHAIN",
    "END",
    "ROLLBACK",
    "ABORT",
    "BEGIN",
    "BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE",
    "START TRANSACTION",
    "SAVEPOINT s",
    "RELEASE SAVEPOINT s",
    "ROLLBACK TO SAVEPOINT s",
    "PREPARE TRANSACTION 'evil'",
    "COMMIT PREPARED 'evil'",
    "SET statement_timeout = 0",
    "SET SESSION statement_timeout TO '1h'",
    "SET LOCAL statement_timeout = 0",
    "SET search_path = plugin_rival",
    "SET SCHEMA 'plugin_rival'",
    "SET NAMES 'SQL_ASCII'",
    "SET TIME ZONE 'Pacific/Kiritimati'",
    "SET ROLE palisade",
    "SET LOCAL ROLE palisade",
    "SET SESSION AUTHORIZATION palisade",
    "SET SESSION AUTHORIZATION DEFAULT",
    "SET TRANSACTION READ WRITE",
    "SET SESSION CHARACTERISTICS AS TRANSACTION READ WRITE",
    "SET TRANSACTION ISOLATION LEVEL READ UNCOMMITTED",
    "SET CONSTRAINTS ALL DEFERRED",
    "RESET ALL",
    "RESET ROLE",
    "RESET statement_timeout",
    "SHOW statement_timeout",
    "SHOW ALL",
    "LISTEN evil",
    "UNLISTEN *",
    "NOTIFY evil, 'x'",
    "PREPARE evil AS SELECT 1",
    "EXECUTE evil",
    "EXECUTE s0",
    "DEALLOCATE ALL",
    "DECLARE evil CURSOR WITH HOLD FOR SELECT 1",
    "FETCH ALL FROM evil",
    "MOVE ALL IN evil",
    "CLOSE ALL",
    "DISCARD ALL",
    "DISCARD PLANS",
    "ALTER ROLE CURRENT_USER PASSWORD 'evil'",
    "ALTER ROLE CURRENT_USER SET statement_timeout = 0",
    "ALTER ROLE CURRENT_USER SUPERUSER",
    "ALTER USER CURRENT_USER VALID UNTIL 'infinity'",
    "ALTER ROLE CURRENT_USER RESET ALL",
    "ALTER DATABASE evil SET statement_timeout = 0",
    "ALTER SYSTEM SET statement_timeout = 0",
    "ALTER DEFAULT PRIVILEGES GRANT ALL ON TABLES TO PUBLIC",
];

/// S4: the same through functions and writable catalogues.
const SETTINGS: &[&str] = &[
    "SELECT set_config('statement_timeout', '0', false)",
    "SELECT set_config('statement_timeout', '0', true)",
    "SELECT SET_CONFIG('role', 'palisade', false)",
    "SELECT pg_catalog.set_config('role', 'palisade', false)",
    "SELECT \"pg_catalog\".\"set_config\"('search_path', 'plugin_rival', false)",
    "SELECT * FROM set_config('search_path', 'plugin_rival', false)",
    "SELECT * FROM set_config('search_path', 'plugin_rival', false) AS s (x)",
    "SELECT title FROM notes ORDER BY set_config('statement_timeout', '0', false)",
    "WITH x AS (SELECT set_config('transaction_read_only', 'off', true)) SELECT * FROM x",
    "SELECT set_config(name, setting, false) FROM notes",
    "SELECT current_setting('role')",
    "SELECT current_setting('statement_timeout', true)",
    "UPDATE pg_settings SET setting = '0' WHERE name = 'statement_timeout'",
    "UPDATE pg_catalog.pg_settings SET setting = 'palisade' WHERE name = 'role'",
    "UPDATE \"pg_settings\" SET setting = '0'",
    "WITH x AS (SELECT 1) UPDATE pg_settings SET setting = '0'",
    "INSERT INTO pg_db_role_setting (setconfig) VALUES ('{}')",
    "DELETE FROM pg_db_role_setting",
    "UPDATE pg_authid SET rolsuper = true",
    "UPDATE pg_class SET relacl = NULL",
];

#[tokio::test]
async fn session_statement_is_rejected() {
    Arena::new().await.withstands(SESSION).await;
}

#[tokio::test]
async fn setting_is_rejected_by_every_route() {
    Arena::new().await.withstands(SETTINGS).await;
}

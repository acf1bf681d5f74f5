//! The role that owns a plugin's schema, and hosts whose login is not a superuser.

use super::{insertion, migration, probe, text};
use crate::harness::{World, call, call_as};
use palisade::{Caller, Policy};
use serde_json::json;

const OWNER: &str = "SELECT pg_get_userbyid(nspowner)::text FROM pg_namespace WHERE nspname = 'plugin_probe'";

/// Everything in the schema that its owner does not own.
const STRAYS: &str = "WITH schema AS (SELECT oid, nspowner FROM pg_namespace WHERE nspname = 'plugin_probe') \
    SELECT (SELECT count(*) FROM pg_class JOIN schema ON relnamespace = schema.oid WHERE relowner <> nspowner) \
        + (SELECT count(*) FROM pg_type JOIN schema ON typnamespace = schema.oid WHERE typowner <> nspowner)";

/// A plugin whose second migration creates a type and a table.
fn with_two_migrations() -> tempfile::TempDir {
    let folder = probe(r#"["select", "insert", "update", "delete"]"#);
    let more = "CREATE TYPE mood AS ENUM ('good', 'bad'); CREATE TABLE more (mood mood);";
    migration(&folder, "0002_more.sql", more);
    folder
}

#[tokio::test]
async fn schema_owner_reaches_nothing_outside_its_schema() {
    let world = World::new().await;
    let _host = world.twins("probe").await;
    let owner: String = world.sql.query_one(OWNER, &[]).await.unwrap().get(0);
    let attributes = format!(
        "SELECT count(*) FROM pg_roles WHERE rolname = '{owner}' AND NOT (rolcanlogin OR rolsuper OR rolinherit OR rolcreatedb \
         OR rolcreaterole OR rolreplication OR rolbypassrls) AND pg_has_role(CURRENT_USER, oid, 'MEMBER')"
    );
    assert_eq!(world.count(&attributes).await, 1);
    world.sql.batch_execute(&format!("SET SESSION AUTHORIZATION {owner}")).await.unwrap();
    for statement in [
        "SELECT * FROM plugin_other.notes",
        "INSERT INTO plugin_other.notes (title) VALUES ('x')",
        "DROP TABLE plugin_other.notes",
        "ALTER TABLE plugin_other.notes ADD COLUMN x integer",
        "CREATE TABLE plugin_other.mine (x integer)",
        "CREATE TABLE palisade.mine (x integer)",
        "CREATE TABLE public.mine (x integer)",
        "CREATE SCHEMA mine",
        "CREATE ROLE mine",
        "SELECT * FROM palisade.secrets",
        "SELECT * FROM palisade.tokens",
        "INSERT INTO palisade.plugin_migrations (plugin, name, checksum) VALUES ('other', 'x', '')",
        "UPDATE palisade.plugins SET role = 'x'",
        "SELECT palisade.caller(current_user, NULL)",
        "CREATE TABLE plugin_probe.mine (x bigint REFERENCES plugin_other.notes)",
        "GRANT SELECT ON plugin_other.notes TO PUBLIC",
        "ALTER ROLE postgres SUPERUSER",
        "COPY plugin_probe.notes TO PROGRAM 'true'",
        "SELECT pg_read_file('PG_VERSION')",
        "CREATE EXTENSION dblink",
    ] {
        let error = world.sql.batch_execute(statement).await.expect_err(statement);
        let code = error.code().unwrap().code();
        // It does not matter if the role does not exist, because it could not be altered either.
        assert!(
            code == "42501" || (code == "42704" && statement.starts_with("ALTER ROLE")),
            "{statement}: {code}"
        );
    }
    world
        .sql
        .batch_execute("CREATE TABLE plugin_probe.mine (x bigint REFERENCES plugin_probe.notes)")
        .await
        .unwrap();
}

#[tokio::test]
async fn migration_runs_as_the_schema_owner_and_is_recorded_by_the_host() {
    let world = World::new().await;
    let folder = with_two_migrations();
    let _host = world.builder().plugin(folder.path(), Policy::as_asked()).build().await.unwrap();
    let owner: String = world.sql.query_one(OWNER, &[]).await.unwrap().get(0);
    assert!(owner.starts_with("pal_owner_") && owner.ends_with("_probe"), "{owner}");
    assert_eq!(world.count(STRAYS).await, 0);
    assert_eq!(
        world.count("SELECT count(*) FROM palisade.plugin_migrations WHERE plugin = 'probe'").await,
        2
    );
}

#[tokio::test]
async fn schema_owned_by_an_earlier_host_is_taken_over() {
    let world = World::new().await;
    let folder = with_two_migrations();
    let host = world.builder().plugin(folder.path(), Policy::as_asked()).build().await.unwrap();
    call(&host, "probe", "writes/insert", insertion(&["title"], json!([text("old")]), &[])).await.unwrap();
    world
        .sql
        .batch_execute(
            "ALTER SCHEMA plugin_probe OWNER TO CURRENT_USER; ALTER TABLE plugin_probe.notes OWNER TO CURRENT_USER; \
             ALTER TABLE plugin_probe.more OWNER TO CURRENT_USER; ALTER TYPE plugin_probe.mood OWNER TO CURRENT_USER",
        )
        .await
        .unwrap();
    migration(&folder, "0003_most.sql", "ALTER TABLE more ADD COLUMN note bigint REFERENCES notes (id);");
    host.load(folder.path(), &Policy::as_asked()).await.unwrap();
    let owner: String = world.sql.query_one(OWNER, &[]).await.unwrap().get(0);
    assert!(owner.starts_with("pal_owner_"), "{owner}");
    assert_eq!(world.count(STRAYS).await, 0);
    let titles = call(&host, "probe", "reads/query", super::sql("SELECT title FROM notes")).await.unwrap();
    assert_eq!(titles, json!([[text("old")]]));
}

#[tokio::test]
async fn excess_powers_of_a_plugins_role_are_revoked() {
    let world = World::new().await;
    let host = world.host(&["probe"]).await;
    let owner: String = world.sql.query_one(OWNER, &[]).await.unwrap().get(0);
    world.sql.batch_execute(&format!("ALTER ROLE {owner} LOGIN CREATEDB INHERIT BYPASSRLS")).await.unwrap();
    host.load(crate::harness::guest("probe"), &Policy::as_asked()).await.unwrap();
    let powers = format!(
        "SELECT count(*) FROM pg_roles WHERE rolname = '{owner}' AND (rolcanlogin OR rolcreatedb OR rolinherit OR rolbypassrls)"
    );
    assert_eq!(world.count(&powers).await, 0);
}

#[tokio::test]
async fn host_without_superuser_installs_serves_and_upgrades() {
    let world = World::bare().await;
    let (login, url) = world.login("LOGIN CREATEROLE").await;
    let grant = format!("GRANT CREATE ON DATABASE {} TO {login}", world.database());
    world.sql.batch_execute(&grant).await.unwrap();
    let folder = probe(r#"{ select = true, insert = true, update = true, delete = true, owner = "key" }"#);
    let builder = || world.builder().database(url.as_str()).plugin(folder.path(), Policy::as_asked());
    let host = builder().build().await.unwrap();
    let ada = world.user(&host, "Ada", &[]).await;
    let note = insertion(
        &["title", "key"],
        json!([text("a"), super::scalar("uuid", ada.id.to_string())]),
        &["title"],
    );
    call_as(&host, "probe", "writes/insert", note, Caller::user(ada.clone())).await.unwrap();
    migration(&folder, "0002_more.sql", "UPDATE notes SET rank = 5; CREATE TABLE more (id bigint);");
    host.load(folder.path(), &Policy::as_asked()).await.unwrap();
    // Another host on the same database finds everything already installed.
    let again = builder().build().await.unwrap();
    let ranks = super::sql("SELECT title FROM notes WHERE rank = 5");
    let own = call_as(&again, "probe", "reads/query", ranks.clone(), Caller::user(ada)).await.unwrap();
    assert_eq!(own, json!([[text("a")]]));
    assert_eq!(call(&again, "probe", "reads/query", ranks).await.unwrap(), json!([]));
    let plain = "SELECT count(*) FROM pg_roles JOIN pg_namespace ON nspowner = pg_roles.oid WHERE nspname = 'palisade' \
        AND NOT rolsuper";
    assert_eq!(world.count(plain).await, 1);
}

//! Extensions that an operator has installed and granted: `pg_trgm` through a component, with indexes that a migration makes.
//!
//! What the gate makes of each name is in `host/guard/src/db/gate/tests/extensions.rs`.

use super::{integer, text};
use crate::harness::{World, altered, builder, call, invalid};
use palisade::{CallError, Host, LoadError, Policy};
use serde_json::{Value, json};
use tempfile::TempDir;

const INSTALL: &str = "CREATE SCHEMA extensions; CREATE EXTENSION pg_trgm SCHEMA extensions";

const MIGRATION: &str = "CREATE TABLE words (id bigint PRIMARY KEY, word varchar(100) NOT NULL);\n\
     CREATE INDEX words_gin ON words USING gin (word gin_trgm_ops);\n\
     CREATE INDEX words_gist ON words USING gist (word gist_trgm_ops);\n\
     INSERT INTO words (id, word) VALUES (1, 'palisade'), (2, 'palisades'), (3, 'fence'), (4, 'a long palisade');";

/// The guest `sql` that requests `pg_trgm`, with a table that has indexes of it.
fn plugin(extensions: &str) -> TempDir {
    let folder = altered("sql", |manifest| {
        let manifest = manifest.replace("[grants.db.tables]\n", "[grants.db.tables]\nwords = [\"select\"]\n");
        manifest.replace("query = true\n", &format!("query = true\nextensions = {extensions}\n"))
    });
    std::fs::write(folder.path().join("migrations/90_words.sql"), MIGRATION).unwrap();
    folder
}

async fn load(world: &World, folder: &TempDir) -> Result<Host, LoadError> {
    world.builder().plugin(folder.path(), Policy::as_asked()).build().await
}

/// The reason why the plugin is not loaded.
async fn refusal(world: &World, folder: &TempDir) -> String {
    match load(world, folder).await {
        Ok(_) => panic!("the plugin was loaded"),
        Err(error) => format!("{error:#} {error:?}"),
    }
}

async fn query(host: &Host, sql: &str, parameters: Value) -> Result<Value, CallError> {
    let answer = call(host, "sql", "in-query/query", json!({ "sql": sql, "parameters": parameters })).await?;
    Ok(answer["rows"].clone())
}

#[tokio::test]
async fn extension_that_is_not_there_or_not_where_it_belongs_is_rejected_with_what_to_run() {
    // Where nothing is hardened, so that a schema can be open to everybody.
    let world = World::bare().await;
    let folder = plugin("[\"pg_trgm\"]");
    let why = refusal(&world, &folder).await;
    assert!(why.contains("CREATE EXTENSION pg_trgm SCHEMA extensions"), "{why}");
    for (setup, expected, undo) in [
        (
            "CREATE SCHEMA plugin_other; CREATE EXTENSION pg_trgm SCHEMA plugin_other",
            "ALTER EXTENSION pg_trgm SET SCHEMA extensions",
            "DROP SCHEMA plugin_other CASCADE",
        ),
        (
            "CREATE SCHEMA open; GRANT CREATE ON SCHEMA open TO PUBLIC; CREATE EXTENSION pg_trgm SCHEMA open",
            "REVOKE CREATE ON SCHEMA \"open\" FROM PUBLIC",
            "DROP SCHEMA open CASCADE",
        ),
        // An overload that PostgreSQL would prefer for a `varchar`.
        (
            "CREATE SCHEMA extensions; CREATE EXTENSION pg_trgm SCHEMA extensions; \
             CREATE FUNCTION extensions.similarity(varchar, varchar) RETURNS real LANGUAGE sql AS 'SELECT 1::real'",
            "similarity(character varying,character varying)`, which is not the extension's",
            "DROP SCHEMA extensions CASCADE",
        ),
        (
            "CREATE SCHEMA extensions; CREATE EXTENSION pg_trgm SCHEMA extensions; \
             CREATE FUNCTION extensions.mine(integer, integer) RETURNS integer LANGUAGE sql AS 'SELECT 1'; \
             CREATE OPERATOR extensions.<% (LEFTARG = integer, RIGHTARG = integer, FUNCTION = extensions.mine)",
            "<%(integer,integer)`, which is not the extension's",
            "DROP SCHEMA extensions CASCADE",
        ),
    ] {
        world.sql.batch_execute(setup).await.unwrap();
        let why = refusal(&world, &folder).await;
        assert!(why.contains(expected), "{setup}: {why}");
        world.sql.batch_execute(undo).await.unwrap();
    }
    world.sql.batch_execute(INSTALL).await.unwrap();
    load(&world, &folder).await.unwrap();
}

#[tokio::test]
async fn migration_with_an_index_of_an_extension_that_the_policy_leaves_out_is_rejected() {
    let world = World::new().await;
    world.sql.batch_execute(INSTALL).await.unwrap();
    let folder = plugin("[\"pg_trgm\"]");
    let why = match world.builder().plugin(folder.path(), Policy::only(without())).build().await {
        Ok(_) => panic!("the plugin was loaded"),
        Err(error) => format!("{error:#} {error:?}"),
    };
    assert!(why.contains("extensions = [") && why.contains("pg_trgm"), "{why}");
}

/// Everything that the guest requests but the extension.
fn without() -> palisade::grant::Grants {
    serde_json::from_value(json!({ "db": {
        "query": true, "execute": true, "tables": { "words": ["select"], "notes": ["select", "insert", "update", "delete"] } } }))
    .unwrap()
}

#[tokio::test]
async fn function_of_the_same_name_elsewhere_is_not_called() {
    let world = World::new().await;
    world.sql.batch_execute(INSTALL).await.unwrap();
    let planted = "CREATE FUNCTION public.similarity(text, text) RETURNS real LANGUAGE sql AS 'SELECT 42::real'; \
         CREATE FUNCTION public.similarity(varchar, varchar) RETURNS real LANGUAGE sql AS 'SELECT 42::real'; \
         CREATE OPERATOR public.% (LEFTARG = varchar, RIGHTARG = varchar, FUNCTION = public.similarity); \
         GRANT USAGE ON SCHEMA public TO PUBLIC";
    world.sql.batch_execute(planted).await.unwrap();
    let host = load(&world, &plugin("[\"pg_trgm\"]")).await.unwrap();
    let rows = query(
        &host,
        "SELECT similarity(word, 'palisade') FROM words WHERE word % 'palisade' ORDER BY id",
        json!([]),
    )
    .await
    .unwrap();
    assert_eq!(rows[0][0]["val"]["val"], 1.0, "{rows}");
    for sql in [
        "SELECT public.similarity(word, 'a') FROM words",
        "SELECT id FROM words WHERE word OPERATOR(public.%) 'a'",
        "SELECT show_trgm(word) FROM words",
        "SELECT set_limit(0.01)",
        "SELECT show_limit()",
        "SELECT word_similarity_op(word, 'a') FROM words",
    ] {
        invalid(query(&host, sql, json!([])).await);
    }
}

#[tokio::test]
async fn granted_extension_is_used_in_migrations_and_statements() {
    let world = World::new().await;
    world.sql.batch_execute(INSTALL).await.unwrap();
    // The thresholds are fixed, whatever the database says.
    let set = format!("ALTER DATABASE {} SET pg_trgm.similarity_threshold = 0.99", world.database());
    world.sql.batch_execute(&set).await.unwrap();
    let host = load(&world, &plugin("[\"pg_trgm\"]")).await.unwrap();
    for (sql, parameters, ids) in [
        ("SELECT id FROM words WHERE word % $1 ORDER BY id", json!([text("palisade")]), vec![1, 2, 4]),
        (
            "SELECT id FROM words WHERE $1 % word AND similarity(word, $1) > 0.99",
            json!([text("fence")]),
            vec![3],
        ),
        ("SELECT id FROM words ORDER BY word <-> $1 LIMIT 2", json!([text("palisades")]), vec![2, 1]),
        ("SELECT id FROM words WHERE $1 <% word ORDER BY id", json!([text("palisade")]), vec![1, 2, 4]),
        ("SELECT id FROM words WHERE word %>> $1 ORDER BY id", json!([text("palisade")]), vec![1, 2, 4]),
        ("SELECT id FROM words ORDER BY $1 <<-> word, id LIMIT 1", json!([text("long")]), vec![4]),
        ("SELECT id FROM words WHERE word ILIKE '%LONG%'", json!([]), vec![4]),
        ("SELECT id FROM words WHERE id % 2 = 0 AND word % 'fence' OR id % 4 = 0", json!([]), vec![4]),
    ] {
        let rows = query(&host, sql, parameters).await.unwrap_or_else(|error| panic!("{sql}: {error:?}"));
        let expected: Vec<Value> = ids.into_iter().map(|id| json!([integer(id)])).collect();
        assert_eq!(rows, json!(expected), "{sql}");
    }
    let used = "SELECT count(*) FROM pg_index i JOIN pg_opclass c ON c.oid = i.indclass[0] \
         WHERE i.indrelid = 'plugin_sql.words'::regclass AND c.opcname LIKE '%trgm_ops'";
    assert_eq!(world.count(used).await, 2);
}

#[tokio::test]
async fn plugin_may_use_the_schema_of_its_extensions_and_no_other() {
    let world = World::new().await;
    world.sql.batch_execute(INSTALL).await.unwrap();
    world.sql.batch_execute("CREATE SCHEMA former").await.unwrap();
    let folder = plugin("[\"pg_trgm\"]");
    drop(load(&world, &folder).await.unwrap());
    let login: String = world
        .sql
        .query_one("SELECT role FROM palisade.plugins WHERE name = 'sql'", &[])
        .await
        .unwrap()
        .get(0);
    let may = |schema: &str, right: &str| {
        format!("SELECT has_schema_privilege('{login}', '{schema}', '{right}')::int::bigint")
    };
    assert_eq!(world.count(&may("extensions", "USAGE")).await, 1);
    assert_eq!(world.count(&may("extensions", "CREATE")).await, 0);
    // An extension that has moved leaves no right behind.
    let moved = format!(
        "GRANT USAGE ON SCHEMA former TO {login}; ALTER EXTENSION pg_trgm SET SCHEMA former; \
         REVOKE USAGE ON SCHEMA former FROM {login}"
    );
    world.sql.batch_execute(&moved).await.unwrap();
    let host = load(&world, &folder).await.unwrap();
    assert_eq!(world.count(&may("extensions", "USAGE")).await, 0);
    assert_eq!(world.count(&may("former", "USAGE")).await, 1);
    let rows = query(&host, "SELECT id FROM words WHERE word % 'fence'", json!([])).await.unwrap();
    assert_eq!(rows, json!([[integer(3)]]));
}

#[tokio::test]
async fn operator_that_a_plugin_may_not_call_is_told_and_mended_by_hardening() {
    let world = World::bare().await;
    world.sql.batch_execute(INSTALL).await.unwrap();
    let revoke = "REVOKE EXECUTE ON FUNCTION extensions.similarity_op(text, text) FROM PUBLIC";
    world.sql.batch_execute(revoke).await.unwrap();
    let folder = plugin("[\"pg_trgm\"]");
    let why = refusal(&world, &folder).await;
    assert!(why.contains("palisade db harden"), "{why}");
    drop(world);
    // A private database is hardened at each start, which leaves these functions to everybody, and set_limit to nobody.
    let world = World::new().await;
    world.sql.batch_execute(INSTALL).await.unwrap();
    world.sql.batch_execute(revoke).await.unwrap();
    let host = load(&world, &folder).await.unwrap();
    let rows = query(&host, "SELECT id FROM words WHERE word % 'fence'", json!([])).await.unwrap();
    assert_eq!(rows, json!([[integer(3)]]));
    let open = "SELECT count(*) FROM pg_proc WHERE proname = 'set_limit' AND has_function_privilege('public', oid, 'EXECUTE')";
    assert_eq!(world.count(open).await, 0);
}

#[tokio::test]
async fn host_that_is_no_superuser_is_told_which_grant_it_needs() {
    let world = World::bare().await;
    let (login, url) = world.login("LOGIN CREATEROLE").await;
    let setup = format!("{INSTALL}; GRANT CREATE ON DATABASE {} TO {login}", world.database());
    world.sql.batch_execute(&setup).await.unwrap();
    let folder = plugin("[\"pg_trgm\"]");
    let build = || builder(url.clone()).plugin(folder.path(), Policy::as_asked()).build();
    for grant in ["", "GRANT USAGE ON SCHEMA extensions TO "] {
        if !grant.is_empty() {
            world.sql.batch_execute(&format!("{grant}{login}")).await.unwrap();
        }
        let why = match build().await {
            Ok(_) => panic!("the plugin was loaded"),
            Err(error) => format!("{error:#} {error:?}"),
        };
        assert!(why.contains("TO ") && why.contains("WITH GRANT OPTION") && why.contains(&login), "{why}");
    }
    let grant = format!("GRANT USAGE ON SCHEMA extensions TO {login} WITH GRANT OPTION");
    world.sql.batch_execute(&grant).await.unwrap();
    let host = build().await.unwrap();
    let rows = query(&host, "SELECT id FROM words WHERE word % 'fence'", json!([])).await.unwrap();
    assert_eq!(rows, json!([[integer(3)]]));
}

//! A hardened database, one that is not hardened, and the attacks that distinguish them.
//!
//! All other tests show that each attack is rejected, because their hosts use hardened databases. These tests show
//! that a successful attack is noticed: they grant the login one right at a time and revoke it again.

use crate::command::child::{finish, palisade, run};
use crate::harness::{World, altered, call, connect, guest};
use palisade::{Host, LoadError, Policy};
use serde_json::json;
use tokio_postgres::Client;

/// Every right in a database, with the version of its row. Memberships are left out, because they belong to the
/// server, which other tests share.
async fn rights(sql: &Client) -> Vec<String> {
    let text = "SELECT 'f ' || oid::regprocedure || coalesce(proacl::text, '') || xmin::text FROM pg_proc \
        UNION ALL SELECT 'r ' || oid::regclass || coalesce(relacl::text, '') || xmin::text FROM pg_class \
        UNION ALL SELECT 'a ' || attrelid::regclass || attname || attacl::text FROM pg_attribute WHERE attacl IS NOT NULL \
        UNION ALL SELECT 'd ' || datname || coalesce(datacl::text, '') FROM pg_database WHERE datname = current_database() \
        UNION ALL SELECT 'n ' || nspname || coalesce(nspacl::text, '') FROM pg_namespace WHERE nspname !~ '^pg_temp' \
        UNION ALL SELECT 'l ' || lanname || coalesce(lanacl::text, '') FROM pg_language \
        ORDER BY 1";
    sql.query(text, &[]).await.unwrap().iter().map(|row| row.get(0)).collect()
}

/// A host with the plugins `other` and `probe`. `probe` is loaded last.
pub async fn build(world: &World) -> Result<Host, LoadError> {
    let other = altered("probe", |manifest| manifest.replace("name = \"probe\"", "name = \"other\""));
    let builder = world.builder().plugin(other.path(), Policy::as_asked());
    builder.plugin(guest("probe"), Policy::as_asked()).build().await
}

/// The login of `probe`.
pub async fn login(world: &World) -> String {
    let text = "SELECT role FROM palisade.plugins WHERE name = 'probe'";
    world.sql.query_one(text, &[]).await.unwrap().get(0)
}

fn missing(host: &Host) -> Vec<String> {
    let plugins = host.plugins();
    plugins.iter().find(|plugin| plugin.name == "probe").unwrap().passport.database.missing.clone()
}

/// Runs SQL on the database, builds a host, runs the second SQL to undo the first, and returns the host's error for
/// `probe`.
async fn refusal(world: &World, change: &str, undo: &str) -> String {
    world.sql.batch_execute(change).await.unwrap_or_else(|error| panic!("{change}: {error:?}"));
    let built = build(world).await;
    world.sql.batch_execute(undo).await.unwrap_or_else(|error| panic!("{undo}: {error:?}"));
    let errors = match built {
        Err(LoadError::Several(errors)) => errors,
        Err(error) => vec![error],
        Ok(_) => panic!("{change}: loaded"),
    };
    let breach = |error: &LoadError| match error {
        LoadError::Breach { plugin, sentence } => {
            assert!(["probe", "other"].contains(&plugin.as_str()), "{plugin}");
            sentence.clone()
        }
        other => panic!("{change}: {other:?}"),
    };
    let sentences: Vec<String> = errors.iter().map(breach).collect();
    sentences[0].clone()
}

#[tokio::test]
async fn broken_boundary_rejects_the_plugin_and_names_the_attack() {
    let world = World::new().await;
    build(&world).await.unwrap().stop().await;
    let (login, database) = (login(&world).await, world.database());
    let grant = |right: &str, on: &str, to: &str| {
        (format!("GRANT {right} ON {on} TO {to}"), format!("REVOKE {right} ON {on} FROM {to}"))
    };
    let member = |of: &str| (format!("GRANT {of} TO {login}"), format!("REVOKE {of} FROM {login}"));
    let leak = |table: &str, to: &str| {
        (format!("CREATE POLICY leak ON {table} {to}"), format!("DROP POLICY leak ON {table}"))
    };
    let both = |one: (String, String), two: (String, String)| {
        (format!("{}; {}", one.0, two.0), format!("{}; {}", one.1, two.1))
    };
    let foreign = |right: &str| {
        both(grant("USAGE", "SCHEMA plugin_other", "PUBLIC"), grant(right, "plugin_other.notes", "PUBLIC"))
    };
    for ((change, undo), words) in [
        (grant("SELECT", "palisade.secrets", "PUBLIC"), "reads the host's secrets"),
        (grant("SELECT", "palisade.tokens", "PUBLIC"), "reads the tokens of users"),
        (grant("SELECT, DELETE", "palisade.users", "PUBLIC"), "changes users"),
        (grant("UPDATE", "palisade.plugins", "PUBLIC"), "changes which plugin it is"),
        (
            both(
                grant("INSERT", "palisade.item_grants", "PUBLIC"),
                leak("palisade.item_grants", "FOR INSERT WITH CHECK (true)"),
            ),
            "grants itself item types",
        ),
        (leak("palisade.plugins", "FOR SELECT USING (true)"), "sees rows of other plugins"),
        (grant("SELECT", "pg_catalog.pg_authid", &login), "reads the passwords of logins"),
        (grant("EXECUTE", "FUNCTION pg_catalog.pg_read_file(text)", &login), "reads files of the server"),
        // It inherits nothing, but can still become a role of which it is a member.
        (member("pg_execute_server_program"), "becomes another role"),
        (grant("CREATE", &format!("DATABASE {database}"), &login), "makes schemas"),
        (grant("CREATE", "SCHEMA plugin_probe", &login), "makes tables in its own schema"),
        (member(&login.replace("_probe", "_other")), "becomes another role"),
        (foreign("SELECT"), "reads tables of another plugin"),
        (foreign("INSERT"), "writes to tables of another plugin"),
        (foreign("SELECT, DELETE"), "tables of another plugin"),
        (
            both(
                grant("USAGE", "SCHEMA plugin_other", "PUBLIC"),
                grant("USAGE", "ALL SEQUENCES IN SCHEMA plugin_other", "PUBLIC"),
            ),
            "counts with another plugin's sequences",
        ),
    ] {
        let message = refusal(&world, &change, &undo).await;
        assert!(message.contains(words) && message.contains("succeeded"), "{change}: {message}");
    }
    build(&world).await.unwrap().stop().await;
}

#[tokio::test]
async fn lost_hardening_on_a_private_server_rejects_the_plugin() {
    let world = World::new().await;
    build(&world).await.unwrap().stop().await;
    let (login, database) = (login(&world).await, world.database());
    let function = |signature: &str| format!("EXECUTE ON FUNCTION pg_catalog.{signature}");
    // Attacks that two rights prevent together are covered by the next test.
    let rows = [
        (function("set_config(text, text, boolean)"), "changes settings from within a SELECT"),
        (function("current_setting(text)"), "reads settings of the server"),
        (function("query_to_xml(text, boolean, boolean, text)"), "SQL that is hidden in a string"),
        ("SELECT ON pg_catalog.pg_roles".into(), "reads the names of logins"),
        ("SELECT ON pg_catalog.pg_class".into(), "reads the catalogue of tables"),
        ("SELECT ON pg_catalog.pg_proc".into(), "reads the catalogue of functions"),
        (function("has_schema_privilege(text, text)"), "asks for the rights of others"),
        (format!("TEMPORARY ON DATABASE {database}"), "makes temporary tables"),
        ("CREATE ON SCHEMA public".into(), "makes tables in the schema public"),
        (function("lo_create(oid)"), "makes large objects"),
        (function("pg_try_advisory_xact_lock(bigint)"), "takes locks of the application's"),
        (function("pg_notify(text, text)"), "notifies other sessions"),
        (function("pg_cancel_backend(integer)"), "sends signals to other sessions"),
        (function("pg_logical_emit_message(boolean, text, text)"), "writes into the log of changes"),
        (function("txid_current()"), "takes transaction numbers in a read"),
        (function("pg_sleep(double precision)"), "sleeps"),
        ("USAGE ON LANGUAGE plpgsql".into(), "runs code in a procedural language"),
    ];
    for (right, words) in rows {
        let message =
            refusal(&world, &format!("GRANT {right} TO {login}"), &format!("REVOKE {right} FROM {login}"))
                .await;
        assert!(message.contains(words) && message.contains("has been hardened"), "{right}: {message}");
    }
    build(&world).await.unwrap().stop().await;
}

#[tokio::test]
async fn unhardened_server_loads_plugins_and_lists_what_is_missing() {
    let world = World::bare().await;
    let host = build(&world).await.unwrap();
    let before = missing(&host);
    for words in [
        "changes settings from within a SELECT",
        "changes settings with an UPDATE",
        "reads settings of the server",
        "SQL that is hidden in a string",
        "sees who else is connected",
        "reads the names of logins",
        "reads the catalogue of tables",
        "reads the catalogue of functions",
        "reads the information schema",
        "asks for the rights of others",
        "makes temporary tables",
        "makes large objects",
        "takes locks of the application's",
        "notifies other sessions",
        "sends signals to other sessions",
        "writes into the log of changes",
        "takes transaction numbers in a read",
        "sleeps",
        "runs code in a procedural language",
    ] {
        assert!(before.iter().any(|sentence| sentence.contains(words)), "{words}: {before:#?}");
    }
    // In PostgreSQL 15 the schema `public` is already closed.
    assert!((19..=20).contains(&before.len()), "{before:#?}");
    host.stop().await;
    let plugins = run(&world, &["plugins", "--json", "--dir", guest("probe").to_str().unwrap()]).await;
    let warnings = plugins.stderr.matches("the database is not hardened").count();
    assert_eq!((plugins.code(), warnings), (0, 1), "{plugins:?}");
    assert!(plugins.stderr.contains("palisade db harden --apply"), "{plugins:?}");
    assert_eq!(plugins.json()[0]["passport"]["database"]["missing"], json!(before));

    let hardened = run(&world, &["db", "harden", "--apply"]).await;
    let expected = format!("database `{}` is hardened\n", world.database());
    assert_eq!((hardened.code(), hardened.stdout), (0, expected));
    let host = build(&world).await.unwrap();
    assert_eq!(missing(&host), Vec::<String>::new());
    host.stop().await;
    let quiet = run(&world, &["plugins", "--json", "--dir", guest("probe").to_str().unwrap()]).await;
    assert_eq!((quiet.code(), quiet.stderr.as_str()), (0, ""));
}

#[tokio::test]
async fn printed_script_revokes_rights_and_changes_nothing_when_repeated() {
    let world = World::bare().await;
    let printed = finish(palisade(&["db", "harden", "--print-sql"])).await;
    assert_eq!(printed.code(), 0, "{printed:?}");
    let before = rights(&world.sql).await;
    world.sql.batch_execute(&printed.stdout).await.unwrap();
    let once = rights(&world.sql).await;
    assert!(before != once);
    world.sql.batch_execute(&printed.stdout).await.unwrap();
    let twice = rights(&world.sql).await;
    let changed: Vec<_> = twice.iter().filter(|right| !once.contains(right)).collect();
    assert!(changed.is_empty(), "{changed:?}");
    let left = "SELECT string_agg(DISTINCT p.proname, ' ' ORDER BY p.proname) FROM pg_proc p, \
        aclexplode(coalesce(p.proacl, acldefault('f', p.proowner))) a WHERE a.grantee = 0 AND p.provolatile = 'v' \
        AND p.prorettype <> 'trigger'::regtype AND NOT p.proargtypes::oid[] && '{internal}'::regtype[]::oid[]";
    let left: String = world.sql.query_one(left, &[]).await.unwrap().get(0);
    assert_eq!(left, "clock_timestamp gen_random_uuid nextval pg_advisory_unlock_all random");
}

#[tokio::test]
async fn non_superuser_cannot_harden_and_is_told_who_can() {
    let world = World::bare().await;
    let (login, url) = world.login("LOGIN CREATEROLE").await;
    let before = rights(&world.sql).await;
    let refused = finish(palisade(&["db", "harden", "--apply", "--database-url", &url])).await;
    assert_eq!((refused.code(), refused.stdout.as_str()), (1, ""), "{refused:?}");
    for words in [&format!("`{login}` is no superuser"), "--print-sql", "--database-url"] {
        assert!(refused.stderr.contains(words), "{refused:?}");
    }
    assert!(rights(&world.sql).await == before);
    for arguments in [&["db", "harden"][..], &["db", "harden", "--apply", "--print-sql"]] {
        assert_eq!(finish(palisade(arguments)).await.code(), 2, "{arguments:?}");
    }
}

#[tokio::test]
async fn host_and_trusted_applications_keep_what_public_lost() {
    let world = World::bare().await;
    let (host_login, host_url) = world.login("LOGIN CREATEROLE").await;
    let (app_login, app_url) = world.login("LOGIN").await;
    let create = format!("GRANT CREATE ON DATABASE {} TO {host_login}", world.database());
    world.sql.batch_execute(&create).await.unwrap();
    let output = run(&world, &["db", "harden", "--apply"]).await;
    assert!(output.stdout.contains("no host has used it yet"), "{output:?}");
    let app = connect(&app_url).await;
    let refused = app.batch_execute("SELECT pg_sleep(0)").await.unwrap_err();
    assert_eq!(refused.code().unwrap().code(), "42501");
    world.sql.batch_execute(&format!("GRANT palisade_trusted TO {host_login}, {app_login}")).await.unwrap();
    app.batch_execute("SELECT pg_sleep(0); SELECT FROM pg_stat_activity; CREATE TEMP TABLE t ()")
        .await
        .unwrap();

    let builder = world.builder().database(&host_url).plugin(guest("probe"), Policy::as_asked());
    let host = builder.build().await.unwrap();
    let left = missing(&host);
    assert!(left.len() == 1 && left[0].contains("temp_file_limit"), "{left:#?}");
    let insertion = json!({ "table": "notes", "columns": ["title"], "rows": [[{ "tag": "scalar", "val": { "tag": "text", "val": "a" } }]], "returning": [] });
    call(&host, "probe", "writes/insert", json!({ "insertion": insertion })).await.unwrap();
    host.stop().await;
}

//! Which files run, in which order, and what they may take away from the version that is installed. `docs/migrations.md` says
//! the same to authors, and each of its examples runs here.

use super::{add, sql_with};
use crate::command::child::{finish, palisade, run};
use crate::harness::{World, altered, blocks, read};
use palisade::{Host, LoadError, Policy};
use serde_json::json;
use sha2::{Digest, Sha256};
use std::fs;
use std::path::Path;
use tempfile::TempDir;

async fn load(host: &Host, folder: &TempDir) -> Result<(), String> {
    host.load(folder.path(), &Policy::as_asked()).await.map(drop).map_err(|error| error.to_string())
}

async fn build(world: &World, folder: &TempDir) -> Result<Host, String> {
    let built = world.builder().plugin(folder.path(), Policy::as_asked()).build().await;
    built.map_err(|error| error.to_string())
}

#[tokio::test]
async fn two_files_with_one_number_are_refused() {
    let world = World::new().await;
    let folder =
        sql_with(&[("2_a.sql", "CREATE TABLE a (id bigint);"), ("02_b.sql", "CREATE TABLE b (id bigint);")]);
    let refused = build(&world, &folder).await.map(drop).unwrap_err();
    assert!(refused.contains("02_b.sql and 2_a.sql have the same number: rename"), "{refused}");
}

#[tokio::test]
async fn files_run_in_the_order_of_their_numbers() {
    let world = World::new().await;
    let folder = sql_with(&[
        ("2.sql", "CREATE TABLE late (id bigint);"),
        ("10.sql", "ALTER TABLE late ADD COLUMN ten bigint;"),
        ("9.sql", "ALTER TABLE late ADD COLUMN nine bigint;"),
        ("20260131.sql", "ALTER TABLE late ADD COLUMN dated bigint;"),
        ("last.sql", "ALTER TABLE late ADD COLUMN last bigint;"),
    ]);
    let _host = build(&world, &folder).await.unwrap();
    let columns = "SELECT string_agg(attname, ' ' ORDER BY attnum) FROM pg_attribute \
        WHERE attrelid = 'plugin_sql.late'::regclass AND attnum > 0";
    let columns: String = world.sql.query_one(columns, &[]).await.unwrap().get(0);
    assert_eq!(columns, "id nine ten dated last");
}

#[tokio::test]
async fn label_of_an_enum_is_used_by_the_next_file() {
    let world = World::new().await;
    let folder = sql_with(&[
        ("2.sql", "ALTER TYPE mood ADD VALUE 'calm';"),
        ("3.sql", "INSERT INTO kinds (id, feeling) VALUES (1, 'calm');"),
    ]);
    let _host = build(&world, &folder).await.unwrap();
    assert_eq!(world.count("SELECT count(*) FROM plugin_sql.kinds WHERE feeling::text = 'calm'").await, 1);
}

#[tokio::test]
async fn line_ends_do_not_matter_and_anything_else_does() {
    let world = World::new().await;
    let text = "CREATE TABLE lines (id bigint);\nINSERT INTO lines VALUES (1);\n";
    let text = text.replace("INSERT INTO lines VALUES", "INSERT INTO lines (id) VALUES");
    let folder = sql_with(&[("2.sql", &text)]);
    let host = build(&world, &folder).await.unwrap();
    let windows = text.replace('\n', "\r\n");
    add(&folder, "2.sql", &windows);
    load(&host, &folder).await.unwrap();
    // What an earlier host recorded: the checksum of the bytes as they were.
    for recorded in [&windows, &text] {
        let checksum = Sha256::digest(recorded.as_bytes()).to_vec();
        let note = "UPDATE palisade.plugin_migrations SET checksum = $1 WHERE name = '2.sql'";
        world.sql.execute(note, &[&checksum]).await.unwrap();
        for file in [&windows, &text] {
            add(&folder, "2.sql", file);
            load(&host, &folder).await.unwrap();
        }
    }
    for edited in [text.replace("(1)", "(2)"), text.replace('\n', "\r"), format!("{text}\n")] {
        add(&folder, "2.sql", &edited);
        let refused = load(&host, &folder).await.unwrap_err();
        assert!(refused.contains("migrations/2.sql has changed since it ran here"), "{refused}");
        assert!(refused.contains("palisade db reset"), "{refused}");
    }
}

#[tokio::test]
async fn column_that_the_installed_version_uses_is_not_taken_away_in_passing() {
    let world = World::new().await;
    let folder = sql_with(&[("2.sql", "CREATE TABLE mine (id bigint); DROP TABLE mine;")]);
    let host = build(&world, &folder).await.unwrap();
    let before = world.state().await;
    for (text, column, table) in [
        ("ALTER TABLE kinds DROP COLUMN middle;", "middle", "kinds"),
        (
            "ALTER TABLE kinds DROP COLUMN middle; ALTER TABLE kinds ADD COLUMN middle integer;",
            "middle",
            "kinds",
        ),
        ("ALTER TABLE kinds RENAME COLUMN middle TO centre;", "middle", "kinds"),
        ("ALTER TABLE rounded RENAME TO round;", "amount", "rounded"),
        ("DROP TABLE journal;", "id", "journal"),
        ("ALTER TABLE kinds DROP COLUMN middle; -- palisade: contract", "middle", "kinds"),
    ] {
        add(&folder, "3.sql", text);
        let refused = load(&host, &folder).await.unwrap_err();
        assert!(refused.contains(&format!("`{column}` of the table `{table}`")), "{text}: {refused}");
        assert!(refused.contains("-- palisade: contract"), "{refused}");
        assert_eq!(world.state().await, before, "{text}");
    }
    // Nothing is granted on it.
    add(&folder, "3.sql", "DROP TABLE vault;");
    load(&host, &folder).await.unwrap();
    // One file does not speak for another.
    add(&folder, "4.sql", "-- palisade: contract\nALTER TABLE kinds DROP COLUMN small;");
    add(&folder, "5.sql", "ALTER TABLE kinds DROP COLUMN middle;");
    assert!(load(&host, &folder).await.unwrap_err().contains("migrations/5.sql takes away"));
    fs::remove_file(folder.path().join("migrations/5.sql")).unwrap();
    load(&host, &folder).await.unwrap();
    let left = "SELECT count(*) FROM pg_attribute WHERE attrelid = 'plugin_sql.kinds'::regclass AND attname = 'small'";
    assert_eq!(world.count(left).await, 0);
}

#[tokio::test]
async fn column_that_the_installed_version_is_not_granted_is_taken_away() {
    let world = World::new().await;
    let folder = altered("sql", |manifest| {
        let all = r#"rounded = ["select", "insert", "update"]"#;
        assert!(manifest.contains(all));
        manifest.replace(all, r#"rounded = { select = ["at"], insert = ["at"] }"#)
    });
    let host = build(&world, &folder).await.unwrap();
    add(&folder, "2.sql", "ALTER TABLE rounded DROP COLUMN amount;");
    load(&host, &folder).await.unwrap();
}

/// Everything in the database that a command could change, the catalogs included.
async fn everything(world: &World) -> String {
    let catalogs = "SELECT coalesce(string_agg(line, '|' ORDER BY line), '') FROM ( \
            SELECT format('%s %s %s', nspname, relname, relacl) AS line FROM pg_class JOIN pg_namespace ON pg_namespace.oid = relnamespace \
            WHERE nspname NOT LIKE 'pg_%' AND nspname <> 'information_schema' \
            UNION ALL SELECT nspname FROM pg_namespace \
            UNION ALL SELECT attrelid::regclass || attname FROM pg_attribute WHERE attrelid > 16383) AS lines";
    let catalogs: String = world.sql.query_one(catalogs, &[]).await.unwrap().get(0);
    let tag = "SELECT string_agg(rolname, ' ' ORDER BY rolname) FROM pg_roles WHERE rolname LIKE \
        'pal\\_%' || left(encode(sha256(convert_to(current_database(), 'UTF8')), 'hex'), 8) || '%'";
    let roles: Option<String> = world.sql.query_one(tag, &[]).await.unwrap().get(0);
    format!("{catalogs}\n{roles:?}\n{}", world.state().await)
}

fn with_dir<'a>(arguments: &[&'a str], dir: &'a Path) -> Vec<&'a str> {
    [arguments, &["--dir", dir.to_str().unwrap()]].concat()
}

#[tokio::test]
async fn plugins_and_check_show_what_would_run_and_change_nothing() {
    let world = World::new().await;
    let folder = sql_with(&[
        ("2.sql", "CREATE TABLE more (id bigint);"),
        ("10.sql", "CREATE INDEX CONCURRENTLY i ON more (id);"),
    ]);
    let files = ["0001_tables.sql", "2.sql", "10.sql"];
    // A database that no host has used, and then one that has two files yet to run.
    for pending in [&files[..], &files[1..]] {
        let before = everything(&world).await;
        let shown = run(&world, &with_dir(&["plugins", "--json"], folder.path())).await;
        assert_eq!(shown.code(), 0, "{shown:?}");
        assert_eq!(shown.json()[0]["pending"], json!(pending));
        let shown = run(&world, &with_dir(&["plugins"], folder.path())).await;
        assert!(shown.stdout.contains("pending  migrations/10.sql"), "{shown:?}");
        assert_eq!(everything(&world).await, before, "`plugins` changes nothing");
        let tried = run(&world, &with_dir(&["migrate", "--check"], folder.path())).await;
        assert_eq!(
            (tried.code(), tried.stdout),
            (0, format!("sql: would run {}\n", pending.join(", "))),
            "{}",
            tried.stderr
        );
        assert_eq!(everything(&world).await, before, "`migrate --check` changes nothing");
        if pending.len() == 3 {
            let _host = world.host(&["sql"]).await;
        }
    }
    let ran = run(&world, &with_dir(&["migrate", "--json"], folder.path())).await;
    assert_eq!((ran.code(), ran.json()), (0, json!([{ "name": "sql", "files": ["2.sql", "10.sql"] }])));
    for command in [&["migrate"][..], &["migrate", "--check"]] {
        let again = run(&world, &with_dir(command, folder.path())).await;
        assert_eq!((again.code(), again.stdout.as_str()), (0, "sql: is up to date\n"), "{}", again.stderr);
    }
    let shown = run(&world, &with_dir(&["plugins", "--json"], folder.path())).await.json();
    assert_eq!(shown[0]["pending"], json!([]));
    // What PostgreSQL refuses is found by trying, and by nothing else.
    add(&folder, "11.sql", "ALTER TABLE kinds ADD CONSTRAINT c CHECK (nothing > 0);");
    let before = everything(&world).await;
    let refused = run(&world, &with_dir(&["migrate", "--check"], folder.path())).await;
    assert_eq!(refused.code(), 1);
    assert!(refused.stderr.contains("migrations/11.sql: PostgreSQL refuses"), "{refused:?}");
    assert_eq!(everything(&world).await, before);
    // What changed since it ran is told by both.
    add(&folder, "2.sql", "CREATE TABLE other (id bigint);");
    for command in [&["plugins"][..], &["migrate", "--check"], &["migrate"]] {
        let refused = run(&world, &with_dir(command, folder.path())).await;
        assert_eq!(refused.code(), 1);
        assert!(refused.stderr.contains("migrations/2.sql has changed since it ran here"), "{refused:?}");
    }
}

/// PostgreSQL lets a new label be used only after a commit, which a check in one transaction does not have.
#[tokio::test]
async fn check_in_a_new_database_tries_what_one_transaction_cannot() {
    let world = World::new().await;
    let _host = world.host(&["sql"]).await;
    let folder = sql_with(&[
        ("2.sql", "ALTER TYPE mood ADD VALUE 'proud';"),
        ("3.sql", "INSERT INTO kinds (id, feeling) VALUES (1, 'proud');"),
    ]);
    let before = everything(&world).await;
    let refused = run(&world, &with_dir(&["migrate", "--check"], folder.path())).await;
    assert_eq!(refused.code(), 1);
    assert!(refused.stderr.contains("migrations/3.sql cannot be tried"), "{refused:?}");
    assert!(refused.stderr.contains("`palisade migrate --check --new`"), "{refused:?}");
    let tried = run(&world, &with_dir(&["migrate", "--check", "--new"], folder.path())).await;
    let expected = "sql: would run 0001_tables.sql, 2.sql, 3.sql\n";
    assert_eq!((tried.code(), tried.stdout.as_str()), (0, expected), "{}", tried.stderr);
    assert_eq!(everything(&world).await, before, "the named database is left alone");
    let alone = run(&world, &with_dir(&["migrate", "--new"], folder.path())).await;
    assert_eq!(alone.code(), 2, "{alone:?}");
}

#[tokio::test]
async fn version_that_is_older_than_what_any_host_installed_is_refused_and_changes_nothing() {
    let world = World::new().await;
    let at = |version: &str, files: &[(&str, &str)]| {
        let folder = sql_with(files);
        let path = folder.path().join("palisade.toml");
        let text = fs::read_to_string(&path).unwrap();
        fs::write(path, text.replace("version = \"0.1.0\"", &format!("version = \"{version}\""))).unwrap();
        folder
    };
    let files = [("2.sql", "CREATE TABLE late (id bigint);")];
    let (old, new) = (at("0.9.0", &files), at("0.10.0", &files));
    let first = build(&world, &old).await.unwrap();
    let second = build(&world, &new).await.unwrap();
    let (before, sentence) = (world.state().await, "version 0.9.0 is older than 0.10.0");
    for refused in [load(&first, &old).await, load(&second, &old).await, build(&world, &old).await.map(drop)]
    {
        let refused = refused.unwrap_err();
        assert!(refused.contains(sentence) && refused.contains("--allow-downgrade"), "{refused}");
    }
    let refused = second.load(old.path(), &Policy::as_asked()).await.unwrap_err();
    assert!(matches!(refused, LoadError::Downgrade { .. }), "{refused:?}");
    assert_eq!(world.state().await, before);
    assert_eq!((&*first.plugins()[0].version, &*second.plugins()[0].version), ("0.9.0", "0.10.0"));
    let allowed =
        world.builder().allow_downgrade().plugin(old.path(), Policy::as_asked()).build().await.unwrap();
    assert_eq!(allowed.plugins()[0].version, "0.9.0");
    load(&first, &old).await.unwrap();
}

/// Each block of SQL is a file that runs when it is reached, and each console shows what a command prints then. A refused file
/// is followed by its sentence.
#[tokio::test]
async fn every_example_of_the_page_runs() {
    let page = read("docs/migrations.md");
    let (world, mut ran) = (World::new().await, 0);
    let folder = altered("sql", |manifest| {
        let (head, _) = manifest.split_once("[grants.db]").unwrap();
        let head = head.replace("name = \"sql\"", "name = \"blog\"");
        format!(
            "{head}[grants.db]\nquery = true\nexecute = true\n[grants.db.tables]\nposts = [\"select\", \"insert\", \"update\", \"delete\"]\n"
        )
    });
    fs::remove_dir_all(folder.path().join("migrations")).unwrap();
    fs::create_dir(folder.path().join("migrations")).unwrap();
    let blocks = blocks(&page);
    for (number, (language, text)) in blocks.iter().enumerate() {
        match *language {
            "sql" | "sql refused" => {
                let (name, _) = text.strip_prefix("-- migrations/").unwrap().split_once('\n').unwrap();
                let before = fs::read_to_string(folder.path().join("migrations").join(name)).ok();
                add(&folder, name, text);
                if *language == "sql" && blocks.get(number + 1).is_none_or(|next| next.0 != "console") {
                    build(&world, &folder).await.map(drop).unwrap();
                } else if *language != "sql" {
                    let refused = build(&world, &folder).await.map(drop).unwrap_err();
                    assert_eq!(blocks[number + 1].0, "text");
                    let told = blocks[number + 1].1.replace('\n', " ");
                    assert_eq!(refused, told.trim(), "{name}");
                    match before {
                        Some(before) => add(&folder, name, &before),
                        None => fs::remove_file(folder.path().join("migrations").join(name)).unwrap(),
                    }
                }
            }
            "console" => {
                let (command, printed) = text.split_once('\n').unwrap();
                let words: Vec<&str> = command.strip_prefix("$ palisade ").unwrap().split(' ').collect();
                let shown = run(&world, &with_dir(&words, folder.path())).await;
                assert_eq!((shown.code(), shown.stdout.as_str()), (0, printed), "{command}: {shown:?}");
            }
            "text" => {}
            other => panic!("a block of {other} is not executed"),
        }
        ran += 1;
    }
    assert!(ran >= 10, "{ran}");
    let help = finish(palisade(&["migrate", "--help"])).await;
    assert!(help.stdout.contains("--check"), "{help:?}");
}

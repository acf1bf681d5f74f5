//! Mistakes that beginners make, each where its author meets it: what is said names the place and what to write. A snapshot holds each.
//!
//! Those that only a call shows are in other tests: the type of a value in `tests/db/upsert.rs`, a server without a grant in
//! `host/guard/src/http/tests/allowances.rs`, a migration that has changed in `tests/hosts/migrations.rs`, an import without a grant
//! in `tests/load/mod.rs`, arguments in `tests/values.rs`, traps in `tests/traps.rs` and limits in `tests/limits.rs`.

use super::check::{HEAD, Plugin};
use super::child::{finish, palisade, run};
use crate::harness::{World, altered};
use std::fs;
use std::time::{Duration, SystemTime};

const TABLES: &str =
    "[grants.db]\nquery = true\nexecute = true\n[grants.db.tables]\nposts = [\"select\", \"delete\"]\n";
const RUST: &str = "[build]\nlanguage = \"rust\"\n";

fn with_posts(rest: &str, source: &str) -> Plugin {
    let plugin = Plugin::new(&format!("{rest}{RUST}"));
    plugin.write(
        "migrations/1.sql",
        "CREATE TABLE posts (\n    id    bigint PRIMARY KEY,\n    title text NOT NULL\n);\n",
    );
    plugin.write("src/lib.rs", source);
    plugin
}

#[tokio::test]
async fn mistake_in_the_manifest_is_told_with_its_fix() {
    for (name, text) in [
        ("version", HEAD.replace("0.1.0", "1")),
        ("cron-pattern", format!("{HEAD}[taps]\ncron = \"*/5 * * * *\"\n")),
        ("cron-without-interval", format!("{HEAD}[taps]\ncron = {{}}\n")),
        ("url-without-scheme", format!("{HEAD}[grants]\nhttp = [{{ url = \"example.com\" }}]\n")),
        ("url-with-wildcard", format!("{HEAD}[grants]\nhttp = [{{ url = \"https://*.example.com/\" }}]\n")),
        ("toml-syntax", format!("{HEAD}[grants\nuser = [\"get\"]\n")),
        ("missing-keys", "[plugin]\nname = \"blog\"\n".to_owned()),
        (
            "misspelt-words",
            format!(
                "{HEAD}[exports]\n\"acme:blog/posts\" = \"qeury\"\n[tabs]\n[taps]\nitem-vew = {{}}\n[grants]\nuser = [\"has_permission\"]\n\
                 db = {{ tables = {{ posts = [\"selct\"] }}, qeury = true }}\n[limits]\nmemroy = \"1 MiB\"\n[variables]\nsize = {{ type = \
                 \"int\", default = 1 }}\n[build]\nlanguage = \"javascript\"\n"
            ),
        ),
        ("wrong-units", format!("{HEAD}[limits]\nmemory = 5\nwall-time = \"5\"\ndb-rows = \"many\"\n")),
    ] {
        // The world is not there, so only the manifest speaks.
        let said = Plugin::of_manifest(&text).found().await;
        insta::assert_snapshot!(name, said);
    }
}

#[tokio::test]
async fn mistake_in_the_world_is_told_with_its_fix() {
    for (name, from, to, rest) in [
        ("wit-keyword", "    count: func", "    list: func", ""),
        ("contract-version", "plugin@0.1.0", "plugin@0.9.0", ""),
        ("misspelt-world", "include palisade:plugin/plugin@", "include palisade:plugin/plugn@", ""),
        ("misspelt-export", "interface posts", "interface post", ""),
        (
            "missing-cron-tap",
            "export posts;",
            "export posts;\n    export palisade:plugin/tap-cron@0.1.0;",
            "",
        ),
        (
            "missing-grant",
            "export posts;",
            "import palisade:plugin/user@0.1.0;\n    import palisade:plugin/item@0.1.0;\n    export posts;",
            "",
        ),
        (
            "kind-of-an-import",
            "export posts;",
            "import palisade:plugin/http@0.1.0;\n    export posts;",
            "[grants]\nhttp = [{ url = \"https://a.example/\" }]\n",
        ),
        ("function-outside", "export posts;", "export posts;\n    export greet: func();", ""),
    ] {
        let plugin = Plugin::new(rest);
        plugin.change("wit/blog.wit", from, to);
        if name == "misspelt-export" {
            plugin.change("wit/blog.wit", "export posts", "export post");
        }
        insta::assert_snapshot!(name, plugin.found().await);
    }
}

#[tokio::test]
async fn mistake_with_tables_is_told_with_its_fix() {
    for (name, grants, source) in [
        ("table-that-no-migration-makes", "[grants.db.tables]\npost = [\"select\"]\n", ""),
        (
            "column-of-a-grant",
            "[grants.db.tables]\nposts = { select = [\"id\", \"titel\"], owner = \"id\" }\n",
            "",
        ),
        (
            "column-in-sql",
            TABLES,
            "fn a() {\n    let rows = db::query(\"SELECT id, titel FROM posts\", params![])?;\n}\n",
        ),
        (
            "table-in-sql",
            TABLES,
            "fn a() {\n    db::query(\n        \"SELECT id\n         FROM post\",\n        params![],\n    )\n}\n",
        ),
        ("sql-typo", TABLES, "fn a() {\n    db::query(\"SELEC id FROM posts\", params![])\n}\n"),
        (
            "write-without-grant",
            "[grants.db]\nquery = true\n",
            "fn a() {\n    db::execute(\"DELETE FROM posts WHERE id = $1\", params![id])\n}\n",
        ),
        ("read-with-execute", TABLES, "fn a() {\n    db::execute(\"SELECT id FROM posts\", params![])\n}\n"),
    ] {
        insta::assert_snapshot!(name, with_posts(grants, source).found().await);
    }
    let plugin = with_posts("", "");
    plugin.write(
        "migrations/2.sql",
        "CREATE TABLE a (id bigint);\nDROP SCHEMA public;\nCREATE VIEW v AS SELECT 1;\n",
    );
    plugin.write("migrations/02-again.sql", "");
    let said = plugin.found().await;
    assert!(said.contains("have the same number: rename the one that has not run yet"), "{said}");
    fs::remove_file(plugin.file("migrations/02-again.sql")).unwrap();
    insta::assert_snapshot!("migration", plugin.found().await);
}

#[tokio::test]
async fn what_a_plugin_has_not_is_told_with_what_to_use() {
    let source = "use std::{fs, net::TcpStream};\n\nfn a() -> std::io::Result<()> {\n    let text = fs::read_to_string(\"x\")?;\n    \
        let at = std::time::SystemTime::now();\n    println!(\"{text}\");\n    std::thread::sleep(DAY)\n}\n";
    insta::assert_snapshot!("std", with_posts("", source).found().await);
    let plugin = Plugin::new("[build]\nlanguage = \"python\"\n");
    plugin.write(
        "src/plugin.py",
        "import socket\n\n\ndef read():\n    with open(\"x\") as file:\n        return file.read()\n",
    );
    insta::assert_snapshot!("python", plugin.found().await);
}

#[tokio::test]
async fn function_that_calls_what_its_kind_has_not_is_told() {
    let folder = altered("kinds", |manifest| manifest);
    let component = fs::File::options().write(true).open(folder.path().join("kinds.wasm")).unwrap();
    component.set_modified(SystemTime::now() + Duration::from_secs(5)).unwrap();
    let ran = finish(palisade(&["check", folder.path().to_str().unwrap()])).await;
    assert_eq!(ran.code(), 1, "{ran:?}");
    insta::assert_snapshot!("kind-of-a-function", ran.stdout);
}

#[tokio::test]
async fn component_that_is_not_built_and_secret_that_is_not_set_are_told_at_load() {
    let world = World::new().await;
    let folder = altered("greeter", |manifest| {
        format!(
            "{manifest}\n[grants]\nhttp = [{{ url = \"https://api.example.com/\", secret = \"api-key\" }}]\n"
        )
    });
    let dir = folder.path().to_str().unwrap();
    let loaded = run(&world, &["migrate", "--dir", dir]).await;
    assert_eq!(loaded.code(), 0, "{loaded:?}");
    let called = run(&world, &["call", "greeter", "greeting/greet", r#"{"name":"Ada"}"#, "--dir", dir]).await;
    assert_eq!((called.code(), called.stdout.as_str()), (0, "\"Hello, Ada!\"\n"), "{called:?}");
    let said =
        called.stderr.lines().find(|line| line.contains("api-key")).unwrap_or_else(|| panic!("{called:?}"));
    let (_, sentence) = said.split_once("nobody has").unwrap();
    insta::assert_snapshot!("missing-secret", format!("nobody has{sentence}"));
    fs::remove_file(folder.path().join("greeter.wasm")).unwrap();
    let refused = run(&world, &["call", "greeter", "greeting/greet", "{}", "--dir", dir]).await;
    assert_eq!(refused.code(), 1, "{refused:?}");
    insta::assert_snapshot!(
        "missing-component",
        refused.stderr.replace(&folder.path().canonicalize().unwrap().display().to_string(), "DIR")
    );
}

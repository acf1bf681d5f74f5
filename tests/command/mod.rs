//! The `palisade` command as a process: its output and its exit codes.

mod build;
mod check;
pub mod child;
mod dev;
mod folder;
mod mistakes;
mod new;
mod record;
pub mod reload;
mod test;

use crate::harness::{Answer, World, client, copy, guest};
use child::{Serving, examples, finish, palisade, run};
use palisade::store::private::DataDir;
use serde_json::json;
use std::fs;
use std::path::Path;

const GREET: [&str; 4] = ["call", "greeter", "greeting/greet", r#"{"name":"Ada"}"#];

fn with_dir<'a>(arguments: &[&'a str], dir: &'a Path) -> Vec<&'a str> {
    [arguments, &["--dir", dir.to_str().unwrap()]].concat()
}

#[tokio::test]
async fn serve_that_cannot_start_says_what_to_change() {
    let examples = examples();
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().to_string();
    let serve = ["serve", examples.to_str().unwrap(), "--listen"];
    let refused = finish(palisade(&[&serve[..], &[&port]].concat())).await;
    assert_eq!(refused.code(), 1);
    assert!(
        refused.stderr.contains(&format!("{port} is taken")) && refused.stderr.contains("--listen"),
        "{refused:?}"
    );

    let mut command = palisade(&[&serve[..], &["127.0.0.1:0"]].concat());
    // From now on nothing listens on this port.
    drop(taken);
    command.env("DATABASE_URL", format!("postgresql://ada:hunter2@{port}/none"));
    let refused = finish(command).await;
    assert_eq!(refused.code(), 1);
    assert!(refused.stderr.contains("DATABASE_URL") && refused.stderr.contains("127.0.0.1"), "{refused:?}");
    assert!(!refused.stderr.contains("hunter2") && refused.stdout.is_empty(), "{refused:?}");

    let empty = tempfile::tempdir().unwrap();
    let refused = finish(palisade(&["serve", empty.path().to_str().unwrap()])).await;
    assert_eq!(refused.code(), 2);
    assert!(
        refused.stderr.contains("no plugins in") && refused.stderr.contains("palisade.toml"),
        "{refused:?}"
    );
    let refused = finish(palisade(&["serve", "/no/such/folder"])).await;
    assert_eq!(refused.code(), 2);
    assert!(refused.stderr.contains("/no/such/folder is not a folder"), "{refused:?}");
}

#[tokio::test]
async fn serve_reports_ready_answers_and_exits_with_0_on_sigterm() {
    let world = World::new().await;
    let serving = Serving::start(&world, &[]).await;
    assert!(serving.ready.starts_with("palisade: ready on http://127.0.0.1:"), "{}", serving.ready);
    assert!(serving.ready.contains("(4 plugins, "), "{}", serving.ready);
    let greet = format!("{}/call/greeter/greeting/greet", serving.url());
    let answer = Answer::to(client().post(greet).json(&json!({ "name": "Ada" }))).await;
    assert_eq!((answer.status, answer.body), (200, json!("Hello, Ada!")));
    let remote = finish(palisade(&[&GREET[..], &["--url", serving.url()]].concat())).await;
    assert_eq!((remote.code(), remote.stdout.as_str()), (0, "\"Hello, Ada!\"\n"));
    let ready = serving.ready.clone();
    let ended = serving.terminate().await;
    assert_eq!((ended.code(), &ended.stdout), (0, &ready), "{}", ended.stderr);
}

#[tokio::test]
async fn exit_code_of_call_reflects_the_outcome() {
    let world = World::new().await;
    let greeter = guest("greeter");
    let greeter = greeter.as_path();
    for (arguments, code, stdout, stderr) in [
        (GREET, 0, "\"Hello, Ada!\"\n", ""),
        (
            ["call", "greeter", "greeting/greet", r#"{"name":""}"#],
            3,
            "\"a name is needed\"\n",
            "returned an error",
        ),
        (["call", "greeter", "greeting/greet", "{name:"], 2, "", "error"),
        (["call", "greeter", "greeting/greet", r#"{"name":5}"#], 2, "", "$.name"),
        (["call", "greeter", "greeting/great", "{}"], 2, "", "greeting/greet"),
        (["call", "greter", "greeting/greet", "{}"], 2, "", "greeter"),
    ] {
        let ran = run(&world, &with_dir(&arguments, greeter)).await;
        assert_eq!((ran.code(), ran.stdout.as_str()), (code, stdout), "{arguments:?}: {ran:?}");
        assert!(ran.stderr.contains(stderr), "{arguments:?}: {ran:?}");
        assert_eq!(code == 0, ran.stderr.is_empty(), "{arguments:?}: {ran:?}");
    }
}

#[tokio::test]
async fn call_with_seed_and_instant_repeats_and_servers_reject_both() {
    let world = World::new().await;
    let folder = guest("replay");
    let brief = ["call", "replay", "reads/brief"];
    let (one, other) = ("07".repeat(32), "08".repeat(32));
    let at = |seed| ["--seed", seed, "--at", "2026-01-31T12:00:00Z", "--request", "replayed"];
    let mut printed = Vec::new();
    for seed in [&one, &one, &other] {
        let ran = run(&world, &with_dir(&[&brief[..], &at(seed.as_str())].concat(), &folder)).await;
        assert_eq!(ran.code(), 0, "{ran:?}");
        printed.push(ran.stdout);
    }
    assert!(printed[0] == printed[1] && printed[0] != printed[2], "{printed:?}");
    let action = [&["call", "replay", "effects/all", r#"{"rounds":0}"#][..], &at(&one)].concat();
    let refused = run(&world, &with_dir(&action, &folder)).await;
    assert!(refused.code() == 2 && refused.stderr.contains("`effects/all` is an action"), "{refused:?}");
    for options in
        [&["--seed", one.as_str()][..], &["--at", "2026-01-31T12:00:00Z"], &["--seed", "07", "--at", "1970"]]
    {
        assert_eq!(
            run(&world, &with_dir(&[&brief[..], options].concat(), &folder)).await.code(),
            2,
            "{options:?}"
        );
    }
    let remote = [&brief[..], &at(&one), &["--url", "http://127.0.0.1:1"]].concat();
    let refused = finish(palisade(&remote)).await;
    assert!(refused.code() == 2 && refused.stderr.contains("cannot be used with"), "{refused:?}");
}

#[tokio::test]
async fn plugins_prints_each_plugin_as_json() {
    let world = World::new().await;
    let examples = examples();
    let ran = run(&world, &with_dir(&["plugins", "--json"], &examples)).await;
    assert_eq!(ran.code(), 0, "{ran:?}");
    let plugins = ran.json();
    let names: Vec<_> =
        plugins.as_array().unwrap().iter().map(|plugin| plugin["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["audit-trail", "blog", "greeter", "webhook"]);
    assert_eq!(plugins[2]["functions"][0]["path"], "greeting/greet");
    let people = run(&world, &with_dir(&["plugins"], &examples)).await;
    assert_eq!(people.code(), 0);
    assert!(people.stdout.contains("greeting/greet"), "{people:?}");
}

#[tokio::test]
async fn two_imports_of_one_folder_at_once_import_each_file_once() {
    let world = World::new().await;
    let (examples, folder) = (examples(), tempfile::tempdir().unwrap());
    for number in 0..25 {
        fs::write(folder.path().join(format!("{number}.md")), format!("# Number {number}\n")).unwrap();
    }
    let arguments = with_dir(&["import", folder.path().to_str().unwrap()], &examples);
    let (one, two) = tokio::join!(run(&world, &arguments), run(&world, &arguments));
    assert_eq!((one.code(), two.code()), (0, 0), "{one:?} {two:?}");
    assert_eq!(world.count("SELECT count(*) FROM palisade.items").await, 25);
}

#[tokio::test]
async fn import_writes_only_new_and_changed_items() {
    let world = World::new().await;
    let (examples, folder) = (examples(), tempfile::tempdir().unwrap());
    fs::write(folder.path().join("one.md"), "# One\n\nFirst.\n").unwrap();
    fs::create_dir(folder.path().join("deep")).unwrap();
    fs::write(folder.path().join("deep/two.md"), "# Two\n\nSecond.\n").unwrap();
    fs::write(folder.path().join("three.txt"), "no Markdown").unwrap();
    let arguments = with_dir(&["import", folder.path().to_str().unwrap()], &examples);
    let first = run(&world, &arguments).await;
    assert_eq!(
        (first.code(), first.stdout.as_str()),
        (0, "imported 2, updated 0, unchanged 0\n"),
        "{first:?}"
    );
    let written = "SELECT md5(string_agg(item::text, '|' ORDER BY id)) FROM palisade.items item";
    let before: String = world.sql.query_one(written, &[]).await.unwrap().get(0);
    let second = run(&world, &arguments).await;
    assert_eq!(
        (second.code(), second.stdout.as_str()),
        (0, "imported 0, updated 0, unchanged 2\n"),
        "{second:?}"
    );
    let after: String = world.sql.query_one(written, &[]).await.unwrap().get(0);
    assert_eq!(after, before);
    assert_eq!(
        world.count("SELECT count(*) FROM plugin_audit_trail.entries").await,
        2,
        "an import goes through the taps"
    );
    fs::write(folder.path().join("one.md"), "# One\n\nChanged.\n").unwrap();
    let third = run(&world, &arguments).await;
    assert_eq!(third.stdout, "imported 0, updated 1, unchanged 1\n", "{third:?}");
    assert_eq!(world.count("SELECT count(*) FROM palisade.items WHERE fields->>'slug' IS NOT NULL").await, 2);
}

#[tokio::test]
async fn user_add_prints_a_token_that_call_and_server_accept() {
    let world = World::new().await;
    let added = run(&world, &["user", "add", "ada", "--role", "editor", "--token", "--json"]).await;
    assert_eq!(added.code(), 0, "{added:?}");
    let user = added.json();
    let token = user["token"].as_str().unwrap();
    assert_eq!(run(&world, &["user", "permit", "editor", "item:create:post"]).await.code(), 0);
    let greeter = guest("greeter");
    let called = run(&world, &[&with_dir(&GREET, &greeter)[..], &["--token", token]].concat()).await;
    assert_eq!(called.code(), 0, "{called:?}");
    let wrong = run(&world, &[&with_dir(&GREET, &greeter)[..], &["--token", "pal_none"]].concat()).await;
    assert_eq!(wrong.code(), 1);
    assert!(wrong.stderr.contains("no user has this token") && wrong.stdout.is_empty(), "{wrong:?}");
    let serving = Serving::start(&world, &[]).await;
    let items = format!("{}/items", serving.url());
    let post = json!({ "itemType": "post", "title": "One", "fields": { "body": "text" } });
    assert_eq!(Answer::to(client().post(&items).json(&post)).await.status, 401);
    let created = Answer::to(client().post(&items).bearer_auth(token).json(&post)).await;
    assert_eq!((created.status, &created.body["author"]), (201, &user["id"]), "{created:?}");
    let ended = serving.terminate().await;
    assert_eq!(ended.code(), 0);
    assert!(!ended.stderr.contains(token), "the log never contains a token");
}

#[tokio::test]
async fn build_rejects_what_is_not_a_typed_module_and_says_what_it_is() {
    let folder = tempfile::tempdir().unwrap();
    let module = |name: &str, bytes: &[u8]| {
        let path = folder.path().join(name);
        fs::write(&path, bytes).unwrap();
        path
    };
    let component = fs::read(guest("greeter").join("greeter.wasm")).unwrap();
    let untyped = wat::parse_str("(module (func (export \"f\")))").unwrap();
    for (name, bytes, words) in [
        ("component.wasm", component.as_slice(), "a component already"),
        ("untyped.wasm", untyped.as_slice(), "which world it was built for"),
        ("text.wasm", b"(module)", "not WebAssembly"),
    ] {
        let ran = finish(palisade(&["build", module(name, bytes).to_str().unwrap()])).await;
        assert_eq!(ran.code(), 1, "{name}: {ran:?}");
        assert!(ran.stderr.contains(words) && ran.stderr.contains(name), "{name}: {ran:?}");
    }
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 3, "nothing was written");
    let absent = finish(palisade(&["build", folder.path().join("absent.wasm").to_str().unwrap()])).await;
    assert!(absent.code() == 1 && absent.stderr.contains("cannot read"), "{absent:?}");
}

/// The command lines of all processes that contain this text.
fn processes(text: &str) -> Vec<String> {
    let entries = fs::read_dir("/proc").unwrap().flatten();
    let lines = entries.filter_map(|entry| fs::read(entry.path().join("cmdline")).ok());
    lines
        .map(|line| String::from_utf8_lossy(&line).replace('\0', " "))
        .filter(|line| line.contains(text))
        .collect()
}

/// Removes a folder at the end of the test, even when it fails.
pub struct Removed(pub std::path::PathBuf);

impl Drop for Removed {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

#[tokio::test]
async fn db_harden_without_a_database_hardens_the_private_one() {
    let (folder, home) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let DataDir::Persistent(data) = DataDir::of_project(folder.path()).unwrap() else {
        panic!("the data folder is temporary")
    };
    let _data = Removed(data);
    let mut command = palisade(&with_dir(&["db", "harden", "--apply"], folder.path()));
    command.env("HOME", home.path()).env("XDG_STATE_HOME", home.path()).env("DATABASE_URL", "");
    let ran = finish(command).await;
    assert_eq!((ran.code(), ran.stdout.as_str()), (0, "the private database is hardened\n"), "{ran:?}");
}

#[tokio::test]
async fn call_without_a_database_starts_one_and_leaves_no_process() {
    let (folder, home) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    copy(&guest("greeter"), folder.path());
    // For root, the data is outside the home and kept for the next start in the same folder. This folder has none
    // yet.
    let DataDir::Persistent(data) = DataDir::of_project(folder.path()).unwrap() else {
        panic!("the data folder is temporary")
    };
    let data = Removed(data);
    let mut command = palisade(&GREET);
    command.current_dir(folder.path()).env("HOME", home.path());
    for name in ["XDG_STATE_HOME", "XDG_CONFIG_HOME", "XDG_DATA_HOME"] {
        command.env(name, home.path());
    }
    let ran = finish(command).await;
    assert_eq!((ran.code(), ran.stdout.as_str()), (0, "\"Hello, Ada!\"\n"), "{ran:?}");
    let name = data.0.file_name().unwrap().to_str().unwrap();
    assert!(
        data.0.exists() || home.path().join("palisade").join(name).exists(),
        "the command used a private server"
    );
    assert_eq!(processes(name), Vec::<String>::new());
}

//! `palisade new`: what it makes builds, passes its tests and is served without a change, for every language and template.

use super::child::{Ran, Serving, finish, palisade};
use crate::harness::{Answer, World, client, guestbook};
use serde_json::json;
use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The name of the plugins that the tests make.
const NAME: &str = "first-try";

/// What a new plugin can be.
const TEMPLATES: [&str; 4] = ["hello", "guestbook", "tap", "webhook"];

/// Runs `palisade new` in a folder.
pub async fn new(parent: &Path, arguments: &[&str]) -> Ran {
    let mut command = palisade(&[&["new"], arguments].concat());
    command.current_dir(parent);
    finish(command).await
}

/// A new plugin in a folder of its own.
async fn made(language: &str, template: &str) -> (tempfile::TempDir, PathBuf) {
    let parent = tempfile::tempdir().unwrap();
    let ran = new(parent.path(), &[NAME, "--lang", language, "--template", template]).await;
    assert_eq!((ran.code(), ran.stdout.as_str()), (0, ""), "{ran:?}");
    assert!(ran.stderr.contains("palisade dev"), "{ran:?}");
    let folder = parent.path().join(NAME);
    (parent, folder)
}

/// Builds a plugin with `palisade build`. Plugins in Rust share a target folder, so the SDK is compiled once.
async fn build(language: &str, folder: &Path) {
    // What npm and pip would install: `cargo xtask guests` has it from the same lists.
    for (of, tools) in [("js", "node_modules"), ("python", ".venv")] {
        if of == language {
            let installed = guestbook(language).join("../../.work").join(language).join(tools).canonicalize();
            symlink(installed.expect("run `cargo xtask guests`"), folder.join(tools)).unwrap();
        }
    }
    let mut command = palisade(&["build"]);
    command.current_dir(folder).env("CARGO_TARGET_DIR", target());
    // Where `cargo xtask` keeps the toolchain for guests.
    if std::env::var_os("PALISADE_CACHE").is_none() {
        command.env("PALISADE_CACHE", cache());
    }
    let built = finish(command).await;
    assert_eq!(built.code(), 0, "{language}: {}", built.stderr);
}

fn target() -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).join("new")
}

pub fn cache() -> PathBuf {
    let set = |name| std::env::var_os(name).map(PathBuf::from);
    let cache = set("XDG_CACHE_HOME").unwrap_or_else(|| std::env::home_dir().unwrap().join(".cache"));
    cache.join("palisade")
}

/// Makes a plugin, builds it and runs its tests. Returns its folder.
async fn tried(language: &str, template: &str) -> (tempfile::TempDir, PathBuf) {
    let (parent, folder) = made(language, template).await;
    build(language, &folder).await;
    let mut command = palisade(&["test"]);
    command.current_dir(&folder);
    let tested = finish(command).await;
    assert_eq!((tested.code(), tested.stderr.as_str()), (0, ""), "{language} {template}: {}", tested.stdout);
    assert!(tested.stdout.contains(" passed, 0 failed ("), "{language} {template}: {}", tested.stdout);
    (parent, folder)
}

#[tokio::test]
async fn hello_in_rust_builds_passes_its_tests_and_is_served() {
    let (_parent, folder) = tried("rust", "hello").await;
    let world = World::new().await;
    let serving = Serving::of(&folder, &world, &[], &[]).await;
    let greet = format!("{}/call/{NAME}/greeting/greet", serving.url());
    let answer = Answer::to(client().post(greet).json(&json!({ "name": "Ada" }))).await;
    assert_eq!((answer.status, answer.body), (200, json!("Hello, Ada!")));
    assert_eq!(serving.terminate().await.code(), 0);
}

#[tokio::test]
async fn guestbook_in_rust_builds_passes_its_tests_and_is_served() {
    let (_parent, folder) = tried("rust", "guestbook").await;
    let world = World::new().await;
    let serving = Serving::of(&folder, &world, &[], &[]).await;
    let call = |function: &str| client().post(format!("{}/call/{NAME}/{function}", serving.url()));
    let signed = Answer::to(call("signing/sign").json(&json!({ "name": "Ada", "message": "Hello" }))).await;
    assert_eq!((signed.status, signed.body), (200, json!(1)));
    let listed = Answer::to(call("entries/list").json(&json!({ "limit": 10 }))).await;
    assert_eq!((listed.status, &listed.body[0]["message"]), (200, &json!("Hello")));
    assert_eq!(serving.terminate().await.code(), 0);
}

#[tokio::test]
async fn tap_in_rust_builds_and_passes_its_tests() {
    tried("rust", "tap").await;
}

/// Builds the webhook in a language, runs its tests, and sends it deliveries over HTTP.
async fn delivered(language: &str) {
    let (_parent, folder) = tried(language, "webhook").await;
    let world = World::new().await;
    let serving = Serving::of(&folder, &world, &[], &[]).await;
    let set = "INSERT INTO palisade.variables (plugin, name, value) VALUES ($1, 'key', '\"Jefe\"')";
    let at = format!("{}/hooks/{NAME}/deliveries", serving.url());
    let send = |delivery: &str, signature: &str, body: &[u8]| {
        let request = client().post(&at).header("x-delivery", delivery).header("x-signature", signature);
        let request = request.body(body.to_vec());
        async move { request.send().await.unwrap().status().as_u16() }
    };
    // RFC 4231, test case 2; and what everybody can sign: with no key.
    let (body, right) =
        (b"what do ya want for nothing?", "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
    let unset = "76d9e7194e7dbc3aa00bbe8ffb9f6fcb5a932170f971f948bb2ab61607d2b9d6";
    assert_eq!(send("1", unset, body).await, 401, "{language}: nobody has set the key");
    world.sql.execute(set, &[&NAME]).await.unwrap();
    for (signature, body) in
        [(right, &b"what do ya want for nothing!"[..]), ("", body), (&right[1..], body), (unset, body)]
    {
        assert_eq!(send("1", signature, body).await, 401, "{language} {signature}");
    }
    for _ in 0..2 {
        assert_eq!(send("<1>", right, body).await, 204, "{language}");
    }
    // HMAC-SHA-256 of one byte that is not UTF-8.
    let not_text = "f18579e1097e883411df73b679bf10551407e1e719fd045912e49646f320fd44";
    assert_eq!(send("2", not_text, b"\xff").await, 415, "{language}");
    assert_eq!(send("2", right, &vec![b'x'; 300_000]).await, 413, "{language}");
    let stored = format!("SELECT count(*) FROM plugin_{}.deliveries", NAME.replace('-', "_"));
    assert_eq!(world.count(&stored).await, 1, "{language}");
    let page = client().get(&at).send().await.unwrap();
    assert!(page.headers()["content-security-policy"].to_str().unwrap().ends_with("; sandbox"));
    let page = page.text().await.unwrap();
    assert!(page.contains('1') && page.contains("what do ya want for nothing?</li>"), "{language}: {page}");
    assert!(!page.contains("<1>"), "{language}: {page}");
    let nothing = client().get(format!("{at}/1")).send().await.unwrap();
    assert_eq!(nothing.status(), 404, "{language}");
    assert_eq!(serving.terminate().await.code(), 0);
}

#[tokio::test]
async fn webhook_in_rust_builds_passes_its_tests_and_stores_signed_deliveries() {
    delivered("rust").await;
}

#[tokio::test]
async fn webhook_in_c_stores_signed_deliveries() {
    delivered("c").await;
}

#[tokio::test]
async fn webhook_in_js_builds_passes_its_tests_and_stores_signed_deliveries() {
    delivered("js").await;
}

#[tokio::test]
async fn webhook_in_python_builds_passes_its_tests_and_stores_signed_deliveries() {
    delivered("python").await;
}

#[tokio::test]
async fn plugins_in_c_build_and_pass_their_tests() {
    for template in TEMPLATES {
        tried("c", template).await;
    }
}

#[tokio::test]
async fn hello_in_js_builds_and_passes_its_tests() {
    tried("js", "hello").await;
}

#[tokio::test]
async fn guestbook_in_js_builds_and_passes_its_tests() {
    tried("js", "guestbook").await;
}

#[tokio::test]
async fn tap_in_js_builds_and_passes_its_tests() {
    tried("js", "tap").await;
}

#[tokio::test]
async fn hello_in_python_builds_and_passes_its_tests() {
    tried("python", "hello").await;
}

#[tokio::test]
async fn guestbook_in_python_builds_and_passes_its_tests() {
    tried("python", "guestbook").await;
}

#[tokio::test]
async fn tap_in_python_builds_and_passes_its_tests() {
    tried("python", "tap").await;
}

/// A table in the documents compares the languages, so what is compared is the same.
#[tokio::test]
async fn every_language_has_the_same_contract_rows_and_tests() {
    for template in TEMPLATES {
        let mut first = None;
        for language in ["rust", "js", "python", "c"] {
            let (_parent, folder) = made(language, template).await;
            let mut shared = Vec::new();
            for part in ["wit", "tests", "migrations"] {
                read(&folder.join(part), &mut shared);
            }
            let shared: Vec<_> = shared
                .into_iter()
                .map(|(path, text)| (path.strip_prefix(&folder).unwrap().to_owned(), text))
                .collect();
            assert!(shared.len() > 10, "{language} {template}");
            assert_eq!(first.get_or_insert_with(|| shared.clone()), &shared, "{language} {template}");
        }
    }
}

/// All files below a folder, which may be absent.
fn read(folder: &Path, found: &mut Vec<(PathBuf, String)>) {
    for entry in fs::read_dir(folder).into_iter().flatten() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            read(&path, found);
        } else {
            found.push((path.clone(), fs::read_to_string(&path).unwrap()));
        }
    }
    found.sort();
}

#[tokio::test]
async fn new_rust_is_formatted_and_free_of_lints() {
    for template in TEMPLATES {
        let (_parent, folder) = made("rust", template).await;
        let formatted = Command::new("rustfmt")
            .args(["--check", "--edition", "2024"])
            .arg(folder.join("src/lib.rs"))
            .output();
        let formatted = formatted.unwrap();
        assert!(formatted.status.success(), "{template}: {}", String::from_utf8_lossy(&formatted.stdout));
        // By what `palisade build` wrote, plain cargo finds the SDK.
        build("rust", &folder).await;
        let mut clippy = Command::new("cargo");
        clippy
            .args(["clippy", "--quiet", "--", "-D", "warnings", "-D", "clippy::pedantic"])
            .current_dir(&folder);
        let linted = clippy.env("CARGO_TARGET_DIR", target()).env_remove("RUSTFLAGS").output().unwrap();
        assert!(linted.status.success(), "{template}: {}", String::from_utf8_lossy(&linted.stderr));
    }
}

#[tokio::test]
async fn new_with_a_wrong_name_word_or_place_says_in_one_sentence_what_to_do() {
    let parent = tempfile::tempdir().unwrap();
    fs::create_dir(parent.path().join("taken")).unwrap();
    for (arguments, expected) in [
        (&["My_Plugin"][..], "use lower-case letters, digits and `-`"),
        (&["a/b"], "is not a plugin name"),
        (&["list"], "choose another name, such as `my-list`"),
        (&["taken"], "taken exists already: choose another name, or remove it first"),
        (&["first", "--lang", "go"], "there is no such language: use rust, js, python or c"),
        (&["first", "--template", "blog"], "there is no such template: use hello, guestbook, tap or webhook"),
    ] {
        let refused = new(parent.path(), arguments).await;
        assert_eq!((refused.code(), refused.stdout.as_str()), (2, ""), "{refused:?}");
        assert!(refused.stderr.contains(expected), "{arguments:?}: {refused:?}");
    }
    let names: Vec<_> =
        fs::read_dir(parent.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(names, ["taken"], "nothing was written");
    assert_eq!(fs::read_dir(parent.path().join("taken")).unwrap().count(), 0);
}

//! `palisade serve` on SIGHUP and with `--watch`: what changes without a restart, and what stays when the new version is bad.

use super::child::{Serving, examples, run};
use crate::harness::{Answer, World, client, copy, guest};
use serde_json::json;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// Whether a plugin is loaded again after a change of its files, or only when it is told to.
const WAYS: [&[&str]; 2] = [&[], &["--watch"]];

/// A folder with the greeter in a subfolder.
fn folder() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let greeter = folder.path().join("greeter");
    fs::create_dir(&greeter).unwrap();
    copy(&guest("greeter"), &greeter);
    folder
}

/// Makes a greeter say another word of five letters.
pub fn reword(plugin: &Path, word: &str) {
    let mut component = fs::read(guest("greeter").join("greeter.wasm")).unwrap();
    let at = component.windows(7).position(|bytes| bytes == b"Hello, ").unwrap();
    component[at..at + 5].copy_from_slice(word.as_bytes());
    replace(&plugin.join("greeter.wasm"), &component);
}

/// Replaces a file in one step, as a deployment does.
fn replace(path: &Path, contents: &[u8]) {
    let beside = path.with_extension("next");
    fs::write(&beside, contents).unwrap();
    fs::rename(beside, path).unwrap();
}

fn version(plugin: &Path, version: &str) {
    let path = plugin.join("palisade.toml");
    let text = fs::read_to_string(&path).unwrap();
    let line = text.lines().find(|line| line.starts_with("version = ")).unwrap();
    replace(&path, text.replace(line, &format!("version = \"{version}\"")).as_bytes());
}

async fn greet(serving: &Serving) -> Answer {
    let url = format!("{}/call/greeter/greeting/greet", serving.url());
    Answer::to(client().post(url).json(&json!({ "name": "Ada" }))).await
}

/// Waits until the greeter says this.
async fn says(serving: &Serving, text: &str) {
    for _ in 0..6_000 {
        if greet(serving).await.body == json!(text) {
            return;
        }
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
    panic!("it never said {text}: {:?}", greet(serving).await);
}

#[tokio::test]
async fn twenty_reloads_lose_no_call() {
    let (world, folder) = (World::new().await, folder());
    let greeter = folder.path().join("greeter");
    let serving = Serving::of(folder.path(), &world, &[], &[]).await;
    let url = format!("{}/call/greeter/greeting/greet", serving.url());
    let is_done = Arc::new(AtomicBool::new(false));
    let callers: Vec<_> = (0..4)
        .map(|_| {
            let (url, is_done) = (url.clone(), Arc::clone(&is_done));
            tokio::spawn(async move {
                let mut calls = 0;
                while calls < 50 || !is_done.load(Ordering::Relaxed) {
                    let answer = Answer::to(client().post(&url).json(&json!({ "name": "Ada" }))).await;
                    let is_whole = answer.body == json!("Hello, Ada!") || answer.body == json!("Howdy, Ada!");
                    assert!(answer.status == 200 && is_whole, "{answer:?}");
                    calls += 1;
                }
                calls
            })
        })
        .collect();
    for number in 1..=20 {
        let greeting = if number % 2 == 1 { "Howdy" } else { "Hello" };
        reword(&greeter, greeting);
        serving.signal("-HUP").await;
        serving.logged(" loaded", number).await;
        assert_eq!(greet(&serving).await.body, json!(format!("{greeting}, Ada!")), "reload {number}");
    }
    is_done.store(true, Ordering::Relaxed);
    let mut calls = 0;
    for caller in callers {
        calls += caller.await.unwrap();
    }
    assert!(calls >= 200, "{calls}");
    assert_eq!(serving.terminate().await.code(), 0);
}

#[tokio::test]
async fn reload_that_fails_leaves_everything_as_it_was_and_says_why() {
    let (world, folder) = (World::new().await, folder());
    let (greeter, policy) = (folder.path().join("greeter"), folder.path().join("policy.toml"));
    let serving = Serving::of(folder.path(), &world, &[], &[]).await;
    let manifest = fs::read(greeter.join("palisade.toml")).unwrap();
    let stays = "version 0.1.0 as it was before is still served";
    replace(&greeter.join("greeter.wasm"), b"garbage");
    serving.signal("-HUP").await;
    serving.logged(stays, 1).await;
    assert_eq!(greet(&serving).await.body, json!("Hello, Ada!"));
    replace(&greeter.join("palisade.toml"), b"[plugin\n");
    serving.signal("-HUP").await;
    serving.logged(stays, 2).await;
    serving.logged("palisade.toml:1:", 1).await;
    assert_eq!(greet(&serving).await.body, json!("Hello, Ada!"));
    replace(&greeter.join("palisade.toml"), &manifest);
    reword(&greeter, "Howdy");
    // A policy, or secrets, that cannot be used: no plugin is loaded under another one.
    let unchanged = "everything stays as it is";
    fs::write(&policy, "[greeter\n").unwrap();
    serving.signal("-HUP").await;
    serving.logged(unchanged, 1).await;
    fs::write(&policy, "[gerrter]\n").unwrap();
    serving.signal("-HUP").await;
    serving.logged(unchanged, 2).await;
    fs::remove_file(&policy).unwrap();
    fs::write(folder.path().join("secrets.toml"), "[greeter]\n").unwrap();
    fs::set_permissions(folder.path().join("secrets.toml"), fs::Permissions::from_mode(0o644)).unwrap();
    serving.signal("-HUP").await;
    serving.logged(unchanged, 3).await;
    assert_eq!(greet(&serving).await.body, json!("Hello, Ada!"));
    fs::remove_file(folder.path().join("secrets.toml")).unwrap();
    // Two folders with one plugin: either may be meant.
    let twin = folder.path().join("twin");
    fs::create_dir(&twin).unwrap();
    copy(&greeter, &twin);
    serving.signal("-HUP").await;
    serving.logged("are the same plugin", 2).await;
    assert_eq!(greet(&serving).await.body, json!("Hello, Ada!"));
    fs::remove_dir_all(&twin).unwrap();
    serving.signal("-HUP").await;
    says(&serving, "Howdy, Ada!").await;
    let ended = serving.terminate().await;
    assert_eq!(ended.code(), 0, "{}", ended.stderr);
}

#[tokio::test]
async fn changed_policy_is_in_force_after_a_reload() {
    for options in WAYS {
        let (world, folder) = (World::new().await, folder());
        let policy = folder.path().join("policy.toml");
        let serving = Serving::of(folder.path(), &world, options, &[]).await;
        assert_eq!(greet(&serving).await.status, 200);
        replace(&policy, b"[greeter]\nlimits = { memory = \"64 KiB\" }\n");
        if options.is_empty() {
            serving.signal("-HUP").await;
        }
        serving.logged(" loaded", 1).await;
        let refused = greet(&serving).await;
        assert!(
            refused.status == 500 && refused.body.to_string().contains("memory"),
            "{options:?}: {refused:?}"
        );
        fs::remove_file(&policy).unwrap();
        if options.is_empty() {
            serving.signal("-HUP").await;
        }
        serving.logged(" loaded", 2).await;
        assert_eq!(greet(&serving).await.status, 200, "{options:?}");
    }
}

#[tokio::test]
async fn plugins_that_come_are_loaded_and_only_sighup_unloads_those_that_are_gone() {
    for options in WAYS {
        let (world, folder) = (World::new().await, folder());
        let (greeter, blog) = (folder.path().join("greeter"), folder.path().join("blog"));
        let serving = Serving::of(folder.path(), &world, options, &[]).await;
        let list =
            || client().post(format!("{}/call/blog/posts/list", serving.url())).json(&json!({ "limit": 1 }));
        assert_eq!(Answer::to(list()).await.status, 404);
        let beside = tempfile::tempdir().unwrap();
        copy(&examples().join("blog"), beside.path());
        fs::create_dir(&blog).unwrap();
        copy(beside.path(), &blog);
        if options.is_empty() {
            serving.signal("-HUP").await;
        }
        while Answer::to(list()).await.status != 200 {
            tokio::time::sleep(std::time::Duration::from_millis(10)).await;
        }
        fs::remove_dir_all(&greeter).unwrap();
        if !options.is_empty() {
            serving.logged("is served until SIGHUP", 1).await;
            assert_eq!(greet(&serving).await.status, 200, "it may be on its way back");
        }
        serving.signal("-HUP").await;
        serving.logged("unloaded, because its folder is gone", 1).await;
        assert_eq!(greet(&serving).await.status, 404);
        assert_eq!(serving.terminate().await.code(), 0);
    }
}

#[tokio::test]
async fn renamed_plugin_takes_the_place_of_the_one_before_when_it_is_loaded() {
    let (world, folder) = (World::new().await, folder());
    let greeter = folder.path().join("greeter");
    let serving = Serving::of(folder.path(), &world, &[], &[]).await;
    let manifest = fs::read_to_string(greeter.join("palisade.toml")).unwrap();
    let renamed = manifest.replace("name = \"greeter\"", "name = \"welcomer\"");
    replace(&greeter.join("palisade.toml"), renamed.as_bytes());
    replace(&greeter.join("greeter.wasm"), b"garbage");
    serving.signal("-HUP").await;
    serving.logged("is served until", 1).await;
    assert_eq!(greet(&serving).await.body, json!("Hello, Ada!"));
    reword(&greeter, "Howdy");
    serving.signal("-HUP").await;
    serving.logged("unloaded, because its folder is gone", 1).await;
    assert_eq!(greet(&serving).await.status, 404);
    let url = format!("{}/call/welcomer/greeting/greet", serving.url());
    let answer = Answer::to(client().post(url).json(&json!({ "name": "Ada" }))).await;
    assert_eq!(answer.body, json!("Howdy, Ada!"));
}

#[tokio::test]
async fn watched_plugin_is_loaded_when_its_files_change_and_only_then() {
    let (world, folder) = (World::new().await, folder());
    let (greeter, twin) = (folder.path().join("greeter"), folder.path().join("other"));
    fs::create_dir(&twin).unwrap();
    copy(&greeter, &twin);
    let manifest = fs::read_to_string(twin.join("palisade.toml")).unwrap();
    fs::write(twin.join("palisade.toml"), manifest.replace("name = \"greeter\"", "name = \"other\""))
        .unwrap();
    let serving = Serving::of(folder.path(), &world, &["--watch"], &[]).await;
    for word in ["Howdy", "Salve"] {
        reword(&greeter, word);
        says(&serving, &format!("{word}, Ada!")).await;
    }
    replace(&greeter.join("greeter.wasm"), b"garbage");
    serving.logged("is still served", 1).await;
    assert_eq!(greet(&serving).await.body, json!("Salve, Ada!"));
    let ended = serving.terminate().await;
    assert_eq!(ended.stderr.matches(" loaded").count(), 2, "{}", ended.stderr);
}

#[tokio::test]
async fn older_version_is_refused_unless_downgrades_are_allowed() {
    let (world, folder) = (World::new().await, folder());
    let greeter = folder.path().join("greeter");
    version(&greeter, "0.2.0");
    let serving = Serving::of(folder.path(), &world, &[], &[]).await;
    version(&greeter, "0.1.9");
    reword(&greeter, "Howdy");
    serving.signal("-HUP").await;
    serving.logged("version 0.1.9 is older than 0.2.0", 1).await;
    serving.logged("--allow-downgrade", 1).await;
    assert_eq!(greet(&serving).await.body, json!("Hello, Ada!"));
    version(&greeter, "0.2.0");
    serving.signal("-HUP").await;
    says(&serving, "Howdy, Ada!").await;
    serving.terminate().await;
    // A start, a migration and any other command that installs it refuse it as well.
    version(&greeter, "0.1.9");
    let dir = folder.path().to_str().unwrap();
    for command in [
        &["serve", dir, "--listen", "127.0.0.1:0"][..],
        &["migrate", "--dir", dir],
        &["migrate", "--dir", dir, "--check"],
        &["call", "greeter", "greeting/greet", "{\"name\":\"Ada\"}", "--dir", dir],
    ] {
        let refused = run(&world, command).await;
        assert_eq!(refused.code(), 1, "{command:?}: {refused:?}");
        assert!(refused.stderr.contains("version 0.1.9 is older than 0.2.0"), "{command:?}: {refused:?}");
    }
    let migrated = run(&world, &["migrate", "--dir", dir, "--check", "--allow-downgrade"]).await;
    assert_eq!(migrated.code(), 0, "{migrated:?}");
    let serving = Serving::of(folder.path(), &world, &["--allow-downgrade"], &[]).await;
    assert_eq!(greet(&serving).await.body, json!("Howdy, Ada!"));
    serving.terminate().await;
    // From now on that is the version that was installed last.
    let serving = Serving::of(folder.path(), &world, &[], &[]).await;
    assert_eq!(serving.terminate().await.code(), 0);
}

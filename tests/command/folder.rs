//! Folders of plugins as operators have them: with broken plugins, and with files that are not the operator's.

use super::child::{Serving, examples, finish, palisade, run};
use super::with_dir;
use crate::harness::{Answer, World, client, copy, guest};
use serde_json::json;
use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;

/// The example plugins, and two that cannot be loaded.
fn folder() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    copy(&examples(), folder.path());
    for (name, manifest) in [
        ("bad", "[plugin\n".to_owned()),
        ("empty", "[plugin]\nname = \"empty\"\nversion = \"0.1.0\"\ncomponent = \"pipe.wasm\"\n".to_owned()),
    ] {
        fs::create_dir(folder.path().join(name)).unwrap();
        fs::write(folder.path().join(name).join("palisade.toml"), manifest).unwrap();
    }
    let pipe = folder.path().join("empty/pipe.wasm");
    assert!(std::process::Command::new("mkfifo").arg(pipe).status().unwrap().success());
    folder
}

#[tokio::test]
async fn serve_serves_the_other_plugins_and_logs_each_that_is_broken() {
    let (world, folder) = (World::new().await, folder());
    let serving = Serving::of(folder.path(), &world, &[], &[]).await;
    assert!(serving.ready.contains("(4 plugins, 2 not loaded, "), "{}", serving.ready);
    let greet = format!("{}/call/greeter/greeting/greet", serving.url());
    let answer = Answer::to(client().post(greet).json(&json!({ "name": "Ada" }))).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    let ended = serving.terminate().await;
    for says in ["palisade.toml:1:", "only a regular file is read", "requests for items fail"] {
        assert!(ended.stderr.contains(says), "{says}: {}", ended.stderr);
    }
}

#[tokio::test]
async fn strict_serve_and_plugins_report_every_broken_plugin() {
    let (world, folder) = (World::new().await, folder());
    let serve = ["serve", folder.path().to_str().unwrap(), "--listen", "127.0.0.1:0", "--strict"];
    let refused = run(&world, &serve).await;
    assert_eq!((refused.code(), refused.stdout.as_str()), (1, ""), "{refused:?}");
    let listed = run(&world, &with_dir(&["plugins", "--json"], folder.path())).await;
    assert_eq!(listed.code(), 1);
    for ran in [&refused, &listed] {
        for says in ["palisade.toml:1:", "only a regular file is read"] {
            assert!(ran.stderr.contains(says), "{says}: {ran:?}");
        }
    }
    let states: Vec<_> =
        listed.json().as_array().unwrap().iter().map(|plugin| plugin["status"]["state"].clone()).collect();
    assert_eq!(states.iter().filter(|state| **state == json!("not-loaded")).count(), 2, "{states:?}");
    assert_eq!(states.len(), 6);
}

#[tokio::test]
async fn policy_in_a_plugins_folder_is_never_obeyed() {
    let world = World::new().await;
    let plugin = tempfile::tempdir().unwrap();
    let private = |path: &Path| fs::set_permissions(path, fs::Permissions::from_mode(0o600)).unwrap();
    copy(&guest("greeter"), plugin.path());
    for (file, text) in [
        ("policy.toml", "[greeter]\nlimits = { memory = \"256 MiB\" }\n"),
        ("secrets.toml", "[greeter]\nkey = { header = \"authorization\", value = \"hush\" }\n"),
    ] {
        let path = plugin.path().join(file);
        fs::write(&path, text).unwrap();
        private(&path);
        let refused =
            run(&world, &["serve", plugin.path().to_str().unwrap(), "--listen", "127.0.0.1:0"]).await;
        assert_eq!(refused.code(), 2, "{refused:?}");
        assert!(refused.stderr.contains("in the folder of the plugin"), "{refused:?}");
        assert!(!refused.stderr.contains("hush"), "{refused:?}");
        fs::remove_file(path).unwrap();
    }
    // One level up, through a link into the plugin's folder.
    let folder = tempfile::tempdir().unwrap();
    let inner = folder.path().join("greeter");
    fs::create_dir(&inner).unwrap();
    copy(&guest("greeter"), &inner);
    fs::write(inner.join("policy.toml"), "[greeter]\n").unwrap();
    symlink("greeter/policy.toml", folder.path().join("policy.toml")).unwrap();
    let refused = finish(palisade(&with_dir(&["plugins"], folder.path()))).await;
    assert!(refused.code() == 2 && refused.stderr.contains("in the folder of the plugin"), "{refused:?}");
    // The operator's own, which somebody else can write to.
    fs::remove_file(folder.path().join("policy.toml")).unwrap();
    let own = folder.path().join("policy.toml");
    fs::write(&own, "[greeter]\n").unwrap();
    fs::set_permissions(&own, fs::Permissions::from_mode(0o666)).unwrap();
    let refused = finish(palisade(&with_dir(&["plugins"], folder.path()))).await;
    assert!(refused.code() == 1 && refused.stderr.contains("run `chmod go-w "), "{refused:?}");
}

//! What a start does with plugins that cannot be loaded.

use crate::harness::{CALLS, Served, World, altered, call, component, guest, odd};
use palisade::grant::ItemPower;
use palisade::guard::item::{Criteria, ItemScope, ItemType, Order, PageSize};
use palisade::{CallError, Caller, HostBuilder, LoadError, Policy, ServingStatus};
use serde_json::json;
use std::fs;
use std::path::Path;

/// A folder with a manifest that cannot be read.
fn unreadable() -> tempfile::TempDir {
    let folder = tempfile::Builder::new().prefix("unreadable-").tempdir().unwrap();
    fs::write(folder.path().join("palisade.toml"), "[plugin\n").unwrap();
    folder
}

/// The greeter, a plugin without a readable manifest, one without a component, and two that share a name.
fn five(builder: HostBuilder, folders: &[&Path]) -> HostBuilder {
    let add = |builder: HostBuilder, folder: &&Path| builder.plugin(*folder, Policy::as_asked());
    folders.iter().fold(builder.plugin(guest("greeter"), Policy::as_asked()), add)
}

#[tokio::test]
async fn start_with_broken_plugins_serves_the_others_or_reports_every_error() {
    let world = World::new().await;
    let (unreadable, empty) = (unreadable(), odd(b"", CALLS));
    let twin = || altered("kinds", |manifest| manifest.replace("name = \"kinds\"", "name = \"twin\""));
    let (one, other) = (twin(), twin());
    let folders = [unreadable.path(), empty.path(), one.path(), other.path()];
    let errors = ["palisade.toml:1:", "plugin `odd`: ", "both the plugin `twin`"];

    let strict = five(world.builder(), &folders).build().await.map(drop).unwrap_err();
    let message = strict.to_string();
    assert!(matches!(&strict, LoadError::Several(all) if all.len() == 4), "{message}");
    assert!(errors.iter().all(|error| message.contains(error)), "{message}");

    let host = five(world.builder(), &folders).serve_the_others().build().await.unwrap();
    call(&host, "greeter", "greeting/greet", json!({ "name": "Ada" })).await.unwrap();
    let statuses = host.statuses();
    let broken: Vec<_> = statuses
        .iter()
        .filter_map(|plugin| match &plugin.status {
            ServingStatus::NotLoaded { reason, .. } => Some((plugin.name.as_str(), reason.as_str())),
            _ => None,
        })
        .collect();
    assert_eq!((host.plugins().len(), statuses.len(), broken.len()), (1, 5, 4), "{statuses:?}");
    assert!(errors.iter().all(|error| broken.iter().any(|(_, reason)| reason.contains(error))), "{broken:?}");
    for name in ["odd", "twin"] {
        assert!(broken.iter().any(|(broken, _)| *broken == name), "{broken:?}");
        let refused = call(&host, name, "calls/f", json!({})).await.unwrap_err();
        assert!(matches!(&refused, CallError::NotLoaded { plugin } if plugin == name), "{refused}");
    }

    // Everybody may know which are missing, and only an operator why.
    let served = Served::new(host.clone()).await;
    let ready = served.get("/readyz").await;
    let listed = ready.body["plugins"].as_array().unwrap();
    let missing: Vec<_> = listed.iter().filter(|plugin| plugin["state"] == "not-loaded").collect();
    assert_eq!((ready.status, missing.len()), (200, 4), "{ready:?}");
    assert!(missing.iter().all(|plugin| plugin["reason"].is_null()), "{ready:?}");
    let answer = served.post("/call/odd/calls/f", &json!({})).await;
    assert_eq!((answer.status, &answer.body["error"]["kind"]), (503, &json!("not-loaded")), "{answer:?}");

    // Repaired, it is served like any other.
    fs::write(empty.path().join("odd.wasm"), component("", "")).unwrap();
    host.load(empty.path(), &Policy::as_asked()).await.unwrap();
    call(&host, "odd", "calls/f", json!({})).await.unwrap();
    assert_eq!(host.statuses().len(), 5);
}

#[tokio::test]
async fn start_fails_if_nothing_can_be_loaded_even_if_the_others_would_be_served() {
    let world = World::new().await;
    let broken = unreadable();
    let builder = world.builder().plugin(broken.path(), Policy::as_asked()).serve_the_others();
    assert!(matches!(builder.build().await.map(drop).unwrap_err(), LoadError::Manifest(_)));
}

#[tokio::test]
async fn items_stay_closed_while_a_plugin_is_missing_that_may_guard_them() {
    let world = World::new().await;
    let criteria = Criteria {
        item_type: ItemType::parse("post", ItemScope::All, ItemPower::Read).unwrap(),
        status: None,
        fields: None,
        order: Order::Newest,
        limit: PageSize::parse(1).unwrap(),
        after: None,
    };
    let guarding = altered("taps", |manifest| manifest);
    fs::write(guarding.path().join("taps.wasm"), "broken").unwrap();
    let unguarding = odd(b"", CALLS);
    let unreadable = unreadable();
    for (missing, is_open) in
        [(guarding.path(), false), (unreadable.path(), false), (unguarding.path(), true)]
    {
        let builder = world.builder().plugin(guest("greeter"), Policy::as_asked());
        let host = builder.plugin(missing, Policy::as_asked()).serve_the_others().build().await.unwrap();
        let found = host.items(Caller::Host).find(&criteria).await;
        match found {
            Ok(_) => assert!(is_open, "{}", missing.display()),
            Err(CallError::NotLoaded { .. }) => assert!(!is_open, "{}", missing.display()),
            Err(other) => panic!("{other}"),
        }
    }
    // Once it is loaded, it guards them itself.
    let builder = world.builder().plugin(guest("greeter"), Policy::as_asked());
    let host = builder.plugin(guarding.path(), Policy::as_asked()).serve_the_others().build().await.unwrap();
    host.load(guest("taps"), &Policy::as_asked()).await.unwrap();
    host.items(Caller::Host).find(&criteria).await.unwrap();
}

#[tokio::test]
async fn folder_of_compiled_code_that_cannot_be_used_only_costs_time() {
    let world = World::new().await;
    let folder = tempfile::tempdir().unwrap();
    let load = async |folder: &Path| {
        let builder = world.builder().compiled_code(folder).plugin(guest("greeter"), Policy::as_asked());
        let host = builder.build().await.unwrap();
        call(&host, "greeter", "greeting/greet", json!({ "name": "Ada" })).await.unwrap();
    };
    let kept = |folder: &Path| {
        let entries = fs::read_dir(folder).into_iter().flatten().flatten();
        entries.filter(|entry| entry.path().extension().is_some_and(|end| end == "cwasm")).count()
    };
    // A key that was cut, a file in the place of the folder, a folder under a file, and one of somebody else's.
    let cut = folder.path().join("cut");
    load(&cut).await;
    fs::write(cut.join("key"), "cut").unwrap();
    load(&cut).await;
    assert_eq!(kept(&cut), 1, "a new key, under which the code is kept again");
    let file = folder.path().join("file");
    fs::write(&file, "").unwrap();
    load(&file).await;
    load(&file.join("below")).await;
    let shared = folder.path().join("shared");
    fs::create_dir(&shared).unwrap();
    fs::set_permissions(&shared, std::os::unix::fs::PermissionsExt::from_mode(0o777)).unwrap();
    load(&shared).await;
    assert_eq!(fs::read_dir(&shared).unwrap().count(), 0, "nothing is kept where others could replace it");
    // As on a full disk, no file can be written: this file system has no room and takes no new files.
    load(Path::new("/proc/palisade")).await;
    load(Path::new("/sys")).await;
}

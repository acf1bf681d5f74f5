//! The identity with which taps act: that of the user who caused the change, or all users for cron taps.

use crate::harness::{World, altered, call_as, guest};
use palisade::grant::ItemPower;
use palisade::guard::item::{Draft, Fields, ItemScope, ItemType, Status, Title};
use palisade::guard::user::Permission;
use palisade::{Caller, Policy};
use serde_json::json;
use std::time::Duration;
use tempfile::TempDir;
use uuid::Uuid;

fn draft() -> Draft {
    Draft {
        item_type: ItemType::parse("note", ItemScope::All, ItemPower::Write).unwrap(),
        title: Title::parse("A note").unwrap(),
        status: Status::Published,
        fields: Fields::from_value(json!({})).unwrap(),
    }
}

/// The taps guest, which stores each item with the item's id as the owner, that is, for another user than the caller.
fn taps_with_owner(change: impl FnOnce(String) -> String) -> TempDir {
    altered("taps", |manifest| {
        let all = r#"seen = ["select", "insert"]"#;
        assert!(manifest.contains(all));
        change(manifest.replace(all, r#"seen = { select = true, insert = true, owner = "item" }"#))
    })
}

#[tokio::test]
async fn taps_in_one_transaction_act_for_its_caller() {
    let world = World::new().await;
    let own = |name: &str| {
        altered("audit-trail", |manifest| {
            let manifest = manifest.replace("name = \"audit-trail\"", &format!("name = \"{name}\""));
            let owned = r#"entries = { select = true, insert = true, owner = "actor" }"#;
            manifest.replace(r#"entries = ["select", "insert"]"#, owned)
        })
    };
    let (first, second) = (own("first"), own("second"));
    let builder =
        world.builder().plugin(first.path(), Policy::as_asked()).plugin(guest("taps"), Policy::as_asked());
    let host = builder.plugin(second.path(), Policy::as_asked()).build().await.unwrap();
    host.users().permit("writer", &[Permission::parse("item:create:note").unwrap()]).await.unwrap();
    let (ada, bob) = (world.user(&host, "Ada", &["writer"]).await, world.user(&host, "Bob", &[]).await);
    let item = host.items(Caller::user(ada.clone())).create(draft()).await.unwrap();
    for plugin in ["first", "second"] {
        for (caller, seen) in
            [(Caller::user(ada.clone()), 1), (Caller::user(bob.clone()), 0), (Caller::Anonymous, 0)]
        {
            let entries = json!({ "item": item.id.to_string() });
            let entries = call_as(&host, plugin, "trail/list", entries, caller).await.unwrap();
            assert_eq!(entries.as_array().unwrap().len(), seen, "{plugin}");
        }
    }
    assert_eq!(world.count("SELECT count(*) FROM plugin_taps.seen").await, 1);
}

#[tokio::test]
async fn tap_that_writes_for_another_user_is_denied_and_rolls_back() {
    let world = World::new().await;
    let folder = taps_with_owner(|manifest| manifest);
    let host = world.builder().plugin(folder.path(), Policy::as_asked()).build().await.unwrap();
    host.users().permit("writer", &[Permission::parse("item:create:note").unwrap()]).await.unwrap();
    let ada = Caller::user(world.user(&host, "Ada", &["writer"]).await);
    let before = world.state().await;
    host.items(ada).create(draft()).await.unwrap_err();
    assert_eq!(world.state().await, before);
    host.items(Caller::Host).create(draft()).await.unwrap();
    assert_eq!(world.count("SELECT count(*) FROM plugin_taps.seen").await, 1);
}

#[tokio::test]
async fn cron_tap_sees_the_rows_of_all_users() {
    let world = World::new().await;
    let folder = taps_with_owner(|manifest| {
        let often = manifest.replace("every = \"1 h\"", "every = \"1 s\"");
        often.replace("default = \"run\"", "default = \"count\"")
    });
    // The rows must exist before the first run. A first host installs the tables.
    drop(world.builder().plugin(folder.path(), Policy::as_asked()).build().await.unwrap());
    let (first, second) = (Uuid::now_v7(), Uuid::now_v7());
    let rows = format!("INSERT INTO plugin_taps.seen VALUES ('{first}', 'x', 1), ('{second}', 'x', 1)");
    world.sql.batch_execute(&rows).await.unwrap();
    let _host = world.builder().plugin(folder.path(), Policy::as_asked()).build().await.unwrap();
    let counted = "SELECT count(*) FROM palisade.variables WHERE plugin = 'taps' AND name = 'last-run' \
         AND value = '2'";
    for _ in 0..200 {
        if world.count(counted).await == 1 {
            return;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("the cron tap did not see two rows within ten seconds");
}

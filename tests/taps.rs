//! Tests `wit/taps.wit`: which taps run, in which order, and what their results do. Items are written through the
//! host's own API, as over HTTP.

use crate::harness::{World, altered, guest, limited};
use palisade::grant::ItemPower;
use palisade::guard::item::Item;
use palisade::guard::item::{
    Criteria, Draft, Fields, ItemScope, ItemType, Order, PageSize, Patch, Status, Title,
};
use palisade::guard::user::Permission;
use palisade::{CallError, Caller, Host, Policy};
use serde_json::{Value, json};
use std::time::Duration;

fn draft(fields: Value) -> Draft {
    Draft {
        item_type: ItemType::parse("note", ItemScope::All, ItemPower::Write).unwrap(),
        title: Title::parse("A note").unwrap(),
        status: Status::Published,
        fields: Fields::from_value(fields).unwrap(),
    }
}

/// Criteria for the newest notes.
fn notes() -> Criteria {
    Criteria {
        item_type: ItemType::parse("note", ItemScope::All, ItemPower::Read).unwrap(),
        status: None,
        fields: None,
        order: Order::Newest,
        limit: PageSize::parse(10).unwrap(),
        after: None,
    }
}

async fn create(host: &Host, caller: &Caller, fields: Value) -> Result<Item, CallError> {
    host.items(caller.clone()).create(draft(fields)).await
}

async fn read(host: &Host, caller: &Caller, item: &Item) -> Result<Item, CallError> {
    host.items(caller.clone()).get(&item.id.to_string()).await
}

/// The taps guest with another name and weight.
fn taps(name: &str, weight: i32) -> tempfile::TempDir {
    altered("taps", |manifest| {
        let renamed = manifest.replace("name = \"taps\"", &format!("name = \"{name}\""));
        renamed.replace("weight = 10", &format!("weight = {weight}"))
    })
}

#[tokio::test]
async fn access_tap_that_denies_traps_or_spins_hides_the_item() {
    let world = World::new().await;
    let impatient = altered("taps", |manifest| format!("{manifest}\n[limits]\nguest-time = \"100 ms\"\n"));
    let host = world.builder().plugin(impatient.path(), Policy::as_asked()).build().await.unwrap();
    let seen = create(&host, &Caller::Host, json!({})).await.unwrap();
    for order in ["deny", "trap", "spin"] {
        // The tap also runs before writes, so the test writes the order directly to the table.
        let set = format!("UPDATE palisade.items SET fields = '{{\"access\": \"{order}\"}}'");
        world.sql.batch_execute(&set).await.unwrap();
        assert!(matches!(read(&host, &Caller::Host, &seen).await, Err(CallError::NotFound)), "{order}");
        let page = host.items(Caller::Host).find(&notes()).await.unwrap();
        assert!(page.items.is_empty(), "{order}");
        let denied = create(&host, &Caller::Host, json!({ "access": order })).await;
        assert!(matches!(denied, Err(CallError::Denied)), "{order}: {denied:?}");
    }
    world.sql.batch_execute("UPDATE palisade.items SET fields = '{}'").await.unwrap();
    assert!(read(&host, &Caller::Host, &seen).await.is_ok(), "the plugin still works");
}

#[tokio::test]
async fn access_tap_grant_replaces_the_permission_and_a_denial_wins() {
    let world = World::new().await;
    let host = world.host(&["taps"]).await;
    let neutral = create(&host, &Caller::Anonymous, json!({})).await;
    assert!(matches!(neutral, Err(CallError::Denied)), "{neutral:?}");
    assert!(create(&host, &Caller::Anonymous, json!({ "access": "grant" })).await.is_ok());
    let (kind, stern) =
        (taps("kind", 1), altered("blog", |manifest| manifest.replace("weight = 10", "weight = 2")));
    let both =
        world.builder().plugin(kind.path(), Policy::as_asked()).plugin(stern.path(), Policy::as_asked());
    let both = both.build().await.unwrap();
    let post = Draft {
        item_type: ItemType::parse("post", ItemScope::All, ItemPower::Write).unwrap(),
        ..draft(json!({ "access": "grant", "members-only": true, "body": "x" }))
    };
    let post = both.items(Caller::Host).create(post).await;
    assert!(post.is_ok(), "{post:?}");
    let id: String = world
        .sql
        .query_one("SELECT id::text FROM palisade.items WHERE item_type = 'post'", &[])
        .await
        .unwrap()
        .get(0);
    let read = |caller: Caller| both.items(caller).get(id.as_str());
    assert!(
        matches!(read(Caller::Anonymous).await, Err(CallError::NotFound)),
        "one tap denies, so the other's grant does not count"
    );
    let member = Caller::user(world.user(&both, "Mia", &[]).await);
    assert!(read(member).await.is_ok());
}

#[tokio::test]
async fn presave_taps_change_the_draft_in_order_of_weight_then_name() {
    let world = World::new().await;
    let (late, early, middle) = (taps("a-late", 20), taps("z-early", -5), taps("m-middle", 20));
    let mut builder = world.builder();
    for plugin in [&late, &early, &middle] {
        builder = builder.plugin(plugin.path(), Policy::as_asked());
    }
    let host = builder.build().await.unwrap();
    let item = create(&host, &Caller::Host, json!({ "presave": "append:x" })).await.unwrap();
    let trail = item.fields.to_value()["trail"].clone();
    assert_eq!(trail, json!(["x@z-early", "x@a-late", "x@m-middle"]));
    let stored: String =
        world.sql.query_one("SELECT fields->>'trail' FROM palisade.items", &[]).await.unwrap().get(0);
    assert_eq!(
        serde_json::from_str::<Value>(&stored).unwrap(),
        trail,
        "the stored item has the presave taps' changes"
    );
}

#[tokio::test]
async fn view_taps_change_the_fields_and_not_the_stored_item() {
    let world = World::new().await;
    let (first, second) = (taps("first", 1), taps("second", 2));
    let builder =
        world.builder().plugin(second.path(), Policy::as_asked()).plugin(first.path(), Policy::as_asked());
    let host = builder.build().await.unwrap();
    let item = create(&host, &Caller::Host, json!({ "view": "append:v" })).await.unwrap();
    assert_eq!(item.fields.to_value()["trail"], json!(["v@first", "v@second"]));
    let stored: String =
        world.sql.query_one("SELECT fields::text FROM palisade.items", &[]).await.unwrap().get(0);
    assert_eq!(stored, r#"{"view":"append:v"}"#);
    for order in ["trap", "garbage"] {
        let set = format!("UPDATE palisade.items SET fields = '{{\"view\": \"{order}\"}}'");
        world.sql.batch_execute(&set).await.unwrap();
        let hidden = read(&host, &Caller::Host, &item).await;
        assert!(matches!(hidden, Err(CallError::Trapped { .. })), "{order}: {hidden:?}");
    }
    let other = create(&host, &Caller::Host, json!({})).await.unwrap();
    let page = host.items(Caller::Host).find(&notes()).await.unwrap();
    assert_eq!(
        page.items.iter().map(|item| item.id).collect::<Vec<_>>(),
        [other.id],
        "a failing view tap hides only its item"
    );
    let written = create(&host, &Caller::Host, json!({ "view": "trap" })).await.unwrap();
    assert_eq!(
        written.fields.to_value(),
        json!({}),
        "the result of the write has no field that view taps did not process"
    );
}

#[tokio::test]
async fn presave_or_changed_tap_that_rejects_or_fails_rolls_back() {
    let world = World::new().await;
    let host = world.host(&["taps", "audit-trail"]).await;
    let before = world.state().await;
    for (fields, refused) in [
        (json!({ "presave": "veto" }), true),
        (json!({ "presave": "trap" }), false),
        (json!({ "presave": "retype" }), false),
        (json!({ "presave": "garbage" }), false),
        (json!({ "changed": "veto" }), true),
        (json!({ "changed": "trap" }), false),
    ] {
        let result = create(&host, &Caller::Host, fields.clone()).await;
        match result {
            Err(CallError::Refused { plugin, message }) => {
                assert!(refused && plugin == "taps" && message.starts_with("vetoed"));
            }
            Err(CallError::Trapped { .. }) => assert!(!refused, "{fields}"),
            other => panic!("{fields}: {other:?}"),
        }
        assert_eq!(world.state().await, before, "{fields}");
    }
}

#[tokio::test]
async fn audit_trail_row_and_item_are_stored_together_or_not_at_all() {
    let world = World::new().await;
    let host = world.host(&["audit-trail", "taps"]).await;
    let item = create(&host, &Caller::Host, json!({})).await.unwrap();
    let patch = Patch { title: Some(Title::parse("Changed").unwrap()), ..Patch::default() };
    host.items(Caller::Host).patch(&item.id.to_string(), patch).await.unwrap();
    // Here audit-trail runs first and writes its row. The heavier tap vetoes afterwards, which undoes the row.
    let heavy = taps("heavy", 1000);
    host.load(heavy.path(), &Policy::as_asked()).await.unwrap();
    let vetoed = create(&host, &Caller::Host, json!({ "changed": "veto" })).await;
    assert!(matches!(vetoed, Err(CallError::Refused { .. })));
    host.items(Caller::Host).delete(&item.id.to_string(), Some(2)).await.unwrap();
    let rows = world
        .sql
        .query("SELECT item::text, action, revision FROM plugin_audit_trail.entries ORDER BY id", &[])
        .await
        .unwrap();
    let rows: Vec<(String, String, i32)> =
        rows.iter().map(|row| (row.get(0), row.get(1), row.get(2))).collect();
    let id = item.id.to_string();
    assert_eq!(
        rows,
        [(id.clone(), "created".into(), 1), (id.clone(), "updated".into(), 2), (id, "deleted".into(), 2)]
    );
    assert_eq!(world.count("SELECT count(*) FROM palisade.items").await, 0);
}

#[tokio::test]
async fn tap_in_a_shared_transaction_has_only_its_plugins_rights() {
    let world = World::new().await;
    let host = world.host(&["audit-trail", "taps"]).await;
    // Revoke audit-trail's right to its own table without the host. The host's login could still write to the table.
    let role: String = world
        .sql
        .query_one("SELECT role FROM palisade.plugins WHERE name = 'audit-trail'", &[])
        .await
        .unwrap()
        .get(0);
    world
        .sql
        .batch_execute(&format!("REVOKE INSERT ON plugin_audit_trail.entries FROM {role}"))
        .await
        .unwrap();
    let before = world.state().await;
    let refused = create(&host, &Caller::Host, json!({})).await;
    assert!(matches!(refused, Err(CallError::Refused { .. } | CallError::Trapped { .. })), "{refused:?}");
    assert_eq!(world.state().await, before);
}

#[tokio::test]
async fn concurrent_writes_of_one_item_succeed_or_report_a_conflict() {
    let world = World::new().await;
    let host = world.host(&["audit-trail"]).await;
    let item = create(&host, &Caller::Host, json!({ "n": 0 })).await.unwrap();
    let mut tasks = tokio::task::JoinSet::new();
    for index in 0..8 {
        let (host, id) = (host.clone(), item.id.to_string());
        tasks.spawn(async move {
            let fields = Fields::from_value(json!({ format!("k{index}"): index })).unwrap();
            let patch = Patch { fields: Some(fields), ..Patch::default() };
            host.items(Caller::Host).patch(&id, patch).await
        });
    }
    let mut written = 0;
    while let Some(result) = tasks.join_next().await {
        match result.unwrap() {
            Ok(_) => written += 1,
            Err(CallError::Contended { .. }) => {}
            Err(error) => panic!("{error:?}"),
        }
    }
    assert!(written >= 1);
    let revision = world.count("SELECT revision::bigint FROM palisade.items").await;
    assert_eq!(revision, 1 + written);
    assert_eq!(world.count("SELECT count(*) FROM plugin_audit_trail.entries").await, 1 + written);
    assert_eq!(
        world.count("SELECT count(*) FROM json_object_keys((SELECT fields FROM palisade.items))").await,
        1 + written
    );
}

#[tokio::test]
async fn cron_tap_runs_at_its_interval() {
    let world = World::new().await;
    let often = altered("taps", |manifest| manifest.replace("every = \"1 h\"", "every = \"1 s\""));
    let _host = world.builder().plugin(often.path(), Policy::as_asked()).build().await.unwrap();
    let ran = "SELECT count(*) FROM palisade.variables WHERE plugin = 'taps' AND name = 'last-run'";
    for _ in 0..200 {
        if world.count(ran).await == 1 {
            return;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("the cron tap did not run within ten seconds");
}

/// The run waits for a locked table for more than two of its intervals.
#[tokio::test]
async fn cron_tap_longer_than_its_interval_never_overlaps_itself() {
    let world = World::new().await;
    let often = altered("taps", |manifest| manifest.replace("every = \"1 h\"", "every = \"1 s\""));
    let host = world.builder().plugin(often.path(), Policy::as_asked()).build().await.unwrap();
    let role = "SELECT role FROM palisade.plugins WHERE name = 'taps'";
    let role: String = world.sql.query_one(role, &[]).await.unwrap().get(0);
    let patient = format!(
        "ALTER ROLE {role} SET lock_timeout = '30s'; ALTER ROLE {role} SET statement_timeout = '30s'"
    );
    world.sql.batch_execute(&patient).await.unwrap();
    world.sql.batch_execute("BEGIN; LOCK TABLE palisade.variables IN ACCESS EXCLUSIVE MODE").await.unwrap();
    let waiting =
        "SELECT count(*) FROM pg_locks WHERE relation = 'palisade.variables'::regclass AND NOT granted";
    let mut seen = 0;
    for _ in 0..700 {
        let now = world.count(waiting).await;
        assert!(now <= 1, "{now} concurrent runs");
        // About two and a half intervals after the first sight of a run.
        seen += now;
        if seen > 250 {
            break;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    assert!(seen > 0, "the cron tap never reached its variable");
    world.sql.batch_execute("ROLLBACK").await.unwrap();
    drop(host);
}

#[tokio::test]
async fn author_may_change_an_item_and_another_user_may_not() {
    let world = World::new().await;
    let host = world.host(&["taps"]).await;
    host.users().permit("writer", &[Permission::parse("item:create:note").unwrap()]).await.unwrap();
    let author = Caller::user(world.user(&host, "Ada", &["writer"]).await);
    let other_user = Caller::user(world.user(&host, "Otto", &["writer"]).await);
    let item = create(&host, &author, json!({})).await.unwrap();
    let patch = Patch { title: Some(Title::parse("x").unwrap()), ..Patch::default() };
    let id = item.id.to_string();
    let denied = host.items(other_user).patch(&id, patch.clone()).await;
    assert!(matches!(denied, Err(CallError::Denied)));
    let stale = Patch { revision: Some(7), ..patch.clone() };
    let conflict = host.items(author.clone()).patch(&id, stale).await;
    assert!(matches!(conflict, Err(CallError::Conflict(1))));
    assert_eq!(host.items(author).patch(&id, patch).await.unwrap().revision, 2);
}

#[tokio::test]
async fn tap_that_the_policy_does_not_name_rejects_the_plugin() {
    let world = World::new().await;
    let all = "db = { tables = { seen = [\"select\", \"insert\"] } }\nvariables = [\"write\"]\n";
    let some = "taps = [\"item-access\", \"item-view\", \"item-presave\", \"item-changed\"]\n";
    for (grants, missing) in [(all.to_owned(), "cron"), (format!("{all}taps = [\"cron\"]\n"), "item-access")]
    {
        let policy = Policy::only(toml::from_str(&grants).unwrap());
        let error = world.builder().plugin(guest("taps"), policy).build().await.err().unwrap().to_string();
        assert!(error.contains(&format!("tap `{missing}`")), "{error}");
    }
    let every = format!("{all}{}", some.replace(']', ", \"cron\"]"));
    let policy = Policy::only(toml::from_str(&every).unwrap());
    assert!(world.builder().plugin(guest("taps"), policy).build().await.is_ok());
}

#[tokio::test]
async fn view_over_its_plugins_limit_is_counted_as_a_hit_of_that_limit() {
    let world = World::new().await;
    let folder = altered("taps", limited("item-fields-bytes = \"64 B\""));
    let host = world.builder().plugin(folder.path(), Policy::as_asked()).build().await.unwrap();
    let hits = || {
        let metrics = host.metrics();
        metrics
            .lines()
            .filter(|line| line.contains("item-fields-bytes") && line.contains("hit"))
            .map(str::to_owned)
            .collect::<Vec<_>>()
    };
    let before = hits();
    let item = create(&host, &Caller::Host, json!({ "view": format!("append:{}", "x".repeat(64)) })).await;
    let shown = match item {
        Ok(item) => read(&host, &Caller::Host, &item).await,
        Err(error) => Err(error),
    };
    assert!(
        matches!(shown, Err(CallError::LimitExceeded { ref usage, .. }) if usage.limit.name() == "item-fields-bytes")
            || matches!(shown, Err(CallError::NotFound)),
        "{shown:?}"
    );
    assert_ne!(hits(), before, "{}", host.metrics());
}

/// The reads need a connection of the host's and no tap. They are answered before the first tap has ended.
async fn reads_are_answered_while(host: &Host, mut running: tokio::task::JoinSet<()>) {
    tokio::time::sleep(Duration::from_millis(1_500)).await;
    let nothing =
        Criteria { item_type: ItemType::parse("page", ItemScope::All, ItemPower::Read).unwrap(), ..notes() };
    for _ in 0..8 {
        let page = host.items(Caller::Anonymous).peer(Some([192, 0, 2, 1].into())).find(&nothing).await;
        assert!(page.unwrap().items.is_empty());
    }
    assert!(running.try_join_next().is_none(), "the taps ended before the reads");
    running.shutdown().await;
}

/// Twenty writes want more connections than the host has, and each holds one until its tap is cut off.
#[tokio::test]
async fn reads_are_served_while_writes_wait_for_taps() {
    let world = World::new().await;
    let host = world.host_with("taps", limited("wall-time = \"20 s\"")).await;
    host.users().permit("writer", &[Permission::parse("item:create:note").unwrap()]).await.unwrap();
    let mut writes = tokio::task::JoinSet::new();
    for number in 0..20 {
        let author = Caller::user(world.user(&host, &format!("Ada {}", number % 4), &["writer"]).await);
        let host = host.clone();
        writes.spawn(async move {
            let _ = create(&host, &author, json!({ "changed": "spin" })).await;
        });
    }
    reads_are_answered_while(&host, writes).await;
}

/// A list holds no connection while an access tap looks at its items.
#[tokio::test]
async fn reads_are_served_while_lists_wait_for_taps() {
    let world = World::new().await;
    let host = world.host_with("taps", limited("wall-time = \"20 s\"")).await;
    let row = "INSERT INTO palisade.items SELECT gen_random_uuid(), 'note', 'n', 'published', '{\"access\":\"spin\"}', 1, NULL, \
         now(), now() FROM generate_series(1, 3)";
    world.sql.batch_execute(row).await.unwrap();
    let mut lists = tokio::task::JoinSet::new();
    for peer in 0..28 {
        let host = host.clone();
        lists.spawn(async move {
            let _ = host.items(Caller::Anonymous).peer(Some([10, 0, 0, peer].into())).find(&notes()).await;
        });
    }
    reads_are_answered_while(&host, lists).await;
}

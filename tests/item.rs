//! Tests `wit/item.wit` through a component: items, revisions, pages, and who may see and change which.

use crate::harness::{World, altered, call, call_as, returned};
use palisade::grant::ItemPower;
use palisade::guard::item::{
    Criteria, Draft, Fields, ItemScope, ItemType, Order, PageSize, Patch, Status, Title,
};
use palisade::guard::user::Permission;
use palisade::limits::HOST_CONNECTIONS_MAX;
use palisade::{CallError, Caller, Host, Policy};
use serde_json::{Value, json};

fn draft(title: &str, status: &str, fields: &str) -> Value {
    json!({ "draft": { "itemType": "note", "title": title, "status": status, "fields": fields } })
}

fn criteria(limit: u32, after: Option<&str>) -> Value {
    json!({ "criteria": { "itemType": "note", "status": null, "fields": null, "order": "oldest", "limit": limit, "after": after } })
}

/// A user with all permissions on notes.
async fn editor(world: &World, host: &Host) -> Caller {
    let permissions = ["item:create:note", "item:edit:note", "item:delete:note"]
        .map(|name| Permission::parse(name).unwrap());
    host.users().permit("editor", &permissions).await.unwrap();
    Caller::user(world.user(host, "Edda", &["editor"]).await)
}

async fn insert(host: &Host, caller: &Caller, title: &str, status: &str) -> Value {
    call_as(host, "probe", "writes/item-insert", draft(title, status, "{}"), caller.clone()).await.unwrap()
}

#[tokio::test]
async fn mutation_inserts_an_item_as_revision_1() {
    let world = World::new().await;
    let host = world.host(&["probe"]).await;
    let caller = editor(&world, &host).await;
    let fields = r#"{"body":"text","tags":["a","b"],"n":1.5}"#;
    let item =
        call_as(&host, "probe", "writes/item-insert", draft("One", "published", fields), caller.clone())
            .await
            .unwrap();
    assert_eq!(item["revision"], 1);
    assert_eq!(item["author"], caller.as_user().unwrap().id.to_string());
    let row = world
        .sql
        .query_one("SELECT id::text, fields->>'body', status FROM palisade.items", &[])
        .await
        .unwrap();
    assert_eq!(
        (row.get::<_, String>(0), row.get::<_, String>(1)),
        (item["id"].as_str().unwrap().into(), "text".into())
    );
    let read = call(&host, "probe", "reads/item-get", json!({ "id": item["id"] })).await.unwrap();
    assert_eq!(read, item, "the item is read as it was written");
}

#[tokio::test]
async fn patch_keeps_the_old_revision_and_rejects_a_stale_change() {
    let world = World::new().await;
    let host = world.host(&["probe"]).await;
    let caller = editor(&world, &host).await;
    let item = insert(&host, &caller, "One", "draft").await;
    let patch = |revision: Option<u32>, fields: &str| json!({ "id": item["id"], "alteration": { "title": null, "status": "published", "fields": fields, "revision": revision } });
    let after = call_as(&host, "probe", "writes/item-patch", patch(Some(1), r#"{"a":1}"#), caller.clone())
        .await
        .unwrap();
    assert_eq!(
        (after["revision"].clone(), after["title"].clone(), after["status"].clone()),
        (json!(2), json!("One"), json!("published"))
    );
    let stale = call_as(&host, "probe", "writes/item-patch", patch(Some(1), "{}"), caller.clone()).await;
    assert_eq!(returned(stale), json!({ "tag": "conflict", "val": 2 }));
    let merged =
        call_as(&host, "probe", "writes/item-patch", patch(None, r#"{"a":null,"b":2}"#), caller.clone())
            .await
            .unwrap();
    assert_eq!(merged["fields"], r#"{"b":2}"#);
    assert_eq!(world.count("SELECT count(*) FROM palisade.item_revisions").await, 2);
    let gone =
        call_as(&host, "probe", "writes/item-delete", json!({ "id": item["id"], "revision": 3 }), caller)
            .await;
    assert!(gone.is_ok(), "{gone:?}");
    assert_eq!(world.count("SELECT count(*) FROM palisade.items").await, 0);
    assert_eq!(world.count("SELECT count(*) FROM palisade.item_revisions").await, 3);
}

#[tokio::test]
async fn draft_is_visible_only_to_its_author_and_editors() {
    let world = World::new().await;
    let host = world.host(&["probe"]).await;
    let editor = editor(&world, &host).await;
    host.users().permit("writer", &[Permission::parse("item:create:note").unwrap()]).await.unwrap();
    let author = Caller::user(world.user(&host, "Ada", &["writer"]).await);
    let other = Caller::user(world.user(&host, "Otto", &["writer"]).await);
    let item = insert(&host, &author, "Secret", "draft").await;
    for (caller, sees) in [(Caller::Anonymous, false), (other.clone(), false), (author, true), (editor, true)]
    {
        let read = call_as(&host, "probe", "reads/item-get", json!({ "id": item["id"] }), caller.clone())
            .await
            .unwrap();
        assert_eq!(!read.is_null(), sees, "{caller:?}");
        let many =
            call_as(&host, "probe", "reads/item-get-many", json!({ "ids": [item["id"]] }), caller.clone())
                .await
                .unwrap();
        assert_eq!(many.as_array().unwrap().len(), usize::from(sees));
        let found =
            call_as(&host, "probe", "reads/item-find", criteria(10, None), caller.clone()).await.unwrap();
        assert_eq!(found.as_array().unwrap().len(), usize::from(sees), "{caller:?}");
    }
    let delete = json!({ "id": item["id"], "revision": null });
    let denied = call_as(&host, "probe", "writes/item-delete", delete, other).await;
    assert_eq!(returned(denied), json!({ "tag": "not-found" }), "an invisible item appears absent");
}

#[tokio::test]
async fn change_without_permission_is_denied() {
    let world = World::new().await;
    let host = world.host(&["probe"]).await;
    let editor = editor(&world, &host).await;
    let item = insert(&host, &editor, "Public", "published").await;
    let before = world.state().await;
    let patch = json!({ "id": item["id"], "alteration": { "title": "x", "status": null, "fields": null, "revision": null } });
    for (function, arguments) in [
        ("writes/item-insert", draft("x", "draft", "{}")),
        ("writes/item-patch", patch),
        ("writes/item-delete", json!({ "id": item["id"], "revision": null })),
    ] {
        assert_eq!(
            returned(call(&host, "probe", function, arguments).await),
            json!({ "tag": "access-denied" }),
            "{function}"
        );
    }
    assert_eq!(world.state().await, before);
}

#[tokio::test]
async fn item_of_an_ungranted_type_appears_absent() {
    let world = World::new().await;
    let host = world.host(&["probe"]).await;
    let page = "INSERT INTO palisade.items VALUES ('0190a5f0-0000-7000-8000-000000000001', 'page', 'P', 'published', '{}', 1, NULL, now(), now())";
    world.sql.batch_execute(page).await.unwrap();
    let read = call_as(
        &host,
        "probe",
        "reads/item-get",
        json!({ "id": "0190a5f0-0000-7000-8000-000000000001" }),
        Caller::Host,
    )
    .await;
    assert_eq!(read.unwrap(), Value::Null);
    let mut pages = criteria(10, None);
    pages["criteria"]["itemType"] = json!("page");
    assert_eq!(
        returned(call_as(&host, "probe", "reads/item-find", pages, Caller::Host).await),
        json!({ "tag": "access-denied" })
    );
    let mut insert = draft("x", "draft", "{}");
    insert["draft"]["itemType"] = json!("page");
    assert_eq!(
        returned(call_as(&host, "probe", "writes/item-insert", insert, Caller::Host).await),
        json!({ "tag": "access-denied" })
    );
}

#[tokio::test]
async fn item_login_cannot_touch_ungranted_types() {
    let world = World::new().await;
    let _host = world.host(&["probe"]).await;
    let page = "INSERT INTO palisade.items VALUES ('0190a5f0-0000-7000-8000-000000000001', 'page', 'P', 'published', '{}', 1, NULL, now(), now())";
    world.sql.batch_execute(page).await.unwrap();
    let role: String = world.sql.query_one("SELECT role FROM palisade.plugins", &[]).await.unwrap().get(0);
    world.sql.batch_execute(&format!("SET SESSION AUTHORIZATION {role}")).await.unwrap();
    assert_eq!(world.count("SELECT count(*) FROM palisade.items").await, 0);
    assert_eq!(world.sql.execute("DELETE FROM palisade.items", &[]).await.unwrap(), 0);
    let error = world.sql.batch_execute(page).await.unwrap_err();
    assert_eq!(error.code().unwrap().code(), "42501");
}

#[tokio::test]
async fn pages_return_every_item_once_in_order() {
    let world = World::new().await;
    let host = world.host(&["probe"]).await;
    let caller = editor(&world, &host).await;
    for index in 0..5 {
        insert(&host, &caller, &format!("n{index}"), "published").await;
        // Item ids start with their millisecond; ids of one millisecond have no order.
        tokio::time::sleep(std::time::Duration::from_millis(2)).await;
    }
    let (mut seen, mut after) = (Vec::new(), None);
    loop {
        let page = call(&host, "probe", "reads/item-find", criteria(2, after.as_deref())).await.unwrap();
        let page = page.as_array().unwrap();
        seen.extend(page.iter().map(|item| item["title"].as_str().unwrap().to_owned()));
        if page.len() < 2 {
            break;
        }
        after = page.last().map(|item| item["id"].as_str().unwrap().to_owned());
    }
    assert_eq!(seen, ["n0", "n1", "n2", "n3", "n4"]);
    for limit in [0, 101] {
        let error = returned(call(&host, "probe", "reads/item-find", criteria(limit, None)).await);
        assert_eq!(error["tag"], "invalid-argument");
    }
}

#[tokio::test]
async fn find_by_fields_returns_the_items_that_contain_them() {
    let world = World::new().await;
    let host = world.host(&["probe"]).await;
    let caller = editor(&world, &host).await;
    for (title, fields) in [("a", r#"{"tags":["x","y"]}"#), ("b", r#"{"tags":["y"]}"#), ("c", "{}")] {
        call_as(&host, "probe", "writes/item-insert", draft(title, "published", fields), caller.clone())
            .await
            .unwrap();
    }
    let mut with = criteria(10, None);
    with["criteria"]["fields"] = json!(r#"{"tags":["x"]}"#);
    let found = call(&host, "probe", "reads/item-find", with).await.unwrap();
    assert_eq!(found.as_array().unwrap().iter().map(|item| item["title"].clone()).collect::<Vec<_>>(), ["a"]);
}

#[tokio::test]
async fn malformed_item_argument_is_rejected() {
    let world = World::new().await;
    let host = world.host(&["probe"]).await;
    let caller = editor(&world, &host).await;
    for (title, fields) in [("", "{}"), ("a\nb", "{}"), ("a", "[]"), ("a", "{"), ("a", "{\"a\":\"\\u0000\"}")]
    {
        let error = returned(
            call_as(&host, "probe", "writes/item-insert", draft(title, "draft", fields), caller.clone())
                .await,
        );
        assert_eq!(error["tag"], "invalid-argument", "{title:?} {fields:?}");
    }
    for id in ["", "1", "0190A5F0-0000-7000-8000-000000000001"] {
        let error = returned(call(&host, "probe", "reads/item-get", json!({ "id": id })).await);
        assert_eq!(error["tag"], "invalid-argument", "{id:?}");
    }
}

#[tokio::test]
async fn plugin_granted_only_read_cannot_load_if_it_writes() {
    let world = World::new().await;
    let reader =
        altered("probe", |manifest| manifest.replace("note = [\"read\", \"write\"]", "note = [\"read\"]"));
    let error = world.builder().plugin(reader.path(), Policy::as_asked()).build().await.err().unwrap();
    assert!(error.to_string().contains("add `\"write\"` to a type in [grants.item.types]"), "{error}");
}

/// A plugin's login may write only what the host would write: no history of missing items, of other types or of other
/// revisions.
#[tokio::test]
async fn history_forged_by_a_plugins_login_is_rejected() {
    let world = World::new().await;
    let host = world.host(&["probe"]).await;
    let caller = editor(&world, &host).await;
    insert(&host, &caller, "One", "published").await;
    let role = "SELECT role FROM palisade.plugins WHERE name = 'probe'";
    let role: String = world.sql.query_one(role, &[]).await.unwrap().get(0);
    let before = world.snapshot().await;
    world.sql.batch_execute(&format!("SET SESSION AUTHORIZATION {role}")).await.unwrap();
    let forged = |id: &str, item_type: &str, title: &str, revision: &str| {
        format!(
            "INSERT INTO palisade.item_revisions SELECT {id}, {item_type}, {title}, status, fields, {revision}, author, created_at, \
             updated_at FROM palisade.items"
        )
    };
    for sql in [
        forged("gen_random_uuid()", "item_type", "title", "revision"),
        forged("id", "'post'", "title", "revision"),
        forged("id", "item_type", "title", "revision + 1"),
        forged("id", "item_type", "title", "7"),
        "UPDATE palisade.item_revisions SET title = 'x'".to_owned(),
        "DELETE FROM palisade.item_revisions".to_owned(),
        "SELECT * FROM palisade.item_revisions".to_owned(),
        "TRUNCATE palisade.item_revisions".to_owned(),
    ] {
        let error = world.sql.batch_execute(&sql).await.expect_err(&sql);
        assert_eq!(error.code().unwrap().code(), "42501", "{sql}");
    }
    world.sql.batch_execute("RESET SESSION AUTHORIZATION").await.unwrap();
    assert_eq!(world.snapshot().await.changed_since(&before), Vec::<&str>::new());
}

/// Each write holds a connection while it reads its caller's permissions. Writes that hold all connections must not
/// wait for another one.
#[tokio::test]
async fn writes_that_hold_all_connections_can_still_read_permissions() {
    let world = World::new().await;
    let host = world.host(&["probe"]).await;
    let author = editor(&world, &host).await;
    let mut items = Vec::new();
    for n in 0..2 * HOST_CONNECTIONS_MAX {
        items.push(insert(&host, &author, &format!("note {n}"), "published").await);
    }
    // A user who may edit the items of others. Whether that permission is needed is known only after the item is
    // read.
    let editor = Caller::user(world.user(&host, "Emil", &["editor"]).await);
    let mut writes = tokio::task::JoinSet::new();
    for item in items {
        let (host, caller) = (host.clone(), editor.clone());
        writes.spawn(async move {
            let patch = Patch { title: Some(Title::parse("Changed").unwrap()), ..Patch::default() };
            host.items(caller).patch(item["id"].as_str().unwrap(), patch).await
        });
    }
    while let Some(written) = writes.join_next().await {
        match written.unwrap() {
            Ok(item) => assert_eq!(item.revision, 2),
            Err(CallError::Contended { .. }) => {}
            Err(error) => panic!("{error:?}"),
        }
    }
}

/// Who may see an item stands in Rust, for one item, and in SQL, for pages: the same rows for both.
#[tokio::test]
async fn item_is_visible_by_id_exactly_where_it_is_visible_in_a_page() {
    let world = World::new().await;
    let host = world.host(&[]).await;
    for (role, permission) in [("notes", "item:edit:note"), ("pages", "item:edit:page")] {
        host.users().permit(role, &[Permission::parse(permission).unwrap()]).await.unwrap();
    }
    let [author, other] = ["Ada", "Bea"].map(|name| world.user(&host, name, &[]));
    let (author, other) = (Caller::user(author.await), Caller::user(other.await));
    let editor = Caller::user(world.user(&host, "Cid", &["notes"]).await);
    let stranger = Caller::user(world.user(&host, "Dan", &["pages"]).await);
    let by_author = author.as_user().map(|user| user.id);
    // Status, whether Ada wrote it, and who sees it: anonymous, author, other, editor of notes, editor of pages, host.
    for (status, written, seen) in [
        (Status::Draft, false, [false, false, false, true, false, true]),
        (Status::Draft, true, [false, true, false, true, false, true]),
        (Status::Published, false, [true; 6]),
        (Status::Published, true, [true; 6]),
    ] {
        let draft = Draft {
            item_type: ItemType::parse("note", ItemScope::All, ItemPower::Write).unwrap(),
            title: Title::parse("A note").unwrap(),
            status,
            fields: Fields::empty(),
        };
        let item = host.items(Caller::Host).create(draft).await.unwrap();
        let set = "UPDATE palisade.items SET author = $1 WHERE id = $2";
        world.sql.execute(set, &[&by_author.filter(|_| written), &item.id]).await.unwrap();
        let criteria = Criteria {
            item_type: ItemType::parse("note", ItemScope::All, ItemPower::Read).unwrap(),
            status: Some(status),
            fields: None,
            order: Order::Newest,
            limit: PageSize::parse(1).unwrap(),
            after: None,
        };
        let callers = [&Caller::Anonymous, &author, &other, &editor, &stranger, &Caller::Host];
        for (caller, seen) in callers.into_iter().zip(seen) {
            let read = host.items(caller.clone()).get(&item.id.to_string()).await;
            let page = host.items(caller.clone()).find(&criteria).await.unwrap();
            let listed = page.items.iter().any(|listed| listed.id == item.id);
            assert_eq!(
                (read.is_ok(), listed),
                (seen, seen),
                "{status:?}, by its author {written}, {caller:?}"
            );
            assert!(seen || matches!(read, Err(CallError::NotFound)), "{read:?}");
        }
    }
}

//! Tests of `/items`: permissions, revisions, and taps.

use crate::harness::{Answer, Served, World};
use palisade::guard::user::{Permission, UserId};
use palisade::{Host, User};
use reqwest::Method;
use serde_json::{Value, json};

/// A user with these permissions on posts, and their token.
async fn user(world: &World, host: &Host, name: &str, may: &[&str]) -> (User, String) {
    let permissions: Vec<_> =
        may.iter().map(|may| Permission::parse(&format!("item:{may}:post")).unwrap()).collect();
    host.users().permit(name, &permissions).await.unwrap();
    let user = world.user(host, name, &[name]).await;
    let token = host.users().token(UserId::from(user.id), None).await.unwrap();
    (user, token)
}

/// A server, and an editor with a token.
async fn edited(world: &World) -> (Served, User, String) {
    let host = world.host(&["blog", "audit-trail", "greeter"]).await;
    let (user, token) = user(world, &host, "editor", &["create", "edit", "delete"]).await;
    (Served::new(host).await, user, token)
}

fn post(title: &str, status: &str) -> Value {
    json!({ "itemType": "post", "title": title, "status": status, "fields": { "body": "*Hello*, world." } })
}

async fn create(served: &Served, token: &str, post: &Value) -> Answer {
    Answer::to(served.request(Method::POST, "/items").bearer_auth(token).json(post)).await
}

async fn change(
    served: &Served,
    token: &str,
    id: &str,
    revision: Option<&str>,
    change: Option<&Value>,
) -> Answer {
    let method = if change.is_some() { Method::PATCH } else { Method::DELETE };
    let mut request = served.request(method, &format!("/items/{id}")).bearer_auth(token);
    if let Some(revision) = revision {
        request = request.header("if-match", revision);
    }
    Answer::to(match change {
        Some(change) => request.json(change),
        None => request,
    })
    .await
}

fn id(answer: &Answer) -> String {
    answer.body["id"].as_str().unwrap_or_else(|| panic!("the answer has no item: {answer:?}")).to_owned()
}

#[tokio::test]
async fn write_without_permission_is_denied_and_changes_nothing() {
    let world = World::new().await;
    let host = world.host(&["blog", "audit-trail"]).await;
    let (_, editor) = user(&world, &host, "editor", &["create"]).await;
    let (_, reader) = user(&world, &host, "reader", &["delete"]).await;
    let served = Served::new(host).await;
    let item = id(&create(&served, &editor, &post("One", "published")).await);
    let before = world.state().await;
    let anonymous = served.post("/items", &post("Two", "published")).await;
    assert_eq!((anonymous.status, anonymous.kind()), (401, "unauthorized"));
    assert!(anonymous.header("www-authenticate").starts_with("Bearer"));
    let patch = served.request(Method::PATCH, &format!("/items/{item}")).json(&json!({ "title": "x" }));
    assert_eq!(Answer::to(patch).await.status, 401);
    assert_eq!(Answer::to(served.request(Method::DELETE, &format!("/items/{item}"))).await.status, 401);
    assert_eq!(create(&served, &reader, &post("Two", "published")).await.status, 403);
    assert_eq!(change(&served, &reader, &item, None, Some(&json!({ "title": "x" }))).await.status, 403);
    assert_eq!(world.state().await, before);
}

#[tokio::test]
async fn malformed_item_request_is_rejected_and_changes_nothing() {
    let world = World::new().await;
    let (served, _, token) = edited(&world).await;
    let item = id(&create(&served, &token, &post("One", "published")).await);
    let before = world.state().await;
    for body in [
        json!({}),
        json!([]),
        json!({ "itemType": "post" }),
        json!({ "itemType": "Post", "title": "x" }),
        json!({ "itemType": "post", "title": 5 }),
        json!({ "itemType": "post", "title": "" }),
        json!({ "itemType": "post", "title": "x", "status": "gone" }),
        json!({ "itemType": "post", "title": "x", "fields": [] }),
        json!({ "itemType": "post", "title": "x", "fields": { "a": "\u{0}" } }),
        json!({ "itemType": "post", "title": "x", "revision": 7 }),
    ] {
        let answer = create(&served, &token, &body).await;
        assert_eq!((answer.status, answer.kind()), (400, "bad-arguments"), "{body}: {answer:?}");
    }
    for query in [
        "",
        "?type=Post",
        "?type=post&stauts=draft",
        "?type=post&limit=0",
        "?type=post&limit=101",
        "?type=post&after=1",
    ] {
        assert_eq!(served.get(&format!("/items{query}")).await.status, 400, "{query}");
    }
    // A rejected key is not echoed in full, and its control characters are not echoed at all.
    let long = "\u{1b}".repeat(10_000);
    let mut draft = post("Two", "published");
    draft[&long] = json!(1);
    let query = format!("?type=post&{}=1", "%1b".repeat(1_000));
    for answer in [create(&served, &token, &draft).await, served.get(&format!("/items{query}")).await] {
        let message = answer.body["error"]["message"].as_str().unwrap();
        assert!(message.contains("unknown ") && message.len() < 500, "{message:.600}");
        assert!(!message.contains('\u{1b}'), "{message}");
    }
    for revision in ["1", "W/\"1\"", "\"one\"", "\"1\", \"2\""] {
        assert_eq!(change(&served, &token, &item, Some(revision), None).await.status, 400, "{revision}");
    }
    let refused = create(&served, &token, &json!({ "itemType": "post", "title": "x" })).await;
    assert_eq!((refused.status, refused.kind()), (422, "refused"), "{refused:?}");
    assert_eq!(refused.body["error"]["plugin"], "blog", "the blog's presave tap requires a text");
    assert_eq!(world.state().await, before);
}

#[tokio::test]
async fn each_write_of_an_item_is_stored_and_leaves_an_audit_row() {
    let world = World::new().await;
    let (served, editor, token) = edited(&world).await;
    let created =
        served.request(Method::POST, "/items").bearer_auth(&token).header("x-request-id", "write-1");
    let created = Answer::to(created.json(&post("One", "published"))).await;
    let item = id(&created);
    assert_eq!((created.status, created.header("etag")), (201, "\"1\""));
    assert_eq!(created.header("location"), format!("/items/{item}"));
    assert_eq!(created.body["author"], editor.id.to_string());
    let read = served.get(&format!("/items/{item}")).await;
    assert_eq!((read.status, read.header("etag"), &read.body), (200, "\"1\"", &created.body));
    assert_eq!(read.body["fields"]["slug"], "one", "the presave tap derived the slug");
    assert!(
        read.body["fields"]["html"].as_str().unwrap().contains("<em>Hello</em>"),
        "the view tap added the HTML"
    );
    let listed = served.get("/items?type=post").await;
    assert_eq!(listed.body, json!({ "items": [read.body], "next": null }));
    let changed = change(&served, &token, &item, None, Some(&json!({ "title": "Two" }))).await;
    assert_eq!((changed.status, changed.header("etag")), (200, "\"2\""));
    assert_eq!(
        (changed.body["title"].as_str(), changed.body["fields"]["slug"].as_str()),
        (Some("Two"), Some("two"))
    );
    let deleted = change(&served, &token, &item, Some("\"2\""), None).await;
    assert_eq!((deleted.status, deleted.body), (204, Value::Null));
    let gone = served.get(&format!("/items/{item}")).await;
    assert_eq!((gone.status, gone.kind()), (404, "not-found"));
    let trail = served.post("/call/audit-trail/trail/list", &json!({ "item": item })).await.body;
    let entries = trail.as_array().unwrap().iter();
    let entries: Vec<_> =
        entries.map(|entry| (entry["action"].as_str().unwrap(), entry["revision"].clone())).collect();
    assert_eq!(entries, [("deleted", json!(2)), ("updated", json!(2)), ("created", json!(1))]);
    assert_eq!(
        (&trail[2]["request"], &trail[2]["actor"]),
        (&json!("write-1"), &json!(editor.id.to_string()))
    );
    assert_eq!(world.count("SELECT count(*) FROM plugin_audit_trail.entries").await, 3);
}

#[tokio::test]
async fn change_for_a_stale_revision_is_412_and_changes_nothing() {
    let world = World::new().await;
    let (served, _, token) = edited(&world).await;
    let item = id(&create(&served, &token, &post("One", "published")).await);
    let title = |title: &str| json!({ "title": title });
    assert_eq!(change(&served, &token, &item, Some("\"1\""), Some(&title("Two"))).await.status, 200);
    let before = world.state().await;
    for stale in [
        change(&served, &token, &item, Some("\"1\""), Some(&title("Three"))).await,
        change(&served, &token, &item, Some("\"1\""), None).await,
    ] {
        assert_eq!((stale.status, stale.kind()), (412, "precondition-failed"));
        assert_eq!(stale.body["error"]["revision"], 2, "the error names the current revision");
    }
    assert_eq!(world.state().await, before);
    assert_eq!(
        change(&served, &token, &item, Some("*"), Some(&title("Three"))).await.header("etag"),
        "\"3\""
    );
    assert_eq!(change(&served, &token, &item, Some("\"3\""), None).await.status, 204);
}

#[tokio::test]
async fn one_of_several_concurrent_changes_to_a_revision_wins() {
    let world = World::new().await;
    let (served, _, token) = edited(&world).await;
    let item = id(&create(&served, &token, &post("One", "published")).await);
    let changes: Vec<_> = (0..6)
        .map(|number| {
            let request = served.request(Method::PATCH, &format!("/items/{item}")).bearer_auth(&token);
            tokio::spawn(Answer::to(
                request.header("if-match", "\"1\"").json(&json!({ "title": number.to_string() })),
            ))
        })
        .collect();
    let mut statuses = Vec::new();
    for change in changes {
        statuses.push(change.await.unwrap().status);
    }
    assert_eq!(statuses.iter().filter(|&&status| status == 200).count(), 1, "{statuses:?}");
    assert!(statuses.iter().all(|status| [200, 409, 412].contains(status)), "{statuses:?}");
    assert_eq!(world.count("SELECT revision::bigint FROM palisade.items").await, 2);
    assert_eq!(
        world.count("SELECT count(*) FROM plugin_audit_trail.entries").await,
        2,
        "a rejected change leaves no audit row"
    );
}

#[tokio::test]
async fn item_hidden_from_a_caller_appears_absent() {
    let world = World::new().await;
    let (served, _, token) = edited(&world).await;
    let draft = id(&create(&served, &token, &post("Draft", "draft")).await);
    let mut members = post("Members", "published");
    members["fields"]["members-only"] = json!(true);
    let members = id(&create(&served, &token, &members).await);
    let absent = "0190a5f0-0000-7000-8000-000000000000";
    let nothing = served.get(&format!("/items/{absent}")).await;
    for hidden in [draft.as_str(), members.as_str()] {
        let answer = served.get(&format!("/items/{hidden}")).await;
        assert_eq!((answer.status, answer.kind()), (404, "not-found"), "{hidden}");
        assert_eq!(answer.message(), nothing.message(), "hidden and absent items get the same message");
    }
    assert_eq!(served.get("/items?type=post").await.body["items"], json!([]));
    for seen in [&draft, &members] {
        let request = served.request(Method::GET, &format!("/items/{seen}")).bearer_auth(&token);
        assert_eq!(Answer::to(request).await.status, 200);
    }
}

#[tokio::test]
async fn item_pages_list_each_item_once() {
    let world = World::new().await;
    let (served, _, token) = edited(&world).await;
    for title in ["One", "Two", "Three"] {
        create(&served, &token, &post(title, "published")).await;
    }
    let mut titles = Vec::new();
    let mut after = String::new();
    loop {
        let page = served.get(&format!("/items?type=post&order=oldest&limit=2{after}")).await.body;
        titles.extend(
            page["items"].as_array().unwrap().iter().map(|item| item["title"].as_str().unwrap().to_owned()),
        );
        let Some(next) = page["next"].as_str() else { break };
        after = format!("&after={next}");
    }
    assert_eq!(titles, ["One", "Two", "Three"]);
    let plain = super::served(&world).await;
    assert_eq!(plain.get("/items?type=page").await.body["items"], json!([]));
}

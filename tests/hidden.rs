//! What an access tap denies stays unseen: in pages, in searches, and in what other plugins read.

use crate::harness::{Served, World, altered, call, call_as, returned};
use palisade::guard::user::{Permission, UserId};
use palisade::limits::ITEM_EXAMINED_MAX;
use palisade::{CallError, Caller, Host, Policy};
use reqwest::Method;
use serde_json::{Value, json};

/// A user who may change notes, and their token.
async fn editor(world: &World, host: &Host) -> (Caller, String) {
    let permissions = ["item:create:note", "item:edit:note", "item:delete:note"]
        .map(|name| Permission::parse(name).unwrap());
    host.users().permit("editor", &permissions).await.unwrap();
    let user = world.user(host, "Edda", &["editor"]).await;
    let token = host.users().token(UserId::from(user.id), None).await.unwrap();
    (Caller::user(user), token)
}

fn id(number: usize) -> String {
    format!("0190a5f0-0000-7000-8000-{number:012}")
}

/// Stores a published note without any tap.
async fn store(world: &World, number: usize, fields: &str) {
    let text = format!(
        "INSERT INTO palisade.items VALUES ('{}', 'note', 'n{number}', 'published', '{fields}', 1, NULL, now(), now()) \
         ON CONFLICT (id) DO UPDATE SET fields = excluded.fields",
        id(number)
    );
    world.sql.batch_execute(&text).await.unwrap();
}

fn titles(items: &Value) -> Vec<&str> {
    items.as_array().unwrap().iter().map(|item| item["title"].as_str().unwrap()).collect()
}

fn find(fields: Option<&str>, limit: u32, after: Option<&str>) -> Value {
    json!({ "criteria": { "itemType": "note", "status": null, "fields": fields, "order": "oldest", "limit": limit, "after": after } })
}

/// Every page of notes that an anonymous caller gets with these parameters, as text.
async fn pages(served: &Served, parameters: &str) -> Vec<String> {
    let (mut pages, mut after) = (Vec::new(), String::new());
    loop {
        let path = format!("/items?type=note{parameters}{after}");
        let text = served.request(Method::GET, &path).send().await.unwrap().text().await.unwrap();
        let page: Value = serde_json::from_str(&text).unwrap();
        assert!(page["items"].is_array(), "{path}: {text}");
        pages.push(text);
        let Some(next) = page["next"].as_str() else { return pages };
        after = format!("&after={next}");
    }
}

/// The pages are compared byte for byte with those of a world in which the hidden items do not exist.
#[tokio::test]
async fn pages_tell_nothing_of_what_a_denied_item_contains_or_that_it_exists() {
    let world = World::new().await;
    let host = world.host(&["watch"]).await;
    let (_, token) = editor(&world, &host).await;
    let served = Served::new(host).await;
    for number in [2, 5, 6] {
        store(&world, number, r#"{"pin":4711}"#).await;
    }
    let mut searches = Vec::new();
    for limit in [1, 2, 3, 100] {
        for order in ["newest", "oldest"] {
            for fields in [
                "",
                "&fields={\"pin\":4711}",
                "&fields={\"pin\":4712}",
                "&fields={}",
                "&fields={\"tags\":[]}",
            ] {
                searches.push(format!("&limit={limit}&order={order}{fields}"));
            }
        }
    }
    let mut without = Vec::new();
    for search in &searches {
        without.push(pages(&served, search).await);
    }
    for hidden in [
        r#"{"watch":"deny","pin":4711,"tags":[1]}"#,
        r#"{"watch":"deny","pin":4712}"#,
        r#"{"watch":"members","pin":4711}"#,
        r#"{"watch":"deny"}"#,
    ] {
        for number in [1, 3, 4, 7, 8] {
            store(&world, number, hidden).await;
        }
        for (search, expected) in searches.iter().zip(&without) {
            assert_eq!(&pages(&served, search).await, expected, "{search} with hidden {hidden}");
        }
    }
    // The same items are there for who may see them.
    for number in [1, 3, 4, 7, 8] {
        store(&world, number, r#"{"watch":"deny","pin":4712}"#).await;
    }
    let request = served.request(Method::GET, "/items?type=note&fields={\"pin\":4712}").bearer_auth(token);
    let page: Value = request.send().await.unwrap().json().await.unwrap();
    assert_eq!(titles(&page["items"]), ["n8", "n7", "n4", "n3", "n1"]);
}

#[tokio::test]
async fn place_behind_a_denied_item_is_refused_like_one_behind_no_item() {
    let world = World::new().await;
    let host = world.host(&["watch", "probe"]).await;
    store(&world, 1, r#"{"watch":"deny"}"#).await;
    store(&world, 2, "{}").await;
    let served = Served::new(host.clone()).await;
    let [hidden, absent] = [1, 9].map(|number| format!("/items?type=note&after={}", id(number)));
    let (hidden, absent) = (served.get(&hidden).await, served.get(&absent).await);
    assert_eq!((hidden.status, hidden.kind(), hidden.message()), (400, "bad-arguments", absent.message()));
    assert_eq!(served.get(&format!("/items?type=note&after={}", id(2))).await.status, 200);
    let after = |number| find(None, 10, Some(&id(number)));
    let refused = |number| {
        let (host, after) = (host.clone(), after(number));
        async move { returned(call(&host, "probe", "reads/item-find", after).await) }
    };
    let (hidden, absent) = (refused(1).await, refused(9).await);
    assert_eq!(hidden["tag"], "invalid-argument");
    assert_eq!(hidden, absent);
    assert_eq!(call(&host, "probe", "reads/item-find", after(2)).await.unwrap(), json!([]));
}

#[tokio::test]
async fn denied_item_is_absent_for_other_plugins_in_every_read_and_write() {
    let world = World::new().await;
    let host = world.host(&["probe", "watch"]).await;
    let (user, _) = editor(&world, &host).await;
    // The tap also denies users without a seat in its table, so that an editor meets a denial.
    store(&world, 1, r#"{"watch":"members","pin":4711}"#).await;
    store(&world, 2, "{}").await;
    store(&world, 3, r#"{"watch":"deny"}"#).await;
    let (hidden, absent) = (id(1), id(9));
    for caller in [Caller::Anonymous, user.clone(), Caller::Host] {
        for (id, is_absent) in [(&hidden, true), (&absent, true), (&id(2), false)] {
            let one = call_as(&host, "probe", "reads/item-get", json!({ "id": id }), caller.clone()).await;
            assert_eq!(one.unwrap().is_null(), is_absent, "{caller:?} {id}");
        }
        let ids = json!({ "ids": [hidden, id(2), absent] });
        let many = call_as(&host, "probe", "reads/item-get-many", ids, caller.clone()).await.unwrap();
        assert_eq!(titles(&many), ["n2"]);
        for fields in [r#"{"pin":4711}"#, r#"{"pin":4712}"#] {
            let found = find(Some(fields), 1, None);
            let found = call_as(&host, "probe", "reads/item-find", found, caller.clone()).await.unwrap();
            assert_eq!(found, json!([]), "{caller:?} {fields}");
        }
        let patch = |id: &str| json!({ "id": id, "alteration": { "title": null, "status": null, "fields": null, "revision": null } });
        let delete = |id: &str| json!({ "id": id, "revision": null });
        for id in [&hidden, &absent] {
            for (function, arguments) in
                [("writes/item-patch", patch(id)), ("writes/item-delete", delete(id))]
            {
                let refused = call_as(&host, "probe", function, arguments, caller.clone()).await;
                assert_eq!(returned(refused), json!({ "tag": "not-found" }), "{caller:?} {function}");
            }
        }
    }
    let found = call_as(&host, "probe", "reads/item-find", find(None, 10, None), user.clone()).await.unwrap();
    assert_eq!(titles(&found), ["n2", "n3"], "a caller with a name");
    let found = call(&host, "probe", "reads/item-find", find(None, 10, None)).await.unwrap();
    assert_eq!(titles(&found), ["n2"], "an anonymous caller");
    world.sql.batch_execute("INSERT INTO plugin_watch.members VALUES ('Edda')").await.unwrap();
    let read = call_as(&host, "probe", "reads/item-get", json!({ "id": hidden }), user).await.unwrap();
    assert_eq!(read["fields"], r#"{"watch":"members","pin":4711}"#);
    assert_eq!(world.count("SELECT count(*) FROM palisade.items").await, 3);
}

/// What an invocation has used of its limits is for its guest to read.
#[tokio::test]
async fn denied_item_is_not_counted_in_what_a_plugin_used() {
    let world = World::new().await;
    let host = world.host(&["probe", "watch"]).await;
    store(&world, 2, r#"{"pin":1}"#).await;
    let usage = async |function: &'static str, arguments: Value| {
        let outcome = host.call("probe", function).arguments(arguments).await.unwrap();
        let counted = outcome.usage.into_iter().filter(|usage| usage.limit.name().starts_with("db-"));
        counted.map(|usage| usage.used).collect::<Vec<_>>()
    };
    let reads = || {
        [
            ("reads/item-find", find(None, 100, None)),
            ("reads/item-find", find(Some(r#"{"pin":1}"#), 100, None)),
            ("reads/item-get", json!({ "id": id(1) })),
            ("reads/item-get-many", json!({ "ids": [id(1), id(2), id(3)] })),
        ]
    };
    let mut before = Vec::new();
    for (function, arguments) in reads() {
        before.push(usage(function, arguments).await);
    }
    for number in [1, 3] {
        store(&world, number, r#"{"watch":"deny","pin":1}"#).await;
    }
    for ((function, arguments), before) in reads().into_iter().zip(before) {
        assert_eq!(usage(function, arguments).await, before, "{function}");
    }
}

#[tokio::test]
async fn field_that_a_view_tap_removes_or_changes_cannot_be_searched_for() {
    let world = World::new().await;
    let host = world.host(&["watch"]).await;
    store(&world, 1, r#"{"secret":4711,"card":"1234","open":1}"#).await;
    let served = Served::new(host).await;
    let found = async |fields: &str| {
        let page = served.get(&format!("/items?type=note&limit=1&fields={fields}")).await;
        (titles(&page.body["items"]).len(), page.body["next"].clone())
    };
    for fields in [
        r#"{"secret":4711}"#,
        r#"{"secret":4712}"#,
        r#"{"card":"1234"}"#,
        r#"{"card":"1235"}"#,
        r#"{"open":1,"secret":4711}"#,
    ] {
        assert_eq!(found(fields).await, (0, Value::Null), "{fields}");
    }
    assert_eq!(found(r#"{"open":1}"#).await.0, 1);
}

#[tokio::test]
async fn access_tap_that_reads_items_asks_no_taps() {
    let world = World::new().await;
    let host = world.host(&["probe", "watch"]).await;
    for (number, order) in [(1, "read"), (2, "list"), (3, "deny")] {
        store(&world, number, &format!("{{\"watch\":\"{order}\"}}")).await;
    }
    let found = call(&host, "probe", "reads/item-find", find(None, 10, None)).await.unwrap();
    assert_eq!(titles(&found), ["n1", "n2"]);
    let own = call(&host, "watch", "lists/titles", json!({ "fields": null })).await.unwrap();
    assert_eq!(own, json!(["n2", "n1"]), "its own tap applies to what a plugin reads");
    let page = Served::new(host).await.get("/items?type=note").await;
    assert_eq!(titles(&page.body["items"]), ["n2", "n1"]);
}

/// A page that examines only hidden items has none, and its place tells nothing; the next one goes on.
#[tokio::test]
async fn visible_item_behind_very_many_hidden_ones_is_found() {
    let world = World::new().await;
    let host = world.host(&["probe", "watch"]).await;
    let many = format!(
        "INSERT INTO palisade.items SELECT format('0190a5f0-0000-7000-8000-%s', lpad(n::text, 12, '0'))::uuid, 'note', 'hidden', \
         'published', '{{\"watch\":\"deny\",\"k\":1}}', 1, NULL, now(), now() FROM generate_series(1, {ITEM_EXAMINED_MAX}) n"
    );
    world.sql.batch_execute(&many).await.unwrap();
    store(&world, ITEM_EXAMINED_MAX + 1, r#"{"k":1}"#).await;
    let served = Served::new(host.clone()).await;
    for fields in ["", "&fields={\"k\":1}"] {
        let pages = pages(&served, &format!("&order=oldest{fields}")).await;
        let first: Value = serde_json::from_str(&pages[0]).unwrap();
        assert_eq!(first["items"], json!([]));
        let next = first["next"].as_str().unwrap();
        assert!(next.len() == 43 && !pages[0].contains(&id(ITEM_EXAMINED_MAX)), "{next}");
        let last: Value = serde_json::from_str(&pages[1]).unwrap();
        assert_eq!((pages.len(), titles(&last["items"]).len()), (2, 1));
    }
    // One hidden item fewer, and a single page examines all of them.
    world.sql.batch_execute(&format!("DELETE FROM palisade.items WHERE id = '{}'", id(1))).await.unwrap();
    let one: Value = serde_json::from_str(&pages(&served, "&order=oldest").await[0]).unwrap();
    assert_eq!(titles(&one["items"]).len(), 1);
    store(&world, 1, r#"{"watch":"deny"}"#).await;
    let found = call(&host, "probe", "reads/item-find", find(None, 10, None)).await.unwrap();
    assert_eq!(titles(&found).len(), 1, "a plugin's page goes on by itself");
}

/// Each of these holds a permit and a connection of its plugin while a tap of the same plugin needs both.
#[tokio::test]
async fn plugin_whose_own_access_tap_reads_tables_serves_many_callers_at_once() {
    let world = World::new().await;
    let host = world.host(&["watch", "probe"]).await;
    world.sql.batch_execute("INSERT INTO plugin_watch.members VALUES ('Ada')").await.unwrap();
    for number in 1..4 {
        store(&world, number, r#"{"watch":"members"}"#).await;
    }
    let mut calls = tokio::task::JoinSet::new();
    for number in 0..96 {
        let host = host.clone();
        calls.spawn(async move {
            if number % 2 == 0 {
                call(&host, "watch", "lists/titles", json!({ "fields": null })).await
            } else {
                call(&host, "probe", "reads/item-find", find(None, 10, None)).await
            }
        });
    }
    while let Some(found) = calls.join_next().await {
        let found = found.unwrap().unwrap_or_else(|error| panic!("{error:?}"));
        assert_eq!(found.as_array().unwrap().len(), 3);
    }
}

/// More calls than the plugins have permits: those that wait too long are told so, and the others are answered.
#[tokio::test]
async fn more_callers_than_permits_do_not_wait_for_each_other() {
    let world = World::new().await;
    let host = world.host(&["watch", "probe"]).await;
    store(&world, 1, "{}").await;
    let mut calls = tokio::task::JoinSet::new();
    for _ in 0..400 {
        let host = host.clone();
        calls.spawn(async move { call(&host, "watch", "lists/titles", json!({ "fields": null })).await });
    }
    let mut answered = 0;
    while let Some(found) = calls.join_next().await {
        match found.unwrap() {
            Ok(found) => {
                assert_eq!(found, json!(["n1"]));
                answered += 1;
            }
            Err(CallError::Overloaded { .. }) => {}
            Err(error) => panic!("{error:?}"),
        }
    }
    assert!(answered >= 128, "{answered} of 400 calls were answered");
    assert!(call(&host, "watch", "lists/titles", json!({ "fields": null })).await.is_ok());
}

#[tokio::test]
async fn access_tap_that_spins_or_is_disabled_shows_nothing_to_other_plugins() {
    let world = World::new().await;
    let impatient = altered("taps", |manifest| format!("{manifest}\n[limits]\nguest-time = \"100 ms\"\n"));
    let builder = world.builder().plugin(impatient.path(), Policy::as_asked());
    let probe = crate::harness::guest("probe");
    let host = builder.plugin(probe, Policy::as_asked()).build().await.unwrap();
    for (number, order) in [(1, "spin"), (2, "trap"), (3, "deny"), (4, "neutral")] {
        store(&world, number, &format!("{{\"access\":\"{order}\"}}")).await;
    }
    let found = call(&host, "probe", "reads/item-find", find(None, 10, None)).await.unwrap();
    assert_eq!(titles(&found), ["n4"]);
    host.disable("taps", "maintenance").await.unwrap();
    let error = returned(call(&host, "probe", "reads/item-find", find(None, 10, None)).await);
    assert_eq!(
        error,
        json!({ "tag": "other", "val": "access-tap" }),
        "a tap that cannot be asked has not agreed"
    );
    let error = returned(call(&host, "probe", "reads/item-get", json!({ "id": id(4) })).await);
    assert_eq!(error, json!({ "tag": "other", "val": "access-tap" }));
}

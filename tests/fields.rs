//! Fields of items as text: digits, duplicate keys, pages that end by bytes, and searches that cost too much.

use crate::harness::{Answer, Served, World, call, call_as, returned};
use palisade::grant::ItemPower;
use palisade::guard::item::{Criteria, Filter, ItemScope, ItemType, Order, PageSize};
use palisade::guard::user::{Permission, UserId};
use palisade::limits::{
    ITEM_FIELDS_BYTES_MAX, ITEM_FILTER_VALUES_MAX, ITEM_PAGE_BYTES_MAX, ITEM_STORED_BYTES_MAX,
};
use palisade::{Blame, CallError, Caller, Host};
use reqwest::Method;
use serde_json::{Value, json};

const DIGITS: &str = r#"{"n":12345678901234567890123,"price":123456789012345.678901,"z":1.10,"a":[-0.0,1E5,5e-324],"b":"\u00e9"}"#;

/// An editor of notes and posts, and their token.
async fn editor(world: &World, host: &Host) -> (Caller, String) {
    let permissions: Vec<_> = ["note", "post"]
        .iter()
        .flat_map(|kind| ["create", "edit", "delete"].map(|may| format!("item:{may}:{kind}")))
        .map(|name| Permission::parse(&name).unwrap())
        .collect();
    host.users().permit("editor", &permissions).await.unwrap();
    let user = world.user(host, "Edda", &["editor"]).await;
    let token = host.users().token(UserId::from(user.id), None).await.unwrap();
    (Caller::user(user), token)
}

fn draft(fields: &str) -> Value {
    json!({ "draft": { "itemType": "note", "title": "A note", "status": "published", "fields": fields } })
}

fn find(fields: Option<&str>, limit: u32, after: Option<&str>) -> Value {
    json!({ "criteria": { "itemType": "note", "status": null, "fields": fields, "order": "oldest", "limit": limit, "after": after } })
}

fn notes(order: Order, limit: u32) -> Criteria {
    Criteria {
        item_type: ItemType::parse("note", ItemScope::All, ItemPower::Read).unwrap(),
        status: None,
        fields: None,
        order,
        limit: PageSize::parse(limit).unwrap(),
        after: None,
    }
}

/// Stores published notes with these fields, in their order.
async fn store(world: &World, fields: impl IntoIterator<Item = String>) -> Vec<String> {
    let mut ids = Vec::new();
    for (number, fields) in fields.into_iter().enumerate() {
        let id = format!("0190a5f0-0000-7000-8000-{:012}", number + 1);
        let text = format!(
            "INSERT INTO palisade.items VALUES ('{id}', 'note', 'n{number}', 'published', $1::text::json, 1, NULL, now(), now())"
        );
        world.sql.execute(&text, &[&fields]).await.unwrap();
        ids.push(id);
    }
    ids
}

/// One text of this many bytes as fields.
fn text_of(bytes: usize) -> String {
    format!("{{\"a\":\"{}\"}}", "x".repeat(bytes - 8))
}

fn titles(items: &Value) -> Vec<&str> {
    items.as_array().unwrap().iter().map(|item| item["title"].as_str().unwrap()).collect()
}

#[tokio::test]
async fn fields_come_back_as_they_were_sent_through_every_door() {
    let world = World::new().await;
    let host = world.host(&["probe"]).await;
    let (caller, token) = editor(&world, &host).await;
    let inserted =
        call_as(&host, "probe", "writes/item-insert", draft(&DIGITS.replace(',', " ,\n")), caller.clone());
    let inserted = inserted.await.unwrap();
    let get = json!({ "id": inserted["id"] });
    let read = call(&host, "probe", "reads/item-get", get.clone()).await.unwrap();
    let found = call(&host, "probe", "reads/item-find", find(Some(r#"{"z":1.1}"#), 10, None)).await.unwrap();
    for fields in [&inserted["fields"], &read["fields"], &found[0]["fields"]] {
        assert_eq!(fields, DIGITS);
    }
    let patch = json!({ "id": inserted["id"], "alteration": { "title": null, "status": null, "fields": "{\"m\":[3.0]}", "revision": null } });
    let patched = call_as(&host, "probe", "writes/item-patch", patch, caller).await.unwrap();
    let merged = DIGITS.replace("\"\\u00e9\"}", "\"\\u00e9\",\"m\":[3.0]}");
    assert_eq!(patched["fields"], merged.as_str());
    let kept: String =
        world.sql.query_one("SELECT fields::text FROM palisade.item_revisions", &[]).await.unwrap().get(0);
    assert_eq!(kept, DIGITS, "the history has them too");

    let served = Served::new(host).await;
    let body = format!(
        "{{ \"itemType\": \"post\", \"title\": \"A\", \"fields\": {DIGITS}, \"status\": \"published\" }}"
    );
    let post = |body: String| {
        served
            .request(Method::POST, "/items")
            .bearer_auth(&token)
            .header("content-type", "application/json")
            .body(body)
    };
    let created = post(body).send().await.unwrap();
    let (status, location) = (created.status(), created.headers()["location"].to_str().unwrap().to_owned());
    let texts = [
        created.text().await.unwrap(),
        served.request(Method::GET, &location).send().await.unwrap().text().await.unwrap(),
        served.request(Method::GET, "/items?type=post").send().await.unwrap().text().await.unwrap(),
    ];
    assert_eq!(status, 201);
    for text in texts {
        assert!(text.contains(&format!("\"fields\":{DIGITS}")), "{text}");
    }
    let change = served.request(Method::PATCH, &location).bearer_auth(&token);
    let change = change.header("content-type", "application/json").body("{\"fields\":{\"m\":[3.0]}}");
    assert!(change.send().await.unwrap().text().await.unwrap().contains(&merged));
}

#[tokio::test]
async fn malformed_fields_are_rejected_from_every_writer_and_reader() {
    let world = World::new().await;
    let host = world.host(&["probe"]).await;
    let (caller, token) = editor(&world, &host).await;
    let item = call_as(&host, "probe", "writes/item-insert", draft("{}"), caller.clone()).await.unwrap();
    let before = world.state().await;
    let served = Served::new(host.clone()).await;
    for fields in [
        r#"{"status":"a","status":"b"}"#,
        r#"{"a":[{"b":1,"c":2,"\u0062":3}]}"#,
        r#"{"a":1e200000}"#,
        r#"{"a":"\ud800"}"#,
        r#"{"a":"\u0000"}"#,
        r#"{"a":01}"#,
    ] {
        let patch = json!({ "id": item["id"], "alteration": { "title": null, "status": null, "fields": fields, "revision": null } });
        for (function, arguments) in [
            ("writes/item-insert", draft(fields)),
            ("writes/item-patch", patch),
            ("reads/item-find", find(Some(fields), 10, None)),
        ] {
            let error = returned(call_as(&host, "probe", function, arguments, caller.clone()).await);
            assert_eq!(error["tag"], "invalid-argument", "{function} {fields}: {error}");
        }
        let id = item["id"].as_str().unwrap();
        let query = fields.bytes().map(|byte| format!("%{byte:02x}")).collect::<Vec<_>>().concat();
        for (method, path, body) in [
            (
                Method::POST,
                "/items".to_owned(),
                format!(r#"{{"itemType":"post","title":"A","fields":{fields}}}"#),
            ),
            (Method::PATCH, format!("/items/{id}"), format!(r#"{{"fields":{fields}}}"#)),
            (Method::GET, format!("/items?type=note&fields={query}"), String::new()),
        ] {
            let request = served.request(method, &path).bearer_auth(&token);
            let answer = Answer::to(request.header("content-type", "application/json").body(body)).await;
            assert_eq!((answer.status, answer.kind()), (400, "bad-arguments"), "{path} {fields}: {answer:?}");
        }
    }
    assert_eq!(world.state().await, before);
}

#[tokio::test]
async fn many_large_items_come_in_pages_that_end_by_bytes() {
    let world = World::new().await;
    let host = world.host(&["probe"]).await;
    let large = usize::try_from(ITEM_FIELDS_BYTES_MAX).unwrap() - 2_000;
    // Four fit into a page: the fifth would be over it.
    store(&world, (0..13).map(|_| text_of(large))).await;
    for order in [Order::Newest, Order::Oldest] {
        let (mut criteria, mut pages) = (notes(order, 100), Vec::new());
        loop {
            let page = host.items(Caller::Anonymous).find(&criteria).await.unwrap();
            let bytes: u64 = page.items.iter().map(palisade::guard::item::Item::bytes).sum();
            assert!(bytes <= ITEM_PAGE_BYTES_MAX, "{bytes}");
            pages.push(page.items.iter().map(|item| item.title.clone()).collect::<Vec<_>>());
            criteria.after = page.next;
            if page.next.is_none() {
                break;
            }
        }
        assert_eq!(pages.iter().map(Vec::len).collect::<Vec<_>>(), [4, 4, 4, 1]);
        let mut all = pages.concat();
        if order == Order::Newest {
            all.reverse();
        }
        assert_eq!(all, (0..13).map(|number| format!("n{number}")).collect::<Vec<_>>());
    }
    let page = call(&host, "probe", "reads/item-find", find(None, 100, None)).await;
    // What a call may return is less than a page of items.
    assert!(page.is_err() || titles(&page.unwrap()) == ["n0", "n1", "n2", "n3"]);
    let served = Served::new(host).await;
    let (mut seen, mut path) = (Vec::new(), "/items?type=note&order=oldest&limit=100".to_owned());
    loop {
        let answer = served.get(&path).await;
        assert_eq!(answer.status, 200);
        let page = titles(&answer.body["items"]).into_iter().map(ToOwned::to_owned);
        seen.extend(page);
        let Some(next) = answer.body["next"].as_str() else { break };
        path = format!("/items?type=note&order=oldest&limit=100&after={next}");
    }
    assert_eq!(seen, (0..13).map(|number| format!("n{number}")).collect::<Vec<_>>());
}

/// `jsonb` writes `1e308` with 309 digits: two such items made every list of their type fail.
#[tokio::test]
async fn numbers_that_expand_do_not_make_a_list_fail() {
    let world = World::new().await;
    let host = world.host(&["probe"]).await;
    let (caller, _) = editor(&world, &host).await;
    let fields = format!("{{\"a\":[1{}]}}", ",1e308".repeat(45_000));
    for fields in [fields.as_str(), &fields.replace("1e308", "1E-7"), "{\"a\":2}"] {
        call_as(&host, "probe", "writes/item-insert", draft(fields), caller.clone()).await.unwrap();
    }
    let page = host.items(Caller::Anonymous).find(&notes(Order::Oldest, 100)).await.unwrap();
    assert_eq!(page.items.iter().filter(|item| item.fields.as_str() == fields).count(), 1);
    assert_eq!((page.items.len(), page.next), (3, None));
    for filter in ["{\"a\":[1e308]}", "{\"a\":[0.0000001]}"] {
        let found = call(&host, "probe", "reads/item-find", find(Some(filter), 10, None)).await.unwrap();
        assert_eq!(titles(&found).len(), 1, "{filter}");
    }
}

#[tokio::test]
async fn item_over_every_bound_is_left_out_of_lists_and_blames_no_caller() {
    let world = World::new().await;
    let host = world.host(&["probe"]).await;
    let stored = usize::try_from(ITEM_STORED_BYTES_MAX).unwrap();
    let ids = store(&world, ["{}".to_owned(), text_of(stored + 1), text_of(stored), "{}".to_owned()]).await;
    let (mut criteria, mut seen) = (notes(Order::Oldest, 2), Vec::new());
    loop {
        let page = host.items(Caller::Anonymous).find(&criteria).await.unwrap();
        seen.extend(page.items.into_iter().map(|item| item.title));
        criteria.after = page.next;
        if page.next.is_none() {
            break;
        }
    }
    assert_eq!(seen, ["n0", "n2", "n3"]);
    assert!(host.items(Caller::Anonymous).get(&ids[2]).await.is_ok(), "as large as a page is readable");
    let error = host.items(Caller::Anonymous).get(&ids[1]).await.unwrap_err();
    assert_eq!(error.blame(), Blame::Host, "{error}");
    let read = returned(call(&host, "probe", "reads/item-get", json!({ "id": ids[1] })).await);
    assert_eq!(read["tag"], "other", "{read}");
}

#[tokio::test]
async fn item_that_is_asked_for_many_times_is_returned_once() {
    let world = World::new().await;
    let host = world.host(&["probe"]).await;
    let ids = store(&world, [text_of(900_000), "{}".to_owned()]).await;
    let many: Vec<&String> = std::iter::repeat_n(&ids[0], 60).chain([&ids[1], &ids[0]]).collect();
    let read = call(&host, "probe", "reads/item-get-many", json!({ "ids": many })).await.unwrap();
    assert_eq!(titles(&read), ["n0", "n1"]);
    let over = vec![&ids[1]; 101];
    let error = returned(call(&host, "probe", "reads/item-get-many", json!({ "ids": over })).await);
    assert_eq!(error["tag"], "invalid-argument");
}

/// A filter costs the values that it seeks times the elements of an array, in a backend that looks at no cancellation.
#[tokio::test]
async fn search_for_too_many_values_is_refused_and_one_at_the_bound_is_answered() {
    let world = World::new().await;
    let host = world.host(&["probe"]).await;
    store(&world, [format!("{{\"a\":[{}1]}}", "0,".repeat(249_900))]).await;
    let filter = |count: usize| format!("{{\"a\":[{}]}}", vec!["1"; count].join(","));
    let (at, over) = (filter(ITEM_FILTER_VALUES_MAX), filter(ITEM_FILTER_VALUES_MAX + 1));
    let error = returned(call(&host, "probe", "reads/item-find", find(Some(&over), 10, None)).await);
    assert_eq!(error["tag"], "invalid-argument");
    assert!(error["val"].as_str().unwrap().contains("ask for fewer"), "{error}");
    let found = call(&host, "probe", "reads/item-find", find(Some(&at), 10, None)).await.unwrap();
    assert_eq!(titles(&found), ["n0"]);
    let served = Served::new(host).await;
    for fields in [filter(29_000), filter(1_000), over, format!("{{\"a\":\"{}\"}}", "x".repeat(5_000))] {
        let answer = served.get(&format!("/items?type=note&fields={fields}")).await;
        assert!(matches!(answer.status, 400 | 414 | 431), "{}: {answer:?}", fields.len());
    }
    let answer = served.get(&format!("/items?type=note&fields={at}")).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    let busy = "SELECT count(*) FROM pg_stat_activity WHERE state = 'active' AND query LIKE '%palisade.items%' AND pid <> pg_backend_pid() \
         AND datname = current_database()";
    assert_eq!(world.count(busy).await, 0);
}

/// The host's own rule for a filter, which it applies to what view taps show, is PostgreSQL's.
#[tokio::test]
async fn filter_of_the_host_is_that_of_postgresql() {
    let world = World::new().await;
    let values = [
        "1",
        "1.0",
        "10e-1",
        "-1",
        "0",
        "-0",
        "100",
        "1e2",
        "1e308",
        "\"1\"",
        "\"\"",
        "\"\\u0041\"",
        "\"A\"",
        "true",
        "false",
        "null",
        "[]",
        "[1]",
        "[1.0,\"A\"]",
        "[[1]]",
        "[[1],[\"A\",2]]",
        "[[]]",
        "[{}]",
        "{}",
        "{\"b\":1}",
        "{\"b\":[1,{\"c\":null}]}",
        "[{\"b\":1},{\"c\":2}]",
        "[{\"b\":1,\"c\":2}]",
        "[null]",
        "[1,1]",
        "{\"b\":{}}",
    ];
    for whole in values {
        for part in values {
            let (whole, part) = (format!("{{\"a\":{whole},\"z\":0}}"), format!("{{\"a\":{part}}}"));
            let row =
                world.sql.query_one("SELECT $1::text::jsonb @> $2::text::jsonb", &[&whole, &part]).await;
            let expected: bool = row.unwrap().get(0);
            assert_eq!(Filter::parse(&part).unwrap().matches(&whole), expected, "{whole} @> {part}");
        }
    }
}

/// Fields were `jsonb` once: what a database has of them is read, found and changed after the upgrade.
#[tokio::test]
async fn fields_that_were_stored_as_jsonb_survive_the_upgrade() {
    let world = World::new().await;
    drop(world.host(&[]).await);
    world
        .sql
        .batch_execute(
            "DELETE FROM palisade.migrations WHERE name IN ('items', 'search');
             ALTER TABLE palisade.items DROP COLUMN terms;
             DROP FUNCTION palisade.item_terms(json);
             ALTER TABLE palisade.items DROP COLUMN fields_bytes;
             ALTER TABLE palisade.items DROP CONSTRAINT items_fields_check;
             ALTER TABLE palisade.items ALTER COLUMN fields TYPE jsonb USING fields::jsonb;
             ALTER TABLE palisade.items ADD CONSTRAINT items_fields_check CHECK (jsonb_typeof(fields) = 'object');
             CREATE INDEX items_by_fields ON palisade.items USING gin (fields jsonb_path_ops);
             ALTER TABLE palisade.item_revisions DROP CONSTRAINT items_fields_check;
             ALTER TABLE palisade.item_revisions ALTER COLUMN fields TYPE jsonb USING fields::jsonb;
             ALTER TABLE palisade.item_revisions ADD CONSTRAINT items_fields_check CHECK (jsonb_typeof(fields) = 'object')",
        )
        .await
        .unwrap();
    let old = r#"{"b": [1.50, {"c": "d"}], "aa": 12345678901234567890123}"#;
    let row = "INSERT INTO palisade.items VALUES ('0190a5f0-0000-7000-8000-000000000001', 'note', 'old', 'published', $1::text::jsonb, 1, NULL, now(), now())";
    world.sql.execute(row, &[&old]).await.unwrap();
    let host = world.host(&["probe"]).await;
    let (caller, _) = editor(&world, &host).await;
    let found =
        call(&host, "probe", "reads/item-find", find(Some(r#"{"b":[{"c":"d"}]}"#), 10, None)).await.unwrap();
    assert_eq!(titles(&found), ["old"]);
    assert_eq!(found[0]["fields"], old);
    let patch = json!({ "id": found[0]["id"], "alteration": { "title": null, "status": null, "fields": "{\"b\":null}", "revision": 1 } });
    let patched = call_as(&host, "probe", "writes/item-patch", patch, caller).await.unwrap();
    assert_eq!(patched["fields"], r#"{"aa":12345678901234567890123}"#);
}

/// A search that the index answers does not read the other items.
#[tokio::test]
async fn search_without_taps_uses_the_index() {
    let world = World::new().await;
    let host = world.host(&[]).await;
    let many = "INSERT INTO palisade.items SELECT gen_random_uuid(), 'note', 'n', 'published', format('{\"k\":%s}', n)::json, 1, NULL, now(), now() FROM generate_series(1, 20000) n";
    world.sql.batch_execute(many).await.unwrap();
    world.sql.batch_execute("ANALYZE palisade.items; SELECT pg_stat_force_next_flush()").await.unwrap();
    let scans = "SELECT idx_scan FROM pg_stat_user_indexes WHERE indexrelname = 'items_by_fields'";
    let before = world.count(scans).await;
    let criteria =
        Criteria { fields: Some(Filter::parse("{\"k\":4711}").unwrap()), ..notes(Order::Oldest, 10) };
    for _ in 0..8 {
        assert_eq!(host.items(Caller::Anonymous).find(&criteria).await.unwrap().items.len(), 1);
    }
    host.stop().await;
    for _ in 0..100 {
        if world.count(scans).await > before {
            return;
        }
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    panic!("the index was not used");
}

#[tokio::test]
async fn place_that_is_not_the_hosts_is_rejected() {
    let world = World::new().await;
    let host = world.host(&[]).await;
    let served = Served::new(host.clone()).await;
    for after in ["x", "0190A5F0-0000-7000-8000-000000000001", &"A".repeat(43)] {
        let answer = served.get(&format!("/items?type=note&after={after}")).await;
        assert_eq!((answer.status, answer.kind()), (400, "bad-arguments"), "{after}");
        assert!(answer.message().contains("after is the `next` of an earlier page"), "{answer:?}");
    }
    let sealed = palisade::guard::item::Place::Sealed([7; 32]);
    let criteria = Criteria { after: Some(sealed), ..notes(Order::Newest, 1) };
    let error = host.items(Caller::Host).find(&criteria).await.unwrap_err();
    assert!(matches!(error, CallError::BadArguments(_)), "{error:?}");
}

/// `@>` parses each item whole. A search that parsed all of these took seconds, and a few such searches took all of the host's
/// connections.
#[tokio::test]
async fn search_among_large_items_reads_few_bytes_and_goes_on_in_the_next_page() {
    let world = World::new().await;
    let host = world.host(&["probe"]).await;
    let zeros = format!("{{\"a\":[{}0]}}", "0,".repeat(400_000));
    store(&world, (0..13).map(|number| if number == 12 { zeros.replace("0]", "7]") } else { zeros.clone() }))
        .await;
    let filter = "{\"a\":[0,7]}";
    let mut criteria = Criteria { fields: Some(Filter::parse(filter).unwrap()), ..notes(Order::Oldest, 1) };
    let mut found = Vec::new();
    loop {
        let page = host.items(Caller::Anonymous).find(&criteria).await.unwrap();
        found.push(page.items.iter().map(|item| item.title.clone()).collect::<Vec<_>>());
        criteria.after = page.next;
        if page.next.is_none() || found.len() > 20 {
            break;
        }
    }
    // Five items of 800 KB are read for each page.
    assert_eq!(found.len(), 3, "{found:?}");
    assert_eq!(found.concat(), ["n12"]);
    let served = Served::new(host.clone()).await;
    let answer = served.get(&format!("/items?type=note&order=oldest&limit=1&fields={filter}")).await;
    assert!(answer.status == 200 && answer.body["next"].is_string(), "{answer:?}");
    // A plugin's page goes on by itself.
    let found = call(&host, "probe", "reads/item-find", find(Some(r#"{"a":[7]}"#), 10, None)).await.unwrap();
    assert_eq!(titles(&found), ["n12"]);
}

/// A search looks at terms before it reads fields. What it finds is what PostgreSQL's `@>` finds.
#[tokio::test]
async fn search_by_terms_finds_what_postgresql_finds() {
    let world = World::new().await;
    let host = world.host(&[]).await;
    let many = (0..300).map(|n| format!("\"k{n}\":{n}")).collect::<Vec<_>>().join(",");
    let fields = [
        "{}".to_owned(),
        r#"{"a":1}"#.to_owned(),
        r#"{"a":1.0}"#.to_owned(),
        r#"{"a":1e0,"b":-0}"#.to_owned(),
        r#"{"a":"1"}"#.to_owned(),
        r#"{"a":[1,"1",null,true,[1],{"b":1}]}"#.to_owned(),
        r#"{"a":null}"#.to_owned(),
        r#"{"a":true,"b":0}"#.to_owned(),
        r#"{"a":{"b":1}}"#.to_owned(),
        r#"{"a":[]}"#.to_owned(),
        r#"{"a b":"c","a":"b c"}"#.to_owned(),
        r#"{"a":"\u00e9","\u00e9":"a"}"#.to_owned(),
        r#"{"a":100000000000000000000000000000.50}"#.to_owned(),
        format!("{{\"a\":1,{many}}}"),
        format!("{{\"a\":[1,\"{}\"]}}", "x".repeat(70_000)),
    ];
    store(&world, fields.clone()).await;
    let filters = [
        "{}",
        r#"{"a":1}"#,
        r#"{"a":10e-1}"#,
        r#"{"a":"1"}"#,
        r#"{"a":[1]}"#,
        r#"{"a":[1.00,null]}"#,
        r#"{"a":[[1]]}"#,
        r#"{"a":[{"b":1}]}"#,
        r#"{"a":null}"#,
        r#"{"a":true}"#,
        r#"{"a":{"b":1}}"#,
        r#"{"a":{}}"#,
        r#"{"a":[]}"#,
        r#"{"a b":"c"}"#,
        r#"{"a":"b c"}"#,
        r#"{"a":"é"}"#,
        r#"{"é":"a"}"#,
        r#"{"b":0}"#,
        r#"{"b":-0.0}"#,
        r#"{"a":1e29}"#,
        r#"{"a":100000000000000000000000000000.5}"#,
        r#"{"k299":299}"#,
        r#"{"a":1,"k0":0}"#,
        r#"{"c":1}"#,
        r#"{"a":[false]}"#,
    ];
    for filter in filters {
        let wanted = "SELECT title FROM palisade.items WHERE fields::jsonb @> $1::text::jsonb ORDER BY id";
        let wanted: Vec<String> =
            world.sql.query(wanted, &[&filter]).await.unwrap().iter().map(|row| row.get(0)).collect();
        let criteria = Criteria { fields: Some(Filter::parse(filter).unwrap()), ..notes(Order::Oldest, 100) };
        let page = host.items(Caller::Anonymous).find(&criteria).await.unwrap();
        let found: Vec<String> = page.items.into_iter().map(|item| item.title).collect();
        assert_eq!(found, wanted, "{filter}");
    }
    let without = "SELECT count(*) FROM palisade.items WHERE terms IS NULL";
    assert_eq!(world.count(without).await, 2, "the last two have too many terms, or too many bytes");
}

/// The statement waits for a lock and is ended by its time. That is no outage.
#[tokio::test]
async fn statement_of_the_host_that_is_ended_by_its_time_is_a_timeout() {
    let world = World::new().await;
    let served = Served::new(world.host(&[]).await).await;
    world.sql.batch_execute("BEGIN; LOCK TABLE palisade.items IN ACCESS EXCLUSIVE MODE").await.unwrap();
    let answer = served.get("/items?type=note").await;
    assert_eq!((answer.status, answer.kind()), (504, "timeout"), "{answer:?}");
    world.sql.batch_execute("ROLLBACK").await.unwrap();
    assert_eq!(served.get("/items?type=note").await.status, 200);
}

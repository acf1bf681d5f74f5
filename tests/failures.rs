//! What only the operator's log may know of a failure is in it: once, with its cause, the plugin, the entry and the request, whether
//! a guest or a caller got the error, and whether a server or a program that embeds the host asked.

use crate::harness::{Served, World, altered, call, guest, returned};
use crate::logging::Lines;
use async_trait::async_trait;
use palisade::grant::ItemPower;
use palisade::guard::cache::{CacheEntry, CacheKey, CacheTag};
use palisade::guard::http::OutboundRequest;
use palisade::guard::item::{Draft, Fields, Item, ItemId, ItemScope, ItemType, Status, Title};
use palisade::guard::request_context::RequestId;
use palisade::guard::user::UserId;
use palisade::guard::variables::{NewValue, Value as Setting, Variable};
use palisade::limits::NOTE_BYTES_MAX;
use palisade::store::http::{FetchError, HttpClient, InboundResponse, Secret};
use palisade::store::{At, CacheStore, Found, ItemStore, Search, UserStore, VariableStore, Viewer};
use palisade::{CallError, Caller, Host, HostBuilder, Policy, Refusal, User};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::{Duration, Instant};
use uuid::Uuid;

/// What no guest and no caller may learn.
const CAUSE: &str = "disk 7 of the store is on fire";

/// A store that fails: with an error, or by a panic.
#[derive(Clone, Copy)]
struct Burning {
    panics: bool,
}

impl Burning {
    fn refusal(self) -> Refusal {
        assert!(!self.panics, "{CAUSE}");
        Refusal::internal(CAUSE)
    }
}

#[async_trait]
impl CacheStore for Burning {
    async fn get(&self, _: &CacheKey) -> Result<Option<Arc<CacheEntry>>, Refusal> {
        Err(self.refusal())
    }

    async fn set(&self, _: CacheKey, _: CacheEntry) -> Result<(), Refusal> {
        Err(self.refusal())
    }

    async fn delete(&self, _: &CacheKey) -> Result<(), Refusal> {
        Err(self.refusal())
    }

    async fn invalidate(&self, _: &CacheTag) -> Result<(), Refusal> {
        Err(self.refusal())
    }
}

#[async_trait]
impl UserStore for Burning {
    async fn by_id(&self, _: UserId) -> Result<Option<User>, Refusal> {
        Err(self.refusal())
    }

    async fn by_token(&self, _: &str) -> Result<Option<User>, Refusal> {
        Err(self.refusal())
    }

    async fn permissions(&self, _: &[String]) -> Result<BTreeSet<String>, Refusal> {
        Err(self.refusal())
    }
}

#[async_trait]
impl VariableStore for Burning {
    async fn get(&self, _: &mut At<'_>, _: Variable<'_>) -> Result<Option<Setting>, Refusal> {
        Err(self.refusal())
    }

    async fn set(&self, _: &mut At<'_>, _: &NewValue<'_>) -> Result<(), Refusal> {
        Err(self.refusal())
    }

    async fn unset(&self, _: &mut At<'_>, _: Variable<'_>) -> Result<(), Refusal> {
        Err(self.refusal())
    }
}

#[async_trait]
impl ItemStore for Burning {
    async fn get(&self, _: &mut At<'_>, _: &[ItemId], _: &Viewer<'_>) -> Result<Vec<Item>, Refusal> {
        Err(self.refusal())
    }

    async fn find(&self, _: &mut At<'_>, _: &Search<'_>, _: &Viewer<'_>) -> Result<Found, Refusal> {
        Err(self.refusal())
    }

    async fn insert(&self, _: &mut At<'_>, _: Uuid, _: &Draft, _: Option<Uuid>) -> Result<Item, Refusal> {
        Err(self.refusal())
    }

    async fn update(&self, _: &mut At<'_>, _: &Item, _: &Draft) -> Result<Item, Refusal> {
        Err(self.refusal())
    }

    async fn delete(&self, _: &mut At<'_>, _: &Item) -> Result<(), Refusal> {
        Err(self.refusal())
    }
}

#[async_trait]
impl HttpClient for Burning {
    async fn send(&self, _: &OutboundRequest, _: Option<&Secret>) -> Result<InboundResponse, FetchError> {
        let _panics = self.refusal();
        Err(FetchError::Other(CAUSE.into()))
    }
}

/// A builder of hosts all of whose stores fail.
fn burning(world: &World, panics: bool) -> HostBuilder {
    let store = Arc::new(Burning { panics });
    let builder = world.builder().cache(Arc::clone(&store) as _).users(Arc::clone(&store) as _);
    builder.variables(Arc::clone(&store) as _).items(Arc::clone(&store) as _).http_client(store)
}

async fn probe(world: &World, panics: bool) -> Host {
    burning(world, panics).plugin(guest("probe"), Policy::as_asked()).build().await.unwrap()
}

const ID: &str = "018f0000-0000-7000-8000-000000000000";

/// A call of each function of the contract that a store answers.
fn calls() -> Vec<(&'static str, Value)> {
    let criteria = json!({
        "itemType": "note", "status": null, "fields": null, "order": "oldest", "limit": 1, "after": null
    });
    let draft = json!({ "itemType": "note", "title": "t", "status": "draft", "fields": "{}" });
    let value = json!({ "tag": "text", "val": "x" });
    let request = json!({ "method": "get", "url": "https://api.example.com/v1/x", "headers": [], "body": null, "timeoutMs": null, "secret": null });
    vec![
        ("reads/cache-get", json!({ "key": "k" })),
        ("reads/cache-set", json!({ "key": "k", "value": "", "retention": { "ttlMs": null, "tags": [] } })),
        ("reads/cache-delete", json!({ "key": "k" })),
        ("reads/cache-invalidate-tag", json!({ "tag": "t" })),
        ("reads/get-user", json!({ "id": ID })),
        ("reads/get-variable", json!({ "name": "label" })),
        ("reads/item-get", json!({ "id": ID })),
        ("reads/item-get-many", json!({ "ids": [ID] })),
        ("reads/item-find", json!({ "criteria": criteria })),
        ("writes/set-variable", json!({ "name": "label", "value": value })),
        ("writes/unset-variable", json!({ "name": "label" })),
        ("writes/item-insert", json!({ "draft": draft })),
        ("writes/item-delete", json!({ "id": ID, "revision": null })),
        ("effects/fetch", json!({ "request": request })),
    ]
}

/// The fields of the only event whose reason has the cause.
fn reported(lines: &Lines, target: &str) -> Value {
    let mut events = lines.everything();
    events.retain(|event| event.to_string().contains(CAUSE) && event["target"] != "palisade::panic");
    let [event] = &*events else { panic!("expected one record, got {events:?}") };
    assert_eq!(event["target"], target, "{event}");
    assert!(event["fields"]["reason"].as_str().unwrap().contains(CAUSE), "{event}");
    event["fields"].clone()
}

#[tokio::test]
async fn every_internal_error_that_a_guest_gets_is_in_the_operators_log() {
    let world = World::new().await;
    for (function, arguments) in calls() {
        // A host of its own, because a host reports a few failures of a plugin in a period, and then their number.
        let host = probe(&world, false).await;
        let (lines, capturing) = Lines::capture();
        let failed = host
            .call("probe", function)
            .arguments(arguments)
            .caller(Caller::Host)
            .request(RequestId::parse("r-1").unwrap())
            .await;
        drop(capturing);
        let error = returned(failed.map(|outcome| outcome.value));
        assert_eq!(error, json!({ "tag": "other", "val": "internal" }), "{function}");
        let fields = reported(&lines, "palisade::refusal");
        let source = (&fields["plugin"], &fields["entered"], &fields["request"]);
        assert_eq!(source, (&json!("probe"), &json!(function), &json!("r-1")));
    }
}

#[tokio::test]
async fn every_internal_error_that_a_caller_gets_is_in_the_operators_log() {
    let world = World::new().await;
    for (function, arguments) in calls() {
        let host = probe(&world, true).await;
        let (lines, capturing) = Lines::capture();
        let call = host.call("probe", function).arguments(arguments).caller(Caller::Host);
        let failed = call.request(RequestId::parse("r-2").unwrap()).await;
        drop(capturing);
        let Err(error @ CallError::Internal { .. }) = failed else { panic!("{function}: {failed:?}") };
        assert!(!error.to_string().contains(CAUSE));
        let fields = reported(&lines, "palisade::failure");
        let source = (&fields["plugin"], &fields["entered"], &fields["request"]);
        assert_eq!(source, (&json!("probe"), &json!(function), &json!("r-2")));
    }
}

#[tokio::test]
async fn failures_of_the_hosts_own_api_are_in_the_operators_log() {
    let world = World::new().await;
    let host = probe(&world, false).await;
    let draft = || Draft {
        item_type: ItemType::parse("note", ItemScope::All, ItemPower::Write).unwrap(),
        title: Title::parse("A note").unwrap(),
        status: Status::Published,
        fields: Fields::empty(),
    };
    let items = || host.items(Caller::Host).request(RequestId::parse("r-3").unwrap());
    let user = Caller::user(User { id: Uuid::nil(), name: "Ada".into(), roles: vec!["editor".into()] });
    for what in ["items/get", "items/create", "items/delete", "identify", "may-operate"] {
        let (lines, capturing) = Lines::capture();
        let failed = match what {
            "items/get" => items().get(ID).await.map(drop),
            "items/create" => items().create(draft()).await.map(drop),
            "items/delete" => items().delete(ID, None).await,
            "identify" => host.identify("no token").await.map(drop),
            _ => host.may_operate(&user).await.map(drop),
        };
        drop(capturing);
        assert!(matches!(failed, Err(CallError::Internal { .. })), "{what}: {failed:?}");
        let fields = reported(&lines, "palisade::failure");
        let request = if what.starts_with("items") { json!("r-3") } else { Value::Null };
        assert_eq!((&fields["entered"], &fields["request"]), (&json!(what), &request));
        assert!(fields["plugin"].is_null());
    }
}

#[tokio::test]
async fn failed_cron_tap_has_its_cause_in_the_operators_log() {
    let world = World::new().await;
    let folder = altered("taps", |manifest| manifest.replace("every = \"1 h\"", "every = \"1 s\""));
    let (lines, _capturing) = Lines::capture();
    let host = burning(&world, true).plugin(folder.path(), Policy::as_asked()).build().await.unwrap();
    let began = Instant::now();
    while lines.of("palisade::failure").is_empty() {
        assert!(began.elapsed() < Duration::from_mins(1), "nothing is reported");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    drop(host);
    let fields = lines.of("palisade::failure").remove(0)["fields"].clone();
    assert!(fields["reason"].as_str().unwrap().contains(CAUSE), "{fields}");
    assert_eq!((&fields["plugin"], &fields["entered"]), (&json!("taps"), &json!("tap-cron")));
}

#[tokio::test]
async fn failure_of_a_served_request_is_logged_once_and_repeats_are_bounded() {
    let world = World::new().await;
    let served = Served::new(probe(&world, true).await).await;
    let (lines, capturing) = Lines::capture();
    let answer = served.post("/call/probe/reads/cache-get", &json!({ "key": "k" })).await;
    drop(capturing);
    assert_eq!((answer.status, &answer.body["error"]["kind"]), (500, &json!("internal")));
    assert!(!answer.body.to_string().contains(CAUSE));
    let fields = reported(&lines, "palisade::failure");
    assert_eq!(fields["request"], answer.body["error"]["requestId"]);
    let (lines, capturing) = Lines::capture();
    for key in 0..200 {
        served.post("/call/probe/reads/cache-get", &json!({ "key": key.to_string() })).await;
    }
    drop(capturing);
    let most = palisade::limits::REPORTS_MAX as usize * 2;
    assert!(lines.of("palisade::failure").len() <= most, "{}", lines.of("palisade::failure").len());
}

/// A store whose failures are long.
struct Talkative;

#[async_trait]
impl CacheStore for Talkative {
    async fn get(&self, _: &CacheKey) -> Result<Option<Arc<CacheEntry>>, Refusal> {
        panic!("{}", "é".repeat(NOTE_BYTES_MAX));
    }

    async fn set(&self, _: CacheKey, _: CacheEntry) -> Result<(), Refusal> {
        Err(Refusal::internal("é".repeat(NOTE_BYTES_MAX)))
    }

    async fn delete(&self, _: &CacheKey) -> Result<(), Refusal> {
        Ok(())
    }

    async fn invalidate(&self, _: &CacheTag) -> Result<(), Refusal> {
        Ok(())
    }
}

#[tokio::test]
async fn long_cause_is_cut() {
    let world = World::new().await;
    let builder = world.builder().cache(Arc::new(Talkative)).plugin(guest("probe"), Policy::as_asked());
    let host = builder.build().await.unwrap();
    let (lines, _capturing) = Lines::capture();
    call(&host, "probe", "reads/cache-get", json!({ "key": "k" })).await.unwrap_err();
    let set = json!({ "key": "k", "value": "", "retention": { "ttlMs": null, "tags": [] } });
    call(&host, "probe", "reads/cache-set", set).await.unwrap_err();
    for target in ["palisade::failure", "palisade::refusal"] {
        let reason = lines.of(target).remove(0)["fields"]["reason"].as_str().unwrap().to_owned();
        assert!((NOTE_BYTES_MAX - 2..=NOTE_BYTES_MAX).contains(&reason.len()), "{target}: {}", reason.len());
    }
}

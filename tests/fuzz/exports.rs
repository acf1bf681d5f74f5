//! Sends arbitrary JSON to every function that plugins export, over HTTP. Each answer must be a value, or an error
//! that blames the caller or the plugin and has the standard form.
//!
//! The functions are those of all guests that the tests build; their types are read from the components. Cases also
//! write items, which calls taps.

use super::campaign::{Fuzzer, Tally};
use super::damage::{any, camel, damage, json, text};
use super::dice::Dice;
use super::values::Maker;
use super::words;
use crate::harness::{Served, World, guests};
use palisade::guard::user::{Permission, UserId};
use palisade::limits::{BODY_BYTES_MAX, BODY_DISCARD_BYTES_MAX, Limit, Limits};
use palisade::{Host, Policy};
use reqwest::Method;
use serde_json::{Map, Value, json};
use wit_component::{DecodedWasm, decode};
use wit_parser::{Function, FunctionKind, Resolve, WorldItem};

pub struct Exports {
    _world: World,
    host: Host,
    served: Served,
    functions: Vec<Exported>,
    item: String,
    token: String,
}

struct Exported {
    plugin: String,
    path: String,
    resolve: std::rc::Rc<Resolve>,
    function: Function,
}

/// The kinds of errors, by status, that blame a caller or a plugin.
const KINDS: &[(u16, &[&str])] = &[
    (400, &["bad-arguments"]),
    (401, &["unauthorized"]),
    (403, &["denied"]),
    (404, &["no-such-plugin", "no-such-function", "no-such-route", "not-found"]),
    (405, &["wrong-method"]),
    (409, &["conflict", "contended", "constraint-violation"]),
    (412, &["precondition-failed"]),
    (413, &["body-too-large"]),
    (415, &["wrong-content-type"]),
    (422, &["returned", "refused"]),
    (500, &["plugin-failed", "limit-exceeded"]),
    (503, &["quarantined"]),
];
/// The maximum length of an error message in bytes.
const MESSAGE_BYTES_MAX: usize = 3_000;
/// The size of a body that is too large for the host, but small enough that the host throws it away to its end.
const BODY_BYTES: usize = BODY_BYTES_MAX + BODY_DISCARD_BYTES_MAX / 4;
/// The maximum number of values in one call.
const VALUES_MAX: usize = 3_000;

impl Fuzzer for Exports {
    const NAME: &'static str = "exports";
    const TEST: &'static str = "fuzz::arbitrary_json_for_exports_is_never_the_hosts_fault";
    const SMOKE: u64 = 600;
    const CASES_PER_ARENA: u64 = 3_000;

    async fn new() -> Self {
        let world = World::new().await;
        let limits = Limits::unlimited().with(Limit::GuestTime, 200).with(Limit::WallTime, 2_000);
        let policy = Policy::as_asked().limits(limits.with(Limit::ActionTime, 2_000));
        let mut builder = world.builder();
        let mut functions = Vec::new();
        for folder in guests() {
            // Only functions with types that JSON can carry are served.
            if let Some(exported) = exported(&folder) {
                functions.extend(exported);
                builder = builder.plugin(folder, policy.clone());
            }
        }
        let host = builder.build().await.unwrap();
        let may =
            ["create", "edit", "delete"].map(|may| Permission::parse(&format!("item:{may}:note")).unwrap());
        host.users().permit("editor", &may).await.unwrap();
        let editor = world.user(&host, "Ada", &["editor"]).await;
        let token = host.users().token(UserId::from(editor.id), None).await.unwrap();
        let item = host
            .items(palisade::Caller::Host)
            .request(super::imports::request())
            .create(super::imports::draft());
        let item = item.await.unwrap().id.to_string();
        let served = Served::new(host.clone()).await;
        Self { _world: world, host, served, functions, item, token }
    }

    async fn case(&mut self, dice: &mut Dice) -> Result<Vec<String>, String> {
        let (plugin, method, path, mut body) =
            if dice.one_in(6) { self.item_request(dice) } else { self.call_request(dice) };
        body.truncate(BODY_BYTES);
        let answer = self.send(dice, method, &path, body).await?;
        if answer.kind == "quarantined" {
            // Fuzzing quarantines plugins; enabling them lets the next case run.
            for plugin in self.host.plugins() {
                self.host.enable(&plugin.name).await.map_err(|error| error.to_string())?;
            }
        }
        Ok(vec![format!("{} {}", answer.status, answer.kind), format!("{plugin}: {}", answer.status)])
    }

    async fn end(mut self) -> Result<(), String> {
        let greeting = self.served.post("/call/greeter/greeting/greet", &json!({ "name": "Ada" })).await;
        if greeting.body != json!("Hello, Ada!") {
            return Err(format!("the neighbour is not served: {greeting:?}"));
        }
        self.served.stop();
        self.served.ended().await;
        self.host.stop().await;
        Ok(())
    }

    fn check_outcomes(tally: &Tally) -> Result<(), String> {
        let functions: Vec<Exported> =
            guests().iter().filter_map(|folder| exported(folder)).flatten().collect();
        let is_called =
            |one: &&Exported| tally.keys().any(|outcome| outcome.starts_with(&format!("{}: ", one.place())));
        let called = functions.iter().filter(is_called).count();
        let kinds =
            ["200 ", "400 bad-arguments", "422 returned", "500 plugin-failed", "415 wrong-content-type"];
        let missing: Vec<_> = kinds.iter().filter(|kind| !tally.contains_key(**kind)).collect();
        // The choice of functions is random, so not all need to be called.
        if missing.is_empty() && called * 10 >= functions.len() * 9 {
            return Ok(());
        }
        Err(format!("no answer had {missing:?}; called {called} of {} functions", functions.len()))
    }
}

impl Exported {
    fn place(&self) -> String {
        format!("{}/{}", self.plugin, self.path)
    }
}

/// A request, with the name under which its answer is counted.
type Asked = (String, Method, String, Vec<u8>);

struct Answered {
    status: u16,
    kind: String,
}

impl Exports {
    /// A call with valid or invalid arguments.
    fn call_request(&self, dice: &mut Dice) -> Asked {
        let exported = dice.pick(&self.functions);
        let Exported { plugin, path, resolve, function } = exported;
        let is_plausible = dice.one_in(2);
        let mut maker = Maker { resolve, dice, is_plausible, left: VALUES_MAX };
        let values = maker.arguments(function);
        let arguments = function.params.iter().zip(&values);
        let arguments: Map<String, Value> = arguments
            .map(|(parameter, value)| (camel(&parameter.name), json(resolve, &parameter.ty, value)))
            .collect();
        let mut arguments = Value::Object(arguments);
        let mut body = match dice.below(8) {
            0..3 => arguments.to_string().into_bytes(),
            3 | 4 => {
                damage(dice, &mut arguments);
                arguments.to_string().into_bytes()
            }
            5 => any(dice, 0).to_string().into_bytes(),
            _ => text(dice, &arguments),
        };
        let mut url = format!("/call/{plugin}/{path}");
        if dice.one_in(80) {
            url = format!("/call/{plugin}/{}", "a".repeat(300));
        } else if dice.one_in(40) {
            let odd = ["%00", "%ff", "..", "", "a/b", "%2e%2e", "\u{202e}"];
            url = format!("/call/{plugin}/{}", dice.pick(&odd));
        }
        if !url.ends_with(path.as_str()) {
            // The server does not read this body. A client that still sends after the answer could miss the answer.
            body.truncate(1_000);
        }
        (exported.place(), Method::POST, url, body)
    }

    /// A request that reads or writes items.
    fn item_request(&self, dice: &mut Dice) -> Asked {
        let right =
            json!({ "itemType": "note", "title": "A note", "status": "published", "fields": { "a": 1 } });
        let mut body = right;
        match dice.below(4) {
            0 => {}
            1 => damage(dice, &mut body),
            2 => body["fields"] = any(dice, 0),
            _ => body = any(dice, 0),
        }
        let bytes = if dice.one_in(4) { text(dice, &body) } else { body.to_string().into_bytes() };
        let one = format!("/items/{}", self.item);
        let find = format!(
            "/items?itemType=note&limit={}&after={}",
            dice.integer(),
            words::text(dice, "id", false).len()
        );
        let (method, path) = match dice.below(5) {
            0 | 1 => (Method::POST, "/items".to_owned()),
            2 => (Method::PATCH, one),
            3 => (Method::GET, find),
            _ => (Method::GET, one),
        };
        (format!("items {method}"), method, path, bytes)
    }

    /// Sends a request and checks that the answer has the standard form.
    async fn send(
        &self,
        dice: &mut Dice,
        method: Method,
        path: &str,
        body: Vec<u8>,
    ) -> Result<Answered, String> {
        let (bytes, start) = (body.len(), String::from_utf8_lossy(&body[..body.len().min(400)]).into_owned());
        let place = format!("{method} {path} {bytes} bytes {start:?}");
        let mut request = self.served.request(method, path).body(body);
        let types = if dice.one_in(30) { "text/plain" } else { "application/json" };
        request = request.header("content-type", types);
        if dice.one_in(2) {
            request = request.header("if-match", format!("\"{}\"", dice.below(4)));
        }
        if dice.one_in(2) {
            request = request.bearer_auth(&self.token);
        }
        let response = request.send().await.map_err(|error| format!("{place}: no answer: {error}"))?;
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        let bytes =
            response.bytes().await.map_err(|error| format!("{place}: the answer is incomplete: {error}"))?;
        let wrong = |what: &str| {
            Err(format!(
                "{place}: {what}: {status} {:?}",
                String::from_utf8_lossy(&bytes[..bytes.len().min(600)])
            ))
        };
        let Ok(answer) = serde_json::from_slice::<Value>(&bytes) else { return wrong("no JSON") };
        if status < 300 {
            return Ok(Answered { status, kind: String::new() });
        }
        let error = &answer["error"];
        let (kind, message) = (error["kind"].as_str().unwrap_or_default(), error["message"].as_str());
        let is_known = KINDS.iter().any(|(known, kinds)| *known == status && kinds.contains(&kind));
        let is_sentence = message.is_some_and(|message| {
            !message.is_empty()
                && message.len() <= MESSAGE_BYTES_MAX
                && !message.chars().any(char::is_control)
        });
        if !is_known || !["caller", "guest"].iter().any(|blame| error["blame"] == *blame) {
            return wrong("blames neither the caller nor the plugin");
        }
        if !is_sentence
            || headers.get("x-request-id").and_then(|id| id.to_str().ok()) != error["requestId"].as_str()
        {
            return wrong("not the standard form of an error");
        }
        Ok(Answered { status, kind: kind.to_owned() })
    }
}

/// The functions that a guest exports to callers. `None` for a guest that exports resources.
fn exported(folder: &std::path::Path) -> Option<Vec<Exported>> {
    let plugin = folder.file_name().unwrap().to_string_lossy().into_owned();
    let bytes = std::fs::read(folder.join(format!("{plugin}.wasm"))).unwrap();
    let DecodedWasm::Component(resolve, world) = decode(&bytes).unwrap() else {
        panic!("{plugin} is not a component")
    };
    let resolve = std::rc::Rc::new(resolve);
    let mut functions = Vec::new();
    for (key, item) in &resolve.worlds[world].exports {
        let name = resolve.name_world_key(key);
        let WorldItem::Interface { id, .. } = item else { continue };
        let interface = name.rsplit('/').next().unwrap().split('@').next().unwrap();
        if name.starts_with("palisade:plugin/") {
            continue;
        }
        for function in resolve.interfaces[*id].functions.values() {
            if !matches!(function.kind, FunctionKind::Freestanding) {
                return None;
            }
            functions.push(Exported {
                plugin: plugin.clone(),
                path: format!("{interface}/{}", function.name),
                resolve: std::rc::Rc::clone(&resolve),
                function: function.clone(),
            });
        }
    }
    Some(functions)
}

//! Calls every function that plugins import with arbitrary values, in every kind. Each call must end in a value, in
//! the interface's own error, or in a trap that is reported as one.
//!
//! A case is a host with its own database, on which a guest runs about a hundred scripts; see [`super::script`]. Most
//! steps obey the ABI, and some of their values are meant to pass the first check. The others pass arbitrary core
//! numbers. After the scripts, other plugins are served, no connection holds anything, and only granted data has
//! changed.

use super::campaign::{Fuzzer, Tally};
use super::contract::{Contract, Import, KINDS, migrations};
use super::dice::Dice;
use super::script::{Ended, Script};
use super::words;
use crate::harness::{Outside, Snapshot, World, copy, guest};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use palisade::grant::ItemPower;
use palisade::guard::item::{Draft, Fields, ItemScope, ItemType, Status, Title};
use palisade::guard::request_context::RequestId;
use palisade::limits::{Limit, Limits};
use palisade::{CallError, Caller, Host, Policy};
use serde_json::{Value, json};
use std::cell::Cell;
use std::time::{Duration, Instant};

pub struct Imports {
    world: World,
    host: Host,
    outside: Outside,
    contract: Contract,
    items: Vec<String>,
    /// How many of the items have been used in scripts.
    named: Cell<usize>,
    user: palisade::User,
    before: Snapshot,
}

const GRANTS: &str = r#"
[grants]
db = { query = true, execute = true, tables = { notes = ["select", "insert", "update", "delete"], readings = ["select"], journal = ["insert"], kinds = ["select", "insert", "update", "delete"] } }
item = { types = { note = ["read", "write"] } }
user = ["has-permission", "get"]
variables = ["write"]
http = [{ url = "http://ADDRESS/" }]
[variables]
flag = { type = "boolean", default = false }
count = { type = "integer", default = 7 }
ratio = { type = "number", default = 0.5 }
label = { type = "text", default = "none" }
"#;
/// The tables that scripts may change: those that are granted, and those that count usage.
const GRANTED: &[&str] = &[
    "plugin_fuzz.notes",
    "plugin_fuzz.journal",
    "plugin_fuzz.kinds",
    "palisade.items",
    "palisade.item_revisions",
    "palisade.variables",
    "sequence plugin_fuzz.",
    // Records that the plugin was disabled; it is enabled again after too many failures.
    "palisade.switches",
];
/// The number of items at the start.
const ITEMS: usize = 20;
/// The maximum length of an error message in bytes.
const SENTENCE_BYTES_MAX: usize = 2_000;
/// How long the cleaning of a connection may take after the last call.
const WAIT_MAX: Duration = Duration::from_secs(30);

impl Fuzzer for Imports {
    const NAME: &'static str = "imports";
    const TEST: &'static str = "fuzz::arbitrary_import_arguments_end_in_a_value_an_error_or_a_trap";
    const SMOKE: u64 = 2;
    const CASES_PER_ARENA: u64 = 1;

    async fn new() -> Self {
        let (world, outside, contract) = (World::new().await, Outside::new().await, Contract::read());
        let folder = contract.plugin(&GRANTS.replace(words::ADDRESS, &outside.address));
        std::fs::create_dir(folder.path().join("migrations")).unwrap();
        copy(&migrations(), &folder.path().join("migrations"));
        let limits = Limits::unlimited().with(Limit::GuestTime, 2_000).with(Limit::WallTime, 10_000);
        let policy = Policy::as_asked().limits(limits.with(Limit::ActionTime, 10_000));
        let builder = world.builder().addresses(Outside::addresses()).plugin(folder.path(), policy);
        let builder = builder.plugin(guest("greeter"), Policy::harmless());
        let host = builder.plugin(guest("sql"), Policy::as_asked()).build().await.unwrap();
        let user = world.user(&host, "Ada", &["admin"]).await;
        let mut items = Vec::new();
        for _ in 0..ITEMS {
            items.push(
                host.items(Caller::Host).request(request()).create(draft()).await.unwrap().id.to_string(),
            );
        }
        let before = world.snapshot().await;
        Self { world, host, outside, contract, items, named: Cell::new(0), user, before }
    }

    async fn case(&mut self, dice: &mut Dice) -> Result<Vec<String>, String> {
        let mut outcomes = Vec::new();
        for kind in KINDS {
            for round in 0..4 {
                for import in &self.contract.imports {
                    let script = self.script(dice, import, round);
                    outcomes.extend(self.run(dice, kind, script).await?);
                }
            }
            self.neighbours().await?;
        }
        Ok(outcomes)
    }

    async fn end(self) -> Result<(), String> {
        self.connections().await?;
        let after = self.world.snapshot().await;
        let changed = after.changed_since(&self.before);
        let not_granted: Vec<_> =
            changed.iter().filter(|part| !GRANTED.iter().any(|granted| part.starts_with(granted))).collect();
        if !not_granted.is_empty() {
            return Err(format!("these changed without a grant: {not_granted:?}"));
        }
        self.host.stop().await;
        drop(self.outside);
        Ok(())
    }

    fn check_outcomes(tally: &Tally) -> Result<(), String> {
        let contract = Contract::read();
        let without: Vec<String> = contract.imports.iter().map(Import::path).collect();
        let without: Vec<&String> =
            without.iter().filter(|path| !tally.contains_key(&format!("{path}: a value"))).collect();
        let traps = tally.keys().filter(|outcome| outcome.starts_with("trap")).count();
        if without.is_empty() && traps > 0 {
            return Ok(());
        }
        Err(format!("none of the calls of {without:?} gave a value: add plausible texts to `words.rs`"))
    }
}

impl Imports {
    /// A script about one import: a valid call that returns the handle it takes, then the import itself with valid,
    /// less valid or arbitrary arguments, and some other calls.
    fn script<'a>(&'a self, dice: &mut Dice, import: &'a Import, round: usize) -> Script<'a> {
        let names = |text: String| {
            let text = text.replace(words::ADDRESS, &self.outside.address);
            if !text.contains(words::ITEM) {
                return text.replace(words::USER, &self.user.id.to_string());
            }
            // Each item gets its turn, because scripts delete some of them.
            let turn = self.named.replace(self.named.get() + 1);
            text.replace(words::ITEM, &self.items[turn % ITEMS])
        };
        let mut script = Script::new(&self.contract);
        if let Some(takes) = import.takes {
            for giver in
                self.contract.imports.iter().filter(|one| one.gives.is_some_and(|(gives, _)| gives == takes))
            {
                script.call(dice, giver, true, &names);
            }
        }
        match round {
            0 => {
                while script.has_room() {
                    script.call(dice, import, true, &names);
                }
            }
            3 => script.raw(dice, import),
            _ => {
                while script.has_room() && !dice.one_in(6) {
                    let other = if dice.one_in(2) { import } else { dice.pick(&self.contract.imports) };
                    let is_plausible = dice.one_in(2);
                    script.call(dice, other, is_plausible, &names);
                }
            }
        }
        script
    }

    /// Runs a script and returns how each of its steps ended.
    async fn run(&self, dice: &mut Dice, kind: &str, mut script: Script<'_>) -> Result<Vec<String>, String> {
        let callers = [Caller::Anonymous, Caller::user(self.user.clone()), Caller::Host];
        let caller = dice.pick(&callers).clone();
        let Some(image) = script.finish() else { return Ok(vec!["an image that is too large".into()]) };
        let arguments = json!({ "image": STANDARD.encode(image) });
        let function = format!("{kind}/run");
        let ended =
            match self.host.call("fuzz", &function).arguments(arguments.clone()).caller(caller.clone()).await
            {
                Err(CallError::Quarantined { .. }) => {
                    self.host
                        .enable("fuzz")
                        .await
                        .map_err(|error| format!("the quarantine does not end: {error}"))?;
                    self.host.call("fuzz", &function).arguments(arguments).caller(caller).await
                }
                ended => ended,
            };
        match ended {
            Ok(outcome) => self.steps(&script, &outcome.value),
            Err(CallError::Trapped { reason, .. }) => {
                sentence(&reason).map_err(|error| format!("{kind}: {}: {error}", script.paths()))?;
                Ok(vec![format!("trap: {}", reason.chars().take(60).collect::<String>())])
            }
            Err(CallError::LimitExceeded { usage, .. }) => Ok(vec![format!("limit: {}", usage.limit)]),
            Err(error @ (CallError::Contended { .. } | CallError::Violation(_))) => {
                Ok(vec![format!("{error}")])
            }
            Err(error) => Err(format!("{kind}: {}: {error}: {error:?}", script.paths())),
        }
    }

    fn steps(&self, script: &Script<'_>, value: &Value) -> Result<Vec<String>, String> {
        let answer = STANDARD
            .decode(value.as_str().ok_or("the answer is not a text")?)
            .map_err(|error| error.to_string())?;
        let mut outcomes = Vec::new();
        for (import, ended) in script.ended(&answer) {
            let path = import.path();
            match ended {
                Ended::Value => outcomes.push(format!("{path}: a value")),
                Ended::Error(case, text) => {
                    sentence(&text).map_err(|error| format!("{path}: {case}: {error}"))?;
                    if case == "other" && text == "internal" {
                        return Err(format!(
                            "{path}: {case}: {text}: {:?}",
                            self.world.log.messages().last()
                        ));
                    }
                    outcomes.push(format!("{path}: {case}"));
                }
            }
        }
        Ok(outcomes)
    }

    /// Checks that other plugins are served.
    async fn neighbours(&self) -> Result<(), String> {
        let greeting = self.host.call("greeter", "greeting/greet").arguments(json!({ "name": "Ada" }));
        let read = json!({ "sql": "SELECT 1 AS one", "parameters": [] });
        let read = self.host.call("sql", "in-query/query").arguments(read);
        let (greeting, read) = tokio::join!(greeting, read);
        let is_served = greeting.as_ref().is_ok_and(|outcome| outcome.value == json!("Hello, Ada!"))
            && read.as_ref().is_ok_and(|outcome| outcome.value["columns"][0]["name"] == "one");
        if is_served { Ok(()) } else { Err(format!("the neighbours are not served: {greeting:?} {read:?}")) }
    }

    /// Checks that no connection is in a transaction or holds anything.
    async fn connections(&self) -> Result<(), String> {
        let busy = "SELECT count(*) FROM pg_stat_activity a LEFT JOIN pg_locks l ON l.pid = a.pid AND l.locktype = 'advisory' \
             WHERE a.datname = current_database() AND a.pid <> pg_backend_pid() AND a.backend_type = 'client backend' \
             AND (a.state <> 'idle' OR l.pid IS NOT NULL)";
        let deadline = Instant::now() + WAIT_MAX;
        while self.world.count(busy).await > 0 {
            if Instant::now() > deadline {
                return Err("a connection is still in a transaction".into());
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        Ok(())
    }
}

/// An item that cases can refer to.
pub fn draft() -> Draft {
    Draft {
        item_type: ItemType::parse("note", ItemScope::All, ItemPower::Write).unwrap(),
        title: Title::parse("A note").unwrap(),
        status: Status::Published,
        fields: Fields::empty(),
    }
}

/// A new request id.
pub fn request() -> RequestId {
    RequestId::random()
}

/// Checks that a text is one line of bounded length.
fn sentence(text: &str) -> Result<(), String> {
    if text.len() <= SENTENCE_BYTES_MAX && !text.chars().any(char::is_control) {
        return Ok(());
    }
    Err(format!("not a single short line: {}", text.chars().take(500).collect::<String>()))
}

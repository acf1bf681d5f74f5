//! Runs the tests that a plugin brings along, `tests/*.toml`, against a host: each on a database of its own.

use crate::harness::World;
use palisade::{CallError, Caller, Host, Policy, Replay};
use palisade_guard::grant::ItemPower;
use palisade_guard::item::{Draft, Fields, Item, ItemScope, ItemType, Status, Title};
use palisade_guard::limits::{Limits, SECRET_BYTES};
use palisade_guard::user::Permission;
use serde::Deserialize;
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

/// 2026-01-01T00:00:00Z.
const INSTANT_US: i64 = 1_767_225_600_000_000;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(default)]
    users: BTreeMap<String, Known>,
    test: Vec<Test>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Known {
    #[serde(default)]
    permissions: Vec<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Test {
    name: String,
    at: Option<String>,
    seed: Option<String>,
    #[serde(default)]
    before: BTreeMap<String, Vec<Value>>,
    steps: Vec<Step>,
    #[serde(default)]
    after: BTreeMap<String, Vec<Value>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Step {
    call: Option<String>,
    #[serde(default)]
    arguments: Option<Value>,
    insert: Option<Value>,
    caller: Option<String>,
    answer: Option<Value>,
    error: Option<Value>,
}

/// Runs all tests of a built plugin. Returns how many there were.
pub async fn run(folder: &Path) -> usize {
    let mut ran = 0;
    for entry in fs::read_dir(folder.join("tests")).unwrap() {
        let path = entry.unwrap().path();
        let file: File = toml::from_str(&fs::read_to_string(&path).unwrap())
            .unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        for test in &file.test {
            test.run(folder, &file.users).await;
            ran += 1;
        }
    }
    ran
}

impl Test {
    async fn run(&self, folder: &Path, users: &BTreeMap<String, Known>) {
        let world = World::new().await;
        let host = world.builder().plugin(folder, Policy::as_asked()).build().await;
        let host = host.unwrap_or_else(|error| panic!("{}: {error:#}", self.name));
        let plugin = host.plugins()[0].name.clone();
        let schema = format!("plugin_{}", plugin.replace('-', "_"));
        let mut callers = BTreeMap::new();
        for (name, known) in users {
            let permissions: Vec<_> =
                known.permissions.iter().map(|name| Permission::parse(name).unwrap()).collect();
            host.users().permit(name, &permissions).await.unwrap();
            callers.insert(name.clone(), Caller::user(world.user(&host, name, &[name.as_str()]).await));
        }
        for (table, rows) in &self.before {
            fill(&world, &schema, table, rows).await;
        }
        for (index, step) in self.steps.iter().enumerate() {
            let caller = step.caller.as_ref().map_or(Caller::Anonymous, |name| callers[name].clone());
            let outcome = step.run(&host, &plugin, caller, self.replay()).await;
            let place = format!("{}, step {}", self.name, index + 1);
            match (&step.answer, &step.error, outcome) {
                (None, None, Ok(_)) => {}
                (Some(answer), None, Ok(value)) => {
                    assert!(contains(&value, answer), "{place}: {value} is not {answer}");
                }
                (None, Some(error), Err(value)) => assert_eq!(&value, error, "{place}"),
                (_, _, outcome) => panic!("{place}: {outcome:?}"),
            }
        }
        for (table, rows) in &self.after {
            compare(&world, &schema, table, rows, &self.name).await;
        }
        host.stop().await;
    }

    fn replay(&self) -> Replay {
        let mut seed = [0; SECRET_BYTES];
        if let Some(text) = &self.seed {
            hex::decode_to_slice(text, &mut seed).unwrap();
        }
        let instant = |text: &str| text.parse::<jiff::Timestamp>().unwrap().as_microsecond();
        Replay::of(seed, self.at.as_deref().map_or(INSTANT_US, instant)).unwrap()
    }
}

impl Step {
    /// What the step answers, or its error.
    async fn run(&self, host: &Host, plugin: &str, caller: Caller, replay: Replay) -> Result<Value, Value> {
        let outcome = match (&self.call, &self.insert) {
            (Some(function), None) => {
                let arguments = self.arguments.clone().unwrap_or_else(|| json!({}));
                let call = host.call(plugin, function).arguments(arguments).caller(caller).replay(replay);
                call.await.map(|outcome| outcome.value)
            }
            (None, Some(draft)) => host.items(caller).create(of_json(draft)).await.map(|item| to_json(&item)),
            _ => panic!("a step has one of `call` and `insert`"),
        };
        outcome.map_err(|error| match error {
            CallError::Returned(value) => value,
            CallError::Refused { message, .. } => message.into(),
            other => panic!("{other}"),
        })
    }
}

fn of_json(draft: &Value) -> Draft {
    let text = |key: &str| draft[key].as_str().unwrap();
    let fields = draft.get("fields").map(Value::to_string);
    Draft {
        item_type: ItemType::parse(text("itemType"), ItemScope::All, ItemPower::Write).unwrap(),
        title: Title::parse(text("title")).unwrap(),
        status: Status::Draft,
        fields: fields.map_or_else(Fields::empty, |text| Fields::parse(&text, &Limits::default()).unwrap()),
    }
}

fn to_json(item: &Item) -> Value {
    let fields: Value = serde_json::from_str(item.fields.as_str()).unwrap();
    json!({ "itemType": item.item_type, "title": item.title, "fields": fields })
}

/// Whether a value is the expected one. Of an object, only the expected keys are compared.
fn contains(value: &Value, expected: &Value) -> bool {
    match (value, expected) {
        (Value::Object(value), Value::Object(expected)) => {
            expected.iter().all(|(key, expected)| contains(value.get(key).unwrap_or(&Value::Null), expected))
        }
        (Value::Array(value), Value::Array(expected)) => {
            value.len() == expected.len()
                && value.iter().zip(expected).all(|(value, expected)| contains(value, expected))
        }
        _ => value == expected,
    }
}

/// Adds rows, whose values PostgreSQL reads as JSON.
async fn fill(world: &World, schema: &str, table: &str, rows: &[Value]) {
    for row in rows {
        let columns: Vec<&String> = row.as_object().unwrap().keys().collect();
        let columns = columns.iter().map(|name| format!("\"{name}\"")).collect::<Vec<_>>().join(", ");
        let insert = format!(
            "INSERT INTO {schema}.\"{table}\" ({columns}) SELECT {columns} FROM jsonb_populate_record(NULL::{schema}.\"{table}\", $1)"
        );
        world.sql.execute(&insert, &[row]).await.unwrap();
    }
    // An identity column goes on after the rows that are there.
    let identities =
        "SELECT attname::text FROM pg_attribute WHERE attrelid = $1::text::regclass AND attidentity <> ''";
    let name = format!("{schema}.\"{table}\"");
    for column in world.sql.query(identities, &[&name]).await.unwrap() {
        let column: String = column.get(0);
        let next = format!(
            "SELECT setval(pg_get_serial_sequence('{name}', '{column}'), max(\"{column}\")) FROM {name}"
        );
        world.sql.execute(&next, &[]).await.unwrap();
    }
}

/// Compares the rows of a table with the expected ones, in any order. Columns that are left out are not compared.
async fn compare(world: &World, schema: &str, table: &str, expected: &[Value], test: &str) {
    let query = format!("SELECT to_jsonb(stored) FROM {schema}.\"{table}\" AS stored");
    let stored = world.sql.query(&query, &[]).await.unwrap();
    let mut stored: Vec<Value> = stored.iter().map(|row| row.get(0)).collect();
    assert_eq!(stored.len(), expected.len(), "{test}: {table} has {stored:?}");
    for row in expected {
        // Written as PostgreSQL writes it, such as an instant.
        let populated = format!("SELECT to_jsonb(jsonb_populate_record(NULL::{schema}.\"{table}\", $1))");
        let whole: Value = world.sql.query_one(&populated, &[row]).await.unwrap().get(0);
        let named: Map<String, Value> =
            row.as_object().unwrap().keys().map(|key| (key.clone(), whole[key].clone())).collect();
        let place = stored.iter().position(|stored| contains(stored, &named.clone().into()));
        let place = place.unwrap_or_else(|| panic!("{test}: {table} has no {row}, but {stored:?}"));
        stored.remove(place);
    }
}

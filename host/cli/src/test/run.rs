//! One test: what it does with a host, and what is wrong.

use super::compare::{self, Side, close};
use super::form::{Act, Exchange, Expected, File, Step, Table, Test, What};
use super::update::{self, Edit};
use palisade::{CallError, Caller};
use palisade_guard::grant::ItemPower;
use palisade_guard::item::{Draft, Fields, Item, ItemScope, ItemType, Status, Title};
use palisade_guard::limits::Limits;
use palisade_guard::request_context::RequestId;
use palisade_guard::text::quoted;
use palisade_test::{Answer, Row, TestHost};
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// What is wrong with a test.
pub(super) struct Failure {
    /// Where in the file.
    pub(super) at: usize,
    pub(super) sentence: String,
    /// How what it got differs from what it expects.
    pub(super) difference: Vec<(Side, String)>,
}

/// What came of a test.
#[derive(Default)]
pub(super) struct Ran {
    pub(super) failures: Vec<Failure>,
    /// What `--update` changes, for each failure that is a difference.
    pub(super) edits: Vec<Edit>,
    pub(super) logs: Vec<String>,
}

/// What a step came to.
enum Outcome {
    Answer(Value),
    Error(Value),
    Fails(String),
}

impl Ran {
    /// Whether each failure is a difference between what a test expects and what it got.
    pub(super) fn can_be_updated(&self) -> bool {
        self.failures.len() == self.edits.len()
    }

    fn fail(&mut self, at: usize, sentence: impl Into<String>) {
        self.failures.push(Failure { at, sentence: sentence.into(), difference: Vec::new() });
    }
}

/// Runs a test on a host that has just started. It goes on behind a difference, and ends behind any other failure.
pub(super) async fn run(host: &TestHost, file: &File, test: &Test) -> Ran {
    let mut ran = Ran::default();
    if let Some(callers) = begin(host, file, test, &mut ran).await {
        for (index, step) in test.steps.iter().enumerate() {
            let caller = step.caller.as_ref().and_then(|name| callers.get(name.as_str()));
            let outcome = act(host, test, (index, step), caller.cloned().unwrap_or(Caller::Anonymous)).await;
            judge(index, step, outcome, &mut ran);
            if !ran.can_be_updated() {
                break;
            }
        }
        if ran.can_be_updated() {
            exchanges(host, test, &mut ran);
            for table in &test.after {
                compare_rows(host, table, &mut ran).await;
            }
        }
    }
    ran.logs = host.logs();
    ran
}

/// Adds the users, the rows and the answers of other servers.
async fn begin<'a>(
    host: &TestHost,
    file: &'a File,
    test: &Test,
    ran: &mut Ran,
) -> Option<BTreeMap<&'a str, Caller>> {
    let mut callers = BTreeMap::new();
    for user in &file.users {
        let permissions: Vec<&str> = user.permissions.iter().map(String::as_str).collect();
        let roles: Vec<&str> = user.roles.iter().map(String::as_str).collect();
        match host.user(&user.name, &permissions, &roles).await {
            Ok(caller) => drop(callers.insert(user.name.as_str(), caller)),
            Err(error) => ran.fail(user.at, format!("the user `{}` cannot be added: {error}", user.name)),
        }
    }
    for table in test.before.iter().chain(&test.after) {
        check_table(host, table, ran).await;
    }
    if !ran.failures.is_empty() {
        return None;
    }
    for table in &test.before {
        for (at, row) in &table.rows {
            if let Err(error) = host.insert(&table.name, &[Value::Object(row.clone())]).await {
                ran.fail(*at, format!("the row of `{}` cannot be added: {error}", table.name));
                return None;
            }
        }
    }
    for Exchange { method, url, reply, .. } in &test.http {
        host.http().add(Answer { method: method.clone(), url: url.clone(), reply: reply.clone() });
    }
    Some(callers)
}

/// Checks that there are such a table and such columns. PostgreSQL itself ignores a column of JSON that a table does not have.
async fn check_table(host: &TestHost, table: &Table, ran: &mut Ran) {
    let columns = match host.columns(&table.name).await {
        Ok(columns) => columns,
        Err(error) => return ran.fail(table.span.start, format!("{error:#}")),
    };
    if columns.is_empty() {
        let tables = host.tables().await.unwrap_or_default();
        let known = match close(&table.name, tables.iter().map(String::as_str)) {
            Some(meant) => format!("did you mean `{meant}`?"),
            None if tables.is_empty() => "its migrations make none".to_owned(),
            None => format!("it has `{}`", tables.join("`, `")),
        };
        return ran
            .fail(table.span.start, format!("the plugin has no table {}; {known}", quoted(&table.name)));
    }
    let names = || columns.iter().map(|column| column.name.as_str());
    for (at, row) in &table.rows {
        let Some(unknown) = row.keys().find(|name| names().all(|known| known != *name)) else { continue };
        let known = close(unknown, names()).map_or_else(
            || format!("it has `{}`", names().collect::<Vec<_>>().join("`, `")),
            |meant| format!("did you mean `{meant}`?"),
        );
        return ran.fail(*at, format!("`{}` has no column {}; {known}", table.name, quoted(unknown)));
    }
}

/// Does what a step says. The request's id is part of what decides an answer, so each step has its own.
async fn act(host: &TestHost, test: &Test, (index, step): (usize, &Step), caller: Caller) -> Outcome {
    let request = RequestId::parse(&format!("test-{}", index + 1)).unwrap_or_else(RequestId::random);
    let outcome = match &step.act {
        Act::Call { function, arguments } => {
            let call = host.call(function, arguments.clone()).caller(caller).request(request);
            // An action sees real time.
            let call = if host.can_replay(function) == Some(true) { call.replay(test.replay) } else { call };
            call.await.map(|outcome| outcome.value)
        }
        Act::Insert(draft) => match parse(draft) {
            Ok(draft) => {
                let items = host.host().items(caller).request(request).replay(test.replay);
                items.create(draft).await.map(|item| shown(&item))
            }
            Err(why) => return Outcome::Fails(why),
        },
    };
    match outcome {
        Ok(value) => Outcome::Answer(value),
        Err(CallError::Returned(value)) => Outcome::Error(value),
        Err(CallError::Refused { message, .. }) => Outcome::Error(message.into()),
        Err(error) => {
            // With what callers are not told.
            let mut sentence = error.to_string();
            let mut cause = std::error::Error::source(&error);
            while let Some(source) = cause {
                sentence.push_str(": ");
                sentence.push_str(&source.to_string());
                cause = source.source();
            }
            Outcome::Fails(sentence)
        }
    }
}

/// Compares what a step came to with what it expects.
fn judge(index: usize, step: &Step, outcome: Outcome, ran: &mut Ran) {
    let what = match &step.act {
        Act::Call { function, .. } => format!("step {}, `{function}`", index + 1),
        Act::Insert(_) => format!("step {}, an insert", index + 1),
    };
    let at = step.expected.as_ref().map_or(step.at, |expected| expected.span.start);
    let (got, value) = match &outcome {
        Outcome::Answer(value) => (What::Answer, value.clone()),
        Outcome::Error(value) => (What::Error, value.clone()),
        Outcome::Fails(sentence) => (What::Fails, Value::from(sentence.as_str())),
    };
    let Some(expected) = &step.expected else {
        match outcome {
            Outcome::Answer(_) => {}
            Outcome::Error(value) => ran.fail(at, format!("{what}: the error {value}")),
            Outcome::Fails(sentence) => ran.fail(at, format!("{what}: {sentence}")),
        }
        return;
    };
    let is_equal = expected.what == got
        && match (got, value.as_str(), expected.value.as_str()) {
            (What::Fails, Some(sentence), Some(words)) => sentence.contains(words),
            _ => compare::is(&value, &expected.value),
        };
    if is_equal {
        return;
    }
    let is_same_side = expected.what == got && got != What::Fails;
    let (sentence, difference) = if is_same_side {
        (format!("{what}: another {} than expected", got.key()), compare::difference(&value, &expected.value))
    } else {
        let side = |what: What, value: &Value| match what {
            What::Fails => format!("fails = {value}"),
            what => format!("{} = {value}", what.key()),
        };
        let lines =
            vec![(Side::Expected, side(expected.what, &expected.value)), (Side::Got, side(got, &value))];
        (format!("{what}: another outcome than expected"), lines)
    };
    ran.failures.push(Failure { at, sentence, difference });
    let text = update::entry(got.key(), &value);
    let is_null_error = text.is_empty() && got == What::Error;
    let text = if is_null_error { "error-json = \"null\"".to_owned() } else { text };
    ran.edits.push(Edit { span: expected.span.clone(), text });
}

/// Compares the requests to other servers.
fn exchanges(host: &TestHost, test: &Test, ran: &mut Ran) {
    for request in host.http().unanswered() {
        let why = format!("the plugin sent {request}, and no [[test.http]] that is left answers that");
        ran.fail(test.at, why);
    }
    for (Exchange { at, method, url, sent: expected, .. }, sent) in test.http.iter().zip(host.http().sent()) {
        let Some(sent) = sent else {
            ran.fail(*at, format!("the plugin did not send {method} {url}"));
            continue;
        };
        let Some(Expected { value: expected, span, .. }) = expected else { continue };
        match serde_json::from_slice::<Value>(&sent) {
            Ok(value) if compare::is(&value, expected) => {}
            Ok(value) => {
                let sentence = format!("another body of {method} {url} than expected");
                let difference = compare::difference(&value, expected);
                ran.failures.push(Failure { at: span.start, sentence, difference });
                ran.edits.push(Edit { span: span.clone(), text: update::entry(What::Sent.key(), &value) });
            }
            Err(_) => {
                let sent = quoted(&String::from_utf8_lossy(&sent));
                ran.fail(span.start, format!("the body of {method} {url} is not JSON but {sent}"));
            }
        }
    }
}

/// Compares the rows of a table.
async fn compare_rows(host: &TestHost, table: &Table, ran: &mut Ran) {
    let stored = match host.rows(&table.name).await {
        Ok(stored) => stored,
        Err(error) => return ran.fail(table.span.start, format!("{error:#}")),
    };
    let mut expected = Vec::new();
    for (at, row) in &table.rows {
        match host.as_stored(&table.name, row).await {
            Ok(row) => expected.push(row),
            Err(error) => {
                return ran.fail(*at, format!("the row cannot be one of `{}`: {error}", table.name));
            }
        }
    }
    let Some(difference) = compare::rows(&stored, &expected) else { return };
    let sentence = format!("`{}` has other rows than expected", table.name);
    ran.failures.push(Failure { at: table.span.start, sentence, difference });
    let old: Vec<&Row> = table.rows.iter().map(|(_, row)| row).collect();
    if let Some(text) = update::rows(&table.name, &old, &stored) {
        ran.edits.push(Edit { span: table.span.start..table.value.end, text });
    }
}

/// An item that a step inserts, in the form of `POST /items`.
fn parse(draft: &Value) -> Result<Draft, String> {
    let known = ["itemType", "title", "status", "fields"];
    if let Some(key) =
        draft.as_object().and_then(|draft| draft.keys().find(|key| !known.contains(&key.as_str())))
    {
        return Err(format!("an item has no key {}, but `{}`", quoted(key), known.join("`, `")));
    }
    let text = |key: &str| draft[key].as_str().ok_or_else(|| format!("an item needs the text `{key}`"));
    let refused = |refusal: palisade::Refusal| refusal.to_string();
    Ok(Draft {
        item_type: ItemType::parse(text("itemType")?, ItemScope::All, ItemPower::Write).map_err(refused)?,
        title: Title::parse(text("title")?).map_err(refused)?,
        status: match &draft["status"] {
            Value::Null => Status::Draft,
            status if status == "draft" => Status::Draft,
            status if status == "published" => Status::Published,
            _ => return Err("an item's status is \"draft\" or \"published\"".to_owned()),
        },
        fields: match draft.get("fields") {
            None => Fields::empty(),
            Some(fields) => Fields::parse(&fields.to_string(), &Limits::default()).map_err(refused)?,
        },
    })
}

/// An item in the form of `GET /items/{id}`, without what the host makes up.
fn shown(item: &Item) -> Value {
    let status = match item.status {
        Status::Draft => "draft",
        Status::Published => "published",
    };
    let fields: Value = serde_json::from_str(item.fields.as_str()).unwrap_or_default();
    json!({
        "id": item.id.to_string(), "itemType": item.item_type, "title": item.title, "status": status, "fields": fields,
        "revision": item.revision, "author": item.author.map(|id| id.to_string()),
    })
}

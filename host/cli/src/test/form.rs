//! The form of `tests/*.toml`: users, and tests with rows, answers of other servers, and steps. `docs/testing.md` describes it.
//!
//! A file is read by hand and not by serde, because every part keeps its place in the text: failures name the line, and
//! `--update` changes values where they stand and nothing else. Every mistake is a sentence with file, line and column.

use super::compare::close;
use crate::output;
use anyhow::Result;
use palisade::Replay;
use palisade_guard::limits::SECRET_BYTES;
use palisade_test::{Reply, Row, TestHost};
use serde_json::{Map, Number, Value};
use std::ops::Range;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

/// A place in a file: from and to which byte.
pub(super) type Span = Range<usize>;

/// A file of tests.
pub(super) struct File {
    /// Its name, such as `tests/guestbook.toml`.
    pub(super) name: String,
    pub(super) text: String,
    pub(super) users: Vec<Known>,
    pub(super) tests: Vec<Test>,
}

/// A user of a file's tests.
pub(super) struct Known {
    pub(super) name: String,
    pub(super) at: usize,
    pub(super) permissions: Vec<String>,
    pub(super) roles: Vec<String>,
}

/// A test.
pub(super) struct Test {
    pub(super) name: String,
    pub(super) at: usize,
    pub(super) replay: Replay,
    pub(super) before: Vec<Table>,
    pub(super) http: Vec<Exchange>,
    pub(super) steps: Vec<Step>,
    pub(super) after: Vec<Table>,
}

/// Rows of a table.
pub(super) struct Table {
    pub(super) name: String,
    pub(super) span: Span,
    pub(super) value: Span,
    pub(super) rows: Vec<(usize, Row)>,
}

/// A request that the plugin sends to another server, and its answer.
pub(super) struct Exchange {
    pub(super) at: usize,
    pub(super) method: String,
    pub(super) url: String,
    /// The JSON that is sent.
    pub(super) sent: Option<Expected>,
    pub(super) reply: Reply,
}

/// What a test does.
pub(super) struct Step {
    pub(super) at: usize,
    pub(super) act: Act,
    /// The name of the caller; `None` is an anonymous one.
    pub(super) caller: Option<String>,
    pub(super) expected: Option<Expected>,
}

/// What a step does.
pub(super) enum Act {
    Call { function: String, arguments: Value },
    Insert(Value),
}

/// What a step or an exchange expects.
pub(super) struct Expected {
    pub(super) what: What,
    pub(super) value: Value,
    /// From the key to the end of the value.
    pub(super) span: Span,
}

/// Which outcome is expected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum What {
    /// The `ok` side.
    Answer,
    /// The `err` side, or the sentence of a tap.
    Error,
    /// A failure that is not the plugin's own answer: its sentence has these words.
    Fails,
    /// A body that the plugin sends.
    Sent,
}

impl What {
    /// The key in a file.
    pub(super) fn key(self) -> &'static str {
        match self {
            Self::Answer => "answer",
            Self::Error => "error",
            Self::Fails => "fails",
            Self::Sent => "sent",
        }
    }
}

impl File {
    /// Reads a file's text.
    pub(super) fn parse(name: &str, text: String) -> Result<Self> {
        let (users, tests) = {
            let reader = Reader { name, text: &text };
            let root = DeTable::parse(&text)
                .map_err(|error| reader.wrong(error.span().map_or(0, |span| span.start), error.message()))?;
            let root = reader.keys(root.get_ref(), "a file", &["users", "test"])?;
            let users = match root.get("users") {
                None => Vec::new(),
                Some((_, value)) => reader.users(value)?,
            };
            let names: Vec<&str> = users.iter().map(|user: &Known| user.name.as_str()).collect();
            let mut tests = Vec::new();
            if let Some((at, value)) = root.get("test") {
                for test in reader.list(value, at, "write each test as `[[test]]`")? {
                    tests.push(reader.test(test, &names)?);
                }
            }
            (users, tests)
        };
        Ok(Self { name: name.to_owned(), text, users, tests })
    }

    /// A place as `file:line`.
    pub(super) fn line(&self, at: usize) -> String {
        format!("{}:{}", self.name, place(&self.text, at).0)
    }
}

/// The line and column of a byte, both from 1.
pub(super) fn place(text: &str, at: usize) -> (usize, usize) {
    let before = text.get(..at).unwrap_or(text);
    let line = before.matches('\n').count() + 1;
    (line, before.rsplit('\n').next().map_or(1, |tail| tail.chars().count() + 1))
}

struct Reader<'a> {
    name: &'a str,
    text: &'a str,
}

/// The entries of a table by their names, each with where its key begins.
struct Keys<'a, 'i>(Vec<(usize, &'a str, &'a Spanned<DeValue<'i>>)>);

impl<'a, 'i> Keys<'a, 'i> {
    fn get(&self, key: &str) -> Option<(usize, &'a Spanned<DeValue<'i>>)> {
        self.0.iter().find(|(_, name, _)| *name == key).map(|(at, _, value)| (*at, *value))
    }

    /// Where the first entry begins.
    fn at(&self) -> usize {
        self.0.first().map_or(0, |(at, ..)| *at)
    }
}

impl Reader<'_> {
    fn wrong(&self, at: usize, sentence: impl AsRef<str>) -> anyhow::Error {
        let (line, column) = place(self.text, at);
        let sentence = sentence.as_ref().trim().replace('\n', " ");
        output::usage(format!("{}:{line}:{column}: {sentence}", self.name))
    }

    /// The entries of a table in the order of the file. A key that is not known is refused.
    fn keys<'a, 'i>(&self, table: &'a DeTable<'i>, of: &str, known: &[&str]) -> Result<Keys<'a, 'i>> {
        let keys = entries(table);
        if let Some((at, name, _)) = keys.0.iter().find(|(_, name, _)| !known.contains(name)) {
            let meant = close(name, known.iter().copied())
                .map_or_else(String::new, |meant| format!("; did you mean `{meant}`?"));
            let known = known.join("`, `");
            return Err(self.wrong(*at, format!("{of} has no key `{name}`, but `{known}`{meant}")));
        }
        Ok(keys)
    }

    fn table<'a, 'i>(
        &self,
        value: &'a Spanned<DeValue<'i>>,
        at: usize,
        what: &str,
    ) -> Result<&'a DeTable<'i>> {
        value.get_ref().as_table().ok_or_else(|| self.wrong(at, what))
    }

    fn list<'a, 'i>(
        &self,
        value: &'a Spanned<DeValue<'i>>,
        at: usize,
        what: &str,
    ) -> Result<Vec<&'a Spanned<DeValue<'i>>>> {
        let list = value.get_ref().as_array().ok_or_else(|| self.wrong(at, what))?;
        Ok(list.iter().collect())
    }

    fn string(&self, value: &Spanned<DeValue<'_>>, what: &str) -> Result<String> {
        let text = value.get_ref().as_str().map(str::to_owned);
        text.ok_or_else(|| self.wrong(value.span().start, format!("{what} is a text in quotes")))
    }

    fn strings(&self, entry: Option<(usize, &Spanned<DeValue<'_>>)>, what: &str) -> Result<Vec<String>> {
        let Some((at, value)) = entry else { return Ok(Vec::new()) };
        let list = self.list(value, at, &format!("{what} are a list of texts"))?;
        list.into_iter().map(|text| self.string(text, &format!("each of the {what}"))).collect()
    }

    fn users(&self, value: &Spanned<DeValue<'_>>) -> Result<Vec<Known>> {
        let what = "write the users as `[users]`, with a line for each: `ada = {}`";
        let mut users = Vec::new();
        for (at, name, user) in entries(self.table(value, value.span().start, what)?).0 {
            let what = format!("a user is a table: `{name} = {{ permissions = [\"…\"] }}`");
            let keys = self.keys(self.table(user, at, &what)?, "a user", &["permissions", "roles"])?;
            users.push(Known {
                name: name.to_owned(),
                at,
                permissions: self.strings(keys.get("permissions"), "permissions")?,
                roles: self.strings(keys.get("roles"), "roles")?,
            });
        }
        Ok(users)
    }

    fn test(&self, value: &Spanned<DeValue<'_>>, users: &[&str]) -> Result<Test> {
        let start = value.span().start;
        let known = ["name", "at", "seed", "before", "http", "steps", "after"];
        let keys = self.keys(self.table(value, start, "write each test as `[[test]]`")?, "a test", &known)?;
        let at = keys.get("name").map_or(start, |(at, _)| at);
        let name = match keys.get("name") {
            Some((_, name)) => self.string(name, "a test's name")?,
            None => return Err(self.wrong(start, "a test needs a name: `name = \"…\"`")),
        };
        let mut steps = Vec::new();
        if let Some((at, list)) = keys.get("steps") {
            for step in self.list(list, at, "write each step as `[[test.steps]]`")? {
                steps.push(self.step(step, users)?);
            }
        }
        if steps.is_empty() {
            return Err(self.wrong(at, "a test needs a step: `[[test.steps]]` with `call = \"…\"`"));
        }
        let mut http = Vec::new();
        if let Some((at, list)) = keys.get("http") {
            for exchange in self.list(list, at, "write each answer of a server as `[[test.http]]`")? {
                http.push(self.exchange(exchange)?);
            }
        }
        let tables = |key: &str| match keys.get(key) {
            None => Ok(Vec::new()),
            Some((at, value)) => self.tables(value, at, key),
        };
        let (before, after) = (tables("before")?, tables("after")?);
        let replay = self.replay(keys.get("at"), keys.get("seed"))?;
        Ok(Test { name, at, replay, before, http, steps, after })
    }

    fn replay(
        &self,
        at: Option<(usize, &Spanned<DeValue<'_>>)>,
        seed: Option<(usize, &Spanned<DeValue<'_>>)>,
    ) -> Result<Replay> {
        let default = TestHost::default_replay();
        let (mut bytes, mut instant, mut begins) = (default.seed(), default.instant_us(), 0);
        if let Some((key, value)) = seed {
            let text = self.string(value, "a seed")?;
            let digits = 2 * SECRET_BYTES;
            hex::decode_to_slice(&text, &mut bytes)
                .map_err(|_| self.wrong(key, format!("a seed is {digits} hexadecimal digits")))?;
        }
        if let Some((key, value)) = at {
            begins = key;
            let text = match value.get_ref() {
                DeValue::Datetime(time) => time.to_string(),
                _ => self.string(value, "an instant")?,
            };
            instant = crate::replay::instant(&text).map_err(|why| {
                self.wrong(key, format!("`at` is an instant such as `2026-01-31T12:00:00Z`: {why}"))
            })?;
        }
        Replay::of(bytes, instant)
            .ok_or_else(|| self.wrong(begins, "`at` must be between the years 1970 and 9999"))
    }

    fn step(&self, value: &Spanned<DeValue<'_>>, users: &[&str]) -> Result<Step> {
        let known = [
            "call",
            "insert",
            "caller",
            "arguments",
            "arguments-json",
            "answer",
            "answer-json",
            "error",
            "error-json",
            "fails",
        ];
        let start = value.span().start;
        let table = self.table(value, start, "write each step as `[[test.steps]]`")?;
        let keys = self.keys(table, "a step", &known)?;
        let at = keys.get("call").or_else(|| keys.get("insert")).map_or(keys.at(), |(at, _)| at);
        let arguments = self.one_of(&keys, &["arguments", "arguments-json"])?;
        let act = match (keys.get("call"), keys.get("insert")) {
            (Some((_, call)), None) => Act::Call {
                function: self.string(call, "a call is `interface/function`, which")?,
                arguments: match arguments {
                    Some((_, value @ Value::Object(_), _)) => value,
                    Some((_, _, span)) => {
                        return Err(self.wrong(span.start, "arguments are a table: `{ name = \"Ada\" }`"));
                    }
                    None => Value::Object(Map::new()),
                },
            },
            (None, Some((at, draft))) => {
                if let Some((_, _, span)) = arguments {
                    return Err(self.wrong(span.start, "only a call has arguments"));
                }
                let draft = self.json(draft)?;
                if !draft.is_object() {
                    let what = "an item is a table: `{ itemType = \"post\", title = \"…\" }`";
                    return Err(self.wrong(at, what));
                }
                Act::Insert(draft)
            }
            _ => return Err(self.wrong(at, "a step has either `call` or `insert`")),
        };
        let caller = match keys.get("caller") {
            None => None,
            Some((at, value)) => {
                let name = self.string(value, "a caller's name")?;
                if !users.contains(&name.as_str()) {
                    let why = format!("[users] has no `{name}`: add the line `{name} = {{}}` there");
                    return Err(self.wrong(at, why));
                }
                Some(name)
            }
        };
        let expected = self.one_of(&keys, &["answer", "answer-json", "error", "error-json", "fails"])?;
        let expected = expected.map(|(key, value, span)| {
            let what = match key.trim_end_matches("-json") {
                "answer" => What::Answer,
                "error" => What::Error,
                _ => What::Fails,
            };
            Expected { what, value, span }
        });
        if let Some(Expected { what: What::Fails, value, span }) = &expected
            && !value.is_string()
        {
            return Err(self.wrong(span.start, "`fails` is a text that the sentence of the failure contains"));
        }
        Ok(Step { at, act, caller, expected })
    }

    /// The only one of these entries, as JSON. One that ends with `-json` is a text of JSON.
    fn one_of<'k>(&self, keys: &Keys<'_, '_>, names: &[&'k str]) -> Result<Option<(&'k str, Value, Span)>> {
        let mut found: Option<(&'k str, Value, Span)> = None;
        for name in names {
            let Some((at, value)) = keys.get(name) else { continue };
            if let Some((other, ..)) = &found {
                return Err(self.wrong(at, format!("there is `{other}` already: remove one of the two")));
            }
            let json = if name.ends_with("-json") {
                let text = self.string(value, &format!("`{name}`"))?;
                palisade_guard::json::parse(text.as_bytes())
                    .map_err(|error| self.wrong(at, palisade::BadArgument::from(error).to_string()))?
            } else {
                self.json(value)?
            };
            found = Some((*name, json, at..value.span().end));
        }
        Ok(found)
    }

    fn exchange(&self, value: &Spanned<DeValue<'_>>) -> Result<Exchange> {
        let known = ["method", "url", "sent", "sent-json", "status", "headers", "body", "json", "fails"];
        let start = value.span().start;
        let table = self.table(value, start, "write each answer of a server as `[[test.http]]`")?;
        let keys = self.keys(table, "an answer of a server", &known)?;
        let (at, url) = match keys.get("url") {
            Some((at, url)) => (at, self.string(url, "a URL")?),
            None => return Err(self.wrong(keys.at(), "an answer of a server needs the `url` that it is for")),
        };
        let method = match keys.get("method") {
            None => "GET".to_owned(),
            Some((at, method)) => {
                let method = self.string(method, "a method")?;
                let known = palisade_guard::http::Method::parse(&method);
                known.map(|known| known.as_str().to_owned()).ok_or_else(|| {
                    self.wrong(at, "a method is GET, HEAD, POST, PUT, PATCH or DELETE, in capitals")
                })?
            }
        };
        let sent = self.one_of(&keys, &["sent", "sent-json"])?;
        let sent = sent.map(|(_, value, span)| Expected { what: What::Sent, value, span });
        let body = self.one_of(&keys, &["body", "json"])?;
        let reply = if let Some((at, fails)) = keys.get("fails") {
            if body.is_some() || keys.get("status").is_some() || keys.get("headers").is_some() {
                return Err(self.wrong(at, "an exchange that fails has no status, headers or body"));
            }
            match self.string(fails, "`fails`")?.as_str() {
                "timeout" => Reply::Timeout,
                "connection" => Reply::ConnectionFailed,
                _ => return Err(self.wrong(at, "an exchange fails with \"timeout\" or \"connection\"")),
            }
        } else {
            self.response(&keys, body)?
        };
        Ok(Exchange { at, method, url, sent, reply })
    }

    fn response(&self, keys: &Keys<'_, '_>, body: Option<(&str, Value, Span)>) -> Result<Reply> {
        let status = match keys.get("status") {
            None => http::StatusCode::OK.as_u16(),
            Some((at, value)) => self
                .json(value)?
                .as_u64()
                .and_then(|status| u16::try_from(status).ok())
                .and_then(|status| http::StatusCode::from_u16(status).ok())
                .ok_or_else(|| self.wrong(at, "a status is a number of three digits"))?
                .as_u16(),
        };
        let mut headers = Vec::new();
        if let Some((at, value)) = keys.get("headers") {
            let what = "headers are a table: `{ content-type = \"text/plain\" }`";
            for (at, name, value) in entries(self.table(value, at, what)?).0 {
                let text = self.string(value, "a header's value")?;
                let is_valid = http::HeaderName::try_from(name).is_ok()
                    && http::HeaderValue::try_from(text.as_str()).is_ok();
                if !is_valid {
                    return Err(self.wrong(at, "this is not a header"));
                }
                headers.push((name.to_ascii_lowercase(), text));
            }
        }
        let body = match body {
            None => Vec::new(),
            Some(("body", Value::String(text), _)) => text.into_bytes(),
            Some(("body", _, span)) => {
                return Err(self.wrong(span.start, "a `body` is a text in quotes; use `json` for JSON"));
            }
            Some((_, json, _)) => {
                if !headers.iter().any(|(name, _)| name == "content-type") {
                    headers.push(("content-type".to_owned(), "application/json".to_owned()));
                }
                json.to_string().into_bytes()
            }
        };
        Ok(Reply::Response { status, headers, body })
    }

    /// Tables in the order of the file, so that rows may refer to those above them.
    fn tables(&self, value: &Spanned<DeValue<'_>>, at: usize, key: &str) -> Result<Vec<Table>> {
        let what =
            format!("write `[test.{key}]`, and each table's rows below it: `entries = [{{ id = 1 }}]`");
        let mut tables = Vec::new();
        for (at, name, list) in entries(self.table(value, at, &what)?).0 {
            let what = format!("the rows of a table are a list: `{name} = [{{ id = 1 }}]`");
            let mut rows = Vec::new();
            for row in self.list(list, at, &what)? {
                match self.json(row)? {
                    Value::Object(values) => rows.push((row.span().start, values)),
                    _ => return Err(self.wrong(row.span().start, "a row is a table: `{ id = 1 }`")),
                }
            }
            let span = at..list.span().end;
            tables.push(Table { name: name.to_owned(), span, value: list.span(), rows });
        }
        Ok(tables)
    }

    /// A value as JSON. An instant becomes a text.
    fn json(&self, value: &Spanned<DeValue<'_>>) -> Result<Value> {
        let wrong = |sentence: &str| self.wrong(value.span().start, sentence);
        Ok(match value.get_ref() {
            DeValue::String(text) => Value::String(text.as_ref().to_owned()),
            DeValue::Boolean(truth) => Value::Bool(*truth),
            DeValue::Datetime(time) => Value::String(time.to_string()),
            DeValue::Integer(integer) => {
                let (digits, radix) = (integer.as_str(), integer.radix());
                let signed = i64::from_str_radix(digits, radix).map(Number::from);
                signed.or_else(|_| u64::from_str_radix(digits, radix).map(Number::from)).map_or_else(
                    |_| Err(wrong("an integer has at most 64 bits; write a larger number as a text")),
                    |number| Ok(Value::Number(number)),
                )?
            }
            DeValue::Float(float) => {
                let number = float.as_str().parse().ok().and_then(Number::from_f64);
                let number = number.ok_or_else(|| {
                    wrong("JSON has no such number; write it as the host does, as a text such as \"NaN\"")
                })?;
                Value::Number(number)
            }
            DeValue::Array(list) => list.iter().map(|entry| self.json(entry)).collect::<Result<_>>()?,
            DeValue::Table(table) => {
                let entries = table.iter();
                let entry = |(key, value): (&Spanned<_>, &Spanned<DeValue<'_>>)| {
                    let key: &std::borrow::Cow<'_, str> = key.get_ref();
                    Ok((key.as_ref().to_owned(), self.json(value)?))
                };
                Value::Object(entries.map(entry).collect::<Result<_>>()?)
            }
        })
    }
}

/// The entries of a table in the order of the file.
fn entries<'a, 'i>(table: &'a DeTable<'i>) -> Keys<'a, 'i> {
    let entry = |(key, value): (&'a Spanned<std::borrow::Cow<'i, str>>, &'a Spanned<DeValue<'i>>)| {
        (key.span().start, key.get_ref().as_ref(), value)
    };
    let mut entries: Vec<_> = table.iter().map(entry).collect();
    entries.sort_by_key(|(at, ..)| *at);
    Keys(entries)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(text: &str) -> String {
        File::parse("tests/a.toml", text.to_owned())
            .err()
            .map_or_else(|| panic!("accepted: {text}"), |error| error.to_string())
    }

    const TEST: &str = "[[test]]\nname = \"a\"\n";
    const STEP: &str = "[[test]]\nname = \"a\"\n[[test.steps]]\ncall = \"a/b\"\n";

    #[test]
    fn malformed_file_is_rejected_with_its_place_and_what_to_write() {
        for (text, expected) in [
            ("[[test]\n", "tests/a.toml:1:"),
            (
                "[user]\nada = {}\n",
                "tests/a.toml:1:2: a file has no key `user`, but `users`, `test`; did you mean `users`?",
            ),
            ("[users]\nada = 1\n", "tests/a.toml:2:1: a user is a table"),
            ("[users]\nada = { permission = [] }\n", "did you mean `permissions`?"),
            (
                "[users]\nada = { permissions = [1] }\n",
                "tests/a.toml:2:24: each of the permissions is a text",
            ),
            ("users = 1\n", "write the users as `[users]`"),
            ("[test]\nname = \"a\"\n", "write each test as `[[test]]`"),
            ("test = [1]\n", "write each test as `[[test]]`"),
            ("[[test]]\n", "a test needs a name"),
            (TEST, "tests/a.toml:2:1: a test needs a step"),
            (&format!("{TEST}steps = []\n"), "a test needs a step"),
            (&format!("{TEST}step = []\n"), "did you mean `steps`?"),
            (&format!("{TEST}[[test.steps]]\n"), "a step has either `call` or `insert`"),
            (&format!("{STEP}insert = {{}}\n"), "tests/a.toml:4:1: a step has either `call` or `insert`"),
            (&format!("{STEP}anser = 1\n"), "tests/a.toml:5:1: a step has no key `anser`"),
            (&format!("{STEP}anser = 1\n"), "did you mean `answer`?"),
            (&format!("{STEP}answer = 1\nerror = 2\n"), "tests/a.toml:6:1: there is `answer` already"),
            (&format!("{STEP}answer-json = '['\n"), "tests/a.toml:5:1: "),
            (&format!("{STEP}answer-json = 1\n"), "`answer-json` is a text in quotes"),
            (&format!("{STEP}answer = nan\n"), "JSON has no such number"),
            (&format!("{STEP}answer = 99999999999999999999\n"), "tests/a.toml:5:10: "),
            (&format!("{STEP}arguments = [1]\n"), "arguments are a table"),
            (&format!("{STEP}caller = \"eve\"\n"), "[users] has no `eve`: add the line `eve = {}` there"),
            (&format!("{STEP}fails = 1\n"), "`fails` is a text"),
            (&STEP.replace("call = \"a/b\"", "insert = 1"), "an item is a table"),
            (&STEP.replace("call = \"a/b\"", "insert = {}\narguments = {}"), "only a call has arguments"),
            (
                &format!("{STEP}[test.before]\nentries = 1\n"),
                "tests/a.toml:6:1: the rows of a table are a list",
            ),
            (&format!("{STEP}[test.after]\nentries = [1]\n"), "tests/a.toml:6:12: a row is a table"),
            (
                &STEP.replace("name = \"a\"", "name = \"a\"\nat = \"noon\""),
                "tests/a.toml:3:1: `at` is an instant",
            ),
            (
                &STEP.replace("name = \"a\"", "name = \"a\"\nat = \"1969-01-01T00:00:00Z\""),
                "between the years 1970 and 9999",
            ),
            (&STEP.replace("name = \"a\"", "name = \"a\"\nseed = \"07\""), "a seed is 64 hexadecimal digits"),
            (&format!("{STEP}[[test.http]]\nmethod = \"GET\"\n"), "needs the `url`"),
            (&format!("{STEP}[[test.http]]\nurl = \"https://a/\"\nmethod = \"get\"\n"), "in capitals"),
            (&format!("{STEP}[[test.http]]\nurl = \"https://a/\"\nstatus = 99\n"), "three digits"),
            (
                &format!("{STEP}[[test.http]]\nurl = \"https://a/\"\nfails = \"x\"\n"),
                "\"timeout\" or \"connection\"",
            ),
            (
                &format!("{STEP}[[test.http]]\nurl = \"https://a/\"\nfails = \"timeout\"\nstatus = 200\n"),
                "has no status",
            ),
            (&format!("{STEP}[[test.http]]\nurl = \"https://a/\"\nbody = {{}}\n"), "use `json` for JSON"),
            (
                &format!("{STEP}[[test.http]]\nurl = \"https://a/\"\nheaders = {{ \"a b\" = \"c\" }}\n"),
                "not a header",
            ),
        ] {
            let refused = refusal(text);
            assert!(refused.contains(expected), "{text}\n{refused}\nlacks {expected}");
            assert!(refused.starts_with("tests/a.toml:") && refused.lines().count() == 1, "{refused}");
        }
    }

    #[test]
    fn value_that_is_nested_too_deeply_is_rejected() {
        for (open, close) in [("[", "]"), ("{ a = ", " }")] {
            let deep = format!("{STEP}answer = {}1{}\n", open.repeat(50_000), close.repeat(50_000));
            assert!(refusal(&deep).starts_with("tests/a.toml:5:"));
        }
        let dotted = format!("{STEP}answer = {{ {}b = 1 }}\n", "a.".repeat(50_000));
        assert!(refusal(&dotted).starts_with("tests/a.toml:1:1: "), "the parser does not say where");
    }

    #[test]
    fn values_are_json_with_their_places() {
        let text = format!(
            "[users]\nada = {{ roles = [\"x\"] }}\n{STEP}caller = \"ada\"\n\
             answer = {{ a = [1, 0x10, 18446744073709551615], b = 1.5, c = true, d = 2026-01-31T12:00:00Z }}\n\
             [test.before]\nz = []\na = [{{ id = 1 }}]\n[[test.http]]\nurl = \"https://a/\"\njson = {{ a = 1 }}\n"
        );
        let file = File::parse("tests/a.toml", text).unwrap();
        let only = &file.tests[0];
        let expected = only.steps[0].expected.as_ref().unwrap();
        let value = serde_json::json!({
            "a": [1, 16, u64::MAX], "b": 1.5, "c": true, "d": "2026-01-31T12:00:00Z"
        });
        assert_eq!((expected.what, &expected.value), (What::Answer, &value));
        assert!(file.text[expected.span.clone()].starts_with("answer = {"));
        assert!(file.text[expected.span.clone()].ends_with('}'));
        let names: Vec<_> = only.before.iter().map(|table| table.name.as_str()).collect();
        assert_eq!(names, ["z", "a"], "in the order of the file");
        assert_eq!(file.line(only.steps[0].at), "tests/a.toml:6");
        let Reply::Response { status, headers, body } = &only.http[0].reply else { panic!() };
        assert_eq!((*status, body.as_slice()), (200, &b"{\"a\":1}"[..]));
        assert_eq!(headers[0].1, "application/json");
    }
}

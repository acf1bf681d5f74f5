//! The pages and the schema files in `docs/reference/`.

use super::agreement::{parse, validate};
use super::{Reference, references};
use crate::limits::{KIB, Limit, Limits, MIB, MS_PER_S, Unit};
use serde_json::{Map, Value};
use std::fmt::Write as _;
use std::fs;
use std::path::PathBuf;

/// The variable that makes the test write the files instead of comparing them.
const WRITE: &str = "PALISADE_REFERENCE";

const MANIFEST: &str = "\
Every plugin has a file `palisade.toml` in its folder. It says what the plugin is, which interfaces it exports, and what it asks
for. It grants nothing: an operator's [`policy.toml`](policy-toml.md) may allow less. A key that is not on this page is an error,
and every error names its line and column.

`palisade new` writes a manifest with the first line `#:schema ./palisade.schema.json`, by which editors with the language
server taplo, such as the extension Even Better TOML, show and check the keys.

```toml
[plugin]
name = \"blog\"
version = \"0.1.0\"
component = \"blog.wasm\"

[build]
language = \"rust\"

[exports]
\"acme:blog/posts\" = \"query\"
\"acme:blog/editing\" = \"mutation\"

[taps]
item-view = { weight = 10 }
cron = { every = \"1 h\" }

[grants]
user = [\"has-permission\"]
item.types.post = [\"read\", \"write\"]
http = [{ url = \"https://api.example.com/v1/\", methods = [\"GET\"], secret = \"api-key\" }]
db.tables.tags = [\"select\", \"insert\"]
routes = [{ path = \"/stripe\", methods = { POST = \"mutation\" }, headers = [\"stripe-signature\"] }]

[grants.db.tables.drafts]
select = [\"id\", \"title\", \"body\"]
insert = [\"title\", \"body\", \"author\"]
update = [\"title\", \"body\"]
delete = true
owner = \"author\"

[variables]
page-size = { type = \"integer\", default = 20 }

[limits]
memory = \"32 MiB\"
```
";

const POLICY: &str = "\
What an operator lets each plugin have: a table for each plugin, by its name. `palisade serve DIR` reads `DIR/policy.toml`,
unless DIR is the folder of a plugin, or the file that `--policy` names. Nobody but the operator may be able to write to it.

A policy only narrows: a plugin gets what both its [manifest](palisade-toml.md) requests and the policy allows. With a policy, a
plugin without a table gets only what needs no grant. Without a policy, every plugin gets what it asks for. A table for a plugin
that does not exist is an error, as is a key that is not on this page.

```toml
[blog]
wasi = false

[blog.grants]
item.types.post = [\"read\"]
taps = [\"item-view\"]
db.tables.drafts = [\"select\", \"insert\", \"update\", \"delete\"]

[blog.limits]
memory = \"128 MiB\"
db-rows = 500
```
";

const SECRETS: &str = "\
Headers that the host adds to a plugin's requests, such as an API's key. The plugin never sees them: its manifest names one in a
grant of `http`, and the host adds the header to requests that this grant covers. `palisade serve DIR` reads
`DIR/secrets.toml`, unless DIR is the folder of a plugin, or the file that `--secrets` names. Nobody but the operator may be able
to read it: `chmod 600 secrets.toml`. No error repeats a value.

```toml
[blog]
api-key = { header = \"authorization\", value = \"Bearer 5f1c…\" }
```
";

/// The sections of the manifest, in the order of the page.
const SECTIONS: [&str; 7] = ["plugin", "build", "exports", "taps", "grants", "variables", "limits"];

/// One key of a file.
struct Row {
    /// The names that lead to it, with an example for each that an author chooses.
    path: Vec<String>,
    /// The key as the page shows it.
    key: String,
    schema: Value,
    is_required: bool,
}

/// All keys below a table.
fn rows(path: &[String], key: &str, schema: &Value, found: &mut Vec<Row>) {
    let join = |name: &str| if key.is_empty() { name.to_owned() } else { format!("{key}.{name}") };
    let mut row = |name: &str, shown: &str, schema: &Value, is_required: bool| {
        let path = [path, &[name.to_owned()]].concat();
        let key = join(shown);
        found.push(Row { path: path.clone(), key: key.clone(), schema: schema.clone(), is_required });
        rows(&path, &key, schema, found);
    };
    for (name, property) in schema["properties"].as_object().into_iter().flatten() {
        let is_required =
            schema["required"].as_array().is_some_and(|all| all.contains(&Value::from(name.as_str())));
        row(name, name, property, is_required);
    }
    if schema["additionalProperties"].is_object() {
        let names = &schema["propertyNames"];
        let example = names["examples"][0].as_str().unwrap();
        row(example, names["title"].as_str().unwrap(), &schema["additionalProperties"], false);
    }
    if schema["items"].is_object() {
        rows(path, key, &schema["items"], found);
    }
    for either in schema["anyOf"].as_array().into_iter().flatten() {
        rows(path, key, either, found);
    }
}

/// A document with this key, and with all keys that are required beside it.
fn sample(schema: &Value, path: &[String]) -> Option<Value> {
    let Some((name, rest)) = path.split_first() else {
        let example =
            [&schema["examples"][0], &schema["oneOf"][0]["const"]].into_iter().find(|value| !value.is_null());
        let tables = || Some(vec![sample(&schema["items"], &[])?].into());
        return example.cloned().or_else(|| required(schema).map(Value::from)).or_else(tables);
    };
    if let Some(property) = schema["properties"].get(name) {
        let mut object = required(schema)?;
        object.insert(name.clone(), sample(property, rest)?);
        return Some(object.into());
    }
    if schema["additionalProperties"].is_object() {
        return Some(Map::from_iter([(name.clone(), sample(&schema["additionalProperties"], rest)?)]).into());
    }
    if schema["items"].is_object() {
        return Some(vec![sample(&schema["items"], path)?].into());
    }
    schema["anyOf"].as_array()?.iter().find_map(|either| sample(either, path))
}

fn required(schema: &Value) -> Option<Map<String, Value>> {
    if schema["type"] != "object" {
        return None;
    }
    let names = schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str);
    names.map(|name| Some((name.to_owned(), sample(&schema["properties"][name], &[])?))).collect()
}

/// A value as TOML writes it.
fn literal(value: &Value) -> String {
    match value {
        Value::Array(values) => format!("[{}]", values.iter().map(literal).collect::<Vec<_>>().join(", ")),
        Value::Object(members) => {
            let members = members.iter().map(|(key, value)| format!("{key} = {}", literal(value)));
            format!("{{ {} }}", members.collect::<Vec<_>>().join(", "))
        }
        other => other.to_string(),
    }
}

fn listed(words: &[String]) -> String {
    match words {
        [] => String::new(),
        [one] => one.clone(),
        [all @ .., last] => format!("{} or {last}", all.join(", ")),
    }
}

/// The words that a value may be, each with its meaning.
fn choices(schema: &Value) -> Vec<(String, String)> {
    let named = schema["oneOf"].as_array().into_iter().flatten();
    let mut found: Vec<_> = named
        .filter_map(|one| {
            Some((
                one["const"].as_str()?.to_owned(),
                one["description"].as_str().unwrap_or_default().to_owned(),
            ))
        })
        .collect();
    let plain = schema["enum"].as_array().into_iter().flatten();
    found.extend(plain.filter_map(|one| Some((one.as_str()?.to_owned(), String::new()))));
    found
}

/// What a value may be, in words.
fn form(schema: &Value) -> String {
    if let Some(title) = schema["title"].as_str() {
        return title.to_owned();
    }
    let choices: Vec<_> = choices(schema).into_iter().map(|(word, _)| format!("`\"{word}\"`")).collect();
    if !choices.is_empty() {
        return listed(&choices);
    }
    if let Some(either) = schema["anyOf"].as_array() {
        return listed(&either.iter().map(form).collect::<Vec<_>>());
    }
    match schema["type"].as_str() {
        Some("string") if schema["minLength"] == 1 => "text, not empty".to_owned(),
        Some("string") => "text".to_owned(),
        Some("boolean") => "`true` or `false`".to_owned(),
        Some("integer") if schema["minimum"] == 0 => "number, 0 or more".to_owned(),
        Some("integer") if schema["minimum"].is_i64() => {
            format!("whole number, {} to {}", schema["minimum"], schema["maximum"])
        }
        Some("integer") => "whole number".to_owned(),
        Some("number") => "number".to_owned(),
        Some("array") if schema["items"]["type"] == "object" => "list of tables".to_owned(),
        Some("array") => format!("list of {}", form(&schema["items"])),
        Some("object") => "table".to_owned(),
        other => panic!("a form without words: {other:?} {schema}"),
    }
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().split_whitespace().collect::<Vec<_>>().join(" ").replace('|', "\\|")
}

fn amount(limit: Limit, max: u64) -> String {
    match limit.unit() {
        _ if max == u64::MAX => "none".to_owned(),
        Unit::Count => max.to_string(),
        Unit::Bytes if max.is_multiple_of(MIB) => format!("`\"{} MiB\"`", max / MIB),
        Unit::Bytes if max.is_multiple_of(KIB) => format!("`\"{} KiB\"`", max / KIB),
        Unit::Bytes => format!("`\"{max} B\"`"),
        Unit::Milliseconds if max.is_multiple_of(MS_PER_S) => format!("`\"{} s\"`", max / MS_PER_S),
        Unit::Milliseconds => format!("`\"{max} ms\"`"),
    }
}

/// A section with its table of keys.
fn section(page: &mut String, title: &str, schema: &Value, found: &[Row]) {
    writeln!(page, "\n## `{title}`\n").unwrap();
    if let Some(description) = schema["description"].as_str() {
        writeln!(page, "{}\n", text(&description.into())).unwrap();
    }
    writeln!(page, "| key | form | default | example | meaning |\n|---|---|---|---|---|").unwrap();
    for row in found {
        let default = match &row.schema["default"] {
            _ if row.is_required => "required".to_owned(),
            Value::Null => "none".to_owned(),
            value => format!("`{}`", literal(value)),
        };
        let example = match sample(&row.schema, &[]) {
            Some(Value::Object(members)) if members.is_empty() => String::new(),
            Some(value) => format!("`{}`", literal(&value)),
            None => String::new(),
        };
        let (key, form, meaning) = (&row.key, form(&row.schema), text(&row.schema["description"]));
        writeln!(page, "| `{key}` | {form} | {default} | {example} | {meaning} |").unwrap();
    }
    let mut told = Vec::new();
    for row in found {
        let items = [&row.schema, &row.schema["items"], &row.schema["anyOf"][0]["items"]];
        for (word, meaning) in items.into_iter().flat_map(choices) {
            let line = format!("- `{}`, `\"{word}\"`: {}", row.key, text(&meaning.as_str().into()));
            if !meaning.is_empty() && !told.contains(&line) {
                told.push(line);
            }
        }
    }
    if !told.is_empty() {
        writeln!(page, "\n{}", told.join("\n")).unwrap();
    }
}

/// The table of limits.
fn limits(page: &mut String, is_policy: bool) {
    let intro = if is_policy {
        "Each limit bounds one invocation, except `storage`. A limit that is not named keeps the default; no number goes beyond \
         the ceiling. A plugin's manifest may set a lower one."
    } else {
        "Each limit bounds one invocation, except `storage`. A manifest lowers limits and raises none: a limit that is not named \
         keeps the operator's maximum, which is the default unless a policy says otherwise."
    };
    let title = if is_policy { "[PLUGIN.limits]" } else { "[limits]" };
    writeln!(page, "\n## `{title}`\n\n{intro}\n").unwrap();
    writeln!(
        page,
        "A size is a number and `B`, `KiB`, `MiB` or `GiB`; a time is a number and `ms`, `s`, `min` or `h`.\n"
    )
    .unwrap();
    writeln!(page, "| key | form | default | ceiling | meaning |\n|---|---|---|---|---|").unwrap();
    for &limit in Limit::ALL.iter().filter(|limit| **limit != Limit::Stack) {
        let form = match limit.unit() {
            Unit::Count => "number, such as `500`",
            Unit::Bytes => "size, such as `\"1 MiB\"`",
            Unit::Milliseconds => "time, such as `\"2 s\"`",
        };
        let (default, ceiling) =
            (amount(limit, limit.default_max()), amount(limit, Limits::ceiling().get(limit)));
        let meaning = text(&limit.meaning().into());
        writeln!(page, "| `{limit}` | {form} | {default} | {ceiling} | {meaning} |").unwrap();
    }
}

fn page(Reference { file, schema }: &Reference) -> String {
    let (head, is_policy) = match *file {
        "palisade.toml" => (MANIFEST, false),
        "policy.toml" => (POLICY, true),
        _ => (SECRETS, false),
    };
    let mut page = format!(
        "# `{file}`\n\n<!-- `cargo xtask reference` makes this page from the types that parse the file, and a test compares it. -->\n\n{head}"
    );
    let below = |schema: &Value| {
        let mut found = Vec::new();
        rows(&[], "", schema, &mut found);
        found
    };
    if *file == "palisade.toml" {
        for name in SECTIONS {
            let inner = &schema["properties"][name];
            if name == "limits" {
                limits(&mut page, is_policy);
            } else {
                section(&mut page, &format!("[{name}]"), inner, &below(inner));
            }
        }
        return page;
    }
    let inner = &schema["additionalProperties"];
    let mut found = below(inner);
    found.retain(|row| !row.key.starts_with("limits."));
    section(&mut page, "[PLUGIN]", inner, &found);
    if is_policy {
        limits(&mut page, is_policy);
    }
    page
}

/// The files, with their paths from the repository's root.
fn files() -> Vec<(PathBuf, String)> {
    let files = references().into_iter().flat_map(|reference| {
        let name = reference.file.replace('.', "-");
        let schema = format!("{:#}\n", reference.schema);
        [
            (format!("docs/reference/{name}.md"), page(&reference)),
            (format!("docs/reference/{}.schema.json", reference.file.trim_end_matches(".toml")), schema),
        ]
    });
    files.map(|(path, text)| (PathBuf::from(path), text)).collect()
}

#[test]
fn reference_is_what_the_types_say() {
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../..");
    let is_asked_to_write = std::env::var_os(WRITE).is_some();
    for (path, text) in files() {
        let at = root.join(&path);
        if is_asked_to_write {
            fs::create_dir_all(at.parent().unwrap()).unwrap();
            fs::write(&at, &text).unwrap();
        }
        let is_the_same = fs::read_to_string(&at).is_ok_and(|stored| stored == text);
        assert!(is_the_same, "{} is not what the types say: run `cargo xtask reference`", path.display());
    }
}

#[test]
fn each_section_of_the_manifest_is_on_the_page() {
    let [manifest, ..] = references();
    let mut known: Vec<&str> =
        manifest.schema["properties"].as_object().unwrap().keys().map(String::as_str).collect();
    let mut shown = SECTIONS.to_vec();
    known.sort_unstable();
    shown.sort_unstable();
    assert_eq!(shown, known);
}

#[test]
fn example_of_each_key_is_accepted() {
    // Fewer mean that a part of a schema is of a form that `rows` does not know.
    for (Reference { file, schema }, keys_min) in references().into_iter().zip([70, 50, 3]) {
        let mut found = Vec::new();
        rows(&[], "", &schema, &mut found);
        assert!(found.len() >= keys_min, "{file}: {} keys", found.len());
        for row in found {
            let document =
                sample(&schema, &row.path).unwrap_or_else(|| panic!("{file}: `{}` has no example", row.key));
            let text = toml::to_string(&document).unwrap();
            let (parsed, validated) = (parse(file, &text), validate(&schema, &text));
            assert!(
                parsed.is_ok() && validated.is_ok(),
                "{file} {}: {parsed:?} {validated:?}\n{text}",
                row.key
            );
        }
    }
}

#[test]
fn examples_of_the_pages_are_accepted() {
    for reference in references() {
        let page = page(&reference);
        let blocks: Vec<&str> =
            page.split("```toml\n").skip(1).map(|rest| rest.split("```").next().unwrap()).collect();
        assert_eq!(blocks.len(), 1, "{}", reference.file);
        for text in blocks {
            let (parsed, validated) = (parse(reference.file, text), validate(&reference.schema, text));
            assert!(parsed.is_ok() && validated.is_ok(), "{}: {parsed:?} {validated:?}", reference.file);
        }
    }
}

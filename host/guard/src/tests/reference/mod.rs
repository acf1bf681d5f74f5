//! The reference of the files that people write: a JSON Schema for editors and a page for each, made from the types that
//! parse them. `cargo xtask reference` writes them to `docs/reference/`; without it, a test compares them.
//!
//! `schemars` derives the schemas. It is a dependency of tests alone, so the derives exist in tests alone. A type with a
//! parser of its own has its schema here: a field names the function in its `schema_with`. A schema's `title` is the form of a
//! value in words, and a `title` of `propertyNames` stands for the name that an author chooses.

mod agreement;
mod page;

use crate::grant::ItemPower;
use crate::grant::TableOperation;
use crate::grant::form::Form;
use crate::kind::Kind;
use crate::limits::{
    CRON_INTERVAL_MIN_S, HTTP_HEADER_NAME_BYTES_MAX, HTTP_HEADER_VALUE_BYTES_MAX, ITEM_TYPE_BYTES_MAX, Limit,
    PLUGIN_NAME_BYTES_MAX, ROUTE_HEADERS_MAX, ROUTE_PATH_BYTES_MAX, Unit, VARIABLE_NAME_BYTES_MAX,
};
use crate::manifest::Manifest;
use crate::operator::{PolicyTable, SecretEntry};
use crate::routes::Method;
use crate::variables::RawDeclaration;
use schemars::generate::SchemaSettings;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde_json::{Map, Value, json};

/// A word, as in the names of plugins, types and variables.
const WORD: &str = "[a-z][a-z0-9-]*";
const SIZE: &str = r"^\s*[0-9]+\s*(B|KiB|MiB|GiB)\s*$";
const TIME: &str = r"^\s*[0-9]+\s*(ms|s|min|h)\s*$";
/// Segments that are not `..`, of which the first is not empty.
const PATH: &str = r"^((([^/.]|\.[^/.]|\.\.[^/])[^/]*|\.)/+)*(([^/.]|\.[^/.]|\.\.[^/])[^/]*|\.)?$";

/// The path of a route.
const ROUTE: &str = r"^/((([A-Za-z0-9_~-]|\.[A-Za-z0-9_~-]|\.\.[A-Za-z0-9._~-])[A-Za-z0-9._~-]*)(/([A-Za-z0-9_~-]|\.[A-Za-z0-9_~-]|\.\.[A-Za-z0-9._~-])[A-Za-z0-9._~-]*)*)?$";

/// Examples of a tap's weight and of a variable's default.
pub const WEIGHT: i32 = 10;
pub const DEFAULT: i64 = 20;

/// One of the files that people write.
pub struct Reference {
    /// The file's name.
    pub file: &'static str,
    /// Its schema.
    pub schema: Value,
}

/// The files, each with its schema.
pub fn references() -> [Reference; 3] {
    let plugins = || named("PLUGIN", "blog", &format!("^{WORD}$"), PLUGIN_NAME_BYTES_MAX);
    let secrets =
        json_schema!({ "type": "string", "title": "SECRET", "minLength": 1, "examples": ["api-key"] });
    [
        reference("palisade.toml", "What a Palisade plugin is and asks for", Manifest::json_schema),
        reference("policy.toml", "What an operator lets each plugin have", |generator| {
            map(&plugins(), &generator.subschema_for::<PolicyTable>())
        }),
        reference("secrets.toml", "Headers that the host adds to the requests of plugins", |generator| {
            let mut entry = generator.subschema_for::<SecretEntry>();
            entry.insert(
                "description".into(),
                json!("A header, under the name that the plugin's manifest has for it."),
            );
            map(&plugins(), &map(&secrets, &entry))
        }),
    ]
}

fn reference(
    file: &'static str,
    description: &str,
    make: impl FnOnce(&mut SchemaGenerator) -> Schema,
) -> Reference {
    let settings = SchemaSettings::draft07().with(|settings| settings.inline_subschemas = true);
    let dialect = settings.meta_schema.clone();
    let mut schema = make(&mut settings.into_generator()).to_value();
    tidy(&mut schema);
    schema["$schema"] = json!(dialect);
    schema["title"] = json!(file);
    schema["description"] = json!(description);
    Reference { file, schema }
}

/// Takes away what TOML has not, which is null, and what says nothing.
fn tidy(schema: &mut Value) {
    match schema {
        Value::Object(object) => {
            if let Some(Value::Array(types)) = object.get_mut("type") {
                types.retain(|of| of != "null");
                if let [only] = types.as_slice() {
                    object["type"] = only.clone();
                }
            }
            if let Some(Value::Array(any)) = object.get_mut("anyOf") {
                any.retain(|one| one["type"] != "null");
                if let [only] = any.as_slice() {
                    let only = only.as_object().cloned().unwrap_or_default();
                    object.remove("anyOf");
                    // The field's own words stand, and not those of its type.
                    for (key, value) in only {
                        object.entry(key).or_insert(value);
                    }
                }
            }
            let says_nothing =
                |value: &Value| value.is_null() || *value == json!([]) || *value == "" || value.is_object();
            if object.get("default").is_some_and(says_nothing) {
                object.remove("default");
            }
            if object.remove("format").is_some_and(|format| format == "int32") {
                object.insert("minimum".into(), json!(i32::MIN));
                object.insert("maximum".into(), json!(i32::MAX));
            }
            for (key, value) in object {
                match value {
                    // The names in it are an author's keys, and no words of JSON Schema.
                    Value::Object(properties) if key == "properties" => {
                        properties.values_mut().for_each(tidy);
                    }
                    _ => tidy(value),
                }
            }
        }
        Value::Array(values) => values.iter_mut().for_each(tidy),
        _ => {}
    }
}

fn named(title: &str, example: &str, pattern: &str, max: usize) -> Schema {
    json_schema!({ "type": "string", "title": title, "pattern": pattern, "maxLength": max, "examples": [example] })
}

/// A table whose keys an author chooses.
fn map(names: &Schema, values: &Schema) -> Schema {
    json_schema!({ "type": "object", "propertyNames": names, "additionalProperties": values })
}

pub fn plugin_name(_: &mut SchemaGenerator) -> Schema {
    let form = format!(
        "text: lower-case letters, digits and `-`, begins with a letter, at most {PLUGIN_NAME_BYTES_MAX} bytes"
    );
    named(&form, "blog", &format!("^{WORD}$"), PLUGIN_NAME_BYTES_MAX)
}

fn path(example: &str) -> Schema {
    json_schema!({
        "type": "string", "pattern": PATH, "title": "text: a path in the plugin's folder, without `..`", "examples": [example],
    })
}

pub fn component(_: &mut SchemaGenerator) -> Schema {
    path("blog.wasm")
}

pub fn migrations(_: &mut SchemaGenerator) -> Schema {
    path("migrations")
}

pub fn source(_: &mut SchemaGenerator) -> Schema {
    path("src/main.js")
}

pub fn exports(generator: &mut SchemaGenerator) -> Schema {
    let names = json_schema!({
        "type": "string", "title": "\"NAMESPACE:PACKAGE/INTERFACE\"",
        "pattern": format!("^{WORD}:{WORD}/{WORD}$"), "examples": ["acme:blog/posts"],
    });
    let mut kind = generator.subschema_for::<Kind>();
    kind.insert("description".into(), json!("The kind of the interface's functions."));
    kind.insert("examples".into(), json!(["query"]));
    map(&names, &kind)
}

pub fn variables(generator: &mut SchemaGenerator) -> Schema {
    let names = named("NAME", "page-size", &format!("^{WORD}$"), VARIABLE_NAME_BYTES_MAX);
    let mut declaration = generator.subschema_for::<RawDeclaration>();
    let form = format!(
        "A setting. Its name has lower-case letters, digits and `-`, begins with a letter, and has at most \
         {VARIABLE_NAME_BYTES_MAX} bytes."
    );
    declaration.insert("description".into(), json!(form));
    map(&names, &declaration)
}

pub fn limits(_: &mut SchemaGenerator) -> Schema {
    let mut properties = Map::new();
    // The stack is the same for every plugin.
    for limit in Limit::ALL.iter().filter(|limit| **limit != Limit::Stack) {
        let mut form = match limit.unit() {
            Unit::Count => json!({ "type": "integer", "minimum": 0, "examples": [500] }),
            Unit::Bytes => size("32 MiB"),
            Unit::Milliseconds => time("2 s"),
        };
        form["description"] = json!(limit.meaning().trim());
        properties.insert(limit.name().to_owned(), form);
    }
    json_schema!({ "type": "object", "properties": properties, "additionalProperties": false })
}

fn size(example: &str) -> Value {
    json!({ "type": "string", "pattern": SIZE, "title": "text: a number and B, KiB, MiB or GiB", "examples": [example] })
}

fn time(example: &str) -> Value {
    json!({ "type": "string", "pattern": TIME, "title": "text: a number and ms, s, min or h", "examples": [example] })
}

pub fn interval(_: &mut SchemaGenerator) -> Schema {
    let mut form = time("5 min");
    form["title"] = json!(format!("text: a number and ms, s, min or h; at least {CRON_INTERVAL_MIN_S} s"));
    form.try_into().unwrap()
}

pub fn item_types(generator: &mut SchemaGenerator) -> Schema {
    let names = named("TYPE", "post", &format!("^{WORD}$"), ITEM_TYPE_BYTES_MAX);
    let powers = generator.subschema_for::<ItemPower>();
    let powers = json_schema!({
        "type": "array", "items": powers, "uniqueItems": true, "examples": [["read", "write"]],
        "description": "Powers over the items of this type.",
    });
    map(&names, &powers)
}

pub fn tables(generator: &mut SchemaGenerator) -> Schema {
    let names = json_schema!({ "type": "string", "title": "TABLE", "examples": ["drafts"] });
    let operations = generator.subschema_for::<TableOperation>();
    let operations = json!({ "type": "array", "items": operations, "uniqueItems": true });
    let form = generator.subschema_for::<Form>();
    let either = json_schema!({
        "anyOf": [operations, form], "examples": [["select", "insert"]],
        "description": "Powers over this table: a list of operations on all columns, or a table with the keys below.",
    });
    map(&names, &either)
}

pub fn columns(_: &mut SchemaGenerator) -> Schema {
    json_schema!({
        "anyOf": [
            { "type": "boolean" },
            { "type": "array", "items": { "type": "string" }, "minItems": 1, "uniqueItems": true },
        ],
        "title": "`true` for all columns, or a list of at least one column", "examples": [["id", "title"]],
    })
}

pub fn owner(_: &mut SchemaGenerator) -> Schema {
    json_schema!({ "type": "string", "title": "text: a column's name", "examples": ["author"] })
}

pub fn methods(_: &mut SchemaGenerator) -> Schema {
    json_schema!({
        "type": "array", "items": { "enum": ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"] }, "examples": [["GET", "POST"]],
    })
}

pub fn route_path(_: &mut SchemaGenerator) -> Schema {
    json_schema!({
        "type": "string", "pattern": ROUTE, "maxLength": ROUTE_PATH_BYTES_MAX, "examples": ["/stripe"],
        "title": format!("text: `/`, or segments of letters, digits, `-`, `.`, `_` and `~`, each after a `/`; at most {ROUTE_PATH_BYTES_MAX} bytes"),
    })
}

pub fn route_methods(generator: &mut SchemaGenerator) -> Schema {
    let mut properties = Map::new();
    for method in Method::ALL {
        let form = if method == Method::Get {
            json!({ "enum": ["query"], "examples": ["query"], "description": "The kind of GET and HEAD." })
        } else {
            let mut kind = generator.subschema_for::<Kind>();
            kind.insert("description".into(), json!(format!("The kind of {method}.")));
            kind.insert("examples".into(), json!(["mutation"]));
            kind.to_value()
        };
        properties.insert(method.as_str().to_owned(), form);
    }
    json_schema!({
        "type": "object", "properties": properties, "additionalProperties": false, "minProperties": 1,
        "examples": [{ "POST": "mutation" }],
    })
}

pub fn route_headers(_: &mut SchemaGenerator) -> Schema {
    let name = format!("text: a header's name in lower case, at most {HTTP_HEADER_NAME_BYTES_MAX} bytes");
    let name = json_schema!({
        "type": "string", "pattern": "^[a-z0-9!#$%&'*+.^_`|~-]+$", "maxLength": HTTP_HEADER_NAME_BYTES_MAX, "title": name,
        "not": { "pattern": "^(authorization|connection|content-length|cookie2?|expect|host|http2-settings|keep-alive|te|trailer|transfer-encoding|upgrade|proxy-.*)$" },
    });
    json_schema!({
        "type": "array", "items": name, "uniqueItems": true, "maxItems": ROUTE_HEADERS_MAX, "examples": [["stripe-signature"]],
    })
}

pub fn secret(_: &mut SchemaGenerator) -> Schema {
    json_schema!({ "type": "string", "minLength": 1, "examples": ["api-key"] })
}

pub fn header(_: &mut SchemaGenerator) -> Schema {
    let title = format!("text: a token of RFC 9110, at most {HTTP_HEADER_NAME_BYTES_MAX} bytes");
    json_schema!({
        "type": "string", "minLength": 1, "maxLength": HTTP_HEADER_NAME_BYTES_MAX, "title": title, "examples": ["authorization"],
    })
}

pub fn header_value(_: &mut SchemaGenerator) -> Schema {
    let title = format!("text, at most {HTTP_HEADER_VALUE_BYTES_MAX} bytes");
    json_schema!({
        "type": "string", "maxLength": HTTP_HEADER_VALUE_BYTES_MAX, "title": title, "examples": ["Bearer 5f1c…"],
    })
}

#[test]
fn schema_has_a_description_for_every_key() {
    fn look(at: &str, schema: &Value, missing: &mut Vec<String>) {
        for (name, property) in schema["properties"].as_object().into_iter().flatten() {
            if property["description"].as_str().is_none_or(str::is_empty) {
                missing.push(format!("{at}.{name}"));
            }
            look(&format!("{at}.{name}"), property, missing);
        }
        let inner = schema["anyOf"].as_array().into_iter().flatten();
        let inner = inner.chain([&schema["additionalProperties"], &schema["items"]]);
        inner.filter(|inner| inner.is_object()).for_each(|inner| look(at, inner, missing));
    }
    let mut missing = Vec::new();
    for Reference { file, schema } in references() {
        look(file, &schema, &mut missing);
    }
    assert!(missing.is_empty(), "{missing:?}");
}

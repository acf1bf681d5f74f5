//! `GET /openapi.json`: every route and every function of the loaded plugins, with the types that their components
//! declare. The same plugins give the same text. It is made aside from the threads that answer, once for each set of plugins.
//!
//! It lists every status with which a route answers, and no `default`: an answer that it does not list is a defect. Names of types and
//! of operations are made of those in the WIT, so that generated code reads well; a plugin that is loaded besides changes none of
//! them. Docs are the plugins' text, which the host has cleared of markup.

mod answers;
mod items;
mod plugins;

use super::call::{STRINGS, USAGE};
use super::error::ErrorResponse;
use super::state::Shared;
use answers::{Answers, content, refer};
use axum::extract::{OriginalUri, State};
use axum::http::{Uri, header};
use axum::response::{IntoResponse, Response};
use palisade::METRICS_TYPE;
use palisade::{FunctionSchemas, Host, PluginSchemas};
use palisade_guard::limits::OPENAPI_BYTES_MAX;
use palisade_guard::memory::Reservation;
use palisade_guard::text::plain_json;
use serde_json::value::{RawValue, to_raw_value};
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;
use std::sync::Arc;

/// The path of the route.
const PATH: &str = "/openapi.json";

/// The route. The document tells nothing that an anonymous caller could not find out by calling.
pub(super) async fn get(
    State(shared): State<Arc<Shared>>,
    OriginalUri(uri): OriginalUri,
) -> Result<Response, ErrorResponse> {
    let document = shared.openapi().await?;
    let json = [(header::CONTENT_TYPE, "application/json")];
    if let Some(prefix) = prefix(&uri) {
        return Ok((json, below(prefix, &document)).into_response());
    }
    let mut response = (json, document).into_response();
    // All answers share the bytes of one document.
    response.extensions_mut().insert(Arc::new(Reservation::uncounted()));
    Ok(response)
}

/// The path below which a server that already exists has nested the routes.
fn prefix(uri: &Uri) -> Option<&str> {
    uri.path().strip_suffix(PATH).filter(|prefix| !prefix.is_empty())
}

/// The document with the path below which its routes are.
fn below(prefix: &str, document: &[u8]) -> Vec<u8> {
    let mut text = format!("{{\"servers\":{},", json!([{"url": prefix}])).into_bytes();
    // The document is an object that is not empty.
    text.extend(document.get(1..).unwrap_or_default());
    text
}

/// The document of a host's plugins.
pub(super) fn text(host: &Host) -> serde_json::Result<String> {
    document(host.statuses().iter().filter_map(|status| host.schemas(&status.name)), OPENAPI_BYTES_MAX)
}

/// The document of these plugins. They are described one after the other, so that not all of their types are held at once. A
/// function is left out if the functions and types together would have more bytes than `bytes_max`, and all of a plugin's if its types
/// alone would.
fn document(plugins: impl Iterator<Item = PluginSchemas>, bytes_max: usize) -> serde_json::Result<String> {
    let (mut tags, mut paths, mut schemas) = (Vec::new(), BTreeMap::new(), BTreeMap::new());
    let (mut bytes, mut left_out) = (0, 0);
    for plugin in plugins {
        let types: Vec<(String, Box<RawValue>)> = plugin
            .types
            .iter()
            .map(|(name, schema)| Ok((name.clone(), to_raw_value(schema)?)))
            .collect::<serde_json::Result<_>>()?;
        let types_bytes: usize = types.iter().map(|(name, schema)| name.len() + schema.get().len()).sum();
        tags.push(json!({"name": plugin.name, "description": plugin.description}));
        if bytes + types_bytes > bytes_max {
            left_out += plugin.functions.len();
            continue;
        }
        bytes += types_bytes;
        schemas.extend(types);
        for function in &plugin.functions {
            let operation = to_raw_value(&json!({"post": operation(&plugin, function)}))?;
            if bytes + operation.get().len() > bytes_max {
                left_out += 1;
                continue;
            }
            bytes += operation.get().len();
            paths.insert(format!("/call/{}/{}", plugin.name, function.path), operation);
        }
    }
    let mut info = json!({"title": "Palisade", "version": env!("CARGO_PKG_VERSION")});
    if left_out > 0 {
        let why =
            format!("{left_out} functions are left out: all of them would have more than {bytes_max} bytes");
        info["description"] = why.into();
    }
    for (path, operations) in fixed() {
        paths.insert(path, to_raw_value(&operations)?);
    }
    for (name, schema) in own_schemas() {
        schemas.insert(name, to_raw_value(&schema)?);
    }
    let components = BTreeMap::from([
        ("securitySchemes", to_raw_value(&json!({"token": {"type": "http", "scheme": "bearer"}}))?),
        ("schemas", to_raw_value(&schemas)?),
        ("responses", to_raw_value(&answers::errors())?),
    ]);
    let text = serde_json::to_string(&BTreeMap::from([
        ("openapi", to_raw_value("3.1.0")?),
        ("info", to_raw_value(&info)?),
        ("tags", to_raw_value(&tags)?),
        // Without a token the caller is anonymous.
        ("security", to_raw_value(&json!([{}, {"token": []}]))?),
        ("paths", to_raw_value(&paths)?),
        ("components", to_raw_value(&components)?),
    ]))?;
    Ok(plain_json(&text).into_owned())
}

/// The paths that no plugin changes.
fn fixed() -> Map<String, Value> {
    let mut paths = items::paths();
    paths.extend(plugins::paths());
    let status = |properties: Value| {
        let required: Vec<&String> = properties.as_object().into_iter().flat_map(Map::keys).collect();
        content(&json!({"type": "object", "required": required, "properties": properties}))
    };
    let live = status(json!({"status": {"const": "live"}}));
    let ready = status(json!({
        "status": {"const": "ready"},
        "plugins": {"type": "array", "items": refer("PluginStatus")},
    }));
    let metrics = json!({METRICS_TYPE: {"schema": {"type": "string"}}});
    for (path, id, summary, content) in [
        ("/livez", "getLiveness", "Whether the process runs", live),
        ("/readyz", "getReadiness", "Whether the host can serve", ready),
        ("/metrics", "getMetrics", "Metrics, for Prometheus", metrics),
    ] {
        let responses = Answers::of("200", summary).content(&content).errors(&["400", "403", "500", "503"]);
        let operation = json!({
            "operationId": id, "summary": summary, "security": [{}], "responses": responses.written(),
        });
        paths.insert(path.to_owned(), json!({"get": operation}));
    }
    paths
}

/// The description of a result with 64-bit integers.
const INTEGERS: &str = "The function's result. 64-bit integers are JSON numbers with all their digits; a caller who sends \
    `accept: application/json; integers=string` gets all of them as strings of digits";

fn operation(plugin: &PluginSchemas, function: &FunctionSchemas) -> Value {
    let mut result = content(&function.result);
    if let Some(strings) = &function.result_strings {
        result[STRINGS] = json!({"schema": strings});
    }
    let said = if function.result_strings.is_some() { INTEGERS } else { "The function's result" };
    let mut answers = Answers::of("200", said)
        .content(&result)
        .header(USAGE.as_str(), false, USED)
        .errors(&["400", "401", "403", "404", "408", "409", "413", "415", "500", "503", "504", "507"]);
    if let Some(error) = &function.error {
        let value = match &function.error_strings {
            Some(strings) => &json!({"anyOf": [error, strings]}),
            None => error,
        };
        answers = answers.returned(value);
    }
    let (summary, rest) = match &function.docs {
        Some(docs) => docs.split_once('\n').unwrap_or((docs, "")),
        None => (function.signature.as_str(), ""),
    };
    let mut operation = json!({
        "operationId": function.id,
        "tags": [plugin.name],
        "summary": summary,
        "x-palisade-kind": function.kind.to_string(),
        "x-palisade-signature": function.signature,
        "parameters": [{
            "name": USAGE.as_str(), "in": "header", "schema": {"type": "string"},
            "description": "`1` asks for the usage of the call, in the answer's header of the same name",
        }],
        // The type is: without its header no call is accepted, not even one with an empty body.
        "requestBody": {"required": true, "content": content(&function.arguments)},
        "responses": answers.written(),
    });
    if !rest.trim().is_empty() {
        operation["description"] = rest.trim().into();
    }
    operation
}

const USED: &str = "What the call used, as JSON by the names of limits";

fn own_schemas() -> Map<String, Value> {
    let mut schemas = items::schemas();
    schemas.extend(plugins::schemas());
    schemas.extend(answers::schemas());
    schemas
}

#[cfg(test)]
mod tests;

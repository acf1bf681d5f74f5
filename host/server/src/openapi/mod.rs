//! `GET /openapi.json`: every route and every function of the loaded plugins, with the types that their components
//! declare. The same plugins give the same text. It is made aside from the threads that answer, once for each set of plugins.

mod items;
mod plugins;

use super::call::STRINGS;
use super::error::ErrorResponse;
use super::state::Shared;
use axum::extract::State;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use palisade::METRICS_TYPE;
use palisade::{FunctionInfo, Host, PluginInfo};
use palisade_guard::limits::OPENAPI_BYTES_MAX;
use palisade_guard::memory::Reservation;
use serde_json::value::to_raw_value;
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;
use std::sync::Arc;

/// The route. The document tells nothing that an anonymous caller could not find out by calling.
pub(super) async fn get(State(shared): State<Arc<Shared>>) -> Result<Response, ErrorResponse> {
    let mut response =
        ([(header::CONTENT_TYPE, "application/json")], shared.openapi().await?).into_response();
    // All answers share the bytes of one document.
    response.extensions_mut().insert(Arc::new(Reservation::uncounted()));
    Ok(response)
}

/// The document of a host's plugins.
pub(super) fn text(host: &Host) -> serde_json::Result<String> {
    document(host.statuses().iter().filter_map(|status| host.plugin(&status.name)), OPENAPI_BYTES_MAX)
}

/// The document of these plugins. They are described one after the other, so that not all of their types are held at once. A
/// function is left out if the functions together would have more bytes than `bytes_max`.
fn document(plugins: impl Iterator<Item = PluginInfo>, bytes_max: usize) -> serde_json::Result<String> {
    let (mut tags, mut paths) = (Vec::new(), BTreeMap::new());
    let (mut bytes, mut left_out) = (0, 0);
    for plugin in plugins {
        for function in &plugin.functions {
            let operation = to_raw_value(&json!({"post": operation(&plugin, function)}))?;
            if bytes + operation.get().len() > bytes_max {
                left_out += 1;
                continue;
            }
            bytes += operation.get().len();
            paths.insert(format!("/call/{}/{}", plugin.name, function.path), operation);
        }
        tags.push(json!({"name": plugin.name, "description": plugin.description}));
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
    serde_json::to_string(&BTreeMap::from([
        ("openapi", to_raw_value("3.1.0")?),
        ("info", to_raw_value(&info)?),
        ("tags", to_raw_value(&tags)?),
        // Without a token the caller is anonymous.
        ("security", to_raw_value(&json!([{}, {"token": []}]))?),
        ("paths", to_raw_value(&paths)?),
        ("components", to_raw_value(&components())?),
    ]))
}

/// The paths that no plugin changes.
fn fixed() -> Map<String, Value> {
    let mut paths = items::paths();
    paths.extend(plugins::paths());
    paths.insert("/livez".into(), json!({"get": health("livez", "Whether the process runs")}));
    paths.insert("/readyz".into(), json!({"get": health("readyz", "Whether the host can serve")}));
    let mut metrics = health("metrics", "Metrics, for Prometheus");
    metrics["responses"]["200"] =
        json!({"description": "Metrics", "content": {METRICS_TYPE: {"schema": {"type": "string"}}}});
    paths.insert("/metrics".into(), json!({"get": metrics}));
    paths
}

fn components() -> Value {
    let error = content(&refer("Error"));
    json!({
        "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}},
        "schemas": schemas(),
        "responses": {
            "error": {"description": "The request failed; `error.message` says why", "content": error},
            "unauthorized": {
                "description": "The token is wrong, or there is none and the request needs one",
                "headers": {"WWW-Authenticate": {"schema": {"type": "string"}}},
                "content": error,
            },
            "forbidden": {
                "description": "The token does not suffice, or a web page may have forged the request",
                "content": error,
            },
        },
    })
}

/// The description of a result, with the form of its integers.
const INTEGERS: &str = "The function's result. 64-bit integers are JSON numbers with all their digits; a caller who sends \
    `accept: application/json; integers=string` gets all of them as strings of digits";

fn operation(plugin: &PluginInfo, function: &FunctionInfo) -> Value {
    let mut result = content(&function.result);
    result[STRINGS] = json!({"schema": &function.result});
    let mut responses = responses("200", json!({"description": INTEGERS, "content": result}));
    if let Some(error) = &function.error {
        let returned = json!({"allOf": [
            refer("Error"),
            {"properties": {"error": {"properties": {"kind": {"const": "returned"}, "value": error}}}},
        ]});
        let refused = json!({"description": "The function's own error", "content": content(&returned)});
        responses.insert("422".into(), refused);
    }
    json!({
        "operationId": format!("{}/{}", plugin.name, function.path),
        "tags": [plugin.name],
        "summary": function.signature,
        "x-palisade-kind": function.kind.to_string(),
        "requestBody": {"required": true, "content": content(&function.parameters)},
        "responses": responses,
    })
}

fn schemas() -> Value {
    let mut schemas = items::schemas();
    schemas.extend(plugins::schemas());
    schemas.insert(
        "Error".into(),
        json!({
            "type": "object",
            "required": ["error"],
            "properties": {"error": {
                "type": "object",
                "required": ["kind", "message", "blame", "requestId"],
                "properties": {
                    "kind": {"type": "string"},
                    "message": {"type": "string"},
                    "blame": {"type": "string", "enum": ["caller", "guest", "operator", "host"]},
                    "requestId": {"type": "string"},
                },
            }},
        }),
    );
    Value::Object(schemas)
}

fn health(id: &str, summary: &str) -> Value {
    json!({
        "operationId": id,
        "summary": summary,
        "security": [{}],
        "responses": {"200": {"description": "Yes"}, "default": failed()},
    })
}

/// The content of a body with this schema.
fn content(schema: &Value) -> Value {
    json!({"application/json": {"schema": schema}})
}

fn refer(schema: &str) -> Value {
    json!({"$ref": format!("#/components/schemas/{schema}")})
}

/// The responses of a route that finds out who calls.
fn responses(status: &str, done: Value) -> Map<String, Value> {
    Map::from_iter([
        (status.to_owned(), done),
        ("401".to_owned(), json!({"$ref": "#/components/responses/unauthorized"})),
        ("403".to_owned(), json!({"$ref": "#/components/responses/forbidden"})),
        ("default".to_owned(), failed()),
    ])
}

fn failed() -> Value {
    json!({"$ref": "#/components/responses/error"})
}

#[cfg(test)]
mod tests;

//! `GET /openapi.json`: every route and every function of the loaded plugins, with the types that their components
//! declare. The same plugins give the same text.

mod items;
mod plugins;

use super::call::STRINGS;
use super::error::ErrorResponse;
use super::state::Shared;
use axum::extract::State;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use palisade::METRICS_TYPE;
use palisade::{FunctionInfo, PluginInfo};
use serde_json::value::RawValue;
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;
use std::sync::Arc;

/// The route. The document tells nothing that an anonymous caller could not find out by calling.
pub(super) async fn get(State(shared): State<Arc<Shared>>) -> Result<Response, ErrorResponse> {
    // Large plugins have thousands of types. No other request waits while they are written down.
    let made = tokio::task::spawn_blocking(move || {
        shared.openapi(|host| {
            let names = host.statuses().into_iter().map(|status| status.name);
            Bytes::from(document(names.filter_map(|name| host.plugin(&name))))
        })
    });
    let document = made.await.unwrap_or_else(|_| Err(ErrorResponse::panicked()))?;
    Ok(([(header::CONTENT_TYPE, "application/json")], document).into_response())
}

/// The document as text. The schemas of one function are turned into text before those of the next are made: as trees they take
/// many times as much memory.
fn document(plugins: impl Iterator<Item = PluginInfo>) -> String {
    let mut paths: BTreeMap<String, Box<RawValue>> = BTreeMap::new();
    let mut tags = Vec::new();
    for plugin in plugins {
        for function in &plugin.functions {
            let operation = json!({"post": operation(&plugin, function)});
            paths.insert(format!("/call/{}/{}", plugin.name, function.path), text(&operation));
        }
        tags.push(json!({"name": plugin.name, "description": plugin.description}));
    }
    let own = own_paths();
    paths.extend(own.iter().map(|(path, operations)| (path.clone(), text(operations))));
    let rest = json!({
        "openapi": "3.1.0",
        "info": {"title": "Palisade", "version": env!("CARGO_PKG_VERSION")},
        "tags": tags,
        // Without a token the caller is anonymous.
        "security": [{}, {"token": []}],
        "components": {
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}},
            "schemas": schemas(),
            "responses": {"error": {"description": "The request failed; `error.message` says why", "content": content(&refer("Error"))}},
        },
    });
    let rest = rest.as_object().into_iter().flatten();
    let mut document: BTreeMap<&str, Box<RawValue>> =
        rest.map(|(name, value)| (name.as_str(), text(value))).collect();
    document.insert("paths", serde_json::value::to_raw_value(&paths).unwrap_or_default());
    // Text and numbers alone, whose writing does not fail.
    serde_json::to_string(&document).unwrap_or_default()
}

fn text(value: &Value) -> Box<RawValue> {
    serde_json::value::to_raw_value(value).unwrap_or_default()
}

/// The routes that every host has.
fn own_paths() -> Map<String, Value> {
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

/// The description of a result, with the form of its integers.
const INTEGERS: &str = "The function's result. 64-bit integers are JSON numbers with all their digits; a caller who sends \
    `accept: application/json; integers=string` gets all of them as strings of digits";

fn operation(plugin: &PluginInfo, function: &FunctionInfo) -> Value {
    let mut result = content(&function.result);
    result[STRINGS] = json!({"schema": &function.result});
    let mut responses = Map::from_iter([
        ("200".to_owned(), json!({"description": INTEGERS, "content": result})),
        ("default".to_owned(), failed()),
    ]);
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

fn failed() -> Value {
    json!({"$ref": "#/components/responses/error"})
}

#[cfg(test)]
mod tests;

//! The routes and types of operators.

use super::{content, refer, responses};
use palisade::OPERATOR_PERMISSION;
use palisade_guard::limits::DISABLE_REASON_BYTES_MAX;
use serde_json::{Map, Value, json};

/// The paths.
pub(super) fn paths() -> Map<String, Value> {
    let plugin = json!([{"name": "plugin", "in": "path", "required": true, "schema": {"type": "string"}}]);
    let done = || responses("204", json!({"description": "Done"}));
    let needs = format!("For callers with the permission `{OPERATOR_PERMISSION}`");
    let reason = json!({
        "type": "object", "required": ["reason"], "additionalProperties": false,
        "properties": {"reason": {"type": "string", "minLength": 1, "maxLength": DISABLE_REASON_BYTES_MAX}},
    });
    let listed = json!({
        "type": "object", "required": ["plugins"],
        "properties": {"plugins": {"type": "array", "items": refer("PluginStatus")}},
    });
    let list = json!({"get": {
        "operationId": "plugins.list", "tags": ["admin"], "summary": "The plugins, and whether each is served",
        "description": needs, "security": [{"token": []}],
        "responses": responses("200", json!({"description": "The plugins", "content": content(&listed)})),
    }});
    let disable = json!({"parameters": plugin, "post": {
        "operationId": "plugins.disable", "tags": ["admin"], "description": needs, "security": [{"token": []}],
        "summary": "Disables a plugin at once, running calls included",
        "requestBody": {"required": true, "content": content(&reason)}, "responses": done(),
    }});
    let enable = json!({"parameters": plugin, "post": {
        "operationId": "plugins.enable", "tags": ["admin"], "description": needs, "security": [{"token": []}],
        "summary": "Enables a plugin, and lifts its quarantine", "responses": done(),
    }});
    Map::from_iter([
        ("/admin/plugins".to_owned(), list),
        ("/admin/plugins/{plugin}/disable".to_owned(), disable),
        ("/admin/plugins/{plugin}/enable".to_owned(), enable),
    ])
}

/// The types.
pub(super) fn schemas() -> Map<String, Value> {
    let time = json!({"type": ["string", "null"], "format": "date-time"});
    let status = json!({
        "type": "object", "required": ["name", "version", "state", "reason", "since", "until", "entries"],
        "properties": {
            "name": {"type": "string"}, "version": {"type": "string"},
            "state": {"type": "string", "enum": palisade::ServingStatus::STATES},
            "reason": {"type": ["string", "null"]}, "since": time, "until": time,
            "entries": {"type": "array", "items": refer("EntryStatus")},
        },
    });
    let entry = json!({
        "type": "object", "required": ["entry", "callers", "state", "reason", "since", "until"],
        "properties": {
            "entry": {"type": "string"}, "callers": {"type": "string", "enum": ["anonymous", "known"]},
            "state": {"type": "string", "enum": ["quarantined", "half-open"]},
            "reason": {"type": ["string", "null"]}, "since": time, "until": time,
        },
    });
    Map::from_iter([("PluginStatus".to_owned(), status), ("EntryStatus".to_owned(), entry)])
}

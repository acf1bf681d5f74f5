//! The routes and types of operators.

use super::answers::{Answers, content, refer};
use super::items::PLAIN;
use palisade::OPERATOR_PERMISSION;
use palisade_guard::limits::DISABLE_REASON_BYTES_MAX;
use serde_json::{Map, Value, json};

/// The paths.
pub(super) fn paths() -> Map<String, Value> {
    let plugin = json!([{"name": "plugin", "in": "path", "required": true, "schema": {"type": "string"}}]);
    let needs = format!("For callers with the permission `{OPERATOR_PERMISSION}`");
    let errors = ["400", "401", "403", "500", "503", "504"];
    let done = || Answers::of("204", "Done, on every server").errors(&errors).errors(&["404", "507"]);
    let pending = json!({
        "description": "Done on this server; the database does not answer, and is told when it does",
        "content": content(&json!({
            "type": "object", "required": ["pending"], "properties": {"pending": {"type": "string"}},
        })),
    });
    let reason = json!({
        "type": "object", "required": ["reason"], "additionalProperties": false,
        "properties": {"reason": {
            "type": "string", "minLength": 1, "maxLength": DISABLE_REASON_BYTES_MAX, "pattern": PLAIN,
        }},
    });
    let listed = json!({
        "type": "object", "required": ["plugins"],
        "properties": {"plugins": {"type": "array", "items": refer("PluginStatus")}},
    });
    let list = json!({"get": {
        "operationId": "listPlugins", "tags": ["admin"], "summary": "The plugins, and whether each is served",
        "description": needs, "security": [{"token": []}],
        "responses": Answers::of("200", "The plugins").content(&content(&listed)).errors(&errors).written(),
    }});
    let disable = json!({"parameters": plugin, "post": {
        "operationId": "disablePlugin", "tags": ["admin"], "description": needs, "security": [{"token": []}],
        "summary": "Disables a plugin at once, running calls included",
        "requestBody": {"required": true, "content": content(&reason)},
        "responses": done().or("202", pending).errors(&["408", "413", "415"]).written(),
    }});
    let enable = json!({"parameters": plugin, "post": {
        "operationId": "enablePlugin", "tags": ["admin"], "description": needs, "security": [{"token": []}],
        "summary": "Enables a plugin, and lifts its quarantine", "responses": done().errors(&["415"]).written(),
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
        "type": "object", "required": ["name", "version", "state", "reason", "since", "until", "entries", "runningOn"],
        "properties": {
            "name": {"type": "string"}, "version": {"type": "string"},
            "state": {"type": "string", "enum": palisade::ServingStatus::STATES},
            "reason": {"type": ["string", "null"]}, "since": time, "until": time,
            "entries": {"type": "array", "items": refer("EntryStatus")},
            "runningOn": {
                "type": "integer", "minimum": 0,
                "description": "Statements that the database still runs, though their calls have ended",
            },
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

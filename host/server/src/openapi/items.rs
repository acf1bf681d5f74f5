//! The routes and types of items, which no plugin changes.

use super::{content, refer};
use palisade_guard::limits::{ITEM_PAGE_DEFAULT, ITEM_PAGE_MAX, ITEM_TITLE_BYTES_MAX};
use serde_json::{Map, Value, json};

/// The paths.
pub(super) fn paths() -> Map<String, Value> {
    let id = json!([{"name": "id", "in": "path", "required": true, "schema": {"type": "string", "format": "uuid"}}]);
    let if_match = json!({
        "name": "If-Match", "in": "header", "schema": {"type": "string"},
        "description": "The `ETag` of the revision that the change is for; without it the last change wins",
    });
    let many = json!({
        "get": {
            "operationId": "items.list", "tags": ["items"], "summary": "A page of items",
            "parameters": query(), "responses": responses("200", "The page", Some("Page")),
        },
        "post": {
            "operationId": "items.create", "tags": ["items"], "summary": "Inserts an item",
            "requestBody": body("Draft"), "responses": responses("201", "The item", Some("Item")),
        },
    });
    let one = json!({
        "parameters": id,
        "get": {
            "operationId": "items.get", "tags": ["items"], "summary": "One item",
            "responses": responses("200", "The item", Some("Item")),
        },
        "patch": {
            "operationId": "items.patch", "tags": ["items"], "summary": "Changes an item", "parameters": [if_match],
            "requestBody": body("Patch"), "responses": responses("200", "The item", Some("Item")),
        },
        "delete": {
            "operationId": "items.delete", "tags": ["items"], "summary": "Deletes an item", "parameters": [if_match],
            "responses": responses("204", "The item is deleted", None),
        },
    });
    Map::from_iter([("/items".to_owned(), many), ("/items/{id}".to_owned(), one)])
}

/// The types.
pub(super) fn schemas() -> Map<String, Value> {
    let (title, status, fields) = (
        json!({"type": "string", "minLength": 1, "maxLength": ITEM_TITLE_BYTES_MAX}),
        json!({"type": "string", "enum": ["draft", "published"]}),
        json!({"type": "object"}),
    );
    let item_type = json!({"type": "string", "pattern": "^[a-z][a-z0-9-]*$"});
    let time = json!({"type": "string", "format": "date-time"});
    let id = json!({"type": "string", "format": "uuid"});
    let item = json!({
        "type": "object",
        "required": ["id", "itemType", "title", "status", "fields", "revision", "author", "createdAt", "updatedAt"],
        "properties": {
            "id": id, "itemType": item_type, "title": title, "status": status, "fields": fields,
            "revision": {"type": "integer", "minimum": 1},
            "author": {"type": ["string", "null"], "format": "uuid"},
            "createdAt": time, "updatedAt": time,
        },
    });
    let draft = json!({
        "type": "object", "required": ["itemType", "title"], "additionalProperties": false,
        "properties": {"itemType": item_type, "title": title, "status": status, "fields": fields},
    });
    let patch = json!({
        "type": "object", "additionalProperties": false,
        "properties": {
            "title": title, "status": status,
            "fields": {"type": "object", "description": "A merge patch: null removes a field"},
        },
    });
    let page = json!({
        "type": "object", "required": ["items", "next"],
        "properties": {
            "items": {"type": "array", "items": refer("Item")},
            "next": {"type": ["string", "null"], "description": "`after` of the next page; null at the end"},
        },
    });
    [("Item", item), ("Draft", draft), ("Patch", patch), ("Page", page)]
        .into_iter()
        .map(|(name, schema)| (name.to_owned(), schema))
        .collect()
}

fn query() -> Value {
    json!([
        {"name": "type", "in": "query", "required": true, "schema": {"type": "string"}},
        {"name": "status", "in": "query", "schema": {"type": "string", "enum": ["draft", "published"]}},
        {"name": "order", "in": "query", "schema": {"type": "string", "enum": ["newest", "oldest"], "default": "newest"}},
        {
            "name": "limit", "in": "query",
            "schema": {"type": "integer", "minimum": 1, "maximum": ITEM_PAGE_MAX, "default": ITEM_PAGE_DEFAULT},
        },
        {"name": "after", "in": "query", "schema": {"type": "string", "format": "uuid"}},
        {
            "name": "fields", "in": "query", "content": content(&json!({"type": "object"})),
            "description": "What the fields of an item must contain",
        },
    ])
}

fn body(schema: &str) -> Value {
    json!({"required": true, "content": content(&refer(schema))})
}

fn responses(status: &str, description: &str, schema: Option<&str>) -> Map<String, Value> {
    let mut done = json!({"description": description});
    if let Some(schema) = schema {
        done["content"] = content(&refer(schema));
    }
    super::responses(status, done)
}

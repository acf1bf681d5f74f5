//! The routes and types of items, which no plugin changes.

use super::answers::{Answers, content, refer};
use palisade_guard::limits::{ITEM_PAGE_DEFAULT, ITEM_PAGE_MAX, ITEM_TITLE_BYTES_MAX, ITEM_TYPE_BYTES_MAX};
use serde_json::{Map, Value, json};

/// An id in its canonical form.
const ID: &str = "^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$";
/// A text without control characters.
pub(super) const PLAIN: &str = "^[^\\u0000-\\u001f\\u007f-\\u009f]+$";
/// What routes of items may answer besides what they do.
const READ: [&str; 8] = ["400", "401", "403", "404", "500", "503", "504", "507"];
const WRITE: [&str; 5] = ["408", "409", "413", "415", "422"];

/// The paths.
pub(super) fn paths() -> Map<String, Value> {
    let by_id = json!([{"name": "id", "in": "path", "required": true, "schema": id()}]);
    let if_match = json!({
        "name": "If-Match", "in": "header",
        "schema": {"anyOf": [{"const": "*"}, {"type": "string", "pattern": "^\"[0-9]{1,9}\"$"}]},
        "description": "The `ETag` of the revision that the change is for; without it the last change wins",
    });
    let many = json!({
        "get": {
            "operationId": "listItems", "tags": ["items"], "summary": "A page of items", "parameters": query(),
            "responses": Answers::of("200", "The page").content(&content(&refer("Page"))).errors(&READ).written(),
        },
        "post": {
            "operationId": "createItem", "tags": ["items"], "summary": "Inserts an item",
            "requestBody": body("Draft"),
            "responses": item("201").header("location", true, "The item's path").errors(&WRITE).written(),
        },
    });
    let one = json!({
        "parameters": by_id,
        "get": {
            "operationId": "getItem", "tags": ["items"], "summary": "One item", "responses": item("200").written(),
        },
        "patch": {
            "operationId": "patchItem", "tags": ["items"], "summary": "Changes an item", "parameters": [if_match],
            "requestBody": body("Patch"), "responses": item("200").errors(&WRITE).errors(&["412"]).written(),
        },
        "delete": {
            "operationId": "deleteItem", "tags": ["items"], "summary": "Deletes an item", "parameters": [if_match],
            "responses": Answers::of("204", "The item is deleted").errors(&READ).errors(&["409", "412", "422"]).written(),
        },
    });
    Map::from_iter([("/items".to_owned(), many), ("/items/{id}".to_owned(), one)])
}

/// An answer with an item.
fn item(status: &'static str) -> Answers {
    let item = Answers::of(status, "The item").content(&content(&refer("Item")));
    item.header("etag", true, "The item's revision in quotes, for `if-match`").errors(&READ)
}

fn id() -> Value {
    json!({"type": "string", "format": "uuid", "pattern": ID})
}

fn item_type() -> Value {
    json!({"type": "string", "pattern": "^[a-z][a-z0-9-]*$", "maxLength": ITEM_TYPE_BYTES_MAX})
}

/// The types.
pub(super) fn schemas() -> Map<String, Value> {
    let (title, status, fields) = (
        json!({
            "type": "string", "minLength": 1, "maxLength": ITEM_TITLE_BYTES_MAX, "pattern": PLAIN,
            "description": format!("At most {ITEM_TITLE_BYTES_MAX} bytes of UTF-8"),
        }),
        json!({"type": "string", "enum": ["draft", "published"]}),
        // Said, because generators take an object that nothing is said of for an empty one.
        json!({"type": "object", "additionalProperties": true}),
    );
    let time = json!({"type": "string", "format": "date-time"});
    let item = json!({
        "type": "object",
        "required": ["id", "itemType", "title", "status", "fields", "revision", "author", "createdAt", "updatedAt"],
        "properties": {
            "id": id(), "itemType": item_type(), "title": title, "status": status, "fields": fields,
            "revision": {"type": "integer", "minimum": 1},
            "author": {"type": ["string", "null"], "format": "uuid"},
            "createdAt": time, "updatedAt": time,
        },
    });
    let draft = json!({
        "type": "object", "required": ["itemType", "title"], "additionalProperties": false,
        "properties": {"itemType": item_type(), "title": title, "status": status, "fields": fields},
    });
    let patch = json!({
        "type": "object", "additionalProperties": false,
        "properties": {
            "title": title, "status": status,
            "fields": {
                "type": "object", "additionalProperties": true,
                "description": "A merge patch: null removes a field",
            },
        },
    });
    let page = json!({
        "type": "object", "required": ["items", "next"],
        "properties": {
            "items": {"type": "array", "items": refer("Item")},
            "next": {"type": ["string", "null"], "description": "`after` of the next page; null at the end. A page may be short, or empty, and not the last"},
        },
    });
    [("Item", item), ("Draft", draft), ("Patch", patch), ("Page", page)]
        .into_iter()
        .map(|(name, schema)| (name.to_owned(), schema))
        .collect()
}

fn query() -> Value {
    json!([
        {"name": "type", "in": "query", "required": true, "schema": item_type()},
        {"name": "status", "in": "query", "schema": {"type": "string", "enum": ["draft", "published"]}},
        {"name": "order", "in": "query", "schema": {"type": "string", "enum": ["newest", "oldest"], "default": "newest"}},
        {
            "name": "limit", "in": "query",
            "schema": {"type": "integer", "minimum": 1, "maximum": ITEM_PAGE_MAX, "default": ITEM_PAGE_DEFAULT},
        },
        {"name": "after", "in": "query", "schema": {"type": "string"}, "description": "`next` of the page before, or the id of an item that the caller can see"},
        {
            "name": "fields", "in": "query", "content": content(&json!({"type": "object", "additionalProperties": true})),
            "description": "What the fields of an item must contain",
        },
    ])
}

fn body(schema: &str) -> Value {
    json!({"required": true, "content": content(&refer(schema))})
}

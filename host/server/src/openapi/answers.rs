//! The answers of a route: what it returns, and each status with which it may fail.

use serde_json::{Map, Value, json};

/// The answers of one operation.
pub(super) struct Answers {
    status: &'static str,
    done: Value,
    others: Map<String, Value>,
}

impl Answers {
    /// The answer to a request that succeeds.
    pub(super) fn of(status: &'static str, description: &str) -> Self {
        Self { status, done: json!({"description": description}), others: Map::new() }
    }

    /// With this body.
    pub(super) fn content(mut self, content: &Value) -> Self {
        self.done["content"] = content.clone();
        self
    }

    /// With this header.
    pub(super) fn header(mut self, name: &str, is_required: bool, description: &str) -> Self {
        self.done["headers"][name] = header(is_required, description);
        self
    }

    /// Another answer of a request that succeeds.
    pub(super) fn or(mut self, status: &str, answer: Value) -> Self {
        self.others.insert(status.to_owned(), answer);
        self
    }

    /// With these statuses of [`ERRORS`].
    pub(super) fn errors(mut self, statuses: &[&str]) -> Self {
        for status in statuses {
            let shared = json!({"$ref": format!("#/components/responses/{}", name_of(status))});
            self.others.insert((*status).to_owned(), shared);
        }
        self
    }

    /// With the error of a function's own.
    pub(super) fn returned(mut self, value: &Value) -> Self {
        let error = json!({"allOf": [
            refer("ErrorDetails"),
            {"type": "object", "required": ["value"], "properties": {"kind": {"const": "returned"}, "value": value}},
        ]});
        let schema = json!({"type": "object", "required": ["error"], "properties": {"error": error}});
        let answer = json!({
            "description": "The function's own error, in `error.value`",
            "headers": {"x-request-id": header(true, REQUEST_ID)},
            "content": content(&schema),
        });
        self.others.insert("422".to_owned(), answer);
        self
    }

    pub(super) fn written(self) -> Map<String, Value> {
        let mut done = self.done;
        done["headers"]["x-request-id"] = header(true, REQUEST_ID);
        let mut all = self.others;
        all.insert(self.status.to_owned(), done);
        all
    }
}

const REQUEST_ID: &str = "The request's id, which the log has, too: the caller's own if it is well-formed";

/// A status of an error, its name among the responses, what it means, and its header with whether that is always there.
type Described = (&'static str, &'static str, &'static str, Option<(&'static str, bool)>);

/// The statuses of errors.
const ERRORS: &[Described] = &[
    (
        "400",
        "BadRequest",
        "The request or an argument is malformed; the message names the place and the fix",
        None,
    ),
    (
        "401",
        "Unauthorized",
        "The token is wrong, or there is none and the request needs one",
        Some(("www-authenticate", true)),
    ),
    ("403", "Forbidden", "The token does not suffice, or a web page may have forged the request", None),
    ("404", "NotFound", "There is no such plugin, function or item, or the caller may not see it", None),
    ("408", "BodyTooSlow", "The body took too long to arrive", None),
    (
        "409",
        "Conflict",
        "Another change was faster, or the database's constraints refuse it",
        Some(("retry-after", false)),
    ),
    ("412", "PreconditionFailed", "The item is at another revision than `if-match` names", None),
    ("413", "BodyTooLarge", "The body is too large", None),
    ("415", "UnsupportedMediaType", "The body is not JSON in UTF-8, or is compressed", None),
    ("422", "Refused", "A plugin refuses the change, and says why", None),
    ("500", "Failed", "The plugin failed, or exceeded a limit, or the host failed", None),
    (
        "503",
        "Unavailable",
        "Overloaded, starting, stopping, without its database, or the plugin is not served",
        Some(("retry-after", false)),
    ),
    ("504", "TimedOut", "The request took longer than it may", None),
    ("507", "InsufficientStorage", "The plugin's tables or the database are full", None),
];

/// The responses that all operations share.
pub(super) fn errors() -> Map<String, Value> {
    let written = ERRORS.iter().map(|(_, name, description, own)| {
        let mut headers = json!({"x-request-id": header(true, REQUEST_ID)});
        if let Some((name, is_required)) = own {
            headers[*name] = header(*is_required, "");
        }
        let answer =
            json!({"description": description, "headers": headers, "content": content(&refer("Error"))});
        ((*name).to_owned(), answer)
    });
    written.collect()
}

fn name_of(status: &str) -> &'static str {
    ERRORS.iter().find(|(known, ..)| *known == status).map_or("Failed", |(_, name, ..)| *name)
}

/// The types of errors.
pub(super) fn schemas() -> Map<String, Value> {
    let details = json!({
        "type": "object",
        "required": ["kind", "message", "blame", "requestId"],
        "properties": {
            "kind": {"type": "string", "description": "For programs: such as `bad-arguments`"},
            "message": {"type": "string", "description": "For people: what is wrong, and what to do"},
            "blame": {"type": "string", "enum": ["caller", "guest", "operator", "host"]},
            "requestId": {"type": "string"},
            "plugin": {"type": "string", "description": "The plugin that failed or is not served"},
            "limit": {"type": "string", "description": "The limit that was exceeded"},
            "used": {"type": "integer", "minimum": 0},
            "max": {"type": "integer", "minimum": 0},
            "reason": {"type": "string", "description": "Why the plugin is quarantined"},
            "revision": {"type": "integer", "minimum": 1, "description": "The item's current revision"},
        },
    });
    let error =
        json!({"type": "object", "required": ["error"], "properties": {"error": refer("ErrorDetails")}});
    Map::from_iter([("Error".to_owned(), error), ("ErrorDetails".to_owned(), details)])
}

fn header(is_required: bool, description: &str) -> Value {
    let mut header = json!({"required": is_required, "schema": {"type": "string"}});
    if !description.is_empty() {
        header["description"] = description.into();
    }
    header
}

/// The content of a body with this schema.
pub(super) fn content(schema: &Value) -> Value {
    json!({"application/json": {"schema": schema}})
}

pub(super) fn refer(schema: &str) -> Value {
    json!({"$ref": format!("#/components/schemas/{schema}")})
}

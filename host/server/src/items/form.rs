//! Items in JSON: as callers read them, and as they write them.

use crate::criteria::{status, within_bounds};
use crate::error::ErrorResponse;
use crate::refused::refused;
use jiff::Timestamp;
use palisade_guard::grant::ItemPower;
use palisade_guard::item::Item;
use palisade_guard::item::{Draft, ItemScope, ItemType, Patch, Status, Title};
use palisade_guard::text::quoted;
use serde_json::{Map, Value, json};

/// An item as callers read it.
pub(super) fn json(item: &Item) -> Value {
    json!({
        "id": item.id.to_string(),
        "itemType": item.item_type,
        "title": item.title,
        "status": item.status,
        "fields": item.fields.to_value(),
        "revision": item.revision,
        "author": item.author.map(|id| id.to_string()),
        "createdAt": time(item.created_at),
        "updatedAt": time(item.updated_at),
    })
}

/// Microseconds since 1970 as RFC 3339, always with six digits of fraction.
fn time(microseconds: i64) -> Value {
    // The host wrote the time, so it is within the range of the calendar.
    Timestamp::from_microsecond(microseconds).map_or(Value::Null, |time| format!("{time:.6}").into())
}

/// A new item: `itemType` and `title`, and optionally `status` (otherwise a draft) and `fields` (otherwise none).
pub(super) fn draft(mut object: Map<String, Value>) -> Result<Draft, ErrorResponse> {
    let draft = Draft {
        item_type: match text(&mut object, "itemType")? {
            Some(name) => ItemType::parse(&name, ItemScope::All, ItemPower::Write).map_err(refused)?,
            None => return Err(missing("itemType")),
        },
        title: title(&mut object)?.ok_or_else(|| missing("title"))?,
        status: text(&mut object, "status")?.map_or(Ok(Status::Draft), |name| status(&name))?,
        fields: within_bounds(object.remove("fields").unwrap_or_else(|| json!({})))?,
    };
    nothing_else(&object, "itemType, title, status, fields")?;
    Ok(draft)
}

/// A change: any of `title`, `status`, and `fields` as a merge patch.
pub(super) fn patch(mut object: Map<String, Value>, revision: Option<u32>) -> Result<Patch, ErrorResponse> {
    let patch = Patch {
        title: title(&mut object)?,
        status: text(&mut object, "status")?.map(|name| status(&name)).transpose()?,
        fields: object.remove("fields").map(within_bounds).transpose()?,
        revision,
    };
    nothing_else(&object, "title, status, fields")?;
    Ok(patch)
}

fn title(object: &mut Map<String, Value>) -> Result<Option<Title>, ErrorResponse> {
    text(object, "title")?.map(|title| Title::parse(&title)).transpose().map_err(refused)
}

fn text(object: &mut Map<String, Value>, key: &str) -> Result<Option<String>, ErrorResponse> {
    match object.remove(key) {
        None => Ok(None),
        Some(Value::String(text)) => Ok(Some(text)),
        Some(_) => {
            Err(ErrorResponse::bad_request(format!("`{key}` must be a string; leave it out, or send one")))
        }
    }
}

fn missing(key: &str) -> ErrorResponse {
    ErrorResponse::bad_request(format!("`{key}` is missing; an item needs an itemType and a title"))
}

fn nothing_else(object: &Map<String, Value>, known: &str) -> Result<(), ErrorResponse> {
    match object.keys().next() {
        None => Ok(()),
        Some(key) => {
            Err(ErrorResponse::bad_request(format!("unknown key {}; the keys are {known}", quoted(key))))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use palisade_guard::item::Fields;
    use palisade_guard::limits::ITEM_FIELDS_BYTES_MAX;

    fn object(value: Value) -> Map<String, Value> {
        match value {
            Value::Object(object) => object,
            other => panic!("{other} is not an object"),
        }
    }

    #[test]
    fn malformed_draft_is_rejected() {
        let large = "x".repeat(usize::try_from(ITEM_FIELDS_BYTES_MAX).unwrap());
        for value in [
            json!({}),
            json!({"itemType": "post"}),
            json!({"title": "a"}),
            json!({"itemType": "Post", "title": "a"}),
            json!({"itemType": "post", "title": ""}),
            json!({"itemType": "post", "title": 1}),
            json!({"itemType": "post", "title": null}),
            json!({"itemType": "post", "title": "a", "status": "hidden"}),
            json!({"itemType": "post", "title": "a", "fields": []}),
            json!({"itemType": "post", "title": "a", "fields": {"a": large}}),
            json!({"itemType": "post", "title": "a", "author": "me"}),
        ] {
            assert!(draft(object(value.clone())).is_err(), "{:.80}", value.to_string());
        }
    }

    #[test]
    fn minimal_draft_has_the_status_draft_and_no_fields() {
        let draft = draft(object(json!({"itemType": "post", "title": "a"}))).unwrap();
        assert_eq!((draft.status, draft.fields.to_value()), (Status::Draft, json!({})));
    }

    #[test]
    fn patch_cannot_change_what_the_host_sets() {
        for key in ["id", "itemType", "revision", "author", "createdAt", "updatedAt"] {
            assert!(patch(object(json!({key: "x"})), None).is_err(), "{key}");
        }
        let patch = patch(object(json!({"fields": {"a": null}})), Some(3)).unwrap();
        assert_eq!((patch.title, patch.status, patch.revision), (None, None, Some(3)));
    }

    #[test]
    fn item_is_written_in_lower_camel_case_with_times_in_microseconds() {
        let item = Item {
            id: uuid::Uuid::nil(),
            item_type: "post".into(),
            title: "A".into(),
            status: Status::Published,
            fields: Fields::empty(),
            revision: 2,
            author: None,
            created_at: 1_700_000_000_000_000,
            updated_at: -1,
        };
        let json = json(&item);
        assert_eq!(json["createdAt"], "2023-11-14T22:13:20.000000Z");
        assert_eq!(json["updatedAt"], "1969-12-31T23:59:59.999999Z");
        assert_eq!(
            (&json["itemType"], &json["status"], &json["author"]),
            (&json!("post"), &json!("published"), &Value::Null)
        );
    }
}

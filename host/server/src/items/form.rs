//! Items in JSON: as callers read them, and as they write them.
//!
//! Neither way builds a tree: an item's fields are text from the body of a request to that of a response. The form around them has
//! no bound of its own; what is in it is checked before it is used.

use crate::criteria::status;
use crate::error::ErrorResponse;
use crate::refused::refused;
use jiff::Timestamp;
use palisade::BadArgument;
use palisade_guard::grant::ItemPower;
use palisade_guard::item::{Draft, Fields, Item, ItemScope, ItemType, Patch, Place, Status, Title};
use palisade_guard::json::NotJson;
use palisade_guard::json::text::{Shape, compact, members, unescaped};
use palisade_guard::limits::{JSON_DEPTH_MAX, Limits};
use palisade_guard::text::quoted;
use serde_json::Value;

/// An item as callers read it.
pub(super) fn json(item: &Item) -> String {
    let text = |text: &str| Value::from(text).to_string();
    let status = match item.status {
        Status::Draft => "draft",
        Status::Published => "published",
    };
    format!(
        "{{\"id\":\"{}\",\"itemType\":{},\"title\":{},\"status\":\"{status}\",\"fields\":{},\"revision\":{},\"author\":{},\
         \"createdAt\":{},\"updatedAt\":{}}}",
        item.id,
        text(&item.item_type),
        text(&item.title),
        item.fields.as_str(),
        item.revision,
        Value::from(item.author.map(|id| id.to_string())),
        time(item.created_at),
        time(item.updated_at),
    )
}

/// A page as callers read it.
pub(super) fn page(items: &[Item], next: Option<Place>) -> String {
    let mut page = "{\"items\":[".to_owned();
    for (index, item) in items.iter().enumerate() {
        if index > 0 {
            page.push(',');
        }
        page.push_str(&json(item));
    }
    page.push_str("],\"next\":");
    page.push_str(&Value::from(next.map(|place| place.to_string())).to_string());
    page.push('}');
    page
}

/// Microseconds since 1970 as RFC 3339, always with six digits of fraction.
fn time(microseconds: i64) -> Value {
    // The host wrote the time, so it is within the range of the calendar.
    Timestamp::from_microsecond(microseconds).map_or(Value::Null, |time| format!("{time:.6}").into())
}

/// A new item: `itemType` and `title`, and optionally `status` (otherwise a draft) and `fields` (otherwise none).
pub(super) fn draft(body: &[u8]) -> Result<Draft, ErrorResponse> {
    let text = checked(body)?;
    let mut form = Form::of(&text)?;
    let draft = Draft {
        item_type: match form.text("itemType")? {
            Some(name) => ItemType::parse(&name, ItemScope::All, ItemPower::Write).map_err(refused)?,
            None => return Err(missing("itemType")),
        },
        title: form.title()?.ok_or_else(|| missing("title"))?,
        status: form.status()?.unwrap_or(Status::Draft),
        fields: form.fields()?.unwrap_or_else(Fields::empty),
    };
    form.nothing_else("itemType, title, status, fields")?;
    Ok(draft)
}

/// A change: any of `title`, `status`, and `fields` as a merge patch.
pub(super) fn patch(body: &[u8], revision: Option<u32>) -> Result<Patch, ErrorResponse> {
    let text = checked(body)?;
    let mut form = Form::of(&text)?;
    let patch = Patch { title: form.title()?, status: form.status()?, fields: form.fields()?, revision };
    form.nothing_else("title, status, fields")?;
    Ok(patch)
}

fn checked(body: &[u8]) -> Result<String, ErrorResponse> {
    // An empty body is an empty object.
    let body = if body.is_empty() { b"{}" } else { body };
    let not_json = |error: NotJson| ErrorResponse::bad_request(BadArgument::from(error).to_string());
    let text = std::str::from_utf8(body)
        .map_err(|error| not_json(NotJson { found: format!("text that is not: {error}") }))?;
    compact(text, JSON_DEPTH_MAX).map_err(|malformed| not_json(malformed.into()))
}

/// The members of an object that are not yet taken.
struct Form<'a>(Vec<(&'a str, &'a str)>);

impl<'a> Form<'a> {
    fn of(text: &'a str) -> Result<Self, ErrorResponse> {
        if Shape::of(text) == Shape::Object {
            return Ok(Self(members(text).collect()));
        }
        Err(ErrorResponse::bad_request("the body is not an object; send `{…}`"))
    }

    fn take(&mut self, key: &str) -> Option<&'a str> {
        let place = self.0.iter().position(|(name, _)| unescaped(name) == key)?;
        Some(self.0.swap_remove(place).1)
    }

    fn text(&mut self, key: &str) -> Result<Option<String>, ErrorResponse> {
        match self.take(key) {
            None => Ok(None),
            Some(text) if Shape::of(text) == Shape::Text => Ok(Some(unescaped(text).into_owned())),
            Some(_) => Err(ErrorResponse::bad_request(format!(
                "`{key}` must be a string; leave it out, or send one"
            ))),
        }
    }

    fn title(&mut self) -> Result<Option<Title>, ErrorResponse> {
        self.text("title")?.map(|title| Title::parse(&title)).transpose().map_err(refused)
    }

    fn status(&mut self) -> Result<Option<Status>, ErrorResponse> {
        self.text("status")?.map(|name| status(&name)).transpose()
    }

    fn fields(&mut self) -> Result<Option<Fields>, ErrorResponse> {
        let fields = self.take("fields").map(|text| Fields::parse(text, &Limits::default()));
        fields.transpose().map_err(refused)
    }

    fn nothing_else(&self, known: &str) -> Result<(), ErrorResponse> {
        match self.0.first() {
            None => Ok(()),
            Some((key, _)) => Err(ErrorResponse::bad_request(format!(
                "unknown key {}; the keys are {known}",
                quoted(&unescaped(key))
            ))),
        }
    }
}

fn missing(key: &str) -> ErrorResponse {
    ErrorResponse::bad_request(format!("`{key}` is missing; an item needs an itemType and a title"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use palisade_guard::limits::ITEM_FIELDS_BYTES_MAX;
    use serde_json::json;

    fn body(value: &Value) -> Vec<u8> {
        value.to_string().into_bytes()
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
            assert!(draft(&body(&value)).is_err(), "{:.80}", value.to_string());
        }
        for text in [
            &b""[..],
            b"[]",
            b"\xff",
            b"{\"itemType\":\"post\",\"title\":\"a\",\"title\":\"b\"}",
            b"{\"itemType\":\"post\",\"title\":\"a\",\"fields\":{\"a\":1,\"a\":2}}",
            b"{\"itemType\":\"post\",\"title\":\"a\",\"fields\":{\"a\":1e99999}}",
            b"{\"itemType\":\"post\",\"title\":\"a\",\"fields\":null}",
        ] {
            assert!(draft(text).is_err(), "{}", String::from_utf8_lossy(text));
        }
    }

    #[test]
    fn fields_are_the_text_that_was_sent() {
        let text = r#"{ "title": "\u0041", "itemType": "post", "fields": { "n": 12345678901234567890123, "a": [1.50, "\u00e9"] } }"#;
        let draft = draft(text.as_bytes()).unwrap();
        assert_eq!(draft.title.as_str(), "A");
        assert_eq!(draft.fields.as_str(), r#"{"n":12345678901234567890123,"a":[1.50,"\u00e9"]}"#);
    }

    #[test]
    fn minimal_draft_has_the_status_draft_and_no_fields() {
        let draft = draft(&body(&json!({"itemType": "post", "title": "a"}))).unwrap();
        assert_eq!((draft.status, draft.fields), (Status::Draft, Fields::empty()));
    }

    #[test]
    fn patch_cannot_change_what_the_host_sets() {
        for key in ["id", "itemType", "revision", "author", "createdAt", "updatedAt"] {
            assert!(patch(&body(&json!({key: "x"})), None).is_err(), "{key}");
        }
        let patch = patch(&body(&json!({"fields": {"a": null}})), Some(3)).unwrap();
        assert_eq!((patch.title, patch.status, patch.revision), (None, None, Some(3)));
    }

    #[test]
    fn item_is_written_in_lower_camel_case_with_times_in_microseconds() {
        let item = Item {
            id: uuid::Uuid::nil(),
            item_type: "post".into(),
            title: "A \"quoted\" one".into(),
            status: Status::Published,
            fields: Fields::empty(),
            revision: 2,
            author: None,
            created_at: 1_700_000_000_000_000,
            updated_at: -1,
        };
        let json: Value = serde_json::from_str(&json(&item)).unwrap();
        assert_eq!(json["createdAt"], "2023-11-14T22:13:20.000000Z");
        assert_eq!(json["updatedAt"], "1969-12-31T23:59:59.999999Z");
        assert_eq!((&json["title"], &json["fields"]), (&json!("A \"quoted\" one"), &json!({})));
        assert_eq!(
            (&json["itemType"], &json["status"], &json["author"]),
            (&json!("post"), &json!("published"), &Value::Null)
        );
    }
}

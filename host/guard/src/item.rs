//! Guard of `item`: types, ids, drafts, patches and criteria.
//!
//! Contract: `wit/item.wit`. These types prove that a value is well-formed and that the plugin's grant covers it.
//! Whether the caller may see an item is decided where the item is read.

use crate::grant::{ItemGrant, ItemPower};
use crate::limits::{
    ITEM_FIELDS_DEPTH_MAX, ITEM_PAGE_MAX, ITEM_TITLE_BYTES_MAX, ITEM_TYPE_BYTES_MAX, Limit, Limits,
};
use crate::name::{is_kebab, is_plain};
use crate::refusal::Refusal;
use crate::user::canonical;
use serde_json::{Map, Value};
use std::fmt;
use uuid::Uuid;

/// Who can see an item.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Status {
    /// Only its author and editors.
    Draft,
    /// Everybody.
    Published,
}

/// The item types that a call may use.
#[derive(Clone, Copy, Debug)]
pub enum ItemScope<'a> {
    /// The types in a plugin's grant.
    Granted(&'a ItemGrant),
    /// Every type: for the host's own API.
    All,
}

impl ItemScope<'_> {
    /// Whether the scope gives a power over a type.
    pub fn allows(self, item_type: &str, power: ItemPower) -> bool {
        match self {
            Self::All => true,
            Self::Granted(grant) => grant.types.get(item_type).is_some_and(|powers| powers.contains(&power)),
        }
    }

    /// The types that the scope gives a power over; `None` for all.
    pub fn types(self, power: ItemPower) -> Option<Vec<String>> {
        match self {
            Self::All => None,
            Self::Granted(grant) => Some(
                grant
                    .types
                    .iter()
                    .filter(|(_, powers)| powers.contains(&power))
                    .map(|(name, _)| name.clone())
                    .collect(),
            ),
        }
    }
}

/// The name of an item type that the scope allows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ItemType(String);

impl ItemType {
    /// Parses a name and checks it against the scope.
    pub fn parse(name: &str, scope: ItemScope<'_>, power: ItemPower) -> Result<Self, Refusal> {
        if !is_kebab(name) || name.len() > ITEM_TYPE_BYTES_MAX {
            return Err(Refusal::Invalid(format!(
                "item-type is lower-case letters, digits and `-`, begins with a letter and has at most {ITEM_TYPE_BYTES_MAX} bytes"
            )));
        }
        if scope.allows(name, power) { Ok(Self(name.into())) } else { Err(Refusal::Denied) }
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// An item's id.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ItemId(Uuid);

impl ItemId {
    /// Parses an id in its canonical form.
    pub fn parse(text: &str) -> Result<Self, Refusal> {
        canonical(text)
            .map(Self)
            .ok_or_else(|| Refusal::Invalid("an item id is a UUID of 36 lower-case characters".into()))
    }

    /// Parses a list of at most one page of ids.
    pub fn parse_many(texts: &[String]) -> Result<Vec<Self>, Refusal> {
        if texts.len() > ITEM_PAGE_MAX {
            return Err(Refusal::Invalid(format!("at most {ITEM_PAGE_MAX} ids a call")));
        }
        texts.iter().map(|text| Self::parse(text)).collect()
    }

    /// The id as a UUID.
    pub fn uuid(self) -> Uuid {
        self.0
    }
}

impl From<Uuid> for ItemId {
    fn from(id: Uuid) -> Self {
        Self(id)
    }
}

impl fmt::Display for ItemId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// An item's fields: a JSON object within the limits of size and nesting.
#[derive(Clone, Debug, PartialEq)]
pub struct Fields(Map<String, Value>);

impl Fields {
    /// No fields at all.
    pub fn empty() -> Self {
        Self(Map::new())
    }

    /// Parses JSON text.
    pub fn parse(text: &str, limits: &Limits) -> Result<Self, Refusal> {
        limits.check(Limit::ItemFieldsBytes, text.len() as u64)?;
        // serde_json stops at 128 levels by itself, so its recursion is bounded before our lower limit is checked.
        let value =
            serde_json::from_str(text).map_err(|error| Refusal::Invalid(format!("fields: {error}")))?;
        Self::from_value(value)
    }

    /// Checks a JSON value, except for its size.
    pub fn from_value(value: Value) -> Result<Self, Refusal> {
        let Value::Object(map) = value else {
            return Err(Refusal::Invalid("fields: give a JSON object".into()));
        };
        let value = Value::Object(map);
        check(&value, ITEM_FIELDS_DEPTH_MAX)?;
        match value {
            Value::Object(map) => Ok(Self(map)),
            _ => Err(Refusal::Invalid("fields: give a JSON object".into())),
        }
    }

    /// Applies a JSON merge patch (RFC 7396) to these fields.
    pub fn patched(mut self, patch: &Self, limits: &Limits) -> Result<Self, Refusal> {
        merge(&mut self.0, &patch.0);
        let value = Value::Object(self.0);
        limits.check(Limit::ItemFieldsBytes, value.to_string().len() as u64)?;
        Self::from_value(value)
    }

    /// The fields as a JSON value.
    pub fn to_value(&self) -> Value {
        Value::Object(self.0.clone())
    }
}

/// Refuses NUL, which PostgreSQL's `jsonb` cannot hold, and deep nesting, because the parsers of readers recurse.
fn check(value: &Value, depth: usize) -> Result<(), Refusal> {
    let Some(deeper) = depth.checked_sub(1) else {
        return Err(Refusal::Invalid(format!("fields: at most {ITEM_FIELDS_DEPTH_MAX} levels of nesting")));
    };
    let nul = |text: &str| {
        if text.contains('\0') {
            Err(Refusal::Invalid("fields: no text may contain NUL".into()))
        } else {
            Ok(())
        }
    };
    match value {
        Value::String(text) => nul(text),
        Value::Array(values) => values.iter().try_for_each(|value| check(value, deeper)),
        Value::Object(map) => {
            map.iter().try_for_each(|(key, value)| nul(key).and_then(|()| check(value, deeper)))
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => Ok(()),
    }
}

fn merge(target: &mut Map<String, Value>, patch: &Map<String, Value>) {
    for (key, change) in patch {
        match change {
            Value::Null => {
                target.remove(key);
            }
            Value::Object(inner) => {
                let slot = target.entry(key.clone()).or_insert(Value::Null);
                if !slot.is_object() {
                    *slot = Value::Object(Map::new());
                }
                if let Value::Object(old) = slot {
                    merge(old, inner);
                }
            }
            other => {
                target.insert(key.clone(), other.clone());
            }
        }
    }
}

/// A title: one line of plain text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Title(String);

impl Title {
    /// Parses a title.
    pub fn parse(text: &str) -> Result<Self, Refusal> {
        if is_plain(text, ITEM_TITLE_BYTES_MAX) {
            return Ok(Self(text.into()));
        }
        Err(Refusal::Invalid(format!("title: 1 to {ITEM_TITLE_BYTES_MAX} bytes without control characters")))
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// An item to insert.
#[derive(Clone, Debug, PartialEq)]
pub struct Draft {
    /// The item's type.
    pub item_type: ItemType,
    /// The item's title.
    pub title: Title,
    /// Who can see the item.
    pub status: Status,
    /// The item's fields.
    pub fields: Fields,
}

/// A change to an item.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Patch {
    /// The new title.
    pub title: Option<Title>,
    /// The new status.
    pub status: Option<Status>,
    /// A merge patch for the fields.
    pub fields: Option<Fields>,
    /// The revision that the change is based on. If the item has another one, the change is a conflict.
    pub revision: Option<u32>,
}

/// The order of found items.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Order {
    /// Latest inserted first.
    Newest,
    /// Earliest inserted first.
    Oldest,
}

/// The criteria of a search for items.
#[derive(Clone, Debug)]
pub struct Criteria {
    /// The items' type.
    pub item_type: ItemType,
    /// The items' status; any if absent.
    pub status: Option<Status>,
    /// JSON that the items' fields must contain.
    pub fields: Option<Fields>,
    /// The order of the result.
    pub order: Order,
    /// The most items to return.
    pub limit: PageSize,
    /// The item after which the result begins.
    pub after: Option<ItemId>,
}

/// A number of items: 1 to 100.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PageSize(u32);

impl PageSize {
    /// Checks a number.
    pub fn parse(limit: u32) -> Result<Self, Refusal> {
        if limit >= 1 && limit as usize <= ITEM_PAGE_MAX {
            return Ok(Self(limit));
        }
        Err(Refusal::Invalid(format!("limit is 1 to {ITEM_PAGE_MAX}")))
    }

    /// The number.
    pub fn get(self) -> u32 {
        self.0
    }
}

/// A stored item.
#[derive(Clone, Debug, PartialEq)]
pub struct Item {
    /// The item's id.
    pub id: Uuid,
    /// The item's type.
    pub item_type: String,
    /// The item's title.
    pub title: String,
    /// Who can see the item.
    pub status: Status,
    /// The item's fields.
    pub fields: Fields,
    /// The item's revision, which grows with each change.
    pub revision: u32,
    /// The user who inserted the item.
    pub author: Option<Uuid>,
    /// When the item was inserted, in microseconds since 1970.
    pub created_at: i64,
    /// When this revision was written, in microseconds since 1970.
    pub updated_at: i64,
}

impl Item {
    /// Applies a patch to this item.
    pub fn patched(&self, patch: &Patch, limits: &Limits) -> Result<Draft, Refusal> {
        if let Some(revision) = patch.revision.filter(|revision| *revision != self.revision) {
            tracing::debug!(revision, current = self.revision, "a change is based on another revision");
            return Err(Refusal::Conflict(self.revision));
        }
        Ok(Draft {
            item_type: ItemType::parse(&self.item_type, ItemScope::All, ItemPower::Write)?,
            title: patch.title.clone().map_or_else(|| Title::parse(&self.title), Ok)?,
            status: patch.status.unwrap_or(self.status),
            fields: match &patch.fields {
                Some(change) => self.fields.clone().patched(change, limits)?,
                None => self.fields.clone(),
            },
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::limits::ITEM_FIELDS_BYTES_MAX;

    fn fields(text: &str) -> Result<Fields, Refusal> {
        Fields::parse(text, &Limits::default())
    }

    #[test]
    fn fields_that_are_no_object_or_over_a_limit_are_refused() {
        let deep =
            format!("{{\"a\":{}{}}}", "[".repeat(ITEM_FIELDS_DEPTH_MAX), "]".repeat(ITEM_FIELDS_DEPTH_MAX));
        let very_deep = format!("{{\"a\":{}", "[".repeat(100_000));
        for text in ["", "[]", "1", "{", "{\"a\":\"\\u0000\"}", "{\"\\u0000\":1}", &deep, &very_deep] {
            assert!(matches!(fields(text), Err(Refusal::Invalid(_))), "{text:.40}");
        }
        let large = format!("{{\"a\":\"{}\"}}", "x".repeat(usize::try_from(ITEM_FIELDS_BYTES_MAX).unwrap()));
        assert!(matches!(fields(&large), Err(Refusal::Exceeded(_))));
    }

    #[test]
    fn fields_at_their_limits_are_accepted() {
        let levels = ITEM_FIELDS_DEPTH_MAX - 1;
        let deep = format!("{{\"a\":{}{}}}", "[".repeat(levels), "]".repeat(levels));
        assert!(fields(&deep).is_ok());
        let large =
            format!("{{\"a\":\"{}\"}}", "x".repeat(usize::try_from(ITEM_FIELDS_BYTES_MAX).unwrap() - 8));
        assert!(fields(&large).is_ok());
    }

    #[test]
    fn scope_has_the_types_of_its_grant_for_each_power() {
        let grant: ItemGrant =
            toml::from_str("types = { post = [\"read\", \"write\"], page = [\"read\"] }").unwrap();
        let granted = ItemScope::Granted(&grant);
        assert_eq!(granted.types(ItemPower::Read), Some(vec!["page".to_owned(), "post".to_owned()]));
        assert_eq!(granted.types(ItemPower::Write), Some(vec!["post".to_owned()]));
        assert!(granted.allows("page", ItemPower::Read) && !granted.allows("page", ItemPower::Write));
        assert!(
            !granted.allows("other", ItemPower::Read) && ItemScope::All.allows("other", ItemPower::Write)
        );
        assert_eq!(ItemScope::All.types(ItemPower::Read), None);
    }

    #[test]
    fn item_type_at_its_limit_is_accepted_and_over_it_refused() {
        let parse = |bytes: usize| ItemType::parse(&"x".repeat(bytes), ItemScope::All, ItemPower::Read);
        assert!(matches!(parse(ITEM_TYPE_BYTES_MAX + 1), Err(Refusal::Invalid(_))));
        assert!(parse(ITEM_TYPE_BYTES_MAX).is_ok());
    }

    #[test]
    fn patched_fields_at_their_limit_are_accepted_and_over_it_refused() {
        let filled = |bytes: usize| fields(&format!("{{\"b\":\"{}\"}}", "x".repeat(bytes))).unwrap();
        // `{"a":1,"b":""}` has 14 bytes.
        let room = usize::try_from(ITEM_FIELDS_BYTES_MAX).unwrap() - 14;
        let old = || fields("{\"a\":1}").unwrap();
        assert!(matches!(old().patched(&filled(room + 1), &Limits::default()), Err(Refusal::Exceeded(_))));
        assert!(old().patched(&filled(room), &Limits::default()).is_ok());
    }

    #[test]
    fn merge_patch_follows_rfc_7396() {
        for (old, patch, new) in [
            (r#"{"a":"b"}"#, r#"{"a":"c"}"#, r#"{"a":"c"}"#),
            (r#"{"a":"b"}"#, r#"{"b":"c"}"#, r#"{"a":"b","b":"c"}"#),
            (r#"{"a":"b","b":"c"}"#, r#"{"a":null}"#, r#"{"b":"c"}"#),
            (r#"{"a":["b"]}"#, r#"{"a":"c"}"#, r#"{"a":"c"}"#),
            (r#"{"a":{"b":"c"}}"#, r#"{"a":{"b":"d","c":null}}"#, r#"{"a":{"b":"d"}}"#),
            (r#"{"e":null}"#, r#"{"a":1}"#, r#"{"a":1,"e":null}"#),
            (r"{}", r#"{"a":{"bb":{"ccc":null}}}"#, r#"{"a":{"bb":{}}}"#),
        ] {
            let patched = fields(old).unwrap().patched(&fields(patch).unwrap(), &Limits::default()).unwrap();
            assert_eq!(patched, fields(new).unwrap(), "{old} {patch}");
        }
    }

    #[test]
    fn type_outside_the_grant_is_denied() {
        let grant: ItemGrant = toml::from_str("types = { post = [\"read\"] }").unwrap();
        let scope = ItemScope::Granted(&grant);
        assert!(matches!(ItemType::parse("page", scope, ItemPower::Read), Err(Refusal::Denied)));
        assert!(matches!(ItemType::parse("post", scope, ItemPower::Write), Err(Refusal::Denied)));
        assert!(matches!(ItemType::parse("Post", scope, ItemPower::Read), Err(Refusal::Invalid(_))));
        assert!(ItemType::parse("post", scope, ItemPower::Read).is_ok());
    }

    #[test]
    fn title_page_size_and_ids_are_accepted_only_within_their_limits() {
        for title in [String::new(), "a\n".into(), "x".repeat(ITEM_TITLE_BYTES_MAX + 1)] {
            assert!(Title::parse(&title).is_err());
        }
        assert!(Title::parse(&"x".repeat(ITEM_TITLE_BYTES_MAX)).is_ok());
        assert!(PageSize::parse(0).is_err() && PageSize::parse(101).is_err());
        assert!(PageSize::parse(1).is_ok() && PageSize::parse(100).is_ok());
        let ids = vec!["0190a5f0-0000-7000-8000-000000000000".to_owned(); ITEM_PAGE_MAX + 1];
        assert!(ItemId::parse_many(&ids).is_err() && ItemId::parse_many(&ids[1..]).is_ok());
    }
}

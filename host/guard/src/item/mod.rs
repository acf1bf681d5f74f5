//! Guard of `item`: types, ids, drafts, patches and criteria.
//!
//! Contract: `wit/item.wit`. These types prove that a value is well-formed and that the plugin's grant covers it.
//! Whether the caller may see an item is decided where the item is read.

mod fields;
mod filter;

pub use fields::Fields;
pub use filter::Filter;

use crate::grant::{ItemGrant, ItemPower};
use crate::limits::{
    ITEM_OVERHEAD_BYTES, ITEM_PAGE_MAX, ITEM_TITLE_BYTES_MAX, ITEM_TYPE_BYTES_MAX, Limits, SEALED_PLACE_BYTES,
};
use crate::name::{is_kebab, is_plain};
use crate::refusal::Refusal;
use crate::text::quoted;
use crate::user::canonical;
use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
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
        if scope.allows(name, power) { Ok(Self(name.into())) } else { Err(ungranted(name, power)) }
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

    /// Parses a list of at most one page of ids. Each id is in the result once, at its first place.
    pub fn parse_many(texts: &[String]) -> Result<Vec<Self>, Refusal> {
        if texts.len() > ITEM_PAGE_MAX {
            return Err(Refusal::Invalid(format!("at most {ITEM_PAGE_MAX} ids a call")));
        }
        let mut ids = Vec::with_capacity(texts.len());
        for text in texts {
            let id = Self::parse(text)?;
            if !ids.contains(&id) {
                ids.push(id);
            }
        }
        Ok(ids)
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
    pub fields: Option<Filter>,
    /// The order of the result.
    pub order: Order,
    /// The most items to return.
    pub limit: PageSize,
    /// The place after which the result begins.
    pub after: Option<Place>,
}

/// A place in a list of items, between two of its pages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// Behind this item.
    Item(ItemId),
    /// Behind an item that the caller may not see. Only the host can read which one it is.
    Sealed([u8; SEALED_PLACE_BYTES]),
}

impl Place {
    /// Parses a place as it was written before, or an item's id.
    pub fn parse(text: &str) -> Result<Self, Refusal> {
        if let Some(id) = canonical(text) {
            return Ok(Self::Item(ItemId(id)));
        }
        let bytes = BASE64_URL_SAFE_NO_PAD.decode(text).ok().and_then(|bytes| bytes.try_into().ok());
        bytes.map(Self::Sealed).ok_or_else(Self::unknown)
    }

    /// The error for a place that is none, or not this caller's.
    pub fn unknown() -> Refusal {
        let rule = "after is the `next` of an earlier page, or the id of an item that the caller can see: begin without it";
        Refusal::Invalid(rule.into())
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Item(id) => id.fmt(f),
            Self::Sealed(bytes) => f.write_str(&BASE64_URL_SAFE_NO_PAD.encode(bytes)),
        }
    }
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
    /// The bytes that the item counts in a page: its fields as text, and [`ITEM_OVERHEAD_BYTES`].
    pub fn bytes(&self) -> u64 {
        ITEM_OVERHEAD_BYTES.saturating_add(self.fields.as_str().len() as u64)
    }

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

/// The refusal of a type of items that the grants do not cover, with the line that does.
pub fn ungranted(item_type: &str, power: ItemPower) -> Refusal {
    let (verb, word) = match power {
        ItemPower::Read => ("read", "read"),
        ItemPower::Write => ("written", "write"),
    };
    let name = quoted(item_type);
    Refusal::Ungranted(format!(
        "items of the type {name} may not be {verb}: add `{item_type} = [\"{word}\"]` to [grants.item.types]"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

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
    fn type_outside_the_grant_is_denied() {
        let grant: ItemGrant = toml::from_str("types = { post = [\"read\"] }").unwrap();
        let scope = ItemScope::Granted(&grant);
        assert!(matches!(ItemType::parse("page", scope, ItemPower::Read), Err(Refusal::Ungranted(_))));
        assert!(matches!(ItemType::parse("post", scope, ItemPower::Write), Err(Refusal::Ungranted(_))));
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

    #[test]
    fn id_that_is_given_many_times_is_in_the_list_once() {
        let id = |last: u8| format!("0190a5f0-0000-7000-8000-0000000000{last:02}");
        let given: Vec<String> = [2, 1, 2, 2, 3, 1].map(id).into();
        let parsed = ItemId::parse_many(&given).unwrap();
        assert_eq!(parsed.iter().map(ToString::to_string).collect::<Vec<_>>(), [2, 1, 3].map(id));
    }

    #[test]
    fn place_is_an_id_or_sealed_and_nothing_else() {
        for text in [
            "",
            "1",
            "0190A5F0-0000-7000-8000-000000000000",
            "AAAA",
            &"A".repeat(42),
            &"A".repeat(44),
            &"*".repeat(43),
        ] {
            assert!(matches!(Place::parse(text), Err(Refusal::Invalid(_))), "{text}");
        }
        for text in ["0190a5f0-0000-7000-8000-000000000000", &"A".repeat(43)] {
            assert_eq!(Place::parse(text).unwrap().to_string(), text);
        }
    }
}

//! Guard of `user`: identifiers, permissions and roles.
//!
//! Contract: `wit/user.wit`.

use crate::limits::{PERMISSION_BYTES_MAX, ROLE_BYTES_MAX};
use crate::name::is_kebab;
use crate::refusal::Refusal;
use uuid::Uuid;

/// A user's id.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct UserId(Uuid);

impl UserId {
    /// Parses an id in its canonical form.
    pub fn parse(text: &str) -> Result<Self, Refusal> {
        canonical(text)
            .map(Self)
            .ok_or_else(|| Refusal::Invalid("a user id is a UUID of 36 lower-case characters".into()))
    }

    /// The id as a UUID.
    pub fn uuid(self) -> Uuid {
        self.0
    }
}

impl From<Uuid> for UserId {
    fn from(id: Uuid) -> Self {
        Self(id)
    }
}

/// A permission's name.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Permission(String);

impl Permission {
    /// Parses a name: `[a-z][a-z0-9:._-]*`.
    pub fn parse(name: &str) -> Result<Self, Refusal> {
        let is_well_formed = name.starts_with(|first: char| first.is_ascii_lowercase())
            && name
                .bytes()
                .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b":._-".contains(&byte));
        if is_well_formed && name.len() <= PERMISSION_BYTES_MAX {
            return Ok(Self(name.into()));
        }
        Err(Refusal::Invalid(format!(
            "a permission is lower-case letters, digits and `:._-`, begins with a letter and has at most {PERMISSION_BYTES_MAX} bytes"
        )))
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// A role's name. Operators give roles to users, and plugins see the roles in a user's profile.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Role(String);

impl Role {
    /// Parses a name: `[a-z][a-z0-9-]*`.
    pub fn parse(name: &str) -> Result<Self, Refusal> {
        if is_kebab(name) && name.len() <= ROLE_BYTES_MAX {
            return Ok(Self(name.into()));
        }
        Err(Refusal::Invalid(format!(
            "a role is lower-case letters, digits and `-`, begins with a letter and has at most {ROLE_BYTES_MAX} bytes"
        )))
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Parses a UUID in the form that PostgreSQL and the contract use: lower case, with hyphens, without braces.
pub(crate) fn canonical(text: &str) -> Option<Uuid> {
    let id = Uuid::try_parse(text).ok()?;
    let mut buffer = Uuid::encode_buffer();
    (*id.hyphenated().encode_lower(&mut buffer) == *text).then_some(id)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn malformed_id_is_rejected() {
        for id in [
            "",
            "x",
            "0190A5F0-0000-7000-8000-000000000000",
            "{0190a5f0-0000-7000-8000-000000000000}",
            "0190a5f0000070008000000000000000",
            "urn:uuid:0190a5f0-0000-7000-8000-000000000000",
        ] {
            assert!(UserId::parse(id).is_err(), "{id:?}");
        }
        assert!(UserId::parse("0190a5f0-0000-7000-8000-000000000000").is_ok());
    }

    #[test]
    fn malformed_permission_is_rejected() {
        let long = "a".repeat(PERMISSION_BYTES_MAX + 1);
        for name in ["", "A", ":a", "a b", "a\0", "a/b", "é", &long] {
            assert!(Permission::parse(name).is_err(), "{name:?}");
        }
        for name in ["a", "item:edit:post", "x_y.z-1", &"a".repeat(PERMISSION_BYTES_MAX)] {
            assert!(Permission::parse(name).is_ok(), "{name:?}");
        }
    }

    #[test]
    fn malformed_role_is_rejected() {
        let long = "a".repeat(ROLE_BYTES_MAX + 1);
        for name in ["", "A", "-a", "a:b", "a_b", "a.b", "a b", "a\0", "é", &long] {
            assert!(Role::parse(name).is_err(), "{name:?}");
        }
        for name in ["a", "site-editor", &"a".repeat(ROLE_BYTES_MAX)] {
            assert!(Role::parse(name).is_ok(), "{name:?}");
        }
    }
}

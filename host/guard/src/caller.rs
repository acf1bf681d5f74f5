//! The caller: on whose behalf a call runs.

use std::sync::Arc;
use uuid::Uuid;

/// The principal of a call. The host identifies the caller before any plugin runs, and no plugin can change it.
#[derive(Clone, Debug, Default)]
pub enum Caller {
    /// An unidentified caller, who has the permissions of the role `anonymous`.
    #[default]
    Anonymous,
    /// A user.
    User(Arc<User>),
    /// The host itself, for imports and for operators' commands. It has every permission, and plugins see no user.
    Host,
}

/// The part of a user's record that plugins may see.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct User {
    /// The user's id. The host never gives it to another user.
    pub id: Uuid,
    /// The user's name, for display.
    pub name: String,
    /// The names of the user's roles, sorted.
    pub roles: Vec<String>,
}

/// The role of anonymous callers.
pub const ANONYMOUS_ROLE: &str = "anonymous";

impl Caller {
    /// The caller for a user.
    pub fn user(user: User) -> Self {
        Self::User(Arc::new(user))
    }

    /// The user, if the caller is one.
    pub fn as_user(&self) -> Option<&User> {
        match self {
            Self::User(user) => Some(user),
            Self::Anonymous | Self::Host => None,
        }
    }

    /// The names of the roles that give the caller its permissions.
    pub fn roles(&self) -> Vec<String> {
        match self {
            Self::User(user) => user.roles.clone(),
            Self::Anonymous => vec![ANONYMOUS_ROLE.to_owned()],
            Self::Host => Vec::new(),
        }
    }
}

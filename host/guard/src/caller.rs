//! On whose behalf a call runs.

use std::sync::Arc;
use uuid::Uuid;

/// The principal of a call. The host has identified it before any plugin runs; no plugin can change it.
#[derive(Clone, Debug, Default)]
pub enum Caller {
    /// Nobody in particular: holds what the role `anonymous` holds.
    #[default]
    Anonymous,
    /// A user.
    User(Arc<User>),
    /// The host itself: imports and an operator's command. Holds every permission; plugins see no user.
    Host,
}

/// A user, as far as plugins may know.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct User {
    /// Never reused.
    pub id: Uuid,
    /// For display.
    pub name: String,
    /// Names of roles, sorted.
    pub roles: Vec<String>,
}

/// The role whose permissions callers hold that are nobody in particular.
pub const ANONYMOUS_ROLE: &str = "anonymous";

impl Caller {
    /// A caller that is this user.
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

    /// The roles that count for this caller.
    pub fn roles(&self) -> Vec<String> {
        match self {
            Self::User(user) => user.roles.clone(),
            Self::Anonymous => vec![ANONYMOUS_ROLE.to_owned()],
            Self::Host => Vec::new(),
        }
    }
}

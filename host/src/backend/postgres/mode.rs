//! How statements become transactions, by kind: what is sent before each of them.

use crate::kind::Kind;

/// How statements become transactions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Mode {
    /// One read-only snapshot for all.
    Snapshot,
    /// One serializable transaction for all.
    Serializable,
    /// One transaction for each.
    Each,
}

impl Mode {
    pub(super) fn of(kind: Kind) -> Self {
        match kind {
            Kind::Query => Self::Snapshot,
            Kind::Mutation => Self::Serializable,
            Kind::Action => Self::Each,
        }
    }

    /// What goes before a statement, in the same round trip. The savepoint also fixes READ ONLY: after it, no statement
    /// can make the transaction writable again. `assumed` says that an earlier statement ran as a plugin's role.
    pub(super) fn prefix(self, begun: bool, assumed: bool, role: Option<&str>) -> Option<String> {
        let role = role.map(|role| format!("; SET LOCAL ROLE \"{role}\"")).unwrap_or_default();
        match (self, begun) {
            (Self::Snapshot, false) => {
                Some("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY; SAVEPOINT s".into())
            }
            (Self::Snapshot, true) => None,
            (Self::Serializable, false) => {
                Some(format!("BEGIN ISOLATION LEVEL SERIALIZABLE; SAVEPOINT s{role}"))
            }
            (Self::Serializable, true) => {
                let reset = if assumed { "SET LOCAL ROLE NONE; " } else { "" };
                Some(format!("{reset}RELEASE SAVEPOINT s; SAVEPOINT s{role}"))
            }
            (Self::Each, _) => Some(format!("BEGIN ISOLATION LEVEL READ COMMITTED; SAVEPOINT s{role}")),
        }
    }
}

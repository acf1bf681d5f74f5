//! What PostgreSQL's errors mean: the one place that reads SQLSTATE.
//!
//! A guest learns the kind of error and nothing of the server's text, DETAIL or HINT; the log gets all of it.

use palisade_guard::ledger::Exceeded;
use palisade_guard::refusal::Refusal;
use palisade_guard::violation::{Constraint, Violation};
use std::error::Error as _;
use tokio_postgres::error::DbError;

/// Why the database could not be reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Absence {
    /// It is away.
    Away,
    /// No connection came free in time.
    Busy,
    /// It was lost while it committed.
    InDoubt,
}

/// A failed statement, before it is known who hears of it.
#[derive(Debug)]
pub(crate) enum Failure {
    /// The server refused the statement.
    Server(Box<DbError>),
    /// A parameter could not be encoded: a guard has let something through.
    Encoding(String),
    /// The connection is gone.
    Disconnected(String),
    /// It was lost while it committed.
    InDoubt(String),
    /// No connection came free in time.
    Exhausted,
    /// The session has already lost its connection.
    NoConnection,
    /// The result passed a budget while it was read.
    Exceeded(Exceeded),
    /// Something that should not happen.
    Unknown(String),
}

#[allow(clippy::needless_pass_by_value, reason = "it is the end of `map_err`")]
pub(crate) fn of(error: tokio_postgres::Error) -> Failure {
    if error.is_closed() {
        return Failure::Disconnected(error.to_string());
    }
    if let Some(server) = error.as_db_error() {
        // 57P01..57P03: the server is going away, and the connection with it.
        if matches!(server.code().code(), "57P01" | "57P02" | "57P03") {
            return Failure::Disconnected(server.to_string());
        }
        return Failure::Server(Box::new(server.clone()));
    }
    let text = error.source().map_or_else(|| error.to_string(), |source| format!("{error}: {source}"));
    if error.source().is_some_and(<dyn std::error::Error>::is::<std::io::Error>) {
        return Failure::Disconnected(text);
    }
    if error.to_string().starts_with("error serializing parameter") {
        return Failure::Encoding(text);
    }
    Failure::Unknown(text)
}

impl Failure {
    /// Whether the connection can go on after it. Only an ordinary error of a statement says so.
    pub(crate) fn leaves_connection(&self) -> bool {
        match self {
            // Cancelled, waited too long for a lock, idled too long; and whatever the server itself calls internal.
            Self::Server(error) => {
                let code = error.code().code();
                // 53: a backend that came to the end of its memory or its files is in no state for the next borrower.
                !matches!(code, "57014" | "55P03" | "25P03")
                    && !code.starts_with("XX")
                    && !code.starts_with("53")
            }
            Self::Encoding(_) | Self::Exhausted => true,
            Self::Disconnected(_)
            | Self::InDoubt(_)
            | Self::NoConnection
            | Self::Exceeded(_)
            | Self::Unknown(_) => false,
        }
    }

    /// Why the database was out of reach, if that is what it was.
    pub(crate) fn absence(&self) -> Option<Absence> {
        match self {
            Self::Disconnected(_) => Some(Absence::Away),
            Self::Exhausted => Some(Absence::Busy),
            Self::InDoubt(_) => Some(Absence::InDoubt),
            Self::Server(_)
            | Self::Encoding(_)
            | Self::NoConnection
            | Self::Exceeded(_)
            | Self::Unknown(_) => None,
        }
    }

    pub(crate) fn into_refusal(self) -> Refusal {
        match self {
            Self::Server(error) => server(&error),
            Self::Encoding(text) => Refusal::internal(text),
            Self::Disconnected(text) | Self::Unknown(text) => Refusal::Unavailable(text),
            Self::NoConnection => Refusal::Unavailable("the transaction's connection is gone".into()),
            Self::InDoubt(text) => Refusal::InDoubt(text),
            Self::Exhausted => Refusal::Busy,
            Self::Exceeded(exceeded) => Refusal::Exceeded(exceeded),
        }
    }
}

fn server(error: &DbError) -> Refusal {
    let code = error.code();
    tracing::debug!(
        target: "palisade::sql", sqlstate = code.code(), message = error.message(), detail = error.detail(), "statement refused"
    );
    let violation =
        |kind| Refusal::Violation(Violation { kind, column: error.column().map(ToOwned::to_owned) });
    match code.code() {
        "23505" => violation(Constraint::Unique),
        "23503" => violation(Constraint::ForeignKey),
        "23502" => violation(Constraint::NotNull),
        "23514" => violation(Constraint::Check),
        "23P01" => violation(Constraint::Exclusion),
        "40001" | "40P01" => Refusal::Serialization,
        "57014" | "55P03" | "25P03" => Refusal::Timeout,
        // 42501 also when a table of somebody else is named: the same answer as for one that does not exist.
        "42501" | "42P01" => Refusal::Denied,
        "25006" => Refusal::Invalid(
            "a query cannot write: declare the interface as a mutation in palisade.toml".into(),
        ),
        code if code.starts_with("22") => Refusal::Invalid(format!("a value does not fit (SQLSTATE {code})")),
        code if code.starts_with("42") => {
            Refusal::Invalid(format!("the statement does not fit the tables (SQLSTATE {code})"))
        }
        // Among them what a bomb ends in: 53200 (memory), 53400 (temporary files), 54000 (a value over PostgreSQL's own
        // limits). They are no limit of the ledger's, which has a number to tell, so the guest gets the SQLSTATE.
        code => Refusal::Other { guest: code.to_owned().into(), log: error.to_string() },
    }
}

//! Errors that read as sentences: each interface's own, and one that takes them all.

use std::fmt::{self, Display, Formatter};

use crate::raw::db::{Constraint, Violation};
use crate::raw::limits::Usage;
use crate::taps::Refusal;
use crate::{cache, db, http, item, random, request_context, user, variables};

/// A result with an [`Error`] of any interface.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Defines the `Error` of an interface. It stands in for the contract's variant of that name, case by case, so a case
/// that is missing here does not compile; the documentation of a case is also what it displays.
macro_rules! interface_error {
    ($interface:literal, $($(#[doc = $line:literal])+ $case:ident $(($detail:ident: $payload:ty))?,)+) => {
        #[doc = concat!("Why a call of the interface `", $interface, "` was refused.")]
        #[derive(Clone, Debug, PartialEq)]
        pub enum Error {
            $($(#[doc = $line])+ $case $(($payload))?,)+
        }

        impl std::fmt::Display for Error {
            fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                match self {
                    $(Self::$case $(($detail))? => {
                        let details: &[&dyn std::fmt::Display] = &[$($detail)?];
                        $crate::error::write_sentence(out, $interface, concat!($($line),+), details)
                    })+
                }
            }
        }

        impl std::error::Error for Error {}

        impl From<Error> for String {
            fn from(error: Error) -> Self {
                error.to_string()
            }
        }

        impl From<Error> for $crate::taps::Refusal {
            fn from(error: Error) -> Self {
                error.to_string().into()
            }
        }
    };
}
pub(crate) use interface_error;

/// Writes an interface's name, a case's sentence, and the details of the case in place of all that follows a colon.
pub(crate) fn write_sentence(
    out: &mut Formatter<'_>,
    interface: &str,
    sentence: &str,
    details: &[&dyn Display],
) -> fmt::Result {
    let sentence = sentence.trim().trim_end_matches('.');
    match details.first() {
        None => write!(out, "{interface}: {sentence}"),
        Some(detail) => {
            let opening = sentence.split_once(':').map_or(sentence, |(opening, _)| opening);
            write!(out, "{interface}: {opening}: {detail}")
        }
    }
}

impl Display for Usage {
    fn fmt(&self, out: &mut Formatter<'_>) -> fmt::Result {
        write!(out, "{} would be {} of at most {}", self.which, self.used, self.max)
    }
}

impl Display for Violation {
    fn fmt(&self, out: &mut Formatter<'_>) -> fmt::Result {
        out.write_str(match self.kind {
            Constraint::Unique => "unique",
            Constraint::ForeignKey => "foreign key",
            Constraint::NotNull => "not null",
            Constraint::Check => "check",
            Constraint::Exclusion => "exclusion",
        })?;
        self.column.as_ref().map_or(Ok(()), |column| write!(out, " (column `{column}`)"))
    }
}

/// An error of any interface, or a sentence of the plugin's own.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Error {
    /// From [`db`].
    Db(db::Error),
    /// From [`item`].
    Item(item::Error),
    /// From [`user`].
    User(user::Error),
    /// From [`cache`].
    Cache(cache::Error),
    /// From [`variables`].
    Variables(variables::Error),
    /// From [`request_context`].
    RequestContext(request_context::Error),
    /// From [`random`].
    Random(random::Error),
    /// From [`http`].
    Http(http::Error),
    /// The plugin's own.
    Message(String),
}

impl Display for Error {
    fn fmt(&self, out: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::Db(error) => error.fmt(out),
            Self::Item(error) => error.fmt(out),
            Self::User(error) => error.fmt(out),
            Self::Cache(error) => error.fmt(out),
            Self::Variables(error) => error.fmt(out),
            Self::RequestContext(error) => error.fmt(out),
            Self::Random(error) => error.fmt(out),
            Self::Http(error) => error.fmt(out),
            Self::Message(sentence) => out.write_str(sentence),
        }
    }
}

impl std::error::Error for Error {}

macro_rules! from {
    ($($source:ty => $case:ident,)*) => {$(
        impl From<$source> for Error {
            fn from(source: $source) -> Self {
                Self::$case(source.into())
            }
        }
    )*};
}

from! {
    db::Error => Db,
    item::Error => Item,
    user::Error => User,
    cache::Error => Cache,
    variables::Error => Variables,
    request_context::Error => RequestContext,
    random::Error => Random,
    http::Error => Http,
    String => Message,
    &str => Message,
}

impl From<Error> for String {
    fn from(error: Error) -> Self {
        error.to_string()
    }
}

impl From<Error> for Refusal {
    fn from(error: Error) -> Self {
        error.to_string().into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_display_the_contracts_sentence_and_the_detail() {
        let usage = Usage { which: "db.rows".into(), used: 10_001, max: 10_000 };
        let violation = Violation { kind: Constraint::Unique, column: Some("slug".into()) };
        let rows: [(Error, &str); 5] = [
            (
                db::Error::AccessDenied.into(),
                "db: The grants do not cover the table, column, operation or statement",
            ),
            (
                db::Error::LimitExceeded(usage).into(),
                "db: A budget is used up: db.rows would be 10001 of at most 10000",
            ),
            (
                db::Error::ConstraintViolation(violation).into(),
                "db: A rule of the table refused the change: unique (column `slug`)",
            ),
            (db::Error::Other("22012".into()).into(), "db: Anything else: 22012"),
            ("no such draft".into(), "no such draft"),
        ];
        for (error, sentence) in rows {
            assert_eq!(String::from(error.clone()), sentence);
            assert_eq!(Refusal::from(error).message, sentence);
        }
    }
}

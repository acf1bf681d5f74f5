//! The error that holds the error of any interface.

use std::fmt::{self, Display, Formatter};

use crate::taps::Refusal;
use crate::{cache, db, http, item, random, request_context, routes, user, variables};

/// A result with an [`Error`] of any interface.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// An error of any interface, or the plugin's own sentence.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Error {
    /// An error of [`db`].
    Db(db::Error),
    /// An error of [`item`].
    Item(item::Error),
    /// An error of [`user`].
    User(user::Error),
    /// An error of [`cache`].
    Cache(cache::Error),
    /// An error of [`variables`].
    Variables(variables::Error),
    /// An error of [`request_context`].
    RequestContext(request_context::Error),
    /// An error of [`random`].
    Random(random::Error),
    /// An error of [`http`].
    Http(http::Error),
    /// An error of [`routes`].
    Routes(routes::Error),
    /// A sentence of the plugin's own.
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
            Self::Routes(error) => error.fmt(out),
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
    routes::Error => Routes,
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
    use crate::raw::db::{Constraint, Violation};
    use crate::raw::limits::Usage;

    #[test]
    fn error_displays_the_contract_sentence_and_the_detail() {
        let usage = Usage { which: "db-rows".into(), used: 10_001, max: 10_000 };
        let violation =
            Violation { kind: Constraint::Unique, name: Some("pages_slug_key".into()), column: None };
        let rows: [(Error, &str); 5] = [
            (
                db::Error::AccessDenied.into(),
                "db: The grants do not cover the table, column, operation or statement",
            ),
            (
                db::Error::LimitExceeded(usage).into(),
                "db: A limit is exceeded: db-rows would be 10001, and at most 10000 is allowed",
            ),
            (
                db::Error::ConstraintViolation(violation).into(),
                "db: A constraint of the table rejected the change: unique (`pages_slug_key`)",
            ),
            (db::Error::Other("22012".into()).into(), "db: Any other failure: 22012"),
            ("no such draft".into(), "no such draft"),
        ];
        for (error, sentence) in rows {
            assert_eq!(String::from(error.clone()), sentence);
            assert_eq!(Refusal::from(error).message, sentence);
        }
    }
}

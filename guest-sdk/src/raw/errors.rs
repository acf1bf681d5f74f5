//! The error of each interface, written by hand so that it displays a sentence.

use std::fmt::{self, Display, Formatter};

use super::generated::palisade::plugin::db::{Constraint, Violation};
use super::generated::palisade::plugin::limits::Usage;
use super::sentence::interface_errors;

interface_errors! {
    db "db" {
        /// The grants do not cover the table, column, operation or statement.
        AccessDenied,
        /// An argument or statement is not acceptable.
        InvalidArgument(rule: String),
        /// A budget is used up: statements, rows or bytes.
        LimitExceeded(usage: Usage),
        /// A rule of the table refused the change.
        ConstraintViolation(violation: Violation),
        /// The transaction lost a race (40001, 40P01).
        Serialization,
        /// The statement took longer than allowed, or waited too long for a lock.
        Timeout,
        /// Anything else: the five-character SQLSTATE, `connection` when the database is out of reach, `in-doubt` when it was
        /// lost while it committed, or `internal`.
        Other(sqlstate: String),
    }
    item "item" {
        /// The grant or the current principal's permissions do not cover the call.
        AccessDenied,
        /// An argument is not of the form this interface asks for.
        InvalidArgument(rule: String),
        /// A budget is used up: statements, rows or bytes.
        LimitExceeded(usage: Usage),
        /// No item with that id can be seen by the current principal.
        NotFound,
        /// The item has another revision, given here, than the one the change was made for.
        Conflict(revision: u32),
        /// The transaction lost a race with another one.
        Serialization,
        /// The database did not answer in time.
        Timeout,
        /// The store failed.
        Other(detail: String),
    }
    user "user" {
        /// An identifier or permission is not of the form this interface asks for.
        InvalidArgument(rule: String),
        /// The invocation's budget of statements is used up.
        LimitExceeded(usage: Usage),
        /// The user store is out of reach.
        Other(detail: String),
    }
    cache "cache" {
        /// A key or tag is not of the form this interface asks for.
        InvalidArgument(rule: String),
        /// The value is over 1 MiB, or the invocation's budget of bytes written to the cache is used up.
        LimitExceeded(usage: Usage),
        /// The cache is out of reach.
        Other(detail: String),
    }
    variables "variables" {
        /// The name is not declared in the manifest, or the value is not of the declared type.
        InvalidArgument(rule: String),
        /// The value is too large, or the invocation's budget of statements is used up.
        LimitExceeded(usage: Usage),
        /// The store is out of reach, too slow, or lost a race.
        Other(detail: String),
    }
    request_context "request-context" {
        /// The key is not of the form this interface asks for.
        InvalidArgument(rule: String),
        /// The plugin's keys and values of this request would exceed 64 KiB or 64 entries.
        LimitExceeded(usage: Usage),
    }
    random "random" {
        /// More than 64 KiB were asked for in one call, or the invocation's budget of random bytes is used up.
        LimitExceeded(usage: Usage),
        /// The generator failed.
        Other(detail: String),
    }
    http "http" {
        /// The grants do not cover the URL, method or secret, or the name leads to an address that is not public.
        AccessDenied,
        /// The request is not of the form this interface asks for.
        InvalidArgument(rule: String),
        /// A budget is used up: requests, or bytes of a body.
        LimitExceeded(usage: Usage),
        /// The exchange took longer than allowed.
        Timeout,
        /// No connection: name not found, refused, TLS failed.
        ConnectionFailed,
        /// Anything else.
        Other(detail: String),
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

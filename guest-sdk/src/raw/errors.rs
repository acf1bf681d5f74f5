//! The error of each interface, written by hand so that it displays a sentence.

use std::fmt::{self, Display, Formatter};

use super::generated::palisade::plugin::db::{Constraint, Violation};
use super::generated::palisade::plugin::limits::Usage;
use super::sentence::interface_errors;

interface_errors! {
    db "db" else Other {
        /// The grants do not cover the table, column, operation or statement.
        AccessDenied,
        /// An argument or statement is invalid.
        InvalidArgument(rule: String),
        /// A limit is exceeded: statements, rows, bytes, or the size of all tables of the plugin.
        LimitExceeded(usage: Usage),
        /// A constraint of the table rejected the change.
        ConstraintViolation(violation: Violation),
        /// The transaction conflicts with a concurrent one (40001, 40P01).
        Serialization,
        /// The statement ran for too long, or waited too long for a lock.
        Timeout,
        /// Any other failure: the five-character SQLSTATE, `connection` when the database is unavailable, `in-doubt`
        /// when the connection was lost during a commit, or `internal`.
        Other(sqlstate: String),
    }
    item "item" else Other {
        /// The grant or the current principal's permissions do not cover the call.
        AccessDenied,
        /// An argument is malformed.
        InvalidArgument(rule: String),
        /// A limit is exceeded: statements, rows or bytes.
        LimitExceeded(usage: Usage),
        /// The current principal can see no item with this id.
        NotFound,
        /// The item's current revision, given here, is not the revision that the change is for.
        Conflict(revision: u32),
        /// The transaction conflicts with a concurrent one.
        Serialization,
        /// The database did not answer in time.
        Timeout,
        /// The store failed.
        Other(detail: String),
    }
    user "user" else Other {
        /// The grants do not have the function.
        AccessDenied,
        /// An id or permission is malformed.
        InvalidArgument(rule: String),
        /// The invocation has sent as many statements as it may.
        LimitExceeded(usage: Usage),
        /// The user store is unavailable.
        Other(detail: String),
    }
    cache "cache" else Other {
        /// A key, tag or time to live is malformed.
        InvalidArgument(rule: String),
        /// The value is over 1 MiB, or the invocation has written as many bytes to the cache as it may.
        LimitExceeded(usage: Usage),
        /// The cache is unavailable.
        Other(detail: String),
    }
    variables "variables" else Other {
        /// The manifest does not declare the name, or declares another type for it.
        InvalidArgument(rule: String),
        /// The value is over 64 KiB, or the invocation has sent as many statements as it may.
        LimitExceeded(usage: Usage),
        /// The store is unavailable, too slow, or in conflict with a concurrent transaction.
        Other(detail: String),
    }
    request_context "request-context" else InvalidArgument {
        /// The key is malformed.
        InvalidArgument(rule: String),
        /// The plugin's keys and values in this request would exceed 64 KiB or 64 entries.
        LimitExceeded(usage: Usage),
    }
    random "random" else Other {
        /// The call asks for more than 64 KiB, or the invocation has received as many random bytes as it may.
        LimitExceeded(usage: Usage),
        /// The generator failed.
        Other(detail: String),
    }
    route_types "route-types" else Other {
        /// An argument is malformed.
        InvalidArgument(rule: String),
        /// The invocation has read as many bytes of bodies as it may.
        LimitExceeded(usage: Usage),
        /// Any other failure.
        Other(detail: String),
    }
    http "http" else Other {
        /// The grants do not cover the URL, method or secret, or the name resolves to an address that is not public.
        AccessDenied,
        /// The request is malformed.
        InvalidArgument(rule: String),
        /// A limit is exceeded: requests, or bytes of bodies.
        LimitExceeded(usage: Usage),
        /// The exchange did not finish in time.
        Timeout,
        /// The connection failed: the name does not resolve, the server refuses, or TLS fails.
        ConnectionFailed,
        /// Any other failure.
        Other(detail: String),
    }
}

impl Display for Usage {
    fn fmt(&self, out: &mut Formatter<'_>) -> fmt::Result {
        write!(out, "{} would be {}, and at most {} is allowed", self.which, self.used, self.max)
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
        match (&self.name, &self.column) {
            (Some(name), _) => write!(out, " (`{name}`)"),
            (None, Some(column)) => write!(out, " (column `{column}`)"),
            (None, None) => Ok(()),
        }
    }
}

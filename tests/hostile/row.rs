//! One row of the table: a component, what it covers, how it is called, and how the call must end.

use palisade::CallError;
use palisade::limits::Limit;
use serde_json::Value;
use std::fmt;

/// How a row must end.
#[derive(Clone, Debug)]
pub enum End {
    /// With an answer. The component stays within the limit, so nothing is stopped.
    Works,
    /// With this number as the answer.
    Gives(u64),
    /// With this many log records.
    Logs(usize),
    /// At load, with a message that contains this text.
    Refused(&'static str),
    /// By this limit with this maximum; the caller is told.
    Limit(Limit, u64),
    /// By this limit with this usage and maximum; the guest is told.
    Told(Limit, u64, u64),
    /// By a trap whose reason contains this text.
    Traps(&'static str),
    /// By an error whose message contains this text; the guest is told.
    Invalid(&'static str),
    /// By an error without a message; the guest is told.
    Denied,
    /// With a result of several calls, described by this text.
    Shown(&'static str),
}

/// How a row ended.
#[derive(Clone, Debug)]
pub enum Seen {
    Works(u64, usize),
    Refused(String),
    Limit(Limit, u64, u64),
    /// At its deadline, most of which the call waited for a processor.
    Overloaded,
    Told(String, u64, u64),
    Traps(String),
    Invalid(String),
    Denied,
    Shown(String),
    Otherwise(String),
}

/// Where a component comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Origin {
    /// A file in `guests/hostile`, built in this size.
    Wat(usize),
    /// A guest in Rust.
    Rust,
}

/// A row of the table.
#[derive(Clone, Debug)]
pub struct Row {
    pub component: &'static str,
    pub origin: Origin,
    /// The attacks (`G1`), limits (`memory`) and constants (`HOSTCALL_FUEL`) that the row covers.
    pub about: &'static str,
    /// Whether the row is the one at the limit, of a pair.
    pub is_at: bool,
    pub kind: &'static str,
    /// Additional lines of its manifest.
    pub manifest: String,
    pub function: &'static str,
    pub arguments: Value,
    pub end: End,
}

/// A row with a component of `guests/hostile`.
pub fn wat(component: &'static str, about: &'static str, end: End) -> Row {
    Row {
        component,
        origin: Origin::Wat(1),
        about,
        is_at: matches!(end, End::Works | End::Gives(_)),
        kind: "query",
        manifest: String::new(),
        function: "calls/run",
        arguments: serde_json::json!({ "text": "", "n": 0 }),
        end,
    }
}

/// A row with a guest in Rust.
pub fn rust(
    component: &'static str,
    about: &'static str,
    function: &'static str,
    arguments: Value,
    end: End,
) -> Row {
    Row { origin: Origin::Rust, function, arguments, ..wat(component, about, end) }
}

impl Row {
    pub fn size(mut self, size: usize) -> Self {
        self.origin = Origin::Wat(size);
        self
    }

    pub fn n(mut self, n: u64) -> Self {
        self.arguments["n"] = n.into();
        self
    }

    pub fn text(mut self, text: impl Into<String>) -> Self {
        self.arguments["text"] = Value::String(text.into());
        self
    }

    pub fn kind(mut self, kind: &'static str) -> Self {
        self.kind = kind;
        self
    }

    /// Adds a grant, or a section of the manifest.
    pub fn with(mut self, lines: &str) -> Self {
        self.manifest.push_str(lines);
        self.manifest.push('\n');
        self
    }

    /// Adds a limit.
    pub fn limit(self, line: &str) -> Self {
        self.with(&format!("[limits]\n{line}"))
    }

    /// Marks the row as the one over the limit, where something is stopped.
    pub fn over(mut self) -> Self {
        self.is_at = false;
        self
    }

    /// Marks the row as the one at the limit, if its end does not show it.
    pub fn at(mut self) -> Self {
        self.is_at = true;
        self
    }
}

impl End {
    /// Whether a row ended as it must.
    pub fn fits(&self, seen: &Seen) -> bool {
        match (self, seen) {
            (Self::Works, Seen::Works(..))
            | (Self::Denied, Seen::Denied)
            // On a machine that is busy with something else, no patience gets a call to its own limit. Without the limit it
            // would end by another one.
            | (Self::Limit(Limit::WallTime | Limit::ActionTime, _), Seen::Overloaded) => true,
            (Self::Gives(number), Seen::Works(given, _)) => number == given,
            (Self::Logs(number), Seen::Works(_, logged)) => number == logged,
            (Self::Limit(limit, max), Seen::Limit(by, used, at)) => limit == by && max == at && used >= max,
            (Self::Told(limit, used, max), Seen::Told(which, had, at)) => {
                limit.name() == which && used == had && max == at
            }
            (Self::Refused(part), Seen::Refused(text))
            | (Self::Traps(part), Seen::Traps(text))
            | (Self::Invalid(part), Seen::Invalid(text)) => text.contains(part),
            (Self::Shown(words), Seen::Shown(text)) => words == text,
            _ => false,
        }
    }
}

impl Seen {
    /// How a call ended.
    pub fn of(result: Result<Value, CallError>, logged: usize) -> Self {
        match result {
            Ok(value) => Self::answered(&value, logged),
            Err(CallError::LimitExceeded { usage, .. }) => Self::Limit(usage.limit, usage.used, usage.max),
            Err(CallError::Trapped { reason, .. } | CallError::Oversized { reason, .. }) => {
                Self::Traps(reason)
            }
            Err(CallError::Returned(value)) => Self::returned(&value),
            Err(CallError::Overloaded { .. }) => Self::Overloaded,
            Err(other) => Self::Otherwise(format!("{other} ({other:?})")),
        }
    }

    /// Reads the error from the answer of a component of `guests/hostile`.
    fn answered(value: &Value, logged: usize) -> Self {
        let answer = value.as_array().map_or(&[][..], Vec::as_slice);
        let [is_err, case, text, used, max] = answer else { return Self::Works(0, logged) };
        // JSON numbers are exact up to 2^53; larger ones are strings.
        let number = |value: &Value| {
            value.as_str().map_or(value.as_u64(), |text| text.parse().ok()).unwrap_or(u64::MAX)
        };
        if number(is_err) & 1 == 0 {
            return Self::Works(number(used), logged);
        }
        let (text, used, max) = (text.as_str().unwrap_or_default().to_owned(), number(used), number(max));
        match (text.is_empty(), number(case)) {
            (false, _) if used | max != 0 => Self::Told(text, used, max),
            (false, _) => Self::Invalid(text),
            (true, 0) => Self::Denied,
            (true, case) => Self::Otherwise(format!("the error's case {case}")),
        }
    }

    /// Reads the `err` of a guest in Rust.
    fn returned(value: &Value) -> Self {
        let inner = &value["val"];
        match value["tag"].as_str() {
            Some("limit-exceeded") => Self::Told(
                inner["which"].as_str().unwrap_or_default().to_owned(),
                inner["used"].as_u64().unwrap_or_default(),
                inner["max"].as_u64().unwrap_or_default(),
            ),
            Some("invalid-argument") => Self::Invalid(inner.as_str().unwrap_or_default().to_owned()),
            Some("access-denied") => Self::Denied,
            _ => Self::Invalid(value.to_string()),
        }
    }
}

impl fmt::Display for Seen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Works(answer, logged) => write!(f, "answer {answer}, {logged} log records"),
            Self::Refused(text) => write!(f, "rejected at load: {text}"),
            Self::Limit(limit, used, max) => write!(f, "limit {limit}: {used} of {max} {}", limit.unit()),
            Self::Overloaded => f.write_str("overloaded at its deadline"),
            Self::Told(limit, used, max) => write!(f, "limit {limit} (guest told): {used} of {max}"),
            Self::Traps(reason) => write!(f, "trap: {reason}"),
            Self::Invalid(text) => write!(f, "invalid (guest told): {text}"),
            Self::Denied => f.write_str("access denied"),
            Self::Shown(text) | Self::Otherwise(text) => f.write_str(text),
        }
    }
}

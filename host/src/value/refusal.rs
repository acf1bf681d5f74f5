//! The error for an argument that does not fit: where it is, what was expected, and what was found.
//!
//! It contains the plugin's declared type and parts of the caller's own arguments, so it reveals nothing that the caller may
//! not know. The caller's text is quoted with its control characters escaped, and cut.

use super::name::closest;
use super::shape::short;
use super::{Int, Shape};
use palisade_guard::json::NotJson;
use palisade_guard::memory::OutOfMemory;
use palisade_guard::text::quoted;
use serde_json::Value;
use std::fmt;

/// Arguments that do not fit the function's parameters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BadArgument {
    /// The place: a path such as `$.filter.tags[2]`, where `$` is the arguments object.
    pub path: String,
    /// The WIT type that was expected there, cut if it is long.
    pub expected: String,
    /// The JSON form of the type, if the type's name alone does not say it.
    pub rule: Option<String>,
    /// What was found instead.
    pub found: String,
}

impl fmt::Display for BadArgument {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}`: expected `{}`", self.path, self.expected)?;
        if let Some(rule) = &self.rule {
            write!(f, " ({rule})")?;
        }
        write!(f, ", found {}", self.found)
    }
}

impl std::error::Error for BadArgument {}

impl From<NotJson> for BadArgument {
    fn from(NotJson { found }: NotJson) -> Self {
        Self { path: "$".into(), expected: "JSON".into(), rule: Some(NotJson::rule()), found }
    }
}

/// Arguments that are not converted. The caller is to blame for the one, and nobody for the other.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadArguments {
    /// An argument does not fit.
    #[error(transparent)]
    Argument(BadArgument),
    /// The host, or the plugin's or caller's share of it, has no memory for the values.
    #[error(transparent)]
    OutOfMemory(OutOfMemory),
}

/// An error on its way up the recursion over a value. It is boxed, because every level returns it.
pub(super) struct Refused(Box<BadArguments>);

impl Refused {
    /// Adds a step at the front of the path. The path is built while the recursion unwinds, so a value that fits costs nothing.
    pub(super) fn at(mut self, step: &str) -> Self {
        if let BadArguments::Argument(bad) = &mut *self.0 {
            bad.path.insert_str(0, step);
        }
        self
    }

    pub(super) fn into_inner(self) -> BadArguments {
        *self.0
    }
}

impl From<OutOfMemory> for Refused {
    fn from(out: OutOfMemory) -> Self {
        Self(BadArguments::OutOfMemory(out).into())
    }
}

pub(super) fn refuse(ty: &dyn fmt::Display, rule: Option<String>, found: String) -> Refused {
    let bad = BadArgument { path: String::new(), expected: short(ty), rule, found };
    Refused(BadArguments::Argument(bad).into())
}

pub(super) fn mismatch(shape: &Shape, json: &Value) -> Refused {
    refuse(shape, rule(shape), found(json))
}

pub(super) fn absent(shape: &Shape) -> Refused {
    refuse(shape, rule(shape), "nothing: the key is missing".into())
}

/// The error for a name that the type does not have, with a suggestion.
pub(super) fn unknown<'a>(
    ty: &dyn fmt::Display,
    what: &str,
    name: &str,
    known: impl Iterator<Item = &'a str>,
) -> Refused {
    let mut found = format!("the unknown {what} {}", quoted(name));
    if let Some(meant) = closest(name, known) {
        found.push_str("; did you mean `");
        found.push_str(meant);
        found.push_str("`?");
    }
    refuse(ty, None, found)
}

/// A short description of a JSON value.
pub(super) fn found(json: &Value) -> String {
    match json {
        Value::Null => "null".into(),
        Value::Bool(b) => b.to_string(),
        Value::Number(number) => number.to_string(),
        Value::String(text) => format!("the string {}", quoted(text)),
        Value::Array(elements) => format!("an array of {}", elements.len()),
        Value::Object(_) => "an object".into(),
    }
}

/// The JSON form of a type, if the type's name does not say it.
fn rule(shape: &Shape) -> Option<String> {
    let fixed = match shape {
        Shape::Bool | Shape::String => return None,
        Shape::Int(int) => return Some(integer_rule(*int)),
        Shape::Tuple(shapes) => return Some(format!("an array of {}", shapes.len())),
        Shape::Option(some) if !matches!(**some, Shape::Option(_)) => return rule(some),
        Shape::F32 => "a number within ±3.4028235e38, or \"NaN\", \"Infinity\" or \"-Infinity\"",
        Shape::F64 => "a number, or \"NaN\", \"Infinity\" or \"-Infinity\"",
        Shape::Char => "a string of one character",
        Shape::Bytes => "a string in standard base64 with padding",
        Shape::List(_) => "an array",
        Shape::Record(_) => "an object",
        Shape::Flags(_) => "an object of booleans",
        Shape::Enum(_) => "the name of a case",
        Shape::Option(_) => "null, or an object with `tag` \"none\" or \"some\" and `val`",
        Shape::Variant(_) | Shape::Result { .. } => {
            "an object with `tag` and, where the case has a payload, `val`"
        }
    };
    Some(fixed.into())
}

fn integer_rule(int: Int) -> String {
    let (min, max) = int.range();
    let strings = if int.is_wide() { ", as a number or as a string of digits" } else { "" };
    format!("{min} to {max}{strings}")
}

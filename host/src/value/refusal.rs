//! What a caller reads when an argument does not fit: where, what was expected, what was there.
//!
//! The expected type is the plugin's and the rest the caller's own, so that a refusal tells nobody anything new. Text of
//! the caller is quoted with its control characters escaped, and cut.

use super::name::closest;
use super::shape::short;
use super::{Int, Shape};
use palisade_guard::json::NotJson;
use palisade_guard::text::quoted;
use serde_json::Value;
use std::fmt;

/// Arguments that do not fit the function's parameters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BadArgument {
    /// Where: a path such as `$.filter.tags[2]`, in which `$` is the whole.
    pub path: String,
    /// The WIT type that was expected there, cut when it is long.
    pub expected: String,
    /// What JSON must be to fit it, where the type alone does not say.
    pub rule: Option<String>,
    /// What was there instead.
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

/// A refusal on its way out of a value's recursion. Boxed, as every level returns it.
pub(super) struct Refused(Box<BadArgument>);

impl Refused {
    /// The path grows from its end while the recursion unwinds: a value that fits pays nothing for it.
    pub(super) fn at(mut self, step: &str) -> Self {
        self.0.path.insert_str(0, step);
        self
    }

    pub(super) fn into_inner(self) -> BadArgument {
        *self.0
    }
}

pub(super) fn refuse(ty: &dyn fmt::Display, rule: Option<String>, found: String) -> Refused {
    Refused(BadArgument { path: String::new(), expected: short(ty), rule, found }.into())
}

pub(super) fn mismatch(shape: &Shape, json: &Value) -> Refused {
    refuse(shape, rule(shape), found(json))
}

pub(super) fn absent(shape: &Shape) -> Refused {
    refuse(shape, rule(shape), "nothing: the key is missing".into())
}

/// A name that the type does not have, and the one that was probably meant.
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

/// A JSON value in few words.
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

/// What JSON must be to fit a type, where its name does not say.
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

//! The class of each operator that SQL text can use, by its sign.

use super::class::{Class, Path};

/// The class of an operator and its sign; `None` if it has none.
pub fn operator(sign: &str) -> Option<(&'static str, Class)> {
    OPERATORS.iter().find(|(known, _)| *known == sign).copied()
}

/// The signs of all operators that have a class.
pub fn operators() -> impl Iterator<Item = &'static str> {
    OPERATORS.iter().map(|(sign, _)| *sign)
}

const OPERATORS: &[(&str, Class)] = &[
    ("=", Class::Equal),
    ("<>", Class::Equal),
    ("<", Class::Order),
    ("<=", Class::Order),
    (">", Class::Order),
    (">=", Class::Order),
    ("AND", Class::Either),
    ("OR", Class::Either),
    ("+", Class::Sum),
    ("-", Class::Sum),
    ("*", Class::Product),
    ("/", Class::Quotient),
    ("%", Class::Quotient),
    ("||", Class::Joined),
    ("^", Class::Power),
    // Texts, documents and queries, or JSON and a path.
    ("@@", Class::Found),
    ("@?", Class::JsonPath(Path::PLAIN)),
    ("<->", Class::Phrase),
    // Of ranges.
    ("-|-", Class::Fixed),
    ("&<", Class::Fixed),
    ("&>", Class::Fixed),
    ("<<=", Class::Fixed),
    (">>=", Class::Fixed),
    ("&", Class::Fixed),
    ("|", Class::Fixed),
    ("#", Class::Fixed),
    ("<<", Class::Fixed),
    (">>", Class::Fixed),
    ("~", Class::Regex),
    ("~*", Class::Regex),
    ("!~", Class::Regex),
    ("!~*", Class::Regex),
    ("~~", Class::Like),
    ("~~*", Class::Like),
    ("!~~", Class::Like),
    ("!~~*", Class::Like),
    ("->", Class::Field),
    // The text of a part can be longer than the part: JSON numbers have exponents.
    ("->>", Class::FieldText),
    ("#>", Class::Field),
    ("#>>", Class::FieldText),
    ("#-", Class::JsonEdit),
    ("@>", Class::Contain),
    ("<@", Class::Contain),
    ("&&", Class::Overlap),
    ("?", Class::Contain),
    ("?|", Class::Contain),
    ("?&", Class::Contain),
];

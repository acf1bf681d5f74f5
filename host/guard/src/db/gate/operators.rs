//! The operators: how tightly each binds, by PostgreSQL's table of precedence (manual, chapter 4.1.6), and which ones can
//! stand in front of a value. What an operator costs, and so whether it is in the list at all, is in `cost/operators.rs`.
//!
//! The list leaves out geometry. Operators of extensions are in `db/extension.rs`.

use super::tree::Kind;
use crate::db::cost::Class;

/// How tightly an operator binds: a higher level binds tighter.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Level(u8);

// tidy: numbers are places in PostgreSQL's table of precedence
impl Level {
    pub(super) const LOWEST: Self = Self(0);
    pub(super) const OR: Self = Self(1);
    pub(super) const AND: Self = Self(2);
    pub(super) const NOT: Self = Self(3);
    const IS: Self = Self(4);
    pub(super) const COMPARISON: Self = Self(5);
    /// BETWEEN, IN, LIKE and their kin.
    pub(super) const MEMBER: Self = Self(6);
    pub(super) const ESCAPE: Self = Self(7);
    /// Operators without a place of their own, and `OPERATOR(schema.+)` whatever its sign is.
    pub(super) const OTHER: Self = Self(8);
    pub(super) const SUM: Self = Self(9);
    pub(super) const PRODUCT: Self = Self(10);
    const POWER: Self = Self(11);
    const AT: Self = Self(12);
    pub(super) const COLLATE: Self = Self(13);
    const SIGN: Self = Self(14);
    const CAST: Self = Self(16);

    /// The level of what stands to the right of an operator that groups from the left.
    pub(super) const fn next(self) -> Self {
        Self(self.0.saturating_add(1))
    }
}

/// The level of an operator that is a word, or a node of its own.
pub(super) fn level(kind: Kind) -> Option<Level> {
    Some(match kind {
        Kind::OR_KW => Level::OR,
        Kind::AND_KW => Level::AND,
        Kind::IS_KW
        | Kind::IS_NOT
        | Kind::IS_DISTINCT_FROM
        | Kind::IS_NOT_DISTINCT_FROM
        | Kind::ISNULL_KW
        | Kind::NOTNULL_KW
        | Kind::IS_JSON
        | Kind::IS_JSON_ARRAY
        | Kind::IS_JSON_OBJECT
        | Kind::IS_JSON_SCALAR
        | Kind::IS_JSON_VALUE
        | Kind::IS_NORMALIZED
        | Kind::IS_NOT_NORMALIZED => Level::IS,
        Kind::NOT_KW
        | Kind::BETWEEN_KW
        | Kind::IN_KW
        | Kind::NOT_IN
        | Kind::LIKE_KW
        | Kind::ILIKE_KW
        | Kind::NOT_LIKE
        | Kind::NOT_ILIKE
        | Kind::SIMILAR_TO
        | Kind::NOT_SIMILAR_TO => Level::MEMBER,
        Kind::OPERATOR_CALL | Kind::OVERLAPS_KW => Level::OTHER,
        Kind::AT_TIME_ZONE => Level::AT,
        Kind::COLLATE_KW => Level::COLLATE,
        Kind::COLON_COLON => Level::CAST,
        _ => return None,
    })
}

/// The level of an operator between two values.
pub(super) fn level_of_sign(sign: &str) -> Level {
    match sign {
        "=" | "<>" | "<" | "<=" | ">" | ">=" => Level::COMPARISON,
        "+" | "-" => Level::SUM,
        "*" | "/" | "%" => Level::PRODUCT,
        "^" => Level::POWER,
        _ => Level::OTHER,
    }
}

/// The class of an operator in front of a value, and how tightly it binds; `None` if it is not in the list.
pub(super) fn prefix(sign: &str) -> Option<(Class, Level)> {
    match sign {
        "+" | "-" => Some((Class::Sign, Level::SIGN)),
        "@" => Some((Class::Sign, Level::SUM)),
        "~" | "!!" => Some((Class::Same, Level::SUM)),
        "|/" | "||/" => Some((Class::Spread, Level::SUM)),
        _ => None,
    }
}

/// Whether the operator's time grows with the product of its operands' lengths. PostgreSQL does not check for a cancel
/// while it multiplies two numerics or compares two arrays element by element.
pub(super) fn is_product(sign: &str) -> bool {
    matches!(sign, "*" | "/" | "%" | "^" | "@>" | "<@" | "&&")
}

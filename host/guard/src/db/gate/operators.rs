//! The operators that can be used: comparison, logic, arithmetic, text, arrays and jsonb.
//!
//! Left out: regular expressions (`~`, `~*`, SIMILAR TO) and jsonpath (`@?`, `@@`), whose time no length bounds; `^` and
//! roots, which take seconds on long numerics; geometry and whatever an extension could define.

use sqlparser::ast::BinaryOperator;

/// How an operator is printed, if it is in the list.
pub(super) fn binary(operator: &BinaryOperator) -> Option<&'static str> {
    comparison(operator).or(match operator {
        BinaryOperator::And => Some("AND"),
        BinaryOperator::Or => Some("OR"),
        BinaryOperator::Plus => Some("+"),
        BinaryOperator::Minus => Some("-"),
        BinaryOperator::Multiply => Some("*"),
        BinaryOperator::Divide => Some("/"),
        BinaryOperator::Modulo => Some("%"),
        BinaryOperator::StringConcat => Some("||"),
        BinaryOperator::BitwiseAnd => Some("&"),
        BinaryOperator::BitwiseOr => Some("|"),
        BinaryOperator::PGBitwiseXor => Some("#"),
        BinaryOperator::PGBitwiseShiftLeft => Some("<<"),
        BinaryOperator::PGBitwiseShiftRight => Some(">>"),
        BinaryOperator::Arrow => Some("->"),
        BinaryOperator::LongArrow => Some("->>"),
        BinaryOperator::HashArrow => Some("#>"),
        BinaryOperator::HashLongArrow => Some("#>>"),
        BinaryOperator::HashMinus => Some("#-"),
        BinaryOperator::AtArrow => Some("@>"),
        BinaryOperator::ArrowAt => Some("<@"),
        BinaryOperator::PGOverlap => Some("&&"),
        BinaryOperator::Question => Some("?"),
        BinaryOperator::QuestionPipe => Some("?|"),
        BinaryOperator::QuestionAnd => Some("?&"),
        _ => None,
    })
}

/// How a comparison is printed, if it is one.
pub(super) fn comparison(operator: &BinaryOperator) -> Option<&'static str> {
    match operator {
        BinaryOperator::Eq => Some("="),
        BinaryOperator::NotEq => Some("<>"),
        BinaryOperator::Lt => Some("<"),
        BinaryOperator::LtEq => Some("<="),
        BinaryOperator::Gt => Some(">"),
        BinaryOperator::GtEq => Some(">="),
        _ => None,
    }
}

/// Whether the time of one use grows with the product of its operands' lengths. PostgreSQL does not look for a cancel
/// while it multiplies two numerics or compares two arrays element by element.
pub(super) fn is_product(operator: &BinaryOperator) -> bool {
    matches!(
        operator,
        BinaryOperator::Multiply
            | BinaryOperator::Divide
            | BinaryOperator::Modulo
            | BinaryOperator::AtArrow
            | BinaryOperator::ArrowAt
            | BinaryOperator::PGOverlap
    )
}

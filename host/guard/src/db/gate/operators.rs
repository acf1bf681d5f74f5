//! The operators that SQL text can use: comparison, logic, arithmetic, text, arrays and jsonb.
//!
//! The list leaves out regular expressions (`~`, `~*`, SIMILAR TO) and jsonpath (`@?`, `@@`), whose time is unbounded
//! even for short arguments; `^` and roots, which take seconds on long numerics; geometry; and operators of extensions.

use sqlparser::ast::BinaryOperator;

/// How an operator is printed; `None` if it is not in the list.
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

/// How a comparison is printed; `None` for other operators.
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

/// Whether the operator's time grows with the product of its operands' lengths. PostgreSQL does not check for a cancel
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

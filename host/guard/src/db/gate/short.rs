//! Short text: patterns, separators, and texts that are searched for.
//!
//! PostgreSQL compares a pattern at every position of a text and does not check for a cancel meanwhile. Two texts of 8
//! MiB keep a server busy for hours after its client has disconnected. So the pattern must be short: a short literal,
//! or a parameter, whose value is checked when it is bound (see `short_parameters`).

use super::literal::string;
use super::printer::Printer;
use crate::db::gate::fault::Checked;
use crate::db::shown;
use crate::limits;
use sqlparser::ast::{
    BinaryOperator, Expr, Function, FunctionArg, FunctionArgExpr, FunctionArguments, Value,
};

impl Printer<'_> {
    /// Checks that an expression is short text, and records the parameters in it, whose values must be short.
    pub(super) fn short(&mut self, what: &str, expr: &Expr) -> Checked {
        let mut pieces = 0_usize;
        if self.is_short(expr, &mut pieces) && pieces <= limits::SQL_SHORT_TEXT_PIECES_MAX {
            return Ok(());
        }
        let max = limits::SQL_SHORT_TEXT_BYTES_MAX;
        let rule =
            format!("its pattern or separator must be a literal or a parameter of at most {max} bytes");
        self.refuse(shown(what), rule)
    }

    fn is_short(&mut self, expr: &Expr, pieces: &mut usize) -> bool {
        *pieces = pieces.saturating_add(1);
        match expr {
            Expr::Value(value) => match &value.value {
                Value::Null => true,
                Value::Placeholder(name) => {
                    // A malformed number is refused later, when the parameter is printed.
                    self.short.extend(name.strip_prefix('$').and_then(|digits| digits.parse::<usize>().ok()));
                    true
                }
                other => string(other).is_some_and(|text| text.len() <= limits::SQL_SHORT_TEXT_BYTES_MAX),
            },
            Expr::Nested(inner) | Expr::Cast { expr: inner, .. } => self.is_short(inner, pieces),
            Expr::BinaryOp { left, op: BinaryOperator::StringConcat, right } => {
                self.is_short(left, pieces) && self.is_short(right, pieces)
            }
            Expr::Function(Function { name, args: FunctionArguments::List(list), .. }) => {
                let is_case = self.function_name(name).is_ok_and(|name| name == "lower" || name == "upper");
                match list.args.as_slice() {
                    [FunctionArg::Unnamed(FunctionArgExpr::Expr(arg))] if is_case => {
                        self.is_short(arg, pieces)
                    }
                    _ => false,
                }
            }
            _ => false,
        }
    }
}

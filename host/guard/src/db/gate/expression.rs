//! Expressions. This file and `syntax.rs` name every kind of expression that the parser knows, so that a new kind does
//! not compile until somebody decides whether to accept it.

use super::printer::Printer;
use crate::db::cost::{Class, Moment, Size};
use crate::db::gate::fault::Checked;
use crate::db::shown;
use crate::limits;
use sqlparser::ast::{CastKind, Expr, Query, UnaryOperator};

impl Printer<'_> {
    /// Prints an expression. Exactly one value waits in the plan afterwards: the expression's.
    pub(in crate::db) fn expr(&mut self, expr: &Expr) -> Checked {
        let mark = self.cost.mark();
        self.printed(expr)?;
        if self.cost.since(mark).len() == 1 {
            return Ok(());
        }
        // An expression that forgets to say what it costs must not be free.
        self.refuse("this expression", "its cost is unknown")
    }

    fn printed(&mut self, expr: &Expr) -> Checked {
        self.counted("nodes", |count| &mut count.nodes, 1, limits::SQL_NODES_MAX)?;
        self.deeper(|printer| match expr {
            Expr::Nested(inner) => printer.expr(inner),
            Expr::Identifier(ident) => printer.column(ident),
            Expr::CompoundIdentifier(parts) => match parts.as_slice() {
                [alias, column] => printer.qualified_column(alias, column),
                _ => printer.refuse("a name of many parts", "write `column` or `alias.column`"),
            },
            Expr::Value(value) => printer.value(value),
            Expr::TypedString(string) => printer.typed_string(string),
            Expr::Interval(interval) => printer.interval(interval),
            Expr::Function(function) => printer.function(function),
            Expr::Cast { kind, expr, data_type, format } => {
                printer.absent(format.is_some(), "CAST with FORMAT")?;
                printer
                    .absent(!matches!(kind, CastKind::Cast | CastKind::DoubleColon), "this kind of cast")?;
                printer.cast(expr, data_type)
            }
            Expr::Subquery(query) => {
                printer.put("(");
                printer.subquery(query)?;
                printer.put(")");
                Ok(())
            }
            Expr::Exists { subquery, negated } => {
                printer.put(if *negated { "(NOT EXISTS (" } else { "(EXISTS (" });
                let mark = printer.cost.mark();
                printer.query(subquery)?;
                printer.cost.forget(mark);
                printer.cost.known(Size::FIXED, Moment::Unknown);
                printer.put("))");
                Ok(())
            }
            Expr::Array(array) => {
                printer.absent(!array.named, "an array without the word ARRAY")?;
                printer.put("ARRAY[");
                let mark = printer.cost.mark();
                printer.list(&array.elem, Self::expr)?;
                let moment = printer.every_moment(mark);
                printer.cost.close(mark, Class::Listed, "ARRAY", moment);
                printer.put("]");
                Ok(())
            }
            Expr::Tuple(parts) => {
                printer.absent(parts.len() < 2, "a row of fewer than two values")?;
                printer.put("(");
                let mark = printer.cost.mark();
                printer.list(parts, Self::expr)?;
                printer.cost.close(mark, Class::Joined, "a row", Moment::Unknown);
                printer.put(")");
                Ok(())
            }
            Expr::CompoundFieldAccess { root, access_chain } => printer.subscripts(root, access_chain),
            Expr::Case { case_token, end_token: _, operand, conditions, else_result } => {
                printer.see(case_token.0.span.start);
                printer.case(operand.as_deref(), conditions, else_result.as_deref())
            }
            _ => printer.operation(expr),
        })
    }

    /// Prints a query in an expression. The value that waits afterwards is that of its first column.
    pub(super) fn subquery(&mut self, query: &Query) -> Checked {
        let mark = self.cost.mark();
        let shape = self.query(query)?;
        self.cost.forget(mark);
        match shape.columns().first() {
            Some(column) => self.cost.refer(column.node),
            None => self.cost.known(Size::stored(), Moment::Unknown),
        }
        Ok(())
    }

    /// Prints an expression in parentheses, between two words, as an operation of a class.
    fn test(&mut self, before: &'static str, expr: &Expr, after: &str) -> Checked {
        self.around(before, expr, after, Class::Fixed, Moment::Unknown)
    }

    /// Prints an expression that is an operator, in parentheses.
    fn operation(&mut self, expr: &Expr) -> Checked {
        match expr {
            Expr::BinaryOp { left, op, right } => self.binary(left, op, right),
            Expr::UnaryOp { op, expr } => {
                let sign = match op {
                    UnaryOperator::Plus => "+ ",
                    UnaryOperator::Minus => "- ",
                    UnaryOperator::Not => "NOT ",
                    UnaryOperator::BitwiseNot => "~ ",
                    other => return self.refuse(shown(&other.to_string()), "not in the list of operators"),
                };
                let class = if *op == UnaryOperator::Not { Class::Either } else { Class::Same };
                self.around(sign, expr, "", class, Moment::Unknown)
            }
            Expr::IsTrue(expr) => self.test("", expr, " IS TRUE"),
            Expr::IsNotTrue(expr) => self.test("", expr, " IS NOT TRUE"),
            Expr::IsFalse(expr) => self.test("", expr, " IS FALSE"),
            Expr::IsNotFalse(expr) => self.test("", expr, " IS NOT FALSE"),
            Expr::IsNull(expr) => self.test("", expr, " IS NULL"),
            Expr::IsNotNull(expr) => self.test("", expr, " IS NOT NULL"),
            Expr::IsUnknown(expr) => self.test("", expr, " IS UNKNOWN"),
            Expr::IsNotUnknown(expr) => self.test("", expr, " IS NOT UNKNOWN"),
            Expr::IsDistinctFrom(left, right) => self.infix(left, " IS DISTINCT FROM ", right),
            Expr::IsNotDistinctFrom(left, right) => self.infix(left, " IS NOT DISTINCT FROM ", right),
            Expr::AtTimeZone { timestamp, time_zone } => {
                self.zone(time_zone)?;
                let mark = self.cost.mark();
                self.put("(");
                self.expr(timestamp)?;
                self.put(" AT TIME ZONE ");
                self.expr(time_zone)?;
                self.put(")");
                self.cost.close(mark, Class::Fixed, "AT TIME ZONE", Moment::Certain);
                Ok(())
            }
            Expr::AnyOp { left, compare_op, right, is_some: _ } => {
                self.quantified(left, compare_op, "ANY", right)
            }
            Expr::AllOp { left, compare_op, right } => self.quantified(left, compare_op, "ALL", right),
            Expr::Between { expr, negated, low, high } => {
                let mark = self.cost.mark();
                self.put("(");
                self.expr(expr)?;
                self.put(if *negated { " NOT BETWEEN " } else { " BETWEEN " });
                self.expr(low)?;
                self.put(" AND ");
                self.expr(high)?;
                self.put(")");
                self.cost.close(mark, Class::Order, "BETWEEN", Moment::Unknown);
                Ok(())
            }
            Expr::InList { expr, list, negated } => {
                self.absent(list.is_empty(), "an empty IN list")?;
                let mark = self.cost.mark();
                self.put("(");
                self.expr(expr)?;
                self.put(if *negated { " NOT IN (" } else { " IN (" });
                self.list(list, Self::expr)?;
                self.put("))");
                self.cost.close(mark, Class::OneOf, "IN", Moment::Unknown);
                Ok(())
            }
            Expr::InSubquery { expr, subquery, negated } => {
                let mark = self.cost.mark();
                self.put("(");
                self.expr(expr)?;
                self.put(if *negated { " NOT IN (" } else { " IN (" });
                self.subquery(subquery)?;
                self.put("))");
                self.cost.close(mark, Class::Equal, "IN", Moment::Unknown);
                Ok(())
            }
            Expr::Like { negated, any, expr, pattern, escape_char } => {
                self.absent(*any, "LIKE ANY")?;
                self.like(
                    if *negated { " NOT LIKE " } else { " LIKE " },
                    expr,
                    pattern,
                    escape_char.as_deref(),
                )
            }
            Expr::ILike { negated, any, expr, pattern, escape_char } => {
                self.absent(*any, "ILIKE ANY")?;
                self.like(
                    if *negated { " NOT ILIKE " } else { " ILIKE " },
                    expr,
                    pattern,
                    escape_char.as_deref(),
                )
            }
            _ => self.syntax(expr),
        }
    }
}

//! Expressions of several parts: chains of operators, LIKE, quantifiers, CASE and subscripts.

use super::operators;
use super::printer::Printer;
use crate::db::cost::{self, Class, Moment};
use crate::db::gate::fault::Checked;
use crate::db::shown;
use crate::limits;
use sqlparser::ast::{AccessExpr, BinaryOperator, CaseWhen, Expr, Subscript};

impl Printer<'_> {
    /// Prints a chain of one operator as one level of nesting, so that a filter of a hundred ANDs is not too deep.
    pub(super) fn binary(&mut self, left: &Expr, operator: &BinaryOperator, right: &Expr) -> Checked {
        let mut chain = vec![right];
        let mut first = left;
        while let Expr::BinaryOp { left, op, right } = first {
            if op != operator {
                break;
            }
            chain.push(right.as_ref());
            first = left.as_ref();
        }
        let known = operators::binary(operator).and_then(cost::operator);
        let Some((sign, class)) = known else {
            return self.refuse(shown(&operator.to_string()), "not in the list of operators");
        };
        // Arithmetic with a date or time gives another one, or a number, and never a text.
        let is_arithmetic = matches!(class, Class::Sum | Class::Product | Class::Quotient);
        let mark = self.cost.mark();
        if operators::is_product(operator) {
            self.counted("products", |count| &mut count.products, chain.len(), limits::SQL_PRODUCTS_MAX)?;
        }
        self.put("(");
        self.expr(first)?;
        for operand in chain.into_iter().rev() {
            self.put(&format!(" {sign} "));
            self.expr(operand)?;
            let moment = if is_arithmetic { self.cost.any_moment(mark) } else { Moment::Unknown };
            self.cost.close(mark, class, sign, moment);
        }
        self.put(")");
        Ok(())
    }

    pub(super) fn around(
        &mut self,
        before: &'static str,
        expr: &Expr,
        after: &str,
        class: Class,
        moment: Moment,
    ) -> Checked {
        let mark = self.cost.mark();
        self.put("(");
        self.put(before);
        self.expr(expr)?;
        self.put(after);
        self.put(")");
        self.cost.close(mark, class, "a test or sign", moment);
        Ok(())
    }

    pub(super) fn infix(&mut self, left: &Expr, operator: &'static str, right: &Expr) -> Checked {
        let mark = self.cost.mark();
        self.put("(");
        self.expr(left)?;
        self.put(operator);
        self.expr(right)?;
        self.put(")");
        self.cost.close(mark, Class::Equal, operator, Moment::Unknown);
        Ok(())
    }

    /// Whether every value since a mark is a date or time, or takes that type when it is converted.
    pub(super) fn every_moment(&self, mark: usize) -> Moment {
        let moments = self.cost.since(mark).iter().map(|node| self.cost.moment(*node));
        moments.fold(Moment::Certain, |all, moment| match (all, moment) {
            (Moment::Unknown, _) | (_, Moment::Unknown) => Moment::Unknown,
            (Moment::Bare, _) | (_, Moment::Bare) => Moment::Bare,
            (Moment::Certain, Moment::Certain) => Moment::Certain,
        })
    }

    pub(super) fn like(
        &mut self,
        operator: &str,
        expr: &Expr,
        pattern: &Expr,
        escape: Option<&Expr>,
    ) -> Checked {
        self.short("LIKE", pattern)?;
        let mark = self.cost.mark();
        self.put("(");
        self.expr(expr)?;
        self.put(operator);
        self.expr(pattern)?;
        if let Some(escape) = escape {
            self.put(" ESCAPE ");
            self.expr(escape)?;
        }
        self.put(")");
        self.cost.close(mark, Class::Like, "LIKE", Moment::Unknown);
        Ok(())
    }

    pub(super) fn quantified(
        &mut self,
        left: &Expr,
        operator: &BinaryOperator,
        quantifier: &str,
        right: &Expr,
    ) -> Checked {
        let Some(sign) = operators::comparison(operator) else {
            return self
                .refuse(shown(&operator.to_string()), "ANY and ALL can only follow =, <>, <, <=, > and >=");
        };
        let is_equality = matches!(sign, "=" | "<>");
        let mark = self.cost.mark();
        self.put("(");
        self.expr(left)?;
        self.put(&format!(" {sign} {quantifier} ("));
        let class = match (right, is_equality) {
            (Expr::Subquery(query), _) => {
                self.subquery(query)?;
                if is_equality { Class::Equal } else { Class::Order }
            }
            (other, is_equality) => {
                self.expr(other)?;
                if is_equality { Class::AnyEqual } else { Class::AnyOrder }
            }
        };
        self.put("))");
        self.cost.close(mark, class, "ANY or ALL", Moment::Unknown);
        Ok(())
    }

    pub(super) fn case(
        &mut self,
        operand: Option<&Expr>,
        conditions: &[CaseWhen],
        otherwise: Option<&Expr>,
    ) -> Checked {
        let mark = self.cost.mark();
        // The results, which have one type; the tests are among the operands too.
        let mut moment = Moment::Unknown;
        let mut branch = |printer: &mut Self, result: &Expr| -> Checked {
            let before = printer.cost.mark();
            printer.expr(result)?;
            if printer.cost.any_moment(before) == Moment::Certain {
                moment = Moment::Certain;
            }
            Ok(())
        };
        self.put("CASE");
        if let Some(operand) = operand {
            self.put(" ");
            self.expr(operand)?;
        }
        for CaseWhen { condition, result } in conditions {
            self.put(" WHEN ");
            self.expr(condition)?;
            self.put(" THEN ");
            branch(self, result)?;
        }
        if let Some(otherwise) = otherwise {
            self.put(" ELSE ");
            branch(self, otherwise)?;
        }
        self.put(" END");
        self.cost.close(mark, Class::Extreme, "CASE", moment);
        Ok(())
    }

    /// Prints subscripts of an array. Refuses a dot after an expression: it is attribute notation, which can call a
    /// function.
    pub(super) fn subscripts(&mut self, root: &Expr, chain: &[AccessExpr]) -> Checked {
        let mark = self.cost.mark();
        self.put("(");
        self.expr(root)?;
        let moment = self.cost.any_moment(mark);
        self.put(")");
        for access in chain {
            self.put("[");
            match access {
                AccessExpr::Dot(_) => {
                    return self.refuse("a dot after an expression", "write `alias.column`");
                }
                AccessExpr::Subscript(Subscript::Index { index }) => self.expr(index)?,
                AccessExpr::Subscript(Subscript::Slice { lower_bound, upper_bound, stride }) => {
                    self.absent(stride.is_some(), "a stride")?;
                    if let Some(lower) = lower_bound {
                        self.expr(lower)?;
                    }
                    self.put(" : ");
                    if let Some(upper) = upper_bound {
                        self.expr(upper)?;
                    }
                }
            }
            self.put("]");
        }
        self.cost.close(mark, Class::Same, "a subscript", moment);
        Ok(())
    }
}

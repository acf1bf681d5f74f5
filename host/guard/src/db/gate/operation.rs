//! Expressions of several parts: chains of operators, LIKE, quantifiers, CASE and subscripts.

use super::operators;
use super::printer::Printer;
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
        let Some(sign) = operators::binary(operator) else {
            return self.refuse(shown(&operator.to_string()), "not in the list of operators");
        };
        if operators::is_product(operator) {
            self.counted("products", |count| &mut count.products, chain.len(), limits::SQL_PRODUCTS_MAX)?;
        }
        self.put("(");
        self.expr(first)?;
        for operand in chain.into_iter().rev() {
            self.put(&format!(" {sign} "));
            self.expr(operand)?;
        }
        self.put(")");
        Ok(())
    }

    pub(super) fn around(&mut self, before: &str, expr: &Expr, after: &str) -> Checked {
        self.put("(");
        self.put(before);
        self.expr(expr)?;
        self.put(after);
        self.put(")");
        Ok(())
    }

    pub(super) fn infix(&mut self, left: &Expr, operator: &str, right: &Expr) -> Checked {
        self.put("(");
        self.expr(left)?;
        self.put(operator);
        self.expr(right)?;
        self.put(")");
        Ok(())
    }

    pub(super) fn like(
        &mut self,
        operator: &str,
        expr: &Expr,
        pattern: &Expr,
        escape: Option<&Expr>,
    ) -> Checked {
        self.short("LIKE", pattern)?;
        self.put("(");
        self.expr(expr)?;
        self.put(operator);
        self.expr(pattern)?;
        if let Some(escape) = escape {
            self.put(" ESCAPE ");
            self.expr(escape)?;
        }
        self.put(")");
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
        self.put("(");
        self.expr(left)?;
        self.put(&format!(" {sign} {quantifier} ("));
        match right {
            Expr::Subquery(query) => drop(self.query(query)?),
            other => self.expr(other)?,
        }
        self.put("))");
        Ok(())
    }

    pub(super) fn case(
        &mut self,
        operand: Option<&Expr>,
        conditions: &[CaseWhen],
        otherwise: Option<&Expr>,
    ) -> Checked {
        self.put("CASE");
        if let Some(operand) = operand {
            self.put(" ");
            self.expr(operand)?;
        }
        for CaseWhen { condition, result } in conditions {
            self.put(" WHEN ");
            self.expr(condition)?;
            self.put(" THEN ");
            self.expr(result)?;
        }
        if let Some(otherwise) = otherwise {
            self.put(" ELSE ");
            self.expr(otherwise)?;
        }
        self.put(" END");
        Ok(())
    }

    /// Prints subscripts of an array. Refuses a dot after an expression: it is attribute notation, which can call a
    /// function.
    pub(super) fn subscripts(&mut self, root: &Expr, chain: &[AccessExpr]) -> Checked {
        self.put("(");
        self.expr(root)?;
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
        Ok(())
    }
}

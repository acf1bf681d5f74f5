//! Expressions. Each kind that the parser knows is named here: a new one does not compile until it is judged.

use sqlparser::ast::{
    AccessExpr, BinaryOperator, CaseWhen, CastKind, CeilFloorKind, DateTimeField, Expr, Subscript, UnaryOperator,
};

use super::printer::{Checked, Printer};
use crate::guard::db::shown;
use crate::limits;

impl Printer<'_> {
    /// Prints an expression.
    pub(in crate::guard::db) fn expr(&mut self, expr: &Expr) -> Checked {
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
                printer.absent(!matches!(kind, CastKind::Cast | CastKind::DoubleColon), "this kind of cast")?;
                printer.cast(expr, data_type)
            }
            Expr::Subquery(query) => printer.parenthesized(query).map(drop),
            Expr::Exists { subquery, negated } => {
                printer.put(if *negated { "(NOT EXISTS (" } else { "(EXISTS (" });
                printer.query(subquery)?;
                printer.put("))");
                Ok(())
            }
            Expr::Array(array) => {
                printer.absent(!array.named, "an array without the word ARRAY")?;
                printer.put("ARRAY[");
                printer.list(&array.elem, Self::expr)?;
                printer.put("]");
                Ok(())
            }
            Expr::Tuple(parts) => {
                printer.absent(parts.len() < 2, "a row of fewer than two values")?;
                printer.put("(");
                printer.list(parts, Self::expr)?;
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

    /// Prints expressions that are operators, in parentheses.
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
                self.around(sign, expr, "")
            }
            Expr::IsTrue(expr) => self.around("", expr, " IS TRUE"),
            Expr::IsNotTrue(expr) => self.around("", expr, " IS NOT TRUE"),
            Expr::IsFalse(expr) => self.around("", expr, " IS FALSE"),
            Expr::IsNotFalse(expr) => self.around("", expr, " IS NOT FALSE"),
            Expr::IsNull(expr) => self.around("", expr, " IS NULL"),
            Expr::IsNotNull(expr) => self.around("", expr, " IS NOT NULL"),
            Expr::IsUnknown(expr) => self.around("", expr, " IS UNKNOWN"),
            Expr::IsNotUnknown(expr) => self.around("", expr, " IS NOT UNKNOWN"),
            Expr::IsDistinctFrom(left, right) => self.infix(left, " IS DISTINCT FROM ", right),
            Expr::IsNotDistinctFrom(left, right) => self.infix(left, " IS NOT DISTINCT FROM ", right),
            Expr::AtTimeZone { timestamp, time_zone } => self.infix(timestamp, " AT TIME ZONE ", time_zone),
            Expr::AnyOp { left, compare_op, right, is_some: _ } => self.quantified(left, compare_op, "ANY", right),
            Expr::AllOp { left, compare_op, right } => self.quantified(left, compare_op, "ALL", right),
            Expr::Between { expr, negated, low, high } => {
                self.put("(");
                self.expr(expr)?;
                self.put(if *negated { " NOT BETWEEN " } else { " BETWEEN " });
                self.expr(low)?;
                self.put(" AND ");
                self.expr(high)?;
                self.put(")");
                Ok(())
            }
            Expr::InList { expr, list, negated } => {
                self.absent(list.is_empty(), "an empty IN list")?;
                self.put("(");
                self.expr(expr)?;
                self.put(if *negated { " NOT IN (" } else { " IN (" });
                self.list(list, Self::expr)?;
                self.put("))");
                Ok(())
            }
            Expr::InSubquery { expr, subquery, negated } => {
                self.put("(");
                self.expr(expr)?;
                self.put(if *negated { " NOT IN (" } else { " IN (" });
                self.query(subquery)?;
                self.put("))");
                Ok(())
            }
            Expr::Like { negated, any, expr, pattern, escape_char } => {
                self.absent(*any, "LIKE ANY")?;
                self.like(if *negated { " NOT LIKE " } else { " LIKE " }, expr, pattern, escape_char.as_deref())
            }
            Expr::ILike { negated, any, expr, pattern, escape_char } => {
                self.absent(*any, "ILIKE ANY")?;
                self.like(if *negated { " NOT ILIKE " } else { " ILIKE " }, expr, pattern, escape_char.as_deref())
            }
            _ => self.syntax(expr),
        }
    }

    /// Prints functions that have a syntax of their own, as the plain functions they are, and refuses the rest.
    fn syntax(&mut self, expr: &Expr) -> Checked {
        match expr {
            Expr::Extract { field, syntax: _, expr } => self.extract(field, expr),
            Expr::Ceil { expr, field: CeilFloorKind::DateTimeField(DateTimeField::NoDateTime) } => {
                self.plain_call("ceil", &[expr])
            }
            Expr::Floor { expr, field: CeilFloorKind::DateTimeField(DateTimeField::NoDateTime) } => {
                self.plain_call("floor", &[expr])
            }
            Expr::Ceil { .. } | Expr::Floor { .. } => self.absent(true, "CEIL or FLOOR with a unit"),
            Expr::Position { expr, r#in } => self.plain_call("strpos", &[r#in, expr]),
            Expr::Substring { expr, substring_from, substring_for, special: _, shorthand: _ } => {
                self.substring(expr, substring_from.as_deref(), substring_for.as_deref())
            }
            Expr::Trim { trim_where, trim_what, expr, trim_characters } => {
                self.trim(*trim_where, trim_what.as_deref(), expr, trim_characters.as_deref())
            }
            Expr::Overlay { expr, overlay_what, overlay_from, overlay_for } => {
                let mut args: Vec<&Expr> = vec![expr, overlay_what, overlay_from];
                args.extend(overlay_for.as_deref());
                self.plain_call("overlay", &args)
            }
            Expr::Collate { expr, collation } => {
                let (schema, name) = self.dotted(collation)?;
                let is_known = matches!(schema.as_deref(), None | Some("pg_catalog"));
                if !is_known || !matches!(name.as_str(), "C" | "POSIX" | "default") {
                    return self.refuse(shown(&name), "the collations are \"C\", \"POSIX\" and \"default\"");
                }
                self.around("", expr, &format!(" COLLATE \"pg_catalog\".\"{name}\""))
            }
            Expr::SimilarTo { .. } | Expr::RLike { .. } => {
                self.refuse("a regular expression", "can take unbounded time; write LIKE or ILIKE")
            }
            Expr::GroupingSets(_) | Expr::Cube(_) | Expr::Rollup(_) => {
                self.refuse("a grouping set", "can stand only in GROUP BY itself")
            }
            Expr::Wildcard(_) | Expr::QualifiedWildcard(..) => self.refuse("*", "a row is not a value here"),
            Expr::JsonAccess { .. } | Expr::IsJson { .. } => self.absent(true, "this JSON syntax"),
            Expr::IsNormalized { .. } => self.absent(true, "IS NORMALIZED"),
            Expr::Convert { .. } => self.absent(true, "CONVERT"),
            Expr::Prefixed { .. } => self.absent(true, "a word before a string"),
            Expr::Struct { .. } | Expr::Named { .. } | Expr::Dictionary(_) | Expr::Map(_) => {
                self.absent(true, "a structure")
            }
            Expr::InUnnest { .. } | Expr::MemberOf(_) => self.absent(true, "this test for membership"),
            Expr::MatchAgainst { .. } | Expr::OuterJoin(_) | Expr::Prior(_) | Expr::Lambda(_) => {
                self.absent(true, "another database's expression")
            }
            // Printed by `expr` and `operation`; named so that a new kind does not compile.
            Expr::Identifier(_) | Expr::CompoundIdentifier(_) | Expr::CompoundFieldAccess { .. }
            | Expr::IsFalse(_) | Expr::IsNotFalse(_) | Expr::IsTrue(_) | Expr::IsNotTrue(_) | Expr::IsNull(_)
            | Expr::IsNotNull(_) | Expr::IsUnknown(_) | Expr::IsNotUnknown(_) | Expr::IsDistinctFrom(..)
            | Expr::IsNotDistinctFrom(..) | Expr::InList { .. } | Expr::InSubquery { .. } | Expr::Between { .. }
            | Expr::BinaryOp { .. } | Expr::Like { .. } | Expr::ILike { .. } | Expr::AnyOp { .. }
            | Expr::AllOp { .. } | Expr::UnaryOp { .. } | Expr::Cast { .. } | Expr::AtTimeZone { .. }
            | Expr::Nested(_) | Expr::Value(_) | Expr::TypedString(_) | Expr::Function(_) | Expr::Case { .. }
            | Expr::Exists { .. } | Expr::Subquery(_) | Expr::Tuple(_) | Expr::Array(_) | Expr::Interval(_) => {
                self.refuse("an expression", "not expected here")
            }
        }
    }

    /// Prints a chain of one operator without growing deeper: a filter of a hundred ANDs is not nested.
    fn binary(&mut self, left: &Expr, operator: &BinaryOperator, right: &Expr) -> Checked {
        let mut chain = vec![right];
        let mut first = left;
        while let Expr::BinaryOp { left, op, right } = first {
            if op != operator {
                break;
            }
            chain.push(right.as_ref());
            first = left.as_ref();
        }
        let Some(sign) = super::operators::binary(operator) else {
            return self.refuse(shown(&operator.to_string()), "not in the list of operators");
        };
        if super::operators::is_product(operator) {
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

    fn around(&mut self, before: &str, expr: &Expr, after: &str) -> Checked {
        self.put("(");
        self.put(before);
        self.expr(expr)?;
        self.put(after);
        self.put(")");
        Ok(())
    }

    fn infix(&mut self, left: &Expr, operator: &str, right: &Expr) -> Checked {
        self.put("(");
        self.expr(left)?;
        self.put(operator);
        self.expr(right)?;
        self.put(")");
        Ok(())
    }

    fn like(&mut self, operator: &str, expr: &Expr, pattern: &Expr, escape: Option<&Expr>) -> Checked {
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

    fn quantified(&mut self, left: &Expr, operator: &BinaryOperator, quantifier: &str, right: &Expr) -> Checked {
        let Some(sign) = super::operators::comparison(operator) else {
            return self.refuse(shown(&operator.to_string()), "ANY and ALL go with =, <>, <, <=, > and >=");
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

    fn case(&mut self, operand: Option<&Expr>, conditions: &[CaseWhen], otherwise: Option<&Expr>) -> Checked {
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

    /// Prints subscripts of an array. A dot after an expression is attribute notation, which calls functions.
    fn subscripts(&mut self, root: &Expr, chain: &[AccessExpr]) -> Checked {
        self.put("(");
        self.expr(root)?;
        self.put(")");
        for access in chain {
            self.put("[");
            match access {
                AccessExpr::Dot(_) => return self.refuse("a dot after an expression", "write `alias.column`"),
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

//! Functions with their own syntax, and the kinds of expressions that are refused.

use super::printer::Printer;
use crate::db::cost::{Class, Moment};
use crate::db::gate::fault::Checked;
use crate::db::shown;
use sqlparser::ast::{CeilFloorKind, DateTimeField, Expr, ObjectName};

impl Printer<'_> {
    /// Prints functions with their own syntax as calls of plain functions, and refuses all other expressions.
    pub(super) fn syntax(&mut self, expr: &Expr) -> Checked {
        match expr {
            Expr::Extract { field, syntax: _, expr } => self.extract(field, expr),
            Expr::Ceil { expr, field: CeilFloorKind::DateTimeField(DateTimeField::NoDateTime) } => {
                self.plain_call("ceil", &[expr])
            }
            Expr::Floor { expr, field: CeilFloorKind::DateTimeField(DateTimeField::NoDateTime) } => {
                self.plain_call("floor", &[expr])
            }
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
            Expr::Collate { expr, collation } => self.collate(expr, collation),
            _ => self.refused(expr),
        }
    }

    /// Refuses an expression with a sentence for its kind.
    fn refused(&self, expr: &Expr) -> Checked {
        match expr {
            Expr::SimilarTo { .. } | Expr::RLike { .. } => {
                self.refuse("a regular expression", "can take unbounded time; write LIKE or ILIKE")
            }
            Expr::GroupingSets(_) | Expr::Cube(_) | Expr::Rollup(_) => {
                self.refuse("a grouping set", "can stand only in GROUP BY itself")
            }
            Expr::Wildcard(_) | Expr::QualifiedWildcard(..) => self.refuse("*", "a row is not a value here"),
            Expr::JsonAccess { .. } | Expr::IsJson { .. } => self.absent(true, "this JSON syntax"),
            Expr::Ceil { .. } | Expr::Floor { .. } => self.absent(true, "CEIL or FLOOR with a unit"),
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
            // These are printed above or in `expression.rs`. They are named so that a new kind does not compile.
            Expr::Extract { .. }
            | Expr::Position { .. }
            | Expr::Substring { .. }
            | Expr::Trim { .. }
            | Expr::Overlay { .. }
            | Expr::Collate { .. }
            | Expr::Identifier(_)
            | Expr::CompoundIdentifier(_)
            | Expr::CompoundFieldAccess { .. }
            | Expr::IsFalse(_)
            | Expr::IsNotFalse(_)
            | Expr::IsTrue(_)
            | Expr::IsNotTrue(_)
            | Expr::IsNull(_)
            | Expr::IsNotNull(_)
            | Expr::IsUnknown(_)
            | Expr::IsNotUnknown(_)
            | Expr::IsDistinctFrom(..)
            | Expr::IsNotDistinctFrom(..)
            | Expr::InList { .. }
            | Expr::InSubquery { .. }
            | Expr::Between { .. }
            | Expr::BinaryOp { .. }
            | Expr::Like { .. }
            | Expr::ILike { .. }
            | Expr::AnyOp { .. }
            | Expr::AllOp { .. }
            | Expr::UnaryOp { .. }
            | Expr::Cast { .. }
            | Expr::AtTimeZone { .. }
            | Expr::Nested(_)
            | Expr::Value(_)
            | Expr::TypedString(_)
            | Expr::Function(_)
            | Expr::Case { .. }
            | Expr::Exists { .. }
            | Expr::Subquery(_)
            | Expr::Tuple(_)
            | Expr::Array(_)
            | Expr::Interval(_) => self.refuse("an expression", "not expected here"),
        }
    }

    fn collate(&mut self, expr: &Expr, collation: &ObjectName) -> Checked {
        let (schema, name) = self.dotted(collation)?;
        let is_known = matches!(schema.as_deref(), None | Some("pg_catalog"));
        if !is_known || !matches!(name.as_str(), "C" | "POSIX" | "default") {
            return self.refuse(shown(&name), "the collations are \"C\", \"POSIX\" and \"default\"");
        }
        let collate = format!(" COLLATE \"pg_catalog\".\"{name}\"");
        self.around("", expr, &collate, Class::Same, Moment::Unknown)
    }
}

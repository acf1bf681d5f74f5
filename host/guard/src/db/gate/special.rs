//! Functions with a syntax of their own, printed with it: PostgreSQL finds the function for it in `pg_catalog`, whatever the
//! search path is, and names the result after it.

use super::expression::query_of;
use super::functions::Kind as Way;
use super::lex::Class as Lexed;
use super::printer::Printer;
use super::tree::{Kind, Parts, Tree};
use crate::db::cost::{Class, Moment, Size};
use crate::db::gate::fault::Checked;
use crate::db::shown;

impl Printer<'_> {
    /// Prints a call whose arguments have words between them.
    pub(super) fn special(&mut self, tree: &Tree) -> Checked {
        self.see(tree);
        match tree.kind() {
            Kind::EXISTS_FN => {
                let mut parts = Parts::of(tree);
                self.keyword(&mut parts, Kind::EXISTS_KW, "EXISTS")?;
                self.must_take(&mut parts, Kind::L_PAREN)?;
                self.put("(");
                let Some(query) = query_of(&mut parts) else { return self.unexpected(&mut parts) };
                let mark = self.cost.mark();
                self.query(&query)?;
                self.cost.forget(mark);
                self.cost.known(Size::FIXED, Moment::Unknown);
                self.must_take(&mut parts, Kind::R_PAREN)?;
                self.put(")");
                self.done(parts)
            }
            Kind::EXTRACT_FN => self.extract(tree),
            Kind::POSITION_FN => self.worded(tree, "POSITION", Class::Position, "position"),
            Kind::OVERLAY_FN => self.worded(tree, "OVERLAY", Class::Joined, "overlay"),
            Kind::SUBSTRING_FN => {
                let is_regex = self.is_regex_substring(tree);
                let form = tree.children().next();
                // Only with FOR behind FROM, or with commas, the length comes last.
                let has_length = form.is_some_and(|form| {
                    matches!(form.kind(), Kind::SUBSTRING_FROM_FOR | Kind::SUBSTRING_EXPRS)
                        && form.children().count() == 3
                });
                let class = match (is_regex, has_length) {
                    (true, _) => Class::RegexPart,
                    (false, true) => Class::Cut,
                    (false, false) => Class::Same,
                };
                self.worded(tree, "SUBSTRING", class, "substring")
            }
            Kind::TRIM_FN => self.trim(tree),
            _ => {
                let text = tree.to_string();
                let name = text.split([' ', '(']).next().unwrap_or_default();
                self.refuse(shown(name), super::functions::unlisted(&name.to_ascii_lowercase()))
            }
        }
    }

    /// Whether a call of SUBSTRING takes a regular expression: with SIMILAR, or with a second argument that is or can be a
    /// text.
    fn is_regex_substring(&self, tree: &Tree) -> bool {
        let Some(inner) = tree.children().next() else { return false };
        match inner.kind() {
            Kind::SUBSTRING_SIMILAR_ESCAPE => true,
            _ => inner.children().skip(1).any(|argument| !self.is_plainly_number(&argument)),
        }
    }

    /// Whether an expression cannot be a text: a number, or arithmetic.
    fn is_plainly_number(&self, tree: &Tree) -> bool {
        let tree = super::literal::unwrapped(tree);
        match tree.kind() {
            Kind::LITERAL => {
                let token = self.token_at(tree.text_range().start().into());
                token.is_some_and(|token| token.class == Lexed::Number)
            }
            Kind::PREFIX_EXPR => true,
            Kind::BIN_EXPR => {
                let arithmetic = [Kind::PLUS, Kind::MINUS, Kind::STAR, Kind::SLASH, Kind::PERCENT];
                tree.children_with_tokens().any(|part| arithmetic.contains(&part.kind()))
            }
            _ => false,
        }
    }

    /// Prints a call that consists of words, expressions and commas, as it stands.
    fn worded(&mut self, tree: &Tree, name: &'static str, class: Class, known: &'static str) -> Checked {
        let mut parts = Parts::of(tree);
        let word = self.sign(&mut parts)?;
        if !word.value.eq_ignore_ascii_case(name) {
            return self.refuse(shown(&word.value), "not part of the SQL that plugins can use here");
        }
        self.must_take(&mut parts, Kind::L_PAREN)?;
        self.call_start(known, Way::Grammar)?;
        self.put("(");
        let mark = self.cost.mark();
        self.worded_parts(&mut parts)?;
        self.put(")");
        self.done(parts)?;
        self.cost_of(mark, class, known);
        Ok(())
    }

    /// Takes words, expressions and commas up to the closing parenthesis.
    fn worded_parts(&mut self, parts: &mut Parts) -> Checked {
        while let Some(kind) = parts.next_kind() {
            match kind {
                Kind::R_PAREN => {
                    self.must_take(parts, Kind::R_PAREN)?;
                    return Ok(());
                }
                Kind::SUBSTRING_FROM_FOR
                | Kind::SUBSTRING_FOR_FROM
                | Kind::SUBSTRING_EXPRS
                | Kind::SUBSTRING_SIMILAR_ESCAPE
                | Kind::OVERLAY_EXPRS
                | Kind::OVERLAY_PLACING
                | Kind::TRIM_EXPRS
                | Kind::TRIM_EXPR_FROM
                | Kind::TRIM_FROM => {
                    let inner = self.must_any(parts)?;
                    let mut inner = Parts::of(&inner);
                    self.worded_parts(&mut inner)?;
                    self.done(inner)?;
                }
                _ => self.word_or_expr(parts)?,
            }
        }
        Ok(())
    }

    fn word_or_expr(&mut self, parts: &mut Parts) -> Checked {
        if let Some(expr) = parts.any_node() {
            return self.expr(&expr);
        }
        let token = self.sign(parts)?;
        match (token.class, token.value.as_str()) {
            (Lexed::Sign, ",") => self.put(","),
            (Lexed::Word, "from" | "for" | "in" | "placing" | "similar" | "escape") => {
                self.put(&token.value.to_ascii_uppercase());
            }
            _ => return self.refuse(shown(&token.value), "not part of the SQL that plugins can use here"),
        }
        Ok(())
    }

    /// Prints TRIM. Its cost is that of the text with the characters, whichever comes first.
    fn trim(&mut self, tree: &Tree) -> Checked {
        let mut parts = Parts::of(tree);
        self.must_take(&mut parts, Kind::TRIM_KW)?;
        self.must_take(&mut parts, Kind::L_PAREN)?;
        self.call_start("trim", Way::Grammar)?;
        self.put("(");
        let side =
            matches!(parts.next_kind(), Some(Kind::TRIM_BOTH | Kind::TRIM_LEADING | Kind::TRIM_TRAILING));
        if side && let Some(side) = parts.any_node() {
            let words = self.words(&side)?;
            self.put(&words);
        }
        let mark = self.cost.mark();
        self.worded_parts(&mut parts)?;
        self.put(")");
        self.done(parts)?;
        self.cost_of(mark, Class::TrimEither, "trim");
        Ok(())
    }

    fn extract(&mut self, tree: &Tree) -> Checked {
        let mut parts = Parts::of(tree);
        self.must_take(&mut parts, Kind::EXTRACT_KW)?;
        self.must_take(&mut parts, Kind::L_PAREN)?;
        self.call_start("extract", Way::Grammar)?;
        self.put("(");
        let field = self.must_any(&mut parts)?;
        let mut inner = Parts::of(&field);
        let token = match inner.node(Kind::LITERAL) {
            Some(literal) => self.single(&literal)?,
            None => self.sign(&mut inner)?,
        };
        self.done(inner)?;
        let name = token.value.to_ascii_lowercase();
        if !FIELDS.contains(&name.as_str()) {
            return self.refuse(shown(&name), "not a field of a date or time");
        }
        self.put(&name);
        self.keyword(&mut parts, Kind::FROM_KW, "FROM")?;
        let value = self.must_any(&mut parts)?;
        let mark = self.cost.mark();
        self.expr(&value)?;
        self.must_take(&mut parts, Kind::R_PAREN)?;
        self.put(")");
        self.done(parts)?;
        self.cost_of(mark, Class::Fixed, "extract");
        Ok(())
    }
}

/// The fields that EXTRACT can take from a date, time or interval.
const FIELDS: &[&str] = &[
    "century",
    "day",
    "decade",
    "dow",
    "doy",
    "epoch",
    "hour",
    "isodow",
    "isoyear",
    "julian",
    "microseconds",
    "millennium",
    "milliseconds",
    "minute",
    "month",
    "quarter",
    "second",
    "timezone",
    "timezone_hour",
    "timezone_minute",
    "week",
    "year",
];

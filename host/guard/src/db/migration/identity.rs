//! Identity columns and the options of their sequences.

use crate::db::gate::fault::Checked;
use crate::db::gate::lex::Class;
use crate::db::gate::printer::Printer;
use crate::db::gate::tree::{Kind, Parts, Tree};
use crate::db::shown;
use crate::limits::{IDENTITY_CACHE_MAX, IDENTITY_STEP_MAX};
use std::ops::RangeInclusive;

impl Printer<'_> {
    /// Prints `ALWAYS AS IDENTITY` or `BY DEFAULT AS IDENTITY`, with options.
    pub(super) fn identity(&mut self, mut parts: Parts) -> Checked {
        self.identity_kind(&mut parts)?;
        self.keyword(&mut parts, Kind::AS_KW, "AS")?;
        self.keyword(&mut parts, Kind::IDENTITY_KW, "IDENTITY")?;
        if let Some(list) = parts.node(Kind::SEQUENCE_OPTION_LIST) {
            let mut inner = Parts::of(&list);
            self.must_take(&mut inner, Kind::L_PAREN)?;
            self.put("(");
            while let Some(option) = inner.any_node() {
                self.sequence_option(&option)?;
            }
            self.must_take(&mut inner, Kind::R_PAREN)?;
            self.put(")");
            self.done(inner)?;
        }
        self.done(parts)
    }

    fn identity_kind(&mut self, parts: &mut Parts) -> Checked {
        let when = self.must_any(parts)?;
        self.phrase(&when, &["ALWAYS", "BY DEFAULT"])
    }

    fn sequence_option(&mut self, tree: &Tree) -> Checked {
        let mut parts = Parts::of(tree);
        let all = i64::MIN..=i64::MAX;
        match tree.kind() {
            Kind::OPTION_START => {
                self.keyword(&mut parts, Kind::START_KW, "START")?;
                self.keyword_if(&mut parts, Kind::WITH_KW, "WITH");
                self.whole_number(&mut parts, &all, "START")?;
            }
            Kind::OPTION_INCREMENT => {
                self.keyword(&mut parts, Kind::INCREMENT_KW, "INCREMENT")?;
                self.keyword_if(&mut parts, Kind::BY_KW, "BY");
                let step = self.whole_number(
                    &mut parts,
                    &(IDENTITY_STEP_MAX.saturating_neg()..=IDENTITY_STEP_MAX),
                    "INCREMENT",
                )?;
                if step == 0 {
                    return self.refuse_at(tree, "INCREMENT", "must not be 0");
                }
            }
            Kind::OPTION_MIN_VALUE => {
                self.keyword(&mut parts, Kind::MINVALUE_KW, "MINVALUE")?;
                self.whole_number(&mut parts, &all, "MINVALUE")?;
            }
            Kind::OPTION_MAX_VALUE => {
                self.keyword(&mut parts, Kind::MAXVALUE_KW, "MAXVALUE")?;
                self.whole_number(&mut parts, &all, "MAXVALUE")?;
            }
            Kind::OPTION_CACHE => {
                self.keyword(&mut parts, Kind::CACHE_KW, "CACHE")?;
                self.whole_number(&mut parts, &(1..=IDENTITY_CACHE_MAX), "CACHE")?;
            }
            Kind::OPTION_NO_MIN_VALUE
            | Kind::OPTION_NO_MAX_VALUE
            | Kind::OPTION_CYCLE
            | Kind::OPTION_NO_CYCLE => {
                return self.phrase(tree, &["NO MINVALUE", "NO MAXVALUE", "CYCLE", "NO CYCLE"]);
            }
            _ => {
                let rule =
                    "the options of an identity are START, INCREMENT, MINVALUE, MAXVALUE, CACHE and CYCLE";
                return self.refuse_at(tree, shown(&tree.text().to_string()), rule);
            }
        }
        self.done(parts)
    }

    /// Prints the next child, which must be a whole number within bounds, with or without a minus.
    fn whole_number(&mut self, parts: &mut Parts, bounds: &RangeInclusive<i64>, what: &str) -> Checked<i64> {
        let tree = self.must_any(parts)?;
        self.see(&tree);
        let mut text = String::new();
        let literal = if tree.kind() == Kind::PREFIX_EXPR {
            let mut inner = Parts::of(&tree);
            self.must_take(&mut inner, Kind::MINUS)?;
            self.put("-");
            text.push('-');
            let literal = self.must_node(&mut inner, Kind::LITERAL)?;
            self.done(inner)?;
            literal
        } else {
            tree
        };
        let token = self.single(&literal)?;
        text.push_str(&token.value);
        match text.parse() {
            Ok(number) if token.class == Class::Number && bounds.contains(&number) => {
                self.put(&token.value);
                Ok(number)
            }
            _ => {
                let rule = format!("{what} is a whole number from {} to {}", bounds.start(), bounds.end());
                self.refuse(shown(&text), rule)
            }
        }
    }

    /// Prints `RESTART` or `RESTART WITH 100`.
    pub(super) fn restart(&mut self, tree: &Tree) -> Checked {
        let mut parts = Parts::of(tree);
        self.keyword(&mut parts, Kind::RESTART_KW, "RESTART")?;
        let has_with = self.keyword_if(&mut parts, Kind::WITH_KW, "WITH");
        if has_with || parts.next_kind().is_some() {
            self.whole_number(&mut parts, &(i64::MIN..=i64::MAX), "RESTART")?;
        }
        self.done(parts)
    }

    /// Prints changes of an identity: `SET GENERATED ALWAYS SET INCREMENT 5 RESTART`.
    pub(super) fn identity_changes(&mut self, tree: &Tree) -> Checked {
        let mut parts = Parts::of(tree);
        while let Some(change) = parts.any_node() {
            let mut inner = Parts::of(&change);
            match change.kind() {
                Kind::RESTART => {
                    self.restart(&change)?;
                    continue;
                }
                Kind::SET_GENERATED => {
                    self.keyword(&mut inner, Kind::SET_KW, "SET")?;
                    self.keyword(&mut inner, Kind::GENERATED_KW, "GENERATED")?;
                    self.identity_kind(&mut inner)?;
                }
                Kind::SET_SEQUENCE_OPTION => {
                    self.keyword(&mut inner, Kind::SET_KW, "SET")?;
                    let option = self.must_any(&mut inner)?;
                    self.sequence_option(&option)?;
                }
                _ => return self.refuse_at(&change, "this change of an identity", "write SET or RESTART"),
            }
            self.done(inner)?;
        }
        self.done(parts)
    }
}

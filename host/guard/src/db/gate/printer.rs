//! The state of one walk: the text printed so far, what has been counted, and which names are visible.
//!
//! Checking and printing are one walk, so that nothing can be printed that was not checked. What the walk does not know
//! it refuses. Every identifier is printed quoted, every table with its schema, every function with `pg_catalog`, and
//! every operator in parentheses: PostgreSQL's lexer, search path and precedences have nothing left to decide.

use std::collections::BTreeSet;

use sqlparser::ast::{Ident, ObjectName, ObjectNamePart};
use sqlparser::tokenizer::Location;

use super::fault::{Checked, Fault};
use super::scope::{Cte, Names, Scope};
use crate::db::{quoted, shown};
use crate::limits;

/// One walk.
#[derive(Debug)]
pub(in crate::db) struct Printer<'a> {
    pub(super) names: Names<'a>,
    /// Whether the clock and random identifiers may be called: as a column's default, nowhere else.
    pub(in crate::db) in_default: bool,
    pub(super) scopes: Vec<Scope>,
    pub(super) ctes: Vec<Cte>,
    pub(super) cte_number: usize,
    pub(super) count: Count,
    pub(super) parameters: BTreeSet<usize>,
    /// Those of them whose values must be short.
    pub(super) short: BTreeSet<usize>,
    out: String,
    at: Location,
    depth: usize,
}

/// What is counted against a limit.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Count {
    pub nodes: usize,
    pub relations: usize,
    pub cte_references: usize,
    pub grouping_sets: usize,
    pub products: usize,
    pub calls: usize,
}

impl<'a> Printer<'a> {
    pub(in crate::db) fn new(names: Names<'a>) -> Self {
        Self {
            names,
            in_default: false,
            scopes: Vec::new(),
            ctes: Vec::new(),
            cte_number: 0,
            count: Count::default(),
            parameters: BTreeSet::new(),
            short: BTreeSet::new(),
            out: String::new(),
            at: Location { line: 1, column: 1 },
            depth: 0,
        }
    }

    pub(in crate::db) fn names(&self) -> Names<'a> {
        self.names
    }

    pub(in crate::db) fn has_parameters(&self) -> bool {
        !self.parameters.is_empty()
    }

    /// Runs a step with a level of names of its own.
    pub(in crate::db) fn within<T>(
        &mut self,
        scope: Scope,
        step: impl FnOnce(&mut Self) -> Checked<T>,
    ) -> Checked<T> {
        self.scopes.push(scope);
        let result = step(self)?;
        self.scopes.pop();
        Ok(result)
    }

    pub(in crate::db) fn text(self) -> String {
        self.out
    }

    pub(in crate::db) fn put(&mut self, text: &str) {
        self.out.push_str(text);
    }

    /// What a step printed, apart from the rest: a select list is printed first and checked after FROM.
    pub(super) fn apart<T>(&mut self, step: impl FnOnce(&mut Self) -> Checked<T>) -> Checked<(T, String)> {
        let before = std::mem::take(&mut self.out);
        let result = step(self)?;
        Ok((result, std::mem::replace(&mut self.out, before)))
    }

    /// Remembers a position for the next refusal.
    pub(in crate::db) fn see(&mut self, at: Location) {
        if at.line > 0 {
            self.at = at;
        }
    }

    pub(in crate::db) fn refuse<T>(
        &self,
        construct: impl Into<String>,
        rule: impl Into<String>,
    ) -> Checked<T> {
        Err(Fault::invalid(self.at, construct, rule))
    }

    /// Refuses a construct if it is there.
    pub(in crate::db) fn absent(&self, is_present: bool, construct: &str) -> Checked {
        if is_present { self.refuse(construct, "not part of the SQL that plugins can use") } else { Ok(()) }
    }

    /// Runs a step one level deeper.
    pub(super) fn deeper<T>(&mut self, step: impl FnOnce(&mut Self) -> Checked<T>) -> Checked<T> {
        if self.depth >= limits::SQL_DEPTH_MAX {
            return self.refuse("nesting", format!("at most {} levels", limits::SQL_DEPTH_MAX));
        }
        self.depth = self.depth.saturating_add(1);
        let result = step(self);
        self.depth = self.depth.saturating_sub(1);
        result
    }

    /// Adds to a count and refuses more than its maximum.
    pub(super) fn counted(
        &mut self,
        what: &str,
        count: fn(&mut Count) -> &mut usize,
        more: usize,
        max: usize,
    ) -> Checked {
        let counter = count(&mut self.count);
        *counter = counter.saturating_add(more);
        if *counter > max { self.refuse(what, format!("at most {max} in one statement")) } else { Ok(()) }
    }

    /// Prints items with commas between.
    pub(in crate::db) fn list<T>(
        &mut self,
        items: impl IntoIterator<Item = T>,
        mut step: impl FnMut(&mut Self, T) -> Checked,
    ) -> Checked {
        for (index, item) in items.into_iter().enumerate() {
            if index > 0 {
                self.put(", ");
            }
            step(self, item)?;
        }
        Ok(())
    }

    /// The name that an identifier means: folded as PostgreSQL folds it unless it is quoted.
    pub(in crate::db) fn name(&mut self, ident: &Ident) -> Checked<String> {
        let Ident { value, quote_style, span } = ident;
        self.see(span.start);
        if value.is_empty() || value.len() > limits::IDENTIFIER_BYTES_MAX {
            let rule = format!("a name has 1 to {} bytes", limits::IDENTIFIER_BYTES_MAX);
            return self.refuse(shown(value), rule);
        }
        match quote_style {
            None => Ok(value.to_ascii_lowercase()),
            Some('"') => Ok(value.clone()),
            Some(_) => self.refuse(shown(value), "names are quoted with \""),
        }
    }

    /// Prints an identifier that names something new.
    pub(in crate::db) fn put_name(&mut self, ident: &Ident) -> Checked<String> {
        let name = self.name(ident)?;
        self.put(&quoted(&name));
        Ok(name)
    }

    /// The parts of a dotted name, at most two: a schema and a name.
    pub(in crate::db) fn dotted(&mut self, name: &ObjectName) -> Checked<(Option<String>, String)> {
        match name.0.as_slice() {
            [ObjectNamePart::Identifier(name)] => Ok((None, self.name(name)?)),
            [ObjectNamePart::Identifier(schema), ObjectNamePart::Identifier(name)] => {
                Ok((Some(self.name(schema)?), self.name(name)?))
            }
            _ => self.refuse(shown(&name.to_string()), "a name is `name` or `schema.name`"),
        }
    }

    /// A name that may not be dotted.
    pub(in crate::db) fn undotted(&mut self, name: &ObjectName) -> Checked<String> {
        match self.dotted(name)? {
            (None, name) => Ok(name),
            (Some(_), name) => self.refuse(shown(&name), "write the name alone"),
        }
    }
}

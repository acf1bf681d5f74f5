//! The state of one walk over a statement: the printed text, the counts, and the visible names.
//!
//! One walk checks and prints, so that it prints only what it has checked. It refuses every construct that it does not
//! know. It prints every identifier in quotes, every table with its schema, every function with `pg_catalog`, and every
//! operator in parentheses, so that nothing depends on PostgreSQL's lexer, search path and precedences.

use super::fault::{Checked, Fault};
use super::scope::{Cte, Names, Scope, Shape};
use crate::db::cost::{Plan, Planner};
use crate::db::{quoted, shown};
use crate::limits;
use sqlparser::ast::{Ident, ObjectName, ObjectNamePart};
use sqlparser::tokenizer::Location;
use std::collections::{BTreeSet, HashMap};

/// One walk over a statement.
#[derive(Debug)]
pub(in crate::db) struct Printer<'a> {
    pub(super) names: Names<'a>,
    /// Whether the walk is in a column's default, which alone may call the clock and random UUIDs.
    pub(in crate::db) in_default: bool,
    pub(super) scopes: Vec<Scope>,
    pub(super) ctes: Vec<Cte>,
    pub(super) cte_number: usize,
    pub(super) count: Count,
    pub(super) parameters: BTreeSet<usize>,
    /// The parameters whose values must be short.
    pub(super) short: BTreeSet<usize>,
    /// The parameters that are converted to a date or time, and must be one.
    pub(super) moments: BTreeSet<usize>,
    /// The parameters that name a time zone.
    pub(super) zones: BTreeSet<usize>,
    /// What the statement costs.
    pub(in crate::db) cost: Planner,
    /// The columns of the tables that the statement has named.
    pub(super) tables: HashMap<String, Shape>,
    out: String,
    at: Location,
    depth: usize,
}

/// The counts that have a limit in one statement.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Count {
    pub nodes: usize,
    pub relations: usize,
    pub cte_references: usize,
    pub grouping_sets: usize,
    pub products: usize,
    pub calls: usize,
    pub columns: usize,
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
            moments: BTreeSet::new(),
            zones: BTreeSet::new(),
            cost: Planner::default(),
            tables: HashMap::new(),
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

    /// Runs a step with its own scope of names.
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

    /// The printed text, and what the statement costs.
    pub(in crate::db) fn finished(self) -> (String, Plan) {
        (self.out, self.cost.finish())
    }

    pub(in crate::db) fn put(&mut self, text: &str) {
        self.out.push_str(text);
    }

    /// Runs a step and returns its printed text instead of appending it. A select list is checked after FROM but
    /// printed before it.
    pub(super) fn apart<T>(&mut self, step: impl FnOnce(&mut Self) -> Checked<T>) -> Checked<(T, String)> {
        let before = std::mem::take(&mut self.out);
        let result = step(self)?;
        Ok((result, std::mem::replace(&mut self.out, before)))
    }

    /// Sets the position that the next fault reports. Ignores a position that the parser left empty.
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

    /// Refuses a construct if it is present.
    pub(in crate::db) fn absent(&self, is_present: bool, construct: &str) -> Checked {
        if is_present { self.refuse(construct, "not part of the SQL that plugins can use") } else { Ok(()) }
    }

    /// Runs a step one level of nesting deeper.
    pub(super) fn deeper<T>(&mut self, step: impl FnOnce(&mut Self) -> Checked<T>) -> Checked<T> {
        if self.depth >= limits::SQL_DEPTH_MAX {
            return self.refuse("nesting", format!("at most {} levels", limits::SQL_DEPTH_MAX));
        }
        self.depth = self.depth.saturating_add(1);
        let result = step(self);
        self.depth = self.depth.saturating_sub(1);
        result
    }

    /// Adds to a count, and refuses the statement if the count exceeds its maximum.
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

    /// Prints items with commas between them.
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

    /// The name that an identifier means. An unquoted identifier is folded to lower case, as in PostgreSQL.
    pub(in crate::db) fn name(&mut self, ident: &Ident) -> Checked<String> {
        let Ident { value, quote_style, span } = ident;
        self.see(span.start);
        if value.is_empty() || value.len() > limits::IDENTIFIER_BYTES_MAX {
            let rule = format!("a name must have 1 to {} bytes", limits::IDENTIFIER_BYTES_MAX);
            return self.refuse(shown(value), rule);
        }
        if value.contains('\0') {
            return self.refuse(shown(value), "PostgreSQL's names cannot contain NUL");
        }
        match quote_style {
            None => Ok(value.to_ascii_lowercase()),
            Some('"') => Ok(value.clone()),
            Some(_) => self.refuse(shown(value), "quote names with \""),
        }
    }

    /// Prints an identifier as it is, without looking it up, and returns its name.
    pub(in crate::db) fn put_name(&mut self, ident: &Ident) -> Checked<String> {
        let name = self.name(ident)?;
        self.put(&quoted(&name));
        Ok(name)
    }

    /// The parts of a name that may have a schema before a dot.
    pub(in crate::db) fn dotted(&mut self, name: &ObjectName) -> Checked<(Option<String>, String)> {
        match name.0.as_slice() {
            [ObjectNamePart::Identifier(name)] => Ok((None, self.name(name)?)),
            [ObjectNamePart::Identifier(schema), ObjectNamePart::Identifier(name)] => {
                Ok((Some(self.name(schema)?), self.name(name)?))
            }
            _ => self.refuse(shown(&name.to_string()), "write `name` or `schema.name`"),
        }
    }

    /// A name that may not have a schema.
    pub(in crate::db) fn undotted(&mut self, name: &ObjectName) -> Checked<String> {
        match self.dotted(name)? {
            (None, name) => Ok(name),
            (Some(_), name) => self.refuse(shown(&name), "write the name without a schema"),
        }
    }
}

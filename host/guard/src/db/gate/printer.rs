//! The state of one walk over a statement: the printed text, the counts, and the visible names.
//!
//! One walk checks and prints, so that it prints only what it has checked. It prints the statement's own tokens in their own
//! order, each in one form: every name in quotes, every table with its schema, every function with `pg_catalog`. It adds no
//! parentheses, so PostgreSQL's precedence holds.
//!
//! The server's grammar is not the parser's, so the two may see another structure in the same tokens. Nothing gets through by
//! that, because each token is judged by itself: a name in quotes is one that the statement may use in that role, and
//! [`Printer::put`] keeps a name from a role that it was not judged for: a name of a column has no parenthesis behind it (a
//! call), no dot (a schema or a composite value) and no string (a type).

use super::fault::{Checked, Fault, Location};
use super::lex::{Class, Token, Tokens};
use super::scope::{Cte, Names, Scope, Shape};
use super::tree::{Kind, Parts, Tree};
use crate::db::cost::{Node, Plan, Planner, Size};
use crate::db::{quoted, shown};
use crate::limits;
use std::collections::{BTreeSet, HashMap, HashSet};

/// One walk over a statement.
#[derive(Debug)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each tells of one place that the walk is in, or has been at"
)]
pub(in crate::db) struct Printer<'a> {
    pub(super) names: Names<'a>,
    /// Whether the walk is in a column's default, which alone may call the clock and random UUIDs.
    pub(in crate::db) in_default: bool,
    /// Whether the next call is one in FROM.
    pub(super) is_in_from: bool,
    /// Whether the statement may write, and so may its common table expressions.
    pub(in crate::db) may_write: bool,
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
    /// What a string that comes next stands beside.
    pub(super) around: Around,
    /// Whether the statement takes the invocation's instant.
    pub(super) has_instant: bool,
    /// Whether something was printed in another form, so that PostgreSQL would name the result differently.
    pub(super) is_altered: bool,
    /// What the statement costs.
    pub(in crate::db) cost: Planner,
    /// The columns of the tables that the statement has named.
    pub(super) tables: HashMap<String, Shape>,
    /// The values whose type the contract has no value for, and what they are called.
    pub(super) opaque: HashMap<Node, &'static str>,
    /// The columns of `char(n)`, and whether the statement has one or converts to it.
    pub(super) padded: HashSet<Node>,
    pub(super) has_padded: bool,
    /// Where a string stands that was printed as a text, because it could become a date there.
    pub(super) made_text: Option<(Location, String)>,
    /// The columns of the table that a migration creates, with their sizes if their types bound them.
    pub(in crate::db) own_columns: HashMap<String, Option<Size>>,
    /// Whether the walk is in a generated column, whose columns keep their types.
    pub(in crate::db) in_generated: bool,
    /// Where the WITH in front of the whole statement begins, which alone may write.
    pub(super) top_with: Option<usize>,
    source: &'a Tokens,
    taken: Vec<bool>,
    out: String,
    last: Last,
    at: Location,
    depth: usize,
}

/// What was printed last.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Last {
    Name(Role),
    /// A bracket that opens, a dot or `::`.
    Bound,
    Other,
}

/// What a string stands beside, and so what PostgreSQL can take it for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Around {
    /// Anything: the string could become a date or time.
    #[default]
    Unknown,
    /// Something that has no operator, parameter or column of a date or time there.
    NoDate,
    /// `@>` or `<@`.
    Contains,
    /// `||`.
    Joins,
}

impl Around {
    pub(super) fn of_sign(sign: &str) -> Self {
        match sign {
            "->" | "->>" | "#>" | "#>>" | "#-" | "?" | "?|" | "?&" | "@?" | "@@" | "~" | "~*" | "!~"
            | "!~*" | "~~" | "~~*" | "!~~" | "!~~*" => Self::NoDate,
            "@>" | "<@" => Self::Contains,
            "||" => Self::Joins,
            _ => Self::Unknown,
        }
    }
}

/// What a name was judged as.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::db) enum Role {
    /// A column, or anything else behind which only an operator, a comma or a word can stand.
    Column,
    /// A schema, a table or an alias in front of a dot.
    Qualifier,
    /// A function, in front of its arguments.
    Function,
    /// A type, which a string or a list of numbers can follow.
    Type,
    /// A new name, or a table, which a list of columns can follow.
    Listed,
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
    pub sorts: usize,
}

impl<'a> Printer<'a> {
    pub(in crate::db) fn new(names: Names<'a>, source: &'a Tokens) -> Self {
        Self {
            names,
            in_default: false,
            is_in_from: false,
            may_write: false,
            scopes: Vec::new(),
            ctes: Vec::new(),
            cte_number: 0,
            count: Count::default(),
            parameters: BTreeSet::new(),
            short: BTreeSet::new(),
            moments: BTreeSet::new(),
            zones: BTreeSet::new(),
            around: Around::Unknown,
            has_instant: false,
            is_altered: false,
            cost: Planner::default(),
            tables: HashMap::new(),
            opaque: HashMap::new(),
            padded: HashSet::new(),
            has_padded: false,
            made_text: None,
            own_columns: HashMap::new(),
            in_generated: false,
            top_with: None,
            source,
            taken: vec![false; source.tokens.len()],
            out: String::new(),
            last: Last::Other,
            at: Location::START,
            depth: 0,
        }
    }

    pub(in crate::db) fn names(&self) -> Names<'a> {
        self.names
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

    /// Notes that the statement takes the invocation's instant as a parameter. A migration has no invocation, and reads the
    /// server's clock in the default of a column only.
    pub(super) fn take_instant(&mut self, construct: &str) -> Checked {
        if matches!(self.names, Names::Own(..)) {
            let rule = "a migration has a clock only in a DEFAULT: give the column DEFAULT now(), or write a fixed time";
            return self.refuse(shown(construct), rule);
        }
        self.has_instant = true;
        Ok(())
    }

    /// The printed text, and what the statement costs. Refuses a statement of which a token was not judged.
    pub(in crate::db) fn finished(mut self) -> Checked<(String, Plan)> {
        if let Some(index) = self.taken.iter().position(|taken| !taken) {
            let token = self.source.tokens.get(index);
            self.at = token.map_or(Location::START, |token| token.at);
            let text = token.map(|token| token.value.clone()).unwrap_or_default();
            return self.refuse(shown(&text), "not part of the SQL that plugins can use here");
        }
        // A value that gets one type with others, as in CASE, gets another one beside a text: spaces at its end would stay away.
        if let Some((at, text)) = self.made_text.take().filter(|_| self.has_padded) {
            self.at = at;
            let rule = "PostgreSQL can take it for a date, and the statement has a `char(n)`, beside which a text is not the same: \
                        say which type it has, `'…'::text` or `'…'::char(n)`";
            return self.refuse(shown(&text), rule);
        }
        // The instant is a parameter behind the author's.
        let instant = self.parameters.len().saturating_add(1);
        let text = self.out.replace(super::literal::INSTANT, &format!("${instant}::timestamptz"));
        Ok((text, self.cost.finish()))
    }

    /// Takes the token that begins at an offset. No token can be taken twice.
    pub(super) fn take(&mut self, start: usize) -> Option<Token> {
        let (index, token) = self.source.find(start)?;
        if std::mem::replace(self.taken.get_mut(index)?, true) {
            return None;
        }
        let (at, token) = (token.at, token.clone());
        self.reach(at);
        Some(token)
    }

    /// The token that begins at an offset, without taking it.
    pub(in crate::db) fn token_at(&self, start: usize) -> Option<&'a Token> {
        self.source.find(start).map(|(_, token)| token)
    }

    pub(super) fn see_offset(&mut self, offset: usize) {
        self.reach(self.source.at(offset));
    }

    /// Notes where the walk is, for faults and for costs.
    fn reach(&mut self, at: Location) {
        self.at = at;
        self.cost.see(at.line, at.column);
    }

    /// Prints a word, an operator, a bracket or a literal.
    pub(in crate::db) fn put(&mut self, token: &str) {
        let is_bound = matches!(token, "," | ")" | "]" | "." | "::") || self.out.is_empty();
        let is_called = token == "(" && matches!(self.last, Last::Name(Role::Function | Role::Type));
        if !(is_bound || is_called || token == "[" || self.last == Last::Bound) {
            self.out.push(' ');
        }
        self.out.push_str(token);
        self.last = if matches!(token, "(" | "[" | "." | "::") { Last::Bound } else { Last::Other };
    }

    /// The place of what is printed next.
    pub(super) fn printed(&self) -> usize {
        self.out.len()
    }

    /// Gives the operator that was printed at a place the schema of its extension.
    pub(super) fn put_schema(&mut self, place: usize, schema: &str, sign: &str) -> Checked {
        let rest = self.out.get(place..).unwrap_or_default();
        let start = place.saturating_add(rest.len().saturating_sub(rest.trim_start().len()));
        let end = start.saturating_add(sign.len());
        if self.out.get(start..end) != Some(sign) {
            return self.refuse(shown(sign), "not an operator here");
        }
        self.out.replace_range(start..end, &format!("OPERATOR ({}.{sign})", quoted(schema)));
        Ok(())
    }

    /// Prints what may not stand behind every name: a bracket, a dot or a string.
    pub(in crate::db) fn put_behind(&mut self, token: &str) -> Checked {
        let is_allowed = match (self.last, token) {
            (Last::Other | Last::Bound, _)
            | (Last::Name(Role::Qualifier), ".")
            | (Last::Name(Role::Function | Role::Type | Role::Listed), "(") => true,
            (Last::Name(Role::Type), text) => text.starts_with(['\'', 'E']),
            _ => false,
        };
        if !is_allowed {
            return self.refuse(shown(token), "cannot stand behind this name");
        }
        self.put(token);
        Ok(())
    }

    /// Prints a word that a parenthesis follows.
    pub(in crate::db) fn put_call(&mut self, word: &str) {
        self.put(word);
        self.last = Last::Name(Role::Function);
    }

    /// Prints the words of a type.
    pub(in crate::db) fn put_type(&mut self, words: &str) {
        self.put(words);
        self.last = Last::Name(Role::Type);
    }

    /// Prints a name that was judged for a role.
    pub(in crate::db) fn put_as(&mut self, role: Role, name: &str) {
        self.put(&quoted(name));
        self.last = Last::Name(role);
    }

    /// Runs a step and returns its printed text instead of appending it. A select list is checked after FROM but
    /// printed before it.
    pub(super) fn apart<T>(&mut self, step: impl FnOnce(&mut Self) -> Checked<T>) -> Checked<(T, String)> {
        let before = std::mem::take(&mut self.out);
        let last = std::mem::replace(&mut self.last, Last::Other);
        let result = step(self)?;
        self.last = last;
        Ok((result, std::mem::replace(&mut self.out, before)))
    }

    /// Gives a denial the place of the walk, for the author and the operator.
    pub(super) fn placed(&self, fault: Fault) -> Fault {
        match fault {
            Fault::Denied => self.unknown("this name", "not granted"),
            fault => fault,
        }
    }

    /// Where the walk is.
    pub(super) const fn place(&self) -> Location {
        self.at
    }

    /// Whether the token at the place of the walk is this name in double quotes.
    pub(super) fn is_quoted(&self, name: &str) -> bool {
        let mut here = self.source.tokens.iter().filter(|token| token.at == self.at);
        here.any(|token| token.class == Class::Name && token.value == name)
    }

    pub(in crate::db) fn refuse<T>(
        &self,
        construct: impl Into<String>,
        rule: impl Into<String>,
    ) -> Checked<T> {
        Err(Fault::invalid(self.at, construct, rule))
    }

    /// Refuses a node, at its place.
    pub(in crate::db) fn refuse_at<T>(
        &mut self,
        tree: &Tree,
        construct: impl Into<String>,
        rule: impl Into<String>,
    ) -> Checked<T> {
        self.see(tree);
        self.refuse(construct, rule)
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

    /// Takes a list in parentheses, whose items are nodes of one kind between commas, and prints it.
    pub(in crate::db) fn listed(
        &mut self,
        tree: &Tree,
        kind: Kind,
        mut step: impl FnMut(&mut Self, &Tree) -> Checked,
    ) -> Checked {
        let mut parts = Parts::of(tree);
        self.must_take(&mut parts, Kind::L_PAREN)?;
        self.put_behind("(")?;
        self.items(&mut parts, |printer, parts| {
            let item = printer.must_node(parts, kind)?;
            step(printer, &item)
        })?;
        self.must_take(&mut parts, Kind::R_PAREN)?;
        self.put(")");
        self.done(parts)
    }

    /// Takes and prints items with commas between them: at least one.
    pub(in crate::db) fn items(
        &mut self,
        parts: &mut Parts,
        mut step: impl FnMut(&mut Self, &mut Parts) -> Checked,
    ) -> Checked {
        loop {
            step(self, parts)?;
            if !self.takes(parts, Kind::COMMA) {
                return Ok(());
            }
            self.put(",");
        }
    }

    /// Takes a word and prints it, which must come next.
    pub(in crate::db) fn keyword(&mut self, parts: &mut Parts, kind: Kind, word: &str) -> Checked {
        self.must_take(parts, kind)?;
        self.put(word);
        Ok(())
    }

    /// Takes a word and prints it, if it comes next.
    pub(in crate::db) fn keyword_if(&mut self, parts: &mut Parts, kind: Kind, word: &str) -> bool {
        let is_next = self.takes(parts, kind);
        if is_next {
            self.put(word);
        }
        is_next
    }

    /// The name that a node of one token is. A name without quotes is folded to lower case, as in PostgreSQL.
    pub(in crate::db) fn name(&mut self, tree: &Tree) -> Checked<String> {
        let token = self.single(tree)?;
        match token.class {
            Class::Word | Class::Name => Ok(token.value),
            _ => self.refuse(shown(&token.value), "not a name"),
        }
    }

    /// The parts of a name that may have a schema before a dot: a path, or what has nothing but a path in it.
    pub(in crate::db) fn dotted(&mut self, tree: &Tree) -> Checked<(Option<String>, String)> {
        let mut parts = Parts::of(tree);
        match parts.next_kind() {
            Some(Kind::PATH_REF | Kind::PATH)
                if tree.kind() != Kind::PATH_REF && tree.kind() != Kind::PATH =>
            {
                let path = self.must_any(&mut parts)?;
                self.done(parts)?;
                self.dotted(&path)
            }
            Some(Kind::PATH_REF | Kind::PATH) => {
                let schema = self.must_any(&mut parts)?;
                let schema = self.name(&schema)?;
                self.must_take(&mut parts, Kind::DOT)?;
                let name = self.must_any(&mut parts)?;
                let name = self.name(&name)?;
                self.done(parts)?;
                Ok((Some(schema), name))
            }
            _ => Ok((None, self.name(tree)?)),
        }
    }

    /// A name that may not have a schema.
    pub(in crate::db) fn undotted(&mut self, tree: &Tree) -> Checked<String> {
        match self.dotted(tree)? {
            (None, name) => Ok(name),
            (Some(_), name) => self.refuse(shown(&name), "write the name without a schema"),
        }
    }
}

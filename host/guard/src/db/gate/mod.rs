//! The gate for SQL text: `db.query` and `db-write.execute`.
//!
//! The gate reads one statement, walks its whole tree against an allow-list that denies by default, and prints the statement's
//! own tokens in their own order, each in one canonical form. Only [`ReadStatement::text`] and [`WriteStatement::text`] are sent
//! to the server. The gate is not a planner: the server resolves types and ambiguous names, and checks the rights of the
//! plugin's role again.
//!
//! **Why a difference between the parser's grammar and the server's lets nothing through.** The lexer is PostgreSQL's, written
//! from its manual, and the canonical text has one reading, so both see the same tokens. Each token is judged by itself and for
//! the role that it is printed in: a table or column is one that is granted, a function, operator, type or collation is in its
//! list, a literal is a value. A statement whose tokens another grammar groups differently still consists of nothing else. A
//! judged name cannot change its role: behind the name of a column stands no bracket, dot or string
//! ([`Printer::put_behind`](printer::Printer::put_behind)). Words of the grammar are printed only by the code that judged the
//! clause that they belong to. Every token must have been judged, or the statement is refused
//! ([`Printer::finished`](printer::Printer::finished)). What depends on grouping is the estimate of the cost, and that is made
//! with PostgreSQL's own precedence (`expression.rs`).
//!
//! Read the files in this order:
//! 1. Before the walk: `fault.rs` (why the walk ends early), `lex.rs` (tokens), `tree.rs` (the parser, and how a tree is taken
//!    apart), `stack.rs` (the parser's thread).
//! 2. The walk: `printer.rs` (its state), `scope.rs` (the visible names), `query.rs`, `select.rs`, `relation.rs` (FROM),
//!    `write.rs`, `insert.rs`, `merge.rs`.
//! 3. Expressions: `expression.rs`, `literal.rs`, `call.rs`, `special.rs` (functions with their own syntax), `path.rs` (paths
//!    of JSON), `short.rs` (separators).
//! 4. The allow-lists: `functions.rs`, `operators.rs`, `types.rs`, and `db/extension.rs` for granted extensions; and `zone.rs`, texts that name the clock or a zone.
//! 5. Afterwards: `place.rs` (where the server's complaint stands in the author's text), `check.rs` (files of statements).
//!
//! What a statement may cost is in [`cost`](super::cost): the walk plans it, and the check is made when the statement is
//! parsed and again when its values are known.
//!
//! The contract is `wit/db.wit`. The tests are in `tests/`, hostile rows first.

pub(in crate::db) mod fault;
pub(in crate::db) mod lex;
pub(in crate::db) mod printer;
pub(in crate::db) mod scope;
pub(in crate::db) mod stack;
pub(in crate::db) mod tree;
pub(in crate::db) mod zone;

mod call;
mod check;
mod expression;
mod functions;
mod insert;
mod literal;
mod merge;
mod operators;
mod path;
mod place;
mod query;
mod relation;
mod select;
mod short;
mod special;
#[cfg(test)]
mod tests;
mod types;
mod write;

pub(in crate::db) use self::check::verdict;
pub use self::check::{Verdict, check};
use self::fault::{Checked, Fault, Location};
use self::lex::Tokens;
pub use self::place::{place, with_place};
use self::printer::Printer;
use self::scope::Names;
use super::Refusal;
use super::catalogue::Catalogue;
use super::cost::Plan;
use super::shown;
use crate::limits;
use crate::reports::Notes;
use std::collections::BTreeSet;

/// Refuses SQL text in a transaction that several plugins share. Such a transaction runs as the host's login, and the
/// security boundary of SQL text is the plugin's own login.
pub fn may_run_text(is_shared: bool) -> Result<(), Refusal> {
    if is_shared {
        let rule = "SQL text does not run in a tap's transaction, which several plugins share: use a structured call";
        return Err(Refusal::Invalid(rule.into()));
    }
    Ok(())
}

/// A statement that reads, printed from its checked tree.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReadStatement {
    text: String,
    demands: Demands,
}

impl ReadStatement {
    /// Parses SQL that a guest sent to `db.query`.
    pub fn parse(catalogue: &Catalogue, sql: &str) -> Result<Self, Refusal> {
        Self::noted(catalogue, sql, &mut Notes::default())
    }

    /// The same, and notes what the guest is not told of a refusal.
    pub fn noted(catalogue: &Catalogue, sql: &str, notes: &mut Notes) -> Result<Self, Refusal> {
        if !catalogue.query() {
            return Err(Fault::Unknown {
                at: Location::START,
                construct: "a query".into(),
                rule: NO_QUERY.into(),
            }
            .told(sql, notes));
        }
        stack::with_room(|| Self::checked(catalogue, sql)).map_err(|fault| fault.told(sql, notes))
    }

    fn checked(catalogue: &Catalogue, sql: &str) -> Checked<Self> {
        Self::judged(catalogue, &one(sql)?)
    }

    fn judged(catalogue: &Catalogue, tokens: &Tokens) -> Checked<Self> {
        const RULE: &str = "a query is SELECT, VALUES, TABLE, or WITH before one of them";
        match tokens.first_word() {
            ("select" | "values" | "with" | "table", _) => {}
            (word, at) => return Err(Fault::invalid(at, shown(word), RULE)),
        }
        let tree = tree::parse(tokens)?;
        let mut printer = Printer::new(Names::Granted(catalogue), tokens);
        let shape = printer.query(&tree).map_err(|fault| printer.placed(fault))?;
        printer.sendable(&tree, &shape)?;
        let (text, demands) = finished(printer)?;
        Ok(Self { text, demands })
    }

    /// The text to send: printed from the checked tree.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// What the statement demands of its parameters: a [`Binder`](super::parameter::Binder) checks it.
    pub fn demands(&self) -> &Demands {
        &self.demands
    }
}

/// A statement that writes, printed from its checked tree.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WriteStatement {
    text: String,
    demands: Demands,
}

impl WriteStatement {
    /// Parses SQL that a guest sent to `db-write.execute`.
    pub fn parse(catalogue: &Catalogue, sql: &str) -> Result<Self, Refusal> {
        Self::noted(catalogue, sql, &mut Notes::default())
    }

    /// The same, and notes what the guest is not told of a refusal.
    pub fn noted(catalogue: &Catalogue, sql: &str, notes: &mut Notes) -> Result<Self, Refusal> {
        if !catalogue.execute() {
            let (at, construct) = (Location::START, "a statement that writes".into());
            return Err(Fault::Unknown { at, construct, rule: NO_EXECUTE.into() }.told(sql, notes));
        }
        stack::with_room(|| Self::checked(catalogue, sql)).map_err(|fault| fault.told(sql, notes))
    }

    fn checked(catalogue: &Catalogue, sql: &str) -> Checked<Self> {
        Self::judged(catalogue, &one(sql)?)
    }

    fn judged(catalogue: &Catalogue, tokens: &Tokens) -> Checked<Self> {
        match tokens.first_word() {
            ("insert" | "update" | "delete" | "merge" | "with", _) => {}
            (word, at) => return Err(Fault::invalid(at, shown(word), WRITE_RULE)),
        }
        let tree = tree::parse(tokens)?;
        let mut printer = Printer::new(Names::Granted(catalogue), tokens);
        printer.statement(&tree).map_err(|fault| printer.placed(fault))?;
        let (text, demands) = finished(printer)?;
        Ok(Self { text, demands })
    }

    /// The text to send: printed from the checked tree.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// What the statement demands of its parameters: a [`Binder`](super::parameter::Binder) checks it.
    pub fn demands(&self) -> &Demands {
        &self.demands
    }
}

const NO_QUERY: &str = "`query = true` is not granted in [grants.db]";
const NO_EXECUTE: &str = "`execute = true` is not granted in [grants.db]";
const WRITE_RULE: &str = "a statement that writes is INSERT, UPDATE, DELETE or MERGE, or has one in its WITH";

/// Splits a text into tokens and checks that it is one statement.
fn one(sql: &str) -> Checked<Tokens> {
    let mut statements = lex::statements(sql, limits::SQL_BYTES_MAX)?;
    match (statements.pop(), statements.pop()) {
        (Some(tokens), None) => Ok(tokens),
        (None, _) => Err(Fault::invalid(Location::START, "nothing", "the text must be one statement")),
        (Some(second), Some(_)) => {
            let (_, at) = second.first_word();
            Err(Fault::invalid(at, "a second statement", "the text must be one statement"))
        }
    }
}

/// What a statement demands of its parameters.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Demands {
    /// The number of parameters: `$1` to `$n`, each of which the text uses.
    pub parameters: usize,
    /// The numbers of the parameters that are patterns or separators, and must be short.
    pub short: Vec<usize>,
    /// The numbers of the parameters that are converted to a date or time, and must be one.
    pub moments: Vec<usize>,
    /// The numbers of the parameters that name a time zone.
    pub zones: Vec<usize>,
    /// Whether the statement has one parameter more, behind the author's: the invocation's instant.
    pub instant: bool,
    /// What the statement costs, which depends on the sizes of the parameters.
    pub cost: Plan,
}

/// Returns the printed text and what it demands of its parameters, after checking that their numbers have no gap and that
/// the statement is not too expensive whatever their values are.
fn finished(printer: Printer<'_>) -> Checked<(String, Demands)> {
    let parameters = printer.parameters.len();
    if printer.parameters.last().is_some_and(|&last| last != parameters) {
        return printer.refuse("parameters", "number them $1, $2 and so on without a gap");
    }
    let list = |numbers: &BTreeSet<usize>| numbers.iter().copied().collect();
    let (short, moments, zones) = (list(&printer.short), list(&printer.moments), list(&printer.zones));
    let instant = printer.has_instant;
    let (text, cost) = printer.finished()?;
    cost.check(&[])?;
    Ok((text, Demands { parameters, short, moments, zones, instant, cost }))
}

//! The gate for SQL text: `db.query` and `db-write.execute`.
//!
//! The gate parses one statement, checks its whole tree against an allow-list that denies by default, and prints a new
//! text on the way. Only [`ReadStatement::text`] and [`WriteStatement::text`] are sent to the server. The gate is not a
//! planner: the server resolves types and ambiguous names, and checks the rights of the plugin's role again.
//!
//! Read the files in this order:
//! 1. Before the walk: `fault.rs` (why the walk ends early), `lex.rs` (the checks before the parser), `stack.rs` (the
//!    parser's thread).
//! 2. The walk: `printer.rs` (its state), `scope.rs` (the visible names), `query.rs`, `select.rs`, `relation.rs` (FROM),
//!    `write.rs`, `insert.rs`.
//! 3. Expressions: `expression.rs`, `operation.rs` (operators and CASE), `call.rs`, `literal.rs`, `syntax.rs` (functions
//!    with their own syntax), `short.rs` (patterns and separators).
//! 4. The allow-lists: `functions.rs`, `operators.rs`, `types.rs`; and `zone.rs`, texts that name the clock or a zone.
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
pub(in crate::db) mod zone;

mod call;
mod expression;
mod functions;
mod insert;
mod literal;
mod operation;
mod operators;
mod query;
mod relation;
mod select;
mod short;
mod syntax;
#[cfg(test)]
mod tests;
mod types;
mod write;

use self::fault::{Checked, Fault};
use self::printer::Printer;
use self::scope::Names;
use super::Refusal;
use super::catalogue::Catalogue;
use super::cost::Plan;
use crate::limits;
use sqlparser::ast::Statement;
use sqlparser::keywords::Keyword;
use sqlparser::tokenizer::{Location, TokenWithSpan};
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
        if !catalogue.query() {
            return Err(Refusal::Denied);
        }
        Ok(stack::with_room(|| Self::checked(catalogue, sql))?)
    }

    fn checked(catalogue: &Catalogue, sql: &str) -> Checked<Self> {
        const RULE: &str = "a query is SELECT, VALUES, or WITH before one of them";
        let tokens = one(sql)?;
        match lex::first_word(&tokens) {
            (Keyword::SELECT | Keyword::VALUES | Keyword::WITH, ..) => {}
            (_, word, at) => return Err(Fault::invalid(at, word, RULE)),
        }
        let Statement::Query(query) = lex::parse(tokens)? else {
            return Err(Fault::invalid(START, "statement", RULE));
        };
        let mut printer = Printer::new(Names::Granted(catalogue));
        printer.query(&query)?;
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
        if !catalogue.execute() {
            return Err(Refusal::Denied);
        }
        Ok(stack::with_room(|| Self::checked(catalogue, sql))?)
    }

    fn checked(catalogue: &Catalogue, sql: &str) -> Checked<Self> {
        let tokens = one(sql)?;
        match lex::first_word(&tokens) {
            (Keyword::INSERT | Keyword::UPDATE | Keyword::DELETE | Keyword::WITH, ..) => {}
            (_, word, at) => return Err(Fault::invalid(at, word, WRITE_RULE)),
        }
        let statement = lex::parse(tokens)?;
        let mut printer = Printer::new(Names::Granted(catalogue));
        printer.write(&statement)?;
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

const START: Location = Location { line: 1, column: 1 };

const WRITE_RULE: &str = "a statement that writes is INSERT, UPDATE or DELETE";

/// Splits a text into tokens and checks that it is one statement.
fn one(sql: &str) -> Checked<Vec<TokenWithSpan>> {
    let mut statements = lex::statements(sql, limits::SQL_BYTES_MAX)?;
    match (statements.pop(), statements.pop()) {
        (Some(tokens), None) => Ok(tokens),
        (None, _) => Err(Fault::invalid(START, "nothing", "the text must be one statement")),
        (Some(second), Some(_)) => {
            let at = second.first().map_or(START, |token| token.span.start);
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
    let (text, cost) = printer.finished();
    cost.check(&[]).map_err(|refusal| Fault::invalid(START, "statement", refusal.to_string()))?;
    Ok((text, Demands { parameters, short, moments, zones, cost }))
}

//! The gate for SQL text: `db.query` and `db-write.execute`.
//!
//! One statement is parsed, its whole tree is walked by an allow-list with default deny, and a new text is printed on the
//! way. [`ReadStatement::text`] and [`WriteStatement::text`] are all that is ever sent. It is not a planner: types and
//! ambiguous names are left to the server, as are rights, which the plugin's role has of its own.
//!
//! Order to read: `lex.rs` (before the parser), `stack.rs`, `printer.rs` (the walk), `scope.rs` (names), `query.rs`, `select.rs`,
//! `relation.rs`, `expression.rs`, `call.rs`, then the lists: `functions.rs`, `operators.rs`, `types.rs`. The
//! contract is `wit/db.wit`; the tests are in `tests/`, hostile rows first.

pub(in crate::db) mod fault;
pub(in crate::db) mod lex;
pub(in crate::db) mod printer;
pub(in crate::db) mod scope;
pub(in crate::db) mod stack;

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

use sqlparser::ast::Statement;
use sqlparser::keywords::Keyword;
use sqlparser::tokenizer::{Location, TokenWithSpan};

use self::fault::{Checked, Fault};
use self::printer::Printer;
use self::scope::Names;
use super::Refusal;
use super::catalogue::Catalogue;
use crate::limits;

/// Whether SQL text may run in a transaction. The plugin's login is the boundary of SQL text, so there is none in a
/// transaction that several plugins share, which is the host's.
pub fn may_run_text(is_shared: bool) -> Result<(), Refusal> {
    if is_shared {
        let rule = "SQL text does not run in a tap's transaction, which several plugins share: use a structured call";
        return Err(Refusal::Invalid(rule.into()));
    }
    Ok(())
}

/// One statement that reads, checked and printed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReadStatement {
    text: String,
    parameters: usize,
    short_parameters: Vec<usize>,
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
        const RULE: &str = "SELECT, VALUES, or WITH of these read";
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
        let short_parameters = printer.short.iter().copied().collect();
        let (text, parameters) = finished(printer)?;
        Ok(Self { text, parameters, short_parameters })
    }

    /// The text to send: printed from the checked tree.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// How many parameters it takes: `$1` to `$n`, each used.
    pub fn parameters(&self) -> usize {
        self.parameters
    }

    /// Numbers of the parameters that are patterns or separators: whoever sends the statement must check their
    /// values with [`short`](super::short).
    pub fn short_parameters(&self) -> &[usize] {
        &self.short_parameters
    }
}

/// One statement that writes, checked and printed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WriteStatement {
    text: String,
    parameters: usize,
    short_parameters: Vec<usize>,
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
            (_, word, at) => return Err(Fault::invalid(at, word, "INSERT, UPDATE and DELETE write")),
        }
        let statement = lex::parse(tokens)?;
        let mut printer = Printer::new(Names::Granted(catalogue));
        printer.write(&statement)?;
        let short_parameters = printer.short.iter().copied().collect();
        let (text, parameters) = finished(printer)?;
        Ok(Self { text, parameters, short_parameters })
    }

    /// The text to send: printed from the checked tree.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// How many parameters it takes: `$1` to `$n`, each used.
    pub fn parameters(&self) -> usize {
        self.parameters
    }

    /// Numbers of the parameters that are patterns or separators: whoever sends the statement must check their
    /// values with [`short`](super::short).
    pub fn short_parameters(&self) -> &[usize] {
        &self.short_parameters
    }
}

const START: Location = Location { line: 1, column: 1 };

/// The tokens of the one statement that a text must be.
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

/// The text and the number of its parameters, which must leave no gap.
fn finished(printer: Printer<'_>) -> Checked<(String, usize)> {
    let parameters = printer.parameters.len();
    if printer.parameters.last().is_some_and(|&last| last != parameters) {
        return printer.refuse("parameters", "they are $1, $2 and so on without a gap");
    }
    Ok((printer.text(), parameters))
}

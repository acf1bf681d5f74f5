//! The checks before the parser runs: bytes, NUL, tokens, nesting, and the first word of a statement.
//!
//! The parser recurses, and dropping a tree recurses too. The limits that are checked here bound the stack that both
//! need, which `stack.rs` provides. `tests/bombs.rs` parses thousands of nested and repeated words on half of that
//! stack.

use crate::db::gate::fault::{Checked, Fault};
use crate::db::shown;
use crate::limits::{
    SQL_DEPTH_MAX, SQL_MESSAGE_CHARS_MAX, SQL_NODES_MAX, SQL_PARSER_DEPTH_MAX, SQL_POSITIONS_MAX,
};
use sqlparser::ast::Statement;
use sqlparser::dialect::PostgreSqlDialect;
use sqlparser::keywords::Keyword;
use sqlparser::parser::{Parser, ParserError};
use sqlparser::tokenizer::{Location, Token, TokenWithSpan, Tokenizer};

/// Splits a text into statements, each within the limits. Drops empty statements.
pub(in crate::db) fn statements(text: &str, bytes_max: usize) -> Checked<Vec<Vec<TokenWithSpan>>> {
    let start = Location { line: 1, column: 1 };
    if text.len() > bytes_max {
        return Err(Fault::invalid(
            start,
            format!("text of {} bytes", text.len()),
            format!("at most {bytes_max} bytes"),
        ));
    }
    if text.contains('\0') {
        return Err(Fault::invalid(start, "NUL", "PostgreSQL's text cannot contain it"));
    }
    let tokens = Tokenizer::new(&PostgreSqlDialect {}, text)
        .tokenize_with_location()
        .map_err(|error| Fault::invalid(error.location, "text", error.message))?;
    let mut statements = vec![Vec::new()];
    for token in tokens {
        match (&token.token, statements.last_mut()) {
            (Token::SemiColon, _) | (_, None) => statements.push(Vec::new()),
            (Token::Whitespace(_) | Token::EOF, _) => {}
            (_, Some(statement)) => statement.push(token),
        }
    }
    statements.retain(|statement| !statement.is_empty());
    for statement in &statements {
        bounded(statement)?;
    }
    Ok(statements)
}

/// Refuses a statement that is too long or too deeply nested to parse.
fn bounded(tokens: &[TokenWithSpan]) -> Checked {
    let (mut open, mut positions) = (0_usize, 0_usize);
    for (index, TokenWithSpan { token, span }) in tokens.iter().enumerate() {
        match token {
            Token::LParen | Token::LBracket | Token::LBrace => open = open.saturating_add(1),
            Token::RParen | Token::RBracket | Token::RBrace => open = open.saturating_sub(1),
            Token::Word(word) if word.keyword == Keyword::POSITION => positions = positions.saturating_add(1),
            _ => {}
        }
        if open > SQL_DEPTH_MAX {
            return Err(Fault::invalid(span.start, "nesting", format!("at most {SQL_DEPTH_MAX} levels")));
        }
        if positions > SQL_POSITIONS_MAX {
            let rule = format!("at most {SQL_POSITIONS_MAX} in one statement; write strpos");
            return Err(Fault::invalid(span.start, "position", rule));
        }
        if index >= SQL_NODES_MAX {
            return Err(Fault::invalid(span.start, "statement", format!("at most {SQL_NODES_MAX} tokens")));
        }
    }
    Ok(())
}

/// The first word of a statement after any opening parentheses, and its position.
pub(in crate::db) fn first_word(tokens: &[TokenWithSpan]) -> (Keyword, String, Location) {
    for TokenWithSpan { token, span } in tokens {
        match token {
            Token::LParen => {}
            Token::Word(word) => return (word.keyword, shown(&word.value), span.start),
            other => return (Keyword::NoKeyword, shown(&other.to_string()), span.start),
        }
    }
    (Keyword::NoKeyword, "nothing".to_owned(), Location { line: 1, column: 1 })
}

/// Parses one statement.
pub(in crate::db) fn parse(tokens: Vec<TokenWithSpan>) -> Checked<Statement> {
    let at = tokens.first().map_or(Location { line: 1, column: 1 }, |token| token.span.start);
    let dialect = PostgreSqlDialect {};
    let mut parser =
        Parser::new(&dialect).with_recursion_limit(SQL_PARSER_DEPTH_MAX).with_tokens_with_locations(tokens);
    let statement = parser.parse_statement().map_err(|error| syntax(at, error))?;
    let next = parser.peek_token();
    if next.token != Token::EOF {
        let found = shown(&next.token.to_string());
        return Err(Fault::invalid(next.span.start, found, "the statement must end before it"));
    }
    Ok(statement)
}

fn syntax(at: Location, error: ParserError) -> Fault {
    match error {
        ParserError::TokenizerError(text) | ParserError::ParserError(text) => {
            let short: String = text.chars().take(SQL_MESSAGE_CHARS_MAX).collect();
            Fault::invalid(at, "syntax", short.escape_debug().to_string())
        }
        ParserError::RecursionLimitExceeded => {
            Fault::invalid(at, "nesting", format!("at most {SQL_DEPTH_MAX} levels"))
        }
    }
}

//! The tokens of SQL text, by PostgreSQL's own rules.
//!
//! The rules are those of chapter 4.1 of PostgreSQL's manual, for `standard_conforming_strings = on`. Each token gets one
//! canonical form: names folded and without escapes, strings decoded, numbers in decimal digits, comments gone. The parser reads
//! the canonical text and so cannot read a token in another way than the server will. What one version of PostgreSQL reads in
//! another way than the next is refused: `0b11` and `1_000` (numbers since version 16, a number with an alias before), and
//! digits with letters behind them.
//!
//! The checks before the parser are here too: bytes, NUL, the number of tokens, and nesting, because the parser recurses.
// tidy: numbers are those of PostgreSQL's escapes and of UTF-16's surrogates

use super::fault::{Checked, Fault, Location};
use crate::db::{quoted, shown};
use crate::limits::{IDENTIFIER_BYTES_MAX, SQL_DEPTH_MAX, SQL_NODES_MAX, SQL_NUMBER_BYTES_MAX};

/// What a token is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::db) enum Class {
    /// A keyword, or a name without quotes, in lower case.
    Word,
    /// A name in quotes.
    Name,
    /// A string, decoded.
    Text,
    /// A string of bits, in its own form.
    Bits,
    /// A number.
    Number,
    /// `$1`.
    Parameter,
    /// An operator, a bracket, or other punctuation.
    Sign,
}

/// A token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::db) struct Token {
    pub class: Class,
    /// A name or a string without its quotes; otherwise the token itself.
    pub value: String,
    /// Where it begins in the author's text.
    pub at: Location,
    /// Where it begins and ends in the canonical text.
    pub range: std::ops::Range<usize>,
}

/// One statement: its tokens, and the text that the parser reads.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(in crate::db) struct Tokens {
    pub text: String,
    pub tokens: Vec<Token>,
}

impl Tokens {
    fn push(&mut self, class: Class, value: String, at: Location) {
        if !self.text.is_empty() {
            self.text.push(' ');
        }
        let start = self.text.len();
        match class {
            Class::Name => self.text.push_str(&quoted(&value)),
            Class::Text => {
                self.text.push('\'');
                self.text.push_str(&value.replace('\'', "''"));
                self.text.push('\'');
            }
            // A name with other letters is one in quotes to the parser, whatever it takes for a letter.
            Class::Word if !value.is_ascii() => self.text.push_str(&quoted(&value)),
            // The parser takes no NOT behind `BETWEEN 1 AND 5 OR`. Another prefix is read in the same place, and the walk groups
            // by itself and prints the token.
            Class::Word if value == "not" && self.ends_with_or() => self.text.push('~'),
            _ => self.text.push_str(&value),
        }
        self.tokens.push(Token { class, value, at, range: start..self.text.len() });
    }

    fn ends_with_or(&self) -> bool {
        self.tokens.last().is_some_and(|token| token.class == Class::Word && token.value == "or")
    }

    /// The token that begins at an offset of the canonical text.
    pub(in crate::db) fn find(&self, start: usize) -> Option<(usize, &Token)> {
        let index = self.tokens.partition_point(|token| token.range.start < start);
        self.tokens.get(index).filter(|token| token.range.start == start).map(|token| (index, token))
    }

    /// The first word after any opening parentheses, in lower case, and where it stands.
    pub(in crate::db) fn first_word(&self) -> (&str, Location) {
        let is_bracket = |token: &&Token| token.class == Class::Sign && token.value == "(";
        match self.tokens.iter().find(|token| !is_bracket(token)) {
            Some(token) => (&token.value, token.at),
            None => ("", Location::START),
        }
    }
}

/// Splits a text into statements, each within the limits. Drops empty statements.
pub(in crate::db) fn statements(text: &str, bytes_max: usize) -> Checked<Vec<Tokens>> {
    if text.len() > bytes_max {
        let (found, rule) = (format!("text of {} bytes", text.len()), format!("at most {bytes_max} bytes"));
        return Err(Fault::invalid(Location::START, found, rule));
    }
    let mut lexer = Lexer::new(text, Location::START);
    lexer.statements.push(Tokens::default());
    while lexer.next()? {}
    let mut statements = lexer.statements;
    statements.retain(|statement| !statement.tokens.is_empty());
    Ok(statements)
}

struct Lexer<'a> {
    rest: &'a str,
    /// Where the rest begins.
    at: Location,
    statements: Vec<Tokens>,
    nesting: Nesting,
}

/// Counts what the parser recurses for.
#[derive(Clone, Copy, Debug, Default)]
struct Nesting {
    open: usize,
    /// Operators and NOT in a row, each of which the parser takes for a prefix of the next.
    prefixes: usize,
    /// Parentheses that open right behind another that closed. The parser takes each for a call of all before.
    reopened: usize,
    is_closed: bool,
    tokens: usize,
}

const OPERATOR: &str = "~!@#^&|`?+-*/%<>=";
/// With one of these in it, an operator may end in `+` or `-`.
const UNUSUAL: &str = "~!@#^&|`?%";

fn is_name_start(c: char) -> bool {
    c.is_ascii_alphabetic() || c == '_' || !c.is_ascii()
}

fn is_name_part(c: char) -> bool {
    is_name_start(c) || c.is_ascii_digit() || c == '$'
}

/// White space to every version of PostgreSQL.
fn is_space(c: char) -> bool {
    matches!(c, ' ' | '\t' | '\n' | '\r' | '\u{c}')
}

impl<'a> Lexer<'a> {
    fn new(rest: &'a str, at: Location) -> Self {
        Self { rest, at, statements: Vec::new(), nesting: Nesting::default() }
    }

    fn skip(&mut self, bytes: usize) -> &'a str {
        let (taken, rest) = self.rest.split_at_checked(bytes).unwrap_or((self.rest, ""));
        self.rest = rest;
        self.at = self.at.after(taken);
        taken
    }

    fn take_while(&mut self, holds: impl Fn(char) -> bool) -> &'a str {
        let end = self.rest.find(|c: char| !holds(c)).unwrap_or(self.rest.len());
        self.skip(end)
    }

    /// Skips white space and comments.
    fn trivia(&mut self) -> Checked {
        loop {
            self.take_while(is_space);
            if self.rest.starts_with("--") {
                self.take_while(|c| c != '\n' && c != '\r');
            } else if self.rest.starts_with("/*") {
                self.block_comment()?;
            } else {
                return Ok(());
            }
        }
    }

    fn block_comment(&mut self) -> Checked {
        let (at, mut open) = (self.at, 0_usize);
        loop {
            if self.rest.starts_with("/*") {
                open = open.saturating_add(1);
                self.skip(2);
            } else if self.rest.starts_with("*/") {
                open = open.saturating_sub(1);
                self.skip(2);
            } else if let Some(c) = self.rest.chars().next() {
                self.skip(c.len_utf8());
            } else {
                return refuse(at, "/*", "close the comment with */");
            }
            if open == 0 {
                return Ok(());
            }
        }
    }

    /// Reads the next token. Returns false at the end of the text.
    fn next(&mut self) -> Checked<bool> {
        self.trivia()?;
        let Some(first) = self.rest.chars().next() else { return Ok(false) };
        let at = self.at;
        let second = self.rest.chars().nth(1);
        let third = self.rest.chars().nth(2);
        match (first, second) {
            ('\0', _) => return refuse(at, "NUL", "PostgreSQL's text cannot contain it"),
            ('\'', _) => {
                let text = self.string(at, 0)?;
                self.push(Class::Text, text, at)?;
            }
            ('e' | 'E', Some('\'')) => {
                let text = self.escaped(at)?;
                self.push(Class::Text, text, at)?;
            }
            ('u' | 'U', Some('&')) if matches!(third, Some('\'' | '"')) => {
                self.unicode(at, third == Some('"'))?;
            }
            ('b' | 'B' | 'x' | 'X', Some('\'')) => {
                let digits = self.string(at, 1)?;
                let kind = first.to_ascii_lowercase();
                if !digits.bytes().all(|byte| byte.is_ascii_hexdigit()) {
                    return refuse(at, "a string of bits", "has only digits");
                }
                self.push(Class::Bits, format!("{kind}'{digits}'"), at)?;
            }
            ('n' | 'N', Some('\'')) => return refuse(at, "N'…'", "write '…'"),
            ('"', _) => {
                let name = self.quoted_name(at, 0)?;
                self.name(Class::Name, name, at)?;
            }
            ('$', Some(next)) if next.is_ascii_digit() => {
                self.skip(1);
                let digits = self.take_while(|c| c.is_ascii_digit());
                self.no_letters(at, digits)?;
                self.push(Class::Parameter, format!("${digits}"), at)?;
            }
            ('$', _) => {
                let text = self.dollar(at)?;
                self.push(Class::Text, text, at)?;
            }
            (c, next) if c.is_ascii_digit() || c == '.' && next.is_some_and(|c| c.is_ascii_digit()) => {
                self.number(at)?;
            }
            (c, _) if is_name_start(c) => {
                let word = self.take_while(is_name_part).to_ascii_lowercase();
                self.name(Class::Word, word, at)?;
            }
            (';', _) => {
                self.skip(1);
                self.nesting = Nesting::default();
                self.statements.push(Tokens::default());
            }
            (c, _) if OPERATOR.contains(c) => {
                let operator = self.operator();
                self.push(Class::Sign, operator, at)?;
            }
            (':', Some(':' | '=')) | ('.', Some('.')) => {
                let sign = self.skip(2).to_owned();
                self.push(Class::Sign, sign, at)?;
            }
            (',' | '(' | ')' | '[' | ']' | '.' | ':', _) => {
                let sign = self.skip(1).to_owned();
                self.push(Class::Sign, sign, at)?;
            }
            (other, _) => {
                return refuse(
                    at,
                    shown(&other.to_string()),
                    "not a character of SQL outside of '…' and \"…\"",
                );
            }
        }
        Ok(true)
    }

    fn push(&mut self, class: Class, value: String, at: Location) -> Checked {
        self.nesting.count(class, &value, at)?;
        if let Some(statement) = self.statements.last_mut() {
            statement.push(class, value, at);
        }
        Ok(())
    }

    /// Checks the length of a name. PostgreSQL cuts a longer one, so that two names could be one.
    fn name(&mut self, class: Class, name: String, at: Location) -> Checked {
        if name.is_empty() || name.len() > IDENTIFIER_BYTES_MAX {
            let rule = format!("a name must have 1 to {IDENTIFIER_BYTES_MAX} bytes");
            return refuse(at, shown(&name), rule);
        }
        self.push(class, name, at)
    }

    /// A string in quotes that begins after a prefix of some bytes.
    fn string(&mut self, at: Location, prefix: usize) -> Checked<String> {
        let mut text = self.enclosed(at, prefix, '\'')?;
        while self.continues() {
            text.push_str(&self.enclosed(at, 0, '\'')?);
        }
        Ok(text)
    }

    /// Whether the string goes on: after white space with a line break, and comments to the end of a line.
    fn continues(&mut self) -> bool {
        let before = (self.rest, self.at);
        let mut has_break = false;
        loop {
            has_break |= self.take_while(is_space).contains(['\n', '\r']);
            if !self.rest.starts_with("--") {
                break;
            }
            self.take_while(|c| c != '\n' && c != '\r');
        }
        if has_break && self.rest.starts_with('\'') {
            return true;
        }
        (self.rest, self.at) = before;
        false
    }

    /// What is between two quotes, where a doubled quote stands for itself.
    fn enclosed(&mut self, at: Location, prefix: usize, quote: char) -> Checked<String> {
        self.skip(prefix.saturating_add(1));
        let mut text = String::new();
        loop {
            text.push_str(self.take_while(|c| c != quote && c != '\0'));
            let (first, second) = (self.rest.chars().next(), self.rest.chars().nth(1));
            match first {
                Some('\0') => return refuse(at, "NUL", "PostgreSQL's text cannot contain it"),
                Some(_) if second == Some(quote) => {
                    self.skip(2);
                    text.push(quote);
                }
                Some(_) => {
                    self.skip(1);
                    return Ok(text);
                }
                None => return refuse(at, quote.to_string(), format!("close it with another {quote}")),
            }
        }
    }

    fn quoted_name(&mut self, at: Location, prefix: usize) -> Checked<String> {
        self.enclosed(at, prefix, '"')
    }

    /// E'…', with its escapes.
    fn escaped(&mut self, at: Location) -> Checked<String> {
        let mut bytes = Vec::new();
        self.skip(1);
        loop {
            self.skip(1);
            self.escaped_part(at, &mut bytes)?;
            if !self.continues() {
                break;
            }
        }
        match String::from_utf8(bytes) {
            Ok(text) if !text.contains('\0') => Ok(text),
            _ => refuse(at, "E'…'", "its escapes must make UTF-8 without NUL"),
        }
    }

    fn escaped_part(&mut self, at: Location, bytes: &mut Vec<u8>) -> Checked {
        loop {
            bytes.extend_from_slice(self.take_while(|c| c != '\'' && c != '\\').as_bytes());
            let mut next = self.rest.chars();
            match (next.next(), next.next()) {
                (Some('\''), Some('\'')) => {
                    self.skip(2);
                    bytes.push(b'\'');
                }
                (Some('\''), _) => {
                    self.skip(1);
                    return Ok(());
                }
                (Some(_), Some(c)) => {
                    self.skip(c.len_utf8().saturating_add(1));
                    self.escape(at, c, bytes)?;
                }
                _ => return refuse(at, "E'", "close it with another '"),
            }
        }
    }

    fn escape(&mut self, at: Location, c: char, bytes: &mut Vec<u8>) -> Checked {
        let mut utf8 = [0; 4];
        match c {
            'b' => bytes.push(8),
            'f' => bytes.push(12),
            'n' => bytes.push(b'\n'),
            'r' => bytes.push(b'\r'),
            't' => bytes.push(b'\t'),
            '0'..='7' => {
                let more = self.digits(2, 8);
                let octal = u32::from_str_radix(&format!("{c}{more}"), 8).unwrap_or_default();
                // PostgreSQL keeps the lowest eight bits.
                bytes.push(u8::try_from(octal & 0xff).unwrap_or_default());
            }
            'x' if self.rest.starts_with(|c: char| c.is_ascii_hexdigit()) => {
                let digits = self.digits(2, 16);
                bytes.push(u8::from_str_radix(digits, 16).unwrap_or_default());
            }
            'u' | 'U' => {
                let c = self.code_point(at, "\\u", if c == 'u' { 4 } else { 8 })?;
                bytes.extend_from_slice(c.encode_utf8(&mut utf8).as_bytes());
            }
            other => bytes.extend_from_slice(other.encode_utf8(&mut utf8).as_bytes()),
        }
        Ok(())
    }

    /// Takes up to this many digits.
    fn digits(&mut self, max: usize, radix: u32) -> &'a str {
        let count = self.rest.chars().take(max).take_while(|c| c.is_digit(radix)).count();
        self.skip(count)
    }

    /// A character by its number, or by two surrogates with an escape before the second.
    fn code_point(&mut self, at: Location, escape: &str, length: usize) -> Checked<char> {
        let rule = "an escape names a character by 4 or 8 digits (6 in U&'…'), a surrogate is followed by its other half";
        let number =
            |digits: &str| (digits.len() == length).then(|| u32::from_str_radix(digits, 16).ok()).flatten();
        let first = number(self.digits(length, 16));
        let found = match first {
            Some(high @ 0xd800..=0xdbff) => {
                let is_escape = self.rest.starts_with(escape);
                self.skip(if is_escape { escape.len() } else { 0 });
                let low = if is_escape { number(self.digits(length, 16)) } else { None };
                low.filter(|low| (0xdc00..=0xdfff).contains(low)).and_then(|low| {
                    let high = high.saturating_sub(0xd800).saturating_mul(0x400);
                    char::from_u32(high.saturating_add(low.saturating_sub(0xdc00)).saturating_add(0x1_0000))
                })
            }
            other => other.and_then(char::from_u32),
        };
        found.filter(|c| *c != '\0').map_or_else(|| refuse(at, "a Unicode escape", rule), Ok)
    }

    /// U&'…' or U&"…", with UESCAPE behind it.
    fn unicode(&mut self, at: Location, is_name: bool) -> Checked {
        let raw = if is_name { self.quoted_name(at, 2)? } else { self.string(at, 2)? };
        let before = (self.rest, self.at);
        self.trivia()?;
        let mut escape = '\\';
        if self.rest.get(..7).is_some_and(|word| word.eq_ignore_ascii_case("uescape"))
            && !self.rest.chars().nth(7).is_some_and(is_name_part)
        {
            self.skip(7);
            self.trivia()?;
            let text = if self.rest.starts_with('\'') { self.string(at, 0)? } else { String::new() };
            let mut characters = text.chars();
            match (characters.next(), characters.next()) {
                (Some(c), None)
                    if !(c.is_ascii_hexdigit() || "+'\"".contains(c) || is_space(c)) && c.is_ascii() =>
                {
                    escape = c;
                }
                _ => {
                    return refuse(
                        at,
                        "UESCAPE",
                        "names one character that is no digit, quote, plus or space",
                    );
                }
            }
        } else {
            (self.rest, self.at) = before;
        }
        let text = unescaped(&raw, escape, at)?;
        if is_name { self.name(Class::Name, text, at) } else { self.push(Class::Text, text, at) }
    }

    /// $$…$$ or $tag$…$tag$.
    fn dollar(&mut self, at: Location) -> Checked<String> {
        let tag = self.rest.get(1..).and_then(|rest| rest.split_once('$')).map(|(tag, _)| tag);
        let is_tag = |tag: &str| {
            !tag.starts_with(|c: char| c.is_ascii_digit()) && tag.chars().all(|c| c != '$' && is_name_part(c))
        };
        let Some(tag) = tag.filter(|tag| is_tag(tag)) else {
            return refuse(at, "$", "parameters are $1, $2 and so on");
        };
        let mark = self.skip(tag.len().saturating_add(2));
        let Some(end) = self.rest.find(mark) else {
            return refuse(at, shown(mark), "close it with the same mark");
        };
        let text = self.skip(end);
        self.skip(mark.len());
        if text.contains('\0') {
            return refuse(at, "NUL", "PostgreSQL's text cannot contain it");
        }
        Ok(text.to_owned())
    }

    fn number(&mut self, at: Location) -> Checked {
        let start = self.rest;
        self.take_while(|c| c.is_ascii_digit());
        // `1..2` is a range of PL/pgSQL and has no number with a point.
        if self.rest.starts_with('.') && !self.rest.starts_with("..") {
            self.skip(1);
            self.take_while(|c| c.is_ascii_digit());
        }
        let mut exponent = self.rest.chars();
        if matches!(exponent.next(), Some('e' | 'E')) {
            let signed = usize::from(matches!(exponent.clone().next(), Some('+' | '-')));
            if exponent.nth(signed).is_some_and(|c| c.is_ascii_digit()) {
                self.skip(signed.saturating_add(1));
                self.take_while(|c| c.is_ascii_digit());
            }
        }
        let length = start.len().saturating_sub(self.rest.len());
        let number = start.get(..length).unwrap_or_default();
        self.no_letters(at, number)?;
        if number.len() > SQL_NUMBER_BYTES_MAX {
            let rule = format!("a number has at most {SQL_NUMBER_BYTES_MAX} characters");
            return refuse(at, shown(number), rule);
        }
        self.push(Class::Number, number.to_ascii_lowercase(), at)
    }

    fn no_letters(&self, at: Location, number: &str) -> Checked {
        if !self.rest.starts_with(is_name_start) {
            return Ok(());
        }
        let found = format!("letters behind {}", shown(number));
        refuse(at, found, "write numbers in decimal digits without _, and a space before a word")
    }

    /// An operator: as many characters as possible, up to a comment, without `+` and `-` at its end unless it has a character
    /// that arithmetic does not have.
    fn operator(&mut self) -> String {
        let run = self.rest.find(|c: char| !OPERATOR.contains(c)).unwrap_or(self.rest.len());
        let run = self.rest.get(..run).unwrap_or_default();
        let comment = ["--", "/*"].iter().filter_map(|comment| run.find(comment)).min();
        let mut operator = run.get(..comment.unwrap_or(run.len())).unwrap_or_default();
        while operator.len() > 1
            && operator.ends_with(['+', '-'])
            && !operator.contains(|c| UNUSUAL.contains(c))
        {
            operator = operator.get(..operator.len().saturating_sub(1)).unwrap_or_default();
        }
        let operator = self.skip(operator.len());
        if operator == "!=" { "<>".to_owned() } else { operator.to_owned() }
    }
}

fn refuse<T>(at: Location, construct: impl Into<String>, rule: impl Into<String>) -> Checked<T> {
    Err(Fault::invalid(at, construct, rule))
}

impl Nesting {
    fn count(&mut self, class: Class, value: &str, at: Location) -> Checked {
        self.tokens = self.tokens.saturating_add(1);
        if self.tokens > SQL_NODES_MAX {
            return Err(Fault::invalid(at, "statement", format!("at most {SQL_NODES_MAX} tokens")));
        }
        let is_prefix = match (class, value) {
            (Class::Sign, "(" | "[") | (Class::Word, "case") => {
                self.open = self.open.saturating_add(1);
                false
            }
            (Class::Sign, ")" | "]") | (Class::Word, "end") => {
                self.open = self.open.saturating_sub(1);
                false
            }
            (Class::Word, "not") => true,
            (Class::Sign, sign) => sign.starts_with(|c| OPERATOR.contains(c)),
            _ => false,
        };
        let is_reopened = std::mem::replace(&mut self.is_closed, value == ")" && class == Class::Sign);
        self.reopened =
            self.reopened.saturating_add(usize::from(is_reopened && value == "(" && class == Class::Sign));
        self.prefixes = if is_prefix { self.prefixes.saturating_add(1) } else { 0 };
        if self.open.max(self.prefixes).max(self.reopened) > SQL_DEPTH_MAX {
            return Err(Fault::invalid(at, "nesting", format!("at most {SQL_DEPTH_MAX} levels")));
        }
        Ok(())
    }
}

/// The text of U&'…' without its escapes.
fn unescaped(raw: &str, escape: char, at: Location) -> Checked<String> {
    let mut text = String::with_capacity(raw.len());
    let mut lexer = Lexer::new(raw, at);
    loop {
        text.push_str(lexer.take_while(|c| c != escape));
        let mut next = lexer.rest.chars();
        match (next.next(), next.next()) {
            (None, _) => return Ok(text),
            (Some(_), Some(c)) if c == escape => {
                lexer.skip(escape.len_utf8().saturating_mul(2));
                text.push(escape);
            }
            (Some(_), second) => {
                lexer.skip(escape.len_utf8());
                let is_long = second == Some('+');
                lexer.skip(usize::from(is_long));
                let again = if is_long { format!("{escape}+") } else { escape.to_string() };
                text.push(lexer.code_point(at, &again, if is_long { 6 } else { 4 })?);
            }
        }
    }
}

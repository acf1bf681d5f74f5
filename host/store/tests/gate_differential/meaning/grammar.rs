//! Makes statements that an author could write, from productions with types, and with as few parentheses as PostgreSQL's
//! precedence allows: the same number gives the same statement on every machine.
//!
//! A production is a kind, a level and a text. In the text, words in capitals are keywords, `#x` is a name, `k.n` a column,
//! and `%i9` an expression of kind `i` whose level is at least 9; without a number any level will do. An expression of a
//! lower level gets parentheses. A line with `!` at its start is of a kind in `corpus/silent.sql`. The levels are PostgreSQL's:
//!
//! 1 OR · 2 AND · 3 NOT · 4 IS · 5 comparison · 6 BETWEEN, IN, LIKE · 7 other operators · 8 `+ -` · 9 `* / %` · 10 `^` ·
//! 11 AT TIME ZONE · 12 COLLATE · 13 unary minus · 15 `::` · 16 what holds together by itself

use super::spelling::{Token, spelled};
use crate::generate::Dice;

struct Production {
    /// The kind of the expression.
    kind: char,
    level: usize,
    tokens: Vec<Part>,
}

impl Production {
    fn is_leaf(&self) -> bool {
        !self.tokens.iter().any(|part| matches!(part, Part::Place(..)))
    }
}

/// A token, or the place of an expression: its kind and its lowest level.
enum Part {
    Token(Token),
    Place(char, usize),
}

/// The grammar, read from its text once.
pub struct Grammar(Vec<Production>);

/// The deepest nesting of expressions.
const DEPTH: usize = 4;
/// The level that needs no parentheses anywhere.
const ATOM: usize = 16;

impl Grammar {
    /// All productions, or all but those that begin with `!`.
    pub fn new(is_whole: bool) -> Self {
        let row = |line: &str| {
            let (head, text) = line.split_once('|').unwrap();
            let (kind, level) = (head.chars().next().unwrap(), head[1..].trim());
            let level = if level.is_empty() { ATOM } else { level.parse().unwrap() };
            Production { kind, level, tokens: parts(text) }
        };
        let lines = GRAMMAR.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with("--"));
        let lines = lines.filter(|line| is_whole || !line.starts_with('!'));
        Self(lines.map(|line| row(line.trim_start_matches('!'))).collect())
    }

    /// The statement of a number.
    pub fn statement(&self, number: u64, is_write: bool) -> String {
        let mut dice = Dice::new(number);
        let (mut tokens, depth) = (Vec::new(), 1 + dice.below(DEPTH));
        self.write(&mut dice, if is_write { 'W' } else { 'R' }, 0, depth, &mut tokens);
        spelled(&mut dice, &tokens)
    }

    fn write(&self, dice: &mut Dice, kind: char, level: usize, depth: usize, tokens: &mut Vec<Token>) {
        let is_leaf = depth == 0 || (kind.is_lowercase() && dice.below(5) == 0);
        let of_kind = || self.0.iter().filter(|production| production.kind == kind);
        let mut all: Vec<&Production> =
            of_kind().filter(|production| !is_leaf || production.is_leaf()).collect();
        if all.is_empty() {
            all.extend(of_kind());
        }
        let production = all[dice.below(all.len())];
        // Once in a while parentheses are left out that are needed: both sides must then read something else, or refuse.
        let needs = production.level < level && dice.below(60) > 0;
        let is_wrapped = needs || (kind.is_lowercase() && dice.below(10) == 0);
        let paren = |text: &str| Token::Sign(text.to_owned());
        if is_wrapped {
            tokens.push(paren("("));
        }
        for part in &production.tokens {
            match part {
                Part::Token(token) => tokens.push(token.clone()),
                Part::Place(kind, level) => self.write(dice, *kind, *level, depth.saturating_sub(1), tokens),
            }
        }
        if is_wrapped {
            tokens.push(paren(")"));
        }
    }
}

fn parts(text: &str) -> Vec<Part> {
    let mut parts = Vec::new();
    let mut rest = text.trim_start();
    while let Some(first) = rest.chars().next() {
        let end = if first == '\'' { Some(end_of_text(rest)) } else { rest.find(' ') };
        let (word, after) = rest.split_at(end.unwrap_or(rest.len()));
        rest = after.trim_start();
        let name = |name: &str| Part::Token(Token::Name(name.to_owned()));
        let second = word.chars().nth(1).unwrap_or(' ');
        match first {
            '\'' => parts.push(Part::Token(Token::Text(word[1..word.len() - 1].replace("''", "'")))),
            '%' if second.is_alphabetic() => parts.push(Part::Place(second, word[2..].parse().unwrap_or(0))),
            '#' if second.is_alphabetic() => parts.push(name(&word[1..])),
            '.' if second.is_ascii_digit() => parts.push(Part::Token(Token::Exact(word.to_owned()))),
            '$' | '"' | '0'..='9' => parts.push(Part::Token(Token::Exact(word.to_owned()))),
            _ if first.is_alphabetic() => match word.split_once('.') {
                Some((table, "*")) => {
                    parts.push(name(table));
                    parts.extend([".", "*"].map(|sign| Part::Token(Token::Sign(sign.to_owned()))));
                }
                Some((table, column)) => {
                    parts.extend([name(table), Part::Token(Token::Sign(".".to_owned())), name(column)]);
                }
                None => parts.push(Part::Token(Token::Word(word.to_owned()))),
            },
            _ => parts.push(Part::Token(Token::Sign(word.to_owned()))),
        }
    }
    parts
}

/// Where a literal ends that begins the text: behind a quote that is not doubled.
fn end_of_text(text: &str) -> usize {
    let mut at = 1;
    while let Some(quote) = text[at..].find('\'') {
        at += quote + 1;
        if !text[at..].starts_with('\'') {
            return at;
        }
        at += 1;
    }
    text.len()
}

/// All productions. Expressions are over the table `kinds k`. The kinds of expressions: b boolean, i integer, n numeric,
/// f double precision, t text, d date, c time, s timestamp, z timestamptz, v interval, j jsonb, l integers, w texts,
/// y bytea, u uuid, m mood, a inet.
const GRAMMAR: &str = include_str!("grammar.txt");

//! The syntax tree, and how the walk takes it apart.
//!
//! The tree is lossless: it contains each token. The walk takes the children of a node in their order, and a node must be
//! taken whole ([`Printer::done`]). At the end every token of the statement must have been taken, once
//! ([`Printer::finished`](super::printer::Printer::finished)): what nobody judged is refused, whatever it is.

use super::fault::{Checked, Fault, Location};
use super::lex::{Class, Token, Tokens};
use super::printer::Printer;
use crate::db::shown;
use squawk_syntax::{SourceFile, SyntaxElement};

pub(in crate::db) use squawk_syntax::{SyntaxKind as Kind, SyntaxNode as Tree};

/// Parses one statement. The tree's only node is the statement.
pub(in crate::db) fn parse(tokens: &Tokens) -> Checked<Tree> {
    let parsed = SourceFile::parse(&tokens.text);
    if let Some(error) = parsed.errors().first() {
        let offset = error.range().start().into();
        let next = tokens.tokens.iter().find(|token| token.range.end > offset);
        let found = next.map_or_else(|| "the end of the statement".to_owned(), |token| shown(&token.value));
        let rule = match expected(error.message()) {
            Some(expected) => format!("not expected here: write {expected} first"),
            None if error.message().contains("comma") => "not expected here: leave the comma out".to_owned(),
            None => "not expected here".to_owned(),
        };
        return Err(Fault::invalid(tokens.at(offset), found, rule));
    }
    let root = parsed.syntax_node();
    let mut statements = root.children();
    match (statements.next(), statements.next()) {
        (Some(statement), None) => Ok(statement),
        _ => Err(Fault::invalid(Location::START, "the text", "must be one statement")),
    }
}

/// What can stand where the parser found something else, in words of SQL; `None` if its message does not say that. The
/// message is for those who work on the parser.
fn expected(message: &str) -> Option<String> {
    let rest = ["expected ", "missing ", "Expected ", "Missing "]
        .iter()
        .find_map(|head| message.strip_prefix(head))?;
    let rest = rest.split([',']).next().unwrap_or_default();
    let rest = rest.split(" but got").next().unwrap_or_default().trim();
    let first = rest.split(' ').next().unwrap_or_default();
    // A token, by its kind: `R_PAREN`, `FROM_KW`.
    let sign = match first {
        "L_PAREN" => Some("("),
        "R_PAREN" => Some(")"),
        "L_BRACK" => Some("["),
        "R_BRACK" => Some("]"),
        "COMMA" | "comma" => return Some("`,` or `)`".to_owned()),
        "DOT" => Some("."),
        "COLON" => Some(":"),
        "EQ" => Some("="),
        _ => None,
    };
    let is_word =
        |word: &str| word.len() > 1 && word.bytes().all(|byte| byte.is_ascii_uppercase() || byte == b'_');
    if let Some(sign) = sign {
        return Some(format!("`{sign}`"));
    }
    if is_word(first) {
        let words = rest.split(' ').map(|word| word.strip_suffix("_KW").unwrap_or(word));
        let words: Vec<&str> = words.take_while(|word| is_word(word) || *word == "or").collect();
        return Some(words.join(" "));
    }
    let is = |parts: &[&str]| parts.iter().any(|part| rest.contains(part));
    let noun = if is(&["expr", "condition", "value"]) {
        "a value"
    } else if is(&["type"]) {
        "a type"
    } else if is(&["from", "table ref"]) {
        "a table, a subquery or a function"
    } else if is(&["select", "SELECT", "query"]) {
        "SELECT, VALUES or TABLE"
    } else if is(&["literal", "numeric", "count", "integer"]) {
        "a literal"
    } else if is(&["row"]) {
        "a row in parentheses"
    } else if is(&["name", "identifier", "label", "column", "relation", "target"]) {
        "a name"
    } else if is(&["operator"]) {
        "an operator"
    } else {
        return None;
    };
    Some(noun.to_owned())
}

impl Tokens {
    /// Where the token at an offset of the canonical text stands in the author's text.
    pub(in crate::db) fn at(&self, offset: usize) -> Location {
        let index = self.tokens.partition_point(|token| token.range.end <= offset);
        self.tokens.get(index).or(self.tokens.last()).map_or(Location::START, |token| token.at)
    }
}

/// The children of a node that are still to be taken, without white space.
#[derive(Debug)]
pub(in crate::db) struct Parts {
    rest: std::vec::IntoIter<SyntaxElement>,
}

impl Parts {
    pub(in crate::db) fn of(tree: &Tree) -> Self {
        let is_part = |part: &SyntaxElement| part.kind() != Kind::WHITESPACE;
        let parts: Vec<SyntaxElement> = tree.children_with_tokens().filter(is_part).collect();
        Self { rest: parts.into_iter() }
    }

    /// The kind of the next child.
    pub(in crate::db) fn next_kind(&self) -> Option<Kind> {
        self.rest.as_slice().first().map(SyntaxElement::kind)
    }

    /// The next child, if it is a node of this kind.
    pub(in crate::db) fn node(&mut self, kind: Kind) -> Option<Tree> {
        if self.next_kind() == Some(kind) { self.any_node() } else { None }
    }

    /// The next child, if it is a node.
    pub(in crate::db) fn any_node(&mut self) -> Option<Tree> {
        let node = self.peek_node()?;
        self.rest.next();
        Some(node)
    }

    /// The next child, if it is a node, without taking it.
    pub(in crate::db) fn peek_node(&self) -> Option<Tree> {
        self.rest.as_slice().first()?.as_node().cloned()
    }

    /// The last child, if it is a node.
    pub(super) fn last_node(&self) -> Option<Tree> {
        self.rest.as_slice().iter().rev().find_map(|part| part.as_node()).cloned()
    }

    fn any(&mut self) -> Option<SyntaxElement> {
        self.rest.next()
    }
}

/// The offset of a node or token in the canonical text.
fn start(element: &SyntaxElement) -> usize {
    element.text_range().start().into()
}

impl Printer<'_> {
    /// Takes the next child if it is a token of this kind.
    pub(in crate::db) fn takes(&mut self, parts: &mut Parts, kind: Kind) -> bool {
        let is_token = parts
            .rest
            .as_slice()
            .first()
            .is_some_and(|part| part.kind() == kind && part.as_token().is_some());
        is_token && parts.any().is_some_and(|part| self.take(start(&part)).is_some())
    }

    /// Takes the next child, which must be a token of this kind.
    pub(in crate::db) fn must_take(&mut self, parts: &mut Parts, kind: Kind) -> Checked {
        if self.takes(parts, kind) { Ok(()) } else { self.unexpected(parts) }
    }

    /// The next child, which must be a node of this kind.
    pub(in crate::db) fn must_node(&mut self, parts: &mut Parts, kind: Kind) -> Checked<Tree> {
        match parts.node(kind) {
            Some(node) => Ok(node),
            None => self.unexpected(parts),
        }
    }

    /// The next child, which must be a node.
    pub(in crate::db) fn must_any(&mut self, parts: &mut Parts) -> Checked<Tree> {
        match parts.any_node() {
            Some(node) => Ok(node),
            None => self.unexpected(parts),
        }
    }

    /// Takes the next child, which must be exactly one token of the text: a token, or a node that consists of the
    /// characters of one operator.
    pub(in crate::db) fn sign(&mut self, parts: &mut Parts) -> Checked<Token> {
        let Some(part) = parts.any() else { return self.refuse("the statement", "ends too early") };
        let end: usize = part.text_range().end().into();
        match self.take(start(&part)) {
            Some(token) if token.range.end == end => Ok(token),
            _ => self.refuse(shown(&part.to_string()), "not one operator"),
        }
    }

    /// Takes all tokens of a node that has only words in it, and returns them in upper case.
    pub(in crate::db) fn words(&mut self, tree: &Tree) -> Checked<String> {
        let is_name =
            |part: Tree| matches!(part.kind(), Kind::NAME_REF | Kind::PATH_REF | Kind::PATH_SEGMENT_REF);
        if tree.descendants().any(is_name) {
            return self.refuse_at(tree, shown(&tree.to_string()), "only words of SQL can stand here");
        }
        let mut words = Vec::new();
        for token in tree.descendants_with_tokens().filter_map(SyntaxElement::into_token) {
            if token.kind() == Kind::WHITESPACE {
                continue;
            }
            match self.take(token.text_range().start().into()) {
                Some(Token { class: Class::Word, value, .. }) => words.push(value.to_ascii_uppercase()),
                _ => return self.refuse(shown(token.text()), "only words can stand here"),
            }
        }
        Ok(words.join(" "))
    }

    /// Takes all that a node consists of, which must be one token.
    pub(in crate::db) fn single(&mut self, tree: &Tree) -> Checked<Token> {
        let mut parts = Parts::of(tree);
        let token = match parts.node(Kind::PATH_REF).or_else(|| parts.node(Kind::PATH_SEGMENT_REF)) {
            Some(inner) => self.single(&inner)?,
            None => self.sign(&mut parts)?,
        };
        self.done(parts)?;
        Ok(token)
    }

    /// Checks that a node was taken whole.
    pub(in crate::db) fn done(&mut self, mut parts: Parts) -> Checked {
        if parts.next_kind().is_none() { Ok(()) } else { self.unexpected(&mut parts) }
    }

    /// Refuses the next child.
    pub(in crate::db) fn unexpected<T>(&mut self, parts: &mut Parts) -> Checked<T> {
        let Some(part) = parts.any() else { return self.refuse("the statement", "ends too early") };
        self.see_offset(start(&part));
        self.refuse(shown(&part.to_string()), "not part of the SQL that plugins can use here")
    }

    /// Reports the next fault at this node.
    pub(in crate::db) fn see(&mut self, tree: &Tree) {
        self.see_offset(tree.text_range().start().into());
    }
}

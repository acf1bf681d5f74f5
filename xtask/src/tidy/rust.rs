//! Rust sources as the rules read them: tokens with their lines. A rule that looks for code finds none in comments and
//! strings, and can leave out tests.

use std::ops::RangeInclusive;

use anyhow::{Result, anyhow};
use proc_macro2::{Delimiter, TokenStream, TokenTree};

/// One file.
pub struct Source {
    pub path: String,
    pub text: String,
    /// All tokens, flat; brackets are tokens too.
    pub tokens: Vec<Token>,
    /// The lines of `#[cfg(test)]` items.
    tests: Vec<RangeInclusive<usize>>,
}

/// A token and its line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Token {
    pub text: String,
    pub line: usize,
}

impl Source {
    /// Reads a file's tokens.
    pub fn read(path: &str, text: &str) -> Result<Self> {
        let stream: TokenStream = text.parse().map_err(|error| anyhow!("{error}"))?;
        let (mut tokens, mut tests) = (Vec::new(), Vec::new());
        flatten(stream, &mut tokens, &mut tests);
        Ok(Self { path: path.to_owned(), text: text.to_owned(), tokens, tests })
    }

    /// Whether the whole file is for tests: an integration test, or a module of tests.
    pub fn is_test(&self) -> bool {
        self.path.starts_with("tests/")
            || self.path.contains("/tests/")
            || self.path.contains("/benches/")
            || self.path.ends_with("/tests.rs")
    }

    /// Whether a line is part of a test.
    pub fn is_test_line(&self, line: usize) -> bool {
        self.is_test() || self.tests.iter().any(|lines| lines.contains(&line))
    }

    /// The tokens outside tests.
    pub fn code(&self) -> Vec<&Token> {
        self.tokens.iter().filter(|token| !self.is_test_line(token.line)).collect()
    }

    /// A line's text, counted from 1; empty outside the file.
    pub fn line(&self, number: usize) -> &str {
        number.checked_sub(1).and_then(|index| self.text.lines().nth(index)).unwrap_or_default()
    }

    /// Whether the path starts with a folder's path, given with a final `/`.
    pub fn is_in(&self, folder: &str) -> bool {
        self.path.starts_with(folder)
    }
}

/// Whether the tokens start with these texts.
pub fn starts(tokens: &[&Token], texts: &[&str]) -> bool {
    tokens.len() >= texts.len() && tokens.iter().zip(texts).all(|(token, text)| token.text == *text)
}

fn flatten(stream: TokenStream, tokens: &mut Vec<Token>, tests: &mut Vec<RangeInclusive<usize>>) {
    let mut trees = stream.into_iter().peekable();
    // The first line of the test item that is being read. The item ends with its braces or its semicolon.
    let mut test: Option<usize> = None;
    while let Some(tree) = trees.next() {
        let (line, end) = (tree.span().start().line, tree.span().end().line);
        if test.is_none() && is_punct(&tree, '#') && trees.peek().is_some_and(is_cfg_test) {
            test = Some(line);
        }
        let is_body = matches!(&tree, TokenTree::Group(group) if group.delimiter() == Delimiter::Brace);
        if let Some(from) = test.filter(|_| is_body || is_punct(&tree, ';')) {
            tests.push(from..=end);
            test = None;
        }
        match tree {
            TokenTree::Group(group) => {
                let (open, close) = brackets(group.delimiter());
                tokens.push(Token { text: open.to_owned(), line });
                flatten(group.stream(), tokens, tests);
                tokens.push(Token { text: close.to_owned(), line: end });
            }
            other => tokens.push(Token { text: other.to_string(), line }),
        }
    }
}

fn is_punct(tree: &TokenTree, wanted: char) -> bool {
    matches!(tree, TokenTree::Punct(punct) if punct.as_char() == wanted)
}

fn is_cfg_test(tree: &TokenTree) -> bool {
    let TokenTree::Group(group) = tree else { return false };
    let text: String = group.stream().to_string().split_whitespace().collect();
    group.delimiter() == Delimiter::Bracket && text == "cfg(test)"
}

fn brackets(delimiter: Delimiter) -> (&'static str, &'static str) {
    match delimiter {
        Delimiter::Parenthesis => ("(", ")"),
        Delimiter::Brace => ("{", "}"),
        Delimiter::Bracket => ("[", "]"),
        Delimiter::None => ("", ""),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comment_and_string_are_not_code() {
        let source =
            Source::read("a.rs", "// unsafe\nconst A: &str = \"unsafe\"; /* unsafe */").expect("Rust");
        assert!(source.code().iter().all(|token| token.text != "unsafe"));
    }

    #[test]
    fn test_item_is_not_code() {
        let text =
            "fn a() {}\n#[cfg(test)]\nmod tests {\n    fn b() {}\n}\n#[cfg(test)]\nuse c;\nfn d() {}\n";
        let source = Source::read("a.rs", text).expect("Rust");
        let names: Vec<_> =
            source.code().iter().map(|token| token.text.as_str()).filter(|text| text.len() == 1).collect();
        assert_eq!(names, ["a", "(", ")", "{", "}", "d", "(", ")", "{", "}"]);
    }

    #[test]
    fn code_after_cfg_not_test_is_code() {
        let source = Source::read("a.rs", "#[cfg(not(test))]\nfn a() {}\n").expect("Rust");
        assert!(source.code().iter().any(|token| token.text == "a"));
    }
}

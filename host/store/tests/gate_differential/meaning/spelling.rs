//! The ways in which one statement can be written: gaps, comments, letters' case, quotes, forms of literals.
//!
//! A statement is a list of [`Token`]s, and PostgreSQL reads every spelling of it the same way. A gate that reads one of
//! them differently is what this finds.

use crate::generate::Dice;

/// A token as the grammar makes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Token {
    /// A keyword, a name of a function or of a type.
    Word(String),
    /// The name of a column, a table or an alias, in lower case.
    Name(String),
    /// The contents of a text literal, without quotes.
    Text(String),
    /// An operator or punctuation.
    Sign(String),
    /// A number, a parameter or another literal: always spelled the same.
    Exact(String),
}

/// How one statement is spelled.
#[derive(Clone, Copy)]
struct Style {
    case: Case,
    /// One gap in this many is unusual; none is if this is 0.
    gaps: usize,
    /// One name in this many is quoted, one text in this many has another form.
    forms: usize,
}

#[derive(Clone, Copy, PartialEq)]
enum Case {
    Upper,
    Lower,
    Mixed,
}

const STYLES: [Style; 6] = [
    Style { case: Case::Upper, gaps: 0, forms: 0 },
    Style { case: Case::Lower, gaps: 3, forms: 8 },
    Style { case: Case::Upper, gaps: 2, forms: 4 },
    Style { case: Case::Mixed, gaps: 4, forms: 3 },
    Style { case: Case::Lower, gaps: 1, forms: 0 },
    Style { case: Case::Mixed, gaps: 1, forms: 1 },
];

/// Gaps that people leave, and comments in the place of one.
const GAPS: [&str; 9] =
    ["\n", "\t", "  ", "\r\n", "/* c */", "/**/", " /* a /* b */ '\" */ ", " -- it's\n", "\n\n\t"];

/// Writes a statement in one of the ways.
pub fn spelled(dice: &mut Dice, tokens: &[Token]) -> String {
    let style = STYLES[dice.below(STYLES.len())];
    let mut text = String::new();
    let mut before: Option<&Token> = None;
    for token in tokens {
        let form = form(dice, style, token);
        if let Some(before) = before {
            gap(dice, style, (&mut text, before), (&form, token));
        }
        text.push_str(&form);
        before = Some(token);
    }
    text
}

fn form(dice: &mut Dice, style: Style, token: &Token) -> String {
    let unusual = style.forms > 0 && dice.below(style.forms) == 0;
    match token {
        Token::Word(word) => cased(dice, style.case, word),
        Token::Name(name) if unusual => match dice.below(4) {
            0 => format!("U&\"\\{:04x}{}\"", u32::from(name.as_bytes()[0]), &name[1..]),
            _ => format!("\"{name}\""),
        },
        Token::Name(name) if style.case == Case::Mixed => cased(dice, Case::Mixed, name),
        Token::Name(name) => name.clone(),
        Token::Text(text) if unusual => unusual_text(dice, text),
        Token::Text(text) => format!("'{}'", text.replace('\'', "''")),
        Token::Sign(text) | Token::Exact(text) => text.clone(),
    }
}

/// Another form of the same text.
fn unusual_text(dice: &mut Dice, text: &str) -> String {
    let quoted = text.replace('\'', "''");
    let middle = text.char_indices().map(|(at, _)| at).nth(1).unwrap_or(0);
    let halves = text.split_at(middle);
    let halves = (halves.0.replace('\'', "''"), halves.1.replace('\'', "''"));
    match dice.below(8) {
        0 => format!("E'{}'", text.replace('\\', "\\\\").replace('\'', "\\'")),
        1 => format!("U&'{}'", quoted.replace('\\', "\\\\")),
        2 if !text.contains('$') => format!("$${text}$$"),
        3 if !text.contains('$') => format!("$q${text}$q$"),
        4 => format!("'{}'\n'{}'", halves.0, halves.1),
        5 => format!("'{}' -- and\n  '{}'", halves.0, halves.1),
        6 => text.chars().fold("U&'".to_owned(), |all, c| format!("{all}\\+{:06x}", u32::from(c))) + "'",
        _ => text.bytes().fold("E'".to_owned(), |all, b| format!("{all}\\x{b:02x}")) + "'",
    }
}

fn cased(dice: &mut Dice, case: Case, word: &str) -> String {
    match case {
        Case::Upper => word.to_owned(),
        Case::Lower => word.to_ascii_lowercase(),
        Case::Mixed => word
            .chars()
            .map(|c| if dice.below(2) == 0 { c.to_ascii_uppercase() } else { c.to_ascii_lowercase() })
            .collect(),
    }
}

/// Writes the gap between two tokens: a space, nothing where PostgreSQL needs nothing, or something unusual.
fn gap(dice: &mut Dice, style: Style, (text, before): (&mut String, &Token), (form, after): (&str, &Token)) {
    let unusual = style.gaps > 0 && dice.below(style.gaps) == 0;
    let glues = glues(text, before, form, after);
    match (unusual, glues) {
        (true, true) if dice.below(3) > 0 => {}
        (true, _) => {
            // A comment directly behind an operator could become part of it.
            if text.ends_with(is_operator) {
                text.push(' ');
            }
            text.push_str(GAPS[dice.below(GAPS.len())]);
        }
        (false, true) if is_tight(before, after) => {}
        (false, _) => text.push(' '),
    }
}

/// Whether there is usually no gap.
fn is_tight(before: &Token, after: &Token) -> bool {
    let sign =
        |token: &Token, signs: &[&str]| matches!(token, Token::Sign(text) if signs.contains(&text.as_str()));
    sign(before, &["(", "[", ".", "::"])
        || sign(after, &[")", "]", ",", ".", "::", "["])
        || (sign(after, &["("])
            && matches!(before, Token::Word(word) if word.chars().all(|c| !c.is_uppercase())))
}

fn is_operator(c: char) -> bool {
    "+-*/<>=~!@#%^&|`?:".contains(c)
}

/// Whether PostgreSQL reads two tokens without a gap as the same two.
fn glues(text: &str, before: &Token, form: &str, after: &Token) -> bool {
    let (Some(last), Some(first)) = (text.chars().next_back(), form.chars().next()) else { return false };
    let is_word = |c: char| c.is_alphanumeric() || c == '_' || c == '$';
    match (before, after) {
        (Token::Sign(sign), _) if "([,".contains(sign.as_str()) => true,
        (_, Token::Sign(sign)) if ")],([".contains(sign.as_str()) => true,
        // `1.` is a number.
        (Token::Sign(sign), _) if sign == "." => !first.is_ascii_digit(),
        (_, Token::Sign(sign)) if sign == "." => !last.is_ascii_digit(),
        (Token::Sign(sign), Token::Sign(next)) if is_operator(last) && is_operator(first) => {
            // An operator that ends in a sign keeps it only if it has one of these characters.
            let keeps = sign.contains(['~', '!', '@', '#', '%', '^', '&', '|', '`', '?', ':']);
            ["-", "+"].contains(&next.as_str()) && !keeps && last != '-' && last != '/'
        }
        // A slice `[1:2]` may not become a cast, nor a text a prefix of another form.
        (Token::Sign(sign), _) | (_, Token::Sign(sign)) if sign == ":" || sign == "?" => false,
        (Token::Sign(_), _) | (_, Token::Sign(_)) => true,
        // The letter of `E'…'`, and `interval'1'`.
        (Token::Word(word), Token::Text(_)) => word.len() > 2 && first == '\'',
        // The dot of `5.` would take letters for an exponent.
        _ => {
            !((is_word(last) || last == '.') && (is_word(first) || first == '\'' || first == '"'))
                && !(last == '\'' && first == '\'')
        }
    }
}

//! Where in the author's text stands what the server complains of. The server names a character of the text that was sent.
//!
//! The sent text has the author's tokens in their own order, with schemas, conversions and names between them. So the third
//! `id` of one is the third of the other, as long as both have as many; of any other token the place is not known. Only the
//! sentence of a failure depends on this.

use super::fault::Location;
use super::lex::{self, Class, Token};

/// A sentence about what stands at a character of the printed text, with its place in the author's, if that is known.
pub fn with_place(sentence: &str, sql: &str, printed: &str, character: usize) -> String {
    match place(sql, printed, character) {
        Some((line, column)) => format!("near line {line}, column {column}: {sentence}"),
        None => sentence.to_owned(),
    }
}

/// The line and column of what stands at a character of the printed text, from 1 on.
pub fn place(sql: &str, printed: &str, character: usize) -> Option<(usize, usize)> {
    let [written, sent] = [sql, printed].map(tokens);
    let (written, sent) = (written?, sent?);
    let before: String = printed.chars().take(character.checked_sub(1)?).collect();
    let at = Location::START.after(&before);
    let mut index = sent.iter().position(|token| token.at == at)?;
    loop {
        let token = sent.get(index)?;
        let mine = sent.iter().enumerate().filter(|(_, other)| same(other, token));
        let earlier = mine.clone().take_while(|(other, _)| *other < index).count();
        let theirs = written.iter().filter(|other| same(other, token));
        if mine.count() == theirs.clone().count() {
            return theirs.clone().nth(earlier).map(|found| (found.at.line, found.at.column));
        }
        // A schema that the author left out.
        let is_schema = sent.get(index.saturating_add(1)).is_some_and(|next| next.value == ".");
        index = index.saturating_add(2);
        if !is_schema {
            return None;
        }
    }
}

fn tokens(text: &str) -> Option<Vec<Token>> {
    let mut statements = lex::statements(text, text.len()).ok()?;
    statements.pop().filter(|_| statements.is_empty()).map(|statement| statement.tokens)
}

/// Whether two tokens are the same, a name with quotes or without.
fn same(one: &Token, other: &Token) -> bool {
    let class = |token: &Token| if token.class == Class::Word { Class::Name } else { token.class };
    one.value == other.value && class(one) == class(other)
}

#[cfg(test)]
mod tests {
    use super::place;
    use crate::db::gate::tests::corpus::{read, write};

    #[test]
    fn place_in_the_printed_text_is_found_in_the_authors() {
        for (sql, token, nth, expected) in [
            ("SELECT id FROM drafts", "\"id\"", 0, Some((1, 8))),
            ("-- of id\nSELECT d.id,\n  id FROM drafts d", "\"id\"", 1, Some((3, 3))),
            ("SELECT lower(title),\n upper(body) FROM drafts", "pg_catalog", 1, Some((2, 2))),
            ("SELECT id FROM drafts WHERE title = 'é' AND  price /0 > 1", "/", 0, Some((1, 52))),
            ("SELECT now(), id\n, $1::int FROM drafts", "$1", 0, Some((2, 3))),
            ("TABLE drafts", "\"plugin_blog\"", 0, Some((1, 7))),
            // The instant takes the place of `now`, and the author has no `$1`.
            ("SELECT now()", "$1", 0, None),
            // In the middle of a token.
            ("SELECT id FROM drafts", "d\"", 0, None),
        ] {
            let printed = read(sql).unwrap();
            let (byte, _) = printed.match_indices(token).nth(nth).unwrap();
            let character = printed[..byte].chars().count() + 1;
            assert_eq!(place(sql, &printed, character), expected, "{sql}: {printed}");
        }
        let sql = "UPDATE drafts\nSET title = 'x'\nWHERE id = 1 RETURNING *";
        let printed = write(sql).unwrap();
        assert_eq!(place(sql, &printed, printed.find("\"title\"").unwrap() + 1), Some((2, 5)));
    }

    #[test]
    fn place_that_makes_no_sense_is_none() {
        for (sql, printed, character) in [
            ("", "", 1),
            ("SELECT 1", "SELECT 1", 0),
            ("SELECT 1", "SELECT 1", 99),
            ("SELECT '", "SELECT 1", 1),
        ] {
            assert_eq!(place(sql, printed, character), None, "{sql} {character}");
        }
    }
}

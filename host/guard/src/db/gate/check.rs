//! What the gate makes of a file of statements, without a server: for authors who write SQL.

use super::fault::{Checked, Fault, Location};
use super::lex::{self, Class, Tokens};
use super::{ReadStatement, WriteStatement, stack};
use crate::db::catalogue::Catalogue;
use crate::limits;

/// What the gate makes of one statement of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verdict {
    /// The line of the place that the reason is about, from 1 on; without a reason, that of the statement.
    pub line: usize,
    /// Its column, a character from 1 on.
    pub column: usize,
    /// Why the statement is refused; `None` if it is accepted.
    pub reason: Option<String>,
}

/// Judges each statement of a file of at most 1 MiB, for the tables and grants of a catalogue. A file whose text cannot be
/// split into statements has one verdict.
pub fn check(catalogue: &Catalogue, text: &str) -> Vec<Verdict> {
    let mut verdicts = Vec::new();
    let judged = stack::with_room(|| {
        for tokens in &lex::statements(text, limits::MIGRATION_BYTES_MAX)? {
            verdicts.push(verdict(tokens.first_word().1, one(catalogue, tokens)));
        }
        Ok(())
    });
    if let Err(fault) = judged {
        verdicts.push(verdict(Location::START, Err(fault)));
    }
    verdicts
}

fn one(catalogue: &Catalogue, tokens: &Tokens) -> Checked {
    let is_write = |token: &lex::Token| {
        token.class == Class::Word && matches!(token.value.as_str(), "insert" | "update" | "delete" | "merge")
    };
    let writes = match tokens.first_word().0 {
        "with" => tokens.tokens.iter().any(is_write),
        "insert" | "update" | "delete" | "merge" => true,
        _ => false,
    };
    let at = tokens.first_word().1;
    if writes && !catalogue.execute() {
        return Err(Fault::invalid(
            at,
            "a statement that writes",
            "the manifest has no `execute = true` in [grants.db]",
        ));
    }
    if !writes && !catalogue.query() {
        return Err(Fault::invalid(at, "a query", "the manifest has no `query = true` in [grants.db]"));
    }
    if writes {
        WriteStatement::judged(catalogue, tokens).map(drop)
    } else {
        ReadStatement::judged(catalogue, tokens).map(drop)
    }
}

/// What the author is told of a judged statement that begins here.
pub(in crate::db) fn verdict(start: Location, judged: Checked) -> Verdict {
    let (at, reason) = match judged {
        Ok(()) => (start, None),
        Err(Fault::Denied) => (start, Some("a table or column that is not granted".to_owned())),
        // What is said of the whole text has no place of its own.
        Err(Fault::Invalid { at: Location::START, construct, rule }) => {
            (start, Some(format!("{construct}: {rule}")))
        }
        Err(Fault::Invalid { at, construct, rule } | Fault::Unknown { at, construct, rule }) => {
            (at, Some(format!("{construct}: {rule}")))
        }
    };
    Verdict { line: at.line, column: at.column, reason }
}

#[cfg(test)]
mod tests {
    use super::{Verdict, check};
    use crate::db::gate::tests::corpus::catalogue;

    #[test]
    fn each_statement_of_a_file_is_judged_at_its_place() {
        let text = "-- a file\nSELECT id FROM drafts;\n\nSELECT id,\n  pg_sleep(1) FROM drafts;\n\
                    WITH x AS (SELECT 1 AS n) INSERT INTO drafts (id) SELECT n FROM x;\n\
                    SELECT secret FROM people; SELECT repeat('x', id::int) FROM drafts;\n;;";
        let found = check(&catalogue(), text);
        let places: Vec<_> =
            found.iter().map(|verdict| (verdict.line, verdict.column, verdict.reason.is_none())).collect();
        assert_eq!(places, [(2, 1, true), (5, 3, false), (6, 1, true), (7, 8, false), (7, 35, false)]);
        assert_eq!(found[1].reason.as_deref(), Some("`pg_sleep`: not in the list of functions"));
    }

    #[test]
    fn name_that_is_not_granted_has_a_place_and_what_is_granted() {
        for (text, column, reason) in [
            (
                "SELECT id FROM people WHERE author = 1",
                29,
                "the column `author`: not granted; granted are `id`, `name`",
            ),
            (
                "SELECT p.secret FROM people p",
                10,
                "the column `secret`: not granted; granted are `id`, `name`",
            ),
            (
                "SELECT p.secreu FROM people p",
                10,
                "the column `secreu`: not granted; granted are `id`, `name`",
            ),
            (
                "SELECT id FROM people WHERE name = \"bar\"",
                36,
                "the column `bar`: not granted; granted are `id`, `name`. A text stands in single quotes: 'bar'",
            ),
            ("SELECT a.id FROM people p", 8, "the name `a`: not a table in FROM here; there are `p`"),
            (
                "SELECT relname FROM pg_class",
                21,
                "the table `pg_class`: not granted; granted are `comments`, `drafts`, `events`, `letters`, `people`",
            ),
            (
                "SELECT 1 FROM information_schema.columns",
                34,
                "the schema `information_schema`: only the plugin's own tables can be read, and their columns are in its \
                 migrations",
            ),
        ] {
            let found = check(&catalogue(), text);
            let [Verdict { column: at, reason: Some(why), .. }] = found.as_slice() else {
                panic!("{text}: {found:?}")
            };
            assert_eq!((*at, why.as_str()), (column, reason), "{text}");
        }
    }

    #[test]
    fn file_that_cannot_be_split_has_one_verdict() {
        for text in ["SELECT 'unterminated", "SELECT 1; /* unterminated", "SELECT 1 \u{1F}"] {
            let found = check(&catalogue(), text);
            assert!(matches!(found.as_slice(), [Verdict { reason: Some(_), .. }]), "{text}: {found:?}");
        }
        assert_eq!(check(&catalogue(), "-- nothing\n"), []);
    }
}

//! What the gate makes of a file of statements, without a server: for authors who write SQL.

use super::fault::{Checked, Fault, Location};
use super::lex::{self, Class, Tokens};
use super::{NO_EXECUTE, NO_QUERY, ReadStatement, WriteStatement, stack};
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
        return Err(Fault::invalid(at, "a statement that writes", NO_EXECUTE));
    }
    if !writes && !catalogue.query() {
        return Err(Fault::invalid(at, "a query", NO_QUERY));
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
    use crate::db::gate::{ReadStatement, WriteStatement};
    use crate::refusal::Refusal;
    use crate::reports::Notes;

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
    fn star_over_a_column_that_is_not_granted_has_its_place_and_what_to_write() {
        const PEOPLE: &str = "it stands for every column, and not all are granted for `select`: write those that are, `id`, `name`";
        const LETTERS: &str =
            "it stands for every column, and not all are granted for `select`: write those that are, `id`";
        const NONE: &str = "no column of the table is granted for `select`, and whatever names one in an expression, WHERE or \
                            RETURNING reads it";
        for (text, (line, column), what, rule) in [
            ("SELECT * FROM people", (1, 8), "*", PEOPLE),
            ("SELECT id,\n  p.* FROM people p", (2, 5), "`p`.*", PEOPLE),
            ("SELECT d.id, p.* FROM drafts d, people p", (1, 16), "`p`.*", PEOPLE),
            ("SELECT s.id FROM (SELECT * FROM people) s", (1, 26), "*", PEOPLE),
            ("WITH w AS (SELECT * FROM people) SELECT 1 FROM w", (1, 19), "*", PEOPLE),
            ("SELECT id FROM drafts WHERE EXISTS (SELECT * FROM people)", (1, 44), "*", PEOPLE),
            ("TABLE people", (1, 7), "TABLE", PEOPLE),
            (
                "SELECT j.id FROM (people p CROSS JOIN drafts d) AS j (a, b)",
                (1, 49),
                "a list of columns in an alias",
                "",
            ),
            ("SELECT 1 FROM people NATURAL JOIN drafts", (1, 35), "NATURAL JOIN", PEOPLE),
            ("UPDATE people SET name = 'x' RETURNING *", (1, 40), "*", PEOPLE),
            ("UPDATE people AS p SET name = 'x' RETURNING p.*", (1, 47), "`p`.*", PEOPLE),
            ("DELETE FROM letters WHERE id = 1 RETURNING *", (1, 44), "*", LETTERS),
            ("INSERT INTO letters (id) VALUES (1) RETURNING *", (1, 47), "*", LETTERS),
            ("INSERT INTO events (id) VALUES (1) RETURNING *", (1, 46), "*", NONE),
            ("INSERT INTO events (id) VALUES (1) RETURNING id", (1, 46), "the column `id`", NONE),
            ("INSERT INTO events AS e (id) VALUES (1) RETURNING e.id", (1, 53), "the column `id`", NONE),
        ] {
            let found = check(&catalogue(), text);
            let [Verdict { line: found_line, column: found_column, reason: Some(why) }] = found.as_slice()
            else {
                panic!("{text}: {found:?}")
            };
            assert_eq!((*found_line, *found_column), (line, column), "{text}: {why}");
            assert!(why.starts_with(&format!("{what}: {rule}")), "{text}: {why}");
            // The guest is told nothing of it, and the operator all.
            let mut notes = Notes::default();
            let read = ReadStatement::noted(&catalogue(), text, &mut notes).map(drop);
            let outcome = match text.split(' ').next() {
                Some("UPDATE" | "DELETE" | "INSERT") => {
                    notes = Notes::default();
                    WriteStatement::noted(&catalogue(), text, &mut notes).map(drop)
                }
                _ => read,
            };
            assert_eq!(outcome, Err(Refusal::Denied), "{text}");
            let [note] = notes.kept() else { panic!("{text}: {:?}", notes.kept()) };
            assert!(
                note.reason.contains(&format!("near line {line}, column {column}: ")),
                "{text}: {note:?}"
            );
        }
    }

    #[test]
    fn every_name_that_is_not_granted_has_a_place() {
        for (text, place, reason) in [
            (
                "UPDATE people SET secret = 'x'",
                (1, 19),
                "the column `secret`: not granted for `update`. Granted are `name`",
            ),
            (
                "INSERT INTO letters (seal) VALUES ('x')",
                (1, 22),
                "the column `seal`: not granted for `insert`. Granted are `id`, `body`",
            ),
            (
                "MERGE INTO comments c USING drafts d ON c.id = d.id WHEN MATCHED THEN DELETE",
                (1, 71),
                "the table `comments`: not granted for `delete`",
            ),
        ] {
            let found = check(&catalogue(), text);
            let [Verdict { line, column, reason: Some(why) }] = found.as_slice() else {
                panic!("{text}: {found:?}")
            };
            assert_eq!(((*line, *column), why.as_str()), (place, reason), "{text}");
        }
    }

    #[test]
    fn function_that_was_probably_meant_is_named() {
        for (text, reason) in [
            ("SELECT lowr(title) FROM drafts", "`lowr`: not in the list of functions; did you mean `lower`?"),
            (
                "SELECT jsonb_array_lenght(data) FROM drafts",
                "`jsonb_array_lenght`: not in the list of functions; did you mean `jsonb_array_length`?",
            ),
            (
                "SELECT coalesc(title, '') FROM drafts",
                "`coalesc`: not in the list of functions; did you mean `coalesce`?",
            ),
            (
                "SELECT g FROM generate_serie(1, 3) g",
                "`generate_serie`: not in the list of functions; did you mean `generate_series`?",
            ),
            // Two letters of a long name may differ, and one of a short name.
            (
                "SELECT jsonb_aray_lenght(data) FROM drafts",
                "`jsonb_aray_lenght`: not in the list of functions; did you mean `jsonb_array_length`?",
            ),
            ("SELECT mixx(id) FROM drafts", "`mixx`: not in the list of functions"),
            ("SELECT nothing_like_it(title) FROM drafts", "`nothing_like_it`: not in the list of functions"),
        ] {
            let found = check(&catalogue(), text);
            let [Verdict { reason: Some(why), .. }] = found.as_slice() else { panic!("{text}: {found:?}") };
            assert_eq!(why, reason, "{text}");
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

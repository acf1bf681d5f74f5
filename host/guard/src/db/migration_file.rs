//! Files of migrations, before [`migration`](super::migration) looks at their statements: their order, their line ends, and
//! how each is to be run.
//!
//! A name begins with a number, and the files run in the order of the numbers, so `10.sql` comes after `2.sql`. Files without
//! a number come last, in the order of their names. Line ends are those of the machine that a file was checked out on, so they
//! count for nothing. A file is run in a transaction with the others, unless its first statement is CREATE INDEX CONCURRENTLY,
//! which no transaction may hold. Nothing here is a boundary: whatever this module finds, the guard of migrations checks every
//! statement. Tests of what the server makes of it: `tests/hosts/`.

use super::extension::Extensions;
use super::migration::Migration;
use crate::refusal::Refusal;
use std::borrow::Cow;
use std::cmp::Ordering;

/// The line with which a file says that it takes away what the installed version uses.
pub const CONTRACT: &str = "-- palisade: contract";

/// Sorts names of files into the order in which they run. Refuses two files with the same number.
pub fn ordered(mut names: Vec<String>) -> Result<Vec<String>, String> {
    names.sort_by(|a, b| {
        match (number(a), number(b)) {
            (Some(a), Some(b)) => compared(a, b),
            (Some(_), None) => Ordering::Less,
            (None, Some(_)) => Ordering::Greater,
            (None, None) => Ordering::Equal,
        }
        .then_with(|| a.cmp(b))
    });
    for (one, other) in names.iter().zip(names.iter().skip(1)) {
        if let (Some(number), Some(same)) = (number(one), number(other))
            && number == same
        {
            return Err(format!(
                "{one} and {other} have the same number: rename the one that has not run yet"
            ));
        }
    }
    Ok(names)
}

/// The digits at the beginning of a name, without leading zeros. They may be a date and a time, so they have any length.
fn number(name: &str) -> Option<&str> {
    let end = name.find(|letter: char| !letter.is_ascii_digit()).unwrap_or(name.len());
    let digits = name.get(..end).filter(|digits| !digits.is_empty())?;
    Some(digits.trim_start_matches('0'))
}

fn compared(a: &str, b: &str) -> Ordering {
    a.len().cmp(&b.len()).then_with(|| a.cmp(b))
}

/// The text with the line ends of Unix.
pub fn with_plain_ends(text: &str) -> Cow<'_, str> {
    if text.contains('\r') { text.replace("\r\n", "\n").into() } else { text.into() }
}

/// The text with the line ends of Windows: an earlier host may have recorded the checksum of that form.
pub fn with_windows_ends(text: &str) -> String {
    with_plain_ends(text).replace('\n', "\r\n")
}

/// Whether a file says that it takes away what the installed version uses.
pub fn is_contract(text: &str) -> bool {
    text.lines().any(|line| line.trim() == CONTRACT)
}

/// How a file is run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Way {
    /// Its statements, in a transaction.
    Together(Vec<String>),
    /// One statement that builds an index while the table is in use, outside a transaction.
    Alone {
        /// The statement.
        concurrently: String,
        /// The same without CONCURRENTLY, for a transaction that is rolled back.
        together: String,
    },
}

impl Way {
    /// Checks a file for a plugin's schema and the extensions that it is granted. `name` is the name of the file, for errors.
    pub fn parse(schema: &str, extensions: &Extensions, name: &str, text: &str) -> Result<Self, Refusal> {
        let migration = Migration::parse(schema, extensions, name, text)?;
        if !migration.is_concurrent() {
            return Ok(Self::Together(migration.statements().to_vec()));
        }
        let [concurrently] = migration.statements() else {
            return Err(Refusal::internal("a migration with CONCURRENTLY has other statements"));
        };
        if concurrently.starts_with("DROP") {
            let rule = "write DROP INDEX: a migration waits at most a second for a lock, and gives it up to try again";
            return Err(Refusal::Invalid(format!("{name}: DROP INDEX CONCURRENTLY: {rule}")));
        }
        let together = concurrently.replacen(" CONCURRENTLY", "", 1);
        Ok(Self::Alone { concurrently: concurrently.clone(), together })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sorted(names: &[&str]) -> Result<Vec<String>, String> {
        ordered(names.iter().map(|&name| name.to_owned()).collect())
    }

    #[test]
    fn files_with_the_same_number_are_refused_by_name() {
        for names in
            [["1.sql", "01_more.sql"], ["0.sql", "00.sql"], ["7_a.sql", "7_b.sql"], ["2a.sql", "2.sql"]]
        {
            let refused = sorted(&names).unwrap_err();
            assert!(
                names.iter().all(|name| refused.contains(name)) && refused.contains("same number"),
                "{refused}"
            );
        }
    }

    #[test]
    fn files_run_in_the_order_of_their_numbers() {
        let names =
            ["10.sql", "zz.sql", "2.sql", "0001_notes.sql", "a.sql", "20260131120000_late.sql", "9.sql"];
        let expected =
            ["0001_notes.sql", "2.sql", "9.sql", "10.sql", "20260131120000_late.sql", "a.sql", "zz.sql"];
        assert_eq!(sorted(&names).unwrap(), expected);
    }

    #[test]
    fn line_ends_are_those_of_unix_and_a_lone_return_stays() {
        assert_eq!(with_plain_ends("a\r\nb\rc\n"), "a\nb\rc\n");
        assert_eq!(with_windows_ends("a\r\nb\n"), "a\r\nb\r\n");
    }

    #[test]
    fn only_a_line_of_its_own_says_contract() {
        for (text, is) in [
            ("-- palisade: contracted", false),
            ("DROP TABLE t; -- palisade: contract", false),
            ("-- Palisade: contract", false),
            ("DROP TABLE t;\n  -- palisade: contract\r\n", true),
        ] {
            assert_eq!(is_contract(text), is, "{text}");
        }
    }

    #[test]
    fn index_that_is_built_concurrently_is_alone_in_its_file() {
        let way = |text: &str| Way::parse("plugin_blog", &Extensions::default(), "1.sql", text);
        for text in [
            "CREATE INDEX CONCURRENTLY a ON t (b); CREATE TABLE u (c integer)",
            "CREATE TABLE u (c integer); CREATE INDEX CONCURRENTLY a ON t (b)",
            "CREATE INDEX CONCURRENTLY ON t (b)",
            "CREATE INDEX CONCURRENTLY a ON other.t (b)",
            "CREATE INDEX CONCURRENTLY CONCURRENTLY a ON t (b)",
            "CREATE INDEX CONCURRENTLY",
            "DROP INDEX CONCURRENTLY a",
        ] {
            assert!(way(text).is_err(), "{text}");
        }
        for (text, unique) in [
            ("CREATE INDEX CONCURRENTLY a ON t (b)", ""),
            (
                "-- one\n/* two /* three */ */ create\tUNIQUE -- four\r\nindex concurrently a ON t (b);",
                "UNIQUE ",
            ),
        ] {
            let Way::Alone { concurrently, together } = way(text).unwrap() else { panic!("{text}") };
            let rest = format!("CREATE {unique}INDEX \"a\" ON \"plugin_blog\".\"t\" (");
            assert!(together.starts_with(&rest), "{together}");
            assert_eq!(concurrently, together.replace("INDEX ", "INDEX CONCURRENTLY "), "{text}");
        }
        for text in ["CREATE INDEX a ON t (b)", "COMMENT ON TABLE t IS 'CREATE INDEX CONCURRENTLY'"] {
            assert!(matches!(way(text), Ok(Way::Together(statements)) if statements.len() == 1), "{text}");
        }
    }
}

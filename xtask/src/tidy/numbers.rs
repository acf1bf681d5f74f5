//! Every number has one place: the limits of the crate `palisade-guard`.
//!
//! A whole number of two digits or more anywhere else in the host is a limit that a reader of that table does not see. A
//! number that another system sets is allowed: the line, or the comment above it, says `// wire: whose`, or the file says
//! `// tidy: numbers are whose`. Octal numbers are file modes, which have no better name than themselves.

use super::rust::Source;
use super::{Finding, Tree};

const SMALL_MAX: u128 = 9;
const LINE_MARK: &str = "// wire: ";
const FILE_MARK: &str = "// tidy: numbers are ";
/// Where numbers belong.
const HOME: &str = "host/guard/src/limits/";
/// The sources of the host's six crates. Their tests are elsewhere.
const HOST: [&str; 6] = [
    "host/guard/src/",
    "host/store/src/",
    "host/src/",
    "host/server/src/",
    "host/test/src/",
    "host/cli/src/",
];

/// Finds whole numbers over nine.
pub fn check(tree: &Tree) -> Vec<Finding> {
    let mut findings: Vec<Finding> = Vec::new();
    let is_host = |source: &&Source| HOST.iter().any(|folder| source.is_in(folder));
    for source in tree.sources.iter().filter(is_host) {
        if source.is_in(HOME) || source.text.lines().any(|line| is_marked(line, FILE_MARK)) {
            continue;
        }
        for token in source.code() {
            let is_limit = whole(&token.text).is_some_and(|number| number > SMALL_MAX);
            let above = source.line(token.line.saturating_sub(1)).trim_start();
            let is_named = is_marked(source.line(token.line), LINE_MARK)
                || (above.starts_with(LINE_MARK) && is_marked(above, LINE_MARK));
            let is_reported =
                findings.last().is_some_and(|last| last.file == source.path && last.line == token.line);
            if is_limit && !is_named && !is_reported {
                let fix = format!(
                    "{} has no name: make it a constant in {HOME}mod.rs, or say who sets it after `{LINE_MARK}` beside it.",
                    token.text
                );
                findings.push(Finding::new(&source.path, token.line, fix));
            }
        }
    }
    findings
}

/// Whether a line has the mark and a reason after it.
fn is_marked(line: &str, mark: &str) -> bool {
    line.split_once(mark).is_some_and(|(_, reason)| !reason.trim().is_empty())
}

/// The value of a whole-number literal; `None` for every other token. One that is too large to parse counts as the largest.
pub fn whole(token: &str) -> Option<u128> {
    let digits: String = token.chars().filter(|char| *char != '_').collect();
    let (digits, radix) = match digits.get(..2) {
        Some("0x") => (&digits[2..], 16),
        Some("0o") => return None,
        Some("0b") => (&digits[2..], 2),
        _ => (&digits[..], 10),
    };
    if !digits.starts_with(|char: char| char.is_digit(radix)) {
        return None;
    }
    let end = digits.find(|char: char| !char.is_digit(radix)).unwrap_or(digits.len());
    let (number, suffix) = digits.split_at(end);
    let is_whole = suffix.is_empty() || suffix.starts_with(['u', 'i']);
    is_whole.then(|| u128::from_str_radix(number, radix).unwrap_or(u128::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tidy::fixture::{allows, finds};

    #[test]
    fn number_outside_its_home_is_found() {
        for number in ["10", "4096", "1_000", "0x1f", "0b1010", "64u32", "100_i64"] {
            let text = format!("fn a() {{ b({number}); }}");
            finds(check, "host/guard/src/ledger.rs", &text, &format!("{number} has no name"));
        }
        finds(
            check,
            "host/guard/src/ledger.rs",
            "const ROWS_MAX: u32 = 100;",
            "make it a constant in host/guard/src/limits/mod.rs",
        );
        finds(check, "host/guard/src/ledger.rs", "const A: u32 = 100; // wire: ", "100 has no name");
        finds(
            check,
            "host/guard/src/ledger.rs",
            "a(); // wire: its\nconst A: u32 = 100;",
            "ledger.rs:2: 100 has no name",
        );
        finds(check, "host/guard/src/ledger.rs", "const A: [u32; 2] = [100, 200];", "100 has no name");
        finds(
            check,
            "host/guard/src/ledger.rs",
            "// tidy: numbers are \nconst A: u32 = 100;",
            "100 has no name",
        );
    }

    #[test]
    fn number_that_is_not_a_limit_is_allowed() {
        for text in [
            "fn a(b: u64) -> i32 { c.0 + 9 + 0x9 + 0b11 }",
            "const A: f64 = 10.5; const B: f64 = 1e10; const C: f64 = 12f64;",
            "const A: &str = \"LIMIT 100\"; // 100 rows",
            "const A: char = '1'; const B: &[u8] = b\"10\"; const C: u8 = b'5';",
            "#[cfg(test)]\nmod tests { const A: u32 = 100; }",
            "const A: i64 = 1_000_000; // wire: PostgreSQL counts microseconds",
            "// wire: PostgreSQL counts microseconds\nconst A: i64 = 1_000_000;",
            "const SOCKET_FOLDER: u32 = 0o700;",
            "// tidy: numbers are PostgreSQL's wire format.\nconst A: u32 = 1184;",
        ] {
            allows(check, "host/guard/src/ledger.rs", text);
        }
    }

    #[test]
    fn number_is_found_in_each_crate_and_allowed_in_its_home_and_in_tests() {
        for folder in HOST {
            finds(check, &format!("{folder}a/mod.rs"), "const A: u32 = 100;", "100 has no name");
            allows(check, &format!("{folder}a/tests.rs"), "const A: u32 = 100;");
        }
        for path in [
            "host/guard/src/limits/mod.rs",
            "host/store/tests/values.rs",
            "tests/db/mod.rs",
            "xtask/src/main.rs",
        ] {
            allows(check, path, "pub const ROWS_MAX: u32 = 10_000;");
        }
        finds(check, "host/src/limits.rs", "pub const ROWS_MAX: u32 = 10_000;", "10_000 has no name");
    }
}

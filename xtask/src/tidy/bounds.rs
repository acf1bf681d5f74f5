//! Each bound that a sentence of the contract states names its constant or limit, and has its value.
//!
//! A reference stands right behind the number: ``at most 512 bytes (`CACHE_KEY_BYTES_MAX`)``, or ``(limit `db-rows`)`` for
//! what an invocation may use in all. A number that no reference follows is a finding when it reads as a bound: a unit
//! follows it, or words such as "at most" come before it. Minimums of 0 and 1 are no bounds.

use super::contract::{Contract, Part};
use super::limits::{Limits, Unit, Value};
use super::{Finding, Tree};

/// Numbers that read as bounds and are not the host's: the part, the words, and who sets the number.
const EXCEPTIONS: [(&str, &str, &str); 6] = [
    (
        "usage.which",
        "at most 40 bytes",
        "the names of limits in any release, which the host writes and no guest",
    ),
    ("scalar.uuid", "36 characters", "the text form of a UUID (RFC 9562)"),
    ("item.id", "36 characters", "the text form of a UUID (RFC 9562)"),
    ("profile.id", "36 characters", "the text form of a UUID (RFC 9562)"),
    ("header.value", "bytes above 127", "bytes that are not ASCII (RFC 9110)"),
    ("response.status", "200 to 599", "status codes of a final response (RFC 9110)"),
];
/// Words that make the number before them a bound, and what is counted.
const UNITS: [(&[&str], Unit, u128); 9] = [
    (&["byte", "bytes"], Unit::Bytes, 1),
    (&["kib"], Unit::Bytes, 1 << 10),
    (&["mib"], Unit::Bytes, 1 << 20),
    (&["ms", "millisecond", "milliseconds"], Unit::Time, 1_000),
    (&["s", "second", "seconds"], Unit::Time, 1_000_000),
    (&["minute", "minutes"], Unit::Time, 60_000_000),
    (&["hour", "hours"], Unit::Time, 3_600_000_000),
    (&["day", "days"], Unit::Time, 86_400_000_000),
    (
        &[
            "assignments",
            "attempts",
            "calls",
            "characters",
            "columns",
            "conditions",
            "digits",
            "elements",
            "entries",
            "fields",
            "headers",
            "ids",
            "items",
            "keys",
            "levels",
            "parameters",
            "records",
            "redirects",
            "requests",
            "rows",
            "runs",
            "statements",
            "tables",
            "tags",
            "times",
            "values",
            "variables",
        ],
        Unit::Count,
        1,
    ),
];
/// Words behind a number that may stand before its unit: `64 visible ASCII characters`.
const WORDS_TO_UNIT_MAX: usize = 2;
/// Words that make the number behind them a bound.
const BEFORE: [&str; 14] = [
    "at most",
    "at least",
    "up to",
    "more than",
    "fewer than",
    "less than",
    "over",
    "above",
    "below",
    "under",
    "exceed",
    "exceeds",
    "maximum of",
    "limited to",
];
/// Numbers as words, which count only behind one of [`BEFORE`].
const WORDS: [&str; 13] = [
    "zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve",
];

/// Checks the docs in `wit/` against the limits of the crate `palisade-guard`.
pub fn check(tree: &Tree) -> Vec<Finding> {
    // A contract that does not parse is a finding of `contract`.
    let Ok(Some(contract)) = Contract::read(tree) else { return Vec::new() };
    let limits = Limits::read(tree);
    let review = |part: &Part<'_>| {
        let fixes = sentences(part.docs).into_iter().flat_map(|sentence| review(part, &sentence, &limits));
        fixes.map(|fix| contract.finding(part, fix)).collect::<Vec<_>>()
    };
    contract.parts().iter().flat_map(review).collect()
}

/// A word of a sentence.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Word {
    /// In lower case, without punctuation.
    Text(String),
    Number(u128),
    /// Code that refers to nothing: a name, a type, an example.
    Code(String),
    /// `` (`NAME`) ``
    Constant(String),
    /// `` (limit `name`) ``, or the same in the sentence.
    Limit {
        name: String,
        is_behind: bool,
    },
    /// A comma or another mark within a sentence, which parts a number from words.
    Mark,
}

/// The docs' sentences, each as its words.
fn sentences(docs: &str) -> Vec<Vec<Word>> {
    let mut sentences = vec![Vec::new()];
    for (index, piece) in docs.split('`').enumerate() {
        let words = sentences.last_mut().expect("never empty");
        if index % 2 == 1 {
            let code = piece.to_owned();
            let is_limit = words.last() == Some(&Word::Text("limit".into()));
            let is_open = |word: Option<&Word>| word == Some(&Word::Text("(".into()));
            let before = words.len().checked_sub(2).and_then(|at| words.get(at));
            if is_limit {
                let is_behind = is_open(before);
                words.push(Word::Limit { name: code, is_behind });
            } else if is_open(words.last()) && is_constant(&code) {
                words.push(Word::Constant(code));
            } else {
                words.push(Word::Code(code));
            }
            continue;
        }
        for raw in piece.split_whitespace() {
            let words = sentences.last_mut().expect("never empty");
            let mut text = raw;
            if let Some(rest) = text.strip_prefix('(') {
                words.push(Word::Text("(".into()));
                text = rest;
            }
            let bare = text.trim_matches(|char: char| ".,;:()".contains(char));
            if !bare.is_empty() {
                words.extend(word(bare));
            }
            if text.trim_end_matches(')').ends_with('.') {
                sentences.push(Vec::new());
            } else if text.ends_with([',', ';', ':']) {
                words.push(Word::Mark);
            }
        }
    }
    sentences
}

/// A word without punctuation. `64KiB` and `1-based` are a number and a word.
fn word(bare: &str) -> Vec<Word> {
    let end = bare.find(|char: char| !char.is_ascii_digit() && !",_".contains(char)).unwrap_or(bare.len());
    let (digits, rest) = bare.split_at(end);
    let number = digits.replace([',', '_'], "").parse().ok();
    let is_unit = |text: &str| UNITS.iter().any(|(names, ..)| names.contains(&text.to_lowercase().as_str()));
    match number {
        Some(number) if rest.is_empty() => vec![Word::Number(number)],
        Some(number) if is_unit(rest.trim_start_matches('-')) => {
            vec![Word::Number(number), Word::Text(rest.trim_start_matches('-').to_lowercase())]
        }
        _ => vec![Word::Text(bare.to_lowercase())],
    }
}

fn is_constant(code: &str) -> bool {
    let is_part = |char: char| char.is_ascii_uppercase() || char.is_ascii_digit() || char == '_';
    code.starts_with(|char: char| char.is_ascii_uppercase()) && code.chars().all(is_part)
}

/// A number of a sentence.
struct Stated {
    value: u128,
    unit: Option<(Unit, u128)>,
    /// Whether it reads as a bound.
    is_bound: bool,
    /// It and the words around it, as they are shown and compared with [`EXCEPTIONS`].
    shown: String,
}

/// What is wrong with the bounds of one sentence.
fn review(part: &Part<'_>, words: &[Word], limits: &Limits) -> Vec<String> {
    let Part { name, .. } = part;
    let mut fixes = Vec::new();
    // The numbers since the last reference.
    let mut open: Vec<Stated> = Vec::new();
    for (at, word) in words.iter().enumerate() {
        let (shown, value, takes_any) = match word {
            Word::Number(_) | Word::Text(_) => {
                open.extend(stated(words, at));
                continue;
            }
            Word::Code(code)
                if is_constant(code) && code.contains('_') && limits.constant(code).is_none() =>
            {
                fixes.push(format!(
                    "{name} names `{code}`, which is no constant of {}: correct the name.",
                    Limits::FILE
                ));
                continue;
            }
            Word::Code(_) | Word::Mark => continue,
            Word::Constant(constant) => (format!("`{constant}`"), limits.constant(constant), true),
            Word::Limit { name: limit, is_behind } => (
                format!("the limit `{limit}`"),
                limits.limit(limit),
                *is_behind && open.iter().any(|it| it.is_bound),
            ),
        };
        let Some(value) = value else {
            fixes.push(format!(
                "{name} names {shown}, which {} does not have: correct the name.",
                Limits::FILE
            ));
            open.pop();
            continue;
        };
        let last = if takes_any { open.pop() } else { None };
        match (last, word) {
            (Some(stated), _) => fixes.extend(compare(name, &stated, &shown, value)),
            (None, Word::Constant(_)) => {
                fixes.push(format!("{name} names {shown} without a number before it: state the bound."));
            }
            (None, _) => {}
        }
        fixes.extend(unnamed(name, &mut open));
    }
    fixes.extend(unnamed(name, &mut open));
    // Both ends of a range are shown as one.
    fixes.dedup();
    fixes
}

/// The numbers that read as bounds and that no reference follows.
fn unnamed(name: &str, open: &mut Vec<Stated>) -> Vec<String> {
    let is_excepted =
        |shown: &str| EXCEPTIONS.iter().any(|(part, words, _)| *part == name && shown.contains(words));
    let bounds = open.drain(..).filter(|stated| stated.is_bound && !is_excepted(&stated.shown));
    bounds
        .map(|stated| {
            format!(
                "{name} states `{}` without its constant: write (`NAME`) or (limit `name`) of {} behind the number.",
                stated.shown,
                Limits::FILE
            )
        })
        .collect()
}

/// The number at a word, if there is one.
fn stated(words: &[Word], at: usize) -> Option<Stated> {
    let before = before(words, at);
    let value = match &words[at] {
        Word::Number(value) => *value,
        Word::Text(text) if before.is_some() => WORDS.iter().position(|word| word == text)? as u128,
        _ => return None,
    };
    let (unit, distance) = unit(words, at).map_or((None, 0), |(unit, distance)| (Some(unit), distance));
    let is_range_start = words.get(at + 1) == Some(&Word::Text("to".into()))
        && matches!(words.get(at + 2), Some(Word::Number(_)));
    let is_range_end =
        at >= 2 && words[at - 1] == Word::Text("to".into()) && matches!(words[at - 2], Word::Number(_));
    let is_minimum = before == Some("at least") || is_range_start || value == 0;
    let is_bound =
        (unit.is_some() || before.is_some() || is_range_start || is_range_end) && !(is_minimum && value <= 1);
    let from =
        at.saturating_sub(if is_range_end { 2 } else { before.map_or(0, |words| words.split(' ').count()) });
    let distance = if is_range_start { distance.max(2) } else { distance };
    // What is counted stands before a bound such as `bytes above 127`.
    let from = if before == Some("above") { from.saturating_sub(1) } else { from };
    let shown: Vec<String> = words[from..=at + distance].iter().map(Word::shown).collect();
    Some(Stated { value, unit, is_bound, shown: shown.join(" ") })
}

/// The words of [`BEFORE`] that stand right before a word.
fn before(words: &[Word], at: usize) -> Option<&'static str> {
    BEFORE.into_iter().find(|phrase| {
        let phrase: Vec<_> = phrase.split(' ').map(|word| Word::Text(word.to_owned())).collect();
        words[..at].ends_with(&phrase)
    })
}

/// The unit behind a number, and how many words behind it.
fn unit(words: &[Word], at: usize) -> Option<((Unit, u128), usize)> {
    for distance in 1..=WORDS_TO_UNIT_MAX + 1 {
        let Some(Word::Text(text)) = words.get(at + distance) else { return None };
        if let Some((_, unit, factor)) = UNITS.iter().find(|(names, ..)| names.contains(&text.as_str())) {
            return Some(((*unit, *factor), distance));
        }
    }
    None
}

/// What is wrong with a number before a reference.
fn compare(name: &str, stated: &Stated, shown: &str, known: Value) -> Option<String> {
    let number = known.number?;
    let is_other_unit = match stated.unit {
        Some((Unit::Time, _)) => known.unit != Unit::Time,
        Some((Unit::Bytes, _)) => known.unit != Unit::Bytes,
        _ => false,
    };
    // A count of what the constant is in, such as `microseconds …, at most 86,400,000,000`, has no unit beside it.
    let is_equal = match stated.unit {
        Some((Unit::Time | Unit::Bytes, factor)) => {
            stated.value.checked_mul(factor) == number.checked_mul(known.factor)
        }
        _ => stated.value == number,
    };
    (is_other_unit || !is_equal).then(|| {
        format!(
            "{name} states `{}`, and {shown} is {number}{}: correct the one that is wrong.",
            stated.shown,
            known.suffix()
        )
    })
}

impl Word {
    fn shown(&self) -> String {
        match self {
            Self::Text(text) | Self::Code(text) | Self::Constant(text) | Self::Limit { name: text, .. } => {
                text.clone()
            }
            Self::Number(number) => number.to_string(),
            Self::Mark => ",".to_owned(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::repo;
    use crate::tidy::fixture::findings;

    const LIMITS: &str = "
pub const KIB: u64 = 1024;
/// Bytes of a key.
pub const KEY_BYTES_MAX: usize = 512;
pub const VALUE_BYTES_MAX: u64 = 64 * KIB;
pub const ROWS_MAX: u32 = 1_000;
pub const TTL_MAX_MS: u64 = 30 * 24 * 3_600_000;
pub const TIME_US_MAX: i64 = 86_400_000_000;
pub const UNKNOWN_MAX: u64 = f(3);
limits! {
    /// Rows.
    DbRows, \"db-rows\", Count, 10_000;
    /// Bytes.
    DbBytes, \"db-bytes\", Bytes, 16 * KIB;
    /// Bytes of one value.
    ValueBytes, \"value-bytes\", Bytes, VALUE_BYTES_MAX;
}
";

    fn found(sentence: &str) -> Vec<String> {
        let wit = format!("package a:b;\n\ninterface i {{\n    /// {sentence}\n    g: func();\n}}\n");
        findings(check, &[("wit/a.wit", &wit), ("host/guard/src/limits/mod.rs", LIMITS)])
    }

    #[track_caller]
    fn finds(sentence: &str, words: &str) {
        let found = found(sentence);
        assert!(found.len() == 1 && found[0].contains(words), "{sentence}\nfound {found:#?}");
    }

    #[test]
    fn bound_without_a_reference_is_found() {
        for (sentence, shown) in [
            ("A key is 1 to 512 bytes.", "1 to 512 bytes"),
            ("At most 64 KiB.", "at most 64 kib"),
            ("At most 64KiB.", "at most 64 kib"),
            ("A 512-byte key.", "512 byte"),
            ("Kept for 30 days.", "30 days"),
            ("Waits 10 s.", "10 s"),
            ("Waits 1 hour.", "1 hour"),
            ("At most 1,000 of them.", "at most 1000"),
            ("At most five redirects.", "at most five redirects"),
            ("At most 1 row.", "at most 1"),
            ("At least 2 columns.", "at least 2 columns"),
            ("Returns 64 visible ASCII characters.", "64 visible ascii characters"),
            ("`max` is 8 to 512 (`KEY_BYTES_MAX`).", "8 to 512"),
            ("At most 1 MiB and 1,000 rows (`ROWS_MAX`).", "at most 1 mib"),
            ("At most 7 tags. A key is 512 bytes (`KEY_BYTES_MAX`).", "at most 7 tags"),
            ("A value is 36 characters.", "36 characters"),
            ("The status is 300 to 599.", "300 to 599"),
            ("Over 3 MiB ends the call.", "over 3 mib"),
        ] {
            finds(sentence, &format!("the function g states `{shown}` without its constant"));
        }
    }

    #[test]
    fn reference_to_nothing_is_found() {
        finds(
            "At most 512 bytes (`KEY_BYTES`).",
            "names `KEY_BYTES`, which host/guard/src/limits/mod.rs does not have",
        );
        finds("At most 512 rows (limit `rows`).", "names the limit `rows`, which");
        finds("As many as the limit `rows` allows.", "names the limit `rows`, which");
        finds("At most `KEY_BYTES` bytes.", "names `KEY_BYTES`, which is no constant");
        finds("A short key (`KEY_BYTES_MAX`).", "without a number before it");
        // A number of another sentence is not the reference's.
        assert_eq!(found("At most 7. A key (`ROWS_MAX`).").len(), 2);
    }

    #[test]
    fn number_that_is_not_the_constants_is_found() {
        for sentence in [
            "At most 513 bytes (`KEY_BYTES_MAX`).",
            "At most 512 KiB (`KEY_BYTES_MAX`).",
            "At most 65,535 bytes (`VALUE_BYTES_MAX`).",
            "At most 512 (`ROWS_MAX`).",
            "At most 1,000 ms (`ROWS_MAX`).",
            "At most 1,000 bytes (`ROWS_MAX`).",
            "At most 31 days (`TTL_MAX_MS`).",
            "At most 30 hours (`TTL_MAX_MS`).",
            "At most 86,400 (`TIME_US_MAX`).",
            "At most 1,000 rows (limit `db-rows`).",
            "At most 16 MiB (limit `db-bytes`).",
            "At most 65 KiB (limit `value-bytes`).",
            "1 to 1,000 bytes (`KEY_BYTES_MAX`) and 1 to 1,000 rows (`ROWS_MAX`).",
        ] {
            finds(sentence, "correct the one that is wrong");
        }
    }

    #[test]
    fn bound_with_its_constant_is_allowed() {
        for sentence in [
            "A key is 1 to 512 bytes (`KEY_BYTES_MAX`) without control characters, else `invalid-argument`.",
            "At most 64 KiB (`VALUE_BYTES_MAX`), or 65,536 bytes (`VALUE_BYTES_MAX`), or 64 KiB (limit `value-bytes`).",
            "At least 1, at most 30 days (`TTL_MAX_MS`), else 720 hours (`TTL_MAX_MS`).",
            "Microseconds since midnight, at most 86,400,000,000 (`TIME_US_MAX`).",
            "At most 512 digits before the point (`KEY_BYTES_MAX`) and 1,000 digits after it (`ROWS_MAX`).",
            "Over 64 KiB (`VALUE_BYTES_MAX`), or as many bytes as the call may use (limit `db-bytes`).",
            "Statements, rows (limit `db-rows`) or bytes (limit `db-bytes`).",
            "As many as the limit `db-rows` allows.",
            "At most 7 (`UNKNOWN_MAX`).",
        ] {
            assert_eq!(found(sentence), Vec::<String>::new(), "{sentence}");
        }
    }

    #[test]
    fn number_that_is_not_a_bound_is_allowed() {
        for sentence in [
            "A version 7 UUID as RFC 9562 defines it (SQLSTATE 23505), in `numeric(10, 2)` or `timestamp(0)`.",
            "Microseconds since 1970-01-01T00:00:00Z. Always 0. Starts at 1.",
            "At least 1 column, and an inner list has at least one condition; 0 bytes are fine.",
            "The number of the revision: 1 when it is inserted; each change adds 1.",
            "Between the two values, a five-character code (40001, 40P01).",
            "A `at most 512 bytes` in code.",
        ] {
            assert_eq!(found(sentence), Vec::<String>::new(), "{sentence}");
        }
    }

    #[test]
    fn exception_holds_for_its_own_part_alone() {
        let wit = |field: &str, sentence: &str| {
            format!(
                "package a:b;\n\ninterface i {{\n    record usage {{\n        /// {sentence}\n        {field}: string,\n    }}\n}}\n"
            )
        };
        assert_eq!(
            findings(check, &[("wit/a.wit", &wit("which", "A name, at most 40 bytes."))]),
            Vec::<String>::new()
        );
        assert_eq!(findings(check, &[("wit/a.wit", &wit("which", "A name, at most 41 bytes."))]).len(), 1);
        assert_eq!(findings(check, &[("wit/a.wit", &wit("name", "A name, at most 40 bytes."))]).len(), 1);
    }

    #[test]
    fn every_exception_is_needed() {
        let tree = Tree::read(&repo::root()).expect("the repository");
        let contract = Contract::read(&tree).expect("a contract that parses").expect("a contract");
        for (name, words, _) in EXCEPTIONS {
            let parts = contract.parts();
            let part = parts.iter().find(|part| part.name == name).expect(name);
            let numbers = sentences(part.docs);
            let numbers =
                numbers.iter().flat_map(|words| (0..words.len()).filter_map(|at| stated(words, at)));
            assert!(numbers.into_iter().any(|it| it.is_bound && it.shown.contains(words)), "{name}: {words}");
        }
    }
}

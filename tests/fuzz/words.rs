//! Texts for parameters: plausible ones, chosen by the name of the parameter, and hostile ones.

use super::dice::Dice;

/// Stands for the address of a server that plugins may reach.
pub const ADDRESS: &str = "ADDRESS";
/// Stands for the id of an existing item.
pub const ITEM: &str = "ITEM";
/// Stands for the id of an existing user.
pub const USER: &str = "USER";

/// Names of parameters, fields and cases, with texts that pass the first check there. A function whose parameters are
/// not listed is also called, with texts for other parameters.
const PLAUSIBLE: &[(&[&str], &[&str])] = &[
    (&["table"], &["notes", "notes", "notes", "kinds", "journal"]),
    (
        &["column", "columns", "order-by", "returning", "group-by", "count-of", "count-distinct"],
        &["title", "title", "body", "id", "rank", "tags", "extra"],
    ),
    (&["sum", "average", "minimum", "maximum"], &["rank", "id", "amount"]),
    (&["sql"], STATEMENTS),
    (&["key", "tag", "tags"], &["k", "a:b", "largest"]),
    (&["name"], &["flag", "count", "ratio", "label", "accept", "x-one", "content-type"]),
    (&["id", "ids", "after"], &[ITEM, USER, ITEM]),
    (&["item-type"], &["note"]),
    (&["permission"], &["item:note:read", "admin", "note.write"]),
    (&["fields", "json"], &["{}", "{\"a\":1}", "{\"a\":{\"b\":[1,2,null]}}", "null", "[1e400]"]),
    (&["url"], &["http://ADDRESS/", "http://ADDRESS/large"]),
    (&["secret"], &["api-key"]),
    (&["numeric"], &["0", "-1.50", "NaN", "1e10", "123456789012345678901234567890"]),
    (&["uuid"], &["018f3c1e-0000-7000-8000-000000000000"]),
    (&["inet"], &["10.0.0.1", "::1/128"]),
    (&["like", "ilike", "contains"], &["%a%", "_", "a"]),
    (&["title", "body", "text", "value", "message", "label"], &["a", "Ada", "line"]),
];

const STATEMENTS: &[&str] = &[
    "SELECT id, title FROM notes",
    "SELECT title FROM notes WHERE rank IS NULL",
    "SELECT * FROM notes WHERE title = $1",
    "SELECT count(*) FROM kinds",
    "SELECT generate_series(1, 300)",
    "SELECT 1/0",
    "INSERT INTO notes (title) VALUES ($1)",
    "INSERT INTO journal (what) VALUES ('x')",
    "UPDATE notes SET body = 'b' WHERE id = 1",
    "DELETE FROM notes WHERE id = 1",
];

/// Lists that may be empty.
pub const PLAUSIBLE_EMPTY: &[&str] = &["order-by", "after", "headers", "parameters", "fields"];
/// Variant cases that fit more functions than others do.
const PLAUSIBLE_CASES: &[&str] = &["scalar", "text", "equal", "is-not-null"];

/// The case to use for a plausible value, if there is one.
pub fn plausible_case<'a>(names: impl Iterator<Item = &'a str>) -> Option<usize> {
    names.enumerate().find(|(_, name)| PLAUSIBLE_CASES.contains(name)).map(|(case, _)| case)
}

/// Hostile texts.
const HOSTILE: &[&str] = &[
    "",
    " ",
    "\0",
    "a\0b",
    "\u{1b}[2J",
    "a\r\nb: c",
    "\u{d7ff}\u{e000}",
    "\u{ffff}\u{10ffff}",
    "\u{202e}evil",
    "\u{feff}notes",
    "nоtes",
    "İ",
    "ﬁ",
    "e\u{301}\u{301}\u{301}",
    "vault",
    "NOTES",
    "\"notes\"",
    "notes; DROP TABLE notes",
    "pg_settings",
    "palisade.items",
    "plugin_sql.notes",
    "ctid",
    "' OR '1'='1",
    "$1",
    "$999999999999999999999",
    "SELECT secret FROM vault",
    "COMMIT",
    "BEGIN; SELECT 1",
    "SELECT pg_sleep(10)",
    "SELECT set_config('role', 'postgres', false)",
    "WITH x AS (DELETE FROM notes RETURNING *) SELECT * FROM x",
    "SELECT /* /* */ 1",
    "SELECT E'\\x3b'",
    "SELECT 'a",
    "http://127.0.0.1/",
    "http://169.254.169.254/latest/meta-data",
    "http://ADDRESS/metadata",
    "http://user:pass@ADDRESS/",
    "http://ADDRESS/../..%2f%2e%2e",
    "http://[::ffff:127.0.0.1]:1/",
    "http://0x7f000001/",
    "file:///etc/passwd",
    "http://",
    "::",
    "{\"a\":",
    "{\"a\":1,\"a\":2}",
    "\"\\ud800\"",
    "{\"\\u0000\":\"\\u0000\"}",
    "1e999999",
    "-0",
    "99999999999999999999999999999999999999.9",
    "00000000-0000-0000-0000-000000000000",
    "999.999.999.999",
    "host",
    "transfer-encoding",
    "%",
    "\\",
];

/// The texts that are repeated to make long ones.
const REPEATED: &[&str] = &["a", "(", "[", "é", "NOT ", "\0", "{\"a\":", "1,", "%_", "😀", "SELECT ", " "];
/// The lengths of long texts: at the bounds of the guards' limits, and above them.
const LENGTHS: &[usize] =
    &[40, 41, 63, 64, 65, 128, 129, 256, 500, 512, 513, 1_024, 4_097, 8_193, 65_536, 65_537];

/// A text for a parameter with this name, which passes the first check if `is_plausible` is set.
pub fn text(dice: &mut Dice, hint: &str, is_plausible: bool) -> String {
    let plausible = PLAUSIBLE.iter().find(|(hints, _)| hints.contains(&hint)).map(|(_, texts)| *texts);
    match (plausible, is_plausible) {
        (Some(texts), true) => return (*dice.pick(texts)).to_owned(),
        (None, true) => return "a".to_owned(),
        (Some(texts), false) if dice.one_in(3) => return (*dice.pick(texts)).to_owned(),
        _ => {}
    }
    match dice.below(10) {
        0 => {
            let (text, length) = (*dice.pick(REPEATED), *dice.pick(LENGTHS));
            text.repeat(length.div_ceil(text.len()))
        }
        1 => {
            let (_, texts) = dice.pick(PLAUSIBLE);
            (*dice.pick(texts)).to_owned()
        }
        2 => ["", "a", "b"].map(|_| *dice.pick(HOSTILE)).concat(),
        3 => {
            let length = dice.below(30);
            (0..length).filter_map(|_| char::from_u32((dice.word() % 0x11_0000) as u32)).collect()
        }
        _ => (*dice.pick(HOSTILE)).to_owned(),
    }
}

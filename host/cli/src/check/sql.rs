//! SQL text in the author's source, against the gate.
//!
//! Only a text that certainly is sent is judged: one that stands whole in the source, as the argument of `query` or `execute` of `db`
//! and `db-write`, or as the value of a name that is such an argument. What is put together when it runs is the gate's to judge, when it runs.

use super::finding::Finding;
use super::literals::{Literal, SourceFile};
use super::migrations::{schema, word};
use palisade_guard::db::gate::{self, Verdict};
use palisade_guard::db::migration::Tables;
use palisade_guard::manifest::Manifest;
use palisade_guard::mistakes::nearest;

/// The first words of statements that the gate accepts.
const READS: [&str; 4] = ["select", "with", "values", "table"];
const WRITES: [&str; 4] = ["insert", "update", "delete", "merge"];

/// Judges every statement of a file.
pub(super) fn check(file: &SourceFile, tables: &Tables, manifest: &Manifest, found: &mut Vec<Finding>) {
    let catalogue = tables.catalogue(&schema(manifest), &manifest.grants.db);
    for (letters, function) in statements(file) {
        let text: String = letters.iter().map(|(letter, _)| letter).collect();
        let first = text.split_whitespace().next().unwrap_or_default().to_lowercase();
        let start = letters.first().map_or(0, |(_, at)| *at);
        let place = |at: usize| {
            let (line, column) = palisade_guard::mistakes::position(&file.text, at);
            file.place(at, word(&file.text, line, column))
        };
        let wrong = match function {
            "query" if WRITES.contains(&first.as_str()) => {
                Some("`db.query` only reads: send a statement that writes with `db-write.execute`")
            }
            "execute" if first == "select" => {
                Some("`db-write.execute` only writes: send a query with `db.query`")
            }
            _ => None,
        };
        if let Some(sentence) = wrong {
            found.push(Finding::at(sentence, place(start)));
            continue;
        }
        let verdicts = gate::check(&catalogue, &text);
        if verdicts.iter().all(|verdict| verdict.reason.is_none()) && verdicts.len() != 1 {
            found.push(Finding::at("the text must be one statement, and each call sends one", place(start)));
        }
        for Verdict { line, column, reason } in verdicts {
            let Some(reason) = reason else { continue };
            let at = letter_at(&letters, line, column).unwrap_or(start);
            found.push(Finding::at(reason, place(at)));
        }
    }
}

/// Where a line and column of a text are in the source.
fn letter_at(letters: &[(char, usize)], line: usize, column: usize) -> Option<usize> {
    let mut here = (1, 1);
    for (letter, at) in letters {
        if here == (line, column) {
            return Some(*at);
        }
        here = if *letter == '\n' { (here.0 + 1, 1) } else { (here.0, here.1 + 1) };
    }
    letters.last().map(|(_, at)| *at)
}

/// The texts of a file that are sent as statements, each with the function that sends it.
fn statements(file: &SourceFile) -> Vec<(Vec<(char, usize)>, &'static str)> {
    let mut statements = Vec::new();
    let mut literals = file.literals.iter().peekable();
    while let Some(literal) = literals.next() {
        let (mut letters, mut end, mut has_holes) = (literal.letters.clone(), literal.end, literal.has_holes);
        // C and Python join texts that stand side by side.
        while let Some(next) = literals.peek()
            && file.code[end..next.start].trim().is_empty()
        {
            let next: &Literal = next;
            letters.extend(&next.letters);
            (end, has_holes) = (next.end, has_holes || next.has_holes);
            literals.next();
        }
        if has_holes || !ends_argument(&file.code[end..]) {
            continue;
        }
        let before = file.code[..literal.start].trim_end().trim_end_matches('&').trim_end();
        let text: String = letters.iter().map(|(letter, _)| letter).collect();
        let first = text.split_whitespace().next().unwrap_or_default().to_lowercase();
        let is_statement = READS.iter().chain(&WRITES).any(|verb| *verb == first);
        let function = if let Some(callee) = before.strip_suffix('(') {
            let likely = nearest(&first, READS.into_iter().chain(WRITES)).is_some();
            sender(callee, likely)
        } else if let Some(name) = before.strip_suffix('=').and_then(named).filter(|_| is_statement) {
            sent(&file.code, name)
        } else if let Some(name) = set(before) {
            sent(&file.code, name)
        } else {
            None
        };
        statements.extend(function.map(|function| (letters, function)));
    }
    statements
}

/// Whether what stands behind a literal ends an argument or a statement.
fn ends_argument(code: &str) -> bool {
    let mut code = code.trim_start();
    for conversion in [".into()", ".to_owned()", ".to_string()"] {
        code = code.strip_prefix(conversion).unwrap_or(code).trim_start();
    }
    code.is_empty()
        || code.starts_with([',', ')', ';', '\n', '}'])
        || !code.starts_with(['+', '%', '.', '?', '[', '*', '|', '&'])
}

/// The function of the contract that is called here, if one is: `db::query`, `db.query`, `dbWrite.execute`, or the name alone if
/// the text is likely a statement.
fn sender(callee: &str, is_likely: bool) -> Option<&'static str> {
    let is_part = |letter: char| letter.is_alphanumeric() || matches!(letter, '_' | '.' | ':');
    let from = callee.trim_end().rfind(|letter: char| !is_part(letter));
    let path = callee.trim_end().get(from.map_or(0, |at| at + 1)..)?;
    let mut parts = path.rsplit(['.', ':']).filter(|part| !part.is_empty());
    let function = match parts.next()? {
        "query" => "query",
        "execute" => "execute",
        // As the generator of bindings for C names them.
        name if name.ends_with("_plugin_db_query") => return Some("query"),
        name if name.ends_with("_plugin_db_write_execute") => return Some("execute"),
        _ => return None,
    };
    match parts.next().map(|part| part.replace('_', "").to_lowercase()) {
        Some(receiver) => matches!(receiver.as_str(), "db" | "dbwrite").then_some(function),
        None => is_likely.then_some(function),
    }
}

/// The name that is given a value: `const NAME: &str`, `const NAME`, `NAME`, `char *NAME` or `char NAME[]`.
fn named(before: &str) -> Option<&str> {
    let start = before.rfind(['\n', ';', '{', '}']).map_or(0, |at| at + 1);
    let mut head = before.get(start..)?.trim();
    if head.ends_with(['=', '!', '<', '>', '+']) {
        return None;
    }
    if let Some((name, _)) = head.split_once(':') {
        head = name.trim_end();
    }
    let head = head.strip_suffix("[]").unwrap_or(head);
    let name =
        head.rsplit(|letter: char| !(letter.is_alphanumeric() || letter == '_' || letter == '$')).next()?;
    (!name.is_empty()).then_some(name)
}

/// The function that a name is sent with somewhere in the code.
fn sent(code: &str, name: &str) -> Option<&'static str> {
    let is_word = |letter: char| letter.is_alphanumeric() || letter == '_' || letter == '$';
    code.match_indices(name).find_map(|(at, _)| {
        let before = code[..at].trim_end().trim_end_matches('&').trim_end();
        let behind = &code[at + name.len()..];
        let callee = before.strip_suffix('(')?;
        if behind.starts_with(is_word) || !ends_argument(behind) {
            return None;
        }
        sender(callee, true)
    })
}

/// The name of the string of C that is set to a literal, by what stands before that: `plugin_string_set(&NAME, `.
fn set(before: &str) -> Option<&str> {
    let (callee, name) = before.strip_suffix(',')?.rsplit_once('(')?;
    let callee = callee.trim_end();
    let is_set = callee.ends_with("_string_set") || callee.ends_with("_string_dup");
    let name = name.trim().trim_start_matches('&').trim();
    (is_set && !name.is_empty() && !name.contains(',')).then_some(name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use palisade_guard::manifest::Language;
    use std::collections::BTreeSet;
    use std::path::Path;

    const MANIFEST: &str = "[plugin]\nname = \"blog\"\nversion = \"0.1.0\"\ncomponent = \"blog.wasm\"\n[grants.db]\nquery = true\nexecute = true\n\
        [grants.db.tables]\nposts = { select = [\"id\", \"title\"], insert = true, update = true, delete = true }\n";

    fn found(language: Language, text: &str) -> Vec<String> {
        let manifest = Manifest::parse(MANIFEST, Path::new("palisade.toml")).unwrap();
        let migrations = [("1.sql", "CREATE TABLE posts (id bigint PRIMARY KEY, title text, secret text)")];
        let tables = Tables::read("plugin_blog", &BTreeSet::new(), migrations).unwrap();
        let file = SourceFile::of("a".to_owned(), text.to_owned(), language);
        let mut found = Vec::new();
        check(&file, &tables, &manifest, &mut found);
        found.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn statement_that_the_gate_refuses_is_found_at_its_place() {
        use Language::{C, Js, Python, Rust};
        for (language, text, expected) in [
            (
                Rust,
                "fn a() {\n    db::query(\"SELECT id, titel FROM posts\", params![])?;\n}",
                "a:2:27: the column `titel`",
            ),
            (
                Rust,
                "const ALL: &str = \"SELECT id\n    FROM pots\";\nfn a() { db::query(ALL, &[]) }",
                "a:2:10: the table `pots`",
            ),
            (Rust, "palisade_sdk::db::query(r#\"SELECT pg_sleep(1)\"#, [])", "a:1:35: `pg_sleep`"),
            (Rust, "db::query(\"SELECT id \\\n      FROM nothing\", [])", "a:2:12: the table `nothing`"),
            (Rust, "query(\"SELEC id FROM posts\", &[])", "a:1:8: `selec`"),
            (Js, "query('SELECT secret FROM posts', [])", "a:1:15: the column `secret`"),
            (Js, "db.query(`SELECT id\nFROM posts WHERE ttle = $1`, [a])", "a:2:18: the column `ttle`"),
            (Js, "dbWrite.execute(\"SELECT id FROM posts\", [])", "`db-write.execute` only writes"),
            (
                Js,
                "const SQL = \"SELECT x FROM posts\";\nconst rows = query(SQL, []);",
                "a:1:21: the column `x`",
            ),
            (
                Python,
                "rows = db.query(\n    \"SELECT id \"\n    \"FROM psts\", [])",
                "a:3:11: the table `psts`",
            ),
            (
                Python,
                "db_write.execute(\"\"\"\n  DELETE FROM post WHERE id = $1\n\"\"\", [x])",
                "a:2:15: the table `post`",
            ),
            (Python, "db.query(\"DELETE FROM posts WHERE id = $1\", [x])", "`db.query` only reads"),
            (Python, "db.query(\"SELECT 1 AS a; SELECT 2 AS b\", [])", "the text must be one statement"),
            (
                C,
                "plugin_string_set(&sql, \"SELECT id \"\n  \"FROM nothing\");\npalisade_plugin_db_query(&sql, &list, &rows, &error);",
                "a:2:9: the table `nothing`",
            ),
        ] {
            let said = found(language, text);
            assert!(said.len() == 1 && said[0].contains(expected), "{text}: {said:?}");
        }
    }

    #[test]
    fn text_that_is_right_or_is_not_sent_has_no_finding() {
        use Language::{C, Js, Python, Rust};
        for (language, text) in [
            (Rust, "db::query(\"SELECT id, title FROM posts WHERE id = $1\", params![id])?"),
            (Rust, "// db::query(\"SELECT x\")\nlogging::info(\"SELECT nothing FROM nowhere\")"),
            (Rust, "db::query(&format!(\"SELECT {} FROM posts\", column), [])"),
            (Rust, "let a = \"SELECT x FROM y\"; print(a)"),
            (Rust, "#[cfg(test)]\nmod tests { fn a() { db::query(\"SELECT x\", []); } }"),
            (Rust, "other.query(\"SELECT x FROM y\")"),
            (Js, "query(`SELECT ${column} FROM posts`, [])"),
            (Js, "query('SELECT x FROM ' + table, [])"),
            (Js, "document.query(\"nav a\"); query('nav')"),
            (Python, "db.query(f\"SELECT {x} FROM y\", [])"),
            (Python, "db.query(\"SELECT x FROM %s\" % y, [])"),
            (Python, "db_write.execute(\"DELETE FROM posts WHERE id = $1\", [x])"),
            (C, "plugin_string_set(&name, \"Select a name\"); puts(\"SELECT x\");"),
        ] {
            let said = found(language, text);
            assert_eq!(said, [""; 0], "{text}");
        }
    }
}

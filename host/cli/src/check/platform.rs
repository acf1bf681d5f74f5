//! What a source uses that a plugin has not: files, sockets, threads, other programs, the machine's clock. It compiles, and fails when
//! it runs, with a message of the language that names no way out.
//!
//! It looks for names in the code, and understands no language: a name that comes in by another way is not found, and fails when it
//! runs.

use super::finding::Finding;
use super::literals::SourceFile;
use palisade_guard::manifest::Language;

/// What to use instead.
const FILES: &str = "a plugin has no files: keep what you need in a table of `db`, in `cache` or in `variables`, or compile it in";
const SOCKETS: &str = "a plugin has no sockets: use `http` of the contract, with a grant";
const PROGRAMS: &str = "a plugin starts no other programs";
const THREADS: &str = "a plugin has no threads and does not sleep: do the work in the call, or in a cron tap";
const CLOCK: &str = "a plugin has no clock of the machine: use `clock.now` of the contract";
const OUTPUT: &str = "nobody sees what a plugin prints: use `logging` of the contract";
const ENVIRONMENT: &str =
    "a plugin has no environment: declare a setting in [variables], and read it with `variables`";

/// A name, and what to use instead.
type Row = (&'static str, &'static str);

/// Modules of `std` and their items in Rust.
const RUST: &[Row] = &[
    ("std::fs", FILES),
    ("std::net", SOCKETS),
    ("std::process::Command", PROGRAMS),
    ("std::thread::spawn", THREADS),
    ("std::thread::sleep", THREADS),
    ("std::thread::scope", THREADS),
    ("std::time::SystemTime", CLOCK),
    ("std::time::Instant", CLOCK),
    ("std::env::var", ENVIRONMENT),
    ("std::env::args", ENVIRONMENT),
];
const RUST_MACROS: &[Row] =
    &[("println!", OUTPUT), ("eprintln!", OUTPUT), ("print!", OUTPUT), ("eprint!", OUTPUT), ("dbg!", OUTPUT)];
/// Functions of C, which are called by their own name.
const C: &[Row] = &[
    ("fopen", FILES),
    ("open", FILES),
    ("opendir", FILES),
    ("socket", SOCKETS),
    ("connect", SOCKETS),
    ("system", PROGRAMS),
    ("popen", PROGRAMS),
    ("fork", PROGRAMS),
    ("pthread_create", THREADS),
    ("getenv", ENVIRONMENT),
];
const PYTHON: &[Row] = &[("open", FILES)];
/// Modules of Python.
const PYTHON_MODULES: &[Row] = &[
    ("socket", SOCKETS),
    ("requests", SOCKETS),
    ("urllib.request", SOCKETS),
    ("http.client", SOCKETS),
    ("subprocess", PROGRAMS),
    ("threading", THREADS),
    ("multiprocessing", THREADS),
    ("sqlite3", FILES),
];
/// Modules of Node.js, with or without `node:`.
const JS_MODULES: &[Row] = &[
    ("fs", FILES),
    ("fs/promises", FILES),
    ("net", SOCKETS),
    ("http", SOCKETS),
    ("https", SOCKETS),
    ("child_process", PROGRAMS),
    ("worker_threads", THREADS),
];

/// Finds everything in a file that a plugin has not.
pub(super) fn check(file: &SourceFile, found: &mut Vec<Finding>) {
    let mut hits: Vec<(usize, usize, &str)> = Vec::new();
    match file.language {
        Language::Rust => {
            hits.extend(
                RUST.iter()
                    .flat_map(|(name, fix)| words(&file.code, name).map(move |at| (at, name.len(), *fix))),
            );
            hits.extend(groups(&file.code));
            hits.extend(
                RUST_MACROS
                    .iter()
                    .flat_map(|(name, fix)| words(&file.code, name).map(move |at| (at, name.len(), *fix))),
            );
        }
        Language::C => hits.extend(called(&file.code, C)),
        Language::Python => {
            hits.extend(called(&file.code, PYTHON));
            for (name, fix) in PYTHON_MODULES {
                let imported = words(&file.code, name).filter(|at| {
                    let before = file.code[..*at].trim_end_matches(' ');
                    before.ends_with("import") || before.ends_with("from")
                });
                hits.extend(imported.map(|at| (at, name.len(), *fix)));
            }
        }
        Language::Js => {
            for literal in &file.literals {
                let says = literal.says();
                let name = says.strip_prefix("node:").unwrap_or(&says);
                let before = file.code[..literal.start].trim_end();
                let is_module =
                    ["from", "import", "import(", "require("].iter().any(|word| before.ends_with(word));
                let row = JS_MODULES.iter().find(|(module, _)| *module == name).filter(|_| is_module);
                hits.extend(row.map(|(_, fix)| (literal.start, literal.end - literal.start, *fix)));
            }
        }
    }
    hits.sort_unstable();
    hits.dedup_by_key(|(at, ..)| *at);
    for (at, length, fix) in hits {
        let name = file.text.get(at..at + length).unwrap_or_default();
        found.push(Finding::at(format!("{name}: {fix}"), file.place(at, name.chars().count())));
    }
}

/// Where a name stands by itself.
fn words<'c>(code: &'c str, name: &'c str) -> impl Iterator<Item = usize> + 'c {
    let is_word = |letter: char| letter.is_alphanumeric() || letter == '_';
    let of_others = move |letter: char| is_word(letter) || letter == '.';
    code.match_indices(name)
        .map(|(at, _)| at)
        .filter(move |at| !code[..*at].ends_with(of_others) && !code[at + name.len()..].starts_with(is_word))
}

/// Functions that are called by their own name, and neither declared nor of anything else.
fn called<'c>(
    code: &'c str,
    rows: &'static [Row],
) -> impl Iterator<Item = (usize, usize, &'static str)> + 'c {
    rows.iter().flat_map(move |(name, fix)| {
        let calls = words(code, name).filter(move |at| {
            let before = code[..*at].trim_end_matches(' ');
            let is_declared = ["def", "->", "*", "int", "void", "bool", "import", "::"]
                .iter()
                .any(|word| before.ends_with(word));
            code[at + name.len()..].trim_start().starts_with('(') && !is_declared
        });
        calls.map(move |at| (at, name.len(), *fix))
    })
}

/// Modules in a group of Rust: `use std::{fs, io};`.
fn groups(code: &str) -> Vec<(usize, usize, &'static str)> {
    let mut hits = Vec::new();
    for (start, head) in code.match_indices("std::{") {
        let inner = start + head.len();
        let mut depth = 0_usize;
        let mut at = inner;
        for part in code[inner..].split_inclusive([',', '{', '}']) {
            let name = part.trim_end_matches([',', '{', '}']);
            let word = name.trim();
            if depth == 0 {
                let known = RUST.iter().map(|(name, fix)| (name.trim_start_matches("std::"), *fix));
                let row = known.into_iter().find(|(known, _)| {
                    word.strip_prefix(known).is_some_and(|rest| rest.is_empty() || rest.starts_with("::"))
                });
                let from = at + (name.len() - name.trim_start().len());
                hits.extend(row.map(|(known, fix)| (from, known.len(), fix)));
            }
            at += part.len();
            match part.chars().last() {
                Some('{') => depth += 1,
                Some('}') if depth == 0 => break,
                Some('}') => depth -= 1,
                _ => {}
            }
        }
    }
    hits
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_plugin_has_not_is_found_where_it_is_used() {
        use Language::{C, Js, Python, Rust};
        for (language, text, expected) in [
            (Rust, "fn a() { std::fs::read(\"x\") }", &["a:1:10: std::fs: a plugin has no files"][..]),
            (
                Rust,
                "use std::{collections::{BTreeMap, fs}, fs, net::TcpStream};",
                &["a:1:40: fs: ", "a:1:44: net: a plugin has no sockets"],
            ),
            (
                Rust,
                "use std::time::Instant;\nuse std::io;",
                &["a:1:5: std::time::Instant: a plugin has no clock of the machine"],
            ),
            (
                Rust,
                "println! (\"x\"); // std::fs\n let s = \"std::fs\"; my_std::fs(); std::fs2();",
                &["a:1:1: println!: nobody sees"],
            ),
            (Rust, "#[cfg(test)]\nmod tests { use std::fs; }", &[]),
            (
                Rust,
                "std::thread::spawn(f); std::time::Duration::ZERO",
                &["a:1:1: std::thread::spawn: a plugin has no threads"],
            ),
            (
                C,
                "FILE *f = fopen(\"x\", \"r\"); my_open(1); p->open(2); int open(int);",
                &["a:1:11: fopen: a plugin has no files"],
            ),
            (
                Python,
                "with open('x') as f:\n    pass\nself.open()\ndef open(): pass\nimport socket",
                &["a:1:6: open: ", "a:5:8: socket: "],
            ),
            (
                Python,
                "import os\nfrom urllib.request import urlopen\nreopen('x')",
                &["a:2:6: urllib.request: "],
            ),
            (
                Js,
                "import { readFile } from 'node:fs';\nconst x = require(\"http\"); say('fs');",
                &["a:1:26: ", "a:2:19: "],
            ),
        ] {
            let file = SourceFile::of("a".to_owned(), text.to_owned(), language);
            let mut found = Vec::new();
            check(&file, &mut found);
            let said: Vec<String> = found.iter().map(ToString::to_string).collect();
            assert_eq!(said.len(), expected.len(), "{text}: {said:?}");
            for (said, expected) in said.iter().zip(expected) {
                assert!(said.starts_with(expected), "{text}: {said}");
            }
        }
    }
}

//! `docs/testing.md`: what it shows is what happens.

use super::{GUESTBOOK, signed, test, with};
use crate::harness::{self, guest};

const PAGE: &str = include_str!("../../../docs/testing.md");

/// The blocks of the page in a language.
fn blocks(language: &str) -> Vec<&'static str> {
    harness::blocks(PAGE)
        .into_iter()
        .filter_map(|(known, text)| (known == language).then_some(text))
        .collect()
}

#[tokio::test]
async fn tests_of_the_page_pass() {
    let [users, http] = blocks("toml")[..] else { panic!("the page has other blocks of TOML") };
    // The tests of the page are some of the guestbook's.
    for test in users.split("\n[[test]]\n") {
        let lines = test.trim();
        assert!(GUESTBOOK.contains(lines.split("\n\n[[test.steps]]").next().unwrap()), "{lines}");
    }
    for (folder, tests) in [(signed(users), users), (with(&guest("probe"), http), http)] {
        let ran = test(folder.path(), &[]).await;
        assert_eq!(ran.code(), 0, "{}", ran.stdout);
        let count = tests.matches("[[test]]").count();
        assert!(ran.stdout.contains(&format!("{count} passed, 0 failed (")), "{}", ran.stdout);
    }
}

/// A line without how long something took.
fn timeless(line: &str) -> String {
    match (line.rfind(" ("), line.ends_with(" ms)")) {
        (Some(at), true) => line[..at].to_owned(),
        _ => line.to_owned(),
    }
}

#[tokio::test]
async fn output_of_the_page_is_what_the_command_prints() {
    let [passing, failing] = blocks("console")[..] else { panic!("the page has other blocks of output") };
    let folder = signed(GUESTBOOK);
    std::fs::rename(folder.path().join("tests/a.toml"), folder.path().join("tests/guestbook.toml")).unwrap();
    let ran = test(folder.path(), &[]).await;
    let printed: Vec<String> = ran.stdout.lines().map(timeless).collect();
    for line in passing.lines().filter(|line| !line.starts_with('$') && *line != "…") {
        assert!(printed.contains(&timeless(line)), "{line}: {}", ran.stdout);
    }
    let tests = "[[test]]\nname = \"an entry is stored\"\n\n[[test.steps]]\ncall = \"writing/sign\"\n\
                 arguments = { name = \"Ada\", message = \"Hello\" }\nanswer = 2\n";
    let folder = signed(tests);
    std::fs::rename(folder.path().join("tests/a.toml"), folder.path().join("tests/guestbook.toml")).unwrap();
    let ran = test(folder.path(), &[]).await;
    let printed: Vec<String> = ran
        .stdout
        .lines()
        .chain(ran.stderr.lines())
        .map(|line| timeless(line.trim_start_matches("error: ")))
        .collect();
    for line in failing.lines() {
        assert!(printed.contains(&timeless(line)), "{line}: {ran:?}");
    }
}

#[test]
fn test_in_rust_of_the_page_is_one_that_runs() {
    let [test] = blocks("rust")[..] else { panic!("the page has other blocks of Rust") };
    assert!(
        include_str!("../../authors.rs").contains(test),
        "tests/authors.rs has another text than\n{test}"
    );
}

#[test]
fn page_lists_every_key_and_option() {
    let keys = include_str!("../../../host/cli/src/test/form.rs");
    for key in [
        "before",
        "after",
        "http",
        "steps",
        "seed",
        "at",
        "call",
        "insert",
        "caller",
        "arguments",
        "answer",
        "error",
        "fails",
        "sent",
        "status",
        "headers",
        "body",
        "json",
        "method",
        "permissions",
        "roles",
    ] {
        assert!(keys.contains(&format!("\"{key}\"")), "{key} is gone");
        assert!(PAGE.contains(&format!("`{key}`")), "the page does not say what `{key}` is");
    }
    for option in ["--filter", "--update", "--logs", "--jobs", "--json"] {
        assert!(PAGE.contains(option), "the page lacks {option}");
    }
}

//! What no file may contain: exceptions without a reason, marks of unfinished work, and paths and hosts of one machine.

use super::rust::{Source, starts};
use super::{Finding, Tree};

/// Words, and the fix for each. Each is put together from two parts, so that this file does not contain it.
const WORDS: [(&str, &str); 13] = [
    (concat!("TO", "DO"), "finish it, or leave it out."),
    (concat!("FIX", "ME"), "finish it, or leave it out."),
    (concat!("/ro", "ot/"), "a path of one machine: write it relative to the repository or to HOME."),
    (concat!("/wo", "rk/"), "a path of one machine: write it relative to the repository."),
    (concat!("/tmp", "/wt"), "a path of one machine: write it relative to the repository."),
    (concat!("/ho", "me/"), "a path of one machine: write it relative to HOME."),
    (concat!("/Us", "ers/"), "a path of one machine: write it relative to HOME."),
    (concat!("index.cra", "tes.io"), "a registry's host: leave it to cargo's configuration."),
    (concat!("static.cra", "tes.io"), "a registry's host: leave it to cargo's configuration."),
    (concat!("registry.np", "mjs.org"), "a registry's host: leave it to npm's configuration."),
    (concat!("files.python", "hosted.org"), "a registry's host: leave it to pip's configuration."),
    (concat!("deb.deb", "ian.org"), "a registry's host: leave it to apt's configuration."),
    (concat!("proxy.go", "lang.org"), "a registry's host: leave it to go's configuration."),
];

/// Finds the words in every text file.
pub fn words(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (path, text) in &tree.files {
        for (number, line) in text.lines().enumerate() {
            for (word, fix) in WORDS.iter().filter(|(word, _)| holds(line, word)) {
                findings.push(Finding::new(path, number + 1, format!("`{word}`: {fix}")));
            }
        }
    }
    findings
}

/// Whether a line has the word by itself: not as part of a longer word or of the path of a URL.
fn holds(line: &str, word: &str) -> bool {
    let is_part = |char: char| char.is_alphanumeric() || char == '_';
    line.match_indices(word).any(|(at, _)| {
        let before = line[..at].chars().next_back();
        let after = line[at + word.len()..].chars().next();
        let is_inside = word.starts_with(char::is_alphanumeric) && after.is_some_and(is_part);
        !is_inside && !before.is_some_and(|char| is_part(char) || char == '.' || char == '-' || char == '}')
    })
}

/// Finds exceptions without a reason, and tests that do not run.
pub fn reasons(tree: &Tree) -> Vec<Finding> {
    tree.sources.iter().flat_map(attributes).collect()
}

fn attributes(source: &Source) -> Vec<Finding> {
    let tokens: Vec<_> = source.tokens.iter().collect();
    let mut findings = Vec::new();
    for index in 0..tokens.len() {
        let rest = &tokens[index..];
        let from =
            if starts(rest, &["#", "["]) { 2 } else { usize::from(starts(rest, &["#", "!", "["])) * 3 };
        if from == 0 {
            continue;
        }
        let inside = &rest[from..];
        let line = rest[0].line;
        if starts(inside, &["ignore"]) {
            findings.push(Finding::new(
                &source.path,
                line,
                "a test that does not run: make it run, or delete it.",
            ));
        }
        let is_exception = starts(inside, &["allow", "("]) || starts(inside, &["expect", "("]);
        let end = inside.iter().position(|token| token.text == "]").unwrap_or(inside.len());
        let has_reason = inside[..end].windows(2).any(|pair| starts(pair, &["reason", "="]));
        let is_explained = is_comment(source.line(line - 1)) || source.line(line).contains("// ");
        if is_exception && !has_reason && !is_explained {
            let fix = "an exception without a reason: add `reason = \"…\"`, or a comment on the line above.";
            findings.push(Finding::new(&source.path, line, fix));
        }
    }
    findings
}

/// Whether a line is a comment for readers of the code. A doc comment is for users of the item.
fn is_comment(line: &str) -> bool {
    let line = line.trim_start();
    line.starts_with("// ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tidy::fixture::{allows, finds};

    #[test]
    fn forbidden_word_is_found() {
        for (word, _) in WORDS {
            finds(
                words,
                "README.md",
                &format!("first line\nsee {word} here"),
                &format!("README.md:2: `{word}`"),
            );
        }
    }

    #[test]
    fn part_of_a_longer_word_is_allowed() {
        let (work, to_do) = (WORDS[3].0, WORDS[0].0);
        for text in [
            format!("the frame{work}x"),
            format!("{to_do}S"),
            format!("${{a}}{work}b"),
            format!("MY_{to_do}"),
        ] {
            allows(words, "README.md", &text);
        }
    }

    #[test]
    fn exception_without_a_reason_is_found() {
        for text in [
            "#[allow(dead_code)]\nfn a() {}",
            "#![allow(dead_code)]\nfn a() {}",
            "#[expect(dead_code)]\nfn a() {}",
            "/// Documents a.\n#[allow(dead_code)]\nfn a() {}",
            "#[cfg(test)]\nmod tests {\n    #[allow(dead_code)]\n    fn a() {}\n}",
        ] {
            finds(reasons, "host/src/a.rs", text, "an exception without a reason");
        }
    }

    #[test]
    fn exception_with_a_reason_is_allowed() {
        for text in [
            "#[allow(dead_code, reason = \"generated\")]\nfn a() {}",
            "// Generated.\n#[allow(dead_code)]\nfn a() {}",
            "#[allow(dead_code)] // Generated.\nfn a() {}",
            "const A: &str = \"#[allow(dead_code)]\";",
        ] {
            allows(reasons, "host/src/a.rs", text);
        }
    }

    #[test]
    fn test_that_does_not_run_is_found() {
        finds(
            reasons,
            "tests/a.rs",
            "#[test]\n#[ignore = \"slow\"]\nfn a() {}",
            "a.rs:2: a test that does not run",
        );
    }
}

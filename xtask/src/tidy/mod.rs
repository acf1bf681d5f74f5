//! `cargo xtask tidy`: the repository's own rules.
//!
//! Each rule reads the repository and returns findings. A finding names the place and the fix. What rustc,
//! clippy and rustfmt can check is not checked here. A rule's tests are in its own file, on small trees.

mod contract;

mod bounds;
mod limits;

mod layout;

mod crates;
mod floors;
mod imports;

mod numbers;

mod locks;
mod text;

mod paths;
mod rust;

use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};

use crate::{repo, step};
use rust::Source;

/// A place that breaks a rule.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Finding {
    file: String,
    line: usize,
    /// A sentence that names the fix.
    fix: String,
}

impl Finding {
    pub fn new(file: impl Into<String>, line: usize, fix: impl Into<String>) -> Self {
        Self { file: file.into(), line, fix: fix.into() }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}:{}: {}", self.file, self.line, self.fix)
    }
}

/// Prints each place that breaks a rule, and fails if there is one.
pub fn run() -> Result<()> {
    let root = repo::root();
    let mut findings = check(&Tree::read(&root)?);
    match crates::metadata(&root) {
        Ok(metadata) => findings.extend(crates::check(&metadata)),
        // The other rules need no cargo, so their findings are printed all the same.
        Err(error) => findings.push(Finding::new("Cargo.toml", 1, format!("{error:#}"))),
    }
    for finding in &findings {
        println!("{finding}");
    }
    if !findings.is_empty() {
        bail!("tidy: {} findings", findings.len());
    }
    step::say("tidy: no findings");
    Ok(())
}

fn check(tree: &Tree) -> Vec<Finding> {
    let rules = [
        layout::names,
        imports::check,
        floors::check,
        numbers::check,
        contract::check,
        bounds::check,
        locks::check,
        text::reasons,
        text::words,
    ];
    let mut findings: Vec<_> = rules.iter().flat_map(|rule| rule(tree)).collect();
    findings.sort();
    findings.dedup();
    findings
}

/// The repository's text files, and the tokens of the Rust files.
pub struct Tree {
    root: PathBuf,
    /// Path from the root, with `/`, and content.
    files: Vec<(String, String)>,
    sources: Vec<Source>,
}

impl Tree {
    /// Reads the files that git would commit: tracked and new files, without ignored ones. Without git, every file.
    fn read(root: &Path) -> Result<Self> {
        let mut files = Vec::new();
        for path in paths(root)? {
            // Files that are not UTF-8, and files that are deleted but still tracked, are skipped.
            if let Ok(text) = fs::read_to_string(root.join(&path)) {
                files.push((path, text));
            }
        }
        let is_rust =
            |(path, _): &&(String, String)| Path::new(path).extension().is_some_and(|kind| kind == "rs");
        let sources = files.iter().filter(is_rust).map(|(path, text)| {
            Source::read(path, text)
                .with_context(|| format!("{path} is not Rust; run `cargo fmt` to see where"))
        });
        let sources = sources.collect::<Result<_>>()?;
        Ok(Self { root: root.to_owned(), files, sources })
    }

    fn has(&self, path: &str) -> bool {
        self.files.iter().any(|(known, _)| known == path)
    }

    /// The names of the contract's files whose interface has a host side.
    fn interfaces(&self) -> Vec<&str> {
        let names = self.files.iter().filter_map(|(path, _)| path.strip_prefix("wit/")?.strip_suffix(".wit"));
        names.filter(|name| !["world", "limits", "taps"].contains(name)).collect()
    }
}

fn paths(root: &Path) -> Result<Vec<String>> {
    let mut git = std::process::Command::new("git");
    git.current_dir(root).args(["ls-files", "--cached", "--others", "--exclude-standard"]);
    if root.join(".git").exists()
        && let Ok(listed) = step::ask(&mut git)
    {
        return Ok(listed.lines().map(str::to_owned).collect());
    }
    let mut found = Vec::new();
    walk(root, "", &mut found)?;
    found.sort();
    Ok(found)
}

fn walk(root: &Path, folder: &str, found: &mut Vec<String>) -> Result<()> {
    for entry in fs::read_dir(root.join(folder))? {
        let entry = entry?;
        let name = entry.file_name().to_string_lossy().into_owned();
        let path = if folder.is_empty() { name.clone() } else { format!("{folder}/{name}") };
        if !entry.file_type()?.is_dir() {
            found.push(path);
        } else if name != "target" && name != ".git" {
            walk(root, &path, found)?;
        }
    }
    Ok(())
}

#[cfg(test)]
pub mod fixture {
    //! Small trees for the rules' tests.

    use super::*;

    /// A rule's findings in a tree of these files.
    pub fn findings(rule: fn(&Tree) -> Vec<Finding>, files: &[(&str, &str)]) -> Vec<String> {
        let folder = tempfile::tempdir().expect("a folder");
        for (path, text) in files {
            let path = folder.path().join(path);
            fs::create_dir_all(path.parent().expect("a parent")).expect("a folder");
            fs::write(path, text).expect("a file");
        }
        let tree = Tree::read(folder.path()).expect("a tree");
        rule(&tree).iter().map(ToString::to_string).collect()
    }

    /// Asserts that a rule finds one thing, with these words in it.
    #[track_caller]
    pub fn finds(rule: fn(&Tree) -> Vec<Finding>, path: &str, text: &str, words: &str) {
        let found = findings(rule, &[(path, text)]);
        assert!(found.len() == 1 && found[0].contains(words), "{path}: {text}\nfound {found:#?}");
    }

    /// Asserts that a rule finds nothing.
    #[track_caller]
    pub fn allows(rule: fn(&Tree) -> Vec<Finding>, path: &str, text: &str) {
        let found = findings(rule, &[(path, text)]);
        assert!(found.is_empty(), "{path}: {text}\nfound {found:#?}");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn file_that_is_not_rust_is_named() {
        let folder = tempfile::tempdir().expect("a folder");
        fs::write(folder.path().join("bad.rs"), "fn ( {").expect("a file");
        let error = Tree::read(folder.path()).err().expect("an error");
        assert!(format!("{error:#}").contains("bad.rs is not Rust"), "{error:#}");
    }

    #[test]
    fn finding_has_the_form_of_a_compilers_message() {
        assert_eq!(
            Finding::new("host/guard/src/kind.rs", 7, "Fix it.").to_string(),
            "host/guard/src/kind.rs:7: Fix it."
        );
    }
}

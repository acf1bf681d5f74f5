//! One name, four files; and no file too long to be read at one sitting.

use super::{Finding, Tree};

const RUST_LINES_MAX: usize = 300;
const WIT_LINES_MAX: usize = 320;
/// A table, which in two files would give a number two places to be looked for.
const TABLE: &str = "host/src/limits.rs";

/// Every interface of the contract has its host side, its guard and its tests under its own name.
pub fn names(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for interface in tree.interfaces() {
        let name = interface.replace('-', "_");
        for (folder, what) in
            [("host/src/api", "host side"), ("host/src/guard", "guard"), ("tests", "test file")]
        {
            let file = format!("{folder}/{name}.rs");
            let module = [format!("{folder}/{name}/mod.rs"), format!("{folder}/{name}/main.rs")];
            if !tree.has(&file) && !module.iter().any(|path| tree.has(path)) {
                let fix = format!("its {what} is missing: write {file}.");
                findings.push(Finding::new(format!("wit/{interface}.wit"), 1, fix));
            }
        }
    }
    findings
}

/// Files stay short. Tests count for nothing: a table of cases may be long.
pub fn lengths(tree: &Tree) -> Vec<Finding> {
    let rust = tree.sources.iter().filter(|source| source.path != TABLE);
    let rust = rust.map(|source| (source.path.as_str(), source.length(), RUST_LINES_MAX));
    let wit = tree.files.iter().filter(|(path, _)| path.starts_with("wit/"));
    let wit = wit.map(|(path, text)| (path.as_str(), text.lines().count(), WIT_LINES_MAX));
    rust.chain(wit)
        .filter(|(_, lines, max)| lines > max)
        .map(|(path, lines, max)| {
            Finding::new(
                path,
                max + 1,
                format!("{lines} lines, at most {max}: move one of its jobs to a file of its own."),
            )
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tidy::fixture::{allows, findings, finds};

    #[test]
    fn interface_without_its_files_is_found_once_for_each() {
        let found = findings(names, &[("wit/request-context.wit", "")]);
        let missing = [
            "host/src/api/request_context.rs",
            "host/src/guard/request_context.rs",
            "tests/request_context.rs",
        ];
        assert_eq!(found.len(), missing.len());
        for path in missing {
            assert!(found.iter().any(|finding| finding.contains(path)), "{path}: {found:?}");
        }
    }

    #[test]
    fn interface_with_files_or_folders_is_allowed() {
        let files = [
            ("wit/db.wit", ""),
            ("host/src/api/db/mod.rs", ""),
            ("host/src/guard/db.rs", ""),
            ("tests/db/main.rs", ""),
        ];
        assert!(findings(names, &files).is_empty());
    }

    #[test]
    fn world_limits_and_taps_have_no_host_side() {
        for path in ["wit/world.wit", "wit/limits.wit", "wit/taps.wit"] {
            allows(names, path, "");
        }
    }

    #[test]
    fn file_over_its_lines_is_found_and_at_them_allowed() {
        let lines = |count: usize| "fn a() {}\n".repeat(count);
        finds(lengths, "host/src/a.rs", &lines(RUST_LINES_MAX + 1), "301 lines, at most 300");
        finds(lengths, "wit/a.wit", &lines(WIT_LINES_MAX + 1), "321 lines, at most 320");
        allows(lengths, "host/src/a.rs", &lines(RUST_LINES_MAX));
        allows(lengths, "wit/a.wit", &lines(WIT_LINES_MAX));
        allows(lengths, TABLE, &lines(RUST_LINES_MAX + 1));
    }

    #[test]
    fn tests_do_not_count_as_lines() {
        let tests = format!("#[cfg(test)]\nmod tests {{\n{}}}\n", "fn a() {}\n".repeat(RUST_LINES_MAX));
        allows(lengths, "host/src/a.rs", &tests);
        allows(lengths, "tests/a.rs", &"fn a() {}\n".repeat(RUST_LINES_MAX + 1));
    }
}

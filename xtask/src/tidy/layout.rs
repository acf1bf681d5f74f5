//! One name, four files: an interface's contract, its host side, its guard and its tests are found under its name.

use super::{Finding, Tree};

/// Where an interface's files are, and what each is.
const PLACES: [(&str, &str); 3] =
    [("host/src/api", "host side"), ("host/guard/src", "guard"), ("tests", "test file")];

/// Finds interfaces of the contract without a host side, a guard or tests under their own name.
pub fn names(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for interface in tree.interfaces() {
        let name = interface.replace('-', "_");
        for (folder, what) in PLACES {
            let file = format!("{folder}/{name}.rs");
            if !tree.has(&file) && !tree.has(&format!("{folder}/{name}/mod.rs")) {
                let fix = format!("its {what} is missing: write {file} or {folder}/{name}/mod.rs.");
                findings.push(Finding::new(format!("wit/{interface}.wit"), 1, fix));
            }
        }
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tidy::fixture::{allows, findings};

    #[test]
    fn interface_without_its_files_is_found_once_for_each() {
        // Files of another interface, or of another place, are not its own.
        let files = [
            ("wit/request-context.wit", ""),
            ("host/src/api/request.rs", ""),
            ("host/src/guard/request_context.rs", ""),
            ("tests/request-context.rs", ""),
        ];
        let found = findings(names, &files);
        let missing = [
            "host/src/api/request_context.rs",
            "host/guard/src/request_context.rs",
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
            ("host/guard/src/db.rs", ""),
            ("tests/db/mod.rs", ""),
        ];
        assert_eq!(findings(names, &files), Vec::<String>::new());
    }

    #[test]
    fn world_limits_and_taps_have_no_host_side() {
        for path in ["wit/world.wit", "wit/limits.wit", "wit/taps.wit"] {
            allows(names, path, "");
        }
    }
}

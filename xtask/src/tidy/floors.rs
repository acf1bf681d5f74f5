//! The floors of the crate `palisade`: a module imports from its own floor and from lower ones.

use super::paths::Modules;
use super::{Finding, Tree};

/// The crate's sources.
const CRATE: &str = "host/src/";
/// The floors, from the top down. All modules of [`GROUND`] are one floor below these.
const FLOORS: [&str; 8] = ["host", "calls", "invocation", "runtime", "program", "api", "state", "plugin"];
const GROUND: [&str; 9] =
    ["engine", "value", "audit", "metrics", "memory", "supervision", "request", "error", "keyfile"];

/// Finds imports from a lower floor to a higher one, and circles on the lowest floor.
pub fn check(tree: &Tree) -> Vec<Finding> {
    let modules = Modules::read(&tree.sources, CRATE);
    let mut findings = Vec::new();
    for (module, source) in modules.named() {
        let own = &module[0];
        let Some(floor) = floor(own) else {
            let fix =
                format!("the module `{own}` has no floor: add it to a list in xtask/src/tidy/floors.rs.");
            findings.push(Finding::new(&source.path, 1, fix));
            continue;
        };
        for (to, line) in modules.reached(module) {
            let other = &to[0];
            if self::floor(other).is_some_and(|other| other < floor) {
                let fix = format!(
                    "`{own}` imports from `{other}`, which is on a higher floor: move what both need to `{own}` or below."
                );
                findings.push(Finding::new(&source.path, line, fix));
            }
        }
    }
    let is_ground = |module: &[String]| module.first().is_some_and(|name| GROUND.contains(&name.as_str()));
    for circle in modules.circles(&is_ground) {
        let names: Vec<_> = circle.iter().map(|module| module.join("::")).collect();
        let first = modules.named().find(|(module, _)| *module == &circle[0]);
        if let Some((_, source)) = first {
            let line = modules.reached(&circle[0]).get(&circle[1]).copied().unwrap_or(1);
            let fix = format!(
                "a circle of {} files: {} → {}: move what closes it to a module below all of them.",
                names.len(),
                names.join(" → "),
                names[0]
            );
            findings.push(Finding::new(&source.path, line, fix));
        }
    }
    findings
}

/// How many floors are above a module of the crate's root; `None` where it is on no list.
fn floor(name: &str) -> Option<usize> {
    let is_ground = || GROUND.contains(&name).then_some(FLOORS.len());
    FLOORS.iter().position(|floor| *floor == name).or_else(is_ground)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tidy::fixture::findings;

    #[test]
    fn import_from_a_higher_floor_is_found_however_it_is_spelled() {
        for text in [
            "use crate::calls::call::Call;",
            "use crate::{calls, engine};",
            "use super::calls::Call;",
            "fn a(b: crate::calls::Call) {}",
            "macro_rules! a { () => { $crate::calls::b() } }",
            "use crate::Call;",
        ] {
            let files = [
                ("host/src/lib.rs", "pub use calls::call::Call;"),
                ("host/src/calls/mod.rs", ""),
                ("host/src/calls/call.rs", ""),
                ("host/src/engine/mod.rs", ""),
                ("host/src/state/mod.rs", text),
            ];
            let found = findings(check, &files);
            let is_right = found.len() == 1
                && found[0].contains("host/src/state/mod.rs:1")
                && found[0].contains("`state` imports from `calls`");
            assert!(is_right, "{text}: {found:?}");
        }
    }

    #[test]
    fn lowest_floor_that_imports_a_named_one_is_found() {
        let files =
            [("host/src/plugin/mod.rs", ""), ("host/src/error/load.rs", "use crate::plugin::Plugin;")];
        let found = findings(check, &files);
        assert!(found.len() == 1 && found[0].contains("`error` imports from `plugin`"), "{found:?}");
    }

    #[test]
    fn import_from_the_same_floor_or_a_lower_one_is_allowed() {
        let files = [
            ("host/src/lib.rs", "mod host; pub use host::Host;"),
            ("host/src/host/mod.rs", "use crate::calls; use crate::keyfile;"),
            ("host/src/calls/mod.rs", "use crate::state; use std::fmt; use host::x;"),
            (
                "host/src/state/mod.rs",
                "use crate::engine;\n#[cfg(test)]\nmod tests { use crate::host::Host; }",
            ),
            ("host/src/engine/mod.rs", "use crate::error;"),
            ("host/src/engine/tests.rs", "use crate::host;"),
            ("host/src/error/mod.rs", "use crate::engine;"),
            ("host/src/keyfile.rs", ""),
        ];
        assert_eq!(findings(check, &files), Vec::<String>::new());
    }

    #[test]
    fn circle_of_three_files_on_the_lowest_floor_is_found() {
        let files = [
            ("host/src/engine/mod.rs", "use crate::error;"),
            ("host/src/error/mod.rs", "\nuse crate::value::Value;"),
            ("host/src/value/mod.rs", "use crate::engine::Engine;"),
        ];
        let found = findings(check, &files);
        assert!(found.len() == 1 && found[0].contains("a circle of 3 files"), "{found:?}");
        let found = findings(check, &files[..2]);
        assert_eq!(found, Vec::<String>::new());
    }

    #[test]
    fn module_without_a_floor_is_found() {
        let found = findings(check, &[("host/src/helpers.rs", "")]);
        assert!(found.len() == 1 && found[0].contains("`helpers` has no floor"), "{found:?}");
    }
}

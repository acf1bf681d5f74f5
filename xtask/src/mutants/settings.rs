//! The engine's settings, inverted one by one: `.wasm_threads(false)` becomes `.wasm_threads(true)`.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result, bail};

use super::with_guests;
use crate::{repo, step};

const FILE: &str = "host/src/engine/mod.rs";
/// Settings that change nothing for a plugin, each with the reason.
const NO_CHECKS: [(&str, &str); 2] = [
    ("wasm_component_model", "without it nothing compiles, and it is on by default"),
    ("relaxed_simd_deterministic", "relaxed SIMD is off"),
];
/// The tests that have to fail, first those that take seconds.
const TESTS: [&[&str]; 2] = [
    &["test", "--quiet", "--package", "palisade", "--lib", "engine::"],
    &["test", "--quiet", "--package", "palisade-tests", "--test", "all", "--", "calls::", "determinism::"],
];

/// The settings that can be inverted without a failing test.
pub fn unnoticed(tree: &Path, units: bool) -> Result<Vec<String>> {
    let path = tree.join(FILE);
    let source = fs::read_to_string(&path).with_context(|| format!("reading {}", path.display()))?;
    let inverted: Vec<(String, String)> = inverted(&source).collect();
    if inverted.is_empty() {
        bail!("{FILE} has no settings of the form `.name(false)`: name the file that has them");
    }
    let mut unnoticed = Vec::new();
    for (name, mutant) in inverted {
        fs::write(&path, mutant)?;
        let tests = if units { &TESTS[..1] } else { &TESTS[..] };
        let noticed = tests.iter().any(|arguments| {
            let mut test = repo::cargo(".");
            test.current_dir(tree).args(*arguments);
            step::ask(with_guests(&mut test)).is_err()
        });
        step::say(&format!("{name} inverted: {}", if noticed { "caught" } else { "MISSED" }));
        if !noticed {
            unnoticed.push(name);
        }
    }
    fs::write(&path, source)?;
    Ok(unnoticed)
}

/// Each setting's name, and the source with that setting inverted.
fn inverted(source: &str) -> impl Iterator<Item = (String, String)> + '_ {
    let lines = source.lines().enumerate();
    lines.filter_map(move |(number, line)| {
        let call = line.trim().trim_end_matches(';').strip_prefix('.')?;
        let (name, value) = call.strip_suffix(')')?.split_once('(')?;
        let other = match value {
            "false" => "true",
            "true" => "false",
            _ => return None,
        };
        if NO_CHECKS.iter().any(|(no_check, _)| *no_check == name) {
            return None;
        }
        let inverted = line.replace(&format!("({value})"), &format!("({other})"));
        let all =
            source.lines().enumerate().map(|(other, line)| if other == number { &*inverted } else { line });
        Some((name.to_owned(), all.collect::<Vec<_>>().join("\n") + "\n"))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_setting_is_inverted_alone() {
        let source = "config\n    .wasm_threads(false)\n    .max_wasm_stack(limits::STACK)\n    .wasm_component_model(true)\n    .nan(true);\n";
        let found: Vec<(String, String)> = inverted(source).collect();
        let names: Vec<&str> = found.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(names, ["wasm_threads", "nan"]);
        assert_eq!(found[0].1, source.replace("threads(false)", "threads(true)"));
        assert_eq!(found[1].1, source.replace("nan(true)", "nan(false)"));
    }
}

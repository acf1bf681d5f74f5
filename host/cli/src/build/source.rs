//! Which interfaces of the contract a source in an interpreted language imports, as its text says.
//!
//! The world of such a plugin is made from the grants, so a module that is not granted is not there, and the tool would only say
//! so, late and one at a time. This looks for the names in the text and understands no language: a name that is built at run time
//! is not found, and the tool's own error remains.

use std::collections::BTreeSet;

use palisade_guard::kind::PACKAGE;
use palisade_guard::manifest::Language;

/// The module of componentize-py that has the imports.
const PYTHON_IMPORTS: &str = "wit_world.imports";

/// The interfaces that a text imports, by their names in the contract.
pub(crate) fn imports(text: &str, language: Language) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    match language {
        Language::Js => javascript(text, &mut found),
        Language::Python => python(text, &mut found),
        Language::Rust | Language::C => {}
    }
    found
}

/// Where a text names an interface that it imports.
pub(crate) fn named(text: &str, interface: &str, language: Language) -> Option<usize> {
    match language {
        Language::Js => {
            let name = format!("{PACKAGE}/{interface}");
            let rest = |at: usize| text.get(at + name.len()..).unwrap_or_default();
            let mut places = text.match_indices(&name).map(|(at, _)| at);
            places.find(|at| rest(*at).starts_with(['@', '"', '\'']))
        }
        Language::Python => {
            let name = interface.replace('-', "_");
            let from = text.find(PYTHON_IMPORTS)?;
            let rest = text.get(from..)?;
            let alone = |at: usize| {
                !rest.get(..at).is_some_and(|before| before.ends_with(is_word))
                    && !rest.get(at + name.len()..).is_some_and(|behind| behind.starts_with(is_word))
            };
            rest.match_indices(&name).map(|(at, _)| at).find(|at| alone(*at)).map(|at| from + at)
        }
        Language::Rust | Language::C => None,
    }
}

/// Finds `"palisade:plugin/db@0.1.0"`, in either kind of quotes.
fn javascript(text: &str, found: &mut BTreeSet<String>) {
    for quote in ['"', '\''] {
        let opening = format!("{quote}{PACKAGE}/");
        for rest in text.split(opening.as_str()).skip(1) {
            let name = rest.split([quote, '@', '\n']).next().unwrap_or_default();
            found.insert(name.to_owned());
        }
    }
}

/// Finds `from wit_world.imports import db, db_write`, also in brackets, `import wit_world.imports.db` and
/// `from wit_world.imports.db import …`.
fn python(text: &str, found: &mut BTreeSet<String>) {
    for rest in text.split(PYTHON_IMPORTS).skip(1) {
        let rest = rest.trim_start_matches([' ', '\t']);
        let names = if let Some(module) = rest.strip_prefix('.') {
            module.split(|letter: char| !is_word(letter)).next().unwrap_or_default()
        } else if let Some(list) =
            rest.strip_prefix("import").map(|list| list.trim_start_matches([' ', '\t']))
        {
            match list.strip_prefix('(') {
                Some(list) => list.split(')').next().unwrap_or_default(),
                None => list.lines().next().unwrap_or_default(),
            }
        } else {
            continue;
        };
        let lines = names.lines().map(|line| line.split('#').next().unwrap_or_default());
        let names = lines.flat_map(|line| line.split(','));
        let names = names.map(|name| name.split_whitespace().next().unwrap_or_default());
        found.extend(
            names
                .filter(|name| !name.is_empty() && name.chars().all(is_word))
                .map(|name| name.replace('_', "-")),
        );
    }
}

fn is_word(letter: char) -> bool {
    letter.is_ascii_alphanumeric() || letter == '_'
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(language: Language, text: &str) -> String {
        imports(text, language).into_iter().collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn imports_of_javascript_are_found() {
        for (text, expected) in [
            ("import { select } from \"palisade:plugin/db@0.1.0\";", "db"),
            ("import * as http from 'palisade:plugin/http@0.1.0'\nimport './x.js'", "http"),
            ("const db = await import(\"palisade:plugin/db-write@0.1.0\");", "db-write"),
            ("// palisade:plugin/http is not imported", ""),
            ("import \"palisade:pluginx/db@0.1.0\"; import \"acme:blog/db\"", ""),
        ] {
            assert_eq!(found(Language::Js, text), expected, "{text}");
        }
    }

    #[test]
    fn imports_of_python_are_found() {
        for (text, expected) in [
            ("from wit_world.imports import db, db_write as write\nx = 1, item\n", "db db-write"),
            ("from wit_world.imports import (\n    db,  # rows\n    http,\n)\n", "db http"),
            ("import wit_world.imports.request_context as context\n", "request-context"),
            ("from wit_world.imports.db import Value, item\n", "db"),
            ("import wit_world.imports\n", ""),
            ("from wit_world.exports import reading\n", ""),
        ] {
            assert_eq!(found(Language::Python, text), expected, "{text}");
        }
    }

    #[test]
    fn import_has_its_place() {
        for (language, text, interface, place) in [
            (
                Language::Js,
                "x; import { a } from 'palisade:plugin/db-write@0.1.0'; from 'palisade:plugin/db@0.1.0'",
                "db",
                Some(61),
            ),
            (Language::Python, "db = 1\nfrom wit_world.imports import db_write, db\n", "db", Some(47)),
            (Language::Rust, "use palisade_sdk::db;", "db", None),
        ] {
            assert_eq!(named(text, interface, language), place, "{text}");
        }
    }
}

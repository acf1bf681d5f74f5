//! Which interfaces of the contract a source in an interpreted language imports, as its text says.
//!
//! The world of such a plugin is made from the grants, so a module that is not granted is not there, and the tool would only say
//! so, late and one at a time. This looks for the names in the text and understands no language: a name that is built at run time
//! is not found, and the tool's own error remains.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use palisade_guard::kind::PACKAGE;
use palisade_guard::limits::FOLDER_ENTRIES_MAX;
use palisade_guard::manifest::Language;

/// Folders beside a source that are not the author's text.
const OTHERS: [&str; 3] = ["node_modules", "target", "__pycache__"];
/// The module of componentize-py that has the imports.
const PYTHON_IMPORTS: &str = "wit_world.imports";

/// Finds the interfaces that a text imports.
type Find = fn(&str, &mut BTreeSet<String>);

/// The interfaces that the files beside a source import, by their names in the contract.
pub(crate) fn imports(source: &Path, language: Language) -> BTreeSet<String> {
    let (extensions, find): (&[&str], Find) = match language {
        Language::Js => (&["js", "mjs"], javascript),
        Language::Python => (&["py"], python),
        Language::Rust | Language::C => return BTreeSet::new(),
    };
    let mut found = BTreeSet::new();
    for path in files(source.parent().unwrap_or(Path::new(".")), extensions) {
        find(&fs::read_to_string(path).unwrap_or_default(), &mut found);
    }
    found
}

/// The files with these extensions in a folder and below it.
pub(crate) fn files(folder: &Path, extensions: &[&str]) -> Vec<PathBuf> {
    let (mut found, mut folders) = (Vec::new(), vec![folder.to_owned()]);
    while let Some(folder) = folders.pop() {
        let entries = fs::read_dir(folder).into_iter().flatten().flatten();
        for entry in entries.take(FOLDER_ENTRIES_MAX) {
            let (path, name) = (entry.path(), entry.file_name());
            let name = name.to_string_lossy();
            let is_hidden = name.starts_with('.') || OTHERS.contains(&name.as_ref());
            match entry.file_type() {
                Ok(kind) if kind.is_dir() && !is_hidden => folders.push(path),
                Ok(kind) if kind.is_file() => {
                    let extension = path.extension().and_then(|extension| extension.to_str());
                    if extension.is_some_and(|extension| extensions.contains(&extension)) {
                        found.push(path);
                    }
                }
                _ => {}
            }
        }
    }
    found
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

    fn found(find: fn(&str, &mut BTreeSet<String>), text: &str) -> String {
        let mut found = BTreeSet::new();
        find(text, &mut found);
        found.into_iter().collect::<Vec<_>>().join(" ")
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
            assert_eq!(found(javascript, text), expected, "{text}");
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
            assert_eq!(found(python, text), expected, "{text}");
        }
    }

    #[test]
    fn packages_of_others_are_not_the_source() {
        let folder = tempfile::tempdir().unwrap();
        for (path, interface) in
            [("src/plugin.js", "db"), ("src/lib/a.mjs", "http"), ("src/node_modules/x/a.js", "item")]
        {
            let path = folder.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, format!("import \"palisade:plugin/{interface}@0.1.0\";")).unwrap();
        }
        let found = imports(&folder.path().join("src/plugin.js"), Language::Js);
        assert_eq!(found.into_iter().collect::<Vec<_>>(), ["db", "http"]);
    }
}

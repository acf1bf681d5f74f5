//! The wrappers' documentation matches the contract's. The tests compare the first sentence of each function, error
//! case and interface with the WIT, and fail for a function of the contract without a wrapper. They read both as text,
//! so they also see what the generator omits.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

/// Each module, and the interfaces of the contract that it wraps.
const MODULES: [(&str, &[&str]); 10] = [
    ("db", &["db", "db-write"]),
    ("item", &["item", "item-write"]),
    ("user", &["user"]),
    ("cache", &["cache"]),
    ("variables", &["variables", "variables-write"]),
    ("logging", &["logging"]),
    ("request_context", &["request-context"]),
    ("clock", &["clock"]),
    ("random", &["random"]),
    ("http", &["http"]),
];

/// The first sentence of the documentation of each name in a text.
type Sentences = BTreeMap<String, String>;

#[test]
fn each_function_has_the_first_sentence_of_the_contract() {
    for (module, interfaces) in MODULES {
        let wrappers = documented(&source(module), "///", wrapper_name);
        for interface in interfaces {
            let functions = documented(&contract(interface), "///", function_name);
            assert!(!functions.is_empty(), "{interface} has functions");
            for (function, sentence) in functions {
                let name = function.replace('-', "_");
                let wrapper = wrappers.get(&name).unwrap_or_else(|| panic!("{module}::{name} is missing"));
                assert_eq!(*wrapper, sentence, "{module}::{name}");
            }
        }
    }
}

#[test]
fn each_error_case_has_the_first_sentence_of_the_contract() {
    let mut compared = 0;
    for (module, interfaces) in MODULES {
        let contract = contract(interfaces[0]);
        let Some((_, error)) = contract.split_once("variant error {") else { continue };
        let error = error.split_once('}').map_or(error, |(cases, _)| cases);
        let wrappers = documented(&errors(module), "///", case_name);
        for (case, sentence) in documented(error, "///", wit_case_name) {
            assert_eq!(wrappers.get(&case), Some(&sentence), "{module}::Error::{case}");
            compared += 1;
        }
    }
    assert!(compared > 30, "only {compared} cases were found");
}

#[test]
fn each_module_has_the_first_sentence_of_its_interface() {
    for (module, interfaces) in MODULES {
        let head = documented(&format!("{}\nend", source(module)), "//!", |_| Some("head".to_owned()));
        let heads = documented(&contract(interfaces[0]), "///", |line| {
            line.strip_prefix("interface ").map(|_| "head".to_owned())
        });
        assert_eq!(head.get("head"), heads.get("head"), "{module}");
    }
}

/// Returns the WIT of one interface, with the documentation before it and without its resources.
fn contract(interface: &str) -> String {
    let file = interface.strip_suffix("-write").unwrap_or(interface);
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("../wit/{file}.wit"));
    let text = fs::read_to_string(path).expect("the contract has a file for the interface");
    let opening = format!("interface {interface} {{");
    let start = text.find(&opening).expect("the file has the interface");
    let documentation = text[..start].rfind("\n\n").unwrap_or_default();
    let end = text[start..].find("\n}").map_or(text.len(), |end| start + end);
    without_resources(&text[documentation..end])
}

/// Removes the resources. Their methods are generated together with their documentation.
fn without_resources(text: &str) -> String {
    let mut kept = Vec::new();
    let mut inside = false;
    for line in text.lines() {
        inside |= line.trim_start().starts_with("resource ");
        if !inside {
            kept.push(line);
        }
        inside &= line != "    }";
    }
    kept.join("\n")
}

/// Returns the error cases that the SDK defines for a module's interface.
fn errors(module: &str) -> String {
    let text = source("raw/errors");
    let (_, rest) = text.split_once(&format!("\n    {module} \"")).expect("the module has an error");
    rest.split_once("\n    }").map_or(rest, |(cases, _)| cases).to_owned()
}

fn source(module: &str) -> String {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let path = folder.join(format!("{module}.rs"));
    let path = if path.exists() { path } else { folder.join(module).join("mod.rs") };
    fs::read_to_string(path).expect("the SDK has a file for the module")
}

/// Returns the first sentence of the documentation before each line in which `name` finds a name.
fn documented(text: &str, mark: &str, name: impl Fn(&str) -> Option<String>) -> Sentences {
    let mut found = Sentences::new();
    let mut documentation = String::new();
    for line in text.lines().map(str::trim) {
        if let Some(part) = line.strip_prefix(mark) {
            documentation.push_str(part);
        } else if !line.starts_with('@') && !line.starts_with("#[") && !documentation.is_empty() {
            if let Some(name) = name(line) {
                found.entry(name).or_insert_with(|| first_sentence(&documentation));
            }
            documentation.clear();
        }
    }
    found
}

fn first_sentence(documentation: &str) -> String {
    let words = documentation.split_whitespace().collect::<Vec<_>>().join(" ");
    without_bounds(words.split_once(". ").map_or(words.trim_end_matches('.'), |(sentence, _)| sentence))
}

/// Removes the names of constants and limits that the contract puts in parentheses after a bound. They are the host's
/// names, which the SDK's documentation and errors do not show.
fn without_bounds(sentence: &str) -> String {
    let mut kept = String::new();
    let mut rest = sentence;
    while let Some((before, after)) = rest.split_once(" (") {
        kept.push_str(before);
        match after.split_once(')') {
            Some((inside, after)) if is_bound(inside) => rest = after,
            _ => {
                kept.push_str(" (");
                rest = after;
            }
        }
    }
    kept + rest
}

/// Whether a text is `` `CONSTANT` `` or `` limit `name` ``.
fn is_bound(text: &str) -> bool {
    let name = |text: &str| text.strip_prefix('`').and_then(|text| text.strip_suffix('`')).map(str::to_owned);
    match text.strip_prefix("limit ") {
        Some(limit) => name(limit).is_some_and(|limit| !limit.contains('`')),
        None => name(text).is_some_and(|name| {
            name.chars().all(|char| char.is_ascii_uppercase() || char.is_ascii_digit() || char == '_')
        }),
    }
}

fn wrapper_name(line: &str) -> Option<String> {
    let name = line.strip_prefix("pub fn ")?.split(['(', '<']).next()?;
    Some(name.to_owned())
}

fn function_name(line: &str) -> Option<String> {
    line.split_once(": func(").map(|(name, _)| name.to_owned())
}

fn case_name(line: &str) -> Option<String> {
    let name = line.trim_end_matches(',').split('(').next()?;
    name.chars().all(char::is_alphanumeric).then(|| name.to_owned())
}

fn wit_case_name(line: &str) -> Option<String> {
    let name = line.trim_end_matches(',').split('(').next()?;
    let capital = |word: &str| word[..1].to_uppercase() + &word[1..];
    Some(name.split('-').map(capital).collect())
}

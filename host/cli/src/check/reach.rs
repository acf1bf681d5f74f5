//! Which functions of a component call what their kind has not.
//!
//! A host links one component for several kinds, so such a call is found only when it is made. Here it is found in the code: from the
//! core function of each export, along direct calls, to the imports. A call through a table is not followed, so nothing is found in
//! a component that carries an engine, and nothing is found that cannot be reached.

use super::Plugin;
use super::finding::Finding;
use palisade_guard::kind::{self, Kind};
use std::collections::{BTreeMap, BTreeSet};
use wasmparser::{ExternalKind, Operator, Parser, Payload, TypeRef};

/// A core module: what its functions call, by their index.
#[derive(Default)]
struct Module {
    /// The functions that it imports: module and name.
    imports: Vec<(String, String)>,
    /// Its exports, by name.
    exports: BTreeMap<String, u32>,
    calls: Vec<BTreeSet<u32>>,
}

/// Finds every function of an interface that calls what only a higher kind has.
pub(super) fn check(plugin: &Plugin<'_>, component: &[u8], found: &mut Vec<Finding>) {
    let modules = modules(component).unwrap_or_default();
    for (interface, &kind) in &plugin.manifest.exports {
        // By the lowest kind that would do: which functions call which.
        let mut above: BTreeMap<Kind, BTreeMap<&str, BTreeSet<String>>> = BTreeMap::new();
        for module in &modules {
            for (name, index) in &module.exports {
                let Some((export, function)) = name.split_once('#') else { continue };
                if export.split('@').next() != Some(interface) {
                    continue;
                }
                let reached = module.reached(*index);
                // Methods and handles follow from the function that returned their resource.
                let free = reached.iter().filter(|(_, function)| !function.starts_with('['));
                let needs = free.filter_map(|(interface, function)| {
                    let lowest = kind::lowest(interface).filter(|lowest| *lowest > kind)?;
                    Some((lowest, format!("`{interface}.{function}`")))
                });
                let needs: Vec<_> = needs.collect();
                let Some(highest) = needs.iter().map(|(lowest, _)| *lowest).max() else { continue };
                let calls = needs.into_iter().map(|(_, name)| name);
                above.entry(highest).or_default().entry(function).or_default().extend(calls);
            }
        }
        for (needed, functions) in above {
            let names: Vec<String> = functions.keys().map(|name| format!("`{name}`")).collect();
            let calls: BTreeSet<&String> = functions.values().flatten().collect();
            let calls: Vec<&str> = calls.into_iter().map(String::as_str).collect();
            let (verb, them) =
                if names.len() == 1 { ("calls", "the function") } else { ("call", "the functions") };
            let sentence = format!(
                "{} of `{interface}` {verb} {}, which {} {kind} has not: declare the interface as \"{needed}\", or move {them} to one \
                 that is",
                names.join(", "),
                calls.join(", "),
                kind.article(),
            );
            found.push(plugin.of_manifest(sentence, &["exports", interface]));
        }
    }
}

impl Module {
    /// The functions of the contract that a function reaches, each with its interface.
    fn reached(&self, from: u32) -> BTreeSet<(String, String)> {
        let (mut seen, mut next, mut reached) = (BTreeSet::from([from]), vec![from], BTreeSet::new());
        while let Some(index) = next.pop() {
            let index = index as usize;
            if let Some((module, name)) = self.imports.get(index) {
                let interface = kind::interface_of(module);
                reached.extend(interface.map(|interface| (interface.to_owned(), name.clone())));
                continue;
            }
            let calls = self.calls.get(index - self.imports.len()).into_iter().flatten();
            next.extend(calls.copied().filter(|callee| seen.insert(*callee)));
        }
        reached
    }
}

fn modules(component: &[u8]) -> wasmparser::Result<Vec<Module>> {
    let mut modules = Vec::new();
    for payload in Parser::new(0).parse_all(component) {
        match payload? {
            Payload::ModuleSection { .. } => modules.push(Module::default()),
            Payload::ImportSection(section) => {
                let Some(module) = modules.last_mut() else { continue };
                for import in section.into_imports() {
                    let import = import?;
                    if let TypeRef::Func(_) | TypeRef::FuncExact(_) = import.ty {
                        module.imports.push((import.module.to_owned(), import.name.to_owned()));
                    }
                }
            }
            Payload::ExportSection(section) => {
                let Some(module) = modules.last_mut() else { continue };
                for export in section {
                    let export = export?;
                    if export.kind == ExternalKind::Func {
                        module.exports.insert(export.name.to_owned(), export.index);
                    }
                }
            }
            Payload::CodeSectionEntry(body) => {
                let Some(module) = modules.last_mut() else { continue };
                let mut calls = BTreeSet::new();
                for operator in body.get_operators_reader()? {
                    if let Operator::Call { function_index } | Operator::ReturnCall { function_index } =
                        operator?
                    {
                        calls.insert(function_index);
                    }
                }
                module.calls.push(calls);
            }
            _ => {}
        }
    }
    Ok(modules)
}

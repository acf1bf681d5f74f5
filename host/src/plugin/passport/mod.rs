//! The passport: what a plugin can actually do, computed from its imports, its manifest and the operator's policy.
//!
//! A component is loaded only if its passport explains all of it: each import belongs to the contract (or to closed WASI), a grant
//! covers at least one function that it imports of each interface, each export has a kind or is a tap, and every import can be used
//! by the kind of some export. `host/guard/src/surface.rs` judges that, for `palisade check` as well; all refusals are told at once,
//! each with the line to write. The passport does not say how a call is checked: the guards do. The diff of exports is in `exports.rs`. Tests: `tests/load/`, `tests/kinds.rs`.

mod exports;

use exports::{difference, exported, named};
use palisade_guard::grant::Grants;
use palisade_guard::grant::cover::{self, Coverage};
use palisade_guard::kind::{self, Kind};
use palisade_guard::limits::MISTAKES_MAX;
use palisade_guard::manifest::{Manifest, TAPS};
use palisade_guard::surface::{self, About, Imports, Misfit, Surface};
use std::collections::{BTreeMap, BTreeSet};
use wasmtime::component::types::{self, ComponentItem};

/// The effective powers of a loaded plugin.
#[derive(Clone, Debug, Default)]
pub struct Passport {
    /// Functions of the contract that the component imports, by interface.
    pub imports: BTreeMap<String, BTreeSet<String>>,
    /// Those of `imports` that no grant covers, by interface: a component of an interpreted language imports an interface whole.
    /// A call of one is `access-denied`.
    pub denied: BTreeMap<String, BTreeSet<String>>,
    /// WASI interfaces that the component imports. They are closed: they reach nothing outside the invocation.
    pub wasi: BTreeSet<String>,
    /// Interfaces that callers can call, by full name, with their kinds.
    pub exports: BTreeMap<String, Kind>,
    /// Taps, with their kinds.
    pub taps: BTreeMap<String, Kind>,
    /// Methods and paths of the routes that the plugin handles, such as `POST /stripe`, with their kinds.
    pub routes: BTreeMap<String, Kind>,
    /// The layers of defence that the database server provides.
    pub database: DatabaseLayers,
    /// The layers of defence around the process that compiled the component.
    pub compiler: CompilerLayers,
}

/// What the system took from the process that compiled a component, in case the component took it over.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CompilerLayers {
    /// Missing layers, one sentence each: what the kernel, or the host's user, did not allow when the component was compiled.
    pub missing: Vec<String>,
}

/// What the database server denies the plugin's login, even if a check of the host fails.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DatabaseLayers {
    /// Missing layers, one sentence each: attacks that succeeded when the plugin was loaded. None of them reaches other
    /// plugins' data, because then the plugin would not be loaded. The gate for SQL text blocks each of them.
    pub missing: Vec<String>,
}

impl Passport {
    /// Issues the passport of a component, or says what cannot be explained.
    pub(crate) fn issue(
        component: &types::Component,
        engine: &wasmtime::Engine,
        manifest: &Manifest,
        granted: &Grants,
    ) -> Result<Self, String> {
        let surface = surface(component, engine);
        let misfits = surface::misfits(&surface, manifest, granted, Imports::Whole);
        if !misfits.is_empty() {
            return Err(sentences(misfits) + &difference(&named(manifest), &exported(&surface)));
        }
        let imports = surface.contract();
        let mut denied: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        for cover::Uncovered { interface, function, .. } in Coverage::of(&imports, granted).denied {
            denied.entry(interface).or_default().insert(function);
        }
        let wasi = surface
            .imports
            .into_iter()
            .filter(|(name, items)| name.starts_with("wasi:") && !items.is_empty());
        let wasi = wasi.map(|(name, _)| name).collect();
        let taps = TAPS.iter().filter(|(_, _, listed)| listed(&manifest.taps));
        let taps = taps.map(|(tap, kind, _)| ((*tap).to_owned(), *kind)).collect();
        let routes = granted.routes.iter().flat_map(|route| {
            route.methods.iter().map(|(method, kind)| (format!("{method} {}", route.path.as_str()), *kind))
        });
        let routes = routes.collect();
        Ok(Self { imports, denied, wasi, exports: manifest.exports.clone(), taps, routes, ..Self::default() })
    }

    /// Every kind that an export, a tap or a route has.
    pub fn kinds_in_use(&self) -> BTreeSet<Kind> {
        self.exports.values().chain(self.taps.values()).chain(self.routes.values()).copied().collect()
    }

    /// What declares that an export, a tap or a route of this plugin has a kind, as the end of a sentence.
    pub(crate) fn because(&self, kind: Kind) -> String {
        let of_kind = |all: &BTreeMap<String, Kind>| {
            let names = all.iter().filter(|(_, other)| **other == kind).map(|(name, _)| format!("`{name}`"));
            names.collect::<Vec<_>>()
        };
        let exports = [of_kind(&self.exports), of_kind(&self.routes)].concat();
        let taps = of_kind(&self.taps);
        let (names, rest) =
            if exports.is_empty() { (taps, "by the contract") } else { (exports, "in palisade.toml") };
        let are = if names.len() == 1 { "is" } else { "are" };
        format!("{} {are} declared as {} {kind} {rest}", names.join(", "), kind.article())
    }
}

/// What a component imports and exports.
fn surface(component: &types::Component, engine: &wasmtime::Engine) -> Surface {
    let mut surface = Surface::default();
    for (name, item) in component.imports(engine) {
        let functions = match item.ty {
            ComponentItem::ComponentInstance(instance) => {
                let mut items = instance.exports(engine);
                if kind::interface_of(name).is_none()
                    && items.any(|(_, item)| !matches!(item.ty, ComponentItem::Type(_)))
                {
                    BTreeSet::from([name.to_owned()])
                } else {
                    let functions = instance.exports(engine);
                    let functions =
                        functions.filter(|(_, item)| matches!(item.ty, ComponentItem::ComponentFunc(_)));
                    functions.map(|(name, _)| name.to_owned()).collect()
                }
            }
            // A type is nothing to reach.
            ComponentItem::Type(_) => continue,
            _ => BTreeSet::from([name.to_owned()]),
        };
        surface.imports.insert(name.to_owned(), functions);
    }
    for (name, item) in component.exports(engine) {
        match item.ty {
            ComponentItem::ComponentInstance(_) => surface.exports.insert(name.to_owned()),
            ComponentItem::ComponentFunc(_) => surface.bare.insert(name.to_owned()),
            _ => false,
        };
    }
    surface
}

/// The sentences for all misfits. The operator's policy can be the reason for a missing grant as well.
fn sentences(misfits: Vec<Misfit>) -> String {
    let count = misfits.len();
    let sentence = |Misfit { mut sentence, about }: Misfit| {
        if about == About::Manifest(vec!["grants".to_owned()]) {
            sentence.push_str(", and see that the operator's policy allows it");
        }
        sentence
    };
    let all: Vec<String> = misfits.into_iter().take(MISTAKES_MAX).map(sentence).collect();
    match all.as_slice() {
        [one] => one.clone(),
        several => format!("{count} things to change:\n  {}", several.join("\n  ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kind_is_explained_by_its_exports_or_without_any_by_its_taps() {
        let kinds =
            |rows: &[(&str, Kind)]| rows.iter().map(|&(name, kind)| (name.to_owned(), kind)).collect();
        let passport = Passport {
            exports: kinds(&[("a:b/c", Kind::Query), ("a:b/d", Kind::Mutation), ("a:b/e", Kind::Mutation)]),
            taps: kinds(&[("tap-item-view", Kind::Query), ("tap-cron", Kind::Action)]),
            ..Passport::default()
        };
        assert_eq!(passport.because(Kind::Query), "`a:b/c` is declared as a query in palisade.toml");
        assert_eq!(
            passport.because(Kind::Mutation),
            "`a:b/d`, `a:b/e` are declared as a mutation in palisade.toml"
        );
        assert_eq!(passport.because(Kind::Action), "`tap-cron` is declared as an action by the contract");
    }
}

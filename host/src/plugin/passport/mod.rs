//! The passport: what a plugin can actually do, computed from its imports, its manifest and the operator's policy.
//!
//! A component is loaded only if its passport explains all of it: each import belongs to the contract (or to closed WASI), a grant
//! covers at least one function that it imports of each interface, each export has a kind or is a tap, and every import can be used by the kind of some export. Each
//! refusal is a sentence that names the line to write. The passport does not say how a call is checked: the guards do.
//! Grants are in `host/guard/src/grant/cover.rs`, the diff of exports in `exports.rs`. Tests: `tests/load/`, `tests/kinds.rs`.

mod exports;

use exports::{difference, exported, named};
use palisade_guard::grant::Grants;
use palisade_guard::grant::cover::{self, Coverage};
use palisade_guard::kind::{self, Kind, PACKAGE, VERSION};
use palisade_guard::manifest::{HANDLER, Manifest, TAPS};
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
        let mut passport = Self::default();
        passport
            .exports(component, engine, manifest, granted)
            .map_err(|sentence| sentence + &difference(&named(manifest), &exported(component, engine)))?;
        passport.imports(component, engine)?;
        let Coverage { refused, denied } = Coverage::of(&passport.imports, granted);
        if !refused.is_empty() {
            return Err(cover::sentence(&refused) + ", and see that the operator's policy allows it");
        }
        for cover::Uncovered { interface, function, .. } in denied {
            passport.denied.entry(interface).or_default().insert(function);
        }
        passport.kinds()?;
        Ok(passport)
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

    fn exports(
        &mut self,
        component: &types::Component,
        engine: &wasmtime::Engine,
        manifest: &Manifest,
        granted: &Grants,
    ) -> Result<(), String> {
        for (name, item) in component.exports(engine) {
            match item.ty {
                ComponentItem::ComponentInstance(_) => self.export(name, manifest, granted)?,
                ComponentItem::ComponentFunc(_) => {
                    return Err(format!(
                        "it exports the function `{name}` outside any interface: put it into one"
                    ));
                }
                _ => {}
            }
        }
        for name in manifest.exports.keys() {
            if !self.exports.contains_key(name) {
                return Err(format!(
                    "[exports] lists `{name}`, which the component does not export: export it from the world, or remove the line"
                ));
            }
        }
        for (tap, _, listed) in TAPS {
            if listed(&manifest.taps) && !self.taps.contains_key(*tap) {
                return Err(format!(
                    "[taps] lists `{}`, and the component does not export `{PACKAGE}/{tap}`: export it from the world, or \
                     remove the line",
                    tap.trim_start_matches("tap-")
                ));
            }
        }
        if !manifest.grants.routes.is_empty() && self.routes.is_empty() {
            return Err(format!(
                "[grants] lists routes, and the component does not export `{PACKAGE}/{HANDLER}`: export it from the world, or \
                 remove them"
            ));
        }
        Ok(())
    }

    /// The handler of routes, which the manifest has to list and the policy to allow.
    fn handler(&mut self, name: &str, manifest: &Manifest, granted: &Grants) -> Result<(), String> {
        if manifest.grants.routes.is_empty() {
            return Err(format!(
                "it exports `{name}`: add `routes = [{{ path = \"/\", methods = {{ GET = \"query\" }} }}]` to [grants] in \
                 palisade.toml"
            ));
        }
        for route in &granted.routes {
            for (method, kind) in &route.methods {
                self.routes.insert(format!("{method} {}", route.path.as_str()), *kind);
            }
        }
        if self.routes.is_empty() {
            return Err("the operator's policy allows none of its routes: copy `routes` from [grants] in palisade.toml to its \
                        grants there"
                .to_owned());
        }
        Ok(())
    }

    fn export(&mut self, name: &str, manifest: &Manifest, granted: &Grants) -> Result<(), String> {
        let plain = name.split('@').next().unwrap_or(name);
        if let Some(tap) = plain.strip_prefix(PACKAGE).and_then(|rest| rest.strip_prefix('/')) {
            check_version(name)?;
            if tap == HANDLER {
                return self.handler(name, manifest, granted);
            }
            let row = TAPS.iter().find(|(known, ..)| *known == tap);
            let (tap, kind, listed) = row
                .ok_or_else(|| format!("it exports `{name}`, which is not a tap of this host's contract"))?;
            if !listed(&manifest.taps) {
                let key = tap.trim_start_matches("tap-");
                return Err(format!("it exports `{name}`: add `{key} = {{}}` to [taps] in palisade.toml"));
            }
            self.taps.insert((*tap).to_owned(), *kind);
            return Ok(());
        }
        let kind = manifest.exports.get(plain).ok_or_else(|| {
            format!("it exports `{plain}`: give it a kind, `\"{plain}\" = \"query\"`, in [exports] of palisade.toml")
        })?;
        self.exports.insert(plain.to_owned(), *kind);
        Ok(())
    }

    fn imports(&mut self, component: &types::Component, engine: &wasmtime::Engine) -> Result<(), String> {
        for (name, item) in component.imports(engine) {
            let functions = match item.ty {
                ComponentItem::ComponentInstance(instance) => {
                    let mut items = instance.exports(engine);
                    if !name.starts_with(PACKAGE)
                        && items.all(|(_, item)| matches!(item.ty, ComponentItem::Type(_)))
                    {
                        // Only types, which the component's own interfaces share: nothing to reach.
                        continue;
                    }
                    let functions = instance
                        .exports(engine)
                        .filter(|(_, item)| matches!(item.ty, ComponentItem::ComponentFunc(_)));
                    functions.map(|(name, _)| name.to_owned()).collect::<BTreeSet<_>>()
                }
                _ => {
                    return Err(format!(
                        "it imports `{name}`, which no world of this host has: remove the import"
                    ));
                }
            };
            if name.starts_with("wasi:") && !name.starts_with("wasi:http/") {
                self.wasi.insert(name.to_owned());
                continue;
            }
            let Some(interface) = kind::interface_of(name) else {
                return Err(format!(
                    "it imports `{name}`, which no world of this host has: plugins reach {PACKAGE} and closed WASI only"
                ));
            };
            check_version(name)?;
            if kind::lowest(interface).is_none() {
                return Err(format!(
                    "it imports `{name}`, which contract {VERSION} does not have: build it with this contract"
                ));
            }
            if !functions.is_empty() {
                self.imports.insert(interface.to_owned(), functions);
            }
        }
        Ok(())
    }

    /// Refuses an import that no export's kind may use.
    fn kinds(&self) -> Result<(), String> {
        let highest = self.kinds_in_use().into_iter().max();
        let highest =
            highest.ok_or("it exports nothing that could be called: export an interface or a tap")?;
        for interface in self.imports.keys() {
            let lowest = kind::lowest(interface).unwrap_or(Kind::Action);
            if lowest > highest {
                return Err(format!(
                    "it imports `{interface}`, which only {article} {lowest} has, and none of its exports is more than {other} \
                     {highest}: declare the interface that needs it as \"{lowest}\" in [exports], or remove the import",
                    article = lowest.article(),
                    other = highest.article(),
                ));
            }
        }
        Ok(())
    }
}

/// Checks that a component's contract version matches `^VERSION`, where `VERSION` is this host's.
fn check_version(name: &str) -> Result<(), String> {
    let version = name.split('@').nth(1).and_then(|version| semver::Version::parse(version).ok());
    let ours = semver::VersionReq::parse(&format!("^{VERSION}")).unwrap_or_default();
    match version {
        Some(version) if ours.matches(&version) => Ok(()),
        Some(version) => Err(format!(
            "it is built for contract {version}, and this host speaks {VERSION}: build it with palisade-sdk {VERSION}"
        )),
        None => Err(format!("it names `{name}` without a version: build it with palisade-sdk {VERSION}")),
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

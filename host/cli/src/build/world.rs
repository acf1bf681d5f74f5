//! The world of a plugin: the WIT in its folder `wit`, resolved before anything is compiled.
//!
//! A mistake in the WIT is reported with its file and line. The contract is the one that the command carries, whatever
//! `wit/deps/palisade` holds. This file does not judge a world: [`super::check`] does.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use anyhow::{Context, Result, anyhow, bail};
use palisade_guard::grant::Grants;
use palisade_guard::grant::cover::missing;
use palisade_guard::kind::{self, Kind};
use wit_component::{DecodedWasm, OutputToString, WitPrinter};
use wit_parser::{
    AstItem, PackageId, Resolve, ResolveErrorKind, SourceMap, UnresolvedPackage, UnresolvedPackageGroup,
    WorldId, WorldItem, WorldKey,
};

use super::carried;

/// The folder of a plugin's WIT, and the folder in it for the contract.
pub(super) const FOLDER: &str = "wit";
pub(crate) const CONTRACT_FOLDER: &str = "wit/deps/palisade";

/// A resolved world.
pub(super) struct World {
    pub(super) resolve: Resolve,
    pub(super) id: WorldId,
    pub(super) package: PackageId,
    /// The interfaces that the author's own text imports, without those of included worlds.
    named: BTreeSet<String>,
}

/// What a world or a component imports and exports.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Surface {
    /// Functions by full interface name, such as `palisade:plugin/db@0.1.0`. An interface with types alone has none.
    pub(super) imports: BTreeMap<String, BTreeSet<String>>,
    /// Interfaces by full name.
    pub(super) exports: BTreeSet<String>,
    /// Functions outside of any interface.
    pub(super) bare: BTreeSet<String>,
}

impl World {
    /// Reads the WIT of a plugin's folder.
    pub(super) fn read(plugin: &Path) -> Result<Self> {
        let main = sources(&plugin.join(FOLDER), FOLDER)?;
        if main.source_names().next().is_none() {
            bail!("{FOLDER}/ has no .wit file: write the plugin's world there, such as {FOLDER}/blog.wit");
        }
        let main = parse(main)?;
        let mut dependencies = dependencies(&plugin.join(FOLDER).join("deps"))?;
        dependencies.retain(|group| !is_contract(group));
        let mut contract = SourceMap::default();
        for (name, text) in carried::contract() {
            contract.push_str(&format!("{CONTRACT_FOLDER}/{name}"), text);
        }
        dependencies.push(parse(contract)?);
        let named = named(&main.main);
        let mut resolve = Resolve::default();
        let pushed = resolve.push_groups(main, dependencies);
        let package = pushed.map_err(|error| {
            let place = resolve.render_location(error.kind().span());
            let fix = match error.kind() {
                ResolveErrorKind::PackageNotFound { requested, known, .. } => {
                    let known: Vec<String> = known.iter().map(ToString::to_string).collect();
                    format!(
                        "no package `{requested}` is there: correct its name or version, or put its WIT into {FOLDER}/deps \
                         (there are {})",
                        known.join(", ")
                    )
                }
                other => other.to_string(),
            };
            anyhow!("{place}: {fix}")
        })?;
        let worlds: Vec<&String> = resolve.packages[package].worlds.keys().collect();
        let [name] = worlds[..] else {
            bail!("{FOLDER}/ has {} worlds: a plugin has one", worlds.len());
        };
        let named = named.get(name).cloned().unwrap_or_default();
        let id = resolve.packages[package].worlds[name];
        Ok(Self { resolve, id, package, named })
    }

    /// The world's name.
    pub(super) fn name(&self) -> &str {
        &self.resolve.worlds[self.id].name
    }

    /// What the world exports, and the imports that its own text names.
    pub(super) fn surface(&self) -> Surface {
        let mut surface = Surface::of(&self.resolve, self.id);
        surface.imports.retain(|name, _| self.named.contains(name) || kind::interface_of(name).is_none());
        surface
    }

    /// The functions of each interface of the contract that a plugin can import, by its short name.
    pub(super) fn contract(&self) -> BTreeMap<String, BTreeSet<String>> {
        let interfaces = self.resolve.interfaces.iter().filter_map(|(id, interface)| {
            let name = self.resolve.id_of(id)?;
            let functions = interface.functions.keys().cloned().collect();
            let name = kind::interface_of(&name)?;
            kind::lowest(name).map(|_| (name.to_owned(), functions))
        });
        interfaces.collect()
    }

    /// Writes the same world without the interfaces that the grants and the kinds do not permit: for tools that make a component
    /// import all of its world. What the types of a remaining interface need stays.
    pub(super) fn write_permitted(&self, grants: &Grants, highest: Kind, to: &Path) -> Result<()> {
        let mut resolve = self.resolve.clone();
        let permitted: Vec<bool> = resolve.worlds[self.id]
            .imports
            .iter()
            .map(|(key, item)| {
                let name = resolve.name_world_key(key);
                let (Some(interface), WorldItem::Interface { id, .. }) = (kind::interface_of(&name), item)
                else {
                    return true;
                };
                let mut functions = resolve.interfaces[*id].functions.keys().peekable();
                kind::lowest(interface).is_none_or(|lowest| lowest <= highest)
                    && (functions.peek().is_none()
                        || functions
                            .filter(|name| !name.starts_with('['))
                            .any(|name| missing(interface, name, grants).is_none()))
            })
            .collect();
        let mut permitted = permitted.into_iter();
        resolve.worlds[self.id].imports.retain(|_, _| permitted.next().unwrap_or(true));
        let packages: Vec<PackageId> = resolve.packages.iter().map(|(id, _)| id).collect();
        for id in packages {
            let name = &resolve.packages[id].name;
            let folder = if id == self.package {
                to.to_owned()
            } else {
                to.join("deps").join(format!("{}-{}", name.namespace, name.name))
            };
            let mut printer = WitPrinter::new(OutputToString::default());
            printer.print(&resolve, id, &[])?;
            let cannot = || format!("cannot write {}", folder.display());
            fs::create_dir_all(&folder).with_context(cannot)?;
            fs::write(folder.join("package.wit"), printer.output.to_string()).with_context(cannot)?;
        }
        Ok(())
    }
}

impl Surface {
    /// The surface of a component.
    pub(super) fn of_component(component: &[u8]) -> Result<Self> {
        match wit_component::decode(component).context("the component is damaged: build it again")? {
            DecodedWasm::Component(resolve, world) => Ok(Self::of(&resolve, world)),
            DecodedWasm::WitPackage(..) => bail!("the tool wrote a package of WIT and no component"),
        }
    }

    fn of(resolve: &Resolve, world: WorldId) -> Self {
        let mut surface = Self::default();
        let world = &resolve.worlds[world];
        for (key, item) in &world.imports {
            match item {
                WorldItem::Interface { id, .. } => {
                    let functions = resolve.interfaces[*id].functions.keys().cloned().collect();
                    surface.imports.insert(resolve.name_world_key(key), functions);
                }
                WorldItem::Function(function) => {
                    surface.imports.insert(function.name.clone(), [function.name.clone()].into());
                }
                WorldItem::Type { .. } => {}
            }
        }
        for (key, item) in &world.exports {
            match item {
                WorldItem::Interface { .. } => {
                    surface.exports.insert(resolve.name_world_key(key));
                }
                WorldItem::Function(function) => {
                    surface.bare.insert(function.name.clone());
                }
                WorldItem::Type { .. } => {}
            }
        }
        surface
    }
}

/// The interfaces of other packages that each world of a package imports by its own text.
fn named(package: &UnresolvedPackage) -> BTreeMap<String, BTreeSet<String>> {
    let mut names = BTreeMap::new();
    for (package, items) in &package.foreign_deps {
        for (name, (item, _)) in items {
            if let AstItem::Interface(id) = item {
                names.insert(*id, package.interface_id(name));
            }
        }
    }
    let worlds = package.worlds.iter().map(|(_, world)| {
        let imports = world.imports.keys().filter_map(|key| match key {
            WorldKey::Interface(id) => names.get(id).cloned(),
            WorldKey::Name(_) => None,
        });
        (world.name.clone(), imports.collect())
    });
    worlds.collect()
}

fn is_contract(group: &UnresolvedPackageGroup) -> bool {
    let name = &group.main.name;
    format!("{}:{}", name.namespace, name.name) == kind::PACKAGE
}

/// The packages in `wit/deps`: a folder or a file for each.
fn dependencies(deps: &Path) -> Result<Vec<UnresolvedPackageGroup>> {
    let Ok(entries) = fs::read_dir(deps) else { return Ok(Vec::new()) };
    let mut paths = Vec::new();
    for entry in entries {
        paths.push(entry.with_context(|| format!("cannot read {}", deps.display()))?.path());
    }
    paths.sort();
    let mut groups = Vec::new();
    for path in paths {
        let label = format!("{FOLDER}/deps/{}", path.file_name().unwrap_or_default().to_string_lossy());
        let mut map = SourceMap::default();
        if path.is_dir() {
            map = sources(&path, &label)?;
        } else if path.extension().is_some_and(|kind| kind == "wit") {
            map.push_str(&label, text(&path)?);
        }
        if map.source_names().next().is_some() {
            groups.push(parse(map)?);
        }
    }
    Ok(groups)
}

/// The `.wit` files of a folder, labelled as the author names them.
fn sources(folder: &Path, label: &str) -> Result<SourceMap> {
    let cannot = || {
        format!("cannot read {}: the plugin's world is there, such as {FOLDER}/blog.wit", folder.display())
    };
    let mut paths = Vec::new();
    for entry in fs::read_dir(folder).with_context(cannot)? {
        let path = entry.with_context(cannot)?.path();
        if path.is_file() && path.extension().is_some_and(|kind| kind == "wit") {
            paths.push(path);
        }
    }
    paths.sort();
    let mut map = SourceMap::default();
    for path in paths {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        map.push_str(&format!("{label}/{name}"), text(&path)?);
    }
    Ok(map)
}

fn text(path: &Path) -> Result<String> {
    fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))
}

fn parse(map: SourceMap) -> Result<UnresolvedPackageGroup> {
    map.parse().map_err(|(map, error)| {
        let place = map.render_location(error.kind().span());
        anyhow!("{place}: {}", fix(&error.kind().to_string()))
    })
}

/// The parser's message, with the way out where it is known.
fn fix(message: &str) -> String {
    let keyword = message.split_once("found keyword `").and_then(|(_, rest)| rest.split_once('`'));
    match keyword {
        Some((word, _)) => {
            format!("write %{word}, because `{word}` alone is a keyword of WIT ({message})")
        }
        None => message.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plugin(wit: &str) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join(FOLDER)).unwrap();
        fs::write(folder.path().join("wit/guestbook.wit"), wit).unwrap();
        folder
    }

    const WORLD: &str = "package acme:guestbook;
interface entries { use palisade:plugin/clock@0.1.0.{instant}; recent: func() -> instant; }
world guestbook { include palisade:plugin/plugin@0.1.0; import palisade:plugin/http@0.1.0; export entries; }
";

    #[test]
    fn mistake_in_the_wit_is_reported_with_its_file_and_line() {
        for (wit, expected) in [
            (
                "package a:b;\ninterface c {\n  list: func();\n}\n",
                "wit/guestbook.wit:3:3: write %list, because",
            ),
            (
                "package a:b;\nworld c {\n  export d;\n}\n",
                "wit/guestbook.wit:3:10: interface or world `d` does not exist",
            ),
            (
                "package a:b;\nworld c {\n  include palisade:plugin/plugin@0.9.0;\n}\n",
                "wit/guestbook.wit:3:11: no package `palisade:plugin@0.9.0`",
            ),
            (
                "package a:b;\nworld c {\n  include palisade:plugin/plugn@0.1.0;\n}\n",
                "wit/guestbook.wit:3:27: ",
            ),
            ("interface c { @ }\n", "wit/guestbook.wit:1:17: "),
            ("package a:b;\n", "has 0 worlds"),
            ("package a:b;\nworld c {}\nworld d {}\n", "has 2 worlds"),
        ] {
            let message = World::read(plugin(wit).path()).err().expect("a refusal").to_string();
            assert!(message.contains(expected), "{wit}: {message}");
        }
        let empty = tempfile::tempdir().unwrap();
        let message = World::read(empty.path()).err().expect("a refusal").to_string();
        assert!(message.contains("the plugin's world is there"), "{message}");
    }

    #[test]
    fn included_imports_are_not_the_authors_own() {
        let world = World::read(plugin(WORLD).path()).unwrap();
        let surface = world.surface();
        assert_eq!(surface.imports.keys().collect::<Vec<_>>(), ["palisade:plugin/http@0.1.0"]);
        assert_eq!(surface.exports, ["acme:guestbook/entries".to_owned()].into());
        assert_eq!(world.name(), "guestbook");
    }

    #[test]
    fn permitted_world_imports_only_what_grants_and_kinds_allow() {
        let world = World::read(plugin(WORLD).path()).unwrap();
        let imports = |grants: &str, highest: Kind| {
            let folder = tempfile::tempdir().unwrap();
            world.write_permitted(&toml::from_str(grants).unwrap(), highest, folder.path()).unwrap();
            let mut resolve = Resolve::default();
            let (package, _) = resolve.push_dir(folder.path()).unwrap();
            let id = resolve.select_world(&[package], Some("guestbook")).unwrap();
            let surface = Surface::of(&resolve, id);
            assert_eq!(surface.exports, ["acme:guestbook/entries".to_owned()].into());
            let names = surface.imports.keys().map(|name| kind::interface_of(name).unwrap().to_owned());
            names.collect::<Vec<_>>().join(" ")
        };
        let free = "cache clock limits logging random request-context user variables";
        assert_eq!(imports("", Kind::Query), free);
        let insert = "db = { tables = { entries = [\"insert\"] } }";
        assert_eq!(imports(insert, Kind::Query), free, "a query has no db-write");
        // The types of `db-write` are those of `db`.
        assert_eq!(
            imports(insert, Kind::Mutation),
            "cache clock db-write db limits logging random request-context user variables"
        );
        let http = "http = [{ url = \"https://a.example/\" }]\nvariables = [\"write\"]";
        assert_eq!(
            imports(http, Kind::Action),
            "cache clock http limits logging random request-context user variables-write variables"
        );
    }
}

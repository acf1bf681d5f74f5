//! The world of a plugin: the WIT in its folder `wit`, resolved before anything is compiled.
//!
//! A mistake in the WIT is a [`WitError`] with its file and line. The files are read as a host reads a plugin's: no link out of the
//! folder is followed, and each file is bounded. The contract is the one that the command carries, whatever `wit/deps/palisade`
//! holds. This file does not judge a world: `palisade_guard::surface` does.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::fs;
use std::io::ErrorKind;
use std::path::Path;

use anyhow::{Context, Result, bail};
use palisade_guard::grant::Grants;
use palisade_guard::grant::cover::missing;
use palisade_guard::kind::{self, Kind};
use palisade_guard::limits::WIT_BYTES_MAX;
use palisade_guard::surface::{About, Surface};
use palisade_store::files::{self, Folder};
use wit_component::{DecodedWasm, OutputToString, WitPrinter};
use wit_parser::{
    AstItem, PackageId, Resolve, ResolveErrorKind, SourceMap, Span, UnresolvedPackage,
    UnresolvedPackageGroup, WorldId, WorldItem, WorldKey,
};

use super::carried;

/// The folder of a plugin's WIT, and the folder in it for the contract.
pub(crate) const FOLDER: &str = "wit";
pub(crate) const CONTRACT_FOLDER: &str = "wit/deps/palisade";

/// A resolved world.
pub(crate) struct World {
    pub(crate) resolve: Resolve,
    pub(crate) id: WorldId,
    pub(super) package: PackageId,
    /// The interfaces that the author's own text imports, without those of included worlds.
    named: BTreeSet<String>,
}

/// A mistake in the WIT of a plugin's folder.
#[derive(Clone, Debug)]
pub(crate) struct WitError {
    /// The file, the line and the column, if the mistake has a place.
    pub(crate) place: Option<(String, usize, usize)>,
    /// What is wrong, and what to write.
    pub(crate) sentence: String,
}

impl WitError {
    fn new(sentence: impl Into<String>) -> Self {
        Self { place: None, sentence: sentence.into() }
    }

    fn at(rendered: &str, sentence: String) -> Self {
        Self { place: placed(rendered), sentence }
    }
}

impl fmt::Display for WitError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some((file, line, column)) = &self.place {
            write!(f, "{file}:{line}:{column}: ")?;
        }
        f.write_str(&self.sentence)
    }
}

impl std::error::Error for WitError {}

/// The file, the line and the column of a place as the parser renders it.
fn placed(rendered: &str) -> Option<(String, usize, usize)> {
    let mut parts = rendered.rsplitn(3, ':');
    let (column, line) = (parts.next()?.parse().ok()?, parts.next()?.parse().ok()?);
    Some((parts.next()?.to_owned(), line, column))
}

impl World {
    /// Reads the WIT of a plugin's folder.
    pub(crate) fn read(plugin: &Folder) -> Result<Self, WitError> {
        let main = sources(plugin, FOLDER)?;
        if main.source_names().next().is_none() {
            return Err(WitError::new(format!(
                "{FOLDER}/ has no .wit file: write the plugin's world there, such as {FOLDER}/blog.wit"
            )));
        }
        let main = parse(main)?;
        let mut dependencies = dependencies(plugin)?;
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
            WitError::at(&resolve.render_location(error.kind().span()), fix)
        })?;
        let worlds: Vec<&String> = resolve.packages[package].worlds.keys().collect();
        let [name] = worlds[..] else {
            let count = worlds.len();
            let fix = match count {
                0 => "write `world NAME { … }` with what the plugin exports",
                _ => "remove or join the others",
            };
            return Err(WitError::new(format!("{FOLDER}/ has {count} worlds, and a plugin has one: {fix}")));
        };
        let named = named.get(name).cloned().unwrap_or_default();
        let id = resolve.packages[package].worlds[name];
        Ok(Self { resolve, id, package, named })
    }

    /// The file, the line and the column of what a misfit is about, in the world; those of the world's name if it is not there.
    pub(crate) fn place(&self, about: &About) -> Option<(String, usize, usize)> {
        let world = &self.resolve.worlds[self.id];
        let item = match about {
            About::Manifest(_) => return None,
            About::Import(name) => {
                let mut imports = world.imports.iter();
                imports.find(|(key, _)| self.resolve.name_world_key(key) == *name)
            }
            About::Function(name) => {
                let mut exports = world.exports.iter();
                exports.find(|(key, _)| matches!(key, WorldKey::Name(key) if key == name))
            }
        };
        let rendered = |span: Span| placed(&self.resolve.render_location(span));
        item.and_then(|(_, item)| rendered(item.span())).or_else(|| rendered(world.span))
    }

    /// The world's name.
    pub(crate) fn name(&self) -> &str {
        &self.resolve.worlds[self.id].name
    }

    /// What the world exports, and the imports that its own text names.
    pub(crate) fn surface(&self) -> Surface {
        let mut surface = surface_of(&self.resolve, self.id);
        surface.imports.retain(|name, _| self.named.contains(name) || kind::interface_of(name).is_none());
        surface
    }

    /// The functions of each interface of the contract that a plugin can import, by its short name.
    pub(crate) fn contract(&self) -> BTreeMap<String, BTreeSet<String>> {
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
    pub(crate) fn write_permitted(&self, grants: &Grants, highest: Kind, to: &Path) -> Result<()> {
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

/// The surface of a component.
pub(crate) fn surface_of_component(component: &[u8]) -> Result<Surface> {
    match wit_component::decode(component).context("the component is damaged: build it again")? {
        DecodedWasm::Component(resolve, world) => Ok(surface_of(&resolve, world)),
        DecodedWasm::WitPackage(..) => bail!("the tool wrote a package of WIT and no component"),
    }
}

fn surface_of(resolve: &Resolve, world: WorldId) -> Surface {
    let mut surface = Surface::default();
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
fn dependencies(plugin: &Folder) -> Result<Vec<UnresolvedPackageGroup>, WitError> {
    let label = format!("{FOLDER}/deps");
    let mut groups = Vec::new();
    for name in plugin.folders(label.as_ref()).map_err(unreadable(&label))? {
        groups.push(sources(plugin, &format!("{label}/{name}"))?);
    }
    for name in plugin.names(label.as_ref(), "wit").map_err(unreadable(&label))? {
        let mut map = SourceMap::default();
        push(plugin, &format!("{label}/{name}"), &mut map)?;
        groups.push(map);
    }
    groups.retain(|map| map.source_names().next().is_some());
    groups.into_iter().map(parse).collect()
}

/// The `.wit` files of a folder, labelled as the author names them.
fn sources(plugin: &Folder, label: &str) -> Result<SourceMap, WitError> {
    let mut map = SourceMap::default();
    for name in plugin.names(label.as_ref(), "wit").map_err(unreadable(label))? {
        push(plugin, &format!("{label}/{name}"), &mut map)?;
    }
    Ok(map)
}

fn push(plugin: &Folder, label: &str, map: &mut SourceMap) -> Result<(), WitError> {
    let text = plugin.file(label.as_ref()).and_then(|file| files::read_text(file, WIT_BYTES_MAX));
    map.push_str(label, text.map_err(unreadable(label))?);
    Ok(())
}

fn unreadable(label: &str) -> impl FnOnce(std::io::Error) -> WitError {
    let label = label.to_owned();
    move |error| {
        let fix = if error.kind() == ErrorKind::NotFound {
            format!(": the plugin's world is there, such as {FOLDER}/blog.wit")
        } else {
            String::new()
        };
        WitError::new(format!("cannot read {label}: {error}{fix}"))
    }
}

fn parse(map: SourceMap) -> Result<UnresolvedPackageGroup, WitError> {
    map.parse().map_err(|(map, error)| {
        WitError::at(&map.render_location(error.kind().span()), fix(&error.kind().to_string()))
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

    fn open(folder: &tempfile::TempDir) -> Folder {
        Folder::open(folder.path()).unwrap()
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
            let message = World::read(&open(&plugin(wit))).err().expect("a refusal").to_string();
            assert!(message.contains(expected), "{wit}: {message}");
        }
        let empty = tempfile::tempdir().unwrap();
        let message = World::read(&open(&empty)).err().expect("a refusal").to_string();
        assert!(message.contains("write the plugin's world there"), "{message}");
    }

    #[test]
    fn included_imports_are_not_the_authors_own() {
        let world = World::read(&open(&plugin(WORLD))).unwrap();
        let surface = world.surface();
        assert_eq!(surface.imports.keys().collect::<Vec<_>>(), ["palisade:plugin/http@0.1.0"]);
        assert_eq!(surface.exports, ["acme:guestbook/entries".to_owned()].into());
        assert_eq!(world.name(), "guestbook");
    }

    #[test]
    fn permitted_world_imports_only_what_grants_and_kinds_allow() {
        let world = World::read(&open(&plugin(WORLD))).unwrap();
        let imports = |grants: &str, highest: Kind| {
            let folder = tempfile::tempdir().unwrap();
            world.write_permitted(&toml::from_str(grants).unwrap(), highest, folder.path()).unwrap();
            let mut resolve = Resolve::default();
            let (package, _) = resolve.push_dir(folder.path()).unwrap();
            let id = resolve.select_world(&[package], Some("guestbook")).unwrap();
            let surface = surface_of(&resolve, id);
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

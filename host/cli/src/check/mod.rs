//! `palisade check`: what a host would refuse of a plugin's folder, and what its author certainly did not mean, without a server and
//! without a component.
//!
//! All findings come at once, each with the file, the line and the column to change. Nothing is written and nothing compiled. What
//! is judged where: the manifest in `palisade_guard::manifest`, the world, or a component that is there, in
//! `palisade_guard::surface`, migrations and SQL text in `palisade_guard::db`; this folder brings what they find together with its
//! place ([`finding`]). `palisade build` asks [`world`] before it compiles. The files are an author's: they are read like a host
//! reads them, bounded and without following a link out of the folder.

pub(crate) mod finding;
pub(crate) mod literals;
pub(crate) mod migrations;
mod platform;
mod reach;
mod sql;

use crate::build::source;
use crate::build::world::{self, World};
use crate::folder::MANIFEST;
use crate::host;
use crate::output::{self, Line};
use anyhow::{Result, bail};
use clap::Args;
use finding::{Finding, Place};
use literals::SourceFile;
use palisade_guard::limits::{COMPONENT_BYTES_MAX, MANIFEST_BYTES_MAX, WIT_BYTES_MAX};
use palisade_guard::manifest::{Language, Manifest};
use palisade_guard::mistakes::{self, Read};
use palisade_guard::surface::{About, Imports, Misfit, Surface, misfits};
use palisade_store::files::{self, Folder};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

/// Checks a plugin's folder before anything is compiled, and changes nothing
///
/// Checks palisade.toml, the WIT, the migrations, SQL text and calls in the source, and the component if there is one, against each
/// other and against the contract. Prints all findings, each with its place and what to write. If `DATABASE_URL` is set or the folder
/// has its private database, the migrations are tried there as well, in a transaction that is rolled back.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  palisade check plugins/blog\n  palisade check --json\n\n\
    Exit codes:\n  0  nothing to change\n  1  findings\n  2  usage error: no plugin's folder")]
pub(crate) struct CheckArgs {
    /// The plugin's folder
    #[arg(value_name = "DIR", default_value = ".")]
    dir: PathBuf,
    /// Print an object with the member findings, an array of objects with the members message, file, line, column and length;
    /// what has no place has null for the last four
    #[arg(long)]
    json: bool,
}

/// Runs the command.
pub(crate) async fn run(args: CheckArgs) -> Result<()> {
    let (mut found, component) = looked(&args.dir)?;
    if found.is_empty() {
        found = host::rehearse_one(&args.dir).await?.into_iter().map(Finding::new).collect();
    }
    if args.json {
        output::json(&json!({ "findings": found.iter().map(Finding::json).collect::<Value>() }));
    } else {
        print(&found);
    }
    match found.len() {
        0 if args.json => Ok(()),
        0 => {
            Line::of("nothing to change").print();
            if component == Component::LeftOut {
                let why = "the component is not there or older than its source, and was not checked: run `palisade build`";
                Line::of(why).remark();
            }
            Ok(())
        }
        1 => bail!("1 thing to change"),
        count => bail!("{count} things to change"),
    }
}

/// Prints findings as results.
pub(crate) fn print(found: &[Finding]) {
    found.iter().for_each(output::finding);
}

/// Everything that is found in a plugin's folder, in the order manifest, WIT, migrations, source, component. It waits for the disk.
pub(crate) fn folder(dir: &Path) -> Result<Vec<Finding>> {
    Ok(looked(dir)?.0)
}

/// Whether the component was looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Component {
    Checked,
    LeftOut,
}

fn looked(dir: &Path) -> Result<(Vec<Finding>, Component)> {
    let folder = Folder::open(dir).map_err(|error| not_a_plugin(&dir.join(MANIFEST), &error))?;
    let text = folder.file(MANIFEST.as_ref()).and_then(|file| files::read_text(file, MANIFEST_BYTES_MAX));
    let text = match text {
        Ok(text) => text,
        Err(error) if error.kind() == ErrorKind::NotFound => {
            return Err(not_a_plugin(&dir.join(MANIFEST), &error));
        }
        Err(error) => {
            let found = vec![Finding::new(format!("cannot read {MANIFEST}: {error}"))];
            return Ok((found, Component::LeftOut));
        }
    };
    let Read { value, mistakes } = Manifest::read(&text);
    let mut found: Vec<Finding> = mistakes
        .iter()
        .map(|mistake| Finding::at(&mistake.sentence, Place::of_span(MANIFEST, &text, mistake.span.clone())))
        .collect();
    let Some(manifest) = value else { return Ok((found, Component::LeftOut)) };
    // What cannot be read cannot be missed: a finding about it would be about the mistake.
    let is_sound = |section: &str| mistakes.iter().all(|mistake| mistake.section != section);
    let plugin = Plugin {
        folder: &folder,
        text: &text,
        manifest: &manifest,
        knows_exports: is_sound("exports") && is_sound("taps"),
        knows_grants: is_sound("grants"),
    };
    let mut unread = Vec::new();
    let sources = manifest.build.as_ref().map(|build| literals::read(&folder, build, &mut unread));
    let sources = sources.unwrap_or_default();
    world(&plugin, &sources, &mut found);
    let tables = migrations::check(&plugin, &mut found);
    found.extend(unread);
    for file in &sources {
        platform::check(file, &mut found);
        if let Some(tables) = tables.as_ref().filter(|_| plugin.knows_grants) {
            sql::check(file, tables, &manifest, &mut found);
        }
    }
    let component = component(&plugin, &sources, &mut found);
    Ok((found, component))
}

fn not_a_plugin(path: &Path, error: &std::io::Error) -> anyhow::Error {
    output::usage(format!(
        "cannot read {}: {error}; name a plugin's folder, or make one with `palisade new`",
        path.display()
    ))
}

/// A plugin's folder and manifest.
#[derive(Clone, Copy)]
pub(crate) struct Plugin<'a> {
    pub(crate) folder: &'a Folder,
    /// The manifest's text.
    pub(crate) text: &'a str,
    pub(crate) manifest: &'a Manifest,
    /// Whether `[exports]` and `[taps]` have no mistakes.
    pub(crate) knows_exports: bool,
    /// Whether `[grants]` has none.
    pub(crate) knows_grants: bool,
}

impl<'a> Plugin<'a> {
    /// A plugin whose manifest has no mistakes.
    pub(crate) fn sound(folder: &'a Folder, text: &'a str, manifest: &'a Manifest) -> Self {
        Self { folder, text, manifest, knows_exports: true, knows_grants: true }
    }

    /// A finding about a key of the manifest, by its path.
    fn of_manifest(&self, sentence: impl Into<String>, path: &[&str]) -> Finding {
        match mistakes::place(self.text, path) {
            Some(span) => Finding::at(sentence, Place::of_span(MANIFEST, self.text, span)),
            None => Finding::at(sentence, Place::whole(MANIFEST)),
        }
    }
}

/// Checks the WIT of a folder against the manifest, and the interfaces that an interpreted source imports. Returns the world, if
/// there is one: in Rust, a small one may stand in the source instead.
pub(crate) fn world(plugin: &Plugin<'_>, sources: &[SourceFile], found: &mut Vec<Finding>) -> Option<World> {
    let Plugin { folder, manifest, .. } = plugin;
    let language = manifest.build.as_ref().map(|build| build.language);
    if matches!(language, Some(Language::Rust) | None) && !folder.has(world::FOLDER) {
        return None;
    }
    let world = match World::read(folder) {
        Ok(world) => world,
        Err(error) => {
            let place = error.place.as_ref().map(|place| Place::in_folder(folder, place));
            found.push(Finding { sentence: error.sentence, place });
            return None;
        }
    };
    add(plugin, &world.surface(), Imports::Whole, Some(&world), found);
    if plugin.knows_grants && plugin.knows_exports {
        let contract = world.contract();
        let mut known = BTreeSet::new();
        for file in sources {
            for name in source::imports(&file.text, file.language) {
                if !known.insert(name.clone()) {
                    continue;
                }
                let at = source::named(&file.text, &name, file.language).unwrap_or_default();
                let length = name.len();
                for sentence in crate::build::check::unreached(&BTreeSet::from([name]), &contract, manifest) {
                    found.push(Finding::at(sentence, file.place(at, length)));
                }
            }
        }
    }
    Some(world)
}

/// Checks a component that is there and newer than everything that it is made from.
fn component(plugin: &Plugin<'_>, sources: &[SourceFile], found: &mut Vec<Finding>) -> Component {
    let Plugin { folder, manifest, .. } = plugin;
    let (path, shown) = (&manifest.plugin.component, manifest.plugin.component.display().to_string());
    let Ok(file) = folder.file(path) else { return Component::LeftOut };
    let made = file.metadata().and_then(|meta| meta.modified()).ok();
    if made.is_none_or(|made| made < newest(plugin, sources)) {
        return Component::LeftOut;
    }
    let bytes = match files::read(file, COMPONENT_BYTES_MAX) {
        Ok(bytes) => bytes,
        Err(error) => {
            found.push(Finding::new(format!("cannot read {shown}: {error}")));
            return Component::Checked;
        }
    };
    let imports = match manifest.build.as_ref() {
        Some(build) if !build.language.imports_all() => Imports::Called,
        _ => Imports::Whole,
    };
    match world::surface_of_component(&bytes) {
        Err(error) => {
            found.push(Finding::new(format!("{shown}: {error}; run `palisade build`")));
        }
        Ok(surface) => {
            let before = found.len();
            add(plugin, &surface, imports, None, found);
            let new = found.split_off(before);
            // What the world says already is said with its place.
            let known: Vec<String> = found.iter().map(|finding| finding.sentence.clone()).collect();
            found.extend(new.into_iter().filter(|finding| !known.contains(&finding.sentence)));
            if plugin.knows_exports {
                reach::check(plugin, &bytes, found);
            }
        }
    }
    Component::Checked
}

/// When the newest file was changed that a component is made from, as far as it is the author's.
fn newest(plugin: &Plugin<'_>, sources: &[SourceFile]) -> SystemTime {
    let folder = plugin.folder;
    let wit = folder.names(world::FOLDER.as_ref(), "wit").unwrap_or_default();
    let wit = wit.into_iter().map(|name| format!("{}/{name}", world::FOLDER));
    let names = wit.chain(sources.iter().map(|file| file.name.clone())).chain([MANIFEST.to_owned()]);
    let times = names.filter_map(|name| folder.file(name.as_ref()).ok()?.metadata().ok()?.modified().ok());
    times.max().unwrap_or(SystemTime::UNIX_EPOCH)
}

/// Adds what does not fit between a surface and the manifest.
fn add(
    plugin: &Plugin<'_>,
    surface: &Surface,
    imports: Imports,
    world: Option<&World>,
    found: &mut Vec<Finding>,
) {
    let manifest = plugin.manifest;
    for Misfit { sentence, about } in misfits(surface, manifest, &manifest.grants, imports) {
        let (of_grants, is_kind) =
            (about == About::of(&["grants"]), sentence.contains("none of its exports"));
        let is_of_exports = is_kind
            || matches!(&about, About::Manifest(path) if path.first().is_some_and(|key| key != "grants"));
        if (of_grants && !plugin.knows_grants) || (is_of_exports && !plugin.knows_exports) {
            continue;
        }
        found.push(match (&about, world) {
            (About::Manifest(path), _) => {
                let path: Vec<&str> = path.iter().map(String::as_str).collect();
                plugin.of_manifest(sentence, &path)
            }
            (About::Import(name), Some(world)) => {
                of_world(plugin, world, sentence, &about, &format!("import {name}"))
            }
            (About::Function(name), Some(world)) => {
                of_world(plugin, world, sentence, &about, &format!("export {name}"))
            }
            (_, None) => {
                Finding::at(sentence, Place::whole(&manifest.plugin.component.display().to_string()))
            }
        });
    }
}

/// A finding about a statement of the world: where it stands, or else where the world does.
fn of_world(plugin: &Plugin<'_>, world: &World, sentence: String, about: &About, statement: &str) -> Finding {
    let folder = plugin.folder;
    for name in folder.names(world::FOLDER.as_ref(), "wit").unwrap_or_default() {
        let file = format!("{}/{name}", world::FOLDER);
        let text = folder.file(file.as_ref()).and_then(|file| files::read_text(file, WIT_BYTES_MAX));
        let text = text.unwrap_or_default();
        if let Some(at) = text.find(statement) {
            // The name, without the word before it.
            let from = at + statement.find(' ').map_or(0, |space| space + 1);
            return Finding::at(sentence, Place::of_span(&file, &text, from..at + statement.len()));
        }
    }
    let place = world.place(about).map(|place| Place::in_folder(folder, &place));
    Finding { sentence, place }
}

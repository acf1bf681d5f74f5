//! `palisade build`: makes the component of a plugin's folder, with the tools of the plugin's language.
//!
//! What a host would refuse is found in the world, before anything is compiled, as `palisade check` finds it
//! ([`crate::check::world`]). Then the language's tools compile ([`rust`], [`c`], and for the interpreted languages [`js`] and [`python`], with a world made from the grants), and the
//! result is checked again and written at once. Nothing is installed: a missing tool is an error that names the command.
//! A core module alone becomes a component, too ([`module`]). The author's build runs on the author's machine, unconfined.

mod c;
pub(crate) mod carried;
pub(crate) mod check;
mod docs;
mod js;
mod module;
mod python;
mod rust;
pub(crate) mod source;
mod strip;
mod tools;
pub(crate) mod world;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow, bail};
use clap::Args;
use palisade_guard::grant::cover::{Coverage, Uncovered};
use palisade_guard::kind::Kind;
use palisade_guard::limits::{COMPONENT_BYTES_MAX, MANIFEST_BYTES_MAX};
use palisade_guard::manifest::{BuildSection, Language, Manifest};
use palisade_guard::surface::{Imports, highest, misfits};
use palisade_store::files::{self, Folder};
use wasmparser::{Validator, WasmFeatures};

use crate::check::{Plugin, literals};
use crate::folder::MANIFEST;
use crate::output::{self, Line};
pub(crate) use world::CONTRACT_FOLDER;
use world::{World, surface_of_component};

/// Makes the component of a plugin
///
/// In a plugin's folder it compiles the source as `[build]` in palisade.toml says, with cargo, componentize-js, componentize-py
/// or clang, checks the result against the manifest, and writes it where `component` says. Given a core module, such as cargo
/// writes to `target/wasm32-unknown-unknown/release`, it makes a component of that alone.
#[derive(Debug, Args)]
pub struct BuildArgs {
    /// The plugin's folder, or a core module
    #[arg(value_name = "DIR | MODULE.wasm", default_value = ".")]
    path: PathBuf,
    /// For a core module: where to write the component [default: MODULE.component.wasm, beside the module]
    #[arg(long, value_name = "COMPONENT.wasm")]
    out: Option<PathBuf>,
    /// For a core module: a module that adapts imports from outside the component model, as NAME=FILE; the command itself has
    /// one for `wasi_snapshot_preview1`
    #[arg(long, value_name = "NAME=FILE")]
    adapt: Vec<String>,
}

/// Runs the command.
pub fn run(args: &BuildArgs) -> Result<()> {
    if !args.path.is_dir() {
        return module::run(&args.path, args.out.as_deref(), &args.adapt);
    }
    if args.out.is_some() || !args.adapt.is_empty() {
        return Err(output::usage(
            "--out and --adapt are for a core module: name one, or remove them; `component` in palisade.toml says where the \
             component of a folder goes",
        ));
    }
    let (_, manifest) = manifest(&args.path)?;
    // The first build of a language can take a minute, and its tools are silent until they end.
    Line::of(format_args!("building {} ({}) …", manifest.plugin.name, section(&manifest)?.language.name()))
        .remark();
    let built = plugin(&args.path)?;
    for line in built.remarks.lines() {
        Line::of(line).remark();
    }
    let shown = built.component.display();
    Line::of(format_args!("wrote {shown} ({} bytes) in {} ms", built.bytes, built.time.as_millis())).remark();
    let names = |map: &BTreeMap<String, BTreeSet<String>>| {
        let all =
            map.iter().flat_map(|(interface, all)| all.iter().map(move |name| format!("{interface}.{name}")));
        all.filter(|name| !name.contains('[')).collect::<Vec<_>>().join(", ")
    };
    for (word, list) in [
        ("imports", names(&built.imports)),
        ("denied, without a grant", names(&built.denied)),
        ("wasi", built.wasi.iter().cloned().collect::<Vec<_>>().join(", ")),
    ] {
        if !list.is_empty() {
            Line::of(format_args!("{word}: {list}")).remark();
        }
    }
    Ok(())
}

/// A built plugin.
#[derive(Debug)]
pub(crate) struct Built {
    /// The component's file.
    pub(crate) component: PathBuf,
    /// The component's size.
    pub(crate) bytes: usize,
    /// Functions of the contract that it imports, by interface.
    pub(crate) imports: BTreeMap<String, BTreeSet<String>>,
    /// Those that no grant covers: a call is `access-denied`.
    pub(crate) denied: BTreeMap<String, BTreeSet<String>>,
    /// Interfaces of WASI that it imports.
    pub(crate) wasi: BTreeSet<String>,
    /// What the language's tools said about a source that they compiled, such as warnings.
    pub(crate) remarks: String,
    /// How long it took.
    pub(crate) time: Duration,
}

/// A core module of a language's tools.
struct Core {
    bytes: Vec<u8>,
    remarks: String,
}

/// Writes what the tools of a plugin's language need in its folder: the contract's WIT and, for Rust, where cargo finds the
/// SDK. [`plugin`] does so itself.
pub(crate) fn prepare(folder: &Path) -> Result<()> {
    let (_, manifest) = manifest(folder)?;
    let build = section(&manifest)?;
    let contract = folder.join(CONTRACT_FOLDER);
    // The SDK has its own copy, so a plugin in Rust needs none; one that is there is kept current.
    if build.language != Language::Rust || contract.is_dir() {
        carried::write_contract(&contract)?;
    }
    if build.language == Language::Rust {
        rust::settle(folder, build.source())?;
    }
    Ok(())
}

/// Builds the plugin of a folder.
pub(crate) fn plugin(folder: &Path) -> Result<Built> {
    let began = Instant::now();
    let folder = fs::canonicalize(folder).with_context(|| format!("cannot open {}", folder.display()))?;
    let (text, manifest) = manifest(&folder)?;
    let build = section(&manifest)?;
    prepare(&folder)?;
    let (language, source) = (build.language, build.source());
    let opened = Folder::open(&folder).with_context(|| format!("cannot open {}", folder.display()))?;
    let mut found = Vec::new();
    // What cannot be read of the source is the compiler's to say.
    let sources = literals::read(&opened, build, &mut Vec::new());
    let world = crate::check::world(&Plugin::sound(&opened, &text, &manifest), &sources, &mut found);
    refuse("before compiling", &found)?;
    let imports = if language.imports_all() { Imports::Whole } else { Imports::Called };
    let (component, mut remarks) = match (language, &world) {
        (Language::Rust, _) => encoded(rust::build(&folder, source)?)?,
        (Language::C, Some(world)) => encoded(c::build(&folder, source, world)?)?,
        (Language::Js, Some(world)) => js::build(&folder, source, world, &manifest)?,
        (Language::Python, Some(world)) => python::build(&folder, source, world, &manifest)?,
        (_, None) => bail!("{} has no folder {}", folder.display(), world::FOLDER),
    };
    let (component, left_out) = match &world {
        Some(world) => docs::keep(component, world)?,
        None => (component, None),
    };
    if let Some(remark) = left_out {
        if !remarks.is_empty() {
            remarks.push('\n');
        }
        remarks.push_str(&remark);
    }
    validate(&component)?;
    let surface = surface_of_component(&component)?;
    let unfit = misfits(&surface, &manifest, &manifest.grants, imports);
    refuse("in the component", &unfit.iter().map(|misfit| &misfit.sentence).collect::<Vec<_>>())?;
    let path = folder.join(&manifest.plugin.component);
    if let Some(parent) = path.parent() {
        fs::create_dir_all(parent).with_context(|| format!("cannot create {}", parent.display()))?;
    }
    module::write(&path, &component)?;
    let imports = surface.contract();
    let mut denied: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for Uncovered { interface, function, .. } in Coverage::of(&imports, &manifest.grants).denied {
        denied.entry(interface).or_default().insert(function);
    }
    let wasi = surface.imports.into_keys().filter(|name| name.starts_with("wasi:")).collect();
    Ok(Built {
        component: path,
        bytes: component.len(),
        imports,
        denied,
        wasi,
        remarks,
        time: began.elapsed(),
    })
}

/// The manifest of a folder, and its text.
fn manifest(folder: &Path) -> Result<(String, Manifest)> {
    let path = folder.join(MANIFEST);
    let text = Folder::open(folder).and_then(|folder| folder.file(MANIFEST.as_ref()));
    let text = text.and_then(|file| files::read_text(file, MANIFEST_BYTES_MAX)).map_err(|error| {
        output::usage(format!(
            "cannot read {}: {error}; name a plugin's folder, or make one with `palisade new`",
            path.display()
        ))
    })?;
    let manifest = Manifest::parse(&text, &path).map_err(|sentence| anyhow!(sentence))?;
    Ok((text, manifest))
}

fn section(manifest: &Manifest) -> Result<&BuildSection> {
    manifest.build.as_ref().with_context(|| {
        let names = Language::ALL.map(|language| format!("\"{}\"", language.name()));
        format!(
            "{MANIFEST} does not say how to build the plugin: add `[build]` with `language = …`, one of {}",
            names.join(", ")
        )
    })
}

/// An error with all findings, each on a line.
fn refuse(place: &str, findings: &[impl ToString]) -> Result<()> {
    let lines: Vec<String> = findings.iter().map(ToString::to_string).collect();
    match lines.as_slice() {
        [] => Ok(()),
        [one] => Err(anyhow!("{one} (found {place})")),
        several => {
            Err(anyhow!("{} things to change, found {place}:\n  {}", several.len(), several.join("\n  ")))
        }
    }
}

/// The source that the language's tools begin with.
fn source_of(folder: &Path, source: &Path) -> Result<PathBuf> {
    let path = folder.join(source);
    if !path.is_file() {
        bail!("{} is not there: write it, or name another `source` in [build] of {MANIFEST}", path.display());
    }
    Ok(path)
}

/// Writes the world that the grants of a manifest permit.
fn permitted(world: &World, manifest: &Manifest, to: &Path) -> Result<()> {
    let highest = highest(manifest).unwrap_or(Kind::Query);
    world.write_permitted(&manifest.grants, highest, to)
}

fn encoded(core: Core) -> Result<(Vec<u8>, String)> {
    Ok((module::encode(&core.bytes, &[])?, core.remarks))
}

fn validate(component: &[u8]) -> Result<()> {
    if component.len() as u64 > COMPONENT_BYTES_MAX {
        bail!(
            "the component has {} bytes, and a host takes {COMPONENT_BYTES_MAX}: use fewer libraries",
            component.len()
        );
    }
    Validator::new_with_features(WasmFeatures::default())
        .validate_all(component)
        .context("the tools wrote an invalid component")?;
    Ok(())
}

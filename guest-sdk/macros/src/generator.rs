//! Runs the generator of `wit-bindgen`, for plugin authors and for the SDK itself.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use wit_bindgen_core::wit_parser::{PackageId, Resolve, WorldId, WorldItem};
use wit_bindgen_core::{Files, WorldGenerator as _};
use wit_bindgen_rust::{Opts, WithOption};

use crate::input::{Input, Source};

/// The contract's folder, relative to this crate. The repository has a single copy of it.
const CONTRACT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/wit");
/// The interfaces whose `error` the SDK defines by hand, so that its `Display` is a sentence.
const INTERFACES_WITH_ERRORS: [&str; 9] =
    ["cache", "db", "http", "item", "random", "request-context", "route-types", "user", "variables"];
/// The world that the SDK wraps: all imports of a plugin, and the types of taps and routes.
const SDK_WORLD: &str = "package palisade:sdk;
world sdk {
    include palisade:plugin/plugin@0.1.0;
    import palisade:plugin/tap-types@0.1.0;
    import palisade:plugin/route-types@0.1.0;
}";

type Result<T> = std::result::Result<T, String>;

/// Returns the bindings of an author's world, as Rust code.
pub fn plugin(input: &Input) -> Result<String> {
    let (sources, package) = match &input.source {
        Source::Inline(text) => with_contract(|sources| sources.push_text("plugin.wit", text))?,
        Source::Path(path) => author_sources(&author_folder()?.join(path))?,
    };
    let world = sources.world(package, input.world.as_deref())?;
    let options = Opts {
        with: contract_modules(&sources.resolve, world),
        generate_all: true,
        runtime_path: Some("::palisade_sdk::rt".to_owned()),
        ..Opts::default()
    };
    sources.generate(options, world)
}

/// Returns the bindings of the contract itself, as Rust code for `palisade-sdk`.
pub fn contract() -> Result<String> {
    let (sources, package) = with_contract(|sources| sources.push_text("sdk.wit", SDK_WORLD))?;
    let world = sources.world(package, None)?;
    let errors = INTERFACES_WITH_ERRORS.iter().map(|interface| {
        let module = interface.replace('-', "_");
        let error = WithOption::Path(format!("crate::raw::errors::{module}::Error"));
        (format!("palisade:plugin/{interface}@0.1.0/error"), error)
    });
    let options = Opts {
        with: errors.collect(),
        generate_all: true,
        generate_unused_types: true,
        additional_derive_attributes: vec!["PartialEq".to_owned()],
        // Those of `http` and `route-types` contain resources, which have no equality.
        additional_derive_ignore: vec!["request".to_owned(), "response".to_owned()],
        ..Opts::default()
    };
    sources.generate(options, world)
}

/// Maps each interface of the contract that `world` imports to the SDK's module for it. The generator rejects a key
/// that the world does not import, so the list contains only the world's imports.
fn contract_modules(resolve: &Resolve, world: WorldId) -> Vec<(String, WithOption)> {
    let imports = resolve.worlds[world].imports.iter();
    let interfaces = imports.filter_map(|(key, import)| match import {
        WorldItem::Interface { id, .. } => Some((key, *id)),
        _ => None,
    });
    let ours = interfaces.filter_map(|(key, id)| {
        let interface = &resolve.interfaces[id];
        let package = &resolve.packages[interface.package?].name;
        let module = interface.name.as_ref()?.replace('-', "_");
        let is_ours = package.namespace == "palisade" && package.name == "plugin";
        let path = WithOption::Path(format!("::palisade_sdk::raw::{module}"));
        is_ours.then(|| (resolve.name_world_key(key), path))
    });
    ours.collect()
}

fn author_folder() -> Result<PathBuf> {
    std::env::var_os("CARGO_MANIFEST_DIR")
        .map(PathBuf::from)
        .ok_or_else(|| "CARGO_MANIFEST_DIR is not set: build the plugin with cargo".to_owned())
}

/// Reads an author's folder. A folder whose `deps` contains all packages that it needs is used as it is: other tools
/// put a copy of the contract there, and a package must not be defined twice.
fn author_sources(folder: &Path) -> Result<(Sources, PackageId)> {
    let mut complete = Sources::default();
    match complete.push_path(folder) {
        Ok(package) => Ok((complete, package)),
        Err(_) => with_contract(|sources| sources.push_path(folder)),
    }
}

/// Returns the contract's sources with one more package.
fn with_contract(push: impl FnOnce(&mut Sources) -> Result<PackageId>) -> Result<(Sources, PackageId)> {
    let mut sources = Sources::default();
    sources.push_path(Path::new(CONTRACT))?;
    let package = push(&mut sources)?;
    Ok((sources, package))
}

/// WIT packages, and the files that define them.
#[derive(Default)]
struct Sources {
    resolve: Resolve,
    files: Vec<PathBuf>,
}

impl Sources {
    fn push_path(&mut self, path: &Path) -> Result<PackageId> {
        let path = path.canonicalize().map_err(|error| format!("no WIT at {}: {error}", path.display()))?;
        let (package, map) = self.resolve.push_path(path).map_err(|error| format!("{error:#}"))?;
        self.files.extend(map.paths().map(Path::to_owned));
        Ok(package)
    }

    fn push_text(&mut self, name: &str, text: &str) -> Result<PackageId> {
        self.resolve.push_str(name, text).map_err(|error| format!("{error:#}"))
    }

    fn world(&self, package: PackageId, name: Option<&str>) -> Result<WorldId> {
        self.resolve.select_world(&[package], name).map_err(|error| format!("{error:#}"))
    }

    fn generate(mut self, options: Opts, world: WorldId) -> Result<String> {
        let mut files = Files::default();
        let mut generator = options.build();
        generator.generate(&mut self.resolve, world, &mut files).map_err(|error| format!("{error:#}"))?;
        let (_, code) = files.iter().next().ok_or("the generator wrote no file")?;
        let code = String::from_utf8(code.to_vec()).map_err(|error| error.to_string())?;
        // The generator allows clippy's default lints. An author may enable more, which should not apply to generated
        // code.
        let mut code = code.replace("clippy::all", "clippy::all, clippy::pedantic, unused_qualifications");
        // Cargo rebuilds the plugin when one of these files changes. The plugin does not contain their bytes.
        for file in self.files.iter().map(|file| file.to_string_lossy()) {
            write!(code, "\nconst _: &[u8] = include_bytes!({file:?});")
                .map_err(|error| error.to_string())?;
        }
        Ok(code)
    }
}

//! What a start does with the plugins that it is to load: all of them are tried, and every error is told.
//!
//! Whether the start then fails is the embedding program's choice. If it serves the others, a missing plugin must not open what
//! its taps guard: the registry keeps items closed then. An error that is not a plugin's ends the start at once.

use crate::error::LoadError;
use crate::plugin::source::Source;
use crate::program::Program;
use crate::program::load::Loader;
use crate::runtime::Unloaded;
use futures_util::StreamExt;
use palisade_guard::grant::Policy;
use palisade_guard::limits::{LOOKUP_CONNECTIONS_MAX, PLUGIN_NAME_BYTES_MAX};
use palisade_guard::manifest::Manifest;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

/// A plugin that a host is to load.
pub(super) struct Planned {
    pub(super) origin: Origin,
    pub(super) policy: Policy,
}

/// Where a plugin comes from.
pub(super) enum Origin {
    Path(PathBuf),
    Opened(PathBuf, Result<Box<Source>, LoadError>),
}

/// What came of the plugins.
pub(super) struct Started {
    pub(super) programs: Vec<Program>,
    pub(super) unloaded: Vec<Unloaded>,
}

/// What is known of a plugin before it is loaded.
struct Known {
    name: String,
    version: String,
    guards_items: bool,
}

/// Loads the plugins. The canary attacks begin when all plugins are installed, so that each attack is tried on the tables of all
/// the others. If the start is strict, or nothing can be loaded, the error has the errors of all plugins.
pub(super) async fn load(
    loader: &Loader,
    plugins: Vec<Planned>,
    is_strict: bool,
) -> Result<Started, LoadError> {
    let (mut installed, mut failed) = (Vec::new(), Vec::new());
    for (known, source, policy) in opened(loader, plugins).await {
        let program = match source {
            Ok(source) => loader.load(source, &policy).await,
            Err(error) => Err(error),
        };
        match program {
            Ok(program) => installed.push((known, program)),
            Err(error) if error.is_of_the_host() => return Err(error),
            Err(error) => failed.push((known, error)),
        }
    }
    let attacks = futures_util::stream::iter(installed)
        .map(|(known, program)| async { (known, loader.attack(program).await) });
    let attacked: Vec<_> = attacks.buffered(LOOKUP_CONNECTIONS_MAX).collect().await;
    let mut programs = Vec::new();
    for (known, program) in attacked {
        match program {
            Ok(program) => programs.push(program),
            Err(error) if error.is_of_the_host() => return Err(error),
            Err(error) => failed.push((known, error)),
        }
    }
    if is_strict || programs.is_empty() {
        let errors = failed.into_iter().map(|(_, error)| error).collect();
        return LoadError::of_all(errors).map_or(Ok(Started { programs, unloaded: Vec::new() }), Err);
    }
    let unloaded = failed.into_iter().map(|(known, error)| unloaded(known, &error)).collect();
    Ok(Started { programs, unloaded })
}

/// Opens the plugins, each of which is then known by one name. Plugins that claim the same name are all refused: any of them
/// might be the one that is meant.
async fn opened(loader: &Loader, plugins: Vec<Planned>) -> Vec<(Known, Result<Source, LoadError>, Policy)> {
    let mut all = Vec::new();
    for Planned { origin, policy } in plugins {
        let (path, source) = match origin {
            Origin::Path(path) => {
                let source = loader.open(&path).await;
                (path, source)
            }
            Origin::Opened(path, source) => {
                (path, source.map(|source| *source).inspect_err(|error| loader.refused(error)))
            }
        };
        all.push((path, source, policy));
    }
    let mut paths: BTreeMap<String, Vec<PathBuf>> = BTreeMap::new();
    for (path, source, _) in &all {
        if let Ok(source) = source {
            paths.entry(source.name().to_string()).or_default().push(path.clone());
        }
    }
    let claimed = |(path, source, policy): (PathBuf, Result<Source, LoadError>, Policy)| {
        let known = Known::of(&path, source.as_ref().ok().map(Source::manifest));
        let source = source.and_then(|source| match paths.get(&known.name).map(Vec::as_slice) {
            Some([one, other, ..]) => {
                let sentence = format!(
                    "{} and {} are both the plugin `{}`: remove one, or rename it",
                    one.display(),
                    other.display(),
                    known.name
                );
                let error = LoadError::Component { plugin: known.name.clone(), sentence };
                loader.refused(&error);
                Err(error)
            }
            _ => Ok(source),
        });
        (known, source, policy)
    };
    all.into_iter().map(claimed).collect()
}

impl Known {
    fn of(path: &Path, manifest: Option<&Manifest>) -> Self {
        let Some(manifest) = manifest else {
            // The name of a folder can have any characters, and a manifest that cannot be read may have had any taps.
            let folder = path.file_name().unwrap_or(path.as_os_str()).to_string_lossy().into_owned();
            let name = folder.escape_debug().take(PLUGIN_NAME_BYTES_MAX).collect();
            return Self { name, version: String::new(), guards_items: true };
        };
        let (plugin, taps) = (&manifest.plugin, &manifest.taps);
        let of_items = [taps.item_access, taps.item_view, taps.item_presave, taps.item_changed];
        Self {
            name: plugin.name.to_string(),
            version: plugin.version.to_string(),
            guards_items: of_items.iter().any(Option::is_some),
        }
    }
}

fn unloaded(known: Known, error: &LoadError) -> Unloaded {
    let Known { name, version, guards_items } = known;
    tracing::error!(plugin = %name, "not loaded: {error}");
    if guards_items {
        tracing::error!(plugin = %name, "requests for items fail until it is loaded, because its taps may guard them");
    }
    Unloaded { name, version, reason: error.to_string(), since: SystemTime::now(), guards_items }
}

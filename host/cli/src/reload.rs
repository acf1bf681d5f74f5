//! What `palisade serve` does when it is told, or notices, that its folder has changed.
//!
//! SIGHUP reads everything again, as a start does: the policy, the secrets and every plugin. `--watch` loads the plugins whose
//! files have changed, and all of them when the policy or the secrets have. Calls are answered all the time: a plugin is
//! replaced when its next version is ready, and one that cannot be loaded leaves the version before in its place. Only SIGHUP
//! unloads a plugin whose folder is gone: a copy in progress looks the same.

use crate::folder::{FileArgs, Folder, Plugin};
use crate::host;
use crate::secrets::Current;
use crate::watch::{Look, Looking, Watch, look};
use palisade::{Host, LoadError, Source};
use palisade_guard::grant::Policy;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tokio::signal::unix::Signal;

/// Keeps a host as its folder says.
pub(super) struct Reloader {
    host: Host,
    dir: PathBuf,
    files: FileArgs,
    secrets: Current,
    /// The name of the plugin in each folder, as its manifest had it when it was last read.
    names: BTreeMap<PathBuf, String>,
}

/// The names of the plugins of a folder whose manifests can be read.
pub(super) fn names(folder: &Folder) -> BTreeMap<PathBuf, String> {
    let name = |plugin: &Plugin| {
        let source = plugin.source.as_ref().ok()?;
        Some((plugin.path.clone(), source.name().to_string()))
    };
    folder.plugins.iter().filter_map(name).collect()
}

/// Which plugins to load.
enum Which<'a> {
    All,
    /// Those that have one of these files.
    With(BTreeSet<&'a Path>),
}

impl Which<'_> {
    fn has(&self, plugin: &Path) -> bool {
        match self {
            Self::All => true,
            Self::With(files) => files.iter().any(|file| file.starts_with(plugin)),
        }
    }
}

impl Reloader {
    /// For a host that has just been built from this folder.
    pub(super) fn new(
        host: Host,
        dir: PathBuf,
        files: FileArgs,
        secrets: Current,
        names: BTreeMap<PathBuf, String>,
    ) -> Self {
        Self { host, dir, files, secrets, names }
    }

    /// Reloads on each SIGHUP, and on each change of the files if they are watched. Runs until it is dropped.
    pub(super) async fn run(mut self, mut hangup: Signal, before: Option<Look>) {
        let mut watched = before.map(|before| (Watch::new(self.looking()), before));
        loop {
            let changed = async {
                match &mut watched {
                    Some((watch, before)) => watch.change(before).await,
                    None => std::future::pending().await,
                }
            };
            let now = tokio::select! {
                heard = hangup.recv() => match heard {
                    Some(()) => None,
                    None => return,
                },
                now = changed => Some(now),
            };
            if let (Some(now), Some((_, before))) = (now, &mut watched) {
                let changed = std::mem::replace(before, now.clone());
                let files = now.changes(&changed);
                let operators = self.files.operators(&self.dir);
                let is_operators = operators.iter().any(|path| files.contains(path.as_path()));
                self.reload(if is_operators { Which::All } else { Which::With(files) }, false).await;
            } else {
                if let Some((_, before)) = &mut watched {
                    *before = look(&self.looking()).await;
                }
                self.reload(Which::All, true).await;
            }
        }
    }

    /// How to look at the files that a reload reads.
    pub(super) fn looking(&self) -> Looking {
        looking(self.dir.clone(), self.files.clone())
    }

    async fn reload(&mut self, which: Which<'_>, unloads: bool) {
        let (dir, files) = (self.dir.clone(), self.files.clone());
        let found = tokio::task::spawn_blocking(move || Folder::find(&dir, &files)).await;
        let Folder { plugins, secrets, .. } = match found.map_err(Into::into).and_then(|found| found) {
            Ok(found) => found,
            Err(error) => {
                tracing::error!("nothing is loaded again, and everything stays as it is: {error:#}");
                return;
            }
        };
        self.secrets.replace(&secrets);
        // A plugin whose manifest cannot be read is the one that it was.
        let known = |plugin: &Plugin| {
            let name = plugin.source.as_ref().map(|source| source.name().to_string()).ok();
            Some((plugin.path.clone(), name.or_else(|| self.names.get(&plugin.path).cloned())?))
        };
        let mut names: BTreeMap<PathBuf, String> = plugins.iter().filter_map(known).collect();
        for Plugin { path, source, policy } in plugins {
            if which.has(&path) {
                let name = names.get(&path).map(String::as_str);
                let other =
                    names.iter().find(|(other, named)| **other != path && Some(named.as_str()) == name);
                self.load(&path, name, other.map(|(other, _)| other), source, &policy).await;
            }
        }
        let is_gone = |name: &String| !names.values().any(|other| other == name);
        let gone: Vec<_> = self.names.iter().filter(|(_, name)| is_gone(name)).collect();
        let mut kept = BTreeMap::new();
        for (path, name) in gone {
            // Its folder may have another plugin now, which takes its place when it is loaded.
            let is_replaced = names.get(path).is_none_or(|next| self.host.plugin(next).is_some());
            if !(unloads && is_replaced) && self.host.plugin(name).is_some() {
                tracing::warn!(
                    plugin = name.as_str(),
                    "its folder is gone, and it is served until SIGHUP or a restart"
                );
                kept.insert(path.clone(), name.clone());
            } else if self.host.unload(name) {
                tracing::info!(plugin = name.as_str(), "unloaded, because its folder is gone");
            }
        }
        names.extend(kept);
        self.names = names;
    }

    /// Loads a plugin, or says why the version before stays. `other` is another folder with a plugin of the same name.
    async fn load(
        &self,
        path: &Path,
        name: Option<&str>,
        other: Option<&PathBuf>,
        source: Result<Source, LoadError>,
        policy: &Policy,
    ) {
        let loaded = match other {
            None => self.host.load_source(source, policy).await.map_err(|error| host::whole(&error)),
            Some(other) => Err(format!(
                "{} and {} are the same plugin: remove one, or rename it",
                other.display(),
                path.display()
            )),
        };
        let before = name.and_then(|name| self.host.plugin(name)).map(|info| info.version);
        match (loaded, before) {
            (Ok(info), _) => {
                tracing::info!(plugin = info.name.as_str(), version = info.version.as_str(), "loaded");
            }
            (Err(why), Some(version)) => {
                tracing::error!(plugin = name, "version {version} as it was before is still served: {why}");
            }
            (Err(why), None) => tracing::error!(plugin = name, path = %path.display(), "not loaded: {why}"),
        }
    }
}

/// How to look at the files that are read at a start.
pub(super) fn looking(dir: PathBuf, files: FileArgs) -> Looking {
    Arc::new(move || {
        let mut look = Look::default();
        look.add_folder(&dir);
        for file in files.operators(&dir) {
            look.add(&file);
        }
        for folder in Folder::plugins(&dir).unwrap_or_default() {
            look.add_plugin(&folder);
        }
        look
    })
}

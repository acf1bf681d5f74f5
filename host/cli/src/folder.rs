//! A folder of plugins, as `palisade serve DIR` takes it.
//!
//! A plugin is a folder with a `palisade.toml`: DIR itself, or each of its subfolders. Folders below those are not
//! searched.

use super::policy::Policies;
use super::secrets;
use crate::output;
use anyhow::{Context, Result, bail};
use clap::Args;
use palisade_guard::grant::Policy;
use palisade_guard::manifest::Manifest;
use palisade_store::http::Secrets;
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

const MANIFEST: &str = "palisade.toml";

/// The folder that a command works on.
#[derive(Debug, Args)]
pub(super) struct FolderArgs {
    /// The folder of a plugin, or of several in subfolders
    #[arg(long, value_name = "DIR", default_value = ".")]
    dir: PathBuf,
    #[command(flatten)]
    files: FileArgs,
}

/// What an operator writes about plugins.
#[derive(Debug, Args)]
pub(super) struct FileArgs {
    /// What each plugin may have [default: DIR/policy.toml; without it every plugin gets what it asks for]
    ///
    /// A table for each plugin: `grants` and `limits` as in a manifest, `wasi = false` to refuse a component that imports
    /// `wasi:*`, `floats = false` to refuse one that computes with floats.
    #[arg(long, value_name = "FILE")]
    policy: Option<PathBuf>,
    /// Headers that the host adds for plugins which never see them [default: DIR/secrets.toml]
    #[arg(long, value_name = "FILE")]
    secrets: Option<PathBuf>,
}

/// A folder, its plugins, and what each may have.
pub(super) struct Folder {
    pub(super) path: PathBuf,
    pub(super) plugins: Vec<(PathBuf, Policy)>,
    pub(super) secrets: Secrets,
}

impl FolderArgs {
    /// Finds the plugins of the folder; there may be none.
    pub(super) fn find(&self) -> Result<Folder> {
        Folder::find(&self.dir, &self.files)
    }

    /// The folder alone, for commands that need no plugin.
    pub(super) fn bare(&self) -> Result<Folder> {
        let path = folder(&self.dir)?;
        Ok(Folder { path, plugins: Vec::new(), secrets: Secrets::default() })
    }
}

impl Folder {
    /// Finds the plugins of a folder and their policies.
    pub(super) fn find(dir: &Path, files: &FileArgs) -> Result<Self> {
        let folder = folder(dir)?;
        let policies = Policies::read(&folder, files.policy.as_deref())?;
        let mut found: BTreeMap<String, PathBuf> = BTreeMap::new();
        for path in candidates(&folder)? {
            let name = name(&path.join(MANIFEST))?;
            if let Some(other) = found.get(&name) {
                bail!(
                    "{} and {} are both the plugin `{name}`: remove one, or rename it",
                    other.display(),
                    path.display()
                );
            }
            found.insert(name, path);
        }
        policies.check(found.keys())?;
        let secrets = secrets::read(&folder, files.secrets.as_deref())?;
        let plugins = found.into_iter().map(|(name, path)| (path, policies.of(&name))).collect();
        Ok(Self { path: folder, plugins, secrets })
    }

    /// Returns the folder, or a usage error if it has no plugin.
    pub(super) fn with_plugins(self) -> Result<Self> {
        if self.plugins.is_empty() {
            return Err(output::usage(format!(
                "no plugins in {}: name a folder that holds a {MANIFEST}, itself or in its subfolders",
                self.path.display()
            )));
        }
        Ok(self)
    }
}

fn folder(dir: &Path) -> Result<PathBuf> {
    dir.canonicalize().ok().filter(|folder| folder.is_dir()).ok_or_else(|| {
        output::usage(format!("{} is not a folder: name the folder of your plugins", dir.display()))
    })
}

fn candidates(folder: &Path) -> Result<Vec<PathBuf>> {
    if folder.join(MANIFEST).is_file() {
        return Ok(vec![folder.to_owned()]);
    }
    let entries = fs::read_dir(folder).with_context(|| format!("cannot read {}", folder.display()))?;
    let paths: Result<Vec<PathBuf>, _> = entries.map(|entry| entry.map(|entry| entry.path())).collect();
    let mut paths = paths.with_context(|| format!("cannot read {}", folder.display()))?;
    paths.retain(|path| path.join(MANIFEST).is_file());
    paths.sort();
    Ok(paths)
}

fn name(manifest: &Path) -> Result<String> {
    let text = fs::read_to_string(manifest).with_context(|| format!("cannot read {}", manifest.display()))?;
    let parsed = Manifest::parse(&text, manifest).map_err(anyhow::Error::msg)?;
    Ok(parsed.plugin.name.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    const NO_FILES: FileArgs = FileArgs { policy: None, secrets: None };

    fn plugin(folder: &Path, name: &str) {
        fs::create_dir_all(folder).unwrap();
        let text = format!("[plugin]\nname = \"{name}\"\nversion = \"0.1.0\"\ncomponent = \"{name}.wasm\"\n");
        fs::write(folder.join(MANIFEST), text).unwrap();
    }

    fn refusal(dir: &Path) -> String {
        Folder::find(dir, &NO_FILES).and_then(Folder::with_plugins).err().expect("a refusal").to_string()
    }

    #[test]
    fn missing_folder_or_folder_without_plugins_is_rejected() {
        let dir = tempfile::tempdir().unwrap();
        assert!(refusal(dir.path()).contains("no plugins in"));
        assert!(refusal(&dir.path().join("nowhere")).contains("is not a folder"));
        plugin(&dir.path().join("a/deep"), "deep");
        assert!(refusal(dir.path()).contains("no plugins in"), "folders below a subfolder are not searched");
    }

    #[test]
    fn two_plugins_with_one_name_are_rejected() {
        let dir = tempfile::tempdir().unwrap();
        plugin(&dir.path().join("a"), "blog");
        plugin(&dir.path().join("b"), "blog");
        assert!(refusal(dir.path()).contains("both the plugin `blog`"));
    }

    #[test]
    fn policy_for_a_missing_plugin_is_rejected() {
        let dir = tempfile::tempdir().unwrap();
        plugin(&dir.path().join("a"), "blog");
        fs::write(dir.path().join("policy.toml"), "[blgo]\n").unwrap();
        assert!(refusal(dir.path()).contains("`blgo`"));
    }

    #[test]
    fn plugins_are_found_in_the_folder_or_its_subfolders() {
        let dir = tempfile::tempdir().unwrap();
        plugin(&dir.path().join("a"), "one");
        plugin(&dir.path().join("b"), "two");
        let count = |dir: &Path| Folder::find(dir, &NO_FILES).unwrap().plugins.len();
        assert_eq!((count(dir.path()), count(&dir.path().join("a"))), (2, 1));
    }
}

//! A folder of plugins, as `palisade serve DIR` takes it.
//!
//! A plugin is a folder with a `palisade.toml`: DIR itself, or each of its subfolders. Folders below those are not
//! searched. What is in a plugin's folder is its author's: a policy or secrets there are never the operator's, whichever
//! path leads to them. Each manifest is read once, and the policy is chosen by the name that it had then.

use super::policy::{self, Policies};
use super::secrets::{self, Current};
use crate::output;
use anyhow::{Context, Result, bail};
use clap::Args;
use palisade::{LoadError, Source};
use palisade_guard::grant::Policy;
use palisade_guard::limits::FOLDER_ENTRIES_MAX;
use std::fs;
use std::path::{Path, PathBuf};

pub(super) const MANIFEST: &str = "palisade.toml";

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
#[derive(Clone, Debug, Args)]
pub(super) struct FileArgs {
    /// What each plugin may have [default: DIR/policy.toml, unless DIR is a plugin; without it every plugin gets what it
    /// asks for]
    ///
    /// A table for each plugin: `grants` and `limits` as in a manifest, `wasi = false` to refuse a component that imports
    /// `wasi:*`, `floats = false` to refuse one that computes with floats.
    #[arg(long, value_name = "FILE")]
    policy: Option<PathBuf>,
    /// Headers that the host adds for plugins which never see them [default: DIR/secrets.toml, unless DIR is a plugin]
    #[arg(long, value_name = "FILE")]
    secrets: Option<PathBuf>,
}

/// A folder, its plugins, and what each may have.
pub(super) struct Folder {
    pub(super) path: PathBuf,
    pub(super) plugins: Vec<Plugin>,
    pub(super) secrets: Current,
}

/// A plugin of a folder.
pub(super) struct Plugin {
    pub(super) path: PathBuf,
    /// Its manifest, or why that cannot be read.
    pub(super) source: Result<Source, LoadError>,
    pub(super) policy: Policy,
}

impl FolderArgs {
    /// Finds the plugins of the folder; there may be none.
    pub(super) fn find(&self) -> Result<Folder> {
        Folder::find(&self.dir, &self.files)
    }

    /// The folder alone, for commands that need no plugin.
    pub(super) fn bare(&self) -> Result<Folder> {
        let path = folder(&self.dir)?;
        Ok(Folder { path, plugins: Vec::new(), secrets: Current::default() })
    }
}

impl FileArgs {
    /// The files, as they are named or where they are looked for.
    pub(super) fn operators(&self, dir: &Path) -> [PathBuf; 2] {
        let or_own = |named: &Option<PathBuf>, own| named.clone().unwrap_or_else(|| dir.join(own));
        [or_own(&self.policy, policy::FILE), or_own(&self.secrets, secrets::FILE)]
    }
}

impl Folder {
    /// The folders of plugins: this one, or those in it.
    pub(super) fn plugins(dir: &Path) -> Result<Vec<PathBuf>> {
        candidates(dir)
    }

    /// The folder of one plugin, with what its manifest asks for.
    pub(super) fn of_plugin(dir: &Path) -> Result<Self> {
        let path = folder(dir)?;
        let plugin = Plugin { source: Source::open(&path), path: path.clone(), policy: Policy::as_asked() };
        Ok(Self { path, plugins: vec![plugin], secrets: Current::default() })
    }

    /// Finds the plugins of a folder and their policies. A plugin whose manifest cannot be read is among them.
    pub(super) fn find(dir: &Path, files: &FileArgs) -> Result<Self> {
        let folder = folder(dir)?;
        let places = candidates(&folder)?;
        let (policy, secrets) = (policy::FILE, secrets::FILE);
        let policy = operators(&folder, &places, policy, files.policy.as_deref(), "--policy")?;
        let secrets = operators(&folder, &places, secrets, files.secrets.as_deref(), "--secrets")?;
        let policies = Policies::read(policy)?;
        let found: Vec<_> = places.into_iter().map(|path| (Source::open(&path), path)).collect();
        let names: Vec<&str> =
            found.iter().filter_map(|(source, _)| Some(source.as_ref().ok()?.name().as_str())).collect();
        policies.check(&names, found.len() > names.len())?;
        let secrets = Current::of(secrets::read(secrets.as_deref())?);
        let plugin = |(source, path): (Result<Source, LoadError>, PathBuf)| {
            let policy = source
                .as_ref()
                .map_or_else(|_| Policy::harmless(), |source| policies.of(source.name().as_str()));
            Plugin { path, source, policy }
        };
        Ok(Self { path: folder, plugins: found.into_iter().map(plugin).collect(), secrets })
    }

    /// Returns the folder, or a usage error if it has no plugin.
    pub(super) fn with_plugins(self) -> Result<Self> {
        if self.plugins.is_empty() {
            return Err(none(&self.path));
        }
        Ok(self)
    }
}

/// The folders of the plugins in a folder: itself, or its subfolders.
pub(super) fn plugins(dir: &Path) -> Result<Vec<PathBuf>> {
    let path = folder(dir)?;
    let plugins = candidates(&path)?;
    if plugins.is_empty() {
        return Err(none(&path));
    }
    Ok(plugins)
}

fn none(folder: &Path) -> anyhow::Error {
    output::usage(format!(
        "no plugins in {}: name a folder that holds a {MANIFEST}, itself or in its subfolders",
        folder.display()
    ))
}

fn folder(dir: &Path) -> Result<PathBuf> {
    dir.canonicalize().ok().filter(|folder| folder.is_dir()).ok_or_else(|| {
        output::usage(format!("{} is not a folder: name the folder of your plugins", dir.display()))
    })
}

/// The folders of plugins: this one, or those in it. A manifest of any kind makes one, so that a wrong one is reported.
fn candidates(folder: &Path) -> Result<Vec<PathBuf>> {
    let is_plugin = |folder: &Path| folder.join(MANIFEST).symlink_metadata().is_ok();
    if is_plugin(folder) {
        return Ok(vec![folder.to_owned()]);
    }
    let unreadable = || format!("cannot read {}", folder.display());
    let mut paths = Vec::new();
    for (index, entry) in fs::read_dir(folder).with_context(unreadable)?.enumerate() {
        if index >= FOLDER_ENTRIES_MAX {
            let why = "has more than";
            bail!("{} {why} {FOLDER_ENTRIES_MAX} entries: name the folder of your plugins", folder.display());
        }
        let path = entry.with_context(unreadable)?.path();
        if is_plugin(&path) {
            paths.push(path);
        }
    }
    paths.sort();
    Ok(paths)
}

/// The file of the operator's that is named, or the folder's own if there is one. Refuses a file in a plugin's folder, which
/// the plugin's author wrote.
fn operators(
    folder: &Path,
    plugins: &[PathBuf],
    file: &str,
    named: Option<&Path>,
    option: &str,
) -> Result<Option<PathBuf>> {
    let own = folder.join(file);
    let path = named.unwrap_or(&own);
    for other in plugins.iter().map(|plugin| plugin.join(file)).filter(|other| *other != *path) {
        if other.symlink_metadata().is_ok() {
            tracing::warn!(path = %other.display(), "ignored: it is in a plugin's folder, and so its author's and not yours");
        }
    }
    if named.is_none() && path.symlink_metadata().is_err() {
        return Ok(None);
    }
    // Both as they really are: a link leads into the folder, too.
    let real = path.canonicalize().with_context(|| format!("cannot read {}", path.display()))?;
    let inside = |plugin: &&PathBuf| plugin.canonicalize().is_ok_and(|plugin| real.starts_with(plugin));
    match plugins.iter().find(inside) {
        None => Ok(Some(path.to_owned())),
        Some(plugin) => Err(output::usage(format!(
            "{} is in the folder of the plugin {}, whose author may have written it: move your own out of that folder, and \
             name it with {option}, or remove it",
            path.display(),
            plugin.display()
        ))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use palisade_store::http::SecretStore;
    use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};

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
    fn policy_or_secrets_in_a_plugins_folder_are_never_the_operators() {
        let dir = tempfile::tempdir().unwrap();
        let (blog, outside) = (dir.path().join("blog"), tempfile::tempdir().unwrap());
        plugin(&blog, "blog");
        for (file, text, option) in [
            ("policy.toml", "[blog]\nlimits = { memory = \"256 MiB\" }\n", "--policy"),
            ("secrets.toml", "[blog]\nkey = { header = \"a\", value = \"b\" }\n", "--secrets"),
        ] {
            let theirs = blog.join(file);
            let private = |path: &Path| fs::set_permissions(path, fs::Permissions::from_mode(0o600)).unwrap();
            fs::write(&theirs, text).unwrap();
            private(&theirs);
            let args = |path: &Path| match option {
                "--policy" => FileArgs { policy: Some(path.to_owned()), secrets: None },
                _ => FileArgs { policy: None, secrets: Some(path.to_owned()) },
            };
            let refused = |dir: &Path, files: &FileArgs| {
                let refused = Folder::find(dir, files).err().expect("a refusal").to_string();
                assert!(
                    refused.contains("is in the folder of the plugin") && refused.contains(option),
                    "{refused}"
                );
            };
            // Served alone, named, through a link beside it, and through a link elsewhere.
            refused(&blog, &NO_FILES);
            refused(&blog, &args(&theirs));
            refused(dir.path(), &args(&theirs));
            symlink(Path::new("blog").join(file), dir.path().join(file)).unwrap();
            refused(dir.path(), &NO_FILES);
            let link = outside.path().join(file);
            symlink(&theirs, &link).unwrap();
            refused(dir.path(), &args(&link));
            fs::remove_file(dir.path().join(file)).unwrap();
            // Beside another plugin it is ignored: that plugin gets what it asks for, and no more.
            let found = Folder::find(dir.path(), &NO_FILES).unwrap();
            assert_eq!(found.plugins[0].policy.limits, Policy::as_asked().limits, "{file}");
            assert!(found.secrets.get("blog", "key").is_none());
            // The operator's own is outside.
            fs::remove_file(&link).unwrap();
            fs::rename(&theirs, &link).unwrap();
            assert!(Folder::find(&blog, &args(&link)).is_ok());
        }
    }

    #[test]
    fn policy_or_secrets_that_others_can_change_are_rejected() {
        let dir = tempfile::tempdir().unwrap();
        plugin(&dir.path().join("blog"), "blog");
        for file in ["policy.toml", "secrets.toml"] {
            let path = dir.path().join(file);
            fs::write(&path, "").unwrap();
            let mode =
                |path: &Path, mode| fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
            mode(&path, 0o600);
            assert!(Folder::find(dir.path(), &NO_FILES).is_ok());
            for (changed, bits, before) in [(&path, 0o622, 0o600), (&dir.path().to_owned(), 0o777, 0o700)] {
                mode(changed, bits);
                let refused = Folder::find(dir.path(), &NO_FILES).err().map(|error| format!("{error:#}"));
                assert!(refused.unwrap().contains("run `chmod"), "{file} {bits:o}");
                mode(changed, before);
            }
            if is_root() {
                std::os::unix::fs::chown(&path, Some(65_534), None).unwrap();
                let refused = Folder::find(dir.path(), &NO_FILES).err().map(|error| format!("{error:#}"));
                assert!(refused.unwrap().contains("belongs to user 65534"), "{file}");
            }
            fs::remove_file(&path).unwrap();
        }
    }

    /// Whether this test may give files away.
    fn is_root() -> bool {
        fs::metadata("/proc/self").unwrap().uid() == 0
    }

    #[test]
    fn plugin_with_a_broken_manifest_keeps_no_other_from_being_found() {
        let dir = tempfile::tempdir().unwrap();
        plugin(&dir.path().join("good"), "good");
        fs::create_dir(dir.path().join("bad")).unwrap();
        fs::write(dir.path().join("bad").join(MANIFEST), "[plugin\n").unwrap();
        fs::create_dir(dir.path().join("ugly")).unwrap();
        symlink("/dev/zero", dir.path().join("ugly").join(MANIFEST)).unwrap();
        // The table may be for a plugin whose name cannot be read.
        fs::write(dir.path().join("policy.toml"), "[good]\n[bad]\n").unwrap();
        let found = Folder::find(dir.path(), &NO_FILES).unwrap();
        let good: Vec<bool> = found.plugins.iter().map(|plugin| plugin.source.is_ok()).collect();
        assert_eq!(good, [false, true, false]);
    }

    #[test]
    fn policy_is_chosen_by_the_name_that_the_manifest_had_when_it_was_read() {
        let dir = tempfile::tempdir().unwrap();
        plugin(&dir.path().join("a"), "small");
        fs::write(dir.path().join("policy.toml"), "[small]\nwasi = false\n").unwrap();
        let found = Folder::find(dir.path(), &NO_FILES).unwrap();
        plugin(&dir.path().join("a"), "large");
        let plugin = &found.plugins[0];
        assert_eq!(plugin.source.as_ref().unwrap().name().as_str(), "small");
        assert!(!plugin.policy.wasi);
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

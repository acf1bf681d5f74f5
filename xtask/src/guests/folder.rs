//! A built guest's folder: its manifest, its component, its migrations, and nothing else.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};

const MANIFEST: &str = "palisade.toml";
const MIGRATIONS: &str = "migrations";

/// The content of a folder.
#[derive(Debug)]
pub struct Folder {
    /// The component's file name, as in the manifest.
    pub component: PathBuf,
    /// Every file, by its path in the folder.
    pub files: BTreeMap<PathBuf, Vec<u8>>,
}

impl Folder {
    /// Reads a guest's sources. Without a manifest the component has the folder's name.
    pub fn of(source: &Path) -> Result<Self> {
        let mut files = BTreeMap::new();
        let manifest = source.join(MANIFEST);
        let component = if manifest.exists() {
            let bytes = fs::read(&manifest)?;
            let named = component(&bytes).with_context(|| manifest.display().to_string())?;
            files.insert(MANIFEST.into(), bytes);
            named
        } else {
            Path::new(source.file_name().context("a guest without a folder")?).with_extension("wasm")
        };
        let migrations = source.join(MIGRATIONS);
        if migrations.is_dir() {
            for entry in fs::read_dir(migrations)? {
                let entry = entry?;
                files.insert(Path::new(MIGRATIONS).join(entry.file_name()), fs::read(entry.path())?);
            }
        }
        Ok(Self { component, files })
    }

    /// Writes the files, and removes all others. Returns whether anything changed.
    pub fn write(&self, to: &Path) -> Result<bool> {
        fs::create_dir_all(to)?;
        let mut changed = keep_only(to, &|name| self.files.keys().any(|path| path.starts_with(name)))?;
        let migrations = to.join(MIGRATIONS);
        if migrations.is_dir() {
            changed |=
                keep_only(&migrations, &|name| self.files.contains_key(&Path::new(MIGRATIONS).join(name)))?;
        }
        for (path, bytes) in &self.files {
            let path = to.join(path);
            if fs::read(&path).is_ok_and(|known| known == *bytes) {
                continue;
            }
            if let Some(parent) = path.parent() {
                fs::create_dir_all(parent)?;
            }
            fs::write(&path, bytes).with_context(|| format!("cannot write {}", path.display()))?;
            changed = true;
        }
        Ok(changed)
    }
}

/// Removes the entries whose names are not wanted. Returns whether there were any.
pub fn keep_only(folder: &Path, wanted: &dyn Fn(&str) -> bool) -> Result<bool> {
    let mut removed = false;
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        if entry.file_name().to_str().is_some_and(wanted) {
            continue;
        }
        if entry.file_type()?.is_dir() {
            fs::remove_dir_all(entry.path())?;
        } else {
            fs::remove_file(entry.path())?;
        }
        removed = true;
    }
    Ok(removed)
}

/// The file that `[plugin] component` names. It must be in the plugin's own folder.
fn component(manifest: &[u8]) -> Result<PathBuf> {
    let manifest: toml::Table = toml::from_str(std::str::from_utf8(manifest)?)?;
    let named =
        manifest.get("plugin").and_then(|plugin| plugin.get("component")).and_then(toml::Value::as_str);
    let named =
        Path::new(named.context("[plugin] has no `component`; name the file, such as \"blog.wasm\"")?);
    if named.components().count() != 1 || named.file_name() != Some(named.as_os_str()) {
        bail!("`component` is {}; write a file name without a folder", named.display());
    }
    Ok(named.to_owned())
}

#[cfg(test)]
mod tests {
    use std::time::SystemTime;

    use super::*;

    fn source(manifest: Option<&str>) -> tempfile::TempDir {
        let folder = tempfile::tempdir().expect("a folder");
        if let Some(text) = manifest {
            fs::write(folder.path().join(MANIFEST), text).expect("a manifest");
        }
        folder
    }

    #[test]
    fn component_outside_the_folder_is_rejected() {
        for named in ["../host.wasm", "/etc/passwd", "a/b.wasm", "..", ""] {
            let folder = source(Some(&format!("[plugin]\ncomponent = \"{named}\"\n")));
            let error = format!("{:#}", Folder::of(folder.path()).expect_err("an error"));
            assert!(error.contains("a file name without a folder"), "{named}: {error}");
        }
    }

    #[test]
    fn error_of_a_missing_component_says_what_to_write() {
        let folder = source(Some("[plugin]\nname = \"blog\"\n"));
        let error = format!("{:#}", Folder::of(folder.path()).expect_err("an error"));
        assert!(error.contains("[plugin] has no `component`"), "{error}");
    }

    #[test]
    fn component_without_a_manifest_has_the_folders_name() {
        let folder = source(None);
        let inner = folder.path().join("spinner");
        fs::create_dir(&inner).expect("a folder");
        assert_eq!(Folder::of(&inner).expect("a guest").component, Path::new("spinner.wasm"));
    }

    #[test]
    fn unchanged_files_are_not_written_and_old_files_are_removed() {
        let folder = source(Some("[plugin]\ncomponent = \"blog.wasm\"\n"));
        fs::create_dir(folder.path().join(MIGRATIONS)).expect("a folder");
        fs::write(folder.path().join("migrations/0001.sql"), "select 1").expect("a file");
        let built = tempfile::tempdir().expect("a folder");
        fs::create_dir(built.path().join(MIGRATIONS)).expect("a folder");
        fs::write(built.path().join("migrations/0002.sql"), "gone").expect("a file");
        let guest = Folder::of(folder.path()).expect("a guest");

        assert!(guest.write(built.path()).expect("written"));
        assert!(!built.path().join("migrations/0002.sql").exists());
        let long_ago = SystemTime::UNIX_EPOCH;
        let kept =
            fs::File::options().write(true).open(built.path().join("migrations/0001.sql")).expect("the file");
        kept.set_modified(long_ago).expect("its time");

        assert!(!guest.write(built.path()).expect("written again"));
        assert_eq!(kept.metadata().expect("the file").modified().expect("its time"), long_ago);
    }
}

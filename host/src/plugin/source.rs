//! The files of a plugin: its manifest, its component and its migrations.
//!
//! The manifest is read once, when the source is opened: what it says then decides everything, the policy included. The folder
//! stays open, and no link out of it is followed, so the component and the migrations are the ones beside that manifest. They
//! are read and not checked here.

use crate::error::LoadError;
use palisade_guard::db::migration_file;
use palisade_guard::limits::{
    COMPONENT_BYTES_MAX, MANIFEST_BYTES_MAX, MIGRATION_BYTES_MAX, MIGRATIONS_BYTES_MAX,
};
use palisade_guard::manifest::Manifest;
use palisade_guard::name::PluginName;
use palisade_store::files::{self, Folder};
use std::io::{Error, ErrorKind};
use std::path::{Path, PathBuf};

/// A plugin's folder and its manifest, which is read once.
#[derive(Debug)]
pub struct Source {
    folder: Folder,
    manifest: Manifest,
}

/// A plugin's files in memory.
pub(crate) struct Files {
    pub(crate) manifest: Manifest,
    pub(crate) component: Vec<u8>,
    /// Names and texts, in the order in which they run.
    pub(crate) migrations: Vec<(String, String)>,
}

impl Source {
    /// Opens a plugin's folder, given as the folder or as the manifest in it, and reads its manifest. It waits for the disk.
    pub fn open(path: &Path) -> Result<Self, LoadError> {
        let (folder, name) = if path.is_dir() {
            (path, "palisade.toml".as_ref())
        } else {
            let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
            (folder.unwrap_or(Path::new(".")), path.file_name().unwrap_or_default())
        };
        let folder = Folder::open(folder).map_err(|error| refused(path, error))?;
        let path = folder.path().join(name);
        let text = folder.file(Path::new(name)).and_then(|file| files::read_text(file, MANIFEST_BYTES_MAX));
        let text = text.map_err(|error| refused(&path, error))?;
        let manifest = Manifest::parse(&text, &path).map_err(LoadError::Manifest)?;
        Ok(Self { folder, manifest })
    }

    /// The plugin's name in its manifest.
    pub fn name(&self) -> &PluginName {
        &self.manifest.plugin.name
    }

    /// The path by which the plugin's folder was opened.
    pub fn path(&self) -> &Path {
        self.folder.path()
    }

    /// The path of the component, which may be missing.
    pub fn component_path(&self) -> PathBuf {
        self.path().join(&self.manifest.plugin.component)
    }

    pub(crate) fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    /// Reads the other files. It waits for the disk.
    pub(crate) fn read(self) -> Result<Files, LoadError> {
        let component = self.component()?;
        let migrations = self.migrations()?;
        Ok(Files { manifest: self.manifest, component, migrations })
    }

    fn component(&self) -> Result<Vec<u8>, LoadError> {
        let plugin = &self.manifest.plugin;
        let read =
            self.folder.file(&plugin.component).and_then(|file| files::read(file, COMPONENT_BYTES_MAX));
        read.map_err(|error| match error.kind() {
            ErrorKind::NotFound => LoadError::Component {
                plugin: plugin.name.to_string(),
                sentence: format!(
                    "its component {} is not there: run `palisade build {}`, or correct `component` in palisade.toml",
                    plugin.component.display(),
                    self.path().display()
                ),
            },
            ErrorKind::FileTooLarge => LoadError::Component {
                plugin: plugin.name.to_string(),
                sentence: format!(
                    "the component has more than {COMPONENT_BYTES_MAX} bytes, which is the maximum"
                ),
            },
            _ => refused(&self.component_path(), error),
        })
    }

    /// The `.sql` files of the folder of migrations, in the order of their numbers; none if there is no such folder.
    pub(crate) fn migrations(&self) -> Result<Vec<(String, String)>, LoadError> {
        let inner = &self.manifest.plugin.migrations;
        let names = self.folder.names(inner, "sql").and_then(|names| {
            migration_file::ordered(names).map_err(|why| Error::new(ErrorKind::InvalidData, why))
        });
        let names = names.map_err(|error| refused(&self.path().join(inner), error))?;
        let mut left = MIGRATIONS_BYTES_MAX;
        let mut migrations = Vec::new();
        for name in names {
            let path = inner.join(&name);
            let read =
                self.folder.file(&path).and_then(|file| files::read_text(file, MIGRATION_BYTES_MAX as u64));
            let text = read.and_then(|text| {
                left = left.checked_sub(text.len() as u64).ok_or_else(many)?;
                Ok(text)
            });
            migrations.push((name, text.map_err(|error| refused(&self.path().join(&path), error))?));
        }
        Ok(migrations)
    }
}

fn many() -> Error {
    let why =
        format!("the migrations together have more than {MIGRATIONS_BYTES_MAX} bytes, which is the maximum");
    Error::new(ErrorKind::FileTooLarge, why)
}

fn refused(path: &Path, source: Error) -> LoadError {
    LoadError::File { path: PathBuf::from(path).display().to_string(), source }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;
    use std::os::unix::fs::symlink;
    use std::process::Command;

    const MANIFEST: &str = "[plugin]\nname = \"large\"\nversion = \"0.1.0\"\ncomponent = \"large.wasm\"\n";

    fn plugin() -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("palisade.toml"), MANIFEST).unwrap();
        fs::write(folder.path().join("large.wasm"), "component").unwrap();
        fs::create_dir(folder.path().join("migrations")).unwrap();
        fs::write(folder.path().join("migrations/1.sql"), "SELECT 1").unwrap();
        folder
    }

    fn read(folder: &Path) -> Result<Files, LoadError> {
        Source::open(folder).and_then(Source::read)
    }

    fn refusal(folder: &Path) -> String {
        read(folder).map(|files| files.manifest.plugin.name).unwrap_err().to_string()
    }

    /// Replaces a file of the plugin by a pipe that nobody writes to.
    fn pipe(path: &Path) {
        fs::remove_file(path).unwrap();
        assert!(Command::new("mkfifo").arg(path).status().unwrap().success());
    }

    #[test]
    fn file_that_never_ends_or_answers_is_refused() {
        for name in ["palisade.toml", "large.wasm", "migrations/1.sql"] {
            let folder = plugin();
            let path = folder.path().join(name);
            pipe(&path);
            let refused = refusal(folder.path());
            assert!(refused.contains(name) && refused.contains("only a regular file is read"), "{refused}");
            for endless in ["/dev/zero", "/proc/self/maps"] {
                fs::remove_file(&path).unwrap();
                symlink(endless, &path).unwrap();
                let refused = refusal(folder.path());
                assert!(refused.contains(name) && refused.contains("a link out of the folder"), "{refused}");
            }
        }
        let folder = plugin();
        fs::rename(folder.path().join("migrations"), folder.path().join("real")).unwrap();
        symlink("/etc", folder.path().join("migrations")).unwrap();
        assert!(refusal(folder.path()).contains("a link out of the folder"));
        fs::remove_file(folder.path().join("migrations")).unwrap();
        symlink("real", folder.path().join("migrations")).unwrap();
        assert_eq!(read(folder.path()).unwrap().migrations[0].1, "SELECT 1", "a link inside is followed");
    }

    #[test]
    fn migrations_are_read_in_the_order_of_their_numbers_and_a_number_is_had_once() {
        let folder = plugin();
        for name in ["10.sql", "2.sql"] {
            fs::write(folder.path().join("migrations").join(name), "SELECT 1").unwrap();
        }
        let names: Vec<_> =
            read(folder.path()).unwrap().migrations.into_iter().map(|(name, _)| name).collect();
        assert_eq!(names, ["1.sql", "2.sql", "10.sql"]);
        fs::write(folder.path().join("migrations/02_more.sql"), "SELECT 1").unwrap();
        let refused = refusal(folder.path());
        assert!(refused.contains("02_more.sql and 2.sql have the same number"), "{refused}");
    }

    #[test]
    fn manifest_is_read_once() {
        let folder = plugin();
        let source = Source::open(folder.path()).unwrap();
        fs::write(folder.path().join("palisade.toml"), MANIFEST.replace("large\"", "other\"")).unwrap();
        assert_eq!((source.name().as_str(), source.path()), ("large", folder.path()));
        assert_eq!(source.read().unwrap().manifest.plugin.name.as_str(), "large");
    }

    #[test]
    fn component_at_the_size_limit_is_read_and_one_over_it_is_refused() {
        let folder = plugin();
        let component = fs::File::create(folder.path().join("large.wasm")).unwrap();
        component.set_len(COMPONENT_BYTES_MAX).unwrap();
        assert_eq!(read(folder.path()).unwrap().component.len() as u64, COMPONENT_BYTES_MAX);
        component.set_len(COMPONENT_BYTES_MAX + 1).unwrap();
        assert!(refusal(folder.path()).contains("more than 33554432 bytes"));
    }

    #[test]
    fn manifest_or_migrations_over_their_size_limits_are_refused() {
        let folder = plugin();
        let sized = |name: &str, bytes: u64| {
            let text = if name.ends_with("toml") { MANIFEST } else { "SELECT 1" };
            let padding = " ".repeat(usize::try_from(bytes).unwrap() - text.len());
            fs::write(folder.path().join(name), format!("{text}{padding}")).unwrap();
        };
        sized("palisade.toml", MANIFEST_BYTES_MAX);
        let each = MIGRATION_BYTES_MAX as u64;
        (0..MIGRATIONS_BYTES_MAX / each).for_each(|number| sized(&format!("migrations/{number}.sql"), each));
        assert_eq!(read(folder.path()).unwrap().migrations.len() as u64, MIGRATIONS_BYTES_MAX / each);
        fs::write(folder.path().join("migrations/over.sql"), "-").unwrap();
        assert!(refusal(folder.path()).contains("the migrations together have more than 16777216 bytes"));
        sized("migrations/1.sql", each + 1);
        assert!(refusal(folder.path()).contains("1.sql: it has more than 1048576 bytes"));
        sized("palisade.toml", MANIFEST_BYTES_MAX + 1);
        assert!(refusal(folder.path()).contains("palisade.toml: it has more than 65536 bytes"));
    }
}

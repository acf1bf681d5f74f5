//! What a plugin is loaded from: its manifest, its component and its migrations, read once and not looked at.

use crate::error::LoadError;
use crate::limits::COMPONENT_BYTES_MAX;
use crate::manifest::Manifest;
use std::path::{Path, PathBuf};

/// What a plugin is loaded from.
pub(super) struct Source {
    pub(super) manifest: Manifest,
    pub(super) component: Vec<u8>,
    pub(super) migrations: Vec<(String, String)>,
}

impl Source {
    /// Reads a plugin's folder, or the folder of the manifest that is named.
    pub(super) fn read(path: &Path) -> Result<Self, LoadError> {
        let manifest_path = if path.is_dir() { path.join("palisade.toml") } else { path.to_path_buf() };
        let folder = manifest_path.parent().map_or_else(PathBuf::new, Path::to_path_buf);
        let text = std::fs::read_to_string(&manifest_path).map_err(|source| file(&manifest_path, source))?;
        let manifest = Manifest::parse(&text, &manifest_path).map_err(LoadError::Manifest)?;
        let component = read_component(&folder.join(&manifest.plugin.component), &manifest)?;
        let migrations = read_migrations(&folder.join(&manifest.plugin.migrations))?;
        Ok(Self { manifest, component, migrations })
    }
}

fn read_component(path: &Path, manifest: &Manifest) -> Result<Vec<u8>, LoadError> {
    let size = std::fs::metadata(path).map_err(|source| file(path, source))?.len();
    if size > COMPONENT_BYTES_MAX {
        let sentence = format!("the component has {size} bytes: at most {COMPONENT_BYTES_MAX} are allowed");
        return Err(LoadError::Component { plugin: manifest.plugin.name.to_string(), sentence });
    }
    std::fs::read(path).map_err(|source| file(path, source))
}

/// The `.sql` files of a folder, in the order of their names; none when there is no folder.
fn read_migrations(folder: &Path) -> Result<Vec<(String, String)>, LoadError> {
    let entries = match std::fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(file(folder, error)),
    };
    let mut migrations = Vec::new();
    for entry in entries {
        let path = entry.map_err(|source| file(folder, source))?.path();
        let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        if path.extension().is_some_and(|extension| extension == "sql") {
            migrations.push((name, std::fs::read_to_string(&path).map_err(|source| file(&path, source))?));
        }
    }
    migrations.sort();
    Ok(migrations)
}

fn file(path: &Path, source: std::io::Error) -> LoadError {
    LoadError::File { path: path.display().to_string(), source }
}

//! The files of a plugin: its manifest, its component and its migrations. The component and the migrations are read and not
//! checked here.

use crate::error::LoadError;
use palisade_guard::limits::COMPONENT_BYTES_MAX;
use palisade_guard::manifest::Manifest;
use palisade_guard::name::PluginName;
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

/// The files that a plugin is loaded from.
pub struct Source {
    pub(crate) manifest: Manifest,
    pub(crate) component: Vec<u8>,
    pub(crate) migrations: Vec<(String, String)>,
}

impl Source {
    /// Reads a plugin's folder, given as the folder or as the manifest in it.
    pub fn read(path: &Path) -> Result<Self, LoadError> {
        let manifest_path = if path.is_dir() { path.join("palisade.toml") } else { path.to_path_buf() };
        let folder = manifest_path.parent().map_or_else(PathBuf::new, Path::to_path_buf);
        let text = std::fs::read_to_string(&manifest_path).map_err(|source| file(&manifest_path, source))?;
        let manifest = Manifest::parse(&text, &manifest_path).map_err(LoadError::Manifest)?;
        let component = read_component(&folder.join(&manifest.plugin.component), &manifest.plugin.name)?;
        let migrations = read_migrations(&folder.join(&manifest.plugin.migrations))?;
        Ok(Self { manifest, component, migrations })
    }
}

fn read_component(path: &Path, plugin: &PluginName) -> Result<Vec<u8>, LoadError> {
    let mut component = Vec::new();
    let opened = File::open(path).map_err(|source| file(path, source))?;
    // The read is bounded, not the reported length: a file can grow while it is read.
    let mut bounded = opened.take(COMPONENT_BYTES_MAX.saturating_add(1));
    bounded.read_to_end(&mut component).map_err(|source| file(path, source))?;
    if component.len() as u64 > COMPONENT_BYTES_MAX {
        let sentence =
            format!("the component has more than {COMPONENT_BYTES_MAX} bytes, which is the maximum");
        return Err(LoadError::Component { plugin: plugin.to_string(), sentence });
    }
    Ok(component)
}

/// The `.sql` files of a folder, sorted by name; none if the folder does not exist.
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn component_at_the_size_limit_is_read_and_one_over_it_is_refused() {
        let (name, read) = (PluginName::parse("large").unwrap(), tempfile::NamedTempFile::new().unwrap());
        read.as_file().set_len(COMPONENT_BYTES_MAX).unwrap();
        assert_eq!(read_component(read.path(), &name).unwrap().len() as u64, COMPONENT_BYTES_MAX);
        read.as_file().set_len(COMPONENT_BYTES_MAX + 1).unwrap();
        let refused = read_component(read.path(), &name).unwrap_err().to_string();
        assert!(refused.contains("more than 33554432 bytes"), "{refused}");
    }
}

//! Secret keys that the host generates and keeps in a file that only its user can read.

use palisade_guard::limits::SECRET_BYTES;
use std::fs;
use std::io::{Error, ErrorKind, Result, Write as _};
use std::path::Path;
use tempfile::NamedTempFile;

/// The bytes of a key.
pub(crate) type Key = [u8; SECRET_BYTES];

/// Reads the key in a file, and says whether this call created it. A missing file is created with a random key; a file of
/// another length is an error.
pub(crate) fn open(path: &Path) -> Result<(Key, bool)> {
    let mut is_new = false;
    if !path.exists() {
        let fresh: Key = rand::random();
        // If two hosts start at once, one file wins and both use its key.
        match private_file(folder_of(path), &fresh)?.persist_noclobber(path) {
            Ok(_) => is_new = true,
            Err(lost) if lost.error.kind() == ErrorKind::AlreadyExists => {}
            Err(lost) => return Err(lost.error),
        }
    }
    Ok((read(path)?, is_new))
}

/// Reads the key in an existing file.
pub(crate) fn read(path: &Path) -> Result<Key> {
    let key = Key::try_from(fs::read(path)?);
    key.map_err(|_| Error::new(ErrorKind::InvalidData, format!("{} is not a key", path.display())))
}

/// Makes a temporary file with these bytes that only the host's user can read. Persisting it under a name is atomic.
pub(crate) fn private_file(folder: &Path, bytes: &[u8]) -> Result<NamedTempFile> {
    let mut file = NamedTempFile::new_in(folder)?;
    file.write_all(bytes)?;
    file.as_file().sync_all()?;
    Ok(file)
}

/// The folder of a file; the current folder if the path has none.
pub(crate) fn folder_of(path: &Path) -> &Path {
    path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

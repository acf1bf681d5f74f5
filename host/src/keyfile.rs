//! Keys that the host makes for itself and keeps in a file that only its user can read.

use palisade_guard::limits::SECRET_BYTES;
use std::fs;
use std::io::{Error, ErrorKind, Result, Write as _};
use std::path::Path;
use tempfile::NamedTempFile;

/// A key.
pub(crate) type Key = [u8; SECRET_BYTES];

/// The key in a file, and whether it is new: then it was drawn just now. A file of another length is no key of ours.
pub(crate) fn open(path: &Path) -> Result<(Key, bool)> {
    let mut is_new = false;
    if !path.exists() {
        let fresh: Key = rand::random();
        // Of two hosts that start at once, one gives its key to both.
        match private_file(folder_of(path), &fresh)?.persist_noclobber(path) {
            Ok(_) => is_new = true,
            Err(lost) if lost.error.kind() == ErrorKind::AlreadyExists => {}
            Err(lost) => return Err(lost.error),
        }
    }
    Ok((read(path)?, is_new))
}

/// The key in a file that is there.
pub(crate) fn read(path: &Path) -> Result<Key> {
    let key = Key::try_from(fs::read(path)?);
    key.map_err(|_| Error::new(ErrorKind::InvalidData, format!("{} is no key", path.display())))
}

/// A file with these bytes that only we can read, under no name yet: it gets its own whole or not at all.
pub(crate) fn private_file(folder: &Path, bytes: &[u8]) -> Result<NamedTempFile> {
    let mut file = NamedTempFile::new_in(folder)?;
    file.write_all(bytes)?;
    file.as_file().sync_all()?;
    Ok(file)
}

/// The folder that a file is in; the current one where its path names none.
pub(crate) fn folder_of(path: &Path) -> &Path {
    path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

//! Secret keys that the host generates and keeps in a file that only its user can read. A key that another user can read or
//! replace is refused: see [`palisade_store::files`].

use palisade_guard::limits::SECRET_BYTES;
use palisade_store::files::{self, Others};
use std::fs;
use std::io::{Error, ErrorKind, Result, Write as _};
use std::path::Path;
use tempfile::NamedTempFile;

/// The bytes of a key.
pub(crate) type Key = [u8; SECRET_BYTES];

/// Reads the key in a file, and says whether this call created it. A missing file is created with a random key; a file of
/// another length is an error of the kind `InvalidData`.
pub(crate) fn open(path: &Path) -> Result<(Key, bool)> {
    let mut is_new = false;
    if fs::symlink_metadata(path).is_err_and(|error| error.kind() == ErrorKind::NotFound) {
        let folder = files::trusted_folder(folder_of(path))?;
        let fresh: Key = rand::random();
        // If two hosts start at once, one file wins and both use its key.
        match private_file(&folder, &fresh)?.persist_noclobber(path) {
            Ok(_) => is_new = true,
            Err(lost) if lost.error.kind() == ErrorKind::AlreadyExists => {}
            Err(lost) => return Err(lost.error),
        }
    }
    Ok((read(path)?, is_new))
}

/// Reads the key in an existing file.
pub(crate) fn read(path: &Path) -> Result<Key> {
    let damaged = || Error::new(ErrorKind::InvalidData, format!("{} is not a key", path.display()));
    match files::read(files::trusted(path, Others::MayNothing)?, SECRET_BYTES as u64) {
        Ok(bytes) => Key::try_from(bytes).map_err(|_| damaged()),
        Err(error) if error.kind() == ErrorKind::FileTooLarge => Err(damaged()),
        Err(error) => Err(error),
    }
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

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn key_that_others_can_read_or_replace_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("key");
        let mode = |path: &Path, mode| fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
        let (key, is_new) = open(&path).unwrap();
        assert!(is_new);
        for (changed, bits, before) in [
            (path.as_path(), 0o644, 0o600),
            (&path, 0o640, 0o600),
            (folder.path(), 0o770, 0o700),
            (folder.path(), 0o707, 0o700),
        ] {
            mode(changed, bits);
            let refused = open(&path).unwrap_err();
            assert_eq!(refused.kind(), ErrorKind::PermissionDenied, "{bits:o}: {refused}");
            assert!(refused.to_string().contains("run `chmod"), "{refused}");
            mode(changed, before);
        }
        assert_eq!(open(&path).unwrap(), (key, false));
        if rustix::process::geteuid().is_root() {
            std::os::unix::fs::chown(&path, Some(65_534), None).unwrap();
            let refused = read(&path).unwrap_err().to_string();
            assert!(refused.contains("belongs to user 65534"), "{refused}");
        }
    }

    #[test]
    fn key_is_not_made_in_a_folder_of_others() {
        let folder = tempfile::tempdir().unwrap();
        fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o777)).unwrap();
        let path = folder.path().join("key");
        assert!(open(&path).unwrap_err().to_string().contains("other users can write to"));
        assert!(!path.exists());
    }

    #[test]
    fn file_of_another_length_is_damaged() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("key");
        for bytes in [SECRET_BYTES - 1, SECRET_BYTES + 1, 0] {
            let file = private_file(folder.path(), &vec![7; bytes]).unwrap();
            file.persist(&path).unwrap();
            assert_eq!(read(&path).unwrap_err().kind(), ErrorKind::InvalidData, "{bytes}");
        }
    }
}

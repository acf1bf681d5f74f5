//! The Markdown files of a folder. A link that leads out of the folder is not followed, also if it comes to lead there while the
//! folder is read.

use anyhow::{Context, Result, bail};
use palisade_guard::limits::{IMPORT_FILES_MAX, ITEM_FIELDS_BYTES_MAX};
use palisade_store::files::{self, Folder};
use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// A Markdown file.
#[derive(Debug)]
pub(super) struct File {
    root: Arc<Folder>,
    /// Its path below the folder.
    path: PathBuf,
    /// Its path below the folder, with `/` on every system.
    pub(super) source: String,
    /// Its name without the ending.
    pub(super) stem: String,
}

impl File {
    /// The text of the file, or why it cannot be an item.
    pub(super) fn text(&self) -> Result<String, String> {
        if self.source.chars().any(|character| character.is_control() || character == '\u{fffd}') {
            return Err("its name has characters that cannot be shown: rename it".into());
        }
        // The other fields need some room too; the host checks all of them together.
        let read = self.root.file(&self.path).and_then(|file| files::read_text(file, ITEM_FIELDS_BYTES_MAX));
        let text = read.map_err(|error| match error.kind() {
            ErrorKind::FileTooLarge => format!("{error}: an item holds at most that many"),
            _ => format!("it cannot be read: {error}"),
        })?;
        Ok(text.strip_prefix('\u{feff}').map(ToOwned::to_owned).unwrap_or(text))
    }
}

/// Every `.md` file of a folder and of the folders in it, sorted by path. Hidden files and folders are skipped.
pub(super) fn markdown(folder: &Path) -> Result<Vec<File>> {
    let root = folder
        .canonicalize()
        .with_context(|| format!("cannot read {}: name a folder of Markdown", folder.display()))?;
    let opened = Folder::open(&root).with_context(|| format!("cannot read {}", folder.display()))?;
    let opened = Arc::new(opened);
    let mut files = Vec::new();
    let mut folders = vec![root.clone()];
    while let Some(folder) = folders.pop() {
        let entries = fs::read_dir(&folder)
            .with_context(|| format!("cannot read {}: name a folder of Markdown", folder.display()))?;
        for entry in entries {
            let entry = entry.with_context(|| format!("cannot read {}", folder.display()))?;
            let (path, name) = (entry.path(), entry.file_name().to_string_lossy().into_owned());
            // The kind of the entry itself: a linked folder is neither, so no circle of links is walked.
            let kind = entry.file_type().with_context(|| format!("cannot read {}", path.display()))?;
            if name.starts_with('.') {
                continue;
            }
            if kind.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|ending| ending == "md") && is_inside(&path, &root) {
                if files.len() >= IMPORT_FILES_MAX {
                    bail!(
                        "{} holds more than {IMPORT_FILES_MAX} files: import it part by part",
                        root.display()
                    );
                }
                files.push(file(&opened, &path, &root));
            }
        }
    }
    files.sort_by(|a, b| a.source.cmp(&b.source));
    Ok(files)
}

/// Whether a path is a file inside the folder, after its links are followed.
fn is_inside(path: &Path, root: &Path) -> bool {
    let inside = path.canonicalize().is_ok_and(|real| real.starts_with(root) && real.is_file());
    if !inside {
        tracing::warn!(path = ?path, "skipped: it is a link out of the folder, or not a file");
    }
    inside
}

fn file(opened: &Arc<Folder>, path: &Path, root: &Path) -> File {
    let below = path.strip_prefix(root).unwrap_or(path);
    let parts: Vec<_> = below.components().map(|part| part.as_os_str().to_string_lossy()).collect();
    let stem = path.file_stem().map(|stem| stem.to_string_lossy().into_owned()).unwrap_or_default();
    File { root: Arc::clone(opened), source: parts.join("/"), stem, path: below.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::symlink;

    fn sources(folder: &Path) -> Vec<String> {
        markdown(folder).unwrap().into_iter().map(|file| file.source).collect()
    }

    #[test]
    fn link_out_of_the_folder_and_cycle_of_links_are_not_followed() {
        let (outside, folder) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        fs::write(outside.path().join("secret.md"), "secret").unwrap();
        symlink(outside.path().join("secret.md"), folder.path().join("a.md")).unwrap();
        symlink(outside.path(), folder.path().join("away")).unwrap();
        symlink(folder.path(), folder.path().join("circle")).unwrap();
        symlink("nowhere", folder.path().join("broken.md")).unwrap();
        assert_eq!(sources(folder.path()), Vec::<String>::new());
    }

    #[test]
    fn files_are_found_in_order_without_hidden_ones() {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir_all(folder.path().join("b/.git")).unwrap();
        for name in ["z.md", "a.txt", "b/c.md", "b/.git/d.md", ".e.md"] {
            fs::write(folder.path().join(name), "text").unwrap();
        }
        symlink(folder.path().join("z.md"), folder.path().join("y.md")).unwrap();
        assert_eq!(sources(folder.path()), ["b/c.md", "y.md", "z.md"]);
    }

    #[test]
    fn file_that_is_replaced_after_it_was_found_is_not_followed_out_of_the_folder() {
        let (outside, folder) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        fs::write(outside.path().join("secret.md"), "secret").unwrap();
        fs::create_dir(folder.path().join("deep")).unwrap();
        for name in ["a.md", "b.md", "deep/secret.md"] {
            fs::write(folder.path().join(name), "text").unwrap();
        }
        let found = markdown(folder.path()).unwrap();
        fs::remove_file(folder.path().join("a.md")).unwrap();
        symlink(outside.path().join("secret.md"), folder.path().join("a.md")).unwrap();
        fs::remove_dir_all(folder.path().join("deep")).unwrap();
        symlink(outside.path(), folder.path().join("deep")).unwrap();
        let texts: Vec<_> = found.iter().map(File::text).collect();
        assert!(texts[0].as_ref().is_err_and(|message| message.contains("a link out of")), "{texts:?}");
        assert_eq!(texts[1].as_deref(), Ok("text"));
        assert!(texts[2].as_ref().is_err_and(|message| message.contains("a link out of")), "{texts:?}");
    }

    #[test]
    fn file_whose_name_cannot_be_shown_is_rejected() {
        use std::os::unix::ffi::OsStrExt;
        let folder = tempfile::tempdir().unwrap();
        for name in [&b"a\nb.md"[..], b"a\x1b[2J.md", b"caf\xe9.md"] {
            fs::write(folder.path().join(std::ffi::OsStr::from_bytes(name)), "text").unwrap();
        }
        let found = markdown(folder.path()).unwrap();
        assert_eq!(found.len(), 3);
        assert!(found.iter().all(|file| file.text().is_err_and(|message| message.contains("rename it"))));
    }

    #[test]
    fn file_that_is_not_utf8_or_too_large_is_rejected() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("a.md"), b"caf\xe9").unwrap();
        fs::write(
            folder.path().join("b.md"),
            vec![b'x'; usize::try_from(ITEM_FIELDS_BYTES_MAX).unwrap() + 1],
        )
        .unwrap();
        fs::write(folder.path().join("c.md"), "\u{feff}# C").unwrap();
        let texts: Vec<_> = markdown(folder.path()).unwrap().iter().map(File::text).collect();
        assert!(texts[0].as_ref().is_err_and(|message| message.contains("not UTF-8 from byte 3 on")));
        assert!(texts[1].as_ref().is_err_and(|message| message.contains("at most")));
        assert_eq!(texts[2].as_deref(), Ok("# C"));
    }
}

//! Notices that files have changed, for `palisade serve --watch` and `palisade dev`.
//!
//! What decides is a [`Look`]: the state of each file, as the file system has it. Events of the system only say when to look again,
//! so an event too many or of our own does nothing. Where there are none, such as on some network drives, it looks every
//! [`WATCH_POLL_MS`]. A change counts when nothing has changed for [`WATCH_SETTLE_MS`]: a file is written in several steps.

use notify::{RecommendedWatcher, RecursiveMode, Watcher};
use palisade_guard::limits::{FOLDER_ENTRIES_MAX, MANIFEST_BYTES_MAX, WATCH_POLL_MS, WATCH_SETTLE_MS};
use palisade_guard::manifest::Manifest;
use palisade_store::files;
use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, Metadata};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::mpsc;

/// Folders in a plugin's folder that hold what tools write or fetch.
const OTHERS: [&str; 3] = ["node_modules", "target", "__pycache__"];

/// What tells one state of a file from another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Stamp {
    inode: u64,
    bytes: u64,
    modified: (i64, i64),
    changed: (i64, i64),
}

impl Stamp {
    fn of(meta: &Metadata) -> Self {
        Self {
            inode: meta.ino(),
            bytes: meta.len(),
            modified: (meta.mtime(), meta.mtime_nsec()),
            changed: (meta.ctime(), meta.ctime_nsec()),
        }
    }
}

/// The state of files at one moment.
#[derive(Clone, Debug, Default)]
pub(super) struct Look {
    /// Of a file that is not there, nothing.
    files: BTreeMap<PathBuf, Option<Stamp>>,
    /// The folders in which events are waited for, with what tells a folder from another one of the same name.
    folders: BTreeMap<PathBuf, u64>,
}

impl Look {
    /// Adds a file, whether or not it is there, and the folder that it is in.
    pub(super) fn add(&mut self, path: &Path) {
        let stamp = fs::metadata(path).ok().map(|meta| Stamp::of(&meta));
        self.files.insert(path.to_owned(), stamp);
        if let Some(folder) = path.parent() {
            self.add_folder(folder);
        }
    }

    /// Adds a folder in which files may appear.
    pub(super) fn add_folder(&mut self, folder: &Path) {
        if let Ok(meta) = fs::metadata(folder) {
            self.folders.insert(folder.to_owned(), meta.ino());
        }
    }

    /// Adds the files of a plugin that a host reads: its manifest, its component and its migrations.
    pub(super) fn add_plugin(&mut self, folder: &Path) {
        let path = folder.join("palisade.toml");
        self.add(&path);
        let text = files::open(&path).and_then(|file| files::read_text(file, MANIFEST_BYTES_MAX));
        let Some(manifest) = text.ok().and_then(|text| Manifest::parse(&text, &path).ok()) else { return };
        self.add(&folder.join(&manifest.plugin.component));
        let migrations = folder.join(&manifest.plugin.migrations);
        self.add_folder(&migrations);
        for entry in fs::read_dir(&migrations).into_iter().flatten().flatten().take(FOLDER_ENTRIES_MAX) {
            if entry.path().extension().is_some_and(|kind| kind == "sql") {
                self.add(&entry.path());
            }
        }
    }

    /// Adds the files of a folder and of those in it, except hidden ones, those that tools write or fetch, and those that
    /// `is_left_out` names.
    pub(super) fn add_tree(&mut self, folder: &Path, is_left_out: &dyn Fn(&Path) -> bool) {
        let mut folders = vec![folder.to_owned()];
        while let Some(folder) = folders.pop() {
            self.add_folder(&folder);
            for entry in fs::read_dir(&folder).into_iter().flatten().flatten().take(FOLDER_ENTRIES_MAX) {
                let (path, name) = (entry.path(), entry.file_name());
                let name = name.to_string_lossy();
                // Editors' own: hidden, or with a `~` behind the name.
                if name.starts_with('.') || name.ends_with('~') || is_left_out(&path) {
                    continue;
                }
                match entry.file_type() {
                    Ok(kind) if kind.is_dir() && !OTHERS.contains(&name.as_ref()) => folders.push(path),
                    Ok(kind) if kind.is_file() || kind.is_symlink() => self.add(&path),
                    _ => {}
                }
            }
        }
    }

    /// Whether the files are as they were.
    pub(super) fn is_like(&self, other: &Self) -> bool {
        self.files == other.files
    }

    /// The files that differ.
    pub(super) fn changes<'a>(&'a self, other: &'a Self) -> BTreeSet<&'a Path> {
        let paths = self.files.keys().chain(other.files.keys());
        paths.filter(|path| self.files.get(*path) != other.files.get(*path)).map(PathBuf::as_path).collect()
    }
}

/// How to look.
pub(super) type Looking = Arc<dyn Fn() -> Look + Send + Sync>;

/// Looks, off the threads that serve requests.
pub(super) async fn look(looking: &Looking) -> Look {
    let looking = Arc::clone(looking);
    tokio::task::spawn_blocking(move || looking()).await.unwrap_or_default()
}

/// Waits for changes.
pub(super) struct Watch {
    looking: Looking,
    /// `None` if the system gives no events.
    watcher: Option<RecommendedWatcher>,
    events: mpsc::Receiver<()>,
    folders: BTreeMap<PathBuf, u64>,
}

impl Watch {
    /// Waits for changes of what is looked at.
    pub(super) fn new(looking: Looking) -> Self {
        let (sender, events) = mpsc::channel(1);
        let heard = move |event: notify::Result<notify::Event>| {
            // Reading is an event, too, and we read.
            if event.map_or(true, |event| !event.kind.is_access()) {
                // One that waits already is enough.
                let _full = sender.try_send(());
            }
        };
        let watcher = notify::recommended_watcher(heard).inspect_err(|error| {
            tracing::warn!(%error, "the system does not tell of changed files, so they are looked at every {WATCH_POLL_MS} ms");
        });
        Self { looking, watcher: watcher.ok(), events, folders: BTreeMap::new() }
    }

    /// Waits until the files differ from how they were, and returns how they are when nothing changes any more.
    pub(super) async fn change(&mut self, before: &Look) -> Look {
        loop {
            let mut now = look(&self.looking).await;
            if self.follow(&now) {
                // Something may have changed before the events were asked for.
                now = look(&self.looking).await;
            }
            if !now.is_like(before) {
                return self.settled(now).await;
            }
            let _either =
                tokio::time::timeout(Duration::from_millis(WATCH_POLL_MS), self.events.recv()).await;
        }
    }

    async fn settled(&self, mut now: Look) -> Look {
        loop {
            tokio::time::sleep(Duration::from_millis(WATCH_SETTLE_MS)).await;
            let next = look(&self.looking).await;
            if next.is_like(&now) {
                return next;
            }
            now = next;
        }
    }

    /// Asks for the events of these folders and of no others. Returns whether it asked for any.
    fn follow(&mut self, look: &Look) -> bool {
        let Some(watcher) = &mut self.watcher else { return false };
        let gone = self.folders.extract_if(.., |path, inode| look.folders.get(path) != Some(inode));
        for (path, _) in gone {
            // The system forgets a folder that is removed by itself.
            let _unknown = watcher.unwatch(&path);
        }
        let mut has_asked = false;
        for (path, inode) in &look.folders {
            if !self.folders.contains_key(path) && watcher.watch(path, RecursiveMode::NonRecursive).is_ok() {
                self.folders.insert(path.clone(), *inode);
                has_asked = true;
            }
        }
        has_asked
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::time::timeout;

    fn tree(folder: &Path) -> Looking {
        let folder = folder.to_owned();
        Arc::new(move || {
            let mut look = Look::default();
            look.add_tree(&folder, &|path| path.ends_with("out.wasm"));
            look
        })
    }

    fn write(path: &Path, text: &str) {
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    #[tokio::test]
    async fn change_of_any_kind_is_noticed_and_what_tools_write_is_not() {
        let folder = tempfile::tempdir().unwrap();
        let file = |name: &str| folder.path().join(name);
        write(&file("src/a.js"), "1");
        let mut watch = Watch::new(tree(folder.path()));
        let mut before = look(&watch.looking).await;
        for name in
            ["target/x", "node_modules/y/z.js", ".git/index", "src/__pycache__/a", "out.wasm", "src/a.js~"]
        {
            write(&file(name), "1");
            assert!(look(&watch.looking).await.is_like(&before), "{name}");
        }
        let steps: [(&str, &dyn Fn()); 5] = [
            ("src/a.js", &|| write(&file("src/a.js"), "2")),
            ("src/deep/er/b.js", &|| write(&file("src/deep/er/b.js"), "1")),
            ("src/deep/er/b.js", &|| write(&file("src/deep/er/b.js"), "2")),
            ("src/a.js", &|| fs::rename(file("src/deep/er/b.js"), file("src/a.js")).unwrap()),
            ("src/a.js", &|| fs::remove_file(file("src/a.js")).unwrap()),
        ];
        for (name, step) in steps {
            step();
            let now = timeout(Duration::from_mins(1), watch.change(&before)).await.expect("a change");
            assert!(now.changes(&before).contains(&*file(name)), "{name}: {:?}", now.changes(&before));
            before = now;
        }
        assert!(
            timeout(Duration::from_millis(200), watch.change(&before)).await.is_err(),
            "nothing has changed"
        );
    }

    #[tokio::test]
    async fn file_that_is_still_written_is_waited_for() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a");
        write(&path, "");
        let mut watch = Watch::new(tree(folder.path()));
        let before = look(&watch.looking).await;
        let writing = tokio::spawn({
            let path = path.clone();
            async move {
                for number in 0..30 {
                    fs::write(&path, "x".repeat(number)).unwrap();
                    tokio::time::sleep(Duration::from_millis(WATCH_SETTLE_MS / 5)).await;
                }
            }
        });
        let now = watch.change(&before).await;
        let was_early = now.files[&path].unwrap().bytes < 29 && !writing.is_finished();
        writing.await.unwrap();
        // A machine that is busy may have kept the writer from writing for so long.
        let last = look(&watch.looking).await;
        assert!(!was_early || !last.is_like(&now), "{now:?}");
    }

    #[test]
    fn files_of_a_plugin_are_its_manifest_component_and_migrations() {
        let folder = tempfile::tempdir().unwrap();
        let file = |name: &str| folder.path().join(name);
        write(
            &file("palisade.toml"),
            "[plugin]\nname = \"a\"\nversion = \"0.1.0\"\ncomponent = \"out/a.wasm\"\n",
        );
        write(&file("migrations/1.sql"), "SELECT 1");
        write(&file("migrations/README.md"), "-");
        write(&file("src/a.c"), "-");
        let mut look = Look::default();
        look.add_plugin(folder.path());
        let names: Vec<_> = look.files.keys().map(|path| path.strip_prefix(folder.path()).unwrap()).collect();
        assert_eq!(names, ["migrations/1.sql", "out/a.wasm", "palisade.toml"].map(Path::new));
        assert!(look.files[&file("out/a.wasm")].is_none());
    }
}

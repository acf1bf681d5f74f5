//! Files that the host reads: whose they are, what kind of file they are, and how large.
//!
//! Two rules, one for each author. What an operator writes (policy, secrets, keys, kept code) is read only if no other user can
//! change it: [`trusted`] checks owner and mode of every folder and link on the way, and of the file itself. What a plugin's
//! author writes is read only from the plugin's folder: a [`Folder`] follows no link that leads out of it. Both read regular
//! files alone, at most a given number of bytes, and never wait for a file that may never answer.
//!
//! What is in a file is not checked here.

use palisade_guard::limits::{FOLDER_ENTRIES_MAX, LINKS_MAX};
use palisade_guard::text::quoted;
use rustix::fs::{AtFlags, FileType, Mode, OFlags, ResolveFlags};
use std::ffi::{OsStr, OsString};
use std::fs::{self, File, Metadata};
use std::io::{self, Error, ErrorKind, Read};
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Component, Path, PathBuf};

/// The bits of a mode that let others write.
const OTHERS_WRITE: u32 = 0o022;
/// The bits of a mode that let others read, write or execute.
const OTHERS: u32 = 0o077;
/// The bit of a folder's mode that lets only the owner of an entry replace it.
const STICKY: u32 = 0o1000;

/// What others may do with a file that the host trusts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Others {
    /// Others may read it: a policy.
    MayRead,
    /// Others may not even read it: a key, or secrets.
    MayNothing,
}

/// Opens a regular file that nobody but the host's user and root can change: neither the file nor a folder or link on the way to
/// it. The error names what to change.
pub fn trusted(path: &Path, others: Others) -> io::Result<File> {
    let real = resolve(path)?;
    let file = regular(&real, OFlags::NOFOLLOW)?;
    let meta = file.metadata()?;
    owned(&real, &meta)?;
    let (bits, verb, mode) = match others {
        Others::MayRead => (OTHERS_WRITE, "write to", "go-w"),
        Others::MayNothing => (OTHERS, "read", "600"),
    };
    if meta.mode() & bits != 0 {
        let mut why = format!("other users can {verb} {0}: run `chmod {mode} {0}`", real.display());
        if others == Others::MayNothing {
            why.push_str(", and change what is secret in it");
        }
        return Err(refused(why));
    }
    Ok(file)
}

/// Checks that nobody but the host's user and root can change what is in a folder. The error names what to change. Returns the
/// folder's path without links.
pub fn trusted_folder(path: &Path) -> io::Result<PathBuf> {
    let real = resolve(path)?;
    let meta = fs::symlink_metadata(&real)?;
    if !meta.is_dir() {
        return Err(Error::new(ErrorKind::NotADirectory, format!("{} is not a folder", real.display())));
    }
    unshared(&real, &meta)?;
    Ok(real)
}

/// Opens a regular file of any owner. A link is followed to its file.
pub fn open(path: &Path) -> io::Result<File> {
    regular(path, OFlags::empty())
}

/// Reads a file to its end, if that is at most this many bytes away. The read is bounded, not only the reported length: a file
/// can grow while it is read.
pub fn read(file: File, bytes_max: u64) -> io::Result<Vec<u8>> {
    let large = || Error::new(ErrorKind::FileTooLarge, format!("it has more than {bytes_max} bytes"));
    if file.metadata()?.len() > bytes_max {
        return Err(large());
    }
    let mut bytes = Vec::new();
    file.take(bytes_max.saturating_add(1)).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > bytes_max { Err(large()) } else { Ok(bytes) }
}

/// Reads a text in UTF-8.
pub fn read_text(file: File, bytes_max: u64) -> io::Result<String> {
    String::from_utf8(read(file, bytes_max)?).map_err(|error| {
        let at = error.utf8_error().valid_up_to();
        Error::new(ErrorKind::InvalidData, format!("it is not UTF-8 from byte {at} on: save it as UTF-8"))
    })
}

/// Opens a file if it is a regular one. A pipe, device or socket is neither waited for nor read.
fn regular(path: &Path, flags: OFlags) -> io::Result<File> {
    let flags = flags | OFlags::NONBLOCK | OFlags::NOCTTY;
    let flags = i32::try_from(flags.bits()).map_err(Error::other)?;
    let file = fs::OpenOptions::new().read(true).custom_flags(flags).open(path)?;
    check_regular(&file)?;
    Ok(file)
}

fn check_regular(file: &File) -> io::Result<()> {
    let kind = file.metadata()?.file_type();
    if kind.is_file() {
        return Ok(());
    }
    let what = if kind.is_dir() { "a folder" } else { "a pipe, a device or a socket" };
    Err(Error::new(ErrorKind::InvalidInput, format!("it is {what}, and only a regular file is read")))
}

/// Follows a path, and checks each folder and link on the way. Returns the path without links.
fn resolve(path: &Path) -> io::Result<PathBuf> {
    let absolute = std::path::absolute(path)?;
    let mut left = parts(&absolute);
    let mut here = PathBuf::from("/");
    unshared(&here, &fs::symlink_metadata(&here)?)?;
    let mut links = 0;
    while let Some(part) = left.pop() {
        if part == ".." {
            here.pop();
            continue;
        }
        let next = here.join(part);
        let meta = fs::symlink_metadata(&next)?;
        owned(&next, &meta)?;
        if meta.is_symlink() {
            links += 1;
            if links > LINKS_MAX {
                let why = format!("{} leads through more than {LINKS_MAX} links", path.display());
                return Err(Error::new(ErrorKind::InvalidInput, why));
            }
            let target = fs::read_link(&next)?;
            if target.is_absolute() {
                here = PathBuf::from("/");
            }
            left.extend(parts(&target));
            continue;
        }
        if !left.is_empty() {
            unshared(&next, &meta)?;
        }
        here = next;
    }
    Ok(here)
}

/// The parts of a path after its root, the last one first.
fn parts(path: &Path) -> Vec<OsString> {
    let parts = path.components().filter_map(|part| match part {
        Component::Normal(name) => Some(name.to_owned()),
        Component::ParentDir => Some(OsString::from("..")),
        Component::CurDir | Component::RootDir | Component::Prefix(_) => None,
    });
    let mut parts: Vec<_> = parts.collect();
    parts.reverse();
    parts
}

/// Refuses what belongs to a third user, who can give it any mode.
fn owned(path: &Path, meta: &Metadata) -> io::Result<()> {
    let ours = rustix::process::geteuid().as_raw();
    if meta.uid() == ours || meta.uid() == 0 {
        return Ok(());
    }
    Err(refused(format!(
        "{0} belongs to user {1}, who can change what the host reads there: run `chown {ours} {0}`",
        path.display(),
        meta.uid()
    )))
}

/// Refuses a folder in which others can replace what is not theirs. In a sticky one, such as `/tmp`, they cannot.
fn unshared(path: &Path, meta: &Metadata) -> io::Result<()> {
    owned(path, meta)?;
    if meta.mode() & OTHERS_WRITE == 0 || meta.mode() & STICKY != 0 {
        return Ok(());
    }
    Err(refused(format!(
        "other users can write to {0}, and replace what the host reads there: run `chmod go-w {0}`",
        path.display()
    )))
}

fn refused(why: String) -> Error {
    Error::new(ErrorKind::PermissionDenied, why)
}

/// A folder of somebody else's files. What is read from it is in it: no link that leads out is followed, and the folder stays
/// the same one even if its path comes to mean another.
#[derive(Debug)]
pub struct Folder {
    folder: OwnedFd,
    path: PathBuf,
}

impl Folder {
    /// Opens a folder.
    pub fn open(path: &Path) -> io::Result<Self> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC | OFlags::NONBLOCK;
        let folder = rustix::fs::open(path, flags, Mode::empty())?;
        Ok(Self { folder, path: path.to_owned() })
    }

    /// The path that it was opened by.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Opens a regular file in the folder.
    pub fn file(&self, inner: &Path) -> io::Result<File> {
        let file = File::from(self.beneath(inner, OFlags::RDONLY | OFlags::NOCTTY)?);
        check_regular(&file)?;
        Ok(file)
    }

    /// The names in a folder below this one that end in this extension, sorted; none if there is no such folder. A name that is
    /// not UTF-8 or has control characters is refused: it could not be shown.
    pub fn names(&self, inner: &Path, extension: &str) -> io::Result<Vec<String>> {
        self.entries(inner, |name, _| Path::new(name).extension().is_some_and(|end| end == extension))
    }

    /// The names of the folders in a folder below this one, under the same rules. Links are not among them.
    pub fn folders(&self, inner: &Path) -> io::Result<Vec<String>> {
        self.entries(inner, |_, kind| kind == FileType::Directory)
    }

    fn entries(&self, inner: &Path, is_wanted: impl Fn(&OsStr, FileType) -> bool) -> io::Result<Vec<String>> {
        let folder = match self.beneath(inner, OFlags::RDONLY | OFlags::DIRECTORY) {
            Ok(folder) => folder,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(error),
        };
        let mut names = Vec::new();
        for (index, entry) in rustix::fs::Dir::read_from(&folder)?.enumerate() {
            if index >= FOLDER_ENTRIES_MAX {
                let why = format!(
                    "it has more than {FOLDER_ENTRIES_MAX} entries: remove what does not belong there"
                );
                return Err(Error::new(ErrorKind::InvalidData, why));
            }
            let entry = entry?;
            let name = OsStr::from_bytes(entry.file_name().to_bytes());
            let mut kind = entry.file_type();
            if kind == FileType::Unknown {
                let stat = rustix::fs::statat(&folder, name, AtFlags::SYMLINK_NOFOLLOW)?;
                kind = FileType::from_raw_mode(stat.st_mode);
            }
            if name == "." || name == ".." || !is_wanted(name, kind) {
                continue;
            }
            let plain = name.to_str().filter(|name| !name.chars().any(char::is_control));
            let plain = plain.ok_or_else(|| {
                let shown = name.to_string_lossy();
                let why = format!("{} is not a name that can be shown: rename the file", quoted(&shown));
                Error::new(ErrorKind::InvalidData, why)
            })?;
            names.push(plain.to_owned());
        }
        names.sort();
        Ok(names)
    }

    /// Whether there is a file of this name in the folder, of any kind.
    pub fn has(&self, name: &str) -> bool {
        rustix::fs::statat(&self.folder, name, AtFlags::SYMLINK_NOFOLLOW).is_ok()
    }

    fn beneath(&self, inner: &Path, flags: OFlags) -> io::Result<OwnedFd> {
        let flags = flags | OFlags::CLOEXEC | OFlags::NONBLOCK;
        let resolve = ResolveFlags::BENEATH | ResolveFlags::NO_MAGICLINKS;
        rustix::fs::openat2(&self.folder, inner, flags, Mode::empty(), resolve).map_err(|error| match error {
            rustix::io::Errno::XDEV => Error::new(
                ErrorKind::PermissionDenied,
                "it is a link out of the folder, which is not followed: copy what it leads to",
            ),
            // A folder was renamed at the same time, and the kernel cannot tell where the path leads.
            rustix::io::Errno::AGAIN => {
                Error::new(ErrorKind::Interrupted, "it changes while it is read: load it again")
            }
            rustix::io::Errno::NOSYS => Error::new(
                ErrorKind::Unsupported,
                "the system has no openat2, which keeps the host in the folder: Linux has it since 5.6",
            ),
            rustix::io::Errno::NXIO => Error::new(
                ErrorKind::InvalidInput,
                "it is a socket or a device, and only a regular file is read",
            ),
            other => other.into(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::{PermissionsExt, chown, symlink};
    use std::os::unix::net::UnixListener;

    fn mode(path: &Path, mode: u32) {
        fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
    }

    /// A file in a folder in a temporary folder, all of them private.
    fn nested() -> (tempfile::TempDir, PathBuf, PathBuf) {
        let outer = tempfile::tempdir().unwrap();
        let folder = outer.path().join("folder");
        fs::create_dir(&folder).unwrap();
        let file = folder.join("file");
        fs::write(&file, "text").unwrap();
        mode(&folder, 0o700);
        mode(&file, 0o600);
        (outer, folder, file)
    }

    fn refusal(path: &Path, others: Others) -> String {
        trusted(path, others).expect_err("a refusal").to_string()
    }

    #[test]
    fn file_that_others_can_change_is_refused_with_the_command_to_run() {
        let (outer, folder, file) = nested();
        for others in [Others::MayRead, Others::MayNothing] {
            assert_eq!(read(trusted(&file, others).unwrap(), 4).unwrap(), b"text");
        }
        for (path, bits, command) in [
            (&file, 0o620, format!("chmod go-w {}", file.display())),
            (&file, 0o602, format!("chmod go-w {}", file.display())),
            (&folder, 0o770, format!("chmod go-w {}", folder.display())),
            (&folder, 0o703, format!("chmod go-w {}", folder.display())),
            (&outer.path().to_owned(), 0o777, format!("chmod go-w {}", outer.path().display())),
        ] {
            let before = fs::metadata(path).unwrap().permissions();
            mode(path, bits);
            let refused = refusal(&file, Others::MayRead);
            assert!(refused.contains(&command), "{bits:o}: {refused}");
            assert!(trusted(&file, Others::MayNothing).is_err(), "{bits:o}");
            fs::set_permissions(path, before).unwrap();
        }
        assert!(trusted(&file, Others::MayRead).is_ok());
    }

    #[test]
    fn secret_that_others_can_read_is_refused_and_a_policy_is_not() {
        let (_outer, _folder, file) = nested();
        for bits in [0o640, 0o604, 0o610, 0o601] {
            mode(&file, bits);
            assert!(trusted(&file, Others::MayRead).is_ok(), "{bits:o}");
            let refused = refusal(&file, Others::MayNothing);
            assert!(refused.contains("other users can read") && refused.contains("chmod 600"), "{refused}");
        }
    }

    #[test]
    fn file_folder_or_link_of_another_user_is_refused() {
        let (outer, folder, file) = nested();
        if !rustix::process::geteuid().is_root() {
            // Only root can give a file away. What belongs to another user stands ready in every system: its own files do not.
            return;
        }
        let link = outer.path().join("link");
        symlink(&file, &link).unwrap();
        assert!(trusted(&link, Others::MayNothing).is_ok());
        for (given, through) in
            [(&file, &file), (&folder, &file), (&outer.path().to_owned(), &file), (&link, &link)]
        {
            std::os::unix::fs::lchown(given, Some(65_534), None).unwrap();
            for others in [Others::MayRead, Others::MayNothing] {
                let refused = refusal(through, others);
                assert!(
                    refused.contains(&format!("{} belongs to user 65534", given.display()))
                        && refused.contains("chown 0 "),
                    "{refused}"
                );
            }
            std::os::unix::fs::lchown(given, Some(0), None).unwrap();
            assert!(trusted(through, Others::MayNothing).is_ok());
        }
        chown(&folder, Some(65_534), None).unwrap();
        assert!(trusted_folder(&folder).is_err());
    }

    #[test]
    fn link_is_followed_only_as_far_as_each_folder_on_the_way_is_trusted() {
        let (outer, folder, file) = nested();
        let elsewhere = outer.path().join("elsewhere");
        fs::create_dir(&elsewhere).unwrap();
        // A link in a folder that others can write to leads wherever they want.
        let link = elsewhere.join("link");
        symlink("../folder/file", &link).unwrap();
        assert!(trusted(&link, Others::MayNothing).is_ok());
        mode(&elsewhere, 0o777);
        assert!(refusal(&link, Others::MayNothing).contains("elsewhere"));
        // In a sticky folder they can replace only what is theirs.
        mode(&elsewhere, 0o1777);
        assert!(trusted(&link, Others::MayNothing).is_ok());
        // `..` is where the folder really is.
        let through = outer.path().join("through");
        symlink(&folder, &through).unwrap();
        assert!(trusted(&through.join("../folder/file"), Others::MayNothing).is_ok());
        let (circle, other) = (outer.path().join("circle"), outer.path().join("other"));
        symlink(&other, &circle).unwrap();
        symlink(&circle, &other).unwrap();
        assert!(refusal(&circle, Others::MayRead).contains("more than 40 links"));
        assert_eq!(trusted_folder(&through).unwrap(), folder.canonicalize().unwrap());
        assert!(trusted_folder(&file).unwrap_err().to_string().contains("is not a folder"));
    }

    #[test]
    fn what_is_no_regular_file_is_refused_and_not_waited_for() {
        let (_outer, folder, _file) = nested();
        let pipe = folder.join("pipe");
        rustix::fs::mknodat(rustix::fs::CWD, &pipe, FileType::Fifo, Mode::RUSR, 0).unwrap();
        let _socket = UnixListener::bind(folder.join("socket")).unwrap();
        symlink("pipe", folder.join("link")).unwrap();
        fs::create_dir(folder.join("inner")).unwrap();
        let plugin = Folder::open(&folder).unwrap();
        for name in ["pipe", "socket", "link", "inner"] {
            let path = folder.join(name);
            assert!(open(&path).is_err() && trusted(&path, Others::MayRead).is_err(), "{name}");
            let refused = plugin.file(Path::new(name)).unwrap_err().to_string();
            assert!(refused.contains("only a regular file is read"), "{name}: {refused}");
        }
        assert!(open(Path::new("/dev/zero")).unwrap_err().to_string().contains("a pipe, a device"));
    }

    #[test]
    fn file_is_read_at_the_limit_and_refused_over_it_even_if_it_hides_its_length() {
        let (_outer, folder, file) = nested();
        let plugin = Folder::open(&folder).unwrap();
        assert_eq!(read(open(&file).unwrap(), 4).unwrap(), b"text");
        for opened in [open(&file), plugin.file(Path::new("file"))] {
            assert!(read(opened.unwrap(), 3).unwrap_err().to_string().contains("more than 3 bytes"));
        }
        // Files of this kind say that they are empty.
        let hidden = read(open(Path::new("/proc/self/status")).unwrap(), 9);
        assert!(hidden.unwrap_err().to_string().contains("more than 9 bytes"));
        fs::write(&file, b"caf\xe9").unwrap();
        assert!(read_text(open(&file).unwrap(), 9).unwrap_err().to_string().contains("from byte 3 on"));
    }

    #[test]
    fn link_out_of_a_folder_is_refused_and_one_inside_is_followed() {
        let (outer, folder, _file) = nested();
        fs::write(outer.path().join("secret"), "secret").unwrap();
        fs::create_dir(folder.join("inner")).unwrap();
        fs::write(folder.join("inner/deep"), "deep").unwrap();
        symlink(outer.path().join("secret"), folder.join("absolute")).unwrap();
        symlink("../secret", folder.join("relative")).unwrap();
        symlink("..", folder.join("inner/up")).unwrap();
        symlink("../..", folder.join("inner/out")).unwrap();
        symlink("/proc/self/root/etc/passwd", folder.join("magic")).unwrap();
        symlink("inner/deep", folder.join("inside")).unwrap();
        let plugin = Folder::open(&folder).unwrap();
        for name in ["absolute", "relative", "inner/out/secret", "magic", "../secret", "inner/../../secret"] {
            let refused = plugin.file(Path::new(name)).unwrap_err().to_string();
            assert!(refused.contains("a link out of the folder"), "{name}: {refused}");
        }
        for name in ["inside", "inner/up/inner/deep"] {
            assert_eq!(read_text(plugin.file(Path::new(name)).unwrap(), 9).unwrap(), "deep", "{name}");
        }
        // The folder stays the same one when its path is given to another.
        fs::rename(&folder, outer.path().join("moved")).unwrap();
        fs::create_dir(&folder).unwrap();
        fs::write(folder.join("file"), "other").unwrap();
        assert_eq!(read_text(plugin.file(Path::new("file")).unwrap(), 9).unwrap(), "text");
    }

    #[test]
    fn names_of_a_folder_are_bounded_sorted_and_can_be_shown() {
        let (_outer, folder, _file) = nested();
        let (plugin, inner) = (Folder::open(&folder).unwrap(), folder.join("inner"));
        let names = || plugin.names(Path::new("inner"), "sql");
        assert_eq!(names().unwrap(), Vec::<String>::new(), "there is no such folder");
        fs::create_dir(&inner).unwrap();
        for name in ["2.sql", "1.sql", "notes.txt", "sql"] {
            fs::write(inner.join(name), "").unwrap();
        }
        assert_eq!(names().unwrap(), ["1.sql", "2.sql"]);
        fs::create_dir(inner.join("deep")).unwrap();
        symlink("deep", inner.join("link")).unwrap();
        assert_eq!(plugin.folders(Path::new("inner")).unwrap(), ["deep"]);
        fs::remove_file(inner.join("link")).unwrap();
        fs::remove_dir(inner.join("deep")).unwrap();
        for name in [&b"a\nb.sql"[..], b"a\x1b[2J.sql", b"caf\xe9.sql"] {
            let path = inner.join(OsStr::from_bytes(name));
            fs::write(&path, "").unwrap();
            let refused = names().unwrap_err().to_string();
            assert!(refused.contains("rename the file") && !refused.contains(['\n', '\x1b']), "{refused}");
            fs::remove_file(path).unwrap();
        }
        // `.` and `..` are entries, too.
        let (there, most) = (4 + 2, FOLDER_ENTRIES_MAX);
        (there..most).for_each(|number| fs::write(inner.join(format!("{number}.txt")), "").unwrap());
        assert_eq!(names().unwrap().len(), 2);
        fs::write(inner.join("over.txt"), "").unwrap();
        assert!(names().unwrap_err().to_string().contains("more than"));
    }
}

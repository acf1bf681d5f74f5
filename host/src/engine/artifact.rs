//! Compiled code, kept between starts. This is the only module with `unsafe`.
//!
//! Compiled code is native code: a forged file that is loaded would run with all of the host's rights. So a file is used only
//! if it carries a valid HMAC under a key that only the host's user can read; otherwise the component is compiled again. A
//! file's name contains the hashes of the component and of the engine's settings, so another engine's file is never loaded.

use crate::engine::{self, Engine};
use crate::keyfile::{self, Key, private_file};
use hmac::{Hmac, KeyInit, Mac};
use palisade_guard::limits::SECRET_BYTES;
use sha2::{Digest, Sha256};
use std::fs;
use std::io::ErrorKind;
use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
use std::path::{Path, PathBuf};
use wasmtime::component::Component;

/// Bytes of the HMAC at the start of a file.
const MAC_BYTES: usize = SECRET_BYTES;

/// A folder of compiled code.
#[derive(Clone, Debug)]
pub(crate) struct Artifacts {
    folder: PathBuf,
    key: Key,
}

impl Artifacts {
    /// Opens the host's folder, or creates it.
    pub(crate) fn open(folder: &Path) -> std::io::Result<Self> {
        fs::DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
        // A user who can write here could replace files, and could forge them with the key that is in it.
        fs::set_permissions(folder, fs::Permissions::from_mode(0o700))?;
        let path = folder.join("key");
        let key = match keyfile::open(&path) {
            Ok((key, _)) => key,
            Err(error) if error.kind() == ErrorKind::InvalidData => {
                fs::remove_file(&path)?;
                return Err(std::io::Error::other(format!(
                    "{} was damaged and is removed: start again",
                    path.display()
                )));
            }
            Err(error) => return Err(error),
        };
        Ok(Self { folder: folder.to_path_buf(), key })
    }

    /// The compiled component, if it is kept and its HMAC is valid.
    pub(crate) fn find(&self, engine: &Engine, bytes: &[u8]) -> Option<Component> {
        self.read(engine, &self.folder.join(name(engine, bytes)))
    }

    /// Keeps the code that a component was compiled to.
    pub(crate) fn keep(&self, engine: &Engine, bytes: &[u8], compiled: &[u8]) {
        let path = self.folder.join(name(engine, bytes));
        let mut file = self.mac(&path, compiled);
        file.extend_from_slice(compiled);
        let kept = private_file(&self.folder, &file).and_then(|file| Ok(file.persist(&path)?));
        if let Err(error) = kept {
            tracing::warn!(path = %path.display(), %error, "cannot keep compiled code");
        }
    }

    fn read(&self, engine: &Engine, path: &Path) -> Option<Component> {
        let file = fs::read(path).ok()?;
        let (mac, compiled) = file.split_at_checked(MAC_BYTES)?;
        if !self.is_ours(path, mac, compiled) {
            tracing::error!(path = %path.display(), "compiled code was tampered with; the component is compiled again");
            return None;
        }
        load(engine, compiled).inspect_err(|error| tracing::warn!(%error, "cannot load compiled code")).ok()
    }

    fn is_ours(&self, path: &Path, mac: &[u8], compiled: &[u8]) -> bool {
        self.hmac(path, compiled).is_some_and(|ours| ours.verify_slice(mac).is_ok())
    }

    fn mac(&self, path: &Path, compiled: &[u8]) -> Vec<u8> {
        self.hmac(path, compiled).map(|mac| mac.finalize().into_bytes().to_vec()).unwrap_or_default()
    }

    /// The HMAC covers the file's name, too, so that one component's file cannot replace another's.
    fn hmac(&self, path: &Path, compiled: &[u8]) -> Option<Hmac<Sha256>> {
        let mut mac = Hmac::<Sha256>::new_from_slice(&self.key).ok()?;
        mac.update(path.file_name()?.as_encoded_bytes());
        mac.update(compiled);
        Some(mac)
    }
}

fn name(engine: &Engine, bytes: &[u8]) -> String {
    let settings = engine::settings(engine.wasmtime());
    format!("{}-{settings:016x}.cwasm", hex::encode(Sha256::digest(bytes)))
}

#[allow(unsafe_code, reason = "loading compiled code is what this module is for")]
pub(crate) fn load(engine: &Engine, compiled: &[u8]) -> wasmtime::Result<Component> {
    // SAFETY: the bytes come from the host's own compiler, either through its pipe or from a file with a valid HMAC.
    unsafe { Component::deserialize(engine.wasmtime(), compiled) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::{Fuel, compiling};

    const EMPTY: &[u8] = b"\0asm\x0d\0\x01\0";

    /// Compiles and keeps the empty component, as loading does.
    fn keep(artifacts: &Artifacts, engine: &Engine) {
        let compiled = compiling(Fuel::Uncounted).unwrap().precompile_component(EMPTY).unwrap();
        artifacts.keep(engine, EMPTY, &compiled);
    }

    fn file_of(folder: &Path) -> PathBuf {
        let mut files = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
        files.find(|path| path.extension().is_some_and(|extension| extension == "cwasm")).unwrap()
    }

    #[test]
    fn damaged_key_is_removed_and_unreadable_key_is_kept() {
        let folder = tempfile::tempdir().unwrap();
        let key = folder.path().join("key");
        fs::write(&key, "short").unwrap();
        fs::set_permissions(&key, fs::Permissions::from_mode(0o600)).unwrap();
        let why = Artifacts::open(folder.path()).unwrap_err().to_string();
        assert!(why.ends_with("was damaged and is removed: start again"), "{why}");
        assert!(Artifacts::open(folder.path()).is_ok());
        fs::remove_file(&key).unwrap();
        std::os::unix::fs::symlink("nowhere", &key).unwrap();
        let why = Artifacts::open(folder.path()).unwrap_err();
        assert!(key.is_symlink() && why.kind() == ErrorKind::NotFound, "{why}");
    }

    #[test]
    fn artifact_that_was_changed_is_not_loaded() {
        let folder = tempfile::tempdir().unwrap();
        let engine = Engine::new(Fuel::Uncounted, 1).unwrap();
        let artifacts = Artifacts::open(folder.path()).unwrap();
        keep(&artifacts, &engine);
        let path = file_of(folder.path());
        let good = fs::read(&path).unwrap();
        for index in [0, MAC_BYTES, good.len() / 2, good.len() - 1] {
            let mut bad = good.clone();
            bad[index] ^= 1;
            fs::write(&path, &bad).unwrap();
            assert!(artifacts.read(&engine, &path).is_none(), "byte {index}");
        }
        fs::write(&path, &good[..10]).unwrap();
        assert!(artifacts.read(&engine, &path).is_none());
        keep(&artifacts, &engine);
        assert!(artifacts.find(&engine, EMPTY).is_some(), "it is compiled again");
    }

    #[test]
    fn artifact_under_another_name_or_key_is_not_loaded() {
        let (one, two) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let engine = Engine::new(Fuel::Uncounted, 1).unwrap();
        let artifacts = Artifacts::open(one.path()).unwrap();
        keep(&artifacts, &engine);
        let path = file_of(one.path());
        let other = one.path().join("other.cwasm");
        fs::copy(&path, &other).unwrap();
        assert!(artifacts.read(&engine, &other).is_none());
        assert!(Artifacts::open(two.path()).unwrap().read(&engine, &path).is_none());
    }

    #[test]
    fn hosts_that_open_a_new_folder_at_once_share_one_key() {
        for _ in 0..20 {
            let folder = tempfile::tempdir().unwrap();
            let gate = std::sync::Barrier::new(4);
            let open = || {
                gate.wait();
                Artifacts::open(folder.path()).unwrap().key
            };
            let keys: Vec<Key> = std::thread::scope(|scope| {
                let opened: Vec<_> = (0..4).map(|_| scope.spawn(open)).collect();
                opened.into_iter().map(|one| one.join().unwrap()).collect()
            });
            assert!(keys.iter().all(|key| *key == keys[0]));
            assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1, "nothing is left but the key");
        }
    }

    #[test]
    fn artifact_folder_is_private() {
        let folder = tempfile::tempdir().unwrap();
        Artifacts::open(folder.path()).unwrap();
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode(folder.path()), 0o700);
        assert_eq!(mode(&folder.path().join("key")), 0o600);
    }
}

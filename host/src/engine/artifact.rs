//! Compiled code, kept between starts. This is the only module with `unsafe`.
//!
//! Compiled code is native code: a forged file that is loaded would run with all of the host's rights. So a file is used only
//! if it carries a valid HMAC under a key that only the host's user can read; otherwise the component is compiled again. A
//! file's name contains the hashes of the component and of the engine's settings, so another engine's file is never loaded.
//!
//! A folder in which another user can replace anything is not used, and neither is one that cannot be written and holds no key:
//! the host then starts without it, says so, and compiles. A read-only folder with a key is used for what is in it.

use crate::engine::compiler::Compiled;
use crate::engine::{self, Engine, Missing};
use crate::keyfile::{self, Key, private_file};
use hmac::{Hmac, KeyInit, Mac};
use palisade_guard::limits::{COMPILED_BYTES_MAX, SECRET_BYTES};
use palisade_store::files::{self, Others};
use sha2::{Digest, Sha256};
use std::fs;
use std::io::ErrorKind;
use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use wasmtime::component::Component;

/// Bytes of the HMAC at the start of a file.
const MAC_BYTES: usize = SECRET_BYTES;
/// The mode of the folder.
const PRIVATE: u32 = 0o700;

/// A folder of compiled code.
#[derive(Clone, Debug)]
pub(crate) struct Artifacts {
    folder: PathBuf,
    key: Key,
    /// Whether the log says already that nothing can be kept.
    is_said: Arc<AtomicBool>,
}

impl Artifacts {
    /// Opens the host's folder, or creates it. Fails if another user can change what is in it.
    pub(crate) fn open(folder: &Path) -> std::io::Result<Self> {
        fs::DirBuilder::new().recursive(true).mode(PRIVATE).create(folder)?;
        let folder = files::trusted_folder(folder)?;
        // Nobody else has business here. On a read-only file system it stays as it is, and the key is private by itself.
        if fs::metadata(&folder)?.permissions().mode() & !PRIVATE & 0o777 != 0 {
            let _ = fs::set_permissions(&folder, fs::Permissions::from_mode(PRIVATE));
        }
        let path = folder.join("key");
        let key = match keyfile::open(&path) {
            Err(error) if error.kind() == ErrorKind::InvalidData => {
                tracing::warn!(path = %path.display(), "the key of compiled code is damaged: a new one replaces it");
                fs::remove_file(&path)?;
                keyfile::open(&path)?
            }
            other => other?,
        };
        Ok(Self { folder, key: key.0, is_said: Arc::default() })
    }

    /// The compiled component, if it is kept and its HMAC is valid, and how the process that compiled it was confined.
    pub(crate) fn find(&self, engine: &Engine, bytes: &[u8]) -> Option<(Component, Missing)> {
        self.read(engine, &self.folder.join(name(engine, bytes)))
    }

    /// Keeps the code that a component was compiled to.
    pub(crate) fn keep(&self, engine: &Engine, bytes: &[u8], compiled: &Compiled) {
        let path = self.folder.join(name(engine, bytes));
        let content = [&[compiled.missing.0], compiled.code.as_slice()].concat();
        let file = [self.mac(&path, &content), content].concat();
        let kept = private_file(&self.folder, &file).and_then(|file| Ok(file.persist(&path)?));
        if let Err(error) = kept
            && !self.is_said.swap(true, Ordering::Relaxed)
        {
            tracing::warn!(path = %path.display(), %error, "compiled code is not kept, so each start compiles again");
        }
    }

    fn read(&self, engine: &Engine, path: &Path) -> Option<(Component, Missing)> {
        let unusable = |error: std::io::Error| match error.kind() {
            ErrorKind::NotFound => {}
            _ => {
                tracing::warn!(path = %path.display(), %error, "kept code is not used; the component is compiled again");
            }
        };
        let bytes_max = COMPILED_BYTES_MAX.saturating_add(MAC_BYTES as u64).saturating_add(1);
        let file = files::trusted(path, Others::MayNothing).and_then(|file| files::read(file, bytes_max));
        let file = file.map_err(unusable).ok()?;
        let (mac, content) = file.split_at_checked(MAC_BYTES)?;
        if !self.is_ours(path, mac, content) {
            tracing::error!(path = %path.display(), "compiled code was tampered with; the component is compiled again");
            return None;
        }
        let (missing, code) = content.split_first()?;
        let loaded = load(engine, code);
        let loaded = loaded.inspect_err(|error| tracing::warn!(%error, "cannot load compiled code")).ok()?;
        Some((loaded, Missing(*missing)))
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
        let code = compiling(Fuel::Uncounted).unwrap().precompile_component(EMPTY).unwrap();
        artifacts.keep(engine, EMPTY, &Compiled { code, missing: Missing(5) });
    }

    fn file_of(folder: &Path) -> PathBuf {
        let mut files = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
        files.find(|path| path.extension().is_some_and(|extension| extension == "cwasm")).unwrap()
    }

    fn mode(path: &Path, mode: u32) {
        fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
    }

    #[test]
    fn damaged_key_is_replaced_and_a_broken_link_is_not() {
        let folder = tempfile::tempdir().unwrap();
        let key = folder.path().join("key");
        for damaged in ["short", "", &"long".repeat(99)] {
            fs::write(&key, damaged).unwrap();
            mode(&key, 0o600);
            assert!(Artifacts::open(folder.path()).is_ok());
            assert_eq!(fs::read(&key).unwrap().len(), SECRET_BYTES);
        }
        fs::remove_file(&key).unwrap();
        std::os::unix::fs::symlink("nowhere", &key).unwrap();
        let why = Artifacts::open(folder.path()).unwrap_err();
        assert!(key.is_symlink() && why.kind() == ErrorKind::NotFound, "{why}");
    }

    #[test]
    fn folder_key_or_artifact_that_others_can_change_is_not_used() {
        let folder = tempfile::tempdir().unwrap();
        let engine = Engine::new(Fuel::Uncounted, 1).unwrap();
        let artifacts = Artifacts::open(folder.path()).unwrap();
        keep(&artifacts, &engine);
        let (file, key) = (file_of(folder.path()), folder.path().join("key"));
        for (path, bits) in [(folder.path(), 0o777), (folder.path(), 0o730), (&key, 0o644), (&key, 0o620)] {
            let before = fs::metadata(path).unwrap().permissions();
            mode(path, bits);
            let why = Artifacts::open(folder.path()).unwrap_err();
            assert_eq!(why.kind(), ErrorKind::PermissionDenied, "{bits:o}: {why}");
            fs::set_permissions(path, before).unwrap();
        }
        mode(&file, 0o622);
        assert!(artifacts.find(&engine, EMPTY).is_none());
        mode(&file, 0o600);
        assert!(artifacts.find(&engine, EMPTY).is_some());
        if rustix::process::geteuid().is_root() {
            for path in [folder.path(), &key, &file] {
                std::os::unix::fs::chown(path, Some(65_534), None).unwrap();
                let opened = Artifacts::open(folder.path());
                assert!(opened.is_err() || path == file);
                assert!(artifacts.find(&engine, EMPTY).is_none() || path == key, "{}", path.display());
                std::os::unix::fs::chown(path, Some(0), None).unwrap();
            }
        }
    }

    #[test]
    fn what_the_compiler_could_not_give_up_is_kept_with_its_code() {
        let folder = tempfile::tempdir().unwrap();
        let engine = Engine::new(Fuel::Uncounted, 1).unwrap();
        let artifacts = Artifacts::open(folder.path()).unwrap();
        keep(&artifacts, &engine);
        assert_eq!(artifacts.find(&engine, EMPTY).unwrap().1, Missing(5));
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

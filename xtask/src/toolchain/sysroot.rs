//! Builds a target's standard library from a compiler's own sources, once for each compiler and recipe.
//!
//! The folder's name contains a hash of both, because cargo does not notice a changed sysroot. The folder is built beside
//! its final place and then renamed, so an existing folder is always complete.

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::process::{self, Command};

use anyhow::{Context, Result, bail};
use sha2::{Digest, Sha256};

use super::{Target, cache, cargo_home, debian};
use crate::step;

/// The recipe below. A change of it needs a change here, or older sysroots stay in use. Bitcode is for guests with
/// `lto = true`.
const RECIPE: &str = "1: build-std=std,panic_abort, embed-bitcode, remapped paths";
const FLAGS: &str = "-Cembed-bitcode=yes";

/// The sysroot for a compiler and target. Builds it if it is missing.
pub fn ensure(rustc: &Path, target: Target) -> Result<PathBuf> {
    if let Some(found) = cached(rustc, target)? {
        return Ok(found);
    }
    let place = place(rustc, target)?;
    let version = step::ask(Command::new(rustc).arg("--version"))?;
    step::say(&format!(
        "building the standard library for {} once, because no installed toolchain has it: {} into {}",
        target.triple(),
        version.trim(),
        place.display()
    ));
    let work = place.with_file_name(format!(".building-{}-{}", target.triple(), process::id()));
    let built = build(rustc, target, &work).and_then(|sysroot| settle(&sysroot, &place));
    // A folder that stays costs space only, and this error would hide the build's.
    let _ = fs::remove_dir_all(&work);
    built.map(|()| place)
}

/// The sysroot, if it was built before.
pub fn cached(rustc: &Path, target: Target) -> Result<Option<PathBuf>> {
    Ok(Some(place(rustc, target)?).filter(|place| place.is_dir()))
}

/// The folder of the standard library's sources, if the compiler has them.
pub fn sources(rustc: &Path) -> Option<PathBuf> {
    let folder = own_sysroot(rustc).ok()?.join("lib/rustlib/src/rust/library");
    folder.join("Cargo.lock").exists().then_some(folder)
}

fn place(rustc: &Path, target: Target) -> Result<PathBuf> {
    let version = step::ask(Command::new(rustc).arg("-vV"))?;
    let hash = Sha256::new().chain_update(version).chain_update([0]).chain_update(RECIPE).finalize();
    let short: String = hex::encode(hash).chars().take(16).collect();
    Ok(cache()?.join(format!("sysroot-{}-{short}", target.triple())))
}

/// Builds std for an empty crate, and collects the libraries from cargo's `deps`.
fn build(rustc: &Path, target: Target, work: &Path) -> Result<PathBuf> {
    let sources = sources(rustc).context("the compiler has no sources of the standard library")?;
    fs::create_dir_all(work.join("src"))?;
    fs::write(work.join("src/lib.rs"), "")?;
    let manifest = "[package]\nname = \"empty\"\nversion = \"0.0.0\"\nedition = \"2021\"\n[workspace]\n";
    fs::write(work.join("Cargo.toml"), manifest)?;
    let mut cargo = Command::new(debian::CARGO);
    cargo
        .current_dir(work)
        .args(["build", "--release", "-Zbuild-std=std,panic_abort", "--target", target.triple()])
        .env("RUSTC", rustc)
        .env("RUSTC_BOOTSTRAP", "1")
        .env("CARGO_TARGET_DIR", work.join("target"))
        .env(target.flags_variable(), flags(&sources, target))
        .env_remove("RUSTFLAGS")
        .env_remove("CARGO_ENCODED_RUSTFLAGS")
        .env_remove("RUSTUP_TOOLCHAIN");
    step::quiet(&format!("std for {}", target.triple()), &mut cargo)?;
    assemble(rustc, target, work)
}

/// The flags. They keep paths of this machine out of a guest's panic messages.
fn flags(sources: &Path, target: Target) -> String {
    let mut flags = vec![FLAGS.to_owned(), remap(sources, "rust")];
    if let Ok(real) = fs::canonicalize(sources) {
        flags.push(remap(&real, "rust"));
    }
    if let Some(home) = cargo_home() {
        flags.push(remap(&home, "cargo"));
    }
    if target == Target::Wasi {
        flags.push(format!("-L{}", debian::wasi_libc().display()));
    }
    flags.join(" ")
}

fn remap(from: &Path, to: &str) -> String {
    format!("--remap-path-prefix={}={to}", from.display())
}

fn assemble(rustc: &Path, target: Target, work: &Path) -> Result<PathBuf> {
    let sysroot = work.join("sysroot");
    let libraries = sysroot.join("lib/rustlib").join(target.triple()).join("lib");
    fs::create_dir_all(&libraries)?;
    for entry in fs::read_dir(work.join("target").join(target.triple()).join("release/deps"))? {
        let path = entry?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        if name.ends_with(".rlib") && !name.starts_with("libempty-") {
            fs::copy(&path, libraries.join(&*name))?;
        }
    }
    if target == Target::Wasi {
        add_libc(&libraries.join("self-contained"))?;
    }
    link_host(rustc, &sysroot)?;
    Ok(sysroot)
}

/// Copies the files that rustc links into every WASI module to where rustc looks for them.
fn add_libc(to: &Path) -> Result<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(debian::wasi_libc())? {
        let path = entry?.path();
        let is_linked = path.extension().is_some_and(|kind| kind == "a" || kind == "o");
        if let Some(name) = path.file_name().filter(|_| is_linked) {
            fs::copy(&path, to.join(name))?;
        }
    }
    let builtins = debian::wasi_builtins().context("libclang_rt.builtins-wasm32.a is not installed")?;
    fs::copy(builtins, to.join("libclang_rt.builtins-wasm32.a"))?;
    Ok(())
}

/// Links the compiler's own folder for the host, which has the linker and the libraries for build scripts and macros.
fn link_host(rustc: &Path, sysroot: &Path) -> Result<()> {
    let version = step::ask(Command::new(rustc).arg("-vV"))?;
    let host =
        version.lines().find_map(|line| line.strip_prefix("host: ")).context("rustc -vV names no host")?;
    let own = own_sysroot(rustc)?.join("lib/rustlib").join(host);
    std::os::unix::fs::symlink(own, sysroot.join("lib/rustlib").join(host))?;
    Ok(())
}

fn own_sysroot(rustc: &Path) -> Result<PathBuf> {
    Ok(PathBuf::from(step::ask(Command::new(rustc).args(["--print", "sysroot"]))?.trim()))
}

/// Moves a finished sysroot to its place. If another build was faster, its result stays: it is the same.
fn settle(built: &Path, place: &Path) -> Result<()> {
    match fs::rename(built, place) {
        Ok(()) => Ok(()),
        Err(error) if matches!(error.kind(), ErrorKind::DirectoryNotEmpty | ErrorKind::AlreadyExists) => {
            Ok(())
        }
        Err(error) => bail!("cannot move the sysroot to {}: {error}", place.display()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn first_of_two_concurrent_builds_stays() {
        let cache = tempfile::tempdir().expect("a folder");
        let (first, second, place) =
            (cache.path().join("a"), cache.path().join("b"), cache.path().join("sysroot"));
        for (folder, text) in [(&first, "first"), (&second, "second")] {
            fs::create_dir(folder).expect("a folder");
            fs::write(folder.join("lib"), text).expect("a file");
        }
        settle(&first, &place).expect("the first settles");
        settle(&second, &place).expect("the second is dropped");
        assert_eq!(fs::read_to_string(place.join("lib")).expect("the file"), "first");
    }

    #[test]
    fn error_of_a_failed_move_names_the_place() {
        let cache = tempfile::tempdir().expect("a folder");
        let error =
            settle(&cache.path().join("absent"), &cache.path().join("sysroot")).expect_err("nothing to move");
        assert!(error.to_string().contains("cannot move the sysroot to"), "{error}");
    }
}

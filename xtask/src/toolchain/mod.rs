//! Finds or builds a toolchain for guests.
//!
//! The order: the toolchain that the environment names, the active one if it has the target, a sysroot built earlier, and a
//! sysroot built now from Debian's Rust packages, which root installs if they are missing. xtask never calls rustup: the
//! developer manages it, and not every machine can reach its downloads. `sysroot.rs` builds sysroots.

mod debian;
mod sysroot;

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::{apt, repo, step};

/// What guests are compiled for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Target {
    /// wasm32-unknown-unknown: without an operating system, as the SDK expects
    Wasm,
    /// wasm32-wasip1: with the whole `std`, which imports WASI
    Wasi,
}

impl Target {
    pub fn triple(self) -> &'static str {
        match self {
            Self::Wasm => "wasm32-unknown-unknown",
            Self::Wasi => "wasm32-wasip1",
        }
    }

    /// The variable that gives cargo flags for this target alone.
    fn flags_variable(self) -> String {
        format!("CARGO_TARGET_{}_RUSTFLAGS", self.triple().to_uppercase().replace('-', "_"))
    }
}

/// A rustc that has the target's standard library.
#[derive(Debug)]
pub struct Toolchain {
    target: Target,
    /// `None` is the active one.
    rustc: Option<PathBuf>,
    /// `None` is the compiler's own.
    sysroot: Option<PathBuf>,
}

impl Toolchain {
    /// Makes cargo use it for its target. Removes flags for the host, because cargo would prefer them to the target's.
    pub fn apply(&self, command: &mut Command) {
        command.env_remove("RUSTFLAGS").env_remove("CARGO_ENCODED_RUSTFLAGS");
        command.envs(self.variables());
    }

    fn variables(&self) -> Vec<(String, String)> {
        let mut variables = Vec::new();
        if let Some(rustc) = &self.rustc {
            variables.push(("RUSTC".to_owned(), rustc.display().to_string()));
        }
        let name = self.target.flags_variable();
        let mut flags: Vec<String> = env::var(&name).ok().into_iter().filter(|set| !set.is_empty()).collect();
        if let Some(sysroot) = &self.sysroot {
            flags.push(format!("--sysroot={}", sysroot.display()));
        }
        flags.push(format!("--remap-path-prefix={}=", repo::root().display()));
        if let Some(home) = cargo_home() {
            flags.push(format!("--remap-path-prefix={}=cargo", home.display()));
        }
        variables.push((name, flags.join(" ")));
        variables
    }
}

/// Finds a toolchain for the target, or builds one. An error names two ways to install one.
pub fn find(target: Target) -> Result<Toolchain> {
    if let Some(named) = from_environment(target)? {
        return Ok(named);
    }
    if active_has(target) {
        return Ok(Toolchain { target, rustc: None, sysroot: None });
    }
    let rustc = debian::rustc(target)?;
    let sysroot = sysroot::ensure(&rustc, target)?;
    Ok(Toolchain { target, rustc: Some(rustc), sysroot: Some(sysroot) })
}

/// Whether the toolchain that builds the host has the target. If so, its clippy has it too.
pub fn active_has(target: Target) -> bool {
    has_core(&active_rustc(), None, target)
}

/// Prints shell exports for building guests by hand.
pub fn print(target: Target) -> Result<()> {
    let toolchain = find(target)?;
    for (name, value) in toolchain.variables() {
        println!("export {name}={}", quoted(&value));
    }
    Ok(())
}

/// `PALISADE_GUEST_RUSTC` and `PALISADE_GUEST_SYSROOT`; either may be missing.
fn from_environment(target: Target) -> Result<Option<Toolchain>> {
    let path = |name| env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    let (rustc, sysroot) = (path("PALISADE_GUEST_RUSTC"), path("PALISADE_GUEST_SYSROOT"));
    if rustc.is_none() && sysroot.is_none() {
        return Ok(None);
    }
    if !has_core(rustc.as_deref().unwrap_or(&active_rustc()), sysroot.as_deref(), target) {
        bail!(
            "PALISADE_GUEST_RUSTC and PALISADE_GUEST_SYSROOT name a toolchain without {}; unset them, so that xtask finds one",
            target.triple()
        );
    }
    Ok(Some(Toolchain { target, rustc, sysroot }))
}

fn active_rustc() -> PathBuf {
    env::var_os("RUSTC").map_or_else(|| "rustc".into(), PathBuf::from)
}

/// Whether a compiler finds `core` for the target. The folder is not enough: it stays when a target is partly removed.
fn has_core(rustc: &Path, sysroot: Option<&Path>, target: Target) -> bool {
    let mut command = Command::new(rustc);
    command.args(["--print", "target-libdir", "--target", target.triple()]);
    if let Some(sysroot) = sysroot {
        command.arg("--sysroot").arg(sysroot);
    }
    let Ok(folder) = step::ask(&mut command) else { return false };
    let Ok(entries) = fs::read_dir(folder.trim()) else { return false };
    entries.flatten().any(|entry| entry.file_name().to_string_lossy().starts_with("libcore-"))
}

/// The folder for files that all clones share.
pub fn cache() -> Result<PathBuf> {
    let path = |name| env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    let folder = path("PALISADE_CACHE")
        .or_else(|| path("XDG_CACHE_HOME").map(|cache| cache.join("palisade")))
        .or_else(|| path("HOME").map(|home| home.join(".cache/palisade")))
        .context("neither HOME nor XDG_CACHE_HOME is set; set PALISADE_CACHE to a folder for the guests' toolchain")?;
    if folder.to_string_lossy().contains(char::is_whitespace) {
        bail!(
            "{} has a space, which RUSTFLAGS cannot hold; set PALISADE_CACHE to another folder",
            folder.display()
        );
    }
    fs::create_dir_all(&folder).with_context(|| {
        format!("cannot create {}; set PALISADE_CACHE to another folder", folder.display())
    })?;
    Ok(fs::canonicalize(folder)?)
}

fn cargo_home() -> Option<PathBuf> {
    env::var_os("CARGO_HOME").map(PathBuf::from).or_else(|| env::home_dir().map(|home| home.join(".cargo")))
}

/// The two ways to install a toolchain, as a sentence.
fn both_ways(target: Target, packages: &[String]) -> String {
    format!(
        "no toolchain for {0} is installed. With rustup: `rustup target add {0}`. On Debian, as root: `{1}`",
        target.triple(),
        apt::line(packages)
    )
}

fn quoted(value: &str) -> String {
    format!("'{}'", value.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn absent_rustc_has_no_target() {
        assert!(!has_core(Path::new("no-such-rustc"), None, Target::Wasm));
    }

    #[test]
    fn shell_value_with_a_quote_is_one_word() {
        assert_eq!(quoted("it's"), r"'it'\''s'");
    }

    #[test]
    fn error_names_both_ways_to_install_a_toolchain() {
        let error = both_ways(Target::Wasm, &debian::packages(Target::Wasm));
        assert!(error.contains("rustup target add wasm32-unknown-unknown"), "{error}");
        assert!(error.contains("apt-get install --no-install-recommends rustc-web"), "{error}");
    }

    #[test]
    fn flags_variable_is_the_one_cargo_reads() {
        assert_eq!(Target::Wasi.flags_variable(), "CARGO_TARGET_WASM32_WASIP1_RUSTFLAGS");
    }
}

//! Debian's Rust packages: a compiler that is new enough, and the sources of its standard library.
//!
//! Debian has no package of a wasm target, but all packages that are needed to build one.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Result, bail};

use super::{Target, both_ways, sysroot};
use crate::{apt, step};

const RUSTC: &str = "/usr/bin/rustc";
pub const CARGO: &str = "/usr/bin/cargo";
/// The oldest minor version that compiles the guests (edition 2024, and wit-bindgen's minimum).
const MINOR_MIN: u32 = 85;
const WASI_LIBC: &str = "/usr/lib/wasm32-wasi";

/// Debian's rustc. Installs it if it is missing.
pub fn rustc(target: Target) -> Result<PathBuf> {
    let rustc = PathBuf::from(RUSTC);
    if is_usable(&rustc) && has_linker() && sysroot::cached(&rustc, target)?.is_some() {
        return Ok(rustc);
    }
    if !is_complete(&rustc, target) {
        if !apt::can_install() {
            bail!(both_ways(target, &with_linker(target)));
        }
        // The package lists name the linker's release, so they are fetched first.
        apt::refresh();
        let why = format!("no installed toolchain has {}", target.triple());
        apt::install(&with_linker(target), &why)?;
    }
    if !is_complete(&rustc, target) {
        bail!(
            "this release of Debian has Rust packages that are too old. {}",
            both_ways(target, &packages(target))
        );
    }
    Ok(rustc)
}

/// The packages whose names are the same in each release.
pub fn packages(target: Target) -> Vec<String> {
    let mut names = vec!["rustc-web", "rust-web-src", "rust-web-llvm", "cargo-web"];
    if target == Target::Wasi {
        names.push("wasi-libc");
    }
    names.into_iter().map(str::to_owned).collect()
}

/// With the linker: `rust-lld` is a link to the lld of one LLVM release, which no package depends on. It is the release of
/// the LLVM tools.
fn with_linker(target: Target) -> Vec<String> {
    let mut names = packages(target);
    for llvm in apt::dependencies("rust-web-llvm") {
        if let Some(release) = llvm.strip_prefix("llvm-") {
            names.push(format!("lld-{release}"));
            if target == Target::Wasi {
                names.push(format!("libclang-rt-{release}-dev-wasm32"));
            }
        }
    }
    names
}

fn is_complete(rustc: &Path, target: Target) -> bool {
    let libc = target == Target::Wasm || (wasi_libc().join("libc.a").exists() && wasi_builtins().is_some());
    is_usable(rustc) && has_linker() && libc && Path::new(CARGO).exists() && sysroot::sources(rustc).is_some()
}

/// Whether the linker exists. A link to a removed linker does not count.
fn has_linker() -> bool {
    fs::metadata("/usr/bin/rust-lld").is_ok()
}

fn is_usable(rustc: &Path) -> bool {
    let version = step::ask(Command::new(rustc).arg("--version")).unwrap_or_default();
    minor(&version).is_some_and(|minor| minor >= MINOR_MIN)
}

/// The `96` of `rustc 1.96.0 (…)`.
fn minor(version: &str) -> Option<u32> {
    version.strip_prefix("rustc 1.")?.split('.').next()?.parse().ok()
}

/// The folder of Debian's C library for WASI.
pub fn wasi_libc() -> PathBuf {
    PathBuf::from(WASI_LIBC)
}

/// The newest library of routines that clang calls where wasm has no instruction.
pub fn wasi_builtins() -> Option<PathBuf> {
    let folders = fs::read_dir("/usr/lib").ok()?.flatten();
    let releases = folders.filter_map(|entry| {
        let release: u32 = entry.file_name().to_str()?.strip_prefix("llvm-")?.parse().ok()?;
        let library = format!("lib/clang/{release}/lib/wasi/libclang_rt.builtins-wasm32.a");
        Some((release, entry.path().join(library))).filter(|(_, path)| path.exists())
    });
    releases.max().map(|(_, path)| path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn minor_version_is_parsed_and_other_text_is_none() {
        assert_eq!(minor("error: no such command"), None);
        assert_eq!(minor("rustc 2.0.0"), None);
        assert_eq!(minor("rustc 1.63.0 (4b91a6ea7 2022-08-08)"), Some(63));
        assert_eq!(minor("rustc 1.96.0 (ac68faa20 2026-05-25) (built from a source tarball)"), Some(96));
    }
}

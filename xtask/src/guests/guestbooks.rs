//! The guestbook of `tests/guestbooks`, in each language that `palisade build` compiles.
//!
//! `palisade build` itself builds them, each in a copy of its folder that stays, so that cargo builds only what changed. The
//! tools are those of the language: clang from Debian's packages, and what npm and pip install once into the cache that all
//! clones share. A component is built again only when its source or the command's has changed, because the interpreted ones
//! take seconds.

use std::collections::BTreeMap;
use std::env;
use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};
use sha2::{Digest, Sha256};

use super::{BINARY, Folder, PACKAGE, folder};
use crate::toolchain::{self, Target};
use crate::{apt, repo, step, tools};

/// Their sources, and their folder in `target/guests`.
const SOURCE: &str = "tests/guestbooks";
const NAME: &str = "guestbooks";
/// What each has: the WIT of its interfaces, and its migrations.
const SHARED: &str = "shared";
const LANGUAGES: [&str; 4] = ["rust", "c", "js", "python"];
/// What a component depends on besides its own source.
const RECIPE: [&str; 4] = ["host/cli/src/build", "wit", "guest-sdk/src", "guest-sdk/macros/src"];
const C_PACKAGES: [&str; 4] = ["clang", "lld", "wasi-libc", "libclang-rt-dev-wasm32"];

/// Builds the guestbooks. One whose tools are not to be had is skipped, with the reason.
pub fn build() -> Result<()> {
    let place = repo::guests().join(NAME);
    let stamps = repo::guests().join(".stamps").join(NAME);
    for folder in [&place, &stamps] {
        fs::create_dir_all(folder)?;
    }
    let recipe = recipe()?;
    let mut built = Vec::new();
    for language in LANGUAGES {
        let (stamp, to) = (stamps.join(language), place.join(language));
        let files = sources(language)?;
        let hash = hash(&recipe, &files);
        if fs::read_to_string(&stamp).is_ok_and(|known| known == hash) && to.join("palisade.toml").exists() {
            built.push(language);
            continue;
        }
        let tools = match tools(language) {
            Ok(tools) => tools,
            Err(error) => {
                step::say(&format!("SKIPPED the guestbook in {language}: {error:#}"));
                continue;
            }
        };
        compile(language, &files, tools.as_ref(), &to)?;
        fs::write(stamp, hash)?;
        built.push(language);
    }
    folder::keep_only(&place, &|name| built.contains(&name))?;
    step::say(&format!("{SOURCE}: {} in {}", built.join(", "), place.display()));
    Ok(())
}

/// What stands in a plugin's folder for the tools that it needs: a link's name, and where it leads.
type Link = (&'static str, PathBuf);

/// Finds or installs the tools of a language.
fn tools(language: &str) -> Result<Option<Link>> {
    match language {
        "rust" => toolchain::find(Target::Wasm).map(|_| None),
        "c" => clang().map(|()| None),
        "js" => tools::npm(&list("js/package.json"))
            .map(|folder| Some(("node_modules", folder.join("node_modules")))),
        "python" => tools::pip(&list("python/requirements.txt")).map(|folder| Some((".venv", folder))),
        _ => bail!("no tools of {language} are known"),
    }
}

fn list(path: &str) -> PathBuf {
    repo::root().join(SOURCE).join(path)
}

/// Installs clang and the C library for WASI, if they are missing.
fn clang() -> Result<()> {
    let path = env::var_os("PATH").unwrap_or_default();
    let is_clang = |name: &str| {
        name.strip_prefix("clang").is_some_and(|rest| {
            rest.is_empty() || rest.strip_prefix('-').is_some_and(|version| version.parse::<u32>().is_ok())
        })
    };
    let entries = env::split_paths(&path).filter_map(|folder| fs::read_dir(folder).ok()).flatten().flatten();
    let has_clang = entries.into_iter().any(|entry| entry.file_name().to_str().is_some_and(is_clang));
    if has_clang && Path::new("/usr/include/wasm32-wasi/stdlib.h").exists() {
        return Ok(());
    }
    let packages = C_PACKAGES.map(str::to_owned);
    if !apt::can_install() {
        bail!("clang and the C library for WASI are missing; as root: `{}`", apt::line(&packages));
    }
    apt::install(&packages, "the guestbook in C needs them")
}

/// The files of a language's guestbook, with those that all have.
fn sources(language: &str) -> Result<BTreeMap<PathBuf, Vec<u8>>> {
    let mut files = BTreeMap::new();
    for part in [SHARED, language] {
        let root = repo::root().join(SOURCE).join(part);
        for path in all_files(&root)? {
            files.insert(path.strip_prefix(&root)?.to_owned(), fs::read(&path)?);
        }
    }
    Ok(files)
}

fn all_files(root: &Path) -> Result<Vec<PathBuf>> {
    let (mut found, mut folders) = (Vec::new(), vec![root.to_owned()]);
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).with_context(|| format!("cannot read {}", folder.display()))? {
            let path = entry?.path();
            if path.is_dir() { folders.push(path) } else { found.push(path) }
        }
    }
    found.sort();
    Ok(found)
}

/// Everything besides its source that a component depends on.
fn recipe() -> Result<Sha256> {
    let mut recipe = Sha256::new();
    for part in RECIPE {
        for path in all_files(&repo::root().join(part))? {
            recipe.update(fs::read(path)?);
        }
    }
    recipe.update(fs::read(repo::root().join("Cargo.lock"))?);
    Ok(recipe)
}

fn hash(recipe: &Sha256, files: &BTreeMap<PathBuf, Vec<u8>>) -> String {
    let mut hash = recipe.clone();
    for (path, bytes) in files {
        hash.update(path.as_os_str().as_encoded_bytes());
        hash.update(bytes);
    }
    hex::encode(hash.finalize())
}

/// Builds a guestbook in a copy of its folder, and copies what a host needs.
fn compile(
    language: &str,
    files: &BTreeMap<PathBuf, Vec<u8>>,
    tools: Option<&Link>,
    to: &Path,
) -> Result<()> {
    let work = repo::guests().join(".work").join(language);
    for (path, bytes) in files {
        let path = work.join(path);
        if fs::read(&path).is_ok_and(|known| known == *bytes) {
            continue;
        }
        fs::create_dir_all(path.parent().context("a file without a folder")?)?;
        fs::write(path, bytes)?;
    }
    if let Some((name, place)) = tools {
        let link = work.join(name);
        if link.symlink_metadata().is_ok() {
            fs::remove_file(&link)?;
        }
        symlink(place, link)?;
    }
    let binary = repo::palisade();
    if !binary.exists() {
        bail!("{} is not there; run `cargo build --package {PACKAGE} --bin {BINARY}`", binary.display());
    }
    let mut command = Command::new(binary);
    command.arg("build").arg(&work).env("PALISADE_CACHE", toolchain::cache()?);
    step::quiet(&format!("building the guestbook in {language}"), &mut command)?;
    let mut built = Folder::of(&work)?;
    let bytes = fs::read(work.join(&built.component))?;
    built.files.insert(built.component.clone(), bytes);
    built.write(to)?;
    Ok(())
}

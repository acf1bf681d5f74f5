//! `cargo xtask book`: the documents as pages, in `target/book/pages`.
//!
//! mdBook makes them. `docs/SUMMARY.md` says which pages there are and in which order. They are copied to where mdBook reads,
//! each at its own path from the repository's root, with every file that they link to: then links mean there what they mean in the
//! repository, also those to WIT and sources. A link of the pages that leads nowhere is an error.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Component, Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::{repo, step, toolchain};

/// The tool and its version.
const TOOL: &str = "mdbook";
const VERSION: &str = "0.5.4";
/// The list of pages.
const SUMMARY: &str = "docs/SUMMARY.md";
const SETTINGS: &str = "[book]\ntitle = \"Palisade\"\nlanguage = \"en\"\n[build]\nbuild-dir = \"pages\"\ncreate-missing = false\nuse-default-preprocessors = false\n\
                        [output.html]\nno-section-label = true\n";

/// Makes the pages, and checks their links.
pub fn run() -> Result<()> {
    let place = repo::target().join("book");
    if place.exists() {
        fs::remove_dir_all(&place).with_context(|| format!("cannot clear {}", place.display()))?;
    }
    let source = place.join("src");
    fs::create_dir_all(&source)?;
    fs::write(place.join("book.toml"), SETTINGS)?;
    let summary =
        fs::read_to_string(repo::root().join(SUMMARY)).with_context(|| format!("there is no {SUMMARY}"))?;
    let mut listed = summary.clone();
    for link in links(&summary) {
        let page = from_root(Path::new("docs"), link);
        listed = listed.replace(&format!("]({link})"), &format!("]({})", page.display()));
        copy(&page, &source)?;
        let text = fs::read_to_string(repo::root().join(&page))?;
        for linked in links(&text) {
            let file = from_root(page.parent().unwrap_or(Path::new("")), linked);
            if repo::root().join(&file).is_file() {
                copy(&file, &source)?;
            }
        }
    }
    fs::write(source.join("SUMMARY.md"), listed)?;
    step::quiet("rendering the documents", Command::new(tool()?).arg("build").arg(&place))?;
    let pages = place.join("pages");
    let dead = dead_links(&pages)?;
    if !dead.is_empty() {
        bail!(
            "links of the pages lead nowhere: add the page to {SUMMARY}, or link to a file\n{}",
            dead.into_iter().collect::<Vec<_>>().join("\n")
        );
    }
    step::say(&format!("the pages begin at {}", pages.join("index.html").display()));
    Ok(())
}

/// The tool in the cache, from the registry. Without what serves pages and watches them, which nobody needs here.
fn tool() -> Result<PathBuf> {
    let root = toolchain::cache()?.join(format!("{TOOL}-{VERSION}"));
    let tool = root.join("bin").join(TOOL);
    if !tool.exists() {
        let mut install = repo::cargo(".");
        install.args([
            "install",
            TOOL,
            "--version",
            &format!("={VERSION}"),
            "--locked",
            "--no-default-features",
            "--root",
        ]);
        step::quiet(&format!("installing {TOOL} {VERSION}"), install.arg(&root))?;
    }
    Ok(tool)
}

/// The files that a document links to, as it names them.
fn links(text: &str) -> impl Iterator<Item = &str> {
    let prose = text.split("```").step_by(2);
    let targets =
        prose.flat_map(|part| part.split("](").skip(1)).filter_map(|rest| rest.split([')', '#']).next());
    targets.filter(|target| !target.is_empty() && !target.contains("://"))
}

/// A path from the root, without `..`.
fn from_root(folder: &Path, link: &str) -> PathBuf {
    let mut path = PathBuf::new();
    for part in folder.join(link).components() {
        match part {
            Component::ParentDir => drop(path.pop()),
            Component::Normal(name) => path.push(name),
            _ => {}
        }
    }
    path
}

fn copy(file: &Path, to: &Path) -> Result<()> {
    let copied = to.join(file);
    fs::create_dir_all(copied.parent().unwrap_or(to))?;
    fs::copy(repo::root().join(file), copied)
        .with_context(|| format!("{SUMMARY} leads to {}", file.display()))?;
    Ok(())
}

/// Links of pages to files that are not there.
fn dead_links(pages: &Path) -> Result<BTreeSet<String>> {
    let mut dead = BTreeSet::new();
    let mut folders = vec![pages.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder)? {
            let path = entry?.path();
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            if path.extension().is_none_or(|kind| kind != "html") {
                continue;
            }
            let text = fs::read_to_string(&path)?;
            for target in
                text.split("<a href=\"").skip(1).filter_map(|rest| rest.split(['"', '#', '?']).next())
            {
                let is_elsewhere = target.is_empty() || target.contains(':') || target.starts_with('/');
                if !is_elsewhere && !folder.join(target).exists() {
                    dead.insert(format!("{}: {target}", path.strip_prefix(pages)?.display()));
                }
            }
        }
    }
    Ok(dead)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_page_for_readers_is_in_the_summary() {
        let summary = fs::read_to_string(repo::root().join(SUMMARY)).unwrap();
        let listed: BTreeSet<PathBuf> =
            links(&summary).map(|link| from_root(Path::new("docs"), link)).collect();
        let mut folders = vec![repo::root().join("docs")];
        while let Some(folder) = folders.pop() {
            for entry in fs::read_dir(folder).unwrap() {
                let path = entry.unwrap().path();
                if path.is_dir() {
                    folders.push(path);
                } else if path.extension().is_some_and(|kind| kind == "md") {
                    let page = path.strip_prefix(repo::root()).unwrap().to_owned();
                    assert!(page == Path::new(SUMMARY) || listed.contains(&page), "{}", page.display());
                }
            }
        }
    }
}

//! Reads a workspace of guests from cargo's metadata.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use serde_json::Value;

use crate::toolchain::Target;
use crate::{repo, step};

/// The guests of a workspace, and the folder where cargo builds them.
#[derive(Debug)]
pub struct Workspace {
    pub guests: Vec<Guest>,
    pub target: PathBuf,
}

/// A package that becomes a component: one with a `cdylib`.
#[derive(Debug, PartialEq, Eq)]
pub struct Guest {
    /// The name of its folder, and of its folder of built files.
    pub name: String,
    pub package: String,
    pub source: PathBuf,
    pub target: Target,
    /// The file name of its core module.
    pub module: String,
}

impl Workspace {
    /// Reads the metadata of the workspace in a folder of the repository.
    pub fn read(folder: &str) -> Result<Self> {
        if !repo::root().join(folder).join("Cargo.toml").exists() {
            bail!("{folder}/Cargo.toml is missing; it declares the workspace of these guests");
        }
        let mut cargo = repo::cargo(folder);
        cargo.args(["metadata", "--no-deps", "--format-version", "1"]);
        let metadata: Value = serde_json::from_str(&step::ask(&mut cargo)?)?;
        Self::parse(&metadata).with_context(|| format!("cargo metadata of {folder}"))
    }

    fn parse(metadata: &Value) -> Result<Self> {
        let target = metadata["target_directory"].as_str().context("no target_directory")?.into();
        let packages = metadata["packages"].as_array().context("no packages")?;
        let guests: Result<Vec<_>> = packages.iter().map(Guest::parse).collect();
        Ok(Self { guests: guests?.into_iter().flatten().collect(), target })
    }
}

impl Guest {
    fn parse(package: &Value) -> Result<Option<Self>> {
        let name = package["name"].as_str().context("a package without a name")?;
        let Some(library) =
            package["targets"].as_array().into_iter().flatten().find(|target| is_cdylib(target))
        else {
            return Ok(None);
        };
        let library = library["name"].as_str().context("a target without a name")?;
        let manifest = package["manifest_path"].as_str().context("a package without a path")?;
        let source = Path::new(manifest).parent().context("a manifest without a folder")?;
        let folder = source.file_name().and_then(|name| name.to_str()).context("a folder without a name")?;
        Ok(Some(Self {
            name: folder.to_owned(),
            package: name.to_owned(),
            source: source.to_owned(),
            target: target(name, &package["metadata"]["palisade"]["target"])?,
            module: format!("{}.wasm", library.replace('-', "_")),
        }))
    }
}

fn is_cdylib(target: &Value) -> bool {
    target["crate_types"].as_array().is_some_and(|types| types.iter().any(|kind| kind == "cdylib"))
}

fn target(package: &str, named: &Value) -> Result<Target> {
    match named.as_str() {
        None if named.is_null() => Ok(Target::Wasm),
        Some(triple) if triple == Target::Wasm.triple() => Ok(Target::Wasm),
        Some(triple) if triple == Target::Wasi.triple() => Ok(Target::Wasi),
        _ => bail!(
            "{package} asks for the target {named} in [package.metadata.palisade]; it is \"{}\" or \"{}\"",
            Target::Wasm.triple(),
            Target::Wasi.triple()
        ),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn package(kind: &str, metadata: &Value) -> Value {
        json!({
            "name": "acme-blog", "manifest_path": "/src/blog/Cargo.toml", "metadata": metadata,
            "targets": [{"name": "acme_blog", "crate_types": [kind]}],
        })
    }

    #[test]
    fn unknown_target_is_rejected_with_the_packages_name() {
        let error = Guest::parse(&package("cdylib", &json!({"palisade": {"target": "riscv"}})))
            .expect_err("an error");
        assert!(error.to_string().contains("acme-blog asks for the target \"riscv\""), "{error}");
    }

    #[test]
    fn package_without_a_cdylib_is_not_a_guest() {
        assert_eq!(Guest::parse(&package("lib", &Value::Null)).expect("a package"), None);
    }

    #[test]
    fn guest_has_its_folders_name_and_the_default_target() {
        let guest = Guest::parse(&package("cdylib", &Value::Null)).expect("a package").expect("a guest");
        assert_eq!((guest.name.as_str(), guest.package.as_str()), ("blog", "acme-blog"));
        assert_eq!((guest.module.as_str(), guest.target), ("acme_blog.wasm", Target::Wasm));
    }

    #[test]
    fn guest_that_names_wasi_has_that_target() {
        let guest = Guest::parse(&package("cdylib", &json!({"palisade": {"target": "wasm32-wasip1"}})));
        assert_eq!(guest.expect("a package").expect("a guest").target, Target::Wasi);
    }
}

//! Builds a plugin in Rust, with cargo for wasm32-unknown-unknown.
//!
//! The SDK is not on the registry, so the command carries its sources: cargo takes `palisade-sdk` from them by a patch, in the
//! plugin's `.cargo/config.toml`, which plain cargo and rust-analyzer read as well. The order in which a toolchain is found is
//! that of `cargo xtask` (`xtask/src/toolchain`), without installing anything.

use std::env;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};
use palisade_guard::limits::{CACHE_NAME_DIGITS, GUEST_STACK_BYTES};
use serde_json::Value;
use sha2::{Digest, Sha256};

use super::{Core, carried, tools};

const TARGET: &str = "wasm32-unknown-unknown";
/// The words that an author's own setting of the stack contains.
const STACK: &str = "stack-size";
/// The dependency that the command carries.
const SDK: &str = "palisade-sdk";
/// The first line of a `.cargo/config.toml` that the command may replace.
const OURS: &str =
    "# Written by palisade. To change this file, remove this line; palisade then leaves it alone.\n";
/// The compiler and the recipe from which `cargo xtask` builds a sysroot: `xtask/src/toolchain/sysroot.rs`.
const DEBIAN_RUSTC: &str = "/usr/bin/rustc";
const RECIPE: &str = "1: build-std=std,panic_abort, embed-bitcode, remapped paths";

/// Compiles the crate of a plugin's folder to a core module.
pub(super) fn build(folder: &Path, manifest: &Path) -> Result<Core> {
    let cargo = env::var_os("CARGO").map(PathBuf::from).or_else(|| tools::find("cargo"));
    let cargo = cargo.context("cargo is not installed: install Rust with rustup, from https://rustup.rs")?;
    let toolchain = Toolchain::find()?;
    let sdk = settle(folder, manifest)?;
    let mut command = Command::new(cargo);
    command
        .current_dir(folder)
        .args(["build", "--release", "--target", TARGET, "--quiet", "--color", "never"])
        .args(["--message-format", "json-render-diagnostics", "--manifest-path"])
        .arg(folder.join(manifest))
        // Cargo would prefer flags for all targets to those of this one.
        .env_remove("RUSTFLAGS")
        .env_remove("CARGO_ENCODED_RUSTFLAGS");
    if let Some(rustc) = &toolchain.rustc {
        command.env("RUSTC", rustc);
    }
    if let Some(sdk) = &sdk {
        command.arg("--config").arg(format!("patch.crates-io.{SDK}.path={}", quoted(sdk)));
    }
    command
        .arg("--config")
        .arg(format!("target.{TARGET}.rustflags={}", flags(folder, &toolchain, sdk.as_deref())));
    let printed = tools::run(&mut command)?;
    let module = module(&printed.stdout, &folder.join(manifest))?;
    let bytes = fs::read(&module).with_context(|| format!("cargo left no {}", module.display()))?;
    Ok(Core { bytes, remarks: printed.stderr })
}

/// The flags for the plugin's crates, as TOML. They keep paths of the author's machine out of panics' messages.
fn flags(folder: &Path, toolchain: &Toolchain, sdk: Option<&Path>) -> String {
    let remap = |from: &Path, to: &str| format!("--remap-path-prefix={}={to}", from.display());
    let mut flags = vec![remap(folder, "")];
    let home = env::var_os("CARGO_HOME").map(PathBuf::from);
    flags.extend(home.or_else(|| Some(env::home_dir()?.join(".cargo"))).map(|home| remap(&home, "cargo")));
    flags.extend(sdk.map(|sdk| remap(sdk, SDK)));
    flags.extend(toolchain.sysroot.as_ref().map(|sysroot| format!("--sysroot={}", sysroot.display())));
    if !sets_stack(folder) {
        flags.push(stack_flag());
    }
    let flags: Vec<String> = flags.iter().map(|flag| toml::Value::from(flag.as_str()).to_string()).collect();
    format!("[{}]", flags.join(", "))
}

fn stack_flag() -> String {
    format!("-Clink-arg=-zstack-size={GUEST_STACK_BYTES}")
}

/// Whether a configuration of cargo that the author wrote, in the folder or above it, sets the size of the stack.
fn sets_stack(folder: &Path) -> bool {
    folder.ancestors().any(|folder| {
        let text = fs::read_to_string(folder.join(".cargo/config.toml")).unwrap_or_default();
        !text.starts_with(OURS) && text.contains(STACK)
    })
}

/// Lets plain cargo find the SDK: writes the folder's `.cargo/config.toml`, unless the author did. Returns the folder of the SDK,
/// unless the crate takes the SDK from elsewhere.
pub(super) fn settle(folder: &Path, manifest: &Path) -> Result<Option<PathBuf>> {
    let path = folder.join(manifest);
    let text = fs::read_to_string(&path).with_context(|| {
        format!("cannot read {}: it is the crate that [build] in palisade.toml names", path.display())
    })?;
    if !wants_sdk(&text) {
        return Ok(None);
    }
    let sdk = carried::sdk()?;
    let config = folder.join(".cargo/config.toml");
    if fs::read_to_string(&config).map_or(true, |text| text.starts_with(OURS)) {
        let cannot = || format!("cannot write {}", config.display());
        fs::create_dir_all(folder.join(".cargo")).with_context(cannot)?;
        carried::write_changed(&config, &configuration(&sdk))?;
    }
    Ok(Some(sdk))
}

fn configuration(sdk: &Path) -> String {
    let mut text = OURS.to_owned();
    let _infallible = write!(
        text,
        "# It has a path of this machine: keep it out of git.\n\n[patch.crates-io]\n{SDK} = {{ path = {} }}\n\n\
         [target.{TARGET}]\nrustflags = [{}]\n",
        quoted(sdk),
        toml::Value::from(stack_flag()),
    );
    text
}

fn quoted(path: &Path) -> String {
    toml::Value::from(path.to_string_lossy().into_owned()).to_string()
}

/// Whether a crate takes the SDK from the registry.
fn wants_sdk(manifest: &str) -> bool {
    let manifest: toml::Table = manifest.parse().unwrap_or_default();
    match manifest.get("dependencies").and_then(|all| all.get(SDK)) {
        Some(toml::Value::String(_)) => true,
        Some(toml::Value::Table(table)) => {
            ["path", "git", "workspace", "registry"].iter().all(|key| !table.contains_key(*key))
        }
        _ => false,
    }
}

/// The module that cargo says it has built.
fn module(messages: &str, manifest: &Path) -> Result<PathBuf> {
    let manifest = fs::canonicalize(manifest)?;
    let messages = messages.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    let ours = messages.filter(|message| {
        let path = message["manifest_path"].as_str().map(Path::new);
        message["reason"] == "compiler-artifact" && path == Some(&*manifest)
    });
    let mut files = ours.filter_map(|message| {
        let files = message["filenames"].as_array()?;
        files
            .iter()
            .filter_map(Value::as_str)
            .map(PathBuf::from)
            .find(|file| file.extension().is_some_and(|kind| kind == "wasm"))
    });
    files.next_back().with_context(|| {
        format!("{} builds no module: add `[lib]` with `crate-type = [\"cdylib\"]` to it", manifest.display())
    })
}

/// A rustc that has the target's standard library.
struct Toolchain {
    /// `None` is the active one.
    rustc: Option<PathBuf>,
    /// `None` is the compiler's own.
    sysroot: Option<PathBuf>,
}

impl Toolchain {
    /// Finds the one that the environment names, the active one, or one whose standard library `cargo xtask` has built.
    fn find() -> Result<Self> {
        let named = |name| env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
        let active = named("RUSTC").unwrap_or_else(|| "rustc".into());
        let own = Self { rustc: named("PALISADE_GUEST_RUSTC"), sysroot: named("PALISADE_GUEST_SYSROOT") };
        if own.rustc.is_some() || own.sysroot.is_some() {
            if has_core(own.rustc.as_deref().unwrap_or(&active), own.sysroot.as_deref()) {
                return Ok(own);
            }
            bail!(
                "PALISADE_GUEST_RUSTC and PALISADE_GUEST_SYSROOT name a toolchain without {TARGET}: unset them, or run \
                 `rustup target add {TARGET}`"
            );
        }
        if has_core(&active, None) {
            return Ok(Self { rustc: None, sysroot: None });
        }
        let debian = PathBuf::from(DEBIAN_RUSTC);
        match cached(&debian) {
            Some(sysroot) if has_core(&debian, Some(&sysroot)) => {
                Ok(Self { rustc: Some(debian), sysroot: Some(sysroot) })
            }
            _ => bail!("Rust cannot compile for {TARGET} yet: run `rustup target add {TARGET}`"),
        }
    }
}

/// The sysroot that `cargo xtask` builds for a compiler.
fn cached(rustc: &Path) -> Option<PathBuf> {
    let version = tools::ask(Command::new(rustc).arg("-vV"))?;
    let hash = Sha256::new().chain_update(version).chain_update([0]).chain_update(RECIPE).finalize();
    let short: String = hex::encode(hash).chars().take(CACHE_NAME_DIGITS).collect();
    fs::canonicalize(tools::cache().ok()?.join(format!("sysroot-{TARGET}-{short}"))).ok()
}

/// Whether a compiler finds `core` for the target. The folder is not enough: it stays when a target is partly removed.
fn has_core(rustc: &Path, sysroot: Option<&Path>) -> bool {
    let mut command = Command::new(rustc);
    command.args(["--print", "target-libdir", "--target", TARGET]);
    if let Some(sysroot) = sysroot {
        command.arg("--sysroot").arg(sysroot);
    }
    let Some(folder) = tools::ask(&mut command) else { return false };
    let Ok(entries) = fs::read_dir(folder.trim()) else { return false };
    entries.flatten().any(|entry| entry.file_name().to_string_lossy().starts_with("libcore-"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn recipe_of_the_sysroot_is_that_of_xtask() {
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../xtask/src/toolchain/sysroot.rs");
        assert!(fs::read_to_string(source).unwrap().contains(&format!("const RECIPE: &str = \"{RECIPE}\"")));
    }

    #[test]
    fn sdk_from_elsewhere_is_not_patched() {
        for (line, is_wanted) in [
            ("palisade-sdk = \"0.1.0\"", true),
            ("palisade-sdk = { version = \"0.1.0\", default-features = false }", true),
            ("palisade-sdk = { path = \"../sdk\" }", false),
            ("palisade-sdk = { version = \"0.1.0\", git = \"https://a.example/sdk\" }", false),
            ("palisade-sdk.workspace = true", false),
            ("serde = \"1\"", false),
        ] {
            assert_eq!(wants_sdk(&format!("[dependencies]\n{line}\n")), is_wanted, "{line}");
        }
    }

    #[test]
    fn configuration_is_valid_and_the_authors_own_is_left_alone() {
        let parsed: toml::Table = configuration(Path::new("/a b/\"sdk\"")).parse().unwrap();
        assert_eq!(parsed["patch"]["crates-io"][SDK]["path"].as_str(), Some("/a b/\"sdk\""));
        let folder = tempfile::tempdir().unwrap();
        let config = folder.path().join(".cargo/config.toml");
        fs::create_dir(folder.path().join(".cargo")).unwrap();
        fs::write(folder.path().join("Cargo.toml"), "[dependencies]\npalisade-sdk = \"0.1.0\"\n").unwrap();
        fs::write(&config, "[build]\n").unwrap();
        assert!(!sets_stack(folder.path()));
        fs::write(&config, "[build]\nrustflags = [\"-Clink-arg=-zstack-size=1048576\"]\n").unwrap();
        assert!(sets_stack(folder.path()), "the author's stack is kept");
        fs::write(&config, configuration(Path::new("/sdk"))).unwrap();
        assert!(!sets_stack(folder.path()));
    }

    #[test]
    fn crate_without_a_cdylib_is_named_with_the_line_to_add() {
        let folder = tempfile::tempdir().unwrap();
        let manifest = folder.path().join("Cargo.toml");
        fs::write(&manifest, "").unwrap();
        let real = fs::canonicalize(&manifest).unwrap();
        let artifact = |file: &str| {
            let message = serde_json::json!({ "reason": "compiler-artifact", "manifest_path": real, "filenames": [file] });
            module(&format!("not json\n{message}\n"), &manifest)
        };
        assert_eq!(artifact("/t/blog.wasm").unwrap(), Path::new("/t/blog.wasm"));
        let message = artifact("/t/libblog.rlib").unwrap_err().to_string();
        assert!(message.contains("crate-type = [\"cdylib\"]"), "{message}");
    }
}

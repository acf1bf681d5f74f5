//! Other tools that build a plugin's source into a component.

use crate::harness::copy;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The first bytes of a component. A core module has another version.
const COMPONENT: &[u8] = b"\0asm\x0d\0\x01\0";

fn cargo() -> Command {
    Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
}

/// The first component below a folder.
fn component(folder: &Path) -> Option<PathBuf> {
    let entries = fs::read_dir(folder).ok()?.flatten().map(|entry| entry.path());
    entries.into_iter().find_map(|path| {
        if path.is_dir() {
            return component(&path);
        }
        let is_one = path.ends_with("audit_trail.wasm") && fs::read(&path).ok()?.starts_with(COMPONENT);
        is_one.then_some(path)
    })
}

#[test]
fn audit_trail_builds_with_cargo_component_if_installed() {
    let installed =
        cargo().args(["component", "--version"]).output().is_ok_and(|output| output.status.success());
    if !installed {
        println!("`cargo component` is not installed: the test does nothing");
        return;
    }
    // The build uses a copy, because it writes bindings next to the source.
    let (root, folder) =
        (Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap(), tempfile::tempdir().unwrap());
    for part in ["wit", "guest-sdk", "example-plugins"] {
        let to = folder.path().join(part);
        fs::create_dir(&to).unwrap();
        copy(&root.join(part), &to);
    }
    let mut build = cargo();
    build.args(["component", "build", "--release", "--target", "wasm32-unknown-unknown"]);
    build.current_dir(folder.path().join("example-plugins/audit-trail"));
    let target = folder.path().join("target");
    let output = build.env("CARGO_TARGET_DIR", &target).env_remove("RUSTFLAGS").output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert!(component(&target).is_some(), "no component below {}", target.display());
}

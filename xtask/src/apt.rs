//! Installing what a bare Debian machine lacks. Only as root, and never without saying what and why.

use std::path::Path;
use std::process::Command;
use std::sync::OnceLock;

use anyhow::Result;

use crate::step;

/// Whether packages can be installed here: we are root, and there is apt.
pub fn can_install() -> bool {
    rustix::process::geteuid().is_root() && Path::new("/usr/bin/apt-get").exists()
}

/// The line a developer with `sudo` would type.
pub fn line(packages: &[String]) -> String {
    format!("apt-get install --no-install-recommends {}", packages.join(" "))
}

/// Installs packages. It removes none: what the developer chose stays, and apt then says what stands in the way.
pub fn install(packages: &[String], why: &str) -> Result<()> {
    refresh();
    let names = packages.join(" ");
    step::say(&format!("installing {names}: {why}"));
    let mut command = Command::new("apt-get");
    command
        .args(["install", "--yes", "--no-remove", "--no-install-recommends"])
        .args(packages)
        .env("DEBIAN_FRONTEND", "noninteractive");
    step::quiet("apt-get install", &mut command)?;
    Ok(())
}

/// The packages that a package depends on by name, alternatives left out; none where there is no apt.
pub fn dependencies(package: &str) -> Vec<String> {
    let shown = step::ask(Command::new("apt-cache").args(["depends", package])).unwrap_or_default();
    shown.lines().filter_map(|line| line.trim().strip_prefix("Depends: ")).map(str::to_owned).collect()
}

/// Fetches the package lists, once per run, because a fresh machine has none. A failure is told but not final: lists
/// that are there may do.
pub fn refresh() {
    static DONE: OnceLock<()> = OnceLock::new();
    DONE.get_or_init(|| {
        let mut update = Command::new("apt-get");
        update.arg("update").env("DEBIAN_FRONTEND", "noninteractive");
        if let Err(error) = step::quiet("apt-get update", &mut update) {
            step::say(&format!("{error:#}"));
        }
    });
}

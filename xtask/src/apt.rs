//! Installs packages that a bare Debian machine lacks: only as root, and with a line that says which and why.

use std::path::Path;
use std::process::Command;
use std::sync::OnceLock;

use anyhow::Result;

use crate::step;

/// Whether packages can be installed: the user is root, and apt exists.
pub fn can_install() -> bool {
    rustix::process::geteuid().is_root() && Path::new("/usr/bin/apt-get").exists()
}

/// The command that a developer with `sudo` runs.
pub fn line(packages: &[String]) -> String {
    format!("apt-get install --no-install-recommends {}", packages.join(" "))
}

/// Installs packages and removes none. If one conflicts with an installed package, apt fails and names it.
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

/// The packages that a package depends on, without alternatives. Empty if there is no apt.
pub fn dependencies(package: &str) -> Vec<String> {
    let shown = step::ask(Command::new("apt-cache").args(["depends", package])).unwrap_or_default();
    shown.lines().filter_map(|line| line.trim().strip_prefix("Depends: ")).map(str::to_owned).collect()
}

/// Fetches the package lists, once per run, because a fresh machine has none. A failure is printed and ignored: older lists may
/// be enough.
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

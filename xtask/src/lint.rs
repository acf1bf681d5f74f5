//! `cargo xtask lint`: all checks that run no test. All of them run, also after a failure.

use std::process::Command;

use anyhow::{Result, bail};

use crate::guests::Set;
use crate::toolchain::{self, Target};
use crate::{book, packages, public_api, repo, step, tidy};

/// The SDK's folder; it is a workspace of its own.
const SDK: &str = "guest-sdk";

/// Runs every check.
pub fn run() -> Result<()> {
    let mut failed = Vec::new();
    let mut note = |outcome: Result<()>| {
        if let Err(error) = outcome {
            step::say(&format!("{} {error:#}", step::paint(step::RED, "FAILED")));
            failed.push(format!("{error:#}"));
        }
    };
    let guests = [Set::Examples.source(), Set::Tests.source()];
    for folder in [".", SDK].into_iter().chain(guests) {
        let mut fmt = repo::cargo(folder);
        note(step::run(&format!("rustfmt of {}", named(folder)), fmt.args(["fmt", "--all", "--check"])));
    }
    for folder in [".", SDK] {
        note(clippy(folder, None));
    }
    let target = guest_target();
    for folder in guests {
        note(clippy(folder, target));
    }
    for folder in [".", SDK] {
        let mut doc = repo::cargo(folder);
        doc.args(["doc", "--workspace", "--no-deps"]).env("RUSTDOCFLAGS", "-D warnings");
        note(step::run(&format!("rustdoc of {}", named(folder)), &mut doc));
    }
    note(book::run());
    note(packages::run());
    note(public_api::run());
    note(tidy::run());
    note(deny());
    if !failed.is_empty() {
        bail!("lint: {} checks failed", failed.len());
    }
    Ok(())
}

fn clippy(folder: &str, target: Option<Target>) -> Result<()> {
    let mut clippy = repo::cargo(folder);
    clippy.args(["clippy", "--workspace", "--all-targets"]);
    if let Some(target) = target {
        clippy.args(["--target", target.triple()]);
    }
    clippy.args(["--", "-D", "warnings"]);
    step::run(&format!("clippy of {}", named(folder)), &mut clippy)
}

/// A guest is linted for its own target if the toolchain with clippy has that target. Else it is linted for this machine:
/// then clippy does not see code that is compiled for wasm alone.
fn guest_target() -> Option<Target> {
    let active = toolchain::active_has(Target::Wasm).then_some(Target::Wasm);
    if active.is_none() {
        step::say(
            "the active toolchain has no wasm32-unknown-unknown: clippy checks the guests as code for this machine",
        );
    }
    active
}

fn deny() -> Result<()> {
    if step::ask(Command::new("cargo-deny").arg("--version")).is_err() {
        step::say("SKIPPED cargo deny: it is not installed (`cargo install cargo-deny`)");
        return Ok(());
    }
    step::run("cargo deny", repo::cargo(".").args(["deny", "check"]))
}

fn named(folder: &str) -> &str {
    if folder == "." { "the workspace" } else { folder }
}

//! `cargo xtask determinism`: two builds of the host, with different profiles, answer the same bytes.
//!
//! Both get the same component, which each compiles itself, the same seed, instant and request, and the same rows in the
//! guest's private database. What the answers contain is in `tests/guests/replay`. That every machine gives the same
//! answers is tested in `tests/determinism/mod.rs`.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, Result, bail};
use sha2::{Digest, Sha256};

use crate::guests::{self, BINARY, PACKAGE, Set};
use crate::{postgres, repo, step};

/// The other profile, beside `dev`.
const PROFILE: &str = "release";
/// Any 32 bytes, any instant and any id, the same for both builds.
const REPLAY: [&str; 6] = [
    "--seed",
    "0707070707070707070707070707070707070707070707070707070707070707",
    "--at",
    "2026-01-31T12:00:00.000001Z",
    "--request",
    "replayed",
];
/// The calls and their exit codes: a query, and a mutation that ends in an error, so that it changes nothing.
const CALLS: [(&str, i32); 2] = [("reads/all", 0), ("writes/all", 3)];

/// Builds both, and compares their answers to each other and to a second call.
pub fn run() -> Result<()> {
    postgres::ensure()?;
    guests::build_host()?;
    guests::build(Set::Tests)?;
    let mut build = repo::cargo(".");
    build.args(["build", "--package", PACKAGE, "--bin", BINARY, "--profile", PROFILE]);
    step::quiet(
        &format!("building palisade with profile {PROFILE}, which takes minutes the first time"),
        &mut build,
    )?;
    let usual = repo::palisade();
    let other = repo::target().join(PROFILE).join(usual.file_name().unwrap_or_default());
    let first = Build::new("dev", usual)?.answers()?;
    let second = Build::new(PROFILE, other)?.answers()?;
    for ((function, _), (one, two)) in CALLS.iter().zip(first.iter().zip(&second)) {
        if one != two {
            bail!("the build of profile {PROFILE} answers {function} differently:\n{one}\n{two}");
        }
        let hash = hex::encode(Sha256::digest(one));
        step::say(&format!("{function}: {} bytes, the same from both builds, sha256 {hash}", one.len()));
    }
    Ok(())
}

/// A build of the command, with an empty cache of compiled components.
struct Build {
    binary: PathBuf,
    compiled: PathBuf,
}

impl Build {
    fn new(profile: &str, binary: PathBuf) -> Result<Self> {
        let compiled = repo::target().join("determinism").join(profile);
        if compiled.exists() {
            fs::remove_dir_all(&compiled)?;
        }
        fs::create_dir_all(&compiled)?;
        Ok(Self { binary, compiled })
    }

    /// Its answer to each call. Each call is a process of its own.
    fn answers(&self) -> Result<Vec<String>> {
        let mut answers = Vec::new();
        for (function, code) in CALLS {
            let (first, second) = (self.call(function, code)?, self.call(function, code)?);
            if first != second {
                bail!(
                    "{} answers {function} differently the second time:\n{first}\n{second}",
                    self.binary.display()
                );
            }
            answers.push(first);
        }
        Ok(answers)
    }

    fn call(&self, function: &str, code: i32) -> Result<String> {
        let mut command = Command::new(&self.binary);
        command.args(["call", "replay", function, r#"{"rounds":0}"#]).args(REPLAY);
        command.arg("--dir").arg(Set::Tests.built().join("replay")).env("XDG_CACHE_HOME", &self.compiled);
        for name in ["DATABASE_URL", "PALISADE_TOKEN"] {
            command.env_remove(name);
        }
        let output = command.output().with_context(|| format!("cannot start {}", self.binary.display()))?;
        if output.status.code() != Some(code) {
            bail!("{function} failed ({}): {}", output.status, String::from_utf8_lossy(&output.stderr));
        }
        Ok(String::from_utf8(output.stdout)?)
    }
}

//! `cargo xtask determinism`: two builds of the host, as different as profiles make them, answer the same bytes.
//!
//! The same component, which either build compiles anew, the same seed, instant and request, and the same rows, in the guest's
//! private database. What the answers hold is in `tests/guests/replay`; that they are those of every other
//! machine too is tested in `tests/determinism.rs`.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, Result, bail};
use sha2::{Digest, Sha256};

use crate::guests::{self, Set};
use crate::{postgres, repo, step};

/// The other profile, beside `dev`.
const PROFILE: &str = "release";
/// Any 32 bytes, any instant and any id will do, so long as both builds get the same.
const MOMENT: [&str; 6] = [
    "--seed",
    "0707070707070707070707070707070707070707070707070707070707070707",
    "--at",
    "2026-01-31T12:00:00.000001Z",
    "--request",
    "replayed",
];
/// The query, and the mutation, whose answer is its error: nothing is kept.
const CALLS: [(&str, i32); 2] = [("reads/all", 0), ("writes/all", 3)];

/// Builds both, and compares what they answer, also when called again.
pub fn run() -> Result<()> {
    postgres::ensure()?;
    guests::build_host()?;
    guests::build(Set::Tests)?;
    let mut build = repo::cargo(".");
    build.args(["build", "--package", "palisade", "--profile", PROFILE]);
    step::quiet(&format!("building palisade, profile {PROFILE}: minutes, the first time"), &mut build)?;
    let usual = repo::palisade();
    let other = repo::target().join(PROFILE).join(usual.file_name().unwrap_or_default());
    let first = Build::new("dev", usual)?.answers()?;
    let second = Build::new(PROFILE, other)?.answers()?;
    for ((function, _), (one, two)) in CALLS.iter().zip(first.iter().zip(&second)) {
        if one != two {
            bail!("{function} is answered otherwise by the build of the profile {PROFILE}:\n{one}\n{two}");
        }
        let hash = hex::encode(Sha256::digest(one));
        step::say(&format!("{function}: {} bytes, the same from both builds, sha256 {hash}", one.len()));
    }
    Ok(())
}

/// A build of the command, with compiled code of its own that nobody has kept before.
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

    /// What it answers to each call, in processes of their own.
    fn answers(&self) -> Result<Vec<String>> {
        let mut answers = Vec::new();
        for (function, code) in CALLS {
            let (first, second) = (self.call(function, code)?, self.call(function, code)?);
            if first != second {
                bail!(
                    "{} answers {function} otherwise the second time:\n{first}\n{second}",
                    self.binary.display()
                );
            }
            answers.push(first);
        }
        Ok(answers)
    }

    fn call(&self, function: &str, code: i32) -> Result<String> {
        let mut command = Command::new(&self.binary);
        command.args(["call", "replay", function, r#"{"rounds":0}"#]).args(MOMENT);
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

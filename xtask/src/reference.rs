//! `cargo xtask reference`: writes `docs/reference/`, the pages and schemas of the files that people write.
//!
//! They are made from the types that parse the files, by a test in the guard's crate (`host/guard/src/tests/reference/`), so that no
//! product depends on what makes them.

use anyhow::Result;

use crate::{repo, step};

/// Writes the pages and the schemas.
pub fn run() -> Result<()> {
    let mut test = repo::cargo(".");
    test.args(["test", "--package", "palisade-guard", "--lib", "--", "tests::reference::page::reference_is"]);
    step::quiet("writing docs/reference", test.env("PALISADE_REFERENCE", "write"))?;
    Ok(())
}

//! `palisade test --from ID`: makes a test of a call that a server has kept.

use super::TESTS;
use super::update;
use crate::folder;
use crate::output::{self, Line};
use crate::record::{self, Kept, KeptUser, Outcome};
use anyhow::{Context, Result};
use palisade::Source;
use serde_json::Value;
use std::fs::{self, OpenOptions};
use std::io::{ErrorKind, Write};
use std::path::Path;

/// Writes the test to a file of its own in the folder of the call's plugin.
pub(super) fn write(dir: &Path, id: u64) -> Result<()> {
    let project = dir.canonicalize().ok().filter(|dir| dir.is_dir());
    let project = project.ok_or_else(|| output::usage(format!("{} is not a folder", dir.display())))?;
    let kept = record::kept(&project, id)?;
    let is_its = |path: &std::path::PathBuf| {
        Source::open(path).is_ok_and(|source| source.name().as_str() == kept.plugin)
    };
    let plugin = folder::plugins(dir)?.into_iter().find(is_its);
    let plugin =
        plugin.ok_or_else(|| output::usage(format!("there is no plugin `{}` any more", kept.plugin)))?;
    let text = text(id, &kept)?;
    let tests = plugin.join(TESTS);
    fs::create_dir_all(&tests).with_context(|| format!("cannot make {}", tests.display()))?;
    let path = tests.join(format!("recorded-{id}.toml"));
    match OpenOptions::new().write(true).create_new(true).open(&path) {
        Ok(mut file) => {
            file.write_all(text.as_bytes()).with_context(|| format!("cannot write {}", path.display()))?;
        }
        Err(error) if error.kind() == ErrorKind::AlreadyExists => {
            return Err(output::usage(format!("{} exists already: remove it first", path.display())));
        }
        Err(error) => return Err(error).with_context(|| format!("cannot write {}", path.display())),
    }
    Line::of(path.display()).print();
    Line::of("add the rows that the call has found to [test.before]: they are not kept").remark();
    Ok(())
}

fn text(id: u64, kept: &Kept) -> Result<String> {
    let at = jiff::Timestamp::from_microsecond(kept.instant).context("the kept call has no instant")?;
    let Kept { plugin, version, function, arguments, caller, seed, outcome, .. } = kept;
    let mut text = format!(
        "# Made of the call {id} of {plugin} {version}. The rows that it has found are not kept.\n\n"
    );
    if let Some(KeptUser { name, roles, .. }) = caller {
        let roles: Value = roles.iter().map(String::as_str).collect();
        let user = update::entry(name, &serde_json::json!({ "roles": roles }));
        text.extend(["[users]\n", &user, "\n\n"]);
    }
    let entry = |key: &str, value: &Value| update::entry(key, value) + "\n";
    let string = |key: &str, value: &str| entry(key, &Value::from(value));
    text.push_str("[[test]]\n");
    text.push_str(&string("name", &format!("the recorded call {id} of `{function}`")));
    text.push_str(&string("at", &at.to_string()));
    text.push_str(&string("seed", seed));
    text.push_str("\n[[test.steps]]\n");
    text.push_str(&string("call", function));
    if let Some(KeptUser { name, .. }) = caller {
        text.push_str(&string("caller", name));
    }
    text.push_str(&entry("arguments", arguments));
    text.push_str(&match outcome {
        Outcome::Answer(Value::Null) => "answer-json = \"null\"\n".to_owned(),
        Outcome::Answer(value) => entry("answer", value),
        Outcome::Error(Value::Null) => "error-json = \"null\"\n".to_owned(),
        Outcome::Error(value) => entry("error", value),
        Outcome::Fails(sentence) => string("fails", sentence),
    });
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::test::form::File;
    use serde_json::json;

    #[test]
    fn test_of_a_kept_call_has_all_of_it() {
        for (outcome, caller) in [
            (
                json!({ "answer": [1, { "a": null }] }),
                json!({ "id": "x", "name": "Ada \"B\"", "roles": ["r"] }),
            ),
            (json!({ "answer": null }), Value::Null),
            (json!({ "error": "no" }), Value::Null),
            (json!({ "fails": "limit" }), Value::Null),
        ] {
            let kept: Kept = serde_json::from_value(json!({
                "plugin": "a", "version": "0.1.0", "function": "b/c", "arguments": { "list": [null], "n": 1 },
                "caller": caller, "request": "r", "seed": "07".repeat(32), "instant": 1_769_860_800_000_001_i64,
                "integers-as-strings": false, "outcome": outcome,
            }))
            .unwrap();
            let file = File::parse("tests/a.toml", text(7, &kept).unwrap()).unwrap();
            let test = &file.tests[0];
            assert_eq!(Some(test.replay), kept.replay(), "{}", file.text);
            assert_eq!(test.steps[0].caller, kept.caller.as_ref().map(|caller| caller.name.clone()));
            assert!(test.steps[0].expected.is_some());
        }
    }
}

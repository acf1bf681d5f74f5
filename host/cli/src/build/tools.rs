//! Finds the tools of a language, and runs them.
//!
//! Nothing is installed, and nothing that a tool says is lost: a failure has all that it printed.

use std::env;
use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};

/// A program on the `PATH`.
pub(super) fn find(name: &str) -> Option<PathBuf> {
    let path = env::var_os("PATH")?;
    env::split_paths(&path).map(|folder| folder.join(name)).find(|file| file.is_file())
}

/// The program with the highest version of those on the `PATH` that are named `NAME-VERSION`, as Debian names them.
pub(super) fn find_versioned(name: &str) -> Option<(PathBuf, u32)> {
    let path = env::var_os("PATH")?;
    let folders = env::split_paths(&path).filter_map(|folder| fs::read_dir(folder).ok());
    let versions = folders.flatten().flatten().filter_map(|entry| {
        let version = entry.file_name().to_str()?.strip_prefix(name)?.strip_prefix('-')?.parse().ok()?;
        Some((entry.path(), version))
    });
    versions.max_by_key(|(_, version)| *version)
}

/// What each of cargo's messages begins with that is not for people.
const FOR_PROGRAMS: &str = "{\"reason\":";

/// What a tool printed.
pub(super) struct Printed {
    pub(super) stdout: String,
    pub(super) stderr: String,
}

/// Runs a tool to its end. A failure has all that it printed.
pub(super) fn run(command: &mut Command) -> Result<Printed> {
    let name = Path::new(command.get_program()).file_name().unwrap_or_else(|| OsStr::new("the tool"));
    let name = name.to_string_lossy().into_owned();
    let ended = command.stdin(Stdio::null()).output().with_context(|| format!("cannot start {name}"))?;
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).trim_end().to_owned();
    let printed = Printed { stdout: text(&ended.stdout), stderr: text(&ended.stderr) };
    if !ended.status.success() {
        bail!("{name} failed ({}):\n{}", ended.status, whole(&printed));
    }
    Ok(printed)
}

/// Both streams of a tool. What is empty is left out, and so are cargo's messages for programs.
fn whole(printed: &Printed) -> String {
    let lines = [&printed.stdout, &printed.stderr].into_iter().flat_map(|stream| stream.lines());
    lines.filter(|line| !line.starts_with(FOR_PROGRAMS)).collect::<Vec<_>>().join("\n")
}

/// The first line that a program prints when it is asked for something, or nothing if it fails.
pub(super) fn ask(command: &mut Command) -> Option<String> {
    let ended = command.stdin(Stdio::null()).stderr(Stdio::null()).output().ok()?;
    ended.status.success().then(|| String::from_utf8_lossy(&ended.stdout).into_owned())
}

/// The folder for files that all plugins of a user share; `cargo xtask` uses the same.
pub(super) fn cache() -> Result<PathBuf> {
    let absolute = |name| env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute());
    absolute("PALISADE_CACHE")
        .or_else(|| Some(absolute("XDG_CACHE_HOME")?.join("palisade")))
        .or_else(|| Some(absolute("HOME")?.join(".cache/palisade")))
        .context(
            "neither HOME nor XDG_CACHE_HOME is set: set PALISADE_CACHE to a folder for what builds share",
        )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn failure_of_a_tool_has_all_that_it_printed() {
        let mut shell = Command::new("sh");
        shell.args(["-c", "echo '{\"reason\":1}'; echo to stdout; echo first >&2; echo last >&2; exit 3"]);
        let message = run(&mut shell).err().expect("a failure").to_string();
        assert_eq!(message, "sh failed (exit status: 3):\nto stdout\nfirst\nlast");
        let message = run(&mut Command::new("/no/such/tool")).err().expect("a failure").to_string();
        assert_eq!(message, "cannot start tool");
    }

    #[test]
    fn program_that_is_not_on_the_path_is_none() {
        assert!(find("sh").is_some());
        assert!(find("no-such-program").is_none() && find_versioned("no-such-program").is_none());
    }
}

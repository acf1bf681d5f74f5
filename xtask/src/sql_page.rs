//! `cargo xtask sql-page`: writes `docs/sql.md`, the page for authors of SQL.
//!
//! The lists are in the guard's crate, and a test there makes the page from them (`host/guard/src/db/gate/tests/page.rs`). What
//! the lists do not know are the functions' signatures: this asks private servers for them.

use std::collections::BTreeMap;
use std::env;
use std::fs;
use std::os::unix::fs::chown;
use std::path::{Path, PathBuf};
use std::process::{self, Command};

use anyhow::{Context, Result};

use crate::{postgres, repo, step};

/// The user who has no rights on Linux systems.
const NOBODY: u32 = 65_534;
/// The functions of a server: name, types of the arguments, the call as it is shown, and the type of the result.
const QUERY: &str = "SELECT p.proname, array_to_string(t.names, ','), \
    p.proname || '(' || CASE WHEN a.aggkind IN ('o', 'h') THEN \
      array_to_string(t.names[:a.aggnumdirectargs], ', ') || ') WITHIN GROUP (ORDER BY ' \
        || CASE WHEN p.provariadic <> 0 THEN '…' ELSE array_to_string(t.names[a.aggnumdirectargs + 1:], ', ') END || ')' \
    ELSE array_to_string(t.names[:p.pronargs - p.pronargdefaults - (p.provariadic <> 0)::int], ', ') \
      || CASE WHEN p.pronargdefaults > 0 THEN CASE WHEN p.pronargs > p.pronargdefaults THEN ' [, ' ELSE '[' END \
           || array_to_string(t.names[p.pronargs - p.pronargdefaults + 1:], ', ') || ']' ELSE '' END \
      || CASE WHEN p.provariadic = 0 THEN '' WHEN p.pronargs > 1 THEN ', …' ELSE '…' END || ')' END, \
    format_type(p.prorettype, NULL), CASE WHEN p.proretset THEN 'rows' ELSE '' END \
  FROM pg_proc p LEFT JOIN pg_aggregate a ON a.aggfnoid = p.oid, \
    LATERAL (SELECT coalesce(array_agg(format_type(x, NULL) ORDER BY n), '{}') AS names \
             FROM unnest(p.proargtypes) WITH ORDINALITY AS u (x, n)) t \
  WHERE p.pronamespace = 'pg_catalog'::regnamespace AND p.provolatile <> 'v' ORDER BY 1, 2";

/// Asks the servers whose binaries are in these folders, the oldest first, and writes the page.
pub fn run(folders: &[PathBuf]) -> Result<()> {
    let folders = if folders.is_empty() { vec![postgres::folder()?] } else { folders.to_vec() };
    let mut rows: BTreeMap<String, String> = BTreeMap::new();
    for folder in &folders {
        let (version, functions) = functions(folder)?;
        for row in functions.lines() {
            rows.entry(row.to_owned()).or_insert_with(|| version.clone());
        }
    }
    let path = repo::target().join("sql-signatures.tsv");
    let lines: Vec<String> = rows.iter().map(|(row, version)| format!("{row}\t{version}")).collect();
    fs::write(&path, lines.join("\n"))?;
    let mut test = repo::cargo(".");
    test.args(["test", "--package", "palisade-guard", "--lib", "--", "db::gate::tests::page"]);
    step::quiet("writing docs/sql.md", test.env("PALISADE_SQL_SIGNATURES", &path))?;
    Ok(())
}

/// The version of a server and its functions, from a cluster that exists as long as it is asked.
fn functions(folder: &Path) -> Result<(String, String)> {
    let home = env::temp_dir().join(format!("palisade-sql-page-{}", process::id()));
    let asked = ask(folder, &home);
    // What is left of a failed run is in the system's folder for temporary files.
    let _ = fs::remove_dir_all(&home);
    asked.with_context(|| format!("asking the server in {}", folder.display()))
}

fn ask(folder: &Path, home: &Path) -> Result<(String, String)> {
    fs::create_dir(home)?;
    if rustix::process::geteuid().is_root() {
        chown(home, Some(NOBODY), Some(NOBODY))?;
    }
    let data = home.join("data");
    let mut initdb = command(folder, "initdb", home);
    step::quiet(
        "making a private cluster",
        initdb.arg("-D").arg(&data).args(["-U", "postgres", "--no-sync"]),
    )?;
    let (rows, version, script) = (home.join("rows"), home.join("version"), home.join("script"));
    let number = "SELECT current_setting('server_version_num')::int / 10000";
    let copy = |query: &str, to: &Path| format!("COPY ({query}) TO '{}'\n", to.display());
    fs::write(&script, copy(QUERY, &rows) + &copy(number, &version))?;
    // A server of a single user needs no socket and no client, and takes one statement a line.
    let mut server = command(folder, "postgres", home);
    server.arg("--single").arg("-D").arg(&data).arg("postgres").env("SCRIPT", &script);
    step::quiet("asking PostgreSQL for its functions", &mut server)?;
    Ok((fs::read_to_string(&version)?.trim().to_owned(), fs::read_to_string(&rows)?))
}

/// A program of PostgreSQL, which refuses to run as root. It reads what the variable `SCRIPT` names.
fn command(folder: &Path, program: &str, home: &Path) -> Command {
    let mut command = Command::new("sh");
    command.arg("-c").arg("exec \"$@\" < \"${SCRIPT:-/dev/null}\"").arg("sh");
    if rustix::process::geteuid().is_root() {
        command.args([
            "setpriv",
            &format!("--reuid={NOBODY}"),
            &format!("--regid={NOBODY}"),
            "--clear-groups",
        ]);
    }
    let libraries = folder.parent().map(|parent| parent.join("lib")).unwrap_or_default();
    command.arg(folder.join(program)).current_dir(home).env("LD_LIBRARY_PATH", libraries);
    command
}

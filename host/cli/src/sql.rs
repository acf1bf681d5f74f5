//! `palisade sql --check`: what the gate makes of each statement of a file, without a server and without a component.
//!
//! The tables come from the plugin's migrations, the grants from its manifest. The gate is in `host/guard/src/db/gate`, and
//! `docs/sql.md` lists what it accepts.

use crate::check::migrations;
use crate::output::{self, Line};
use anstyle::AnsiColor;
use anyhow::{Context, Result, anyhow, bail};
use clap::Args;
use palisade_guard::db::catalogue::Catalogue;
use palisade_guard::db::gate::{self, Verdict};
use palisade_guard::db::migration::Tables;
use palisade_guard::limits::{MANIFEST_BYTES_MAX, MIGRATION_BYTES_MAX};
use palisade_guard::manifest::Manifest;
use palisade_store::files::{self, Folder};
use serde_json::{Value, json};
use std::io::Read as _;
use std::path::{Path, PathBuf};

/// Checks statements as the host does, without a server
///
/// Prints a line for each statement that is refused, with its place, the reason and the line itself. The tables are those that
/// the plugin's migrations make, and the grants those of its manifest; no component is needed. What only PostgreSQL knows is not
/// checked: the types of operands and parameters, labels of enums, and what GROUP BY asks for.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  palisade sql --check queries.sql --dir plugins/blog\n  echo 'SELECT 1' | palisade sql --check -"
)]
pub(super) struct SqlArgs {
    /// The file with the statements, or - for the standard input
    #[arg(long, value_name = "FILE")]
    check: PathBuf,
    /// The plugin's folder, with its manifest and its migrations
    #[arg(long, value_name = "DIR", default_value = ".")]
    dir: PathBuf,
    /// Print an array of objects with the members line, column and reason, which is null for an accepted statement
    #[arg(long)]
    json: bool,
}

/// Runs the command.
pub(super) fn run(args: &SqlArgs) -> Result<()> {
    let (name, text) = source(&args.check)?;
    let verdicts = gate::check(&catalogue(&args.dir)?, &text);
    if args.json {
        output::json(&verdicts.iter().map(|Verdict { line, column, reason }| {
            json!({ "line": line, "column": column, "reason": reason })
        }).collect::<Value>());
    } else {
        for verdict in &verdicts {
            print(&name, &text, verdict);
        }
    }
    match verdicts.iter().filter(|verdict| verdict.reason.is_some()).count() {
        0 => Ok(()),
        refused => bail!("{refused} of {} statements are refused", verdicts.len()),
    }
}

fn print(name: &str, text: &str, Verdict { line, column, reason }: &Verdict) {
    let place = Line::of(format_args!("{name}:{line}:{column}: "));
    let Some(reason) = reason else {
        place.text("accepted").print();
        return;
    };
    place.text(reason).print();
    let shown = text.lines().nth(line.saturating_sub(1)).unwrap_or_default();
    // A tab is printed as an escape, which would move the caret.
    Line::of("  ").text(shown.replace('\t', " ")).print();
    let before = " ".repeat(column.saturating_add(1));
    Line::of(before).styled(AnsiColor::Red.on_default().bold(), "^").print();
}

/// The name of the file with the statements, and its text.
fn source(path: &Path) -> Result<(String, String)> {
    let max = MIGRATION_BYTES_MAX as u64;
    if path == Path::new("-") {
        let mut text = String::new();
        std::io::stdin()
            .take(max.saturating_add(1))
            .read_to_string(&mut text)
            .context("cannot read the standard input")?;
        return Ok(("-".to_owned(), text));
    }
    let name = path.display().to_string();
    let text = files::open(path).and_then(|file| files::read_text(file, max));
    Ok((name.clone(), text.with_context(|| format!("cannot read {name}"))?))
}

/// The tables that the migrations of a plugin's folder make, with the grants of its manifest.
fn catalogue(dir: &Path) -> Result<Catalogue> {
    let cannot = |name: &Path| format!("cannot read {}", dir.join(name).display());
    let folder = Folder::open(dir).with_context(|| format!("cannot open {}", dir.display()))?;
    let name = Path::new("palisade.toml");
    let text = folder.file(name).and_then(|file| files::read_text(file, MANIFEST_BYTES_MAX));
    let manifest =
        Manifest::parse(&text.with_context(|| cannot(name))?, &dir.join(name)).map_err(|why| anyhow!(why))?;
    let migrations = migrations::read(&folder, &manifest).map_err(|finding| anyhow!("{finding}"))?;
    let schema = migrations::schema(&manifest);
    let files = migrations.iter().map(|(name, text)| (name.as_str(), text.as_str()));
    Ok(Tables::read(&schema, &manifest.grants.db.extensions, files)?.catalogue(&schema, &manifest.grants.db))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    const MANIFEST: &str = "[plugin]\nname = \"shop\"\nversion = \"0.1.0\"\ncomponent = \"shop.wasm\"\n\
                            [grants.db]\nquery = true\n\
                            [grants.db.tables.things]\nselect = [\"id\", \"title\"]\n";

    fn plugin(migrations: &[(&str, &str)], sql: &str) -> (tempfile::TempDir, SqlArgs) {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("palisade.toml"), MANIFEST).unwrap();
        fs::create_dir(folder.path().join("migrations")).unwrap();
        for (name, text) in migrations {
            fs::write(folder.path().join("migrations").join(name), text).unwrap();
        }
        let check = folder.path().join("queries.sql");
        fs::write(&check, sql).unwrap();
        let args = SqlArgs { check, dir: folder.path().to_owned(), json: false };
        (folder, args)
    }

    #[test]
    fn statements_are_checked_against_the_tables_of_all_migrations_in_numeric_order() {
        let migrations = [
            ("10.sql", "ALTER TABLE things RENAME COLUMN name TO title"),
            ("2.sql", "CREATE TABLE things (id bigint PRIMARY KEY, name text)"),
        ];
        let (_folder, args) = plugin(&migrations, "SELECT id, title FROM things WHERE id = $1;");
        run(&args).unwrap();
        for sql in ["SELECT name FROM things", "DELETE FROM things", "SELECT 1; SELECT pg_sleep(1)"] {
            let (_folder, args) = plugin(&migrations, sql);
            let error = run(&args).unwrap_err().to_string();
            assert!(error.contains("1 of"), "{sql}: {error}");
        }
    }

    #[test]
    fn statements_are_checked_with_the_extensions_of_the_manifest() {
        let migrations = [(
            "1.sql",
            "CREATE TABLE things (id bigint PRIMARY KEY, title varchar(80), place vector(3));\n\
             CREATE INDEX by_title ON things USING gin (title gin_trgm_ops);",
        )];
        let sql = "SELECT id FROM things WHERE title % $1 ORDER BY similarity(title, $1) DESC;";
        let (folder, args) = plugin(&migrations, sql);
        let granted =
            MANIFEST.replace("query = true", "query = true\nextensions = [\"pg_trgm\", \"vector\"]");
        fs::write(folder.path().join("palisade.toml"), granted).unwrap();
        run(&args).unwrap();
        fs::write(folder.path().join("palisade.toml"), MANIFEST).unwrap();
        let error = run(&args).unwrap_err().to_string();
        assert!(error.contains("1.sql:1") && error.contains("extensions = [\"vector\"]"), "{error}");
    }

    #[test]
    fn migration_or_file_that_cannot_be_used_is_named() {
        let (folder, mut args) = plugin(&[("1.sql", "DROP SCHEMA public")], "SELECT 1");
        assert!(run(&args).unwrap_err().to_string().contains("1.sql:1"));
        args.check = folder.path().join("absent.sql");
        assert!(run(&args).unwrap_err().to_string().contains("absent.sql"));
    }
}

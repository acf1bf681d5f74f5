//! The migrations of a folder, and the grants on their tables.

use super::Plugin;
use super::finding::{Finding, Place};
use palisade_guard::db::gate::Verdict;
use palisade_guard::db::migration::Tables;
use palisade_guard::db::migration_file;
use palisade_guard::grant::{ColumnSet, TableGrant};
use palisade_guard::limits::{MIGRATION_BYTES_MAX, MIGRATIONS_BYTES_MAX};
use palisade_guard::manifest::Manifest;
use palisade_guard::mistakes::instead;
use palisade_store::files::{self, Folder};

/// The schema of a plugin.
pub(crate) fn schema(manifest: &Manifest) -> String {
    format!("plugin_{}", manifest.plugin.name.snake())
}

/// Checks every migration and every granted table and column. Returns the tables; `None` if the migrations do not say all of them.
pub(super) fn check(plugin: &Plugin<'_>, found: &mut Vec<Finding>) -> Option<Tables> {
    let Plugin { folder, manifest, .. } = plugin;
    let inner = manifest.plugin.migrations.display().to_string();
    let files = match read(folder, manifest) {
        Ok(files) => files,
        Err(finding) => {
            found.push(finding);
            return None;
        }
    };
    let texts = files.iter().map(|(name, text)| (name.as_str(), text.as_str()));
    let (tables, refused) = Tables::judged(&schema(manifest), &manifest.grants.db.extensions, texts.clone());
    for (name, Verdict { line, column, reason }) in &refused {
        let text = texts.clone().find(|(other, _)| other == name).map_or("", |(_, text)| text);
        let place =
            Place::of_line(&format!("{inner}/{name}"), text, *line, *column, word(text, *line, *column));
        found.push(Finding::at(reason.clone().unwrap_or_default(), place));
    }
    if !refused.is_empty() {
        return None;
    }
    if plugin.knows_grants {
        for (table, grant) in &manifest.grants.db.tables {
            granted(plugin, &tables, table, grant, found);
        }
    }
    Some(tables)
}

/// The migrations in the order in which they run.
pub(crate) fn read(folder: &Folder, manifest: &Manifest) -> Result<Vec<(String, String)>, Finding> {
    let inner = &manifest.plugin.migrations;
    let cannot = |path: &std::path::Path, error: &dyn std::fmt::Display| {
        Finding::new(format!("cannot read {}: {error}", path.display()))
    };
    let names = folder.names(inner, "sql").map_err(|error| cannot(inner, &error))?;
    let names = migration_file::ordered(names)
        .map_err(|why| Finding::at(why, Place::whole(&inner.display().to_string())))?;
    let (mut left, mut migrations) = (MIGRATIONS_BYTES_MAX, Vec::new());
    for name in names {
        let path = inner.join(&name);
        let text =
            folder.file(&path).and_then(|file| files::read_text(file, left.min(MIGRATION_BYTES_MAX as u64)));
        let text = text.map_err(|error| cannot(&path, &error))?;
        left = left.saturating_sub(text.len() as u64);
        migrations.push((name, text));
    }
    Ok(migrations)
}

/// Checks that a granted table has what is granted.
fn granted(plugin: &Plugin<'_>, tables: &Tables, name: &str, grant: &TableGrant, found: &mut Vec<Finding>) {
    let path = ["grants", "db", "tables", name];
    let Some((_, columns)) = tables.tables().find(|(table, _)| *table == name) else {
        let known: Vec<&str> = tables.tables().map(|(table, _)| table).collect();
        let sentence = format!(
            "no migration makes the table `{name}`: {}; write CREATE TABLE in a migration, or correct the name",
            instead(name, "tables", &known)
        );
        return found.push(plugin.of_manifest(sentence, &path));
    };
    let known: Vec<&str> = columns.iter().map(|column| column.name.as_str()).collect();
    for (operation, set) in [("select", &grant.select), ("insert", &grant.insert), ("update", &grant.update)]
    {
        let ColumnSet::Some(named) = set else { continue };
        for column in named.iter().filter(|column| !known.contains(&column.as_str())) {
            let sentence = format!(
                "the table `{name}` has no column `{column}`: {}",
                instead(column, "columns", &known)
            );
            let path = [&path[..], &[operation, column]].concat();
            found.push(plugin.of_manifest(sentence, &path));
        }
    }
    let Some(owner) = &grant.owner else { return };
    let path = [&path[..], &["owner"]].concat();
    match columns.iter().find(|column| column.name == *owner) {
        None => {
            let sentence = format!(
                "the table `{name}` has no column `{owner}`, which is to name the owner of a row: {}",
                instead(owner, "columns", &known)
            );
            found.push(plugin.of_manifest(sentence, &path));
        }
        Some(column) if column.data_type.name() != "uuid" => {
            let sentence = format!(
                "the column `{owner}` of the table `{name}` is to name the owner of a row, and is no `uuid`: change its type in a \
                 migration, or name another column"
            );
            found.push(plugin.of_manifest(sentence, &path));
        }
        Some(_) => {}
    }
}

/// How long the word at a place is.
pub(super) fn word(text: &str, line: usize, column: usize) -> usize {
    let line = text.lines().nth(line.saturating_sub(1)).unwrap_or_default();
    let rest = line.chars().skip(column.saturating_sub(1));
    rest.take_while(|letter| letter.is_alphanumeric() || *letter == '_').count()
}

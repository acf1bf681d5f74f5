//! A plugin's schema: how it is made, handed over to its owner, and migrated as that role.
//!
//! The files run in one transaction. It ends early, and another follows, after a file that adds a label to an enum, which
//! PostgreSQL lets nobody use before the commit, and before a file that builds an index alone ([`index`](super::index)).
//!
//! What the installed version uses is not taken away in passing: the login has rights on exactly the columns that this
//! version is granted, so a column is in use if the login has a right on it when the first file begins. A file that drops or
//! renames one has to say that it does, with the line [`CONTRACT`]: a release stops using a column, and a later one takes it
//! away.
//!
//! A plugin's author writes its migrations. The guard lets only statements about the schema pass, and the role that
//! runs them has no rights anywhere else, so a statement that slips through reaches nothing. The host records which
//! migrations ran in a table that this role cannot write.

use super::extensions;
use super::index::Index;
use super::migrate;
use super::role::{InstallFailure, Look, Work};
use super::tables;
use palisade_guard::db::extension::Extensions;
use palisade_guard::db::migration_file::{CONTRACT, Way, is_contract, with_plain_ends, with_windows_ends};
use sha2::{Digest, Sha256};
use std::collections::BTreeSet;

/// Finds everything in a schema that a migration can make and that another role owns, and returns the statements that
/// hand it over: an earlier version of the host owned schemas itself. What belongs to a table is handed over with the
/// table.
const HAND_OVER: &str = "\
    WITH owner AS (SELECT oid, rolname FROM pg_catalog.pg_roles WHERE rolname = $2), \
        schema AS (SELECT oid, nspname, nspowner FROM pg_catalog.pg_namespace WHERE nspname = $1) \
    SELECT format('ALTER SCHEMA %I OWNER TO %I', nspname, rolname) AS statement, 1 AS place FROM schema, owner \
        WHERE nspowner <> owner.oid \
    UNION ALL SELECT format('ALTER TABLE %I.%I OWNER TO %I', nspname, relname, rolname), 2 \
        FROM pg_catalog.pg_class AS class JOIN schema ON relnamespace = schema.oid, owner \
        WHERE relkind IN ('r', 'p') AND relowner <> owner.oid \
    UNION ALL SELECT format('ALTER TYPE %I.%I OWNER TO %I', nspname, typname, rolname), 3 \
        FROM pg_catalog.pg_type AS type JOIN schema ON typnamespace = schema.oid, owner \
        WHERE typtype = 'e' AND typowner <> owner.oid \
    ORDER BY place";

/// The columns of a schema's tables, and whether a login has a right on each.
const COLUMNS: &str = "SELECT c.oid, a.attnum, c.relname::text, a.attname::text, \
        pg_catalog.has_column_privilege($2::name, c.oid, a.attnum, 'SELECT, INSERT, UPDATE') \
    FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace \
    JOIN pg_catalog.pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped \
    WHERE n.nspname = $1 AND c.relkind IN ('r', 'p') ORDER BY c.relname, a.attnum";

/// What PostgreSQL says to the use of an enum's label that the same transaction has added.
const NEW_LABEL: &str = "55P04"; // wire: PostgreSQL, appendix A

/// A column, by the numbers that stay when it is renamed and by its names.
type Used = (u32, i16, String, String);

/// What a migration has done.
#[derive(Default)]
pub(super) struct Migrated {
    /// The files that have run.
    pub files: Vec<String>,
    /// Whether the transaction must end before the next file runs.
    pub is_partial: bool,
    /// The index that is to be built then.
    pub index: Option<Index>,
}

impl Work<'_> {
    /// Makes the schema, if it is missing, and gives it and everything in it to its owner.
    pub(super) async fn take_schema(&self) -> Result<(), InstallFailure> {
        let Self { client, schema, owner, .. } = self;
        client.batch_execute(&format!("CREATE SCHEMA IF NOT EXISTS {schema} AUTHORIZATION {owner}")).await?;
        for row in client.query(HAND_OVER, &[schema, owner]).await? {
            client.batch_execute(row.get(0)).await?;
        }
        Ok(())
    }

    /// Runs the migrations that have not run yet, as far as one transaction goes, and refuses a file that has changed since it
    /// ran.
    pub(super) async fn migrate(&self, extensions: &Extensions) -> Result<Migrated, InstallFailure> {
        let new = self.pending().await?;
        let (mut done, mut is_open) = (Migrated::default(), false);
        let used = if new.is_empty() { BTreeSet::new() } else { self.columns(true).await? };
        for (number, (name, text)) in (1..).zip(&new) {
            let (file, text) = (format!("migrations/{name}"), with_plain_ends(text));
            let way = Way::parse(&self.schema, extensions, &file, &text)
                .map_err(|refusal| InstallFailure::Sentence(refusal.to_string()))?;
            let statements = match way {
                Way::Together(statements) => statements,
                Way::Alone { together, .. } if self.is_rehearsal => vec![together],
                Way::Alone { concurrently, .. } => {
                    let checksum = checksum(&text);
                    done.index = Some(Index { name: name.clone(), statement: concurrently, checksum });
                    done.is_partial = true;
                    break;
                }
            };
            if !is_open {
                // A policy, and the bound on a row's values, would prevent a change of the columns that they name.
                self.disown_all().await?;
                self.unbound_values().await?;
                self.client.batch_execute(&format!("SET LOCAL search_path = {}", self.schema)).await?;
                is_open = true;
            }
            match self.run(&file, &statements).await {
                Err(InstallFailure::Server(error))
                    if self.is_rehearsal && error.code().is_some_and(|code| code.code() == NEW_LABEL) =>
                {
                    return Err(InstallFailure::Sentence(format!(
                        "{file} cannot be tried: it uses a label of an enum that an earlier file adds, which PostgreSQL allows \
                         after a commit; what comes before it can run. Without --check each file is committed, and this one can \
                         follow: `palisade migrate --check --new` tries all files so, in a new private database"
                    )));
                }
                ran => ran?,
            }
            if !is_contract(&text) {
                self.keeps(&used, &file).await?;
            }
            let note = "INSERT INTO palisade.plugin_migrations (plugin, name, checksum) VALUES ($1, $2, $3)";
            self.client.execute(note, &[&self.plan.name.as_str(), name, &checksum(&text)]).await?;
            done.files.push(name.clone());
            let adds = |text: &String| text.starts_with("ALTER TYPE ") && text.contains(" ADD VALUE ");
            if number < new.len() && statements.iter().any(adds) && !self.is_rehearsal {
                done.is_partial = true;
                break;
            }
        }
        Ok(done)
    }

    /// The files that have not run yet, in their order. Refuses a file that has changed since it ran, or is missing.
    pub(super) async fn pending(&self) -> Result<Vec<&(String, String)>, InstallFailure> {
        // What was only begun, such as an index, is recorded otherwise.
        let known = "SELECT name, checksum FROM palisade.plugin_migrations WHERE plugin = $1 AND octet_length(checksum) = $2 \
             ORDER BY name";
        let length = i32::try_from(<Sha256 as Digest>::output_size()).unwrap_or_default();
        let known = self.client.query(known, &[&self.plan.name.as_str(), &length]).await?;
        let known: Vec<(String, Vec<u8>)> = known.iter().map(|row| (row.get(0), row.get(1))).collect();
        for (name, recorded) in &known {
            match self.plan.migrations.iter().find(|(file, _)| file == name) {
                Some((_, text)) if is_recorded(text, recorded) => {}
                Some(_) => {
                    return Err(InstallFailure::Sentence(format!(
                        "migrations/{name} has changed since it ran here: restore it, and write the change as a new file. If no \
                         other database has run it yet, you may keep the change and make your private database anew: \
                         `palisade db reset`"
                    )));
                }
                None => {
                    return Err(InstallFailure::Sentence(format!(
                        "migrations/{name} ran here and is missing now: restore the file"
                    )));
                }
            }
        }
        let is_new = |(file, _): &&(String, String)| known.iter().all(|(name, _)| name != file);
        Ok(self.plan.migrations.iter().filter(is_new).collect())
    }

    /// Looks which files have not run yet, and checks them and, if there are none, the grants. Only reads.
    pub(super) async fn looked(&self) -> Result<Look, InstallFailure> {
        let login = "SELECT EXISTS (SELECT FROM pg_catalog.pg_roles WHERE rolname = $1)";
        let is_installed = self.client.query_one(login, &[&self.role]).await?.get(0);
        let pending = if migrate::is_new(self.client).await? {
            self.plan.migrations.iter().collect()
        } else {
            self.pending().await?
        };
        let extensions = extensions::place(self.client, &self.plan.grants.db).await?;
        let checked = pending.into_iter().map(|(name, text)| {
            let (file, text) = (format!("migrations/{name}"), with_plain_ends(text));
            let checked = Way::parse(&self.schema, &extensions, &file, &text);
            checked.map(|_| name.clone()).map_err(|refusal| InstallFailure::Sentence(refusal.to_string()))
        });
        let pending = checked.collect::<Result<Vec<_>, _>>()?;
        if pending.is_empty() && is_installed {
            for (table, grant) in &self.plan.grants.db.tables {
                tables::check(self.client, &self.schema, table, grant).await?;
            }
        }
        Ok(Look { is_installed, pending })
    }

    /// The columns of the schema's tables: all of them, or those that the installed version uses.
    async fn columns(&self, used: bool) -> Result<BTreeSet<Used>, InstallFailure> {
        let rows = self.client.query(COLUMNS, &[&self.schema, &self.role]).await?;
        let rows = rows.iter().filter(|row| !used || row.get(4));
        Ok(rows.map(|row| (row.get(0), row.get(1), row.get(2), row.get(3))).collect())
    }

    /// Refuses what a file has done if it took away a column that the installed version uses.
    async fn keeps(&self, used: &BTreeSet<Used>, file: &str) -> Result<(), InstallFailure> {
        if used.is_empty() {
            return Ok(());
        }
        let left = self.columns(false).await?;
        let Some((_, _, table, column)) = used.iter().find(|column| !left.contains(*column)) else {
            return Ok(());
        };
        Err(InstallFailure::Sentence(format!(
            "{file} takes away the column `{column}` of the table `{table}`, which the installed version of the plugin uses: \
             first release a version that is not granted it, and take it away in a later one. If nothing that runs uses it, \
             write the line `{CONTRACT}` into the file"
        )))
    }

    async fn run(&self, file: &str, statements: &[String]) -> Result<(), InstallFailure> {
        for statement in statements {
            self.as_owner(statement).await.map_err(|error| refused(file, statement, error))?;
        }
        self.client.batch_execute("SET LOCAL ROLE NONE").await?;
        Ok(())
    }

    /// Runs exactly one statement: the extended protocol takes no second. The role is set before each statement, in
    /// case an earlier one has reset it.
    async fn as_owner(&self, statement: &str) -> Result<(), tokio_postgres::Error> {
        self.client.batch_execute(&format!("SET LOCAL ROLE {}", self.owner)).await?;
        self.client.execute(statement, &[]).await.map(drop)
    }
}

/// The failure of a file's statement. A lock that was waited for in vain is nobody's mistake.
pub(super) fn refused(file: &str, statement: &str, error: tokio_postgres::Error) -> InstallFailure {
    let failure = InstallFailure::Server(error);
    match failure {
        InstallFailure::Server(ref error)
            if !failure.is_busy() && error.code().is_some_and(|code| code.code() != NEW_LABEL) =>
        {
            InstallFailure::Sentence(format!(
                "{file}: PostgreSQL refuses `{statement:.80}`: {}",
                migrate::describe(error)
            ))
        }
        failure => failure,
    }
}

/// What is recorded of a file.
fn checksum(text: &str) -> Vec<u8> {
    Sha256::digest(text.as_bytes()).to_vec()
}

/// Whether a file is the one that was recorded, whatever its line ends are and were.
fn is_recorded(text: &str, recorded: &[u8]) -> bool {
    let forms = [with_plain_ends(text), text.into(), with_windows_ends(text).into()];
    forms.iter().any(|form| checksum(form) == recorded)
}

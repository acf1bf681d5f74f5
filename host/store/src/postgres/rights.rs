//! The rights of a plugin's login, made from its grants: tables, columns, sequences, items, variables.
//!
//! All rights are revoked first and granted again, so that a right that is no longer granted is gone. The server
//! enforces these rights, whatever the guards in front of it let pass. The catalogue, from which the guards know the
//! tables, is read here too.

use super::role::{InstallFailure, Work, quoted};
use palisade_guard::db::catalogue::{Catalogue, Column, Table};
use palisade_guard::db::typmod::Typmod;
use palisade_guard::grant::ColumnSet;
use palisade_guard::grant::{ItemPower, TableGrant, TableOperation, VariablePower};
use std::collections::BTreeSet;

/// The columns of each unique index that covers all rows and is checked at once. A column may be null, because null is
/// equal to nothing.
const KEYS: &str = "SELECT array_agg(a.attname::text) FROM pg_index i \
    JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = ANY (i.indkey) \
    WHERE i.indrelid = $1::text::regclass AND i.indisunique AND i.indimmediate AND i.indisvalid \
    AND i.indpred IS NULL AND i.indexprs IS NULL GROUP BY i.indexrelid";

/// The columns of a table, and whether each is a `uuid`.
const COLUMNS: &str = "SELECT attname::text, atttypid = 'pg_catalog.uuid'::regtype FROM pg_catalog.pg_attribute \
    JOIN pg_catalog.pg_class ON attrelid = pg_class.oid JOIN pg_catalog.pg_namespace ON relnamespace = pg_namespace.oid \
    WHERE nspname = $1 AND relname = $2 AND relkind IN ('r', 'p') AND attnum > 0 AND NOT attisdropped";

/// Sequences that belong to columns of tables and that their defaults use. Sequences of identity columns need no right.
const SEQUENCES: &str = "SELECT quote_ident(sequence.relname) FROM pg_catalog.pg_depend \
    JOIN pg_catalog.pg_class AS sequence ON sequence.oid = objid AND sequence.relkind = 'S' \
    JOIN pg_catalog.pg_class AS table_ ON table_.oid = refobjid AND table_.relname = ANY ($2) \
    JOIN pg_catalog.pg_namespace ON pg_namespace.oid = table_.relnamespace AND nspname = $1 \
    WHERE classid = 'pg_catalog.pg_class'::regclass AND refclassid = 'pg_catalog.pg_class'::regclass AND deptype = 'a' \
        AND sequence.relnamespace = table_.relnamespace";

impl Work<'_> {
    /// Revokes all rights, then grants those that the plugin has.
    pub(super) async fn rights(&self) -> Result<(), InstallFailure> {
        let Self { role, schema, plan, .. } = self;
        // Revoking a right on a table also revokes it on each of its columns.
        let mut statements = vec![
            format!("REVOKE ALL ON ALL TABLES IN SCHEMA {schema} FROM {role}"),
            format!("REVOKE ALL ON ALL SEQUENCES IN SCHEMA {schema} FROM {role}"),
            format!("REVOKE ALL ON ALL TABLES IN SCHEMA palisade FROM {role}"),
            format!("GRANT USAGE ON SCHEMA {schema}, palisade TO {role}"),
            format!("GRANT SELECT ON palisade.plugins, palisade.item_grants, palisade.variables TO {role}"),
        ];
        for (table, grant) in &plan.grants.db.tables {
            self.check(table, grant).await?;
            statements.extend(
                rights(grant).map(|right| format!("GRANT {right} ON {schema}.{} TO {role}", quoted(table))),
            );
        }
        for sequence in self.sequences().await? {
            statements.push(format!("GRANT USAGE ON SEQUENCE {schema}.{sequence} TO {role}"));
        }
        if plan.grants.variables.contains(&VariablePower::Write) {
            statements.push(format!("GRANT INSERT, UPDATE, DELETE ON palisade.variables TO {role}"));
        }
        self.client.batch_execute(&statements.join("; ")).await?;
        self.item_rights().await
    }

    /// Refuses a grant on a table or column that does not exist.
    async fn check(&self, table: &str, grant: &TableGrant) -> Result<(), InstallFailure> {
        let rows = self.client.query(COLUMNS, &[&self.schema, &table]).await?;
        let columns: Vec<(String, bool)> = rows.iter().map(|row| (row.get(0), row.get(1))).collect();
        if columns.is_empty() {
            return Err(InstallFailure::Sentence(format!(
                "[grants] db names the table `{table}`, which no migration makes: correct the name, or add a migration"
            )));
        }
        if let Some(missing) = grant.columns().find(|named| columns.iter().all(|(name, _)| name != *named)) {
            return Err(InstallFailure::Sentence(format!(
                "[grants] db names the column `{missing}` of the table `{table}`, which has none of that name: correct it, or \
                 add a migration"
            )));
        }
        match &grant.owner {
            Some(owner) if !columns.iter().any(|(name, is_uuid)| name == owner && *is_uuid) => {
                Err(InstallFailure::Sentence(format!(
                    "[grants] db names `{owner}` as the owner of a row of `{table}`, and it is no `uuid`: name the column that \
                     holds a user's id"
                )))
            }
            _ => Ok(()),
        }
    }

    /// The sequences that an insert may draw from.
    async fn sequences(&self) -> Result<Vec<String>, InstallFailure> {
        let tables = self.plan.grants.db.tables.iter();
        let filled: Vec<&String> = tables
            .filter(|(_, grant)| grant.allows(TableOperation::Insert))
            .map(|(table, _)| table)
            .collect();
        let rows = self.client.query(SEQUENCES, &[&self.schema, &filled]).await?;
        Ok(rows.iter().map(|row| row.get(0)).collect())
    }

    async fn item_rights(&self) -> Result<(), InstallFailure> {
        let Self { role, plan, .. } = self;
        self.client.execute("DELETE FROM palisade.item_grants WHERE role = $1", &[role]).await?;
        let mut writes = false;
        for (item_type, powers) in &plan.grants.item.types {
            let can_write = powers.contains(&ItemPower::Write);
            writes |= can_write;
            let insert = "INSERT INTO palisade.item_grants (role, item_type, can_write) VALUES ($1, $2, $3)";
            self.client.execute(insert, &[role, item_type, &can_write]).await?;
        }
        if !plan.grants.item.types.is_empty() {
            self.client.batch_execute(&format!("GRANT SELECT ON palisade.items TO {role}")).await?;
        }
        if writes {
            let text = format!(
                "GRANT INSERT, UPDATE, DELETE ON palisade.items TO {role}; GRANT INSERT ON palisade.item_revisions TO {role}"
            );
            self.client.batch_execute(&text).await?;
        }
        Ok(())
    }

    /// The granted tables as the server describes them.
    pub(super) async fn catalogue(&self) -> Result<Catalogue, InstallFailure> {
        let grants = &self.plan.grants.db;
        let mut catalogue = Catalogue::new(&self.schema, grants.query, grants.execute);
        for (name, grant) in &grants.tables {
            let text = format!("SELECT * FROM {}.{}", self.schema, quoted(name));
            let described = self.client.prepare(&text).await?;
            let nullable = "SELECT a.attname::text FROM pg_attribute a WHERE a.attrelid = $1::text::regclass AND a.attnum > 0 \
                 AND NOT a.attnotnull";
            let relation = format!("{}.{}", self.schema, quoted(name));
            let rows = self.client.query(nullable, &[&relation]).await?;
            let nullable: BTreeSet<String> = rows.iter().map(|row| row.get(0)).collect();
            let columns = described.columns().iter().map(|column| Column {
                name: column.name().to_owned(),
                data_type: column.type_().clone(),
                nullable: nullable.contains(column.name()),
                typmod: Typmod::of(column.type_(), column.type_modifier()),
            });
            let keys = self.client.query(KEYS, &[&relation]).await?;
            let keys = keys.iter().map(|row| row.get::<_, Vec<String>>(0).into_iter().collect());
            let table = Table::new(name, columns.collect(), grant).with_keys(keys.collect());
            let table = table.with_owner(grant.owner.clone());
            catalogue = catalogue.with_table(table);
        }
        Ok(catalogue)
    }
}

/// A table's rights as GRANT spells them.
fn rights(grant: &TableGrant) -> impl Iterator<Item = String> {
    let sets = [("SELECT", &grant.select), ("INSERT", &grant.insert), ("UPDATE", &grant.update)];
    let on_columns = sets.into_iter().filter_map(|(right, set)| match set {
        ColumnSet::None => None,
        ColumnSet::All => Some(right.to_owned()),
        ColumnSet::Some(columns) => {
            let columns: Vec<String> = columns.iter().map(|column| quoted(column)).collect();
            Some(format!("{right} ({})", columns.join(", ")))
        }
    });
    on_columns.chain(grant.delete.then(|| "DELETE".to_owned()))
}

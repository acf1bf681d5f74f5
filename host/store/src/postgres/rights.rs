//! The rights of a plugin's login, made from its grants: tables, columns, sequences, items, variables.
//!
//! All rights are revoked first and granted again, so that a right that is no longer granted is gone. The server
//! enforces these rights, whatever the guards in front of it let pass. The catalogue, from which the guards know the
//! tables, is read in [`tables`].

use super::role::{InstallFailure, Work, quoted};
use super::tables;
use palisade_guard::grant::ColumnSet;
use palisade_guard::grant::{ItemPower, TableGrant, TableOperation, VariablePower};

/// The columns of each unique index that covers all rows and is checked at once. A column may be null, because null is
/// equal to nothing.
pub(super) const KEYS: &str = "SELECT array_agg(a.attname::text) FROM pg_index i \
    JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = ANY (i.indkey) \
    WHERE i.indrelid = $1::text::regclass AND i.indisunique AND i.indimmediate AND i.indisvalid \
    AND i.indpred IS NULL AND i.indexprs IS NULL GROUP BY i.indexrelid";

/// The columns of a table, and whether each is a `uuid`.
pub(super) const COLUMNS: &str = "SELECT attname::text, atttypid = 'pg_catalog.uuid'::regtype FROM pg_catalog.pg_attribute \
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
            tables::check(self.client, schema, table, grant).await?;
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

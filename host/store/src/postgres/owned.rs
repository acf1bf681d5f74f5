//! Rows that belong to users: row-level security on the tables whose grant names an owner.
//!
//! The policy compares the owner column with the caller, as [`super::caller`] has proven it. A plugin's statement sees
//! only the caller's rows, the rows of all users if the host itself calls, and no rows if the caller is anonymous. A
//! row whose owner is null belongs to nobody. The policy applies to everything that the plugin sends, SQL text
//! included. Only constraints ignore it, as always in PostgreSQL: a `UNIQUE` can reveal that a value is taken.

use super::rights::COLUMNS;
use super::role::{InstallFailure, Work, quoted};
use palisade_guard::grant::TableGrant;

/// The policy for the plugin's login.
const OF_CALLER: &str = "palisade_caller";
/// The policy for the schema's owner, whose migrations see every row.
const OF_OWNER: &str = "palisade_owner";

/// The tables of a schema that have row-level security or a policy, whether it is forced, and the statements that made
/// the policies.
const STATE: &str = "SELECT relname::text, relrowsecurity AND relforcerowsecurity, \
        pg_catalog.obj_description(pg_policy.oid, 'pg_policy') FROM pg_catalog.pg_class \
    JOIN pg_catalog.pg_namespace ON relnamespace = pg_namespace.oid \
    LEFT JOIN pg_catalog.pg_policy ON polrelid = pg_class.oid AND polname = $2 \
    WHERE nspname = $1 AND relkind IN ('r', 'p') AND (relrowsecurity OR polname IS NOT NULL)";

/// The current state of a table.
struct TableState {
    table: String,
    is_forced: bool,
    made_as: Option<String>,
}

impl Work<'_> {
    /// Makes policies for the tables that have an owner, and drops those of tables that no longer have one. A policy
    /// that is right already is left alone: changing it would wait for every call that uses the table. Between two
    /// transactions of one installation a later file may have yet to make a table.
    pub(super) async fn own_rows(&self, is_partial: bool) -> Result<(), InstallFailure> {
        let tables = self.plan.grants.db.tables.iter();
        let mut owned: Vec<(&String, &String)> = tables
            .filter_map(|(table, grant): (_, &TableGrant)| Some((table, grant.owner.as_ref()?)))
            .collect();
        if is_partial {
            for (table, owner) in std::mem::take(&mut owned) {
                let rows = self.client.query(COLUMNS, &[&self.schema, table]).await?;
                if rows.iter().any(|row| row.get::<_, &str>(0) == owner.as_str() && row.get(1)) {
                    owned.push((table, owner));
                }
            }
        }
        let states = self.states().await?;
        for TableState { table, .. } in
            states.iter().filter(|state| owned.iter().all(|(table, _)| **table != state.table))
        {
            self.client.batch_execute(&self.disowned(table)).await?;
        }
        for (table, owner) in &owned {
            let policies = self.policies(table, owner);
            let is_made = states.iter().any(|state| {
                state.table == **table && state.is_forced && state.made_as.as_ref() == Some(&policies)
            });
            if !is_made {
                self.client.batch_execute(&format!("{}; {policies}", self.disowned(table))).await?;
                let note = policies.replace('\'', "''");
                let name = self.name(table);
                let comment = format!("COMMENT ON POLICY {OF_CALLER} ON {name} IS '{note}'");
                self.client.batch_execute(&comment).await?;
            }
        }
        let role = self.role;
        let (verb, to) = if owned.is_empty() { ("REVOKE", "FROM") } else { ("GRANT", "TO") };
        // In a transaction that several plugins share, the host may ask for the server while the role of any of them is
        // set.
        let text = format!(
            "{verb} EXECUTE ON FUNCTION palisade.caller(name, uuid) {to} {role}; \
             GRANT EXECUTE ON FUNCTION palisade.server() TO {role}; \
             GRANT EXECUTE ON FUNCTION palisade.storage(name) TO {role}"
        );
        Ok(self.client.batch_execute(&text).await?)
    }

    /// Drops the policies of every table before migrations run. Nobody sees the tables before the commit.
    pub(super) async fn disown_all(&self) -> Result<(), InstallFailure> {
        for TableState { table, .. } in self.states().await? {
            self.client.batch_execute(&self.disowned(&table)).await?;
        }
        Ok(())
    }

    async fn states(&self) -> Result<Vec<TableState>, InstallFailure> {
        let rows = self.client.query(STATE, &[&self.schema, &OF_CALLER]).await?;
        let states = rows.iter().map(|row| TableState {
            table: row.get(0),
            is_forced: row.get(1),
            made_as: row.get(2),
        });
        Ok(states.collect())
    }

    /// The statements that make a table's policies. A caller is a range of ids: one id for a user, all ids for the
    /// host, so that an index on the column serves both. Each bound is computed once in a statement.
    fn policies(&self, table: &str, owner: &str) -> String {
        let Self { role, owner: schema_owner, .. } = self;
        let (name, column) = (self.name(table), quoted(owner));
        let bound = |host: uuid::Uuid| format!("(SELECT palisade.caller(current_user, '{host}'))");
        let is_callers =
            format!("{column} BETWEEN {} AND {}", bound(uuid::Uuid::nil()), bound(uuid::Uuid::max()));
        format!(
            "ALTER TABLE {name} ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY; \
             CREATE POLICY {OF_CALLER} ON {name} TO {role} USING ({is_callers}) WITH CHECK ({is_callers}); \
             CREATE POLICY {OF_OWNER} ON {name} TO {schema_owner} USING (true) WITH CHECK (true)"
        )
    }

    fn disowned(&self, table: &str) -> String {
        let name = self.name(table);
        format!(
            "DROP POLICY IF EXISTS {OF_CALLER} ON {name}; DROP POLICY IF EXISTS {OF_OWNER} ON {name}; \
             ALTER TABLE {name} NO FORCE ROW LEVEL SECURITY, DISABLE ROW LEVEL SECURITY"
        )
    }

    fn name(&self, table: &str) -> String {
        format!("{}.{}", self.schema, quoted(table))
    }
}

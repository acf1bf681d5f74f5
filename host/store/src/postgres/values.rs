//! The bound on a row's values: a constraint on each table of a plugin.
//!
//! The guard bounds what a statement may cost from the sizes of stored values, so something must bound those. The guard
//! refuses a large value of a structured call itself; SQL text can compute one, and a migration can write one. The
//! constraint sees them all, and costs a row that is written a fraction of a microsecond. Migrations run without it, so
//! that they can change the columns' types, and afterwards the host looks at every row again.
//!
//! What the bound is for: `host/guard/src/db/cost`. Tests: `tests/db/cost.rs`.

use super::role::{InstallFailure, Work, quoted};
use palisade_guard::limits::{
    STORED_BYTES_MAX, STORED_ELEMENTS_MAX, STORED_NUMERIC_BYTES_MAX, STORED_TEXT_BYTES_MAX,
};

/// The constraint's name.
pub(super) const BOUND: &str = "palisade_value_size";

/// The tables of a schema with the columns that can hold a large value, the bound that each has, and whether it is an
/// array, a `numeric`, or of numbers that are longer as text.
const TABLES: &str = "SELECT c.relname::text, a.attname::text, t.typcategory = 'A', t.oid = 'pg_catalog.numeric'::regtype, \
        t.oid IN ('pg_catalog.jsonb'::regtype, 'pg_catalog.jsonb[]'::regtype, 'pg_catalog.numeric[]'::regtype), \
        pg_catalog.obj_description(k.oid, 'pg_constraint') \
    FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace \
    LEFT JOIN pg_catalog.pg_constraint k ON k.conrelid = c.oid AND k.conname = $2 \
    LEFT JOIN pg_catalog.pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped AND a.attlen = -1 \
    LEFT JOIN pg_catalog.pg_type t ON t.oid = a.atttypid \
    WHERE n.nspname = $1 AND c.relkind IN ('r', 'p') ORDER BY c.relname, a.attnum";

/// A table and the bound that it has.
struct Bounded {
    table: String,
    /// What a value of each column has to fulfil when it is new, and when it may be compressed in its row.
    rules: Vec<(String, String)>,
    made_as: Option<String>,
}

impl Work<'_> {
    /// Makes the bound of each table that has none, or one of other columns.
    pub(super) async fn bound_values(&self) -> Result<(), InstallFailure> {
        let may = "SELECT pg_catalog.has_function_privilege($1::text, 'pg_catalog.pg_column_size(\"any\")', 'EXECUTE')";
        if !self.client.query_one(may, &[&self.role]).await?.get::<_, bool>(0) {
            return Err(InstallFailure::Sentence(
                "the database was hardened by an earlier version, which revoked `pg_column_size` from PUBLIC: run \
                 `palisade db harden` again"
                    .to_owned(),
            ));
        }
        for Bounded { table, rules, made_as } in self.bounded().await? {
            let new: Vec<&str> = rules.iter().map(|(new, _)| new.as_str()).collect();
            let (name, bound) = (format!("{}.{}", self.schema, quoted(&table)), new.join(" AND "));
            if made_as.as_ref() == Some(&bound) || (rules.is_empty() && made_as.is_none()) {
                continue;
            }
            let drop = format!("ALTER TABLE {name} DROP CONSTRAINT IF EXISTS {BOUND}");
            self.client.batch_execute(&drop).await?;
            if rules.is_empty() {
                continue;
            }
            let old: Vec<String> = rules.iter().map(|(_, old)| format!("NOT ({old})")).collect();
            let over = format!("SELECT EXISTS (SELECT FROM {name} WHERE {})", old.join(" OR "));
            if self.client.query_one(&over, &[]).await?.get(0) {
                return Err(InstallFailure::Sentence(format!(
                    "the table `{table}` has a value that is too large: a value has at most {STORED_BYTES_MAX} bytes, an array \
                     {STORED_ELEMENTS_MAX} elements, a `numeric` {STORED_NUMERIC_BYTES_MAX} digits and the text of a `jsonb` \
                     {STORED_TEXT_BYTES_MAX} bytes; shorten it, or split it over several rows"
                )));
            }
            // Every row has just been looked at.
            let make = format!("ALTER TABLE {name} ADD CONSTRAINT {BOUND} CHECK ({bound}) NOT VALID");
            let note = format!("COMMENT ON CONSTRAINT {BOUND} ON {name} IS '{}'", bound.replace('\'', "''"));
            self.client.batch_execute(&format!("{make}; {note}")).await?;
        }
        Ok(())
    }

    /// Drops the bounds of all tables, before migrations run.
    pub(super) async fn unbound_values(&self) -> Result<(), InstallFailure> {
        for Bounded { table, made_as, .. } in self.bounded().await? {
            if made_as.is_some() {
                let name = quoted(&table);
                let text = format!("ALTER TABLE {}.{name} DROP CONSTRAINT {BOUND}", self.schema);
                self.client.batch_execute(&text).await?;
            }
        }
        Ok(())
    }

    async fn bounded(&self) -> Result<Vec<Bounded>, InstallFailure> {
        let rows = self.client.query(TABLES, &[&self.schema, &BOUND]).await?;
        let mut tables: Vec<Bounded> = Vec::new();
        for row in rows {
            let (table, column): (String, Option<String>) = (row.get(0), row.get(1));
            if tables.last().is_none_or(|last| last.table != table) {
                tables.push(Bounded { table, rules: Vec::new(), made_as: row.get(5) });
            }
            if let (Some(last), Some(column)) = (tables.last_mut(), column) {
                let is_array = row.get::<_, Option<bool>>(2).unwrap_or_default();
                let is_numeric = row.get::<_, Option<bool>>(3).unwrap_or_default();
                let is_expanded = row.get::<_, Option<bool>>(4).unwrap_or_default();
                last.rules.push(rules(&column, is_array, is_numeric, is_expanded));
            }
        }
        Ok(tables)
    }
}

/// What a value of a column has to fulfil: when it is new, and when it comes from a row. A new value is never
/// compressed. One from a row can be, and in a new row of its own it is not.
fn rules(column: &str, is_array: bool, is_numeric: bool, is_expanded: bool) -> (String, String) {
    let column = quoted(column);
    if is_numeric {
        let rule = format!("pg_catalog.octet_length({column}::text) <= {STORED_NUMERIC_BYTES_MAX}");
        return (rule.clone(), rule);
    }
    let and = |holds: bool, rule: String| if holds { format!(" AND {rule}") } else { String::new() };
    let elements = and(is_array, format!("pg_catalog.cardinality({column}) <= {STORED_ELEMENTS_MAX}"));
    let text =
        and(is_expanded, format!("pg_catalog.octet_length({column}::text) <= {STORED_TEXT_BYTES_MAX}"));
    let more = elements + &text;
    let new = format!("pg_catalog.pg_column_size({column}) <= {STORED_BYTES_MAX}{more}");
    // A row takes up to 32 bytes beyond its value.
    let most = STORED_BYTES_MAX.saturating_add(32); // wire: the head of a row
    (new, format!("{column} IS NULL OR pg_catalog.pg_column_size(ROW({column})) <= {most}{more}"))
}

//! The rows of a plugin's tables, as a superuser sees and writes them: before and after a test.
//!
//! Values are JSON, which PostgreSQL itself reads and writes: an instant is a text, and a text that means the same instant is
//! equal to what is stored.

use anyhow::{Result, bail};
use palisade::limits::TEST_ROWS_MAX;
use serde_json::{Map, Value};
use tokio_postgres::Client;

/// A row, by the names of its columns.
pub type Row = Map<String, Value>;

/// A column of a table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Column {
    /// Its name.
    pub name: String,
    /// Whether PostgreSQL computes it, so that no row can set it.
    pub is_generated: bool,
}

/// A plugin's schema.
pub(crate) struct Rows {
    pub(crate) sql: Client,
    pub(crate) schema: String,
}

impl Rows {
    /// The plugin's tables, sorted.
    pub(crate) async fn tables(&self) -> Result<Vec<String>> {
        let query = "SELECT c.relname::text FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace \
                     WHERE n.nspname = $1 AND c.relkind IN ('r', 'p') ORDER BY 1";
        let rows = self.sql.query(query, &[&self.schema]).await?;
        Ok(rows.iter().map(|row| row.get(0)).collect())
    }

    /// The columns of a table; none if there is no such table.
    pub(crate) async fn columns(&self, table: &str) -> Result<Vec<Column>> {
        let query = "SELECT a.attname::text, a.attgenerated <> '' FROM pg_attribute a \
                     JOIN pg_class c ON c.oid = a.attrelid JOIN pg_namespace n ON n.oid = c.relnamespace \
                     WHERE n.nspname = $1 AND c.relname = $2 AND c.relkind IN ('r', 'p') AND a.attnum > 0 \
                     AND NOT a.attisdropped ORDER BY a.attnum";
        let rows = self.sql.query(query, &[&self.schema, &table]).await?;
        Ok(rows.iter().map(|row| Column { name: row.get(0), is_generated: row.get(1) }).collect())
    }

    /// Adds a row. Columns that it does not name get their defaults.
    pub(crate) async fn insert(&self, table: &str, row: &Row) -> Result<()> {
        let name = self.name(table);
        if row.is_empty() {
            self.sql.execute(&format!("INSERT INTO {name} DEFAULT VALUES"), &[]).await?;
            return Ok(());
        }
        let columns: Vec<_> = row.keys().map(|column| quoted(column)).collect();
        let columns = columns.join(", ");
        let insert = format!(
            "INSERT INTO {name} ({columns}) OVERRIDING SYSTEM VALUE SELECT {columns} FROM jsonb_populate_record(NULL::{name}, $1)"
        );
        self.sql.execute(&insert, &[&Value::Object(row.clone())]).await?;
        Ok(())
    }

    /// Lets the numbers that PostgreSQL gives go on after the largest one that is there.
    pub(crate) async fn go_on(&self, table: &str) -> Result<()> {
        let name = self.name(table);
        let counted = "SELECT attname::text, pg_get_serial_sequence($1::text, attname) FROM pg_attribute \
                       WHERE attrelid = $1::text::regclass AND attnum > 0 AND NOT attisdropped \
                       AND pg_get_serial_sequence($1::text, attname) IS NOT NULL";
        for row in self.sql.query(counted, &[&name]).await? {
            let (column, sequence): (String, String) = (row.get(0), row.get(1));
            let column = quoted(&column);
            let next = format!(
                "SELECT setval($1::text::regclass, max({column})) FROM {name} HAVING max({column}) > 0"
            );
            self.sql.query(&next, &[&sequence]).await?;
        }
        Ok(())
    }

    /// All rows of a table, in the order in which they are stored.
    pub(crate) async fn all(&self, table: &str) -> Result<Vec<Row>> {
        let query = format!(
            "SELECT to_jsonb(stored) FROM {} AS stored LIMIT {}",
            self.name(table),
            TEST_ROWS_MAX + 1
        );
        let rows = self.sql.query(&query, &[]).await?;
        if rows.len() > TEST_ROWS_MAX {
            bail!("`{table}` has more than {TEST_ROWS_MAX} rows, which are too many to compare");
        }
        Ok(rows.iter().map(|row| object(row.get(0))).collect())
    }

    /// The row with its values as PostgreSQL writes them.
    pub(crate) async fn as_stored(&self, table: &str, row: &Row) -> Result<Row> {
        let populate = format!("SELECT to_jsonb(jsonb_populate_record(NULL::{}, $1))", self.name(table));
        let whole = self.sql.query_one(&populate, &[&Value::Object(row.clone())]).await?;
        let mut whole = object(whole.get(0));
        whole.retain(|column, _| row.contains_key(column));
        Ok(whole)
    }

    fn name(&self, table: &str) -> String {
        format!("{}.{}", quoted(&self.schema), quoted(table))
    }
}

fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

fn object(value: Value) -> Row {
    match value {
        Value::Object(row) => row,
        _ => Row::new(),
    }
}

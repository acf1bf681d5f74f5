//! What a plugin is granted in the database, as the host read it from the server when it loaded the plugin.
//!
//! A name that a guest sends means something only if it is found here, byte for byte: no folding, no search path, no
//! system columns. What is not found is [`Refusal::Denied`], whether it exists or not. This file does not ask the
//! server; `tests.rs` beside it holds the hostile names.

use std::collections::{BTreeMap, BTreeSet};

use postgres_types::{Kind, Type};

use super::{Refusal, quoted};
use crate::db::typmod::Typmod;
use crate::grant::ColumnSet;

/// What can be done with a table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operation {
    /// Reading; a condition and an order read too.
    Select,
    /// Adding rows.
    Insert,
    /// Changing rows.
    Update,
    /// Removing rows.
    Delete,
}

/// The operations that a manifest grants on a whole table.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "four independent operations, as SQL names them")]
pub struct Operations {
    /// Reading.
    pub select: bool,
    /// Adding rows.
    pub insert: bool,
    /// Changing rows.
    pub update: bool,
    /// Removing rows.
    pub delete: bool,
}

/// What is granted on one table.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Grant {
    /// Columns that may be read.
    pub select: ColumnSet,
    /// Columns that may be filled.
    pub insert: ColumnSet,
    /// Columns that may be changed.
    pub update: ColumnSet,
    /// Whether rows may be removed.
    pub delete: bool,
}

impl From<Operations> for Grant {
    fn from(operations: Operations) -> Self {
        let all = |granted| if granted { ColumnSet::All } else { ColumnSet::None };
        Self {
            select: all(operations.select),
            insert: all(operations.insert),
            update: all(operations.update),
            delete: operations.delete,
        }
    }
}

/// A column as the server describes it.
#[derive(Clone, Debug, PartialEq)]
pub struct Column {
    /// Its name.
    pub name: String,
    /// Its type.
    pub data_type: Type,
    /// Whether it may hold null.
    pub nullable: bool,
    /// What it keeps of a value of its type.
    pub typmod: Typmod,
}

/// A table of the plugin's schema, with what is granted on it.
#[derive(Clone, Debug)]
pub struct Table {
    name: String,
    columns: Vec<Column>,
    grant: Grant,
    keys: Vec<BTreeSet<String>>,
}

impl Table {
    /// A table as the server describes it and the manifest grants it.
    pub fn new(name: impl Into<String>, columns: Vec<Column>, grant: impl Into<Grant>) -> Self {
        Self { name: name.into(), columns, grant: grant.into(), keys: Vec::new() }
    }

    /// The same with sets of columns of which no two rows have equal values, none of them null.
    pub fn with_keys(self, keys: Vec<BTreeSet<String>>) -> Self {
        Self { keys, ..self }
    }

    fn permits(&self, operation: Operation, column: &str) -> bool {
        match operation {
            Operation::Select => self.grant.select.holds(column),
            Operation::Insert => self.grant.insert.holds(column),
            Operation::Update => self.grant.update.holds(column),
            Operation::Delete => false,
        }
    }

    fn is_granted(&self, operation: Operation) -> bool {
        match operation {
            Operation::Select => self.grant.select.is_granted(),
            Operation::Insert => self.grant.insert.is_granted(),
            Operation::Update => self.grant.update.is_granted(),
            Operation::Delete => self.grant.delete,
        }
    }
}

/// All that a plugin is granted.
#[derive(Clone, Debug)]
pub struct Catalogue {
    schema: String,
    tables: BTreeMap<String, Table>,
    query: bool,
    execute: bool,
}

impl Catalogue {
    /// An empty catalogue for the plugin's schema, with the grants for SQL text that reads and that writes.
    pub fn new(schema: impl Into<String>, query: bool, execute: bool) -> Self {
        Self { schema: schema.into(), tables: BTreeMap::new(), query, execute }
    }

    /// Adds a table.
    pub fn with_table(mut self, table: Table) -> Self {
        self.tables.insert(table.name.clone(), table);
        self
    }

    /// The plugin's own schema.
    pub fn schema(&self) -> &str {
        &self.schema
    }

    /// Whether SQL text may be read with.
    pub fn query(&self) -> bool {
        self.query
    }

    /// Whether SQL text may write.
    pub fn execute(&self) -> bool {
        self.execute
    }

    /// Finds a table that is granted for an operation.
    pub fn table(&self, name: &str, operation: Operation) -> Result<TableName<'_>, Refusal> {
        match self.tables.get(name) {
            Some(table) if table.is_granted(operation) => Ok(TableName { schema: &self.schema, table }),
            _ => Err(Refusal::Denied),
        }
    }

    /// Whether a column of some table has this enum type of the plugin's schema.
    pub(in crate::db) fn has_enum(&self, name: &str) -> bool {
        self.tables.values().flat_map(|table| &table.columns).any(|column| {
            let of = match column.data_type.kind() {
                Kind::Array(element) => element,
                _ => &column.data_type,
            };
            matches!(of.kind(), Kind::Enum(_)) && of.schema() == self.schema && of.name() == name
        })
    }
}

/// A table that was found in the catalogue and is granted for what was asked.
#[derive(Clone, Copy, Debug)]
pub struct TableName<'c> {
    schema: &'c str,
    table: &'c Table,
}

impl<'c> TableName<'c> {
    /// The name as SQL, with its schema.
    pub fn sql(self) -> String {
        format!("{}.{}", quoted(self.schema), quoted(&self.table.name))
    }

    /// Whether at most one row has these values of the columns that `is_given` names.
    pub(in crate::db) fn is_one_row(self, is_given: impl Fn(&str) -> bool) -> bool {
        self.table.keys.iter().any(|key| !key.is_empty() && key.iter().all(|column| is_given(column)))
    }

    /// Finds a column that is granted for an operation.
    pub fn column(self, name: &str, operation: Operation) -> Result<ColumnName<'c>, Refusal> {
        match self.table.columns.iter().find(|column| column.name == name) {
            Some(column) if self.table.permits(operation, name) => Ok(ColumnName { column }),
            _ => Err(Refusal::Denied),
        }
    }

    /// The columns that are granted for an operation, in the table's order.
    pub fn columns(self, operation: Operation) -> impl Iterator<Item = ColumnName<'c>> {
        let table = self.table;
        table
            .columns
            .iter()
            .filter(move |column| table.permits(operation, &column.name))
            .map(|column| ColumnName { column })
    }

    /// Names of the columns that are not granted for an operation.
    pub(in crate::db) fn hidden(self, operation: Operation) -> impl Iterator<Item = &'c str> {
        let table = self.table;
        table
            .columns
            .iter()
            .map(|column| column.name.as_str())
            .filter(move |name| !table.permits(operation, name))
    }
}

/// A column that was found in the catalogue and is granted for what was asked.
#[derive(Clone, Copy, Debug)]
pub struct ColumnName<'c> {
    column: &'c Column,
}

impl<'c> ColumnName<'c> {
    /// The column's name.
    pub fn name(self) -> &'c str {
        &self.column.name
    }

    /// The name as SQL.
    pub fn sql(self) -> String {
        quoted(&self.column.name)
    }

    /// The column's type.
    pub fn data_type(self) -> &'c Type {
        &self.column.data_type
    }

    /// What it keeps of a value of its type.
    pub fn typmod(self) -> Typmod {
        self.column.typmod
    }

    /// Whether it may hold null.
    pub fn is_nullable(self) -> bool {
        self.column.nullable
    }
}

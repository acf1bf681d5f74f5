//! The catalogue: the tables and columns that a plugin is granted, as the host read them from the server when it loaded
//! the plugin.
//!
//! A name from a guest is valid only if the catalogue contains it byte for byte, without case folding, search path or
//! system columns. Any other name is [`Refusal::Denied`], whether it exists or not. This module never asks the server.
//! The hostile names are in `structured/tests` and `gate/tests`.

use super::extension::Extensions;
use super::{Refusal, quoted};
use crate::db::typmod::Typmod;
use crate::grant::ColumnSet;
use postgres_types::{Kind, Type};
use std::collections::{BTreeMap, BTreeSet};

/// An operation on a table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operation {
    /// Reading. A column in a condition or an order is read too.
    Select,
    /// Adding rows.
    Insert,
    /// Changing rows.
    Update,
    /// Removing rows.
    Delete,
}

impl Operation {
    /// What the statement wants to do, for a sentence.
    pub(in crate::db) const fn verb(self) -> &'static str {
        match self {
            Self::Select => "select",
            Self::Insert => "insert",
            Self::Update => "update",
            Self::Delete => "delete",
        }
    }
}

/// The operations that are granted on all columns of a table.
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

/// The operations that are granted on a table, each with its columns.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Grant {
    /// The columns that the plugin may read.
    pub select: ColumnSet,
    /// The columns that the plugin may fill in a new row.
    pub insert: ColumnSet,
    /// The columns that the plugin may change in an existing row.
    pub update: ColumnSet,
    /// Whether the plugin may remove rows.
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
    /// The column's name.
    pub name: String,
    /// The column's type.
    pub data_type: Type,
    /// Whether the column may contain null.
    pub nullable: bool,
    /// What the column stores of a value of its type.
    pub typmod: Typmod,
}

/// A table of the plugin's schema, with the operations that are granted on it.
#[derive(Clone, Debug, PartialEq)]
pub struct Table {
    name: String,
    columns: Vec<Column>,
    grant: Grant,
    keys: Vec<BTreeSet<String>>,
    owner: Option<String>,
}

impl Table {
    /// A table with the columns that the server describes and the operations that are granted.
    pub fn new(name: impl Into<String>, columns: Vec<Column>, grant: impl Into<Grant>) -> Self {
        Self { name: name.into(), columns, grant: grant.into(), keys: Vec::new(), owner: None }
    }

    /// This table with its unique keys. In each set of columns, no column is nullable and no two rows have the same
    /// values.
    pub fn with_keys(self, keys: Vec<BTreeSet<String>>) -> Self {
        Self { keys, ..self }
    }

    /// This table with the column that says to which user a row belongs, if rows belong to users.
    pub fn with_owner(self, owner: Option<String>) -> Self {
        Self { owner, ..self }
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

/// All tables that a plugin is granted, and whether it may use SQL text.
#[derive(Clone, Debug, PartialEq)]
pub struct Catalogue {
    schema: String,
    tables: BTreeMap<String, Table>,
    query: bool,
    execute: bool,
    extensions: Extensions,
}

impl Catalogue {
    /// A catalogue without tables for the plugin's schema, with the grants for SQL text that reads and for SQL text
    /// that writes.
    pub fn new(schema: impl Into<String>, query: bool, execute: bool) -> Self {
        Self {
            schema: schema.into(),
            tables: BTreeMap::new(),
            query,
            execute,
            extensions: Extensions::default(),
        }
    }

    /// Adds a table.
    pub fn with_table(mut self, table: Table) -> Self {
        self.tables.insert(table.name.clone(), table);
        self
    }

    /// This catalogue with the extensions that are granted.
    pub fn with_extensions(self, extensions: Extensions) -> Self {
        Self { extensions, ..self }
    }

    /// The extensions that are granted.
    pub(in crate::db) fn extensions(&self) -> &Extensions {
        &self.extensions
    }

    /// The plugin's own schema.
    pub fn schema(&self) -> &str {
        &self.schema
    }

    /// Whether the plugin may read with SQL text.
    pub fn query(&self) -> bool {
        self.query
    }

    /// Whether the plugin may write with SQL text.
    pub fn execute(&self) -> bool {
        self.execute
    }

    /// The names of the tables of which something is granted.
    pub(in crate::db) fn names(&self) -> impl Iterator<Item = &str> {
        self.tables.keys().map(String::as_str)
    }

    /// Finds a table that is granted for an operation.
    pub fn table(&self, name: &str, operation: Operation) -> Result<TableName<'_>, Refusal> {
        match self.tables.get(name) {
            Some(table) if table.is_granted(operation) => Ok(TableName { schema: &self.schema, table }),
            _ => Err(Refusal::Denied),
        }
    }

    /// Whether a column of some table has this enum type of the plugin's schema, or an array of it.
    pub(in crate::db) fn has_enum(&self, name: &str) -> bool {
        self.tables.values().flat_map(|table| &table.columns).any(|column| {
            let data_type = match column.data_type.kind() {
                Kind::Array(element) => element,
                _ => &column.data_type,
            };
            matches!(data_type.kind(), Kind::Enum(_))
                && data_type.schema() == self.schema
                && data_type.name() == name
        })
    }
}

/// A table that the catalogue contains and grants for the requested operation.
#[derive(Clone, Copy, Debug)]
pub struct TableName<'c> {
    schema: &'c str,
    table: &'c Table,
}

impl<'c> TableName<'c> {
    /// The table's name.
    pub(in crate::db) fn name(self) -> &'c str {
        &self.table.name
    }

    /// The table's name as SQL, with its schema.
    pub fn sql(self) -> String {
        format!("{}.{}", quoted(self.schema), quoted(&self.table.name))
    }

    /// The column that says to which user a row belongs, if rows belong to users.
    pub(in crate::db) fn owner(self) -> Option<&'c str> {
        self.table.owner.as_deref()
    }

    /// Whether the columns that `is_given` accepts contain a unique key, so that their values match at most one row.
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

    /// The names of the columns that are not granted for an operation.
    pub(in crate::db) fn hidden(self, operation: Operation) -> impl Iterator<Item = &'c str> {
        let table = self.table;
        table
            .columns
            .iter()
            .map(|column| column.name.as_str())
            .filter(move |name| !table.permits(operation, name))
    }
}

/// A column that the catalogue contains and grants for the requested operation.
#[derive(Clone, Copy, Debug)]
pub struct ColumnName<'c> {
    column: &'c Column,
}

impl<'c> ColumnName<'c> {
    /// The column's name.
    pub fn name(self) -> &'c str {
        &self.column.name
    }

    /// The column's name as SQL.
    pub fn sql(self) -> String {
        quoted(&self.column.name)
    }

    /// The column's type.
    pub fn data_type(self) -> &'c Type {
        &self.column.data_type
    }

    /// What the column stores of a value of its type.
    pub fn typmod(self) -> Typmod {
        self.column.typmod
    }

    /// Whether the column contains dates, times or intervals, or arrays of them.
    pub(in crate::db) fn is_moment(self) -> bool {
        is_moment(self.data_type())
    }

    /// Whether the column may contain null.
    pub fn is_nullable(self) -> bool {
        self.column.nullable
    }
}

/// Whether a type is that of dates, times or intervals, or of arrays of them.
pub(in crate::db) fn is_moment(data_type: &Type) -> bool {
    let element = match data_type.kind() {
        Kind::Array(element) => element,
        _ => data_type,
    };
    [Type::DATE, Type::TIME, Type::TIMESTAMP, Type::TIMESTAMPTZ, Type::INTERVAL].contains(element)
}

//! The structured calls of `db-write`: insert, update and delete.

use super::{Argument, Insertion, Modification, Removal, Statement, Writer};
use crate::db::Refusal;
use crate::db::catalogue::{Catalogue, Operation};
use crate::limits;

impl<V> Insertion<V> {
    /// Parses the call into a statement.
    pub fn parse(self, catalogue: &Catalogue) -> Result<Statement<V>, Refusal> {
        let Insertion { table, columns, rows, returning } = self;
        let mut writer = Writer::new(catalogue, &table, Operation::Insert)?;
        let columns = writer.lookup("columns", &columns, Operation::Insert)?;
        if rows.is_empty() || rows.len() > limits::DB_INSERT_ROWS_MAX {
            return Err(Refusal::Invalid(format!("rows: 1 to {} rows", limits::DB_INSERT_ROWS_MAX)));
        }
        let names: Vec<String> = columns.iter().map(|column| column.sql()).collect();
        writer.put(&format!("INSERT INTO {} ({}) VALUES ", writer.table.sql(), names.join(", ")));
        for (index, row) in rows.into_iter().enumerate() {
            if row.len() != columns.len() {
                let number = index.saturating_add(1);
                let rule =
                    format!("rows: row {number} has {} values for {} columns", row.len(), columns.len());
                return Err(Refusal::Invalid(rule));
            }
            writer.put(if index == 0 { "(" } else { ", (" });
            for (index, (value, column)) in row.into_iter().zip(&columns).enumerate() {
                if index > 0 {
                    writer.put(", ");
                }
                writer.bind(Argument::Stored(value, column.typmod()), column.data_type().clone())?;
            }
            writer.put(")");
        }
        writer.returning(&returning)?;
        Ok(writer.finish())
    }
}

impl<V> Modification<V> {
    /// Parses the call into a statement.
    pub fn parse(self, catalogue: &Catalogue) -> Result<Statement<V>, Refusal> {
        let Modification { table, assignments, filter, returning } = self;
        let mut writer = Writer::new(catalogue, &table, Operation::Update)?;
        let names = assignments.iter().map(|(column, _)| column);
        let columns = writer.lookup("assignments", names, Operation::Update)?;
        writer.put(&format!("UPDATE {} SET ", writer.table.sql()));
        for (index, ((_, value), column)) in assignments.into_iter().zip(columns).enumerate() {
            if index > 0 {
                writer.put(", ");
            }
            writer.put(&format!("{} = ", column.sql()));
            writer.bind(Argument::Stored(value, column.typmod()), column.data_type().clone())?;
        }
        writer.filter(filter, true)?;
        writer.returning(&returning)?;
        Ok(writer.finish())
    }
}

impl<V> Removal<V> {
    /// Parses the call into a statement.
    pub fn parse(self, catalogue: &Catalogue) -> Result<Statement<V>, Refusal> {
        let Removal { table, filter, returning } = self;
        let mut writer = Writer::new(catalogue, &table, Operation::Delete)?;
        writer.put(&format!("DELETE FROM {}", writer.table.sql()));
        writer.filter(filter, true)?;
        writer.returning(&returning)?;
        Ok(writer.finish())
    }
}

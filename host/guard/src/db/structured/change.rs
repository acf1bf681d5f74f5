//! The structured calls of `db-write`: insert, update and delete.

use super::conflict::STORED;
use super::{Argument, Assignment, Insertion, Modification, Removal, Statement, Writer};
use crate::db::catalogue::{Catalogue, Operation};
use crate::db::value::Nullable;
use crate::db::{Refusal, quoted};
use crate::limits;

impl<V: Nullable> Insertion<V> {
    /// Parses the call into a statement.
    pub fn parse(self, catalogue: &Catalogue) -> Result<Statement<V>, Refusal> {
        let Insertion { table, columns, rows, on_conflict, returning } = self;
        let mut writer = Writer::new(catalogue, &table, Operation::Insert)?;
        let columns = writer.lookup("columns", &columns, Operation::Insert)?;
        if rows.is_empty() || rows.len() > limits::DB_INSERT_ROWS_MAX {
            return Err(Refusal::Invalid(format!("rows: 1 to {} rows", limits::DB_INSERT_ROWS_MAX)));
        }
        let conflict = on_conflict.map(|conflict| writer.resolve(conflict, &columns, &rows)).transpose()?;
        writer.put(&format!("INSERT INTO {}", writer.table.sql()));
        if conflict.is_some() {
            writer.put(&format!(" AS {}", quoted(STORED)));
        }
        let names: Vec<String> = columns.iter().map(|column| column.sql()).collect();
        writer.put(&format!(" ({}) VALUES ", names.join(", ")));
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
                let argument = Argument::Stored(value, column.typmod());
                writer.bind_to(*column, argument, column.data_type().clone())?;
            }
            writer.put(")");
        }
        if let Some(conflict) = conflict {
            writer.on_conflict(conflict)?;
        }
        writer.returning(&returning)?;
        Ok(writer.finish())
    }
}

impl<V: Nullable> Modification<V> {
    /// Parses the call into a statement.
    pub fn parse(self, catalogue: &Catalogue) -> Result<Statement<V>, Refusal> {
        let Modification { table, assignments, filter, returning } = self;
        let mut writer = Writer::new(catalogue, &table, Operation::Update)?;
        let names = assignments.iter().map(|Assignment { column, .. }| column);
        let columns = writer.lookup("assignments", names, Operation::Update)?;
        writer.put(&format!("UPDATE {} SET ", writer.table.sql()));
        for (index, (Assignment { change, .. }, column)) in assignments.into_iter().zip(columns).enumerate() {
            if index > 0 {
                writer.put(", ");
            }
            writer.assign(column, &column.sql(), change)?;
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

//! `on-conflict` of an insert: what happens to the stored row that has the key of a row to insert.
//!
//! There is no WHERE. PostgreSQL would ask it before the policy that hides other users' rows, so its answer would tell what
//! a hidden row contains. Without one, the policy is asked first: the change of a hidden row is refused before any new value
//! is computed, and tells no more than the violation of a unique key does.
//!
//! The server knows the keys. It refuses columns that are not exactly those of one, and `host/store/src/postgres/failure.rs`
//! says so in a sentence.

use super::filter::unfit;
use super::{Argument, Change, Conflict, Merge, Merging, Resolution, Writer};
use crate::db::catalogue::{ColumnName, Operation};
use crate::db::cost::Class;
use crate::db::value::Nullable;
use crate::db::{Refusal, quoted, shown};
use postgres_types::Type;

/// The alias of the changed table: `EXCLUDED` has columns of the same names.
pub(super) const STORED: &str = "stored";

/// A conflict whose columns are granted.
pub(super) struct Resolved<'c, V> {
    key: Vec<ColumnName<'c>>,
    /// `None` leaves the row to insert out.
    update: Option<Vec<(ColumnName<'c>, Merge<V>)>>,
}

impl<'c, V: Nullable> Writer<'c, V> {
    /// Looks up the columns of a conflict, for rows to insert into these columns.
    pub(super) fn resolve(
        &self,
        conflict: Conflict<V>,
        inserted: &[ColumnName<'c>],
        rows: &[Vec<V>],
    ) -> Result<Resolved<'c, V>, Refusal> {
        let Conflict { columns, resolution } = conflict;
        let key = self.lookup("on-conflict", &columns, Operation::Select)?;
        let Resolution::Update(update) = resolution else { return Ok(Resolved { key, update: None }) };
        let names = update.iter().map(|Merging { column, .. }| column);
        let columns = self.lookup("on-conflict", names, Operation::Update)?;
        let merges = columns.into_iter().zip(update.into_iter().map(|Merging { merge, .. }| merge));
        let merges = merges.map(|(column, merge)| {
            self.merges(column, &merge, inserted, rows)?;
            Ok((column, merge))
        });
        Ok(Resolved { key, update: Some(merges.collect::<Result<_, Refusal>>()?) })
    }

    /// Refuses a new value that the rows to insert cannot give.
    fn merges(
        &self,
        column: ColumnName<'_>,
        merge: &Merge<V>,
        inserted: &[ColumnName<'_>],
        rows: &[Vec<V>],
    ) -> Result<(), Refusal> {
        if let Merge::Change(_) = merge {
            return Ok(());
        }
        let Some(place) = inserted.iter().position(|other| other.name() == column.name()) else {
            let rule = format!("on-conflict: {} is not among the columns to insert", shown(column.name()));
            return Err(Refusal::Invalid(rule));
        };
        if let Merge::Sum = merge {
            self.addable(column)?;
            if rows.iter().filter_map(|row| row.get(place)).any(Nullable::is_null) {
                return Err(null(column));
            }
        }
        Ok(())
    }

    /// Prints ON CONFLICT.
    pub(super) fn on_conflict(&mut self, Resolved { key, update }: Resolved<'_, V>) -> Result<(), Refusal> {
        let names: Vec<String> = key.iter().map(|column| column.sql()).collect();
        self.put(&format!(" ON CONFLICT ({}) DO ", names.join(", ")));
        let Some(update) = update else {
            self.put("NOTHING");
            return Ok(());
        };
        for (index, (column, merge)) in update.into_iter().enumerate() {
            self.put(if index == 0 { "UPDATE SET " } else { ", " });
            let (name, stored) = (column.sql(), format!("{}.{}", quoted(STORED), column.sql()));
            match merge {
                Merge::Inserted => self.put(&format!("{name} = EXCLUDED.{name}")),
                Merge::Sum => {
                    self.put(&format!("{name} = {stored} + EXCLUDED.{name}"));
                    self.paired(column, Class::Sum, "sum");
                }
                Merge::Change(change) => self.assign(column, &stored, change)?,
            }
        }
        Ok(())
    }

    /// Prints a column's new value. `stored` is the present one.
    pub(super) fn assign(
        &mut self,
        column: ColumnName<'_>,
        stored: &str,
        change: Change<V>,
    ) -> Result<(), Refusal> {
        self.put(&format!("{} = ", column.sql()));
        let (typmod, data_type) = (column.typmod(), column.data_type().clone());
        match change {
            Change::Set(value) => self.bind_to(column, Argument::Stored(value, typmod), data_type)?,
            Change::Add(value) => {
                self.addable(column)?;
                if value.is_null() {
                    return Err(null(column));
                }
                self.put(&format!("{stored} + "));
                let number = self.bind_to(column, Argument::Stored(value, typmod), data_type)?;
                self.tested(column, Class::Sum, "add");
                number
            }
        };
        Ok(())
    }

    /// Refuses a column to which no number can be added, or that may not be read.
    fn addable(&self, column: ColumnName<'_>) -> Result<(), Refusal> {
        self.column(column.name(), Operation::Select)?;
        let numbers = [Type::INT2, Type::INT4, Type::INT8, Type::NUMERIC, Type::FLOAT4, Type::FLOAT8];
        if numbers.contains(column.data_type()) {
            Ok(())
        } else {
            Err(unfit(column, "adding", "a column of numbers"))
        }
    }
}

fn null(column: ColumnName<'_>) -> Refusal {
    let name = shown(column.name());
    Refusal::Invalid(format!(
        "{name}: null cannot be added, because the sum would be null; to store null, set it"
    ))
}

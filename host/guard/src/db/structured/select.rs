//! The structured call `db.select`: columns, filter, order, keyset and limit.

use super::filter::comparable;
use super::{Argument, Condition, Direction, Filter, Ordering, Selection, Statement, Test, Writer};
use crate::db::Refusal;
use crate::db::catalogue::{Catalogue, ColumnName, Operation};
use crate::db::cost::Class;
use crate::db::value::Nullable;
use postgres_types::Type;

impl<V: Nullable> Selection<V> {
    /// Parses the call into a statement.
    pub fn parse(self, catalogue: &Catalogue) -> Result<Statement<V>, Refusal> {
        let Selection { table, columns, filter, order_by, limit, after } = self;
        let mut writer = Writer::new(catalogue, &table, Operation::Select)?;
        let columns = writer.lookup("columns", &columns, Operation::Select)?;
        writer.put("SELECT ");
        writer.result(&columns);
        writer.put(&format!(" FROM {}", writer.table.sql()));
        writer.rows_max = if writer.names_one_row(&filter) { Some(1) } else { limit };
        let has_filter = !filter.is_empty();
        if has_filter && !after.is_empty() {
            // The filter is an OR. Without parentheses, the keyset's condition after AND would belong to its last arm
            // only.
            let before = writer.sql.len();
            writer.filter(filter, false)?;
            writer.sql.insert(before.saturating_add(" WHERE ".len()), '(');
            writer.put(")");
        } else {
            writer.filter(filter, false)?;
        }
        let order = writer.ordering(&order_by)?;
        if !after.is_empty() {
            writer.put(if has_filter { " AND " } else { " WHERE " });
            writer.after(&order, after)?;
        }
        writer.order_by(&order);
        if let Some(limit) = limit {
            writer.put(" LIMIT ");
            writer.bind(Argument::Count(i64::from(limit)), Type::INT8)?;
        }
        Ok(writer.finish())
    }
}

type Order<'c> = Vec<(ColumnName<'c>, Direction)>;

impl<'c, V: Nullable> Writer<'c, V> {
    /// Whether the filter compares a whole unique key with values, so that at most one row matches.
    fn names_one_row(&self, filter: &Filter<V>) -> bool {
        let [conditions] = filter.as_slice() else { return false };
        self.table.is_one_row(|name| {
            conditions
                .iter()
                .any(|Condition { column, test }| column == name && matches!(test, Test::Equal(_)))
        })
    }

    fn ordering(&self, order_by: &[Ordering]) -> Result<Order<'c>, Refusal> {
        if order_by.is_empty() {
            return Ok(Vec::new());
        }
        let columns =
            self.lookup("order-by", order_by.iter().map(|ordering| &ordering.column), Operation::Select)?;
        for &column in &columns {
            comparable(column)?;
        }
        Ok(columns.into_iter().zip(order_by.iter().map(|ordering| ordering.direction)).collect())
    }

    /// Prints ORDER BY. Prints NULLS LAST only for nullable columns, because an index read backwards has nulls first
    /// and cannot serve the order then.
    fn order_by(&mut self, order: &Order<'_>) {
        for (index, (column, direction)) in order.iter().enumerate() {
            self.put(if index == 0 { " ORDER BY " } else { ", " });
            // With its table: a name alone is first that of a result, and the null that shows the column's type has it too.
            self.put(&format!("{}.{}", self.table.sql(), column.sql()));
            if *direction == Direction::Descending {
                self.put(" DESC");
                if column.is_nullable() {
                    self.put(" NULLS LAST");
                }
            }
        }
    }

    /// Prints the keyset's condition: only rows that come after the given values.
    fn after(&mut self, order: &Order<'_>, after: Vec<V>) -> Result<(), Refusal> {
        let refused = |rule: &str| Err(Refusal::Invalid(format!("after: {rule}")));
        if after.len() != order.len() {
            return refused("one value for each column of order-by");
        }
        if after.iter().any(Nullable::is_null) {
            return refused("none of the values may be null");
        }
        let Some((_, direction)) = order.first() else { return refused("needs order-by") };
        if order.iter().any(|(_, other)| other != direction) {
            return refused("all of order-by must have one direction");
        }
        let sign = if *direction == Direction::Ascending { ">" } else { "<" };
        if order.iter().any(|(column, _)| column.is_nullable()) {
            return self.after_with_nulls(order, after, sign);
        }
        let names: Vec<String> = order.iter().map(|(column, _)| column.sql()).collect();
        self.put(&format!("({}) {sign} (", names.join(", ")));
        for (index, ((column, _), value)) in order.iter().zip(after).enumerate() {
            if index > 0 {
                self.put(", ");
            }
            self.bind_to(*column, Argument::Value(value), column.data_type().clone())?;
            self.tested(*column, Class::Order, "after");
        }
        self.put(")");
        Ok(())
    }

    /// Prints the keyset's condition column by column. A comparison of whole rows would drop rows with a null, which
    /// come last in both directions.
    fn after_with_nulls(&mut self, order: &Order<'_>, after: Vec<V>, sign: &str) -> Result<(), Refusal> {
        let mut closing = 0_usize;
        for (index, ((column, _), value)) in order.iter().zip(after).enumerate() {
            let (sql, is_last) = (column.sql(), index.saturating_add(1) == order.len());
            self.put(&format!("({sql} {sign} "));
            let number = self.bind_to(*column, Argument::Value(value), column.data_type().clone())?;
            self.tested(*column, Class::Order, "after");
            self.tested(*column, Class::Equal, "after");
            if column.is_nullable() {
                self.put(&format!(" OR {sql} IS NULL"));
            }
            if !is_last {
                self.put(&format!(" OR ({sql} = ${number} AND "));
                closing = closing.saturating_add(1);
            }
        }
        self.put(")");
        self.put(&"))".repeat(closing));
        Ok(())
    }
}

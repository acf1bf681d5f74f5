//! Statements that write, with a check of the right to each column. INSERT is in `insert.rs`.

use super::printer::Printer;
use super::scope::{Scope, Star};
use crate::db::catalogue::Operation;
use crate::db::cost::{Moment, Size};
use crate::db::gate::fault::Checked;
use crate::db::{quoted, shown};
use sqlparser::ast::{
    Assignment, AssignmentTarget, Delete, Expr, FromTable, Ident, Query, SelectItem, SetExpr, Statement,
    TableFactor, TableWithJoins, Update, UpdateTableFromKind,
};

impl Printer<'_> {
    /// Prints a statement that writes.
    pub(in crate::db) fn write(&mut self, statement: &Statement) -> Checked {
        match statement {
            Statement::Insert(insert) => self.insert(insert),
            Statement::Update(update) => self.update(update),
            Statement::Delete(delete) => self.delete(delete),
            Statement::Query(query) => self.with_write(query),
            _ => self.refuse("this statement", super::WRITE_RULE),
        }
    }

    /// Prints WITH before a statement that writes, which the parser represents as a query.
    fn with_write(&mut self, query: &Query) -> Checked {
        let (SetExpr::Insert(statement) | SetExpr::Update(statement) | SetExpr::Delete(statement)) =
            query.body.as_ref()
        else {
            return self.refuse("a statement that does not write", super::WRITE_RULE);
        };
        let is_bare = query.order_by.is_none()
            && query.limit_clause.is_none()
            && query.fetch.is_none()
            && query.locks.is_empty()
            && query.for_clause.is_none()
            && query.settings.is_none()
            && query.format_clause.is_none()
            && query.pipe_operators.is_empty();
        self.absent(!is_bare, "a clause after a statement that writes")?;
        if let Some(with) = &query.with {
            self.with(with)?;
        }
        self.deeper(|printer| printer.write(statement))
    }

    pub(super) fn value_or_default(&mut self, value: &Expr) -> Checked {
        match value {
            Expr::Identifier(Ident { value, quote_style: None, .. })
                if value.eq_ignore_ascii_case("default") =>
            {
                self.put("DEFAULT");
                self.cost.known(Size::FIXED, Moment::Bare);
                Ok(())
            }
            other => self.expr(other),
        }
    }

    pub(super) fn assignments(&mut self, table: &str, assignments: &[Assignment]) -> Checked {
        self.list(assignments, |printer, Assignment { target, value }| {
            let AssignmentTarget::ColumnName(column) = target else {
                return printer.refuse("SET with a list of columns", "assign one column at a time");
            };
            let column = printer.undotted(column)?;
            printer.writable(table, &column, Operation::Update)?;
            printer.put(&format!("{} = ", quoted(&column)));
            printer.value_or_default(value)
        })
    }

    fn update(&mut self, update: &Update) -> Checked {
        let Update {
            update_token,
            optimizer_hints,
            table,
            assignments,
            from,
            selection,
            returning,
            output,
            or,
            order_by,
            limit,
        } = update;
        self.see(update_token.0.span.start);
        self.absent(!optimizer_hints.is_empty(), "a hint")?;
        self.absent(output.is_some(), "OUTPUT")?;
        self.absent(or.is_some() || !order_by.is_empty() || limit.is_some(), "another database's UPDATE")?;
        self.put("UPDATE ");
        self.scopes.push(Scope::default());
        let name = self.target(table, Operation::Update)?;
        let ((), from) = self.apart(|printer| match from {
            None => Ok(()),
            Some(UpdateTableFromKind::AfterSet(from)) => printer.from(" FROM ", from),
            Some(UpdateTableFromKind::BeforeSet(_)) => printer.absent(true, "FROM before SET"),
        })?;
        self.put(" SET ");
        self.assignments(&name, assignments)?;
        self.put(&from);
        self.filter(" WHERE ", selection.as_ref())?;
        self.returning(returning.as_deref())?;
        self.scopes.pop();
        Ok(())
    }

    fn delete(&mut self, delete: &Delete) -> Checked {
        let Delete {
            delete_token,
            optimizer_hints,
            tables,
            from,
            using,
            selection,
            returning,
            output,
            order_by,
            limit,
        } = delete;
        self.see(delete_token.0.span.start);
        self.absent(!optimizer_hints.is_empty(), "a hint")?;
        self.absent(output.is_some(), "OUTPUT")?;
        self.absent(
            !tables.is_empty() || !order_by.is_empty() || limit.is_some(),
            "another database's DELETE",
        )?;
        let FromTable::WithFromKeyword(from) = from else { return self.absent(true, "DELETE without FROM") };
        let [table] = from.as_slice() else { return self.absent(true, "DELETE from several tables") };
        self.put("DELETE FROM ");
        self.scopes.push(Scope::default());
        self.target(table, Operation::Delete)?;
        self.from(" USING ", using.as_deref().unwrap_or_default())?;
        self.filter(" WHERE ", selection.as_ref())?;
        self.returning(returning.as_deref())?;
        self.scopes.pop();
        Ok(())
    }

    /// Prints the table that is changed, under its alias.
    fn target(&mut self, table: &TableWithJoins, operation: Operation) -> Checked<String> {
        let TableWithJoins { relation, joins } = table;
        self.absent(!joins.is_empty(), "JOIN in the changed table")?;
        let TableFactor::Table {
            name,
            alias,
            args: None,
            with_hints,
            version: None,
            with_ordinality: false,
            partitions,
            json_path: None,
            sample: None,
            index_hints,
        } = relation
        else {
            return self.refuse("changing this", "only a table can be changed");
        };
        self.absent(!with_hints.is_empty() || !partitions.is_empty() || !index_hints.is_empty(), "a hint")?;
        let (name, shape) = self.table(name, operation)?;
        if let Some(alias) = alias
            && !alias.columns.is_empty()
        {
            return self.refuse(shown(&name), "the changed table's alias must have no columns");
        }
        self.alias(alias.as_ref(), name.clone(), shape.clone())?;
        if let Some(scope) = self.scopes.last_mut() {
            scope.stars.push(Star::of(&shape));
        }
        Ok(name)
    }

    pub(super) fn returning(&mut self, returning: Option<&[SelectItem]>) -> Checked {
        let Some(items) = returning else { return Ok(()) };
        self.put(" RETURNING ");
        self.projection(items).map(drop)
    }
}

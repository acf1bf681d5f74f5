//! Statements that write: INSERT, UPDATE, DELETE, with the rights that each column needs.

use sqlparser::ast::{
    Assignment, AssignmentTarget, ConflictTarget, Delete, DoUpdate, Expr, FromTable, Ident, Insert, ObjectName,
    OnConflict, OnConflictAction, OnInsert, Query, SelectItem, SetExpr, Statement, TableFactor, TableObject,
    TableWithJoins, Update, UpdateTableFromKind,
};

use super::printer::{Checked, Printer};
use super::scope::{Scope, Shape};
use crate::guard::db::catalogue::Operation;
use crate::guard::db::{quoted, shown};

impl Printer<'_> {
    /// Prints a statement that writes.
    pub(in crate::guard::db) fn write(&mut self, statement: &Statement) -> Checked {
        match statement {
            Statement::Insert(insert) => self.insert(insert),
            Statement::Update(update) => self.update(update),
            Statement::Delete(delete) => self.delete(delete),
            Statement::Query(query) => self.with_write(query),
            _ => self.refuse("this statement", "INSERT, UPDATE and DELETE write"),
        }
    }

    /// Prints WITH before a statement that writes: the parser makes a query of it.
    fn with_write(&mut self, query: &Query) -> Checked {
        let (SetExpr::Insert(statement) | SetExpr::Update(statement) | SetExpr::Delete(statement)) =
            query.body.as_ref()
        else {
            return self.refuse("a statement that does not write", "INSERT, UPDATE and DELETE write");
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

    fn insert(&mut self, insert: &Insert) -> Checked {
        self.see(insert.insert_token.0.span.start);
        self.plain_insert(insert)?;
        let TableObject::TableName(table) = &insert.table else {
            return self.refuse("INSERT into this", "only into a table");
        };
        self.put("INSERT INTO ");
        let (name, shape) = self.table(table, Operation::Insert)?;
        let alias = match &insert.table_alias {
            None => name.clone(),
            Some(alias) => self.name(&alias.alias)?,
        };
        self.put(&format!(" AS {}", quoted(&alias)));
        self.absent(insert.columns.is_empty(), "INSERT without a list of columns")?;
        self.put(" (");
        let columns = self.filled(&name, &insert.columns)?;
        self.put(")");
        match &insert.source {
            None => self.put(" DEFAULT VALUES"),
            Some(source) => {
                self.put(" ");
                self.source(source)?;
            }
        }
        self.scopes.push(Scope::default());
        self.bring(alias, shape.clone())?;
        if let Some(on) = &insert.on {
            let OnInsert::OnConflict(conflict) = on else { return self.absent(true, "ON DUPLICATE KEY UPDATE") };
            let excluded = Shape { columns: [columns, shape.columns.clone()].concat(), open: shape.open };
            self.on_conflict(&name, conflict, excluded)?;
        }
        self.returning(insert.returning.as_deref())?;
        self.scopes.pop();
        Ok(())
    }

    fn plain_insert(&self, insert: &Insert) -> Checked {
        let Insert {
            insert_token: _,
            optimizer_hints,
            or,
            ignore,
            into,
            table: _,
            table_alias: _,
            columns: _,
            overwrite,
            source,
            assignments,
            partitioned,
            after_columns,
            has_table_keyword,
            on: _,
            returning: _,
            output,
            replace_into,
            priority,
            insert_alias,
            settings,
            format_clause,
            multi_table_insert_type,
            multi_table_into_clauses,
            multi_table_when_clauses,
            multi_table_else_clause,
        } = insert;
        let is_other = or.is_some()
            || *ignore
            || !*into
            || *overwrite
            || !assignments.is_empty()
            || partitioned.is_some()
            || !after_columns.is_empty()
            || *has_table_keyword
            || *replace_into
            || priority.is_some()
            || insert_alias.is_some()
            || settings.is_some()
            || format_clause.is_some()
            || multi_table_insert_type.is_some()
            || !multi_table_into_clauses.is_empty()
            || !multi_table_when_clauses.is_empty()
            || multi_table_else_clause.is_some();
        self.absent(is_other, "another database's INSERT")?;
        self.absent(source.is_none(), "DEFAULT VALUES")?;
        self.absent(!optimizer_hints.is_empty(), "a hint")?;
        self.absent(output.is_some(), "OUTPUT")
    }

    /// Prints the columns that an INSERT fills and checks the right to each.
    fn filled(&mut self, table: &str, columns: &[ObjectName]) -> Checked<Vec<String>> {
        let mut names = Vec::new();
        self.list(columns, |printer, column| {
            let name = printer.undotted(column)?;
            printer.writable(table, &name, Operation::Insert)?;
            printer.put(&quoted(&name));
            names.push(name);
            Ok(())
        })?;
        Ok(names)
    }

    /// Prints what is inserted. Only VALUES themselves may say DEFAULT.
    fn source(&mut self, source: &Query) -> Checked {
        let is_bare = source.with.is_none() && source.order_by.is_none() && source.limit_clause.is_none();
        match source.body.as_ref() {
            SetExpr::Values(values) if is_bare && source.fetch.is_none() && source.locks.is_empty() => {
                self.values(values, Self::value_or_default).map(drop)
            }
            _ => self.query(source).map(drop),
        }
    }

    fn value_or_default(&mut self, value: &Expr) -> Checked {
        match value {
            Expr::Identifier(Ident { value, quote_style: None, .. }) if value.eq_ignore_ascii_case("default") => {
                self.put("DEFAULT");
                Ok(())
            }
            other => self.expr(other),
        }
    }

    fn on_conflict(&mut self, table: &str, conflict: &OnConflict, excluded: Shape) -> Checked {
        let OnConflict { conflict_target, action } = conflict;
        self.put(" ON CONFLICT");
        match conflict_target {
            None => {}
            Some(ConflictTarget::OnConstraint(_)) => return self.refuse("ON CONSTRAINT", "name the columns"),
            Some(ConflictTarget::Columns(columns)) => {
                self.put(" (");
                self.list(columns, Self::column)?;
                self.put(")");
            }
        }
        match action {
            OnConflictAction::DoNothing => {
                self.put(" DO NOTHING");
                Ok(())
            }
            OnConflictAction::DoUpdate(DoUpdate { assignments, selection }) => {
                self.put(" DO UPDATE SET ");
                self.bring("excluded".to_owned(), excluded)?;
                self.assignments(table, assignments)?;
                self.filter(" WHERE ", selection.as_ref())?;
                if let Some(scope) = self.scopes.last_mut() {
                    scope.relations.retain(|relation| relation.alias != "excluded");
                }
                Ok(())
            }
        }
    }

    fn assignments(&mut self, table: &str, assignments: &[Assignment]) -> Checked {
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
        self.absent(!tables.is_empty() || !order_by.is_empty() || limit.is_some(), "another database's DELETE")?;
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
            return self.refuse(shown(&name), "the changed table's alias has no columns");
        }
        self.alias(alias.as_ref(), name.clone(), shape)?;
        Ok(name)
    }

    fn returning(&mut self, returning: Option<&[SelectItem]>) -> Checked {
        let Some(items) = returning else { return Ok(()) };
        self.put(" RETURNING ");
        self.projection(items).map(drop)
    }
}

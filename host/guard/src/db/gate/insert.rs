//! INSERT, with ON CONFLICT.

use super::printer::Printer;
use super::scope::{Named, Names, Scope, Shape, Star};
use crate::db::catalogue::Operation;
use crate::db::cost::{Class, Moment, Size};
use crate::db::gate::fault::Checked;
use crate::db::{quoted, shown};
use sqlparser::ast::{
    ConflictTarget, DoUpdate, Insert, ObjectName, OnConflict, OnConflictAction, OnInsert, Query, SetExpr,
    TableObject,
};

impl Printer<'_> {
    pub(super) fn insert(&mut self, insert: &Insert) -> Checked {
        self.see(insert.insert_token.0.span.start);
        self.plain_insert(insert)?;
        let TableObject::TableName(table) = &insert.table else {
            return self.refuse("INSERT into this", "INSERT can only write into a table");
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
        if let Some(scope) = self.scopes.last_mut() {
            scope.stars.push(Star::of(&shape));
        }
        if let Some(on) = &insert.on {
            let OnInsert::OnConflict(conflict) = on else {
                return self.absent(true, "ON DUPLICATE KEY UPDATE");
            };
            // `excluded` has no hidden columns of its own. They are hidden by the changed table, which is in scope too.
            let mut all = shape.columns().to_vec();
            for name in columns.iter().filter(|name| !shape.has(name)) {
                let node = self.cost.node(Class::Known(Size::stored()), "a column", &[], Moment::Unknown);
                all.push(Named { name: name.as_str().into(), node });
            }
            let mut excluded = self.shape(all)?;
            excluded.open = shape.open;
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

    /// Prints the columns that an INSERT fills, and checks the right to fill each.
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

    /// Prints the rows to insert. Only a plain VALUES list may contain DEFAULT.
    fn source(&mut self, source: &Query) -> Checked {
        let is_bare = source.with.is_none() && source.order_by.is_none() && source.limit_clause.is_none();
        match source.body.as_ref() {
            SetExpr::Values(values) if is_bare && source.fetch.is_none() && source.locks.is_empty() => {
                self.values(values, Self::value_or_default).map(drop)
            }
            _ => self.query(source).map(drop),
        }
    }

    /// Refuses WHERE after DO UPDATE where the row that is in the way can be another user's. PostgreSQL asks the condition
    /// before the policy, so its answer would tell what the hidden row contains. A conflict on columns that include the
    /// owner's is with a row of the same owner, whom the policy has already compared with the caller.
    fn own_row(&mut self, table: &str, target: Option<&ConflictTarget>, has_condition: bool) -> Checked {
        let Names::Granted(catalogue) = self.names() else { return Ok(()) };
        let owner = catalogue.table(table, Operation::Insert)?.owner();
        let (Some(owner), true) = (owner, has_condition) else { return Ok(()) };
        let columns = match target {
            Some(ConflictTarget::Columns(columns)) => columns.as_slice(),
            _ => &[],
        };
        for column in columns {
            if self.name(column)? == owner {
                return Ok(());
            }
        }
        let rule = format!(
            "the row in the way can be another user's: leave WHERE out, or make the key unique together with {}",
            shown(owner)
        );
        self.refuse("WHERE after DO UPDATE", rule)
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
                self.own_row(table, conflict_target.as_ref(), selection.is_some())?;
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
}

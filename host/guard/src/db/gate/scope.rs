//! Scopes: the names that are visible at a point of a statement, and their columns.
//!
//! A reference is accepted only if it is a column in this model. The model has no whole rows (`t` as a value) and no
//! attribute notation (`t.f` for `f(t)`), because PostgreSQL can call functions through both.

use super::printer::Printer;
use crate::db::catalogue::{Catalogue, Operation, TableName};
use crate::db::gate::fault::{Checked, Fault};
use crate::db::{quoted, shown};
use sqlparser::ast::{Ident, ObjectName};

/// The source of table names.
#[derive(Clone, Copy, Debug)]
pub(in crate::db) enum Names<'a> {
    /// For a plugin's statement: the tables that the plugin is granted.
    Granted(&'a Catalogue),
    /// For a migration: all tables of the plugin's own schema, which is named here. Their columns are unknown.
    Own(&'a str),
}

/// The columns of a relation or a result.
#[derive(Clone, Debug, Default, PartialEq)]
pub(in crate::db) struct Shape {
    pub columns: Vec<String>,
    /// Columns of a table that exist but are not granted. PostgreSQL would find them, so their names cannot refer to
    /// another column.
    pub hidden: Vec<String>,
    /// Whether there may be columns that are not listed, as for a table in a migration.
    pub open: bool,
}

impl Shape {
    /// Unknown columns.
    pub(in crate::db) fn open() -> Self {
        Self { open: true, ..Self::default() }
    }

    /// Exactly these columns.
    pub(super) fn of(columns: Vec<String>) -> Self {
        Self { columns, ..Self::default() }
    }

    /// Adds all columns of a relation, for `*`. Denies a relation with a hidden column, because `*` would return it.
    pub(super) fn take_all(&mut self, relation: Relation) -> Checked {
        let Shape { columns, hidden, open } = relation.shape;
        if !hidden.is_empty() {
            return Err(Fault::Denied);
        }
        self.columns.extend(columns);
        self.open |= open;
        Ok(())
    }

    pub(super) fn has(&self, column: &str) -> bool {
        !is_system(column) && (self.open || self.columns.iter().any(|known| known == column))
    }
}

/// A table, subquery or function in FROM, under its alias.
#[derive(Clone, Debug)]
pub(in crate::db) struct Relation {
    pub alias: String,
    pub shape: Shape,
}

/// The names that are visible at one level of a query.
#[derive(Clone, Debug, Default)]
pub(in crate::db) struct Scope {
    pub relations: Vec<Relation>,
    /// The columns of the result. Only DISTINCT ON, GROUP BY and ORDER BY may use their names.
    pub outputs: Shape,
}

/// A common table expression, with the counts that one reference to it adds.
#[derive(Clone, Debug)]
pub(super) struct Cte {
    pub name: String,
    pub printed: String,
    pub shape: Shape,
    pub relations: usize,
    pub references: usize,
}

/// Whether a column is a system column, which no plugin may read.
pub(in crate::db) fn is_system(column: &str) -> bool {
    matches!(column, "ctid" | "oid" | "tableoid" | "xmin" | "xmax" | "cmin" | "cmax")
}

impl Printer<'_> {
    /// Prints a reference to a column by its name alone. The innermost level with a column of that name decides, as in
    /// PostgreSQL, even if the column is not granted.
    pub(super) fn column(&mut self, ident: &Ident) -> Checked {
        let name = self.name(ident)?;
        for scope in self.scopes.iter().rev() {
            if scope.relations.iter().any(|relation| relation.shape.hidden.contains(&name)) {
                return Err(Fault::Denied);
            }
            let has = |relation: &Relation| {
                relation.shape.has(&name) && !(relation.shape.open && relation.alias == name)
            };
            if scope.relations.iter().any(has) {
                self.put(&quoted(&name));
                return Ok(());
            }
        }
        Err(Fault::Denied)
    }

    /// Prints a name in ORDER BY or GROUP BY if it is a result column; returns false if it is not one. GROUP BY prefers
    /// a table's column, so the name of a hidden column is not taken for a result column.
    pub(super) fn output(&mut self, ident: &Ident) -> Checked<bool> {
        let name = self.name(ident)?;
        let is_hidden = self.here().iter().any(|relation| relation.shape.hidden.contains(&name));
        let is_output = !is_hidden && self.scopes.last().is_some_and(|scope| scope.outputs.has(&name));
        if is_output {
            self.put(&quoted(&name));
        }
        Ok(is_output)
    }

    /// The relations of the innermost level.
    pub(super) fn here(&self) -> &[Relation] {
        self.scopes.last().map(|scope| scope.relations.as_slice()).unwrap_or_default()
    }

    /// Prints `alias.column`. The innermost relation with that alias decides, as in PostgreSQL.
    pub(super) fn qualified_column(&mut self, alias: &Ident, column: &Ident) -> Checked {
        let (alias, column) = (self.name(alias)?, self.name(column)?);
        if !self.relation(&alias)?.shape.has(&column) {
            return Err(Fault::Denied);
        }
        self.put(&format!("{}.{}", quoted(&alias), quoted(&column)));
        Ok(())
    }

    /// Finds the relation of an alias.
    pub(super) fn relation(&self, alias: &str) -> Checked<&Relation> {
        let relations = self.scopes.iter().rev().flat_map(|scope| &scope.relations);
        relations.into_iter().find(|relation| relation.alias == alias).ok_or(Fault::Denied)
    }

    /// Adds a relation to the innermost level.
    pub(in crate::db) fn bring(&mut self, alias: String, shape: Shape) -> Checked {
        let Some(scope) = self.scopes.last_mut() else { return Ok(()) };
        if scope.relations.iter().any(|relation| relation.alias == alias) {
            return self.refuse(shown(&alias), "each table in FROM needs its own alias");
        }
        scope.relations.push(Relation { alias, shape });
        Ok(())
    }

    /// Finds a granted table and prints its name.
    pub(in crate::db) fn table(
        &mut self,
        name: &ObjectName,
        operation: Operation,
    ) -> Checked<(String, Shape)> {
        let (schema, name) = self.dotted(name)?;
        let own = match self.names {
            Names::Granted(catalogue) => catalogue.schema(),
            Names::Own(own) => own,
        };
        if schema.is_some_and(|schema| schema != own) {
            return Err(Fault::Denied);
        }
        match self.names {
            Names::Granted(catalogue) => {
                let table = catalogue.table(&name, operation)?;
                self.put(&table.sql());
                Ok((name, readable(table)))
            }
            Names::Own(own) => {
                let sql = format!("{}.{}", quoted(own), quoted(&name));
                self.put(&sql);
                Ok((name, Shape::open()))
            }
        }
    }

    /// Checks that a statement may fill or change a column of a table.
    pub(super) fn writable(&self, table: &str, column: &str, operation: Operation) -> Checked {
        match self.names {
            Names::Granted(catalogue) => {
                catalogue.table(table, operation)?.column(column, operation)?;
                Ok(())
            }
            Names::Own(_) if is_system(column) => Err(Fault::Denied),
            Names::Own(_) => Ok(()),
        }
    }
}

fn readable(table: TableName<'_>) -> Shape {
    Shape {
        columns: table.columns(Operation::Select).map(|column| column.name().to_owned()).collect(),
        hidden: table.hidden(Operation::Select).map(str::to_owned).collect(),
        open: false,
    }
}

//! INSERT, with ON CONFLICT.

use super::printer::{Printer, Role};
use super::scope::{Names, Shape};
use super::tree::{Kind, Parts, Tree};
use crate::db::catalogue::Operation;
use crate::db::gate::fault::Checked;
use crate::db::shown;

impl Printer<'_> {
    pub(super) fn insert(&mut self, parts: &mut Parts) -> Checked<Shape> {
        self.keyword(parts, Kind::INSERT_KW, "INSERT")?;
        self.keyword(parts, Kind::INTO_KW, "INTO")?;
        let relation = self.must_node(parts, Kind::RELATION_NAME_REF)?;
        let (name, shape) = self.table(&relation, Operation::Insert)?;
        let alias = parts.node(Kind::REQUIRED_AS_ALIAS);
        // The target is not visible to the rows that are inserted.
        let visible = match &alias {
            None => name.clone(),
            Some(alias) => {
                let mut inner = Parts::of(alias);
                self.keyword(&mut inner, Kind::AS_KW, "AS")?;
                let alias = self.must_node(&mut inner, Kind::TABLE_ALIAS)?;
                self.done(inner)?;
                let alias = self.name(&alias)?;
                self.put_as(Role::Listed, &alias);
                alias
            }
        };
        let given = match parts.node(Kind::COLUMN_TARGET_LIST) {
            Some(list) => {
                let mut names = Vec::new();
                self.listed(&list, Kind::COLUMN_TARGET, |printer, target| {
                    names.push(printer.assigned(&name, target, Operation::Insert)?);
                    Ok(())
                })?;
                Some(names)
            }
            None => None,
        };
        let overriding = self.overriding(parts)?;
        let columns = match given {
            Some(names) => {
                self.put_overriding(&overriding);
                let no_date = |column: &String| self.is_no_date(&name, column, Operation::Insert);
                let no_dates: Vec<bool> = names.iter().map(no_date).collect();
                self.source(parts, &no_dates)?;
                names
            }
            None => self.without_list(&name, &overriding, parts)?,
        };
        self.within_insert(parts, &name, visible, &shape, &columns)
    }

    /// Takes OVERRIDING … VALUE, which stands behind the list of columns; empty if it is left out.
    pub(super) fn overriding(&mut self, parts: &mut Parts) -> Checked<String> {
        let word =
            parts.node(Kind::OVERRIDING_USER_VALUE).or_else(|| parts.node(Kind::OVERRIDING_SYSTEM_VALUE));
        word.map_or_else(|| Ok(String::new()), |word| self.words(&word))
    }

    pub(super) fn put_overriding(&mut self, words: &str) {
        if !words.is_empty() {
            self.put(words);
        }
    }

    /// Prints what stands behind the table of an INSERT without a list of columns: OVERRIDING and the rows. Returns the
    /// columns that it fills: the first ones of the table. If a column is not granted, the granted ones are printed as a
    /// list, because PostgreSQL would fill it too.
    pub(super) fn without_list(
        &mut self,
        table: &str,
        overriding: &str,
        parts: &mut Parts,
    ) -> Checked<Vec<String>> {
        let no_dates: Vec<bool> = match self.names() {
            Names::Granted(catalogue) => {
                let columns = catalogue.table(table, Operation::Insert)?.columns(Operation::Insert);
                columns.map(|column| !column.is_moment()).collect()
            }
            Names::Own(..) => Vec::new(),
        };
        let (width, rows) = self.apart(|printer| printer.source(parts, &no_dates))?;
        let Names::Granted(catalogue) = self.names() else {
            self.put_overriding(overriding);
            self.put(&rows);
            return Ok(Vec::new());
        };
        let table = catalogue.table(table, Operation::Insert)?;
        let columns = table.columns(Operation::Insert).take(width).map(|column| column.name().to_owned());
        let columns: Vec<String> = columns.collect();
        if table.hidden(Operation::Insert).next().is_some() && width > 0 {
            self.put("(");
            for (index, column) in columns.iter().enumerate() {
                if index > 0 {
                    self.put(",");
                }
                self.put_as(Role::Column, column);
            }
            self.put(")");
        }
        self.put_overriding(overriding);
        self.put(&rows);
        Ok(columns)
    }

    fn within_insert(
        &mut self,
        parts: &mut Parts,
        name: &str,
        visible: String,
        shape: &Shape,
        columns: &[String],
    ) -> Checked<Shape> {
        let star = super::scope::Star::of(shape);
        self.bring(visible, shape.clone())?;
        if let Some(scope) = self.scopes.last_mut() {
            scope.stars.push(star);
        }
        if let Some(conflict) = parts.node(Kind::ON_CONFLICT_CLAUSE) {
            // The row of `excluded` has every column of the table, and the server asks for no right to them.
            let mut all = shape.columns().to_vec();
            for name in columns.iter().filter(|name| !shape.has(name)) {
                let column = self.stored_column(name);
                all.push(column);
            }
            let excluded = self.shape(all)?.beside(shape);
            self.on_conflict(name, &conflict, excluded)?;
        }
        self.returning(parts)
    }

    /// Prints the rows to insert and returns how many values each has. Only a plain VALUES list may contain DEFAULT.
    /// `no_dates` says of each column whether it is known to be no date or time.
    fn source(&mut self, parts: &mut Parts, no_dates: &[bool]) -> Checked<usize> {
        let source = self.must_any(parts)?;
        if source.kind() == Kind::DEFAULT_VALUES {
            let words = self.words(&source)?;
            self.put(&words);
            return Ok(0);
        }
        let is_bare = source.kind() == Kind::VALUES && source.children().count() == 1;
        if !is_bare {
            // The rows are made before the table is in scope.
            let outer = std::mem::take(&mut self.scopes);
            let shape = self.query(&source)?;
            self.scopes = outer;
            self.sent(&shape, "a value that is stored");
            return Ok(shape.columns().len());
        }
        let mut inner = Parts::of(&source);
        self.keyword(&mut inner, Kind::VALUES_KW, "VALUES")?;
        let rows = self.must_node(&mut inner, Kind::ROW_LIST)?;
        self.done(inner)?;
        let shape = self.values(&rows, |printer, index, value| {
            printer.value_or_default(value, no_dates.get(index).copied().unwrap_or_default())
        })?;
        self.sent(&shape, "a value that is stored");
        Ok(shape.columns().len())
    }

    /// Refuses WHERE after DO UPDATE where the row that is in the way can be another user's. PostgreSQL asks the condition
    /// before the policy, so its answer would tell what the hidden row contains. A conflict on columns that include the
    /// owner's is with a row of the same owner, whom the policy has already compared with the caller.
    fn own_row(&mut self, table: &str, target: &[String], has_condition: bool) -> Checked {
        let Names::Granted(catalogue) = self.names() else { return Ok(()) };
        let owner = catalogue.table(table, Operation::Insert)?.owner();
        let (Some(owner), true) = (owner, has_condition) else { return Ok(()) };
        if target.iter().any(|column| column == owner) {
            return Ok(());
        }
        let rule = format!(
            "the row in the way can be another user's: leave WHERE out, or make the key unique together with {}",
            shown(owner)
        );
        self.refuse("WHERE after DO UPDATE", rule)
    }

    fn on_conflict(&mut self, table: &str, tree: &Tree, excluded: Shape) -> Checked {
        let mut parts = Parts::of(tree);
        self.keyword(&mut parts, Kind::ON_KW, "ON")?;
        self.keyword(&mut parts, Kind::CONFLICT_KW, "CONFLICT")?;
        let mut columns = Vec::new();
        if let Some(target) = parts.node(Kind::CONFLICT_ON_INDEX) {
            columns = self.conflict_target(&target)?;
        } else if let Some(target) = parts.node(Kind::CONFLICT_ON_CONSTRAINT) {
            let mut inner = Parts::of(&target);
            self.keyword(&mut inner, Kind::ON_KW, "ON")?;
            self.keyword(&mut inner, Kind::CONSTRAINT_KW, "CONSTRAINT")?;
            let constraint = self.must_any(&mut inner)?;
            self.done(inner)?;
            let constraint = self.undotted(&constraint)?;
            self.put_as(Role::Column, &constraint);
        }
        let action = self.must_any(&mut parts)?;
        self.done(parts)?;
        match action.kind() {
            Kind::CONFLICT_DO_NOTHING => {
                let words = self.words(&action)?;
                self.put(&words);
                Ok(())
            }
            Kind::CONFLICT_DO_UPDATE_SET => {
                let mut inner = Parts::of(&action);
                self.keyword(&mut inner, Kind::DO_KW, "DO")?;
                self.keyword(&mut inner, Kind::UPDATE_KW, "UPDATE")?;
                let set = self.must_node(&mut inner, Kind::SET_CLAUSE)?;
                let condition = inner.node(Kind::WHERE_CLAUSE);
                self.done(inner)?;
                self.see(&action);
                self.own_row(table, &columns, condition.is_some())?;
                self.bring("excluded".to_owned(), excluded)?;
                self.set_clause(table, &set)?;
                if let Some(condition) = condition {
                    self.condition(&condition, Kind::WHERE_KW, "WHERE")?;
                }
                if let Some(scope) = self.scopes.last_mut() {
                    scope.relations.retain(|relation| relation.alias != "excluded");
                }
                Ok(())
            }
            _ => self.refuse_at(&action, "this action", "write DO NOTHING or DO UPDATE SET"),
        }
    }

    /// Prints the columns and expressions of the index that a row can be in conflict with, and returns the columns. Its
    /// condition is that of the index, and sees no row.
    fn conflict_target(&mut self, tree: &Tree) -> Checked<Vec<String>> {
        let mut parts = Parts::of(tree);
        let list = self.must_node(&mut parts, Kind::CONFLICT_INDEX_ITEM_LIST)?;
        let mut columns = Vec::new();
        self.listed(&list, Kind::CONFLICT_INDEX_ITEM, |printer, item| {
            let mut inner = Parts::of(item);
            let expr = printer.must_any(&mut inner)?;
            if expr.kind() == Kind::NAME_REF
                && let Some(token) = printer.token_at(expr.text_range().start().into())
            {
                columns.push(token.value.clone());
            }
            let mark = printer.cost.mark();
            printer.expr(&expr)?;
            printer.cost.forget(mark);
            if let Some(class) = inner.any_node() {
                return printer.refuse_at(&class, "an operator class", "leave it out");
            }
            printer.done(inner)
        })?;
        if let Some(condition) = parts.node(Kind::WHERE_CLAUSE) {
            self.condition(&condition, Kind::WHERE_KW, "WHERE")?;
        }
        self.done(parts)?;
        Ok(columns)
    }
}

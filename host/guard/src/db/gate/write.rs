//! Statements that write, with a check of the right to each column. INSERT is in `insert.rs`, MERGE in `merge.rs`.

use super::printer::{Around, Printer, Role};
use super::scope::{Named, Names, Scope, Shape, Star};
use super::tree::{Kind, Parts, Tree};
use crate::db::catalogue::Operation;
use crate::db::cost::{Class, Moment, Size};
use crate::db::gate::fault::Checked;
use crate::db::shown;

impl Printer<'_> {
    /// Prints a statement that writes and returns the columns of its RETURNING.
    pub(in crate::db) fn write(&mut self, tree: &Tree) -> Checked<Shape> {
        self.deeper(|printer| {
            let visible = printer.ctes.len();
            let mut parts = Parts::of(tree);
            if let Some(with) = parts.node(Kind::WITH_CLAUSE) {
                printer.with(&with)?;
            }
            printer.scopes.push(Scope::default());
            let shape = match tree.kind() {
                Kind::INSERT => printer.insert(&mut parts)?,
                Kind::UPDATE => printer.update(&mut parts)?,
                Kind::DELETE => printer.delete(&mut parts)?,
                Kind::MERGE => printer.merge(&mut parts)?,
                _ => return printer.refuse_at(tree, "this statement", super::WRITE_RULE),
            };
            printer.done(parts)?;
            printer.scopes.pop();
            printer.ctes.truncate(visible);
            Ok(shape)
        })
    }

    /// Prints a statement for `execute`: one that writes, or a query with one in its WITH.
    pub(in crate::db) fn statement(&mut self, tree: &Tree) -> Checked {
        self.may_write = true;
        let clause = leading_with(tree);
        self.top_with = clause.as_ref().map(|clause| clause.text_range().start().into());
        if !super::expression::is_query(tree.kind()) && tree.kind() != Kind::PAREN_EXPR {
            let shape = self.write(tree)?;
            return self.sendable(tree, &shape);
        }
        let ctes = clause.iter().flat_map(Tree::children).flat_map(|cte| cte.children().collect::<Vec<_>>());
        if !ctes.into_iter().any(|part| is_write(part.kind())) {
            return self.refuse_at(tree, "a statement that does not write", super::WRITE_RULE);
        }
        let shape = self.query(tree)?;
        self.sendable(tree, &shape)
    }

    /// Prints a statement that writes inside WITH. Only `execute` may run one, and only at the top of a statement.
    pub(super) fn writing_cte(&mut self, tree: &Tree) -> Checked<Shape> {
        if !self.may_write {
            return self.refuse_at(
                tree,
                "a statement that writes inside WITH",
                "a query can only read: send it to db-write.execute",
            );
        }
        let clause = tree.ancestors().find(|node| node.kind() == Kind::WITH_CLAUSE);
        let start = clause.map(|clause| usize::from(clause.text_range().start()));
        if start.is_none() || start != self.top_with {
            return self.refuse_at(
                tree,
                "a statement that writes inside WITH",
                "only the outermost WITH can have one",
            );
        }
        self.write(tree)
    }

    /// How many elements of a column are written by the list that it stands in.
    fn written_elements(&self, target: &Tree, column: &str) -> usize {
        let is_list = |node: &Tree| matches!(node.kind(), Kind::SET_COLUMN_LIST | Kind::COLUMN_TARGET_LIST);
        let is_same = |node: &Tree| {
            let token = self.token_at(node.text_range().start().into());
            token.is_some_and(|token| token.value == column)
        };
        let is_element =
            |node: &Tree| node.kind() == Kind::COLUMN_TARGET && node.children().count() > 1 && is_same(node);
        let list = target.ancestors().take_while(|node| !is_write(node.kind())).filter(is_list).last();
        list.map_or(0, |list| list.descendants().filter(is_element).count())
    }

    /// Whether a column is known to be an array.
    fn is_array(&self, table: &str, column: &str, operation: Operation) -> bool {
        let Names::Granted(catalogue) = self.names() else { return false };
        let column = catalogue.table(table, operation).and_then(|table| table.column(column, operation));
        column.is_ok_and(|column| matches!(column.data_type().kind(), postgres_types::Kind::Array(_)))
    }

    /// Whether a column is known to be no date or time.
    pub(super) fn is_no_date(&self, table: &str, column: &str, operation: Operation) -> bool {
        let Names::Granted(catalogue) = self.names() else { return false };
        let column = catalogue.table(table, operation).and_then(|table| table.column(column, operation));
        column.is_ok_and(|column| !column.is_moment())
    }

    /// Prints a value that is written to a column, or DEFAULT.
    pub(super) fn value_or_default(&mut self, value: &Tree, is_no_date: bool) -> Checked {
        let is_default = value.descendants_with_tokens().any(|part| part.kind() == Kind::DEFAULT_KW)
            && matches!(value.kind(), Kind::LITERAL | Kind::SET_EXPR);
        if is_default && value.children().next().is_none() {
            let words = self.words(value)?;
            self.put(&words);
            self.cost.known(Size::FIXED, Moment::Bare);
            return Ok(());
        }
        if value.kind() == Kind::LITERAL && is_no_date {
            self.around = Around::NoDate;
        }
        self.expr(value)
    }

    /// Prints SET with its assignments.
    pub(super) fn set_clause(&mut self, table: &str, tree: &Tree) -> Checked {
        let mut parts = Parts::of(tree);
        self.keyword(&mut parts, Kind::SET_KW, "SET")?;
        let list = self.must_node(&mut parts, Kind::SET_COLUMN_LIST)?;
        self.done(parts)?;
        let mut parts = Parts::of(&list);
        self.items(&mut parts, |printer, parts| {
            let assignment = printer.must_any(parts)?;
            printer.assignment(table, &assignment)
        })?;
        self.done(parts)
    }

    fn assignment(&mut self, table: &str, tree: &Tree) -> Checked {
        let mut parts = Parts::of(tree);
        if tree.kind() == Kind::SET_SINGLE_COLUMN {
            let target = self.must_node(&mut parts, Kind::COLUMN_TARGET)?;
            let has_subscript = target.children().count() > 1;
            let column = self.assigned(table, &target, Operation::Update)?;
            self.keyword(&mut parts, Kind::EQ, "=")?;
            let value = self.must_node(&mut parts, Kind::SET_EXPR)?;
            let is_no_date = !has_subscript && self.is_no_date(table, &column, Operation::Update);
            self.set_expr(&value, is_no_date)?;
            return self.done(parts);
        }
        let list = self.must_node(&mut parts, Kind::COLUMN_TARGET_LIST)?;
        self.listed(&list, Kind::COLUMN_TARGET, |printer, target| {
            printer.assigned(table, target, Operation::Update).map(drop)
        })?;
        self.keyword(&mut parts, Kind::EQ, "=")?;
        let values = self.must_any(&mut parts)?;
        if values.kind() == Kind::SET_EXPR_LIST {
            let mut inner = Parts::of(&values);
            self.keyword_if(&mut inner, Kind::ROW_KW, "ROW");
            self.must_take(&mut inner, Kind::L_PAREN)?;
            self.put("(");
            self.items(&mut inner, |printer, parts| {
                let value = printer.must_node(parts, Kind::SET_EXPR)?;
                printer.set_expr(&value, false)
            })?;
            self.must_take(&mut inner, Kind::R_PAREN)?;
            self.put(")");
            self.done(inner)?;
        } else {
            let shape = self.query(&values)?;
            self.sent(&shape, "a value that is stored");
        }
        self.done(parts)
    }

    fn set_expr(&mut self, tree: &Tree, is_no_date: bool) -> Checked {
        let mark = self.cost.mark();
        match tree.children().next() {
            Some(inner) => self.value_or_default(&inner, is_no_date)?,
            None => self.value_or_default(tree, is_no_date)?,
        }
        for node in self.cost.since(mark).to_vec() {
            self.cost.node(Class::Sent(false), "a value that is stored", &[node], Moment::Unknown);
        }
        self.cost.forget(mark);
        Ok(())
    }

    /// Prints a column that is written, with subscripts behind it, and returns its name. An assignment to an element
    /// reads the rest of the array, so the column must be readable too.
    pub(super) fn assigned(&mut self, table: &str, tree: &Tree, operation: Operation) -> Checked<String> {
        let mut parts = Parts::of(tree);
        let column = self.must_node(&mut parts, Kind::COLUMN_NAME_REF)?;
        let name = self.name(&column)?;
        self.writable(table, &name, operation)?;
        self.put_as(Role::Column, &name);
        // One element far behind the others is refused when the row is stored; each further one would copy all that is between.
        let has_others = self.written_elements(tree, &name) > 1;
        let is_array = self.is_array(table, &name, operation);
        while let Some(accessor) = parts.any_node() {
            if !matches!(accessor.kind(), Kind::INDEX_ACCESSOR | Kind::SLICE_ACCESSOR) {
                return self.refuse_at(&accessor, "a part of a column", "assign the whole column");
            }
            self.readable_column(table, &name)?;
            let mark = self.cost.mark();
            self.subscripts(Parts::of(&accessor))?;
            if has_others || !is_array {
                self.cost.close(mark, Class::Written, "an element that is written", Moment::Unknown);
            }
            self.cost.forget(mark);
        }
        self.done(parts)?;
        Ok(name)
    }

    fn update(&mut self, parts: &mut Parts) -> Checked<Shape> {
        self.keyword(parts, Kind::UPDATE_KW, "UPDATE")?;
        let name = self.target_table(parts, Operation::Update)?;
        let set = self.must_node(parts, Kind::SET_CLAUSE)?;
        let from = parts.node(Kind::FROM_CLAUSE);
        let ((), from) = self.apart(|printer| match from {
            Some(from) => printer.print_from(&from, Kind::FROM_KW, "FROM"),
            None => Ok(()),
        })?;
        self.set_clause(&name, &set)?;
        if !from.is_empty() {
            self.put(&from);
        }
        self.filtered(parts)
    }

    fn delete(&mut self, parts: &mut Parts) -> Checked<Shape> {
        self.keyword(parts, Kind::DELETE_KW, "DELETE")?;
        self.keyword(parts, Kind::FROM_KW, "FROM")?;
        self.target_table(parts, Operation::Delete)?;
        if let Some(using) = parts.node(Kind::USING_CLAUSE) {
            self.print_from(&using, Kind::USING_KW, "USING")?;
        }
        self.filtered(parts)
    }

    /// Prints WHERE and RETURNING.
    fn filtered(&mut self, parts: &mut Parts) -> Checked<Shape> {
        if let Some(clause) = parts.node(Kind::WHERE_CLAUSE) {
            self.condition(&clause, Kind::WHERE_KW, "WHERE")?;
        }
        if let Some(clause) = parts.node(Kind::WHERE_CURRENT_OF) {
            return self.refuse_at(&clause, "WHERE CURRENT OF", "a plugin has no cursors of its own");
        }
        self.returning(parts)
    }

    /// Prints the table that is changed, with its alias, and brings it into scope.
    fn target_table(&mut self, parts: &mut Parts, operation: Operation) -> Checked<String> {
        let relation = self.must_node(parts, Kind::RELATION_NAME)?;
        let mut inner = Parts::of(&relation);
        if inner.next_kind() == Some(Kind::ONLY_KW) {
            return self.refuse_at(&relation, "ONLY", "a plugin's tables have no children: leave it out");
        }
        let name = self.must_node(&mut inner, Kind::RELATION_NAME_REF)?;
        self.takes(&mut inner, Kind::STAR);
        self.done(inner)?;
        let (name, shape) = self.table(&name, operation)?;
        let alias = parts.node(Kind::OPTIONAL_AS_ALIAS);
        self.bring_target(alias.as_ref(), &name, shape)?;
        Ok(name)
    }

    /// Prints the alias of the changed table and makes it visible.
    pub(super) fn bring_target(&mut self, alias: Option<&Tree>, name: &str, shape: Shape) -> Checked {
        let mut visible = name.to_owned();
        if let Some(alias) = alias {
            let mut inner = Parts::of(alias);
            self.takes(&mut inner, Kind::AS_KW);
            self.put("AS");
            let alias = self.must_node(&mut inner, Kind::TABLE_ALIAS)?;
            if inner.next_kind().is_some() {
                return self.refuse(shown(name), "the changed table's alias must have no columns");
            }
            visible = self.name(&alias)?;
            self.put_as(Role::Listed, &visible);
        }
        let star = Star::of(&shape);
        self.bring(visible, shape)?;
        if let Some(scope) = self.scopes.last_mut() {
            scope.stars.push(star);
        }
        Ok(())
    }

    /// Prints RETURNING and returns its columns.
    pub(super) fn returning(&mut self, parts: &mut Parts) -> Checked<Shape> {
        let Some(clause) = parts.node(Kind::RETURNING_CLAUSE) else { return Ok(Shape::default()) };
        let mut inner = Parts::of(&clause);
        self.keyword(&mut inner, Kind::RETURNING_KW, "RETURNING")?;
        self.absent(inner.next_kind() == Some(Kind::RETURNING_OPTION_LIST), "WITH in RETURNING")?;
        let list = self.must_node(&mut inner, Kind::TARGET_LIST)?;
        self.done(inner)?;
        self.targets(&list)
    }

    /// Adds names that a statement fills to those that are visible as `excluded`.
    pub(super) fn stored_column(&mut self, name: &str) -> Named {
        let node = self.cost.node(Class::Known(Size::stored()), "a column", &[], Moment::Unknown);
        Named { name: name.into(), node }
    }
}

/// The WITH in front of a whole statement: it stands in the first SELECT of set operations, and can be in parentheses with all
/// that it belongs to.
fn leading_with(tree: &Tree) -> Option<Tree> {
    let first = tree.children().next()?;
    let (is_set, is_inside) = (tree.kind() == Kind::COMPOUND_SELECT, is_parenthesized(tree.kind()));
    match first.kind() {
        Kind::WITH_CLAUSE => Some(first),
        kind if is_inside || is_set && !is_parenthesized(kind) => leading_with(&first),
        _ => None,
    }
}

const fn is_parenthesized(kind: Kind) -> bool {
    matches!(kind, Kind::PAREN_SELECT | Kind::PAREN_EXPR)
}

/// Whether a kind of statement writes.
pub(super) fn is_write(kind: Kind) -> bool {
    matches!(kind, Kind::INSERT | Kind::UPDATE | Kind::DELETE | Kind::MERGE)
}

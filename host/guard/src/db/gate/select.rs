//! SELECT: its list, WHERE, GROUP BY, HAVING and WINDOW.

use super::printer::{Printer, Role};
use super::scope::{Named, Shape};
use super::tree::{Kind, Parts, Tree};
use crate::db::gate::fault::{Checked, Fault};
use crate::db::shown;
use crate::limits;

impl Printer<'_> {
    /// Prints a SELECT into the current scope and returns its columns. FROM is checked before the list that precedes it.
    pub(super) fn select(&mut self, parts: &mut Parts) -> Checked<Shape> {
        let head = self.must_node(parts, Kind::SELECT_CLAUSE)?;
        let from = parts.node(Kind::FROM_CLAUSE);
        let ((), from) = self.apart(|printer| match from {
            Some(from) => printer.print_from(&from, Kind::FROM_KW, "FROM"),
            None => Ok(()),
        })?;
        let mut head = Parts::of(&head);
        self.keyword(&mut head, Kind::SELECT_KW, "SELECT")?;
        let distinct = head.node(Kind::DISTINCT_CLAUSE);
        if let Some(all) = head.node(Kind::ALL) {
            let words = self.words(&all)?;
            self.put(&words);
        }
        let list = head.node(Kind::TARGET_LIST);
        self.done(head)?;
        let (shape, list) = self.apart(|printer| match list {
            Some(list) => printer.targets(&list),
            None => Ok(Shape::default()),
        })?;
        if let Some(scope) = self.scopes.last_mut() {
            scope.outputs = shape.clone();
        }
        if let Some(distinct) = distinct {
            self.distinct(&distinct)?;
        }
        if !list.is_empty() {
            self.put(&list);
        }
        if !from.is_empty() {
            self.put(&from);
        }
        if let Some(clause) = parts.node(Kind::WHERE_CLAUSE) {
            self.condition(&clause, Kind::WHERE_KW, "WHERE")?;
        }
        if let Some(clause) = parts.node(Kind::GROUP_BY_CLAUSE) {
            self.group_by(&clause)?;
        }
        if let Some(clause) = parts.node(Kind::HAVING_CLAUSE) {
            self.condition(&clause, Kind::HAVING_KW, "HAVING")?;
        }
        if let Some(clause) = parts.node(Kind::WINDOW_CLAUSE) {
            self.windows(&clause)?;
        }
        Ok(shape)
    }

    fn distinct(&mut self, tree: &Tree) -> Checked {
        let mut parts = Parts::of(tree);
        self.keyword(&mut parts, Kind::DISTINCT_KW, "DISTINCT")?;
        if let Some(on) = parts.node(Kind::DISTINCT_ON) {
            let mut inner = Parts::of(&on);
            self.keyword(&mut inner, Kind::ON_KW, "ON")?;
            self.must_take(&mut inner, Kind::L_PAREN)?;
            self.put("(");
            self.items(&mut inner, |printer, parts| {
                let item = printer.must_any(parts)?;
                printer.output_or_expr(&item, false)
            })?;
            self.must_take(&mut inner, Kind::R_PAREN)?;
            self.put(")");
            self.done(inner)?;
        }
        self.done(parts)
    }

    /// Prints the list of SELECT or RETURNING and returns the names of the results.
    pub(super) fn targets(&mut self, list: &Tree) -> Checked<Shape> {
        let (mut columns, mut open) = (Vec::new(), false);
        let mut parts = Parts::of(list);
        self.items(&mut parts, |printer, parts| {
            let target = printer.must_node(parts, Kind::TARGET)?;
            printer.target(&target, &mut columns, &mut open)
        })?;
        self.done(parts)?;
        let mut shape = self.shape(columns)?;
        shape.open = open;
        Ok(shape)
    }

    fn target(&mut self, target: &Tree, columns: &mut Vec<Named>, open: &mut bool) -> Checked {
        let mut parts = Parts::of(target);
        if self.takes(&mut parts, Kind::STAR) {
            self.put("*");
            self.done(parts)?;
            return self.star(columns, open);
        }
        let expr = self.must_any(&mut parts)?;
        if let Some(alias) = whole(&expr) {
            let mut inner = Parts::of(&expr);
            inner.any_node();
            let alias = self.name(&alias)?;
            self.must_take(&mut inner, Kind::DOT)?;
            self.must_take(&mut inner, Kind::STAR)?;
            self.done(inner)?;
            self.done(parts)?;
            let shape = self.relation(&alias)?.shape.clone();
            if shape.is_partial() {
                return Err(self.not_whole(format!("{}.*", shown(&alias)), shape.columns()));
            }
            self.put_as(Role::Qualifier, &alias);
            self.put_behind(".")?;
            self.put("*");
            self.room(shape.columns().len())?;
            shape.columns().iter().for_each(|column| self.meet(column.node));
            columns.extend_from_slice(shape.columns());
            *open |= shape.open;
            return Ok(());
        }
        let name = self.result_name(target);
        let was_altered = std::mem::take(&mut self.is_altered);
        self.expr(&expr)?;
        let is_altered = std::mem::replace(&mut self.is_altered, was_altered);
        let Some(node) = self.cost.last() else { return Err(Fault::Denied) };
        if let Some(alias) = parts.node(Kind::AS_NAME) {
            let mut inner = Parts::of(&alias);
            self.takes(&mut inner, Kind::AS_KW);
            let alias = self.must_node(&mut inner, Kind::COLUMN_NAME)?;
            self.done(inner)?;
            self.put("AS");
            let alias = self.name(&alias)?;
            self.put_as(Role::Column, &alias);
        } else if is_altered {
            self.put("AS");
            self.put_as(Role::Column, &name);
        }
        self.done(parts)?;
        columns.push(Named { name: name.into(), node });
        Ok(())
    }

    fn star(&mut self, columns: &mut Vec<Named>, open: &mut bool) -> Checked {
        self.absent(self.here().is_empty(), "* without FROM")?;
        let stars = self.scopes.last().map(|scope| scope.stars.as_slice()).unwrap_or_default();
        let (count, is_hidden) = stars.iter().fold((0_usize, false), |(count, is_hidden), star| {
            (count.saturating_add(star.columns.len()), is_hidden || star.is_hidden)
        });
        if is_hidden {
            return Err(self.not_whole("*", stars.iter().flat_map(|star| &star.columns)));
        }
        self.room(count)?;
        let before = columns.len();
        for star in self.scopes.last().map(|scope| scope.stars.as_slice()).unwrap_or_default() {
            columns.extend_from_slice(&star.columns);
            *open |= star.open;
        }
        columns.iter().skip(before).for_each(|column| self.meet(column.node));
        Ok(())
    }

    /// Prints WHERE or HAVING.
    pub(in crate::db) fn condition(&mut self, tree: &Tree, kind: Kind, word: &str) -> Checked {
        let mut parts = Parts::of(tree);
        self.keyword(&mut parts, kind, word)?;
        self.lone_expr(&mut parts)?;
        self.done(parts)
    }

    fn group_by(&mut self, tree: &Tree) -> Checked {
        let mut parts = Parts::of(tree);
        self.keyword(&mut parts, Kind::GROUP_KW, "GROUP")?;
        self.keyword(&mut parts, Kind::BY_KW, "BY")?;
        if let Some(word) = parts.node(Kind::DISTINCT).or_else(|| parts.node(Kind::ALL)) {
            let words = self.words(&word)?;
            self.put(&words);
        }
        let list = self.must_node(&mut parts, Kind::GROUP_BY_LIST)?;
        self.done(parts)?;
        let sets =
            list.children().fold(1_usize, |product, item| product.saturating_mul(grouping_sets(&item)));
        self.counted("grouping sets", |count| &mut count.grouping_sets, sets, limits::SQL_GROUPING_SETS_MAX)?;
        let mut parts = Parts::of(&list);
        self.items(&mut parts, |printer, parts| {
            let item = printer.must_any(parts)?;
            printer.grouping(&item)
        })?;
        self.done(parts)
    }

    /// Prints an item of GROUP BY: an expression, or sets of them.
    fn grouping(&mut self, tree: &Tree) -> Checked {
        let mark = self.cost.mark();
        let mut parts = Parts::of(tree);
        match tree.kind() {
            Kind::GROUPING_EXPR => {
                let expr = self.must_any(&mut parts)?;
                self.done(parts)?;
                if expr.kind() == Kind::TUPLE_EXPR && expr.children().next().is_none() {
                    let mut inner = Parts::of(&expr);
                    self.must_take(&mut inner, Kind::L_PAREN)?;
                    self.must_take(&mut inner, Kind::R_PAREN)?;
                    self.done(inner)?;
                    self.put("()");
                } else {
                    self.grouped_columns(&expr)?;
                }
            }
            Kind::GROUPING_ROLLUP | Kind::GROUPING_CUBE | Kind::GROUPING_SETS => self.deeper(|printer| {
                let word = printer.sign(&mut parts)?;
                printer.put(&word.value.to_ascii_uppercase());
                if tree.kind() == Kind::GROUPING_SETS {
                    printer.keyword(&mut parts, Kind::SETS_KW, "SETS")?;
                }
                printer.must_take(&mut parts, Kind::L_PAREN)?;
                printer.put("(");
                printer.items(&mut parts, |printer, parts| {
                    let item = printer.must_any(parts)?;
                    match item.kind() {
                        Kind::GROUPING_EXPR
                        | Kind::GROUPING_ROLLUP
                        | Kind::GROUPING_CUBE
                        | Kind::GROUPING_SETS => printer.grouping(&item),
                        _ => printer.grouped_columns(&item),
                    }
                })?;
                printer.must_take(&mut parts, Kind::R_PAREN)?;
                printer.put(")");
                printer.done(parts)
            })?,
            _ => return self.unexpected(&mut parts),
        }
        self.cost.forget(mark);
        Ok(())
    }

    /// Prints one expression of GROUP BY, or several in parentheses.
    fn grouped_columns(&mut self, expr: &Tree) -> Checked {
        let is_row = expr.kind() == Kind::TUPLE_EXPR
            && expr.children_with_tokens().next().is_some_and(|part| part.kind() == Kind::L_PAREN);
        if !is_row && expr.kind() != Kind::PAREN_EXPR {
            return self.output_or_expr(expr, true);
        }
        let is_query = expr.children().next().is_some_and(|inner| super::expression::is_query(inner.kind()));
        if is_query {
            return self.expr(expr);
        }
        let mut parts = Parts::of(expr);
        self.must_take(&mut parts, Kind::L_PAREN)?;
        self.put("(");
        self.items(&mut parts, |printer, parts| {
            let item = printer.must_any(parts)?;
            printer.output_or_expr(&item, true)
        })?;
        self.must_take(&mut parts, Kind::R_PAREN)?;
        self.put(")");
        self.done(parts)
    }

    /// Prints the name of a result column, or an expression.
    pub(super) fn output_or_expr(&mut self, expr: &Tree, is_group: bool) -> Checked {
        let mark = self.cost.mark();
        if expr.kind() != Kind::NAME_REF || !self.output(expr, is_group)? {
            self.expr(expr)?;
        }
        if self.cost.since(mark).is_empty() {
            return self.refuse("this expression", "its cost is unknown");
        }
        Ok(())
    }

    fn windows(&mut self, tree: &Tree) -> Checked {
        let mut parts = Parts::of(tree);
        self.keyword(&mut parts, Kind::WINDOW_KW, "WINDOW")?;
        self.items(&mut parts, |printer, parts| {
            let window = printer.must_node(parts, Kind::WINDOW_DEF)?;
            let mut inner = Parts::of(&window);
            let name = printer.must_node(&mut inner, Kind::WINDOW)?;
            let name = printer.name(&name)?;
            printer.put_as(Role::Column, &name);
            printer.keyword(&mut inner, Kind::AS_KW, "AS")?;
            printer.window(&mut inner)?;
            printer.done(inner)
        })?;
        self.done(parts)
    }
}

/// The alias in `alias.*`.
pub(super) fn whole(expr: &Tree) -> Option<Tree> {
    let is_star = expr.children_with_tokens().any(|part| part.kind() == Kind::STAR);
    expr.children()
        .next()
        .filter(|alias| expr.kind() == Kind::FIELD_EXPR && is_star && alias.kind() == Kind::NAME_REF)
}

/// The number of grouping sets that an item of GROUP BY expands to.
fn grouping_sets(item: &Tree) -> usize {
    let children = item.children().count();
    match item.kind() {
        Kind::GROUPING_SETS => {
            item.children().map(|set| grouping_sets(&set)).fold(0, usize::saturating_add).max(1)
        }
        Kind::GROUPING_CUBE => {
            u32::try_from(children).ok().and_then(|n| 2_usize.checked_pow(n)).unwrap_or(usize::MAX)
        }
        Kind::GROUPING_ROLLUP => children.saturating_add(1),
        _ => 1,
    }
}

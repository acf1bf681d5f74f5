//! FROM: tables, subqueries, joins, and functions that return rows.

use super::functions::{self, Columns};
use super::printer::{Printer, Role};
use super::scope::{Named, Shape, Star};
use super::tree::{Kind, Parts, Tree};
use crate::db::catalogue::Operation;
use crate::db::cost::{Class, Moment, Size};
use crate::db::gate::fault::{Checked, Fault};
use crate::db::shown;
use crate::limits;

impl Printer<'_> {
    /// Prints FROM or USING.
    pub(super) fn print_from(&mut self, tree: &Tree, kind: Kind, word: &str) -> Checked {
        let mut parts = Parts::of(tree);
        self.keyword(&mut parts, kind, word)?;
        self.items(&mut parts, |printer, parts| {
            let item = printer.must_any(parts)?;
            printer.print_item(&item)
        })?;
        self.done(parts)
    }

    /// Prints an item of FROM, and adds what `*` stands for in it.
    pub(super) fn print_item(&mut self, item: &Tree) -> Checked {
        let star = self.join_tree(item)?;
        if let Some(scope) = self.scopes.last_mut() {
            scope.stars.push(star);
        }
        Ok(())
    }

    /// Prints a table with its joins, and returns what `*` stands for in them. Joins from the left are one level of nesting.
    fn join_tree(&mut self, item: &Tree) -> Checked<Star> {
        let (first, joins) = self.leftmost(item)?;
        let start = self.here().len();
        let star = self.factor(&first)?;
        self.joins(start, joins, star)
    }

    /// The leftmost item of joins, and the joins that stand behind it, the last one first.
    fn leftmost(&mut self, item: &Tree) -> Checked<(Tree, Vec<Parts>)> {
        let (mut joins, mut first) = (Vec::new(), item.clone());
        while first.kind() == Kind::JOIN_EXPR {
            let mut parts = Parts::of(&first);
            let left = self.must_any(&mut parts)?;
            joins.push(parts);
            first = left;
        }
        Ok((first, joins))
    }

    fn joins(&mut self, start: usize, mut joins: Vec<Parts>, mut star: Star) -> Checked<Star> {
        while let Some(mut parts) = joins.pop() {
            while let Some(join) = parts.node(Kind::JOIN) {
                star = self.join(start, &join, star)?;
            }
            self.done(parts)?;
        }
        Ok(star)
    }

    /// Prints one join. Its left side is the relations in scope since `start`.
    fn join(&mut self, start: usize, tree: &Tree, star: Star) -> Checked<Star> {
        self.see(tree);
        let mut parts = Parts::of(tree);
        let is_natural = self.keyword_if(&mut parts, Kind::NATURAL_KW, "NATURAL");
        let kind = self.must_any(&mut parts)?;
        if !matches!(
            kind.kind(),
            Kind::JOIN_INNER | Kind::JOIN_LEFT | Kind::JOIN_RIGHT | Kind::JOIN_FULL | Kind::JOIN_CROSS
        ) {
            return self.refuse_at(&kind, shown(&kind.to_string()), "not part of PostgreSQL's SQL");
        }
        let words = self.words(&kind)?;
        self.put(&words);
        let middle = self.here().len();
        let (mut right, mut later) = (self.must_any(&mut parts)?, Vec::new());
        let is_whole = is_natural || kind.kind() == Kind::JOIN_CROSS;
        if is_whole {
            // A join that takes no condition ends at the next join in PostgreSQL. The parser puts what follows inside.
            (right, later) = self.leftmost(&right)?;
        }
        let other = if right.kind() == Kind::JOIN_EXPR {
            self.deeper(|printer| printer.join_tree(&right))?
        } else {
            self.factor(&right)?
        };
        let condition = parts.any_node();
        self.done(parts)?;
        if is_whole {
            if let Some(condition) = condition {
                let rule = "CROSS JOIN and NATURAL JOIN take none: write JOIN";
                return self.refuse_at(&condition, "this condition", rule);
            }
            let merged = if is_natural { self.common_columns(start, middle)? } else { Vec::new() };
            let star = self.both(star, other, &merged)?;
            return if later.is_empty() {
                Ok(star)
            } else {
                self.deeper(|printer| printer.joins(start, later, star))
            };
        }
        let Some(condition) = condition else {
            return self.refuse("JOIN without a condition", "write ON, USING or CROSS JOIN");
        };
        let mut inner = Parts::of(&condition);
        match condition.kind() {
            Kind::ON_CLAUSE => {
                self.keyword(&mut inner, Kind::ON_KW, "ON")?;
                self.seeing(start, |printer| printer.lone_expr(&mut inner))?;
                self.done(inner)?;
                self.both(star, other, &[])
            }
            Kind::JOIN_USING_CLAUSE => {
                self.keyword(&mut inner, Kind::USING_KW, "USING")?;
                let list = self.must_node(&mut inner, Kind::COLUMN_REF_LIST)?;
                let mut merged = Vec::new();
                self.listed(&list, Kind::COLUMN_NAME_REF, |printer, column| {
                    let name = printer.name(column)?;
                    // USING reads the column of both sides, so both must have it.
                    let (left, right) = printer.here().split_at_checked(middle).unwrap_or_default();
                    let left = left.get(start..).unwrap_or_default();
                    for side in [left, right] {
                        if !side.iter().any(|relation| relation.shape.has(&name)) {
                            let rule = "not a granted column of both sides of the join";
                            return Err(printer.unknown(format!("the column {}", shown(&name)), rule));
                        }
                    }
                    printer.put_as(Role::Column, &name);
                    merged.push(name);
                    Ok(())
                })?;
                let alias = inner.node(Kind::REQUIRED_AS_ALIAS);
                self.done(inner)?;
                let both = self.both(star, other, &merged)?;
                if let Some(alias) = alias {
                    let columns = both.columns.get(..merged.len()).unwrap_or_default().to_vec();
                    let mut shape = self.shape(columns)?;
                    shape.open = both.open;
                    self.alias(Some(&alias), None, String::new(), shape)?;
                }
                Ok(both)
            }
            _ => self.unexpected(&mut inner),
        }
    }

    /// Runs a step that sees, of the innermost level, only the relations since `start`. For ON they are the two sides of its
    /// join: PostgreSQL looks for a name there and then in the queries around, and never in the items beside the join.
    pub(super) fn seeing<T>(
        &mut self,
        start: usize,
        step: impl FnOnce(&mut Self) -> Checked<T>,
    ) -> Checked<T> {
        if let Some(scope) = self.scopes.last_mut() {
            let sides = scope.relations.split_off(start.min(scope.relations.len()));
            scope.aside = std::mem::replace(&mut scope.relations, sides);
        }
        let result = step(self)?;
        if let Some(scope) = self.scopes.last_mut() {
            let sides = std::mem::replace(&mut scope.relations, std::mem::take(&mut scope.aside));
            scope.relations.extend(sides);
        }
        Ok(result)
    }

    /// The columns that both sides of a NATURAL JOIN have. The server would also merge columns that are not granted, so
    /// neither side may have one.
    fn common_columns(&mut self, start: usize, middle: usize) -> Checked<Vec<String>> {
        let (left, right) = self.here().split_at_checked(middle).unwrap_or_default();
        let left = left.get(start..).unwrap_or_default();
        for relation in left.iter().chain(right) {
            if relation.shape.is_partial() {
                return Err(self.not_whole("NATURAL JOIN", relation.shape.columns()));
            }
            if relation.shape.open {
                return self.refuse("NATURAL JOIN", "name the columns with USING or ON");
            }
        }
        let mut merged: Vec<String> = Vec::new();
        for column in left.iter().flat_map(|relation| relation.shape.columns()) {
            let is_common = right.iter().any(|relation| relation.shape.has(&column.name));
            if is_common && !merged.iter().any(|name| **name == *column.name) {
                merged.push(column.name.to_string());
            }
        }
        Ok(merged)
    }

    /// What `*` stands for in a join of two items, which merges the columns of some names. RIGHT JOIN returns the value of the
    /// right one, FULL JOIN that of either, and an inner join the one that needs no conversion.
    fn both(&mut self, left: Star, right: Star, names: &[String]) -> Checked<Star> {
        self.room(left.columns.len().saturating_add(right.columns.len()))?;
        let mut merged = Vec::new();
        for name in names {
            let in_side = |side: &Star| {
                side.columns.iter().find(|column| **name == *column.name).map(|column| column.node)
            };
            if let Some(node) = self.merged(&[in_side(&left), in_side(&right)]) {
                merged.push(Named { name: name.as_str().into(), node });
            }
        }
        Ok(left.joined(right, names, merged))
    }

    /// Prints an item of FROM without joins, and returns what `*` stands for in it.
    fn factor(&mut self, tree: &Tree) -> Checked<Star> {
        self.see(tree);
        self.deeper(|printer| match tree.kind() {
            Kind::PAREN_FROM_ITEM => printer.parenthesized_item(tree),
            Kind::RELATION_FROM_ITEM => {
                printer.relation_item(tree)?;
                printer.last_star()
            }
            Kind::FUNCTION_FROM_ITEM => {
                printer.function_item(tree)?;
                printer.last_star()
            }
            Kind::JOIN_EXPR => printer.join_tree(tree),
            _ => {
                let word = tree.to_string();
                let word = word.split([' ', '(']).next().unwrap_or_default().to_owned();
                printer.refuse(shown(&word), "not part of the SQL that plugins can use in FROM")
            }
        })
    }

    fn last_star(&mut self) -> Checked<Star> {
        let shape = self.here().last().map(|relation| relation.shape.clone()).unwrap_or_default();
        self.room(shape.columns().len())?;
        Ok(Star::of(&shape))
    }

    /// Prints a subquery or a join in parentheses.
    fn parenthesized_item(&mut self, tree: &Tree) -> Checked<Star> {
        let mut parts = Parts::of(tree);
        self.absent(parts.next_kind() == Some(Kind::ONLY_KW), "ONLY")?;
        let is_lateral = self.keyword_if(&mut parts, Kind::LATERAL_KW, "LATERAL");
        let inner = self.must_any(&mut parts)?;
        let alias = parts.node(Kind::FROM_ALIAS);
        self.done(parts)?;
        if let Some(query) = subquery_in(&inner) {
            let siblings = match self.scopes.last_mut() {
                Some(scope) if !is_lateral => std::mem::take(&mut scope.relations),
                _ => Vec::new(),
            };
            let shape = self.query(&query)?;
            if let Some(scope) = self.scopes.last_mut().filter(|_| !is_lateral) {
                scope.relations = siblings;
            }
            let Some(alias) = alias else {
                return self.refuse_at(&inner, "a subquery in FROM", "give it an alias");
            };
            self.alias(Some(&alias), None, String::new(), shape)?;
            return self.last_star();
        }
        let mut inside = Parts::of(&inner);
        self.must_take(&mut inside, Kind::L_PAREN)?;
        self.put("(");
        let item = self.must_any(&mut inside)?;
        let before = self.here().len();
        let star = self.deeper(|printer| printer.join_tree(&item))?;
        self.must_take(&mut inside, Kind::R_PAREN)?;
        self.put(")");
        self.done(inside)?;
        match alias {
            Some(alias) => self.joined_alias(&alias, before, star),
            None => Ok(star),
        }
    }

    /// Prints the alias of a join in parentheses, whose relations are those in scope since `before`. It hides them.
    fn joined_alias(&mut self, alias: &Tree, before: usize, star: Star) -> Checked<Star> {
        let has_list = alias.children().any(|child| child.kind() == Kind::COLUMN_LIST);
        if has_list && star.is_hidden {
            // The list would name columns that are not granted.
            self.see(alias);
            return Err(self.not_whole("a list of columns in an alias", &star.columns));
        }
        let hidden = match self.scopes.last_mut() {
            Some(scope) => scope.relations.split_off(before.min(scope.relations.len())),
            None => Vec::new(),
        };
        let shape = self.shape(star.columns)?;
        let shape = shape.hiding(hidden.iter().map(|relation| &relation.shape), star.open);
        self.alias(Some(alias), None, String::new(), shape)?;
        self.last_star()
    }

    fn relation_item(&mut self, tree: &Tree) -> Checked {
        let mut parts = Parts::of(tree);
        if parts.next_kind() == Some(Kind::ONLY_KW) {
            return self.refuse("ONLY", "a plugin's tables have no children: leave it out");
        }
        let name = self.must_node(&mut parts, Kind::RELATION_NAME_REF)?;
        let (alias, printed, shape) = self.table_or_cte(&name)?;
        let given = parts.node(Kind::FROM_ALIAS);
        if let Some(part) = parts.any_node() {
            return self.refuse_at(
                &part,
                shown(&part.to_string()),
                "not part of the SQL that plugins can use",
            );
        }
        self.takes(&mut parts, Kind::STAR);
        self.done(parts)?;
        self.alias(given.as_ref(), printed, alias, shape)
    }

    /// Prints the name of a common table expression or a table. The expression wins, as in PostgreSQL. Returns its name, an
    /// alias that must be printed if the statement gives none, and its columns.
    pub(super) fn table_or_cte(&mut self, tree: &Tree) -> Checked<(String, Option<String>, Shape)> {
        let (schema, name) = self.dotted(tree)?;
        let (mut relations, mut references) = (1_usize, 0_usize);
        let cte = self.ctes.iter().rev().find(|cte| schema.is_none() && cte.name == name).cloned();
        if let Some(cte) = &cte {
            if cte.is_unread {
                let rule = "an item of WITH RECURSIVE can be named behind it, or in itself in the part behind UNION: put the item in \
                            front, write UNION without parentheses around it, or leave RECURSIVE out";
                return self.refuse(shown(&name), rule);
            }
            relations = relations.saturating_add(cte.relations);
            references = cte.references.saturating_add(1);
        }
        self.counted("tables", |count| &mut count.relations, relations, limits::SQL_RELATIONS_MAX)?;
        let what = "references to common table expressions";
        self.counted(what, |count| &mut count.cte_references, references, limits::SQL_CTE_REFERENCES_MAX)?;
        match cte {
            None => {
                let shape = self.named_table(schema, &name, Operation::Select)?;
                Ok((name, None, shape))
            }
            Some(cte) => {
                self.put_as(Role::Listed, &cte.printed);
                Ok((cte.name.clone(), Some(cte.name), cte.shape))
            }
        }
    }

    /// Prints a function that returns rows. What bounds them is the limit on rows that a statement may read.
    fn function_item(&mut self, tree: &Tree) -> Checked {
        let mut parts = Parts::of(tree);
        self.keyword_if(&mut parts, Kind::LATERAL_KW, "LATERAL");
        let call = self.must_any(&mut parts)?;
        let name = call.children().next().map(|head| self.result_name_of(&head)).unwrap_or_default();
        let Some(columns) = functions::rows(&name).filter(|_| call.kind() == Kind::CALL_EXPR) else {
            let rule = if functions::kind(&name).is_some() {
                "it returns one value: it can stand in a select list, and not in FROM".to_owned()
            } else {
                functions::unlisted(&name)
            };
            return self.refuse_at(&call, shown(&name), rule);
        };
        self.counted("tables", |count| &mut count.relations, 1, limits::SQL_RELATIONS_MAX)?;
        let mark = self.cost.mark();
        self.is_in_from = true;
        self.expr(&call)?;
        let Some(call_node) = self.cost.last() else { return Err(Fault::Denied) };
        self.cost.forget(mark);
        // Several columns have several types.
        let is_single = matches!(columns, Columns::Alias)
            || matches!(columns, Columns::Arguments) && arguments_of(&call) == 1;
        let moment = match self.cost.moment(call_node) {
            known if is_single && known != Moment::Bare => known,
            _ => Moment::Unknown,
        };
        let node = self.cost.node(Class::Kept, "a column", &[call_node], moment);
        let has_ordinality = match parts.node(Kind::WITH_ORDINALITY) {
            Some(words) => {
                let words = self.words(&words)?;
                self.put(&words);
                true
            }
            None => false,
        };
        let alias = parts.node(Kind::FROM_ALIAS);
        self.done(parts)?;
        let given =
            alias.as_ref().and_then(|alias| alias.children().find(|child| child.kind() == Kind::TABLE_ALIAS));
        let given = given
            .and_then(|alias| self.token_at(alias.text_range().start().into()))
            .map(|token| token.value.clone());
        let relation = given.unwrap_or_else(|| name.clone());
        let mut names: Vec<String> = match columns {
            Columns::Alias => vec![relation.clone()],
            Columns::Named(names) => names.iter().map(|&name| name.to_owned()).collect(),
            Columns::Defined => return self.defined(alias.as_ref(), has_ordinality),
            Columns::Arguments => {
                let count = arguments_of(&call);
                if count == 1 { vec![relation.clone()] } else { vec!["unnest".to_owned(); count] }
            }
        };
        if has_ordinality {
            names.push("ordinality".to_owned());
        }
        let is_value = names.len() == 1 && !has_ordinality;
        let mut columns: Vec<Named> =
            names.into_iter().map(|name| Named { name: name.into(), node }).collect();
        if let Some(last) = columns.last_mut().filter(|_| has_ordinality) {
            // A number of the row, whatever the function returns.
            last.node = self.cost.node(Class::Known(Size::FIXED), "a column", &[], Moment::Never);
        }
        let shape = self.shape(columns)?;
        self.alias(alias.as_ref(), None, relation, shape)?;
        if let Some(relation) = self.scopes.last_mut().and_then(|scope| scope.relations.last_mut()) {
            relation.is_value = is_value;
        }
        Ok(())
    }

    /// Prints the alias of a function that returns records, which lists the columns with their types.
    fn defined(&mut self, alias: Option<&Tree>, has_ordinality: bool) -> Checked {
        let rule = "list its columns: AS name(column type, …)";
        let Some(alias) = alias.filter(|_| !has_ordinality) else {
            return self.refuse("this function", rule);
        };
        let mut parts = Parts::of(alias);
        self.takes(&mut parts, Kind::AS_KW);
        self.put("AS");
        let name = self.must_node(&mut parts, Kind::TABLE_ALIAS)?;
        let name = self.name(&name)?;
        self.put_as(Role::Listed, &name);
        let Some(list) = parts.node(Kind::COLUMN_DEF_LIST) else { return self.refuse("this function", rule) };
        self.done(parts)?;
        let mut columns = Vec::new();
        self.listed(&list, Kind::COLUMN_DEF, |printer, column| {
            let mut parts = Parts::of(column);
            let name = printer.must_node(&mut parts, Kind::COLUMN_NAME)?;
            let name = printer.name(&name)?;
            printer.put_as(Role::Column, &name);
            let kind = printer.must_any(&mut parts)?;
            let kind = printer.data_type(&kind)?;
            printer.done(parts)?;
            if super::literal::is_moment(&kind) && !kind.starts_with("interval") {
                return printer.refuse(
                    shown(&kind),
                    "declare it as text, and write to_date(column, 'YYYY-MM-DD') or to_timestamp(column, \
                     'YYYY-MM-DD\"T\"HH24:MI:SS'), with TZH:TZM behind it for an offset such as +02:00",
                );
            }
            let node = printer.cost.node(Class::Known(Size::stored()), "a column", &[], Moment::Unknown);
            columns.push(Named { name: name.into(), node });
            Ok(())
        })?;
        let shape = self.shape(columns)?;
        self.bring(name, shape)
    }

    /// The last name in the head of a call.
    fn result_name_of(&self, head: &Tree) -> String {
        let last = head.children().last().unwrap_or_else(|| head.clone());
        self.token_at(last.text_range().start().into()).map(|token| token.value.clone()).unwrap_or_default()
    }

    /// Prints an alias and makes the relation visible under it. Without an alias, it is visible under its own name, and one
    /// is printed if its printed name is another.
    pub(super) fn alias(
        &mut self,
        alias: Option<&Tree>,
        printed: Option<String>,
        name: String,
        shape: Shape,
    ) -> Checked {
        let Some(alias) = alias else {
            if let Some(printed) = printed {
                self.put("AS");
                self.put_as(Role::Column, &printed);
            }
            return self.bring(name, shape);
        };
        let mut parts = Parts::of(alias);
        self.takes(&mut parts, Kind::AS_KW);
        self.put("AS");
        let name = self.must_node(&mut parts, Kind::TABLE_ALIAS)?;
        let name = self.name(&name)?;
        self.put_as(Role::Listed, &name);
        let columns = match parts.node(Kind::COLUMN_LIST) {
            Some(list) => self.new_names(&list)?,
            None => Vec::new(),
        };
        if parts.next_kind().is_some() {
            return self.refuse_at(alias, "a type in an alias", "list the columns without types");
        }
        let shape = self.with_columns(shape, columns)?;
        self.bring(name, shape)
    }
}

/// How many arguments a call has.
fn arguments_of(call: &Tree) -> usize {
    let list = call.children().find(|child| child.kind() == Kind::ARG_LIST);
    list.map_or(1, |list| list.children().count())
}

/// The query in an item of FROM, if it is one in parentheses.
fn subquery_in(inner: &Tree) -> Option<Tree> {
    match inner.kind() {
        Kind::PAREN_SELECT => Some(inner.clone()),
        Kind::PAREN_EXPR => {
            let child = inner.children().next()?;
            let is_query = matches!(
                child.kind(),
                Kind::SELECT | Kind::COMPOUND_SELECT | Kind::VALUES | Kind::TABLE | Kind::PAREN_SELECT
            ) || child.kind() == Kind::PAREN_EXPR && subquery_in(&child).is_some();
            is_query.then(|| inner.clone())
        }
        _ => None,
    }
}

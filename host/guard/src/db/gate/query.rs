//! Queries: WITH, set operations, VALUES, ORDER BY, LIMIT.

use super::lex::Class as Lexed;
use super::printer::{Printer, Role};
use super::scope::{Cte, Named, Scope, Shape};
use super::tree::{Kind, Parts, Tree};
use crate::db::cost::{Class, Moment, Node, Size};
use crate::db::gate::fault::Checked;
use crate::db::shown;
use crate::limits;

impl Printer<'_> {
    /// Prints a query and returns its columns.
    pub(in crate::db) fn query(&mut self, tree: &Tree) -> Checked<Shape> {
        self.deeper(|printer| {
            let visible = printer.ctes.len();
            let mut parts = Parts::of(tree);
            if let Some(with) = parts.node(Kind::WITH_CLAUSE) {
                printer.with(&with)?;
            }
            let shape = printer.body(tree, parts)?;
            printer.ctes.truncate(visible);
            Ok(shape)
        })
    }

    /// Prints a query without the WITH in front of it, whose names stay visible.
    fn body(&mut self, tree: &Tree, mut parts: Parts) -> Checked<Shape> {
        self.scopes.push(Scope::default());
        let shape = match tree.kind() {
            Kind::SELECT => self.select(&mut parts)?,
            Kind::COMPOUND_SELECT => self.set_operations(&mut parts)?,
            Kind::VALUES => {
                self.keyword(&mut parts, Kind::VALUES_KW, "VALUES")?;
                let rows = self.must_node(&mut parts, Kind::ROW_LIST)?;
                let shape = self.values(&rows, |printer, _, item| printer.expr(item))?;
                // ORDER BY sees the columns under this name, before those of the queries around.
                self.bring("*VALUES*".to_owned(), shape.clone())?;
                shape
            }
            Kind::TABLE => self.whole_table(&mut parts)?,
            Kind::PAREN_SELECT | Kind::PAREN_EXPR => self.parenthesized(&mut parts)?,
            Kind::SELECT_INTO => {
                return self.refuse_at(tree, "SELECT INTO", "a plugin's tables are made by its migrations");
            }
            _ => {
                self.see(tree);
                return self
                    .refuse("a statement that writes", "only SELECT, VALUES, TABLE and WITH can stand here");
            }
        };
        if let Some(scope) = self.scopes.last_mut() {
            scope.outputs = shape.clone();
        }
        if matches!(tree.kind(), Kind::PAREN_SELECT | Kind::PAREN_EXPR) {
            // For PostgreSQL the clauses behind a parenthesis are those of the query inside, and so are the names in them. Of
            // these, the walk knows only the result's, so no name there may be one of the queries around.
            let own = self.scopes.pop();
            let around = std::mem::replace(&mut self.scopes, own.into_iter().collect());
            self.tail(&mut parts)?;
            self.scopes = around;
        } else {
            self.tail(&mut parts)?;
            self.scopes.pop();
        }
        self.done(parts)?;
        Ok(shape)
    }

    /// Prints a query in parentheses. Its own names are not visible to the clauses behind it.
    fn parenthesized(&mut self, parts: &mut Parts) -> Checked<Shape> {
        self.must_take(parts, Kind::L_PAREN)?;
        self.put("(");
        let query = self.must_any(parts)?;
        let shape = self.query(&query)?;
        self.must_take(parts, Kind::R_PAREN)?;
        self.put(")");
        Ok(shape)
    }

    /// Prints WITH. Each common table expression gets a new name that no table has, so that PostgreSQL cannot confuse
    /// the two. With RECURSIVE, each name is that of its expression in all of them, also in earlier ones and in its own: so all
    /// names are known before the first expression is walked, and none is taken for a table's.
    pub(super) fn with(&mut self, tree: &Tree) -> Checked {
        let mut parts = Parts::of(tree);
        self.keyword(&mut parts, Kind::WITH_KW, "WITH")?;
        let is_recursive = self.keyword_if(&mut parts, Kind::RECURSIVE_KW, "RECURSIVE");
        let before = self.ctes.len();
        if is_recursive {
            let heads = tree.children().filter(|item| item.kind() == Kind::WITH_TABLE);
            let names = heads.filter_map(|item| self.token_at(item.text_range().start().into()));
            let unread = names.map(|token| Cte::unread(token.value.clone()));
            self.ctes.extend(unread.collect::<Vec<_>>());
        }
        let mut names: Vec<String> = Vec::new();
        self.items(&mut parts, |printer, parts| {
            let cte = printer.must_node(parts, Kind::WITH_TABLE)?;
            let found = printer.cte(&cte, is_recursive)?;
            if names.contains(&found.name) {
                return printer.refuse_at(&cte, shown(&found.name), "each name in WITH needs to be another");
            }
            names.push(found.name.clone());
            let all = printer.ctes.get_mut(before..).unwrap_or_default();
            match all.iter_mut().find(|known| known.name == found.name) {
                Some(unread) => *unread = found,
                None => printer.ctes.push(found),
            }
            Ok(())
        })?;
        self.done(parts)
    }

    fn cte(&mut self, tree: &Tree, is_recursive: bool) -> Checked<Cte> {
        let mut parts = Parts::of(tree);
        let name = self.must_node(&mut parts, Kind::CTE_NAME)?;
        let name = self.name(&name)?;
        self.cte_number = self.cte_number.saturating_add(1);
        let printed = format!("cte {}", self.cte_number);
        self.put_as(Role::Listed, &printed);
        let columns = match parts.node(Kind::COLUMN_LIST) {
            Some(list) => self.new_names(&list)?,
            None => Vec::new(),
        };
        self.keyword(&mut parts, Kind::AS_KW, "AS")?;
        if let Some(word) = parts.node(Kind::MATERIALIZED).or_else(|| parts.node(Kind::NOT_MATERIALIZED)) {
            let words = self.words(&word)?;
            self.put(&words);
        }
        self.must_take(&mut parts, Kind::L_PAREN)?;
        self.put("(");
        let before = self.count;
        let query = self.must_any(&mut parts)?;
        let shape = if super::write::is_write(query.kind()) {
            self.writing_cte(&query)?
        } else if is_recursive {
            self.recursive(&query, &name, &printed, &columns)?
        } else {
            self.query(&query)?
        };
        self.must_take(&mut parts, Kind::R_PAREN)?;
        self.put(")");
        if parts.next_kind().is_some() {
            let rule = "the row's path would grow with each step, whatever it costs: carry it as an array, such as `path || id`, \
                        and write `NOT id = ANY(path)`, or order by it";
            let what = parts.peek_node().map(|part| part.to_string());
            let what =
                what.map_or(
                    "SEARCH or CYCLE",
                    |text| if text.starts_with(['s', 'S']) { "SEARCH" } else { "CYCLE" },
                );
            if let Some(part) = parts.peek_node() {
                self.see(&part);
            }
            return self.refuse(what, rule);
        }
        let shape = self.with_columns(shape, columns)?;
        let cte = Cte {
            name,
            printed,
            shape,
            relations: self.count.relations.saturating_sub(before.relations),
            references: self.count.cte_references.saturating_sub(before.cte_references),
            is_unread: false,
        };
        // The planner expands the expression at each reference, so its costs count there and not here.
        self.count.relations = before.relations;
        self.count.cte_references = before.cte_references;
        Ok(cte)
    }

    /// Prints a query of WITH RECURSIVE, which may refer to itself in its second part. The rows of the second part are
    /// made of those before, so their values can have any size: each column counts as one that is stored.
    fn recursive(&mut self, query: &Tree, name: &str, printed: &str, columns: &[String]) -> Checked<Shape> {
        let mut arms = Parts::of(query);
        let is_union = query.kind() == Kind::COMPOUND_SELECT && arms.next_kind() != Some(Kind::WITH_CLAUSE);
        let first = arms.any_node().filter(|_| is_union);
        let Some(first) = first else { return self.query(query) };
        // The columns are those of the first part, which is all that stands in front of the last operator.
        let names = self.result_names(&first)?;
        let operators = |part: &Tree| matches!(part.kind(), Kind::UNION | Kind::EXCEPT | Kind::INTERSECT);
        let has_two_parts = query.children().filter(operators).count() == 1
            && query.children().all(|part| part.kind() != Kind::COMPOUND_SELECT);
        let mut known = Vec::new();
        for (index, (name, size)) in names.into_iter().enumerate() {
            let name = columns.get(index).cloned().unwrap_or(name);
            // A column that begins as an integer, or as a text of a length, stays one: the server refuses another type.
            let size = size.filter(|_| has_two_parts).unwrap_or(Size::recursive());
            let node = self.cost.node(Class::Known(size), "a column", &[], Moment::Unknown);
            known.push(Named { name: name.as_str().into(), node });
        }
        let shape = self.shape(known)?;
        self.ctes.push(Cte {
            name: name.to_owned(),
            printed: printed.to_owned(),
            shape: shape.clone(),
            relations: 0,
            references: 0,
            is_unread: false,
        });
        let found = self.query(query)?;
        self.ctes.pop();
        // A value that doubles in each step takes gigabytes after thirty.
        for column in found.columns() {
            self.cost.node(
                Class::Recursive,
                "a column of WITH RECURSIVE that grows",
                &[column.node],
                Moment::Unknown,
            );
        }
        if found.columns().len() != shape.columns().len() {
            return self.refuse_at(
                query,
                "WITH RECURSIVE",
                "list the columns: WITH RECURSIVE name (a, b) AS (…)",
            );
        }
        Ok(shape)
    }

    /// The size of every value of an expression's type, if its type bounds it and stands in the text: an integer in digits
    /// (one that takes more than 64 bits is a `numeric`), or a conversion.
    fn size_of_type(&self, tree: &Tree) -> Option<Size> {
        let tree = super::literal::unwrapped(tree);
        match tree.kind() {
            Kind::LITERAL => {
                let token = self.token_at(tree.text_range().start().into())?;
                let is_integer = token.class == Lexed::Number && token.value.parse::<i64>().is_ok();
                is_integer.then_some(Size::FIXED)
            }
            // A type in front of a string, behind `::`, or in CAST, where it comes last.
            Kind::CAST_EXPR => {
                let target = tree.children().filter(|child| is_type(child.kind())).last()?;
                // PostgreSQL may convert only the last operand of an operation.
                let value = tree.children().next().filter(|value| value.kind() != Kind::CAST_EXPR);
                let is_bare = value.is_none_or(|value| !super::expression::is_operation(&value));
                self.bounded_type(&target).filter(|_| is_bare)
            }
            _ => None,
        }
    }

    /// The size of every value of a type, if the type bounds it.
    pub(in crate::db) fn bounded_type(&self, tree: &Tree) -> Option<Size> {
        let length = || {
            let list = tree.children().find(|child| child.kind() == Kind::ARG_LIST)?;
            let argument = list.children().next().filter(|_| list.children().count() == 1)?;
            let token = self.token_at(argument.text_range().start().into())?;
            token.value.parse::<u64>().ok()
        };
        match self.type_name(tree)?.as_str() {
            _ if tree.kind() == Kind::ARRAY_TYPE => None,
            "int2" | "int4" | "int8" | "bool" | "date" | "timestamp" | "timestamptz" | "uuid" => {
                Some(Size::FIXED)
            }
            "float4" | "float8" => Some(Size::FLOAT),
            "varchar" | "bpchar" => length().map(Size::characters),
            _ => None,
        }
    }

    /// The names of the results of the first part of a recursive query, without an asterisk, and the size that the type of each
    /// has, if that is known.
    fn result_names(&mut self, first: &Tree) -> Checked<Vec<(String, Option<Size>)>> {
        let rule = "its first part must be a SELECT that names its columns, or VALUES";
        let mut first = first.clone();
        // With a second SELECT or row, that one can decide the type.
        let mut is_one = true;
        while matches!(first.kind(), Kind::PAREN_SELECT | Kind::COMPOUND_SELECT) {
            is_one = is_one && first.kind() != Kind::COMPOUND_SELECT;
            match first.children().find(|child| child.kind() != Kind::WITH_CLAUSE) {
                Some(inner) => first = inner,
                None => return self.refuse_at(&first, "WITH RECURSIVE", rule),
            }
        }
        if first.kind() == Kind::VALUES {
            let mut rows = first.descendants().filter(|node| node.kind() == Kind::ROW);
            let row = rows.next();
            is_one = is_one && rows.next().is_none();
            let values: Vec<Tree> = row.map(|row| row.children().collect()).unwrap_or_default();
            let named = (1..).zip(&values);
            return Ok(named
                .map(|(number, value)| {
                    (format!("column{number}"), self.size_of_type(value).filter(|_| is_one))
                })
                .collect());
        }
        let clause = first.children().find(|child| child.kind() == Kind::SELECT_CLAUSE);
        let list =
            clause.and_then(|clause| clause.children().find(|child| child.kind() == Kind::TARGET_LIST));
        let Some(list) = list else { return self.refuse_at(&first, "WITH RECURSIVE", rule) };
        let mut names = Vec::new();
        for target in list.children() {
            let is_star = target.descendants_with_tokens().any(|part| part.kind() == Kind::STAR)
                && target.children().all(|child| child.kind() == Kind::FIELD_EXPR);
            if is_star {
                return self.refuse_at(&target, "* in WITH RECURSIVE", rule);
            }
            let value = target.children().next().filter(|_| is_one);
            let size = value.and_then(|value| self.size_of_type(&value));
            names.push((self.result_name(&target), size));
        }
        Ok(names)
    }

    /// Prints set operations with their sides in order. PostgreSQL groups them; their columns do not depend on it.
    fn set_operations(&mut self, parts: &mut Parts) -> Checked<Shape> {
        let first = self.must_any(parts)?;
        let mut shape = self.arm(&first, true)?;
        while let Some(kind) = parts.next_kind() {
            if !matches!(kind, Kind::UNION | Kind::EXCEPT | Kind::INTERSECT) {
                break;
            }
            let operator = self.must_any(parts)?;
            let words = self.words(&operator)?;
            self.put(&words);
            if let Some(word) = parts.node(Kind::ALL).or_else(|| parts.node(Kind::DISTINCT)) {
                let words = self.words(&word)?;
                self.put(&words);
            }
            let next = self.must_any(parts)?;
            let other = self.arm(&next, false)?;
            shape = self.either(&shape, &other)?;
        }
        Ok(shape)
    }

    /// The columns of a set operation: named as on its left, and as large as on either side.
    fn either(&mut self, left: &Shape, right: &Shape) -> Checked<Shape> {
        let mut columns = Vec::new();
        for (index, Named { name, node }) in left.columns().iter().enumerate() {
            let nodes: Vec<Node> = [Some(*node), right.columns().get(index).map(|column| column.node)]
                .into_iter()
                .flatten()
                .collect();
            let moment = self.cost.common_moment(&nodes);
            columns.push(Named {
                name: name.clone(),
                node: self.cost.node(Class::Either, "a column", &nodes, moment),
            });
        }
        let mut shape = self.shape(columns)?;
        shape.open = left.open;
        Ok(shape)
    }

    /// One side of a set operation. What stands behind the last side without parentheses belongs to the whole, and so does
    /// WITH in front of the first.
    fn arm(&mut self, arm: &Tree, is_first: bool) -> Checked<Shape> {
        self.counted("SELECTs", |count| &mut count.relations, 1, limits::SQL_RELATIONS_MAX)?;
        self.deeper(|printer| {
            let has_tail = arm.children().any(|child| {
                matches!(
                    child.kind(),
                    Kind::ORDER_BY_CLAUSE | Kind::LIMIT_CLAUSE | Kind::OFFSET_CLAUSE | Kind::FETCH_CLAUSE
                ) || child.kind() == Kind::WITH_CLAUSE && !is_first
            });
            if has_tail && !matches!(arm.kind(), Kind::PAREN_SELECT | Kind::PAREN_EXPR) {
                return printer.refuse_at(arm, "this part of a set operation", "write it in parentheses");
            }
            match arm.kind() {
                Kind::COMPOUND_SELECT => {
                    printer.scopes.push(Scope::default());
                    let mut parts = Parts::of(arm);
                    // WITH in front of a later side would be in front of its first one.
                    let first = arm.children().next();
                    let has_with = first
                        .is_some_and(|first| first.children().any(|child| child.kind() == Kind::WITH_CLAUSE));
                    if has_with && !is_first {
                        return printer.refuse_at(
                            arm,
                            "this part of a set operation",
                            "write it in parentheses",
                        );
                    }
                    let shape = printer.set_operations(&mut parts)?;
                    printer.done(parts)?;
                    printer.scopes.pop();
                    Ok(shape)
                }
                _ if is_first => {
                    let mut parts = Parts::of(arm);
                    if let Some(with) = parts.node(Kind::WITH_CLAUSE) {
                        printer.with(&with)?;
                    }
                    printer.body(arm, parts)
                }
                _ => printer.query(arm),
            }
        })
    }

    /// Prints `TABLE t`.
    fn whole_table(&mut self, parts: &mut Parts) -> Checked<Shape> {
        self.keyword(parts, Kind::TABLE_KW, "TABLE")?;
        let relation = self.must_node(parts, Kind::RELATION_NAME)?;
        let mut inner = Parts::of(&relation);
        let name = self.must_node(&mut inner, Kind::RELATION_NAME_REF)?;
        self.done(inner)?;
        let (alias, _, shape) = self.table_or_cte(&name)?;
        if shape.is_partial() {
            return Err(self.not_whole("TABLE", shape.columns()));
        }
        shape.columns().iter().for_each(|column| self.meet(column.node));
        self.bring(alias, shape.clone())?;
        Ok(shape)
    }

    /// Prints VALUES. The caller says how to print a value, because an INSERT may contain DEFAULT.
    pub(super) fn values(
        &mut self,
        rows: &Tree,
        mut value: impl FnMut(&mut Self, usize, &Tree) -> Checked,
    ) -> Checked<Shape> {
        let mut parts = Parts::of(rows);
        let mut nodes: Vec<Vec<Node>> = Vec::new();
        let mut is_first = true;
        self.items(&mut parts, |printer, parts| {
            let row = printer.must_node(parts, Kind::ROW)?;
            let mut inner = Parts::of(&row);
            printer.must_take(&mut inner, Kind::L_PAREN)?;
            printer.put("(");
            let mut index = 0_usize;
            printer.items(&mut inner, |printer, parts| {
                let item = printer.must_any(parts)?;
                let mark = printer.cost.mark();
                value(printer, index, &item)?;
                if is_first {
                    nodes.push(Vec::new());
                    printer.room(nodes.len())?;
                }
                if let (Some(nodes), Some(&node)) = (nodes.get_mut(index), printer.cost.since(mark).last()) {
                    nodes.push(node);
                }
                printer.cost.forget(mark);
                index = index.saturating_add(1);
                Ok(())
            })?;
            is_first = false;
            printer.must_take(&mut inner, Kind::R_PAREN)?;
            printer.put(")");
            printer.done(inner)
        })?;
        self.done(parts)?;
        let mut columns = Vec::new();
        for (nodes, number) in nodes.iter().zip(1..) {
            let moment = self.cost.common_moment(nodes);
            let node = self.cost.node(Class::Either, "a column", nodes, moment);
            columns.push(Named { name: format!("column{number}").into(), node });
        }
        self.shape(columns)
    }

    /// Prints ORDER BY, LIMIT, OFFSET and FETCH, in whichever order they stand.
    fn tail(&mut self, parts: &mut Parts) -> Checked {
        while let Some(kind) = parts.next_kind() {
            match kind {
                Kind::ORDER_BY_CLAUSE => {
                    let order = self.must_any(parts)?;
                    self.order_by(&order, true)?;
                }
                Kind::LIMIT_CLAUSE => {
                    let clause = self.must_any(parts)?;
                    let mut inner = Parts::of(&clause);
                    self.keyword(&mut inner, Kind::LIMIT_KW, "LIMIT")?;
                    match inner.node(Kind::ALL) {
                        Some(all) => {
                            let words = self.words(&all)?;
                            self.put(&words);
                        }
                        None => self.lone_expr(&mut inner)?,
                    }
                    self.done(inner)?;
                }
                Kind::OFFSET_CLAUSE => {
                    let clause = self.must_any(parts)?;
                    let mut inner = Parts::of(&clause);
                    self.keyword(&mut inner, Kind::OFFSET_KW, "OFFSET")?;
                    self.lone_expr(&mut inner)?;
                    self.row_word(&mut inner);
                    self.done(inner)?;
                }
                Kind::FETCH_CLAUSE => {
                    let clause = self.must_any(parts)?;
                    self.fetch(&clause)?;
                }
                Kind::LOCKING_CLAUSE => {
                    let clause = self.must_any(parts)?;
                    return self.refuse_at(
                        &clause,
                        "FOR UPDATE or FOR SHARE",
                        "a mutation is serializable: leave it out, and a lost race runs again",
                    );
                }
                _ => return Ok(()),
            }
        }
        Ok(())
    }

    /// Prints ROW or ROWS, if it comes next.
    fn row_word(&mut self, parts: &mut Parts) {
        if !self.keyword_if(parts, Kind::ROW_KW, "ROW") {
            self.keyword_if(parts, Kind::ROWS_KW, "ROWS");
        }
    }

    fn fetch(&mut self, tree: &Tree) -> Checked {
        let mut parts = Parts::of(tree);
        self.keyword(&mut parts, Kind::FETCH_KW, "FETCH")?;
        if !self.keyword_if(&mut parts, Kind::FIRST_KW, "FIRST") {
            self.keyword(&mut parts, Kind::NEXT_KW, "NEXT")?;
        }
        if parts.next_kind().is_some_and(|kind| !matches!(kind, Kind::ROW_KW | Kind::ROWS_KW)) {
            self.lone_expr(&mut parts)?;
        }
        self.row_word(&mut parts);
        let end = self.must_any(&mut parts)?;
        let words = self.words(&end)?;
        self.put(&words);
        self.done(parts)
    }

    /// Prints an expression whose value nothing takes.
    pub(super) fn lone_expr(&mut self, parts: &mut Parts) -> Checked {
        let expr = self.must_any(parts)?;
        let mark = self.cost.mark();
        self.expr(&expr)?;
        self.cost.forget(mark);
        Ok(())
    }

    /// Prints ORDER BY. Only the ORDER BY of a query itself may name result columns.
    pub(in crate::db) fn order_by(&mut self, tree: &Tree, may_name_output: bool) -> Checked {
        let mut parts = Parts::of(tree);
        self.keyword(&mut parts, Kind::ORDER_KW, "ORDER")?;
        self.keyword(&mut parts, Kind::BY_KW, "BY")?;
        let list = self.must_node(&mut parts, Kind::SORT_BY_LIST)?;
        self.done(parts)?;
        let mut parts = Parts::of(&list);
        self.items(&mut parts, |printer, parts| {
            let item = printer.must_node(parts, Kind::SORT_BY)?;
            let mut inner = Parts::of(&item);
            let expr = printer.must_any(&mut inner)?;
            if may_name_output {
                printer.output_or_expr(&expr, false)?;
            } else {
                printer.expr(&expr)?;
            }
            printer.order_options(inner)
        })?;
        self.done(parts)
    }

    /// Prints the direction of ORDER BY and the place of nulls.
    pub(in crate::db) fn order_options(&mut self, mut parts: Parts) -> Checked {
        while let Some(option) = parts.any_node() {
            match option.kind() {
                Kind::SORT_ASC | Kind::SORT_DESC | Kind::NULLS_FIRST | Kind::NULLS_LAST => {
                    let words = self.words(&option)?;
                    self.put(&words);
                }
                _ => return self.refuse_at(&option, "ORDER BY USING", "write ASC or DESC"),
            }
        }
        self.done(parts)
    }

    /// Prints a list of new names in parentheses and returns them.
    pub(super) fn new_names(&mut self, list: &Tree) -> Checked<Vec<String>> {
        let mut names = Vec::new();
        self.listed(list, Kind::COLUMN_NAME, |printer, name| {
            let name = printer.name(name)?;
            printer.put_as(Role::Column, &name);
            names.push(name);
            Ok(())
        })?;
        Ok(names)
    }

    /// The columns of a relation whose alias renames the first ones.
    pub(super) fn with_columns(&mut self, shape: Shape, names: Vec<String>) -> Checked<Shape> {
        if names.is_empty() {
            return Ok(shape);
        }
        if shape.is_partial() {
            // PostgreSQL renames by place, also the columns that are not granted.
            let rule = "a column of the table is not granted: list the columns in a subquery, `(SELECT id AS a, … FROM …) AS name`";
            return self.refuse("a list of columns in an alias", rule);
        }
        if names.len() > shape.columns().len() && !shape.open {
            return self
                .refuse("more aliases than columns", "an alias list can only rename existing columns");
        }
        let mut columns = shape.columns().to_vec();
        for (column, name) in columns.iter_mut().zip(names) {
            column.name = name.into();
        }
        let renamed = self.shape(columns)?;
        Ok(shape.renamed(renamed))
    }

    /// The name that PostgreSQL gives a result: its alias, or what `FigureColname` of its parser finds.
    pub(super) fn result_name(&self, target: &Tree) -> String {
        let alias = target.children().find(|child| child.kind() == Kind::AS_NAME);
        if let Some(alias) = alias {
            let last =
                alias.descendants_with_tokens().filter_map(squawk_syntax::SyntaxElement::into_token).last();
            let token = last.and_then(|token| self.token_at(token.text_range().start().into()));
            return token.map(|token| token.value.clone()).unwrap_or_default();
        }
        let name = target.children().next().and_then(|expr| self.implied(&expr));
        name.map_or_else(|| "?column?".to_owned(), |(name, _)| name)
    }

    /// The name of the token with which a node begins.
    fn first_token(&self, tree: &Tree) -> Option<&super::lex::Token> {
        self.token_at(tree.text_range().start().into())
    }

    /// The name that an expression implies, and whether it is a strong one, which a cast does not replace.
    fn implied(&self, tree: &Tree) -> Option<(String, bool)> {
        let strong = |name: &str| Some((name.to_owned(), true));
        match tree.kind() {
            Kind::NAME_REF => strong(&self.first_token(tree)?.value),
            Kind::FIELD_EXPR => strong(&self.first_token(&tree.children().last()?)?.value),
            Kind::INDEX_EXPR | Kind::SLICE_EXPR | Kind::COLLATE => self.implied(&tree.children().next()?),
            Kind::PAREN_EXPR => {
                let inner = tree.children().next()?;
                match inner.kind() {
                    Kind::SELECT => {
                        let target = inner.descendants().find(|node| node.kind() == Kind::TARGET)?;
                        Some((self.result_name(&target), true))
                    }
                    Kind::VALUES => strong("column1"),
                    Kind::COMPOUND_SELECT | Kind::PAREN_SELECT | Kind::TABLE => {
                        let target = inner.descendants().find(|node| node.kind() == Kind::TARGET)?;
                        Some((self.result_name(&target), true))
                    }
                    _ => self.implied(&inner),
                }
            }
            Kind::CALL_EXPR => self.implied_of_call(tree),
            Kind::ARRAY_EXPR => strong("array"),
            Kind::TUPLE_EXPR => strong("row"),
            Kind::CASE_EXPR => {
                let otherwise = tree.children().find(|child| child.kind() == Kind::ELSE_CLAUSE);
                let inner = otherwise
                    .and_then(|clause| clause.children().next())
                    .and_then(|expr| self.implied(&expr));
                inner.filter(|(_, is_strong)| *is_strong).or_else(|| Some(("case".to_owned(), false)))
            }
            Kind::CAST_EXPR => {
                let types = |child: &Tree| is_type(child.kind());
                let value = tree.children().find(|child| !types(child) && child.kind() != Kind::COLON_COLON);
                let inner = value.and_then(|value| self.implied(&value)).filter(|(_, is_strong)| *is_strong);
                let target = tree.children().filter(types).last();
                inner.or_else(|| Some((self.type_name(&target?)?, false)))
            }
            Kind::BIN_EXPR if tree.children().any(|child| child.kind() == Kind::AT_TIME_ZONE) => {
                strong("timezone")
            }
            Kind::BIN_EXPR if tree.children_with_tokens().any(|child| child.kind() == Kind::OVERLAPS_KW) => {
                strong("overlaps")
            }
            Kind::POSTFIX_EXPR if tree.children().any(|child| child.kind() == Kind::IS_NORMALIZED) => {
                strong("is_normalized")
            }
            _ => None,
        }
    }

    fn implied_of_call(&self, tree: &Tree) -> Option<(String, bool)> {
        let head = tree.children().next()?;
        let name = match head.kind() {
            Kind::NAME_REF => self.first_token(&head)?.value.clone(),
            Kind::FIELD_EXPR => self.first_token(&head.children().last()?)?.value.clone(),
            Kind::TRIM_FN => match head.children().next().map(|child| child.kind()) {
                Some(Kind::TRIM_LEADING) => "ltrim".to_owned(),
                Some(Kind::TRIM_TRAILING) => "rtrim".to_owned(),
                _ => "btrim".to_owned(),
            },
            _ => self.first_token(&head)?.value.to_ascii_lowercase(),
        };
        Some((name, true))
    }

    /// The name that PostgreSQL gives the result of a cast to a type.
    fn type_name(&self, tree: &Tree) -> Option<String> {
        // Whether the type has a number behind it that makes a `float` a `real`.
        let is_short;
        let word = match tree.kind() {
            Kind::ARRAY_TYPE => return self.type_name(&tree.children().next()?),
            Kind::PATH_TYPE => {
                let bits = tree.children().find(|child| child.kind() == Kind::ARG_LIST);
                let bits =
                    bits.and_then(|list| list.children().next()?.text().to_string().trim().parse().ok());
                is_short = bits.is_some_and(|bits: u64| bits <= super::types::REAL_BITS_MAX);
                let path = tree.children().find(|child| child.kind() == Kind::PATH_REF)?;
                let last = path
                    .descendants_with_tokens()
                    .filter_map(squawk_syntax::SyntaxElement::into_token)
                    .last()?;
                self.token_at(last.text_range().start().into())?
            }
            Kind::VARCHAR_TYPE => return Some("varchar".to_owned()),
            Kind::CHARACTER_TYPE => return Some("bpchar".to_owned()),
            Kind::DOUBLE_TYPE => return Some("float8".to_owned()),
            Kind::TIMESTAMP_TYPE => {
                let with = tree.children().any(|child| child.kind() == Kind::WITH_TIMEZONE);
                return Some(if with { "timestamptz" } else { "timestamp" }.to_owned());
            }
            Kind::TIME_TYPE => return Some("time".to_owned()),
            Kind::INTERVAL_TYPE => return Some("interval".to_owned()),
            _ => return None,
        };
        let is_word = word.class == Lexed::Word;
        Some(
            match word.value.as_str() {
                "int" | "integer" if is_word => "int4",
                "smallint" if is_word => "int2",
                "bigint" if is_word => "int8",
                "real" if is_word => "float4",
                "float" if is_word && is_short => "float4",
                "float" if is_word => "float8",
                "boolean" if is_word => "bool",
                "decimal" | "dec" if is_word => "numeric",
                other => other,
            }
            .to_owned(),
        )
    }
}

/// Whether a kind of node is a type.
fn is_type(kind: Kind) -> bool {
    matches!(
        kind,
        Kind::PATH_TYPE
            | Kind::ARRAY_TYPE
            | Kind::VARCHAR_TYPE
            | Kind::CHARACTER_TYPE
            | Kind::DOUBLE_TYPE
            | Kind::TIMESTAMP_TYPE
            | Kind::TIME_TYPE
            | Kind::INTERVAL_TYPE
            | Kind::BIT_TYPE
    )
}

//! Queries: WITH, set operations, VALUES, ORDER BY, LIMIT.

use super::printer::Printer;
use super::relation::renamed;
use super::scope::{Cte, Named, Scope, Shape};
use crate::db::cost::{Class, Moment, Node};
use crate::db::gate::fault::Checked;
use crate::db::quoted;
use crate::limits;
use sqlparser::ast::{
    Cte as CteSyntax, CteAsMaterialized, Expr, Fetch, LimitClause, Offset, OrderBy, OrderByExpr, OrderByKind,
    OrderByOptions, OrderBySort, Query, SetExpr, SetOperator, SetQuantifier, Values, With,
};

impl Printer<'_> {
    /// Prints a query and returns its columns.
    pub(in crate::db) fn query(&mut self, query: &Query) -> Checked<Shape> {
        self.deeper(|printer| {
            if let Some(inner) = wrapped(query) {
                return printer.query(inner);
            }
            let Query {
                with,
                body,
                order_by,
                limit_clause,
                fetch,
                locks,
                for_clause,
                settings,
                format_clause,
                pipe_operators,
            } = query;
            printer.absent(!locks.is_empty(), "FOR UPDATE or FOR SHARE")?;
            printer.absent(for_clause.is_some(), "FOR XML or FOR JSON")?;
            printer.absent(settings.is_some(), "SETTINGS")?;
            printer.absent(format_clause.is_some(), "FORMAT")?;
            printer.absent(!pipe_operators.is_empty(), "|>")?;
            let visible = printer.ctes.len();
            if let Some(with) = with {
                printer.with(with)?;
            }
            printer.scopes.push(Scope::default());
            let shape = printer.body(body)?;
            if let Some(scope) = printer.scopes.last_mut() {
                scope.outputs = shape.clone();
            }
            printer.tail(order_by.as_ref(), limit_clause.as_ref(), fetch.as_ref())?;
            printer.scopes.pop();
            printer.ctes.truncate(visible);
            Ok(shape)
        })
    }

    /// Prints WITH. Each common table expression gets a new name that no table has, so that PostgreSQL cannot confuse
    /// the two.
    pub(super) fn with(&mut self, with: &With) -> Checked {
        let With { with_token, recursive, cte_tables } = with;
        self.see(with_token.0.span.start);
        self.absent(*recursive, "WITH RECURSIVE")?;
        self.put("WITH ");
        self.list(cte_tables, Self::cte)?;
        self.put(" ");
        Ok(())
    }

    fn cte(&mut self, cte: &CteSyntax) -> Checked {
        let CteSyntax { alias, query, from, materialized, closing_paren_token: _ } = cte;
        let name = self.name(&alias.name)?;
        self.absent(from.is_some(), "FROM after a common table expression")?;
        self.absent(alias.at.is_some(), "AT after an alias")?;
        if matches!(
            query.body.as_ref(),
            SetExpr::Insert(_) | SetExpr::Update(_) | SetExpr::Delete(_) | SetExpr::Merge(_)
        ) {
            return self
                .refuse("a statement that writes inside WITH", "a common table expression can only read");
        }
        self.cte_number = self.cte_number.saturating_add(1);
        let printed = quoted(&format!("cte {}", self.cte_number));
        self.put(&printed);
        let columns = renamed(self, alias)?;
        self.put(" AS ");
        self.put(match materialized {
            None => "",
            Some(CteAsMaterialized::Materialized) => "MATERIALIZED ",
            Some(CteAsMaterialized::NotMaterialized) => "NOT MATERIALIZED ",
        });
        self.put("(");
        let before = self.count;
        let shape = self.query(query)?;
        self.put(")");
        let shape = self.with_columns(shape, columns)?;
        self.ctes.push(Cte {
            name,
            printed,
            shape,
            relations: self.count.relations.saturating_sub(before.relations),
            references: self.count.cte_references.saturating_sub(before.cte_references),
        });
        // The planner expands the expression at each reference, so its costs count there and not here.
        self.count.relations = before.relations;
        self.count.cte_references = before.cte_references;
        Ok(())
    }

    fn body(&mut self, body: &SetExpr) -> Checked<Shape> {
        match body {
            SetExpr::Select(select) => self.select(select),
            SetExpr::Query(query) => self.parenthesized(query),
            SetExpr::SetOperation { left, op, set_quantifier, right } => {
                self.set_operation(left, *op, *set_quantifier, right)
            }
            SetExpr::Values(values) => self.values(values, Self::expr),
            SetExpr::Table(_) => self.refuse("TABLE", "write SELECT * FROM"),
            SetExpr::Insert(_) | SetExpr::Update(_) | SetExpr::Delete(_) | SetExpr::Merge(_) => {
                self.refuse("a statement that writes", "only SELECT, VALUES and WITH can stand here")
            }
        }
    }

    pub(super) fn parenthesized(&mut self, query: &Query) -> Checked<Shape> {
        self.put("(");
        let shape = self.query(query)?;
        self.put(")");
        Ok(shape)
    }

    /// Prints a set operation with both sides in parentheses, because INTERSECT binds tighter than the other operators.
    fn set_operation(
        &mut self,
        left: &SetExpr,
        operator: SetOperator,
        quantifier: SetQuantifier,
        right: &SetExpr,
    ) -> Checked<Shape> {
        let shape = self.arm(left)?;
        self.put(match operator {
            SetOperator::Union => " UNION ",
            SetOperator::Except => " EXCEPT ",
            SetOperator::Intersect => " INTERSECT ",
            SetOperator::Minus => return self.refuse("MINUS", "write EXCEPT"),
        });
        match quantifier {
            SetQuantifier::All => self.put("ALL "),
            SetQuantifier::Distinct | SetQuantifier::None => {}
            SetQuantifier::ByName | SetQuantifier::AllByName | SetQuantifier::DistinctByName => {
                return self.refuse("BY NAME", "not part of PostgreSQL's SQL");
            }
        }
        let other = self.arm(right)?;
        self.either(&shape, &other)
    }

    /// The columns of a set operation: named as on its left, and as large as on either side.
    fn either(&mut self, left: &Shape, right: &Shape) -> Checked<Shape> {
        let mut columns = Vec::new();
        for (index, Named { name, node }) in left.columns().iter().enumerate() {
            let nodes: Vec<Node> = [Some(*node), right.columns().get(index).map(|column| column.node)]
                .into_iter()
                .flatten()
                .collect();
            let moment = self.common(&nodes);
            columns.push(Named {
                name: name.clone(),
                node: self.cost.node(Class::Either, "a column", &nodes, moment),
            });
        }
        let mut shape = self.shape(columns)?;
        shape.open = left.open;
        Ok(shape)
    }

    /// Whether a column that has one of several values is a date or time: all get one type.
    fn common(&self, nodes: &[Node]) -> Moment {
        if nodes.iter().any(|node| self.cost.moment(*node) == Moment::Certain) {
            Moment::Certain
        } else {
            Moment::Unknown
        }
    }

    fn arm(&mut self, arm: &SetExpr) -> Checked<Shape> {
        self.counted("SELECTs", |count| &mut count.relations, 1, limits::SQL_RELATIONS_MAX)?;
        self.deeper(|printer| {
            if let SetExpr::Query(query) = arm {
                return printer.parenthesized(query);
            }
            printer.put("(");
            printer.scopes.push(Scope::default());
            let shape = printer.body(arm)?;
            printer.scopes.pop();
            printer.put(")");
            Ok(shape)
        })
    }

    /// Prints VALUES. The caller says how to print a value, because an INSERT may contain DEFAULT.
    pub(super) fn values(
        &mut self,
        values: &Values,
        mut value: impl FnMut(&mut Self, &Expr) -> Checked,
    ) -> Checked<Shape> {
        let Values { explicit_row, value_keyword, rows } = values;
        self.absent(*explicit_row || *value_keyword, "VALUE or VALUES ROW")?;
        self.put("VALUES ");
        let width = rows.first().map_or(0, |row| row.content.len());
        self.room(width)?;
        let mut nodes: Vec<Vec<Node>> = vec![Vec::new(); width];
        self.list(rows, |printer, row| {
            printer.absent(row.content.is_empty(), "an empty row")?;
            printer.put("(");
            printer.list(row.content.iter().enumerate(), |printer, (index, item)| {
                let mark = printer.cost.mark();
                value(printer, item)?;
                if let (Some(nodes), Some(&node)) = (nodes.get_mut(index), printer.cost.since(mark).last()) {
                    nodes.push(node);
                }
                printer.cost.forget(mark);
                Ok(())
            })?;
            printer.put(")");
            Ok(())
        })?;
        let mut columns = Vec::new();
        for (nodes, number) in nodes.iter().zip(1..) {
            let moment = self.common(nodes);
            let node = self.cost.node(Class::Either, "a column", nodes, moment);
            columns.push(Named { name: format!("column{number}").into(), node });
        }
        self.shape(columns)
    }

    fn tail(
        &mut self,
        order: Option<&OrderBy>,
        limit: Option<&LimitClause>,
        fetch: Option<&Fetch>,
    ) -> Checked {
        if let Some(OrderBy { kind, interpolate }) = order {
            self.absent(interpolate.is_some(), "INTERPOLATE")?;
            match kind {
                OrderByKind::All(_) => return self.refuse("ORDER BY ALL", "name the columns"),
                OrderByKind::Expressions(expressions) => {
                    self.put(" ORDER BY ");
                    self.order(expressions, true)?;
                }
            }
        }
        match limit {
            None => {}
            Some(LimitClause::OffsetCommaLimit { .. }) => return self.refuse("LIMIT n, m", "write OFFSET"),
            Some(LimitClause::LimitOffset { limit, offset, limit_by }) => {
                self.absent(!limit_by.is_empty(), "LIMIT BY")?;
                if let Some(limit) = limit {
                    self.absent(fetch.is_some(), "LIMIT together with FETCH")?;
                    self.put(" LIMIT ");
                    self.expr(limit)?;
                }
                if let Some(Offset { value, rows: _ }) = offset {
                    self.put(" OFFSET ");
                    self.expr(value)?;
                }
            }
        }
        if let Some(Fetch { with_ties, percent, quantity }) = fetch {
            self.absent(*with_ties, "WITH TIES")?;
            self.absent(*percent, "FETCH PERCENT")?;
            self.put(" LIMIT ");
            match quantity {
                None => self.put("1"),
                Some(quantity) => self.expr(quantity)?,
            }
        }
        Ok(())
    }

    /// Prints the expressions of ORDER BY. Only the ORDER BY of a query itself may name result columns.
    pub(in crate::db) fn order(&mut self, expressions: &[OrderByExpr], may_name_output: bool) -> Checked {
        self.list(expressions, |printer, OrderByExpr { expr, options, with_fill }| {
            printer.absent(with_fill.is_some(), "WITH FILL")?;
            match expr {
                Expr::Identifier(ident) if may_name_output && printer.output(ident)? => {}
                other => printer.expr(other)?,
            }
            printer.order_options(options)
        })
    }

    /// Prints the direction of ORDER BY and the place of nulls.
    pub(in crate::db) fn order_options(&mut self, options: &OrderByOptions) -> Checked {
        let OrderByOptions { sort, nulls_first } = options;
        self.put(match sort {
            None => "",
            Some(OrderBySort::Asc) => " ASC",
            Some(OrderBySort::Desc) => " DESC",
            Some(OrderBySort::Using(_)) => return self.refuse("ORDER BY USING", "write ASC or DESC"),
        });
        self.put(match nulls_first {
            None => "",
            Some(true) => " NULLS FIRST",
            Some(false) => " NULLS LAST",
        });
        Ok(())
    }

    /// The columns of a relation whose alias renames the first ones.
    pub(super) fn with_columns(&mut self, shape: Shape, names: Vec<String>) -> Checked<Shape> {
        if names.is_empty() {
            return Ok(shape);
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
}

/// The inner query of a query that only adds parentheses.
fn wrapped(query: &Query) -> Option<&Query> {
    match query {
        Query {
            with: None,
            body,
            order_by: None,
            limit_clause: None,
            fetch: None,
            locks,
            for_clause: None,
            settings: None,
            format_clause: None,
            pipe_operators,
        } if locks.is_empty() && pipe_operators.is_empty() => match body.as_ref() {
            SetExpr::Query(inner) => Some(inner),
            _ => None,
        },
        _ => None,
    }
}

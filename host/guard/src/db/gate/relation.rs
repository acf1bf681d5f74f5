//! FROM: tables, subqueries, joins, and the few functions that return rows.

use super::functions;
use super::printer::Printer;
use super::scope::{Named, Shape, Star};
use crate::db::catalogue::Operation;
use crate::db::cost::Class;
use crate::db::gate::fault::{Checked, Fault};
use crate::db::{quoted, shown};
use crate::limits;
use sqlparser::ast::{
    Expr, FunctionArg, FunctionArgExpr, Join, JoinConstraint, JoinOperator, ObjectName, Query, TableAlias,
    TableAliasColumnDef, TableFactor, TableFunctionArgs, TableWithJoins,
};

impl Printer<'_> {
    /// Prints FROM or USING, unless it is empty.
    pub(super) fn from(&mut self, keyword: &str, from: &[TableWithJoins]) -> Checked {
        if from.is_empty() {
            return Ok(());
        }
        self.put(keyword);
        self.list(from, Self::joined)
    }

    fn joined(&mut self, item: &TableWithJoins) -> Checked {
        let star = self.join_tree(item)?;
        if let Some(scope) = self.scopes.last_mut() {
            scope.stars.push(star);
        }
        Ok(())
    }

    /// Prints a table with its joins, and returns what `*` stands for in them.
    fn join_tree(&mut self, TableWithJoins { relation, joins }: &TableWithJoins) -> Checked<Star> {
        let start = self.here().len();
        let mut star = self.factor(relation)?;
        for Join { relation, global, join_operator } in joins {
            self.absent(*global, "GLOBAL JOIN")?;
            star = self.join(start, join_operator, relation, star)?;
        }
        Ok(star)
    }

    /// Prints one join. Its left side is the relations in scope since `start`.
    fn join(
        &mut self,
        start: usize,
        operator: &JoinOperator,
        relation: &TableFactor,
        star: Star,
    ) -> Checked<Star> {
        let (keyword, constraint) = match operator {
            JoinOperator::Join(constraint) | JoinOperator::Inner(constraint) => (" JOIN ", constraint),
            JoinOperator::Left(constraint) | JoinOperator::LeftOuter(constraint) => {
                (" LEFT JOIN ", constraint)
            }
            JoinOperator::Right(constraint) | JoinOperator::RightOuter(constraint) => {
                (" RIGHT JOIN ", constraint)
            }
            JoinOperator::FullOuter(constraint) => (" FULL JOIN ", constraint),
            JoinOperator::CrossJoin(constraint) => {
                self.absent(*constraint != JoinConstraint::None, "a condition of CROSS JOIN")?;
                self.put(" CROSS JOIN ");
                let other = self.factor(relation)?;
                return self.both(star, other, &[]);
            }
            JoinOperator::Semi(_)
            | JoinOperator::LeftSemi(_)
            | JoinOperator::RightSemi(_)
            | JoinOperator::Anti(_)
            | JoinOperator::LeftAnti(_)
            | JoinOperator::RightAnti(_)
            | JoinOperator::CrossApply
            | JoinOperator::OuterApply
            | JoinOperator::AsOf { .. }
            | JoinOperator::StraightJoin(_)
            | JoinOperator::ArrayJoin
            | JoinOperator::LeftArrayJoin
            | JoinOperator::InnerArrayJoin => {
                return self.refuse("this kind of JOIN", "not part of PostgreSQL's SQL");
            }
        };
        self.put(keyword);
        let middle = self.here().len();
        let other = self.factor(relation)?;
        match constraint {
            JoinConstraint::On(condition) => {
                self.put(" ON ");
                self.expr(condition)?;
                self.both(star, other, &[])
            }
            JoinConstraint::Using(columns) => {
                self.put(" USING (");
                let mut merged = Vec::new();
                self.list(columns, |printer, column| {
                    let name = printer.undotted(column)?;
                    // USING reads the column of both sides, so both must have it.
                    let (left, right) = printer.here().split_at_checked(middle).unwrap_or_default();
                    let left = left.get(start..).unwrap_or_default();
                    for side in [left, right] {
                        if !side.iter().any(|relation| relation.shape.has(&name)) {
                            return Err(Fault::Denied);
                        }
                    }
                    printer.put(&quoted(&name));
                    merged.push(name);
                    Ok(())
                })?;
                self.put(")");
                self.both(star, other, &merged)
            }
            JoinConstraint::Natural => self.refuse("NATURAL JOIN", "name the columns with USING or ON"),
            JoinConstraint::None => self.refuse("JOIN without a condition", "write ON, USING or CROSS JOIN"),
        }
    }

    /// What `*` stands for in a join of two items.
    fn both(&mut self, left: Star, right: Star, merged: &[String]) -> Checked<Star> {
        self.room(left.columns.len().saturating_add(right.columns.len()))?;
        Ok(left.joined(right, merged))
    }

    /// Prints an item of FROM, and returns what `*` stands for in it.
    fn factor(&mut self, factor: &TableFactor) -> Checked<Star> {
        if let TableFactor::NestedJoin { table_with_joins, alias } = factor {
            return self.deeper(|printer| {
                printer.absent(alias.is_some(), "an alias of a join")?;
                printer.put("(");
                let star = printer.join_tree(table_with_joins)?;
                printer.put(")");
                Ok(star)
            });
        }
        self.single(factor)?;
        let shape = self.here().last().map(|relation| relation.shape.clone()).unwrap_or_default();
        self.room(shape.columns().len())?;
        Ok(Star::of(&shape))
    }

    fn single(&mut self, factor: &TableFactor) -> Checked {
        self.deeper(|printer| match factor {
            TableFactor::Table { .. } => printer.table_factor(factor),
            TableFactor::Derived { lateral, subquery, alias, sample } => {
                printer.absent(sample.is_some(), "TABLESAMPLE")?;
                printer.derived(*lateral, subquery, alias.as_ref())
            }
            TableFactor::Function { lateral: _, name, args, with_ordinality, alias } => {
                printer.call_in_from(name, args, *with_ordinality, alias.as_ref())
            }
            TableFactor::UNNEST { alias, array_exprs, with_offset, with_offset_alias, with_ordinality } => {
                printer.absent(*with_offset || with_offset_alias.is_some(), "WITH OFFSET")?;
                printer.rows_of("unnest", array_exprs.iter(), *with_ordinality, alias.as_ref())
            }
            TableFactor::NestedJoin { .. } => printer.absent(true, "a join here"),
            TableFactor::JsonTable { .. } | TableFactor::OpenJsonTable { .. } => {
                printer.absent(true, "JSON_TABLE")
            }
            TableFactor::XmlTable { .. } => printer.absent(true, "XMLTABLE"),
            TableFactor::TableFunction { .. }
            | TableFactor::Pivot { .. }
            | TableFactor::Unpivot { .. }
            | TableFactor::UnpivotExpr { .. }
            | TableFactor::MatchRecognize { .. }
            | TableFactor::SemanticView { .. } => printer.absent(true, "this kind of table expression"),
        })
    }

    fn table_factor(&mut self, factor: &TableFactor) -> Checked {
        let TableFactor::Table {
            name,
            alias,
            args,
            with_hints,
            version,
            with_ordinality,
            partitions,
            json_path,
            sample,
            index_hints,
        } = factor
        else {
            return Ok(());
        };
        self.absent(!with_hints.is_empty() || !index_hints.is_empty(), "a hint")?;
        self.absent(version.is_some(), "a table's version")?;
        self.absent(!partitions.is_empty(), "PARTITION")?;
        self.absent(json_path.is_some(), "a path after a table")?;
        self.absent(sample.is_some(), "TABLESAMPLE")?;
        if let Some(TableFunctionArgs { args, settings }) = args {
            self.absent(settings.is_some(), "SETTINGS")?;
            return self.call_in_from(name, args, *with_ordinality, alias.as_ref());
        }
        self.absent(*with_ordinality, "WITH ORDINALITY after a table")?;
        let (name, shape) = self.table_or_cte(name)?;
        self.alias(alias.as_ref(), name, shape)
    }

    /// Prints the name of a common table expression or a table. The expression wins, as in PostgreSQL.
    fn table_or_cte(&mut self, name: &ObjectName) -> Checked<(String, Shape)> {
        let (mut relations, mut references) = (1_usize, 0_usize);
        let cte = match self.dotted(name)? {
            (None, name) => self.ctes.iter().rev().find(|cte| cte.name == name).cloned(),
            (Some(_), _) => None,
        };
        if let Some(cte) = &cte {
            relations = relations.saturating_add(cte.relations);
            references = cte.references.saturating_add(1);
        }
        self.counted("tables", |count| &mut count.relations, relations, limits::SQL_RELATIONS_MAX)?;
        let what = "references to common table expressions";
        self.counted(what, |count| &mut count.cte_references, references, limits::SQL_CTE_REFERENCES_MAX)?;
        match cte {
            None => self.table(name, Operation::Select),
            Some(cte) => {
                self.put(&cte.printed);
                Ok((cte.name, cte.shape))
            }
        }
    }

    fn derived(&mut self, lateral: bool, subquery: &Query, alias: Option<&TableAlias>) -> Checked {
        let siblings = match self.scopes.last_mut() {
            Some(scope) if !lateral => std::mem::take(&mut scope.relations),
            _ => Vec::new(),
        };
        self.put(if lateral { "LATERAL (" } else { "(" });
        let shape = self.query(subquery)?;
        self.put(")");
        if let Some(scope) = self.scopes.last_mut().filter(|_| !lateral) {
            scope.relations = siblings;
        }
        match alias {
            Some(_) => self.alias(alias, String::new(), shape),
            None => self.refuse("a subquery in FROM", "give it an alias"),
        }
    }

    fn call_in_from(
        &mut self,
        name: &ObjectName,
        args: &[FunctionArg],
        with_ordinality: bool,
        alias: Option<&TableAlias>,
    ) -> Checked {
        let name = self.function_name(name)?;
        let mut values = Vec::new();
        for arg in args {
            match arg {
                FunctionArg::Unnamed(FunctionArgExpr::Expr(expr)) => values.push(expr),
                _ => return self.refuse("this argument", "arguments are values without names"),
            }
        }
        self.rows_of(&name, values.into_iter(), with_ordinality, alias)
    }

    /// Prints a function that returns rows: at most as many as its argument has elements.
    fn rows_of<'e>(
        &mut self,
        name: &str,
        args: impl ExactSizeIterator<Item = &'e Expr>,
        with_ordinality: bool,
        alias: Option<&TableAlias>,
    ) -> Checked {
        let Some(own) = functions::rows(name) else {
            return self.refuse(shown(name), "not in the list of functions that can stand in FROM");
        };
        self.counted("tables", |count| &mut count.relations, 1, limits::SQL_RELATIONS_MAX)?;
        self.absent(args.len() != 1, "more or less than one argument")?;
        let Some(alias) = alias else { return self.refuse("a function in FROM", "give it an alias") };
        self.put(&format!("\"pg_catalog\".{}(", quoted(name)));
        let mark = self.cost.mark();
        self.list(args, Self::expr)?;
        self.put(if with_ordinality { ") WITH ORDINALITY" } else { ")" });
        let moment = self.cost.any_moment(mark);
        self.cost.close(mark, Class::Rows, "a function in FROM", moment);
        let Some(node) = self.cost.last() else { return Err(Fault::Denied) };
        let mut names: Vec<String> = match own {
            [""] => vec![self.name(&alias.name)?],
            many => many.iter().map(|&column| column.to_owned()).collect(),
        };
        if with_ordinality {
            names.push("ordinality".to_owned());
        }
        let columns = names.into_iter().map(|name| Named { name: name.into(), node }).collect();
        let shape = self.shape(columns)?;
        self.alias(Some(alias), String::new(), shape)
    }

    /// Prints an alias and makes the relation visible under it. Without an alias, a table is visible under its own
    /// name.
    pub(super) fn alias(&mut self, alias: Option<&TableAlias>, name: String, shape: Shape) -> Checked {
        let Some(alias) = alias else {
            self.put(&format!(" AS {}", quoted(&name)));
            return self.bring(name, shape);
        };
        self.absent(alias.at.is_some(), "AT after an alias")?;
        self.put(" AS ");
        let name = self.put_name(&alias.name)?;
        let columns = renamed(self, alias)?;
        let shape = self.with_columns(shape, columns)?;
        self.bring(name, shape)
    }
}

/// Prints the list of columns of an alias, if it has one, and returns their names.
pub(super) fn renamed(printer: &mut Printer<'_>, alias: &TableAlias) -> Checked<Vec<String>> {
    let mut names = Vec::new();
    if alias.columns.is_empty() {
        return Ok(names);
    }
    printer.put(" (");
    printer.list(&alias.columns, |printer, TableAliasColumnDef { name, data_type }| {
        printer.absent(data_type.is_some(), "a type in an alias")?;
        names.push(printer.put_name(name)?);
        Ok(())
    })?;
    printer.put(")");
    Ok(names)
}

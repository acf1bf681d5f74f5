//! SELECT: its list, WHERE, GROUP BY, HAVING and WINDOW.

use super::printer::Printer;
use super::scope::{Named, Shape};
use crate::db::gate::fault::{Checked, Fault};
use crate::db::quoted;
use crate::limits;
use sqlparser::ast::{
    Distinct, Expr, Function, GroupByExpr, Ident, NamedWindowDefinition, NamedWindowExpr, ObjectNamePart,
    Select, SelectFlavor, SelectItem, SelectItemQualifiedWildcardKind, WildcardAdditionalOptions,
};

impl Printer<'_> {
    /// Prints a SELECT into the current scope and returns its columns.
    pub(super) fn select(&mut self, select: &Select) -> Checked<Shape> {
        self.see(select.select_token.0.span.start);
        self.plain(select)?;
        let Select { distinct, projection, from, selection, group_by, having, named_window, .. } = select;
        let ((), from) = self.apart(|printer| printer.from(" FROM ", from))?;
        let (shape, list) = self.apart(|printer| printer.projection(projection))?;
        if let Some(scope) = self.scopes.last_mut() {
            scope.outputs = shape.clone();
        }
        self.put("SELECT ");
        self.distinct(distinct.as_ref())?;
        self.put(&list);
        self.put(&from);
        self.filter(" WHERE ", selection.as_ref())?;
        self.group_by(group_by)?;
        self.filter(" HAVING ", having.as_ref())?;
        self.windows(named_window)?;
        Ok(shape)
    }

    /// Refuses INTO and the parts of a SELECT that only other databases have. Names every field, so that a new field of
    /// the parser does not compile until somebody decides whether to accept it.
    fn plain(&self, select: &Select) -> Checked {
        let Select {
            select_token: _,
            optimizer_hints,
            distinct: _,
            select_modifiers,
            top,
            top_before_distinct: _,
            projection: _,
            exclude,
            into,
            from: _,
            lateral_views,
            prewhere,
            selection: _,
            connect_by,
            group_by: _,
            cluster_by,
            distribute_by,
            sort_by,
            having: _,
            named_window: _,
            qualify,
            window_before_qualify: _,
            value_table_mode,
            flavor,
        } = select;
        self.absent(into.is_some(), "SELECT INTO")?;
        self.absent(!optimizer_hints.is_empty(), "a hint")?;
        self.absent(select_modifiers.is_some(), "a modifier of SELECT")?;
        self.absent(top.is_some(), "TOP")?;
        self.absent(exclude.is_some(), "EXCLUDE")?;
        self.absent(!lateral_views.is_empty(), "LATERAL VIEW")?;
        self.absent(prewhere.is_some(), "PREWHERE")?;
        self.absent(!connect_by.is_empty(), "CONNECT BY")?;
        self.absent(
            !cluster_by.is_empty() || !distribute_by.is_empty() || !sort_by.is_empty(),
            "CLUSTER BY",
        )?;
        self.absent(qualify.is_some(), "QUALIFY")?;
        self.absent(value_table_mode.is_some(), "SELECT AS VALUE")?;
        self.absent(*flavor != SelectFlavor::Standard, "FROM before SELECT")
    }

    fn distinct(&mut self, distinct: Option<&Distinct>) -> Checked {
        match distinct {
            None | Some(Distinct::All) => Ok(()),
            Some(Distinct::Distinct) => {
                self.put("DISTINCT ");
                Ok(())
            }
            Some(Distinct::On(expressions)) => {
                self.put("DISTINCT ON (");
                self.list(expressions, Self::output_or_expr)?;
                self.put(") ");
                Ok(())
            }
        }
    }

    /// Prints the list of SELECT or RETURNING and returns the names of the results. An empty name means no name.
    pub(super) fn projection(&mut self, items: &[SelectItem]) -> Checked<Shape> {
        let (mut columns, mut open) = (Vec::new(), false);
        self.list(items, |printer, item| printer.item(item, &mut columns, &mut open))?;
        let mut shape = self.shape(columns)?;
        shape.open = open;
        Ok(shape)
    }

    /// Adds a column that was just printed to a list of columns.
    fn result(&mut self, columns: &mut Vec<Named>, name: &str) -> Checked {
        let Some(node) = self.cost.last() else { return Err(Fault::Denied) };
        columns.push(Named { name: name.into(), node });
        Ok(())
    }

    fn item(&mut self, item: &SelectItem, columns: &mut Vec<Named>, open: &mut bool) -> Checked {
        match item {
            SelectItem::UnnamedExpr(expr) => {
                self.expr(expr)?;
                let name = self.implied_name(expr)?;
                if matches!(expr, Expr::Substring { .. } | Expr::Position { .. }) {
                    self.put(&format!(" AS {}", quoted(&name)));
                }
                self.result(columns, &name)?;
            }
            SelectItem::ExprWithAlias { expr, alias } => {
                self.expr(expr)?;
                self.put(" AS ");
                let name = self.put_name(alias)?;
                self.result(columns, &name)?;
            }
            SelectItem::ExprWithAliases { .. } => {
                return self.refuse("several aliases", "write one alias for each result");
            }
            SelectItem::QualifiedWildcard(SelectItemQualifiedWildcardKind::ObjectName(name), options) => {
                self.plain_wildcard(options)?;
                let alias = self.undotted(name)?;
                let shape = self.relation(&alias)?.shape.clone();
                self.put(&format!("{}.*", quoted(&alias)));
                self.room(shape.columns().len())?;
                columns.extend_from_slice(shape.all()?);
                *open |= shape.open;
            }
            SelectItem::QualifiedWildcard(SelectItemQualifiedWildcardKind::Expr(_), _) => {
                return self.refuse("(…).*", "write alias.*");
            }
            SelectItem::Wildcard(options) => {
                self.plain_wildcard(options)?;
                self.put("*");
                self.absent(self.here().is_empty(), "* without FROM")?;
                let stars = self.scopes.last().map(|scope| scope.stars.as_slice()).unwrap_or_default();
                let (count, is_hidden) = stars.iter().fold((0_usize, false), |(count, is_hidden), star| {
                    (count.saturating_add(star.columns.len()), is_hidden || star.is_hidden)
                });
                if is_hidden {
                    return Err(Fault::Denied);
                }
                self.room(count)?;
                for star in self.scopes.last().map(|scope| scope.stars.as_slice()).unwrap_or_default() {
                    columns.extend_from_slice(&star.columns);
                    *open |= star.open;
                }
            }
        }
        Ok(())
    }

    fn plain_wildcard(&mut self, options: &WildcardAdditionalOptions) -> Checked {
        let WildcardAdditionalOptions {
            wildcard_token,
            opt_ilike,
            opt_exclude,
            opt_except,
            opt_replace,
            opt_rename,
            opt_alias,
        } = options;
        self.see(wildcard_token.0.span.start);
        let is_plain = opt_ilike.is_none()
            && opt_exclude.is_none()
            && opt_except.is_none()
            && opt_replace.is_none()
            && opt_rename.is_none()
            && opt_alias.is_none();
        self.absent(!is_plain, "an option of *")
    }

    /// The name that PostgreSQL gives a result without AS; empty for expressions whose rule is complicated.
    fn implied_name(&mut self, expr: &Expr) -> Checked<String> {
        match expr {
            // These two are printed as other functions but must keep their own names.
            Expr::Substring { .. } => Ok("substring".to_owned()),
            Expr::Position { .. } => Ok("position".to_owned()),
            Expr::Identifier(ident) => self.name(ident),
            Expr::CompoundIdentifier(parts) => parts.last().map_or(Ok(String::new()), |part| self.name(part)),
            Expr::Function(Function { name, .. }) => match name.0.last() {
                Some(ObjectNamePart::Identifier(ident)) => self.name(ident),
                _ => Ok(String::new()),
            },
            _ => Ok(String::new()),
        }
    }

    pub(in crate::db) fn filter(&mut self, keyword: &str, condition: Option<&Expr>) -> Checked {
        let Some(condition) = condition else { return Ok(()) };
        self.put(keyword);
        self.expr(condition)
    }

    fn group_by(&mut self, group_by: &GroupByExpr) -> Checked {
        let GroupByExpr::Expressions(expressions, modifiers) = group_by else {
            return self.refuse("GROUP BY ALL", "name the columns");
        };
        self.absent(!modifiers.is_empty(), "WITH ROLLUP or CUBE after GROUP BY")?;
        if expressions.is_empty() {
            return Ok(());
        }
        let mut sets = 1_usize;
        for expression in expressions {
            sets = sets.saturating_mul(grouping_sets(expression));
        }
        self.counted("grouping sets", |count| &mut count.grouping_sets, sets, limits::SQL_GROUPING_SETS_MAX)?;
        self.put(" GROUP BY ");
        self.list(expressions, |printer, expression| match expression {
            Expr::GroupingSets(sets) => printer.sets("GROUPING SETS (", sets),
            Expr::Cube(sets) => printer.sets("CUBE (", sets),
            Expr::Rollup(sets) => printer.sets("ROLLUP (", sets),
            Expr::Tuple(columns) if columns.is_empty() => {
                printer.put("()");
                Ok(())
            }
            other => printer.output_or_expr(other),
        })
    }

    fn sets(&mut self, keyword: &str, sets: &[Vec<Expr>]) -> Checked {
        self.put(keyword);
        self.list(sets, |printer, set| {
            printer.put("(");
            printer.list(set, Self::output_or_expr)?;
            printer.put(")");
            Ok(())
        })?;
        self.put(")");
        Ok(())
    }

    fn output_or_expr(&mut self, expr: &Expr) -> Checked {
        match expr {
            Expr::Identifier(ident) if self.output(ident)? => Ok(()),
            other => self.expr(other),
        }
    }

    fn windows(&mut self, windows: &[NamedWindowDefinition]) -> Checked {
        if windows.is_empty() {
            return Ok(());
        }
        self.put(" WINDOW ");
        self.list(windows, |printer, NamedWindowDefinition(name, window): &NamedWindowDefinition| {
            printer.put_name(name)?;
            printer.put(" AS ");
            match window {
                NamedWindowExpr::NamedWindow(name) => refuse_named(printer, name),
                NamedWindowExpr::WindowSpec(spec) => printer.window(spec),
            }
        })
    }
}

fn refuse_named(printer: &mut Printer<'_>, name: &Ident) -> Checked {
    let name = printer.name(name)?;
    printer.refuse(format!("WINDOW … AS {name}"), "write the window in parentheses")
}

/// The number of grouping sets that one expression of GROUP BY expands to.
fn grouping_sets(expression: &Expr) -> usize {
    match expression {
        Expr::GroupingSets(sets) => sets.len().max(1),
        Expr::Cube(sets) => {
            u32::try_from(sets.len()).ok().and_then(|n| 2_usize.checked_pow(n)).unwrap_or(usize::MAX)
        }
        Expr::Rollup(sets) => sets.len().saturating_add(1),
        _ => 1,
    }
}

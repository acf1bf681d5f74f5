//! Calls of functions. A function must be in the list, and its name is always printed with `pg_catalog`.

use super::functions::{self, Kind};
use super::printer::Printer;
use crate::db::cost::{self, Class, Moment, Size};
use crate::db::gate::fault::Checked;
use crate::db::{quoted, shown};
use crate::limits;
use sqlparser::ast::{
    DuplicateTreatment, Expr, Function, FunctionArg, FunctionArgExpr, FunctionArgumentClause,
    FunctionArgumentList, FunctionArguments, ObjectName, OrderByExpr, WindowFrame, WindowFrameBound,
    WindowFrameUnits, WindowSpec, WindowType,
};

impl Printer<'_> {
    /// The name of a function. The only schema that may stand before it is `pg_catalog`.
    pub(super) fn function_name(&mut self, name: &ObjectName) -> Checked<String> {
        match self.dotted(name)? {
            (None, name) => Ok(name),
            (Some(schema), name) if schema == "pg_catalog" => Ok(name),
            (Some(_), name) => {
                self.refuse(format!("{} with a schema", shown(&name)), "not in the list of functions")
            }
        }
    }

    /// Prints a function's name and the opening parenthesis, and adds to the number of calls.
    pub(super) fn call_start(&mut self, name: &str, calls: usize) -> Checked {
        self.counted("calls", |count| &mut count.calls, calls, limits::SQL_CALLS_MAX)?;
        match functions::kind(name) {
            Some(Kind::Grammar) => self.put(&format!("{}(", name.to_ascii_uppercase())),
            Some(_) => self.put(&format!("\"pg_catalog\".{}(", quoted(name))),
            None => return self.refuse(shown(name), functions::instead(name)),
        }
        Ok(())
    }

    pub(super) fn function(&mut self, function: &Function) -> Checked {
        let Function { name, uses_odbc_syntax, parameters, args, within_group, filter, null_treatment, over } =
            function;
        let is_array = name.to_string().eq_ignore_ascii_case("array");
        let name = self.function_name(name)?;
        self.absent(*uses_odbc_syntax, "{fn …}")?;
        self.absent(*parameters != FunctionArguments::None, "parameters before the arguments")?;
        self.absent(null_treatment.is_some(), "IGNORE NULLS or RESPECT NULLS")?;
        if let (true, FunctionArguments::Subquery(query), None, None) = (is_array, args, filter, over) {
            self.put("ARRAY(");
            let mark = self.cost.mark();
            self.subquery(query)?;
            let moment = self.cost.any_moment(mark);
            self.cost.close(mark, Class::Gathered, "ARRAY", moment);
            self.put(")");
            return Ok(());
        }
        if self.in_default && self.default_call(&name, function) {
            return Ok(());
        }
        let Some(kind) = functions::kind(&name) else {
            return self.refuse(shown(&name), functions::instead(&name));
        };
        let FunctionArguments::List(args) = args else {
            return self.refuse(shown(&name), "write a function's arguments in parentheses");
        };
        let is_aggregate = matches!(kind, Kind::Aggregate | Kind::ShortAggregate(_) | Kind::OrderedSet);
        let is_window = kind == Kind::Window;
        self.absent(!is_aggregate && filter.is_some(), "FILTER after a function that is not an aggregate")?;
        self.absent(
            !is_aggregate && !is_window && over.is_some(),
            "OVER after a function that is not an aggregate",
        )?;
        self.absent(is_window && over.is_none(), "a window function without OVER")?;
        let is_ordered_set = kind == Kind::OrderedSet;
        let construct = if is_ordered_set {
            "this function without WITHIN GROUP"
        } else {
            "this function with WITHIN GROUP"
        };
        self.absent(is_ordered_set == within_group.is_empty(), construct)?;
        self.call_start(&name, 1)?;
        let Some(known) = cost::function(&name) else {
            return self.refuse(shown(&name), functions::instead(&name));
        };
        self.zone_of_call(&name, args)?;
        let mark = self.cost.mark();
        self.arguments(&name, kind, args)?;
        self.put(")");
        if is_ordered_set {
            self.after_call(within_group, filter.as_deref(), over.as_ref())?;
            self.cost.close(mark, known.class, known.name, Moment::Unknown);
            return Ok(());
        }
        let moment = known.moment.of(self.cost.any_moment(mark));
        self.cost.close(mark, known.class, known.name, moment);
        let done = self.cost.mark();
        self.after_call(within_group, filter.as_deref(), over.as_ref())?;
        self.cost.forget(done);
        Ok(())
    }

    /// Checks the argument of a call that names a time zone.
    fn zone_of_call(&mut self, name: &str, arguments: &FunctionArgumentList) -> Checked {
        let place = match (name, arguments.args.len()) {
            ("timezone", _) => 0,
            ("date_trunc", 3..) => 2,
            ("make_timestamptz", 7..) => 6,
            _ => return Ok(()),
        };
        match arguments.args.get(place) {
            Some(FunctionArg::Unnamed(FunctionArgExpr::Expr(zone))) => self.zone(zone),
            _ => Ok(()),
        }
    }

    fn arguments(&mut self, name: &str, kind: Kind, arguments: &FunctionArgumentList) -> Checked {
        let FunctionArgumentList { duplicate_treatment, args, clauses } = arguments;
        let is_aggregate = matches!(kind, Kind::Aggregate | Kind::ShortAggregate(_));
        self.absent(!is_aggregate && duplicate_treatment.is_some(), "DISTINCT in a call")?;
        self.absent(!is_aggregate && !clauses.is_empty(), "a clause in a call")?;
        if kind == Kind::Pair && args.len() != 2 {
            return self.refuse(shown(name), "write two arguments: with one it reads the clock");
        }
        if kind == Kind::Product {
            self.counted("products", |count| &mut count.products, 1, limits::SQL_PRODUCTS_MAX)?;
        }
        if let Some(DuplicateTreatment::Distinct) = duplicate_treatment {
            self.put("DISTINCT ");
        }
        self.list(args.iter().enumerate(), |printer, (index, arg)| match arg {
            FunctionArg::Unnamed(FunctionArgExpr::Expr(expr)) => {
                if matches!(kind, Kind::Short(short) | Kind::ShortAggregate(short) if short.contains(&index))
                {
                    printer.short(name, expr)?;
                }
                printer.expr(expr)
            }
            FunctionArg::Unnamed(FunctionArgExpr::Wildcard) if name == "count" && args.len() == 1 => {
                printer.put("*");
                printer.cost.known(Size::FIXED, Moment::Unknown);
                Ok(())
            }
            FunctionArg::Unnamed(_) | FunctionArg::Named { .. } | FunctionArg::ExprNamed { .. } => printer
                .refuse(format!("this argument of {}", shown(name)), "arguments are values without names"),
        })?;
        for clause in clauses {
            let FunctionArgumentClause::OrderBy(order) = clause else {
                return self
                    .refuse(format!("this clause in {}", shown(name)), "only ORDER BY can stand there");
            };
            self.put(" ORDER BY ");
            self.order(order, false)?;
        }
        Ok(())
    }

    /// Prints a call that is not in the list but allowed in a column's default; false if it is not such a call.
    fn default_call(&mut self, name: &str, function: &Function) -> bool {
        let is_bare = match &function.args {
            FunctionArguments::None => true,
            FunctionArguments::List(list) => list.args.is_empty() && list.clauses.is_empty(),
            FunctionArguments::Subquery(_) => false,
        };
        let is_plain = is_bare
            && function.over.is_none()
            && function.filter.is_none()
            && function.within_group.is_empty();
        let text = match name {
            "now" => "\"pg_catalog\".\"now\"()",
            "gen_random_uuid" => "\"pg_catalog\".\"gen_random_uuid\"()",
            "current_timestamp" => "CURRENT_TIMESTAMP",
            "current_date" => "CURRENT_DATE",
            _ => return false,
        };
        if is_plain {
            self.put(text);
            self.cost.known(Size::FIXED, Moment::Certain);
        }
        is_plain
    }

    fn after_call(
        &mut self,
        group: &[OrderByExpr],
        filter: Option<&Expr>,
        over: Option<&WindowType>,
    ) -> Checked {
        if !group.is_empty() {
            self.put(" WITHIN GROUP (ORDER BY ");
            self.order(group, false)?;
            self.put(")");
        }
        if let Some(filter) = filter {
            self.put(" FILTER (WHERE ");
            self.expr(filter)?;
            self.put(")");
        }
        match over {
            None => Ok(()),
            Some(WindowType::NamedWindow(name)) => {
                self.put(" OVER ");
                self.put_name(name).map(drop)
            }
            Some(WindowType::WindowSpec(spec)) => {
                self.put(" OVER ");
                self.window(spec)
            }
        }
    }

    /// Prints a window in parentheses.
    pub(super) fn window(&mut self, spec: &WindowSpec) -> Checked {
        let WindowSpec { window_name, partition_by, order_by, window_frame } = spec;
        let ((), inside) = self.apart(|printer| {
            if let Some(name) = window_name {
                printer.put(" ");
                printer.put_name(name)?;
            }
            if !partition_by.is_empty() {
                printer.put(" PARTITION BY ");
                printer.list(partition_by, Self::expr)?;
            }
            if !order_by.is_empty() {
                printer.put(" ORDER BY ");
                printer.order(order_by, false)?;
            }
            window_frame.as_ref().map_or(Ok(()), |frame| printer.frame(frame))
        })?;
        self.put(&format!("({})", inside.trim_start()));
        Ok(())
    }

    fn frame(&mut self, frame: &WindowFrame) -> Checked {
        let WindowFrame { units, start_bound, end_bound } = frame;
        self.put(match units {
            WindowFrameUnits::Rows => " ROWS ",
            WindowFrameUnits::Range => " RANGE ",
            WindowFrameUnits::Groups => " GROUPS ",
        });
        let Some(end) = end_bound else { return self.bound(start_bound) };
        self.put("BETWEEN ");
        self.bound(start_bound)?;
        self.put(" AND ");
        self.bound(end)
    }

    fn bound(&mut self, bound: &WindowFrameBound) -> Checked {
        let (distance, direction) = match bound {
            WindowFrameBound::CurrentRow => {
                self.put("CURRENT ROW");
                return Ok(());
            }
            WindowFrameBound::Preceding(distance) => (distance, " PRECEDING"),
            WindowFrameBound::Following(distance) => (distance, " FOLLOWING"),
        };
        match distance {
            None => self.put("UNBOUNDED"),
            Some(distance) => self.expr(distance)?,
        }
        self.put(direction);
        Ok(())
    }
}

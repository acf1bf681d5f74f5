//! The structured call `db.aggregate`: groups, measures, filter, order and limit.
//!
//! The names that the guest gives its measures never enter the text. The order names columns of the result by position.
//!
//! Some functions read their values in order, `sum("x" ORDER BY "x")`. A sum of floats depends on the order of its
//! values, and a query must not answer differently when the server moves rows. And PostgreSQL groups with a hash table
//! unless a function is ordered: the table has a bound on memory for groups that are added, but none for groups that grow.
//! A longest text for each group would be such growth. With an ordered function the server sorts the rows by group and
//! holds one group at a time.

use super::filter::{comparable, unfit};
use super::{Aggregation, Argument, Computation, Direction, List, Measure, Ordering, Statement, Writer};
use crate::db::catalogue::{Catalogue, ColumnName, Operation};
use crate::db::cost::{Class, Size};
use crate::db::typmod::Typmod;
use crate::db::{Refusal, shown};
use crate::limits::{DB_MEASURES_MAX, GROUPED_VALUE_BYTES_MAX, IDENTIFIER_BYTES_MAX};
use postgres_types::{Kind, Type};

/// A column of the result.
struct Output {
    name: String,
    sql: String,
    data_type: Type,
    typmod: Typmod,
    size: Size,
    is_nullable: bool,
}

impl<V> Aggregation<V> {
    /// Parses the call into a statement.
    pub fn parse(self, catalogue: &Catalogue) -> Result<Statement<V>, Refusal> {
        let Aggregation { table, group_by, measures, filter, order_by, limit } = self;
        let mut writer = Writer::new(catalogue, &table, Operation::Select)?;
        let groups = writer.groups(&group_by)?;
        let outputs = writer.outputs(&groups, measures)?;
        let list: Vec<&str> = outputs.iter().map(|output| output.sql.as_str()).collect();
        writer.put(&format!("SELECT {}", list.join(", ")));
        let types = outputs.iter().map(|output| (output.data_type.clone(), output.typmod)).collect();
        writer.list = Some(List { columns: groups.clone(), types, end: writer.sql.len() });
        writer.put(&format!(" FROM {}", writer.table.sql()));
        writer.filter(filter, false)?;
        for (index, column) in groups.iter().enumerate() {
            writer.put(if index == 0 { " GROUP BY " } else { ", " });
            writer.put(&column.sql());
        }
        writer.order_groups(&outputs, &order_by)?;
        if let Some(limit) = limit {
            writer.put(" LIMIT ");
            writer.bind(Argument::Count(i64::from(limit)), Type::INT8)?;
        }
        writer.rows_max = if groups.is_empty() { Some(1) } else { limit };
        writer.columns =
            outputs.into_iter().map(|Output { name, data_type, .. }| (name, data_type)).collect();
        Ok(writer.finish())
    }
}

impl<'c, V> Writer<'c, V> {
    fn groups(&mut self, names: &[String]) -> Result<Vec<ColumnName<'c>>, Refusal> {
        if names.is_empty() {
            return Ok(Vec::new());
        }
        let columns = self.lookup("group-by", names, Operation::Select)?;
        for &column in &columns {
            comparable(column)?;
            self.paired(column, Class::Equal, "group-by");
        }
        Ok(columns)
    }

    /// The columns of the result: those of the groups, then the measures.
    fn outputs(&mut self, groups: &[ColumnName<'c>], measures: Vec<Measure>) -> Result<Vec<Output>, Refusal> {
        let invalid = |rule: String| Err(Refusal::Invalid(format!("measures: {rule}")));
        if measures.len() > DB_MEASURES_MAX {
            return invalid(format!("at most {DB_MEASURES_MAX}"));
        }
        if groups.is_empty() && measures.is_empty() {
            return invalid("at least 1, or a column in group-by".to_owned());
        }
        let mut outputs: Vec<Output> = groups.iter().copied().map(Output::of_group).collect();
        for Measure { name, computation } in measures {
            if name.is_empty() || name.len() > IDENTIFIER_BYTES_MAX {
                return invalid(format!("a name has 1 to {IDENTIFIER_BYTES_MAX} bytes"));
            }
            if outputs.iter().any(|output| output.name == name) {
                return invalid(format!("{} names two columns of the result", shown(&name)));
            }
            outputs.push(self.measure(name, &computation, !groups.is_empty())?);
        }
        Ok(outputs)
    }

    fn measure(
        &mut self,
        name: String,
        computation: &Computation,
        is_grouped: bool,
    ) -> Result<Output, Refusal> {
        let of = |column: &String| self.column(column, Operation::Select);
        Ok(match computation {
            Computation::Count => Output::count(name, "\"pg_catalog\".\"count\"(*)".to_owned()),
            Computation::CountOf(column) => {
                Output::count(name, format!("\"pg_catalog\".\"count\"({})", of(column)?.sql()))
            }
            Computation::CountDistinct(column) => {
                let column = of(column)?;
                comparable(column)?;
                self.paired(column, Class::Order, "count-distinct");
                Output::count(name, format!("\"pg_catalog\".\"count\"(DISTINCT {})", column.sql()))
            }
            Computation::Sum(column) => self.total(name, of(column)?, "sum", sum_type)?,
            Computation::Average(column) => self.total(name, of(column)?, "avg", average_type)?,
            Computation::Minimum(column) => self.extreme(name, of(column)?, "min", is_grouped)?,
            Computation::Maximum(column) => self.extreme(name, of(column)?, "max", is_grouped)?,
        })
    }

    /// A sum or an average.
    fn total(
        &mut self,
        name: String,
        column: ColumnName<'_>,
        function: &'static str,
        result: fn(&Type) -> Option<Type>,
    ) -> Result<Output, Refusal> {
        let Some(data_type) = result(column.data_type()) else {
            return Err(unfit(column, "a sum or average", "a column of numbers or intervals"));
        };
        self.paired(column, Class::Sum, function);
        let is_ordered = [Type::FLOAT4, Type::FLOAT8].contains(column.data_type());
        let sql = self.called(function, column, is_ordered);
        Ok(Output { name, sql, data_type, typmod: Typmod::All, size: Size::FIXED, is_nullable: true })
    }

    /// The smallest or largest value.
    fn extreme(
        &mut self,
        name: String,
        column: ColumnName<'_>,
        function: &'static str,
        is_grouped: bool,
    ) -> Result<Output, Refusal> {
        let Some(data_type) = extreme_type(column.data_type()) else {
            let needs = "a column of numbers, texts, enum labels, dates, times, intervals or addresses";
            return Err(unfit(column, "a minimum or maximum", needs));
        };
        self.paired(column, Class::Extreme, function);
        let size = Size::column(column.data_type(), column.typmod());
        let is_ordered = is_grouped && size.bytes > GROUPED_VALUE_BYTES_MAX;
        let sql = self.called(function, column, is_ordered);
        Ok(Output { name, sql, data_type, typmod: Typmod::All, size, is_nullable: true })
    }

    fn called(&mut self, function: &'static str, column: ColumnName<'_>, is_ordered: bool) -> String {
        let column_sql = column.sql();
        if !is_ordered {
            return format!("\"pg_catalog\".\"{function}\"({column_sql})");
        }
        self.paired(column, Class::Order, function);
        format!("\"pg_catalog\".\"{function}\"({column_sql} ORDER BY {column_sql})")
    }

    fn order_groups(&mut self, outputs: &[Output], order_by: &[Ordering]) -> Result<(), Refusal> {
        let mut seen: Vec<usize> = Vec::new();
        for Ordering { column, direction } in order_by {
            let found = (1_usize..).zip(outputs).find(|(_, output)| output.name == *column);
            // A name of the guest's own choice, or one of a granted column: it tells nothing.
            let Some((number, output)) = found else {
                let rule = format!("order-by: {} is no column of the result", shown(column));
                return Err(Refusal::Invalid(rule));
            };
            if seen.contains(&number) {
                return Err(Refusal::Invalid(format!("order-by: {} is listed twice", shown(column))));
            }
            self.put(if seen.is_empty() { " ORDER BY " } else { ", " });
            self.put(&number.to_string());
            if *direction == Direction::Descending {
                self.put(if output.is_nullable { " DESC NULLS LAST" } else { " DESC" });
            }
            self.sized(output.size, output.size, Class::Order, "order-by");
            seen.push(number);
        }
        Ok(())
    }
}

impl Output {
    fn of_group(column: ColumnName<'_>) -> Self {
        Self {
            name: column.name().to_owned(),
            sql: column.sql(),
            data_type: column.data_type().clone(),
            typmod: column.typmod(),
            size: Size::column(column.data_type(), column.typmod()),
            is_nullable: column.is_nullable(),
        }
    }

    fn count(name: String, sql: String) -> Self {
        Self { name, sql, data_type: Type::INT8, typmod: Typmod::All, size: Size::FIXED, is_nullable: false }
    }
}

/// The type of a sum of values of a type.
fn sum_type(of: &Type) -> Option<Type> {
    Some(match *of {
        Type::INT2 | Type::INT4 => Type::INT8,
        Type::INT8 | Type::NUMERIC => Type::NUMERIC,
        Type::FLOAT4 => Type::FLOAT4,
        Type::FLOAT8 => Type::FLOAT8,
        Type::INTERVAL => Type::INTERVAL,
        _ => return None,
    })
}

/// The type of an average of values of a type.
fn average_type(of: &Type) -> Option<Type> {
    Some(match *of {
        Type::INT2 | Type::INT4 | Type::INT8 | Type::NUMERIC => Type::NUMERIC,
        Type::FLOAT4 | Type::FLOAT8 => Type::FLOAT8,
        Type::INTERVAL => Type::INTERVAL,
        _ => return None,
    })
}

/// The type of the smallest or largest value of a type, for the types of which PostgreSQL 15 finds one.
fn extreme_type(of: &Type) -> Option<Type> {
    if let Kind::Enum(_) = of.kind() {
        return Some(of.clone());
    }
    Some(match *of {
        Type::VARCHAR => Type::TEXT,
        Type::CIDR => Type::INET,
        Type::INT2
        | Type::INT4
        | Type::INT8
        | Type::FLOAT4
        | Type::FLOAT8
        | Type::NUMERIC
        | Type::TEXT
        | Type::BPCHAR
        | Type::DATE
        | Type::TIME
        | Type::TIMESTAMP
        | Type::TIMESTAMPTZ
        | Type::INTERVAL
        | Type::INET => of.clone(),
        _ => return None,
    })
}

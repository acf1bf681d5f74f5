//! Filters: an OR of ANDs of tests on columns.

use super::{Argument, Condition, Filter, Test, Writer};
use crate::db::catalogue::{ColumnName, Operation};
use crate::db::cost::Class;
use crate::db::extension::is_vector;
use crate::db::{Refusal, shown};
use crate::limits;
use postgres_types::Type;

impl<V> Writer<'_, V> {
    /// Prints WHERE with a filter. A change needs a condition in each inner list, because an empty list matches every
    /// row.
    pub(super) fn filter(&mut self, filter: Filter<V>, is_change: bool) -> Result<(), Refusal> {
        if is_change && (filter.is_empty() || filter.iter().any(Vec::is_empty)) {
            let rule = "filter: at least 1 condition in each list, or every row would be changed";
            return Err(Refusal::Invalid(rule.to_owned()));
        }
        if filter.is_empty() {
            return Ok(());
        }
        // The inner lists are counted too, because a million empty ones would make a text of megabytes.
        if filter.len() > limits::DB_CONDITIONS_MAX {
            return Err(too_many());
        }
        self.put(" WHERE (");
        for (index, all) in filter.into_iter().enumerate() {
            if index > 0 {
                self.put(") OR (");
            }
            if all.is_empty() {
                self.put("true");
            }
            for (index, condition) in all.into_iter().enumerate() {
                if index > 0 {
                    self.put(" AND ");
                }
                self.condition(condition)?;
            }
        }
        self.put(")");
        Ok(())
    }

    fn condition(&mut self, Condition { column, test }: Condition<V>) -> Result<(), Refusal> {
        self.conditions = self.conditions.saturating_add(1);
        if self.conditions > limits::DB_CONDITIONS_MAX {
            return Err(too_many());
        }
        let column = self.column(&column, Operation::Select)?;
        match test {
            Test::Equal(value) => self.compare(column, "=", value),
            Test::NotEqual(value) => self.compare(column, "<>", value),
            Test::Less(value) => self.compare(column, "<", value),
            Test::AtMost(value) => self.compare(column, "<=", value),
            Test::Greater(value) => self.compare(column, ">", value),
            Test::AtLeast(value) => self.compare(column, ">=", value),
            Test::Between(low, high) => {
                self.compare(column, ">=", low)?;
                self.put(" AND ");
                self.compare(column, "<=", high)
            }
            Test::OneOf(values) => self.one_of(column, values),
            Test::Like(pattern) => self.like(column, "LIKE", pattern),
            Test::Ilike(pattern) => self.like(column, "ILIKE", pattern),
            Test::IsNull => {
                self.put(&format!("{} IS NULL", column.sql()));
                Ok(())
            }
            Test::IsNotNull => {
                self.put(&format!("{} IS NOT NULL", column.sql()));
                Ok(())
            }
            Test::Contains(json) => {
                if *column.data_type() != Type::JSONB {
                    return Err(unfit(column, "contains", "a column of type jsonb"));
                }
                self.operator(column, "@>", Argument::Value(json), Type::JSONB)?;
                self.tested(column, Class::Contain, "contains");
                Ok(())
            }
        }
    }

    pub(super) fn compare(
        &mut self,
        column: ColumnName<'_>,
        operator: &str,
        value: V,
    ) -> Result<(), Refusal> {
        comparable(column)?;
        let (class, what) = match operator {
            "=" | "<>" => (Class::Equal, "a test of equality"),
            _ => (Class::Order, "a comparison"),
        };
        self.operator(column, operator, Argument::Value(value), column.data_type().clone())?;
        self.tested(column, class, what);
        Ok(())
    }

    fn operator(
        &mut self,
        column: ColumnName<'_>,
        operator: &str,
        argument: Argument<V>,
        data_type: Type,
    ) -> Result<(), Refusal> {
        self.put(&format!("{} {operator} ", column.sql()));
        self.bind_to(column, argument, data_type)?;
        Ok(())
    }

    fn like(&mut self, column: ColumnName<'_>, operator: &str, pattern: V) -> Result<(), Refusal> {
        if ![Type::TEXT, Type::VARCHAR, Type::BPCHAR].contains(column.data_type()) {
            return Err(unfit(column, "like and ilike", "a column of type text, varchar or char"));
        }
        self.operator(column, operator, Argument::Pattern(pattern), Type::TEXT)?;
        self.tested(column, Class::Like, "like");
        Ok(())
    }

    /// Prints a test for one of several values. If the column's type has an array type, the values are one array, so
    /// that the text does not depend on how many values there are.
    fn one_of(&mut self, column: ColumnName<'_>, values: Vec<V>) -> Result<(), Refusal> {
        comparable(column)?;
        if values.len() > limits::DB_ONE_OF_MAX {
            return Err(Refusal::Invalid(format!("one-of: at most {} values", limits::DB_ONE_OF_MAX)));
        }
        if let Some(array) = array_of(column.data_type()) {
            self.put(&format!("{} = ANY (", column.sql()));
            self.bind_to(column, Argument::List(values), array)?;
            self.tested(column, Class::AnyEqual, "one-of");
            self.put(")");
            return Ok(());
        }
        if values.is_empty() {
            self.put("false");
            return Ok(());
        }
        self.put(&format!("{} IN (", column.sql()));
        for (index, value) in values.into_iter().enumerate() {
            if index > 0 {
                self.put(", ");
            }
            self.bind_to(column, Argument::Value(value), column.data_type().clone())?;
            self.tested(column, Class::Equal, "one-of");
        }
        self.put(")");
        Ok(())
    }
}

/// Refuses a column whose type PostgreSQL cannot compare.
pub(super) fn comparable(column: ColumnName<'_>) -> Result<(), Refusal> {
    if [Type::JSON, Type::JSON_ARRAY].contains(column.data_type()) {
        return Err(unfit(
            column,
            "comparing and ordering",
            "a column of another type than json, such as jsonb",
        ));
    }
    if is_vector(column.data_type()) {
        return Err(unfit(column, "comparing and ordering", "SQL text, with the operators of the extension"));
    }
    Ok(())
}

pub(super) fn unfit(column: ColumnName<'_>, what: &str, needs: &str) -> Refusal {
    Refusal::Invalid(format!("{}: {what} needs {needs}", shown(column.name())))
}

fn too_many() -> Refusal {
    Refusal::Invalid(format!("filter: at most {} conditions", limits::DB_CONDITIONS_MAX))
}

/// The array type of an element type, for the types that a column can have and that PostgreSQL itself defines.
fn array_of(element: &Type) -> Option<Type> {
    const ARRAYS: &[(Type, Type)] = &[
        (Type::BOOL, Type::BOOL_ARRAY),
        (Type::INT2, Type::INT2_ARRAY),
        (Type::INT4, Type::INT4_ARRAY),
        (Type::INT8, Type::INT8_ARRAY),
        (Type::FLOAT4, Type::FLOAT4_ARRAY),
        (Type::FLOAT8, Type::FLOAT8_ARRAY),
        (Type::NUMERIC, Type::NUMERIC_ARRAY),
        (Type::TEXT, Type::TEXT_ARRAY),
        (Type::VARCHAR, Type::VARCHAR_ARRAY),
        (Type::BPCHAR, Type::BPCHAR_ARRAY),
        (Type::BYTEA, Type::BYTEA_ARRAY),
        (Type::UUID, Type::UUID_ARRAY),
        (Type::DATE, Type::DATE_ARRAY),
        (Type::TIME, Type::TIME_ARRAY),
        (Type::TIMESTAMP, Type::TIMESTAMP_ARRAY),
        (Type::TIMESTAMPTZ, Type::TIMESTAMPTZ_ARRAY),
        (Type::INTERVAL, Type::INTERVAL_ARRAY),
        (Type::JSONB, Type::JSONB_ARRAY),
        (Type::INET, Type::INET_ARRAY),
        (Type::CIDR, Type::CIDR_ARRAY),
    ];
    ARRAYS.iter().find(|(known, _)| known == element).map(|(_, array)| array.clone())
}

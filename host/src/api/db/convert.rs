//! Conversions between the contract's types and the guard's. No rule is applied here.

use crate::api::bindings::palisade::plugin::{db as wit, db_write as write};
use palisade_guard::db::structured::{
    Condition, Direction, Insertion, Modification, Ordering, Removal, Selection, Test,
};
use palisade_guard::db::value::{Scalar, Value};

impl From<wit::Value> for Value {
    fn from(value: wit::Value) -> Self {
        match value {
            wit::Value::Scalar(scalar) => Self::Scalar(scalar.into()),
            wit::Value::Array(scalars) => Self::Array(scalars.into_iter().map(Scalar::from).collect()),
        }
    }
}

impl From<Value> for wit::Value {
    fn from(value: Value) -> Self {
        match value {
            Value::Scalar(scalar) => Self::Scalar(scalar.into()),
            Value::Array(scalars) => Self::Array(scalars.into_iter().map(wit::Scalar::from).collect()),
        }
    }
}

/// Converts the scalars, case by case, in both directions.
macro_rules! scalars {
    ($($case:ident),+) => {
        impl From<wit::Scalar> for Scalar {
            fn from(scalar: wit::Scalar) -> Self {
                match scalar {
                    wit::Scalar::Null => Self::Null,
                    wit::Scalar::Interval(wit::Interval { months, days, microseconds }) => {
                        Self::Interval { months, days, microseconds }
                    }
                    $(wit::Scalar::$case(value) => Self::$case(value),)+
                }
            }
        }

        impl From<Scalar> for wit::Scalar {
            fn from(scalar: Scalar) -> Self {
                match scalar {
                    Scalar::Null => Self::Null,
                    Scalar::Interval { months, days, microseconds } => {
                        Self::Interval(wit::Interval { months, days, microseconds })
                    }
                    $(Scalar::$case(value) => Self::$case(value),)+
                }
            }
        }
    };
}

scalars!(Boolean, Integer, Float, Numeric, Text, Bytes, Uuid, Date, Time, Timestamp, Timestamptz, Json, Inet);

impl From<wit::Test> for Test<Value> {
    fn from(test: wit::Test) -> Self {
        let words = |pattern| Value::Scalar(Scalar::Text(pattern));
        match test {
            wit::Test::Equal(value) => Self::Equal(value.into()),
            wit::Test::NotEqual(value) => Self::NotEqual(value.into()),
            wit::Test::Less(value) => Self::Less(value.into()),
            wit::Test::AtMost(value) => Self::AtMost(value.into()),
            wit::Test::Greater(value) => Self::Greater(value.into()),
            wit::Test::AtLeast(value) => Self::AtLeast(value.into()),
            wit::Test::Between((low, high)) => Self::Between(low.into(), high.into()),
            wit::Test::OneOf(values) => Self::OneOf(values.into_iter().map(Value::from).collect()),
            wit::Test::Like(pattern) => Self::Like(words(pattern)),
            wit::Test::Ilike(pattern) => Self::Ilike(words(pattern)),
            wit::Test::IsNull => Self::IsNull,
            wit::Test::IsNotNull => Self::IsNotNull,
            wit::Test::Contains(json) => Self::Contains(Value::Scalar(Scalar::Json(json))),
        }
    }
}

fn filter(any: wit::Filter) -> Vec<Vec<Condition<Value>>> {
    let condition = |wit::Condition { column, test }| Condition { column, test: test.into() };
    any.into_iter().map(|all| all.into_iter().map(condition).collect()).collect()
}

fn values(values: Vec<wit::Value>) -> Vec<Value> {
    values.into_iter().map(Value::from).collect()
}

impl From<wit::Selection> for Selection<Value> {
    fn from(selection: wit::Selection) -> Self {
        let ordering = |wit::Ordering { column, direction }| Ordering {
            column,
            direction: match direction {
                wit::Direction::Ascending => Direction::Ascending,
                wit::Direction::Descending => Direction::Descending,
            },
        };
        Self {
            table: selection.table,
            columns: selection.columns,
            filter: filter(selection.filter),
            order_by: selection.order_by.into_iter().map(ordering).collect(),
            limit: selection.limit,
            after: values(selection.after),
        }
    }
}

impl From<write::Insertion> for Insertion<Value> {
    fn from(write::Insertion { table, columns, rows, returning }: write::Insertion) -> Self {
        Self { table, columns, rows: rows.into_iter().map(values).collect(), returning }
    }
}

impl From<write::Modification> for Modification<Value> {
    fn from(modification: write::Modification) -> Self {
        let assignment = |write::Assignment { column, value }| (column, value.into());
        Self {
            table: modification.table,
            assignments: modification.assignments.into_iter().map(assignment).collect(),
            filter: filter(modification.filter),
            returning: modification.returning,
        }
    }
}

impl From<write::Removal> for Removal<Value> {
    fn from(removal: write::Removal) -> Self {
        Self { table: removal.table, filter: filter(removal.filter), returning: removal.returning }
    }
}

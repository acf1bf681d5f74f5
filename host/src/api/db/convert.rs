//! Conversions between the contract's types and the guard's. No rule is applied here.

use crate::api::bindings::palisade::plugin::{db as wit, db_write as write};
use palisade_guard::db::structured::{
    Aggregation, Assignment, Change, Computation, Condition, Conflict, Direction, Insertion, Measure, Merge,
    Merging, Modification, Ordering, Removal, Resolution, Selection, Test,
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

fn order(order_by: Vec<wit::Ordering>) -> Vec<Ordering> {
    let ordering = |wit::Ordering { column, direction }| Ordering {
        column,
        direction: match direction {
            wit::Direction::Ascending => Direction::Ascending,
            wit::Direction::Descending => Direction::Descending,
        },
    };
    order_by.into_iter().map(ordering).collect()
}

impl From<wit::Selection> for Selection<Value> {
    fn from(selection: wit::Selection) -> Self {
        Self {
            table: selection.table,
            columns: selection.columns,
            filter: filter(selection.filter),
            order_by: order(selection.order_by),
            limit: selection.limit,
            after: values(selection.after),
        }
    }
}

impl From<wit::Measure> for Measure {
    fn from(wit::Measure { name, computation }: wit::Measure) -> Self {
        let computation = match computation {
            wit::Computation::Count => Computation::Count,
            wit::Computation::CountOf(column) => Computation::CountOf(column),
            wit::Computation::CountDistinct(column) => Computation::CountDistinct(column),
            wit::Computation::Sum(column) => Computation::Sum(column),
            wit::Computation::Average(column) => Computation::Average(column),
            wit::Computation::Minimum(column) => Computation::Minimum(column),
            wit::Computation::Maximum(column) => Computation::Maximum(column),
        };
        Self { name, computation }
    }
}

impl From<wit::Aggregation> for Aggregation<Value> {
    fn from(aggregation: wit::Aggregation) -> Self {
        Self {
            table: aggregation.table,
            group_by: aggregation.group_by,
            measures: aggregation.measures.into_iter().map(Measure::from).collect(),
            filter: filter(aggregation.filter),
            order_by: order(aggregation.order_by),
            limit: aggregation.limit,
        }
    }
}

impl From<write::Change> for Change<Value> {
    fn from(change: write::Change) -> Self {
        match change {
            write::Change::Set(value) => Self::Set(value.into()),
            write::Change::Add(value) => Self::Add(value.into()),
        }
    }
}

impl From<write::Merging> for Merging<Value> {
    fn from(write::Merging { column, merge }: write::Merging) -> Self {
        let merge = match merge {
            write::Merge::Inserted => Merge::Inserted,
            write::Merge::Sum => Merge::Sum,
            write::Merge::Change(change) => Merge::Change(change.into()),
        };
        Self { column, merge }
    }
}

impl From<write::Conflict> for Conflict<Value> {
    fn from(write::Conflict { columns, resolution }: write::Conflict) -> Self {
        let resolution = match resolution {
            write::Resolution::Nothing => Resolution::Nothing,
            write::Resolution::Update(update) => {
                Resolution::Update(update.into_iter().map(Merging::from).collect())
            }
        };
        Self { columns, resolution }
    }
}

impl From<write::Insertion> for Insertion<Value> {
    fn from(insertion: write::Insertion) -> Self {
        Self {
            table: insertion.table,
            columns: insertion.columns,
            rows: insertion.rows.into_iter().map(values).collect(),
            on_conflict: insertion.on_conflict.map(Conflict::from),
            returning: insertion.returning,
        }
    }
}

impl From<write::Modification> for Modification<Value> {
    fn from(modification: write::Modification) -> Self {
        let assignment = |write::Assignment { column, change }| Assignment { column, change: change.into() };
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

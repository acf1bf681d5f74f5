//! Builds an `aggregation`.

use std::rc::Rc;

use super::filter::Filter;
use super::row::{Row, Rows};
use crate::raw::db::{self as raw, Aggregation, Computation, Direction, Error, Measure, Ordering};

/// The groups of rows to compute something of. [`super::aggregate`] returns a new one.
#[derive(Clone, Debug, PartialEq)]
#[must_use = "nothing is read until `fetch`, `one` or `rows`"]
pub struct Aggregate(Aggregation);

/// Defines the methods that compute something of a column.
macro_rules! measures {
    ($($(#[$doc:meta])* $name:ident => $case:ident,)*) => {$(
        $(#[$doc])*
        pub fn $name(self, column: impl Into<String>, name: impl Into<String>) -> Self {
            self.measure(name.into(), Computation::$case(column.into()))
        }
    )*};
}

impl Aggregate {
    pub(super) fn new(table: String) -> Self {
        let (group_by, measures, filter, order_by) = Default::default();
        Self(Aggregation { table, group_by, measures, filter, order_by, limit: None })
    }

    /// Adds columns whose values make a group. Without any, all rows are one group, which exists even when no row matches.
    pub fn group_by<N: Into<String>>(mut self, columns: impl IntoIterator<Item = N>) -> Self {
        self.0.group_by.extend(columns.into_iter().map(Into::into));
        self
    }

    /// Computes the number of rows, under this name.
    pub fn count(self, name: impl Into<String>) -> Self {
        self.measure(name.into(), Computation::Count)
    }

    measures! {
        /// Computes the number of rows in which the column is not null, under this name.
        count_of => CountOf,
        /// Computes the number of different values of the column, under this name.
        count_distinct => CountDistinct,
        /// Computes the sum, under this name; null without values. An `i64` column gives a [`Numeric`](super::Numeric).
        sum => Sum,
        /// Computes the average, under this name; null without values. Integers give a [`Numeric`](super::Numeric).
        average => Average,
        /// Computes the smallest value, under this name; null without values.
        minimum => Minimum,
        /// Computes the largest value, under this name; null without values.
        maximum => Maximum,
    }

    /// Reads only the rows that match the filter. Several filters must all match.
    pub fn filter(mut self, filter: Filter) -> Self {
        self.0.filter = filter.within(self.0.filter);
        self
    }

    /// Orders by a column of the result, smallest first and nulls last. A further column orders groups that are equal so
    /// far.
    pub fn order_by(self, column: impl Into<String>) -> Self {
        self.order(column.into(), Direction::Ascending)
    }

    /// Orders by a column of the result, largest first and nulls last.
    pub fn order_by_descending(self, column: impl Into<String>) -> Self {
        self.order(column.into(), Direction::Descending)
    }

    /// Sets the largest number of groups to return.
    pub fn limit(mut self, groups: u32) -> Self {
        self.0.limit = Some(groups);
        self
    }

    /// Returns a row for each group.
    pub fn fetch(&self) -> Result<Vec<Row>, Error> {
        self.rows()?.all()
    }

    /// Returns the row of the first group. No group is `InvalidArgument`; without `group_by` there is always one.
    pub fn one(&self) -> Result<Row, Error> {
        let none = || Error::InvalidArgument("no group to return: no row matches".to_owned());
        self.rows()?.next().unwrap_or_else(|| Err(none()))
    }

    /// Returns an iterator that reads the groups in batches.
    pub fn rows(&self) -> Result<Rows, Error> {
        raw::aggregate(&self.0).map(|rows| Rows::named(rows, self.columns()))
    }

    fn columns(&self) -> Rc<[String]> {
        let measures = self.0.measures.iter().map(|measure| &measure.name);
        self.0.group_by.iter().chain(measures).cloned().collect()
    }

    fn measure(mut self, name: String, computation: Computation) -> Self {
        self.0.measures.push(Measure { name, computation });
        self
    }

    fn order(mut self, column: String, direction: Direction) -> Self {
        self.0.order_by.push(Ordering { column, direction });
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::db::filter::col;

    #[test]
    fn aggregate_builds_the_aggregation() {
        let built = Aggregate::new("orders".to_owned())
            .group_by(["customer"])
            .count("orders")
            .sum("amount", "total")
            .filter(col("paid").equals(true))
            .order_by_descending("total")
            .order_by("customer")
            .limit(10);
        assert_eq!(*built.columns(), ["customer", "orders", "total"]);
        let Aggregate(aggregation) = built;
        assert_eq!(aggregation.measures[0].computation, Computation::Count);
        assert_eq!(aggregation.measures[1].computation, Computation::Sum("amount".to_owned()));
        let order: Vec<_> =
            aggregation.order_by.iter().map(|order| (&*order.column, order.direction)).collect();
        assert_eq!(order, [("total", Direction::Descending), ("customer", Direction::Ascending)]);
        assert_eq!((aggregation.filter.len(), aggregation.limit), (1, Some(10)));
    }

    #[test]
    fn each_method_computes_what_its_name_says() {
        let built = Aggregate::new("t".to_owned())
            .count_of("a", "1")
            .count_distinct("a", "2")
            .average("a", "3")
            .minimum("a", "4")
            .maximum("a", "5");
        let of = |case: fn(String) -> Computation| case("a".to_owned());
        let computed: Vec<_> = built.0.measures.into_iter().map(|measure| measure.computation).collect();
        assert_eq!(
            computed,
            [
                of(Computation::CountOf),
                of(Computation::CountDistinct),
                of(Computation::Average),
                of(Computation::Minimum),
                of(Computation::Maximum)
            ]
        );
    }
}

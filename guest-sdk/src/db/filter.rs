//! Builds a `filter`: lists of conditions. A row matches when it meets all conditions of at least one list.

use crate::raw::db::{self as raw, Condition, Test, Value};

/// A choice of rows. The methods of the [`ColumnName`] that [`col`] returns build one.
#[derive(Clone, Debug, PartialEq)]
#[must_use]
pub struct Filter(raw::Filter);

/// The name of a column, for building a condition.
#[derive(Clone, Debug)]
#[must_use]
pub struct ColumnName(String);

/// Names the column of a condition: `col("id").equals(5)`.
pub fn col(column: impl Into<String>) -> ColumnName {
    ColumnName(column.into())
}

impl Filter {
    /// Requires both filters. The contract has no nested conditions, so this multiplies out the alternatives of both.
    pub fn and(self, other: Self) -> Self {
        let Self(others) = other;
        let pairs = self.0.iter().flat_map(|left| others.iter().map(move |right| (left, right)));
        Self(pairs.map(|(left, right)| [left.as_slice(), right].concat()).collect())
    }

    /// Requires at least one of the two filters.
    pub fn or(mut self, other: Self) -> Self {
        self.0.extend(other.0);
        self
    }

    /// Requires both this filter and `outer`. An empty `outer` matches every row.
    pub(super) fn within(self, outer: raw::Filter) -> raw::Filter {
        if outer.is_empty() { self.0 } else { Self(outer).and(self).0 }
    }
}

/// Defines the methods for tests that take one value.
macro_rules! comparisons {
    ($($(#[$doc:meta])* $name:ident => $case:ident,)*) => {$(
        $(#[$doc])*
        pub fn $name(self, value: impl Into<Value>) -> Filter {
            self.test(Test::$case(value.into()))
        }
    )*};
}

impl ColumnName {
    comparisons! {
        /// Equal to the value.
        equals => Equal,
        /// Not equal to the value.
        not_equals => NotEqual,
        /// Less than the value.
        less_than => Less,
        /// Less than or equal to the value.
        at_most => AtMost,
        /// Greater than the value.
        greater_than => Greater,
        /// Greater than or equal to the value.
        at_least => AtLeast,
    }

    /// Between the two values, both included.
    pub fn between(self, low: impl Into<Value>, high: impl Into<Value>) -> Filter {
        self.test(Test::Between((low.into(), high.into())))
    }

    /// Equal to one of the values, at most 1,000. An empty list is never true.
    pub fn one_of<V: Into<Value>>(self, values: impl IntoIterator<Item = V>) -> Filter {
        self.test(Test::OneOf(values.into_iter().map(Into::into).collect()))
    }

    /// Like the pattern, in which `%` matches any text and `_` one character.
    pub fn like(self, pattern: impl Into<String>) -> Filter {
        self.test(Test::Like(pattern.into()))
    }

    /// Like the pattern, ignoring case.
    pub fn ilike(self, pattern: impl Into<String>) -> Filter {
        self.test(Test::Ilike(pattern.into()))
    }

    /// Null.
    pub fn is_null(self) -> Filter {
        self.test(Test::IsNull)
    }

    /// Not null.
    pub fn is_not_null(self) -> Filter {
        self.test(Test::IsNotNull)
    }

    /// A `jsonb` that contains this JSON, as PostgreSQL's `@>` defines it.
    pub fn contains(self, json: impl Into<String>) -> Filter {
        self.test(Test::Contains(json.into()))
    }

    fn test(self, test: Test) -> Filter {
        Filter(vec![vec![Condition { column: self.0, test }]])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Returns the columns of a filter's conditions, list by list.
    fn columns(filter: &Filter) -> Vec<Vec<String>> {
        let names = |all: &Vec<Condition>| all.iter().map(|condition| condition.column.clone()).collect();
        filter.0.iter().map(names).collect()
    }

    fn is_null(column: &str) -> Filter {
        col(column).is_null()
    }

    #[test]
    fn and_multiplies_out_alternatives() {
        let filter = is_null("a").or(is_null("b")).and(is_null("c").or(is_null("d")));
        assert_eq!(columns(&filter), [["a", "c"], ["a", "d"], ["b", "c"], ["b", "d"]]);
    }

    #[test]
    fn or_keeps_conjunctions_separate() {
        let filter = is_null("a").and(is_null("b")).or(is_null("c"));
        assert_eq!(columns(&filter), [vec!["a", "b"], vec!["c"]]);
    }

    #[test]
    fn within_an_empty_filter_is_the_filter_itself() {
        assert_eq!(is_null("a").within(Vec::new()), is_null("a").0);
        assert_eq!(is_null("a").within(is_null("b").0), is_null("b").and(is_null("a")).0);
    }
}

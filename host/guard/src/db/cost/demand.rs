//! What an operation asks of its operands: a bound where the work depends on a value, and no more than a statement may take.
// tidy: numbers are of the sentences

use super::bounds::Bounds;
use super::class::{Class, Path};
use super::kept::parsed;
use super::size::{Size, is_text};
use super::work::{compared, copied, path_given};
use crate::limits::{
    NS_PER_MS, RECURSION_GROWTH_BYTES_MAX, SQL_SERIES_ROWS_MAX, STORED_BYTES_MAX, STORED_ELEMENTS_MAX,
    WORK_BYTES_MAX, WORK_MS_MAX,
};
use std::ops::Range;

/// The largest subscript of an element that is written: one behind the elements that a table stores, and those again.
const WRITTEN_SUBSCRIPT_MAX: u64 = 2 * STORED_ELEMENTS_MAX;

impl Class {
    /// The operands that decide what the operation costs, if nothing bounds one of them.
    pub(super) fn unbounded(self, operands: &[Size]) -> Option<Range<usize>> {
        let most = |index: usize| operands.get(index).map_or(Bounds::ANY, |size| size.bounds).most();
        match self {
            Self::Repeated | Self::Padded => Some(1..2).filter(|_| most(1).is_none()),
            Self::Factorial => Some(0..1).filter(|_| most(0).is_none()),
            Self::Series => Some(0..3).filter(|_| series(operands).is_none()),
            _ => None,
        }
    }

    /// What the operation demands of its operands, if they do not have it.
    pub(super) fn demand(self, operands: &[Size]) -> Option<String> {
        match self {
            Self::Written => {
                let is_near = |size: &Size| size.bounds.is_within(WRITTEN_SUBSCRIPT_MAX);
                let is_name = |size: &Size| is_text(*size) && size.is_name;
                (!operands.iter().all(|size| is_near(size) || is_name(size))).then(|| {
                    format!(
                        "PostgreSQL fills what is missing in front of it: write a number up to {WRITTEN_SUBSCRIPT_MAX}, \
                         `cardinality(column) + 1`, or jsonb_set for a member of JSON"
                    )
                })
            }
            Self::Recursive => {
                let bytes = operands.iter().fold(0, |most, size| size.bytes.saturating_add(size.numbers).max(most));
                let grown = bytes.saturating_sub(STORED_BYTES_MAX);
                (grown > RECURSION_GROWTH_BYTES_MAX).then(|| {
                    format!(
                        "may grow by {grown} bytes in each step, and at most {RECURSION_GROWTH_BYTES_MAX} are allowed: convert it \
                         in both parts, `name::varchar(500)` in the first and `(path || '/' || name)::varchar(500)` in the second"
                    )
                })
            }
            Self::Json | Self::JsonText | Self::Gathered | Self::GatheredText
                if operands.iter().any(|size| size.is_composed) =>
            {
                Some(
                    "makes JSON of a gathered array of rows, arrays or JSON, whose nulls take nothing before: gather with \
                     jsonb_agg in place of array_agg or ARRAY(SELECT …)"
                        .into(),
                )
            }
            Self::Json if operands.iter().any(|size| parsed(*size) > WORK_BYTES_MAX) => Some(
                "reads too much JSON from text: gather with jsonb_agg in place of json_agg, or declare columns as `jsonb`"
                    .into(),
            ),
            Self::Sent(_)
            | Self::ToText(_)
            | Self::ToPadded(_)
            | Self::FieldText
            | Self::JoinElements
            | Self::JoinOperands
            | Self::Concatenated
            | Self::Formatted(..)
                if operands.iter().any(|size| size.numbers > WORK_BYTES_MAX) =>
            {
                Some(
                    "writes JSON or an array as text, whose numbers may have exponents, such as 1e131000, and are written out: \
                     convert numbers to `numeric(p, s)`, declare columns as `jsonb`, or keep JSON that is a text as `json`"
                        .into(),
                )
            }
            Self::Repeated | Self::Padded if self.unbounded(operands).is_some() => Some(
                "needs a bound for its second argument: write a whole number, `$1::int` or `least(…, 100)`"
                    .into(),
            ),
            Self::Factorial if self.unbounded(operands).is_some() => Some(
                "needs a bound for its argument: write a whole number, `$1::int` or `least(…, 100)`".into(),
            ),
            // PostgreSQL 15 takes gigabytes for a phrase in a text of some thousand words.
            Self::Headline(_, query) if operands.get(query).is_some_and(|query| !query.is_plain) => Some(
                "needs a query without phrases, for which PostgreSQL takes gigabytes: make it with plainto_tsquery, or of words \
                 of letters and digits alone, with `&`, `|` and `!`"
                    .into(),
            ),
            Self::JsonPath(Path { copies, variables, pairs, .. }) => {
                let json = operands.first().copied().unwrap_or_default();
                let given = path_given(json, operands.get(2), variables);
                let ms = compared(given, given).saturating_mul(pairs) / NS_PER_MS;
                if ms > WORK_MS_MAX {
                    return Some(
                        "its path compares two parts of the JSON, each element of one with each of the other: compare a part \
                         with a literal or a variable such as $min, write `@.a - @.b > 0` for numbers, or compare in SQL what \
                         `->` takes out"
                            .into(),
                    );
                }
                let is_long = copies == u64::MAX
                    && json.bytes.saturating_mul(copied(u64::MAX, json)) > WORK_BYTES_MAX;
                is_long.then(|| {
                    "needs the levels of `**`, such as `.**{0 to 9}`: it finds a value of nested JSON once on each level".into()
                })
            }
            Self::Series => {
                let how = "in FROM has a known number of rows";
                let max = SQL_SERIES_ROWS_MAX;
                match series(operands) {
                    Some(rows) if rows <= max => None,
                    Some(rows) => {
                        Some(format!("{how}, at most {max}, and this one may have {rows}: make it shorter"))
                    }
                    None => Some(format!(
                        "{how}, at most {max}: write literals, parameters such as `$1::date`, now() or `least(…, 100)` \
                         and an interval such as '1 day'; or write (SELECT generate_series(…) AS name) AS alias"
                    )),
                }
            }
            _ => None,
        }
    }
}

/// The most rows of a series, if its ends and its step tell.
pub(super) fn series(operands: &[Size]) -> Option<u64> {
    let of = |index: usize| operands.get(index).map(|size| size.bounds);
    let [first, last] = [of(0), of(1)].map(Option::unwrap_or_default);
    first.rows(last, of(2).unwrap_or(Bounds::number(1)))
}

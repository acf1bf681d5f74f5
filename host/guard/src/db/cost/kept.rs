//! What stays in memory of an operation until the row is done.
//!
//! A bound on a row's memory is half of what a server process may take, so of some numbers half of what was measured counts.
// tidy: numbers are bytes that PostgreSQL was measured to take

use super::class::{Class, Each, Path};
use super::size::{Size, is_text};
use super::text::{converted, json_numbers};
use super::work::{covered, groups};
use crate::limits::GATHERED_BYTES;

impl Class {
    /// Bytes that stay in memory until the row is done, for a result of this size.
    pub(super) fn kept(self, result: Size, operands: &[Size]) -> u64 {
        match self {
            Self::Known(_)
            | Self::Parameter(_)
            | Self::Reference
            | Self::Kept
            | Self::Recursive
            | Self::Either
            | Self::Largest
            | Self::Steps
            | Self::Series
            // A comparison frees the copies of stored values that it made.
            | Self::Equal
            | Self::Order
            | Self::OneOf
            | Self::Extreme
            | Self::AnyEqual
            | Self::AnyOrder => 0,
            // A trigram for each byte, three times, and the text in small letters.
            Self::Document | Self::Headline(..) | Self::Similar | Self::SimilarWords => {
                // Each word takes a place of its own until the text has ended; another call gets it again.
                operands.iter().fold(result.bytes, |sum, operand| sum.saturating_add(operand.bytes.saturating_mul(8)))
            }
            Self::Json | Self::Gathered => operands.iter().fold(result.bytes, |sum, operand| {
                let copied = if operand.light > 0 && self == Self::Json { edited(*operand) } else { 0 };
                sum.saturating_add(operand.bytes).saturating_add(parsed(*operand)).saturating_add(copied)
            }),
            // The row that is sent has the text of each column a second time. What is large is mostly guessed, and counts where it
            // is made; sent again it takes that much again.
            Self::Sent(is_again) => {
                let of = operands.first().copied().unwrap_or_default();
                match of {
                    Size { bytes, .. } if is_again => bytes.saturating_mul(3) / 2,
                    Size { bytes, .. } if bytes >= GATHERED_BYTES && is_text(of) => bytes / 2,
                    Size { bytes, .. } if bytes >= GATHERED_BYTES => bytes / 8,
                    Size { bytes, nested, .. } if nested > 0 => bytes.saturating_mul(2),
                    Size { bytes, .. } => bytes.saturating_mul(3) / 2,
                }
                .saturating_add(json_numbers(of).saturating_mul(3) / 2)
            }
            Self::ToText(_) | Self::ToPadded(_) => {
                let of = operands.first().copied().unwrap_or_default();
                of.bytes.saturating_add(converted(of).max(result.bytes))
            }
            Self::ToJsonb | Self::ToArray(Each::Json) => {
                // An element that is a text can have a value in every two bytes.
                let spelled = operands.iter().filter(|operand| !operand.is_counted && operand.nested == 0);
                let spelled = spelled.fold(result.elements, |sum, operand| sum.saturating_add(operand.bytes / 2));
                let values = spelled.min(spelled_max(result, operands)).saturating_mul(JSON_VALUE_BYTES);
                operands.iter().fold(result.bytes.saturating_add(values), |sum, operand| sum.saturating_add(operand.bytes))
            }
            Self::RankedCover => {
                let bytes = covered(operands).saturating_mul(COVER_BYTES);
                operands.iter().fold(bytes, |sum, operand| sum.saturating_add(operand.bytes))
            }
            Self::LikeEach => {
                let of = |index: usize| operands.get(index).copied().unwrap_or_default();
                of(0).bytes.saturating_mul(of(1).elements.max(1)).saturating_add(of(1).bytes)
            }
            Self::RegexCount(count) | Self::RegexSubstring(count) => {
                let of = |index: usize| operands.get(index).copied().unwrap_or_default();
                let more = groups(count, of(1)).saturating_sub(1).saturating_mul(PLACE_BYTES);
                let each = more.saturating_add(MATCH_BYTES);
                of(0).bytes.saturating_add(1).saturating_mul(each).saturating_add(result.bytes)
            }
            // What is read from JSON text, and what `jsonb` is made of again, stays until the row is done.
            Self::Field | Self::FieldText => operands.iter().fold(result.bytes, |sum, operand| {
                sum.saturating_add(operand.bytes).saturating_add(operand.heavy().saturating_mul(TOKEN_BYTES))
            }),
            Self::Sum | Self::Joined | Self::JsonEdit => made_again(result, operands),
            Self::RegexPart | Self::RegexReplace => {
                let text = operands.first().map_or(0, |first| first.bytes);
                operands.iter().fold(result.bytes.saturating_add(text.saturating_mul(4)), |sum, operand| {
                    sum.saturating_add(operand.bytes)
                })
            }
            Self::JsonPath(path) if path.variables > 0 => {
                let of = |index: usize| operands.get(index).copied().unwrap_or_default();
                let pairs = of(0).and(of(2)).elements.saturating_mul(path.listed(of(2)));
                let bytes = pairs.saturating_mul(PAIR_BYTES);
                let given = operands.iter().fold(result.bytes, |sum, operand| sum.saturating_add(operand.bytes));
                given.saturating_add(bytes).max(path_made(path, result, operands))
            }
            Self::JsonPath(path) => path_made(path, result, operands),
            // The text of each element of JSON has a buffer of its own.
            Self::JoinElements => operands.iter().fold(result.bytes, |sum, operand| {
                let is_json = operand.nested > 0 && operand.bytes < GATHERED_BYTES;
                let buffers = if is_json { operand.elements.saturating_mul(BUFFER_BYTES) } else { 0 };
                sum.saturating_add(operand.bytes).saturating_add(buffers)
            }),
            _ => operands.iter().fold(result.bytes, |sum, operand| sum.saturating_add(operand.bytes)),
        }
    }
}

/// Bytes of operands and a result, and of the values of JSON while the result is made of them.
fn made_again(result: Size, operands: &[Size]) -> u64 {
    operands
        .iter()
        .fold(result.bytes, |sum, operand| sum.saturating_add(operand.bytes).saturating_add(edited(*operand)))
}

/// The same for a path of JSON, whose result can have each value many times.
fn path_made(path: Path, result: Size, operands: &[Size]) -> u64 {
    let values = made_again(Size { bytes: 0, ..result }, operands);
    let first = operands.first().copied().unwrap_or_default();
    // A value of nested JSON is found on each of several levels.
    let levels = if path.copies > 1 { first.nested.saturating_mul(LIST_BYTES) } else { 0 };
    let members = (first.elements / 3).saturating_mul(MEMBER_BYTES).saturating_mul(path.members);
    let values = values.saturating_add(levels).saturating_add(members);
    let given = operands.iter().fold(0, |sum: u64, operand| sum.saturating_add(operand.bytes));
    values.max(given.saturating_add(result.bytes))
}

/// The values of JSON that is made of texts.
fn spelled_max(result: Size, operands: &[Size]) -> u64 {
    let bytes = operands.iter().fold(0, |sum: u64, operand| sum.saturating_add(operand.bytes));
    result.elements.max((bytes / 2).saturating_add(1))
}

/// Bytes that PostgreSQL takes for the values of JSON that it makes another one of: a list of every array's elements and every
/// object's members. Half of what was measured, as the bound on a row's memory is half of what a server process may take: 1 MiB of
/// `[[],[],…]` took 35 MiB, and of nulls 11 MiB. Of what an aggregate gathers the size is not known, and an eighth of its bytes counts.
fn edited(value: Size) -> u64 {
    match value {
        Size { bytes, nested, .. } if nested > 0 && bytes >= GATHERED_BYTES => bytes / 8,
        Size { nested, elements, light, .. } if light > 0 || nested > 0 => {
            nested.saturating_mul(LIST_BYTES).max(elements.saturating_mul(JSON_EDITED_BYTES))
        }
        _ => 0,
    }
}

/// Bytes that PostgreSQL takes to make `jsonb` of a value beside those of the result. An array of 1 MiB of JSON text has 524,288
/// elements and takes 47 MiB, and 1,000,000 nulls of rows took 84 MB.
pub(super) fn parsed(value: Size) -> u64 {
    value.heavy().saturating_mul(JSON_VALUE_BYTES)
}

const COVER_BYTES: u64 = 42;
/// Bytes that an element of a variable's list takes until the path of JSON has ended, each time that a condition is checked:
/// 200,000 values compared with 40 took 490 MB.
const PAIR_BYTES: u64 = 60;
/// Bytes of the place of a match, and of the character as a regular expression reads it.
const MATCH_BYTES: u64 = 24;
/// Bytes of memory of one value of `jsonb` that another one is made of, half of what was measured.
const JSON_EDITED_BYTES: u64 = 32;
/// Bytes of memory of a list of such values, half of what was measured for `[[],[],…]`.
const LIST_BYTES: u64 = 144;
/// Bytes that `keyvalue()` takes for a member of an object, half of what was measured: 35,000 members took 60 MiB. A member takes
/// as much of a stored object as three nulls.
const MEMBER_BYTES: u64 = 900;
/// Bytes of the buffer for the text of a value of `jsonb`, half of it.
const BUFFER_BYTES: u64 = 512;
/// Bytes of the place of a group of a match: two numbers, in a list that doubles.
const PLACE_BYTES: u64 = 16;
/// Bytes of memory of one value of JSON text that is read.
const TOKEN_BYTES: u64 = 16;
/// Bytes of memory of one value while `jsonb` is made.
const JSON_VALUE_BYTES: u64 = 96;

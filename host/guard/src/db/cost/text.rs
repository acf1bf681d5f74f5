//! How long a value is as a text, or as a part of one, of a row, an array or JSON.
// tidy: numbers are bytes that PostgreSQL adds, and digits that it counts

use super::size::{DECIMALS, JSON_ESCAPE, NUMERIC_TEXT_BYTES, Size, is_text};

/// Whether a value is JSON, whose text is what is sent.
pub(super) fn is_json(value: Size) -> bool {
    value.nested > 0 || value.light > 0 || value.is_counted
}

/// Bytes of text of its numbers, if a value is JSON. An array of numbers is sent as it is in memory.
pub(super) fn json_numbers(value: Size) -> u64 {
    if is_json(value) { value.numbers } else { 0 }
}

/// Bytes of a value that is converted to a text, before it is cut to a length. Bytes become two digits each.
pub(super) fn converted(value: Size) -> u64 {
    if is_text(value) { value.bytes.saturating_mul(2).saturating_add(2) } else { as_text(value) }
}

/// Digits of a count of rows.
pub(super) const FIXED_DIVISOR: u64 = 5;

/// Bytes of the text of a long number; 0 for a short one.
pub(super) fn written(value: Size) -> u64 {
    if value.digits > FIXED_DIVISOR {
        value.digits.saturating_mul(DECIMALS).min(NUMERIC_TEXT_BYTES).saturating_add(2)
    } else {
        0
    }
}

/// Bytes of a value's text where every type can stand: a text as it is, and bytes as two digits for each.
pub(super) fn printed(value: Size) -> u64 {
    if is_text(value) { value.bytes.saturating_mul(2) } else { as_text(value) }
}

/// Bytes of a value in a text, which it becomes a part of, or in an array or JSON.
pub(super) fn beside_text(value: Size) -> u64 {
    match value {
        text if is_text(text) => text.bytes,
        row if row.levels > 0 => as_text(row),
        list if list.elements > 0 => list.bytes.saturating_add(list.numbers),
        number => number.bytes.max(written(number)),
    }
}

/// Bytes of a value in a row. A number is as long as its text, because what becomes of the row may write it.
pub(super) fn in_row(value: Size) -> u64 {
    let number = if is_text(value) { 0 } else { written(value) };
    value.bytes.saturating_add(number).saturating_add(value.numbers)
}

/// Digits in base 10,000 of the numbers of JSON that is made of a value.
pub(super) fn spelled(value: Size) -> u64 {
    if is_text(value) { 0 } else { value.digits }
}

/// How many times as long a row's text is as its values', whose quotes double at each level.
pub(super) fn doubled(value: Size) -> u64 {
    1_u64.checked_shl(u32::try_from(value.levels).unwrap_or(u32::MAX)).unwrap_or(u64::MAX)
}

/// Bytes of a value's text.
pub(super) fn as_text(value: Size) -> u64 {
    let number = written(value).max(32);
    value
        .bytes
        .saturating_mul(4)
        .saturating_add(value.elements.saturating_mul(JSON_ESCAPE))
        .saturating_add(number)
        .saturating_mul(doubled(value))
        .saturating_add(value.numbers)
}

/// Bytes of text of the numbers that are elements of an array or JSON that is made of a value.
pub(super) fn listed_numbers(value: Size) -> u64 {
    let alone = if value.elements > 0 || is_text(value) { 0 } else { written(value) };
    value.numbers.saturating_add(alone)
}

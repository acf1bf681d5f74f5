//! Classes: how much work an operation is, and how large its result is, for operands of known sizes.
//!
//! The numbers are nanoseconds for a byte, an element or a pair, measured with the worst values that were found.

use super::size::{DECIMALS, DIGITS_MAX, JSON_ESCAPE, NUMERIC_TEXT_BYTES, Size};

/// How an operation behaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Class {
    /// A value of a known size.
    Known(Size),
    /// The value of a parameter, by its number from 1 on.
    Parameter(usize),
    /// A column of a subquery. The planner may compute it again at each reference.
    Reference,
    /// One of several values, at no cost: a column of a set operation or of VALUES.
    Either,
    /// A small result from one look at each operand.
    Fixed,
    /// A result like the first operand.
    Same,
    /// A result like the largest operand.
    Largest,
    /// The same, after comparing the operands.
    Extreme,
    /// A result as long as all operands together.
    Joined,
    /// The same, as one array with an element for each operand.
    Listed,
    /// A result up to this many times as long as the operands.
    Grown(u64),
    /// The second operand is looked for at each position of the first.
    Search,
    /// The same, with a part of the first as the result.
    Part,
    /// The same, with all parts as the result.
    Split,
    /// Each occurrence of the second operand becomes the third.
    Replace,
    /// Each character of the first operand is looked for in the second.
    Translate,
    /// The same, at the ends of the first operand.
    Trim,
    /// Elements of the first operand with the second between them.
    JoinElements,
    /// Operands with the first between them.
    JoinOperands,
    /// A text against a pattern.
    Like,
    /// A test of equality.
    Equal,
    /// A comparison by order, which depends on the collation.
    Order,
    /// The first operand is compared with each of the others.
    OneOf,
    /// The first operand is compared with each element of the second.
    AnyEqual,
    /// The same, by order.
    AnyOrder,
    /// A sum or difference; with JSON, the removal of keys.
    Sum,
    /// A product of two numbers.
    Product,
    /// A quotient or remainder of two numbers.
    Quotient,
    /// Squares, summed over rows.
    Spread,
    /// Elements of one operand are looked for in the other.
    Contain,
    /// Many rows' values in one.
    Gathered,
    /// JSON from values.
    Json,
    /// A part of JSON, which is read from its beginning if it is stored as text.
    Field,
    /// The same, as text.
    FieldText,
    /// JSON with a part replaced.
    JsonEdit,
    /// An array, element by element.
    Elements,
    /// The same, with elements replaced by the third operand.
    ReplaceElements,
    /// A text that the second operand, a pattern, decides.
    Pattern,
    /// A row for each element.
    Rows,
    /// A conversion to a type of a fixed size.
    ToFixed,
    /// A conversion to text of at most this many bytes.
    ToText(u64),
    /// A conversion to `numeric` of at most this many digits in base 10,000.
    ToNumeric(u64),
    /// A conversion to JSON.
    ToJson,
    /// A conversion to an array.
    ToArray,
}

/// One look at a byte, fetching and decompressing a stored value included.
const BYTE_NS: u64 = 2;
/// An operation whose operands are short.
const CALL_NS: u64 = 50;

impl Class {
    /// The size of the result, and the nanoseconds.
    pub(super) fn weigh(self, operands: &[Size], parameters: &[Size]) -> (Size, u64) {
        let of = |index: usize| operands.get(index).copied().unwrap_or(Size::FIXED);
        let (first, second, third) = (of(0), of(1), of(2));
        let all = operands.iter().copied().reduce(Size::and).unwrap_or(Size::FIXED);
        let largest = operands.iter().copied().reduce(Size::or).unwrap_or(Size::FIXED);
        let count = u64::try_from(operands.len()).unwrap_or(u64::MAX);
        let looked = all.bytes.saturating_mul(BYTE_NS).saturating_add(CALL_NS);
        let and = |more: u64| looked.saturating_add(more);
        match self {
            Self::Known(size) => (size, 0),
            Self::Parameter(number) => {
                let index = number.checked_sub(1);
                (index.and_then(|index| parameters.get(index)).copied().unwrap_or_default(), 0)
            }
            Self::Reference => (first, 0),
            Self::Either => (largest, 0),
            Self::Fixed => (Size::FIXED, and(all.elements.saturating_mul(4))),
            Self::Same => (first, looked),
            Self::Largest => (largest, CALL_NS),
            Self::Extreme => (largest, and(ordered(largest, largest).saturating_mul(count))),
            Self::Joined => (Size { digits: 0, ..all }, looked),
            Self::Listed => {
                let elements = all.elements.max(count);
                (Size { elements, listed: all.listed.max(count), ..all }, looked)
            }
            Self::Grown(times) => {
                let bytes = all.bytes.saturating_mul(times).saturating_add(16);
                (Size { bytes, ..Size::default() }, and(bytes.saturating_mul(3)))
            }
            Self::Search => (Size::FIXED, and(searched(first, second))),
            Self::Part => (Size { least: 0, ..first }, and(searched(first, second))),
            Self::Split => {
                let parts = (first.bytes / second.least.max(1)).saturating_add(1);
                let bytes = first.bytes.saturating_add(parts.saturating_mul(8));
                let size = Size { bytes, elements: parts, listed: parts, ..Size::default() };
                (size, and(searched(first, second)).saturating_add(parts.saturating_mul(40)))
            }
            Self::Replace => {
                let times = first.bytes / second.least.max(1);
                let bytes = first.bytes.saturating_add(times.saturating_mul(third.bytes));
                let work = searched(first, second).saturating_add(bytes.saturating_mul(3));
                (Size { bytes, ..Size::default() }, and(work))
            }
            Self::Translate => {
                let pairs = first.bytes.saturating_mul(second.bytes).saturating_mul(4);
                let bytes = first.bytes.saturating_mul(4);
                (Size { bytes, ..Size::default() }, and(pairs).saturating_add(bytes))
            }
            Self::Trim => {
                let pairs = first.bytes.saturating_mul(second.bytes).saturating_mul(2);
                (Size { least: 0, ..first }, and(pairs))
            }
            Self::JoinElements => {
                let between = second.bytes.saturating_add(third.bytes);
                let between = first.elements.saturating_mul(between);
                // A number of eight bytes is written with up to twenty digits.
                let written = first.bytes.saturating_add(first.elements.saturating_mul(12));
                let bytes = written.saturating_add(between);
                let work = bytes.saturating_mul(2).saturating_add(first.elements.saturating_mul(40));
                (Size { bytes, ..Size::default() }, and(work))
            }
            Self::JoinOperands => {
                let bytes = all.bytes.saturating_add(first.bytes.saturating_mul(count));
                (Size { bytes, ..Size::default() }, and(bytes.saturating_mul(2)))
            }
            Self::Like => {
                // Two characters are compared in less than a nanosecond; ILIKE folds both texts before.
                let pairs = first.bytes.saturating_mul(second.bytes) / 5 * 4;
                (Size::FIXED, and(pairs).saturating_add(looked.saturating_mul(3)))
            }
            Self::Equal => (Size::FIXED, and(all.elements.saturating_mul(10))),
            Self::Order => {
                let pairs = ordered(first, second).saturating_add(ordered(first, third));
                (Size::FIXED, and(pairs))
            }
            Self::OneOf => {
                let rest = operands.get(1..).unwrap_or_default();
                let each = rest.iter().map(|&other| ordered(first, other));
                (Size::FIXED, each.fold(looked, u64::saturating_add))
            }
            Self::AnyEqual => (Size::FIXED, and(second.elements.saturating_mul(40))),
            Self::AnyOrder => {
                let each = (first.bytes / 5).saturating_add(60);
                let pairs = second.elements.saturating_mul(each);
                (Size::FIXED, and(pairs).saturating_add(second.bytes.saturating_mul(5)))
            }
            Self::Sum => {
                let digits = first.digits.saturating_add(second.digits).saturating_add(1).min(DIGITS_MAX);
                let removed = first.elements.saturating_mul(second.elements).saturating_mul(2);
                let bytes = first.bytes.saturating_add(second.bytes).max(digits.saturating_mul(2));
                (
                    Size { bytes, digits, least: 0, ..first },
                    and(removed).saturating_add(digits.saturating_mul(2)),
                )
            }
            Self::Product => {
                let pairs = first.digits.saturating_mul(second.digits) / 4;
                (number(first.digits.saturating_add(second.digits)), and(pairs))
            }
            Self::Quotient => {
                let divisor = operands.get(1..).unwrap_or_default().iter().copied().reduce(Size::or);
                let (size, work) = quotient(first.digits, divisor.unwrap_or(Size::FIXED).digits);
                (size, and(work))
            }
            Self::Spread => {
                let square = first.digits.saturating_mul(2).min(DIGITS_MAX);
                let squares = first.digits.saturating_mul(first.digits).saturating_mul(2);
                let (size, work) = quotient(square, FIXED_DIVISOR);
                (size, and(squares).saturating_add(work))
            }
            Self::Contain => (Size::FIXED, and(contained(first, second))),
            Self::Gathered => (Size::GATHERED, and(all.elements.saturating_mul(10))),
            Self::Json => {
                let bytes = all.bytes.saturating_mul(2).saturating_add(count.saturating_mul(16));
                let elements = all.elements.saturating_add(count);
                let size = Size {
                    bytes,
                    elements,
                    listed: all.listed.max(elements),
                    nested: all.nested.saturating_add(count),
                    digits: DIGITS_MAX,
                    least: 0,
                };
                (size, and(all.bytes).saturating_add(elements.saturating_mul(60)))
            }
            Self::Field => (Size { least: 0, ..first }, and(first.bytes.saturating_mul(3))),
            Self::FieldText => {
                let size = Size { bytes: as_text(first), ..Size::default() };
                (size, and(first.bytes.saturating_mul(3)))
            }
            Self::JsonEdit => (Size { least: 0, ..all }, and(all.bytes.saturating_mul(12))),
            Self::Elements => (Size { least: 0, ..all }, and(all.elements.saturating_mul(40))),
            Self::ReplaceElements => {
                let bytes = first.bytes.saturating_add(first.elements.saturating_mul(third.bytes));
                (Size { bytes, least: 0, ..all }, and(bytes).saturating_add(all.elements.saturating_mul(40)))
            }
            Self::Pattern => {
                let bytes = second.bytes.saturating_mul(64).saturating_add(256);
                (Size { bytes, ..Size::FIXED }, and(bytes).saturating_add(first.digits.saturating_mul(20)))
            }
            Self::Rows => (first, and(first.elements.saturating_mul(300))),
            Self::ToFixed => (Size::FIXED, and(first.digits.saturating_mul(2))),
            Self::ToText(max) => {
                let bytes = as_text(first).min(max);
                let work = bytes.saturating_add(all.elements.saturating_mul(40));
                (Size { bytes, least: 0, ..Size::default() }, and(work))
            }
            Self::ToNumeric(max) => {
                let spelled = if first.digits > 0 { first.digits } else { DIGITS_MAX };
                let size = number(spelled.min(max));
                (size, and(spelled.saturating_mul(20)))
            }
            Self::ToJson => {
                // Each byte of text can be half of an element, and an element of one digit takes 12 bytes.
                let elements = first.elements.max(first.bytes / 2).saturating_add(1);
                let (bytes, nested) = (first.bytes.saturating_mul(6), elements);
                let size =
                    Size { bytes, elements, listed: elements, nested, digits: DIGITS_MAX, ..Size::default() };
                (size, and(elements.saturating_mul(120)))
            }
            Self::ToArray => {
                // A text can have an element in every two bytes.
                let elements = if first.elements > 0 { first.elements } else { first.bytes / 2 };
                let elements = elements.saturating_add(1);
                let bytes = first.bytes.saturating_mul(2).saturating_add(elements.saturating_mul(4));
                let size = Size { bytes, elements, listed: elements, ..first };
                (Size { least: 0, ..size }, and(elements.saturating_mul(60)))
            }
        }
    }

    /// Bytes that stay in memory until the row is done, for a result of this size.
    pub(super) fn kept(self, result: Size, operands: &[Size]) -> u64 {
        match self {
            Self::Known(_) | Self::Parameter(_) | Self::Reference | Self::Either | Self::Largest => 0,
            // A comparison frees the copies of stored values that it made.
            Self::Equal | Self::Order | Self::OneOf | Self::Extreme | Self::AnyEqual | Self::AnyOrder => 0,
            _ => operands.iter().fold(result.bytes, |sum, operand| sum.saturating_add(operand.bytes)),
        }
    }
}

/// Digits of a count of rows.
const FIXED_DIVISOR: u64 = 5;
/// Digits in base 10,000 that a quotient gets after the point at most, unless an operand has more.
const QUOTIENT_SCALE: u64 = 258;

/// Comparing two values by order: a collation takes several nanoseconds for a byte of the common beginning.
fn ordered(first: Size, second: Size) -> u64 {
    let common = first.bytes.min(second.bytes).saturating_mul(5);
    let copied = first.bytes.saturating_add(second.bytes) / 2;
    common.saturating_add(copied).saturating_add(first.elements.min(second.elements).saturating_mul(20))
}

/// Looking for a text at each position of another one.
fn searched(text: Size, part: Size) -> u64 {
    text.bytes.saturating_mul(part.bytes) / 5 * 2
}

fn number(digits: u64) -> Size {
    let digits = digits.min(DIGITS_MAX);
    Size { digits, bytes: digits.saturating_mul(2).saturating_add(8), ..Size::default() }
}

/// The division's work is the product of the digits of the divisor and of the quotient, and both together are as long
/// as the dividend with the digits after the point.
fn quotient(dividend: u64, divisor: u64) -> (Size, u64) {
    let scale =
        dividend.max(divisor).saturating_add(8).min(QUOTIENT_SCALE.max(dividend).max(divisor)).min(4_096);
    let length = dividend.saturating_add(scale);
    let longest = divisor.min(length / 2);
    let pairs = longest.saturating_mul(length.saturating_sub(longest));
    (number(length), pairs.saturating_mul(3) / 2)
}

/// Looking for each element of one value in the other. Which of the two is searched depends on the operator; the product
/// is the same.
fn contained(first: Size, second: Size) -> u64 {
    let scalars = |stored: Size, given: Size| stored.elements.saturating_mul(given.listed);
    let scalars = scalars(first, second).max(scalars(second, first));
    let nested = first.nested.saturating_mul(second.nested);
    // Texts of one length are compared byte by byte.
    let texts = first.bytes.saturating_mul(second.listed).min(second.bytes.saturating_mul(first.listed)) / 20;
    let scalar_ns = if first.nested > 0 || second.nested > 0 { 8 } else { 4 };
    scalars
        .saturating_mul(scalar_ns)
        .saturating_add(nested.saturating_mul(super::NESTED_NS))
        .saturating_add(texts)
}

/// Bytes of a value's text.
fn as_text(value: Size) -> u64 {
    let number = if value.digits > FIXED_DIVISOR {
        value.digits.saturating_mul(DECIMALS).min(NUMERIC_TEXT_BYTES).saturating_add(2)
    } else {
        32
    };
    value
        .bytes
        .saturating_mul(4)
        .saturating_add(value.elements.saturating_mul(JSON_ESCAPE))
        .saturating_add(number)
}

//! How much work an operation is, and how large its result is.
//!
//! The numbers are nanoseconds for a byte, an element or a pair, measured with the worst values that were found.
// tidy: numbers are measured nanoseconds, bytes that PostgreSQL adds, and digits that it counts

use super::bounds::Bounds;
use super::class::{Class, Each, Path};
use super::size::{DECIMALS, DIGITS_MAX, JSON_ESCAPE, Size, is_text, worst_numbers};
use super::text::{
    FIXED_DIVISOR, as_text, beside_text, converted, doubled, in_row, json_numbers, listed_numbers, printed,
    spelled, written,
};
use crate::limits::{GATHERED_BYTES, IDENTIFIER_BYTES_MAX, STORED_NUMERIC_BYTES_MAX, STORED_TEXT_BYTES_MAX};

/// One look at a byte, fetching and decompressing a stored value included.
const BYTE_NS: u64 = 2;
/// An operation whose operands are short.
const CALL_NS: u64 = 50;

impl Class {
    /// The size of the result without its bounds, and the nanoseconds.
    #[expect(clippy::too_many_lines, reason = "a table with a row for each class reads best as one")]
    pub(super) fn measure(self, operands: &[Size], parameters: &[Size]) -> (Size, u64) {
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
                (index.and_then(|index| parameters.get(index)).copied().unwrap_or(Size::PENDING), 0)
            }
            Self::Reference | Self::Kept | Self::Recursive => (first, 0),
            Self::Either => (largest, 0),
            Self::Fixed | Self::Count | Self::Counted | Self::Near(_) | Self::Written => {
                (Size::FIXED, and(all.elements.saturating_mul(4)))
            }
            Self::Same | Self::Sign => (first, looked),
            Self::Largest => (largest, CALL_NS),
            Self::Extreme | Self::Least => (largest, and(ordered(largest, largest).saturating_mul(count))),
            // What is not a text becomes one beside a text.
            Self::Joined => {
                let bytes = operands.iter().map(|&operand| beside_text(operand)).fold(0, u64::saturating_add);
                (Size { digits: 0, levels: 0, bytes, ..all }, and(bytes))
            }
            Self::Tuple => {
                let bytes = operands.iter().map(|&operand| in_row(operand)).fold(0, u64::saturating_add);
                (Size { digits: 0, levels: all.levels.saturating_add(1), bytes, numbers: 0, ..all }, looked)
            }
            Self::Rounded => {
                let places = second.bounds.most().unwrap_or(ROUNDED_PLACES_MAX).min(ROUNDED_PLACES_MAX);
                let size = number(first.digits.saturating_add(places / DECIMALS).saturating_add(1));
                (Size { bytes: size.bytes.max(first.bytes), ..size }, looked)
            }
            Self::Listed => {
                let elements = all.elements.max(count);
                // The text of an array quotes that of a row in it.
                let levels = all.levels.saturating_add(u64::from(all.levels > 0));
                let digits = operands.iter().map(|size| size.digits).max().unwrap_or(0);
                let numbers =
                    operands.iter().map(|&operand| listed_numbers(operand)).fold(0, u64::saturating_add);
                (Size { elements, listed: all.listed.max(count), levels, digits, numbers, ..all }, looked)
            }
            Self::Row => {
                let bytes = operands.iter().map(|&operand| in_row(operand)).fold(0, u64::saturating_add);
                let names = count.saturating_mul(IDENTIFIER_BYTES_MAX as u64);
                let elements = all.elements.saturating_add(count);
                let listed = all.listed.saturating_add(count);
                let bytes = bytes.saturating_add(names);
                let nested = all.nested;
                let levels = all.levels.saturating_add(1);
                let digits = 0;
                (
                    Size {
                        bytes,
                        elements,
                        listed,
                        nested,
                        levels,
                        digits,
                        numbers: 0,
                        least: 0,
                        is_plain: false,
                        ..all
                    },
                    looked,
                )
            }
            Self::Grown(times) => {
                let spoken =
                    operands.iter().map(|&operand| beside_text(operand)).fold(0, u64::saturating_add);
                let bytes = spoken.saturating_mul(times).saturating_add(16);
                (Size { bytes, ..Size::default() }, and(bytes.saturating_mul(3)))
            }
            Self::Search => (Size::FIXED, and(searched(first, second))),
            Self::Part => (Size { least: 0, ..first }, and(searched(first, second))),
            Self::Split => {
                let parts = pieces(first, second).saturating_add(1);
                let bytes = first.bytes.saturating_add(parts.saturating_mul(8));
                let size = Size { bytes, elements: parts, listed: parts, ..Size::default() };
                (size, and(searched(first, second)).saturating_add(parts.saturating_mul(40)))
            }
            Self::Replace => {
                let times = pieces(first, second);
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
                let for_null = operands.get(2).map_or(0, |operand| operand.bytes);
                let between = second.bytes.saturating_add(for_null);
                let between = first.elements.saturating_mul(between);
                // A number of eight bytes is written with up to twenty digits.
                let written = first.bytes.saturating_add(first.elements.saturating_mul(12));
                let written = written.saturating_add(first.numbers).saturating_mul(doubled(first));
                let bytes = written.saturating_add(between);
                let work = bytes.saturating_mul(2).saturating_add(first.elements.saturating_mul(40));
                (Size { bytes, ..Size::default() }, and(work))
            }
            Self::JoinOperands => {
                let all = operands.iter().map(|&operand| beside_text(operand)).fold(0, u64::saturating_add);
                let bytes = all.saturating_add(first.bytes.saturating_mul(count));
                (Size { bytes, ..Size::default() }, and(bytes.saturating_mul(2)))
            }
            Self::Like => {
                // Two characters are compared in less than a nanosecond; ILIKE folds both texts before.
                let pairs = first.bytes.saturating_mul(second.bytes);
                (Size::FIXED, and(pairs).saturating_add(looked.saturating_mul(3)))
            }
            Self::LikeEach => {
                let pairs = first.bytes.saturating_mul(second.bytes);
                let each = first.bytes.saturating_mul(FOLD_NS).saturating_mul(second.elements.max(1));
                (Size::FIXED, and(pairs).saturating_add(each))
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
            Self::AnyEqual => (Size::FIXED, and(sought(second, first))),
            Self::Sought => (Size::FIXED, and(sought(first, second))),
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
                let squares = first.digits.saturating_mul(first.digits).saturating_mul(4);
                let (size, work) = quotient(square, FIXED_DIVISOR);
                (size, and(squares).saturating_add(work))
            }
            Self::Contain => (Size::FIXED, and(contained(first, second))),
            Self::Overlap => {
                let Size { bytes, elements, listed, is_plain, has_star, .. } = all;
                let bytes = bytes.max(Size::FIXED.bytes);
                let size = Size { bytes, elements, listed, is_plain, has_star, ..Size::FIXED };
                (size, and(contained(first, second)))
            }
            Self::Phrase => (Size { digits: 0, is_plain: false, ..all }, looked),
            Self::Cut => {
                let length = operands.last().map_or(Bounds::ANY, |last| last.bounds);
                let bytes = match length.count() {
                    // Four bytes are the longest character.
                    Some(most) => first.bytes.min(most.saturating_mul(4)),
                    None => first.bytes,
                };
                (Size { bytes, least: 0, ..first }, looked)
            }
            Self::Gathered => {
                let size =
                    Size { digits: all.digits, numbers: gathered_numbers(operands, true), ..Size::GATHERED };
                (size, and(all.elements.saturating_mul(10)))
            }
            Self::GatheredArray => {
                let levels = all.levels.saturating_add(u64::from(all.levels > 0));
                let (is_composed, numbers) = (all.elements > 0, gathered_numbers(operands, false));
                let size = Size { digits: all.digits, is_composed, levels, numbers, ..Size::GATHERED };
                (size, and(all.elements.saturating_mul(10)))
            }
            Self::GatheredText => {
                // The numbers of `json_agg` are written out.
                let numbers = gathered_numbers(operands, false);
                let size =
                    Size { digits: all.digits, light: 0, numbers, unread: all.unread, ..Size::GATHERED };
                (size, and(all.elements.saturating_mul(10)))
            }
            Self::Json => {
                let bytes = (all.bytes.saturating_mul(3) / 2).saturating_add(count.saturating_mul(16));
                // A number of one digit takes 12 bytes of a `jsonb`, with its place.
                let bytes = bytes.saturating_add(all.heavy().saturating_mul(12));
                let elements = all.elements.saturating_add(count);
                let numbers = operands
                    .iter()
                    .map(|&operand| listed_numbers(operand))
                    .fold(all.unread, u64::saturating_add);
                let size = Size {
                    bytes,
                    elements,
                    light: elements,
                    listed: all.listed.max(elements),
                    nested: all.nested.saturating_add(count),
                    digits: operands.iter().map(|&operand| spelled(operand)).max().unwrap_or(0),
                    numbers,
                    ..Size::default()
                };
                // Numbers of an array are read from their text again.
                let sent = operands.iter().map(|&operand| spelled_out(operand)).fold(0, u64::saturating_add);
                let read = all.numbers.saturating_mul(NUMBER_READ_NS).max(sent);
                (size, and(all.bytes).saturating_add(elements.saturating_mul(60)).saturating_add(read))
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
            Self::Regex => (Size::FIXED, and(second.bytes.saturating_mul(1_000))),
            Self::RegexPart => (Size { least: 0, ..first }, and(second.bytes.saturating_mul(1_000))),
            Self::RegexCount(count) | Self::RegexSubstring(count) => {
                let each = groups(count, second).saturating_mul(GROUP_NS);
                let places = first.bytes.saturating_add(1).saturating_mul(each.saturating_add(40));
                let is_count = matches!(self, Self::RegexCount(_));
                let size = if is_count { Size::FIXED } else { Size { least: 0, ..first } };
                (size, and(second.bytes.saturating_mul(1_000)).saturating_add(places))
            }
            Self::Position => (Size::FIXED, and(searched(second, first))),
            Self::TrimEither => {
                let pairs = first.bytes.saturating_mul(second.bytes).saturating_mul(2);
                (Size { least: 0, ..first.or(second) }, and(pairs))
            }
            Self::Unnested => (Size { is_inline: true, ..first }, looked),
            Self::Rows => (first, and(first.elements.saturating_mul(600))),
            Self::ToFixed => (Size::FIXED, and(first.digits.saturating_mul(2))),
            Self::ToText(max) | Self::ToPadded(max) => {
                // All of the text is made before it is cut to its length.
                let whole = converted(first);
                let work = whole.saturating_add(all.elements.saturating_mul(40));
                let is_padded = matches!(self, Self::ToPadded(_));
                (Size { bytes: whole.min(max), is_padded, ..Size::default() }, and(work))
            }
            Self::Sent(_) => {
                let is_guessed = first.bytes >= GATHERED_BYTES;
                let lists =
                    if is_guessed { 0 } else { first.nested.min(first.bytes / 8).saturating_mul(LIST_NS) };
                let copied = if is_guessed { 0 } else { looked };
                let numbers = json_numbers(first).saturating_mul(NUMBER_NS);
                (first, copied.saturating_add(lists).saturating_add(numbers))
            }
            Self::ToNumeric(max, places) => {
                let spelled = if first.digits > 0 { first.digits } else { DIGITS_MAX };
                let size = number(spelled.saturating_add(places).min(max));
                (size, and(spelled.saturating_mul(20)))
            }
            Self::ToJson | Self::ToJsonb => {
                // JSON that was sent, stands in the statement or was made by it has been looked at.
                let is_seen = first.is_counted || first.least > 0 || first.light > 0;
                // Each byte of text can be half of an element, and an element of one digit takes 12 bytes.
                let spelled = if first.is_counted { 0 } else { first.bytes / 2 };
                let elements = first.elements.max(spelled).saturating_add(1);
                let (bytes, nested) = (first.bytes.saturating_mul(6), elements);
                let digits = if is_seen && first.elements > 0 { first.digits } else { DIGITS_MAX };
                let unread = if is_seen { first.unread } else { worst_numbers(first.bytes) };
                // What is `json` already has no numbers that are shorter than their text.
                let (numbers, unread) = match self {
                    Self::ToJson => (0, unread.max(first.numbers)),
                    _ => (unread.max(first.numbers), 0),
                };
                let size = Size {
                    bytes,
                    elements,
                    listed: elements,
                    nested,
                    digits,
                    numbers,
                    unread,
                    ..Size::default()
                };
                (size, and(elements.saturating_mul(120)).saturating_add(spelled_out(first)))
            }
            Self::ToArray(each) => {
                // A text can have an element in every two bytes.
                let elements = if first.elements > 0 { first.elements } else { first.bytes / 2 };
                let elements = elements.saturating_add(1);
                let bytes = match each {
                    Each::Text => as_text(first),
                    Each::Filled(least) => as_text(first).saturating_add(elements.saturating_mul(least)),
                    Each::Json => first.bytes.saturating_mul(6),
                    Each::Plain | Each::Terms | Each::Document => first.bytes.saturating_mul(2),
                };
                let bytes = bytes.saturating_add(elements.saturating_mul(4));
                let is_seen = first.least > 0 || first.nested > 0 || first.numbers > 0;
                let numbers = match each {
                    Each::Filled(_) | Each::Json if !is_seen => worst_numbers(first.bytes),
                    Each::Filled(_) | Each::Json => first.numbers.max(first.unread),
                    _ => 0,
                };
                let nested = if each == Each::Json { elements } else { 0 };
                let size = Size { bytes, elements, listed: elements, nested, numbers, ..first };
                let ns = match each {
                    Each::Plain => 0,
                    Each::Text | Each::Filled(_) => bytes,
                    Each::Json => first.bytes.saturating_mul(60),
                    Each::Terms => first.bytes.saturating_mul(1_500),
                    Each::Document => first.bytes.saturating_mul(20),
                };
                (Size { least: 0, ..size }, and(elements.saturating_mul(60)).saturating_add(ns))
            }
            Self::ToFloat => (Size::FLOAT, and(first.digits.saturating_mul(20))),
            Self::Repeated => {
                let bytes = first.bytes.saturating_mul(second.bounds.most().unwrap_or(0));
                (Size { bytes, ..Size::default() }, and(bytes))
            }
            Self::Padded => {
                let bytes = second.bounds.most().unwrap_or(0).saturating_mul(4);
                (Size { bytes, ..Size::default() }, and(bytes.saturating_mul(2)))
            }
            Self::Formatted(times, spaces) => {
                let each =
                    operands.iter().map(|&operand| printed(operand)).max().unwrap_or(0).saturating_mul(2);
                let bytes = first.bytes.saturating_add(spaces).saturating_add(each.saturating_mul(times));
                (Size { bytes, ..Size::default() }, and(bytes.saturating_mul(2)))
            }
            Self::Concatenated => {
                let bytes = operands.iter().map(|&operand| printed(operand)).fold(16, u64::saturating_add);
                (Size { bytes, ..Size::default() }, and(bytes.saturating_mul(3)))
            }
            Self::SentText => {
                let Size { bytes, least, unread, .. } = first;
                (Size { bytes, least, unread, ..Size::default() }, looked)
            }
            Self::Factorial => {
                let most = first.bounds.most().unwrap_or(0);
                // A factor of n digits adds as many; PostgreSQL's largest is 32,177.
                (number(most.saturating_mul(5) / 4), and(most.saturating_mul(most).saturating_mul(2)))
            }
            Self::Power if operands.iter().any(|size| size.is_float) => (Size::FLOAT, looked),
            Self::Power => {
                let exponent = second.bounds.most().filter(|_| operands.len() == 2);
                let digits = match exponent {
                    Some(exponent) => {
                        first.digits.saturating_mul(exponent.max(1)).saturating_add(8).min(DIGITS_MAX)
                    }
                    None => DIGITS_MAX,
                };
                // Multiplying takes digits² / 4, and a fractional exponent some milliseconds of series.
                let work = (digits.saturating_mul(digits) / 4).saturating_add(LOGARITHM_NS);
                (number(digits), and(work))
            }
            Self::Fraction(_) if operands.iter().any(|size| size.is_float) => (Size::FLOAT, looked),
            Self::Fraction(most) => {
                // PostgreSQL computes it as an exponential, whose result has 2,606 digits before the point and 1,000 behind it
                // at most. 700 digits in base 10,000 took 58 ms, and 100 took 0.2 ms.
                let whole = first.digits.saturating_mul(most);
                let behind = whole.saturating_add(first.digits).saturating_add(8).min(QUOTIENT_SCALE);
                let digits = whole.min(EXPONENTIAL_DIGITS_MAX).saturating_add(behind);
                (
                    number(digits),
                    and(digits.saturating_mul(digits).saturating_mul(120).saturating_add(20_000)),
                )
            }
            Self::Logarithm if operands.iter().any(|size| size.is_float) => (Size::FLOAT, looked),
            Self::Logarithm => (number(first.digits.max(QUOTIENT_SCALE)), and(LOGARITHM_NS)),
            Self::Divisor => {
                let pairs = all.digits.saturating_mul(all.digits);
                (number(first.digits.saturating_add(second.digits)), and(pairs.saturating_mul(4)))
            }
            Self::Float => (Size::FLOAT, and(all.digits.saturating_mul(20))),
            Self::Normalized => {
                let bytes = first.bytes.saturating_mul(18);
                (Size { bytes, ..Size::default() }, and(first.bytes.saturating_mul(450)))
            }
            Self::RegexReplace => {
                let matches = first.bytes.saturating_add(1).saturating_mul(third.bytes);
                // `\\&` in the replacement is the whole match.
                let copies = first.bytes.saturating_mul(third.bytes / 2);
                let bytes = first.bytes.saturating_add(matches).saturating_add(copies);
                (
                    Size { bytes, ..Size::default() },
                    and(second.bytes.saturating_mul(1_000)).saturating_add(bytes),
                )
            }
            Self::RegexSplit => {
                let parts = first.bytes.saturating_add(1);
                let bytes = first.bytes.saturating_add(parts.saturating_mul(24));
                let size = Size { bytes, elements: parts, listed: parts, ..Size::default() };
                (size, and(second.bytes.saturating_mul(1_000)).saturating_add(parts.saturating_mul(40)))
            }
            Self::JsonPath(Path { copies, variables, pairs, .. }) => {
                let given = path_given(first, operands.get(2), variables);
                let paired = compared(given, given).saturating_mul(pairs);
                let compared = compared(given, third).saturating_mul(variables).saturating_add(paired);
                let times = copied(copies, given);
                let bytes = given.bytes.saturating_mul(times);
                let elements = given.elements.saturating_mul(times);
                let (listed, light, nested) = (elements, elements, elements);
                let numbers = given.numbers.saturating_mul(times);
                let size = Size { bytes, elements, listed, light, nested, numbers, least: 0, ..first };
                (size, and(given.bytes.saturating_mul(12)).saturating_add(compared))
            }
            Self::JsonText => {
                // The numbers of one operand are no elements of another.
                let numbers =
                    operands.iter().map(|&operand| listed_numbers(operand)).fold(0, u64::saturating_add);
                let escaped = all.bytes.saturating_mul(JSON_ESCAPE).saturating_add(numbers);
                let elements = all.elements.saturating_add(count);
                let bytes = escaped.saturating_add(elements.saturating_mul(16));
                // What it is made of is counted, so that its text need not be.
                let (is_counted, unread) = (true, all.unread);
                let size = Size { bytes, elements, listed: elements, is_counted, unread, ..Size::default() };
                (size, and(bytes).saturating_add(elements.saturating_mul(60)))
            }
            Self::Sorted => {
                let compared = first.elements.saturating_mul(20).saturating_mul(60);
                (Size { least: 0, ..first }, and(compared).saturating_add(first.bytes.saturating_mul(100)))
            }
            Self::Labels => (Size { nested: 0, ..Size::stored() }, CALL_NS),
            Self::Document => {
                let elements = (all.bytes / 2).min(DOCUMENT_BYTES_MAX / 4);
                let bytes = all.bytes.saturating_mul(4).min(DOCUMENT_BYTES_MAX);
                (Size { bytes, elements, ..Size::default() }, and(all.bytes.saturating_mul(20)))
            }
            Self::Terms | Self::PlainTerms | Self::PhraseTerms => {
                let terms = (all.bytes / 2).saturating_add(1);
                let bytes = all.bytes.saturating_add(terms.saturating_mul(24));
                let is_plain = self == Self::PlainTerms || self == Self::Terms && all.is_plain;
                let is_unseen = |size: &Size| is_text(*size) && size.least == 0 && size.bytes > 0;
                let has_star = self == Self::Terms && (all.has_star || operands.iter().any(is_unseen));
                (
                    Size { bytes, elements: terms, listed: terms, is_plain, has_star, ..Size::default() },
                    and(all.bytes.saturating_mul(1_500)),
                )
            }
            Self::Found => {
                // JSON is asked by a path, and a text on the left becomes a document.
                let left = if first.nested > 0 { 0 } else { first.listed };
                let is_text = second.elements == 0 && second.listed == 0;
                let right = if is_text { second.bytes / 2 } else { second.listed };
                (Size::FIXED, and(left.saturating_add(right).saturating_mul(30_000)))
            }
            Self::Ranked => {
                // A word of a document has up to 256 places, and the places of two words are compared in pairs.
                let terms = operands.iter().fold(0, |sum: u64, size| sum.saturating_add(terms(*size)));
                let pairs = terms.saturating_mul(terms).saturating_mul(256 * 256);
                (Size::FIXED, and(pairs.saturating_mul(2)))
            }
            Self::RankedCover => {
                let terms = operands.iter().fold(0, |sum: u64, size| sum.saturating_add(terms(*size)));
                let pairs = terms.saturating_mul(terms).saturating_mul(256 * 256).saturating_mul(2);
                (Size::FIXED, and(pairs.max(covered(operands).saturating_mul(COVER_NS))))
            }
            Self::Headline(marks, _) => {
                let words = largest.bytes / 2;
                let bytes = largest.bytes.saturating_mul(2).saturating_add(words.saturating_mul(marks));
                (Size { bytes, ..Size::default() }, and(largest.bytes.saturating_mul(20)))
            }
            Self::Similar => (Size::FLOAT, and(all.bytes.saturating_mul(TRIGRAM_NS))),
            Self::SimilarWords => {
                // The text has a trigram for each byte, and each can begin a part that ends at any later one.
                let parts = largest.bytes.saturating_mul(largest.bytes).saturating_mul(TRIGRAM_PAIR_NS);
                (Size::FLOAT, and(all.bytes.saturating_mul(TRIGRAM_NS)).saturating_add(parts))
            }
            Self::ToVector => (Size::VECTOR, and(all.bytes.saturating_mul(VECTOR_BYTE_NS))),
            // In memory a vector has a quarter of its text's bytes.
            Self::Distance => (Size::FLOAT, and((all.bytes / 4).saturating_mul(VECTOR_BYTE_NS))),
            Self::Steps | Self::Series => (first.or(second), looked),
        }
    }
}

/// How many groups of each match of a regular expression have places. A group takes two bytes of a pattern that is not known.
pub(super) fn groups(count: u64, pattern: Size) -> u64 {
    if count == u64::MAX { (pattern.bytes / 2).saturating_add(1) } else { count }
}

/// How many times as long as the JSON the result of a path can be that finds a value on so many levels. A value of `[[…]]` is
/// at each level, and members of `.keyvalue()` are three values for one.
pub(super) fn copied(levels: u64, json: Size) -> u64 {
    levels.min(json.bytes / 2).min(json.elements).max(1).saturating_mul(4)
}

/// The words that a query for words can have. A text becomes one where a query is needed.
fn terms(value: Size) -> u64 {
    if value.elements == 0 && value.listed == 0 { value.least / 2 } else { value.listed }
}

/// The places of words that `ts_rank_cd` looks at: each place of the document, of two bytes, for each term that can be a prefix.
pub(super) fn covered(operands: &[Size]) -> u64 {
    let query = operands.iter().filter(|size| size.has_star).map(|size| terms(*size)).max().unwrap_or(0);
    let document = operands.iter().map(|size| size.bytes).max().unwrap_or(0);
    query.saturating_mul(document / 2)
}

/// Nanoseconds and bytes of memory of such a place: 30 prefixes in 1 MiB take 5.9 s and 596 MiB.
const COVER_NS: u64 = 400;
/// Nanoseconds to read a byte of a text and to fold it: ILIKE takes 25 ms for 1 MiB.
const FOLD_NS: u64 = 25;
/// Nanoseconds to find where a group of a match is: eight took 160 ns on top.
const GROUP_NS: u64 = 20;
/// Nanoseconds to write an array or object of `jsonb` as text: 130,000 of `[[],[],…]` took 50 ms on a busy machine.
const LIST_NS: u64 = 200;
/// Nanoseconds for a digit of a number of JSON that is written as text: 40 million took 0.47 s.
const NUMBER_NS: u64 = 10;
/// Nanoseconds for a digit of a number of an array that becomes a part of JSON: 1.3 billion took 2.2 s.
const NUMBER_READ_NS: u64 = 2;
/// Bytes of the text of a number from which on many rows of them count as the longest: eight times as long as a table stores.
const GATHERED_NUMBER_BYTES: u64 = 8 * STORED_NUMERIC_BYTES_MAX;
/// Bytes of the longest `tsvector`: its words and their places take 1 MiB at most, and each word four bytes more.
const DOCUMENT_BYTES_MAX: u64 = 2 * 1024 * 1024;
/// Nanoseconds to take the trigrams of a byte of text, and to sort them.
const TRIGRAM_NS: u64 = 200;
/// Nanoseconds to compare a part of a text: `word_similarity('abc', repeat('abc ', 16384))` takes 2.9 s.
const TRIGRAM_PAIR_NS: u64 = 1;
/// Nanoseconds for a byte of a vector, read from text or compared.
const VECTOR_BYTE_NS: u64 = 30;
/// Nanoseconds of a logarithm with a thousand digits behind the point, which are as many as PostgreSQL computes.
const LOGARITHM_NS: u64 = 4_000_000;
/// Digits behind the point that `round` and `trunc` give at most.
const ROUNDED_PLACES_MAX: u64 = 2_000;
/// Digits in base 10,000 that a quotient gets after the point at most, unless an operand has more.
const QUOTIENT_SCALE: u64 = 258;
/// Digits in base 10,000 before the point of the largest exponential: PostgreSQL refuses one that is larger.
const EXPONENTIAL_DIGITS_MAX: u64 = 652;

/// Comparing two values by order: a collation takes several nanoseconds for a byte of the common beginning.
fn ordered(first: Size, second: Size) -> u64 {
    let common = first.bytes.min(second.bytes).saturating_mul(5);
    let copied = first.bytes.saturating_add(second.bytes) / 2;
    common.saturating_add(copied).saturating_add(first.elements.min(second.elements).saturating_mul(20))
}

/// Comparing a value with each element of an array. Texts and bytes differ in length first; of another type the whole value is
/// read for each element, `jsonb` of 1 MiB 10,000 times in 3.7 s; of `char`, too, whose spaces are looked for.
fn sought(array: Size, value: Size) -> u64 {
    let is_quick = is_text(value) && !value.is_padded || value.is_inline || value.bytes <= Size::FIXED.bytes;
    let read = if is_quick { 0 } else { value.bytes / 4 };
    array.elements.saturating_mul(read.saturating_add(40))
}

/// Looking for a text at each position of another one.
fn searched(text: Size, part: Size) -> u64 {
    text.bytes.saturating_mul(part.bytes).saturating_mul(2) / 5
}

/// How often a text can occur in another one.
fn pieces(text: Size, part: Size) -> u64 {
    text.bytes.checked_div(part.least).unwrap_or(text.bytes)
}

pub(super) fn number(digits: u64) -> Size {
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
    (number(length), pairs.saturating_mul(4))
}

/// What `@` in a path of JSON can be a part of: the JSON, or a variable, with which the path or a condition can begin.
pub(super) fn path_given(json: Size, given: Option<&Size>, variables: u64) -> Size {
    given.filter(|_| variables > 0).map_or(json, |given| json.and(*given))
}

/// Comparing each value of one JSON with each of another: two arrays are compared in pairs without a look at a cancel, at 9.5 ns
/// for a pair of numbers. Texts are compared byte by byte.
pub(super) fn compared(document: Size, given: Size) -> u64 {
    let pairs = document.elements.saturating_mul(given.elements.saturating_add(1)).saturating_mul(12);
    let texts = document.bytes.saturating_mul(given.elements.saturating_add(1)) / 10;
    pairs.saturating_add(texts)
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

/// Nanoseconds to read the numbers of JSON that was sent, digit by digit: `1e1000` has a thousand.
fn spelled_out(value: Size) -> u64 {
    if value.is_counted && value.digits > FIXED_DIVISOR {
        value.elements.saturating_mul(value.digits).saturating_mul(DECIMALS).saturating_mul(DIGIT_NS)
    } else {
        0
    }
}

/// Nanoseconds for a digit of a number in JSON.
const DIGIT_NS: u64 = 20;

/// The same for numbers that many rows have. How many there are is not known, only that they take as much memory as an aggregate is
/// taken to gather; numbers as long as a table stores count with that. `jsonb` is made of JSON text by reading it.
fn gathered_numbers(operands: &[Size], is_read: bool) -> u64 {
    let is_long = |value: &Size| {
        let alone = if value.elements > 0 || is_text(*value) { 0 } else { written(*value) };
        let unread = if is_read { value.unread } else { 0 };
        alone > GATHERED_NUMBER_BYTES || value.numbers.saturating_add(unread) > STORED_TEXT_BYTES_MAX
    };
    if operands.iter().any(is_long) { worst_numbers(GATHERED_BYTES) } else { 0 }
}

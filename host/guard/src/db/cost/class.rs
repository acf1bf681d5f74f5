//! Classes: how much work an operation is, and how large its result is, for operands of known sizes.
//!
//! The numbers are nanoseconds for a byte, an element or a pair, measured with the worst values that were found.
// tidy: numbers are measured nanoseconds, bytes that PostgreSQL adds, and digits that it counts

use super::bounds::Bounds;
use super::size::{DECIMALS, DIGITS_MAX, Family, JSON_ESCAPE, NUMERIC_TEXT_BYTES, Size, worst_numbers};
use crate::limits::{
    GATHERED_BYTES, IDENTIFIER_BYTES_MAX, NS_PER_MS, RECURSION_GROWTH_BYTES_MAX, SQL_SERIES_ROWS_MAX,
    STORED_BYTES_MAX, STORED_ELEMENTS_MAX, STORED_NUMERIC_BYTES_MAX, STORED_TEXT_BYTES_MAX, WORK_BYTES_MAX,
    WORK_MS_MAX,
};
use std::ops::Range;

/// How an operation behaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Class {
    /// A value of a known size.
    Known(Size),
    /// The value of a parameter, by its number from 1 on.
    Parameter(usize),
    /// A column of a subquery. The planner may compute it again at each reference.
    Reference,
    /// A column of a function in FROM, whose rows PostgreSQL computes once and keeps.
    Kept,
    /// A column of a recursion, which its next step takes: at most a little larger than what a table stores.
    Recursive,
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
    /// A whole row of the operands, with their names.
    Row,
    /// The same without names, as it stands in the statement.
    Tuple,
    /// The first operand, a number, with as many digits behind the point as the second says.
    Rounded,
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
    /// The same, or against a regular expression, for each element of the second operand: the text is read, and folded, each time.
    LikeEach,
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
    /// The same; of two queries for words, both become one.
    Overlap,
    /// Two queries for words become one for a phrase.
    Phrase,
    /// A part of the first operand's characters, as many as the last, a number, says.
    Cut,
    /// Many rows' values in one text or `jsonb`.
    Gathered,
    /// Many rows' values in one array.
    GatheredArray,
    /// Many rows' values in one JSON text.
    GatheredText,
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
    /// The second operand, a regular expression, is looked for in the first. PostgreSQL looks for a cancel meanwhile.
    Regex,
    /// The same, with a part of the first as the result.
    RegexPart,
    /// The number or place of a match. The places of so many groups of all matches stay in memory until the row is done.
    RegexCount(u64),
    /// The same, with a part of the first as the result.
    RegexSubstring(u64),
    /// The second operand is looked for among the elements of the first.
    Sought,
    /// The first operand is looked for at each position of the second.
    Position,
    /// Characters of one operand are taken off the other.
    TrimEither,
    /// A row for each element.
    Rows,
    /// The same for an array, whose elements are in memory.
    Unnested,
    /// A conversion to a type of a fixed size.
    ToFixed,
    /// A conversion to text of at most this many bytes.
    ToText(u64),
    /// The same to `char`.
    ToPadded(u64),
    /// A conversion to `numeric` of at most this many digits in base 10,000, of which it may add so many behind the point.
    ToNumeric(u64, u64),
    /// A conversion to `json`, which stays a text.
    ToJson,
    /// A conversion to `jsonb`.
    ToJsonb,
    /// A conversion to an array, and of each element.
    ToArray(Each),
    /// A value that is sent, or stored: JSON of it is written as text, and the row is one piece. The same value can be sent again.
    Sent(bool),
    /// Subscripts of an element that is written. PostgreSQL fills what is missing in front of it.
    Written,
    /// A conversion to a floating-point number.
    ToFloat,
    /// The first operand with either sign.
    Sign,
    /// The least operand, after comparing them.
    Least,
    /// A number of bytes or characters of the operands.
    Count,
    /// A number of elements of the operands.
    Counted,
    /// A time that is so many days from one of the operands at most.
    Near(u64),
    /// The first operand as often as the second, a number, says.
    Repeated,
    /// A text of as many characters as the second operand, a number, says.
    Padded,
    /// A text with so many operands in it, and so many bytes of spaces.
    Formatted(u64, u64),
    /// The texts of all operands, one after the other.
    Concatenated,
    /// A text, which was sent as one.
    SentText,
    /// The product of all numbers up to the first operand.
    Factorial,
    /// A power, or an exponential.
    Power,
    /// A power whose exponent is not whole, and at most this.
    Fraction(u64),
    /// A logarithm or a root.
    Logarithm,
    /// A common divisor or multiple.
    Divisor,
    /// A function of a floating-point number.
    Float,
    /// A text in a normal form of Unicode.
    Normalized,
    /// Each match of the second operand, a regular expression, in the first becomes the third.
    RegexReplace,
    /// The same, with all parts as the result.
    RegexSplit,
    /// A path of JSON is followed. PostgreSQL looks for a cancel meanwhile, but not within a comparison.
    JsonPath(Path),
    /// JSON text from values.
    JsonText,
    /// An array in order.
    Sorted,
    /// All labels of an enum.
    Labels,
    /// The words of a text. PostgreSQL looks for a cancel meanwhile.
    Document,
    /// A query for words from a text, which may ask for phrases.
    Terms,
    /// The same, which asks for no phrase.
    PlainTerms,
    /// The same, which asks for a phrase.
    PhraseTerms,
    /// A document is searched for words.
    Found,
    /// A document is searched for the distances of words, in pairs.
    Ranked,
    /// The same, for the shortest parts with all words, of which a prefix can be each word of the document.
    RankedCover,
    /// A text with the words of the query marked, which is the operand at an index, and so many bytes around each.
    /// PostgreSQL looks for a cancel meanwhile.
    Headline(u64, usize),
    /// Two texts by their trigrams. PostgreSQL does not look for a cancel meanwhile.
    Similar,
    /// The same, for each part of one of them.
    SimilarWords,
    /// A conversion to a vector.
    ToVector,
    /// The distance of two vectors.
    Distance,
    /// A row for each step from the first operand to the second.
    Steps,
    /// The same in FROM, where PostgreSQL keeps all rows before it goes on.
    Series,
}

/// What becomes of each element of an array that is converted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Each {
    /// A value of about the same size.
    Plain,
    /// A text.
    Text,
    /// A text or number of at least so many bytes.
    Filled(u64),
    /// JSON.
    Json,
    /// A query for words.
    Terms,
    /// The words of a text.
    Document,
}

/// What a path of JSON does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Path {
    /// How many times the result may have each value.
    pub copies: u64,
    /// How often the path names variables, which are values of the third operand.
    pub variables: u64,
    /// How many different variables it names.
    pub names: u64,
    /// How many of its comparisons have a part of the JSON on both sides.
    pub pairs: u64,
    /// How often it makes an object of each member, with `keyvalue()`.
    pub members: u64,
}

impl Path {
    /// A path that has each value once, names no variables and compares no two parts.
    pub const PLAIN: Self = Self { copies: 1, variables: 0, names: 0, pairs: 0, members: 0 };

    /// How many elements of lists the variables give at most each time that a condition is checked. Beside those of a list, JSON
    /// with variables has itself and one value for each name.
    fn listed(self, given: Size) -> u64 {
        let listed = given.elements.saturating_sub(self.names).saturating_sub(1);
        if self.variables == self.names { listed } else { listed.saturating_mul(self.variables) }
    }
}

/// One look at a byte, fetching and decompressing a stored value included.
const BYTE_NS: u64 = 2;
/// An operation whose operands are short.
const CALL_NS: u64 = 50;

impl Class {
    /// The size of the result, and the nanoseconds.
    pub(super) fn weigh(self, operands: &[Size], parameters: &[Size]) -> (Size, u64) {
        let (size, ns) = self.measure(operands, parameters);
        (Size { bounds: self.bounds(operands, parameters), ..size }, ns)
    }

    /// The bounds of the result. Only what is listed here passes them on.
    fn bounds(self, operands: &[Size], parameters: &[Size]) -> Bounds {
        let of = |index: usize| operands.get(index).map_or(Bounds::ANY, |size| size.bounds);
        let all = || operands.iter().map(|size| size.bounds);
        match self {
            Self::Known(size) => size.bounds,
            Self::Parameter(number) => {
                let index = number.checked_sub(1);
                index.and_then(|index| parameters.get(index)).map_or(Bounds::PENDING, |size| size.bounds)
            }
            Self::Reference | Self::Kept => of(0),
            Self::Either | Self::Largest | Self::Extreme => all().reduce(Bounds::or).unwrap_or_default(),
            Self::Least => all().reduce(Bounds::least).unwrap_or_default(),
            Self::Sign => of(0).signed(),
            Self::Sum if operands.len() == 2 => of(0).sum(of(1)),
            Self::Product if operands.len() == 2 => of(0).product(of(1)),
            Self::Count => {
                let bytes = operands.iter().fold(0, |sum: u64, size| sum.saturating_add(size.bytes));
                Bounds::up_to(bytes)
            }
            Self::Counted => {
                Bounds::up_to(operands.iter().fold(0, |sum: u64, size| sum.saturating_add(size.elements)))
            }
            Self::Near(days) => {
                let moved = all().map(|bounds| bounds.moved(days)).filter(|bounds| *bounds != Bounds::ANY);
                moved.reduce(Bounds::or).unwrap_or_default()
            }
            Self::ToFixed => of(0).converted(),
            Self::Steps | Self::Series => of(0).or(of(1)),
            _ => Bounds::ANY,
        }
    }

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

    /// The size of the result without its bounds, and the nanoseconds.
    #[expect(clippy::too_many_lines, reason = "a table with a row for each class reads best as one")]
    fn measure(self, operands: &[Size], parameters: &[Size]) -> (Size, u64) {
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

    /// Of which types the result certainly is, for operands that certainly are of these.
    pub(super) fn family(self, mut operands: impl Iterator<Item = Family>) -> Family {
        match self {
            Self::Known(size) => size.family,
            // `lower` and `upper` are of a range, too.
            Self::Reference | Self::Same | Self::Cut | Self::Trim | Self::Grown(2) => {
                operands.next().unwrap_or_default()
            }
            Self::Largest | Self::TrimEither => {
                operands.find(|family| *family != Family::Unknown).unwrap_or_default()
            }
            Self::Either => {
                let first = operands.next().unwrap_or_default();
                if operands.all(|family| family == first) { first } else { Family::Unknown }
            }
            Self::ToText(_)
            | Self::ToPadded(_)
            | Self::SentText
            | Self::FieldText
            | Self::Part
            | Self::Replace
            | Self::Translate
            | Self::Concatenated
            | Self::JoinOperands
            | Self::JoinElements
            | Self::Pattern => Family::Text,
            Self::ToVector => Family::Vector,
            _ => Family::Unknown,
        }
    }

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

/// Whether a value is JSON, whose text is what is sent.
fn is_json(value: Size) -> bool {
    value.nested > 0 || value.light > 0 || value.is_counted
}

/// Bytes of text of its numbers, if a value is JSON. An array of numbers is sent as it is in memory.
fn json_numbers(value: Size) -> u64 {
    if is_json(value) { value.numbers } else { 0 }
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

/// How many groups of each match of a regular expression have places. A group takes two bytes of a pattern that is not known.
fn groups(count: u64, pattern: Size) -> u64 {
    if count == u64::MAX { (pattern.bytes / 2).saturating_add(1) } else { count }
}

/// Bytes of a value that is converted to a text, before it is cut to a length. Bytes become two digits each.
fn converted(value: Size) -> u64 {
    if is_text(value) { value.bytes.saturating_mul(2).saturating_add(2) } else { as_text(value) }
}

/// Bytes that PostgreSQL takes to make `jsonb` of a value beside those of the result. An array of 1 MiB of JSON text has 524,288
/// elements and takes 47 MiB, and 1,000,000 nulls of rows took 84 MB.
fn parsed(value: Size) -> u64 {
    value.heavy().saturating_mul(JSON_VALUE_BYTES)
}

/// How many times as long as the JSON the result of a path can be that finds a value on so many levels. A value of `[[…]]` is
/// at each level, and members of `.keyvalue()` are three values for one.
fn copied(levels: u64, json: Size) -> u64 {
    levels.min(json.bytes / 2).min(json.elements).max(1).saturating_mul(4)
}

/// The words that a query for words can have. A text becomes one where a query is needed.
fn terms(value: Size) -> u64 {
    if value.elements == 0 && value.listed == 0 { value.least / 2 } else { value.listed }
}

/// The places of words that `ts_rank_cd` looks at: each place of the document, of two bytes, for each term that can be a prefix.
fn covered(operands: &[Size]) -> u64 {
    let query = operands.iter().filter(|size| size.has_star).map(|size| terms(*size)).max().unwrap_or(0);
    let document = operands.iter().map(|size| size.bytes).max().unwrap_or(0);
    query.saturating_mul(document / 2)
}

/// Nanoseconds and bytes of memory of such a place: 30 prefixes in 1 MiB take 5.9 s and 596 MiB.
const COVER_NS: u64 = 400;
const COVER_BYTES: u64 = 42;
/// Bytes that an element of a variable's list takes until the path of JSON has ended, each time that a condition is checked:
/// 200,000 values compared with 40 took 490 MB.
const PAIR_BYTES: u64 = 60;
/// Nanoseconds to read a byte of a text and to fold it: ILIKE takes 25 ms for 1 MiB.
const FOLD_NS: u64 = 25;
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
/// Bytes of memory of one value of JSON text that is read.
const TOKEN_BYTES: u64 = 16;
/// Bytes of memory of one value while `jsonb` is made.
const JSON_VALUE_BYTES: u64 = 96;
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
/// Digits of a count of rows.
const FIXED_DIVISOR: u64 = 5;
/// The largest subscript of an element that is written: one behind the elements that a table stores, and those again.
const WRITTEN_SUBSCRIPT_MAX: u64 = 2 * STORED_ELEMENTS_MAX;
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
    (number(length), pairs.saturating_mul(4))
}

/// What `@` in a path of JSON can be a part of: the JSON, or a variable, with which the path or a condition can begin.
fn path_given(json: Size, given: Option<&Size>, variables: u64) -> Size {
    given.filter(|_| variables > 0).map_or(json, |given| json.and(*given))
}

/// Comparing each value of one JSON with each of another: two arrays are compared in pairs without a look at a cancel, at 9.5 ns
/// for a pair of numbers. Texts are compared byte by byte.
fn compared(document: Size, given: Size) -> u64 {
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

/// Bytes of the text of a long number; 0 for a short one.
fn written(value: Size) -> u64 {
    if value.digits > FIXED_DIVISOR {
        value.digits.saturating_mul(DECIMALS).min(NUMERIC_TEXT_BYTES).saturating_add(2)
    } else {
        0
    }
}

/// Bytes of a value's text where every type can stand: a text as it is, and bytes as two digits for each.
fn printed(value: Size) -> u64 {
    if is_text(value) { value.bytes.saturating_mul(2) } else { as_text(value) }
}

/// Whether a value can only be a text, or bytes.
pub(super) fn is_text(value: Size) -> bool {
    value.elements == 0 && value.levels == 0 && (value.digits == 0 || value.bytes == value.least)
}

/// Bytes of a value in a text, which it becomes a part of, or in an array or JSON.
fn beside_text(value: Size) -> u64 {
    match value {
        text if is_text(text) => text.bytes,
        row if row.levels > 0 => as_text(row),
        list if list.elements > 0 => list.bytes.saturating_add(list.numbers),
        number => number.bytes.max(written(number)),
    }
}

/// Bytes of a value in a row. A number is as long as its text, because what becomes of the row may write it.
fn in_row(value: Size) -> u64 {
    let number = if is_text(value) { 0 } else { written(value) };
    value.bytes.saturating_add(number).saturating_add(value.numbers)
}

/// Digits in base 10,000 of the numbers of JSON that is made of a value.
fn spelled(value: Size) -> u64 {
    if is_text(value) { 0 } else { value.digits }
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

/// How many times as long a row's text is as its values', whose quotes double at each level.
fn doubled(value: Size) -> u64 {
    1_u64.checked_shl(u32::try_from(value.levels).unwrap_or(u32::MAX)).unwrap_or(u64::MAX)
}

/// Bytes of a value's text.
fn as_text(value: Size) -> u64 {
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
fn listed_numbers(value: Size) -> u64 {
    let alone = if value.elements > 0 || is_text(value) { 0 } else { written(value) };
    value.numbers.saturating_add(alone)
}

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

/// The most rows of a series, if its ends and its step tell.
fn series(operands: &[Size]) -> Option<u64> {
    let of = |index: usize| operands.get(index).map(|size| size.bounds);
    let [first, last] = [of(0), of(1)].map(Option::unwrap_or_default);
    first.rows(last, of(2).unwrap_or(Bounds::number(1)))
}

//! Classes: how an operation behaves, for operands of known sizes.
//!
//! Not here: how long it takes and how large its result is (`work.rs`), what of it stays in memory (`kept.rs`), and what it asks
//! of its operands (`demand.rs`).

use super::bounds::Bounds;
use super::size::{Family, Size};

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
    pub(super) fn listed(self, given: Size) -> u64 {
        let listed = given.elements.saturating_sub(self.names).saturating_sub(1);
        if self.variables == self.names { listed } else { listed.saturating_mul(self.variables) }
    }
}

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
}

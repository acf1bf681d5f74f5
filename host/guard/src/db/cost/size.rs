//! Sizes: how large a value can be, as far as it is known before the statement runs.
// tidy: numbers are sizes that PostgreSQL gives its values

use super::bounds::Bounds;
use super::json::Census;
use crate::db::extension::is_vector;
use crate::db::typmod::Typmod;
use crate::db::value::{Scalar, Value};
use crate::limits::{
    GATHERED_BYTES, IDENTIFIER_BYTES_MAX, STORED_BYTES_MAX, STORED_ELEMENTS_MAX, STORED_NUMERIC_BYTES_MAX,
    STORED_TEXT_BYTES_MAX,
};
use postgres_types::{Kind, Type};

/// Bytes of a value of a fixed size: the longest are `uuid`, `interval` and `inet`.
const FIXED_BYTES: u64 = 24;
/// Digits of a `bigint` in base 10,000, as `numeric` counts them.
const FIXED_DIGITS: u64 = 5;
/// Digits in base 10,000 of the longest `numeric`.
pub(super) const DIGITS_MAX: u64 = 36_866;
/// Bytes of the text of the longest `numeric`.
pub(super) const NUMERIC_TEXT_BYTES: u64 = 147_457;
/// Decimal digits in one digit in base 10,000.
pub(super) const DECIMALS: u64 = 4;
/// Bytes of an element's place in a `jsonb`, which is all that a null or a boolean takes.
const JSONB_ELEMENT_BYTES: u64 = 4;
/// Bytes of an empty array or object in a `jsonb`: its place and its head.
const JSONB_CONTAINER_BYTES: u64 = 8;
/// Bytes of the shortest element of an array in JSON text, with its comma.
const JSON_ELEMENT_TEXT_BYTES: u64 = 2;
/// Bytes of the text of a vector of 16,000 numbers, which are the most: sixteen for each, with its comma. A whole row and JSON
/// have it as a text, which is four times as long as the vector.
const VECTOR_BYTES_MAX: u64 = 256_002;
/// Bytes of a number of JSON's text that count as a part of its element: a number of a `double precision` in full has fewer.
const JSON_NUMBER_BYTES: u64 = 48;
/// Bytes of JSON text for each byte of text in a value: a control character becomes `\u0001`.
pub(super) const JSON_ESCAPE: u64 = 6;

/// An upper bound of a value's size.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each says one thing that is known of a value, whatever the others say"
)]
pub struct Size {
    /// Bytes as PostgreSQL holds the value in memory.
    pub bytes: u64,
    /// A lower bound of the bytes: 0 unless the value is a literal or a parameter.
    pub least: u64,
    /// Elements of an array, or all values in JSON.
    pub elements: u64,
    /// Elements of an array, or scalars in arrays of JSON.
    pub listed: u64,
    /// How many of the elements are of a `jsonb`, which becomes a part of another one without being read from text.
    pub light: u64,
    /// Whether the value is an array that an aggregate gathers of rows, arrays or JSON: how large JSON of it is is unknown, because
    /// a null in a row takes a bit, and as JSON a name and a hundred bytes.
    pub is_composed: bool,
    /// Arrays and objects of JSON that others are compared with.
    pub nested: u64,
    /// Digits of a number in base 10,000, from the first to the last.
    pub digits: u64,
    /// How many levels of rows the value has, each in the one above. Text of a row doubles the quotes in that of a row inside.
    pub levels: u64,
    /// Between which numbers or times the value lies.
    pub bounds: Bounds,
    /// Bytes of text of the numbers in an array or `jsonb` that take less in memory, as `1e131000` does. What a table stores has them
    /// within the bound on its text, four times its bytes.
    pub numbers: u64,
    /// The same for numbers in JSON text, where they are as long as they were written until it becomes `jsonb`.
    pub unread: u64,
    /// Whether the value is in memory, so that no function that takes it has to fetch it.
    pub is_inline: bool,
    /// Whether the value can be of `char(n)`, whose comparison looks for spaces at its end.
    pub is_padded: bool,
    /// Whether the value is certainly a `real` or `double precision`.
    pub is_float: bool,
    /// Whether no query for words that is made of the text asks for a phrase.
    pub is_plain: bool,
    /// Whether a query for words that is made of the text can have a prefix, `a:*`.
    pub has_star: bool,
    /// Whether the value is certainly no number, as a literal or a text that was sent: the name of a member of JSON.
    pub is_name: bool,
    /// Whether the value is JSON that was sent, whose elements are counted.
    pub is_counted: bool,
    /// Of which types the value certainly is.
    pub family: Family,
}

/// Types by which an extension's operator is told from PostgreSQL's of the same sign.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Family {
    /// Any type.
    #[default]
    Unknown,
    /// `text`, `varchar` and `char`.
    Text,
    /// `vector`.
    Vector,
}

impl Size {
    /// A number, a time, or another value of a fixed size.
    pub const FIXED: Self = Self {
        bytes: FIXED_BYTES,
        least: 0,
        elements: 0,
        listed: 0,
        light: 0,
        is_composed: false,
        nested: 0,
        digits: FIXED_DIGITS,
        levels: 0,
        numbers: 0,
        unread: 0,
        is_inline: false,
        is_padded: false,
        bounds: Bounds::ANY,
        is_float: false,
        is_plain: false,
        has_star: false,
        is_name: false,
        is_counted: false,
        family: Family::Unknown,
    };

    /// A parameter without a value so far: whatever it is will be known.
    pub(super) const PENDING: Self =
        Self { bytes: 0, digits: 0, is_plain: true, bounds: Bounds::PENDING, ..Self::FIXED };

    /// The invocation's instant.
    pub const INSTANT: Self = Self { bounds: Bounds::INSTANT, ..Self::FIXED };

    /// A floating-point number.
    pub const FLOAT: Self = Self { is_float: true, ..Self::FIXED };

    /// A vector of the extension `vector`, of the most numbers that it can have.
    pub(super) const VECTOR: Self = Self { bytes: VECTOR_BYTES_MAX, family: Family::Vector, ..Self::FIXED };

    /// What an aggregate gathers from many rows.
    pub(super) const GATHERED: Self = Self {
        bytes: GATHERED_BYTES,
        least: 0,
        elements: GATHERED_BYTES / JSONB_CONTAINER_BYTES,
        listed: GATHERED_BYTES / JSONB_CONTAINER_BYTES,
        light: GATHERED_BYTES / JSONB_CONTAINER_BYTES,
        is_composed: false,
        nested: GATHERED_BYTES / JSONB_CONTAINER_BYTES,
        digits: DIGITS_MAX,
        levels: 0,
        numbers: 0,
        unread: 0,
        is_inline: false,
        is_padded: false,
        bounds: Bounds::ANY,
        is_float: false,
        is_plain: false,
        has_star: false,
        is_name: false,
        is_counted: false,
        family: Family::Unknown,
    };

    /// A text of exactly this many bytes.
    pub fn text(bytes: usize) -> Self {
        let bytes = u64::try_from(bytes).unwrap_or(u64::MAX);
        Self { bytes, least: bytes, ..Self::default() }
    }

    /// A number in SQL text.
    pub fn number(text: &str) -> Self {
        let has_exponent = text.contains(['e', 'E']);
        let bytes = u64::try_from(text.len()).unwrap_or(u64::MAX);
        let digits = if has_exponent { DIGITS_MAX } else { digits(bytes) };
        let bounds = text.parse().map_or(Bounds::ANY, Bounds::number);
        Self { bytes, digits, bounds, ..Self::FIXED }
    }

    /// The same after a conversion to another type of a fixed size.
    pub fn converted(self) -> Self {
        Self { bounds: self.bounds.converted(), ..self }
    }

    /// A string in SQL text, which can be of any type.
    pub fn literal(text: &str) -> Self {
        let is_number = text.bytes().all(|byte| byte.is_ascii_digit() || b".- ".contains(&byte));
        let json = if text.trim_start().starts_with(['{', '[']) { Self::json(text) } else { Self::default() };
        let digits = match (is_number, json.elements) {
            (true, _) => digits(text.len() as u64),
            (false, 0) => DIGITS_MAX,
            // Of an array, an element in quotes can be a number; of JSON it is none.
            (false, _) => digits(Census::of(text).quoted).max(json.digits),
        };
        // An element of an array takes two bytes of text, and an array begins with a brace.
        let listed = if text.trim_start().starts_with('{') { json.values() } else { json.listed };
        let bounds = Bounds::literal(text);
        Self {
            digits,
            listed,
            elements: json.elements,
            nested: json.nested,
            numbers: long_numbers(json.elements, digits),
            unread: json.unread,
            bounds,
            is_plain: is_plain(text),
            has_star: text.contains('*'),
            is_name: is_name(text),
            ..Self::text(text.len())
        }
    }

    fn values(self) -> u64 {
        self.elements
    }

    /// A stored value of which nothing is known but that the host bounds it.
    pub const fn stored() -> Self {
        Self {
            bytes: STORED_BYTES_MAX,
            least: 0,
            elements: STORED_BYTES_MAX / JSONB_ELEMENT_BYTES,
            listed: STORED_BYTES_MAX / JSONB_ELEMENT_BYTES,
            light: STORED_BYTES_MAX / JSONB_ELEMENT_BYTES,
            is_composed: false,
            nested: STORED_BYTES_MAX / JSONB_CONTAINER_BYTES,
            digits: STORED_NUMERIC_BYTES_MAX / DECIMALS,
            levels: 0,
            numbers: 0,
            unread: 0,
            is_inline: false,
            is_padded: false,
            bounds: Bounds::ANY,
            is_float: false,
            is_plain: false,
            has_star: true,
            is_name: false,
            is_counted: false,
            family: Family::Unknown,
        }
    }

    /// A text of so many characters at most.
    pub fn characters(count: u64) -> Self {
        Self { bytes: count.saturating_mul(4).min(STORED_BYTES_MAX), family: Family::Text, ..Self::default() }
    }

    /// A value of a column of a recursion, of any type: the digits of a number grow with each step.
    pub const fn recursive() -> Self {
        Self { digits: DIGITS_MAX, ..Self::stored() }
    }

    /// A value of a column.
    pub fn column(data_type: &Type, typmod: Typmod) -> Self {
        if let Kind::Enum(_) = data_type.kind() {
            return Self { bytes: IDENTIFIER_BYTES_MAX as u64, ..Self::FIXED };
        }
        if let Kind::Array(element) = data_type.kind() {
            let is_json = *element == Type::JSONB;
            let is_long = is_json || *element == Type::NUMERIC;
            let digits = if is_long { DIGITS_MAX } else { FIXED_DIGITS };
            let (elements, listed) = (STORED_ELEMENTS_MAX, STORED_ELEMENTS_MAX);
            let nested = if is_json { elements } else { 0 };
            let numbers = if is_long { STORED_TEXT_BYTES_MAX } else { 0 };
            return Self { elements, listed, light: 0, nested, digits, numbers, ..Self::stored() };
        }
        let characters = |count: usize| Self::characters(u64::try_from(count).unwrap_or(u64::MAX));
        match (data_type, typmod) {
            (_, Typmod::Characters(count) | Typmod::Padded(count)) => characters(count),
            (&Type::FLOAT4 | &Type::FLOAT8, _) => Self::FLOAT,
            // An element of an array of JSON text takes two bytes, such as `1,`.
            (&Type::JSON, _) => {
                let elements = STORED_BYTES_MAX / JSON_ELEMENT_TEXT_BYTES;
                let unread = worst_numbers(STORED_BYTES_MAX);
                Self { elements, listed: elements, light: 0, unread, ..Self::stored() }
            }
            (&Type::TS_VECTOR, _) => Self { listed: 0, nested: 0, has_star: false, ..Self::stored() },
            (&Type::TEXT | &Type::VARCHAR | &Type::BPCHAR, _) => {
                let is_padded = *data_type == Type::BPCHAR;
                Self { bytes: STORED_BYTES_MAX, family: Family::Text, is_padded, ..Self::default() }
            }
            (&Type::BYTEA, _) => Self { bytes: STORED_BYTES_MAX, ..Self::default() },
            // The bound on a stored number is that of a column of numbers.
            (&Type::JSONB, _) => Self { digits: DIGITS_MAX, ..Self::stored() },
            (other, _) if is_vector(other) => Self::VECTOR,
            (&Type::NUMERIC, _) => Self {
                bytes: STORED_NUMERIC_BYTES_MAX,
                digits: STORED_NUMERIC_BYTES_MAX / DECIMALS,
                ..Self::FIXED
            },
            (
                &Type::BOOL
                | &Type::INT2
                | &Type::INT4
                | &Type::INT8
                | &Type::UUID
                | &Type::DATE
                | &Type::TIME
                | &Type::TIMESTAMP
                | &Type::TIMESTAMPTZ
                | &Type::INTERVAL
                | &Type::INET
                | &Type::CIDR,
                _,
            ) => Self::FIXED,
            _ => Self::stored(),
        }
    }

    /// A guest's value.
    pub fn of(value: &Value) -> Self {
        match value {
            Value::Scalar(scalar) => Self::of_scalar(scalar),
            Value::Array(items) => {
                let is_number = |item: &&Scalar| matches!(item, Scalar::Numeric(_));
                let numbers = items.iter().filter(is_number).map(Self::of_scalar);
                let all = numbers.fold(Self { digits: FIXED_DIGITS, ..Self::default() }, Self::max_digits);
                let count = u64::try_from(items.len()).unwrap_or(u64::MAX);
                // An element of an array has a head of four bytes, and starts at a multiple of eight.
                let bytes = items.iter().fold(FIXED_BYTES, |sum, item| {
                    sum.saturating_add(Self::of_scalar(item).bytes).saturating_add(JSONB_CONTAINER_BYTES)
                });
                Self { bytes, elements: count, listed: count, digits: all.digits, ..Self::default() }
            }
        }
    }

    /// Values that are sent as one array.
    pub fn listed(values: &[Value]) -> Self {
        let count = u64::try_from(values.len()).unwrap_or(u64::MAX);
        let all = values.iter().map(Self::of).fold(Self::default(), Self::and);
        Self { elements: count, listed: count, nested: 0, ..all }
    }

    fn of_scalar(scalar: &Scalar) -> Self {
        match scalar {
            Scalar::Text(text) => {
                let (is_plain, is_name) = (is_plain(text), is_name(text));
                // Only JSON and arrays have several numbers.
                let is_list = text.trim_start().starts_with(['{', '[']);
                let has_star = text.contains('*');
                let unread = if is_list { Self::literal(text).numbers } else { 0 };
                Self { digits: DIGITS_MAX, unread, is_plain, has_star, is_name, ..Self::text(text.len()) }
            }
            Scalar::Null => Self { is_plain: true, ..Self::FIXED },
            Scalar::Bytes(bytes) => Self::text(bytes.len()),
            Scalar::Numeric(text) => {
                let bytes = u64::try_from(text.len()).unwrap_or(u64::MAX);
                Self { digits: digits(bytes), bytes, ..Self::FIXED }
            }
            Scalar::Json(text) => Self { is_counted: true, ..Self::json(text) },
            Scalar::Inet(_) | Scalar::Uuid(_) => Self { bytes: FIXED_BYTES, ..Self::FIXED },
            Scalar::Integer(value) => Self { bounds: Bounds::number(*value), ..Self::FIXED },
            Scalar::Float(_) => Self::FLOAT,
            Scalar::Date(days) => Self { bounds: Bounds::date(*days), ..Self::FIXED },
            Scalar::Timestamp(time) | Scalar::Timestamptz(time) if !matches!(*time, i64::MIN | i64::MAX) => {
                Self { bounds: Bounds::moment(*time), ..Self::FIXED }
            }
            Scalar::Interval { months, days, microseconds } => {
                Self { bounds: Bounds::interval(*months, *days, *microseconds), ..Self::FIXED }
            }
            _ => Self::FIXED,
        }
    }

    /// JSON text.
    pub fn json(text: &str) -> Self {
        let census = Census::of(text);
        let bytes = u64::try_from(text.len()).unwrap_or(u64::MAX);
        // A number of one digit takes 12 bytes of a `jsonb`, with its place.
        let stored = bytes.saturating_add(census.values.saturating_mul(12));
        let Census { listed, nested, values, digits: longest, .. } = census;
        let digits = digits(longest).max(FIXED_DIGITS);
        Self {
            bytes: stored,
            least: 0,
            elements: values,
            listed,
            light: 0,
            is_composed: false,
            nested,
            digits,
            levels: 0,
            numbers: long_numbers(values, digits),
            unread: long_numbers(values, digits),
            is_inline: false,
            is_padded: false,
            bounds: Bounds::ANY,
            is_float: false,
            is_plain: false,
            has_star: false,
            is_name: false,
            is_counted: false,
            family: Family::Unknown,
        }
    }

    /// How many of the elements become values of JSON one by one.
    pub(super) fn heavy(self) -> u64 {
        self.elements.saturating_sub(self.light)
    }

    /// The larger of both, in every respect.
    pub(super) fn or(self, other: Self) -> Self {
        let elements = self.elements.max(other.elements);
        Self {
            bytes: self.bytes.max(other.bytes),
            least: self.least.min(other.least),
            elements,
            listed: self.listed.max(other.listed),
            light: elements.saturating_sub(self.heavy().max(other.heavy())),
            is_composed: self.is_composed || other.is_composed,
            nested: self.nested.max(other.nested),
            digits: self.digits.max(other.digits),
            levels: self.levels.max(other.levels),
            numbers: self.numbers.max(other.numbers),
            unread: self.unread.max(other.unread),
            is_inline: self.is_inline && other.is_inline,
            is_padded: self.is_padded || other.is_padded,
            bounds: self.bounds.or(other.bounds),
            is_float: self.is_float && other.is_float,
            is_plain: self.is_plain && other.is_plain,
            has_star: self.has_star || other.has_star,
            is_name: self.is_name && other.is_name,
            is_counted: self.is_counted && other.is_counted,
            family: if self.family == other.family { self.family } else { Family::Unknown },
        }
    }

    /// Both, one after the other.
    pub(super) fn and(self, other: Self) -> Self {
        // A text beside something else is no number.
        let digits = match (is_text(self), is_text(other)) {
            (true, false) => other.digits,
            (false, true) => self.digits,
            _ => self.digits.max(other.digits),
        };
        Self {
            bytes: self.bytes.saturating_add(other.bytes),
            least: self.least.saturating_add(other.least),
            elements: self.elements.saturating_add(other.elements),
            listed: self.listed.saturating_add(other.listed),
            light: self.light.saturating_add(other.light),
            is_composed: self.is_composed || other.is_composed,
            nested: self.nested.saturating_add(other.nested),
            digits,
            levels: self.levels.max(other.levels),
            numbers: self.numbers.saturating_add(other.numbers),
            unread: self.unread.saturating_add(other.unread),
            is_inline: self.is_inline && other.is_inline,
            is_padded: self.is_padded || other.is_padded,
            bounds: Bounds::ANY,
            is_float: false,
            is_plain: self.is_plain && other.is_plain,
            has_star: self.has_star || other.has_star,
            is_name: false,
            is_counted: false,
            family: Family::Unknown,
        }
    }

    fn max_digits(self, other: Self) -> Self {
        Self { digits: self.digits.max(other.digits), ..self }
    }
}

/// Bytes of text of so many numbers of so many digits, if they are longer than what an element takes anyway.
fn long_numbers(count: u64, digits: u64) -> u64 {
    let each = digits.saturating_mul(DECIMALS).min(NUMERIC_TEXT_BYTES);
    if each > JSON_NUMBER_BYTES { count.saturating_mul(each) } else { 0 }
}

/// The same for a text of so many bytes that has not been looked at: `1e131000,` takes nine.
pub(super) const fn worst_numbers(bytes: u64) -> u64 {
    (bytes / JSONB_CONTAINER_BYTES).saturating_mul(NUMERIC_TEXT_BYTES)
}

/// Whether a text is no number to PostgreSQL: one that an array of JSON takes for a subscript begins with spaces, a sign or digits.
fn is_name(text: &str) -> bool {
    text.starts_with(|first: char| first.is_alphabetic() || first == '_')
}

/// Whether a query for words that is made of a text asks for no phrase: `to_tsquery` and `websearch_to_tsquery` ask for one
/// where a word has parts, such as `e-mail`, and in quotes.
fn is_plain(text: &str) -> bool {
    text.chars().all(|char| char.is_alphanumeric() || char.is_whitespace() || "&|!():*".contains(char))
}

/// The digits in base 10,000 of a number that takes this many bytes of text.
pub(super) fn digits(bytes: u64) -> u64 {
    (bytes / DECIMALS).saturating_add(2).min(DIGITS_MAX)
}

/// Whether a value can only be a text, or bytes.
pub(super) fn is_text(value: Size) -> bool {
    value.elements == 0 && value.levels == 0 && (value.digits == 0 || value.bytes == value.least)
}

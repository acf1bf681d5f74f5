//! Type modifiers: what a column stores of a value of its type.
//!
//! A `numeric(10, 2)` rounds to two digits after the point, a `timestamp(0)` rounds to seconds, a `varchar(5)` drops
//! spaces and a `char(5)` adds them. PostgreSQL does this silently, so this guard refuses a value of a structured call
//! that the column would not store exactly. SQL text follows SQL's own rules and is not checked here.
// tidy: numbers are PostgreSQL's type modifiers

use super::Refusal;
use super::value::{Scalar, Value};
use postgres_types::{Kind, Type};

/// The bytes of a header that PostgreSQL adds to the modifiers of text and numeric types.
const HEADER: i32 = 4;
/// The digits of a second's fraction that PostgreSQL stores at most.
const FRACTION_DIGITS: u32 = 6;

/// What a column stores of a value.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Typmod {
    /// The whole value.
    #[default]
    All,
    /// A number with this many digits after the point. A negative count rounds digits before the point.
    Digits(i32),
    /// A time with this many digits of a second's fraction.
    Seconds(u32),
    /// A text of at most this many characters.
    Characters(usize),
    /// A text of exactly this many characters, padded with spaces at the end.
    Padded(usize),
}

impl Typmod {
    /// What a column of this type and modifier stores. The server reports -1 for no modifier.
    pub fn of(data_type: &Type, modifier: i32) -> Self {
        let element = match data_type.kind() {
            Kind::Array(element) => element,
            _ => data_type,
        };
        if modifier < 0 {
            return Self::All;
        }
        let length = || usize::try_from(modifier.saturating_sub(HEADER)).unwrap_or(0);
        match *element {
            Type::NUMERIC => Self::Digits(scale(modifier)),
            Type::TIME | Type::TIMESTAMP | Type::TIMESTAMPTZ => Self::of_seconds(modifier),
            // The high half restricts the interval's fields, and the columns of a plugin's tables have all fields.
            Type::INTERVAL => Self::of_seconds(modifier & 0xFFFF),
            Type::VARCHAR => Self::Characters(length()),
            Type::BPCHAR => Self::Padded(length()),
            _ => Self::All,
        }
    }

    fn of_seconds(digits: i32) -> Self {
        match u32::try_from(digits) {
            Ok(digits @ ..FRACTION_DIGITS) => Self::Seconds(digits),
            _ => Self::All,
        }
    }

    /// Refuses a value that the column would not store exactly.
    pub fn check(self, value: &Value) -> Result<(), Refusal> {
        let fits = |scalar: &Scalar| if self.holds(scalar) { Ok(()) } else { Err(self.rule()) };
        match value {
            Value::Scalar(scalar) => fits(scalar),
            Value::Array(scalars) => scalars.iter().try_for_each(fits),
        }
    }

    fn holds(self, scalar: &Scalar) -> bool {
        match (self, scalar) {
            (Self::Digits(scale), Scalar::Numeric(text)) => has_zeros_beyond(text, scale),
            (Self::Seconds(digits), scalar) => microseconds(scalar).is_none_or(|microseconds| {
                let unit = 10_u64.pow(FRACTION_DIGITS.saturating_sub(digits));
                microseconds.is_multiple_of(unit) || is_infinite(scalar)
            }),
            (Self::Characters(max), Scalar::Text(text)) => text.chars().count() <= max,
            (Self::Padded(length), Scalar::Text(text)) => text.chars().count() == length,
            // A value of another type is refused elsewhere, with the type's own rule.
            _ => true,
        }
    }

    fn rule(self) -> Refusal {
        let rule = match self {
            Self::All => "the column keeps the value as it is".to_owned(),
            Self::Digits(scale) if scale < 0 => {
                format!(
                    "the column rounds the last {} digits before the point: send zeros there",
                    scale.unsigned_abs()
                )
            }
            Self::Digits(scale) => {
                format!("the column keeps {scale} digits after the point: round the `numeric` to them")
            }
            Self::Seconds(digits) => {
                format!("the column keeps {digits} digits of a second's fraction: round the value to them")
            }
            Self::Characters(max) => format!("the column holds at most {max} characters"),
            Self::Padded(length) => format!("the column holds exactly {length} characters"),
        };
        Refusal::Invalid(rule)
    }
}

/// The scale of a `numeric(precision, scale)`: the low 11 bits of the modifier, with a sign.
fn scale(modifier: i32) -> i32 {
    let bits = modifier.saturating_sub(HEADER) & 0x7FF;
    (bits ^ 0x400).saturating_sub(0x400)
}

fn has_zeros_beyond(text: &str, scale: i32) -> bool {
    let (integer, fraction) = text.split_once('.').unwrap_or((text, ""));
    let is_zero = |digits: &str| digits.bytes().all(|digit| digit == b'0');
    if !text.ends_with(|last: char| last.is_ascii_digit()) {
        // `NaN` and the infinities have no digits to round.
        return true;
    }
    let Ok(digits) = usize::try_from(scale) else {
        let rounded = usize::try_from(scale.unsigned_abs()).unwrap_or(usize::MAX);
        let integer = integer.trim_start_matches('-');
        let first = integer.len().saturating_sub(rounded);
        return is_zero(fraction) && integer.get(first..).is_none_or(is_zero);
    };
    fraction.get(digits..).is_none_or(is_zero)
}

fn microseconds(scalar: &Scalar) -> Option<u64> {
    match scalar {
        Scalar::Time(microseconds) => Some(*microseconds),
        Scalar::Timestamp(microseconds)
        | Scalar::Timestamptz(microseconds)
        | Scalar::Interval { microseconds, .. } => Some(microseconds.unsigned_abs()),
        _ => None,
    }
}

fn is_infinite(scalar: &Scalar) -> bool {
    matches!(scalar, Scalar::Timestamp(i64::MAX | i64::MIN) | Scalar::Timestamptz(i64::MAX | i64::MIN))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn numeric(text: &str) -> Value {
        Value::Scalar(Scalar::Numeric(text.into()))
    }

    /// The modifier of a `numeric(precision, scale)`, as PostgreSQL packs it.
    const fn numeric_modifier(precision: i32, scale: i32) -> i32 {
        ((precision << 16) | (scale & 0x7FF)) + HEADER
    }

    #[test]
    fn refusal_names_what_the_column_stores() {
        let rule = |data_type: &Type, modifier, value: &Value| {
            Typmod::of(data_type, modifier).check(value).unwrap_err().to_string()
        };
        for (scale, text, what) in [
            (2, "0.001", "keeps 2 digits after the point"),
            (0, "0.1", "keeps 0 digits after the point"),
            (-2, "1", "rounds the last 2 digits before the point"),
        ] {
            let rule = rule(&Type::NUMERIC, numeric_modifier(5, scale), &numeric(text));
            assert!(rule.contains(what), "{rule}");
        }
        let rule = rule(&Type::TIME, 3, &Value::Scalar(Scalar::Time(1)));
        assert!(rule.contains("keeps 3 digits of a second's fraction"), "{rule}");
    }

    #[test]
    fn value_that_would_not_be_stored_exactly_is_refused() {
        let text = |text: &str| Value::Scalar(Scalar::Text(text.into()));
        let interval = |microseconds| Value::Scalar(Scalar::Interval { months: 1, days: 1, microseconds });
        for (data_type, modifier, exact, lossy) in [
            (Type::NUMERIC, numeric_modifier(10, 2), numeric("-1.500"), numeric("1.005")),
            (Type::NUMERIC, numeric_modifier(10, 0), numeric("7"), numeric("7.1")),
            (Type::NUMERIC, numeric_modifier(3, -2), numeric("1200.0"), numeric("1210")),
            (Type::NUMERIC, numeric_modifier(3, -2), numeric("0"), numeric("-1")),
            (
                Type::TIMESTAMP,
                0,
                Value::Scalar(Scalar::Timestamp(-3_000_000)),
                Value::Scalar(Scalar::Timestamp(-1)),
            ),
            (
                Type::TIMESTAMPTZ,
                3,
                Value::Scalar(Scalar::Timestamptz(1_000)),
                Value::Scalar(Scalar::Timestamptz(1_001)),
            ),
            (Type::TIME, 5, Value::Scalar(Scalar::Time(10)), Value::Scalar(Scalar::Time(11))),
            (Type::INTERVAL, 0x7FFF_0000, interval(-1_000_000), interval(1)),
            (Type::VARCHAR, 2 + HEADER, text("é2"), text("12 ")),
            (Type::BPCHAR, 2 + HEADER, text("12"), text("1")),
        ] {
            let typmod = Typmod::of(&data_type, modifier);
            assert_eq!(typmod.check(&exact), Ok(()), "{typmod:?} {exact:?}");
            assert!(matches!(typmod.check(&lossy), Err(Refusal::Invalid(_))), "{typmod:?} {lossy:?}");
        }
    }

    #[test]
    fn array_with_an_element_that_would_be_rounded_is_refused() {
        let typmod = Typmod::of(&Type::NUMERIC_ARRAY, numeric_modifier(4, 1));
        let array = |last: &str| Value::Array(vec![Scalar::Null, Scalar::Numeric(last.into())]);
        assert_eq!(typmod.check(&array("0.1")), Ok(()));
        assert!(typmod.check(&array("0.11")).is_err());
    }

    #[test]
    fn value_without_digits_or_column_without_modifier_is_accepted() {
        for (data_type, modifier, value) in [
            (Type::NUMERIC, numeric_modifier(3, 1), numeric("NaN")),
            (Type::NUMERIC, numeric_modifier(3, -1), numeric("Infinity")),
            (Type::TIMESTAMP, 0, Value::Scalar(Scalar::Timestamp(i64::MAX))),
            (Type::TIMESTAMPTZ, 0, Value::Scalar(Scalar::Timestamptz(i64::MIN))),
            (Type::NUMERIC, numeric_modifier(3, 1), Value::Scalar(Scalar::Null)),
            (Type::NUMERIC, -1, numeric("0.123456789")),
            (Type::TIMESTAMP, 6, Value::Scalar(Scalar::Timestamp(1))),
        ] {
            assert_eq!(Typmod::of(&data_type, modifier).check(&value), Ok(()), "{value:?}");
        }
    }
}

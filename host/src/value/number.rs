//! Numbers in both directions: integers within their range, and floats without loss of a bit.

use super::Int;
use palisade_guard::limits::JSON_INTEGER_MAX;
use serde_json::{Number, Value};
use wasmtime::component::Val;

/// How 64-bit integers (`s64`, `u64`) are written in a result. All of them have the same form, whatever their value.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Integers {
    /// As JSON numbers, with all their digits.
    #[default]
    Numbers,
    /// As strings of decimal digits, for languages whose numbers are floats, such as JavaScript: these lose digits above 2^53.
    Strings,
}

/// The longest decimal text of a 64-bit integer, with its sign. Longer text is not parsed.
const INTEGER_CHARS: usize = "-9223372036854775808".len();

impl Int {
    /// The type's name.
    pub const fn name(self) -> &'static str {
        match self {
            Int::S8 => "s8",
            Int::U8 => "u8",
            Int::S16 => "s16",
            Int::U16 => "u16",
            Int::S32 => "s32",
            Int::U32 => "u32",
            Int::S64 => "s64",
            Int::U64 => "u64",
        }
    }

    /// The type's name as `OpenAPI` registers it.
    pub(super) const fn format(self) -> &'static str {
        match self {
            Int::S8 => "int8",
            Int::U8 => "uint8",
            Int::S16 => "int16",
            Int::U16 => "uint16",
            Int::S32 => "int32",
            Int::U32 => "uint32",
            Int::S64 => "int64",
            Int::U64 => "uint64",
        }
    }

    /// Whether the type has 64 bits. As a float, such an integer can lose digits.
    pub const fn is_wide(self) -> bool {
        matches!(self, Int::S64 | Int::U64)
    }

    /// Its smallest and its largest value.
    pub const fn range(self) -> (i64, u64) {
        match self {
            Int::S8 => (i8::MIN as i64, i8::MAX as u64),
            Int::U8 => (0, u8::MAX as u64),
            Int::S16 => (i16::MIN as i64, i16::MAX as u64),
            Int::U16 => (0, u16::MAX as u64),
            Int::S32 => (i32::MIN as i64, i32::MAX as u64),
            Int::U32 => (0, u32::MAX as u64),
            Int::S64 => (i64::MIN, i64::MAX as u64),
            Int::U64 => (0, u64::MAX),
        }
    }

    /// The component value of a JSON integer; `None` if it is out of range.
    pub(super) fn lower(self, json: &Value) -> Option<Val> {
        let n = match json {
            Value::Number(number) => integer(number)?,
            Value::String(text) if self.is_wide() => canonical(text)?,
            _ => return None,
        };
        Some(match self {
            Int::S8 => Val::S8(n.try_into().ok()?),
            Int::U8 => Val::U8(n.try_into().ok()?),
            Int::S16 => Val::S16(n.try_into().ok()?),
            Int::U16 => Val::U16(n.try_into().ok()?),
            Int::S32 => Val::S32(n.try_into().ok()?),
            Int::U32 => Val::U32(n.try_into().ok()?),
            Int::S64 => Val::S64(n.try_into().ok()?),
            Int::U64 => Val::U64(n.try_into().ok()?),
        })
    }

    /// The integer in a component value of this type.
    pub(super) fn of(self, val: &Val) -> Option<i128> {
        match (self, val) {
            (Int::S8, Val::S8(n)) => Some((*n).into()),
            (Int::U8, Val::U8(n)) => Some((*n).into()),
            (Int::S16, Val::S16(n)) => Some((*n).into()),
            (Int::U16, Val::U16(n)) => Some((*n).into()),
            (Int::S32, Val::S32(n)) => Some((*n).into()),
            (Int::U32, Val::U32(n)) => Some((*n).into()),
            (Int::S64, Val::S64(n)) => Some((*n).into()),
            (Int::U64, Val::U64(n)) => Some((*n).into()),
            _ => None,
        }
    }
}

/// The integer value of a JSON number. `1.0` and `1e2` count as integers as long as floats are exact.
fn integer(number: &Number) -> Option<i128> {
    if let Some(n) = number.as_i128() {
        return Some(n);
    }
    let float = number.as_f64()?;
    #[expect(clippy::cast_precision_loss, reason = "2^53 is exact")]
    let exact = float.fract() == 0.0 && float.abs() <= JSON_INTEGER_MAX as f64;
    #[expect(clippy::cast_possible_truncation, reason = "checked to be an integer within 2^53")]
    exact.then_some(float as i128)
}

/// Parses an integer in its canonical text, without plus sign, leading zero or space, so that equal numbers are equal
/// strings.
fn canonical(text: &str) -> Option<i128> {
    let digits = text.strip_prefix('-').unwrap_or(text);
    let plain = digits.bytes().all(|byte| byte.is_ascii_digit());
    let leading_zero = digits.starts_with('0') && text != "0";
    if text.len() > INTEGER_CHARS || !plain || leading_zero {
        return None;
    }
    text.parse().ok()
}

/// An integer as JSON: a number with all its digits, or a string of them.
pub(super) fn integer_json(n: i128, is_string: bool) -> Value {
    if is_string {
        return Value::String(n.to_string());
    }
    // Every integer type of a component fits one of the two.
    u64::try_from(n).map_or_else(|_| i64::try_from(n).map_or(Value::Null, Value::from), Value::from)
}

/// The length of an integer's JSON in bytes.
pub(super) fn integer_len(n: i128, is_string: bool) -> usize {
    let quotes = if is_string { 2 } else { 0 };
    let digits = n.unsigned_abs().checked_ilog10().unwrap_or(0).saturating_add(1);
    usize::from(n < 0).saturating_add(quotes).saturating_add(digits as usize)
}

/// A float from JSON: a number, rounded to the nearest float, or the name of a value that JSON has no number for.
pub(super) fn double(json: &Value) -> Option<f64> {
    match json {
        Value::Number(number) => number.as_f64(),
        Value::String(text) => named(text),
        _ => None,
    }
}

/// A single-precision float from JSON. A number beyond its range gives `None`, not infinity.
pub(super) fn single(json: &Value) -> Option<f32> {
    let double = double(json)?;
    #[expect(clippy::cast_possible_truncation, reason = "rounds to nearest; an overflow is checked below")]
    let single = double as f32;
    (single.is_finite() || !double.is_finite()).then_some(single)
}

fn named(text: &str) -> Option<f64> {
    match text {
        "NaN" => Some(f64::NAN),
        "Infinity" => Some(f64::INFINITY),
        "-Infinity" => Some(f64::NEG_INFINITY),
        _ => None,
    }
}

/// A float as JSON.
pub(super) fn double_json(float: f64) -> Value {
    Number::from_f64(float).map_or_else(
        || {
            let name = if float.is_nan() {
                "NaN"
            } else if float > 0.0 {
                "Infinity"
            } else {
                "-Infinity"
            };
            Value::String(name.into())
        },
        Value::Number,
    )
}

/// A single-precision float as JSON: the double with the float's own shortest text, such as `0.1` and not
/// `0.10000000149011612`.
pub(super) fn single_json(float: f32) -> Value {
    let exact = f64::from(float);
    let short = format!("{float:e}").parse().unwrap_or(exact);
    // Rounding to a double and back could give another float. If it does, the long text is used.
    #[expect(clippy::cast_possible_truncation, reason = "rounds to nearest, as reading it back does")]
    let survives = (short as f32).to_bits() == float.to_bits();
    double_json(if survives { short } else { exact })
}

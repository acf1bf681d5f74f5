//! `numeric`: decimal text in the contract; digits in base 10,000 with a weight and a scale in PostgreSQL's format.
// tidy: numbers are PostgreSQL's wire format and the texts it prints

use super::wire::Wire;
use crate::limits::{NUMERIC_FRACTION_DIGITS_MAX, NUMERIC_INTEGER_DIGITS_MAX};

/// The number of decimal digits in one of PostgreSQL's digits.
const GROUP: usize = 4;
/// The base of PostgreSQL's digits.
const BASE: u16 = 10_000;

const POSITIVE: u16 = 0x0000;
const NEGATIVE: u16 = 0x4000;
const NAN: u16 = 0xC000;
const INFINITY: u16 = 0xD000;
const NEGATIVE_INFINITY: u16 = 0xF000;

pub(super) fn encode(text: &str, out: &mut Vec<u8>) -> Result<(), String> {
    let special = match text {
        "NaN" => Some(NAN),
        "Infinity" => Some(INFINITY),
        "-Infinity" => Some(NEGATIVE_INFINITY),
        _ => None,
    };
    if let Some(sign) = special {
        put(&[], 0, sign, 0, out);
        return Ok(());
    }
    let (sign, digits) = text.strip_prefix('-').map_or((POSITIVE, text), |digits| (NEGATIVE, digits));
    let (integer, fraction) = digits.split_once('.').map_or((digits, None), |(i, f)| (i, Some(f)));
    let is_digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    if !is_digits(integer) || !fraction.is_none_or(is_digits) {
        return Err(
            "a `numeric` is an optional `-`, digits, and optionally `.` and digits; or `NaN`, `Infinity`, \
                    `-Infinity`"
                .to_owned(),
        );
    }
    let fraction = fraction.unwrap_or("");
    if integer.len() > NUMERIC_INTEGER_DIGITS_MAX || fraction.len() > NUMERIC_FRACTION_DIGITS_MAX {
        return Err(format!(
            "a `numeric` has at most {NUMERIC_INTEGER_DIGITS_MAX} digits before the point and \
             {NUMERIC_FRACTION_DIGITS_MAX} after it"
        ));
    }
    // Both limits fit these integer types, so neither conversion can fail.
    let too_long = || "the `numeric` is too long".to_owned();
    let scale = u16::try_from(fraction.len()).map_err(|_| too_long())?;
    let whole = groups(integer.as_bytes().rchunks(GROUP).rev(), false);
    let mut weight = i16::try_from(whole.len().saturating_sub(1)).map_err(|_| too_long())?;
    let mut all = whole;
    all.extend(groups(fraction.as_bytes().chunks(GROUP), true));
    let leading = all.iter().take_while(|group| **group == 0).count();
    let trailing = all.iter().rev().take_while(|group| **group == 0).count();
    let significant = all.get(leading..all.len().saturating_sub(trailing)).unwrap_or_default();
    weight = weight.saturating_sub(i16::try_from(leading).unwrap_or(i16::MAX));
    if significant.is_empty() {
        put(&[], 0, POSITIVE, scale, out);
    } else {
        put(significant, weight, sign, scale, out);
    }
    Ok(())
}

/// Reads chunks of up to four decimal digits. A short chunk of a fraction is filled with zeros at its end.
fn groups<'a>(chunks: impl Iterator<Item = &'a [u8]>, is_fraction: bool) -> Vec<u16> {
    chunks
        .map(|chunk| {
            let missing = if is_fraction { GROUP.saturating_sub(chunk.len()) } else { 0 };
            let zeros = std::iter::repeat_n(&b'0', missing);
            chunk.iter().chain(zeros).fold(0_u16, |value, digit| {
                value.saturating_mul(10).saturating_add(u16::from(digit.saturating_sub(b'0')))
            })
        })
        .collect()
}

fn put(digits: &[u16], weight: i16, sign: u16, scale: u16, out: &mut Vec<u8>) {
    // There are at most 32,768 digits before the point and 4,096 after it.
    let count = u16::try_from(digits.len()).unwrap_or(u16::MAX);
    out.extend(count.to_be_bytes());
    out.extend(weight.to_be_bytes());
    out.extend(sign.to_be_bytes());
    out.extend(scale.to_be_bytes());
    for digit in digits {
        out.extend(digit.to_be_bytes());
    }
}

pub(super) fn decode(mut wire: Wire<'_>) -> Option<String> {
    let count = wire.u16()?;
    let weight = i32::from(wire.take().map(i16::from_be_bytes)?);
    let (sign, scale) = (wire.u16()?, usize::from(wire.u16()?));
    match sign {
        NAN => return Some("NaN".to_owned()),
        INFINITY => return Some("Infinity".to_owned()),
        NEGATIVE_INFINITY => return Some("-Infinity".to_owned()),
        POSITIVE | NEGATIVE => {}
        _ => return None,
    }
    let mut digits = Vec::with_capacity(usize::from(count));
    for _ in 0..count {
        digits.push(wire.u16().filter(|digit| *digit < BASE)?);
    }
    if !wire.0.is_empty() || scale > NUMERIC_FRACTION_DIGITS_MAX {
        return None;
    }
    // The digit at a place. Place 0 is directly before the point, and places to the right are negative.
    let at = |place: i32| {
        let index = weight.checked_sub(place).and_then(|index| usize::try_from(index).ok());
        index.and_then(|index| digits.get(index)).copied().unwrap_or(0)
    };
    let mut text = String::new();
    for place in (0..=weight.max(0)).rev() {
        push(&mut text, at(place));
    }
    let mut text = text.trim_start_matches('0').to_owned();
    if text.is_empty() {
        text.push('0');
    }
    if sign == NEGATIVE {
        text.insert(0, '-');
    }
    let mut fraction = String::new();
    let shown = i32::try_from(scale.div_ceil(GROUP)).ok()?;
    let sent = i32::from(count).checked_sub(weight)?.checked_sub(1)?;
    for place in 1..=shown.max(sent) {
        push(&mut fraction, at(place.checked_neg()?));
    }
    // The text shows only the digits within the scale. Other digits than zeros beyond it are malformed.
    let (shown, hidden) = fraction.split_at_checked(scale)?;
    if hidden.bytes().any(|digit| digit != b'0') {
        return None;
    }
    if !shown.is_empty() {
        text.push('.');
        text.push_str(shown);
    }
    Some(text)
}

/// Appends the four decimal digits of one of PostgreSQL's digits.
fn push(text: &mut String, digit: u16) {
    for unit in [1000, 100, 10, 1_u16] {
        let decimal = digit.checked_div(unit).and_then(|high| high.checked_rem(10)).unwrap_or(0);
        text.push(char::from_digit(decimal.into(), 10).unwrap_or('0'));
    }
}

//! The types whose values are text in the contract: `text`, enums, `uuid`, `json` and `inet`.
// tidy: numbers are PostgreSQL's wire format and the texts it prints

use super::wire::Wire;
use crate::limits::JSON_DEPTH_MAX;
use postgres_types::Type;
use serde::de::IgnoredAny;
use std::net::IpAddr;
use uuid::Uuid;

/// The bytes of a `uuid` as text.
const UUID_BYTES: usize = 36;
/// The only version of `jsonb`'s binary form.
const JSONB_VERSION: u8 = 1;
/// PostgreSQL's own numbers for the address families.
const IPV4: u8 = 2;
const IPV6: u8 = 3;

pub(super) fn encode(text: &str, out: &mut Vec<u8>) -> Result<(), String> {
    if text.contains('\0') {
        return Err("PostgreSQL's text holds no NUL; use `bytes` and a `bytea` column for it".to_owned());
    }
    out.extend(text.as_bytes());
    Ok(())
}

pub(super) fn encode_label(
    text: &str,
    labels: &[String],
    ty: &Type,
    out: &mut Vec<u8>,
) -> Result<(), String> {
    if !labels.iter().any(|label| label == text) {
        return Err(format!("the enum \"{}\" has no such label; it has {}", ty.name(), labels.join(", ")));
    }
    out.extend(text.as_bytes());
    Ok(())
}

pub(super) fn encode_uuid(text: &str, out: &mut Vec<u8>) -> Result<(), String> {
    let uuid = if text.len() == UUID_BYTES { Uuid::try_parse(text).ok() } else { None };
    let uuid = uuid.ok_or("a `uuid` is 36 characters, hexadecimal and `-`: 8-4-4-4-12")?;
    out.extend(uuid.as_bytes());
    Ok(())
}

pub(super) fn encode_json(text: &str, out: &mut Vec<u8>) -> Result<(), String> {
    check_json(text)?;
    out.extend(text.as_bytes());
    Ok(())
}

pub(super) fn encode_jsonb(text: &str, out: &mut Vec<u8>) -> Result<(), String> {
    check_json(text)?;
    check_escapes(text)?;
    out.push(JSONB_VERSION);
    out.extend(text.as_bytes());
    Ok(())
}

pub(super) fn decode_jsonb(mut wire: Wire<'_>) -> Option<String> {
    let [version] = wire.take()?;
    if version == JSONB_VERSION { wire.text() } else { None }
}

fn check_json(text: &str) -> Result<(), String> {
    let (mut depth, mut in_string, mut escaped) = (0_usize, false, false);
    for byte in text.bytes() {
        match byte {
            _ if escaped => escaped = false,
            // A backslash outside of a string is not JSON, so skipping the next byte does no harm.
            b'\\' => escaped = true,
            b'"' => in_string = !in_string,
            b'[' | b'{' if !in_string => depth = depth.saturating_add(1),
            b']' | b'}' if !in_string => depth = depth.saturating_sub(1),
            _ => {}
        }
        if depth > JSON_DEPTH_MAX {
            return Err(format!("the JSON is nested deeper than {JSON_DEPTH_MAX} levels"));
        }
    }
    serde_json::from_str::<IgnoredAny>(text)
        .map(|_| ())
        .map_err(|error| format!("the text is not JSON: {error}"))
}

/// Refuses escapes that mean no character, because `jsonb` stores the character that an escape means. The text has
/// already been checked to be JSON.
fn check_escapes(text: &str) -> Result<(), String> {
    let mut escapes = text.split('\\').skip(1);
    let mut high = false;
    // Whether the next escape directly follows the first half of a pair.
    let mut open = false;
    while let Some(escape) = escapes.next() {
        let unit = escape
            .strip_prefix('u')
            .and_then(|hex| hex.get(..4))
            .and_then(|hex| u16::from_str_radix(hex, 16).ok());
        let is_low = matches!(unit, Some(0xDC00..=0xDFFF));
        if high && !(open && is_low) || !high && is_low {
            return Err(
                r"`jsonb` holds no half of a surrogate pair (`\ud800` to `\udfff` alone); escape both"
                    .to_owned(),
            );
        }
        if unit == Some(0) {
            return Err(r"`jsonb` holds no `\u0000`; remove it".to_owned());
        }
        high = matches!(unit, Some(0xD800..=0xDBFF));
        open = escape.len() == "uXXXX".len();
        if escape.is_empty() {
            // An escaped backslash. The text after it is not escaped.
            escapes.next();
        }
    }
    if high {
        Err(r"`jsonb` holds no half of a surrogate pair at the end of a text; escape both".to_owned())
    } else {
        Ok(())
    }
}

pub(super) fn encode_inet(text: &str, is_network: bool, out: &mut Vec<u8>) -> Result<(), String> {
    let (address, length) =
        text.split_once('/').map_or((text, None), |(address, length)| (address, Some(length)));
    let refusal =
        || "an `inet` is an IPv4 or IPv6 address, optionally with `/` and the prefix length".to_owned();
    let address: IpAddr = address.parse().map_err(|_| refusal())?;
    let bits = address_bits(address);
    let length = match length {
        None => bits,
        // Without the comparison, `+8` and `08` would be accepted as numbers.
        Some(text) => text
            .parse()
            .ok()
            .filter(|length: &u8| *length <= bits && length.to_string() == text)
            .ok_or_else(refusal)?,
    };
    if is_network && !has_only_prefix(address, length) {
        return Err(
            "a `cidr` has no bits set after its prefix; clear them, or use an `inet` column".to_owned()
        );
    }
    let octets: &[u8] = match &address {
        IpAddr::V4(address) => &address.octets(),
        IpAddr::V6(address) => &address.octets(),
    };
    let family = if address.is_ipv4() { IPV4 } else { IPV6 };
    out.extend([family, length, u8::from(is_network), bits.wrapping_shr(3)]);
    out.extend(octets);
    Ok(())
}

pub(super) fn decode_inet(mut wire: Wire<'_>) -> Option<String> {
    let [family, length, network, bytes] = wire.take()?;
    let address = match (family, bytes) {
        (IPV4, 4) => IpAddr::from(wire.all::<4>()?),
        (IPV6, 16) => IpAddr::from(wire.all::<16>()?),
        _ => return None,
    };
    let bits = address_bits(address);
    if length > bits || network > 1 {
        return None;
    }
    Some(if length == bits { address.to_string() } else { format!("{address}/{length}") })
}

const fn address_bits(address: IpAddr) -> u8 {
    if address.is_ipv4() { 32 } else { 128 }
}

fn has_only_prefix(address: IpAddr, length: u8) -> bool {
    let after = match address {
        IpAddr::V4(address) => u128::from(address.to_bits().checked_shl(length.into()).unwrap_or(0)),
        IpAddr::V6(address) => address.to_bits().checked_shl(length.into()).unwrap_or(0),
    };
    after == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_at_the_nesting_limit_is_accepted_and_over_it_refused() {
        let nested = |open: &str, inner: &str, close: &str, depth: usize| {
            check_json(&format!("{}{inner}{}", open.repeat(depth), close.repeat(depth)))
        };
        for (open, inner, close) in [
            ("[", "", "]"),
            ("{\"a\":", "1", "}"),
            // A bracket in a string opens and closes nothing, and an escaped quote does not end the string.
            ("[\"]\",", "1", "]"),
            ("[\"\\\"]\",", "1", "]"),
            ("[[],", "1", "]"),
        ] {
            let deeper = usize::from(open == "[[],");
            assert_eq!(nested(open, inner, close, JSON_DEPTH_MAX - deeper), Ok(()), "{open}");
            let refusal = nested(open, inner, close, JSON_DEPTH_MAX + 1).unwrap_err();
            assert!(refusal.contains("nested deeper"), "{open}: {refusal}");
        }
        let quoted = "[".repeat(JSON_DEPTH_MAX + 1);
        for text in [
            format!("\"{quoted}\""),
            format!("\"\\\"{quoted}\""),
            format!("[\"\\\\\",\"{quoted}\"]"),
            format!("[{}1]", "[1],".repeat(JSON_DEPTH_MAX)),
        ] {
            assert_eq!(check_json(&text), Ok(()), "{text}");
        }
    }

    #[test]
    fn surrogate_pair_is_accepted_and_escape_of_no_character_is_refused() {
        for text in [
            r"\ud83d",
            r"\ude00",
            r"\ud83dx\ude00",
            r"\ud83d\\ude00",
            r"\ud83d\n\ude00",
            r"\ud83d\ud83d",
            r"a\u0000",
            r"\\\u0000",
        ] {
            assert!(check_escapes(&format!("\"{text}\"")).is_err(), "{text}");
        }
        for text in [
            "",
            "plain",
            r"\ud83d\ude00",
            r"a\ud83d\ude00b\ud83d\ude00",
            r"\\ud83d",
            r"\\u0000",
            r"\n\\\u0041",
        ] {
            assert_eq!(check_escapes(&format!("\"{text}\"")), Ok(()), "{text}");
        }
    }
}

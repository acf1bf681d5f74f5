//! What is JSON text, and how much of it.

use crate::limits::{JSON_BYTES_MAX, JSON_DEPTH_MAX, JSON_VALUES_MAX};
use crate::value::parse;
use serde_json::json;

#[test]
fn text_that_is_not_plain_json_is_refused() {
    for (text, why) in [
        (&b""[..], "EOF"),
        (b"{", "EOF"),
        (b"{} {}", "trailing characters"),
        (b"\xff", "expected value"),
        (b"\"\xff\"", "invalid unicode"),
        (br#"{"x": "\ud800"}"#, "hex escape"),
        (br#"{"x": "\ud800\u0041"}"#, "surrogate"),
        (b"NaN", "expected"),
        (b"1e999", "out of range"),
        (br#"{"x": 1, "x": 2}"#, "the same key twice"),
        (br#"{"x": 1, "\u0078": 2}"#, "the same key twice"),
    ] {
        let refusal = parse(text).unwrap_err();
        assert_eq!((&*refusal.path, &*refusal.expected), ("$", "JSON"));
        assert!(refusal.found.contains(why), "{} should say {why}", refusal.found);
    }
}

#[test]
fn text_with_a_private_token_of_the_parser_is_plain_data() {
    let text = br#"{"$serde_json::private::RawValue": "[1]"}"#;
    assert_eq!(parse(text).unwrap(), json!({"$serde_json::private::RawValue": "[1]"}));
}

#[test]
fn text_is_taken_at_its_limits_and_refused_over_them() {
    let nested = |depth| [b"[".repeat(depth), b"]".repeat(depth)].concat();
    assert!(parse(&nested(JSON_DEPTH_MAX)).is_ok());
    assert!(parse(&nested(JSON_DEPTH_MAX + 1)).unwrap_err().found.contains("nested over 64"));
    assert!(parse(&nested(100_000)).is_err());

    let zeros = |count: usize| [b"[0".as_slice(), &b",0".repeat(count - 2), b"]"].concat();
    assert!(parse(&zeros(JSON_VALUES_MAX)).is_ok());
    assert!(parse(&zeros(JSON_VALUES_MAX + 1)).unwrap_err().found.contains("over 250000 values"));

    let string = |len: usize| [b"\"".as_slice(), &b"a".repeat(len - 2), b"\""].concat();
    assert!(parse(&string(JSON_BYTES_MAX)).is_ok());
    assert_eq!(parse(&string(JSON_BYTES_MAX + 1)).unwrap_err().found, "4194305 bytes");
}

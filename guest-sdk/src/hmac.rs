//! Signatures of webhooks: HMAC with SHA-256. Needs the feature `hmac`.
//!
//! The sender and the plugin share a key, which an operator keeps in one of the plugin's variables. What is signed is the body as
//! it was sent, so it is checked before it is parsed. Services differ in what else they sign and in how they write it:
//!
//! ```
//! use palisade_sdk::hmac;
//!
//! /// GitHub's header `x-hub-signature-256` is `sha256=` and the signature of the body.
//! fn is_from_github(key: &[u8], body: &[u8], header: &str) -> bool {
//!     header.strip_prefix("sha256=").is_some_and(|signature| hmac::verify(key, &[body], signature))
//! }
//!
//! /// Stripe's header `stripe-signature` has the time of sending in `t`, and in each `v1` a signature of `t.BODY`. An old time
//! /// means that somebody sends a recorded request again.
//! fn is_from_stripe(key: &[u8], body: &[u8], header: &str, now_s: i64) -> bool {
//!     let values = |name: &'static str| {
//!         header.split(',').filter_map(move |part| part.strip_prefix(name)?.strip_prefix('='))
//!     };
//!     let Some(time) = values("t").next() else { return false };
//!     let is_recent = time.parse::<i64>().is_ok_and(|sent| now_s.abs_diff(sent) <= 300);
//!     is_recent && values("v1").any(|signature| hmac::verify(key, &[time.as_bytes(), b".", body], signature))
//! }
//!
//! // The example of GitHub's documentation.
//! let signature = "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17";
//! assert!(is_from_github(b"It's a Secret to Everybody", b"Hello, World!", signature));
//! assert!(!is_from_github(b"It's a Secret to Everybody", b"Hello, World?", signature));
//!
//! let tag = hmac::sha256(b"whsec", &[b"1700000000.{}"]);
//! let hex: String = tag.iter().map(|byte| format!("{byte:02x}")).collect();
//! let header = format!("t=1700000000,v1={hex}");
//! assert!(is_from_stripe(b"whsec", b"{}", &header, 1_700_000_200));
//! assert!(!is_from_stripe(b"whsec", b"{}", &header, 1_700_000_301), "an old request");
//! assert!(!is_from_stripe(b"whsec", b"{ }", &header, 1_700_000_200), "another body");
//! ```

use ::hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

/// Bytes of a signature.
const TAG_BYTES: usize = 32;

/// Returns the signature of the parts, one after the other as one message.
pub fn sha256(key: &[u8], parts: &[&[u8]]) -> [u8; TAG_BYTES] {
    signed(key, parts).finalize().into_bytes().into()
}

/// Returns whether `hex` is the signature of the parts: 64 hexadecimal digits, in upper or lower case. The time that it takes
/// does not tell where a wrong signature differs from the right one. With an empty key nothing is valid: a key that nobody has
/// set protects nothing.
pub fn verify(key: &[u8], parts: &[&[u8]], hex: &str) -> bool {
    let Some(tag) = decoded(hex) else { return false };
    !key.is_empty() && signed(key, parts).verify_slice(&tag).is_ok()
}

fn signed(key: &[u8], parts: &[&[u8]]) -> Hmac<Sha256> {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("HMAC takes a key of any length");
    for part in parts {
        mac.update(part);
    }
    mac
}

fn decoded(hex: &str) -> Option<[u8; TAG_BYTES]> {
    let digits = hex.as_bytes();
    if digits.len() != 2 * TAG_BYTES {
        return None;
    }
    let digit = |byte: u8| char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    let mut tag = [0; TAG_BYTES];
    for (byte, pair) in tag.iter_mut().zip(digits.chunks_exact(2)) {
        *byte = digit(pair[0])? << 4 | digit(pair[1])?;
    }
    Some(tag)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 4231, test case 2.
    const KEY: &[u8] = b"Jefe";
    const MESSAGE: &[u8] = b"what do ya want for nothing?";
    const TAG: &str = "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843";

    #[test]
    fn wrong_signature_is_not_valid() {
        let other = TAG.replacen('5', "4", 1);
        for (key, message, hex) in [
            (KEY, MESSAGE, other.as_str()),
            (KEY, MESSAGE, ""),
            (KEY, MESSAGE, &TAG[..62]),
            (KEY, MESSAGE, &format!("{TAG}00")),
            (KEY, MESSAGE, &format!(" {}", &TAG[1..])),
            (KEY, MESSAGE, &TAG.replacen('b', "é", 1)),
            (KEY, MESSAGE, &TAG.replacen("5b", "é", 1)),
            (KEY, MESSAGE, &TAG.replacen('b', "+", 1)),
            (b"jefe", MESSAGE, TAG),
            (KEY, b"what do ya want for nothing!", TAG),
        ] {
            assert!(!verify(key, &[message], hex), "{hex}");
        }
        let of_no_key: String = sha256(b"", &[MESSAGE]).iter().map(|byte| format!("{byte:02x}")).collect();
        assert!(!verify(b"", &[MESSAGE], &of_no_key), "no key was set");
    }

    #[test]
    fn right_signature_is_valid_however_it_is_written_and_the_message_is_split() {
        assert!(verify(KEY, &[MESSAGE], TAG));
        assert!(verify(KEY, &[&MESSAGE[..7], b"", &MESSAGE[7..]], &TAG.to_uppercase()));
    }
}

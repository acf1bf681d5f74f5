//! One entry: a line of JSON whose last member is the HMAC of everything before it.
//!
//! The HMAC covers the exact bytes of the line, so an entry has only one valid text. The line is printable ASCII: no plugin's
//! name and no operator's reason can add a line break or an escape sequence for a terminal.

use crate::keyfile::Key;
use hmac::{Hmac, KeyInit, Mac};
use palisade_guard::limits::{AUDIT_WHAT_BYTES_MAX, SECRET_BYTES};
use palisade_guard::name::PluginName;
use serde::{Deserialize, Serialize};
use sha2::Sha256;
use std::borrow::Cow;
use std::fmt::Write as _;

/// Bytes of a hash.
pub(super) type Hash = [u8; SECRET_BYTES];

/// The previous hash of the first entry.
pub(super) const NOTHING: Hash = [0; SECRET_BYTES];

/// The text before the hash in a line.
const HASH: &str = ",\"hash\":\"";
/// The text after the hash.
const END: &str = "\"}";

/// The HMAC's input for the name of a log, which differs from every entry's and from a head's.
const LOG: &[u8] = b"log";

/// What happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Event {
    /// A plugin was not loaded.
    RefusedLoad,
    /// A plugin's manifest asked for a power that it is not granted, or the plugin used one.
    DeniedGrant,
    /// An invocation hit a limit.
    LimitHit,
    /// A canary attack with a plugin's login succeeded.
    CanaryFell,
    /// A plugin failed too often.
    Quarantined,
    /// The invocation that probed a quarantined plugin ended.
    Probed,
    /// An operator, or loading another version, lifted a quarantine.
    Lifted,
    /// An operator disabled a plugin.
    Disabled,
    /// An operator enabled a plugin.
    Enabled,
    /// The log continues after a line that is not an entry, or after missing entries.
    Resumed,
    /// The log continues in a new file. The entry before is the last one of the file that was moved away.
    Rotated,
}

impl Event {
    /// Its name in an entry.
    pub const fn name(self) -> &'static str {
        match self {
            Self::RefusedLoad => "refused-load",
            Self::DeniedGrant => "denied-grant",
            Self::LimitHit => "limit-hit",
            Self::CanaryFell => "canary-fell",
            Self::Quarantined => "quarantined",
            Self::Probed => "probed",
            Self::Lifted => "lifted",
            Self::Disabled => "disabled",
            Self::Enabled => "enabled",
            Self::Resumed => "resumed",
            Self::Rotated => "rotated",
        }
    }
}

/// An event to write as an entry.
#[derive(Clone, Debug)]
pub(super) struct Note {
    pub(super) event: Event,
    pub(super) plugin: Option<PluginName>,
    pub(super) what: Cow<'static, str>,
    /// How often the event happened.
    pub(super) count: u64,
    /// How many earlier notes were lost.
    pub(super) missed: u64,
}

impl Note {
    pub(super) fn new(event: Event, plugin: Option<PluginName>, what: Cow<'static, str>) -> Self {
        Self { event, plugin, what, count: 1, missed: 0 }
    }
}

/// An entry with a valid HMAC.
#[derive(Clone, Debug)]
pub(super) struct AuditEntry {
    pub(super) seq: u64,
    pub(super) previous: Hash,
    pub(super) hash: Hash,
    /// The text of an [`Event::Resumed`]; `None` for other events.
    pub(super) resumed: Option<String>,
    /// Whether it is the first one of a new file.
    pub(super) is_rotated: bool,
}

#[derive(Deserialize, Serialize)]
struct Body<'a> {
    seq: u64,
    time: Cow<'a, str>,
    event: Cow<'a, str>,
    plugin: Option<Cow<'a, str>>,
    what: Cow<'a, str>,
    count: u64,
    #[serde(default, skip_serializing_if = "is_none")]
    missed: u64,
    previous: Cow<'a, str>,
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
fn is_none(missed: &u64) -> bool {
    *missed == 0
}

/// The line of an entry, without its end of line, and its hash.
pub(super) fn line(key: &Key, seq: u64, previous: &Hash, note: &Note) -> (String, Hash) {
    let body = Body {
        seq,
        time: jiff::Timestamp::now().to_string().into(),
        event: note.event.name().into(),
        plugin: note.plugin.as_ref().map(|name| name.as_str().into()),
        what: cut(&note.what).into(),
        count: note.count,
        missed: note.missed,
        previous: hex::encode(previous).into(),
    };
    // Strings and numbers always serialize, so the default is never used.
    let mut line = ascii(&serde_json::to_string(&body).unwrap_or_default());
    let hash = mac(key, &[line.as_bytes()]);
    line.truncate(line.len().saturating_sub(1));
    line.extend([HASH, &hex::encode(hash), END]);
    (line, hash)
}

/// Reads a line; `None` if it is not an entry with a valid HMAC.
pub(super) fn read(key: &Key, line: &[u8]) -> Option<AuditEntry> {
    let inner = line.strip_suffix(END.as_bytes())?;
    let (body, hash) = inner.split_at_checked(inner.len().checked_sub(2 * SECRET_BYTES)?)?;
    let body = body.strip_suffix(HASH.as_bytes())?;
    let hash = hash_of(hash)?;
    if !is_mac(key, &[body, b"}"], &hash) {
        return None;
    }
    let text = [body, b"}"].concat();
    let body: Body<'_> = serde_json::from_slice(&text).ok()?;
    let resumed = (body.event == Event::Resumed.name()).then(|| body.what.clone().into_owned());
    let is_rotated = body.event == Event::Rotated.name();
    Some(AuditEntry {
        seq: body.seq,
        previous: hash_of(body.previous.as_bytes())?,
        hash,
        resumed,
        is_rotated,
    })
}

/// The name of the log that has this key. Every entry belongs to it, because its HMAC needs the key.
pub(super) fn log_of(key: &Key) -> String {
    hex::encode(mac(key, &[LOG])).chars().take(SECRET_BYTES).collect()
}

/// The HMAC of the concatenated parts.
pub(super) fn mac(key: &Key, parts: &[&[u8]]) -> Hash {
    hmac(key, parts).map_or(NOTHING, |mac| mac.finalize().into_bytes().into())
}

/// Whether the claimed HMAC of the concatenated parts is valid. Compares in constant time.
pub(super) fn is_mac(key: &Key, parts: &[&[u8]], claimed: &Hash) -> bool {
    hmac(key, parts).is_some_and(|mac| mac.verify_slice(claimed).is_ok())
}

fn hmac(key: &Key, parts: &[&[u8]]) -> Option<Hmac<Sha256>> {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).ok()?;
    for part in parts {
        mac.update(part);
    }
    Some(mac)
}

/// Parses a hash in hexadecimal.
pub(super) fn hash_of(hex: &[u8]) -> Option<Hash> {
    let mut hash = NOTHING;
    hex::decode_to_slice(hex, &mut hash).ok().map(|()| hash)
}

fn cut(text: &str) -> &str {
    let end = (0..=AUDIT_WHAT_BYTES_MAX.min(text.len())).rev().find(|end| text.is_char_boundary(*end));
    text.get(..end.unwrap_or(0)).unwrap_or_default()
}

/// Escapes every character of a JSON text that is not printable ASCII.
fn ascii(json: &str) -> String {
    let mut text = String::with_capacity(json.len());
    for char in json.chars() {
        if char.is_ascii() && !char.is_ascii_control() {
            text.push(char);
        } else {
            for unit in char.encode_utf16(&mut [0; 2]) {
                let _ = write!(text, "\\u{unit:04x}");
            }
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::Value;

    const KEY: Key = [7; SECRET_BYTES];

    fn written(what: &str) -> String {
        let note = Note::new(Event::Disabled, None, what.to_owned().into());
        line(&KEY, 1, &NOTHING, &note).0
    }

    #[test]
    fn text_with_line_breaks_or_terminal_escapes_stays_one_line_of_ascii() {
        for what in [
            "a\nb",
            "\",\"hash\":\"00\"}\n{\"seq\":2",
            "\u{1b}[2J",
            "\u{9b}2J\u{7f}",
            "\u{202e}x\u{2028}",
            "🦀\0",
        ] {
            let line = written(what);
            assert!(line.bytes().all(|byte| (0x20..0x7f).contains(&byte)), "{line}");
            let value: Value = serde_json::from_str(&line).unwrap();
            assert_eq!(value["what"], what);
            assert_eq!(read(&KEY, line.as_bytes()).unwrap().seq, 1);
        }
    }

    #[test]
    fn text_is_cut_over_its_limit_and_not_at_it() {
        let what = |bytes: usize| {
            let value: Value = serde_json::from_str(&written(&"x".repeat(bytes))).unwrap();
            value["what"].as_str().unwrap().len()
        };
        assert_eq!(what(AUDIT_WHAT_BYTES_MAX), AUDIT_WHAT_BYTES_MAX);
        assert_eq!(what(AUDIT_WHAT_BYTES_MAX + 1), AUDIT_WHAT_BYTES_MAX);
        let line = written(&"\u{80}".repeat(AUDIT_WHAT_BYTES_MAX));
        assert!(line.len() < palisade_guard::limits::AUDIT_LINE_BYTES_MAX, "{}", line.len());
    }

    #[test]
    fn line_with_any_byte_changed_is_not_an_entry() {
        let line = written("x").into_bytes();
        for index in 0..line.len() {
            let mut bad = line.clone();
            bad[index] ^= 1;
            assert!(read(&KEY, &bad).is_none(), "byte {index}");
        }
        assert!(read(&[8; SECRET_BYTES], &line).is_none(), "another key");
    }
}

//! JSON text that stays text.
//!
//! A tree of values takes up to forty times the memory of its text, and a parser that turns numbers into floats changes them. So
//! what the host only passes on is checked and stays text: its numbers keep their digits, its strings their escapes, its objects
//! their order. [`compact`] checks a text. [`members`] and [`elements`] read a checked text one level at a time; they never fail,
//! and on a text that nobody checked they end early.

// tidy: numbers are those of the syntax of JSON (RFC 8259).

use super::NotJson;
use crate::limits::{JSON_NUMBER_DIGITS_MAX, JSON_VALUES_MAX};
use std::borrow::Cow;
use std::fmt;

/// Why a text is refused: what is wrong, and at which byte.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Malformed {
    rule: Cow<'static, str>,
    at: usize,
}

impl fmt::Display for Malformed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} at byte {}", self.rule, self.at)
    }
}

impl From<Malformed> for NotJson {
    fn from(malformed: Malformed) -> Self {
        Self { found: format!("text that is not: {malformed}") }
    }
}

/// Checks that a text is one JSON value, and returns it without the white space between its tokens. It has at most
/// `levels_max` levels of arrays and objects, [`JSON_VALUES_MAX`] values, and no number of more than
/// [`JSON_NUMBER_DIGITS_MAX`] digits in plain notation. No object has a key twice, and no string contains NUL, which
/// PostgreSQL cannot hold.
pub fn compact(text: &str, levels_max: usize) -> Result<String, Malformed> {
    let mut reader = Reader {
        text,
        at: 0,
        written: String::with_capacity(text.len()),
        keys: Vec::new(),
        values: 0,
        levels_max,
    };
    reader.space();
    reader.value(0)?;
    reader.space();
    match reader.next() {
        None => Ok(reader.written),
        Some(_) => Err(reader.malformed("trailing characters")),
    }
}

struct Reader<'a> {
    text: &'a str,
    at: usize,
    written: String,
    /// The keys so far of all objects that are open.
    keys: Vec<Cow<'a, str>>,
    values: usize,
    levels_max: usize,
}

impl<'a> Reader<'a> {
    fn value(&mut self, level: usize) -> Result<(), Malformed> {
        self.values = self.values.saturating_add(1);
        if self.values > JSON_VALUES_MAX {
            return Err(self.malformed(format!("over {JSON_VALUES_MAX} values")));
        }
        match self.next() {
            Some(b'{') => self.object(level),
            Some(b'[') => self.array(level),
            Some(b'"') => self.string().map(drop),
            Some(b'-' | b'0'..=b'9') => self.number(),
            _ => self.word(),
        }
    }

    fn object(&mut self, level: usize) -> Result<(), Malformed> {
        let (level, first) = (self.enter(level)?, self.keys.len());
        self.space();
        if self.take_if(b'}') {
            return Ok(());
        }
        loop {
            if self.next() != Some(b'"') {
                return Err(self.malformed("expected a key"));
            }
            let key = unescaped(self.string()?);
            self.keys.push(key);
            self.space();
            if !self.take_if(b':') {
                return Err(self.malformed("expected `:`"));
            }
            self.space();
            self.value(level)?;
            if self.ends(b'}')? {
                break;
            }
        }
        let keys = self.keys.get_mut(first..).unwrap_or_default();
        if has_equal(keys) {
            return Err(self.malformed("the same key twice in one object"));
        }
        self.keys.truncate(first);
        Ok(())
    }

    fn array(&mut self, level: usize) -> Result<(), Malformed> {
        let level = self.enter(level)?;
        self.space();
        if self.take_if(b']') {
            return Ok(());
        }
        loop {
            self.value(level)?;
            if self.ends(b']')? {
                return Ok(());
            }
        }
    }

    /// Whether the array or object ends here; otherwise its next element or member begins.
    fn ends(&mut self, close: u8) -> Result<bool, Malformed> {
        self.space();
        if self.take_if(close) {
            return Ok(true);
        }
        if !self.take_if(b',') {
            return Err(self.malformed(format!("expected `,` or `{}`", char::from(close))));
        }
        self.space();
        Ok(false)
    }

    fn enter(&mut self, level: usize) -> Result<usize, Malformed> {
        let level = level.saturating_add(1);
        if level > self.levels_max {
            return Err(self.malformed(format!("nested over {} levels", self.levels_max)));
        }
        self.take();
        Ok(level)
    }

    /// A string with its quotes.
    fn string(&mut self) -> Result<&'a str, Malformed> {
        let start = self.at;
        self.skip(1);
        loop {
            match self.next() {
                Some(b'"') => break,
                Some(b'\\') => self.escape()?,
                Some(0..=0x1f) => return Err(self.malformed("a control character in a string")),
                Some(_) => self.skip(1),
                None => return Err(self.malformed("a string without an end")),
            }
        }
        self.skip(1);
        let string = self.text.get(start..self.at).unwrap_or_default();
        self.written.push_str(string);
        Ok(string)
    }

    fn escape(&mut self) -> Result<(), Malformed> {
        self.skip(1);
        match self.next() {
            Some(b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't') => {
                self.skip(1);
                Ok(())
            }
            Some(b'u') => match self.unit()? {
                0 => Err(self.malformed("NUL in a string")),
                0xd800..=0xdbff => {
                    let is_escape = self.text.get(self.at..).is_some_and(|rest| rest.starts_with("\\u"));
                    if is_escape {
                        self.skip(1);
                        if matches!(self.unit()?, 0xdc00..=0xdfff) {
                            return Ok(());
                        }
                    }
                    Err(self.malformed("a lone surrogate in a string"))
                }
                0xdc00..=0xdfff => Err(self.malformed("a lone surrogate in a string")),
                _ => Ok(()),
            },
            _ => Err(self.malformed("an unknown escape")),
        }
    }

    /// The four digits behind `\u`.
    fn unit(&mut self) -> Result<u16, Malformed> {
        self.skip(1);
        let digits = self.text.get(self.at..self.at.saturating_add(4)).unwrap_or_default();
        let is_hex = digits.len() == 4 && digits.bytes().all(|byte| byte.is_ascii_hexdigit());
        let unit = u16::from_str_radix(digits, 16).ok().filter(|_| is_hex);
        let unit = unit.ok_or_else(|| self.malformed("`\\u` without four hex digits"))?;
        self.skip(4);
        Ok(unit)
    }

    fn number(&mut self) -> Result<(), Malformed> {
        let start = self.at;
        if self.next() == Some(b'-') {
            self.skip(1);
        }
        let whole = self.digits()?;
        let has_leading_zero = whole.len() > 1 && whole.starts_with('0');
        if has_leading_zero {
            return Err(self.malformed("a number with a leading zero"));
        }
        let mut fraction = "";
        if self.next() == Some(b'.') {
            self.skip(1);
            fraction = self.digits()?;
        }
        let mut exponent: i64 = 0;
        if matches!(self.next(), Some(b'e' | b'E')) {
            self.skip(1);
            let is_negative = self.next() == Some(b'-');
            if matches!(self.next(), Some(b'+' | b'-')) {
                self.skip(1);
            }
            // An exponent with too many digits for an `i64` is over any bound.
            let digits = self.digits()?.parse().unwrap_or(i64::MAX);
            exponent = if is_negative { digits.saturating_neg() } else { digits };
        }
        if plain_digits(whole.len(), fraction.len(), exponent) > JSON_NUMBER_DIGITS_MAX {
            return Err(self.malformed(format!(
                "a number of more than {JSON_NUMBER_DIGITS_MAX} digits without its exponent"
            )));
        }
        self.written.push_str(self.text.get(start..self.at).unwrap_or_default());
        Ok(())
    }

    fn digits(&mut self) -> Result<&'a str, Malformed> {
        let start = self.at;
        while matches!(self.next(), Some(b'0'..=b'9')) {
            self.skip(1);
        }
        let digits = self.text.get(start..self.at).unwrap_or_default();
        if digits.is_empty() { Err(self.malformed("a number without digits")) } else { Ok(digits) }
    }

    fn word(&mut self) -> Result<(), Malformed> {
        let rest = self.text.get(self.at..).unwrap_or_default();
        let Some(word) = ["true", "false", "null"].into_iter().find(|word| rest.starts_with(word)) else {
            return Err(self.malformed("expected a value"));
        };
        self.written.push_str(word);
        self.skip(word.len());
        Ok(())
    }

    fn space(&mut self) {
        while matches!(self.next(), Some(b' ' | b'\t' | b'\n' | b'\r')) {
            self.skip(1);
        }
    }

    fn next(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    /// Writes one ASCII character.
    fn take(&mut self) {
        self.written.extend(self.next().map(char::from));
        self.skip(1);
    }

    fn take_if(&mut self, byte: u8) -> bool {
        let is_next = self.next() == Some(byte);
        if is_next {
            self.take();
        }
        is_next
    }

    fn skip(&mut self, bytes: usize) {
        self.at = self.at.saturating_add(bytes);
    }

    fn malformed(&self, rule: impl Into<Cow<'static, str>>) -> Malformed {
        Malformed { rule: rule.into(), at: self.at }
    }
}

/// How many digits a number has when it is written without an exponent.
fn plain_digits(whole: usize, fraction: usize, exponent: i64) -> u64 {
    let signed = |count: usize| i64::try_from(count).unwrap_or(i64::MAX);
    let before = signed(whole).saturating_add(exponent).max(1);
    let after = signed(fraction).saturating_sub(exponent).max(0);
    before.saturating_add(after).unsigned_abs()
}

fn has_equal(keys: &mut [Cow<'_, str>]) -> bool {
    keys.sort_unstable();
    keys.iter().zip(keys.iter().skip(1)).any(|(one, next)| one == next)
}

/// What kind of value a text is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shape {
    /// An object.
    Object,
    /// An array.
    Array,
    /// A string.
    Text,
    /// A number.
    Number,
    /// `true`, `false` or `null`.
    Word,
}

impl Shape {
    /// The kind of a checked text.
    pub fn of(text: &str) -> Self {
        match text.as_bytes().first() {
            Some(b'{') => Self::Object,
            Some(b'[') => Self::Array,
            Some(b'"') => Self::Text,
            Some(b'-' | b'0'..=b'9') => Self::Number,
            _ => Self::Word,
        }
    }
}

/// A checked string without its quotes and escapes.
pub fn unescaped(string: &str) -> Cow<'_, str> {
    if string.contains('\\') {
        return Cow::Owned(serde_json::from_str(string).unwrap_or_default());
    }
    let inner = string.strip_prefix('"').and_then(|string| string.strip_suffix('"'));
    Cow::Borrowed(inner.unwrap_or_default())
}

/// The members of an object: each key as it is written, with its quotes, and the text of its value.
pub fn members(object: &str) -> impl Iterator<Item = (&str, &str)> {
    let mut rest = inside(object);
    std::iter::from_fn(move || {
        let (key, behind) = value(rest)?;
        let (member, behind) = value(behind.trim_start_matches(is_space).strip_prefix(':')?)?;
        rest = behind;
        Some((key, member))
    })
}

/// The elements of an array.
pub fn elements(array: &str) -> impl Iterator<Item = &str> {
    let mut rest = inside(array);
    std::iter::from_fn(move || {
        let (element, behind) = value(rest)?;
        rest = behind;
        Some(element)
    })
}

fn inside(text: &str) -> &str {
    text.get(1..).unwrap_or_default()
}

/// The first value of a text, behind at most one comma, and what follows it.
fn value(text: &str) -> Option<(&str, &str)> {
    let text = text.trim_start_matches(|next| next == ',' || is_space(next));
    let (mut open, mut is_string, mut is_escaped) = (0_usize, false, false);
    let mut end = text.len();
    for (at, byte) in text.bytes().enumerate() {
        if is_string {
            is_string = is_escaped || byte != b'"';
            is_escaped = !is_escaped && byte == b'\\';
            if !is_string && open == 0 {
                end = at.saturating_add(1);
                break;
            }
            continue;
        }
        match byte {
            b'"' => is_string = true,
            b'{' | b'[' => open = open.saturating_add(1),
            b'}' | b']' if open > 0 => {
                open = open.saturating_sub(1);
                if open == 0 {
                    end = at.saturating_add(1);
                    break;
                }
            }
            b',' | b':' | b'}' | b']' | b' ' | b'\t' | b'\n' | b'\r' if open == 0 => {
                end = at;
                break;
            }
            _ => {}
        }
    }
    let (value, rest) = text.split_at_checked(end)?;
    (!value.is_empty()).then_some((value, rest))
}

fn is_space(next: char) -> bool {
    matches!(next, ' ' | '\t' | '\n' | '\r')
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::limits::JSON_DEPTH_MAX;
    use proptest::prelude::*;

    fn checked(text: &str) -> Result<String, String> {
        compact(text, JSON_DEPTH_MAX).map_err(|malformed| malformed.to_string())
    }

    #[test]
    fn malformed_text_is_rejected_with_its_rule() {
        for (text, rule) in [
            ("", "expected a value at byte 0"),
            ("{", "expected a key"),
            ("{\"a\"", "expected `:`"),
            ("{\"a\":1", "expected `,` or `}`"),
            ("{\"a\":1,}", "expected a key"),
            ("{a:1}", "expected a key"),
            ("[1", "expected `,` or `]`"),
            ("[1,]", "expected a value"),
            ("[,1]", "expected a value"),
            ("[1 2]", "expected `,` or `]`"),
            ("{} {}", "trailing characters at byte 3"),
            ("nul", "expected a value"),
            ("nulll", "trailing characters"),
            ("NaN", "expected a value"),
            ("Infinity", "expected a value"),
            ("+1", "expected a value"),
            (".5", "expected a value"),
            ("01", "leading zero"),
            ("-", "without digits"),
            ("-01", "leading zero"),
            ("1.", "without digits"),
            ("1e", "without digits"),
            ("1e+", "without digits"),
            ("1.5.5", "trailing characters"),
            ("0x10", "trailing characters"),
            ("'a'", "expected a value"),
            ("\"a", "without an end"),
            ("\"a\\\"", "without an end"),
            ("\"\\", "unknown escape"),
            ("\"\\x41\"", "unknown escape"),
            ("\"\\u12\"", "four hex digits"),
            ("\"\\u+123\"", "four hex digits"),
            ("\"\\u00e\u{e9}\"", "four hex digits"),
            ("\"\\ud800\"", "lone surrogate"),
            ("\"\\ud800\\u0041\"", "lone surrogate"),
            ("\"\\ud800\\n\"", "lone surrogate"),
            ("\"\\udc00\"", "lone surrogate"),
            ("\"\\u0000\"", "NUL"),
            ("{\"\\u0000\":1}", "NUL"),
            ("\"\u{0}\"", "control character"),
            ("\"a\nb\"", "control character"),
            ("\u{feff}1", "expected a value"),
            ("\u{a0}1", "expected a value"),
            ("{\"x\":1,\"x\":2}", "the same key twice"),
            ("{\"x\":1,\"\\u0078\":2}", "the same key twice"),
            ("[{\"a\":{\"x\":1,\"y\":2,\"x\":3}}]", "the same key twice"),
            ("{\"\":1,\"\":2}", "the same key twice"),
        ] {
            let refused = checked(text).expect_err(text);
            assert!(refused.contains(rule), "{text}: {refused} should say {rule}");
        }
    }

    #[test]
    fn same_key_twice_among_many_is_found_and_many_keys_are_accepted() {
        let object = |keys: Vec<String>| {
            format!("{{{}}}", keys.iter().map(|key| format!("\"{key}\":0")).collect::<Vec<_>>().join(","))
        };
        let keys: Vec<String> = (0..1_000).map(|number| format!("k{number}")).collect();
        assert!(checked(&object(keys.clone())).is_ok());
        for place in [0, 1, 500, 999] {
            let mut twice = keys.clone();
            twice.push(format!("k{place}"));
            assert!(checked(&object(twice)).unwrap_err().contains("the same key twice"));
        }
        // Equal keys of different objects are not the same key twice.
        assert!(checked("{\"a\":{\"a\":{\"a\":1}},\"b\":[{\"a\":1},{\"a\":2}]}").is_ok());
    }

    #[test]
    fn number_keeps_its_digits() {
        for number in [
            "12345678901234567890123",
            "123456789012345.678901",
            "0.10",
            "-0",
            "-0.0",
            "1E5",
            "1e+05",
            "1.50e-7",
            "1e308",
            "5e-324",
            "1e400",
            "0e0",
        ] {
            assert_eq!(checked(&format!(" [ {number} ] ")).unwrap(), format!("[{number}]"));
        }
    }

    #[test]
    fn number_at_its_digits_is_accepted_and_over_them_refused() {
        let most = usize::try_from(JSON_NUMBER_DIGITS_MAX).unwrap();
        for (at, over) in [
            ("9".repeat(most), "9".repeat(most + 1)),
            (format!("1.{}", "9".repeat(most - 1)), format!("1.{}", "9".repeat(most))),
            (format!("1e{}", most - 1), format!("1e{most}")),
            (format!("-1e-{}", most - 1), format!("-1e-{most}")),
            (format!("1.5e{}", most - 1), format!("1.5e{most}")),
            ("0e5".to_owned(), "0e999999999".to_owned()),
            ("1e00005".to_owned(), format!("1e{}", "9".repeat(100))),
        ] {
            assert!(checked(&at).is_ok(), "{at:.40}");
            assert!(checked(&over).unwrap_err().contains("digits"), "{over:.40}");
        }
    }

    #[test]
    fn text_at_its_levels_and_values_is_accepted_and_over_them_refused() {
        let nested = |depth| ["[".repeat(depth), "]".repeat(depth)].concat();
        assert!(checked(&nested(JSON_DEPTH_MAX)).is_ok());
        assert!(checked(&nested(JSON_DEPTH_MAX + 1)).unwrap_err().contains("nested over 64 levels"));
        assert!(checked(&"[".repeat(1_000_000)).is_err());
        assert!(checked(&"{\"a\":".repeat(1_000_000)).is_err());
        let zeros = |count: usize| ["[0", &",0".repeat(count - 2), "]"].concat();
        assert!(checked(&zeros(JSON_VALUES_MAX)).is_ok());
        assert!(checked(&zeros(JSON_VALUES_MAX + 1)).unwrap_err().contains("over 250000 values"));
    }

    #[test]
    fn white_space_goes_and_everything_else_stays() {
        let text =
            "\t{ \"b\" : [ 1 , \"a \\u0041 \\n, \u{e9}\" ,true,null ] ,\r\n \"a\" : { } , \"c\":[ ] }\n";
        let kept = "{\"b\":[1,\"a \\u0041 \\n, \u{e9}\",true,null],\"a\":{},\"c\":[]}";
        assert_eq!(checked(text).unwrap(), kept);
        assert_eq!(checked(kept).unwrap(), kept);
    }

    #[test]
    fn members_and_elements_are_read_one_level_at_a_time() {
        for text in [
            "{\"a\\\"]}\":[1,{\"b\":\"},\"}],\"c\":\"\\\\\",\"d\":-1.5e3,\"e\":{},\"f\":null}",
            // As PostgreSQL prints `jsonb`.
            "{\"a\\\"]}\": [1, {\"b\": \"},\"}], \"c\": \"\\\\\", \"d\": -1.5e3, \"e\": {}, \"f\": null}",
        ] {
            let read: Vec<_> =
                members(text).map(|(key, value)| (unescaped(key), value.replace(' ', ""))).collect();
            let values = ["[1,{\"b\":\"},\"}]", "\"\\\\\"", "-1.5e3", "{}", "null"];
            let keys = ["a\"]}", "c", "d", "e", "f"];
            assert_eq!(read.len(), 5);
            for ((key, value), (wanted_key, wanted)) in read.iter().zip(keys.iter().zip(values)) {
                assert_eq!((&**key, &**value), (*wanted_key, wanted));
            }
        }
        assert_eq!(elements("[1, \"a,b\",[ ],{}]").collect::<Vec<_>>(), ["1", "\"a,b\"", "[ ]", "{}"]);
        assert_eq!((elements("[]").count(), members("{}").count()), (0, 0));
        // Nobody checked these: reading them ends.
        for text in ["", "{", "[", "{\"a", "{\"a\":", "[1,,", "[}", "{\"a\" 1}", "{,,,,"] {
            assert!(members(text).count() + elements(text).count() < 5, "{text}");
        }
    }

    proptest! {
        /// `serde_json` and this reader agree on what is JSON, within what both allow.
        #[test]
        fn text_is_accepted_exactly_where_serde_json_accepts_it(text in "[\\[\\]{}:,\"\\\\a1e.u0\\-+ tnul]{0,24}") {
            let other = serde_json::from_str::<serde_json::Value>(&text);
            match compact(&text, JSON_DEPTH_MAX) {
                Ok(kept) => {
                    prop_assert_eq!(Some(serde_json::from_str::<serde_json::Value>(&kept).unwrap()), other.ok());
                }
                Err(malformed) => {
                    let is_ours = ["twice", "NUL", "digits without"].iter().any(|word| malformed.to_string().contains(word));
                    prop_assert!(other.is_err() || is_ours, "{text}: {malformed}");
                }
            }
        }

        #[test]
        fn tree_survives_as_text(text in "\\PC{0,40}", number in any::<f64>()) {
            prop_assume!(number.is_finite() && !text.contains('\0'));
            let tree = serde_json::json!({ &text: [number, { "a": &text }], "other key": text });
            let kept = compact(&serde_json::to_string_pretty(&tree).unwrap(), JSON_DEPTH_MAX).unwrap();
            prop_assert_eq!(serde_json::from_str::<serde_json::Value>(&kept).unwrap(), tree);
        }
    }
}

//! Texts that mean something else at another time, or that PostgreSQL keeps: words for the clock, and time zones.
//!
//! `'now'`, `'today'`, `'tomorrow'` and `'yesterday'` are the server's clock wherever a text becomes a date or time. A
//! time zone can be made up: PostgreSQL takes `abc5` for a zone five hours west, and a backend keeps 24 KiB for each zone
//! that it has seen, for as long as it lives. So a text that becomes a date or time, or names a zone, is a literal or a
//! parameter that this module has looked at.
// tidy: numbers are hours and digits of dates and time zones

/// The zones that a statement can name.
pub(in crate::db) const RULE: &str = "a time zone is a literal or a parameter: a name such as 'Europe/Berlin' or 'UTC', or \
     an offset in quarters of an hour such as '+05:30'";

/// Which texts become a date or time.
pub(in crate::db) const FIXED_RULE: &str = "a date or time is a fixed one: for the clock write now(), and a zone is one such as \
     `+02:00` or `Europe/Berlin`";

/// Why a time of day has no zone.
pub(in crate::db) const TIME_RULE: &str =
    "its offset would be that of today: convert a timestamp, or add the offset as an interval";

/// Words that mean the server's clock.
const CLOCK: &[&str] = &["now", "today", "tomorrow", "yesterday"];

/// Words of a date or time that digits can follow without being a zone.
const WORDS: &[&str] = &[
    "t",
    "d",
    "h",
    "j",
    "jd",
    "julian",
    "m",
    "mm",
    "s",
    "y",
    "am",
    "pm",
    "ad",
    "bc",
    "at",
    "on",
    "jan",
    "january",
    "feb",
    "february",
    "mar",
    "march",
    "apr",
    "april",
    "may",
    "jun",
    "june",
    "jul",
    "july",
    "aug",
    "august",
    "sep",
    "sept",
    "september",
    "oct",
    "october",
    "nov",
    "november",
    "dec",
    "december",
    "sun",
    "sunday",
    "mon",
    "monday",
    "tue",
    "tues",
    "tuesday",
    "wed",
    "weds",
    "wednesday",
    "thu",
    "thur",
    "thurs",
    "thursday",
    "fri",
    "friday",
    "sat",
    "saturday",
    "allballs",
    "dow",
    "doy",
    "dst",
    "epoch",
    "infinity",
    "isodow",
    "isoyear",
];

/// Words that are a date.
const DATES: &[&str] = &["epoch", "infinity", "j", "jd", "julian"];

/// Minutes of an offset that a zone on Earth has.
const MINUTES: &[&str] = &["00", "15", "30", "45"];

/// Whether a text names a zone that PostgreSQL knows, or an offset. There are few enough of them that a backend can keep
/// all.
pub(in crate::db) fn is_zone(text: &str) -> bool {
    let is_name = |text: &str| {
        text.bytes().next().is_some_and(|byte| byte.is_ascii_alphabetic())
            && text.bytes().all(|byte| byte.is_ascii_alphabetic() || matches!(byte, b'/' | b'_' | b'-'))
    };
    let hours = |hours: &str| hours.len() == 2 && hours.parse().is_ok_and(|hours: u8| hours <= 15);
    let is_offset = |text: &str| match text.strip_prefix(['+', '-']).map(|rest| rest.split_once(':')) {
        Some(Some((whole, minutes))) => hours(whole) && MINUTES.contains(&minutes),
        _ => text.strip_prefix(['+', '-']).is_some_and(hours),
    };
    let is_etc = ["Etc/GMT+", "Etc/GMT-"].iter().any(|prefix| {
        text.strip_prefix(prefix).is_some_and(|hours| {
            hours.parse().is_ok_and(|number: u8| number <= 14 && number.to_string() == hours)
        })
    });
    let is_american = matches!(text, "EST5EDT" | "CST6CDT" | "MST7MDT" | "PST8PDT");
    text.len() <= crate::limits::IDENTIFIER_BYTES_MAX
        && (is_name(text) || is_offset(text) || is_etc || is_american)
}

/// Whether a text would mean the clock, or make up a time zone, if it became a date or time.
pub(in crate::db) fn is_risky(text: &str) -> bool {
    names_clock(text) || has(text, |text| makes_zone(text, false))
}

/// The same for a text that certainly becomes a date or time. None of those contains a word for the clock or a word with
/// digits that is not part of a date, so any that does is refused, wherever it stands.
pub(in crate::db) fn is_unfixed(text: &str) -> bool {
    has(text, |text| {
        let text = text.to_ascii_lowercase();
        CLOCK.iter().any(|word| text.contains(word)) || makes_zone(&text, true)
    })
}

/// Whether something is true of a text, or of what remains without the characters that PostgreSQL drops from the elements
/// of an array, a range or a row: `{to\day}`.
fn has(text: &str, is: impl Fn(&str) -> bool) -> bool {
    is(text) || text.contains(DROPPED) && is(&text.replace(DROPPED, ""))
}

/// Characters that PostgreSQL drops from the elements of an array, a range or a row.
const DROPPED: [char; 2] = ['\\', '"'];

/// Whether a word for the clock stands in a text with no letter beside it, as it stands or with characters in it that
/// PostgreSQL drops.
fn names_clock(text: &str) -> bool {
    let mut before = false;
    text.bytes().enumerate().any(|(at, byte)| {
        let is_first = !std::mem::replace(&mut before, byte.is_ascii_alphabetic());
        is_first
            && byte.is_ascii_alphabetic()
            && text
                .as_bytes()
                .get(at..)
                .is_some_and(|rest| CLOCK.iter().any(|word| begins(rest, word.as_bytes())))
    })
}

/// Whether bytes begin with a word, behind which no letter stands.
fn begins(bytes: &[u8], word: &[u8]) -> bool {
    let mut letters = word.iter();
    let mut next = letters.next();
    for byte in bytes {
        match next {
            None => return !byte.is_ascii_alphabetic(),
            Some(letter) if byte.eq_ignore_ascii_case(letter) => next = letters.next(),
            Some(_) if DROPPED.contains(&char::from(*byte)) => {}
            Some(_) => return false,
        }
    }
    next.is_none()
}

/// Whether a text that became a date or time would make up a time zone. It is split as PostgreSQL splits it: a word with
/// digits behind a date is a zone. In a text that certainly becomes one, such a word is nothing else anywhere.
fn makes_zone(text: &str, is_date_text: bool) -> bool {
    let mut rest = text;
    // Numbers, dates and words with digits so far: behind two of them, or behind one date, a zone can stand.
    let mut parts = 0_usize;
    // Behind a sign, PostgreSQL takes only the number or the word itself, and behind a decimal point only the number.
    let (mut is_signed, mut is_fraction) = (false, false);
    while let Some(first) = rest.bytes().next() {
        if first.is_ascii_digit() {
            let token = if is_signed || is_fraction { signed_token(rest) } else { number_token(rest) };
            (is_signed, is_fraction) = (false, false);
            let (token, after) = rest.split_at(token);
            let groups = token.split(|c: char| !c.is_ascii_alphanumeric()).filter(|group| !group.is_empty());
            // A time of day has colons and says nothing of a date.
            let is_date = !token.contains(':') && token.len() > 4;
            parts = parts.saturating_add(if is_date { 2 } else { groups.count().min(1) });
            rest = after;
            continue;
        }
        if !first.is_ascii_alphabetic() {
            is_signed = matches!(first, b'+' | b'-') || is_signed && first.is_ascii_whitespace();
            is_fraction = first == b'.';
            let next = rest.char_indices().nth(1).map_or(rest.len(), |(at, _)| at);
            rest = rest.split_at(next).1;
            continue;
        }
        let letters = rest.bytes().take_while(u8::is_ascii_alphabetic).count();
        let (word, after) = rest.split_at(letters);
        let word = word.to_ascii_lowercase();
        let is_word = WORDS.contains(&word.as_str());
        let is_joined = match after.bytes().next() {
            _ if is_signed => false,
            Some(b'-' | b'/' | b'.') => true,
            Some(next) => !is_word && (next == b'+' || next.is_ascii_digit()),
            None => false,
        };
        (is_signed, is_fraction) = (false, false);
        let joined = |byte: &u8| byte.is_ascii_alphanumeric() || b"+-/_.:".contains(byte);
        let tail = if is_joined { after.bytes().take_while(joined).count() } else { 0 };
        let (tail, after) = after.split_at(tail);
        let has_digit = tail.bytes().any(|byte| byte.is_ascii_digit());
        if has_digit && (parts >= 2 || is_date_text && !is_word) {
            return true;
        }
        let more = if DATES.contains(&word.as_str()) { 2 } else { usize::from(is_word || has_digit) };
        parts = parts.saturating_add(more);
        rest = after;
    }
    false
}

/// The length of the number with which a text begins, behind a sign or a decimal point.
fn signed_token(text: &str) -> usize {
    text.bytes().take_while(|byte| byte.is_ascii_digit() || b":.-".contains(byte)).count()
}

/// The length of the number, date or time of day with which a text begins.
fn number_token(text: &str) -> usize {
    let bytes = text.as_bytes();
    let run = |from: usize, holds: &dyn Fn(u8) -> bool| {
        let tail = bytes.get(from..).unwrap_or_default();
        from.saturating_add(tail.iter().take_while(|byte| holds(**byte)).count())
    };
    let digits = run(0, &|byte| byte.is_ascii_digit());
    let (Some(&delimiter), next) = (bytes.get(digits), digits.saturating_add(1)) else { return digits };
    match delimiter {
        b':' => run(next, &|byte| byte.is_ascii_digit() || byte == b':' || byte == b'.'),
        b'-' | b'/' | b'.' if bytes.get(next).is_some_and(u8::is_ascii_digit) => {
            let second = run(next, &|byte| byte.is_ascii_digit());
            if bytes.get(second) == Some(&delimiter) {
                run(second, &|byte| byte.is_ascii_digit() || byte == delimiter)
            } else {
                second
            }
        }
        b'-' | b'/' | b'.' => run(next, &|byte| byte.is_ascii_alphanumeric() || byte == delimiter),
        _ => digits,
    }
}

#[cfg(test)]
mod tests {
    use super::{is_risky, is_unfixed, is_zone};

    #[test]
    fn zone_that_postgresql_would_make_up_is_none() {
        for text in [
            "",
            "abc5",
            "<abc>5",
            "<+05>-5",
            "UTC+3",
            "UTC3",
            "Europe/Berlin5",
            "Europe/Berlin+1",
            "a",
            "+5",
            "+05:31",
            "+16",
            "+05:30:01",
            "Etc/GMT+15",
            "Etc/GMT+05",
            "EST5EDT4",
            "EST5EDT,M3.2.0,M11.1.0",
            ":Europe/Berlin",
            "+5:30",
            "1",
            "Europe/Berlin ",
            "../../etc/passwd",
        ] {
            let is_short = text == "a";
            assert_eq!(is_zone(text), is_short, "{text:?}");
        }
        for text in [
            "UTC",
            "utc",
            "Europe/Berlin",
            "America/Port-au-Prince",
            "CET",
            "+00",
            "-12:45",
            "+05:30",
            "Etc/GMT-14",
            "EST5EDT",
        ] {
            assert!(is_zone(text), "{text:?}");
        }
    }

    #[test]
    fn words_for_the_clock_and_made_up_zones_are_risky_and_dates_are_not() {
        for text in [
            "now",
            " NOW ",
            "Today",
            "tomorrow",
            "yesterday 10:00",
            "{now}",
            "[now,)",
            "{\"at\":\"now\"}",
            "now1",
            "(today,1)",
            "at now",
            "2020-01-01 abc5",
            "2020-01-01 10:00abc5",
            "Jan 1 2020 <abc>+5 xyz-5",
            "20200101 abc+5",
            "2020-01-01 a/b5",
            "2020-01-01 UTC+3",
            // A sign before digits is a zone of its own, and what stands behind it is read anew.
            "-5/today",
            "epoch -5/today",
            "epoch - 5/tomorrow",
            "dst+5/tomorrow",
            "isoyear+5/today",
            "isodow+5/today",
            "dow+5/today",
            "doy+5/now",
            "allballs+5/yesterday",
            "infinity+5/tomorrow",
            "10:00:001.2460000+5/yesterday",
            ".5/now",
            "2020-01-01 -5/abc5",
            "2020-01-01 .5/abc5",
            "epoch abc5",
            "epoch dst+5/abc5",
            "-infinity/abc-5",
            ":jd:.abc+5",
            // What PostgreSQL drops from an element.
            "{to\\day}",
            "{\"to\\mor\\row\",now}",
            "[yester\"day\",)",
            "(to\"day\",1)",
            "{\"[to\\\"day\\\",)\"}",
            "{to\\day\\\\z}",
            "{2020-01-01 abc\\5}",
        ] {
            assert!(is_risky(text), "{text:?}");
            assert!(is_unfixed(text), "{text:?}");
        }
        for text in ["nowhere", "x/today", "5nowx", "abc5", "abc-5", "{a,\"xyz\\9\"}", "Etc/GMT+5"] {
            assert!(is_unfixed(text), "{text:?}");
        }
        for text in [
            "",
            "{2024-01-01,NULL}",
            "[2024-01-01 10:00:00+00,2024-02-01 10:00:00+00)",
            "{\"2024-01-01 10:00:00.123-05:30\"}",
            "Mon Jan 01 10:00:00 2024 CET",
            "Monday, 1 January 2024 10:00 am",
            "1-Jan-2024",
            "01/Feb/2024 11:00 PM",
            "20240101T101010Z",
            "2024-01-01 00:00:00 America/Port-au-Prince",
            "2024-01-01 00:00:00-08",
            "0044-03-15 BC",
            "-infinity",
            "epoch",
            "allballs",
            "J2451187",
            "y2024m01d04",
            "x",
        ] {
            assert!(!is_unfixed(text), "{text:?}");
        }
        for text in [
            "unknown",
            "{\"state\":\"unknown\",\"known\":[\"snow\"]}",
            "",
            "2024-01-01",
            "2024-01-01T10:00:00Z",
            "2024-01-01 10:00:00.5+02:00",
            "2024-01-01 10:00 Europe/Berlin",
            "nowhere",
            "Jan-01-2020",
            "1 Jan 2020",
            "epoch",
            "infinity",
            "550e8400-e29b-41d4-a716-446655440000",
            "page-2",
            "v1.2",
            "snow",
            "12:00 PM",
            "J2451187",
            "today's",
            "P1Y2M",
        ] {
            assert_eq!(is_risky(text), text == "today's", "{text:?}");
        }
    }
}

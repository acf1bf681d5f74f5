//! Paths of JSON: what a path may contain, and how many values it makes of a document. The estimate of the cost multiplies by that.
//!
//! Only the path's text is read, outside of its quotes. PostgreSQL checks the grammar.

use crate::db::cost::Path;
use crate::limits;
use std::collections::BTreeSet;

pub(super) const RULE: &str = "the path must be a literal of at most 256 bytes, without like_regex, * and / as arithmetic, a list of \
     subscripts, and more than one ** or keyvalue(); from its first condition on it has no $ but variables such as $min, at most \
     four and with no condition behind them, and at most one of [*] and .*";

/// What a path of JSON has outside of quotes, without white space and in lower case; `None` if a quote is not closed.
fn outside(path: &str) -> Option<String> {
    let (mut outside, mut is_quoted, mut is_escaped) = (String::new(), false, false);
    for char in path.chars() {
        match char {
            _ if is_escaped => is_escaped = false,
            '\\' if is_quoted => is_escaped = true,
            '"' => is_quoted = !is_quoted,
            _ if is_quoted => {}
            char if char.is_whitespace() => {}
            char => outside.push(char.to_ascii_lowercase()),
        }
    }
    (!is_quoted).then_some(outside)
}

/// Whether a name stands right behind `$`: a variable's.
fn is_variable(behind: &str) -> bool {
    behind.starts_with(|char: char| char.is_alphabetic() || char == '_')
}

/// How often a path of JSON, without quotes, names variables.
fn variables(outside: &str) -> u64 {
    let count = outside.split('$').skip(1).filter(|behind| is_variable(behind)).count();
    u64::try_from(count).unwrap_or(u64::MAX)
}

/// How many different variables it names.
fn names(outside: &str) -> u64 {
    let is_name = |char: char| char.is_alphanumeric() || char == '_';
    let all = outside.split('$').skip(1).filter(|behind| is_variable(behind));
    let all: BTreeSet<&str> = all.filter_map(|behind| behind.split(|char| !is_name(char)).next()).collect();
    u64::try_from(all.len()).unwrap_or(u64::MAX)
}

/// How many comparisons of a path of JSON, without quotes, have a part of the JSON on both sides, whatever is done with it there.
/// Both sides can be arrays, which PostgreSQL compares in pairs, in the lax mode without `[*]`, too. A side of variables alone is
/// as large as they are.
fn pairs(outside: &str) -> u64 {
    let bytes = outside.as_bytes();
    let is_sign = |byte: &u8| b"=<>!".contains(byte);
    let mut count = 0_u64;
    let mut start = 0_usize;
    for signs in bytes.chunk_by(|first, second| is_sign(first) == is_sign(second)) {
        let end = start.saturating_add(signs.len());
        if signs.iter().any(|sign| b"=<>".contains(sign)) {
            let (left, right) =
                (bytes.get(..start).unwrap_or_default(), bytes.get(end..).unwrap_or_default());
            let left = left.get(left.len().saturating_sub(side(left.iter().rev(), b")]}", b"([{"))..);
            let right = right.get(..side(right.iter(), b"([{", b")]}"));
            let is_pair = has_part(left.unwrap_or_default()) && has_part(right.unwrap_or_default());
            count = count.saturating_add(u64::from(is_pair));
        }
        start = end;
    }
    count
}

/// What a path of JSON does where only its first result counts.
pub(super) fn seen(path: &str) -> Path {
    let Some(path) = outside(path) else { return UNKNOWN };
    let members = u64::try_from(path.matches("keyvalue").count()).unwrap_or(u64::MAX);
    Path { copies: 1, variables: variables(&path), names: names(&path), pairs: pairs(&path), members }
}

/// A path of JSON of which nothing is known.
pub(super) const UNKNOWN: Path =
    Path { copies: u64::MAX, variables: u64::MAX, names: 0, pairs: u64::MAX, members: u64::MAX };

/// How long a side of a comparison is, read away from it: up to the bracket around the comparison, or `&&` or `||`.
fn side<'a>(bytes: impl Iterator<Item = &'a u8>, opens: &[u8], closes: &[u8]) -> usize {
    let (mut depth, mut length) = (0_usize, 0_usize);
    for byte in bytes {
        if opens.contains(byte) {
            depth = depth.saturating_add(1);
        } else if depth == 0 && (closes.contains(byte) || b"&|".contains(byte)) {
            break;
        } else if closes.contains(byte) {
            depth = depth.saturating_sub(1);
        }
        length = length.saturating_add(1);
    }
    length
}

/// Whether a side has a part of the JSON in it: `@`, or `$` without a name behind.
fn has_part(side: &[u8]) -> bool {
    let is_name = |byte: u8| byte.is_ascii_alphabetic() || byte == b'_';
    let mut behind = side.iter().skip(1).copied().map(Some).chain([None]);
    side.iter().any(|&byte| {
        let behind = behind.next().flatten();
        byte == b'@' || byte == b'$' && !behind.is_some_and(is_name)
    })
}

/// Whether a path of JSON gives at most a few times as many values as the JSON has.
pub(super) fn is_cheap(path: &str) -> bool {
    let Some(outside) = outside(path) else { return false };
    let count = |part: &str| outside.matches(part).count();
    // What is left of `*` without wildcards is a product.
    let products = outside.replace(".**", "").replace(".*", "").replace("[*]", "");
    // Within a condition, the whole document or a second wildcard makes a product of the document with itself.
    let condition = outside.split_once("?(").map_or("", |(_, condition)| condition);
    let wildcards = condition.matches("[*]").count().saturating_add(condition.matches(".*").count());
    let roots = condition.split('$').skip(1).filter(|behind| !is_variable(behind)).count();
    // A condition of a variable, within another one, is checked for each of the other's values.
    let mut parts = condition.split('$').skip(1);
    let is_nested = parts.any(|behind| behind.contains("?("));
    path.len() <= limits::SQL_SHORT_TEXT_BYTES_MAX
        && roots == 0
        && !is_nested
        && variables(&outside) <= limits::SQL_PATH_VARIABLES_MAX
        && wildcards <= 1
        && count("like_regex") == 0
        && count("datetime") == 0
        && count(",") == 0
        && count(".**").saturating_add(count("keyvalue")) <= 1
        && !products.contains(['*', '/', '%', '\\'])
}

/// On how many levels a path finds the same value at most.
pub(super) fn levels(path: &str) -> u64 {
    let outside = outside(path).unwrap_or_default();
    let Some((_, behind)) = outside.split_once("**") else { return 1 };
    let range = behind.strip_prefix('{').and_then(|range| range.split_once('}'));
    let Some((range, _)) = range else { return u64::MAX };
    let mut ends = range.split("to").map(|end| end.trim().parse::<u64>());
    match (ends.next(), ends.next()) {
        (Some(Ok(_)), None) => 1,
        (Some(Ok(from)), Some(Ok(to))) => to.saturating_sub(from).saturating_add(1),
        _ => u64::MAX,
    }
}

#[cfg(test)]
mod tests {
    use super::{is_cheap, levels, outside, pairs};

    #[test]
    fn path_whose_result_could_grow_without_bound_is_not_cheap() {
        for path in [
            "$.** ? (@.** == 1)",
            "$.**.**",
            "$[0, 0][0, 0]",
            "$.keyvalue().keyvalue()",
            "$.**.keyvalue()",
            "$ ? (@ like_regex \"(a*)*b\")",
            "$ ? (@ LIKE_REGEX \"x\")",
            "$.a * $.a",
            "$.a*$.a",
            "$.a / $.b",
            "$.a % 2",
            "$.a.datetime()",
            "$.\"a",
            "$.l\\u0069ke_regex",
            "$.a ? (@.b == $ .c)",
            "$.a ? (@ == $.min)",
            "$.a ? (@ == $[*])",
            "$.a ? (@ == $\"min\")",
            "$.a ? (@.b[*] == $list[*])",
            "$.a ? (@ > $a || @ > $b || @ > $c || @ > $d || @ > $e)",
            "$a.b[*] * 2",
            "$.v[*] ? (exists($b ? (@ == $c)))",
            "$.v[*] ? (exists(($b) ? (@ == 1)))",
        ] {
            assert!(!is_cheap(path), "{path}");
        }
        for path in [
            "$",
            "strict $.a.b",
            "$.tags[*] ? (@ == \"a, * / like_regex\")",
            "$.**.name",
            "$.*",
            "$.a[0].b ? (@.c > 10 && exists(@.d)).type()",
            "$.items[last - 1]",
            "$.a.keyvalue()",
            "$.a ? (@ starts with \"x\\\"y\")",
            "$.v[*] ? (@.price > $min && @.price < $max_2)",
            "$.v[*] ? (@.sku == $sku)",
            "$.a ? (@ == $list[*])",
        ] {
            assert!(is_cheap(path), "{path}");
        }
    }

    #[test]
    fn comparison_with_a_part_of_the_json_on_both_sides_is_counted() {
        for (path, count) in [
            ("$.a == $.b", 1),
            ("strict $.a[*] <> $.b[*]", 1),
            ("$ ? (@.a == @.b)", 1),
            ("$.** ? (@.a >= @.b && @.c < @.d || !(@.e != @.f))", 3),
            ("$.a ? (@ == 1) == $.b", 1),
            ("($.a) == (((\"x\") + $.b))", 1),
            ("$ ? (exists(@.x ? (@ > @.y)) && @.z == 1)", 1),
            ("$ ? (@.a[@.n] == 1) ? (@.\"$x\" == @)", 1),
            ("$ ? (@.a == $\"b\")", 1),
            ("$ ? (@ == $ä)", 1),
            ("$.a[$.b] == 1 && $.c == 2 || 3 == $.d", 0),
            ("$.items[*] ? (@.price > 10 && @.name == \"x\")", 0),
            ("$.items[*] ? (@.price - @.cost > 0 && @ starts with \"@\")", 0),
            ("$.v[*] ? (@.price > $min && (@.price) < $max_2)", 0),
            ("$.a ? (@ == \"$.b == $.c\")", 0),
            ("$a == $b", 0),
        ] {
            assert_eq!(pairs(&outside(path).unwrap()), count, "{path}");
        }
    }

    #[test]
    fn levels_of_a_path_are_known_only_if_it_names_them() {
        for (path, found) in [
            ("$.a", 1),
            ("$.\"**\".a[*]", 1),
            ("$.**", u64::MAX),
            ("$.**.a", u64::MAX),
            ("$.**{last}", u64::MAX),
            ("$.**{2 to last}", u64::MAX),
            ("$.\"**{1}\".**", u64::MAX),
            ("$.**{2}", 1),
            ("$ .** { 0 to 9 } .a", 10),
            ("$.**{9 to 0}", 1),
        ] {
            assert_eq!(levels(path), found, "{path}");
        }
    }
}

//! The mistakes in a file that a person writes in TOML, all of them at once, each with its place and its fix.
//!
//! serde stops at the first mistake. So what is wrong is taken out and the rest is read again, until nothing is wrong or
//! [`MISTAKES_MAX`] mistakes are found. Syntax comes first: in a text that is not TOML nothing else is looked for. What a key means
//! is not known here, except for the examples in [`example`].

use crate::limits::{LISTED_NAMES_MAX, MISTAKES_MAX, NAME_TYPOS_MAX};
use serde::de::DeserializeOwned;
use std::borrow::Cow;
use std::ops::Range;
use std::path::Path;
use toml::Spanned;
use toml::de::{DeArray, DeTable, DeValue, Deserializer};

/// A mistake in a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mistake {
    /// Where it is in the text, in bytes.
    pub span: Range<usize>,
    /// The key at the top of the file that holds it, or that was probably meant; empty for a mistake of syntax.
    pub section: String,
    /// What is wrong, and what to write.
    pub sentence: String,
}

/// A file, as far as it can be read.
#[derive(Clone, Debug)]
pub struct Read<T> {
    /// What it says without its mistakes; `None` if too little is left.
    pub value: Option<T>,
    /// The mistakes, in the order of the text.
    pub mistakes: Vec<Mistake>,
}

/// A value to go on with, as TOML, in the place of a wrong or missing one that nothing else can be read without.
pub type StandIn = fn(&[&str]) -> Option<&'static str>;

/// Reads a text with all of its mistakes.
pub fn read<T: DeserializeOwned>(text: &str, stand_in: StandIn) -> Read<T> {
    let (table, errors) = DeTable::parse_recoverable(text);
    let mut root = Spanned::new(table.span(), DeValue::Table(table.into_inner()));
    let mut found = Vec::new();
    // What the parser says after its first error mostly follows from it.
    let start = |error: &&toml::de::Error| error.span().map_or(0, |span| span.start);
    if let Some(first) = errors.iter().min_by_key(start) {
        let sentence = first.message().trim().replace('\n', " ");
        found.push(Mistake { span: first.span().unwrap_or_default(), section: String::new(), sentence });
        return Read { value: None, mistakes: found };
    }
    let mut last = None;
    // Tables from which a key was taken, which is then missing.
    let mut taken: Vec<(Range<usize>, String)> = Vec::new();
    while found.len() < MISTAKES_MAX {
        let DeValue::Table(table) = root.get_ref() else { break };
        let table = Spanned::new(root.span(), table.clone());
        let error = match T::deserialize(Deserializer::from(table)) {
            Ok(value) => return Read { value: Some(value), mistakes: sorted(found) },
            Err(error) => error,
        };
        let (span, message) = (error.span().unwrap_or_default(), error.message().trim().replace('\n', " "));
        let mut path = located(&root, &span).unwrap_or_default();
        let missing = words(&message, "missing field").map(|(name, _)| name.to_owned());
        let is_known = missing.as_ref().is_some_and(|name| taken.contains(&(span.clone(), name.clone())));
        let again = Some((span.clone(), message.clone()));
        if last == again {
            // Nothing smaller helped.
            path.truncate(1);
        }
        let is_repeated = std::mem::replace(&mut last, again.clone()) == again;
        if !is_known && !is_repeated {
            found.push(mistake(&path, span, &message));
        }
        if let Some(name) = missing {
            let mut inner = path.clone();
            inner.push(name);
            if insert(&mut root, &inner, stand_in) {
                continue;
            }
        }
        match take_out(&mut root, &path, stand_in) {
            Some(from) => taken.push(from),
            None => break,
        }
    }
    Read { value: None, mistakes: sorted(found) }
}

/// The place of a key in a text, by its path from the top: `["grants", "db", "tables", "posts"]`. The last name may be a text in a
/// list. It is the place of the nearest key above it if it is not there, and `None` if the first is not.
pub fn place(text: &str, path: &[&str]) -> Option<Range<usize>> {
    let (table, _) = DeTable::parse_recoverable(text);
    let (mut table, mut found, mut list) = (table.get_ref(), None, None);
    for &name in path {
        if list.is_some() {
            break;
        }
        let Some((key, value)) = table.iter().find(|(key, _)| key.get_ref() == name) else { break };
        found = Some(key.span());
        match value.get_ref() {
            DeValue::Table(inner) => table = inner,
            DeValue::Array(values) => list = Some(values),
            _ => break,
        }
    }
    let name = path.last().copied()?;
    let item = list.into_iter().flatten().find(|value| value.get_ref().as_str() == Some(name));
    item.map(Spanned::span).or(found)
}

/// The mistakes as lines: `file:line:column: what is wrong`.
pub fn lines(text: &str, path: &Path, mistakes: &[Mistake]) -> String {
    let line = |mistake: &Mistake| {
        let (line, column) = position(text, mistake.span.start);
        format!("{}:{line}:{column}: {}", path.display(), mistake.sentence)
    };
    mistakes.iter().map(line).collect::<Vec<_>>().join("\n")
}

/// The line and the column of a byte, from 1 on; a column is a character.
pub fn position(text: &str, at: usize) -> (usize, usize) {
    let before = text.get(..text.floor_char_boundary(at)).unwrap_or(text);
    let line = before.matches('\n').count().saturating_add(1);
    let column = before.rsplit('\n').next().map_or(1, |tail| tail.chars().count().saturating_add(1));
    (line, column)
}

/// The name that was probably meant, if one of these is near.
pub fn nearest<'a>(name: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let same = |name: &str| name.to_lowercase().replace('_', "-");
    let letters = name.chars().count();
    // A short name is near to too many others.
    let most = if letters > NAME_TYPOS_MAX.saturating_mul(2) {
        NAME_TYPOS_MAX
    } else {
        letters.saturating_sub(1).min(1)
    };
    let name = same(name);
    let distance = |other: &str| strsim::damerau_levenshtein(&name, &same(other));
    let near = known.into_iter().map(|other| (distance(other), other)).filter(|(far, _)| *far <= most);
    near.min().map(|(_, other)| other)
}

/// The end of a sentence about an unknown name: what was probably meant, and what there is.
pub fn instead(name: &str, what: &str, known: &[&str]) -> String {
    let list = known.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ");
    match (nearest(name, known.iter().copied()), known.is_empty()) {
        (Some(near), _) if known.len() > LISTED_NAMES_MAX => format!("did you mean `{near}`?"),
        (Some(near), _) => format!("did you mean `{near}`? The {what} here are {list}"),
        (None, false) => format!("the {what} here are {list}"),
        (None, true) => format!("there are no {what} here"),
    }
}

fn sorted(mut mistakes: Vec<Mistake>) -> Vec<Mistake> {
    mistakes.sort_by_key(|mistake| mistake.span.start);
    mistakes
}

fn mistake(path: &[String], span: Range<usize>, message: &str) -> Mistake {
    let mut section = path.first().cloned().unwrap_or_default();
    let names: Vec<&str> = path.iter().map(String::as_str).collect();
    let sentence = if let Some((name, known)) = words(message, "unknown field") {
        if let ([_], Some(near)) = (names.as_slice(), nearest(name, known.iter().copied())) {
            near.clone_into(&mut section);
        }
        match (nearest(name, known.iter().copied()), home(name)) {
            (None, Some(home)) => format!("unknown key `{name}`: it belongs to {home}"),
            _ => format!("unknown key `{name}`: {}", instead(name, "keys", &known)),
        }
    } else if let Some((name, known)) = words(message, "unknown variant") {
        format!("unknown word `{name}`: {}", instead(name, "words", &known))
    } else if let Some((name, _)) = words(message, "missing field") {
        let inner: Vec<&str> = names.iter().copied().chain([name]).collect();
        let fix = example(&inner).map_or_else(String::new, |line| format!(": add `{line}`"));
        if path.is_empty() {
            name.clone_into(&mut section);
        }
        format!("the key `{name}` is missing here{fix}")
    } else {
        let of_type = message.strip_prefix("invalid type: ").and_then(|rest| rest.rsplit_once(", expected "));
        let plain = match of_type {
            Some((found, expected)) => format!("expected {}, found {}", in_toml(expected), in_toml(found)),
            None if message == "wanted string or table" => "expected a word in quotes".to_owned(),
            None => return Mistake { span, section, sentence: message.to_owned() },
        };
        let fix = example(&names).filter(|line| !plain.contains(*line));
        fix.map_or_else(|| plain.clone(), |line| format!("{plain}: write `{line}`"))
    };
    Mistake { span, section, sentence }
}

/// The names in a message of serde: the one that it is about, and those that it expects.
fn words<'m>(message: &'m str, about: &str) -> Option<(&'m str, Vec<&'m str>)> {
    let rest = message.strip_prefix(about)?.strip_prefix(" `")?;
    // The author's own name may have any characters.
    let (name, rest) = rest
        .rsplit_once("`, expected ")
        .or_else(|| rest.rsplit_once("`, there are"))
        .or_else(|| rest.strip_suffix('`').map(|name| (name, "")))?;
    Some((name, rest.split('`').skip(1).step_by(2).collect()))
}

/// serde's words for a list and a table.
fn in_toml(text: &str) -> String {
    match text {
        "sequence" => "list".to_owned(),
        "map" => "table".to_owned(),
        other => other.replace("a sequence", "a list").replace("a map", "a table"),
    }
}

/// Where a key belongs that stands in another table.
fn home(key: &str) -> Option<&'static str> {
    Some(match key {
        "exports" => "the file itself: write `[exports]` above its lines",
        "taps" => "the file itself: write `[taps]` above its lines",
        "grants" => "the file itself: write `[grants]` above its lines",
        "variables" => "the file itself: write `[variables]` above its lines",
        "limits" => "the file itself: write `[limits]` above its lines",
        "build" => "the file itself: write `[build]` above its lines",
        "name" | "version" | "component" | "migrations" | "description" => "[plugin]",
        "db" | "item" | "user" | "http" => "[grants]",
        "tables" | "query" | "execute" | "extensions" => "[grants.db]",
        "types" => "[grants.item]",
        "every" => "`cron` in [taps]",
        "url" | "methods" | "secret" => "an entry of `http` in [grants]",
        "language" | "source" => "[build]",
        _ => return None,
    })
}

/// A line that is right, by the path of its key.
fn example(path: &[&str]) -> Option<&'static str> {
    Some(match path {
        ["plugin"] => "[plugin]",
        ["plugin", "name"] => "name = \"blog\"",
        ["plugin", "version"] => "version = \"0.1.0\"",
        ["plugin", "component"] => "component = \"blog.wasm\"",
        ["exports", _] => "\"acme:blog/posts\" = \"query\"",
        ["taps", "cron"] => "cron = { every = \"5 min\" }",
        ["taps", "cron", "every"] => "every = \"5 min\"",
        ["taps", _] => "item-view = {}",
        ["build", "language"] => "language = \"rust\"",
        ["variables", _, "type"] => "type = \"integer\"",
        ["variables", _, "default"] => "default = 20",
        ["variables", _] => "page-size = { type = \"integer\", default = 20 }",
        [.., "http"] => "http = [{ url = \"https://api.example.com/v1/\" }]",
        [.., "http", _, "url"] => "url = \"https://api.example.com/v1/\"",
        [.., "http", _, "methods"] => "methods = [\"GET\"]",
        [.., "user"] => "user = [\"get\"]",
        [.., "types", _] => "post = [\"read\"]",
        _ => return None,
    })
}

/// The path of the deepest entry whose key or value is exactly here.
fn located(value: &Spanned<DeValue<'_>>, span: &Range<usize>) -> Option<Vec<String>> {
    let within = |name: String, path: Vec<String>| Some([vec![name], path].concat());
    let inner = match value.get_ref() {
        DeValue::Table(table) => table.iter().find_map(|(key, value)| {
            let name = || key.get_ref().to_string();
            if key.span() == *span {
                return Some(vec![name()]);
            }
            within(name(), located(value, span)?)
        }),
        DeValue::Array(values) => {
            let mut values = values.iter().enumerate();
            values.find_map(|(index, value)| within(index.to_string(), located(value, span)?))
        }
        _ => None,
    };
    inner.or_else(|| (value.span() == *span).then(Vec::new))
}

/// Takes the entry of a path out, or puts its stand-in there. Returns the place of the table that lost it, and its name.
fn take_out(
    root: &mut Spanned<DeValue<'_>>,
    path: &[String],
    stand_in: StandIn,
) -> Option<(Range<usize>, String)> {
    let (name, above) = path.split_last()?;
    if insert(root, path, stand_in) {
        return Some((Range::default(), name.clone()));
    }
    let parent = entry(root, above)?;
    let span = parent.span();
    match parent.get_mut() {
        DeValue::Table(table) => {
            table.remove(name.as_str());
        }
        DeValue::Array(values) => {
            let index: usize = name.parse().ok()?;
            if index >= values.len() {
                return None;
            }
            let all = std::mem::replace(values, DeArray::new()).into_iter().enumerate();
            *values = all.filter(|(other, _)| *other != index).map(|(_, value)| value).collect();
        }
        _ => return None,
    }
    Some((span, name.clone()))
}

/// Puts the stand-in of a path into its table.
fn insert(root: &mut Spanned<DeValue<'_>>, path: &[String], stand_in: StandIn) -> bool {
    let names: Vec<&str> = path.iter().map(String::as_str).collect();
    let value = stand_in(&names).and_then(|value| DeValue::parse(value).ok());
    let (Some(value), Some((name, above))) = (value, path.split_last()) else { return false };
    let Some(DeValue::Table(table)) = entry(root, above).map(Spanned::get_mut) else { return false };
    table.remove(name.as_str());
    table.insert(Spanned::new(Range::default(), Cow::Owned(name.clone())), value);
    true
}

fn entry<'v, 'i>(
    root: &'v mut Spanned<DeValue<'i>>,
    path: &[String],
) -> Option<&'v mut Spanned<DeValue<'i>>> {
    let mut value = root;
    for name in path {
        value = match value.get_mut() {
            DeValue::Table(table) => {
                let mut entries = table.iter_mut();
                entries.find_map(|(key, value)| (key.get_ref() == name).then_some(value))?
            }
            DeValue::Array(values) => values.get_mut(name.parse::<usize>().ok()?)?,
            _ => return None,
        };
    }
    Some(value)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::manifest::Manifest;

    const HEAD: &str = "[plugin]\nname = \"blog\"\nversion = \"0.1.0\"\ncomponent = \"blog.wasm\"\n";

    fn sentences(text: &str) -> Vec<String> {
        let read = Manifest::read(text);
        let shown = lines(text, Path::new("palisade.toml"), &read.mistakes);
        shown.lines().map(str::to_owned).collect()
    }

    #[test]
    fn first_mistake_of_syntax_is_found_alone() {
        let text = format!(
            "{HEAD}[grants]\nuser = [\"get\"\n[limits]\nmemory = \"32 MiB\"\nwall-time = \"1 s\"\n[taps\n"
        );
        let found = sentences(&text);
        assert!(found.len() == 1 && found[0].contains("palisade.toml:7:"), "{found:#?}");
    }

    #[test]
    fn all_mistakes_are_found_at_once_in_the_order_of_the_text() {
        let text = "[plugin]\nname = \"My Blog\"\nversion = \"1\"\ncomponet = \"blog.wasm\"\n\
            [exports]\nposts = \"query\"\n\"acme:blog/posts\" = \"read\"\n\
            [taps]\ncron = \"*/5 * * * *\"\nitem_view = {}\n\
            [grants]\nusr = [\"get\"]\nuser = [\"has_permission\", 5]\nhttp = [{ url = \"example.com\", method = [\"GET\"] }]\n\
            [limits]\nmemroy = \"1 MiB\"\nwall-time = 5\n[variables]\nsize = { type = \"int\", default = 1 }\nBig = { type = \"text\" }\n";
        let found = sentences(text);
        let starts = [
            ":2:8: \"My Blog\" is not a plugin name",
            ":3:11: \"1\" is not a version: write three numbers, such as \"1.0.0\"",
            ":4:1: unknown key `componet`: did you mean `component`?",
            ":6:1: \"posts\" is not the name of an interface",
            ":7:21: unknown word `read`: the words here are `query`, `mutation`, `action`",
            ":9:8: expected a table with the time between two runs",
            ":10:1: unknown key `item_view`: did you mean `item-view`?",
            ":12:1: unknown key `usr`: did you mean `user`?",
            ":13:9: unknown word `has_permission`: did you mean `has-permission`?",
            ":13:27: ",
            ":14:17: http grant `example.com`: the URL has no scheme: write \"https://example.com\"",
            ":14:32: unknown key `method`: did you mean `methods`?",
            ":16:1: unknown limit `memroy`: did you mean `memory`?",
            ":17:13: limit `wall-time` is a time",
            ":19:17: unknown word `int`",
            ":20:1: \"Big\" is not the name of a variable",
        ];
        for start in starts {
            assert!(found.iter().any(|line| line.contains(start)), "{start} in {found:#?}");
        }
        let line = |text: &str| text.split(':').nth(1).and_then(|line| line.parse::<usize>().ok());
        assert!(found.is_sorted_by_key(|text| line(text)), "{found:#?}");
    }

    #[test]
    fn what_was_taken_out_is_not_missed_and_the_rest_is_still_known() {
        let read =
            Manifest::read("[plugin]\nname = \"blog\"\nversion = \"one\"\n[build]\nlanguage = \"ruby\"\n");
        let sections: Vec<&str> = read.mistakes.iter().map(|mistake| mistake.section.as_str()).collect();
        assert_eq!(sections, ["plugin", "plugin", "build"], "{:?}", read.mistakes);
        assert_eq!(read.value.expect("a manifest").plugin.name.as_str(), "blog");
        let read = Manifest::read("[grant]\n");
        let sections: Vec<&str> = read.mistakes.iter().map(|mistake| mistake.section.as_str()).collect();
        assert_eq!(sections, ["plugin", "grants"], "{:?}", read.mistakes);
        assert!(read.value.is_some());
    }

    #[test]
    fn mistakes_are_bounded_and_every_text_ends() {
        let many = (0..=MISTAKES_MAX).fold(HEAD.to_owned(), |text, index| format!("{text}x{index} = 1\n"));
        assert_eq!(Manifest::read(&many).mistakes.len(), MISTAKES_MAX);
        let at = (1..MISTAKES_MAX).fold(HEAD.to_owned(), |text, index| format!("{text}x{index} = 1\n"));
        let read = Manifest::read(&at);
        assert_eq!(read.mistakes.len(), MISTAKES_MAX - 1);
        assert!(read.value.is_some());
        for text in [
            "",
            "plugin = 1",
            "[[plugin]]\n",
            "[plugin.name]\n",
            "grants.db.tables.t = 1",
            "a.b.c = {}",
            "= 1\n[x\n",
            "\u{0}",
        ] {
            assert!(!Manifest::read(text).mistakes.is_empty(), "{text:?}");
        }
    }

    #[test]
    fn place_is_that_of_the_key_or_of_the_nearest_above_it() {
        let text = "[grants.db.tables]\nposts = { select = [\"id\"] }\n[exports]\n\"a:b/c\" = \"query\"\n";
        let at = |path: &[&str]| place(text, path).map(|span| &text[span]);
        assert_eq!(at(&["grants", "db", "tables", "posts"]), Some("posts"));
        assert_eq!(at(&["grants", "db", "tables", "posts", "select"]), Some("select"));
        assert_eq!(at(&["grants", "db", "tables", "posts", "select", "id"]), Some("\"id\""));
        assert_eq!(at(&["grants", "db", "tables", "posts", "select", "no"]), Some("select"));
        assert_eq!(at(&["grants", "http"]), Some("grants"));
        assert_eq!(at(&["exports", "a:b/c"]), Some("\"a:b/c\""));
        assert_eq!(at(&["taps"]), None);
    }

    #[test]
    fn near_names_are_found_whatever_their_case_and_dashes() {
        let known = ["select", "insert", "item-view", "id", "rust"];
        for (name, expected) in [
            ("selct", Some("select")),
            ("Item_View", Some("item-view")),
            ("isnert", Some("insert")),
            ("ruby", None),
            ("x", None),
            ("xy", None),
            ("delete", None),
        ] {
            assert_eq!(nearest(name, known), expected, "{name}");
        }
    }
}

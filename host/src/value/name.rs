//! Names: WIT's kebab-case to JSON's lowerCamelCase, and suggestions for misspelt names.

use palisade_guard::limits::QUOTED_CHARS_MAX;

/// The JSON key of a WIT name: `page-size` becomes `pageSize`, and `HTTP-status`, with an acronym, becomes `httpStatus`.
pub(super) fn camel(kebab: &str) -> Box<str> {
    let mut key = String::with_capacity(kebab.len());
    for (i, word) in kebab.split('-').enumerate() {
        for (j, c) in word.chars().enumerate() {
            key.push(if i > 0 && j == 0 { c.to_ascii_uppercase() } else { c.to_ascii_lowercase() });
        }
    }
    key.into()
}

/// The known name that is closest to a wrong one, if any is close enough.
pub(super) fn closest<'a>(wrong: &str, known: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    // The comparison takes time proportional to both lengths, and the caller controls one of them.
    if wrong.len() > QUOTED_CHARS_MAX {
        return None;
    }
    let wrong = plain(wrong);
    let far = wrong.chars().count() / 3;
    known
        .map(|name| (strsim::damerau_levenshtein(&wrong, &plain(name)), name))
        .filter(|(distance, _)| *distance <= far)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, name)| name)
}

/// A name in lower case and without hyphens and underscores, so that kebab-case, `snake_case` and camelCase are equal.
fn plain(name: &str) -> String {
    name.chars().filter(|c| !matches!(c, '-' | '_')).map(|c| c.to_ascii_lowercase()).collect()
}

#[cfg(test)]
mod tests {
    use super::{camel, closest};

    #[test]
    fn camel_joins_words_and_lowers_acronyms() {
        for (kebab, key) in [
            ("limit", "limit"),
            ("page-size", "pageSize"),
            ("HTTP-status", "httpStatus"),
            ("parse-JSON5", "parseJson5"),
            ("a-1", "a1"),
            ("x-y-z", "xYZ"),
        ] {
            assert_eq!(&*camel(kebab), key);
        }
    }

    #[test]
    fn closest_finds_a_misspelling_and_nothing_far_away() {
        let known = ["limit", "pageSize", "tags"];
        for (wrong, meant) in [
            ("entirely-else", None),
            ("", None),
            (&*"limit".repeat(1_000), None),
            ("limt", Some("limit")),
            ("page-size", Some("pageSize")),
            ("page_size", Some("pageSize")),
            ("tasg", Some("tags")),
        ] {
            assert_eq!(closest(wrong, known.into_iter()), meant, "{wrong}");
        }
    }
}

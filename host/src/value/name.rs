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

/// A WIT name as the name of a type in most languages: `page-size` becomes `PageSize`. Two different names stay different, because
/// a word of digits keeps a mark before it: `a-1` becomes `A_1`.
pub(super) fn pascal(kebab: &str) -> String {
    let mut name = String::with_capacity(kebab.len());
    for (i, word) in kebab.split('-').enumerate() {
        if i > 0 && word.starts_with(|c: char| c.is_ascii_digit()) {
            name.push('_');
        }
        for (j, c) in word.chars().enumerate() {
            name.push(if j == 0 { c.to_ascii_uppercase() } else { c.to_ascii_lowercase() });
        }
    }
    name
}

/// A WIT name as the name of a function in most languages: `page-size` becomes `pageSize`, and `a-1` becomes `a_1`.
pub fn camel_id(kebab: &str) -> String {
    let mut name = pascal(kebab);
    if let Some(first) = name.get_mut(..1) {
        first.make_ascii_lowercase();
    }
    name
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
    use super::{camel, camel_id, closest, pascal};

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
    fn names_of_types_and_functions_stay_different() {
        for (kebab, ty, function) in [
            ("limit", "Limit", "limit"),
            ("page-size", "PageSize", "pageSize"),
            ("HTTP-status", "HttpStatus", "httpStatus"),
            ("a-1", "A_1", "a_1"),
            ("a1", "A1", "a1"),
            ("x-y-z", "XYZ", "xYZ"),
            ("xy-z", "XyZ", "xyZ"),
        ] {
            assert_eq!((pascal(kebab).as_str(), camel_id(kebab).as_str()), (ty, function));
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

//! Paths: those of routes, as a manifest writes them, and those of requests, which have one reading.
//!
//! The rule: a request's path is percent-decoded once, and is rejected where a second reader could take it for another
//! path: if it hides a separator, a dot segment or a second encoding. So the route that is found and the path that the
//! handler sees can never differ.

use crate::limits::ROUTE_PATH_BYTES_MAX;
use percent_encoding::percent_decode_str;
use serde::{Deserialize, Serialize};

/// The path of a route: `/`, or segments of letters, digits, `-`, `.`, `_` and `~`, each after a `/`; at most 128 bytes.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct RoutePath(String);

impl RoutePath {
    /// Parses a path.
    pub fn parse(path: &str) -> Result<Self, String> {
        let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
        let is_segment =
            |segment: &str| !segment.is_empty() && !is_dots(segment) && segment.bytes().all(is_plain);
        let is_path =
            path == "/" || path.strip_prefix('/').is_some_and(|rest| rest.split('/').all(is_segment));
        if is_path && path.len() <= ROUTE_PATH_BYTES_MAX {
            return Ok(Self(path.to_owned()));
        }
        Err(format!(
            "{path:?} is not the path of a route: it begins with `/`, its segments have letters, digits, `-`, `.`, `_` and `~`, \
             it has no `/` at its end, and at most {ROUTE_PATH_BYTES_MAX} bytes"
        ))
    }

    /// The path.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether a request's path is this one or below it.
    fn covers(&self, path: &RequestPath) -> bool {
        let below = path.0.strip_prefix(self.0.trim_end_matches('/'));
        below.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    }
}

impl TryFrom<String> for RoutePath {
    type Error = String;

    fn try_from(path: String) -> Result<Self, String> {
        Self::parse(&path)
    }
}

impl From<RoutePath> for String {
    fn from(path: RoutePath) -> Self {
        path.0
    }
}

/// The path of a request below `/hooks/PLUGIN`, percent-decoded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RequestPath(String);

impl RequestPath {
    /// Parses what follows `/hooks/PLUGIN` in a URL. Nothing stands for `/`. The error is a sentence for the sender.
    pub fn parse(raw: &str) -> Result<Self, String> {
        let refuse = |rule: &str| Err(format!("the path is rejected: {rule}"));
        if raw.is_empty() {
            return Ok(Self("/".to_owned()));
        }
        let Ok(path) = percent_decode_str(raw).decode_utf8() else {
            return refuse("what it encodes is not UTF-8");
        };
        // An encoding that is malformed stays as it is, so it is found here, too.
        if path.contains('%') {
            return refuse("it has a `%` that encodes nothing, or encodes a `%`");
        }
        let slashes = |text: &str| text.bytes().filter(|byte| *byte == b'/').count();
        if slashes(&path) != slashes(raw) || path.contains('\\') {
            return refuse("it has an encoded `/`, or a backslash");
        }
        if path.chars().any(char::is_control) {
            return refuse("it has a control character");
        }
        let Some(segments) = path.strip_prefix('/') else { return refuse("it does not begin with `/`") };
        if segments.split('/').any(is_dots) {
            return refuse("it has a segment `.` or `..`");
        }
        if path.contains("//") {
            return refuse("it has an empty segment");
        }
        Ok(Self(path.into_owned()))
    }

    /// The path.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The route with the longest path at or above this one.
    pub fn route<'a, T>(&self, routes: impl IntoIterator<Item = (&'a RoutePath, T)>) -> Option<T> {
        let covering = routes.into_iter().filter(|(path, _)| path.covers(self));
        covering.max_by_key(|(path, _)| path.0.len()).map(|(_, route)| route)
    }
}

fn is_dots(segment: &str) -> bool {
    matches!(segment, "." | "..")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn malformed_path_of_a_route_is_rejected() {
        let long = format!("/{}", "a".repeat(ROUTE_PATH_BYTES_MAX));
        for path in [
            "", "a", "//", "/a/", "/a//b", "/.", "/a/..", "/../a", "/a%20b", "/a b", "/a?b", "/a#b", "/a\\b",
            "/é", "/a*", "/{a}", "/a\0", "/a;b", &long,
        ] {
            assert!(RoutePath::parse(path).is_err(), "{path:?}");
        }
        for path in ["/", "/a", "/a/b.c", "/..a", "/A~-_", &long[..ROUTE_PATH_BYTES_MAX]] {
            assert!(RoutePath::parse(path).is_ok(), "{path:?}");
        }
    }

    #[test]
    fn path_that_a_second_reader_could_take_for_another_is_rejected() {
        for path in [
            "a",
            "//",
            "/a//b",
            "//a",
            "/.",
            "/..",
            "/a/./b",
            "/a/../b",
            "/a/..",
            "/%2e",
            "/%2e%2e/b",
            "/.%2E/b",
            "/a%2fb",
            "/a%2Fb",
            "/a%5cb",
            "/a\\b",
            "/%252e%252e",
            "/a%25",
            "/a%",
            "/a%2",
            "/a%zz",
            "/%ff",
            "/%c0%ae",
            "/a%00",
            "/a%0ab",
            "/a%7f",
            "/%c2%85",
            "/a/%2e%2e%2fb",
        ] {
            assert!(RequestPath::parse(path).is_err(), "{path:?}");
        }
    }

    #[test]
    fn path_is_decoded_once() {
        for (raw, path) in [
            ("", "/"),
            ("/", "/"),
            ("/a", "/a"),
            ("/a/", "/a/"),
            ("/a%20b", "/a b"),
            ("/%C3%A9", "/é"),
            ("/..a/b.", "/..a/b."),
        ] {
            assert_eq!(RequestPath::parse(raw).unwrap().as_str(), path);
        }
    }

    #[test]
    fn longest_route_at_or_above_a_path_gets_it() {
        let paths = ["/a", "/", "/a/b", "/ab"].map(|path| RoutePath::parse(path).unwrap());
        for (raw, expected) in [
            ("", "/"),
            ("/", "/"),
            ("/c", "/"),
            ("/a", "/a"),
            ("/a/", "/a"),
            ("/%61", "/a"),
            ("/A", "/"),
            ("/abc", "/"),
            ("/ab/c", "/ab"),
            ("/a/bc", "/a"),
            ("/a/b", "/a/b"),
            ("/a/b/c", "/a/b"),
        ] {
            let path = RequestPath::parse(raw).unwrap();
            let found = path.route(paths.iter().map(|path| (path, path.as_str())));
            assert_eq!(found, Some(expected), "{raw}");
            let without_root =
                paths.iter().filter(|path| path.as_str() != "/").map(|path| (path, path.as_str()));
            assert_eq!(path.route(without_root), Some(expected).filter(|path| *path != "/"), "{raw}");
        }
    }
}

//! The difference between what a manifest names and what a component exports, as a diff of the world's WIT.
//!
//! `-` is named and not exported, `+` is exported and not named. What both have is left out, so every line shown is one to
//! change. The diff is sorted by name and bounded, because a component can export any number of interfaces.

use palisade_guard::kind::PACKAGE;
use palisade_guard::limits::{EXPORT_LINE_CHARS_MAX, EXPORT_LINES_MAX};
use palisade_guard::manifest::{HANDLER, Manifest, TAPS};
use palisade_guard::surface::Surface;
use std::collections::BTreeSet;

/// The interfaces and taps that a manifest names, and the handler if it lists routes.
pub(super) fn named(manifest: &Manifest) -> BTreeSet<String> {
    let taps = TAPS.iter().filter(|(_, _, listed)| listed(&manifest.taps));
    let taps = taps.map(|(tap, ..)| format!("{PACKAGE}/{tap}"));
    let routes = (!manifest.grants.routes.is_empty()).then(|| format!("{PACKAGE}/{HANDLER}"));
    manifest.exports.keys().cloned().chain(taps).chain(routes).collect()
}

/// The interfaces and functions that a component exports, without versions.
pub(super) fn exported(surface: &Surface) -> BTreeSet<String> {
    let exports = surface.exports.iter().chain(&surface.bare);
    exports.map(|name| name.split('@').next().unwrap_or(name).to_owned()).collect()
}

/// The lines of the diff, each after a line break; empty if there is no difference.
pub(super) fn difference(named: &BTreeSet<String>, exported: &BTreeSet<String>) -> String {
    let differing: BTreeSet<&String> = named.symmetric_difference(exported).collect();
    if differing.is_empty() {
        return String::new();
    }
    let line = |name: &&String| {
        let sign = if named.contains(*name) { '-' } else { '+' };
        let short: String = name.chars().take(EXPORT_LINE_CHARS_MAX).collect();
        let end = if short.len() < name.len() { '…' } else { ';' };
        format!("\n{sign} export {short}{end}")
    };
    let lines: String = differing.iter().take(EXPORT_LINES_MAX).map(line).collect();
    let more = match differing.len().saturating_sub(EXPORT_LINES_MAX) {
        0 => String::new(),
        more => format!("\n  and {more} more"),
    };
    format!("\npalisade.toml (-) and the component (+) differ:{lines}{more}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(names: &[&str]) -> BTreeSet<String> {
        names.iter().map(|&name| name.to_owned()).collect()
    }

    #[test]
    fn difference_is_bounded_in_lines_and_in_line_length() {
        let many: BTreeSet<String> =
            (0..EXPORT_LINES_MAX + 3).map(|index| format!("a:b/c{index:03}")).collect();
        let text = difference(&set(&[]), &many);
        assert_eq!(text.matches("\n+ export a:b/c").count(), EXPORT_LINES_MAX);
        assert!(text.ends_with("\n  and 3 more"), "{text}");
        let long = "x".repeat(EXPORT_LINE_CHARS_MAX + 1);
        let text = difference(&set(&[&long]), &set(&[]));
        assert!(text.ends_with(&format!("\n- export {}…", &long[1..])), "{text}");
    }

    #[test]
    fn difference_shows_only_what_one_side_lacks_sorted_by_name() {
        let text = difference(&set(&["a:b/both", "a:b/old", "a:b/z"]), &set(&["a:b/both", "a:b/new"]));
        let expected = "\npalisade.toml (-) and the component (+) differ:\n+ export a:b/new;\n- export a:b/old;\n- export a:b/z;";
        assert_eq!(text, expected);
        assert_eq!(difference(&set(&["a:b/both"]), &set(&["a:b/both"])), "");
    }
}

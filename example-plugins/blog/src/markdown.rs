//! Converts Markdown to HTML that is safe to show: the author of a post must not be able to add a script. HTML in the
//! Markdown is shown as text, and links lead only to web addresses, mail addresses, or pages within the site.

use std::hash::{DefaultHasher, Hash as _, Hasher as _};

use palisade_sdk::cache::{self, Retention};
use pulldown_cmark::{CowStr, Event, Options, Parser, Tag, TagEnd, html};

/// Returns the HTML of an item's text, from the cache if possible.
pub fn render_cached(id: &str, revision: u32, body: &str) -> String {
    // An earlier plugin may have changed the text of the same revision, so the text itself is part of the key.
    let mut hasher = DefaultHasher::new();
    body.hash(&mut hasher);
    let key = format!("html:{id}:{revision}:{:016x}", hasher.finish());
    // An unavailable cache is treated as empty.
    let cached = cache::get(&key).ok().flatten().and_then(|bytes| String::from_utf8(bytes).ok());
    cached.unwrap_or_else(|| {
        let html = render(body);
        let stored = cache::set(&key, &html, &Retention::default().tag(tag(id)));
        if let Err(error) = stored {
            palisade_sdk::warn!(item = id, "the HTML was not cached: {error}");
        }
        html
    })
}

/// Removes all cached renderings of an item.
pub fn forget(id: &str) {
    if let Err(error) = cache::invalidate_tag(&tag(id)) {
        palisade_sdk::warn!(item = id, "the cached HTML was not removed: {error}");
    }
}

fn tag(id: &str) -> String {
    format!("item:{id}")
}

/// Renders a text as HTML.
pub fn render(body: &str) -> String {
    let options = Options::ENABLE_TABLES | Options::ENABLE_STRIKETHROUGH;
    let mut out = String::new();
    html::push_html(&mut out, Parser::new_ext(body, options).map(defuse));
    out
}

/// Returns the beginning of a text without its markup, at most `chars_max` characters.
pub fn plain_text(body: &str, chars_max: usize) -> String {
    let mut text = String::new();
    for event in Parser::new(body) {
        match event {
            Event::Text(part) | Event::Code(part) => text.push_str(&part),
            // Inline markup can end within a word, so no space follows it.
            Event::End(TagEnd::Emphasis | TagEnd::Strong | TagEnd::Link | TagEnd::Image) => {}
            Event::SoftBreak | Event::HardBreak | Event::End(_) => text.push(' '),
            _ => {}
        }
        if text.len() > chars_max.saturating_mul(4) {
            break;
        }
    }
    let words = text.split_whitespace().collect::<Vec<_>>().join(" ");
    match words.char_indices().nth(chars_max) {
        Some((end, _)) => format!("{}…", words.get(..end).unwrap_or_default().trim_end()),
        None => words,
    }
}

fn defuse(event: Event<'_>) -> Event<'_> {
    match event {
        Event::Html(markup) | Event::InlineHtml(markup) => Event::Text(markup),
        Event::Start(Tag::Link { link_type, dest_url, title, id }) => {
            Event::Start(Tag::Link { link_type, dest_url: safe(dest_url), title, id })
        }
        Event::Start(Tag::Image { link_type, dest_url, title, id }) => {
            Event::Start(Tag::Image { link_type, dest_url: safe(dest_url), title, id })
        }
        event => event,
    }
}

/// Returns the address, or an empty address when its scheme is not known to be harmless.
fn safe(address: CowStr<'_>) -> CowStr<'_> {
    let scheme_end = address.find([':', '/', '?', '#']).filter(|end| address[*end..].starts_with(':'));
    let harmless = scheme_end.is_none_or(|end| {
        ["http", "https", "mailto"].iter().any(|scheme| address[..end].eq_ignore_ascii_case(scheme))
    });
    if harmless { address } else { CowStr::Borrowed("") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn script_is_shown_as_text_or_removed_from_links() {
        for (body, html) in [
            ("<script>alert(1)</script>", "&lt;script&gt;alert(1)&lt;/script&gt;"),
            ("a <img src=x onerror=alert(1)>", "<p>a &lt;img src=x onerror=alert(1)&gt;</p>\n"),
            ("[a](javascript:alert(1))", "<p><a href=\"\">a</a></p>\n"),
            ("[a](JaVaScRiPt:alert(1))", "<p><a href=\"\">a</a></p>\n"),
            ("[a](data:text/html,x)", "<p><a href=\"\">a</a></p>\n"),
            ("![a](vbscript:x)", "<p><img src=\"\" alt=\"a\" /></p>\n"),
        ] {
            assert_eq!(render(body), html, "{body}");
        }
    }

    #[test]
    fn harmless_links_are_kept() {
        for address in ["https://example.com/a:b", "mailto:a@example.com", "/posts?at=1:2", "other", "#a:b"] {
            assert!(render(&format!("[a]({address})")).contains(&format!("href=\"{address}\"")), "{address}");
        }
    }

    #[test]
    fn plain_text_over_chars_max_is_cut() {
        assert_eq!(plain_text("# Größe\n\n`a` *b*", 9), "Größe a b");
        assert_eq!(plain_text("# Größe\n\n`a` *b*", 5), "Größe…");
        assert_eq!(plain_text(&"ß ".repeat(10_000), 4), "ß ß…");
    }
}

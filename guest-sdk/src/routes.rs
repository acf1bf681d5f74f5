//! Requests for a plugin's routes: webhooks, pages and files.
//!
//! To handle them, a plugin names the handler in its world, `export palisade:plugin/routes@0.1.0;`, lists its routes in
//! `[grants]`, and implements the trait `exports::palisade::plugin::routes::Guest` that [`plugin!`](crate::plugin)
//! generates for it.
//!
//! ```
//! use palisade_sdk::routes::{Method, Request, Response, escaped};
//!
//! fn handle(request: Request) -> Response {
//!     match (request.method, request.path.as_str()) {
//!         (Method::Get, "/") => Response::html(format!("<p>{}</p>", escaped("1 < 2"))),
//!         _ => Response::text(404, "there is no such page"),
//!     }
//! }
//! ```

use std::fmt::Write as _;

pub use crate::raw::route_types::{Body, Error, Header, Method, Request, Response};

use crate::body;

impl Request {
    /// Returns the first value of the header `name`. The name must be lower case, and one that the route's grant names or
    /// that every handler sees.
    pub fn header(&self, name: &str) -> Option<&[u8]> {
        self.headers.iter().find(|header| header.name == name).map(|header| header.value.as_slice())
    }

    /// Reads the body to its end. A body of more than `bytes_max` bytes is `LimitExceeded`.
    pub fn bytes(&self, bytes_max: usize) -> Result<Vec<u8>, Error> {
        body::whole(bytes_max, |bytes| self.body.read(bytes), Error::LimitExceeded)
    }
}

impl Response {
    /// Builds an answer without headers or body.
    pub fn new(status: u16) -> Self {
        Self { status, headers: Vec::new(), body: Vec::new() }
    }

    /// Builds an answer that is a text.
    pub fn text(status: u16, text: impl Into<String>) -> Self {
        Self::new(status).header("content-type", "text/plain; charset=utf-8").body(text.into())
    }

    /// Builds an answer that is JSON text, with the status 200.
    pub fn json(text: impl Into<String>) -> Self {
        Self::new(200).header("content-type", "application/json").body(text.into())
    }

    /// Builds an answer that is a page, with the status 200. What the plugin did not write itself must be [`escaped`].
    pub fn html(page: impl Into<String>) -> Self {
        Self::new(200).header("content-type", "text/html; charset=utf-8").body(page.into())
    }

    /// Adds a header.
    pub fn header(mut self, name: impl Into<String>, value: impl Into<Vec<u8>>) -> Self {
        self.headers.push(Header { name: name.into(), value: value.into() });
        self
    }

    /// Sets the body, at most 1 MiB.
    pub fn body(mut self, body: impl Into<Vec<u8>>) -> Self {
        self.body = body.into();
        self
    }
}

/// Returns the text with `&`, `<`, `>` and both quotes escaped, for HTML between tags and in quoted attributes.
pub fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for char in text.chars() {
        match char {
            '&' | '<' | '>' | '"' | '\'' => {
                // A write to a string cannot fail.
                let _written = write!(escaped, "&#{};", char as u32);
            }
            char => escaped.push(char),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_that_is_escaped_has_no_character_that_html_gives_a_meaning() {
        assert_eq!(
            escaped("<a href=\"x\" id='y'>&amp;"),
            "&#60;a href=&#34;x&#34; id=&#39;y&#39;&#62;&#38;amp;"
        );
        assert_eq!(escaped("plain é"), "plain é");
    }

    #[test]
    fn answer_is_built_with_its_type() {
        let page = Response::html("<p>").header("etag", "\"1\"");
        let names: Vec<&str> = page.headers.iter().map(|header| header.name.as_str()).collect();
        assert_eq!(
            (page.status, names, page.body.as_slice()),
            (200, vec!["content-type", "etag"], &b"<p>"[..])
        );
        assert_eq!(Response::text(404, "no").status, 404);
    }
}

//! Targets: one parser for the guest's URL, the URL of a grant and the location of a redirect.
//!
//! This module does not check whether a URL is allowed; [`super::Allowance`] does.

use crate::limits::{HTTP_PATH_DECODINGS_MAX, HTTP_URL_BYTES_MAX, QUOTED_CHARS_MAX};
use http::Uri;
use percent_encoding::percent_decode;
use std::net::IpAddr;
use url::{Host, ParseError, Url};

/// A normalised absolute `http` or `https` URL without user information and fragment, whose path hides no encoded dot
/// segments.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Target(Url);

impl Target {
    /// Parses an absolute URL. The error names the rule that the URL breaks.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        check_length(text)?;
        Self::check(Url::parse(text).map_err(|error| explained(text, error))?)
    }

    /// Parses a URL or a reference relative to this one.
    pub(super) fn join(&self, text: &str) -> Result<Self, String> {
        check_length(text)?;
        Self::check(self.0.join(text).map_err(|error| explained(text, error))?)
    }

    fn check(mut url: Url) -> Result<Self, String> {
        if !matches!(url.scheme(), "http" | "https") {
            return Err("must be an absolute http or https URL, such as \"https://api.example.com/\"".into());
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err("must have no user information".into());
        }
        url.set_fragment(None);
        check_length(url.as_str())?;
        if hides_dot_segments(url.path()) {
            return Err("must have no encoded dot segments in its path".into());
        }
        // The HTTP client parses the URL with another parser. If the two disagreed, the client would connect to a host
        // that was not checked.
        let uri: Uri = url.as_str().parse().map_err(|_| "must be a URI of RFC 3986".to_owned())?;
        if uri.host() != url.host_str() {
            return Err("must be a URI of RFC 3986".into());
        }
        Ok(Self(url))
    }

    /// The URL.
    pub(super) fn url(&self) -> &Url {
        &self.0
    }

    /// The host's IP address, if the host is one. The URL parser has already turned decimal, octal and hexadecimal
    /// spellings into addresses.
    pub(super) fn literal(&self) -> Option<IpAddr> {
        match self.0.host()? {
            Host::Ipv4(ip) => Some(ip.into()),
            Host::Ipv6(ip) => Some(ip.into()),
            Host::Domain(_) => None,
        }
    }

    /// What looks like a pattern in the host or the path. No server has such a name, and a URL means itself.
    pub(super) fn pattern(&self) -> Option<String> {
        let is_of_a_name = |letter: char| letter.is_ascii_alphanumeric() || matches!(letter, '-' | '_' | '.');
        if let Some(Host::Domain(name)) = self.0.host()
            && let Some(letter) = name.chars().find(|letter| !is_of_a_name(*letter))
        {
            return Some(format!(
                "has `{letter}` in its host, which is one exact name: write an entry for each host"
            ));
        }
        let path = self.0.path().replace("%7B", "{").replace("%7D", "}");
        path.chars().find(|letter| matches!(letter, '*' | '{' | '}')).map(|letter| {
            format!(
                "has `{letter}` in its path, and means every path at or below its own: leave that part out"
            )
        })
    }

    /// Whether scheme, host and port are the same.
    pub(super) fn has_origin_of(&self, other: &Self) -> bool {
        let (mine, theirs) = (&self.0, &other.0);
        mine.scheme() == theirs.scheme()
            && mine.host() == theirs.host()
            && mine.port_or_known_default() == theirs.port_or_known_default()
    }

    /// Whether this URL is at or below the base: the origin is the same, and the path begins with all of the base's
    /// segments.
    pub(super) fn is_below(&self, base: &Self) -> bool {
        let Some(rest) = self.0.path().strip_prefix(base.0.path()) else { return false };
        self.has_origin_of(base) && (rest.is_empty() || rest.starts_with('/') || base.0.path().ends_with('/'))
    }

    /// Whether a third party could read a request on its way: it is plain `http` and leaves the machine.
    pub(super) fn is_exposed(&self) -> bool {
        let local = match self.0.host() {
            Some(Host::Domain(name)) => name == "localhost",
            Some(Host::Ipv4(ip)) => ip.is_loopback(),
            Some(Host::Ipv6(ip)) => ip.is_loopback(),
            None => false,
        };
        self.0.scheme() == "http" && !local
    }
}

/// Why a text is not a URL, with what to write.
fn explained(text: &str, error: ParseError) -> String {
    match error {
        ParseError::RelativeUrlWithoutBase => {
            let fix: String = text.trim_start_matches('/').chars().take(QUOTED_CHARS_MAX).collect();
            format!("has no scheme: write {:?}", format!("https://{fix}"))
        }
        ParseError::EmptyHost => "has no host: write it as in \"https://api.example.com/\"".into(),
        ParseError::InvalidPort => {
            "has a port that is not a number up to 65535: correct it, or leave it out".into()
        }
        ParseError::InvalidIpv4Address | ParseError::InvalidIpv6Address => {
            "has a host that looks like an IP address and is not one: correct it".into()
        }
        ParseError::IdnaError | ParseError::InvalidDomainCharacter => {
            "has a host with a character that no name of a server has: correct it".into()
        }
        other => other.to_string(),
    }
}

fn check_length(text: &str) -> Result<(), String> {
    if text.len() > HTTP_URL_BYTES_MAX {
        return Err(format!("must have at most {HTTP_URL_BYTES_MAX} bytes"));
    }
    Ok(())
}

/// Whether a path has segments `.` or `..` for a server that decodes the path before it splits it. The URL parser
/// resolves plain dot segments and `%2e%2e`, but not `..%2f` and `%252e%252e`.
fn hides_dot_segments(path: &str) -> bool {
    let mut path = path.as_bytes().to_vec();
    for _ in 0..HTTP_PATH_DECODINGS_MAX {
        let decoded: Vec<u8> = percent_decode(&path).collect();
        // Some servers remove a segment's parameters (`..;x`) before they resolve it.
        if decoded.split(|&byte| matches!(byte, b'/' | b'\\')).any(|segment| {
            let name = segment.split(|&byte| byte == b';').next().unwrap_or(segment);
            matches!(name, b"." | b"..")
        }) {
            return true;
        }
        if decoded == path {
            return false;
        }
        path = decoded;
    }
    true
}

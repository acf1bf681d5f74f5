//! What an operator can change about the server.

use palisade_guard::limits::{
    BODY_READ_MS, DRAIN_MS, GRACE_MS, HEAD_READ_MS, SERVER_CONNECTIONS_MAX, SERVER_REQUESTS_MAX,
    WRITE_WINDOW_MS,
};
use std::net::{IpAddr, Ipv6Addr};
use std::str::FromStr;
use std::time::Duration;

/// What an operator can change about the server. The defaults are in [`palisade_guard::limits`].
#[derive(Clone, Debug)]
pub struct ServerOptions {
    /// How long the server still accepts requests after it was told to stop, while `/readyz` answers 503 and every answer
    /// says `connection: close`.
    pub grace: Duration,
    /// How long the requests that then run may take to end.
    pub drain: Duration,
    /// Connections at once. The system's limit of open files lowers it.
    pub connections: usize,
    /// Requests at once.
    pub requests: usize,
    /// Names of this server besides the address that it listens on: what requests may have in `host`, and web pages in
    /// `origin`. If there are any, every request without a token must name one of them or the address.
    pub allowed_hosts: Vec<HostName>,
    /// Addresses of proxies. A proxy speaks for many callers, so it may take all connections and requests; any other address
    /// gets another one only while it holds fewer than are free.
    pub proxies: Vec<IpAddr>,
    /// How long a request's head may take to arrive, and a connection may idle between requests.
    pub head: Duration,
    /// How long a request's body may take to arrive.
    pub body: Duration,
    /// How long a caller may take to accept [`WRITE_WINDOW_BYTES_MIN`](palisade_guard::limits::WRITE_WINDOW_BYTES_MIN) of an
    /// answer.
    pub write: Duration,
}

impl Default for ServerOptions {
    fn default() -> Self {
        Self {
            grace: Duration::from_millis(GRACE_MS),
            drain: Duration::from_millis(DRAIN_MS),
            connections: SERVER_CONNECTIONS_MAX,
            requests: SERVER_REQUESTS_MAX,
            allowed_hosts: Vec::new(),
            proxies: Vec::new(),
            head: Duration::from_millis(HEAD_READ_MS),
            body: Duration::from_millis(BODY_READ_MS),
            write: Duration::from_millis(WRITE_WINDOW_MS),
        }
    }
}

/// A host's name or address as it stands in a URL, in lower case, and its port. Without a port it stands for all of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HostName {
    pub(crate) name: String,
    pub(crate) port: Option<u16>,
}

/// The error for text that is not the name of a host.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NoHostName;

impl std::fmt::Display for NoHostName {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("write a host as URLs have it, such as `example.com`, `localhost:3000` or `[::1]:8080`")
    }
}

impl std::error::Error for NoHostName {}

impl FromStr for HostName {
    type Err = NoHostName;

    fn from_str(text: &str) -> Result<Self, NoHostName> {
        let authority: http::uri::Authority = text.parse().map_err(|_| NoHostName)?;
        let rest = text.strip_prefix(authority.host()).ok_or(NoHostName)?;
        let port = match rest.strip_prefix(':') {
            Some(digits) if digits.bytes().all(|byte| byte.is_ascii_digit()) => {
                Some(digits.parse().map_err(|_| NoHostName)?)
            }
            None if rest.is_empty() => None,
            Some(_) | None => return Err(NoHostName),
        };
        let name = authority.host().strip_suffix('.').unwrap_or(authority.host()).to_ascii_lowercase();
        if is_name(&name) { Ok(Self { name, port }) } else { Err(NoHostName) }
    }
}

/// Whether this is a name of letters, digits, `-`, `_` and dots, or an address.
fn is_name(name: &str) -> bool {
    if let Some(address) = name.strip_prefix('[').and_then(|address| address.strip_suffix(']')) {
        return address.parse::<Ipv6Addr>().is_ok();
    }
    !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte))
}

impl HostName {
    /// Whether `other` is this host, on this port if it names one.
    pub(crate) fn covers(&self, other: &Self) -> bool {
        self.name == other.name && (self.port.is_none() || self.port == other.port)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn malformed_host_is_rejected() {
        for text in [
            "", ":", ":80", "a b", "a:", "a:x", "a:+1", "a:65536", "a:-1", "u@a", "u:p@a:80", "a/b", "a?b",
            "a#b", "a,b", ".", "[::1", "[a]", "::1", "http://a", "a\\b", "a\u{0}", "[::1]x", "a%2e",
        ] {
            assert_eq!(text.parse::<HostName>(), Err(NoHostName), "{text:?}");
        }
    }

    #[test]
    fn host_is_a_name_or_an_address_and_perhaps_a_port() {
        for (text, name, port) in [
            ("Example.COM", "example.com", None),
            ("example.com.", "example.com", None),
            ("localhost:3000", "localhost", Some(3000)),
            ("127.0.0.1:80", "127.0.0.1", Some(80)),
            ("[::1]:8080", "[::1]", Some(8080)),
        ] {
            assert_eq!(text.parse(), Ok(HostName { name: name.into(), port }));
        }
    }

    #[test]
    fn name_without_a_port_covers_every_port() {
        let host = |text: &str| text.parse::<HostName>().unwrap();
        assert!(host("a").covers(&host("a:1")) && host("a:1").covers(&host("A:1")));
        assert!(
            !host("a:1").covers(&host("a"))
                && !host("a:1").covers(&host("a:2"))
                && !host("a").covers(&host("b"))
        );
    }
}

//! What every request must have in its head, before a route is looked for.
//!
//! | rule | otherwise |
//! |---|---|
//! | one `host`, which names a host; a URL with a host in the request line names the same; HTTP/1.0 may leave it out of health checks | 400 |
//! | no coding of the transfer but `chunked` | 400 |
//! | on loopback and without a token, `host` is the address listened on or a name of the operator's | 403 |
//! | a request that may change something comes from no page of another origin | 403 |
//! | a body, and every call, is JSON in UTF-8, and not compressed; below `/hooks/` it may be anything | 415 |
//!
//! The last three keep off a request that a page in somebody's browser sends: it may not name another type than those of forms
//! without asking first, and cannot forge `origin`; a page whose name an attacker points at this address has that name in `host`.
//! A `GET` changes nothing, so its origin does not matter, and a page of another origin cannot read the answer.
//!
//! A webhook is of whatever type its sender likes, so below `/hooks/` the type keeps nobody off. There the origin alone does:
//! every browser names it in a request that is not a `GET`. No page knows a token, so what it could forge is an anonymous
//! request, which anybody can send to a route that the network lets them reach; a signature tells the sender's.

use crate::error::ErrorResponse;
use crate::options::{HostName, ServerOptions};
use axum::body::{Body, HttpBody};
use axum::extract::Request;
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, Version, header};
use std::net::SocketAddr;

const SEC_FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");
/// The start of the paths of calls.
const CALL: &str = "/call/";
/// The start of the paths of plugins' routes, which take any body.
pub(super) const HOOKS: &str = "/hooks/";
/// The starts of the paths on which the server finds out who calls.
const IDENTIFIED: [&str; 4] = [CALL, HOOKS, "/items", "/admin/"];
/// The ports of `http` and `https`, which URLs leave out.
const PORTS: [(&str, u16); 2] = [("http://", 80), ("https://", 443)]; // wire: the URL standard

/// Checks a request's head. `local` is the address that the connection was accepted on, if this server accepted it.
pub(super) fn check(
    request: &Request,
    local: Option<SocketAddr>,
    options: &ServerOptions,
) -> Result<(), ErrorResponse> {
    let headers = request.headers();
    let host = host(request)?;
    let path = request.uri().path();
    let is_identified = IDENTIFIED.iter().any(|start| path.starts_with(start));
    if host.is_none() && is_identified {
        return Err(ErrorResponse::bad_head(NO_HOST));
    }
    if let Some(coding) =
        one(headers, &header::TRANSFER_ENCODING).map_err(|()| ErrorResponse::bad_head(CODINGS))?
        && !coding.as_bytes().eq_ignore_ascii_case(b"chunked")
    {
        return Err(ErrorResponse::bad_head(CODINGS));
    }
    // A token that is wrong is refused, but only where somebody looks at it.
    let has_token = headers.contains_key(header::AUTHORIZATION) && is_identified;
    if let (Some(local), false) = (local, has_token) {
        from_an_expected_host(host.as_ref(), local, options)?;
    }
    if !request.method().is_safe() {
        from_no_other_origin(headers, host.as_ref(), options)?;
    }
    let takes_json =
        [Method::POST, Method::PUT, Method::PATCH].contains(request.method()) && !path.starts_with(HOOKS);
    let is_call = request.method() == Method::POST && path.starts_with(CALL);
    if is_call || (takes_json && has_body(request.body())) { media(headers) } else { Ok(()) }
}

const CODINGS: &str =
    "the body's transfer-encoding is not `chunked`; send the body with `content-length`, or chunked";

const NO_HOST: &str = "the header `host` is missing; send the host of the URL in it";

/// Whether a body follows.
pub(super) fn has_body(body: &Body) -> bool {
    !body.is_end_stream()
}

/// The host that a request names, which HTTP/1.0 needs only on the paths of [`IDENTIFIED`].
fn host(request: &Request) -> Result<Option<HostName>, ErrorResponse> {
    let given = one(request.headers(), &header::HOST)
        .map_err(|()| ErrorResponse::bad_head("the header `host` is given twice; send it once"))?;
    let in_line = match request.uri().authority() {
        Some(authority) if request.method() != Method::CONNECT => {
            Some(parsed(authority.as_str().as_bytes())?)
        }
        Some(_) | None => None,
    };
    let Some(given) = given else {
        return match request.version() {
            Version::HTTP_11 => Err(ErrorResponse::bad_head(NO_HOST)),
            _ => Ok(in_line),
        };
    };
    let given = parsed(given.as_bytes())?;
    match in_line {
        Some(in_line) if in_line != given => Err(ErrorResponse::bad_head(
            "the request line and the header `host` name different hosts; name the same in both",
        )),
        _ => Ok(Some(given)),
    }
}

fn parsed(host: &[u8]) -> Result<HostName, ErrorResponse> {
    let host = std::str::from_utf8(host).ok().and_then(|host| host.parse().ok());
    host.ok_or_else(|| {
        ErrorResponse::bad_head("the header `host` is not a host; send the host of the URL in it")
    })
}

/// A header that must not be given twice.
fn one<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Result<Option<&'a HeaderValue>, ()> {
    let mut given = headers.get_all(name).iter();
    let first = given.next();
    if given.next().is_some() { Err(()) } else { Ok(first) }
}

/// Where the operator lists names, every request names one of them or the address; where not, that holds for the requests of
/// this machine, which are those that a browser on it may send.
fn from_an_expected_host(
    host: Option<&HostName>,
    local: SocketAddr,
    options: &ServerOptions,
) -> Result<(), ErrorResponse> {
    let address = local.ip().to_canonical();
    let Some(host) = host.filter(|_| address.is_loopback() || !options.allowed_hosts.is_empty()) else {
        return Ok(());
    };
    let is_this_port = host.port.unwrap_or(PORTS[0].1) == local.port();
    let is_address = host.name.trim_matches(['[', ']']).parse() == Ok(address);
    let is_loopback =
        address.is_loopback() && ["localhost", "127.0.0.1", "[::1]"].contains(&host.name.as_str());
    if (is_this_port && (is_address || is_loopback))
        || options.allowed_hosts.iter().any(|allowed| allowed.covers(host))
    {
        return Ok(());
    }
    Err(ErrorResponse::forbidden(
        "wrong-host",
        "a request without a token must name this server in the header `host`: use the address that it listens on, or list the \
         name with `palisade serve --allowed-host`",
    ))
}

fn from_no_other_origin(
    headers: &HeaderMap,
    host: Option<&HostName>,
    options: &ServerOptions,
) -> Result<(), ErrorResponse> {
    let foreign = || {
        Err(ErrorResponse::forbidden(
            "foreign-origin",
            "the request comes from a web page of another origin; send it from a page of this server, or list the page's host \
             with `palisade serve --allowed-host`",
        ))
    };
    let Ok(origin) = one(headers, &header::ORIGIN) else { return foreign() };
    let Some(origin) = origin else {
        let is_own = |site: &HeaderValue| site == "same-origin" || site == "none";
        return if headers.get_all(SEC_FETCH_SITE).iter().all(is_own) { Ok(()) } else { foreign() };
    };
    // `null`, and a scheme that no server has, is no host.
    let Some((origin, default)) = origin.to_str().ok().and_then(origin_host) else { return foreign() };
    if options.allowed_hosts.iter().any(|allowed| allowed.covers(&origin)) {
        return Ok(());
    }
    let is_same = host.is_some_and(|host| {
        host.name == origin.name && host.port.unwrap_or(default) == origin.port.unwrap_or(default)
    });
    let is_own = |site: &HeaderValue| site == "same-origin";
    if is_same && headers.get_all(SEC_FETCH_SITE).iter().all(is_own) { Ok(()) } else { foreign() }
}

/// The host of an origin with the port that it names or has by its scheme, and the scheme's port.
fn origin_host(origin: &str) -> Option<(HostName, u16)> {
    let (rest, default) =
        PORTS.iter().find_map(|(scheme, port)| Some((origin.strip_prefix(scheme)?, *port)))?;
    let host: HostName = rest.parse().ok()?;
    Some((HostName { port: Some(host.port.unwrap_or(default)), ..host }, default))
}

/// Checks that a body is JSON in UTF-8, as it is.
fn media(headers: &HeaderMap) -> Result<(), ErrorResponse> {
    let encodings = headers.get_all(header::CONTENT_ENCODING).iter();
    if !encodings.map(HeaderValue::as_bytes).all(|encoding| encoding.eq_ignore_ascii_case(b"identity")) {
        return Err(ErrorResponse::media(
            "the body is compressed; send it as it is, without `content-encoding`",
        ));
    }
    let wrong =
        || ErrorResponse::media("the body is not JSON; send JSON with `content-type: application/json`");
    let Ok(Some(value)) = one(headers, &header::CONTENT_TYPE) else { return Err(wrong()) };
    let mut parts = value.to_str().unwrap_or_default().split(';').map(str::trim);
    let essence = parts.next().unwrap_or_default().to_ascii_lowercase();
    let is_json =
        essence == "application/json" || (essence.starts_with("application/") && essence.ends_with("+json"));
    if !is_json {
        return Err(wrong());
    }
    for (name, value) in parts.filter_map(|part| part.split_once('=')) {
        let charset = value.trim().trim_matches('"');
        if name.trim().eq_ignore_ascii_case("charset")
            && !["utf-8", "utf8"].contains(&charset.to_ascii_lowercase().as_str())
        {
            return Err(ErrorResponse::media("the body is not in UTF-8; send UTF-8, or leave out `charset`"));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::response::IntoResponse;

    const LOCAL: &str = "127.0.0.1:8080";
    const OWN: (&str, &str) = ("host", "127.0.0.1:8080");
    const JSON: (&str, &str) = ("content-type", "application/json");

    fn request(method: &str, uri: &str, headers: &[(&str, &str)], body: &'static str) -> Request {
        let mut request = Request::builder().method(method).uri(uri);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        request.body(Body::from(body)).unwrap()
    }

    fn status_at(local: &str, request: &Request, allowed: &[&str]) -> u16 {
        let allowed_hosts = allowed.iter().map(|host| host.parse().unwrap()).collect();
        let options = ServerOptions { allowed_hosts, ..ServerOptions::default() };
        match check(request, Some(local.parse().unwrap()), &options) {
            Ok(()) => 200,
            Err(failure) => failure.into_response().status().as_u16(),
        }
    }

    fn status(request: &Request) -> u16 {
        status_at(LOCAL, request, &[])
    }

    #[test]
    fn request_with_another_number_of_hosts_than_one_is_malformed() {
        for headers in [
            &[][..],
            &[OWN, OWN],
            &[OWN, ("host", "localhost:8080")],
            &[("host", "")],
            &[("host", "user@127.0.0.1:8080")],
            &[("host", "127.0.0.1:8080, a")],
            &[("host", "127.0.0.1:")],
            &[("host", "127.0.0.1:99999")],
            &[("host", "a b")],
        ] {
            assert_eq!(status(&request("GET", "/livez", headers, "")), 400, "{headers:?}");
        }
        let mut old = request("GET", "/livez", &[], "");
        *old.version_mut() = Version::HTTP_10;
        assert_eq!(status(&old), 200, "HTTP/1.0 knows no host");
        let mut old = request("GET", "/livez", &[OWN, OWN], "");
        *old.version_mut() = Version::HTTP_10;
        assert_eq!(status(&old), 400);
    }

    #[test]
    fn url_in_the_request_line_names_the_same_host() {
        for (uri, expected) in [
            ("http://127.0.0.1:8080/livez", 200),
            ("http://127.0.0.1:8081/livez", 400),
            ("http://localhost:8080/livez", 400),
            ("http://u@127.0.0.1:8080/livez", 400),
        ] {
            assert_eq!(status(&request("GET", uri, &[OWN], "")), expected, "{uri}");
        }
    }

    #[test]
    fn transfer_coding_other_than_chunked_is_malformed() {
        for coding in ["gzip, chunked", "gzip", "identity", "chunked, chunked", ""] {
            let request = request("POST", "/items", &[OWN, JSON, ("transfer-encoding", coding)], "{}");
            assert_eq!(status(&request), 400, "{coding}");
        }
        assert_eq!(
            status(&request("POST", "/items", &[OWN, JSON, ("transfer-encoding", "Chunked")], "{}")),
            200
        );
    }

    #[test]
    fn request_without_a_token_that_names_another_host_is_forbidden_on_loopback() {
        let to = |host| request("GET", "/items?type=post", &[("host", host)], "");
        for host in [
            "evil.example",
            "evil.example:8080",
            "localhost",
            "127.0.0.1:81",
            "127.0.0.2:8080",
            "a.localhost:8080",
        ] {
            assert_eq!(status(&to(host)), 403, "{host}");
            let with_token =
                request("GET", "/items", &[("host", host), ("authorization", "Bearer pal_1")], "");
            assert_eq!(status(&with_token), 200, "a page does not know the token");
            let unread_token =
                request("GET", "/openapi.json", &[("host", host), ("authorization", "Bearer x")], "");
            assert_eq!(status(&unread_token), 403, "nobody looks at this token");
            assert_eq!(status_at("192.0.2.1:8080", &to(host), &[]), 200, "{host} on another address");
            assert_eq!(status_at("192.0.2.1:8080", &to(host), &["example.com"]), 403, "{host} is not listed");
            assert_eq!(
                status_at("[::ffff:127.0.0.1]:8080", &to(host), &[]),
                403,
                "{host} on a socket for both families"
            );
        }
        for host in ["127.0.0.1:8080", "localhost:8080", "LOCALHOST:8080", "[::1]:8080"] {
            assert_eq!(status(&to(host)), 200, "{host}");
        }
        assert_eq!(status_at("127.0.0.1:80", &to("localhost"), &[]), 200);
        assert_eq!(status_at("127.0.0.9:8080", &to("127.0.0.9:8080"), &[]), 200);
        assert_eq!(status_at("192.0.2.1:8080", &to("192.0.2.1:8080"), &["example.com"]), 200);
        for (host, allowed) in
            [("example.com", "example.com"), ("a.example:9", "a.example:9"), ("a.example:9", "A.example")]
        {
            assert_eq!(status_at(LOCAL, &to(host), &[allowed]), 200, "{host}");
        }
        assert_eq!(status_at(LOCAL, &to("b.example:9"), &["a.example:9"]), 403);
    }

    #[test]
    fn request_of_a_page_of_another_origin_is_forbidden_if_it_may_change_something() {
        let from = |method, headers: &[(&str, &str)]| {
            request(method, "/items", &[&[OWN, JSON], headers].concat(), "{}")
        };
        for headers in [
            &[("origin", "https://evil.example")][..],
            &[("origin", "null")],
            &[("origin", "")],
            &[("origin", "http://127.0.0.1:8081")],
            &[("origin", "http://127.0.0.1")],
            &[("origin", "file://127.0.0.1:8080")],
            &[("origin", "http://127.0.0.1:8080"), ("origin", "https://evil.example")],
            &[("origin", "http://127.0.0.1:8080"), ("sec-fetch-site", "cross-site")],
            &[("origin", "http://127.0.0.1:8080.evil.example")],
            &[("sec-fetch-site", "cross-site")],
            &[("sec-fetch-site", "same-site")],
            &[("sec-fetch-site", "same-origin"), ("sec-fetch-site", "cross-site")],
        ] {
            for method in ["POST", "PUT", "PATCH", "DELETE", "PURGE"] {
                assert_eq!(status(&from(method, headers)), 403, "{method} {headers:?}");
                let with_token = [headers, &[("authorization", "Bearer pal_1")]].concat();
                assert_eq!(status(&from(method, &with_token)), 403, "{method} {with_token:?}");
            }
            assert_eq!(status(&from("GET", headers)), 200, "a GET changes nothing");
        }
        for headers in [
            &[("origin", "http://127.0.0.1:8080")][..],
            &[("origin", "http://127.0.0.1:8080"), ("sec-fetch-site", "same-origin")],
            &[("sec-fetch-site", "none")],
            &[],
        ] {
            assert_eq!(status(&from("POST", headers)), 200, "{headers:?}");
        }
        let listed = from("POST", &[("origin", "https://app.example"), ("sec-fetch-site", "cross-site")]);
        assert_eq!((status(&listed), status_at(LOCAL, &listed, &["app.example"])), (403, 200));
        assert_eq!(status_at(LOCAL, &listed, &["app.example:8443"]), 403);
    }

    #[test]
    fn body_and_call_without_the_type_of_json_are_unsupported() {
        for method in ["POST", "PATCH", "PUT"] {
            for headers in [
                &[][..],
                &[("content-type", "text/plain")],
                &[("content-type", "application/x-www-form-urlencoded")],
                &[("content-type", "multipart/form-data; boundary=a")],
                &[("content-type", "json")],
                &[("content-type", "")],
                &[JSON, JSON],
                &[JSON, ("content-type", "text/plain")],
                &[("content-type", "text/plain; application/json")],
                &[("content-type", "application/json; charset=iso-8859-1")],
                &[("content-type", "application/json; charset=\"UTF-16\"")],
                &[JSON, ("content-encoding", "gzip")],
                &[JSON, ("content-encoding", "identity"), ("content-encoding", "br")],
                &[JSON, ("content-encoding", "identity, gzip")],
            ] {
                let headers = [&[OWN], headers].concat();
                assert_eq!(status(&request(method, "/nowhere", &headers, "{}")), 415, "{method} {headers:?}");
                assert_eq!(status(&request("POST", "/call/a/b/c", &headers, "")), 415, "{headers:?}");
            }
        }
        assert_eq!(status(&request("POST", "/admin/plugins/a/enable", &[OWN], "")), 200, "there is no body");
    }

    #[test]
    fn body_of_a_webhook_is_of_any_type_and_not_from_a_page_of_another_origin() {
        let hook = |headers: &[(&str, &str)]| {
            request("POST", "/hooks/shop/stripe", &[&[OWN], headers].concat(), "a=b")
        };
        let form = ("content-type", "application/x-www-form-urlencoded");
        for headers in
            [&[][..], &[form], &[("content-type", "text/plain"), ("content-encoding", "gzip")], &[JSON, JSON]]
        {
            assert_eq!(status(&hook(headers)), 200, "{headers:?}");
        }
        for headers in [
            &[form, ("origin", "https://evil.example")][..],
            &[form, ("origin", "null")],
            &[form, ("sec-fetch-site", "cross-site")],
            &[form, ("origin", "https://evil.example"), ("authorization", "Bearer pal_1")],
        ] {
            assert_eq!(status(&hook(headers)), 403, "{headers:?}");
        }
        let elsewhere = request("POST", "/hooks", &[OWN, form], "a=b");
        assert_eq!(status(&elsewhere), 415, "only what is below");
        let rebound = request("POST", "/hooks/shop/stripe", &[("host", "evil.example:8080")], "a=b");
        assert_eq!(status(&rebound), 403, "a name that points at this machine");
    }

    #[test]
    fn json_in_utf_8_is_supported() {
        for headers in [
            &[JSON][..],
            &[("content-type", "Application/JSON; charset=utf-8")],
            &[("content-type", "application/json;charset=\"UTF-8\"")],
            &[("content-type", "application/merge-patch+json")],
            &[JSON, ("content-encoding", "identity")],
        ] {
            assert_eq!(
                status(&request("PATCH", "/items/1", &[&[OWN], headers].concat(), "{}")),
                200,
                "{headers:?}"
            );
        }
    }
}

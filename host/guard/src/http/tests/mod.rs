//! Tests of requests. The tables are the threat model: a plugin that tries to reach servers beyond its grants.

mod allowances;
mod reads;
mod redirects;

use super::*;
use crate::address::AddressPolicy;
use crate::limits::{
    HTTP_HEADER_NAME_BYTES_MAX, HTTP_HEADER_VALUE_BYTES_MAX, HTTP_HEADERS_MAX, HTTP_URL_BYTES_MAX,
};

const API: &str = "https://api.example.com/v1/";

fn allow(url: &str, methods: &[&str], secret: Option<&str>) -> Allowance {
    Allowance::parse(url, Some(methods), secret).unwrap()
}

fn egress(allowances: Vec<Allowance>) -> Egress {
    Egress { allowances, addresses: AddressPolicy::default() }
}

fn api() -> Egress {
    egress(vec![allow(API, &["GET", "POST"], None)])
}

fn raw(method: Method, url: &str) -> RawRequest {
    RawRequest { method, url: url.into(), headers: vec![], body: None, secret: None, timeout_ms: None }
}

fn get(egress: &Egress, url: &str) -> Result<String, RequestRefusal> {
    OutboundRequest::parse(egress, raw(Method::Get, url)).map(|request| request.url().to_string())
}

fn is_denied<T>(result: &Result<T, RequestRefusal>) -> bool {
    matches!(result, Err(RequestRefusal::Denied(_)))
}

fn is_invalid<T>(result: Result<T, RequestRefusal>, field: &str) -> bool {
    matches!(result, Err(RequestRefusal::Invalid(text)) if text.starts_with(field))
}

#[test]
fn url_outside_of_the_grants_is_denied() {
    for url in [
        "http://api.example.com/v1/x",
        "https://api.example.com:8443/v1/x",
        "https://api.example.com:80/v1/x",
        "http://api.example.com:443/v1/x",
        "https://example.com/v1/x",
        "https://evil-api.example.com/v1/x",
        "https://api.example.com.evil.example/v1/x",
        "https://api.example.com./v1/x",
        "https://evil.example/https://api.example.com/v1/x",
        "https://evil.example?https://api.example.com/v1/x",
        "https://evil.example#https://api.example.com/v1/x",
        "https://evil.example\\api.example.com/v1/x",
        "https://api.example.com/",
        "https://api.example.com/v1",
        "https://api.example.com/v10",
        "https://api.example.com/V1/x",
        "https://api.example.com/v1%2Fx",
        "https://api.example.com/v1/../admin",
        "https://api.example.com/v1/%2e%2e/admin",
        "https://api.example.com/v1/.%2E/admin",
        "https://api.example.com/v1/..\\admin",
        "https://api.example.com/v1/.\t./admin",
        "https://127.0.0.1/v1/x",
        "https://localhost/v1/x",
    ] {
        assert!(is_denied(&get(&api(), url)), "{url}");
    }
    assert!(is_denied(&get(&Egress::default(), "https://api.example.com/v1/x")), "no grant at all");
}

#[test]
fn malformed_url_is_rejected() {
    let long = format!("https://api.example.com/v1/{}", "x".repeat(HTTP_URL_BYTES_MAX));
    let grows = format!("https://api.example.com/v1/{}", "é".repeat(HTTP_URL_BYTES_MAX / 4));
    for url in [
        "",
        "/v1/x",
        "//api.example.com/v1/x",
        "file:///etc/passwd",
        "ftp://api.example.com/v1/x",
        "gopher://api.example.com/v1/x",
        "unix:/run/postgresql/.s.PGSQL.5432",
        "data:text/plain,x",
        "javascript:1",
        "https://",
        "https://user@api.example.com/v1/x",
        "https://user:password@api.example.com/v1/x",
        "https://:password@api.example.com/v1/x",
        "https://api.example.com@evil.example/v1/x",
        "https://api.example.com:password@127.0.0.1/v1/x",
        "https://api.example.com:99999/v1/x",
        "https://[fe80::1%25eth0]/v1/x",
        "https://[fe80::1%eth0]/v1/x",
        "https://api.example.com%00.evil.example/v1/x",
        "https://256.1.1.1/",
        "https://{api.example.com/v1/x",
        "https://api.example.com/v1/..%2fadmin",
        "https://api.example.com/v1/..%5cadmin",
        "https://api.example.com/v1/%252e%252e/admin",
        "https://api.example.com/v1/%25252e%25252e%25252fadmin",
        "https://api.example.com/v1/%2525252525252e/admin",
        "https://api.example.com/v1/%%32%65%%32%65/admin",
        "https://api.example.com/v1/..;/admin",
        "https://api.example.com/v1/..;x=1/admin",
        "https://api.example.com/v1/x%2f..%2f..%2fadmin",
        &long,
        &grows,
    ] {
        assert!(is_invalid(get(&api(), url), "url: "), "{url}: {:?}", get(&api(), url));
    }
}

#[test]
fn url_below_the_grant_is_accepted_and_normalised() {
    let deep = egress(vec![allow("https://API.example.com:443/v1", &["GET"], None)]);
    for (egress, url, sent) in [
        (api(), "https://api.example.com/v1/", API),
        (api(), "https://api.example.com/v1/posts?q=../x#top", "https://api.example.com/v1/posts?q=../x"),
        (api(), "HTTPS://API.Example.COM:443/v1/posts", "https://api.example.com/v1/posts"),
        (api(), "https://api.example.com/v1/a/../b", "https://api.example.com/v1/b"),
        (api(), "https://api.example.com/v1/a%2Fb", "https://api.example.com/v1/a%2Fb"),
        (api(), "https://api.example.com/v1/100%25", "https://api.example.com/v1/100%25"),
        (api(), "https://api.example.com/v1/..x/.y", "https://api.example.com/v1/..x/.y"),
        (deep.clone(), "https://api.example.com/v1", "https://api.example.com/v1"),
        (deep, "https://api.example.com/v1/x", "https://api.example.com/v1/x"),
    ] {
        assert_eq!(get(&egress, url), Ok(sent.to_owned()), "{url}");
    }
}

#[test]
fn url_at_its_limit_is_accepted_and_over_it_invalid() {
    let url = format!("{API}{}", "x".repeat(HTTP_URL_BYTES_MAX - API.len()));
    assert_eq!(get(&api(), &url), Ok(url.clone()));
    assert!(is_invalid(get(&api(), &format!("{url}x")), "url: "));
}

/// A manifest may request such a host, and a careless policy may grant it. The table of addresses still refuses it.
#[test]
fn granted_address_that_is_not_public_is_denied_in_every_spelling() {
    for host in [
        "127.0.0.1",
        "127.1",
        "2130706433",
        "017700000001",
        "0x7f000001",
        "0x7f.0.0.1",
        "0177.0.0.1",
        "127.0.0.1.",
        "１２７。０。０。１",
        "%31%32%37.0.0.1",
        "0",
        "169.254.169.254",
        "2852039166",
        "10.0.0.1",
        "[::1]",
        "[::]",
        "[::ffff:127.0.0.1]",
        "[::ffff:a9fe:a9fe]",
        "[::127.0.0.1]",
        "[64:ff9b::7f00:1]",
        "[2002:7f00:1::]",
        "[2001::1]",
        "[fe80::1]",
        "[fd00:ec2::254]",
    ] {
        let url = format!("http://{host}/");
        let careless = egress(vec![allow(&url, &["GET"], None)]);
        assert!(is_denied(&get(&careless, &url)), "{url}");
    }
}

#[test]
fn granted_address_that_is_public_or_allowed_by_the_operator_is_accepted() {
    let public = egress(vec![allow("http://1.1.1.1/", &["GET"], None)]);
    assert_eq!(get(&public, "http://0x01010101/x"), Ok("http://1.1.1.1/x".into()));
    let mut local = egress(vec![allow("http://127.0.0.1:8080/", &["GET"], None)]);
    local.addresses.allow = vec!["127.0.0.0/8".parse().unwrap()];
    assert_eq!(get(&local, "http://127.1:8080/x"), Ok("http://127.0.0.1:8080/x".into()));
}

#[test]
fn method_outside_of_the_grant_is_denied() {
    for method in [Method::Head, Method::Put, Method::Patch, Method::Delete] {
        assert!(is_denied(&OutboundRequest::parse(&api(), raw(method, API))), "{method:?}");
    }
    let default = egress(vec![Allowance::parse::<&str>(API, None, None).unwrap()]);
    assert!(is_denied(&OutboundRequest::parse(&default, raw(Method::Post, API))));
    for method in [Method::Get, Method::Head] {
        assert!(OutboundRequest::parse(&default, raw(method, API)).is_ok(), "{method:?}");
    }
}

#[test]
fn secret_outside_of_the_grant_is_denied() {
    let egress = egress(vec![
        allow("https://api.example.com/v1/", &["GET"], Some("key")),
        allow("https://api.example.com/", &["GET", "POST"], None),
        allow("https://other.example.com/", &["GET"], Some("other")),
    ]);
    let with = |method, url: &str, secret: &str| {
        OutboundRequest::parse(&egress, RawRequest { secret: Some(secret.into()), ..raw(method, url) })
    };
    assert!(is_denied(&with(Method::Get, "https://api.example.com/v2/", "key")), "another path");
    assert!(is_denied(&with(Method::Post, "https://api.example.com/v1/", "key")), "another method");
    assert!(is_denied(&with(Method::Get, "https://other.example.com/", "key")), "another host");
    assert!(is_denied(&with(Method::Get, "https://api.example.com/v1/", "")), "no name");
    assert!(is_denied(&with(Method::Get, "https://api.example.com/v1/", "KEY")), "another name");
    let request = with(Method::Get, "https://api.example.com/v1/x", "key").unwrap();
    assert_eq!(request.secret(), Some("key"));
}

#[test]
fn malformed_or_forbidden_header_is_rejected() {
    let long_name = "x".repeat(HTTP_HEADER_NAME_BYTES_MAX + 1);
    let long_value = "x".repeat(HTTP_HEADER_VALUE_BYTES_MAX + 1);
    for (name, value) in [
        ("Host", "evil.example"),
        ("host", "evil.example"),
        ("content-length", "0"),
        ("transfer-encoding", "chunked"),
        ("connection", "close"),
        ("keep-alive", "x"),
        ("te", "trailers"),
        ("trailer", "x"),
        ("upgrade", "websocket"),
        ("http2-settings", "x"),
        ("expect", "100-continue"),
        ("proxy-authorization", "x"),
        ("proxy-connection", "x"),
        ("", "x"),
        ("a b", "x"),
        ("a:", "x"),
        ("a\r\nhost", "x"),
        ("é", "x"),
        ("a", "x\r\nhost: evil.example"),
        ("a", "x\n"),
        ("a", "x\0"),
        ("a", "x\ty"),
        ("a", "\x7f"),
        (long_name.as_str(), "x"),
        ("a", long_value.as_str()),
    ] {
        let headers = vec![(name.to_owned(), value.as_bytes().to_vec())];
        let result = OutboundRequest::parse(&api(), RawRequest { headers, ..raw(Method::Get, API) });
        assert!(is_invalid(result, "headers: "), "{name:?}: {value:?}");
    }
}

#[test]
fn headers_at_their_limits_are_accepted_and_over_them_invalid() {
    let name = "X".repeat(HTTP_HEADER_NAME_BYTES_MAX);
    let mut headers = vec![(name.clone(), vec![0xff; HTTP_HEADER_VALUE_BYTES_MAX]); HTTP_HEADERS_MAX];
    let request = |headers| OutboundRequest::parse(&api(), RawRequest { headers, ..raw(Method::Get, API) });
    assert_eq!(request(headers.clone()).unwrap().headers().get_all(name).iter().count(), HTTP_HEADERS_MAX);
    headers.push(("a".into(), vec![]));
    assert!(is_invalid(request(headers), "headers: "));
}

#[test]
fn body_at_its_limit_is_accepted_and_over_it_invalid() {
    let max = usize::try_from(HTTP_BODY_BYTES_MAX).unwrap();
    let request =
        |body| OutboundRequest::parse(&api(), RawRequest { body: Some(body), ..raw(Method::Post, API) });
    assert!(is_invalid(request(vec![0; max + 1]), "body: "));
    assert_eq!(request(vec![0; max]).unwrap().body().unwrap().len(), max);
}

#[test]
fn debug_of_a_request_shows_no_query_header_or_body() {
    let from = RawRequest {
        headers: vec![("authorization".into(), b"hush".to_vec())],
        body: Some(b"hush".to_vec()),
        ..raw(Method::Post, "https://api.example.com/v1/x?token=hush")
    };
    let request = OutboundRequest::parse(&api(), from).unwrap();
    assert_eq!(format!("{request:?}"), "POST https://api.example.com/v1/x");
}

#[test]
fn timeout_is_the_plugins_or_the_default() {
    for (timeout_ms, expected) in
        [(None, HTTP_TIMEOUT_DEFAULT_MS), (Some(0), 0), (Some(u32::MAX), 4_294_967_295)]
    {
        let request = OutboundRequest::parse(&api(), RawRequest { timeout_ms, ..raw(Method::Get, API) });
        assert_eq!(request.unwrap().timeout(), Duration::from_millis(expected));
    }
}

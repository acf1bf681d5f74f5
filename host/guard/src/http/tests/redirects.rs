//! Tests of redirects. The server controls the status and the location.

use super::*;

fn hop(
    egress: &Egress,
    from: RawRequest,
    status: u16,
    to: &str,
) -> Result<Option<OutboundRequest>, RequestRefusal> {
    OutboundRequest::parse(egress, from).unwrap().redirected(egress, status, Some(to.as_bytes()))
}

#[test]
fn redirect_out_of_the_grants_is_denied() {
    for location in [
        "http://169.254.169.254/latest/meta-data/",
        "https://169.254.169.254/",
        "http://localhost/",
        "http://[::1]/",
        "http://api.example.com/v1/x",
        "https://evil.example/",
        "//evil.example/v1/x",
        "\\\\evil.example/v1/x",
        "/admin",
        "../admin",
        "..%2fadmin",
        "https://user:password@api.example.com/v1/x",
        "file:///etc/passwd",
        "https://",
        "https://[::1",
    ] {
        for status in [301, 302, 303, 307, 308] {
            let result = hop(&api(), raw(Method::Get, API), status, location);
            assert!(is_denied(&result), "{status} {location}");
        }
    }
    let request = OutboundRequest::parse(&api(), raw(Method::Get, API)).unwrap();
    assert!(is_denied(&request.redirected(&api(), 302, Some(b"/v1/\xff"))), "not UTF-8");
    let long = "x".repeat(HTTP_URL_BYTES_MAX);
    assert!(is_denied(&request.redirected(&api(), 302, Some(long.as_bytes()))), "too long");
}

#[test]
fn redirect_to_a_granted_address_that_is_not_public_is_denied() {
    let careless = egress(vec![allow(API, &["GET"], None), allow("http://10.0.0.1/", &["GET"], None)]);
    assert!(is_denied(&hop(&careless, raw(Method::Get, API), 302, "http://10.0.0.1/")));
}

#[test]
fn redirect_whose_method_is_not_granted_is_denied() {
    let post_only = egress(vec![allow(API, &["POST"], None)]);
    for status in [301, 302, 303] {
        assert!(is_denied(&hop(&post_only, raw(Method::Post, API), status, "x")), "{status} makes it a GET");
    }
    assert!(hop(&post_only, raw(Method::Post, API), 307, "x").unwrap().is_some());
}

#[test]
fn redirect_changes_the_method_by_rfc_9110() {
    let all = egress(vec![allow(API, &["GET", "HEAD", "POST", "PUT"], None)]);
    for (method, status, expected, keeps_body) in [
        (Method::Post, 301, Method::Get, false),
        (Method::Post, 302, Method::Get, false),
        (Method::Post, 303, Method::Get, false),
        (Method::Put, 303, Method::Get, false),
        (Method::Put, 301, Method::Put, true),
        (Method::Post, 307, Method::Post, true),
        (Method::Post, 308, Method::Post, true),
        (Method::Head, 303, Method::Head, true),
    ] {
        let headers = vec![("content-type".into(), b"a/b".to_vec()), ("accept".into(), b"c/d".to_vec())];
        let from = RawRequest { headers, body: Some(vec![1]), ..raw(method, API) };
        let next = hop(&all, from, status, "/v1/next").unwrap().unwrap();
        assert_eq!(next.method(), expected, "{method:?} {status}");
        assert_eq!(next.body().is_some(), keeps_body, "{method:?} {status}");
        assert_eq!(next.headers().contains_key("content-type"), keeps_body, "{method:?} {status}");
        assert!(next.headers().contains_key("accept"));
        assert_eq!(next.url().as_str(), "https://api.example.com/v1/next");
    }
}

#[test]
fn redirect_to_another_origin_drops_credentials_and_secret() {
    let egress = egress(vec![
        allow(API, &["GET"], Some("key")),
        allow("https://api.example.com/open/", &["GET"], None),
        allow("https://twin.example.com/", &["GET"], Some("key")),
        allow("https://other.example.com/", &["GET"], Some("other")),
        allow("https://api.example.com:8443/", &["GET"], None),
        allow("http://api.example.com/", &["GET"], None),
    ]);
    for (location, keeps_secret, keeps_credentials) in [
        ("https://other.example.com/", false, false),
        ("https://api.example.com:8443/", false, false),
        ("http://api.example.com/v1/", false, false),
        ("/open/x", false, true),
        ("https://twin.example.com/", true, false),
        ("/v1/x", true, true),
    ] {
        let headers = ["authorization", "cookie", "accept"].map(|name| (name.to_owned(), b"x".to_vec()));
        let from =
            RawRequest { headers: headers.to_vec(), secret: Some("key".into()), ..raw(Method::Get, API) };
        let next = hop(&egress, from, 302, location).unwrap().unwrap();
        assert_eq!(next.secret().is_some(), keeps_secret, "{location}");
        for name in ["authorization", "cookie"] {
            assert_eq!(next.headers().contains_key(name), keeps_credentials, "{location}: {name}");
        }
        assert!(next.headers().contains_key("accept"));
    }
}

#[test]
fn redirects_end_at_their_limit() {
    let mut request = OutboundRequest::parse(&api(), raw(Method::Get, API)).unwrap();
    for _ in 0..HTTP_REDIRECTS_MAX {
        request = request.redirected(&api(), 302, Some(b"/v1/again")).unwrap().unwrap();
    }
    assert!(request.redirected(&api(), 302, Some(b"/v1/again")).unwrap().is_none());
}

#[test]
fn response_that_is_not_a_redirect_is_the_answer() {
    let request = OutboundRequest::parse(&api(), raw(Method::Get, API)).unwrap();
    for status in [200, 201, 300, 304, 305, 306, 404] {
        assert!(request.redirected(&api(), status, Some(b"https://evil.example/")).unwrap().is_none());
    }
    assert!(request.redirected(&api(), 302, None).unwrap().is_none());
}

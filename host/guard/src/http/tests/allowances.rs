//! Tests of grants, as authors and operators write them.

use super::*;

#[test]
fn malformed_allowance_is_rejected() {
    for (url, methods, secret) in [
        ("api.example.com", None, None),
        ("ftp://api.example.com/", None, None),
        ("https://user@api.example.com/", None, None),
        ("https://api.example.com/?q", None, None),
        ("https://api.example.com/#", None, None),
        ("https://*.example.com/..%2f", None, None),
        ("https://*.example.com/", None, None),
        ("https://*/", None, None),
        ("https://api.*.com/", None, None),
        ("https://{tenant}.example.com/", None, None),
        ("https://api.example.com/*", None, None),
        ("https://api.example.com/v1/**", None, None),
        ("https://api.example.com/users/{id}", None, None),
        (API, Some(vec![]), None),
        (API, Some(vec!["get"]), None),
        (API, Some(vec!["GET", "TRACE"]), None),
        (API, Some(vec!["CONNECT"]), None),
        (API, None, Some("")),
        ("http://api.example.com/", None, Some("key")),
        ("http://10.0.0.1/", None, Some("key")),
    ] {
        let refused = Allowance::parse(url, methods.as_deref(), secret).unwrap_err().to_string();
        assert!(refused.len() > "no".len(), "{url} {methods:?} {secret:?}: {refused}");
    }
}

#[test]
fn allowance_of_a_secret_without_tls_is_accepted_only_for_the_loopback() {
    for url in ["http://localhost/", "http://[::1]/", "http://127.0.0.2:8080/"] {
        assert!(Allowance::parse::<&str>(url, None, Some("key")).is_ok(), "{url}");
    }
    for url in ["http://localhost.example.com/", "http://[::2]/", "http://128.0.0.1/"] {
        assert!(Allowance::parse::<&str>(url, None, Some("key")).is_err(), "{url}");
    }
    let local = Allowance::parse::<&str>("http://127.0.0.1:80", None, Some("key")).unwrap();
    assert_eq!((local.url(), local.secret()), ("http://127.0.0.1/", Some("key")));
    assert_eq!(local.methods(), [Method::Get, Method::Head]);
}

#[test]
fn url_that_is_not_one_is_refused_with_what_to_write() {
    for (url, rule) in [
        ("example.com", "has no scheme: write \"https://example.com\""),
        ("//example.com/v1", "has no scheme: write \"https://example.com/v1\""),
        ("", "has no scheme: write \"https://\""),
        ("localhost:8080", "must be an absolute http or https URL, such as"),
        ("https://", "has no host"),
        ("https://a.example:99999/", "has a port that is not a number"),
        ("https://a.example:*/", "has a port that is not a number"),
        ("https://1.2.3.4.5/", "has a host that looks like an IP address"),
        ("https://a b.example/", "has a host with a character that no name of a server has"),
        ("https://*.example.com/", "has `*` in its host, which is one exact name"),
        ("https://a.example/v1/*", "has `*` in its path, and means every path at or below its own"),
        ("https://a.example/{id}", "has `{` in its path"),
    ] {
        let refused = Allowance::parse::<&str>(url, None, None).unwrap_err().to_string();
        assert!(refused.contains(&format!("http grant `{url}`: the URL {rule}")), "{refused}");
        // A manifest and a policy say so, too.
        let grants = format!("http = [{{ url = {url:?} }}]");
        let refused = toml::from_str::<crate::grant::Grants>(&grants).unwrap_err().to_string();
        assert!(refused.contains(rule), "{refused}");
    }
}

#[test]
fn request_that_no_grant_covers_is_logged_with_what_to_add() {
    let allowances = vec![
        Allowance::parse::<&str>("https://api.example.com/v1/", None, None).unwrap(),
        Allowance::parse("https://post.example.com/", Some(&["POST"]), Some("key")).unwrap(),
    ];
    let egress = Egress { allowances, ..Egress::default() };
    for (method, url, secret, expected) in [
        (
            Method::Get,
            "https://other.example/a?token=x",
            None,
            "no grant covers GET https://other.example: add `{ url = \"https://other.example/\" }` to `http` in [grants]",
        ),
        (
            Method::Put,
            "http://other.example:8080/a",
            None,
            "add `{ url = \"http://other.example:8080/\", methods = [\"PUT\"] }` to `http`",
        ),
        (
            Method::Get,
            "https://api.example.com/v2/",
            None,
            "no grant covers GET https://api.example.com outside of https://api.example.com/v1/: add",
        ),
        (
            Method::Post,
            "https://api.example.com/v1/a",
            None,
            "the grant of https://api.example.com/v1/ does not cover POST: write `methods = [\"GET\", \"HEAD\", \"POST\"]` there",
        ),
        (
            Method::Post,
            "https://post.example.com/a",
            Some("other"),
            "no grant covers the secret \"other\" with POST https://post.example.com/: write `secret = \"other\"` there",
        ),
    ] {
        let raw = RawRequest { secret: secret.map(str::to_owned), ..raw(method, url) };
        let refused = OutboundRequest::parse(&egress, raw).expect_err("a refusal");
        let RequestRefusal::Denied(reason) = refused else { panic!("{refused:?}") };
        assert!(reason.contains(expected), "{url}: {reason}");
        assert!(!reason.contains("token"), "{reason}");
    }
}

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

//! Redirects and the secrets that must not travel with them.

use super::server::redirect;
use super::*;
use palisade_guard::limits::HTTP_REDIRECTS_MAX;

#[tokio::test]
async fn redirect_out_of_the_grants_is_denied_and_not_followed() {
    let other = Server::start(|_| ok("secret")).await;
    let elsewhere = other.url("/");
    for location in [
        "/admin",
        "/v1/../admin",
        "http://169.254.169.254/latest/meta-data/",
        "http://localhost/",
        elsewhere.as_str(),
    ] {
        let to = location.to_owned();
        let server = Server::start(move |_| redirect(&to)).await;
        let mut plugin = Plugin::new(vec![allow(&server.url("/v1/"), None)]);
        let result = plugin.get(&server.url("/v1/x")).await;
        assert!(matches!(result, Err(FetchError::Denied(_))), "{location}: {result:?}");
        assert_eq!(server.seen().len(), 1, "{location}");
    }
    assert!(other.seen().is_empty());
}

#[tokio::test]
async fn redirect_within_the_grants_is_followed_and_counted() {
    let server =
        Server::start(|request| if request.starts_with("GET /a ") { redirect("b") } else { ok("there") })
            .await;
    let mut plugin = Plugin::of(&server);
    assert_eq!(text(plugin.get(&server.url("/a")).await.unwrap()).await, "there");
    assert!(server.seen()[1].starts_with("GET /b "));
    assert_eq!(plugin.ledger.used(Limit::HttpRequests), 2);
}

#[tokio::test]
async fn redirect_loop_ends_at_the_limit_with_the_last_redirect_as_the_answer() {
    let server = Server::start(|_| redirect("/again")).await;
    let response = Plugin::of(&server).get(&server.url("/")).await.unwrap();
    assert_eq!(response.status, 302);
    assert_eq!(server.seen().len(), HTTP_REDIRECTS_MAX + 1);
}

#[tokio::test]
async fn redirect_over_the_budget_of_requests_is_not_followed() {
    let server = Server::start(|_| redirect("/again")).await;
    let mut plugin = Plugin::of(&server);
    plugin.ledger = Ledger::new(Limits::default().with(Limit::HttpRequests, 2));
    assert!(matches!(plugin.get(&server.url("/")).await, Err(FetchError::Exceeded(_))));
    assert_eq!(server.seen().len(), 2);
}

fn with_secret(url: &str) -> RawRequest {
    RawRequest { secret: Some("key".into()), ..get(url) }
}

fn hush() -> Secrets {
    Secrets::default().with("blog", "key", Secret::new("X-Api-Key", "hush").unwrap())
}

#[tokio::test]
async fn secret_is_sent_in_place_of_the_guests_header() {
    let server = Server::start(|_| ok("")).await;
    let mut plugin = Plugin::new(vec![allow(&server.url("/"), Some("key"))]);
    plugin.secrets = hush();
    let raw =
        RawRequest { headers: vec![("x-api-key".into(), b"mine".to_vec())], ..with_secret(&server.url("/")) };
    plugin.fetch(raw).await.unwrap();
    assert!(server.seen()[0].contains("\r\nx-api-key: hush\r\n"), "{}", server.seen()[0]);
    assert!(!server.seen()[0].contains("mine"));
    plugin.get(&server.url("/")).await.unwrap();
    assert!(!server.seen()[1].contains("hush"), "a request that names no secret carries none");
}

#[tokio::test]
async fn secret_follows_a_redirect_only_where_a_grant_names_it() {
    let other = Server::start(|_| ok("")).await;
    let twin = Server::start(|_| ok("")).await;
    for (target, keeps) in [(&other, false), (&twin, true)] {
        let location = target.url("/");
        let first = Server::start(move |_| redirect(&location)).await;
        let mut plugin = Plugin::new(vec![
            allow(&first.url("/"), Some("key")),
            allow(&other.url("/"), Some("another")),
            allow(&twin.url("/"), Some("key")),
        ]);
        plugin.secrets = hush();
        let raw = RawRequest {
            headers: vec![("authorization".into(), b"mine".to_vec()), ("cookie".into(), b"mine".to_vec())],
            ..with_secret(&first.url("/"))
        };
        plugin.fetch(raw).await.unwrap();
        assert!(first.seen()[0].contains("hush") && first.seen()[0].contains("mine"));
        assert_eq!(target.seen()[0].contains("hush"), keeps);
        assert!(!target.seen()[0].contains("mine"), "{}", target.seen()[0]);
    }
}

#[tokio::test]
async fn request_with_a_secret_that_is_not_set_for_this_plugin_is_not_sent() {
    let server = Server::start(|_| ok("")).await;
    let mut plugin = Plugin::new(vec![allow(&server.url("/"), Some("key"))]);
    plugin.secrets = Secrets::default().with("shop", "key", Secret::new("x-api-key", "hush").unwrap());
    assert!(is_other(&plugin.fetch(with_secret(&server.url("/"))).await));
    assert!(server.seen().is_empty());
}

#[test]
fn secret_is_never_shown_as_text() {
    assert!(!format!("{:?} {:?}", hush(), Secret::new("x-api-key", "hush\n")).contains("hush"));
    assert!(Secret::new("host", "hush").is_err());
}

//! Requests that must not reach a server. The servers count connections, so a refusal after a connection fails the
//! test.

use super::server::FakeNames;
use super::*;

fn is_denied<T>(result: &Result<T, FetchError>) -> bool {
    matches!(result, Err(FetchError::Denied(_)))
}

/// A plugin with a grant for `http://api.example.com` at this server's port, and that name's answers.
fn named(server: &Server, names: &Arc<FakeNames>, addresses: AddressPolicy) -> (Plugin, String) {
    let url = format!("http://api.example.com:{}/", server.address.port());
    let mut plugin = Plugin::new(vec![allow(&url, None)]);
    let names: Arc<dyn Names> = names.clone();
    plugin.client = Box::new(DefaultClient::with_names(addresses, names).unwrap());
    (plugin, url)
}

#[tokio::test]
async fn name_with_an_address_that_is_not_public_is_denied_without_a_connection() {
    let server = Server::start(|_| ok("secret")).await;
    for answer in [
        &["127.0.0.1"] as &[&str],
        &["::1"],
        &["::ffff:127.0.0.1"],
        &["169.254.169.254"],
        &["10.0.0.1"],
        &["64:ff9b::7f00:1"],
        &["2002:7f00:1::"],
        &["0.0.0.0"],
        &["1.1.1.1", "127.0.0.1"],
        &["127.0.0.1", "1.1.1.1"],
    ] {
        let (mut plugin, url) = named(&server, &FakeNames::new(&[answer]), AddressPolicy::default());
        assert!(is_denied(&plugin.get(&url).await), "{answer:?}");
    }
    assert!(server.seen().is_empty());
}

#[tokio::test]
async fn name_with_an_allowed_address_is_dialled() {
    let server = Server::start(|_| ok("hello")).await;
    let (mut plugin, url) = named(&server, &FakeNames::new(&[&["127.0.0.1"]]), loopback());
    assert_eq!(text(plugin.get(&url).await.unwrap()).await, "hello");
    assert!(server.seen()[0].contains("host: api.example.com:"), "{}", server.seen()[0]);
}

/// 127.0.0.1 stands for the public address, 127.0.0.2 for the private one that the name changes to.
#[tokio::test]
async fn name_is_resolved_once_for_each_request_and_denied_when_it_turns_private() {
    let public = Server::start(|_| ok("hello")).await;
    let private = Server::start_at(([127, 0, 0, 2], public.address.port()).into(), |_| ok("secret")).await;
    let names = FakeNames::new(&[&["127.0.0.1"], &["127.0.0.2"]]);
    let (mut plugin, url) = named(&public, &names, loopback());
    assert_eq!(text(plugin.get(&url).await.unwrap()).await, "hello");
    assert_eq!(names.lookups(), 1);
    assert!(is_denied(&plugin.get(&url).await));
    assert_eq!(names.lookups(), 2);
    assert_eq!(public.seen().len(), 1);
    assert!(private.seen().is_empty());
}

#[tokio::test]
async fn name_that_turns_private_between_two_redirects_is_denied() {
    let public = Server::start(|_| server::redirect("/again")).await;
    let private = Server::start_at(([127, 0, 0, 2], public.address.port()).into(), |_| ok("secret")).await;
    let (mut plugin, url) = named(&public, &FakeNames::new(&[&["127.0.0.1"], &["127.0.0.2"]]), loopback());
    assert!(is_denied(&plugin.get(&url).await));
    assert_eq!((public.seen().len(), private.seen().len()), (1, 0));
}

#[tokio::test]
async fn name_without_an_address_is_a_failed_connection() {
    let server = Server::start(|_| ok("")).await;
    for names in [FakeNames::new(&[]), FakeNames::new(&[&[]])] {
        let (mut plugin, url) = named(&server, &names, loopback());
        assert!(matches!(plugin.get(&url).await, Err(FetchError::ConnectionFailed(_))));
    }
}

#[tokio::test]
async fn localhost_from_the_systems_resolver_is_denied_without_a_connection() {
    let server = Server::start(|_| ok("secret")).await;
    let url = format!("http://localhost:{}/", server.address.port());
    let mut plugin = Plugin::new(vec![allow(&url, None)]);
    plugin.client = Box::new(DefaultClient::new(AddressPolicy::default()).unwrap());
    assert!(is_denied(&plugin.get(&url).await));
    assert!(server.seen().is_empty());
}

/// The guard has a wider policy than the client, and the client still refuses.
#[tokio::test]
async fn host_that_is_an_address_is_checked_again_by_the_client() {
    let server = Server::start(|_| ok("secret")).await;
    let mut plugin = Plugin::of(&server);
    plugin.client = Box::new(DefaultClient::new(AddressPolicy::default()).unwrap());
    assert!(is_denied(&plugin.get(&server.url("/")).await));
    assert!(server.seen().is_empty());
}

#[tokio::test]
async fn host_that_is_an_address_is_checked_by_the_guard_before_any_client() {
    let server = Server::start(|_| ok("secret")).await;
    let mut plugin = Plugin::of(&server);
    plugin.egress.addresses = AddressPolicy::default();
    assert!(is_denied(&plugin.get(&server.url("/")).await));
    assert!(server.seen().is_empty());
}

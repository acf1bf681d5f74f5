//! Tests as authors of plugins write them in Rust, with the crate `palisade-test`. `docs/testing.md` shows the first one.
//!
//! They are a program of their own: it is also the compiler of its hosts.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use palisade_test::{CallError, Options, Server, TestHost, json};
use std::path::Path;

#[palisade_test::test(plugin = "../target/guests/guestbooks/rust")]
async fn signed_entry_is_stored_with_the_next_number(host: TestHost) {
    host.insert("entries", &[json!({ "id": 7, "name": "Grace", "message": "First!" })]).await.unwrap();
    let ada = host.user("ada", &["guestbook:remove"], &[]).await.unwrap();
    let arguments = json!({ "name": "Ada", "message": "Hello" });
    let signed =
        host.call("writing/sign", arguments).caller(ada).replay(TestHost::default_replay()).await.unwrap();
    assert_eq!(signed.value, json!(8));
    let rows = host.rows("entries").await.unwrap();
    assert_eq!(rows[1]["message"], "Hello");
}

#[palisade_test::test(plugin = "../target/guests/guestbooks/rust")]
async fn each_test_has_a_database_of_its_own(host: TestHost) -> Result<(), CallError> {
    assert!(host.rows("entries").await.unwrap().is_empty());
    let refused = host.call("writing/sign", json!({ "name": "", "message": "x" })).await;
    assert!(matches!(refused, Err(CallError::Returned(value)) if value == "a name is needed"));
    host.call("writing/sign", json!({ "name": "Ada", "message": "x" })).await?;
    assert_eq!(host.rows("entries").await.unwrap().len(), 1);
    Ok(())
}

#[palisade_test::test(plugin = "../target/guests/guestbooks/rust")]
#[should_panic(expected = "this is the test's own")]
async fn panic_of_a_test_is_its_own(host: TestHost) {
    assert_eq!(host.plugin(), "guestbook-rust");
    panic!("this is the test's own");
}

#[palisade_test::test(plugin = "../target/guests/nowhere")]
#[should_panic(expected = "target/guests/nowhere")]
async fn plugin_that_is_not_there_is_named(_host: TestHost) {}

/// Nothing is kept that would save compiling, so this program compiles the component, started once more as this test.
#[palisade_test::test(plugin = "../target/guests/example-plugins/greeter")]
async fn test_program_compiles_by_itself(host: TestHost) {
    let server = Server::of_process().await.unwrap();
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/guests/example-plugins/greeter");
    let compiler = palisade::Compiler::of_test("test_program_compiles_by_itself");
    let other = TestHost::start(&server, &folder, Options { compiler, compiled_code: None }).await.unwrap();
    for host in [&host, &other] {
        let greeted = host.call("greeting/greet", json!({ "name": "Ada" })).await.unwrap();
        assert_eq!(greeted.value, json!("Hello, Ada!"));
    }
    other.stop().await;
    let absent = palisade::Compiler::of_test("there_is_no_such_test");
    let options = Options { compiler: absent, compiled_code: None };
    let refused = TestHost::start(&server, &folder, options).await.err().unwrap();
    assert!(format!("{refused:#}").contains("does not answer"), "{refused:#}");
}

/// Plain functions of a guest run in its own unit tests, where the contract's calls say that they need a host: the tests of
/// `guest-sdk/tests/native.rs` make each of them.
#[palisade_test::test(plugin = "../target/guests/tests/probe")]
async fn requests_to_other_servers_get_the_answers_of_the_test(host: TestHost) {
    let request = |path: &str| {
        let url = format!("https://api.example.com/v1/{path}");
        json!({ "request": { "method": "get", "url": url, "headers": [] } })
    };
    host.http().add(palisade_test::Answer {
        method: "GET".to_owned(),
        url: "https://api.example.com/v1/a".to_owned(),
        reply: palisade_test::Reply::Response { status: 200, headers: Vec::new(), body: b"hi".to_vec() },
    });
    let answered = host.call("effects/fetch", request("a")).await.unwrap();
    assert_eq!(answered.value["body"], "aGk=");
    assert!(host.call("effects/fetch", request("b")).await.is_err());
    assert_eq!(host.http().unanswered(), ["GET https://api.example.com/v1/b"]);
}

//! The guestbook of `tests/guestbooks` in each language that `palisade build` compiles. `cargo xtask guests` builds them with
//! that command.

use crate::harness::{World, call, call_as, guestbook, returned};
use palisade::{CallError, Caller, Host, Policy};
use serde_json::{Value, json};
use std::collections::BTreeSet;

async fn host(world: &World, language: &str) -> Host {
    world.builder().plugin(guestbook(language), Policy::as_asked()).build().await.unwrap()
}

/// What every guestbook does, in whichever language.
async fn does_what_a_guestbook_does(language: &str) {
    let (world, plugin) = (World::new().await, format!("guestbook-{language}"));
    let host = host(&world, language).await;
    let ask = async |function: &str, arguments: Value| call(&host, &plugin, function, arguments).await;
    let recent = async |max: u32| ask("reading/recent", json!({ "max": max })).await.unwrap();
    assert_eq!(recent(5).await, json!([]), "{language}");
    let messages = ["Hello", "", "Grüße, \u{1f600}\n\"x\"", "a\u{0}b"];
    for (index, message) in messages[..3].iter().enumerate() {
        let signed = ask("writing/sign", json!({ "name": "Ada", "message": message })).await.unwrap();
        assert_eq!(signed.as_u64(), Some(index as u64 + 1), "{language}: {signed}");
    }
    let entry = |id: usize| json!({ "id": id, "name": "Ada", "message": messages[id - 1] });
    assert_eq!(recent(2).await, json!([entry(3), entry(2)]), "{language}");
    // The guest's own error, and the host's.
    let refused = returned(ask("writing/sign", json!({ "name": "", "message": "x" })).await);
    assert_eq!(refused, "a name is needed", "{language}");
    let refused = returned(ask("writing/sign", json!({ "name": "Ada", "message": messages[3] })).await);
    assert!(refused.as_str().unwrap().to_lowercase().contains("nul"), "{language}: {refused}");
    assert_eq!(ask("reading/caller", json!({})).await.unwrap(), Value::Null, "{language}");
    let user = world.user(&host, "Grace", &[]).await;
    let named =
        call_as(&host, &plugin, "reading/caller", json!({}), Caller::User(user.into())).await.unwrap();
    assert_eq!(named, "Grace", "{language}");
    // Each integer is exact, where engines have only floats or take the sign for a digit.
    for number in [0, 1, i32::MAX as u32, i32::MAX as u32 + 1, 3_000_000_000, u32::MAX] {
        let echoed = ask("reading/echo", json!({ "number": number })).await.unwrap();
        assert_eq!(echoed, number, "{language}");
    }
    for number in [0, -1, 1 << 53, (1 << 53) + 1, -(1 << 53) - 1, i64::MAX, i64::MIN] {
        let echoed = ask("reading/echo-signed", json!({ "number": number })).await.unwrap();
        assert_eq!(echoed, number, "{language}");
    }
}

/// A component that carries an engine imports every function of an interface. Those without a grant are denied when they are
/// called, and the passport says so.
async fn is_denied_what_it_imports_without_a_grant(language: &str) {
    let (world, plugin) = (World::new().await, format!("guestbook-{language}"));
    let host = host(&world, language).await;
    for function in ["trying/query", "trying/user"] {
        let denied = call(&host, &plugin, function, json!({})).await.unwrap();
        let denied = denied.as_str().unwrap().to_lowercase().replace('-', "");
        assert_eq!(denied, "accessdenied", "{language} {function}");
    }
    let passport = host.plugins().remove(0).passport;
    let denied: BTreeSet<String> = passport
        .denied
        .iter()
        .flat_map(|(interface, functions)| functions.iter().map(move |name| format!("{interface}.{name}")))
        .collect();
    let expected = [
        "db-write.delete",
        "db-write.execute",
        "db-write.update",
        "db.query",
        "user.get",
        "user.has-permission",
    ];
    assert_eq!(denied, expected.map(str::to_owned).into(), "{language}");
    for absent in ["http", "item", "item-write", "variables-write"] {
        assert!(!passport.imports.contains_key(absent), "{language} imports {absent}");
    }
}

#[tokio::test]
async fn guestbook_in_rust_does_what_a_guestbook_does() {
    does_what_a_guestbook_does("rust").await;
}

#[tokio::test]
async fn guestbook_in_c_does_what_a_guestbook_does() {
    does_what_a_guestbook_does("c").await;
}

#[tokio::test]
async fn guestbook_in_js_does_what_a_guestbook_does() {
    does_what_a_guestbook_does("js").await;
}

#[tokio::test]
async fn guestbook_in_python_does_what_a_guestbook_does() {
    does_what_a_guestbook_does("python").await;
}

#[tokio::test]
async fn guestbook_in_js_is_denied_what_it_imports_without_a_grant() {
    is_denied_what_it_imports_without_a_grant("js").await;
}

#[tokio::test]
async fn guestbook_in_python_is_denied_what_it_imports_without_a_grant() {
    is_denied_what_it_imports_without_a_grant("python").await;
}

#[tokio::test]
async fn precise_components_import_only_what_they_call() {
    for language in ["rust", "c"] {
        let world = World::new().await;
        let passport = host(&world, language).await.plugins().remove(0).passport;
        assert!(passport.denied.is_empty(), "{language}: {passport:?}");
        let imports: Vec<&str> = passport.imports.keys().map(String::as_str).collect();
        // The SDK logs a panic.
        let expected: &[&str] = if language == "rust" {
            &["db", "db-write", "logging", "user"]
        } else {
            &["db", "db-write", "user"]
        };
        assert_eq!(imports, expected, "{language}");
        assert!(passport.wasi.is_empty(), "{language}: {passport:?}");
    }
}

/// An exception that the source does not catch ends the call, and its place in the source is in the log.
#[tokio::test]
async fn trace_of_an_exception_is_logged() {
    for (language, place) in [("js", "src/plugin.js:"), ("python", "plugin.py\", line")] {
        let (world, plugin) = (World::new().await, format!("guestbook-{language}"));
        let host = host(&world, language).await;
        let failed = call(&host, &plugin, "trying/fail", json!({})).await;
        assert!(matches!(failed, Err(CallError::Trapped { .. })), "{language}: {failed:?}");
        let messages = world.log.messages();
        assert!(messages.iter().any(|line| line.contains(place)), "{language}: {messages:?}");
        assert!(messages.iter().any(|line| line.contains("on purpose")), "{language}: {messages:?}");
    }
}

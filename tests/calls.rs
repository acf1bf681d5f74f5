//! Calls: how failing calls end, and whether the host still works after them.

use crate::harness::{
    CALLS, World, call, call_patiently, component, guest, limited, odd, oversized, returned, trapped,
};
use palisade::guard::logging::Level;
use palisade::limits::{Limit, MIB};
use palisade::{Blame, CallError, Host, Policy, Usage};
use serde_json::{Value, json};

/// Returns the usage of the limit that ended a call.
fn ended(result: Result<Value, CallError>) -> Usage {
    match result {
        Err(error @ CallError::LimitExceeded { .. }) if error.blame() != Blame::Guest => {
            panic!("{error} blames the guest")
        }
        Err(CallError::LimitExceeded { usage, .. }) => usage,
        other => panic!("expected a limit to end the call, got {other:?}"),
    }
}

async fn assert_usable(host: &Host) {
    assert_eq!(call(host, "probe", "abuses/allocate", json!({ "bytes": 10 })).await.unwrap(), json!(10));
}

async fn produce(host: &Host, bytes: u64) -> Result<Value, CallError> {
    call(host, "probe", "abuses/produce", json!({ "bytes": bytes })).await
}

#[tokio::test]
async fn greeter_greets() {
    let world = World::new().await;
    let host = world.host(&["greeter"]).await;
    let greeting = call(&host, "greeter", "greeting/greet", json!({ "name": "Ada" })).await.unwrap();
    assert_eq!(greeting, json!("Hello, Ada!"));
}

#[tokio::test]
async fn unknown_plugin_is_rejected_with_the_loaded_plugins() {
    let world = World::new().await;
    let none = world.host(&[]).await;
    let error = call(&none, "blog", "posts/list", json!({})).await.unwrap_err();
    assert_eq!(error.to_string(), "no plugin is named `blog`; none is loaded");
    let host = world.host(&["greeter", "types"]).await;
    for wrong in ["", "Greeter", "greeter ", "greet", "../greeter", "greeter\0"] {
        let error = call(&host, wrong, "greeting/greet", json!({})).await.unwrap_err();
        assert_eq!(error.to_string(), format!("no plugin is named `{wrong}`; loaded are greeter, types"));
        assert_eq!(error.blame(), Blame::Caller);
    }
}

#[tokio::test]
async fn unknown_function_is_rejected_with_the_known_functions() {
    let world = World::new().await;
    let host = world.host(&["greeter"]).await;
    for wrong in [
        "",
        "greet",
        "greeting",
        "greeting/",
        "/greet",
        "greeting/greet/",
        "Greeting/greet",
        "acme:greeter/greeting/greet",
    ] {
        let error = call(&host, "greeter", wrong, json!({ "name": "Ada" })).await.unwrap_err();
        let sentence = format!("plugin `greeter` has no function `{wrong}`; it has greeting/greet");
        assert_eq!((error.to_string(), error.blame()), (sentence, Blame::Caller));
    }
}

#[tokio::test]
async fn caller_cannot_call_a_tap() {
    let world = World::new().await;
    let host = world.host(&["taps", "steps"]).await;
    for (plugin, function) in [
        ("taps", "tap-cron/run"),
        ("steps", "tap-item-presave/presave"),
        ("steps", "palisade:plugin/tap-item-view/view"),
    ] {
        let error = call(&host, plugin, function, json!({ "scheduled": 0 })).await.unwrap_err();
        assert!(matches!(error, CallError::NoFunction { .. }), "{error}");
    }
}

#[tokio::test]
async fn plugin_error_is_returned_unchanged() {
    let world = World::new().await;
    let host = world.host(&["greeter"]).await;
    let result = call(&host, "greeter", "greeting/greet", json!({ "name": "" })).await;
    assert_eq!(result.as_ref().unwrap_err().blame(), Blame::Caller);
    assert!(returned(result).is_string());
}

#[tokio::test]
async fn panic_traps_and_logs_its_message_with_file_and_line() {
    let world = World::new().await;
    let host = world.host(&["probe"]).await;
    let result = call(&host, "probe", "abuses/panic", json!({ "message": "secret\nlevel=INFO" })).await;
    assert_eq!(result.as_ref().unwrap_err().blame(), Blame::Guest);
    let reason = trapped(result);
    assert!(!reason.contains("secret") && !reason.contains("0x"), "{reason}");
    let entry = world.log.all().pop().unwrap();
    assert_eq!((&*entry.plugin, entry.level), ("probe", Level::Error));
    assert!(
        entry.message.starts_with("panicked at ") && entry.message.ends_with(": secret\\nlevel=INFO"),
        "{}",
        entry.message
    );
    let place = entry.message.split_once("abuses.rs:").unwrap().1;
    assert!(place.split(':').take(2).all(|number| number.parse::<u32>().is_ok()), "{place}");
    assert_usable(&host).await;
}

#[tokio::test]
async fn endless_loop_ends_at_the_guest_time_limit() {
    let world = World::new().await;
    let host = world.host_with("probe", limited("guest-time = \"50 ms\"")).await;
    for kind in ["first", "and again"] {
        let usage = ended(call(&host, "probe", "abuses/spin", json!({})).await);
        assert_eq!((usage.limit, usage.max), (Limit::GuestTime, 50), "{kind}");
        assert!(usage.used > 50);
    }
    assert_usable(&host).await;
}

#[tokio::test]
async fn endless_loop_ends_at_the_wall_time_limit_and_lets_others_run() {
    let world = World::new().await;
    let host = world.host_with("probe", limited("wall-time = \"300 ms\"")).await;
    // There is only one thread. Other tasks run on it only when the spinning guest yields.
    let others = async {
        for _ in 0..3 {
            assert_usable(&host).await;
        }
    };
    let (result, ()) = tokio::join!(call_patiently(&host, "probe", "abuses/spin", json!({})), others);
    let usage = ended(result);
    assert_eq!((usage.limit, usage.max), (Limit::WallTime, 300));
    let action = |manifest: String| {
        limited("action-time = \"50 ms\"")(manifest.replace("abuses\" = \"query\"", "abuses\" = \"action\""))
    };
    let host = world.host_with("probe", action).await;
    let usage = ended(call_patiently(&host, "probe", "abuses/spin", json!({})).await);
    assert_eq!((usage.limit, usage.max), (Limit::ActionTime, 50));
    assert_usable(&host).await;
}

#[tokio::test]
async fn endless_recursion_ends_in_stack_overflow_or_trap() {
    let world = World::new().await;
    let folder = odd(&component("", "call $f"), CALLS);
    let host = world
        .builder()
        .plugin(folder.path(), Policy::as_asked())
        .plugin(guest("probe"), Policy::as_asked())
        .build()
        .await
        .unwrap();
    for _ in 0..3 {
        let usage = ended(call(&host, "odd", "calls/f", json!({})).await);
        assert_eq!((usage.limit, usage.max), (Limit::Stack, Limit::Stack.default_max()));
        // A Rust guest first exhausts its 64 KiB shadow stack, below which there is no memory.
        let reason = trapped(call(&host, "probe", "abuses/recurse", json!({})).await);
        assert!(reason.contains("stack overflow: the guest's stack is 64 KiB"), "{reason}");
    }
    assert_usable(&host).await;
}

#[tokio::test]
async fn memory_over_the_limit_ends_the_call_and_at_the_limit_does_not() {
    let world = World::new().await;
    let allocate = |host: Host| async move {
        host.call("probe", "abuses/allocate").arguments(json!({ "bytes": 2 * MIB })).await
    };
    let free = allocate(world.host_with("probe", limited("memory = \"4 MiB\"")).await).await.unwrap();
    let usage = free.usage.iter().find(|usage| usage.limit == Limit::Memory).unwrap();
    assert!(usage.used > 2 * MIB && usage.used <= 4 * MIB && usage.max == 4 * MIB, "{usage:?}");

    let at = world.host_with("probe", limited(&format!("memory = \"{} B\"", usage.used))).await;
    allocate(at.clone()).await.unwrap();
    let host = world.host_with("probe", limited(&format!("memory = \"{} B\"", usage.used - 1))).await;
    let usage = ended(allocate(host.clone()).await.map(|outcome| outcome.value));
    assert_eq!((usage.limit, usage.used, usage.max), (Limit::Memory, usage.used, usage.used - 1));
    assert_usable(&host).await;

    let four = world.host_with("probe", limited("memory = \"4 MiB\"")).await;
    let usage = ended(call(&four, "probe", "abuses/allocate", json!({ "bytes": 64 * MIB })).await);
    assert_eq!((usage.limit, usage.max), (Limit::Memory, 4 * MIB));
    // Freed memory can be allocated again: 40 MiB in total, 1 MiB at a time.
    let churned = call(&four, "probe", "abuses/churn", json!({ "bytes": MIB, "rounds": 40 })).await.unwrap();
    assert_eq!(churned, json!(40 * MIB));
}

#[tokio::test]
async fn manifest_cannot_raise_a_limit_above_the_hosts() {
    let world = World::new().await;
    let host = world.host_with("probe", limited("memory = \"4096 MiB\"\nhost-calls = 1000000000")).await;
    let outcome = host.call("probe", "reads/now").await.unwrap();
    for usage in outcome.usage {
        assert!(usage.max <= usage.limit.default_max(), "{usage:?}");
    }
}

#[tokio::test]
async fn host_calls_over_the_limit_end_the_call() {
    let world = World::new().await;
    let host = world.host_with("probe", limited("host-calls = 3")).await;
    let usage = ended(call(&host, "probe", "reads/flood-log", json!({ "count": 4 })).await);
    assert_eq!((usage.limit, usage.used, usage.max), (Limit::HostCalls, 4, 3));
    call(&host, "probe", "reads/flood-log", json!({ "count": 3 })).await.unwrap();
    assert_eq!(world.log.all().len(), 7, "the fourth call is made, and ends its guest");
}

#[tokio::test]
async fn oversized_result_is_refused_with_a_clear_message() {
    let world = World::new().await;
    let host = world.host(&["probe"]).await;
    for bytes in [MIB, 16 * MIB] {
        let reason = oversized(produce(&host, bytes).await);
        assert!(reason.contains("return it in pages"), "{reason}");
        assert_usable(&host).await;
    }
    produce(&host, 64 * 1024).await.unwrap();
}

#[tokio::test]
async fn failed_mutation_rolls_back_and_failed_action_keeps_its_writes() {
    let world = World::new().await;
    let host = world.host(&["probe"]).await;
    let insertion = json!({ "insertion": { "table": "notes", "columns": ["title"], "rows": [[{ "tag": "scalar", "val": { "tag": "text", "val": "t" } }]], "returning": [] } });
    let before = world.state().await;
    assert_eq!(
        returned(call(&host, "probe", "writes/fail-after-insert", insertion.clone()).await),
        json!("failed after the insert")
    );
    trapped(call(&host, "probe", "writes/trap-after-insert", insertion.clone()).await);
    assert_eq!(world.state().await, before);
    returned(call(&host, "probe", "effects/fail-after-insert", insertion).await);
    assert_eq!(world.count("SELECT count(*) FROM plugin_probe.notes").await, 1);
}

#[tokio::test]
async fn undone_mutation_answers_and_changes_nothing_and_an_action_cannot_be_undone() {
    let world = World::new().await;
    let host = world.host(&["probe"]).await;
    let insertion = json!({ "insertion": { "table": "notes", "columns": ["title"], "rows": [[{ "tag": "scalar", "val": { "tag": "text", "val": "t" } }]], "returning": [] } });
    let before = world.state().await;
    let insert = || host.call("probe", "writes/insert").arguments(insertion.clone());
    let undone = insert().undone().await.unwrap();
    assert_eq!(world.state().await, before);
    assert_eq!(insert().await.unwrap().value, undone.value, "it answers as if it were kept");
    assert_eq!(world.count("SELECT count(*) FROM plugin_probe.notes").await, 1);
    let refused = host.call("probe", "effects/fail-after-insert").arguments(insertion.clone()).undone().await;
    assert!(
        matches!(&refused, Err(CallError::BadArguments(why)) if why.contains("cannot be undone")),
        "{refused:?}"
    );
    assert_eq!(world.count("SELECT count(*) FROM plugin_probe.notes").await, 1, "it has not run");
}

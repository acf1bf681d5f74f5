//! Composed components: components in a component that call each other.

use super::refusal_of;
use crate::harness::{CALLS, World, call, odd};
use palisade::Policy;
use palisade::limits::{COMPONENT_INSTANCES_MAX, Limit};
use serde_json::json;

/// A memory and an allocator that never frees.
const MEMORY: &str = r#"
    (memory (export "memory") 1)
    (global $next (mut i32) (i32.const 1024))
    (func (export "realloc") (param i32 i32 i32 i32) (result i32)
        (local $at i32)
        (local.set $at (i32.and (i32.add (global.get $next) (i32.const 7)) (i32.const -8)))
        (global.set $next (i32.add (local.get $at) (local.get 3)))
        (local.get $at))"#;

/// A component whose function returns its text through as many components as are named here, each with a memory of its own.
fn composed(through: usize) -> Vec<u8> {
    let ty = r#"(param "text" string) (result string)"#;
    let innermost = format!(
        r#"(component $c0
            (core module $m {MEMORY}
                (func (export "f") (param i32 i32) (result i32)
                    (i32.store (i32.const 16) (local.get 0))
                    (i32.store (i32.const 20) (local.get 1))
                    (i32.const 16)))
            (core instance $i (instantiate $m))
            (func (export "f") {ty}
                (canon lift (core func $i "f") (memory (core memory $i "memory")) (realloc (core func $i "realloc")))))"#
    );
    let outer = format!(
        r#"(component $c
            (import "f" (func $f {ty}))
            (core module $libc {MEMORY})
            (core instance $libc (instantiate $libc))
            (core func $f (canon lower (func $f) (memory (core memory $libc "memory")) (realloc (core func $libc "realloc"))))
            (core module $m
                (import "libc" "memory" (memory 1))
                (import "inner" "f" (func $f (param i32 i32 i32)))
                (func (export "f") (param i32 i32) (result i32)
                    (call $f (local.get 0) (local.get 1) (i32.const 16))
                    (i32.const 16)))
            (core instance $i (instantiate $m
                (with "libc" (instance $libc)) (with "inner" (instance (export "f" (func $f))))))
            (func (export "f") {ty}
                (canon lift (core func $i "f") (memory (core memory $libc "memory")) (realloc (core func $libc "realloc")))))"#
    );
    let instances: Vec<_> = (1..through)
        .map(|n| format!(r#"(instance $i{n} (instantiate $c (with "f" (func $i{} "f"))))"#, n - 1))
        .collect();
    let instances = instances.concat();
    let last = through - 1;
    let text = format!(
        r#"(component {innermost} {outer} (instance $i0 (instantiate $c0)) {instances}
            (instance $calls (export "f" (func $i{last} "f")))
            (export "acme:odd/calls" (instance $calls)))"#
    );
    wat::parse_str(text).unwrap()
}

#[tokio::test]
async fn components_that_pass_texts_to_each_other_are_loaded_and_work() {
    let world = World::new().await;
    let host = world.builder().build().await.unwrap();
    for through in [2, 4] {
        host.load(odd(&composed(through), CALLS).path(), &Policy::as_asked()).await.unwrap();
        for text in ["", "Grüße, 你好", &"x".repeat(5_000)] {
            let echoed = call(&host, "odd", "calls/f", json!({ "text": text })).await.unwrap();
            assert_eq!(echoed, json!(text), "through {through}");
        }
        let calls = (0..20).map(|n| {
            let host = host.clone();
            async move { call(&host, "odd", "calls/f", json!({ "text": n.to_string() })).await.unwrap() }
        });
        let answers: Vec<_> = futures_util::future::join_all(calls).await;
        assert_eq!(answers, (0..20).map(|n| json!(n.to_string())).collect::<Vec<_>>());
    }
}

#[tokio::test]
async fn memories_of_a_composed_component_are_limited_together_and_in_number() {
    let world = World::new().await;
    // Two pages are 128 KiB.
    for (maximum, is_enough) in [("128 KiB", true), ("127 KiB", false)] {
        let folder = odd(&composed(2), &format!("{CALLS}\n[limits]\nmemory = \"{maximum}\"\n"));
        let host = world.builder().plugin(folder.path(), Policy::as_asked()).build().await.unwrap();
        let called = call(&host, "odd", "calls/f", json!({ "text": "a" })).await;
        assert_eq!(called.is_ok(), is_enough, "{} of {maximum}: {called:?}", Limit::Memory.name());
    }
    let world = World::new().await;
    let sentence = refusal_of(&world, &composed(5), CALLS).await;
    assert!(sentence.contains("5 Wasm linear memories"), "{sentence}");
    let sentence = refusal_of(&world, &composed(COMPONENT_INSTANCES_MAX), CALLS).await;
    assert!(sentence.contains("more than 200 instances"), "{sentence}");
}

//! Switches of an operator's policy, which override the manifest.

use super::refusal;
use crate::harness::{CALLS, World, component, guest, odd};
use palisade::Policy;

#[tokio::test]
async fn component_with_wasi_is_rejected_only_if_the_policy_forbids_it() {
    let world = World::new().await;
    let type_alone = r#"(import "wasi:io/error@0.2.0" (instance (export "error" (type (sub resource)))))"#;
    let typed = odd(&component(type_alone, ""), CALLS);
    for folder in [guest("wasi"), typed.path().to_owned()] {
        let sentence = refusal(&world, &folder, Policy::as_asked().without_wasi()).await;
        assert!(
            sentence.contains(": it imports `wasi:")
                && sentence.contains("the operator's policy refuses WASI")
                && sentence.contains("set `wasi = true`"),
            "{sentence}"
        );
    }
    let host = world.builder().plugin(guest("greeter"), Policy::as_asked().without_wasi());
    let host = host.plugin(guest("wasi"), Policy::as_asked()).build().await.unwrap();
    assert_eq!(host.plugins().len(), 2);
}

/// A component whose function takes a list of this type. Its code contains no float.
fn taking_a_list_of(ty: &str) -> Vec<u8> {
    let text = format!(
        r#"(component
            (core module $m
                (memory (export "memory") 1)
                (func (export "realloc") (param i32 i32 i32 i32) (result i32) i32.const 8)
                (func (export "f") (param i32 i32)))
            (core instance $i (instantiate $m))
            (func $f (param "x" (list {ty})) (canon lift (core func $i "f") (memory (core memory $i "memory")) (realloc (core func $i "realloc"))))
            (instance $calls (export "f" (func $f)))
            (export "acme:odd/calls" (instance $calls)))"#
    );
    wat::parse_str(text).unwrap()
}

#[tokio::test]
async fn component_with_floats_is_rejected_only_if_the_policy_forbids_them() {
    let world = World::new().await;
    let host = world.builder().build().await.unwrap();
    let code = component("", "f64.const 1 f64.const 2 f64.add drop");
    for (bytes, place) in [
        (&code, "function 0 (`f`) uses `f64.const`"),
        (&taking_a_list_of("f32"), "`calls/f` has a float in its type"),
        (&taking_a_list_of("(option (tuple u8 f64))"), "`calls/f` has a float in its type"),
    ] {
        let folder = odd(bytes, CALLS);
        let sentence = refusal(&world, folder.path(), Policy::as_asked().without_floats()).await;
        assert!(
            sentence.starts_with(&format!("plugin `odd`: {place}, and the operator's policy refuses floats")),
            "{sentence}"
        );
        host.load(folder.path(), &Policy::as_asked()).await.unwrap();
    }
    for bytes in [component("", "i64.const 1 drop"), taking_a_list_of("u64")] {
        let folder = odd(&bytes, CALLS);
        host.load(folder.path(), &Policy::as_asked().without_floats()).await.unwrap();
    }
    // A guest from a real compiler has several floats. The error names the first.
    let sentence = refusal(&world, &guest("types"), Policy::as_asked().without_floats()).await;
    assert!(sentence.contains("function ") && sentence.contains("refuses floats"), "{sentence}");
}

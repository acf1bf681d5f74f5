//! The size of a component's types: what they name, what they spell out, and what the host describes of them.

use super::refusal_of;
use crate::harness::{CALLS, Served, World, call, odd};
use palisade::limits::{COMPONENT_FUNCTIONS_MAX, COMPONENT_NAME_BYTES_MAX};
use palisade::{CallError, Policy};
use serde_json::{Value, json};

/// A component that exports functions `f0`, `f1` and so on. Each takes a list of records with these options as fields.
fn listing(functions: usize, fields: &[String]) -> Vec<u8> {
    let fields: Vec<_> = fields.iter().map(|name| format!(r#"(field "{name}" (option u64))"#)).collect();
    let lift = |n| {
        format!(
            r#"(func $f{n} (param "l" (list $r)) (canon lift (core func $i "f") (memory (core memory $i "memory")) (realloc (core func $i "realloc"))))"#
        )
    };
    let lifted = (0..functions).map(lift).collect::<Vec<_>>().concat();
    let exported: Vec<_> = (0..functions).map(|n| format!(r#"(export "f{n}" (func $f{n}))"#)).collect();
    let (fields, exported) = (fields.concat(), exported.concat());
    let text = format!(
        r#"(component
            (core module $m
                (memory (export "memory") 1 700)
                (func (export "realloc") (param i32 i32 i32 i32) (result i32)
                    (drop (memory.grow (i32.div_u (local.get 3) (i32.const 65536))))
                    i32.const 8)
                (func (export "f") (param i32 i32)))
            (core instance $i (instantiate $m))
            (type $r' (record {fields}))
            (import "r" (type $r (eq $r')))
            {lifted}
            (instance $calls {exported})
            (export "acme:odd/calls" (instance $calls)))"#
    );
    wat::parse_str(text).unwrap()
}

fn names(count: usize, bytes: usize) -> Vec<String> {
    let name = |n: usize| {
        let digits = n.to_string();
        format!("n{}{digits}", "0".repeat(bytes - 1 - digits.len()))
    };
    (0..count).map(name).collect()
}

#[tokio::test]
async fn component_with_long_names_or_large_types_is_rejected_before_the_host_holds_them() {
    let world = World::new().await;
    for (functions, fields, says) in [
        // What took 2 GB for a call, and 11 GB to load.
        (1, names(1, 99_000), "is a name of 99000 bytes in its types: at most 128"),
        (1_500, names(20, 99_000), "is a name of 99000 bytes in its types: at most 128"),
        (1, names(1, COMPONENT_NAME_BYTES_MAX + 1), "is a name of 129 bytes in its types: at most 128"),
        (COMPONENT_FUNCTIONS_MAX + 1, names(1, 9), "it exports more than 1000 functions"),
        (90, names(60, COMPONENT_NAME_BYTES_MAX), "take over 2097152 bytes to describe"),
        (6_000, names(1, 9), "more than 10000 types and names"),
    ] {
        let sentence = refusal_of(&world, &listing(functions, &fields), CALLS).await;
        assert!(sentence.contains(says) && sentence.len() < 500, "{sentence}");
    }
}

#[tokio::test]
async fn description_of_the_largest_component_is_of_bounded_size() {
    let world = World::new().await;
    for (functions, fields) in
        [(50, names(60, COMPONENT_NAME_BYTES_MAX)), (COMPONENT_FUNCTIONS_MAX, names(3, 9))]
    {
        let host = world.builder().build().await.unwrap();
        host.load(odd(&listing(functions, &fields), CALLS).path(), &Policy::as_asked()).await.unwrap();
        let served = Served::new(host.clone()).await;
        let answer = served.get("/openapi.json").await;
        let paths = answer.body["paths"].as_object().unwrap();
        let called: Vec<&Value> = paths
            .iter()
            .filter(|(path, _)| path.starts_with("/call/"))
            .map(|(_, operation)| operation)
            .collect();
        assert_eq!(called.len(), functions);
        let bytes = answer.body.to_string().len();
        assert!((1 << 20..8 << 20).contains(&bytes), "{bytes}");
    }
}

#[tokio::test]
async fn small_arguments_that_stand_for_large_values_are_rejected() {
    let world = World::new().await;
    let folder = odd(&listing(1, &names(100, COMPONENT_NAME_BYTES_MAX)), CALLS);
    let host = world.builder().plugin(folder.path(), Policy::as_asked()).build().await.unwrap();
    // 10,000 bytes of JSON, of which each two would become 26 KB.
    let over = json!({ "l": vec![json!({}); 2_450] });
    let refused = call(&host, "odd", "calls/f0", over).await.unwrap_err();
    assert!(
        matches!(&refused, CallError::BadArguments(why) if why.contains("at most 50331648 bytes of memory")),
        "{refused}"
    );
    call(&host, "odd", "calls/f0", json!({ "l": vec![json!({}); 2_000] })).await.unwrap();
}

//! Values: from JSON to the types of a component and back, for every type that a plugin's function may have.

use crate::harness::{Answer, Served, World, call, returned};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use palisade::{CallError, Host, Integers};
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::{Config, TestRunner};
use serde_json::{Value, json};

/// How many random arguments each function gets.
const CASES: u32 = 12;

async fn echo(host: &Host, function: &str, value: &Value) -> Result<Value, CallError> {
    call(host, "types", &format!("echo/{function}"), json!({ "v": value })).await
}

/// The message of a call whose arguments are rejected.
fn refusal(result: Result<Value, CallError>) -> String {
    match result {
        Err(CallError::BadArguments(sentence)) => sentence,
        other => panic!("expected the arguments to be rejected, got {other:?}"),
    }
}

/// An integer as the host writes it: a number with all its digits.
fn wide(n: i128) -> Value {
    u64::try_from(n).map_or_else(|_| json!(i64::try_from(n).unwrap()), |n| json!(n))
}

fn float(x: f64) -> Value {
    match x {
        x if x.is_nan() => json!("NaN"),
        f64::INFINITY => json!("Infinity"),
        f64::NEG_INFINITY => json!("-Infinity"),
        x => json!(x),
    }
}

fn integer<T: Arbitrary + Into<i128> + 'static>() -> BoxedStrategy<Value> {
    any::<T>().prop_map(|n| wide(n.into())).boxed()
}

fn text() -> BoxedStrategy<Value> {
    any::<String>().prop_map(Value::from).boxed()
}

fn maybe(some: impl Strategy<Value = Value> + 'static) -> BoxedStrategy<Value> {
    prop_oneof![Just(Value::Null), some].boxed()
}

fn list(element: impl Strategy<Value = Value> + 'static) -> BoxedStrategy<Value> {
    prop::collection::vec(element, 0..6).prop_map(Value::from).boxed()
}

fn tagged(tag: &'static str, payload: impl Strategy<Value = Value> + 'static) -> BoxedStrategy<Value> {
    payload.prop_map(move |val| json!({ "tag": tag, "val": val })).boxed()
}

fn flags(names: &'static [&'static str]) -> BoxedStrategy<Value> {
    let set = prop::collection::vec(any::<bool>(), names.len());
    set.prop_map(|set| names.iter().zip(set).map(|(name, set)| ((*name).to_owned(), json!(set))).collect())
        .boxed()
}

fn point() -> BoxedStrategy<Value> {
    (any::<i32>(), any::<i32>()).prop_map(|(x, y)| json!({ "x": x, "y": y })).boxed()
}

fn nested() -> BoxedStrategy<Value> {
    let parts = (point(), maybe(text()), list(point()));
    parts
        .prop_map(|(point, label, inner)| json!({ "point": point, "label": label, "innerPoints": inner }))
        .boxed()
}

fn shape() -> BoxedStrategy<Value> {
    let circle = any::<f64>().prop_map(float);
    prop_oneof![
        tagged("circle", circle),
        tagged("polygon", list(point())),
        tagged("named", text()),
        Just(json!({ "tag": "nothing" }))
    ]
    .boxed()
}

fn outcome() -> BoxedStrategy<Value> {
    prop_oneof![tagged("ok", integer::<u32>()), tagged("err", text())].boxed()
}

/// Every function that returns its argument as the value of the call, with a strategy for arguments.
fn functions() -> Vec<(&'static str, BoxedStrategy<Value>)> {
    let single = any::<f32>()
        .prop_map(|x| if x.is_finite() { x.to_string().parse::<f64>().unwrap() } else { x.into() });
    let bytes = any::<Vec<u8>>().prop_map(|bytes| json!(STANDARD.encode(bytes)));
    let tuple = (any::<u8>(), text(), any::<bool>()).prop_map(|(a, b, c)| json!([a, b, c]));
    let twice = prop_oneof![Just(json!({ "tag": "none" })), tagged("some", maybe(integer::<u32>()))];
    let colour = prop::sample::select(vec!["red", "dark-green", "blue"]).prop_map(Value::from);
    vec![
        ("echo-bool", any::<bool>().prop_map(Value::from).boxed()),
        ("echo-u8", integer::<u8>()),
        ("echo-s8", integer::<i8>()),
        ("echo-u16", integer::<u16>()),
        ("echo-s16", integer::<i16>()),
        ("echo-u32", integer::<u32>()),
        ("echo-s32", integer::<i32>()),
        ("echo-u64", integer::<u64>()),
        ("echo-s64", integer::<i64>()),
        ("echo-f32", single.prop_map(float).boxed()),
        ("echo-f64", any::<f64>().prop_map(float).boxed()),
        ("echo-char", any::<char>().prop_map(|c| json!(c)).boxed()),
        ("echo-string", text()),
        ("echo-bytes", bytes.boxed()),
        ("echo-strings", list(text())),
        ("echo-lists", list(list(integer::<i32>()))),
        ("echo-tuple", tuple.boxed()),
        ("echo-option", maybe(integer::<u32>())),
        ("echo-option-option", twice.boxed()),
        ("echo-option-list", maybe(list(maybe(text())))),
        ("echo-result-inside", list(outcome())),
        ("echo-enum", colour.boxed()),
        ("echo-flags", flags(&["read", "write", "runIt"])),
        ("echo-many-flags", flags(&["f0", "f1", "f2", "f3", "f4", "f5", "f6", "f7", "f8", "f9"])),
        ("echo-record", point()),
        ("echo-nested", nested()),
        ("echo-alias", nested()),
        ("echo-variant", shape()),
        ("echo-variants", list(shape())),
    ]
}

#[tokio::test]
async fn value_of_every_type_round_trips() {
    let world = World::new().await;
    let host = world.host(&["types"]).await;
    let mut runner = TestRunner::new(Config::default());
    for (function, strategy) in functions() {
        for _ in 0..CASES {
            let value = strategy.new_tree(&mut runner).unwrap().current();
            assert_eq!(echo(&host, function, &value).await.unwrap(), value, "{function}");
        }
    }
}

#[tokio::test]
async fn value_at_the_edge_of_its_type_round_trips() {
    let world = World::new().await;
    let host = world.host(&["types"]).await;
    for (function, value) in [
        ("echo-u64", json!(18_446_744_073_709_551_615_u64)),
        ("echo-u64", json!(9_007_199_254_740_992_u64)),
        ("echo-u64", json!(9_007_199_254_740_993_u64)),
        ("echo-s64", json!(i64::MIN)),
        ("echo-f64", json!("NaN")),
        ("echo-f64", json!("-Infinity")),
        ("echo-f64", json!(-0.0)),
        ("echo-f64", json!(5e-324)),
        ("echo-f64", json!(f64::MAX)),
        ("echo-f32", json!("Infinity")),
        ("echo-f32", json!(0.1)),
        ("echo-char", json!("\u{10ffff}")),
        ("echo-char", json!("\0")),
        ("echo-string", json!("\0 \u{feff} ☃ \u{1f600}")),
        ("echo-bytes", json!("")),
        ("echo-bytes", json!("AP+A")),
        ("echo-option-option", json!({ "tag": "none" })),
        ("echo-option-option", json!({ "tag": "some", "val": null })),
        ("echo-option-option", json!({ "tag": "some", "val": 0 })),
    ] {
        let back = echo(&host, function, &value).await.unwrap();
        assert_eq!(back.to_string(), value.to_string(), "{function}");
    }
}

#[tokio::test]
async fn value_in_another_spelling_returns_in_canonical_form() {
    let world = World::new().await;
    let host = world.host(&["types"]).await;
    for (function, value, expected) in [
        ("echo-u64", json!("7"), json!(7)),
        ("echo-u64", json!(u64::MAX.to_string()), json!(u64::MAX)),
        ("echo-u8", json!(1e2), json!(100)),
        ("echo-f64", json!(1), json!(1.0)),
        ("echo-option-option", Value::Null, json!({ "tag": "none" })),
        ("echo-flags", json!({ "runIt": true }), json!({ "read": false, "write": false, "runIt": true })),
        ("echo-flags", json!({}), json!({ "read": false, "write": false, "runIt": false })),
        (
            "echo-nested",
            json!({ "point": { "x": 1, "y": 2 }, "innerPoints": [] }),
            json!({ "point": { "x": 1, "y": 2 }, "label": null, "innerPoints": [] }),
        ),
    ] {
        assert_eq!(echo(&host, function, &value).await.unwrap(), expected, "{function} {value}");
    }
}

#[tokio::test]
async fn function_result_becomes_the_calls_ok_or_err() {
    let world = World::new().await;
    let host = world.host(&["types"]).await;
    for (function, ok, expected) in [
        ("echo-result-both", json!({ "tag": "ok", "val": 7 }), json!(7)),
        ("echo-result-ok", json!({ "tag": "ok", "val": 7 }), json!(7)),
        ("echo-result-err", json!({ "tag": "ok" }), Value::Null),
        ("echo-result-none", json!({ "tag": "ok" }), Value::Null),
    ] {
        assert_eq!(echo(&host, function, &ok).await.unwrap(), expected, "{function}");
    }
    for (function, err, expected) in [
        ("echo-result-both", json!({ "tag": "err", "val": "no" }), json!("no")),
        ("echo-result-ok", json!({ "tag": "err" }), Value::Null),
        ("echo-result-err", json!({ "tag": "err", "val": "" }), json!("")),
        ("echo-result-none", json!({ "tag": "err" }), Value::Null),
    ] {
        assert_eq!(returned(echo(&host, function, &err).await), expected, "{function}");
    }
}

#[tokio::test]
async fn mistyped_argument_is_rejected_with_its_path_and_wit_type() {
    let world = World::new().await;
    let host = world.host(&["types"]).await;
    for (function, value, path, expected) in [
        ("echo-bool", json!("true"), "$.v", "bool"),
        ("echo-u8", json!(256), "$.v", "u8"),
        ("echo-u8", json!(-1), "$.v", "0 to 255"),
        ("echo-u8", json!("1"), "$.v", "u8"),
        ("echo-s32", json!(1.5), "$.v", "s32"),
        ("echo-u64", json!("007"), "$.v", "string of digits"),
        ("echo-u64", json!("18446744073709551616"), "$.v", "u64"),
        ("echo-f32", json!(1e39), "$.v", "f32"),
        ("echo-f64", json!("nan"), "$.v", "\"NaN\""),
        ("echo-char", json!("ab"), "$.v", "one character"),
        ("echo-bytes", json!("A"), "$.v", "base64 with padding"),
        ("echo-bytes", json!([1, 2]), "$.v", "list<u8>"),
        ("echo-strings", json!(["a", 1]), "$.v[1]", "string"),
        ("echo-lists", json!([[], [1, null]]), "$.v[1][1]", "s32"),
        ("echo-tuple", json!([1, "a"]), "$.v", "an array of 3"),
        ("echo-option-option", json!(5), "$.v", "option<option<u32>>"),
        ("echo-enum", json!("darkGreen"), "$.v", "did you mean `dark-green`"),
        ("echo-flags", json!({ "run-it": true }), "$.v", "did you mean `runIt`"),
        ("echo-flags", json!({ "read": 1 }), "$.v.read", "bool"),
        ("echo-record", json!({ "x": 1 }), "$.v.y", "the key is missing"),
        ("echo-record", json!({ "x": 1, "y": 2, "z": 3 }), "$.v", "unknown key \"z\""),
        (
            "echo-nested",
            json!({ "point": { "x": 1, "y": 2 }, "innerPoints": [{ "x": 1, "y": "2" }] }),
            "$.v.innerPoints[0].y",
            "s32",
        ),
        ("echo-variant", json!({ "tag": "cirle", "val": 1 }), "$.v.tag", "did you mean `circle`"),
        ("echo-variant", json!({ "tag": "nothing", "val": 1 }), "$.v.val", "no payload"),
        ("echo-variant", json!({ "tag": "named" }), "$.v.val", "string"),
        ("echo-result-inside", json!([{ "tag": "ok", "val": -1 }]), "$.v[0].val", "u32"),
    ] {
        let sentence = refusal(echo(&host, function, &value).await);
        assert!(
            sentence.starts_with(&format!("`{path}`: expected `")) && sentence.contains(expected),
            "{function} {value}: {sentence}"
        );
    }
}

#[tokio::test]
async fn arguments_must_be_one_object_of_exactly_the_parameters() {
    let world = World::new().await;
    let host = world.host(&["types"]).await;
    for (arguments, path, expected) in [
        (Value::Null, "$", "an object of named arguments"),
        (json!([1, null, "red"]), "$", "an object of named arguments"),
        (json!({ "firstOne": 1 }), "$.third", "the key is missing"),
        (json!({ "first-one": 1, "third": "red" }), "$", "did you mean `firstOne`"),
        (json!({ "firstOne": 1, "third": "red", "fourth": 1 }), "$", "unknown key \"fourth\""),
    ] {
        let sentence = refusal(call(&host, "types", "echo/three", arguments.clone()).await);
        assert!(
            sentence.starts_with(&format!("`{path}`: ")) && sentence.contains(expected),
            "{arguments}: {sentence}"
        );
    }
    let three = json!({ "third": "dark-green", "firstOne": 1 });
    assert_eq!(call(&host, "types", "echo/three", three).await.unwrap(), json!("1 None Colour::DarkGreen"));
    assert_eq!(call(&host, "types", "echo/nothing", json!({})).await.unwrap(), Value::Null);
    assert!(
        refusal(call(&host, "types", "echo/nothing", json!({ "v": 1 })).await).contains("unknown key \"v\"")
    );
}

#[tokio::test]
async fn integers_of_64_bits_are_numbers_or_all_of_them_strings_and_both_forms_are_taken() {
    let world = World::new().await;
    let host = world.host(&["types"]).await;
    for (function, number) in
        [("echo-u64", json!(7)), ("echo-u64", json!(u64::MAX)), ("echo-s64", json!(i64::MIN))]
    {
        let string = json!(number.to_string());
        let path = format!("echo/{function}");
        for sent in [&number, &string] {
            let call = || host.call("types", &path).arguments(json!({ "v": sent }));
            assert_eq!(call().await.unwrap().value, number, "{function}");
            assert_eq!(call().integers(Integers::Strings).await.unwrap().value, string, "{function}");
        }
    }
    // Only 64-bit types: a number of 32 bits is exact everywhere.
    let small = host.call("types", "echo/echo-u32").arguments(json!({ "v": 7 }));
    assert_eq!(small.integers(Integers::Strings).await.unwrap().value, json!(7));
}

#[tokio::test]
async fn integers_over_http_are_strings_where_accept_asks_for_them() {
    let world = World::new().await;
    let served = Served::new(world.host(&["types"]).await).await;
    let strings = "application/json; integers=string";
    for (accept, status, expected, content_type) in [
        ("application/json; integers=text", 200, Some(json!(u64::MAX)), "application/json"),
        ("*/*", 200, Some(json!(u64::MAX)), "application/json"),
        ("application/json; integers=number", 200, Some(json!(u64::MAX)), "application/json"),
        (strings, 200, Some(json!(u64::MAX.to_string())), strings),
    ] {
        let request = served.raw("/call/types/echo/echo-u64", json!({ "v": u64::MAX }).to_string());
        let request = request.header("accept", accept);
        let answer = Answer::to(request).await;
        assert_eq!((answer.status, answer.header("content-type")), (status, content_type), "{accept}");
        assert!(expected.is_none_or(|expected| answer.body == expected), "{accept}: {answer:?}");
    }
}

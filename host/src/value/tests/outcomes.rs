//! What a caller gets: the JSON form of results, their size, and the schemas of arguments and results.

use super::{case, echo, field, flags, list, option, record, result, u32};
use crate::value::lift::BadResult;
use crate::value::schema::BASE64;
use crate::value::{BadArgument, Int, Integers, Returned, Schemas, Shape, Signature};
use palisade_guard::limits::{CALL_VALUES_BYTES_MAX, JSON_BYTES_MAX, JSON_INTEGER_MAX, JSON_NODE_BYTES};
use palisade_guard::memory::{MemoryBudget, Reservation};
use serde_json::{Value, json};
use wasmtime::component::Val;

fn returns(shape: Shape) -> Signature {
    Signature::from_shapes([].into(), Some(shape))
}

fn lifted(shape: Shape, val: Val) -> Value {
    match returns(Shape::Tuple([shape].into())).lift(
        vec![Val::Tuple(vec![val])],
        Integers::Numbers,
        &mut Reservation::uncounted(),
    ) {
        Ok(Returned::Ok(mut json)) => json[0].take(),
        other => panic!("{other:?}"),
    }
}

fn some(val: Val) -> Val {
    Val::Option(Some(val.into()))
}

#[test]
fn result_over_the_limit_is_refused_and_one_at_it_is_not() {
    // Not compared with `assert_eq!`: a failure would print the whole text.
    let too_large = |shape, val| {
        returns(shape).lift(vec![val], Integers::Numbers, &mut Reservation::uncounted())
            == Err(BadResult::TooLarge)
    };
    let text = |len| Val::String("a".repeat(len));
    assert!(too_large(Shape::String, text(JSON_BYTES_MAX - 1)));
    assert!(!too_large(Shape::String, text(JSON_BYTES_MAX - 2)));
    // Escapes make the JSON text much longer than the string.
    assert!(too_large(Shape::String, Val::String("\0".repeat(JSON_BYTES_MAX / 6 + 1))));
    assert!(too_large(Shape::Bytes, Val::List(vec![Val::U8(0); JSON_BYTES_MAX / 4 * 3])));
    assert!(too_large(list(list(u32())), Val::List(vec![Val::List(vec![]); JSON_BYTES_MAX / 3 + 1])));
}

#[test]
fn result_for_which_the_host_has_no_memory_is_refused() {
    let budget = MemoryBudget::new(1_000_000);
    let lift = |shape, val| {
        let mut memory = budget.reservation(None, None);
        returns(shape).lift(vec![val], Integers::Numbers, &mut memory).map(drop)
    };
    let records = |count| Val::List(vec![Val::Record(vec![("a".into(), Val::U32(1))]); count]);
    let shape = || list(Shape::Record([field("a", u32())].into()));
    // A small object takes a whole node of a map.
    assert!(matches!(lift(shape(), records(2_000)), Err(BadResult::OutOfMemory(_))));
    assert_eq!(lift(shape(), records(1_000)), Ok(()));
    assert!(matches!(lift(Shape::String, Val::String("a".repeat(600_000))), Err(BadResult::OutOfMemory(_))));
    assert_eq!(lift(Shape::String, Val::String("a".repeat(400_000))), Ok(()));
    assert_eq!(budget.held(), 0);
}

#[test]
fn result_whose_json_takes_too_much_memory_is_refused_though_its_text_is_short() {
    let lift = |shape: &Shape, val: &Val, count| {
        let signature = returns(list(shape.clone()));
        signature.lift(
            vec![Val::List(vec![val.clone(); count])],
            Integers::Numbers,
            &mut Reservation::uncounted(),
        )
    };
    let record = Shape::Record([field("a", option(u32()))].into());
    let empty = Val::Record(vec![("a".into(), Val::Option(None))]);
    let variant = Shape::Variant([case("a", None)].into());
    let nested = list(list(list(u32())));
    for (shape, val, each) in [
        (record, empty, JSON_NODE_BYTES + 2 * size_of::<Value>()),
        (flags(&["a"]), Val::Flags(vec![]), JSON_NODE_BYTES + size_of::<Value>()),
        (variant, Val::Variant("a".into(), None), JSON_NODE_BYTES + size_of::<Value>()),
        (nested, Val::List(vec![Val::List(vec![])]), 2 * size_of::<Value>()),
    ] {
        let over = CALL_VALUES_BYTES_MAX / each + 1;
        match lift(&shape, &val, over.min(JSON_BYTES_MAX / 5)) {
            Err(BadResult::TooHeavy) => assert!(over < JSON_BYTES_MAX / 5),
            // What is short in memory, too, meets the limit of the text first.
            other => assert!(other.is_ok() && over > JSON_BYTES_MAX / 5, "{shape}"),
        }
        assert!(lift(&shape, &val, CALL_VALUES_BYTES_MAX / (each + 200)).is_ok(), "{shape}");
    }
}

#[test]
fn value_of_another_type_is_refused() {
    for (shape, val) in [
        (Shape::Bool, Val::U8(1)),
        (u32(), Val::U64(1)),
        (Shape::Bytes, Val::List(vec![Val::S8(0)])),
        (Shape::Tuple([u32()].into()), Val::Tuple(vec![])),
        (record(), Val::Record(vec![])),
        (Shape::Variant([case("a", None)].into()), Val::Variant("b".into(), None)),
        (Shape::Variant([case("a", None)].into()), Val::Variant("a".into(), Some(Val::U8(1).into()))),
        (result(Some(u32()), None), Val::Result(Ok(None))),
    ] {
        let lifted = returns(shape).lift(vec![val], Integers::Numbers, &mut Reservation::uncounted());
        assert!(matches!(lifted, Err(BadResult::Mismatch { .. })), "{lifted:?}");
    }
    assert!(returns(u32()).lift(vec![], Integers::Numbers, &mut Reservation::uncounted()).is_err());
    assert!(
        Signature::from_shapes([].into(), None)
            .lift(vec![Val::Bool(true)], Integers::Numbers, &mut Reservation::uncounted())
            .is_err()
    );
}

#[test]
fn result_of_a_function_is_returned_as_ok_or_err() {
    let both = returns(result(Some(u32()), Some(Shape::String)));
    let ok = Val::Result(Ok(Some(Val::U32(7).into())));
    let err = Val::Result(Err(Some(Val::String("no".into()).into())));
    assert_eq!(
        both.lift(vec![err], Integers::Numbers, &mut Reservation::uncounted()),
        Ok(Returned::Err(json!("no")))
    );
    assert_eq!(
        both.lift(vec![ok], Integers::Numbers, &mut Reservation::uncounted()),
        Ok(Returned::Ok(json!(7)))
    );
    let neither = returns(result(None, None));
    assert_eq!(
        neither.lift(vec![Val::Result(Err(None))], Integers::Numbers, &mut Reservation::uncounted()),
        Ok(Returned::Err(json!(null)))
    );
    assert_eq!(
        neither.lift(vec![Val::Result(Ok(None))], Integers::Numbers, &mut Reservation::uncounted()),
        Ok(Returned::Ok(json!(null)))
    );
    assert_eq!(
        Signature::from_shapes([].into(), None).lift(
            vec![],
            Integers::Numbers,
            &mut Reservation::uncounted()
        ),
        Ok(Returned::Ok(json!(null)))
    );
    assert_eq!(
        returns(u32()).lift(vec![Val::U32(7)], Integers::Numbers, &mut Reservation::uncounted()),
        Ok(Returned::Ok(json!(7)))
    );
}

#[test]
#[expect(clippy::cast_possible_wrap, reason = "2^53 is far from the end")]
fn values_have_the_form_that_javascript_uses() {
    let s64 = || Shape::Int(Int::S64);
    let (safe, string) = (JSON_INTEGER_MAX as i64, |text: &str| Val::String(text.into()));
    let variant = || Shape::Variant([case("an-id", Some(u32())), case("no-id", None)].into());
    let nested = || option(option(u32()));
    let record_val =
        || vec![("page-size".into(), Val::U32(1)), ("tags".into(), Val::List(vec![string("a")]))];
    for (shape, val, json) in [
        (s64(), Val::S64(safe + 1), json!(9_007_199_254_740_993_i64)),
        (s64(), Val::S64(-safe - 1), json!(-9_007_199_254_740_993_i64)),
        (s64(), Val::S64(safe), json!(9_007_199_254_740_992_i64)),
        (s64(), Val::S64(i64::MIN), json!(i64::MIN)),
        (Shape::Int(Int::U64), Val::U64(u64::MAX), json!(18_446_744_073_709_551_615_u64)),
        (Shape::F32, Val::Float32(f32::NAN), json!("NaN")),
        (Shape::F64, Val::Float64(f64::NEG_INFINITY), json!("-Infinity")),
        (Shape::F64, Val::Float64(f64::INFINITY), json!("Infinity")),
        (Shape::F32, Val::Float32(0.1), json!(0.1)),
        (Shape::Char, Val::Char('🦀'), json!("🦀")),
        (Shape::Bytes, Val::List(vec![Val::U8(255), Val::U8(0)]), json!("/wA=")),
        (Shape::Bytes, Val::List(vec![]), json!("")),
        (
            Shape::Tuple([u32(), Shape::Bool].into()),
            Val::Tuple(vec![Val::U32(1), Val::Bool(true)]),
            json!([1, true]),
        ),
        (record(), Val::Record(record_val()), json!({"pageSize": 1, "tags": ["a"]})),
        (
            flags(&["read", "write-all"]),
            Val::Flags(vec!["write-all".into()]),
            json!({"read": false, "writeAll": true}),
        ),
        (Shape::Enum(["light-red".into()].into()), Val::Enum("light-red".into()), json!("light-red")),
        (
            variant(),
            Val::Variant("an-id".into(), Some(Val::U32(1).into())),
            json!({"tag": "an-id", "val": 1}),
        ),
        (variant(), Val::Variant("no-id".into(), None), json!({"tag": "no-id"})),
        (option(u32()), Val::Option(None), json!(null)),
        (option(u32()), some(Val::U32(1)), json!(1)),
        (nested(), Val::Option(None), json!({"tag": "none"})),
        (nested(), some(Val::Option(None)), json!({"tag": "some", "val": null})),
        (nested(), some(some(Val::U32(1))), json!({"tag": "some", "val": 1})),
        (result(None, Some(u32())), Val::Result(Ok(None)), json!({"tag": "ok"})),
        (
            result(None, Some(u32())),
            Val::Result(Err(Some(Val::U32(1).into()))),
            json!({"tag": "err", "val": 1}),
        ),
    ] {
        assert_eq!(lifted(shape.clone(), val.clone()), json, "{shape}");
        assert_eq!(echo(shape).lowered(json!({"x": json})).unwrap().values, [val]);
    }
}

#[test]
fn integers_of_64_bits_are_all_strings_on_request_and_others_never() {
    let ints = |ints: &[Int]| Shape::Tuple(ints.iter().copied().map(Shape::Int).collect());
    let shape = ints(&[Int::S64, Int::S64, Int::U64, Int::U64, Int::U32, Int::S8]);
    let vals = vec![
        Val::S64(0),
        Val::S64(i64::MIN),
        Val::U64(7),
        Val::U64(u64::MAX),
        Val::U32(u32::MAX),
        Val::S8(-1),
    ];
    let tuple = || vec![Val::Tuple(vals.clone())];
    let strings = json!(["0", "-9223372036854775808", "7", "18446744073709551615", 4_294_967_295_u32, -1]);
    let numbers = json!([0, i64::MIN, 7, u64::MAX, 4_294_967_295_u32, -1]);
    for (integers, json) in [(Integers::Strings, strings), (Integers::Numbers, numbers)] {
        assert_eq!(
            returns(shape.clone()).lift(tuple(), integers, &mut Reservation::uncounted()),
            Ok(Returned::Ok(json.clone()))
        );
        // Arguments may have both forms.
        assert_eq!(echo(shape.clone()).lowered(json!({ "x": json })).unwrap().values, tuple());
    }
}

#[test]
fn text_that_is_not_json_is_a_bad_argument_at_the_root() {
    let refusal = BadArgument::from(palisade_guard::json::parse(b"{").unwrap_err());
    assert_eq!((&*refusal.path, &*refusal.expected), ("$", "JSON"));
    assert!(refusal.found.contains("EOF"), "{}", refusal.found);
}

#[test]
fn key_that_javascript_omits_is_none_or_false() {
    let maybe = || Shape::Variant([case("maybe", Some(option(u32())))].into());
    let sparse = || Shape::Record([field("a", option(u32())), field("b", option(option(u32())))].into());
    let none = || Val::Option(None);
    for (shape, json, val) in [
        (option(option(u32())), json!(null), none()),
        (option(option(u32())), json!({"tag": "some"}), some(none())),
        (maybe(), json!({"tag": "maybe"}), Val::Variant("maybe".into(), Some(none().into()))),
        (sparse(), json!({}), Val::Record(vec![("a".into(), none()), ("b".into(), none())])),
        (flags(&["read"]), json!({}), Val::Flags(vec![])),
    ] {
        assert_eq!(echo(shape).lowered(json!({"x": json})).unwrap().values, [val]);
    }
    assert_eq!(echo(option(u32())).lowered(json!({})).unwrap().values, [none()]);
}

#[test]
fn schema_says_what_is_required_and_what_is_not() {
    let signature = Signature::from_shapes(
        [field("page-size", Shape::Int(Int::U8)), field("after", option(Shape::Bytes))].into(),
        Some(result(
            None,
            Some(Shape::Variant([case("denied", None), case("at", Some(Shape::Char))].into())),
        )),
    );
    assert_eq!(
        signature.arguments_schema(&mut Schemas::default()),
        json!({
            "type": "object",
            "properties": {
                "pageSize": {"type": "integer", "format": "uint8", "minimum": 0, "maximum": 255},
                "after": {"anyOf": [
                    {"type": "string", "contentEncoding": "base64", "pattern": BASE64},
                    {"type": "null"},
                ]},
            },
            "required": ["pageSize"],
            "additionalProperties": false,
        })
    );
    assert_eq!(signature.result_schema(&mut Schemas::default(), Integers::Numbers), json!({"type": "null"}));
    let case = |tag, val: Option<Value>| {
        let mut schema = json!({
            "type": "object",
            "properties": {"tag": {"type": "string", "const": tag}},
            "required": ["tag"],
            "additionalProperties": false,
        });
        if let Some(val) = val {
            schema["properties"]["val"] = val;
            schema["required"] = json!(["tag", "val"]);
        }
        schema
    };
    let character = json!({"type": "string", "minLength": 1, "maxLength": 1});
    let error = signature.error_schema(&mut Schemas::default(), Integers::Numbers).unwrap();
    assert_eq!(error, json!({"anyOf": [case("denied", None), case("at", Some(character))]}));
    assert_eq!(returns(u32()).error_schema(&mut Schemas::default(), Integers::Numbers), None);
}

/// The schemas of a type in each of its forms: as an argument, as a result, and as a result whose 64-bit integers are strings.
fn forms(shape: Shape) -> [Value; 3] {
    let signature = Signature::from_shapes([field("x", shape.clone())].into(), Some(shape));
    let spelled_out = &mut Schemas::default();
    let argument = signature.arguments_schema(spelled_out)["properties"]["x"].clone();
    let [numbers, strings] =
        [Integers::Numbers, Integers::Strings].map(|integers| signature.result_schema(spelled_out, integers));
    [argument, numbers, strings]
}

#[test]
fn result_has_every_key_and_an_argument_may_leave_out_none_and_false() {
    let maybe = || Shape::Record([field("a", u32()), field("b", option(u32()))].into());
    let payload = || Shape::Variant([case("c", Some(option(u32())))].into());
    for (shape, pointer, argument, result) in [
        (maybe(), "/required", json!(["a"]), json!(["a", "b"])),
        (flags(&["read", "run-it"]), "/required", Value::Null, json!(["read", "runIt"])),
        (payload(), "/anyOf/0/required", json!(["tag"]), json!(["tag", "val"])),
        (list(maybe()), "/items/required", json!(["a"]), json!(["a", "b"])),
    ] {
        let [taken, numbers, strings] = forms(shape.clone());
        let at = |schema: &Value| schema.pointer(pointer).cloned().unwrap_or_default();
        assert_eq!((at(&taken), at(&numbers), at(&strings)), (argument, result.clone(), result), "{shape}");
    }
    // `null` is `none` as an argument, wherever it stands; a result says which one it is.
    let [taken, numbers, _] = forms(option(option(u32())));
    assert!(taken["anyOf"].as_array().unwrap().contains(&json!({"type": "null"})));
    assert!(!numbers["anyOf"].as_array().unwrap().contains(&json!({"type": "null"})));
}

#[test]
fn integers_of_64_bits_have_a_schema_for_each_form() {
    let [taken, numbers, strings] = forms(Shape::Int(Int::U64));
    assert_eq!(numbers, json!({"type": "integer", "format": "uint64", "minimum": 0, "maximum": u64::MAX}));
    assert_eq!(strings, json!({"type": "string", "pattern": "^(0|[1-9][0-9]{0,19})$"}));
    assert_eq!(taken, json!({"anyOf": [numbers, strings]}));
    let [taken, numbers, strings] = forms(u32());
    assert_eq!((&taken, &strings), (&numbers, &numbers));
}

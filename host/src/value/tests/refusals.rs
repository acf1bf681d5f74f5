//! Arguments that are refused, and the sentences that refuse them.

use super::{echo, field, flags, list, option, record, result, u32, variant};
use crate::value::refusal::{BadArgument, BadArguments};
use crate::value::{Int, Shape, Signature};
use palisade_guard::json::parse;
use palisade_guard::limits::{
    CALL_VALUES_BYTES_MAX, COMPONENT_NAME_BYTES_MAX, HEAP_BLOCK_BYTES, JSON_BINARY_BYTES_MAX,
    JSON_INLINE_BYTES_MAX, JSON_VALUES_MAX,
};
use palisade_guard::memory::{MemoryBudget, OutOfMemory};
use serde_json::{Value, json};

fn refusal(shape: Shape, x: &Value) -> BadArgument {
    let signature = echo(shape);
    match signature.lowered(json!({"x": x})) {
        Err(refusal) => refusal,
        Ok(vals) => panic!("{signature} took {vals:?}"),
    }
}

#[test]
fn arguments_of_the_wrong_form_are_refused_by_path_and_type() {
    let long = "é".repeat(100);
    let cut = format!("{:?}…", "é".repeat(40));
    let double = "a number, or \"NaN\", \"Infinity\" or \"-Infinity\"";
    let rows: Vec<(Shape, Value, String)> = vec![
        (Shape::Bool, json!(1), "`$.x`: expected `bool`, found 1".into()),
        (Shape::Bool, json!("true"), "`$.x`: expected `bool`, found the string \"true\"".into()),
        (Shape::String, json!(null), "`$.x`: expected `string`, found null".into()),
        (u32(), json!("x"), "`$.x`: expected `u32` (0 to 4294967295), found the string \"x\"".into()),
        (u32(), json!("1"), "`$.x`: expected `u32` (0 to 4294967295), found the string \"1\"".into()),
        (u32(), json!(null), "`$.x`: expected `u32` (0 to 4294967295), found null".into()),
        (u32(), json!(1.5), "`$.x`: expected `u32` (0 to 4294967295), found 1.5".into()),
        (Shape::String, json!([1, 2]), "`$.x`: expected `string`, found an array of 2".into()),
        (Shape::F64, json!("inf"), format!("`$.x`: expected `f64` ({double}), found the string \"inf\"")),
        (Shape::F64, json!(null), format!("`$.x`: expected `f64` ({double}), found null")),
        (
            Shape::F32,
            json!(1e39),
            "`$.x`: expected `f32` (a number within ±3.4028235e38, or \"NaN\", \"Infinity\" or \"-Infinity\"), found 1e+39"
                .into(),
        ),
        (
            Shape::Char,
            json!("ab"),
            "`$.x`: expected `char` (a string of one character), found the string \"ab\"".into(),
        ),
        (Shape::Char, json!(""), "`$.x`: expected `char` (a string of one character), found the string \"\"".into()),
        (
            Shape::Char,
            json!(long),
            format!("`$.x`: expected `char` (a string of one character), found the string {cut}"),
        ),
        (
            Shape::Char,
            json!("\u{1b}[2J"),
            "`$.x`: expected `char` (a string of one character), found the string \"\\u{1b}[2J\"".into(),
        ),
        (
            Shape::Bytes,
            json!([1, 2]),
            "`$.x`: expected `list<u8>` (a string in standard base64 with padding), found an array of 2".into(),
        ),
        (list(u32()), json!({}), "`$.x`: expected `list<u32>` (an array), found an object".into()),
        (list(u32()), json!(null), "`$.x`: expected `list<u32>` (an array), found null".into()),
        (
            list(list(u32())),
            json!([[], [0, -1]]),
            "`$.x[1][1]`: expected `u32` (0 to 4294967295), found -1".into(),
        ),
        (
            Shape::Tuple([u32(), Shape::Bool].into()),
            json!([1]),
            "`$.x`: expected `tuple<u32, bool>` (an array of 2), found an array of 1".into(),
        ),
        (option(Shape::Bool), json!(0), "`$.x`: expected `bool`, found 0".into()),
    ];
    for (shape, x, sentence) in rows {
        assert_eq!(refusal(shape, &x).to_string(), sentence);
    }
}

#[test]
fn unknown_and_missing_names_are_refused_with_a_suggestion() {
    let record_text = "record { page-size: u32, tags: list<string> }";
    let variant_text = "variant { none-at-all, some-text(string), maybe(option<u32>) }";
    let tagged = "an object with `tag` and, where the case has a payload, `val`";
    let rows: Vec<(Shape, Value, String)> = vec![
        (
            record(),
            json!({"page_size": 1, "tags": []}),
            format!("`$.x`: expected `{record_text}`, found the unknown key \"page_size\"; did you mean `pageSize`?"),
        ),
        (
            record(),
            json!({"pageSize": 1, "tags": [], "zzz": 0}),
            format!("`$.x`: expected `{record_text}`, found the unknown key \"zzz\""),
        ),
        (
            record(),
            json!({"tags": []}),
            "`$.x.pageSize`: expected `u32` (0 to 4294967295), found nothing: the key is missing".into(),
        ),
        (record(), json!({"pageSize": 1, "tags": ["", 2]}), "`$.x.tags[1]`: expected `string`, found 2".into()),
        (
            flags(&["read", "write-all"]),
            json!({"writeAl": true}),
            "`$.x`: expected `flags { read, write-all }`, found the unknown flag \"writeAl\"; did you mean `writeAll`?"
                .into(),
        ),
        (flags(&["read"]), json!({"read": 1}), "`$.x.read`: expected `bool`, found 1".into()),
        (
            flags(&["read"]),
            json!(["read"]),
            "`$.x`: expected `flags { read }` (an object of booleans), found an array of 1".into(),
        ),
        (
            Shape::Enum(["red".into(), "blue".into()].into()),
            json!("green"),
            "`$.x`: expected `enum { red, blue }`, found the unknown case \"green\"".into(),
        ),
        (
            Shape::Enum(["light-red".into()].into()),
            json!("lightRed"),
            "`$.x`: expected `enum { light-red }`, found the unknown case \"lightRed\"; did you mean `light-red`?"
                .into(),
        ),
        (
            variant(),
            json!({"tag": "some-txt", "val": ""}),
            format!(
                "`$.x.tag`: expected `{variant_text}`, found the unknown case \"some-txt\"; did you mean `some-text`?"
            ),
        ),
        (
            variant(),
            json!({"tag": "some-text"}),
            "`$.x.val`: expected `string`, found nothing: the key is missing".into(),
        ),
        (
            variant(),
            json!({"tag": "none-at-all", "val": null}),
            format!(
                "`$.x.val`: expected `{variant_text}` (no `val`, as this case has no payload), found null"
            ),
        ),
        (
            variant(),
            json!("none-at-all"),
            format!("`$.x`: expected `{variant_text}` ({tagged}), found the string \"none-at-all\""),
        ),
        (
            variant(),
            json!({"val": 1}),
            format!("`$.x.tag`: expected `{variant_text}` ({tagged}), found nothing: the key is missing"),
        ),
        (
            variant(),
            json!({"tag": 1}),
            format!("`$.x.tag`: expected `{variant_text}` (the name of a case), found 1"),
        ),
        (
            result(Some(u32()), None),
            json!({"tag": "ok", "value": 1}),
            "`$.x`: expected `result<u32>`, found the unknown key \"value\"".into(),
        ),
        (
            result(None, None),
            json!({"tag": "error"}),
            "`$.x.tag`: expected `result`, found the unknown case \"error\"".into(),
        ),
        (
            option(option(u32())),
            json!(1),
            "`$.x`: expected `option<option<u32>>` (null, or an object with `tag` \"none\" or \"some\" and `val`), found 1"
                .into(),
        ),
    ];
    for (shape, x, sentence) in rows {
        assert_eq!(refusal(shape, &x).to_string(), sentence);
    }
}

#[test]
fn arguments_that_are_not_an_object_of_the_parameters_are_refused() {
    let signature = Signature::from_shapes(
        [field("limit", u32()), field("after-id", option(Shape::String))].into(),
        None,
    );
    let text = "record { limit: u32, after-id: option<string> }";
    for (arguments, sentence) in [
        (json!(null), format!("`$`: expected `{text}` (an object of named arguments), found null")),
        (json!([10]), format!("`$`: expected `{text}` (an object of named arguments), found an array of 1")),
        (json!({}), "`$.limit`: expected `u32` (0 to 4294967295), found nothing: the key is missing".into()),
        (
            json!({"limt": 1}),
            format!("`$`: expected `{text}`, found the unknown key \"limt\"; did you mean `limit`?"),
        ),
        (json!({"limit": 1, "afterId": 2}), "`$.afterId`: expected `string`, found 2".into()),
    ] {
        assert_eq!(signature.lowered(arguments).unwrap_err().to_string(), sentence);
    }
    assert!(signature.lowered(json!({"limit": 1})).is_ok());
}

#[test]
fn integers_are_accepted_at_the_ends_of_their_range_and_refused_beyond() {
    for int in [Int::S8, Int::U8, Int::S16, Int::U16, Int::S32, Int::U32, Int::S64, Int::U64] {
        let (min, max) = int.range();
        let signature = echo(Shape::Int(int));
        let (below, above) = (i128::from(min) - 1, i128::from(max) + 1);
        for beyond in [below, above] {
            // Parsed from text, so that numbers beyond 64 bits arrive as a client would send them.
            let json = parse(format!(r#"{{"x": {beyond}}}"#).as_bytes()).unwrap();
            let refusal = signature.lowered(json).unwrap_err();
            assert_eq!((&*refusal.path, &*refusal.expected), ("$.x", int.name()));
            assert!(refusal.rule.unwrap().starts_with(&format!("{min} to {max}")));
            assert!(signature.lowered(json!({"x": beyond.to_string()})).is_err());
        }
        assert!(signature.lowered(json!({"x": min})).is_ok());
        assert!(signature.lowered(json!({"x": max})).is_ok());
        assert_eq!(signature.lowered(json!({"x": max.to_string()})).is_ok(), int.is_wide());
    }
}

#[test]
fn integer_text_has_one_form() {
    for text in ["", "-", "-0", "+1", "01", " 1", "1 ", "1.0", "1e2", "0x1", "1_000", "١", &"9".repeat(5_000)]
    {
        assert!(echo(Shape::Int(Int::S64)).lowered(json!({"x": text})).is_err(), "{text}");
    }
    for text in ["0", "-1", "10", "-9223372036854775808"] {
        assert!(echo(Shape::Int(Int::S64)).lowered(json!({"x": text})).is_ok(), "{text}");
    }
    for (number, taken) in [("1e300", false), ("1e16", false), ("1.0", true), ("1e2", true), ("-0", true)] {
        let json = parse(format!(r#"{{"x": {number}}}"#).as_bytes()).unwrap();
        assert_eq!(echo(Shape::Int(Int::S64)).lowered(json).is_ok(), taken, "{number}");
    }
}

#[test]
fn base64_of_another_alphabet_or_padding_is_refused() {
    for text in ["a", "YQ", "YQ=", "YR==", "Y Q=", "YQ==\n", "_-8=", "YQ==YQ==", "=", "é"] {
        assert_eq!(refusal(Shape::Bytes, &json!(text)).expected, "list<u8>", "{text}");
    }
    for text in ["", "YQ==", "/+8="] {
        assert!(echo(Shape::Bytes).lowered(json!({"x": text})).is_ok(), "{text}");
    }
}

#[test]
fn total_bytes_of_all_arguments_are_accepted_at_the_limit_and_refused_over_it() {
    use base64::Engine as _;
    let encoded = |len| base64::engine::general_purpose::STANDARD.encode(vec![7; len]);
    let half = JSON_BINARY_BYTES_MAX / 2;
    let both = |second| echo(list(Shape::Bytes)).lowered(json!({"x": [encoded(half), encoded(second)]}));
    assert_eq!(both(half + 1).unwrap_err().path, "$.x[1]");
    assert_eq!(both(half + 1_000).unwrap_err().path, "$.x[1]");
    assert!(both(half).is_ok());
}

#[test]
fn absent_options_count_towards_the_limit_of_values() {
    let sparse = Shape::Record((0..99).map(|i| field(&format!("f{i}"), option(u32()))).collect());
    let signature = echo(list(sparse));
    // Each record counts as 100 values, and the list as one.
    let records = |count| signature.lowered(json!({"x": vec![json!({}); count]}));
    let most = (JSON_VALUES_MAX - 1) / 100;
    let refusal = records(most + 1).unwrap_err();
    assert!(refusal.path.starts_with(&format!("$.x[{most}]")), "{refusal}");
    assert!(records(most).is_ok());
}

/// What one value takes beside its text, and what a text takes beside its bytes.
const VALUE: usize = size_of::<wasmtime::component::Val>();
const TEXT: usize = size_of::<String>() + HEAP_BLOCK_BYTES;

/// `x` of the function that takes `[x…]` with as many elements as memory allows, when each takes this many bytes.
fn fills_memory(shape: Shape, x: &Value, each: usize) {
    let signature = echo(list(shape));
    let most = (CALL_VALUES_BYTES_MAX - VALUE) / each;
    let lower = |count| signature.lowered(json!({"x": vec![x.clone(); count]}));
    let refusal = lower(most + 1).unwrap_err();
    assert!(refusal.to_string().contains("bytes of memory"), "{refusal}");
    assert!(refusal.path.starts_with(&format!("$.x[{most}]")), "{refusal}");
    assert_eq!(lower(most).unwrap().bytes, (VALUE + most * each) as u64);
}

#[test]
fn memory_of_all_arguments_is_accepted_at_the_limit_and_refused_over_it() {
    let long = |i: usize| format!("{i:0>COMPONENT_NAME_BYTES_MAX$}");
    // An empty object that stands for a record of absent options, each with the longest name.
    let sparse = Shape::Record((0..50).map(|i| field(&long(i), option(u32()))).collect());
    fills_memory(sparse, &json!({}), VALUE + 50 * (VALUE + TEXT + COMPONENT_NAME_BYTES_MAX));
    // Nested in one another, which repeats the names of both.
    let inner = Shape::Record((0..20).map(|i| field(&long(i), option(u32()))).collect());
    let outer = Shape::Record([field(&long(0), inner.clone())].into());
    let names = 21 * (TEXT + COMPONENT_NAME_BYTES_MAX);
    fills_memory(outer, &json!({ long(0): {} }), 2 * VALUE + 20 * VALUE + names);
    // Flags, of which only those that are set take memory.
    let names: Vec<String> = (0..30).map(long).collect();
    let set: serde_json::Map<_, _> = names.iter().map(|name| (name.clone(), json!(true))).collect();
    let flags = flags(&names.iter().map(String::as_str).collect::<Vec<_>>());
    fills_memory(flags, &Value::Object(set), VALUE + 30 * (TEXT + COMPONENT_NAME_BYTES_MAX));
    // The names of cases, alone and in tuples.
    let name = long(0);
    let cases = Shape::Enum([name.as_str().into()].into());
    let case = VALUE + TEXT + COMPONENT_NAME_BYTES_MAX;
    fills_memory(cases.clone(), &json!(name), case);
    fills_memory(Shape::Tuple(vec![cases; 9].into()), &json!(vec![name; 9]), VALUE + 9 * case);
    // Options of options, which stand in a box each.
    let boxed = 3 * VALUE + 2 * HEAP_BLOCK_BYTES + TEXT + 500;
    let some = json!({"tag": "some", "val": "s".repeat(500)});
    fills_memory(option(option(Shape::String)), &some, boxed);
}

#[test]
fn long_type_is_cut_in_errors() {
    let long = Shape::Enum((0..1_000).map(|i| format!("case-{i}").into()).collect());
    let refusal = refusal(long.clone(), &json!(1));
    assert!(refusal.expected.len() < 210 && refusal.expected.ends_with('…'), "{}", refusal.expected);
    assert!(long.to_string().len() > 8_000);
}

#[test]
fn values_are_reserved_before_they_are_made() {
    let long = "n".repeat(COMPONENT_NAME_BYTES_MAX);
    let sparse = Shape::Record((0..50).map(|i| field(&format!("{long}{i}"), option(u32()))).collect());
    for (shape, x) in [
        (list(sparse), json!(vec![json!({}); 10])),
        (Shape::Bytes, json!("AAAA".repeat(1_000))),
        (list(Shape::String), json!(vec!["a"; 1_000])),
    ] {
        let signature = echo(shape);
        let needed = signature.lowered(json!({ "x": x })).unwrap().bytes;
        for (bytes, fits) in [(needed - 1, false), (needed, true)] {
            let budget = MemoryBudget::new(bytes);
            let mut memory = budget.reservation(None, None).exact();
            let lowered = signature.lower(json!({ "x": x }), &mut memory);
            assert_eq!(lowered.is_ok(), fits, "{signature}: {bytes}");
            assert!(fits || lowered == Err(BadArguments::OutOfMemory(OutOfMemory)));
            drop(memory);
            assert_eq!(budget.held(), 0, "all is returned");
        }
    }
}

#[test]
fn conversion_is_quick_up_to_the_bytes_that_are_converted_inline_and_not_over_them() {
    let sparse = Shape::Record((0..50).map(|i| field(&format!("f{i}"), option(u32()))).collect());
    let (text, elements, records) = (echo(Shape::String), echo(list(u32())), echo(list(list(sparse))));
    let quick = |signature: &Signature, x: Value| signature.is_quick(&json!({ "x": x }));
    assert!(quick(&text, json!("a".repeat(JSON_INLINE_BYTES_MAX - 1_000))));
    assert!(!quick(&text, json!("a".repeat(JSON_INLINE_BYTES_MAX))));
    assert!(quick(&elements, json!(vec![0; 500])));
    assert!(!quick(&elements, json!(vec![0; JSON_INLINE_BYTES_MAX / VALUE])));
    // Few bytes that stand for many.
    assert!(quick(&records, json!([[{}, {}]])));
    let x = json!([vec![json!({}); 30]]);
    assert!(!quick(&records, x.clone()));
    assert!(records.lowered(json!({ "x": x })).unwrap().bytes > JSON_INLINE_BYTES_MAX as u64);
}

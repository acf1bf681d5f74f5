//! Real components: signatures read from their types, refusals, and values that pass through a component unchanged.

use super::strategies::val;
use crate::value::load::Unmappable;
use crate::value::{Declared, Docs, Integers, Returned, Schemas, Signature};
use palisade_guard::json::parse;
use palisade_guard::limits::{
    COMPONENT_NAME_BYTES_MAX, DOCS_BYTES_MAX, JSON_DEPTH_MAX, OPENAPI_NAME_BYTES_MAX, SIGNATURE_BYTES_MAX,
    SIGNATURE_TYPE_BYTES, SIGNATURE_TYPES_MAX,
};
use palisade_guard::memory::Reservation;
use proptest::prelude::*;
use proptest::test_runner::TestRunner;
use serde_json::json;
use wasmtime::component::types::ComponentItem;
use wasmtime::component::{Component, Linker, Val};
use wasmtime::{Engine, Store};

/// The signature of the function `f` that a component imports: types need no code.
fn imported(wat: &str) -> Result<Signature, Unmappable> {
    let engine = Engine::default();
    let component = Component::new(&engine, wat::parse_str(wat).unwrap()).unwrap();
    match component.component_type().get_import(&engine, "f").unwrap().ty {
        ComponentItem::ComponentFunc(ty) => Signature::of("acme:x/files", "open", &ty),
        other => panic!("{other:?}"),
    }
}

#[test]
fn function_without_a_json_form_is_refused_by_name() {
    let end = "or keep the function out of the exported interface";
    for (wat, sentence) in [
        (
            r#"(component (import "r" (type $r (sub resource))) (import "f" (func (param "handle" (borrow $r)))))"#,
            format!(
                "takes a resource in its parameter `handle`, which JSON cannot carry; pass an id, or the data itself, {end}"
            ),
        ),
        (
            r#"(component (import "r" (type $r (sub resource))) (import "f" (func (result (list (own $r))))))"#,
            format!(
                "returns a resource in its result, which JSON cannot carry; pass an id, or the data itself, {end}"
            ),
        ),
        (
            r#"(component (type $t' (record (field "a-1" u8) (field "a1" u8))) (import "t" (type $t (eq $t')))
                (import "f" (func (param "x" $t))))"#,
            "names `a-1` and `a1` in its parameter `x`, and both are `a1` in JSON; rename one of them".into(),
        ),
        (
            r#"(component (import "f" (func (param "a-1" u8) (param "a1" u8))))"#,
            "names `a-1` and `a1` in its parameters, and both are `a1` in JSON; rename one of them".into(),
        ),
    ] {
        let refusal = imported(wat).unwrap_err();
        assert_eq!(refusal.to_string(), format!("function `open` of `acme:x/files` {sentence}"));
    }
}

/// A function whose parameter is a type of `levels` declarations, each of which refers to the previous one.
fn nested(levels: usize, each: impl Fn(usize) -> String) -> String {
    let declarations: Vec<_> = (1..levels).map(|i| format!("(type $t{i} {})", each(i - 1))).collect();
    let declarations = declarations.concat();
    let last = levels - 1;
    format!(r#"(component (type $t0 (list u32)) {declarations} (import "f" (func (param "x" $t{last}))))"#)
}

#[test]
fn types_at_their_limits_are_read_and_over_them_refused() {
    let deep = |levels| imported(&nested(levels, |i| format!("(list $t{i})")));
    // The innermost level is the `u32` of the innermost list.
    assert!(
        deep(JSON_DEPTH_MAX).unwrap_err().to_string().contains("nested over 64 deep in its parameter `x`")
    );
    assert!(deep(JSON_DEPTH_MAX - 1).is_ok());

    // 15 declarations that expand to 49,151 types.
    let bomb = imported(&nested(15, |i| format!("(tuple $t{i} $t{i})")));
    assert!(bomb.unwrap_err().to_string().contains("over 2000 types"));

    let wide = |cases: usize| {
        let names = (0..cases).map(|i| format!("\"c{i}\"")).collect::<Vec<_>>().join(" ");
        imported(&format!(
            r#"(component (type $e' (enum {names})) (import "e" (type $e (eq $e'))) (import "f" (func (param "x" $e))))"#
        ))
    };
    assert!(wide(SIGNATURE_TYPES_MAX).is_err());
    assert!(wide(SIGNATURE_TYPES_MAX - 1).is_ok());
}

/// A function that takes a type of this declaration.
fn takes(declaration: &str) -> Result<Signature, Unmappable> {
    imported(&format!(
        r#"(component (type $t' {declaration}) (import "t" (type $t (eq $t'))) (import "f" (func (param "x" $t))))"#
    ))
}

#[test]
fn name_at_the_limit_is_read_and_over_it_refused() {
    for (what, declaration) in [
        ("field", r#"(record (field "NAME" u8))"#),
        ("case of a variant", r#"(variant (case "NAME") (case "b"))"#),
        ("case of an enum", r#"(enum "a" "NAME")"#),
        ("flag", r#"(flags "a" "NAME")"#),
    ] {
        let named = |bytes: usize| takes(&declaration.replace("NAME", &"n".repeat(bytes)));
        assert!(named(COMPONENT_NAME_BYTES_MAX).is_ok(), "{what}");
        let refusal = named(COMPONENT_NAME_BYTES_MAX + 1).unwrap_err().to_string();
        assert!(
            refusal.contains("a name of 129 bytes in its parameter `x`: at most 128"),
            "{what}: {refusal}"
        );
    }
    let parameter = |bytes: usize| {
        imported(&format!(r#"(component (import "f" (func (param "{}" u8))))"#, "p".repeat(bytes)))
    };
    assert!(parameter(COMPONENT_NAME_BYTES_MAX).is_ok());
    let refusal = parameter(99_000).unwrap_err().to_string();
    assert!(refusal.contains("a name of 99000 bytes") && refusal.len() < 500, "{refusal}");
}

#[test]
fn bytes_of_a_signature_are_counted_as_often_as_a_type_is_used() {
    let long = |i: usize| format!("n{i:0>width$}", width = COMPONENT_NAME_BYTES_MAX - 1);
    // A record of long names, used several times: as a tuple's parts, or as fields.
    let used = |times: usize| {
        let fields: Vec<_> = (0..100).map(|i| format!(r#"(field "{}" u8)"#, long(i))).collect();
        let fields = fields.concat();
        let tuple = "$r ".repeat(times);
        imported(&format!(
            r#"(component (type $r' (record {fields})) (import "r" (type $r (eq $r'))) (type $t (tuple {tuple}))
               (import "f" (func (param "x" $t))))"#
        ))
    };
    let record = 100 * 3 * COMPONENT_NAME_BYTES_MAX + 101 * SIGNATURE_TYPE_BYTES;
    // The parameter's own name and the tuple are counted once.
    let rest = 3 + SIGNATURE_TYPE_BYTES;
    let most = (SIGNATURE_BYTES_MAX - rest) / record;
    assert_eq!(used(most).unwrap().bytes(), rest + most * record);
    let refusal = used(most + 1).unwrap_err().to_string();
    assert!(refusal.contains("over 524288 bytes to describe"), "{refusal}");
    // The estimate is one: what is described takes about as much.
    let signature = used(most).unwrap();
    let described =
        signature.arguments_schema(&mut Schemas::default()).to_string().len() + signature.to_string().len();
    assert!(described < signature.bytes() && signature.bytes() < 3 * described, "{described}");
}

const EVERYTHING: &str = r"
    package test:all;
    world all {
        flags access { read, write-all, HTTP-get }
        enum colour { light-red, blue }
        variant choice { nothing, text(string), many(list<tuple<u8, s64>>), maybe(option<option<u32>>) }
        record inner { is-it: bool, name: string, choices: list<choice> }
        record everything {
            s1: s8, s2: s16, s3: s32, s4: s64, u1: u8, u2: u16, u3: u32, u4: u64, f1: f32, f2: f64, c: char,
            bytes: list<u8>, access: access, colour: colour, inner: inner, maybe: option<inner>,
            r0: result, r1: result<u32>, r2: result<_, string>, r3: result<inner, choice>, pair: tuple<char, string>,
        }
        export echo: func(all: everything) -> everything;
    }
";

/// The arguments and the result have the same form in memory, so returning the argument's pointer returns the argument.
const ECHO: &str = r#"(module
    (memory (export "memory") 16)
    (global $next (mut i32) (i32.const 16))
    (func (export "cabi_realloc") (param i32 i32 i32) (param $size i32) (result i32)
        (local $at i32)
        (local.set $at (i32.and (i32.add (global.get $next) (i32.const 7)) (i32.const -8)))
        (global.set $next (i32.add (local.get $at) (local.get $size)))
        (local.get $at))
    (func (export "echo") (param i32) (result i32) (local.get 0)))"#;

fn echo_component() -> Vec<u8> {
    let mut resolve = wit_parser::Resolve::default();
    let package = resolve.push_str("all.wit", EVERYTHING).unwrap();
    let world = resolve.select_world(&[package], None).unwrap();
    let mut module = wat::parse_str(ECHO).unwrap();
    let encoding = wit_component::StringEncoding::UTF8;
    wit_component::embed_component_metadata(&mut module, &resolve, world, encoding).unwrap();
    wit_component::ComponentEncoder::default().module(&module).unwrap().validate(true).encode().unwrap()
}

#[test]
fn every_type_passes_through_a_real_component_unchanged() {
    let engine = Engine::default();
    let component = Component::new(&engine, echo_component()).unwrap();
    let linker = Linker::<()>::new(&engine).instantiate_pre(&component).unwrap();
    let ComponentItem::ComponentFunc(ty) = component.component_type().get_export(&engine, "echo").unwrap().ty
    else {
        panic!("`echo` is a function")
    };
    let signature = Signature::of("test:all", "echo", &ty).unwrap();
    assert_eq!((signature.parameters.len(), signature.results_len()), (1, 1));
    assert!(signature.to_string().starts_with("func(all: record { s1: s8, s2: s16, "), "{signature}");

    let any = val(&signature.parameters[0].shape);
    let mut runner =
        TestRunner::new(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() });
    let through = |val: Val| {
        let Returned::Ok(json) =
            signature.lift(vec![val.clone()], Integers::Numbers, &mut Reservation::uncounted()).unwrap()
        else {
            panic!("not a `result`")
        };
        let text = serde_json::to_vec(&json!({"all": json})).unwrap();
        let arguments = signature.lowered(parse(&text).unwrap()).unwrap().values;

        let mut store = Store::new(&engine, ());
        let instance = linker.instantiate(&mut store).unwrap();
        let echo = instance.get_func(&mut store, "echo").unwrap();
        let mut results = vec![Val::Bool(false); signature.results_len()];
        echo.call(&mut store, &arguments, &mut results).unwrap();
        prop_assert_eq!(&results[0], &val);
        prop_assert_eq!(
            signature.lift(results, Integers::Numbers, &mut Reservation::uncounted()).unwrap(),
            Returned::Ok(json)
        );
        Ok(())
    };
    runner.run(&any, through).unwrap();
}

/// What the WIT of the exported interface says, as tools for WIT keep it.
fn with_docs(mut component: Vec<u8>, docs: &[u8]) -> Vec<u8> {
    let name = palisade_guard::kind::DOCS_SECTION;
    let mut section = vec![u8::try_from(name.len()).unwrap()];
    section.extend([name.as_bytes(), docs].concat());
    let mut size = section.len();
    component.push(0);
    while size >= 0x80 {
        component.push(u8::try_from(size & 0x7f).unwrap() | 0x80);
        size >>= 7;
    }
    component.push(u8::try_from(size).unwrap());
    component.extend(section);
    component
}

const SHARED: &str = r"
    package test:shared@0.1.0;
    interface types {
        record point { x: u8, y: u8 }
        /// The same fields as a point has.
        record size { x: u8, y: u8 }
        type alias = point;
        type label = string;
        enum colour { red, blue }
        flags access { read, run }
        variant choice { nothing, at(point) }
        draw: func(at: point, of: list<size>, also: alias, named: label) -> result<colour, choice>;
    }
    interface more {
        use types.{size};
        record size2 { x: u8, y: u8 }
        grow: func(by: option<size>, access: tuple<size2, u64>) -> list<u64>;
    }
    world shared { export types; export more; }
";

/// A component with these exports, whose functions trap.
fn component(wit: &str) -> Vec<u8> {
    let mut resolve = wit_parser::Resolve::default();
    let package = resolve.push_str("shared.wit", wit).unwrap();
    let world = resolve.select_world(&[package], None).unwrap();
    let mangling = wit_parser::ManglingAndAbi::Legacy(wit_parser::LiftLowerAbi::Sync);
    let mut module = wit_component::dummy_module(&resolve, world, mangling);
    let encoding = wit_component::StringEncoding::UTF8;
    wit_component::embed_component_metadata(&mut module, &resolve, world, encoding).unwrap();
    wit_component::ComponentEncoder::default().module(&module).unwrap().validate(true).encode().unwrap()
}

/// The signature of an exported function, with the names of its types.
fn exported(bytes: &[u8], declared: &Declared, interface: &str, function: &str) -> Signature {
    let engine = Engine::default();
    let component = Component::new(&engine, bytes).unwrap();
    let ComponentItem::ComponentInstance(instance) =
        component.component_type().get_export(&engine, interface).unwrap().ty
    else {
        panic!("{interface} is an instance")
    };
    let ComponentItem::ComponentFunc(ty) = instance.get_export(&engine, function).unwrap().ty else {
        panic!("{function} is a function")
    };
    Signature::of(interface, function, &ty).unwrap().named(declared, interface, function)
}

fn reference(name: &str) -> serde_json::Value {
    json!({"$ref": format!("#/components/schemas/{name}")})
}

#[test]
fn types_have_the_names_of_their_wit_and_one_schema_each() {
    let bytes = component(SHARED);
    let (declared, docs) = (Declared::of(&bytes), Docs::default());
    let mut schemas = Schemas::named("my-plugin", &docs);
    let draw = exported(&bytes, &declared, "test:shared/types@0.1.0", "draw");
    let arguments = draw.arguments_schema(&mut schemas);
    // Two records with the same fields are two types; another name of a type is none of its own.
    assert_eq!(arguments["properties"]["at"], reference("MyPlugin_Types_Point"));
    assert_eq!(arguments["properties"]["of"]["items"], reference("MyPlugin_Types_Size"));
    assert_eq!(arguments["properties"]["also"], reference("MyPlugin_Types_Point"));
    assert_eq!(arguments["properties"]["named"], reference("MyPlugin_Types_Label"));
    assert_eq!(draw.result_schema(&mut schemas, Integers::Numbers), reference("MyPlugin_Types_Colour"));
    let error = draw.error_schema(&mut schemas, Integers::Numbers);
    assert_eq!(error, Some(reference("MyPlugin_Types_Choice")));
    let grow = exported(&bytes, &declared, "test:shared/more@0.1.0", "grow");
    let arguments = grow.arguments_schema(&mut schemas);
    // A type that another interface uses is the same type.
    assert_eq!(arguments["properties"]["by"]["anyOf"][0], reference("MyPlugin_Types_Size"));
    assert_eq!(arguments["properties"]["access"]["prefixItems"][0], reference("MyPlugin_More_Size2"));
    let names: Vec<&str> = schemas.types.keys().map(String::as_str).collect();
    let expected = ["More_Size2", "Types_Choice", "Types_Colour", "Types_Label", "Types_Point", "Types_Size"];
    assert_eq!(names, expected.map(|name| format!("MyPlugin_{name}")));
    assert_eq!(
        schemas.types["MyPlugin_Types_Choice"]["anyOf"][1]["properties"]["val"],
        reference("MyPlugin_Types_Point")
    );
}

#[test]
fn type_has_another_schema_only_where_its_form_differs() {
    let wit = "package test:forms; interface forms {
        record plain { a: u8 }
        record rich { a: option<plain>, b: u64 }
        f: func(a: plain, b: rich) -> tuple<plain, rich>;
    } world w { export forms; }";
    let bytes = component(wit);
    let (declared, docs) = (Declared::of(&bytes), Docs::default());
    let mut schemas = Schemas::named("p", &docs);
    let signature = exported(&bytes, &declared, "test:forms/forms", "f");
    signature.arguments_schema(&mut schemas);
    signature.result_schema(&mut schemas, Integers::Numbers);
    signature.result_schema(&mut schemas, Integers::Strings);
    let names: Vec<&str> = schemas.types.keys().map(String::as_str).collect();
    assert_eq!(names, ["P_Forms_Plain", "P_Forms_Rich", "P_Forms_Rich_Input", "P_Forms_Rich_Strings"]);
    assert_eq!(schemas.types["P_Forms_Rich"]["required"], json!(["a", "b"]));
    assert_eq!(schemas.types["P_Forms_Rich_Input"]["required"], json!(["b"]));
}

#[test]
fn type_with_a_long_name_is_spelled_out() {
    let schemas_of = |bytes: usize| {
        let name = "n".repeat(bytes);
        let wit = format!(
            "package test:long; interface i {{ record {name} {{ a: u8 }} f: func(a: {name}); }} world long {{ export i; }}"
        );
        let bytes = component(&wit);
        let docs = Docs::default();
        let mut schemas = Schemas::named("p", &docs);
        exported(&bytes, &Declared::of(&bytes), "test:long/i", "f").arguments_schema(&mut schemas);
        schemas.types.len()
    };
    let most = OPENAPI_NAME_BYTES_MAX - "P_I_".len();
    assert_eq!((schemas_of(most), schemas_of(most + 1)), (1, 0));
}

#[test]
fn docs_are_descriptions_without_markup() {
    let docs = json!({"interfaces": {"types": {
        "docs": "An interface.",
        "funcs": {"draw": {"docs": "Draws <b>."}},
        "types": {
            "point": {"docs": "A point.", "items": {"x": "Right."}},
            "access": {"items": {"run": "May run."}},
            "choice": {"items": {"at": "There */"}},
        },
    }}});
    let bytes = with_docs(component(SHARED), format!("\u{1}{docs}").as_bytes());
    let declared = Declared::of(&bytes);
    let docs = declared.docs.clone().unwrap();
    assert_eq!(docs.interface("types"), Some("An interface."));
    assert_eq!(docs.function("types", "draw"), Some("Draws < b>."));
    assert_eq!(docs.function("types", "none"), None);
    let mut schemas = Schemas::named("p", &docs);
    let draw = exported(&bytes, &declared, "test:shared/types@0.1.0", "draw");
    draw.arguments_schema(&mut schemas);
    draw.error_schema(&mut schemas, Integers::Numbers);
    let (point, choice) = (&schemas.types["P_Types_Point"], &schemas.types["P_Types_Choice"]);
    assert_eq!(
        (&point["description"], &point["properties"]["x"]["description"]),
        (&json!("A point."), &json!("Right."))
    );
    assert_eq!(choice["anyOf"][1]["description"], "There * /");
}

#[test]
fn docs_at_the_size_limit_are_read_and_over_it_or_malformed_are_left_out() {
    let of = |docs: &[u8]| Declared::of(&with_docs(component(SHARED), docs)).docs;
    let sized = |bytes: usize| {
        let (before, after) = ("\u{1}{\"interfaces\":{\"types\":\"", "\"}}");
        format!("{before}{}{after}", "x".repeat(bytes - before.len() - after.len()))
    };
    assert!(of(sized(DOCS_BYTES_MAX).as_bytes()).unwrap().interface("types").is_some());
    assert!(of(sized(DOCS_BYTES_MAX + 1).as_bytes()).unwrap_err().contains("at most 65536"));
    for (malformed, says) in
        [(&b""[..], "empty"), (b"\x02{}", "version 2"), (b"\x01{", "not JSON"), (b"\x01\xff", "not JSON")]
    {
        assert!(of(malformed).unwrap_err().contains(says), "{malformed:?}");
    }
    let deep = format!("\u{1}{}", "[".repeat(60_000));
    assert!(of(deep.as_bytes()).unwrap_err().contains("not JSON"));
    for odd in [
        "[]",
        "null",
        "{\"interfaces\":[]}",
        "{\"interfaces\":{\"types\":{\"docs\":1,\"funcs\":3,\"types\":{\"a\":[]}}}}",
    ] {
        assert_eq!(of(format!("\u{1}{odd}").as_bytes()), Ok(Docs::default()), "{odd}");
    }
    assert_eq!(Declared::of(&component(SHARED)).docs, Ok(Docs::default()));
}

//! Strategies for random types, values of a type, and arbitrary JSON.

use super::{case, field, flags, list, option, result};
use crate::value::{Int, Shape};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::{select, subsequence};
use serde_json::Value;
use wasmtime::component::Val;

const NAMES: [&str; 6] = ["a", "page-size", "tag", "val", "HTTP-status", "x-1"];

fn names() -> impl Strategy<Value = Vec<&'static str>> {
    subsequence(NAMES.to_vec(), 1..=NAMES.len())
}

/// A type with up to four levels.
pub fn shape() -> impl Strategy<Value = Shape> {
    let ints = [Int::S8, Int::U8, Int::S16, Int::U16, Int::S32, Int::U32, Int::S64, Int::U64].map(Shape::Int);
    let plain = [Shape::Bool, Shape::F32, Shape::F64, Shape::Char, Shape::String, Shape::Bytes];
    let leaf = prop_oneof![
        select(ints.to_vec()),
        select(plain.to_vec()),
        names().prop_map(|names| flags(&names)),
        names().prop_map(|names| Shape::Enum(names.into_iter().map(Into::into).collect())),
    ];
    leaf.prop_recursive(4, 24, 6, |inner| {
        let side = || proptest::option::of(inner.clone());
        prop_oneof![
            inner.clone().prop_map(|element| match element {
                Shape::Int(Int::U8) => Shape::Bytes,
                element => list(element),
            }),
            inner.clone().prop_map(option),
            vec(inner.clone(), 1..4).prop_map(|shapes| Shape::Tuple(shapes.into())),
            (side(), side()).prop_map(|(ok, err)| result(ok, err)),
            (names(), vec(inner.clone(), NAMES.len())).prop_map(|(names, shapes)| Shape::Record(
                names.into_iter().zip(shapes).map(|(name, shape)| field(name, shape)).collect()
            )),
            (names(), vec(side(), NAMES.len())).prop_map(|(names, shapes)| Shape::Variant(
                names.into_iter().zip(shapes).map(|(name, shape)| case(name, shape)).collect()
            )),
        ]
    })
}

/// Any value of a type.
pub fn val(shape: &Shape) -> BoxedStrategy<Val> {
    match shape {
        Shape::Bool => any::<bool>().prop_map(Val::Bool).boxed(),
        Shape::Int(int) => integer(*int),
        // All bit patterns, so that subnormals, zeros and NaNs occur.
        Shape::F32 => any::<u32>().prop_map(|bits| Val::Float32(f32::from_bits(bits))).boxed(),
        Shape::F64 => any::<u64>().prop_map(|bits| Val::Float64(f64::from_bits(bits))).boxed(),
        Shape::Char => any::<char>().prop_map(Val::Char).boxed(),
        Shape::String => any::<String>().prop_map(Val::String).boxed(),
        Shape::Bytes => vec(any::<u8>().prop_map(Val::U8), 0..10).prop_map(Val::List).boxed(),
        Shape::List(element) => vec(val(element), 0..4).prop_map(Val::List).boxed(),
        Shape::Tuple(shapes) => shapes.iter().map(val).collect::<Vec<_>>().prop_map(Val::Tuple).boxed(),
        Shape::Record(fields) => fields
            .iter()
            .map(|field| (Just(field.name.to_string()), val(&field.shape)))
            .collect::<Vec<_>>()
            .prop_map(Val::Record)
            .boxed(),
        Shape::Flags(flags) => {
            let names: Vec<_> = flags.iter().map(|flag| flag.name.to_string()).collect();
            let all = names.len();
            subsequence(names, 0..=all).prop_map(Val::Flags).boxed()
        }
        Shape::Enum(names) => select(names.to_vec()).prop_map(|name| Val::Enum(name.into())).boxed(),
        Shape::Variant(cases) => {
            let case = |i: usize| {
                let case = cases[i].clone();
                payload(case.shape.as_ref()).prop_map(move |val| Val::Variant(case.name.to_string(), val))
            };
            proptest::strategy::Union::new((0..cases.len()).map(|i| case(i).boxed())).boxed()
        }
        Shape::Option(some) => prop_oneof![Just(None), payload(Some(some))].prop_map(Val::Option).boxed(),
        Shape::Result { ok, err } => {
            let (ok, err) = (payload(ok.as_deref()), payload(err.as_deref()));
            prop_oneof![ok.prop_map(Ok), err.prop_map(Err)].prop_map(Val::Result).boxed()
        }
    }
}

fn payload(shape: Option<&Shape>) -> BoxedStrategy<Option<Box<Val>>> {
    match shape {
        Some(shape) => val(shape).prop_map(|val| Some(val.into())).boxed(),
        None => Just(None).boxed(),
    }
}

fn integer(int: Int) -> BoxedStrategy<Val> {
    match int {
        Int::S8 => any::<i8>().prop_map(Val::S8).boxed(),
        Int::U8 => any::<u8>().prop_map(Val::U8).boxed(),
        Int::S16 => any::<i16>().prop_map(Val::S16).boxed(),
        Int::U16 => any::<u16>().prop_map(Val::U16).boxed(),
        Int::S32 => any::<i32>().prop_map(Val::S32).boxed(),
        Int::U32 => any::<u32>().prop_map(Val::U32).boxed(),
        Int::S64 => any::<i64>().prop_map(Val::S64).boxed(),
        Int::U64 => any::<u64>().prop_map(Val::U64).boxed(),
    }
}

/// Arbitrary JSON, often with keys and tags of the types above, so that it gets past the first level of checks.
pub fn json() -> impl Strategy<Value = Value> {
    let key = || {
        let known = ["a", "pageSize", "tag", "val", "httpStatus", "x1", "x"];
        prop_oneof![8 => select(known.to_vec()).prop_map(str::to_owned), 1 => any::<String>()]
    };
    let known = ["ok", "err", "some", "none", "page-size", "YQ==", "NaN", "-1", "9007199254740993", "c"];
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<u8>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        any::<String>().prop_map(Value::from),
        select(known.to_vec()).prop_map(Value::from),
        select(NAMES.to_vec()).prop_map(Value::from),
    ];
    leaf.prop_recursive(6, 40, 5, move |inner| {
        prop_oneof![
            vec(inner.clone(), 0..5).prop_map(Value::Array),
            proptest::collection::btree_map(key(), inner, 0..5)
                .prop_map(|members| Value::Object(members.into_iter().collect())),
        ]
    })
}

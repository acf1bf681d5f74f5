//! Round trips: every value survives both conversions, and no JSON makes them panic.

use super::Lowered;
use super::strategies::{json, shape, val};
use super::{echo, u32};
use crate::value::{Integers, Returned, Shape, Signature, lift, number};
use palisade_guard::json::parse;
use palisade_guard::memory::Reservation;
use proptest::prelude::*;
use serde_json::{Value, json};
use wasmtime::component::Val;

fn lifted(signature: &Signature, val: Val) -> Value {
    match signature.lift(vec![Val::Tuple(vec![val])], Integers::Numbers, &mut Reservation::uncounted()) {
        Ok(Returned::Ok(mut json)) => json[0].take(),
        other => panic!("{other:?}"),
    }
}

/// Replaces the `nth` value that a walk through `json` visits.
fn replace(json: &mut Value, nth: &mut usize, other: &Value) {
    if *nth == 0 {
        *json = other.clone();
    }
    *nth = nth.wrapping_sub(1);
    match json {
        Value::Array(elements) => elements.iter_mut().for_each(|json| replace(json, nth, other)),
        Value::Object(members) => members.values_mut().for_each(|json| replace(json, nth, other)),
        _ => {}
    }
}

proptest! {
    #[test]
    fn any_json_for_any_type_is_accepted_or_refused(shape in shape(), json in json()) {
        let signature = echo(shape);
        if let Err(refusal) = signature.lowered(json.clone()) {
            prop_assert!(refusal.path.starts_with('$'));
        }
        if let Err(refusal) = signature.lowered(json!({"x": json})) {
            prop_assert!(refusal.path.starts_with("$.x"));
        }
    }

    #[test]
    fn nearly_right_json_is_refused_or_survives_a_round_trip(
        (shape, val) in shape().prop_flat_map(|shape| (Just(shape.clone()), val(&shape))),
        nth in 0_usize..12,
        other in json(),
    ) {
        let signature = echo(shape);
        let mut json = lifted(&signature, val);
        replace(&mut json, &mut nth.clone(), &other);
        if let Ok(Lowered { values: mut vals, .. }) = signature.lowered(json!({"x": json})) {
            let again = lifted(&signature, vals[0].clone());
            prop_assert_eq!(signature.lowered(json!({"x": again})).unwrap().values, [vals.remove(0)]);
        }
    }

    #[test]
    fn every_value_of_every_type_survives_json_text(
        (shape, val) in shape().prop_flat_map(|shape| (Just(shape.clone()), val(&shape))),
    ) {
        let signature = echo(shape);
        let json = lifted(&signature, val.clone());
        let text = serde_json::to_vec(&json!({"x": json})).unwrap();
        prop_assert_eq!(signature.lowered(parse(&text).unwrap()).unwrap().values, [val]);
    }

    #[test]
    fn no_result_is_longer_than_the_bytes_counted_for_it(
        (shape, val) in shape().prop_flat_map(|shape| (Just(shape.clone()), val(&shape))),
    ) {
        let (json, counted) = lift::counted(&shape, val);
        prop_assert!(serde_json::to_vec(&json).unwrap().len() <= counted);
    }

    #[test]
    fn every_float_is_written_short_and_read_back_bit_for_bit(bits: u32) {
        let float = f32::from_bits(bits);
        let json = number::single_json(float);
        let back: Value = serde_json::from_str(&json.to_string()).unwrap();
        let back = number::single(&back).unwrap();
        prop_assert!(back.to_bits() == bits || (float.is_nan() && back.is_nan()));
        if let Value::Number(number) = json {
            prop_assert_eq!(format!("{:e}", number.as_f64().unwrap()), format!("{float:e}"));
        }
    }
}

#[test]
fn deep_json_against_a_deep_type_is_lowered_and_lifted() {
    let mut shape = u32();
    let mut val = Val::U32(1);
    for _ in 0..palisade_guard::limits::JSON_DEPTH_MAX - 2 {
        shape = Shape::List(shape.into());
        val = Val::List(vec![val]);
    }
    let signature = echo(shape);
    let json = lifted(&signature, val.clone());
    assert_eq!(signature.lowered(json!({"x": json})).unwrap().values, [val]);
}

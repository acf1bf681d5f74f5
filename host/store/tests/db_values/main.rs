//! Values survive the round trip through PostgreSQL exactly, or are refused with a reason.

mod live;
mod values;

use palisade_guard::db::codec::decode;
use palisade_guard::db::parameter::Parameter;
use palisade_guard::db::value::{Scalar, Value};
use palisade_guard::limits;
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use tokio_postgres::types::{IsNull, Kind, ToSql, Type};

use self::values::{classes, inet, interval, json, numeric, text, uuid};

/// The bytes that would be sent for a parameter of this type.
fn encode(value: &Value, ty: &Type) -> Result<Option<Vec<u8>>, String> {
    let parameter = Parameter::parse(value.clone(), ty)?;
    let mut out = bytes::BytesMut::new();
    let is_null = parameter.to_sql(ty, &mut out).unwrap();
    let wire = if matches!(is_null, IsNull::Yes) { None } else { Some(out.to_vec()) };
    assert_eq!(parameter.wire_bytes(), 4 + wire.as_ref().map_or(0, Vec::len) as u64);
    Ok(wire)
}

fn refusal(scalar: Scalar, ty: &Type) -> String {
    let shown = format!("{scalar:?}").chars().take(60).collect::<String>();
    match encode(&Value::Scalar(scalar), ty) {
        Err(why) => why,
        Ok(_) => panic!("{shown} fits {ty}"),
    }
}

fn mood() -> Type {
    Type::new("mood".into(), 99_001, Kind::Enum(vec!["sad".into(), "glad".into()]), "public".into())
}

fn nested(depth: usize) -> Scalar {
    Scalar::Json(format!("{}{}", "[".repeat(depth), "]".repeat(depth)))
}

#[test]
fn value_that_does_not_fit_is_refused_with_the_reason() {
    let rows = [
        (Scalar::Integer(1), Type::NUMERIC, "expected `numeric`, found `integer`"),
        (Scalar::Integer(1), Type::FLOAT8, "expected `float`, found `integer`"),
        (Scalar::Float(1.0), Type::INT4, "expected `integer`, found `float`"),
        (text("1"), Type::INT4, "expected `integer`, found `text`"),
        (text("{}"), Type::JSONB, "expected `json`, found `text`"),
        (Scalar::Timestamp(0), Type::TIMESTAMPTZ, "expected `timestamptz`, found `timestamp`"),
        (Scalar::Integer(1), Type::INT4_ARRAY, "expected `array`, found `integer`"),
        (Scalar::Integer(32_768), Type::INT2, "32768 is out of the range of `smallint`"),
        (Scalar::Integer(i64::from(i32::MIN) - 1), Type::INT4, "out of the range of `integer`"),
        (Scalar::Float(0.1), Type::FLOAT4, "cannot hold 0.1 exactly"),
        (Scalar::Float(1e300), Type::FLOAT4, "exactly"),
        (Scalar::Float(1e-300), Type::FLOAT4, "exactly"),
        (text("a\0b"), Type::TEXT, "NUL"),
        (text("Glad"), mood(), "no such label; it has sad, glad"),
        (Scalar::Integer(1), Type::OID, "type \"oid\" has no case in value; cast it to text"),
        (text("1"), Type::MONEY, "type \"money\" has no case in value; cast it to text"),
        (text("x"), Type::CHAR, "no case"),
        (text("x"), Type::NAME, "no case"),
        (uuid("{67e55044-10b1-426f-9247-bb680e5fe0c8}"), Type::UUID, "36 characters"),
        (uuid("67e5504410b1426f9247bb680e5fe0c8"), Type::UUID, "36 characters"),
        (uuid("67e55044-10b1-426f-9247-bb680e5fe0cg"), Type::UUID, "36 characters"),
        (Scalar::Date(limits::DATE_DAYS_MIN - 1), Type::DATE, "out of the range of `date`"),
        (Scalar::Date(limits::DATE_DAYS_MAX + 1), Type::DATE, "out of the range of `date`"),
        (Scalar::Date(i32::MIN + 10_957), Type::DATE, "out of the range of `date`"),
        (Scalar::Time(86_400_000_001), Type::TIME, "out of the range of `time`"),
        (Scalar::Time(u64::MAX), Type::TIME, "out of the range of `time`"),
        (Scalar::Timestamp(limits::TIMESTAMP_US_MIN - 1), Type::TIMESTAMP, "out of the range"),
        (Scalar::Timestamptz(i64::MIN + 1), Type::TIMESTAMPTZ, "out of the range"),
        (interval(i32::MAX, i32::MAX, i64::MAX), Type::INTERVAL, "infinite"),
        (interval(i32::MIN, i32::MIN, i64::MIN), Type::INTERVAL, "infinite"),
        (json(""), Type::JSON, "not JSON"),
        (json("{'a':1}"), Type::JSON, "not JSON"),
        (json("[1,]"), Type::JSONB, "not JSON"),
        (json("1 2"), Type::JSON, "not JSON"),
        (json("\"a\0\""), Type::JSON, "not JSON"),
        (nested(limits::JSON_DEPTH_MAX + 1), Type::JSON, "deeper than 64"),
        (nested(1_000_000), Type::JSONB, "deeper than 64"),
        (json(r#""\u0000""#), Type::JSONB, "u0000"),
        (json(r#"{"a\\\u0000":1}"#), Type::JSONB, "u0000"),
        (json(r#""\ud800""#), Type::JSONB, "surrogate"),
        (json(r#""\ud800x\udc00""#), Type::JSONB, "surrogate"),
        (json(r#"["\ud800","\udc00"]"#), Type::JSONB, "surrogate"),
        (json(r#""\udc00""#), Type::JSONB, "surrogate"),
        (inet("10.0.0.1/33"), Type::INET, "prefix length"),
        (inet("10.0.0.1/+8"), Type::INET, "prefix length"),
        (inet("10.0.0.1/08"), Type::INET, "prefix length"),
        (inet("10.0.0.1/"), Type::INET, "prefix length"),
        (inet("10.1"), Type::INET, "address"),
        (inet("fe80::1%eth0"), Type::INET, "address"),
        (inet("10.0.0.1/8"), Type::CIDR, "after its prefix"),
        (inet("::1/0"), Type::CIDR, "after its prefix"),
    ];
    for (scalar, ty, reason) in rows {
        let shown = format!("{scalar:?}").chars().take(60).collect::<String>();
        let why = refusal(scalar, &ty);
        assert!(why.contains(reason), "{shown} for {ty}: {why}");
    }
}

#[test]
fn malformed_or_too_long_numeric_is_refused() {
    for bad in [
        "", "-", "+1", ".5", "5.", "1e3", "1_000", " 1", "1 ", "--1", "1.2.3", "nan", "-NaN", "inf", "١",
        "0x1",
    ] {
        assert!(refusal(numeric(bad), &Type::NUMERIC).contains("optional `-`"), "{bad}");
    }
    let whole = "9".repeat(limits::NUMERIC_INTEGER_DIGITS_MAX + 1);
    assert!(refusal(numeric(&whole), &Type::NUMERIC).contains("131072 digits before"));
    let fraction = format!("0.{}", "9".repeat(limits::NUMERIC_FRACTION_DIGITS_MAX + 1));
    assert!(refusal(numeric(&fraction), &Type::NUMERIC).contains("16383 after"));
}

#[test]
fn array_that_does_not_fit_is_refused_with_the_element() {
    let array = |items: Vec<Scalar>, ty: &Type| encode(&Value::Array(items), ty).unwrap_err();
    assert_eq!(array(vec![], &Type::INT4), "expected `integer`, found `array`");
    assert!(array(vec![], &Type::MONEY_ARRAY).contains("\"money\" has no case"));
    assert!(array(vec![Scalar::Integer(1)], &Type::INT2_VECTOR).contains("no case"));
    assert_eq!(
        array(vec![Scalar::Null, text("x")], &Type::INT4_ARRAY),
        "element 1: expected `integer`, found `text`"
    );
    let over = vec![Scalar::Null; limits::DB_ARRAY_ELEMENTS_MAX + 1];
    assert!(array(over, &Type::INT4_ARRAY).contains("at most 100000 elements"));
    let at = Value::Array(vec![Scalar::Null; limits::DB_ARRAY_ELEMENTS_MAX]);
    let wire = encode(&at, &Type::INT4_ARRAY).unwrap();
    assert_eq!(decode(&Type::INT4_ARRAY, wire.as_deref()).unwrap(), at);
    // One null more, as a server can compute it.
    let mut over = wire.unwrap();
    let count = i32::try_from(limits::DB_ARRAY_ELEMENTS_MAX + 1).unwrap();
    over.splice(12..16, count.to_be_bytes());
    over.extend((-1_i32).to_be_bytes());
    let why = decode(&Type::INT4_ARRAY, Some(&over)).unwrap_err();
    assert_eq!(why, "an array has at most 100000 elements, found 100001");
}

#[test]
fn column_of_an_unsupported_type_is_refused_even_if_it_is_null() {
    for ty in
        [Type::MONEY, Type::OID, Type::XID, Type::CHAR, Type::POINT, Type::INT4_RANGE, Type::MONEY_ARRAY]
    {
        let why = decode(&ty, None).unwrap_err();
        assert!(why.ends_with("has no case in value; cast it to text"), "{why}");
    }
}

#[test]
fn null_fits_every_type() {
    for ty in [Type::INT4, Type::INT4_ARRAY, Type::MONEY, mood()] {
        assert_eq!(encode(&Value::Scalar(Scalar::Null), &ty).unwrap(), None);
    }
    assert_eq!(decode(&Type::JSONB, None).unwrap(), Value::Scalar(Scalar::Null));
}

#[test]
fn parameter_checked_for_one_type_is_not_sent_as_another() {
    let parameter = Parameter::parse(Value::Scalar(Scalar::Integer(1)), &Type::INT4).unwrap();
    assert!(parameter.to_sql(&Type::INT8, &mut bytes::BytesMut::new()).is_err());
}

fn array_of(ty: &Type) -> Type {
    let name = format!("_{}", ty.name());
    Type::new(name, ty.oid() + 50_000, Kind::Array(ty.clone()), "pg_catalog".into())
}

#[test]
fn every_value_comes_back_as_it_was_encoded() {
    for (ty, scalars) in classes() {
        TestRunner::new(Config::with_cases(200))
            .run(&scalars, |scalar| {
                let value = Value::Scalar(scalar);
                let wire = encode(&value, &ty).unwrap();
                prop_assert_eq!(decode(&ty, wire.as_deref()).unwrap(), value);
                Ok(())
            })
            .unwrap();
        let items = prop_oneof![4 => scalars, 1 => Just(Scalar::Null)];
        let array = array_of(&ty);
        TestRunner::new(Config::with_cases(30))
            .run(&prop::collection::vec(items, 0..9), |items| {
                let value = Value::Array(items);
                let wire = encode(&value, &array).unwrap();
                prop_assert_eq!(decode(&array, wire.as_deref()).unwrap(), value);
                Ok(())
            })
            .unwrap();
    }
}

#[test]
fn malformed_bytes_are_refused_without_a_panic() {
    for (ty, scalars) in classes() {
        let array = array_of(&ty);
        let case = (scalars, any::<prop::sample::Index>(), any::<u8>(), any::<Vec<u8>>());
        TestRunner::new(Config::with_cases(100))
            .run(&case, |(scalar, at, byte, noise)| {
                let _ = decode(&ty, Some(&noise));
                let _ = decode(&array, Some(&noise));
                for (ty, value) in
                    [(&ty, Value::Scalar(scalar.clone())), (&array, Value::Array(vec![scalar; 3]))]
                {
                    let mut wire = encode(&value, ty).unwrap().unwrap_or_default();
                    if !wire.is_empty() {
                        let at = at.index(wire.len());
                        let _ = decode(ty, wire.get(..at));
                        wire[at] ^= byte;
                        let _ = decode(ty, Some(&wire));
                    }
                }
                Ok(())
            })
            .unwrap();
    }
}

#[test]
fn malformed_bytes_of_each_kind_are_refused() {
    let rows: [(Type, &[u8]); 25] = [
        (Type::BOOL, &[2]),
        (Type::BOOL, &[]),
        (Type::INT4, &[0; 5]),
        (Type::TEXT, &[0xFF]),
        (Type::UUID, &[0; 15]),
        (Type::TIME, &[0xFF; 8]),
        (Type::TIMESTAMP, &[0; 7]),
        (Type::TIMESTAMP, &[0x7F, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFE]),
        (Type::INTERVAL, &[0; 17]),
        (Type::JSONB, &[2, b'1']),
        (Type::JSONB, &[]),
        (Type::INET, &[2, 33, 0, 4, 1, 2, 3, 4]),
        (Type::INET, &[2, 32, 0, 16, 1, 2, 3, 4]),
        (Type::NUMERIC, &[0, 1, 0, 0, 0, 0, 0, 0, 0x27, 0x10]),
        (Type::NUMERIC, &[0xFF, 0xFF, 0, 0, 0, 0, 0, 0]),
        (Type::NUMERIC, &[0, 1, 0xFF, 0xFF, 0, 0, 0, 1, 0, 1]),
        // Bytes after the digits, a scale over the maximum, and digits beyond the scale.
        (Type::NUMERIC, &[0, 1, 0, 0, 0, 0, 0, 0, 0, 1, 0]),
        (Type::NUMERIC, &[0, 1, 0, 0, 0, 0, 0x40, 0, 0, 1]),
        (Type::NUMERIC, &[0, 2, 0, 0, 0, 0, 0, 0, 0, 1, 0, 5]),
        (Type::INT4_ARRAY, &[0x7F, 0xFF, 0xFF, 0xFF, 0, 0, 0, 0, 0, 0, 0, 23]),
        // Unknown flags, elements of another type, bytes after an empty array, no elements where a dimension says some,
        // and bytes after the elements.
        (Type::INT4_ARRAY, &[0, 0, 0, 0, 0, 0, 0, 2, 0, 0, 0, 23]),
        (Type::INT4_ARRAY, &[0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 25]),
        (Type::INT4_ARRAY, &[0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 23, 0]),
        (Type::INT4_ARRAY, &[0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 23, 0, 0, 0, 0, 0, 0, 0, 1]),
        (
            Type::INT4_ARRAY,
            &[0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 23, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 4, 0, 0, 0, 7, 0],
        ),
    ];
    for (ty, wire) in rows {
        let refusal = decode(&ty, Some(wire)).unwrap_err();
        // Some are well-formed, but `value` has no case for them.
        let is_explained =
            refusal.contains("the database sent a malformed \"") || refusal.ends_with("cast it to text");
        assert!(is_explained, "{ty}: {wire:?}: {refusal}");
    }
    for (ty, wire, value) in [
        (Type::NUMERIC, &[0, 2, 0, 0, 0, 0, 0, 4, 0, 1, 0, 5][..], Value::Scalar(numeric("1.0005"))),
        (Type::INT4_ARRAY, &[0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 23], Value::Array(Vec::new())),
    ] {
        assert_eq!(decode(&ty, Some(wire)), Ok(value));
    }
}

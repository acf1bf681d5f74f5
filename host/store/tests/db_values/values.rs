//! Short ways to write a value, and generators of all values that a type holds.

use palisade_guard::db::value::Scalar;
use palisade_guard::limits;
use proptest::prelude::*;
use tokio_postgres::types::Type;

pub fn numeric(text: &str) -> Scalar {
    Scalar::Numeric(text.to_owned())
}

pub fn text(text: &str) -> Scalar {
    Scalar::Text(text.to_owned())
}

pub fn json(text: &str) -> Scalar {
    Scalar::Json(text.to_owned())
}

pub fn inet(text: &str) -> Scalar {
    Scalar::Inet(text.to_owned())
}

pub fn uuid(text: &str) -> Scalar {
    Scalar::Uuid(text.to_owned())
}

pub const fn interval(months: i32, days: i32, microseconds: i64) -> Scalar {
    Scalar::Interval { months, days, microseconds }
}

/// Every type with a generator of the values that it holds, in the form in which they are read.
pub fn classes() -> Vec<(Type, BoxedStrategy<Scalar>)> {
    let floats = prop_oneof![any::<f64>(), Just(f64::INFINITY), Just(-0.0), Just(f64::MIN_POSITIVE / 2.0)];
    let reals = any::<f32>().prop_map(|value| Scalar::Float(value.into()));
    let numerics = prop_oneof![
        "-?(0|[1-9][0-9]{0,40})(\\.[0-9]{1,40})?".prop_filter("there is no negative zero", |text| {
            !text.starts_with('-') || text.contains(|digit| ('1'..='9').contains(&digit))
        }),
        "-?[1-9][0-9]{0,3}(0000){0,9}",
        "0\\.(0000){0,9}[0-9]{1,9}",
    ];
    let days = prop_oneof![limits::DATE_DAYS_MIN..=limits::DATE_DAYS_MAX, Just(i32::MIN), Just(i32::MAX)];
    let instants =
        || prop_oneof![limits::TIMESTAMP_US_MIN..=limits::TIMESTAMP_US_MAX, Just(i64::MIN), Just(i64::MAX)];
    let texts = || "[^\0]{0,40}";
    let jsons = prop_oneof![texts().prop_map(|text| serde_json::to_string(&text).unwrap()), "\\[[0-9]\\]"];
    let v4 = (any::<[u8; 4]>(), 0..=31_u8).prop_map(|(a, n)| format!("{}/{n}", std::net::Ipv4Addr::from(a)));
    let v6 = any::<[u8; 16]>().prop_map(|a| std::net::Ipv6Addr::from(a).to_string());
    vec![
        (Type::BOOL, any::<bool>().prop_map(Scalar::Boolean).boxed()),
        (Type::INT2, any::<i16>().prop_map(|value| Scalar::Integer(value.into())).boxed()),
        (Type::INT4, any::<i32>().prop_map(|value| Scalar::Integer(value.into())).boxed()),
        (Type::INT8, any::<i64>().prop_map(Scalar::Integer).boxed()),
        (Type::FLOAT4, reals.boxed()),
        (Type::FLOAT8, floats.prop_map(Scalar::Float).boxed()),
        (Type::NUMERIC, numerics.prop_map(Scalar::Numeric).boxed()),
        (Type::TEXT, texts().prop_map(Scalar::Text).boxed()),
        (Type::VARCHAR, texts().prop_map(Scalar::Text).boxed()),
        (Type::BYTEA, any::<Vec<u8>>().prop_map(Scalar::Bytes).boxed()),
        (Type::UUID, any::<u128>().prop_map(|n| uuid(&::uuid::Uuid::from_u128(n).to_string())).boxed()),
        (Type::DATE, days.prop_map(Scalar::Date).boxed()),
        (Type::TIME, (0..=86_400_000_000_u64).prop_map(Scalar::Time).boxed()),
        (Type::TIMESTAMP, instants().prop_map(Scalar::Timestamp).boxed()),
        (Type::TIMESTAMPTZ, instants().prop_map(Scalar::Timestamptz).boxed()),
        (Type::INTERVAL, any::<(i32, i32, i64)>().prop_map(|(m, d, us)| interval(m, d, us)).boxed()),
        (Type::JSON, jsons.clone().prop_map(Scalar::Json).boxed()),
        (Type::JSONB, "\\[[1-9]{1,9}, (true|null)\\]".prop_map(Scalar::Json).boxed()),
        (Type::INET, prop_oneof![v4, v6].prop_map(Scalar::Inet).boxed()),
    ]
}

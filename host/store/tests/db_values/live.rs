//! The same values against a real server: what it reads and writes is what the contract says.

use palisade_guard::db::codec::decode;
use palisade_guard::db::parameter::{Parameter, Raw};
use palisade_guard::db::value::{Scalar, Value};
use palisade_guard::limits;
use palisade_store::private::{PrivateOptions, PrivateServer};
use proptest::prelude::*;
use proptest::strategy::ValueTree as _;
use proptest::test_runner::TestRunner;
use tokio_postgres::{Client, NoTls};

use super::values::{classes, inet, interval, json, numeric, text, uuid};

async fn start() -> (PrivateServer, Client) {
    let server = PrivateServer::start(PrivateOptions::temporary()).await.unwrap();
    let (client, connection) = palisade_store::private::config(&server).connect(NoTls).await.unwrap();
    tokio::spawn(connection);
    client
        .batch_execute(
            "CREATE DOMAIN positive AS int CHECK (VALUE > 0); CREATE TYPE mood AS ENUM ('sad', 'glad')",
        )
        .await
        .unwrap();
    (server, client)
}

/// Sends a value as a parameter, and returns the value that comes back and the server's text for it.
async fn echo(client: &Client, ty: &str, value: &Value) -> Result<(Value, Option<String>), String> {
    let statement = client.prepare(&format!("SELECT $1::{ty}, $1::{ty}::text")).await.unwrap();
    let parameter = Parameter::parse(value.clone(), &statement.params()[0])?;
    let row = client.query_one(&statement, &[&parameter]).await.map_err(|error| format!("{error:?}"))?;
    let Raw(raw) = row.get(0);
    Ok((decode(row.columns()[0].type_(), raw)?, row.get(1)))
}

/// The value of a SQL expression.
async fn read(client: &Client, sql: &str) -> Result<Value, String> {
    let row = client.query_one(&format!("SELECT {sql}"), &[]).await.unwrap();
    let Raw(raw) = row.get(0);
    decode(row.columns()[0].type_(), raw)
}

/// The type, the server's text, and the value.
fn scalars() -> Vec<(&'static str, String, Scalar)> {
    let instants = [
        ("4714-11-24 00:00:00 BC", limits::TIMESTAMP_US_MIN),
        ("1969-12-31 23:59:59.999999", -1),
        ("1970-01-01 00:00:00", 0),
        ("1999-12-31 23:59:59.999999", 946_684_799_999_999),
        ("2000-02-29 12:00:00", 951_825_600_000_000),
        ("294247-01-10 04:00:54.775806", limits::TIMESTAMP_US_MAX),
        ("infinity", i64::MAX),
        ("-infinity", i64::MIN),
    ];
    let zone = |text: &str| match text.split_once(" BC") {
        Some((text, _)) => format!("{text}+00 BC"),
        None if text.contains("infinity") => text.to_owned(),
        None => format!("{text}+00"),
    };
    let days = [
        ("4714-11-24 BC", limits::DATE_DAYS_MIN),
        ("0001-12-31 BC", -719_163),
        ("1969-12-31", -1),
        ("1970-01-01", 0),
        ("2000-02-29", 11_016),
        ("5874897-12-31", limits::DATE_DAYS_MAX),
        ("infinity", i32::MAX),
        ("-infinity", i32::MIN),
    ];
    let longest = format!(
        "-{}.{}",
        "9".repeat(limits::NUMERIC_INTEGER_DIGITS_MAX),
        "8".repeat(limits::NUMERIC_FRACTION_DIGITS_MAX)
    );
    let smallest = format!("0.{}1", "0".repeat(limits::NUMERIC_FRACTION_DIGITS_MAX - 1));
    let power = format!("1{}", "0".repeat(limits::NUMERIC_INTEGER_DIGITS_MAX - 1));
    let numerics =
        ["0", "0.00", "1.500", "-10000.0001", "100000000", "0.0000100", "NaN", "Infinity", "-Infinity"];
    let numerics = numerics.into_iter().chain([longest.as_str(), &smallest, &power]);
    let reals = [
        ("0.1", f64::from(0.1_f32)),
        ("NaN", f64::NAN),
        ("-Infinity", f64::NEG_INFINITY),
        ("1e-45", 1e-45_f32.into()),
    ];
    let doubles = [
        ("0.1", 0.1),
        ("1.7976931348623157e+308", f64::MAX),
        ("5e-324", 5e-324),
        ("-0", -0.0),
        ("NaN", f64::NAN),
    ];
    let mut rows: Vec<(&str, String, Scalar)> = vec![
        ("bool", "true".into(), Scalar::Boolean(true)),
        ("int2", "-32768".into(), Scalar::Integer(i16::MIN.into())),
        ("int4", "2147483647".into(), Scalar::Integer(i32::MAX.into())),
        ("int8", "-9223372036854775808".into(), Scalar::Integer(i64::MIN)),
        ("positive", "7".into(), Scalar::Integer(7)),
        ("mood", "glad".into(), text("glad")),
        ("text", "gr\u{fc}n \u{1f333}".into(), text("gr\u{fc}n \u{1f333}")),
        ("bytea", r"\x00ff".into(), Scalar::Bytes(vec![0, 255])),
        ("uuid", "67e55044-10b1-426f-9247-bb680e5fe0c8".into(), uuid("67e55044-10b1-426f-9247-bb680e5fe0c8")),
        ("time", "00:00:00".into(), Scalar::Time(0)),
        ("time", "24:00:00".into(), Scalar::Time(86_400_000_000)),
        ("interval", "-1 mons +2 days -00:00:00.000003".into(), interval(-1, 2, -3)),
        ("interval", "1 year 2 mons -3 days".into(), interval(14, -3, 0)),
        ("json", r#"{"b": 1,  "a":"\u0000"}"#.into(), json(r#"{"b": 1,  "a":"\u0000"}"#)),
        ("jsonb", r#"{"a": "😀", "b": 1.50}"#.into(), json(r#"{"a": "😀", "b": 1.50}"#)),
        ("inet", "10.0.0.1/8".into(), inet("10.0.0.1/8")),
        ("inet", "10.0.0.1/32".into(), inet("10.0.0.1")),
        ("inet", "2001:db8::1/64".into(), inet("2001:db8::1/64")),
        ("cidr", "10.0.0.0/8".into(), inet("10.0.0.0/8")),
        ("cidr", "::1/128".into(), inet("::1")),
    ];
    rows.extend(numerics.map(|digits| ("numeric", digits.to_owned(), numeric(digits))));
    rows.extend(reals.map(|(text, value)| ("float4", text.to_owned(), Scalar::Float(value))));
    rows.extend(doubles.map(|(text, value)| ("float8", text.to_owned(), Scalar::Float(value))));
    rows.extend(days.map(|(text, value)| ("date", text.to_owned(), Scalar::Date(value))));
    rows.extend(instants.map(|(text, value)| ("timestamp", text.to_owned(), Scalar::Timestamp(value))));
    rows.extend(instants.map(|(text, value)| ("timestamptz", zone(text), Scalar::Timestamptz(value))));
    rows
}

#[tokio::test]
async fn stated_values_are_what_the_server_reads_and_writes() {
    let (server, client) = start().await;
    for (ty, text, scalar) in scalars() {
        let value = Value::Scalar(scalar);
        let (back, shown) = echo(&client, ty, &value).await.unwrap();
        // As text, because a NaN is not equal to itself.
        assert!(format!("{back:?}") == format!("{value:?}"), "{ty} {text:.60}");
        assert_eq!(shown.as_deref(), Some(text.as_str()), "{ty}");
        let read = read(&client, &format!("'{text}'::{ty}")).await.unwrap();
        assert!(format!("{read:?}") == format!("{value:?}"), "{ty} {text:.60}");
    }
    server.stop().await;
}

#[tokio::test]
async fn stated_arrays_and_refusals_are_what_the_server_reads_and_writes() {
    let (server, client) = start().await;
    let arrays = [
        ("int4[]", "{1,NULL,-3}", vec![Scalar::Integer(1), Scalar::Null, Scalar::Integer(-3)]),
        ("int4[]", "{}", vec![]),
        ("text[]", "{\"\",NULL,\"NULL\"}", vec![text(""), Scalar::Null, text("NULL")]),
        ("mood[]", "{glad,sad}", vec![text("glad"), text("sad")]),
        ("positive[]", "{1,2}", vec![Scalar::Integer(1), Scalar::Integer(2)]),
        ("numeric[]", "{0.10,NaN}", vec![numeric("0.10"), numeric("NaN")]),
    ];
    for (ty, text, items) in arrays {
        let value = Value::Array(items);
        assert_eq!(echo(&client, ty, &value).await, Ok((value.clone(), Some(text.to_owned()))), "{ty}");
        assert_eq!(read(&client, &format!("'{text}'::{ty}")).await, Ok(value), "{ty}");
    }
    for ty in ["int4", "text[]", "money"] {
        let null = Value::Scalar(Scalar::Null);
        let sent = echo(&client, ty, &null).await;
        assert!(sent == Ok((null, None)) || sent.unwrap_err().contains("no case"), "{ty}");
    }
    let refused = [
        ("'{{1,2},{3,4}}'::int4[]", "2 dimensions"),
        ("'[0:1]={1,2}'::int4[]", "begins at 0"),
        ("'294276-12-31'::timestamp", "after January 294247"),
        ("1::money", "type \"money\" has no case in value; cast it to text"),
        ("'1'::\"char\"", "no case"),
        ("'1 2'::int2vector", "no case"),
        ("row(1)", "no case"),
        ("null::int4range", "no case"),
    ];
    for (sql, reason) in refused {
        let why = read(&client, sql).await.unwrap_err();
        assert!(why.contains(reason), "{sql}: {why}");
    }
    server.stop().await;
}

#[tokio::test]
async fn generated_values_survive_the_round_trip_through_the_server() {
    let (server, client) = start().await;
    let mut runner = TestRunner::default();
    for (ty, scalars) in classes() {
        for _ in 0..48 {
            let value = Value::Scalar(scalars.new_tree(&mut runner).unwrap().current());
            let (back, _) = echo(&client, ty.name(), &value).await.unwrap();
            assert_eq!(back, value, "{ty}");
        }
        let items = prop::collection::vec(prop_oneof![4 => scalars, 1 => Just(Scalar::Null)], 0..6);
        for _ in 0..12 {
            let value = Value::Array(items.new_tree(&mut runner).unwrap().current());
            let (back, _) = echo(&client, &format!("{}[]", ty.name()), &value).await.unwrap();
            assert_eq!(back, value, "{ty}");
        }
    }
    server.stop().await;
}

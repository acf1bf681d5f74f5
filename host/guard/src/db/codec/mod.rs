//! The codec between the contract's values and PostgreSQL's binary format. A value is encoded exactly or refused.
//!
//! The codec converts nothing: an `integer` does not become a `numeric`, and a number that a `real` cannot represent is
//! not rounded. It trusts neither side. It checks a guest's values so that the guest gets a sentence instead of an
//! SQLSTATE, and it does not assume that the server's bytes are well-formed. Tests: `host/store/tests/db_values`.

mod numeric;
mod text;
mod time;
mod vector;
mod wire;

use self::wire::Wire;
use super::extension::is_vector;
use super::value::{Scalar, Value};
use crate::limits::DB_ARRAY_ELEMENTS_MAX;
use postgres_types::{Kind, Type};

/// A type of PostgreSQL that has a case in the contract.
#[derive(Clone, Copy, Debug)]
enum Class<'a> {
    Bool,
    Int2,
    Int4,
    Int8,
    Float4,
    Float8,
    Numeric,
    Text,
    /// An enum with its labels.
    Enum(&'a [String]),
    Bytea,
    Uuid,
    Date,
    Time,
    Timestamp,
    Timestamptz,
    Interval,
    Json,
    Jsonb,
    Inet,
    Cidr,
    /// A vector of the extension `vector`.
    Vector,
}

impl<'a> Class<'a> {
    fn of(ty: &'a Type) -> Result<Self, String> {
        if let Kind::Enum(labels) = ty.kind() {
            return Ok(Self::Enum(labels));
        }
        Ok(match *ty {
            Type::BOOL => Self::Bool,
            Type::INT2 => Self::Int2,
            Type::INT4 => Self::Int4,
            Type::INT8 => Self::Int8,
            Type::FLOAT4 => Self::Float4,
            Type::FLOAT8 => Self::Float8,
            Type::NUMERIC => Self::Numeric,
            Type::TEXT | Type::VARCHAR | Type::BPCHAR => Self::Text,
            Type::BYTEA => Self::Bytea,
            Type::UUID => Self::Uuid,
            Type::DATE => Self::Date,
            Type::TIME => Self::Time,
            Type::TIMESTAMP => Self::Timestamp,
            Type::TIMESTAMPTZ => Self::Timestamptz,
            Type::INTERVAL => Self::Interval,
            Type::JSON => Self::Json,
            Type::JSONB => Self::Jsonb,
            Type::INET => Self::Inet,
            Type::CIDR => Self::Cidr,
            _ if is_vector(ty) => Self::Vector,
            _ => return Err(no_case(ty)),
        })
    }

    /// The case of the contract for values of the type.
    const fn case(self) -> &'static str {
        match self {
            Self::Bool => "boolean",
            Self::Int2 | Self::Int4 | Self::Int8 => "integer",
            Self::Float4 | Self::Float8 => "float",
            Self::Numeric => "numeric",
            Self::Text | Self::Enum(_) => "text",
            Self::Bytea => "bytes",
            Self::Uuid => "uuid",
            Self::Date => "date",
            Self::Time => "time",
            Self::Timestamp => "timestamp",
            Self::Timestamptz => "timestamptz",
            Self::Interval => "interval",
            Self::Json | Self::Jsonb => "json",
            Self::Inet | Self::Cidr => "inet",
            Self::Vector => "array",
        }
    }
}

/// Encodes a value for a type. Null fits every type and is encoded as `None`.
pub fn encode(value: &Value, ty: &Type) -> Result<Option<Vec<u8>>, String> {
    if *value == Value::Scalar(Scalar::Null) {
        return Ok(None);
    }
    let mut out = Vec::new();
    match (value, element(base(ty))?) {
        (Value::Array(items), None) if is_vector(base(ty)) => vector::encode(items, &mut out)?,
        (Value::Array(items), Some(of)) => encode_array(items, of, &mut out)?,
        (Value::Scalar(scalar), None) => encode_scalar(scalar, base(ty), &mut out)?,
        (value, Some(_)) => return Err(format!("expected `array`, found `{}`", value.case())),
        (value, None) => return Err(mismatch(Class::of(base(ty))?, value.case())),
    }
    Ok(Some(out))
}

/// Decodes the server's bytes for a column of a type.
pub fn decode(ty: &Type, raw: Option<&[u8]>) -> Result<Value, String> {
    let (ty, of) = (base(ty), element(base(ty))?);
    let class = Class::of(of.map_or(ty, base))?;
    let Some(raw) = raw else { return Ok(Value::Scalar(Scalar::Null)) };
    match (of, class) {
        (None, Class::Vector) => vector::decode(raw).ok_or_else(|| malformed(ty)),
        (Some(_), Class::Vector) => Err(no_case(ty)),
        (None, _) => Ok(Value::Scalar(decode_scalar(class, raw)?.ok_or_else(|| malformed(ty))?)),
        (Some(of), _) => decode_array(class, of, raw, ty),
    }
}

/// The type that a domain is based on. A domain has the same binary form, and the server makes the domain's own checks.
fn base(mut ty: &Type) -> &Type {
    while let Kind::Domain(under) = ty.kind() {
        ty = under;
    }
    ty
}

/// The type of an array's elements; `None` for other types. The two vector types of the system catalogs look like
/// arrays but count from 0, so they are refused.
fn element(ty: &Type) -> Result<Option<&Type>, String> {
    match (ty.kind(), ty) {
        (_, &(Type::INT2_VECTOR | Type::OID_VECTOR)) => Err(no_case(ty)),
        (Kind::Array(of), _) => Ok(Some(of)),
        _ => Ok(None),
    }
}

fn no_case(ty: &Type) -> String {
    format!("type \"{}\" has no case in value; cast it to text", ty.name())
}

fn mismatch(class: Class<'_>, found: &str) -> String {
    format!("expected `{}`, found `{found}`", class.case())
}

/// The error for bytes that no PostgreSQL sends. They come from a connection pooler or from another kind of server.
fn malformed(ty: &Type) -> String {
    format!("the database sent a malformed \"{}\"", ty.name())
}

fn encode_scalar(scalar: &Scalar, ty: &Type, out: &mut Vec<u8>) -> Result<(), String> {
    let class = Class::of(ty)?;
    match (class, scalar) {
        (Class::Bool, Scalar::Boolean(value)) => out.push(u8::from(*value)),
        (Class::Int2, Scalar::Integer(value)) => {
            out.extend(i16::try_from(*value).map_err(|_| narrow(*value, "smallint"))?.to_be_bytes());
        }
        (Class::Int4, Scalar::Integer(value)) => {
            out.extend(i32::try_from(*value).map_err(|_| narrow(*value, "integer"))?.to_be_bytes());
        }
        (Class::Int8, Scalar::Integer(value)) => out.extend(value.to_be_bytes()),
        (Class::Float4, Scalar::Float(value)) => out.extend(real(*value)?.to_be_bytes()),
        (Class::Float8, Scalar::Float(value)) => out.extend(value.to_be_bytes()),
        (Class::Numeric, Scalar::Numeric(value)) => numeric::encode(value, out)?,
        (Class::Text, Scalar::Text(value)) => text::encode(value, out)?,
        (Class::Enum(labels), Scalar::Text(value)) => text::encode_label(value, labels, ty, out)?,
        (Class::Bytea, Scalar::Bytes(value)) => out.extend(value),
        (Class::Uuid, Scalar::Uuid(value)) => text::encode_uuid(value, out)?,
        (Class::Date, Scalar::Date(value)) => time::encode_date(*value, out)?,
        (Class::Time, Scalar::Time(value)) => time::encode_time(*value, out)?,
        (Class::Timestamp, Scalar::Timestamp(value)) | (Class::Timestamptz, Scalar::Timestamptz(value)) => {
            time::encode_timestamp(*value, out)?;
        }
        (Class::Interval, Scalar::Interval { months, days, microseconds }) => {
            time::encode_interval(*months, *days, *microseconds, out)?;
        }
        (Class::Json, Scalar::Json(value)) => text::encode_json(value, out)?,
        (Class::Jsonb, Scalar::Json(value)) => text::encode_jsonb(value, out)?,
        (Class::Inet, Scalar::Inet(value)) => text::encode_inet(value, false, out)?,
        (Class::Cidr, Scalar::Inet(value)) => text::encode_inet(value, true, out)?,
        (class, other) => return Err(mismatch(class, other.case())),
    }
    Ok(())
}

/// Decodes one value. `Ok(None)` means malformed bytes; an error means a value that the contract cannot represent.
fn decode_scalar(class: Class<'_>, raw: &[u8]) -> Result<Option<Scalar>, String> {
    let wire = Wire(raw);
    let scalar = match class {
        Class::Bool => wire.all().map(u8::from_be_bytes).and_then(|value| match value {
            0 => Some(Scalar::Boolean(false)),
            1 => Some(Scalar::Boolean(true)),
            _ => None,
        }),
        Class::Int2 => wire.all().map(|value| Scalar::Integer(i16::from_be_bytes(value).into())),
        Class::Int4 => wire.all().map(|value| Scalar::Integer(i32::from_be_bytes(value).into())),
        Class::Int8 => wire.all().map(|value| Scalar::Integer(i64::from_be_bytes(value))),
        Class::Float4 => wire.all().map(|value| Scalar::Float(f32::from_be_bytes(value).into())),
        Class::Float8 => wire.all().map(|value| Scalar::Float(f64::from_be_bytes(value))),
        Class::Numeric => numeric::decode(wire).map(Scalar::Numeric),
        Class::Text | Class::Enum(_) => wire.text().map(Scalar::Text),
        Class::Bytea => Some(Scalar::Bytes(raw.to_vec())),
        Class::Uuid => wire.all().map(|value| Scalar::Uuid(uuid::Uuid::from_bytes(value).to_string())),
        Class::Date => time::decode_date(wire).map(Scalar::Date),
        Class::Time => time::decode_time(wire).map(Scalar::Time),
        Class::Timestamp => time::decode_timestamp(wire)?.map(Scalar::Timestamp),
        Class::Timestamptz => time::decode_timestamp(wire)?.map(Scalar::Timestamptz),
        Class::Interval => time::decode_interval(wire)?,
        Class::Json => wire.text().map(Scalar::Json),
        Class::Jsonb => text::decode_jsonb(wire).map(Scalar::Json),
        Class::Inet | Class::Cidr => text::decode_inet(wire).map(Scalar::Inet),
        // Not one scalar, but many.
        Class::Vector => None,
    };
    Ok(scalar)
}

fn encode_array(items: &[Scalar], of: &Type, out: &mut Vec<u8>) -> Result<(), String> {
    // Refuses an array of a type without a case, even if the array is empty.
    if is_vector(base(of)) {
        return Err(no_case(of));
    }
    Class::of(base(of))?;
    if items.len() > DB_ARRAY_ELEMENTS_MAX {
        return Err(format!("an array has at most {DB_ARRAY_ELEMENTS_MAX} elements, found {}", items.len()));
    }
    let count = i32::try_from(items.len()).map_err(|_| "the array is too long".to_owned())?;
    let has_nulls = items.contains(&Scalar::Null);
    out.extend(i32::from(count > 0).to_be_bytes());
    out.extend(i32::from(has_nulls).to_be_bytes());
    out.extend(of.oid().to_be_bytes());
    if count > 0 {
        out.extend(count.to_be_bytes());
        out.extend(1_i32.to_be_bytes());
    }
    let mut item = Vec::new();
    for (index, scalar) in items.iter().enumerate() {
        if *scalar == Scalar::Null {
            out.extend((-1_i32).to_be_bytes());
            continue;
        }
        item.clear();
        encode_scalar(scalar, base(of), &mut item).map_err(|why| format!("element {index}: {why}"))?;
        let length = i32::try_from(item.len()).map_err(|_| format!("element {index} is too long"))?;
        out.extend(length.to_be_bytes());
        out.extend(&item);
    }
    Ok(())
}

fn decode_array(class: Class<'_>, of: &Type, raw: &[u8], ty: &Type) -> Result<Value, String> {
    let malformed = || malformed(ty);
    let mut wire = Wire(raw);
    let dimensions = wire.i32().ok_or_else(malformed)?;
    let flags = wire.i32().ok_or_else(malformed)?;
    let oid = wire.take().map(u32::from_be_bytes).ok_or_else(malformed)?;
    if !matches!(flags, 0 | 1) || oid != of.oid() {
        return Err(malformed());
    }
    if dimensions == 0 {
        return if wire.0.is_empty() { Ok(Value::Array(Vec::new())) } else { Err(malformed()) };
    }
    let (count, first) = (wire.i32().ok_or_else(malformed)?, wire.i32().ok_or_else(malformed)?);
    if dimensions != 1 || first != 1 {
        return Err(format!(
            "an array of \"{}\" has {dimensions} dimensions and begins at {first}; value has one that begins at 1; \
             cast it to text",
            of.name()
        ));
    }
    if usize::try_from(count).is_ok_and(|count| count > DB_ARRAY_ELEMENTS_MAX) {
        return Err(format!("an array has at most {DB_ARRAY_ELEMENTS_MAX} elements, found {count}"));
    }
    let mut items = Vec::new();
    for _ in 0..count {
        let item = match wire.i32().ok_or_else(malformed)? {
            -1 => Some(Scalar::Null),
            length => {
                let raw = usize::try_from(length).ok().and_then(|length| wire.bytes(length));
                decode_scalar(class, raw.ok_or_else(malformed)?)?
            }
        };
        items.push(item.ok_or_else(malformed)?);
    }
    if count < 1 || !wire.0.is_empty() { Err(malformed()) } else { Ok(Value::Array(items)) }
}

fn narrow(value: i64, ty: &str) -> String {
    format!("{value} is out of the range of `{ty}`")
}

/// Converts a number to a `real`, or refuses it if the `real` would differ. PostgreSQL treats all NaNs as equal.
fn real(value: f64) -> Result<f32, String> {
    #[allow(clippy::cast_possible_truncation, reason = "the next line refuses what was truncated")]
    let narrow = value as f32;
    if value.is_nan() || f64::from(narrow).to_bits() == value.to_bits() {
        return Ok(narrow);
    }
    Err(format!(
        "`real` cannot hold {value} exactly; round it to a 32-bit float, or use a `double precision` column"
    ))
}

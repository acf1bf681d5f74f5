//! The types that SQL text can cast to: those that a plugin's columns can have.
//!
//! A cast calls the type's input function. The list leaves out `regclass` and its kin, which look up names in the
//! system catalogs and reveal what exists, and `xml`, `tsvector`, `jsonpath`, `xid` and other types that no column can
//! have.

use super::printer::Printer;
use super::scope::Names;
use crate::db::gate::fault::Checked;
use crate::db::{quoted, shown};
use crate::limits::SQL_TYPE_LENGTH_MAX;
use sqlparser::ast::{
    ArrayElemTypeDef, CharacterLength, DataType, ExactNumberInfo, ObjectName, TimezoneInfo,
};

impl Printer<'_> {
    /// Checks a type and returns it as SQL.
    pub(in crate::db) fn data_type(&mut self, data_type: &DataType) -> Checked<String> {
        if let DataType::Array(element) = data_type {
            return match element {
                ArrayElemTypeDef::SquareBracket(element, _) if !matches!(**element, DataType::Array(_)) => {
                    Ok(format!("{}[]", self.data_type(element)?))
                }
                _ => self.refuse("this array type", "write type[]"),
            };
        }
        if let DataType::Custom(name, modifiers) = data_type {
            return self.named_type(name, modifiers);
        }
        match plain(data_type) {
            Some(name) => Ok(name),
            None => self.refuse(shown(&data_type.to_string()), "not in the list of types"),
        }
    }

    /// Checks a type for which the parser has no keyword: a network address of PostgreSQL, or an enum of the plugin's
    /// schema.
    fn named_type(&mut self, name: &ObjectName, modifiers: &[String]) -> Checked<String> {
        self.absent(!modifiers.is_empty(), "a modifier of this type")?;
        let (schema, name) = self.dotted(name)?;
        let own = match self.names {
            Names::Granted(catalogue) => catalogue.schema(),
            Names::Own(own) => own,
        };
        if matches!(schema.as_deref(), None | Some("pg_catalog")) && matches!(name.as_str(), "inet" | "cidr")
        {
            return Ok(name);
        }
        let is_own = match self.names {
            Names::Granted(catalogue) => catalogue.has_enum(&name),
            // A migration may use any type of its own schema. PostgreSQL's own types are all handled before.
            Names::Own(_) => schema.is_some() || !is_built_in(&name),
        };
        if schema.is_none_or(|schema| schema == own) && is_own {
            return Ok(format!("{}.{}", quoted(own), quoted(&name)));
        }
        self.refuse(shown(&name), "not in the list of types")
    }
}

/// Whether a name is one of PostgreSQL's own types. Refusing it gives a better error than looking it up in the plugin's
/// schema.
fn is_built_in(name: &str) -> bool {
    name.starts_with("reg")
        || name.starts_with("pg_")
        || matches!(name, "name" | "oid" | "xml" | "money" | "hstore")
}

fn plain(data_type: &DataType) -> Option<String> {
    let name = match data_type {
        DataType::Bool | DataType::Boolean => "boolean".to_owned(),
        DataType::SmallInt(None) | DataType::Int2(None) => "smallint".to_owned(),
        DataType::Int(None) | DataType::Integer(None) | DataType::Int4(None) => "integer".to_owned(),
        DataType::BigInt(None) | DataType::Int8(None) => "bigint".to_owned(),
        DataType::Real | DataType::Float4 => "real".to_owned(),
        DataType::DoublePrecision | DataType::Float8 | DataType::Float(ExactNumberInfo::None) => {
            "double precision".to_owned()
        }
        DataType::Numeric(size) | DataType::Decimal(size) | DataType::Dec(size) => match size {
            ExactNumberInfo::None => "numeric".to_owned(),
            ExactNumberInfo::Precision(precision) => format!("numeric({precision})"),
            ExactNumberInfo::PrecisionAndScale(precision, scale) => format!("numeric({precision}, {scale})"),
        },
        DataType::Text => "text".to_owned(),
        DataType::Varchar(length) | DataType::CharacterVarying(length) | DataType::CharVarying(length) => {
            format!("character varying{}", size(length.as_ref())?)
        }
        DataType::Char(length) | DataType::Character(length) => {
            format!("character{}", size(length.as_ref())?)
        }
        DataType::Bytea => "bytea".to_owned(),
        DataType::Uuid => "uuid".to_owned(),
        DataType::Date => "date".to_owned(),
        DataType::Time(precision, zone) => {
            if !matches!(zone, TimezoneInfo::None | TimezoneInfo::WithoutTimeZone) {
                return None;
            }
            format!("time{}", digits(*precision))
        }
        DataType::Timestamp(precision, TimezoneInfo::None | TimezoneInfo::WithoutTimeZone) => {
            format!("timestamp{}", digits(*precision))
        }
        DataType::Timestamp(precision, TimezoneInfo::WithTimeZone | TimezoneInfo::Tz) => {
            format!("timestamp{} with time zone", digits(*precision))
        }
        DataType::Interval { fields: None, precision } => format!("interval{}", digits(*precision)),
        DataType::JSON => "json".to_owned(),
        DataType::JSONB => "jsonb".to_owned(),
        _ => return None,
    };
    Some(name)
}

fn digits(precision: Option<u64>) -> String {
    precision.map(|precision| format!("({precision})")).unwrap_or_default()
}

fn size(length: Option<&CharacterLength>) -> Option<String> {
    match length {
        None => Some(String::new()),
        // `char(n)` pads a value to its length, so a large length takes much memory.
        Some(CharacterLength::IntegerLength { length, unit: None }) if *length <= SQL_TYPE_LENGTH_MAX => {
            Some(format!("({length})"))
        }
        Some(_) => None,
    }
}

//! Literals, parameters and casts, and the calls of functions with their own syntax.

use super::functions::{self, Kind};
use super::printer::Printer;
use super::scope::Names;
use super::zone;
use crate::db::cost::{self, Class, Moment, Size};
use crate::db::gate::fault::Checked;
use crate::db::shown;
use crate::limits;
use sqlparser::ast::{
    DataType, DateTimeField, Expr, Interval, TrimWhereField, TypedString, Value, ValueWithSpan,
};

impl Printer<'_> {
    pub(super) fn value(&mut self, value: &ValueWithSpan) -> Checked {
        let ValueWithSpan { value, span } = value;
        self.see(span.start);
        match value {
            Value::Null => self.word("NULL", Moment::Bare),
            Value::Boolean(true) => self.word("TRUE", Moment::Unknown),
            Value::Boolean(false) => self.word("FALSE", Moment::Unknown),
            Value::Number(digits, is_long) => {
                self.absent(*is_long || !is_number(digits), "this kind of number")?;
                self.put(digits);
                self.cost.known(Size::number(digits), Moment::Unknown);
            }
            Value::Placeholder(name) => return self.parameter(name),
            other => match string(other) {
                Some(text) => return self.string_literal(text),
                None => return self.refuse("this kind of literal", "write '…', E'…' or $$…$$"),
            },
        }
        Ok(())
    }

    fn word(&mut self, word: &str, moment: Moment) {
        self.put(word);
        self.cost.known(Size::FIXED, moment);
    }

    /// Prints a string that stands alone. PostgreSQL gives it the type of what it is compared with or written to. If it
    /// names the clock, or a time zone that PostgreSQL would make up from it, it is printed as a text or as JSON, so that
    /// it cannot become a date or time.
    fn string_literal(&mut self, text: &str) -> Checked {
        let is_risky = !self.in_default && zone::is_risky(text);
        let target = match (is_risky, serde_json::from_str::<serde_json::Value>(text)) {
            (false, _) => None,
            (true, _) if uuid::Uuid::try_parse(text).is_ok() => {
                return self.refuse(
                    shown(text),
                    "PostgreSQL can take this `uuid` for a date with a zone: pass it as a parameter",
                );
            }
            (true, Ok(serde_json::Value::Object(_) | serde_json::Value::Array(_))) => Some("jsonb"),
            (true, _) => Some("text"),
        };
        self.put(if target.is_some() { "CAST(" } else { "" });
        self.text_literal(text)?;
        if let Some(target) = target {
            self.put(&format!(" AS {target})"));
        }
        let moment = if is_risky { Moment::Unknown } else { Moment::Bare };
        self.cost.known(Size::literal(text), moment);
        Ok(())
    }

    fn parameter(&mut self, name: &str) -> Checked {
        let digits = name.strip_prefix('$').unwrap_or_default();
        let number = match digits.parse::<usize>() {
            Ok(number)
                if (1..=limits::SQL_PARAMETERS_MAX).contains(&number) && digits == number.to_string() =>
            {
                number
            }
            _ => {
                let rule = format!("parameters are $1 to ${}", limits::SQL_PARAMETERS_MAX);
                return self.refuse(shown(name), rule);
            }
        };
        self.parameters.insert(number);
        self.put(&format!("${number}"));
        self.cost.parameter(number);
        Ok(())
    }

    /// Prints a string. A string with a backslash is printed as `E'…'`, because only there the backslash has one
    /// meaning for every value of `standard_conforming_strings`.
    pub(in crate::db) fn text_literal(&mut self, text: &str) -> Checked {
        if text.contains('\0') {
            return self.refuse("NUL in a text", "PostgreSQL's text cannot contain it");
        }
        let doubled = text.replace('\'', "''");
        if text.contains('\\') {
            self.put(&format!("E'{}'", doubled.replace('\\', "\\\\")));
        } else {
            self.put(&format!("'{doubled}'"));
        }
        Ok(())
    }

    pub(super) fn typed_string(&mut self, typed: &TypedString) -> Checked {
        let TypedString { data_type, value, uses_odbc_syntax } = typed;
        self.see(value.span.start);
        self.absent(*uses_odbc_syntax, "{d '…'}")?;
        let Some(text) = string(&value.value) else {
            return self.refuse("a type before a value", "write CAST");
        };
        self.cast_text(text, data_type)
    }

    pub(super) fn interval(&mut self, interval: &Interval) -> Checked {
        let Interval { value, leading_field, leading_precision, last_field, fractional_seconds_precision } =
            interval;
        let is_plain = leading_field.is_none()
            && leading_precision.is_none()
            && last_field.is_none()
            && fractional_seconds_precision.is_none();
        let text = match value.as_ref() {
            Expr::Value(value) => string(&value.value),
            _ => None,
        };
        match text.filter(|_| is_plain) {
            Some(text) => self.cast_text(text, &DataType::Interval { fields: None, precision: None }),
            None => self.refuse("this INTERVAL", "write INTERVAL '1 day'"),
        }
    }

    fn cast_text(&mut self, text: &str, data_type: &DataType) -> Checked {
        let name = self.data_type(data_type)?;
        self.put("CAST(");
        let mark = self.cost.mark();
        self.bare_string(text, &name)?;
        self.put(&format!(" AS {name})"));
        let (class, moment) = conversion(&name);
        self.cost.close(mark, class, "CAST", moment);
        Ok(())
    }

    /// Prints a string that is converted to a type at once.
    fn bare_string(&mut self, text: &str, data_type: &str) -> Checked {
        if is_moment(data_type) && !self.in_default && zone::is_risky(text) {
            let rule = "a date or time is a fixed one, with a zone such as `+02:00` or `Europe/Berlin`: pass \
                        `clock.now` as a parameter";
            return self.refuse(shown(text), rule);
        }
        self.text_literal(text)?;
        self.cost.known(Size::literal(text), Moment::Bare);
        Ok(())
    }

    pub(super) fn cast(&mut self, expr: &Expr, data_type: &DataType) -> Checked {
        self.put("CAST(");
        let mark = self.cost.mark();
        let inner = unwrapped(expr);
        let literal = match inner {
            Expr::Value(value) => string(&value.value),
            _ => None,
        };
        let name = match literal {
            Some(text) => {
                let name = self.data_type(data_type)?;
                self.bare_string(text, &name)?;
                name
            }
            None => {
                self.expr(expr)?;
                self.data_type(data_type)?
            }
        };
        self.put(&format!(" AS {name})"));
        if is_moment(&name) && name != "interval" && matches!(self.names(), Names::Granted(_)) {
            self.only_moments(inner, &name)?;
        }
        let (class, moment) = conversion(&name);
        self.cost.close(mark, class, "CAST", moment);
        Ok(())
    }

    /// Refuses to convert a text that is computed to a date or time: it could name the clock or make up a time zone.
    fn only_moments(&mut self, expr: &Expr, name: &str) -> Checked {
        let moment = self.cost.last().map_or(Moment::Unknown, |node| self.cost.moment(node));
        match moment {
            Moment::Certain => Ok(()),
            Moment::Bare => {
                self.moments.extend(placeholders(expr));
                Ok(())
            }
            Moment::Unknown => {
                let how = if name.starts_with("date") {
                    "write to_date(text, 'YYYY-MM-DD')"
                } else {
                    "write to_timestamp(text, 'YYYY-MM-DD HH24:MI:SS')"
                };
                let rule =
                    format!("only a literal, a parameter such as `$1::{name}`, or a date or time: {how}");
                self.refuse(format!("a conversion of a text to {name}"), rule)
            }
        }
    }

    /// Checks that an expression names a time zone: a literal, or a parameter whose value is checked when it is bound.
    /// PostgreSQL keeps each zone that it has ever seen, and takes nearly every text for one.
    pub(super) fn zone(&mut self, expr: &Expr) -> Checked {
        match unwrapped(expr) {
            Expr::Value(value) => match &value.value {
                Value::Placeholder(name) => {
                    self.zones.extend(number(name));
                    Ok(())
                }
                other => match string(other) {
                    Some(text) if zone::is_zone(text) => Ok(()),
                    _ => self.no_zone(),
                },
            },
            Expr::Cast { expr, data_type: DataType::Text | DataType::Varchar(None), .. } => self.zone(expr),
            Expr::Cast { expr, data_type: DataType::Interval { .. }, .. } => match unwrapped(expr) {
                Expr::Value(_) => Ok(()),
                _ => self.no_zone(),
            },
            Expr::TypedString(TypedString { data_type: DataType::Interval { .. }, .. })
            | Expr::Interval(_) => Ok(()),
            _ => self.no_zone(),
        }
    }

    fn no_zone(&self) -> Checked {
        self.refuse("this time zone", zone::RULE)
    }

    pub(super) fn extract(&mut self, field: &DateTimeField, expr: &Expr) -> Checked {
        let name = field.to_string().to_ascii_lowercase();
        if !FIELDS.contains(&name.as_str()) {
            return self.refuse(shown(&name), "not a field of a date or time");
        }
        let mark = self.cost.mark();
        self.put(&format!("EXTRACT({name} FROM "));
        self.expr(expr)?;
        self.put(")");
        self.cost.close(mark, Class::Fixed, "EXTRACT", Moment::Unknown);
        Ok(())
    }

    /// Prints SUBSTRING as `substr`, because `substring` takes a regular expression if an argument is text.
    pub(super) fn substring(&mut self, expr: &Expr, from: Option<&Expr>, length: Option<&Expr>) -> Checked {
        self.call_start("substr", 1)?;
        let mark = self.cost.mark();
        self.expr(expr)?;
        self.put(", ");
        match from {
            Some(from) => self.expr(from)?,
            None => self.put("1"),
        }
        if let Some(length) = length {
            self.put(", ");
            self.expr(length)?;
        }
        self.put(")");
        self.cost.close(mark, Class::Same, "substr", Moment::Unknown);
        Ok(())
    }

    pub(super) fn trim(
        &mut self,
        side: Option<TrimWhereField>,
        what: Option<&Expr>,
        expr: &Expr,
        characters: Option<&[Expr]>,
    ) -> Checked {
        let name = match side {
            None | Some(TrimWhereField::Both) => "btrim",
            Some(TrimWhereField::Leading) => "ltrim",
            Some(TrimWhereField::Trailing) => "rtrim",
        };
        let mut args = vec![expr];
        if characters.is_some() {
            return self.refuse("this TRIM", "write TRIM(characters FROM text)");
        }
        args.extend(what);
        self.plain_call(name, &args)
    }

    pub(super) fn plain_call(&mut self, name: &str, args: &[&Expr]) -> Checked {
        self.call_start(name, 1)?;
        if let Some(Kind::Short(short)) = functions::kind(name) {
            for arg in short.iter().filter_map(|&index| args.get(index)) {
                self.short(name, arg)?;
            }
        }
        let Some(known) = cost::function(name) else {
            return self.refuse(shown(name), functions::instead(name));
        };
        let mark = self.cost.mark();
        self.list(args, |printer, arg| printer.expr(arg))?;
        self.put(")");
        self.cost.close(mark, known.class, known.name, Moment::Unknown);
        Ok(())
    }
}

/// An expression without the parentheses around it.
fn unwrapped(expr: &Expr) -> &Expr {
    match expr {
        Expr::Nested(inner) => unwrapped(inner),
        other => other,
    }
}

/// The number of a parameter.
fn number(name: &str) -> Option<usize> {
    name.strip_prefix('$').and_then(|digits| digits.parse().ok())
}

/// The parameters that an expression is, or that its ARRAY lists.
fn placeholders(expr: &Expr) -> Vec<usize> {
    match unwrapped(expr) {
        Expr::Value(value) => match &value.value {
            Value::Placeholder(name) => number(name).into_iter().collect(),
            _ => Vec::new(),
        },
        Expr::Array(array) => array.elem.iter().flat_map(placeholders).collect(),
        _ => Vec::new(),
    }
}

/// Whether a printed type is that of dates, times or intervals, or of arrays of them.
fn is_moment(name: &str) -> bool {
    ["date", "time", "interval"].iter().any(|kind| name.starts_with(kind))
}

/// How a conversion to a printed type behaves, and whether its result is a date or time.
fn conversion(name: &str) -> (Class, Moment) {
    if is_moment(name) {
        return (if name.ends_with("[]") { Class::ToArray } else { Class::ToFixed }, Moment::Certain);
    }
    let within = |name: &str| -> Vec<u64> {
        let list = name.split_once('(').map_or("", |(_, list)| list);
        list.trim_end_matches(')').split(',').filter_map(|number| number.trim().parse().ok()).collect()
    };
    let class = match name {
        array if array.ends_with("[]") => Class::ToArray,
        "json" | "jsonb" => Class::ToJson,
        // Four bytes are the longest character.
        text if text.starts_with("character") => {
            Class::ToText(within(text).first().map_or(u64::MAX, |length| length.saturating_mul(4)))
        }
        "text" | "bytea" => Class::ToText(u64::MAX),
        number if number.starts_with("numeric") => match within(number).as_slice() {
            [precision, ..] => Class::ToNumeric((precision / 4).saturating_add(2)),
            [] => Class::ToNumeric(u64::MAX),
        },
        _ => Class::ToFixed,
    };
    (class, Moment::Unknown)
}

/// The fields that EXTRACT can take from a date, time or interval.
const FIELDS: &[&str] = &[
    "century",
    "day",
    "decade",
    "dow",
    "doy",
    "epoch",
    "hour",
    "isodow",
    "isoyear",
    "julian",
    "microseconds",
    "millennium",
    "milliseconds",
    "minute",
    "month",
    "quarter",
    "second",
    "timezone",
    "timezone_hour",
    "timezone_minute",
    "week",
    "year",
];

/// The text of a string literal; `None` for other literals, such as bit strings.
pub(in crate::db) fn string(value: &Value) -> Option<&str> {
    match value {
        Value::SingleQuotedString(text)
        | Value::EscapedStringLiteral(text)
        | Value::UnicodeStringLiteral(text) => Some(text),
        Value::DollarQuotedString(text) => Some(&text.value),
        _ => None,
    }
}

/// Whether PostgreSQL 15 reads a whole text as one number of digits, a point and an exponent.
fn is_number(text: &str) -> bool {
    let (mantissa, exponent) = match text.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, Some(exponent)),
        None => (text, None),
    };
    let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let is_exponent = exponent.is_none_or(|exponent| {
        let exponent = exponent.strip_prefix(['+', '-']).unwrap_or(exponent);
        !exponent.is_empty() && digits(exponent)
    });
    text.len() <= limits::SQL_NUMBER_BYTES_MAX
        && digits(whole)
        && digits(fraction)
        && !(whole.is_empty() && fraction.is_empty())
        && is_exponent
}

#[cfg(test)]
mod tests {
    use super::is_number;
    use crate::limits::SQL_NUMBER_BYTES_MAX;

    #[test]
    fn number_of_digits_point_and_exponent_is_accepted_and_other_text_refused() {
        for number in
            ["0", "12", "1.5", ".5", "1.", "1e3", "1.5E+3", ".5e-10", &"1".repeat(SQL_NUMBER_BYTES_MAX)]
        {
            assert!(is_number(number), "{number}");
        }
        for other in [
            "",
            ".",
            "e3",
            ".e3",
            "1e",
            "1e+",
            "1e3.5",
            "1ex",
            "1.x",
            "x.1",
            "x",
            "1_000",
            "0x10",
            "-1",
            "1.5.2",
            &"1".repeat(SQL_NUMBER_BYTES_MAX + 1),
        ] {
            assert!(!is_number(other), "{other}");
        }
    }
}

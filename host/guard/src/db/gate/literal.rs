//! Literals, parameters and casts, and the calls of functions with their own syntax.

use super::functions::{self, Kind};
use super::printer::Printer;
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
            Value::Null => self.put("NULL"),
            Value::Boolean(true) => self.put("TRUE"),
            Value::Boolean(false) => self.put("FALSE"),
            Value::Number(digits, is_long) => {
                self.absent(*is_long || !is_number(digits), "this kind of number")?;
                self.put(digits);
            }
            Value::Placeholder(name) => return self.parameter(name),
            other => match string(other) {
                Some(text) => self.text_literal(text),
                None => return self.refuse("this kind of literal", "write '…', E'…' or $$…$$"),
            },
        }
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
        Ok(())
    }

    /// Prints a string. A string with a backslash is printed as `E'…'`, because only there the backslash has one
    /// meaning for every value of `standard_conforming_strings`.
    pub(in crate::db) fn text_literal(&mut self, text: &str) {
        let doubled = text.replace('\'', "''");
        if text.contains('\\') {
            self.put(&format!("E'{}'", doubled.replace('\\', "\\\\")));
        } else {
            self.put(&format!("'{doubled}'"));
        }
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
        self.text_literal(text);
        self.put(&format!(" AS {name})"));
        Ok(())
    }

    pub(super) fn cast(&mut self, expr: &Expr, data_type: &DataType) -> Checked {
        self.put("CAST(");
        self.expr(expr)?;
        let name = self.data_type(data_type)?;
        self.put(&format!(" AS {name})"));
        Ok(())
    }

    pub(super) fn extract(&mut self, field: &DateTimeField, expr: &Expr) -> Checked {
        let name = field.to_string().to_ascii_lowercase();
        if !FIELDS.contains(&name.as_str()) {
            return self.refuse(shown(&name), "not a field of a date or time");
        }
        self.put(&format!("EXTRACT({name} FROM "));
        self.expr(expr)?;
        self.put(")");
        Ok(())
    }

    /// Prints SUBSTRING as `substr`, because `substring` takes a regular expression if an argument is text.
    pub(super) fn substring(&mut self, expr: &Expr, from: Option<&Expr>, length: Option<&Expr>) -> Checked {
        self.call_start("substr", 1)?;
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
        self.list(args, |printer, arg| printer.expr(arg))?;
        self.put(")");
        Ok(())
    }
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

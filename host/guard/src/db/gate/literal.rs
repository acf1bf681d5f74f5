//! Literals, parameters, casts, and names that are values: the clock.

use super::lex::{Class as Lexed, Token};
use super::printer::{Around, Printer};
use super::scope::Names;
use super::tree::{Kind, Parts, Tree};
use super::zone;
use crate::db::cost::{Class, Each, Moment, Size};
use crate::db::gate::fault::Checked;
use crate::db::shown;
use crate::limits;

impl Printer<'_> {
    /// Prints a literal or a parameter. `target` is the type that it is converted to at once.
    pub(super) fn literal(&mut self, tree: &Tree, target: Option<&Tree>) -> Checked {
        let token = self.single(tree)?;
        let around = std::mem::take(&mut self.around);
        match (token.class, token.value.as_str()) {
            (Lexed::Word, "null") => self.word("NULL", Moment::Bare),
            (Lexed::Word, "true") => self.word("TRUE", Moment::Unknown),
            (Lexed::Word, "false") => self.word("FALSE", Moment::Unknown),
            (Lexed::Word, "default") => {
                return self.refuse("DEFAULT", "can stand only as a value that is written to a column");
            }
            (Lexed::Number, digits) => {
                self.put(digits);
                self.cost.known(Size::number(digits), Moment::Unknown);
            }
            (Lexed::Parameter, name) => return self.parameter(name),
            (Lexed::Text, text) => match target {
                Some(_) => return self.bare_string(text),
                None => return self.string_literal(text, around),
            },
            _ => return self.refuse("a string of bits", "write '…', a number, or a value with CAST"),
        }
        Ok(())
    }

    fn word(&mut self, word: &str, moment: Moment) {
        self.put(word);
        self.cost.known(Size::FIXED, moment);
    }

    /// Prints a string that stands alone. PostgreSQL gives it the type of what it is compared with or written to. If it
    /// names the clock, or a time zone that PostgreSQL would make up from it, and could become a date or time where it
    /// stands, it is printed as a text, which cannot; beside `@>` as JSON if it is JSON.
    fn string_literal(&mut self, text: &str, around: Around) -> Checked {
        let is_risky = !self.in_default && around != Around::NoDate && zone::is_risky(text);
        if !is_risky {
            self.text_literal(text)?;
            self.cost.known(Size::literal(text), Moment::Bare);
            return Ok(());
        }
        if uuid::Uuid::try_parse(text).is_ok() {
            let rule = "PostgreSQL can take this `uuid` for a date with a zone: pass it as a parameter";
            return self.refuse(shown(text), rule);
        }
        let json = serde_json::from_str::<serde_json::Value>(text);
        let target = match (around, json) {
            (Around::Contains, Ok(serde_json::Value::Object(_) | serde_json::Value::Array(_))) => "jsonb",
            // As a text it would be joined to a value of another type, as one element of an array.
            (Around::Joins, _) => {
                let rule = "PostgreSQL can take it for a date beside this: say which type it has, `'…'::text`, `'…'::text[]` or \
                            `'…'::jsonb`";
                return self.refuse(shown(text), rule);
            }
            _ => "text",
        };
        self.is_altered = true;
        self.made_text.get_or_insert((self.place(), text.to_owned()));
        self.put_call("CAST");
        self.put("(");
        self.text_literal(text)?;
        self.put("AS");
        self.put(target);
        self.put(")");
        self.cost.known(Size::literal(text), Moment::Unknown);
        Ok(())
    }

    pub(super) fn parameter(&mut self, name: &str) -> Checked {
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
            self.put_behind(&format!("E'{}'", doubled.replace('\\', "\\\\")))
        } else {
            self.put_behind(&format!("'{doubled}'"))
        }
    }

    /// Prints a string that is converted to a type at once. [`Printer::fixed`] checks it when the type is known.
    fn bare_string(&mut self, text: &str) -> Checked {
        self.text_literal(text)?;
        self.cost.known(Size::literal(text), Moment::Bare);
        Ok(())
    }

    /// Refuses a string that would be another date or time at another moment, if the type that it is converted to is one.
    pub(super) fn fixed(&self, text: &str, data_type: &str) -> Checked {
        let is_refused = if data_type.starts_with("interval") { zone::is_risky } else { zone::is_unfixed };
        if is_moment(data_type) && !self.in_default && is_refused(text) {
            return self.refuse(shown(text), zone::FIXED_RULE);
        }
        Ok(())
    }

    /// Prints `CAST(value AS type)`, or a type in front of a string: `date '2026-01-01'`, `interval '1' day`.
    pub(super) fn cast(&mut self, tree: &Tree) -> Checked {
        let mut parts = Parts::of(tree);
        let mark = self.cost.mark();
        if self.takes(&mut parts, Kind::CAST_KW) {
            self.must_take(&mut parts, Kind::L_PAREN)?;
            self.put_call("CAST");
            self.put("(");
            let value = self.must_any(&mut parts)?;
            let target = parts_type(&parts);
            match unwrapped(&value) {
                // A literal is printed as one that is converted, whatever it is.
                literal if literal.kind() == Kind::LITERAL && value.kind() == Kind::LITERAL => {
                    self.literal(&literal, target.as_ref())?;
                }
                _ => self.expr(&value)?,
            }
            self.keyword(&mut parts, Kind::AS_KW, "AS")?;
            let target = self.must_any(&mut parts)?;
            let name = self.data_type(&target)?;
            self.must_take(&mut parts, Kind::R_PAREN)?;
            self.put(")");
            self.done(parts)?;
            return self.converted(mark, Some(&value), &name);
        }
        let target = self.must_any(&mut parts)?;
        let name = self.data_type(&target)?;
        let literal = self.must_node(&mut parts, Kind::LITERAL)?;
        let token = self.single(&literal)?;
        if token.class != Lexed::Text {
            return self.refuse(shown(&token.value), "write a string behind a type, or CAST");
        }
        self.fixed(&token.value, &name)?;
        self.bare_string(&token.value)?;
        // `interval '1' day` has its fields behind the string.
        if let Some(fields) = parts.any_node() {
            self.interval_fields(&fields)?;
        }
        self.done(parts)?;
        let (class, moment) = conversion(&name);
        self.cost.close(mark, class, "CAST", moment);
        Ok(())
    }

    /// Ends a conversion of the values since a mark to a type. `value` is what is converted, if it is a single operand.
    pub(super) fn converted(&mut self, mark: usize, value: Option<&Tree>, name: &str) -> Checked {
        if let Some(text) = value.and_then(|value| self.string_of(&unwrapped(value))) {
            self.fixed(text, name)?;
        }
        if is_moment(name) && !name.starts_with("interval") && matches!(self.names(), Names::Granted(_)) {
            self.only_moments(value, name)?;
        }
        let (mut class, moment) = conversion(name);
        if name == "text" && value.is_some_and(|value| self.placeholder(&unwrapped(value)).is_some()) {
            class = Class::SentText;
        }
        self.cost.close(mark, class, "CAST", moment);
        Ok(())
    }

    /// Refuses to convert a text that is computed to a date or time: it could name the clock or make up a time zone.
    fn only_moments(&mut self, value: Option<&Tree>, name: &str) -> Checked {
        let moment = self.cost.last().map_or(Moment::Unknown, |node| self.cost.moment(node));
        let parameters = value.map(|value| self.placeholders(value)).unwrap_or_default();
        match moment {
            Moment::Certain | Moment::Difference | Moment::Time => Ok(()),
            Moment::Bare => {
                self.moments.extend(parameters);
                Ok(())
            }
            Moment::Unknown | Moment::Never | Moment::Range => {
                let mut texts = Vec::new();
                if value.is_some_and(|value| self.chosen(value, &mut texts)) {
                    for literal in texts {
                        if let Some(text) = self.string_of(&literal) {
                            self.fixed(text, name)?;
                        }
                        let number = self.placeholder(&literal);
                        self.moments.extend(number);
                    }
                    return Ok(());
                }
                let how = if name.starts_with("date") {
                    "write to_date(text, 'YYYY-MM-DD')"
                } else {
                    "write to_timestamp(text, 'YYYY-MM-DD\"T\"HH24:MI:SS') for a text in UTC, with TZH:TZM behind it for one with \
                     an offset such as +02:00"
                };
                let rule = format!(
                    "only a literal, a parameter such as `$1::{name}`, one of several by coalesce, nullif or CASE, or a date or \
                     time: {how}"
                );
                self.refuse(format!("a conversion of a text to {name}"), rule)
            }
        }
    }

    /// Whether an expression only chooses among literals and parameters, so that its text is that of one of them; collects
    /// them. What is not listed here may be a text that is computed.
    fn chosen(&self, tree: &Tree, texts: &mut Vec<Tree>) -> bool {
        let tree = unwrapped(tree);
        match tree.kind() {
            Kind::CALL_EXPR => {
                let head = tree.children().next().filter(|head| head.kind() == Kind::NAME_REF);
                let word = head.and_then(|head| self.token_at(head.text_range().start().into()));
                let name =
                    word.filter(|word| word.class == Lexed::Word).map_or("", |word| word.value.as_str());
                let list = tree.children().find(|child| child.kind() == Kind::ARG_LIST);
                let arguments = list.into_iter().flat_map(|list| list.children().collect::<Vec<_>>());
                let most = match name {
                    // The second argument decides only whether the result is null.
                    "nullif" => 1,
                    "coalesce" | "greatest" | "least" => usize::MAX,
                    _ => return false,
                };
                let mut values = arguments.take(most).map(|argument| argument.children().next());
                values.all(|value| value.is_some_and(|value| self.text_of(&value, texts)))
            }
            Kind::CASE_EXPR => {
                let clauses = tree.descendants().filter(|node| {
                    let is_branch = matches!(node.kind(), Kind::WHEN_CLAUSE | Kind::ELSE_CLAUSE);
                    is_branch
                        && node.ancestors().find(|above| above.kind() == Kind::CASE_EXPR).as_ref()
                            == Some(&tree)
                });
                let mut results = clauses.map(|clause| clause.children().last());
                results.all(|result| result.is_some_and(|result| self.text_of(&result, texts)))
            }
            _ => false,
        }
    }

    /// The same for an expression among those that it chooses from: a literal, a parameter, or another choice.
    fn text_of(&self, tree: &Tree, texts: &mut Vec<Tree>) -> bool {
        let tree = unwrapped(tree);
        match tree.kind() {
            Kind::LITERAL => {
                let token = self.literal_token(&tree);
                let is_text = token.is_some_and(|token| match token.class {
                    Lexed::Text | Lexed::Parameter => true,
                    Lexed::Word => token.value == "null",
                    _ => false,
                });
                texts.push(tree);
                is_text
            }
            Kind::CAST_EXPR => {
                let mut inner = tree.children();
                let value = inner.next();
                let is_text =
                    inner.last().is_some_and(|kind| kind.kind() == Kind::PATH_TYPE && kind.text() == "text");
                is_text
                    && value.is_some_and(|value| value.kind() == Kind::LITERAL && self.text_of(&value, texts))
            }
            _ => self.chosen(&tree, texts),
        }
    }

    /// The token that a literal consists of.
    fn literal_token(&self, tree: &Tree) -> Option<&Token> {
        let is_literal = tree.kind() == Kind::LITERAL;
        is_literal.then(|| self.token_at(tree.text_range().start().into())).flatten()
    }

    /// The parameters that an expression is, or that its ARRAY lists.
    fn placeholders(&self, tree: &Tree) -> Vec<usize> {
        let tree = unwrapped(tree);
        match tree.kind() {
            Kind::LITERAL => self.placeholder(&tree).into_iter().collect(),
            Kind::ARRAY_EXPR => tree.children().flat_map(|item| self.placeholders(&item)).collect(),
            _ => Vec::new(),
        }
    }

    /// The number of the parameter that an expression is.
    pub(super) fn placeholder(&self, tree: &Tree) -> Option<usize> {
        let token = self.literal_token(tree).filter(|token| token.class == Lexed::Parameter)?;
        token.value.strip_prefix('$')?.parse().ok()
    }

    /// The text of the string that an expression is.
    pub(super) fn string_of(&self, tree: &Tree) -> Option<&str> {
        let token = self.literal_token(tree).filter(|token| token.class == Lexed::Text)?;
        Some(&token.value)
    }

    /// Checks that an expression names a time zone: a literal, or a parameter whose value is checked when it is bound.
    /// PostgreSQL keeps each zone that it has ever seen, and takes nearly every text for one.
    pub(super) fn zone(&mut self, tree: &Tree) -> Checked {
        let tree = unwrapped(tree);
        if let Some(number) = self.placeholder(&tree) {
            self.zones.insert(number);
            return Ok(());
        }
        if let Some(text) = self.string_of(&tree) {
            return if zone::is_zone(text) { Ok(()) } else { self.no_zone() };
        }
        // A typed literal, or a cast of one: the type must not be one that becomes a text again.
        let types = tree.children().filter(|child| child.kind() == Kind::INTERVAL_TYPE).count();
        let values = tree.children().filter(|child| child.kind() == Kind::LITERAL).count();
        if tree.kind() == Kind::CAST_EXPR && types == 1 && values == 1 {
            return Ok(());
        }
        let is_text = |child: &Tree| child.kind() == Kind::PATH_TYPE && child.text() == "text";
        match tree
            .children()
            .next()
            .filter(|_| tree.kind() == Kind::CAST_EXPR && tree.children().any(|child| is_text(&child)))
        {
            Some(value) => self.zone(&value),
            None => self.no_zone(),
        }
    }

    pub(super) fn no_zone(&self) -> Checked {
        self.refuse("this time zone", zone::RULE)
    }

    /// Prints a column, or a word that is a value.
    pub(super) fn name_ref(&mut self, tree: &Tree) -> Checked {
        let word = self.token_at(tree.text_range().start().into());
        if let Some(word) = word.filter(|word| word.class == Lexed::Word).map(|word| word.value.clone()) {
            if super::functions::is_clock_word(&word) {
                self.single(tree)?;
                return self.clock(&word, None);
            }
            if super::functions::is_session_word(&word) {
                return self.refuse_at(tree, shown(&word), super::functions::instead(&word));
            }
        }
        self.column(tree)
    }

    /// Prints the invocation's instant in the form that a function or word of PostgreSQL's clock has.
    pub(super) fn clock(&mut self, name: &str, precision: Option<&Tree>) -> Checked {
        let digits = match precision {
            None => String::new(),
            Some(tree) => {
                let token = self.single(tree)?;
                match token.value.parse::<u8>() {
                    Ok(digits @ 0..=6) if token.class == Lexed::Number => format!("({digits})"),
                    _ => return self.refuse(shown(&token.value), "a precision is a number from 0 to 6"),
                }
            }
        };
        if self.in_default {
            if !digits.is_empty() {
                return self.refuse(shown(name), "write it without a precision");
            }
            let text = match name {
                "current_timestamp" => "CURRENT_TIMESTAMP".to_owned(),
                "current_date" => "CURRENT_DATE".to_owned(),
                "localtimestamp" => "LOCALTIMESTAMP".to_owned(),
                "localtime" => "LOCALTIME".to_owned(),
                other => format!("pg_catalog.{}()", crate::db::quoted(other)),
            };
            self.put(&text);
            self.cost.known(Size::FIXED, Moment::Certain);
            return Ok(());
        }
        let cast = match name {
            "current_date" => "::date".to_owned(),
            "localtimestamp" => format!("::timestamp{digits}"),
            "localtime" => format!("::time{digits}"),
            "current_time" => {
                return self
                    .refuse("current_time", "a plugin has no type `timetz`: write localtime or now()");
            }
            _ if digits.is_empty() => String::new(),
            _ => format!("::timestamp{digits} with time zone"),
        };
        self.take_instant(name)?;
        self.is_altered = true;
        self.put(&format!("({INSTANT}{cast})"));
        let (size, moment) = match (name, cast.is_empty()) {
            ("localtime", _) => (Size::FIXED, Moment::Time),
            (_, true) => (Size::INSTANT, Moment::Certain),
            (_, false) => (Size::INSTANT.converted(), Moment::Certain),
        };
        self.cost.known(size, moment);
        Ok(())
    }
}

/// Stands in the printed text for the invocation's instant until the number of its parameter is known. No token of a
/// statement contains NUL.
pub(super) const INSTANT: &str = "\0";

/// An expression without the parentheses around it.
pub(super) fn unwrapped(tree: &Tree) -> Tree {
    let inner = tree.children().next().filter(|_| tree.kind() == Kind::PAREN_EXPR);
    inner.map_or_else(|| tree.clone(), |inner| unwrapped(&inner))
}

/// The type in CAST, which comes after AS.
fn parts_type(parts: &Parts) -> Option<Tree> {
    parts.last_node()
}

/// Whether a printed type is that of dates, times or intervals, or of arrays of them.
pub(super) fn is_moment(name: &str) -> bool {
    ["date", "time", "interval"].iter().any(|kind| name.starts_with(kind))
}

/// How a conversion to a printed type behaves, and whether its result is a date or time.
fn conversion(name: &str) -> (Class, Moment) {
    if is_moment(name) {
        let is_time = name.starts_with("time") && !name.starts_with("timestamp");
        let moment = if is_time { Moment::Time } else { Moment::Certain };
        return (if name.ends_with(']') { Class::ToArray(Each::Plain) } else { Class::ToFixed }, moment);
    }
    let within = |name: &str| -> Vec<u64> {
        let list = name.split_once('(').map_or("", |(_, list)| list);
        list.trim_end_matches(')').split(',').filter_map(|number| number.trim().parse().ok()).collect()
    };
    let class = match name {
        array if array.ends_with(']') => Class::ToArray(match conversion(array.trim_end_matches("[]")).0 {
            // An element of `char(n)` is filled with spaces.
            Class::ToPadded(most) if array.starts_with("character(") => Each::Filled(most),
            Class::ToText(_) | Class::ToPadded(_) => Each::Text,
            Class::ToNumeric(_, places) => Each::Filled(places.saturating_mul(4)),
            Class::ToJson | Class::ToJsonb => Each::Json,
            Class::Terms => Each::Terms,
            Class::Document => Each::Document,
            _ => Each::Plain,
        }),
        "json" => Class::ToJson,
        "jsonb" => Class::ToJsonb,
        "tsvector" => Class::Document,
        "tsquery" => Class::Terms,
        vector if vector == "vector" || vector.starts_with("vector(") => Class::ToVector,
        "real" | "double precision" => Class::ToFloat,
        // Four bytes are the longest character.
        text if text.starts_with("character") => {
            let most = within(text).first().map_or(u64::MAX, |length| length.saturating_mul(4));
            if text.starts_with("character varying") { Class::ToText(most) } else { Class::ToPadded(most) }
        }
        "text" | "bytea" => Class::ToText(u64::MAX),
        number if number.starts_with("numeric") => match within(number).as_slice() {
            // PostgreSQL 15 allows more digits behind the point than there are in all.
            [precision, rest @ ..] => {
                let places = rest.first().copied().unwrap_or(0);
                Class::ToNumeric((places.max(*precision) / 4).saturating_add(2), places / 4)
            }
            [] => Class::ToNumeric(u64::MAX, 0),
        },
        _ => Class::ToFixed,
    };
    (class, Moment::Never)
}

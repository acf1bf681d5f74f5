//! The types that SQL text can cast to: those that a plugin's columns can have.
//!
//! A cast calls the type's input function. The list leaves out `regclass` and its kin, which look up names in the
//! system catalogs and reveal what exists, and `xml`, `xid` and other types that no column can have.

use super::lex::Class as Lexed;
use super::printer::{Printer, Role};
use super::scope::Names;
use super::tree::{Kind, Parts, Tree};
use crate::db::gate::fault::Checked;
use crate::db::{quoted, shown};
use crate::limits::{SQL_TYPE_LENGTH_MAX, STORED_BYTES_MAX};

impl Printer<'_> {
    /// Checks a type and prints it. Returns its canonical name: `character varying(10)`, `timestamp with time zone[]`.
    pub(in crate::db) fn data_type(&mut self, tree: &Tree) -> Checked<String> {
        self.see(tree);
        let mut parts = Parts::of(tree);
        match tree.kind() {
            Kind::ARRAY_TYPE => {
                let element = self.must_any(&mut parts)?;
                if element.kind() == Kind::ARRAY_TYPE {
                    return self.refuse("this array type", "write type[]");
                }
                let name = self.data_type(&element)?;
                if self.keyword_if(&mut parts, Kind::ARRAY_KW, "ARRAY") && parts.next_kind().is_none() {
                    return Ok(format!("{name}[]"));
                }
                while let Some(bound) = parts.node(Kind::ARRAY_BOUND) {
                    let mut inner = Parts::of(&bound);
                    self.must_take(&mut inner, Kind::L_BRACK)?;
                    self.put("[");
                    if let Some(size) = inner.node(Kind::LITERAL) {
                        let size = self.number(&size)?;
                        self.put(&size.to_string());
                    }
                    self.must_take(&mut inner, Kind::R_BRACK)?;
                    self.put("]");
                    self.done(inner)?;
                }
                self.done(parts)?;
                Ok(format!("{name}[]"))
            }
            Kind::PATH_TYPE => self.named_type(parts),
            Kind::CHARACTER_TYPE | Kind::VARCHAR_TYPE => {
                let is_varying = tree.kind() == Kind::VARCHAR_TYPE;
                let mut words = Vec::new();
                while parts.next_kind().is_some_and(|kind| kind != Kind::ARG_LIST) {
                    words.push(self.sign(&mut parts)?.value);
                }
                let name = match words.join(" ").as_str() {
                    "varchar" | "character varying" | "char varying" if is_varying => "character varying",
                    "char" | "character" if !is_varying => "character",
                    other => {
                        return self.refuse(shown(other), "not in the list of types: write varchar or char");
                    }
                };
                self.put_type(name);
                self.has_padded |= !is_varying;
                let length = self.modifiers(&mut parts, 1)?;
                self.length(name, length.first().copied())?;
                self.done(parts)?;
                Ok(length.first().map_or_else(|| name.to_owned(), |length| format!("{name}({length})")))
            }
            Kind::DOUBLE_TYPE => {
                let words = self.words(tree)?;
                self.put_type(&words);
                Ok("double precision".to_owned())
            }
            Kind::TIMESTAMP_TYPE | Kind::TIME_TYPE => {
                let word = self.sign(&mut parts)?.value;
                self.put_type(&word.to_ascii_uppercase());
                let precision = self.precision(&mut parts)?;
                let zone = match parts.any_node() {
                    Some(zone) => {
                        let words = self.words(&zone)?;
                        self.put(&words);
                        words == "WITH TIME ZONE"
                    }
                    None => false,
                };
                self.done(parts)?;
                if zone && word == "time" {
                    return self.refuse("time with time zone", "not in the list of types: write timestamptz");
                }
                Ok(format!("{word}{precision}{}", if zone { " with time zone" } else { "" }))
            }
            Kind::INTERVAL_TYPE => {
                self.must_take(&mut parts, Kind::INTERVAL_KW)?;
                self.put_type("INTERVAL");
                let precision = self.precision(&mut parts)?;
                if let Some(fields) = parts.any_node() {
                    self.interval_fields(&fields)?;
                }
                self.done(parts)?;
                Ok(format!("interval{precision}"))
            }
            _ => self.refuse(shown(&tree.to_string()), "not in the list of types"),
        }
    }

    /// Checks the length of a type. `char(n)` pads a value to its length, so a large length takes much memory.
    fn length(&self, name: &str, length: Option<u64>) -> Checked {
        let max = if name == "character" { SQL_TYPE_LENGTH_MAX } else { STORED_BYTES_MAX };
        match length {
            Some(length) if length > max && name.starts_with("character") => {
                self.refuse("this length", format!("at most {max}"))
            }
            _ => Ok(()),
        }
    }

    /// Prints a precision in parentheses, if there is one.
    fn precision(&mut self, parts: &mut Parts) -> Checked<String> {
        if !self.takes(parts, Kind::L_PAREN) {
            return Ok(String::new());
        }
        let literal = self.must_node(parts, Kind::LITERAL)?;
        let digits = self.number(&literal)?;
        self.must_take(parts, Kind::R_PAREN)?;
        self.put("(");
        self.put(&digits.to_string());
        self.put(")");
        Ok(format!("({digits})"))
    }

    /// Prints the fields of an interval: `YEAR TO MONTH`, `SECOND(3)`.
    pub(super) fn interval_fields(&mut self, tree: &Tree) -> Checked {
        let mut parts = Parts::of(tree);
        while let Some(kind) = parts.next_kind() {
            match kind {
                Kind::YEAR_KW
                | Kind::MONTH_KW
                | Kind::DAY_KW
                | Kind::HOUR_KW
                | Kind::MINUTE_KW
                | Kind::SECOND_KW
                | Kind::TO_KW => {
                    let word = self.sign(&mut parts)?.value;
                    self.put(&word.to_ascii_uppercase());
                }
                _ => {
                    let precision = self.precision(&mut parts)?;
                    if precision.is_empty() {
                        return self.unexpected(&mut parts);
                    }
                }
            }
        }
        Ok(())
    }

    /// Takes a literal that is a whole number.
    pub(in crate::db) fn number(&mut self, tree: &Tree) -> Checked<u64> {
        let token = self.single(tree)?;
        match token.value.parse() {
            Ok(number) if token.class == Lexed::Number => Ok(number),
            _ => self.refuse(shown(&token.value), "write a whole number"),
        }
    }

    /// Prints the numbers in parentheses behind a type, if there are any.
    fn modifiers(&mut self, parts: &mut Parts, max: usize) -> Checked<Vec<u64>> {
        let mut numbers = Vec::new();
        let Some(list) = parts.node(Kind::ARG_LIST) else { return Ok(numbers) };
        self.listed(&list, Kind::ARG, |printer, arg| {
            let mut parts = Parts::of(arg);
            let literal = printer.must_node(&mut parts, Kind::LITERAL)?;
            let number = printer.number(&literal)?;
            printer.put(&number.to_string());
            numbers.push(number);
            printer.done(parts)
        })?;
        if numbers.len() > max {
            return self.refuse("a modifier of this type", "not part of the SQL that plugins can use");
        }
        Ok(numbers)
    }

    /// Prints a type by its name: one of PostgreSQL's, or an enum of the plugin's schema.
    fn named_type(&mut self, mut parts: Parts) -> Checked<String> {
        let path = match parts.next_kind() {
            Some(Kind::PATH_REF) => self.must_any(&mut parts)?,
            _ => return self.refuse("this type", "not in the list of types"),
        };
        let is_quoted =
            self.token_at(path.text_range().start().into()).is_some_and(|token| token.class == Lexed::Name);
        let (schema, name) = self.dotted(&path)?;
        // In quotes, or with a schema, the words of the grammar are not what they are alone: "char" is a type of its own.
        let is_plain = schema.is_none() && !is_quoted;
        let is_known = matches!(schema.as_deref(), None | Some("pg_catalog"));
        let built_in = built_in(&name)
            .filter(|(canonical, _)| is_plain || is_known && catalogue_name(canonical, &name) == name);
        if let Some((canonical, max)) = built_in {
            self.has_padded |= canonical == "character";
            if is_plain {
                self.put_type(&name);
            } else {
                self.put("pg_catalog");
                self.put(".");
                self.put_as(Role::Type, catalogue_name(canonical, &name));
            }
            // Only the word of the grammar has a precision, in bits.
            let is_float = is_plain && name == "float";
            let numbers = self.modifiers(&mut parts, if is_float { 1 } else { max })?;
            self.done(parts)?;
            if is_float {
                let is_real = numbers.first().is_some_and(|bits| *bits <= REAL_BITS_MAX);
                return Ok(if is_real { "real" } else { canonical }.to_owned());
            }
            let list: Vec<String> = numbers.iter().map(u64::to_string).collect();
            self.length(canonical, numbers.first().copied())?;
            return Ok(if list.is_empty() {
                canonical.to_owned()
            } else {
                format!("{canonical}({})", list.join(", "))
            });
        }
        let found = self.names().extensions().find(|list| list.data_type(&name));
        if let (true, Some((schema, &(name, max)))) = (schema.is_none(), found) {
            self.put_as(Role::Qualifier, schema);
            self.put_behind(".")?;
            self.put_as(Role::Type, name);
            let numbers = self.modifiers(&mut parts, max)?;
            self.done(parts)?;
            return Ok(numbers.first().map_or_else(|| name.to_owned(), |number| format!("{name}({number})")));
        }
        let ungranted = self.names().extensions().ungranted(|list| list.data_type(&name).is_some());
        let own = self.names().schema();
        let is_own = match self.names() {
            Names::Granted(catalogue) => catalogue.has_enum(&name),
            // A migration may use any type of its own schema. PostgreSQL's own types are all handled before.
            Names::Own(..) => schema.is_some() || !is_of_postgresql(&name) && ungranted.is_none(),
        };
        if schema.is_none_or(|schema| schema == own) && is_own {
            self.put_as(Role::Qualifier, own);
            self.put_behind(".")?;
            self.put_as(Role::Type, &name);
            self.done(parts)?;
            return Ok(format!("{}.{}", quoted(own), quoted(&name)));
        }
        let rule = match name.as_str() {
            "money" => {
                "not in the list of types: write numeric(12, 2), and to_char(value, 'FM999990.00') for a text"
            }
            "regclass" | "regproc" | "regtype" | "oid" | "name" => "it names what is in the server's catalog",
            "serial" | "bigserial" | "smallserial" => "a column is made by a migration: write bigint here",
            "jsonpath" => "write the path as a string alone",
            _ => "not in the list of types",
        };
        self.refuse(shown(&name), ungranted.unwrap_or_else(|| rule.to_owned()))
    }

    /// Prints a collation: one of those that every server has.
    pub(in crate::db) fn collation(&mut self, tree: &Tree) -> Checked {
        let (schema, name) = self.dotted(tree)?;
        let is_known = matches!(schema.as_deref(), None | Some("pg_catalog"));
        if !is_known || !COLLATIONS.contains(&name.as_str()) {
            return self.refuse(shown(&name), format!("the collations are {}", COLLATIONS.join(", ")));
        }
        self.put("pg_catalog");
        self.put(".");
        self.put_as(Role::Column, &name);
        Ok(())
    }
}

// tidy: numbers are bits of a floating-point number
/// The most bits with which `float(n)` is a `real`.
pub(super) const REAL_BITS_MAX: u64 = 24;

/// The collations that every server has.
pub(in crate::db) const COLLATIONS: &[&str] = &["C", "POSIX", "default", "ucs_basic", "und-x-icu", "unicode"];

/// Whether a name is one of PostgreSQL's own types. Refusing it gives a better error than looking it up in the plugin's
/// schema.
fn is_of_postgresql(name: &str) -> bool {
    name.starts_with("reg")
        || name.starts_with("pg_")
        || name.ends_with("range")
        || matches!(
            name,
            "name"
                | "oid"
                | "xml"
                | "money"
                | "hstore"
                | "point"
                | "line"
                | "lseg"
                | "box"
                | "path"
                | "polygon"
                | "circle"
                | "bit"
                | "varbit"
                | "timetz"
                | "macaddr"
                | "macaddr8"
                | "xid"
                | "xid8"
                | "cid"
                | "tid"
                | "char"
                | "jsonpath"
                | "refcursor"
                | "aclitem"
                | "int2vector"
                | "oidvector"
                | "record"
                | "void"
                | "unknown"
                | "cstring"
        )
}

/// The types of PostgreSQL that a statement can name by one word: the words, the canonical name, and how many numbers can
/// stand in parentheses behind it.
pub(in crate::db) const TYPES: &[(&[&str], &str, usize)] = &[
    (&["boolean", "bool"], "boolean", 0),
    (&["smallint", "int2"], "smallint", 0),
    (&["integer", "int", "int4"], "integer", 0),
    (&["bigint", "int8"], "bigint", 0),
    (&["real", "float4"], "real", 0),
    (&["float", "float8"], "double precision", 0),
    (&["numeric", "decimal", "dec"], "numeric", 2),
    (&["text"], "text", 0),
    (&["varchar"], "character varying", 1),
    (&["bpchar"], "character", 1),
    (&["bytea"], "bytea", 0),
    (&["uuid"], "uuid", 0),
    (&["date"], "date", 0),
    (&["time"], "time", 1),
    (&["timestamp"], "timestamp", 1),
    (&["timestamptz"], "timestamp with time zone", 1),
    (&["interval"], "interval", 1),
    (&["json"], "json", 0),
    (&["jsonb"], "jsonb", 0),
    (&["inet"], "inet", 0),
    (&["cidr"], "cidr", 0),
    (&["tsvector"], "tsvector", 0),
    (&["tsquery"], "tsquery", 0),
];

/// The canonical name of a type of PostgreSQL, and how many numbers can stand in parentheses behind it.
fn built_in(name: &str) -> Option<(&'static str, usize)> {
    let row = TYPES.iter().find(|(words, ..)| words.contains(&name));
    row.map(|&(_, canonical, numbers)| (canonical, numbers))
}

/// The name of a type in the system catalog.
fn catalogue_name<'a>(canonical: &'a str, name: &'a str) -> &'a str {
    match canonical {
        "boolean" => "bool",
        "smallint" => "int2",
        "integer" => "int4",
        "bigint" => "int8",
        "real" => "float4",
        "double precision" => "float8",
        "character varying" => "varchar",
        "character" => "bpchar",
        "timestamp with time zone" => "timestamptz",
        _ => name,
    }
}

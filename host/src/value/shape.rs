//! The component model's types that have a JSON form, and their text in WIT.

use palisade_guard::limits::TYPE_TEXT_BYTES_MAX;
use std::fmt::{self, Write};

/// A type that has a JSON form. It is at most [`JSON_DEPTH_MAX`](palisade_guard::limits::JSON_DEPTH_MAX) levels deep, so
/// recursion over it is bounded.
#[derive(Clone, Debug, PartialEq)]
pub enum Shape {
    /// `bool`.
    Bool,
    /// An integer.
    Int(Int),
    /// `f32`.
    F32,
    /// `f64`.
    F64,
    /// `char`.
    Char,
    /// `string`.
    String,
    /// `list<u8>`.
    Bytes,
    /// Any other list.
    List(Box<Shape>),
    /// `tuple`.
    Tuple(Box<[Shape]>),
    /// `record`.
    Record(Box<[Field]>),
    /// `flags`.
    Flags(Box<[Flag]>),
    /// `enum`: its names.
    Enum(Box<[Box<str>]>),
    /// `variant`.
    Variant(Box<[Case]>),
    /// `option`.
    Option(Box<Shape>),
    /// `result`; a side without a type has no payload.
    Result {
        /// Payload of `ok`.
        ok: Option<Box<Shape>>,
        /// Payload of `err`.
        err: Option<Box<Shape>>,
    },
}

/// The integer types.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Int {
    S8,
    U8,
    S16,
    U16,
    S32,
    U32,
    S64,
    U64,
}

/// A field of a record or a parameter of a function.
#[derive(Clone, Debug, PartialEq)]
pub struct Field {
    /// The name in WIT.
    pub name: Box<str>,
    /// The name in JSON, in lowerCamelCase.
    pub key: Box<str>,
    /// Its type.
    pub shape: Shape,
}

/// One of a set of flags.
#[derive(Clone, Debug, PartialEq)]
pub struct Flag {
    /// The name in WIT.
    pub name: Box<str>,
    /// The name in JSON, in lowerCamelCase.
    pub key: Box<str>,
}

/// A case of a variant.
#[derive(Clone, Debug, PartialEq)]
pub struct Case {
    /// The name, the same in WIT and JSON.
    pub name: Box<str>,
    /// The payload's type, if the case has one.
    pub shape: Option<Shape>,
}

impl Shape {
    /// Whether the type is or contains a float.
    pub fn has_floats(&self) -> bool {
        self.any(&|shape| matches!(shape, Self::F32 | Self::F64))
    }

    /// Whether this holds for the type or for one in it.
    pub(super) fn any(&self, is: &dyn Fn(&Self) -> bool) -> bool {
        is(self)
            || match self {
                Self::Bool
                | Self::Int(_)
                | Self::F32
                | Self::F64
                | Self::Char
                | Self::String
                | Self::Bytes
                | Self::Flags(_)
                | Self::Enum(_) => false,
                Self::List(inner) | Self::Option(inner) => inner.any(is),
                Self::Tuple(parts) => parts.iter().any(|part| part.any(is)),
                Self::Record(fields) => fields.iter().any(|field| field.shape.any(is)),
                Self::Variant(cases) => {
                    cases.iter().filter_map(|case| case.shape.as_ref()).any(|shape| shape.any(is))
                }
                Self::Result { ok, err } => [ok, err].into_iter().flatten().any(|side| side.any(is)),
            }
    }

    /// The type's text in WIT, cut after [`TYPE_TEXT_BYTES_MAX`] bytes. Records, variants, enums and flags are spelled out,
    /// because a component does not keep their names. `Display` writes the whole text.
    pub fn wit(&self) -> String {
        short(self)
    }
}

/// The text of a type, cut after [`TYPE_TEXT_BYTES_MAX`] bytes.
pub(super) fn short(ty: &dyn fmt::Display) -> String {
    let mut text = Capped(String::new());
    // Over the limit the writer returns an error, which ends the recursion over the type.
    if write!(text, "{ty}").is_err() {
        text.0.push('…');
    }
    text.0
}

struct Capped(String);

impl Write for Capped {
    fn write_str(&mut self, s: &str) -> fmt::Result {
        if self.0.len().saturating_add(s.len()) > TYPE_TEXT_BYTES_MAX {
            return Err(fmt::Error);
        }
        self.0.push_str(s);
        Ok(())
    }
}

impl fmt::Display for Shape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Shape::Bool => f.write_str("bool"),
            Shape::Int(int) => f.write_str(int.name()),
            Shape::F32 => f.write_str("f32"),
            Shape::F64 => f.write_str("f64"),
            Shape::Char => f.write_str("char"),
            Shape::String => f.write_str("string"),
            Shape::Bytes => f.write_str("list<u8>"),
            Shape::List(element) => write!(f, "list<{element}>"),
            Shape::Tuple(shapes) => {
                f.write_str("tuple<")?;
                separated(f, shapes, |f, shape| write!(f, "{shape}"))?;
                f.write_str(">")
            }
            Shape::Record(fields) => record(f, fields),
            Shape::Flags(flags) => braced(f, "flags", flags, |f, flag| f.write_str(&flag.name)),
            Shape::Enum(names) => braced(f, "enum", names, |f, name| f.write_str(name)),
            Shape::Variant(cases) => braced(f, "variant", cases, |f, case| match &case.shape {
                Some(shape) => write!(f, "{}({shape})", case.name),
                None => f.write_str(&case.name),
            }),
            Shape::Option(some) => write!(f, "option<{some}>"),
            Shape::Result { ok, err } => match (ok, err) {
                (None, None) => f.write_str("result"),
                (Some(ok), None) => write!(f, "result<{ok}>"),
                (None, Some(err)) => write!(f, "result<_, {err}>"),
                (Some(ok), Some(err)) => write!(f, "result<{ok}, {err}>"),
            },
        }
    }
}

/// The text of a record. A function's parameters are shown as a record, too.
pub(super) fn record(f: &mut fmt::Formatter<'_>, fields: &[Field]) -> fmt::Result {
    braced(f, "record", fields, |f, field| write!(f, "{}: {}", field.name, field.shape))
}

fn braced<T>(
    f: &mut fmt::Formatter<'_>,
    keyword: &str,
    members: &[T],
    member: impl Fn(&mut fmt::Formatter<'_>, &T) -> fmt::Result,
) -> fmt::Result {
    write!(f, "{keyword} {{ ")?;
    separated(f, members, member)?;
    f.write_str(" }")
}

fn separated<T>(
    f: &mut fmt::Formatter<'_>,
    members: &[T],
    member: impl Fn(&mut fmt::Formatter<'_>, &T) -> fmt::Result,
) -> fmt::Result {
    for (i, each) in members.iter().enumerate() {
        if i > 0 {
            f.write_str(", ")?;
        }
        member(f, each)?;
    }
    Ok(())
}

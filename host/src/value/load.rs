//! Reads a function's types from its component, and refuses by name a function whose types JSON cannot carry.

use super::name::camel;
use super::{Case, Field, Flag, Int, Shape};
use palisade_guard::limits::{
    COMPONENT_NAME_BYTES_MAX, JSON_DEPTH_MAX, SIGNATURE_BYTES_MAX, SIGNATURE_TYPE_BYTES, SIGNATURE_TYPES_MAX,
};
use wasmtime::component::types::{self, Type};

/// A function that cannot be called with JSON; the sentence says what to do about it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("function `{function}` of `{interface}` {problem}")]
pub struct Unmappable {
    /// The exported interface.
    pub interface: String,
    /// The function's name.
    pub function: String,
    problem: String,
}

/// The parameters, the result, and the bytes that they take in a description.
type Read = (Box<[Field]>, Option<Shape>, usize);

pub(super) fn read(interface: &str, function: &str, ty: &types::ComponentFunc) -> Result<Read, Unmappable> {
    signature(ty).map_err(|problem| Unmappable {
        interface: interface.to_owned(),
        function: function.to_owned(),
        problem,
    })
}

fn signature(ty: &types::ComponentFunc) -> Result<Read, String> {
    if ty.async_() {
        return Err("is async, which this host does not call; declare it as a plain `func`".into());
    }
    let mut reader = Reader { types_left: SIGNATURE_TYPES_MAX, bytes_left: SIGNATURE_BYTES_MAX };
    let mut parameters = Vec::with_capacity(ty.params().len());
    for (name, ty) in ty.params() {
        let shape = reader.name(name).and_then(|()| reader.shape(&ty, 1));
        let shape = shape.map_err(|why| why.sentence(&format!("parameter `{}`", cut(name)), "takes"))?;
        parameters.push(Field { name: name.into(), key: camel(name), shape });
    }
    distinct(parameters.iter().map(|field| (&*field.name, &*field.key)))
        .map_err(|why| why.sentence("parameters", "has"))?;
    // The binary format still allows a list of results; WIT and the validator allow one at most.
    let result = match ty.results().next() {
        Some(ty) => Some(reader.shape(&ty, 1).map_err(|why| why.sentence("result", "returns"))?),
        None => None,
    };
    let bytes = SIGNATURE_BYTES_MAX.saturating_sub(reader.bytes_left);
    Ok((parameters.into(), result, bytes))
}

/// A name for an error. A longer one is refused.
fn cut(name: &str) -> &str {
    name.get(..name.floor_char_boundary(COMPONENT_NAME_BYTES_MAX)).unwrap_or_default()
}

/// Why a type has no shape.
enum Why {
    /// It is or contains a type of this kind; the second text says what to use instead.
    Kind(&'static str, &'static str),
    /// Two of its names have the same key in JSON.
    Clash(String, String, String),
    Deep,
    /// It has more types and names than a signature may have.
    Many,
    /// Its types and names are longer than a signature may be.
    Large,
    /// One of its names is too long.
    Long(usize),
}

impl Why {
    fn sentence(self, place: &str, verb: &str) -> String {
        match self {
            Why::Kind(kind, fix) => {
                format!(
                    "{verb} {kind} in its {place}, which JSON cannot carry; {fix}, or keep the function out of the exported interface"
                )
            }
            Why::Clash(a, b, key) => {
                format!(
                    "names `{a}` and `{b}` in its {place}, and both are `{key}` in JSON; rename one of them"
                )
            }
            Why::Deep => {
                format!("{verb} types nested over {JSON_DEPTH_MAX} deep in its {place}; flatten them")
            }
            Why::Many => {
                format!(
                    "{verb} over {SIGNATURE_TYPES_MAX} types, counted up to its {place}; split the function"
                )
            }
            Why::Large => {
                format!(
                    "{verb} types that take over {SIGNATURE_BYTES_MAX} bytes to describe, counted up to its {place}; split the \
                     function, or shorten the names"
                )
            }
            Why::Long(bytes) => {
                format!(
                    "{verb} a type with a name of {bytes} bytes in its {place}: at most {COMPONENT_NAME_BYTES_MAX} are allowed; \
                     shorten it"
                )
            }
        }
    }
}

const RESOURCE: Why = Why::Kind("a resource", "pass an id, or the data itself");
const STREAM: Why = Why::Kind("a stream or future", "pass a list or the value itself");
const ERROR_CONTEXT: Why = Why::Kind("an error-context", "pass a string or a variant");
const UNSETTLED: Why = Why::Kind("a map or fixed-length list", "pass a list");

/// What the signature may still have. Both are counted as the types are spelled out: a type that is used twice counts twice.
struct Reader {
    types_left: usize,
    bytes_left: usize,
}

impl Reader {
    fn shape(&mut self, ty: &Type, depth: usize) -> Result<Shape, Why> {
        if depth > JSON_DEPTH_MAX {
            return Err(Why::Deep);
        }
        self.spend(1)?;
        let deeper = depth.saturating_add(1);
        Ok(match ty {
            Type::Bool => Shape::Bool,
            Type::S8 => Shape::Int(Int::S8),
            Type::U8 => Shape::Int(Int::U8),
            Type::S16 => Shape::Int(Int::S16),
            Type::U16 => Shape::Int(Int::U16),
            Type::S32 => Shape::Int(Int::S32),
            Type::U32 => Shape::Int(Int::U32),
            Type::S64 => Shape::Int(Int::S64),
            Type::U64 => Shape::Int(Int::U64),
            Type::Float32 => Shape::F32,
            Type::Float64 => Shape::F64,
            Type::Char => Shape::Char,
            Type::String => Shape::String,
            Type::List(list) => match self.shape(&list.ty(), deeper)? {
                Shape::Int(Int::U8) => Shape::Bytes,
                element => Shape::List(element.into()),
            },
            Type::Tuple(tuple) => {
                Shape::Tuple(tuple.types().map(|ty| self.shape(&ty, deeper)).collect::<Result<_, _>>()?)
            }
            Type::Record(record) => self.record(record, deeper)?,
            Type::Flags(flags) => self.flags(flags)?,
            Type::Enum(names) => {
                self.spend(names.names().len())?;
                names.names().try_for_each(|name| self.name(name))?;
                Shape::Enum(names.names().map(Into::into).collect())
            }
            Type::Variant(variant) => self.variant(variant, deeper)?,
            Type::Option(option) => Shape::Option(self.shape(&option.ty(), deeper)?.into()),
            Type::Result(result) => {
                let mut side = |ty: Option<Type>| match ty {
                    Some(ty) => self.shape(&ty, deeper).map(|shape| Some(shape.into())),
                    None => Ok(None),
                };
                Shape::Result { ok: side(result.ok())?, err: side(result.err())? }
            }
            Type::Own(_) | Type::Borrow(_) => return Err(RESOURCE),
            Type::Future(_) | Type::Stream(_) => return Err(STREAM),
            Type::ErrorContext => return Err(ERROR_CONTEXT),
            Type::Map(_) | Type::FixedLengthList(_) => return Err(UNSETTLED),
        })
    }

    /// Names cost as much as types: an enum may have thousands.
    fn spend(&mut self, types: usize) -> Result<(), Why> {
        self.types_left = self.types_left.checked_sub(types).ok_or(Why::Many)?;
        self.describe(types.saturating_mul(SIGNATURE_TYPE_BYTES))
    }

    /// A name is written up to three times: in the schema's properties, in its required ones, and in the text of the type.
    fn name(&mut self, name: &str) -> Result<(), Why> {
        if name.len() > COMPONENT_NAME_BYTES_MAX {
            return Err(Why::Long(name.len()));
        }
        self.describe(name.len().saturating_mul(3))
    }

    fn describe(&mut self, bytes: usize) -> Result<(), Why> {
        self.bytes_left = self.bytes_left.checked_sub(bytes).ok_or(Why::Large)?;
        Ok(())
    }

    fn record(&mut self, record: &types::Record, deeper: usize) -> Result<Shape, Why> {
        let mut fields = Vec::new();
        for field in record.fields() {
            self.name(field.name)?;
            let shape = self.shape(&field.ty, deeper)?;
            fields.push(Field { name: field.name.into(), key: camel(field.name), shape });
        }
        distinct(fields.iter().map(|field| (&*field.name, &*field.key)))?;
        Ok(Shape::Record(fields.into()))
    }

    fn flags(&mut self, flags: &types::Flags) -> Result<Shape, Why> {
        self.spend(flags.names().len())?;
        flags.names().try_for_each(|name| self.name(name))?;
        let flags: Box<[Flag]> =
            flags.names().map(|name| Flag { name: name.into(), key: camel(name) }).collect();
        distinct(flags.iter().map(|flag| (&*flag.name, &*flag.key)))?;
        Ok(Shape::Flags(flags))
    }

    fn variant(&mut self, variant: &types::Variant, deeper: usize) -> Result<Shape, Why> {
        self.spend(variant.cases().len())?;
        let mut cases = Vec::new();
        for case in variant.cases() {
            self.name(case.name)?;
            let shape = case.ty.map(|ty| self.shape(&ty, deeper)).transpose()?;
            cases.push(Case { name: case.name.into(), shape });
        }
        Ok(Shape::Variant(cases.into()))
    }
}

/// Refuses names that differ in WIT and have the same key in JSON, such as `a-1` and `a1`.
fn distinct<'a>(names: impl Iterator<Item = (&'a str, &'a str)>) -> Result<(), Why> {
    let mut by_key = std::collections::HashMap::new();
    for (name, key) in names {
        if let Some(other) = by_key.insert(key, name) {
            return Err(Why::Clash(other.into(), name.into(), key.into()));
        }
    }
    Ok(())
}

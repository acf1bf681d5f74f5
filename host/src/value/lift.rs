//! Lifting: component values to JSON. The type of a plugin's result is known, its size is not.

use super::{Field, Flag, Integers, Shape, number};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use palisade_guard::limits::{JSON_BYTES_MAX, JSON_OBJECT_HELD_BYTES, JSON_VALUE_HELD_BYTES};
use palisade_guard::memory::{OutOfMemory, Reservation};
use serde_json::{Map, Value};
use wasmtime::component::Val;

/// What a function returned.
#[derive(Clone, Debug, PartialEq)]
pub enum Returned {
    /// The result, or the `ok` side of a `result`. `null` if there is no value.
    Ok(Value),
    /// The `err` side of a `result`.
    Err(Value),
}

/// A result that cannot be returned to the caller. The plugin is to blame for the first case, the host for the second.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadResult {
    /// The result is too large.
    #[error(
        "the result is over {JSON_BYTES_MAX} bytes of JSON, the most that one call may return; return it in pages"
    )]
    TooLarge,
    /// The host, or the plugin's or caller's share of it, has no memory for the result.
    #[error(transparent)]
    OutOfMemory(#[from] OutOfMemory),
    /// The result is not of the type that the component declares.
    #[error("the result is not of its declared type, `{expected}`")]
    Mismatch {
        /// The WIT type, cut if it is long.
        expected: String,
    },
}

/// Converts the values that a call returned.
pub(super) fn results(
    shape: Option<&Shape>,
    results: Vec<Val>,
    integers: Integers,
    memory: &mut Reservation,
) -> Result<Returned, BadResult> {
    let mut lifting = Lifting { bytes_left: JSON_BYTES_MAX, integers, memory };
    match (shape, results.into_iter().next()) {
        (None, None) => Ok(Returned::Ok(Value::Null)),
        (Some(Shape::Result { ok, .. }), Some(Val::Result(Ok(val)))) => {
            lifting.payload(ok.as_deref(), val).map(|json| Returned::Ok(json.unwrap_or_default()))
        }
        (Some(Shape::Result { err, .. }), Some(Val::Result(Err(val)))) => {
            lifting.payload(err.as_deref(), val).map(|json| Returned::Err(json.unwrap_or_default()))
        }
        (Some(shape), Some(val)) => lifting.value(shape, val).map(Returned::Ok),
        (Some(shape), None) => Err(mismatch(shape)),
        (None, Some(_)) => Err(BadResult::Mismatch { expected: "nothing".into() }),
    }
}

/// The longest text of a float, in bytes.
const FLOAT_BYTES: usize = "-2.2250738585072014e-308".len();

struct Lifting<'a> {
    bytes_left: usize,
    integers: Integers,
    /// What the result holds as JSON values, and once more as text.
    memory: &'a mut Reservation,
}

impl Lifting<'_> {
    /// Counts the bytes of JSON text before it is made: exactly, except that each float counts as the longest one.
    fn spend(&mut self, bytes: usize) -> Result<(), BadResult> {
        self.bytes_left = self.bytes_left.checked_sub(bytes).ok_or(BadResult::TooLarge)?;
        let held = (bytes as u64).saturating_mul(2).saturating_add(JSON_VALUE_HELD_BYTES);
        Ok(self.memory.grow(held)?)
    }

    fn object(&mut self) -> Result<(), BadResult> {
        self.spend("{}".len())?;
        Ok(self.memory.grow(JSON_OBJECT_HELD_BYTES)?)
    }

    fn string(&mut self, text: String) -> Result<Value, BadResult> {
        self.spend(text_len(&text))?;
        Ok(Value::String(text))
    }

    fn value(&mut self, shape: &Shape, val: Val) -> Result<Value, BadResult> {
        match (shape, val) {
            (Shape::Bool, Val::Bool(b)) => {
                self.spend("false".len())?;
                Ok(Value::Bool(b))
            }
            (Shape::Int(int), val) => {
                let n = int.of(&val).ok_or_else(|| mismatch(shape))?;
                let is_string = int.is_wide() && self.integers == Integers::Strings;
                self.spend(number::integer_len(n, is_string))?;
                Ok(number::integer_json(n, is_string))
            }
            (Shape::F32, Val::Float32(float)) => {
                self.spend(FLOAT_BYTES)?;
                Ok(number::single_json(float))
            }
            (Shape::F64, Val::Float64(float)) => {
                self.spend(FLOAT_BYTES)?;
                Ok(number::double_json(float))
            }
            (Shape::Char, Val::Char(c)) => self.string(c.into()),
            (Shape::String, Val::String(text)) | (Shape::Enum(_), Val::Enum(text)) => self.string(text),
            (Shape::Bytes, Val::List(bytes)) => self.bytes(shape, &bytes),
            (Shape::List(element), Val::List(vals)) => {
                self.elements(vals.into_iter().map(|val| (&**element, val)))
            }
            (Shape::Tuple(shapes), Val::Tuple(vals)) if shapes.len() == vals.len() => {
                self.elements(shapes.iter().zip(vals))
            }
            (Shape::Record(fields), Val::Record(vals)) if fields.len() == vals.len() => {
                self.fields(fields, vals)
            }
            (Shape::Flags(flags), Val::Flags(set)) => self.flags(flags, &set),
            (Shape::Option(some), Val::Option(val)) => self.option(some, val),
            (Shape::Variant(cases), Val::Variant(name, val)) => {
                let case = cases.iter().find(|case| *case.name == *name).ok_or_else(|| mismatch(shape))?;
                self.tagged(name, case.shape.as_ref(), val)
            }
            (Shape::Result { ok, .. }, Val::Result(Ok(val))) => self.tagged("ok".into(), ok.as_deref(), val),
            (Shape::Result { err, .. }, Val::Result(Err(val))) => {
                self.tagged("err".into(), err.as_deref(), val)
            }
            (shape, _) => Err(mismatch(shape)),
        }
    }

    fn elements<'a>(
        &mut self,
        elements: impl ExactSizeIterator<Item = (&'a Shape, Val)>,
    ) -> Result<Value, BadResult> {
        // The brackets, and a comma after each element but the last.
        self.spend(elements.len().max(1).saturating_add(1))?;
        elements.map(|(shape, val)| self.value(shape, val)).collect::<Result<_, _>>().map(Value::Array)
    }

    /// A member's key, counted with its quotes, colon and comma.
    fn key(&mut self, key: &str) -> Result<String, BadResult> {
        self.spend(key.len().saturating_add("\"\":,".len()))?;
        Ok(key.to_owned())
    }

    fn fields(&mut self, fields: &[Field], vals: Vec<(String, Val)>) -> Result<Value, BadResult> {
        self.object()?;
        let mut members = Map::new();
        for (field, (_, val)) in fields.iter().zip(vals) {
            members.insert(self.key(&field.key)?, self.value(&field.shape, val)?);
        }
        Ok(Value::Object(members))
    }

    fn flags(&mut self, flags: &[Flag], set: &[String]) -> Result<Value, BadResult> {
        self.object()?;
        let mut members = Map::new();
        for flag in flags {
            self.spend("false".len())?;
            members.insert(self.key(&flag.key)?, set.iter().any(|name| **name == *flag.name).into());
        }
        Ok(Value::Object(members))
    }

    fn bytes(&mut self, shape: &Shape, vals: &[Val]) -> Result<Value, BadResult> {
        let encoded = base64::encoded_len(vals.len(), true).ok_or(BadResult::TooLarge)?;
        self.spend(encoded.saturating_add("\"\"".len()))?;
        let byte = |val: &Val| match val {
            Val::U8(byte) => Ok(*byte),
            _ => Err(mismatch(shape)),
        };
        let bytes = vals.iter().map(byte).collect::<Result<Vec<u8>, _>>()?;
        Ok(Value::String(STANDARD.encode(bytes)))
    }

    fn option(&mut self, some: &Shape, val: Option<Box<Val>>) -> Result<Value, BadResult> {
        match val {
            None if matches!(some, Shape::Option(_)) => self.tagged("none".into(), None, None),
            None => {
                self.spend("null".len())?;
                Ok(Value::Null)
            }
            Some(val) if matches!(some, Shape::Option(_)) => {
                self.tagged("some".into(), Some(some), Some(val))
            }
            Some(val) => self.value(some, *val),
        }
    }

    fn tagged(
        &mut self,
        tag: String,
        shape: Option<&Shape>,
        val: Option<Box<Val>>,
    ) -> Result<Value, BadResult> {
        self.object()?;
        let mut members = Map::new();
        members.insert(self.key("tag")?, self.string(tag)?);
        if let Some(payload) = self.payload(shape, val)? {
            members.insert(self.key("val")?, payload);
        }
        Ok(Value::Object(members))
    }

    fn payload(&mut self, shape: Option<&Shape>, val: Option<Box<Val>>) -> Result<Option<Value>, BadResult> {
        match (shape, val) {
            (None, None) => Ok(None),
            (Some(shape), Some(val)) => self.value(shape, *val).map(Some),
            (Some(shape), None) => Err(mismatch(shape)),
            (None, Some(_)) => Err(BadResult::Mismatch { expected: "no payload".into() }),
        }
    }
}

fn mismatch(shape: &Shape) -> BadResult {
    BadResult::Mismatch { expected: shape.wit() }
}

/// The length of a string as JSON in bytes, including quotes and escapes.
fn text_len(text: &str) -> usize {
    let escapes = text.bytes().map(|byte| match byte {
        // wire: RFC 8259, section 7
        b'"' | b'\\' | b'\n' | b'\r' | b'\t' | 0x08 | 0x0c => 1,
        // wire: RFC 8259, section 7
        0..0x20 => "\\u0000".len().saturating_sub(1),
        _ => 0,
    });
    escapes.fold(text.len().saturating_add("\"\"".len()), usize::saturating_add)
}

/// A value's JSON, and the bytes that lifting counted for it.
#[cfg(test)]
pub(super) fn counted(shape: &Shape, val: Val) -> (Value, usize) {
    let mut memory = Reservation::uncounted();
    let mut lifting =
        Lifting { bytes_left: JSON_BYTES_MAX, integers: Integers::Numbers, memory: &mut memory };
    let json = lifting.value(shape, val).unwrap();
    (json, JSON_BYTES_MAX - lifting.bytes_left)
}

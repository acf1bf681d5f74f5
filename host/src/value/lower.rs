//! Lowering: a caller's JSON to component values. It is strict, and its errors say where and why.

use super::refusal::{BadArguments, Refused, absent, found, mismatch, refuse, unknown};
use super::shape::record;
use super::{Case, Field, Flag, Shape, number};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use palisade_guard::limits::{
    CALL_VALUES_BYTES_MAX, HEAP_BLOCK_BYTES, JSON_BINARY_BYTES_MAX, JSON_INLINE_BYTES_MAX, JSON_VALUES_MAX,
};
use palisade_guard::memory::Reservation;
use serde_json::{Map, Value};
use std::fmt;
use wasmtime::component::Val;

/// Converts named arguments to values in the order of the parameters, for which `memory` grows.
pub(super) fn arguments(
    parameters: &[Field],
    json: Value,
    memory: &mut Reservation,
) -> Result<Vec<Val>, BadArguments> {
    let ty = Parameters(parameters);
    let lowered = match json {
        Value::Object(members) => {
            let mut lowering = Lowering {
                values_left: JSON_VALUES_MAX,
                binary_left: JSON_BINARY_BYTES_MAX,
                bytes_left: CALL_VALUES_BYTES_MAX,
                memory,
            };
            lowering.fields(&ty, parameters, members, |_, val| val)
        }
        other => Err(refuse(&ty, Some("an object of named arguments".into()), found(&other))),
    };
    lowered.map_err(|refused| refused.at("$").into_inner())
}

/// Whether so little is converted that nobody waits for it: at most [`JSON_INLINE_BYTES_MAX`] bytes of values, by an estimate
/// that is never too low. It looks at no more of the arguments than that. `widest` is [`widest`] of the parameters.
pub(super) fn is_quick(json: &Value, widest: usize) -> bool {
    fn spend(json: &Value, widest: usize, left: &mut usize) -> Option<()> {
        *left = left.checked_sub(VALUE_BYTES)?;
        match json {
            Value::String(text) => *left = left.checked_sub(text.len())?,
            Value::Array(elements) => elements.iter().try_for_each(|json| spend(json, widest, left))?,
            Value::Object(members) => {
                *left = left.checked_sub(widest)?;
                members.values().try_for_each(|json| spend(json, widest, left))?;
            }
            Value::Null | Value::Bool(_) | Value::Number(_) => {}
        }
        Some(())
    }
    spend(json, widest, &mut { JSON_INLINE_BYTES_MAX }).is_some()
}

/// The most bytes that a JSON object becomes, without the values in it: those of the largest record, whose fields may all be
/// absent options, or of the largest flags.
pub(super) fn widest(parameters: &[Field]) -> usize {
    fn own<'a>(names: impl Iterator<Item = &'a str>) -> usize {
        names.map(|name| VALUE_BYTES.saturating_add(name.len())).fold(0, usize::saturating_add)
    }
    fn of(shape: &Shape) -> usize {
        match shape {
            Shape::Record(fields) => widest(fields),
            Shape::Flags(flags) => own(flags.iter().map(|flag| &*flag.name)),
            Shape::Tuple(shapes) => most(shapes.iter()),
            Shape::List(shape) | Shape::Option(shape) => of(shape),
            Shape::Variant(cases) => most(cases.iter().filter_map(|case| case.shape.as_ref())),
            Shape::Result { ok, err } => most([ok, err].into_iter().flatten().map(|side| &**side)),
            Shape::Bool
            | Shape::Int(_)
            | Shape::F32
            | Shape::F64
            | Shape::Char
            | Shape::String
            | Shape::Bytes
            | Shape::Enum(_) => 0,
        }
    }
    fn most<'a>(shapes: impl Iterator<Item = &'a Shape>) -> usize {
        shapes.map(of).max().unwrap_or(0)
    }
    own(parameters.iter().map(|field| &*field.name)).max(most(parameters.iter().map(|field| &field.shape)))
}

/// What a value takes at most, with a text or a payload of its own, but without the bytes of either.
const VALUE_BYTES: usize = size_of::<Val>() + size_of::<String>() + HEAP_BLOCK_BYTES;

struct Parameters<'a>(&'a [Field]);

impl fmt::Display for Parameters<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        record(f, self.0)
    }
}

struct Lowering<'a> {
    /// How many more values may be made. Even an empty object can become a record of a thousand absent options.
    values_left: usize,
    /// How many more bytes of `list<u8>` are accepted.
    binary_left: usize,
    /// How many more bytes of memory the values may take. The caller controls how many values there are, and the plugin how
    /// long the names in each of them are.
    bytes_left: usize,
    /// What the values hold.
    memory: &'a mut Reservation,
}

/// The bytes of a text of this length in a value: on the heap, with its owner.
fn text_bytes(len: usize) -> usize {
    size_of::<String>().saturating_add(len).saturating_add(HEAP_BLOCK_BYTES)
}

impl Lowering<'_> {
    fn spend(&mut self, shape: &Shape) -> Result<(), Refused> {
        let rule = || Some(format!("at most {JSON_VALUES_MAX} values in one call's arguments together"));
        let left = self.values_left.checked_sub(1);
        self.values_left = left.ok_or_else(|| refuse(shape, rule(), "one more".into()))?;
        self.hold(shape, size_of::<Val>())
    }

    /// Counts memory before it is taken.
    fn hold(&mut self, shape: &Shape, bytes: usize) -> Result<(), Refused> {
        let left = self.bytes_left.checked_sub(bytes);
        self.bytes_left = left.ok_or_else(|| {
            let rule =
                format!("at most {CALL_VALUES_BYTES_MAX} bytes of memory for one call's arguments together");
            refuse(shape, Some(rule), "more".into())
        })?;
        Ok(self.memory.grow(bytes as u64)?)
    }

    /// Counts a text that is kept as it is.
    fn text(&mut self, shape: &Shape, text: String) -> Result<String, Refused> {
        self.hold(shape, text_bytes(text.capacity()))?;
        Ok(text)
    }

    fn value(&mut self, shape: &Shape, json: Value) -> Result<Val, Refused> {
        self.spend(shape)?;
        let val = match (shape, json) {
            (Shape::Bool, Value::Bool(b)) => Val::Bool(b),
            (Shape::String, Value::String(text)) => Val::String(self.text(shape, text)?),
            (Shape::Int(int), json) => int.lower(&json).ok_or_else(|| mismatch(shape, &json))?,
            (Shape::F32, json) => Val::Float32(number::single(&json).ok_or_else(|| mismatch(shape, &json))?),
            (Shape::F64, json) => Val::Float64(number::double(&json).ok_or_else(|| mismatch(shape, &json))?),
            (Shape::Char, Value::String(text)) => Val::Char(character(shape, &text)?),
            (Shape::Bytes, Value::String(text)) => self.bytes(shape, &text)?,
            (Shape::List(element), Value::Array(elements)) => {
                Val::List(self.elements(elements.into_iter().map(|json| (&**element, json)))?)
            }
            (Shape::Tuple(shapes), Value::Array(elements)) if shapes.len() == elements.len() => {
                Val::Tuple(self.elements(shapes.iter().zip(elements))?)
            }
            (Shape::Record(fields), Value::Object(members)) => {
                // Each value of a record repeats the names of its fields.
                let names = fields.iter().map(|field| text_bytes(field.name.len()));
                self.hold(shape, names.fold(0, usize::saturating_add))?;
                Val::Record(self.fields(shape, fields, members, |field, val| (field.name.to_string(), val))?)
            }
            (Shape::Flags(flags), Value::Object(members)) => Val::Flags(self.set(shape, flags, members)?),
            (Shape::Enum(names), Value::String(name)) => match names.iter().find(|known| ***known == *name) {
                Some(_) => Val::Enum(self.text(shape, name)?),
                None => return Err(unknown(shape, "case", &name, names.iter().map(|name| &**name))),
            },
            (Shape::Option(_), Value::Null) => Val::Option(None),
            (Shape::Option(some), json) => self.option(shape, some, json)?,
            (Shape::Variant(cases), Value::Object(members)) => self.variant(shape, cases, members)?,
            (Shape::Result { ok, err }, Value::Object(members)) => {
                self.result(shape, ok.as_deref(), err.as_deref(), members)?
            }
            (_, json) => return Err(mismatch(shape, &json)),
        };
        Ok(val)
    }

    fn elements<'a>(
        &mut self,
        elements: impl ExactSizeIterator<Item = (&'a Shape, Value)>,
    ) -> Result<Vec<Val>, Refused> {
        let mut vals = Vec::with_capacity(elements.len());
        for (i, (shape, json)) in elements.enumerate() {
            vals.push(self.value(shape, json).map_err(|refused| refused.at(&format!("[{i}]")))?);
        }
        Ok(vals)
    }

    fn fields<T>(
        &mut self,
        ty: &dyn fmt::Display,
        fields: &[Field],
        mut members: Map<String, Value>,
        keep: impl Fn(&Field, Val) -> T,
    ) -> Result<Vec<T>, Refused> {
        let mut missing = None;
        let mut vals = Vec::with_capacity(fields.len());
        for field in fields {
            let val = match (members.remove(&*field.key), &field.shape) {
                (Some(json), shape) => {
                    self.value(shape, json).map_err(|refused| refused.at(&format!(".{}", field.key)))?
                }
                (None, Shape::Option(_)) => {
                    self.spend(&field.shape)?;
                    Val::Option(None)
                }
                (None, _) => {
                    missing.get_or_insert(field);
                    continue;
                }
            };
            vals.push(keep(field, val));
        }
        // Report an unknown key first: it is often the missing one, misspelt.
        if let Some(key) = members.keys().next() {
            return Err(unknown(ty, "key", key, fields.iter().map(|field| &*field.key)));
        }
        match missing {
            Some(field) => Err(absent(&field.shape).at(&format!(".{}", field.key))),
            None => Ok(vals),
        }
    }

    fn bytes(&mut self, shape: &Shape, text: &str) -> Result<Val, Refused> {
        let too_many = || {
            let rule = format!("at most {JSON_BINARY_BYTES_MAX} bytes in one call's arguments together");
            refuse(shape, Some(rule), format!("a string of {} characters", text.len()))
        };
        // Checked before decoding, so that a refusal costs nothing. Four characters make three bytes, less the padding.
        if base64::decoded_len_estimate(text.len()).saturating_sub(2) > self.binary_left {
            return Err(too_many());
        }
        let bytes = STANDARD.decode(text).map_err(|_| mismatch(shape, &Value::from(text)))?;
        self.binary_left = self.binary_left.checked_sub(bytes.len()).ok_or_else(too_many)?;
        self.hold(shape, bytes.len().saturating_mul(size_of::<Val>()))?;
        Ok(Val::List(bytes.into_iter().map(Val::U8).collect()))
    }

    fn option(&mut self, shape: &Shape, some: &Shape, json: Value) -> Result<Val, Refused> {
        if !matches!(some, Shape::Option(_)) {
            self.hold(shape, HEAP_BLOCK_BYTES)?;
            return Ok(Val::Option(Some(self.value(some, json)?.into())));
        }
        let Value::Object(members) = json else { return Err(mismatch(shape, &json)) };
        let (tag, val) = tagged(shape, members)?;
        Ok(Val::Option(match tag.as_str() {
            "some" => self.payload(shape, Some(some), val)?,
            "none" => self.payload(shape, None, val)?,
            _ => return Err(unknown(shape, "case", &tag, ["none", "some"].into_iter()).at(".tag")),
        }))
    }

    fn variant(
        &mut self,
        shape: &Shape,
        cases: &[Case],
        members: Map<String, Value>,
    ) -> Result<Val, Refused> {
        let (tag, val) = tagged(shape, members)?;
        let Some(case) = cases.iter().find(|case| *case.name == *tag) else {
            return Err(unknown(shape, "case", &tag, cases.iter().map(|case| &*case.name)).at(".tag"));
        };
        let tag = self.text(shape, tag)?;
        Ok(Val::Variant(tag, self.payload(shape, case.shape.as_ref(), val)?))
    }

    fn result(
        &mut self,
        shape: &Shape,
        ok: Option<&Shape>,
        err: Option<&Shape>,
        members: Map<String, Value>,
    ) -> Result<Val, Refused> {
        let (tag, val) = tagged(shape, members)?;
        Ok(Val::Result(match tag.as_str() {
            "ok" => Ok(self.payload(shape, ok, val)?),
            "err" => Err(self.payload(shape, err, val)?),
            _ => return Err(unknown(shape, "case", &tag, ["ok", "err"].into_iter()).at(".tag")),
        }))
    }

    fn payload(
        &mut self,
        whole: &Shape,
        shape: Option<&Shape>,
        json: Option<Value>,
    ) -> Result<Option<Box<Val>>, Refused> {
        self.hold(whole, HEAP_BLOCK_BYTES)?;
        let payload = match (shape, json) {
            (None, None) => return Ok(None),
            (Some(shape), Some(json)) => self.value(shape, json),
            // JavaScript represents `none` as `undefined`, and its JSON omits a key whose value is `undefined`.
            (Some(shape @ Shape::Option(_)), None) => self.spend(shape).map(|()| Val::Option(None)),
            (Some(shape), None) => Err(absent(shape)),
            (None, Some(json)) => {
                Err(refuse(whole, Some("no `val`, as this case has no payload".into()), found(&json)))
            }
        };
        payload.map(|val| Some(val.into())).map_err(|refused| refused.at(".val"))
    }

    fn set(
        &mut self,
        shape: &Shape,
        flags: &[Flag],
        mut members: Map<String, Value>,
    ) -> Result<Vec<String>, Refused> {
        let mut names = Vec::new();
        for flag in flags {
            match members.remove(&*flag.key) {
                Some(Value::Bool(true)) => {
                    self.hold(shape, text_bytes(flag.name.len()))?;
                    names.push(flag.name.to_string());
                }
                Some(Value::Bool(false)) | None => {}
                Some(other) => return Err(mismatch(&Shape::Bool, &other).at(&format!(".{}", flag.key))),
            }
        }
        match members.keys().next() {
            Some(key) => Err(unknown(shape, "flag", key, flags.iter().map(|flag| &*flag.key))),
            None => Ok(names),
        }
    }
}

/// The `tag` and the `val` of an object. Any other key is an error.
fn tagged(shape: &Shape, mut members: Map<String, Value>) -> Result<(String, Option<Value>), Refused> {
    let tag = members.remove("tag");
    let val = members.remove("val");
    if let Some(key) = members.keys().next() {
        return Err(unknown(shape, "key", key, ["tag", "val"].into_iter()));
    }
    match tag {
        Some(Value::String(tag)) => Ok((tag, val)),
        Some(other) => Err(refuse(shape, Some("the name of a case".into()), found(&other)).at(".tag")),
        None => Err(absent(shape).at(".tag")),
    }
}

fn character(shape: &Shape, text: &str) -> Result<char, Refused> {
    let mut chars = text.chars();
    match (chars.next(), chars.next()) {
        (Some(c), None) => Ok(c),
        _ => Err(mismatch(shape, &Value::from(text))),
    }
}

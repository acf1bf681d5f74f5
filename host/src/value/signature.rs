//! The types of a function's parameters and result, and the conversions for a call.

use super::declared::{Declared, Names};
use super::lift::{self, BadResult, Returned};
use super::load::{self, Unmappable};
use super::lower;
use super::refusal::BadArguments;
use super::schema::{self, Form, Schemas};
use super::{Field, Integers, Shape};
use palisade_guard::memory::Reservation;
use serde_json::Value;
use std::fmt;
use wasmtime::component::{Val, types};

/// The parameters and the result of one exported function, read once from its component.
#[derive(Clone, Debug, PartialEq)]
pub struct Signature {
    pub(super) parameters: Box<[Field]>,
    pub(super) result: Option<Shape>,
    /// The names in the types of the parameters, each `None` if there are none.
    pub(super) parameter_names: Box<[Option<Names>]>,
    pub(super) result_names: Option<Names>,
    bytes: usize,
    /// The most bytes that one value of a caller's JSON becomes, without the values in it.
    widest: usize,
}

impl Signature {
    /// Reads a function's types. The error contains the names of the interface and the function, and says which type has no
    /// JSON form and what to do about it.
    pub fn of(interface: &str, function: &str, ty: &types::ComponentFunc) -> Result<Self, Unmappable> {
        let (parameters, result, bytes) = load::read(interface, function, ty)?;
        let widest = lower::widest(&parameters);
        Ok(Self { parameters, result, parameter_names: Box::default(), result_names: None, bytes, widest })
    }

    /// With the names of its types, for a function that a component exports.
    pub fn named(mut self, declared: &Declared, export: &str, function: &str) -> Self {
        let names = declared.names_of(export, function, &self.parameters, self.result.as_ref());
        (self.parameter_names, self.result_names) = names;
        self
    }

    #[cfg(test)]
    pub(super) fn from_shapes(parameters: Box<[Field]>, result: Option<Shape>) -> Self {
        let widest = lower::widest(&parameters);
        Self { parameters, result, parameter_names: Box::default(), result_names: None, bytes: 0, widest }
    }

    /// Bytes that the types take in `/openapi.json`, by estimate: at most
    /// [`SIGNATURE_BYTES_MAX`](palisade_guard::limits::SIGNATURE_BYTES_MAX).
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// How many values a call of the function returns: 0 or 1.
    pub fn results_len(&self) -> usize {
        usize::from(self.result.is_some())
    }

    /// Whether a parameter or the result is or contains a float.
    pub fn has_floats(&self) -> bool {
        let parameters = self.parameters.iter().map(|field| &field.shape);
        parameters.chain(&self.result).any(Shape::has_floats)
    }

    /// Converts a JSON object of named arguments, such as `{"limit": 10}`, to the values to call the function with. The key
    /// of a parameter may be absent if its type is an `option`. The values are in the order of the parameters, and take at most
    /// [`CALL_VALUES_BYTES_MAX`](palisade_guard::limits::CALL_VALUES_BYTES_MAX) bytes of memory, which it reserves before it
    /// takes them.
    pub fn lower(&self, arguments: Value, memory: &mut Reservation) -> Result<Vec<Val>, BadArguments> {
        lower::arguments(&self.parameters, arguments, memory)
    }

    /// Whether [`lower`](Self::lower) takes at most a few hundred microseconds.
    pub fn is_quick(&self, arguments: &Value) -> bool {
        lower::is_quick(arguments, self.widest)
    }

    /// Converts what the function returned to JSON of at most [`JSON_BYTES_MAX`](palisade_guard::limits::JSON_BYTES_MAX) bytes of
    /// text, and [`CALL_VALUES_BYTES_MAX`](palisade_guard::limits::CALL_VALUES_BYTES_MAX) bytes of memory, which it reserves
    /// before it takes them.
    pub fn lift(
        &self,
        results: Vec<Val>,
        integers: Integers,
        memory: &mut Reservation,
    ) -> Result<Returned, BadResult> {
        lift::results(self.result.as_ref(), results, integers, memory)
    }

    /// JSON Schema of the object that [`lower`](Self::lower) takes.
    pub fn arguments_schema(&self, schemas: &mut Schemas<'_>) -> Value {
        let fields = self
            .parameters
            .iter()
            .enumerate()
            .map(|(i, field)| (field, self.parameter_names.get(i).and_then(Option::as_ref), None));
        schemas.object(fields, Form::Argument)
    }

    /// JSON Schema of [`Returned::Ok`]: the `ok` side if the function returns a `result`, and `null` if it returns nothing.
    pub fn result_schema(&self, schemas: &mut Schemas<'_>, integers: Integers) -> Value {
        let (shape, names) = match &self.result {
            Some(Shape::Result { ok, .. }) => (ok.as_deref(), self.side_names(0)),
            other => (other.as_ref(), self.result_names.as_ref()),
        };
        shape.map_or_else(schema::null, |shape| schemas.of(shape, names, Form::Result(integers)))
    }

    /// JSON Schema of [`Returned::Err`], if the function returns a `result`.
    pub fn error_schema(&self, schemas: &mut Schemas<'_>, integers: Integers) -> Option<Value> {
        let Some(Shape::Result { err, .. }) = &self.result else { return None };
        let of = |shape| schemas.of(shape, self.side_names(1), Form::Result(integers));
        Some(err.as_deref().map_or_else(schema::null, of))
    }

    fn side_names(&self, side: usize) -> Option<&Names> {
        self.result_names.as_ref()?.part(side)
    }
}

/// The function's type in WIT, in full.
impl fmt::Display for Signature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("func(")?;
        for (i, field) in self.parameters.iter().enumerate() {
            let comma = if i == 0 { "" } else { ", " };
            write!(f, "{comma}{}: {}", field.name, field.shape)?;
        }
        f.write_str(")")?;
        match &self.result {
            Some(shape) => write!(f, " -> {shape}"),
            None => Ok(()),
        }
    }
}

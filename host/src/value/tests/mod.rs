//! Tests of the conversion: refusals first, then round trips, then real components.

mod components;
mod outcomes;
mod refusals;
mod round_trips;
mod strategies;

use super::name::camel;
use super::{BadArgument, BadArguments, Case, Field, Flag, Int, Shape, Signature};
use palisade_guard::memory::Reservation;
use serde_json::Value;
use wasmtime::component::Val;

fn field(name: &str, shape: Shape) -> Field {
    Field { name: name.into(), key: camel(name), shape }
}

fn case(name: &str, shape: Option<Shape>) -> Case {
    Case { name: name.into(), shape }
}

fn flags(names: &[&str]) -> Shape {
    Shape::Flags(names.iter().map(|name| Flag { name: (*name).into(), key: camel(name) }).collect())
}

fn option(some: Shape) -> Shape {
    Shape::Option(some.into())
}

fn list(element: Shape) -> Shape {
    Shape::List(element.into())
}

fn result(ok: Option<Shape>, err: Option<Shape>) -> Shape {
    Shape::Result { ok: ok.map(Into::into), err: err.map(Into::into) }
}

/// A function that takes one parameter `x` and returns it in a tuple, so that a `result` is lifted as an ordinary value.
fn echo(shape: Shape) -> Signature {
    Signature::from_shapes([field("x", shape.clone())].into(), Some(Shape::Tuple([shape].into())))
}

/// Arguments as values, and the bytes that they take.
#[derive(Debug)]
struct Lowered {
    values: Vec<Val>,
    bytes: u64,
}

impl Signature {
    /// [`lower`](Self::lower) where there is memory enough.
    fn lowered(&self, arguments: Value) -> Result<Lowered, BadArgument> {
        let mut memory = Reservation::uncounted();
        match self.lower(arguments, &mut memory) {
            Ok(values) => Ok(Lowered { values, bytes: memory.bytes() }),
            Err(BadArguments::Argument(bad)) => Err(bad),
            Err(BadArguments::OutOfMemory(out)) => panic!("{out}"),
        }
    }
}

fn u32() -> Shape {
    Shape::Int(Int::U32)
}

fn record() -> Shape {
    Shape::Record([field("page-size", u32()), field("tags", list(Shape::String))].into())
}

fn variant() -> Shape {
    Shape::Variant(
        [
            case("none-at-all", None),
            case("some-text", Some(Shape::String)),
            case("maybe", Some(option(u32()))),
        ]
        .into(),
    )
}

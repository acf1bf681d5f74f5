//! Component values and JSON: converts a caller's JSON to a function's arguments, and the function's result to JSON.
//!
//! A [`Signature`] is read from a component's types once, when its plugin is loaded. Calls walk the signature and never read
//! wasmtime's types again. The JSON form of a type is the form that JavaScript bindings use:
//!
//! | WIT | JSON |
//! |---|---|
//! | `bool`, `string` | the same |
//! | `char` | a string of one character |
//! | integers | a number with all its digits; arguments of 64-bit types may be strings of digits, results are if [`Integers`] says so |
//! | `f32`, `f64` | a number, `"NaN"`, `"Infinity"` or `"-Infinity"` |
//! | `list<u8>` | a string in standard base64 with padding |
//! | `list<t>`, `tuple<…>` | an array |
//! | `record` | an object with the field names in lowerCamelCase |
//! | `flags` | an object of booleans with the flag names in lowerCamelCase; an absent flag is false |
//! | `enum` | the case's name, as in WIT |
//! | `variant` | `{"tag": name, "val": payload}`, without `val` where the case has no payload |
//! | `option<t>` | `null` or the value; an absent key of an object is `none` |
//! | `option<option<t>>` | `{"tag": "none"}` or `{"tag": "some", "val": …}`, as `null` could mean either |
//! | `result<t, e>` | `{"tag": "ok", "val": …}` or `{"tag": "err", "val": …}`; as the whole result, a [`Returned`] |
//!
//! Resources, futures and streams have no JSON form: a function that uses one is refused when its plugin is loaded
//! ([`Unmappable`](load::Unmappable)). There are no other conversions: for example, `"true"` is not a `bool`, and `null` is
//! not an empty list.
//!
//! Callers write the arguments and plugins the results, so both are hostile. All recursion follows the type, whose depth and
//! size are limited when it is read. JSON text is limited while it is parsed, which [`palisade_guard::json`] does. The values of
//! arguments and the JSON of results are limited while they are built, by the memory that they take and not only by their text:
//! a few bytes of one can stand for many of the other. The numbers are in [`palisade_guard::limits`], the tests in `value/tests/`.
#![cfg_attr(
    not(test),
    deny(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::indexing_slicing,
        clippy::arithmetic_side_effects
    )
)]

mod declared;
mod lift;
mod load;
mod lower;
mod name;
mod number;
mod refusal;
mod schema;
mod shape;
mod signature;

#[cfg(test)]
mod tests;

pub use declared::{Declared, Docs};
pub use lift::{BadResult, Returned};
pub use name::camel_id;
pub use number::Integers;
pub use refusal::{BadArgument, BadArguments};
pub use schema::Schemas;
pub use shape::{Case, Field, Flag, Int, Shape};
pub use signature::Signature;

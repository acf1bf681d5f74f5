//! Component values and JSON: how a caller's JSON becomes a plugin's arguments, and its results JSON again.
//!
//! A [`Signature`] is read once from a component's types when a plugin loads; calls walk it and never look at wasmtime's
//! types again. JSON has the form in which JavaScript sees the same types:
//!
//! | WIT | JSON |
//! |---|---|
//! | `bool`, `string` | the same |
//! | `char` | a string of one character |
//! | integers | a number with all its digits; arguments of 64-bit types may be strings of digits, results are where [`Integers`] says so |
//! | `f32`, `f64` | a number, `"NaN"`, `"Infinity"` or `"-Infinity"` |
//! | `list<u8>` | a string in standard base64 with padding |
//! | `list<t>`, `tuple<…>` | an array |
//! | `record` | an object with the field names in lowerCamelCase |
//! | `flags` | an object of booleans, named likewise; an absent one is false |
//! | `enum` | the case's name as WIT writes it |
//! | `variant` | `{"tag": name, "val": payload}`, without `val` where the case has no payload |
//! | `option<t>` | `null` or the value; an absent key of an object is `none` |
//! | `option<option<t>>` | `{"tag": "none"}` or `{"tag": "some", "val": …}`, as `null` could mean either |
//! | `result<t, e>` | `{"tag": "ok", "val": …}` or `{"tag": "err", "val": …}`; at the top of a result an [`Returned`] |
//!
//! Resources, futures and streams have no JSON form: a function that uses one is refused when its plugin loads
//! ([`Unmappable`]). There are no conversions: a string is never read as a number, nor `null` as an empty list.
//!
//! Callers write the arguments and plugins the results, so both are hostile. All recursion follows the type, whose
//! depth and size are capped when it is read; text is capped while it is parsed; results while they are built. The
//! numbers are in [`palisade_guard::limits`], the tests in `value/tests/`.
#![cfg_attr(
    not(test),
    deny(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::indexing_slicing,
        clippy::arithmetic_side_effects
    )
)]

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

pub use lift::Returned;
pub use number::Integers;
pub use refusal::BadArgument;
pub use shape::{Case, Field, Flag, Int, Shape};
pub use signature::Signature;

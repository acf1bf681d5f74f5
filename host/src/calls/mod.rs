//! What callers ask of a host: calls of functions, and items, each with its taps and its transaction.

pub(crate) mod call;
pub(crate) mod items;
pub(crate) mod tap;
mod transaction;
pub(crate) mod typed;

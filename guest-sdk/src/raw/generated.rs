//! The bindings that `wit-bindgen` generates from the contract. The generated code takes the error types of `errors.rs`
//! in place of the variants named `error`, and those types hold generated ones: these two files need each other.
#![allow(
    unsafe_code,
    clippy::all,
    clippy::pedantic,
    missing_docs,
    rust_2018_idioms,
    unreachable_code,
    unused_qualifications,
    reason = "generated code uses the raw pointers of the canonical ABI, and returns early where there is no host"
)]

palisade_sdk_macros::contract!();

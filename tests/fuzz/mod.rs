//! Fuzz tests: arbitrary bytes as a component, arbitrary values for every function that plugins import, arbitrary
//! JSON for every function that they export. None may panic, hang, or be the host's fault.
//!
//! Each test runs a few fixed cases; `cargo xtask fuzz` runs others for minutes. A case depends only on its seed. A
//! failure reports the seed and the command that repeats it.
#![allow(
    clippy::cast_possible_truncation,
    clippy::cast_possible_wrap,
    clippy::cast_sign_loss,
    reason = "values are bits here and are truncated on purpose"
)]

mod campaign;
mod dice;

mod loader;
mod mutate;

mod contract;
mod imports;
mod lower;
mod script;
mod values;
mod words;

mod damage;
mod exports;

mod cost;

#[test]
fn component_of_arbitrary_bytes_is_loaded_or_rejected() {
    campaign::run::<loader::Loader>();
}

#[test]
fn arbitrary_import_arguments_end_in_a_value_an_error_or_a_trap() {
    campaign::run::<imports::Imports>();
}

#[test]
fn arbitrary_json_for_exports_is_never_the_hosts_fault() {
    campaign::run::<exports::Exports>();
}

#[test]
fn expensive_statement_ends_within_a_second_of_its_deadline() {
    campaign::run::<cost::Cost>();
}

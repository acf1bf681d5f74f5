//! Fuzzing: any bytes as a component, any values for every function that plugins import, any JSON for every function that
//! they export. Nothing of it may panic, hang, or be the host's fault.
//!
//! Each test runs a few cases, the same ones every time; `cargo xtask fuzz` runs others for minutes. What a case consists
//! of comes from its seed alone, which is told when it fails, with the command that repeats it.
#![allow(
    clippy::cast_possible_truncation,
    clippy::cast_possible_wrap,
    clippy::cast_sign_loss,
    reason = "values are bits here, which are cut to fit"
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

#[test]
fn component_of_any_bytes_is_loaded_or_refused_with_a_sentence() {
    campaign::run::<loader::Loader>();
}

#[test]
fn any_values_for_every_import_end_in_a_value_an_error_or_a_trap() {
    campaign::run::<imports::Imports>();
}

#[test]
fn any_json_for_every_export_ends_in_a_value_or_an_error_of_the_callers_or_the_plugins() {
    campaign::run::<exports::Exports>();
}

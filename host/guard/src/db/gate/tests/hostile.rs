//! Tests of hostile statements, which must be refused. A row that passes is a security hole.

pub(super) use super::corpus::calls::{CALLS, PLACES};
pub(super) use super::corpus::reads::{CONSTRUCTS, DENIED, NOT_READS};
pub(super) use super::corpus::writes::WRITES;
use super::{read, write};
use crate::refusal::Refusal;

fn passed<'a>(
    rows: impl IntoIterator<Item = &'a str>,
    gate: fn(&str) -> Result<String, Refusal>,
) -> Vec<String> {
    rows.into_iter().filter_map(|row| gate(row).ok().map(|text| format!("{row}\n   -> {text}"))).collect()
}

#[test]
fn statement_that_does_not_read_is_refused_as_a_query() {
    assert_eq!(passed(NOT_READS.iter().copied(), read), Vec::<String>::new());
}

#[test]
fn call_of_an_unlisted_function_is_refused() {
    let rows: Vec<String> = CALLS.iter().map(|call| format!("SELECT {call}")).collect();
    assert_eq!(passed(rows.iter().map(String::as_str), read), Vec::<String>::new());
}

#[test]
fn hidden_call_is_refused_in_every_place() {
    let rows: Vec<String> = PLACES.iter().map(|place| place.replace('%', "pg_sleep(1)")).collect();
    assert_eq!(passed(rows.iter().map(String::as_str), read), Vec::<String>::new());
    let rows: Vec<String> =
        PLACES.iter().map(|place| place.replace('%', "(SELECT secret FROM people)")).collect();
    assert_eq!(passed(rows.iter().map(String::as_str), read), Vec::<String>::new());
}

#[test]
fn ungranted_name_is_denied_without_details() {
    let others: Vec<_> = DENIED
        .iter()
        .map(|row| (row, read(row)))
        .filter(|(_, result)| *result != Err(Refusal::Denied))
        .collect();
    assert_eq!(others, Vec::new());
}

#[test]
fn unlisted_construct_is_refused() {
    assert_eq!(passed(CONSTRUCTS.iter().copied(), read), Vec::<String>::new());
}

#[test]
fn write_beyond_the_grants_is_refused() {
    assert_eq!(passed(WRITES.iter().copied(), write), Vec::<String>::new());
}

//! The additional functions of an action, and those that differ in an action.

use palisade_sdk::raw::{clock, db_write, http, random, request_context};

use crate::Probe;
use crate::exports::probe::probe::effects::{
    Fetched, Guest, HttpError, Insertion, RandomError, Request, Usage,
};

/// Bytes of a body per read.
const READ_BYTES: u32 = 65_536;

impl Guest for Probe {
    fn fetch(request: Request) -> Result<Fetched, HttpError> {
        let response = http::fetch(&request)?;
        let mut body = Vec::new();
        loop {
            let piece = response.body.read(READ_BYTES)?;
            if piece.is_empty() {
                return Ok(Fetched { status: response.status, headers: response.headers, body });
            }
            body.extend(piece);
        }
    }

    fn fetch_read(request: Request, max: u32) -> Result<Vec<u8>, HttpError> {
        http::fetch(&request)?.body.read(max)
    }

    fn now() -> (i64, i64) {
        (clock::now(), clock::now())
    }

    fn monotonic() -> (u64, u64) {
        (clock::monotonic(), clock::monotonic())
    }

    fn random(length: u32) -> Result<Vec<u8>, RandomError> {
        random::bytes(length)
    }

    fn remaining() -> Vec<Usage> {
        request_context::remaining()
    }

    fn fail_after_insert(insertion: Insertion) -> Result<(), String> {
        db_write::insert(&insertion)?;
        Err("failed after the insert".to_owned())
    }
}

//! Hands every function of the contract on to the tests, as it is: it calls [`palisade_sdk::raw`] alone, so that what
//! a test sees is the host's doing.

mod abuses;
mod effects;
mod reads;
mod writes;

palisade_sdk::plugin! { path: "wit" }

use palisade_sdk::raw::db;

struct Probe;

/// Rows asked for at once.
const BATCH_ROWS: u32 = 1_000;

/// Reads rows to their end.
fn drain(rows: &db::Rows) -> Result<Vec<db::Row>, db::Error> {
    let mut all = Vec::new();
    loop {
        let batch = rows.next(BATCH_ROWS)?;
        if batch.is_empty() {
            return Ok(all);
        }
        all.extend(batch);
    }
}

export!(Probe);

//! Exposes every function of the contract to the tests unchanged. It calls only [`palisade_sdk::raw`], so that a test
//! sees the host's behaviour and not the SDK's.

mod abuses;
mod effects;
mod reads;
mod writes;

palisade_sdk::plugin! { path: "wit" }

use palisade_sdk::raw::db;

struct Probe;

/// Rows per batch.
const BATCH_ROWS: u32 = 1_000;

/// Reads all rows.
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

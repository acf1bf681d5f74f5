//! What a real standard library gets from WASI.

use crate::hex;
use std::collections::hash_map::RandomState;
use std::collections::{HashMap, HashSet};
use std::hash::BuildHasher as _;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

/// Bytes of a random sample.
const SAMPLE_BYTES: usize = 32;

/// Clocks, randomness, and the seeds of hash maps.
pub fn met() -> Vec<String> {
    let started = Instant::now();
    let allocated = Box::new(0_u64);
    vec![
        format!("WASI's wall clock: {:?}", SystemTime::now().duration_since(UNIX_EPOCH)),
        format!("WASI's monotonic clock: {:?}", started.elapsed()),
        format!("WASI's randomness: {}", hex(&random())),
        format!("WASI's randomness again: {}", hex(&random())),
        format!("order of a map: {}", order()),
        format!("order of a set: {:?}", ('a'..='z').collect::<HashSet<char>>()),
        format!("a hash: {:016x}", RandomState::new().hash_one("a text")),
        format!("an address: {:p}", &raw const *allocated),
    ]
}

/// The order in which a map with a random seed iterates over its keys.
pub fn order() -> String {
    let map: HashMap<u32, u32> = (0..50).map(|key| (key, key)).collect();
    map.keys().map(u32::to_string).collect::<Vec<_>>().join(" ")
}

#[link(wasm_import_module = "wasi_snapshot_preview1")]
unsafe extern "C" {
    /// The WASI function that `getrandom` calls.
    fn random_get(buffer: *mut u8, length: usize) -> u16;
}

fn random() -> [u8; SAMPLE_BYTES] {
    let mut bytes = [0; SAMPLE_BYTES];
    // SAFETY: `buffer` has `length` bytes.
    let failed = unsafe { random_get(bytes.as_mut_ptr(), bytes.len()) };
    assert_eq!(failed, 0, "no random bytes");
    bytes
}

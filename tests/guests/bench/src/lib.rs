//! The plugin that `cargo xtask bench` measures: selects by key, as a plugin author writes them.

palisade_sdk::plugin! { path: "wit" }

use exports::bench::bench::reads::{Entry, Guest};
use palisade_sdk::db::{self, Row, col};

struct Bench;

impl Guest for Bench {
    fn get(id: i64) -> Result<Option<Entry>, String> {
        Ok(select(id)?.as_ref().map(entry).transpose()?)
    }

    fn repeat(id: i64, count: u32) -> Result<u32, String> {
        let mut found = 0;
        for step in 0..i64::from(count) {
            found += u32::from(select(id - step)?.as_ref().map(entry).transpose()?.is_some());
        }
        Ok(found)
    }

    fn compute(rounds: u32) -> u64 {
        let mut cells = [0_u64; 256];
        let mut last = 0_u64;
        for round in 0..u64::from(rounds) {
            let cell = &mut cells[(last % 256) as usize];
            *cell = cell.rotate_left(7).wrapping_mul(0x9E37_79B9_7F4A_7C15) ^ round;
            last = last.wrapping_add(*cell >> 32);
        }
        cells.iter().fold(last, |sum, cell| sum ^ cell)
    }
}

fn select(id: i64) -> Result<Option<Row>, db::Error> {
    db::select("entries").columns(["id", "title", "body"]).filter(col("id").equals(id)).first()
}

fn entry(row: &Row) -> Result<Entry, db::Error> {
    Ok(Entry { id: row.get("id")?, title: row.get("title")?, body: row.get("body")? })
}

export!(Bench);

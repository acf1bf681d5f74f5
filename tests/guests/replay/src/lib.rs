//! Collects everything that could differ from one run to the next, line by line.
//!
//! `everywhere` holds what depends on no compiler and no machine, so it is compared with a checked-in file. `here`
//! holds what also depends on the guest's standard library and on PostgreSQL.

palisade_sdk::plugin! { path: "wit" }

mod contract;
mod machine;
mod standard;

use exports::probe::replay::{effects, reads, writes};
use palisade_sdk::{error, info};
use std::fmt::Write;
use std::hint::black_box;

struct Replay;

/// The lines of both sections, and their hash.
type Answer = (Vec<String>, Vec<String>, u64);

impl reads::Guest for Replay {
    fn all(rounds: u32) -> Answer {
        pass_time(rounds);
        let (everywhere, here) = everything();
        answer(everywhere, here)
    }

    fn brief() -> (String, u64) {
        let mut lines = contract::given();
        lines.extend(machine::floats());
        info!(lines = lines.len(), "met what takes no statement");
        lines.extend(standard::met());
        lines.extend(machine::memory());
        lines.extend(contract::rows());
        lines.extend(contract::remaining());
        (lines.join("\n"), hash(&lines))
    }

    fn fail(how: String) {
        let map = standard::order();
        error!(how = how, "about to fail with {map}");
        match how.as_str() {
            "panic" => panic!("as it was told, with {map}"),
            "unreachable" => machine::unreachable(),
            "divide" => drop(black_box(black_box(1) / black_box(0))),
            _ => {}
        }
    }
}

impl writes::Guest for Replay {
    fn all(rounds: u32) -> Result<(), Answer> {
        pass_time(rounds);
        let (mut everywhere, mut here) = everything();
        everywhere.extend(contract::written(100));
        here.extend(contract::remaining());
        Err(answer(everywhere, here))
    }

    fn keep() -> Result<Vec<String>, String> {
        let mut lines = contract::given();
        lines.extend(standard::met());
        info!("{:016x}", hash(&lines));
        contract::change(1)?;
        Ok(lines)
    }

    fn insist(id: i64) {
        contract::kept(id).expect("it has to be kept");
    }
}

impl effects::Guest for Replay {
    fn all(rounds: u32) -> Answer {
        <Self as reads::Guest>::all(rounds)
    }
}

/// The lines of both sections. The contract comes first, so that the standard library cannot affect its lines.
fn everything() -> (Vec<String>, Vec<String>) {
    let mut everywhere = contract::met();
    everywhere.extend(machine::floats());
    info!(lines = everywhere.len(), "met everything");
    let mut here = standard::met();
    here.extend(machine::memory());
    here.extend(contract::without_order());
    here.extend(contract::remaining());
    (everywhere, here)
}

fn answer(everywhere: Vec<String>, here: Vec<String>) -> Answer {
    let hash = hash(everywhere.iter().chain(&here));
    (everywhere, here, hash)
}

fn hash<'a>(lines: impl IntoIterator<Item = &'a String>) -> u64 {
    let bytes = lines.into_iter().flat_map(|line| line.bytes().chain([b'\n']));
    bytes.fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
    })
}

fn pass_time(rounds: u32) {
    for round in 0..rounds {
        black_box(round);
    }
}

/// Bytes as hexadecimal text.
fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

export!(Replay);

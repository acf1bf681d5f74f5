//! What a plugin must not do, or not for long. `black_box` keeps the optimizer from removing it.

use std::hint::black_box;

use crate::Probe;
use crate::exports::probe::probe::abuses::Guest;

impl Guest for Probe {
    fn panic(message: String) {
        panic!("{message}");
    }

    fn spin() {
        loop {
            black_box(());
        }
    }

    fn recurse() -> u32 {
        deeper(black_box(1))
    }

    fn allocate(bytes: u32) -> u32 {
        let memory = black_box(vec![1_u8; bytes as usize]);
        memory.iter().map(|byte| u32::from(*byte)).sum()
    }

    fn churn(bytes: u32, rounds: u32) -> u64 {
        (0..rounds).map(|_| black_box(vec![1_u8; bytes as usize]).len() as u64).sum()
    }

    fn nest(depth: u32, address: Option<u32>) -> u32 {
        nest(depth, address)
    }

    fn frame(bytes: u32) -> u32 {
        match bytes {
            256 => frame::<256>(),
            65_536 => frame::<65_536>(),
            _ => frame::<1_000_000>(),
        }
    }

    fn produce(bytes: u32) -> Vec<u8> {
        vec![1; bytes as usize]
    }
}

#[allow(unconditional_recursion, reason = "the function exists to recurse")]
fn deeper(depth: u32) -> u32 {
    let below = deeper(black_box(depth.wrapping_add(1)));
    black_box(below).wrapping_add(depth)
}

/// Bytes of the stack in each nested call.
const KIB: usize = 1_024;

fn nest(depth: u32, address: Option<u32>) -> u32 {
    let mut kept = [1_u8; KIB];
    // Its address is passed on, so it stays on the stack.
    black_box(&mut kept);
    let below = if depth > 0 { nest(depth - 1, address) } else { bottom(address) };
    below + u32::from(kept[depth as usize % KIB])
}

/// Calls a function of the host that returns its result through the stack.
fn bottom(address: Option<u32>) -> u32 {
    let named = palisade_sdk::raw::request_context::request().plugin.len();
    // SAFETY: none. This is the wild pointer that the tests are about; the worst that it does is to trap.
    let read = address.map_or(0, |address| unsafe { (address as usize as *const u8).read_volatile() });
    u32::try_from(named).unwrap_or(0) + u32::from(read)
}

#[inline(never)]
fn frame<const BYTES: usize>() -> u32 {
    let mut kept = [0_u8; BYTES];
    for index in (0..BYTES).step_by(64) {
        kept[index] = 1;
    }
    black_box(&mut kept);
    kept.iter().map(|byte| u32::from(*byte)).sum()
}

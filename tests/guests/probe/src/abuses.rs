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

    fn produce(bytes: u32) -> Vec<u8> {
        vec![1; bytes as usize]
    }
}

#[allow(unconditional_recursion, reason = "the function exists to recurse")]
fn deeper(depth: u32) -> u32 {
    let below = deeper(black_box(depth.wrapping_add(1)));
    black_box(below).wrapping_add(depth)
}

//! What a case consists of: everything in it comes from its seed, through here.

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

/// A case's choices.
pub struct Dice(ChaCha8Rng);

impl Dice {
    /// The choices of the case with this seed.
    pub fn new(seed: u64) -> Self {
        Self(ChaCha8Rng::seed_from_u64(seed))
    }

    /// A number below this one; 0 where there is none.
    pub fn below(&mut self, end: usize) -> usize {
        self.0.random_range(0..end.max(1))
    }

    /// Yes, once in so many times.
    pub fn one_in(&mut self, times: usize) -> bool {
        self.below(times) == 0
    }

    /// One of these.
    pub fn pick<'a, T>(&mut self, from: &'a [T]) -> &'a T {
        &from[self.below(from.len())]
    }

    /// Any bits.
    pub fn word(&mut self) -> u64 {
        self.0.random()
    }

    /// Any bytes.
    pub fn bytes(&mut self, length: usize) -> Vec<u8> {
        let mut bytes = vec![0; length];
        self.0.fill(&mut bytes[..]);
        bytes
    }

    /// Bits that are an integer at the edge of some type more often than not.
    pub fn integer(&mut self) -> u64 {
        let power = 1_u64 << self.below(64);
        match self.below(8) {
            0 | 1 => self.below(4) as u64,
            2 => self.below(100) as u64,
            3 => power,
            4 => power.wrapping_sub(1),
            5 => power.wrapping_add(1),
            6 => power.wrapping_neg(),
            _ => self.word(),
        }
    }

    /// Bits that are a float at the edge of what floats can be, more often than not.
    pub fn float(&mut self) -> f64 {
        let edges = [
            0.0,
            -0.0,
            1.0,
            0.1,
            f64::NAN,
            f64::INFINITY,
            f64::NEG_INFINITY,
            f64::MAX,
            f64::MIN_POSITIVE,
            f64::EPSILON,
            9_007_199_254_740_993.0,
            f64::from_bits(1),
        ];
        if self.one_in(3) { f64::from_bits(self.word()) } else { *self.pick(&edges) }
    }
}

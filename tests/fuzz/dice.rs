//! The random choices of a case. Everything in a case comes from its seed.

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

/// The choices of one case.
pub struct Dice(ChaCha8Rng);

impl Dice {
    /// The choices of the case with this seed.
    pub fn new(seed: u64) -> Self {
        Self(ChaCha8Rng::seed_from_u64(seed))
    }

    /// A number below `end`, or 0 if `end` is 0.
    pub fn below(&mut self, end: usize) -> usize {
        self.0.random_range(0..end.max(1))
    }

    /// True once in this many times on average.
    pub fn one_in(&mut self, times: usize) -> bool {
        self.below(times) == 0
    }

    /// One of these values.
    pub fn pick<'a, T>(&mut self, from: &'a [T]) -> &'a T {
        &from[self.below(from.len())]
    }

    /// Any 64 bits.
    pub fn word(&mut self) -> u64 {
        self.0.random()
    }

    /// This many random bytes.
    pub fn bytes(&mut self, length: usize) -> Vec<u8> {
        let mut bytes = vec![0; length];
        self.0.fill(&mut bytes[..]);
        bytes
    }

    /// Bits of an integer, most often one at the edge of some type.
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

    /// A float, most often an extreme one.
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

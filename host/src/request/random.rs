//! Randomness: from a seed in a query or mutation, from the operating system in an action.

use palisade_guard::kind::Kind;
use palisade_guard::limits::SECRET_BYTES;
use palisade_guard::name::PluginName;
use rand::rngs::SysRng;
use rand::{Rng, SeedableRng, TryRng};
use rand_chacha::ChaCha20Rng;
use sha2::{Digest, Sha256};

/// 256 bits from the operating system. They are drawn once for an invocation and kept if it runs again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Seed([u8; SECRET_BYTES]);

impl Seed {
    /// Draws a seed.
    pub(crate) fn draw() -> Self {
        Self(rand::random())
    }

    /// The seed with these bytes, for a replay.
    pub(crate) fn of(bytes: [u8; SECRET_BYTES]) -> Self {
        Self(bytes)
    }

    /// The seed's bytes.
    pub(crate) fn bytes(self) -> [u8; SECRET_BYTES] {
        self.0
    }

    /// The seed of one plugin within a request. No plugin can compute another plugin's bytes from its own.
    pub(crate) fn of_plugin(self, name: &PluginName) -> Self {
        Self(Sha256::new().chain_update(self.0).chain_update(name.as_str()).finalize().into())
    }

    fn generator(self) -> ChaCha20Rng {
        ChaCha20Rng::from_seed(self.0)
    }

    /// The generator of this seed, made now if it is missing.
    fn start(self, generator: &mut Option<Box<ChaCha20Rng>>) -> &mut ChaCha20Rng {
        generator.get_or_insert_with(|| Box::new(self.generator()))
    }
}

/// The generator of one invocation.
pub(crate) enum Random {
    /// The same bytes for the same seed. The generator is made when bytes are first drawn, because most invocations draw none.
    Seeded(Seed, Option<Box<ChaCha20Rng>>),
    /// The operating system's generator.
    System,
}

impl Random {
    pub(crate) fn new(kind: Kind, seed: Seed) -> Self {
        match kind {
            Kind::Query | Kind::Mutation => Self::Seeded(seed, None),
            Kind::Action => Self::System,
        }
    }

    /// Fills a buffer.
    pub(crate) fn fill(&mut self, bytes: &mut [u8]) -> Result<(), String> {
        match self {
            Self::Seeded(seed, generator) => {
                seed.start(generator).fill_bytes(bytes);
                Ok(())
            }
            Self::System => SysRng.try_fill_bytes(bytes).map_err(|error| error.to_string()),
        }
    }

    /// Bytes for the host's own use, such as identifiers.
    pub(crate) fn array<const N: usize>(&mut self) -> [u8; N] {
        let mut bytes = [0; N];
        match self {
            Self::Seeded(seed, generator) => seed.start(generator).fill_bytes(&mut bytes),
            Self::System => rand::rng().fill_bytes(&mut bytes),
        }
        bytes
    }

    /// A separate generator from the same seed, for WASI. Drawing from it does not change the bytes of this one: when a guest's
    /// standard library first uses WASI depends on its compiler, and that must not change what the contract's `random` returns.
    pub(crate) fn aside(&self, stream: u64) -> ChaCha20Rng {
        match self {
            Self::Seeded(seed, _) => {
                let mut aside = seed.generator();
                aside.set_stream(stream);
                aside
            }
            Self::System => ChaCha20Rng::from_seed(rand::random()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seeded_bytes_repeat_with_the_seed_and_only_with_it() {
        let draw = |seed| {
            let mut bytes = [0; 64];
            Random::new(Kind::Mutation, seed).fill(&mut bytes).unwrap();
            bytes
        };
        assert_eq!(draw(Seed([1; 32])), draw(Seed([1; 32])));
        assert_ne!(draw(Seed([1; 32])), draw(Seed([2; 32])));
    }

    #[test]
    fn seeded_bytes_of_two_plugins_in_one_request_differ() {
        let draw = |name| {
            let seed = Seed([1; 32]).of_plugin(&PluginName::parse(name).unwrap());
            Random::new(Kind::Query, seed).array::<32>()
        };
        assert_ne!(draw("a"), draw("b"));
        assert_eq!(draw("a"), draw("a"));
    }

    #[test]
    fn separate_stream_depends_only_on_the_seed_and_takes_no_bytes() {
        let start = |seed| Random::new(Kind::Query, Seed([seed; 32]));
        let aside = |random: &Random, stream| {
            let mut bytes = [0; 32];
            random.aside(stream).fill_bytes(&mut bytes);
            bytes
        };
        let mut late = start(1);
        let drawn: [u8; 32] = late.array();
        assert_eq!(aside(&late, 1), aside(&start(1), 1), "the same before and after drawing");
        assert_eq!(late.array::<32>(), {
            let mut other = start(1);
            let _same: [u8; 32] = other.array();
            other.array::<32>()
        });
        let all = [drawn, aside(&start(1), 1), aside(&start(1), 2), aside(&start(2), 1)];
        assert!(all.iter().enumerate().all(|(index, bytes)| !all[..index].contains(bytes)));
    }

    #[test]
    fn system_bytes_do_not_repeat() {
        let mut random = Random::new(Kind::Action, Seed([1; 32]));
        assert_ne!(random.array::<32>(), Random::new(Kind::Action, Seed([1; 32])).array::<32>());
    }
}

//! The options that repeat a call of the command line exactly.

use crate::output;
use anyhow::Result;
use clap::Args;
use palisade::Replay;
use palisade_guard::limits::SECRET_BYTES;
use palisade_guard::request_context::RequestId;

/// The instant and the seed of a query or mutation. Only for calls without a server: no server takes them.
#[derive(Debug, Args)]
#[command(next_help_heading = "Running a query or mutation again")]
pub(super) struct ReplayArgs {
    /// The seed of the random numbers, 64 hexadecimal digits
    #[arg(long, value_name = "HEX", value_parser = seed, requires = "at", conflicts_with = "url")]
    seed: Option<[u8; SECRET_BYTES]>,
    /// The time that the clock shows, such as `2026-01-31T12:00:00.000001Z`
    #[arg(long, value_name = "INSTANT", value_parser = instant, requires = "seed")]
    at: Option<i64>,
    /// The id of the request, which a plugin can read and the log shows
    #[arg(long, value_name = "ID", value_parser = request, conflicts_with = "url")]
    request: Option<RequestId>,
}

impl ReplayArgs {
    /// The instant and the seed, if they are given.
    pub(super) fn replay(&self) -> Result<Option<Replay>> {
        let (Some(seed), Some(at)) = (self.seed, self.at) else { return Ok(None) };
        let replay = Replay::of(seed, at);
        replay.map(Some).ok_or_else(|| output::usage("--at must be between the years 1970 and 9999"))
    }

    /// The request's id, if one is given, else a new one.
    pub(super) fn request(&self) -> RequestId {
        self.request.clone().unwrap_or_else(RequestId::random)
    }
}

fn seed(text: &str) -> Result<[u8; SECRET_BYTES], String> {
    let mut seed = [0; SECRET_BYTES];
    hex::decode_to_slice(text, &mut seed).map_err(|_| "a seed must be 64 hexadecimal digits".to_owned())?;
    Ok(seed)
}

/// Microseconds since 1970. The contract has none finer, so a finer instant is rejected and not cut off.
pub(super) fn instant(text: &str) -> Result<i64, String> {
    let instant: jiff::Timestamp = text.parse().map_err(|error: jiff::Error| error.to_string())?;
    let us = instant.as_microsecond();
    let is_whole = jiff::Timestamp::from_microsecond(us).is_ok_and(|whole| whole == instant);
    if is_whole { Ok(us) } else { Err("an instant must be in whole microseconds".to_owned()) }
}

fn request(text: &str) -> Result<RequestId, String> {
    RequestId::parse(text).ok_or_else(|| "a request's id must be 1 to 64 visible ASCII characters".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn malformed_seed_is_rejected() {
        for text in ["", "00", &"0".repeat(63), &"0".repeat(65), &"g".repeat(64)] {
            assert!(seed(text).is_err(), "{text}");
        }
        assert_eq!(seed(&"0f".repeat(SECRET_BYTES)), Ok([15; SECRET_BYTES]));
    }

    #[test]
    fn malformed_instant_or_one_finer_than_microseconds_is_rejected() {
        for text in ["", "yesterday", "2026-01-31", "2026-01-31T12:00:00.0000001Z"] {
            assert!(instant(text).is_err(), "{text}");
        }
        assert_eq!(instant("1970-01-01T00:00:01.000001Z"), Ok(1_000_001));
        assert_eq!(instant("1970-01-01T01:00:00+01:00"), Ok(0));
    }

    #[test]
    fn replay_needs_a_seed_and_an_instant_in_range() {
        let replay = |seed, at| ReplayArgs { seed, at, request: None }.replay();
        assert_eq!(replay(None, None).unwrap(), None);
        assert!(replay(Some([1; SECRET_BYTES]), Some(-1)).is_err());
        assert_eq!(replay(Some([1; SECRET_BYTES]), Some(5)).unwrap(), Replay::of([1; SECRET_BYTES], 5));
    }
}

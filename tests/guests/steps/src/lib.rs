//! Makes several calls of the contract in one invocation, and several invocations in one request: the presave tap
//! stores a word in the request's context, and the changed and view taps log what they find there.

palisade_sdk::plugin! { path: "wit" }

use exports::palisade::plugin::tap_item_changed::{self, Change};
use exports::palisade::plugin::{tap_item_presave, tap_item_view};
use exports::probe::steps::sequences::{CacheError, ContextError, Guest, RandomError, Usage};
use palisade_sdk::item::{Draft, Item};
use palisade_sdk::raw::variables::Value;
use palisade_sdk::raw::{cache, clock, logging, random, request_context, variables, variables_write};
use palisade_sdk::taps::Refusal;

struct Steps;

/// Bytes that distinguish the random bytes of two runs.
const SAMPLE_BYTES: u32 = 16;
/// The key under which the presave tap stores its word.
const KEY: &str = "word";

impl Guest for Steps {
    fn set_then_fail(label: String) -> Result<(), String> {
        variables_write::set("label", &Value::Text(label))?;
        Err("failed after the set".to_owned())
    }

    fn set_then_trap(label: String) {
        let _set = variables_write::set("label", &Value::Text(label));
        panic!("trapped after the set")
    }

    fn increment() -> Result<i64, String> {
        log(&format!("{} {:?}", clock::now(), random::bytes(SAMPLE_BYTES)?));
        let Value::Integer(count) = variables::get("count")? else { return Err("no integer".to_owned()) };
        variables_write::set("count", &Value::Integer(count + 1))?;
        Ok(count + 1)
    }

    fn cache_then_fail(key: String) -> Result<(), String> {
        cache::set(&key, b"kept", &cache::Retention { ttl_ms: None, tags: Vec::new() })?;
        Err("failed after the set".to_owned())
    }

    fn cache_fill(key: String, bytes: u32) -> Result<(), CacheError> {
        cache::set(&key, &vec![1; bytes as usize], &cache::Retention { ttl_ms: None, tags: Vec::new() })
    }

    fn context_set_then_get(key: String, value: Vec<u8>) -> Result<Option<Vec<u8>>, ContextError> {
        request_context::set(&key, &value)?;
        request_context::get(&key)
    }

    fn context_fill(count: u32, bytes: u32) -> Result<Vec<Usage>, ContextError> {
        for key in (0..count).filter_map(|index| char::from_u32('!' as u32 + index)) {
            request_context::set(&key.to_string(), &vec![1; bytes as usize])?;
        }
        Ok(request_context::remaining())
    }

    fn random(lengths: Vec<u32>) -> Result<Vec<Vec<u8>>, RandomError> {
        let sample = |mut bytes: Vec<u8>| {
            bytes.truncate(SAMPLE_BYTES as usize);
            bytes
        };
        lengths.into_iter().map(|length| random::bytes(length).map(sample)).collect()
    }

    fn log_then_fail(message: String) -> Result<(), String> {
        log(&message);
        Err("failed after the record".to_owned())
    }
}

impl tap_item_presave::Guest for Steps {
    fn presave(_previous: Option<Item>, draft: Draft) -> Result<Draft, Refusal> {
        found("presave")?;
        request_context::set(KEY, request_context::request().plugin.as_bytes())?;
        Ok(draft)
    }
}

impl tap_item_changed::Guest for Steps {
    fn changed(_change: Change) -> Result<(), Refusal> {
        found("changed")
    }
}

impl tap_item_view::Guest for Steps {
    fn view(item: Item) -> String {
        let _logged = found("view");
        item.fields
    }
}

fn found(tap: &str) -> Result<(), Refusal> {
    let word = request_context::get(KEY)?.map(|word| String::from_utf8_lossy(&word).into_owned());
    log(&format!("{tap} found {word:?}"));
    Ok(())
}

fn log(message: &str) {
    logging::log(logging::Level::Info, message, &[]);
}

export!(Steps);

//! Loads arbitrary bytes as a component: it loads and can be called, or it is rejected with a message.
//!
//! The bytes take the path of every plugin: a host reads, checks, compiles and links a folder with a manifest, and
//! installs it in a database. The manifest lists the exports of the component, as far as they can be read, so that
//! the host does not reject every damaged component because of the manifest.

use super::campaign::{Fuzzer, Tally};
use super::dice::Dice;
use super::mutate::{damaged, wrapped};
use crate::harness::{World, guest};
use crate::hostile;
use arbitrary::Unstructured;
use palisade::limits::{Limit, Limits};
use palisade::{CallError, Host, LoadError, Policy};
use serde_json::json;
use std::path::Path;
use tempfile::TempDir;
use wasmparser::{Parser, Payload};

pub struct Loader {
    /// Dropped last, because it owns the database.
    world: World,
    host: Host,
    /// The binaries to damage, by name.
    seeds: Vec<(String, Vec<u8>)>,
    _compiled: TempDir,
}

/// The guests to damage. They are small, so that they compile quickly if the damage leaves them valid.
const GUESTS: [&str; 4] = ["greeter", "resourceful", "types", "steps"];
/// A hostile component with more bytes has its own test instead.
const SEED_BYTES_MAX: usize = 64 * 1024;
/// The maximum length of an error message in bytes, including the difference between manifest and component.
const SENTENCE_BYTES_MAX: usize = 12_000;
const SENTENCE_LINES_MAX: usize = 40;

impl Fuzzer for Loader {
    const NAME: &'static str = "loader";
    const TEST: &'static str = "fuzz::component_of_arbitrary_bytes_is_loaded_or_rejected";
    const SMOKE: u64 = 250;
    const CASES_PER_ARENA: u64 = 500;

    async fn new() -> Self {
        let world = World::new().await;
        // Compiled code goes to a separate folder, because no other test uses it.
        let compiled = tempfile::tempdir().unwrap();
        let host = world.builder().compiled_code(compiled.path()).build().await.unwrap();
        host.load(guest("greeter"), &Policy::harmless()).await.unwrap();
        let built = GUESTS.map(|name| (name.to_owned(), component(&guest(name))));
        let hostile = hostile::components().filter(|(_, bytes)| bytes.len() <= SEED_BYTES_MAX);
        Self { world, host, seeds: built.into_iter().chain(hostile).collect(), _compiled: compiled }
    }

    async fn case(&mut self, dice: &mut Dice) -> Result<Vec<String>, String> {
        let (what, bytes) = self.binary(dice);
        let folder = plugin(dice, &bytes);
        let limits = Limits::unlimited().with(Limit::GuestTime, 200).with(Limit::WallTime, 5_000);
        let policy = Policy::as_asked().limits(limits.with(Limit::ActionTime, 5_000));
        let ended = match self.host.load(folder.path(), &policy).await {
            Ok(_) => self.call().await?,
            Err(error) => refused(&error)?,
        };
        Ok(vec![format!("{what}: {ended}")])
    }

    async fn end(self) -> Result<(), String> {
        let greeting = self.host.call("greeter", "greeting/greet").arguments(json!({ "name": "Ada" }));
        let greeting = greeting.await.map_err(|error| format!("the neighbour is not served: {error}"))?;
        assert_eq!(greeting.value, json!("Hello, Ada!"));
        self.host.stop().await;
        drop(self.world);
        Ok(())
    }

    fn check_outcomes(tally: &Tally) -> Result<(), String> {
        for what in ["loaded", "no WebAssembly", "core module", "malformed", "is refused", "differ"] {
            if !tally.keys().any(|outcome| outcome.contains(what)) {
                return Err(format!("no case ended with `{what}`: {tally:?}"));
            }
        }
        Ok(())
    }
}

impl Loader {
    /// The bytes of a component, and how they were made.
    fn binary(&self, dice: &mut Dice) -> (&'static str, Vec<u8>) {
        let length = 1 << dice.below(12);
        let entropy = dice.bytes(length.max(512));
        let mut from = Unstructured::new(&entropy);
        let config = wasm_smith::Config { max_imports: 3, ..wasm_smith::Config::default() };
        match dice.below(12) {
            0 => {
                let heads: [&[u8]; 3] = [b"", b"\0asm\x01\0\0\0", b"\0asm\x0d\0\x01\0"];
                ("any bytes", [dice.pick(&heads), &dice.bytes(length)[..]].concat())
            }
            1 => match wasm_smith::Component::new(config, &mut from) {
                Ok(component) => ("any component", component.to_bytes()),
                Err(_) => ("any bytes", entropy),
            },
            2 | 3 => match wasm_smith::Module::new(config, &mut from) {
                Ok(module) if dice.one_in(4) => ("any module", module.to_bytes()),
                Ok(module) => ("any module in a component", wrapped(&module.to_bytes())),
                Err(_) => ("any bytes", entropy),
            },
            _ => {
                let (_, bytes) = dice.pick(&self.seeds);
                let (_, other) = dice.pick(&self.seeds);
                ("damaged", damaged(dice, bytes, other))
            }
        }
    }

    /// Calls the loaded plugin. The call may fail, but the host must not.
    async fn call(&self) -> Result<String, String> {
        let plugins = self.host.plugins();
        let loaded = plugins
            .iter()
            .find(|plugin| plugin.name == "odd")
            .ok_or("the plugin is loaded but not listed")?;
        for function in &loaded.functions {
            let called = self.host.call("odd", &function.path).await;
            if let Err(error @ (CallError::Internal { .. } | CallError::Unavailable { .. })) = called {
                return Err(format!("{}: {error:?}", function.path));
            }
        }
        Ok("loaded".into())
    }
}

/// A folder with this component as a plugin.
fn plugin(dice: &mut Dice, bytes: &[u8]) -> TempDir {
    let (mut exports, mut taps) = (Vec::new(), Vec::new());
    // Sometimes one export is left out.
    for name in exported(bytes) {
        if dice.one_in(12) {
            continue;
        }
        match name.strip_prefix("palisade:plugin/tap-") {
            Some("cron") => taps.push("cron = { every = \"1 h\" }".to_owned()),
            Some(tap) => taps.push(format!("{tap} = {{}}")),
            None => {
                exports.push(format!("\"{name}\" = \"{}\"", dice.pick(&["query", "mutation", "action"])));
            }
        }
    }
    let grants = "db = { query = true, execute = true }\nvariables = [\"write\"]\nuser = [\"get\"]";
    let (exports, taps) = (exports.join("\n"), taps.join("\n"));
    crate::harness::odd(bytes, &format!("[exports]\n{exports}\n[taps]\n{taps}\n[grants]\n{grants}\n"))
}

/// The interfaces that a component exports, as far as it can be read, without versions and duplicates.
fn exported(bytes: &[u8]) -> Vec<String> {
    let mut names = Vec::new();
    let mut depth = 0;
    for payload in Parser::new(0).parse_all(bytes).map_while(Result::ok) {
        match payload {
            Payload::Version { .. } => depth += 1,
            Payload::End(_) => depth -= 1,
            Payload::ComponentExportSection(section) if depth == 1 => {
                names.extend(section.into_iter().map_while(Result::ok).map(|export| export.name.name));
            }
            _ => {}
        }
    }
    let plain = names.iter().map(|name| name.split('@').next().unwrap_or(name).to_owned());
    let mut plain: Vec<String> = plain.filter(|name| is_interface(name)).collect();
    plain.sort();
    plain.dedup();
    plain
}

/// Whether a manifest can contain this name.
fn is_interface(name: &str) -> bool {
    let is_plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || ":/-".contains(c);
    name.chars().all(is_plain) && name.matches(':').count() == 1 && name.matches('/').count() == 1
}

/// The reason of a rejection, or an error if the message is not one about a component.
fn refused(error: &LoadError) -> Result<String, String> {
    let text = error.to_string();
    let is_sentence = text.len() <= SENTENCE_BYTES_MAX
        && text.lines().count() <= SENTENCE_LINES_MAX
        && !text.chars().any(|c| c.is_control() && c != '\n')
        && !["panicked", "ended early", "backtrace", ".rs:", "/root", "/home"]
            .iter()
            .any(|word| text.contains(word));
    let is_the_plugins = matches!(error, LoadError::Component { .. } | LoadError::Manifest(_));
    if !is_sentence || !is_the_plugins || (text.contains('\n') && !text.contains("\npalisade.toml (-) and")) {
        return Err(format!("not a message about a component: {error:?}"));
    }
    // The text after the plugin's name, shortened so that it can be counted.
    let about = text.split_once(": ").map_or(text.as_str(), |(_, about)| about).replace('\n', " ");
    let kinds =
        ["no WebAssembly", "core module", "malformed", "is refused", "differ", "does not fit", "imports"];
    let kind = kinds.into_iter().find(|kind| about.contains(kind));
    Ok(kind.map_or_else(|| about.chars().take(60).collect(), str::to_owned))
}

fn component(folder: &Path) -> Vec<u8> {
    let name = folder.file_name().unwrap().to_string_lossy();
    std::fs::read(folder.join(format!("{name}.wasm"))).unwrap()
}

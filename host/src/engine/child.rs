//! The compiler's child process: it confines itself, reads one component, and writes compiled code or a sentence. See
//! `compiler.rs`.

use crate::engine::compiler::{COMPILED, GREETING};
use crate::engine::{self, Fuel, confinement, types};
use palisade_guard::limits::COMPONENT_BYTES_MAX;
use std::io::{Read, Write, stdin, stdout};

/// Bytes that the host sends before the component: whether fuel is counted, and the hash of the engine's settings.
const HEAD_BYTES: usize = 9;
/// The first byte of an answer that is a sentence and not compiled code.
const REFUSED: u8 = 1;

/// Runs the child and returns its exit code.
pub(super) fn run() -> i32 {
    let done = greet().and_then(|()| answer());
    i32::from(done.is_err())
}

fn greet() -> std::io::Result<()> {
    // A compiler that was taken over gains no rights from setuid programs.
    rustix::thread::set_no_new_privs(true)?;
    let mut out = stdout();
    out.write_all(GREETING)?;
    out.flush()
}

fn answer() -> std::io::Result<()> {
    let (mut head, mut component) = ([0; HEAD_BYTES], Vec::new());
    stdin().read_exact(&mut head)?;
    // Not before the head is there: until then the host, which may only be allowed to limit processes of its own user, sets the
    // limits.
    let missing = confinement::confine_process();
    stdin().take(COMPONENT_BYTES_MAX).read_to_end(&mut component)?;
    let [fuel, settings @ ..] = head;
    let fuel = if fuel == 0 { Fuel::Uncounted } else { Fuel::Counted };
    let mut out = stdout();
    match compile(fuel, u64::from_le_bytes(settings), &component) {
        Ok(compiled) => {
            out.write_all(&[COMPILED, missing.0])?;
            out.write_all(&compiled)?;
        }
        Err(sentence) => {
            out.write_all(&[REFUSED])?;
            out.write_all(sentence.as_bytes())?;
        }
    }
    out.flush()
}

fn compile(fuel: Fuel, settings: u64, component: &[u8]) -> Result<Vec<u8>, String> {
    let engine = engine::compiling(fuel).map_err(|error| engine::innermost(&error))?;
    if engine::settings(&engine) != settings {
        return Err("the compiler has other settings than the host: use the same build of it".into());
    }
    types::check(component)?;
    engine.precompile_component(component).map_err(|error| engine::innermost(&error))
}

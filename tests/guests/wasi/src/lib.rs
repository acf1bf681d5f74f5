//! A guest with a real standard library. It tries everything that WASI could provide and returns the result.

palisade_sdk::plugin! { path: "wit" }

mod imports;
mod printing;

use exports::probe::wasi::{actions, attempts, changes};
use std::collections::HashMap;
use std::io::Read as _;
use std::net::{TcpListener, TcpStream, ToSocketAddrs as _};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

struct Wasi;

impl attempts::Guest for Wasi {
    fn reach(what: String) -> Result<String, String> {
        let text = |error: std::io::Error| error.to_string();
        match what.as_str() {
            "file" => std::fs::read_to_string("/etc/passwd").map_err(text),
            "list" => std::fs::read_dir("/").map(|entries| entries.count().to_string()).map_err(text),
            "write" => std::fs::write("/tmp/palisade-was-here", "x").map(|()| "written".into()).map_err(text),
            "environment" => std::env::vars().next().map(|(name, _)| name).ok_or_else(|| "empty".into()),
            "arguments" => std::env::args().next().ok_or_else(|| "empty".into()),
            "stdin" => {
                let mut input = String::new();
                let read = std::io::stdin().read_to_string(&mut input).map_err(text)?;
                if read == 0 { Err("at its end".into()) } else { Ok(input) }
            }
            "connect" => TcpStream::connect("127.0.0.1:22").map(|_| "connected".into()).map_err(text),
            "listen" => TcpListener::bind("127.0.0.1:0").map(|_| "listening".into()).map_err(text),
            "resolve" => {
                "localhost:80".to_socket_addrs().map(|found| found.count().to_string()).map_err(text)
            }
            "process" => {
                std::process::Command::new("/bin/true").spawn().map(|_| "spawned".into()).map_err(text)
            }
            other => Err(format!("no attempt is named {other}")),
        }
    }

    fn print(text: String) {
        println!("{text}");
        eprintln!("{text}");
    }

    fn clocks() -> (u64, u64) {
        clocks()
    }

    fn random(length: u32) -> u32 {
        random(length)
    }

    fn order() -> String {
        let map: HashMap<u32, ()> = (0..10).map(|key| (key, ())).collect();
        map.keys().map(u32::to_string).collect::<Vec<_>>().join(" ")
    }

    fn probe(name: String) -> String {
        imports::probe(&name)
    }

    fn spin(ms: u64) -> u64 {
        imports::spin(ms)
    }

    fn sleep(ms: u64) {
        std::thread::sleep(Duration::from_millis(ms));
    }
}

impl changes::Guest for Wasi {
    fn probe(name: String) -> String {
        imports::probe(&name)
    }

    fn spin(ms: u64) -> u64 {
        imports::spin(ms)
    }
}

impl actions::Guest for Wasi {
    fn random(length: u32) -> u32 {
        random(length)
    }

    fn clocks() -> (u64, u64) {
        clocks()
    }

    fn spin(ms: u64) -> u64 {
        imports::spin(ms)
    }

    fn sleep(ms: u64) {
        std::thread::sleep(Duration::from_millis(ms));
    }
}

#[link(wasm_import_module = "wasi_snapshot_preview1")]
unsafe extern "C" {
    /// The WASI function that `getrandom` calls.
    fn random_get(buffer: *mut u8, length: usize) -> u16;
}

fn random(length: u32) -> u32 {
    let mut bytes = vec![0_u8; length as usize];
    // SAFETY: `buffer` has `length` bytes.
    let failed = unsafe { random_get(bytes.as_mut_ptr(), bytes.len()) };
    assert_eq!(failed, 0, "no random bytes");
    bytes.into_iter().map(|byte| u32::from(byte != 0)).sum()
}

fn clocks() -> (u64, u64) {
    let started = Instant::now();
    let wall = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    for round in 0..100_000_u32 {
        std::hint::black_box(round);
    }
    let nanoseconds = |time: u128| u64::try_from(time).unwrap_or(u64::MAX);
    (nanoseconds(wall.as_nanos()), nanoseconds(started.elapsed().as_nanos()))
}

export!(Wasi);

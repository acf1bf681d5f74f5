//! Prints to standard output and error, byte by byte as it is told.

use crate::Wasi;
use crate::exports::probe::wasi::printing::{End, Guest};
use palisade_sdk::logging::{Level, log};
use palisade_sdk::raw::request_context;
use std::hint::black_box;
use wasip2::cli::{stderr, stdout};
use wasip2::io::streams::OutputStream;

/// Bytes of the stack in each nested call.
const KIB: usize = 1_024;

impl Guest for Wasi {
    fn write(to_stderr: bool, pieces: Vec<Vec<u8>>, end: End) {
        let stream = stream(to_stderr);
        for piece in pieces {
            let _ = stream.blocking_write_and_flush(&piece);
        }
        match end {
            End::Returns => {}
            End::Traps => std::process::abort(),
            End::Spins => loop {
                black_box(());
            },
            End::Overflows => {
                black_box(nest(black_box(u32::MAX)));
            }
        }
    }

    fn flood(to_stderr: bool, piece: Vec<u8>, times: u32) -> u32 {
        let stream = stream(to_stderr);
        (0..times).filter(|_| stream.blocking_write_and_flush(&piece).is_ok()).count().try_into().unwrap_or(0)
    }

    fn write_at_once(bytes: u32) {
        let _ = stream(false).write(&vec![b'\n'; bytes as usize]);
    }

    fn interleave() {
        let (output, error) = (stream(false), stream(true));
        let print = |stream: &OutputStream, text: &str| {
            let _ = stream.blocking_write_and_flush(text.as_bytes());
        };
        print(&output, "one\n");
        log(Level::Info, "two", &[]);
        print(&error, "three\nfi");
        log(Level::Error, "four", &[]);
        print(&output, "si");
        print(&error, "ve\n");
        print(&output, "x\nlast");
    }

    fn remaining() -> Vec<u64> {
        let used = || {
            let all = request_context::remaining();
            all.iter().find(|usage| usage.which == "log-records").map_or(0, |usage| usage.used)
        };
        let before = used();
        let _ = stream(false).blocking_write_and_flush(b"one\ntwo\nthr");
        vec![before, used()]
    }
}

fn stream(to_stderr: bool) -> OutputStream {
    if to_stderr { stderr::get_stderr() } else { stdout::get_stdout() }
}

fn nest(depth: u32) -> u32 {
    let mut kept = [1_u8; KIB];
    black_box(&mut kept);
    if depth > 0 { nest(depth - 1) + u32::from(kept[0]) } else { 0 }
}

//! Calls each WASI import directly. Those that need a resource which no import gives out are not here.

use std::fmt::Debug;
use wasip2::cli::{environment, exit, stderr, stdin, stdout};
use wasip2::cli::{terminal_stderr, terminal_stdin, terminal_stdout};
use wasip2::clocks::{monotonic_clock, wall_clock};
use wasip2::filesystem::preopens;
use wasip2::io::poll::poll;
use wasip2::random::{insecure, insecure_seed, random};
use wasip2::sockets::network::IpAddressFamily;
use wasip2::sockets::{instance_network, ip_name_lookup, tcp_create_socket, udp_create_socket};

/// Nanoseconds of a millisecond.
const MS: u64 = 1_000_000;
/// Milliseconds that no test waits for.
const LONG: u64 = 3_600_000;

/// How often a timer was not over yet.
pub fn spin(ms: u64) -> u64 {
    let timer = monotonic_clock::subscribe_duration(ms * MS);
    let mut waited = 0;
    while !timer.ready() {
        waited += 1;
    }
    waited
}

/// The answer of an import that returns nothing.
const DONE: &str = "()";

/// Calls one import and returns the answer as text.
pub fn probe(name: &str) -> String {
    match name {
        "cli/environment#get-environment" => show(environment::get_environment()),
        "cli/environment#get-arguments" => show(environment::get_arguments()),
        "cli/environment#initial-cwd" => show(environment::initial_cwd()),
        "cli/exit#exit" => {
            exit::exit(Ok(()));
            DONE.to_owned()
        }
        "cli/exit#exit-with-code" => {
            exit::exit_with_code(3);
            DONE.to_owned()
        }
        "cli/stdin#get-stdin" => given(stdin::get_stdin()),
        "cli/stdout#get-stdout" => given(stdout::get_stdout()),
        "cli/stderr#get-stderr" => given(stderr::get_stderr()),
        "cli/terminal-stdin#get-terminal-stdin" => found(terminal_stdin::get_terminal_stdin()),
        "cli/terminal-stdout#get-terminal-stdout" => found(terminal_stdout::get_terminal_stdout()),
        "cli/terminal-stderr#get-terminal-stderr" => found(terminal_stderr::get_terminal_stderr()),
        "filesystem/preopens#get-directories" => show(preopens::get_directories().len()),
        other => {
            clocks(other).or_else(|| randomness(other)).or_else(|| streams(other)).or_else(|| sockets(other))
        }
        .unwrap_or_else(|| format!("no import is named {other}")),
    }
}

fn clocks(name: &str) -> Option<String> {
    let timer = || monotonic_clock::subscribe_duration(LONG * MS);
    Some(match name {
        "clocks/monotonic-clock#now" => show(monotonic_clock::now()),
        "clocks/monotonic-clock#resolution" => show(monotonic_clock::resolution()),
        "clocks/monotonic-clock#subscribe-instant" => {
            show(monotonic_clock::subscribe_instant(u64::MAX).ready())
        }
        "clocks/monotonic-clock#subscribe-duration" => show(timer().ready()),
        "clocks/wall-clock#now" => show(wall_clock::now()),
        "clocks/wall-clock#resolution" => show(wall_clock::resolution()),
        "io/poll#[method]pollable.ready" => show([spin(3), spin(0), spin(LONG)]),
        "io/poll#[method]pollable.block" => {
            timer().block();
            DONE.to_owned()
        }
        "io/poll#poll" => show(poll(&[&timer(), &stdin::get_stdin().subscribe(), &timer()])),
        _ => return None,
    })
}

fn randomness(name: &str) -> Option<String> {
    Some(match name {
        "random/random#get-random-bytes" => show(random::get_random_bytes(40)),
        "random/random#get-random-u64" => show(random::get_random_u64()),
        "random/insecure#get-insecure-random-bytes" => show(insecure::get_insecure_random_bytes(40)),
        "random/insecure#get-insecure-random-u64" => show(insecure::get_insecure_random_u64()),
        "random/insecure-seed#insecure-seed" => show(insecure_seed::insecure_seed()),
        _ => return None,
    })
}

fn streams(name: &str) -> Option<String> {
    let (input, output, other) = (stdin::get_stdin(), stdout::get_stdout(), stderr::get_stderr());
    let text = b"printed";
    Some(match name.strip_prefix("io/streams#[method]")? {
        "input-stream.read" => show(input.read(8)),
        "input-stream.blocking-read" => show(input.blocking_read(8)),
        "input-stream.skip" => show(input.skip(8)),
        "input-stream.blocking-skip" => show(input.blocking_skip(8)),
        "input-stream.subscribe" => show(input.subscribe().ready()),
        "output-stream.check-write" => {
            // The same before and after much was written, to both streams.
            let before = (output.check_write(), other.check_write());
            for _ in 0..100 {
                let _ = output.blocking_write_and_flush(&[b'x'; 4096]);
            }
            show((before, output.check_write(), other.check_write()))
        }
        "output-stream.write" => show((output.check_write(), output.write(text))),
        "output-stream.blocking-write-and-flush" => show(output.blocking_write_and_flush(text)),
        "output-stream.flush" => show(output.flush()),
        "output-stream.blocking-flush" => show(output.blocking_flush()),
        "output-stream.subscribe" => show(output.subscribe().ready()),
        "output-stream.write-zeroes" => show((output.check_write(), output.write_zeroes(8))),
        "output-stream.blocking-write-zeroes-and-flush" => show(output.blocking_write_zeroes_and_flush(8)),
        "output-stream.splice" => show(output.splice(&input, 8)),
        "output-stream.blocking-splice" => show(output.blocking_splice(&input, 8)),
        _ => return None,
    })
}

fn sockets(name: &str) -> Option<String> {
    let network = instance_network::instance_network();
    Some(match name {
        "sockets/instance-network#instance-network" => given(network),
        "sockets/ip-name-lookup#resolve-addresses" => {
            failed(ip_name_lookup::resolve_addresses(&network, "localhost"))
        }
        "sockets/tcp-create-socket#create-tcp-socket" => {
            failed(tcp_create_socket::create_tcp_socket(IpAddressFamily::Ipv4))
        }
        "sockets/udp-create-socket#create-udp-socket" => {
            failed(udp_create_socket::create_udp_socket(IpAddressFamily::Ipv6))
        }
        _ => return None,
    })
}

fn show(answer: impl Debug) -> String {
    format!("{answer:?}")
}

/// A resource that every guest gets.
fn given<T>(_: T) -> String {
    "a resource".to_owned()
}

/// A resource that no guest gets.
fn found<T>(resource: Option<T>) -> String {
    resource.map_or_else(|| "none".to_owned(), given)
}

fn failed<T, E: Debug>(result: Result<T, E>) -> String {
    result.map_or_else(show, given)
}

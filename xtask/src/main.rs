//! Everything a developer of this repository types: `cargo xtask help` lists it.
//!
//! It only orchestrates: it finds or installs what a machine lacks, calls cargo, and checks the repository's own rules.
//! It is not the product. Running plugins, importing items and making components are the `palisade` binary's
//! (`host/src/cli/`), and nothing here knows wasmtime, so that the first call on a fresh clone compiles in seconds.

mod repo;
mod step;

mod bench;
mod demo;
mod determinism;
mod fuzz;
mod hostile;
mod mutants;
mod test;

mod guests;
mod toolchain;

mod lint;
mod public_api;
mod tidy;

mod apt;
mod postgres;

use std::net::SocketAddr;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// Works on the Palisade repository.
#[derive(Debug, Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask", arg_required_else_help = true)]
struct Cli {
    #[command(subcommand)]
    task: Task,
}

#[derive(Debug, Subcommand)]
enum Task {
    /// Serve the example plugins, with the repository's own documents as content
    ///
    /// Finds or installs what is missing, builds the host and the example plugins, starts a private database unless
    /// `DATABASE_URL` is set, imports the Markdown, and serves until Ctrl-C.
    Demo {
        /// Send the three requests, print them and their answers, stop the server, and exit
        #[arg(long)]
        once: bool,
        /// Where to listen [default: 127.0.0.1:8080; with --once a free port]
        #[arg(long, value_name = "ADDR:PORT")]
        listen: Option<SocketAddr>,
    },
    /// Build the guests and run every test
    Test {
        /// Run only the tests whose name contains this
        filter: Option<String>,
    },
    /// Run all hostile components in turn, round after round, and watch the host's memory
    Hostile {
        /// How often
        #[arg(long, default_value_t = 10)]
        rounds: u32,
    },
    /// Take one check after the other away, and see whether a test notices
    ///
    /// Changes a clone of the last commit with cargo-mutants, which it installs into `target/tools`, and turns the engine's
    /// settings around. All of it takes many hours; name files, or take a shard. A second run goes on where one was ended.
    Mutants {
        /// Only these files, by glob from the repository's root, such as `host/src/guard/cache.rs`
        #[arg(long = "file", value_name = "GLOB")]
        files: Vec<String>,
        /// Part k of n, such as `0/8`
        #[arg(long, value_name = "K/N")]
        shard: Option<String>,
        /// Only with the unit tests, which take seconds for each: what they miss, a component's test may still notice
        #[arg(long)]
        units: bool,
        /// Leave the engine's settings out
        #[arg(long)]
        no_settings: bool,
    },
    /// Compare what two builds of the host answer, byte by byte
    ///
    /// Builds the `palisade` command as it is developed and as it is released, which takes minutes the first time, and gives
    /// both the same component, seed, instant, request and rows.
    Determinism,
    /// Throw any bytes, values and JSON at the host for some minutes, or one case of them again
    ///
    /// A case consists of what its seed says. One that fails ends the run and is told with the command that repeats it.
    Fuzz {
        /// What to fuzz; all of them in turn unless given
        #[arg(value_enum)]
        target: Option<fuzz::Target>,
        /// How long for each; 5 unless a seed is given, which is then the only case
        #[arg(long)]
        minutes: Option<u64>,
        /// The first case; drawn unless given
        #[arg(long)]
        seed: Option<u64>,
        /// How many cases, at most
        #[arg(long)]
        cases: Option<u64>,
    },
    /// Measure a select in a plugin beside the same one without Palisade
    ///
    /// Builds the host optimized, starts a private database, and lets the ways to read one row take turns, at 1 and at 16
    /// clients. Prints medians, their ratios to the bare driver and where the time goes; `target/bench/db.json` has the same.
    /// Criterion keeps what it found in `target/criterion`, and says what changed. No time is a failure.
    Bench {
        /// Measure for a few seconds only: whether it runs, not how fast
        #[arg(long)]
        quick: bool,
        /// Print the report as JSON
        #[arg(long)]
        json: bool,
        /// Measure what callers of one plugin notice while another one spins, four times on each processor
        #[arg(long, conflicts_with_all = ["json", "fuel"])]
        neighbour: bool,
        /// Measure the same calls with fuel counted and without
        #[arg(long, conflicts_with = "json")]
        fuel: bool,
    },
    /// Build the example plugins and the test guests into components, in target/guests
    Guests,
    /// Check formatting, clippy, rustdoc, the repository's own rules, and the dependencies
    Lint,
    /// Check the repository's own rules: names, imports, the contract's docs, numbers, lengths
    Tidy,
    /// Print what a shell needs to build guests by hand: `eval "$(cargo xtask toolchain)"`
    Toolchain {
        /// The target to build for
        #[arg(long, value_enum, default_value_t = toolchain::Target::Wasm)]
        target: toolchain::Target,
    },
}

fn main() -> ExitCode {
    let done = match Cli::parse().task {
        Task::Demo { once, listen } => demo::run(once, listen),
        Task::Test { filter } => test::run(filter.as_deref()),
        Task::Hostile { rounds } => hostile::run(rounds),
        Task::Bench { quick, neighbour: true, .. } => bench::compute("--neighbour", quick),
        Task::Bench { quick, fuel: true, .. } => bench::compute("--fuel", quick),
        Task::Bench { quick, json, .. } => bench::run(quick, json),
        Task::Mutants { files, shard, units, no_settings } => {
            mutants::run(&mutants::Options { files, shard, units, no_settings })
        }
        Task::Determinism => determinism::run(),
        Task::Fuzz { target, minutes, seed, cases } => {
            fuzz::run(target, &fuzz::Plan { minutes, seed, cases })
        }
        Task::Guests => guests::run(),
        Task::Lint => lint::run(),
        Task::Tidy => tidy::run(),
        Task::Toolchain { target } => toolchain::print(target),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{} {error:#}", step::paint(step::RED, "error:"));
            ExitCode::FAILURE
        }
    }
}

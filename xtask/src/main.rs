//! The commands for developers of this repository: `cargo xtask help` lists them.
//!
//! xtask finds or installs what a machine lacks, calls cargo, and checks the repository's own rules. It is not part of the
//! product: the `palisade` command (`host/cli/`) runs plugins, imports items and makes components. It depends on no crate of
//! the host and not on wasmtime, so the first `cargo xtask` on a fresh clone compiles in seconds.

mod repo;
mod step;

mod bench;
mod demo;
mod determinism;
mod fuzz;
mod hostile;
mod mutants;
mod soak;
mod sql;
mod test;

mod guests;
mod toolchain;

mod lint;
mod public_api;
mod tidy;

mod apt;
mod book;
mod packages;
mod postgres;
mod reference;
mod sql_page;
mod tools;

use std::net::SocketAddr;
use std::path::PathBuf;
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
    /// Serve the example plugins, with the repository's documents as content
    ///
    /// Installs what is missing, builds the host and the example plugins, starts a private database unless `DATABASE_URL`
    /// is set, imports the Markdown files, and serves until Ctrl-C.
    Demo {
        /// Send three requests, print them with their answers, stop the server, and exit
        #[arg(long)]
        once: bool,
        /// Address to listen on [default: 127.0.0.1:8080; with --once a free port]
        #[arg(long, value_name = "ADDR:PORT")]
        listen: Option<SocketAddr>,
    },
    /// Build the guests and run every test
    Test {
        /// Run only the tests whose names contain this text
        filter: Option<String>,
    },
    /// Run all hostile components in turn, round after round, and measure the host's memory
    Hostile {
        /// Number of rounds
        #[arg(long, default_value_t = 10)]
        rounds: u32,
    },
    /// Remove one check after the other, and report each that no test notices
    ///
    /// Changes a clone of the last commit with cargo-mutants, which it installs into `target/tools`, and inverts the
    /// engine's settings. A full run takes many hours: name files, or take a shard. An interrupted run continues.
    Mutants {
        /// Only these files: a glob from the repository's root, such as `host/guard/src/cache.rs`
        #[arg(long = "file", value_name = "GLOB")]
        files: Vec<String>,
        /// Only part K of N, such as `0/8`
        #[arg(long, value_name = "K/N")]
        shard: Option<String>,
        /// Run only the unit tests, which take seconds for each change; tests through components may notice more
        #[arg(long)]
        units: bool,
        /// Do not invert the engine's settings
        #[arg(long)]
        no_settings: bool,
    },
    /// Compare what SQL means before and after the gate, and print what the gate accepts and why it refuses the rest
    ///
    /// Runs statements as a superuser writes them and as a plugin's login sends them. A difference is a failure.
    Sql {
        /// Major version of PostgreSQL, such as 18, installed from a package if it is missing [default: the installed one]
        #[arg(long, value_name = "MAJOR")]
        postgres: Option<u32>,
        /// How many generated statements the gate has to accept
        #[arg(long)]
        statements: Option<u64>,
    },
    /// Compare the answers of two builds of the host, byte by byte
    ///
    /// Builds the `palisade` command with the profiles dev and release, which takes minutes the first time, and gives both
    /// the same component, seed, instant, request and rows.
    Determinism,
    /// Send random components, values and JSON to the host for some minutes, or repeat one case
    ///
    /// A seed determines a case. The first case that fails ends the run, which prints the command that repeats it.
    Fuzz {
        /// What to fuzz [default: each in turn]
        #[arg(value_enum)]
        target: Option<fuzz::Target>,
        /// Minutes for each target [default: 5; with --seed or --cases no time]
        #[arg(long)]
        minutes: Option<u64>,
        /// Seed of the first case, and of the only one unless --minutes or --cases is set [default: random]
        #[arg(long)]
        seed: Option<u64>,
        /// Largest number of cases
        #[arg(long)]
        cases: Option<u64>,
    },
    /// Let a hostile neighbour do the dearest that is permitted for some minutes, and show what a plugin beside it notices
    ///
    /// Builds the host optimized, allows it 512 MiB, and sends the dearest input of each function of the contract and of each
    /// route by many callers at once, one after the other. Another plugin is called all the time. Prints, for each row, the
    /// memory, the processor time, and that plugin's median and 99th percentile against a quiet host's. Fails if one of its
    /// calls failed or the host held more; no time is a failure.
    Soak {
        /// Minutes for all rows together
        #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u64).range(1..))]
        minutes: u64,
    },
    /// Compare a select in a plugin with the same select in the bare driver
    ///
    /// Builds the host optimized, starts a private database, and reads one row in each way in turn, with 1 and with 16
    /// clients. Prints medians, their ratios to the bare driver, and where the time goes; `target/bench/db.json` has the same.
    /// Criterion keeps its measurements in `target/criterion` and reports changes. No measured time is a failure.
    Bench {
        /// Measure for a few seconds only, to see that it runs
        #[arg(long)]
        quick: bool,
        /// Print the report as JSON
        #[arg(long)]
        json: bool,
        /// Measure calls of one plugin while another plugin spins, four times on each processor
        #[arg(long, conflicts_with_all = ["json", "fuel"])]
        neighbour: bool,
        /// Measure calls with and without counting fuel
        #[arg(long, conflicts_with = "json")]
        fuel: bool,
    },
    /// Build the example plugins and the test guests into components, in target/guests
    Guests,
    /// Check formatting, clippy, rustdoc, the documents' pages, the packages, the public API, the repository's own rules, and the dependencies
    Lint,
    /// Make the documents' pages in target/book/pages, with mdBook, and check their links
    Book,
    /// Check that each crate that is to be published builds from its package alone
    Packages,
    /// Check the repository's own rules: crates, imports, names, numbers, the contract's docs, lock files
    Tidy,
    /// Write docs/reference, the pages and schemas of palisade.toml, policy.toml and secrets.toml, from the types
    Reference,
    /// Write docs/sql.md, the page for authors of SQL, from the guard's lists and the functions of a PostgreSQL
    ///
    /// Name the folders with the binaries of several releases, the oldest first, to get the functions of each.
    SqlPage {
        /// Folders with initdb and postgres [default: the installed release]
        folders: Vec<PathBuf>,
    },
    /// Print the environment to build guests by hand: `eval "$(cargo xtask toolchain)"`
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
        Task::Sql { postgres, statements } => sql::run(postgres, statements),
        Task::Determinism => determinism::run(),
        Task::Fuzz { target, minutes, seed, cases } => {
            fuzz::run(target, &fuzz::Plan { minutes, seed, cases })
        }
        Task::Soak { minutes } => soak::run(minutes),
        Task::Guests => guests::run(),
        Task::Lint => lint::run(),
        Task::Book => book::run(),
        Task::Packages => packages::run(),
        Task::Reference => reference::run(),
        Task::SqlPage { folders } => sql_page::run(&folders),
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

//! The `palisade` command. All of it is in the library of this crate, so that tests can call it too.

use std::process::ExitCode;

/// Gives freed memory back to the system soon: what the command holds stays near what is in use.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    palisade::compile_if_asked();
    palisade_cli::main()
}

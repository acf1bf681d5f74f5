//! The `palisade` command. All of it is in the library of this crate, so that tests can call it too.

use std::process::ExitCode;

fn main() -> ExitCode {
    palisade::compile_if_asked();
    palisade_cli::main()
}

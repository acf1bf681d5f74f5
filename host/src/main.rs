//! The `palisade` command. All of it is in the library's `cli`, which tests reach as well.

use std::process::ExitCode;

fn main() -> ExitCode {
    palisade::compile_if_asked();
    palisade::cli::main()
}

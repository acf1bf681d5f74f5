//! A stack for the parser.
//!
//! sqlparser recurses, and a level of `(SELECT` takes it tens of kilobytes; a guest's call leaves a guard at most 1 MiB
//! of a fiber. So parsing, walking and dropping a tree happen on a thread of their own, whose stack holds the deepest
//! statement that the limits admit. It costs some 30 µs. What panics there is refused here.

use sqlparser::tokenizer::Location;

use crate::db::gate::fault::{Checked, Fault};
use crate::limits::SQL_STACK_BYTES;

/// Runs a step on a stack of its own.
pub(in crate::db) fn with_room<T: Send>(step: impl FnOnce() -> Checked<T> + Send) -> Checked<T> {
    let refused = |rule| Err(Fault::invalid(Location { line: 1, column: 1 }, "statement", rule));
    std::thread::scope(|scope| {
        match std::thread::Builder::new()
            .name("sql".to_owned())
            .stack_size(SQL_STACK_BYTES)
            .spawn_scoped(scope, step)
        {
            Ok(thread) => thread.join().unwrap_or_else(|_| refused("could not be parsed")),
            Err(_) => refused("the host has no room to parse it now"),
        }
    })
}

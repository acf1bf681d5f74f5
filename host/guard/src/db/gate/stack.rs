//! The parser's stack.
//!
//! The parser recurses, while a guest's call leaves a guard at most 1 MiB of its fiber. So a tree is parsed, walked and
//! dropped on a thread of its own, whose stack fits the deepest statement that the limits allow. The thread costs about
//! 30 µs. A panic on it becomes a refusal.

use crate::db::gate::fault::{Checked, Fault, Location};
use crate::limits::SQL_STACK_BYTES;

/// Runs a step on a thread with a large stack.
pub(in crate::db) fn with_room<T: Send>(step: impl FnOnce() -> Checked<T> + Send) -> Checked<T> {
    let refused = |rule| Err(Fault::invalid(Location::START, "statement", rule));
    std::thread::scope(|scope| {
        match std::thread::Builder::new()
            .name("sql".to_owned())
            .stack_size(SQL_STACK_BYTES)
            .spawn_scoped(scope, step)
        {
            Ok(thread) => thread.join().unwrap_or_else(|_| refused("could not be parsed")),
            Err(_) => refused("the host cannot start a thread to parse it now"),
        }
    })
}

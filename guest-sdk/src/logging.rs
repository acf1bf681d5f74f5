//! Structured log records, written to the host's log.
//!
//! [`trace!`](crate::trace), [`debug!`](crate::debug), [`info!`](crate::info), [`warn!`](crate::warn) and
//! [`error!`](crate::error) take fields, then a message with the syntax of `format!`:
//!
//! ```
//! # fn f(id: &str, count: u32) {
//! palisade_sdk::info!(draft = id, words = count, "published after {count} edits");
//! # }
//! ```

pub use crate::raw::logging::{Field, Level};

/// Writes one record. This function never fails; the host drops records over the invocation's limit and logs how many. Without a host,
/// as in a unit test, the record is printed to standard error.
pub fn log(level: Level, message: &str, fields: &[Field]) {
    #[cfg(target_arch = "wasm32")]
    crate::raw::logging::log(level, message, fields);
    #[cfg(not(target_arch = "wasm32"))]
    {
        let mut line = format!("{level:?}: {message}");
        for Field { name, value } in fields {
            line.extend([" ", name, "=", value]);
        }
        eprintln!("{line}");
    }
}

/// Writes one record. The first argument is the level.
#[doc(hidden)]
#[macro_export]
macro_rules! log_record {
    ($level:ident, $($name:ident = $value:expr,)* $format:literal $($arguments:tt)*) => {
        $crate::logging::log(
            $crate::logging::Level::$level,
            &::std::format!($format $($arguments)*),
            &[$($crate::logging::Field {
                name: ::std::string::ToString::to_string(::core::stringify!($name)),
                value: ::std::string::ToString::to_string(&$value),
            }),*],
        )
    };
}

/// Writes a record of a single step of the invocation.
#[macro_export]
macro_rules! trace {
    ($($record:tt)+) => { $crate::log_record!(Trace, $($record)+) };
}

/// Writes a record with details that help to find a fault.
#[macro_export]
macro_rules! debug {
    ($($record:tt)+) => { $crate::log_record!(Debug, $($record)+) };
}

/// Writes a record of an event that an operator wants to see in normal operation.
#[macro_export]
macro_rules! info {
    ($($record:tt)+) => { $crate::log_record!(Info, $($record)+) };
}

/// Writes a record of an unexpected event that the plugin handled.
#[macro_export]
macro_rules! warn {
    ($($record:tt)+) => { $crate::log_record!(Warn, $($record)+) };
}

/// Writes a record of a failure.
#[macro_export]
macro_rules! error {
    ($($record:tt)+) => { $crate::log_record!(Error, $($record)+) };
}

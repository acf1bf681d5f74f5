//! Structured log records, written to the host's log.
//!
//! [`trace!`](crate::trace), [`debug!`](crate::debug), [`info!`](crate::info), [`warn!`](crate::warn) and
//! [`error!`](crate::error) take fields, then a message as `format!` does:
//!
//! ```
//! # fn f(id: &str, count: u32) {
//! palisade_sdk::info!(draft = id, words = count, "published after {count} edits");
//! # }
//! ```

pub use crate::raw::logging::{Field, Level};

/// Writes one record. This function never fails; records over the invocation's budget are counted and dropped.
pub fn log(level: Level, message: &str, fields: &[Field]) {
    crate::raw::logging::log(level, message, fields);
}

/// Writes one record with the level given first.
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

/// Writes a record for whoever follows one invocation.
#[macro_export]
macro_rules! trace {
    ($($record:tt)+) => { $crate::log_record!(Trace, $($record)+) };
}

/// Writes a record that helps to find a fault.
#[macro_export]
macro_rules! debug {
    ($($record:tt)+) => { $crate::log_record!(Debug, $($record)+) };
}

/// Writes a record that an operator wants to see in normal operation.
#[macro_export]
macro_rules! info {
    ($($record:tt)+) => { $crate::log_record!(Info, $($record)+) };
}

/// Writes a record of something unexpected that the plugin could deal with.
#[macro_export]
macro_rules! warn {
    ($($record:tt)+) => { $crate::log_record!(Warn, $($record)+) };
}

/// Writes a record of something that failed.
#[macro_export]
macro_rules! error {
    ($($record:tt)+) => { $crate::log_record!(Error, $($record)+) };
}

//! Errors that read as sentences: how an error type is defined and displayed. This file names no interface.

use std::fmt::{self, Display, Formatter};

/// Defines a module with an `Error` for each interface. The `Error` replaces the contract's variant `error`, so a case
/// that is missing here does not compile. The first line of each case's documentation is also the text it displays. The case behind
/// `else` is the error of a call without a host.
macro_rules! interface_errors {
    ($($module:ident $interface:literal else $without:ident {
        $($(#[doc = $line:literal])+ $case:ident $(($detail:ident: $payload:ty))?,)+
    })+) => {$(
        pub mod $module {
            #[allow(unused_imports, reason = "not every error carries a type of the contract")]
            use super::*;

            #[doc = concat!("Why the host rejected a call of the interface `", $interface, "`.")]
            #[derive(Clone, Debug, PartialEq)]
            pub enum Error {
                $($(#[doc = $line])+ $case $(($payload))?,)+
            }

            impl std::fmt::Display for Error {
                fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                    match self {
                        $(Self::$case $(($detail))? => {
                            let details: &[&dyn std::fmt::Display] = &[$($detail)?];
                            $crate::raw::sentence::write(out, $interface, concat!($($line),+), details)
                        })+
                    }
                }
            }

            impl std::error::Error for Error {}

            #[cfg(not(target_arch = "wasm32"))]
            impl From<$crate::rt::NoHost> for Error {
                fn from(call: $crate::rt::NoHost) -> Self {
                    Self::$without(call.to_string())
                }
            }

            impl From<Error> for String {
                fn from(error: Error) -> Self {
                    error.to_string()
                }
            }
        }
    )+};
}
pub(super) use interface_errors;

/// Writes an interface's name and a case's sentence. The details of the case replace everything after a colon in the
/// sentence.
pub fn write(
    out: &mut Formatter<'_>,
    interface: &str,
    sentence: &str,
    details: &[&dyn Display],
) -> fmt::Result {
    let sentence = sentence.trim().trim_end_matches('.');
    match details.first() {
        None => write!(out, "{interface}: {sentence}"),
        #[cfg(not(target_arch = "wasm32"))]
        Some(detail) if crate::rt::NoHost::is(&detail.to_string()) => write!(out, "{detail}"),
        Some(detail) => {
            let opening = sentence.split_once(':').map_or(sentence, |(opening, _)| opening);
            write!(out, "{interface}: {opening}: {detail}")
        }
    }
}

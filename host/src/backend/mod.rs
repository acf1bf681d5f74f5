//! Backends: what does the work behind an interface, each a small trait that an integrator can replace.
//!
//! A backend takes only what a [guard](crate::guard) made and decides nothing.

pub mod http;

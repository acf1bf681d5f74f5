//! What is tested of several modules at once.

pub(crate) mod reference;

//! The contract as it is: generated from the WIT, for what the wrappers don't cover and for an author's own WIT that
//! uses the contract's types.

#[allow(
    unsafe_code,
    clippy::all,
    clippy::pedantic,
    missing_docs,
    rust_2018_idioms,
    unused_qualifications,
    reason = "generated: the canonical ABI is pointers"
)]
mod generated {
    palisade_sdk_macros::contract!();
}

/// Makes a module for each interface of the contract, with the error that the SDK wrote for it.
macro_rules! interfaces {
    ($($name:ident $(with $error:path)?,)*) => {$(
        #[doc = concat!("The interface `", stringify!($name), "`.")]
        pub mod $name {
            pub use super::generated::palisade::plugin::$name::*;
            $(pub use $error;)?
        }
    )*};
}

interfaces! {
    db with crate::db::Error,
    db_write with crate::db::Error,
    item with crate::item::Error,
    item_write with crate::item::Error,
    user with crate::user::Error,
    cache with crate::cache::Error,
    variables with crate::variables::Error,
    variables_write with crate::variables::Error,
    logging,
    request_context with crate::request_context::Error,
    clock,
    random with crate::random::Error,
    http with crate::http::Error,
    limits,
    tap_types,
}

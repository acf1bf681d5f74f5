//! The contract as it is, generated from the WIT: for calls that the wrappers do not cover, and for an author's own WIT
//! that uses the contract's types.

mod errors;
mod generated;
mod sentence;

/// Defines a module for each interface of the contract, with the error that the SDK defines for it.
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
    db with super::errors::db::Error,
    db_write with super::errors::db::Error,
    item with super::errors::item::Error,
    item_write with super::errors::item::Error,
    user with super::errors::user::Error,
    cache with super::errors::cache::Error,
    variables with super::errors::variables::Error,
    variables_write with super::errors::variables::Error,
    logging,
    request_context with super::errors::request_context::Error,
    clock,
    random with super::errors::random::Error,
    http with super::errors::http::Error,
    limits,
    route_types with super::errors::route_types::Error,
    tap_types,
}

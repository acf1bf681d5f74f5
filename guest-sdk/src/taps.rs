//! The types that several taps share.
//!
//! To export a tap, a plugin names it in its world, `export palisade:plugin/tap-item-view@0.1.0;`, and implements the
//! trait `exports::palisade::plugin::tap_item_view::Guest` that [`plugin!`](crate::plugin) generates for it.

pub use crate::raw::tap_types::Refusal;

use crate::raw::{cache, db, http, item, random, request_context, route_types, user, variables};

impl From<String> for Refusal {
    fn from(message: String) -> Self {
        Self { message }
    }
}

impl From<&str> for Refusal {
    fn from(message: &str) -> Self {
        Self { message: message.to_owned() }
    }
}

macro_rules! from_error {
    ($($interface:ident,)*) => {$(
        impl From<$interface::Error> for Refusal {
            fn from(error: $interface::Error) -> Self {
                error.to_string().into()
            }
        }
    )*};
}

from_error! {
    db,
    item,
    user,
    cache,
    variables,
    request_context,
    random,
    http,
    route_types,
}

//! What taps tell the host.
//!
//! A plugin exports a tap by naming it in its world, `export palisade:plugin/tap-item-view@0.1.0;`, and implementing
//! the trait `exports::palisade::plugin::tap_item_view::Guest` that [`plugin!`](crate::plugin) makes of it.

pub use crate::raw::tap_types::Refusal;

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

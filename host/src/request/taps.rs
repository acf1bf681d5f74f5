//! How an invocation's own reads of items reach the access taps of all plugins.
//!
//! Interfaces in `api/` cannot run a plugin, which `calls/` does. So `calls/` puts what asks the taps into the [setting] of an
//! invocation, and the interface asks it.
//!
//! [setting]: super::setting::Setting

use super::content::Sight;
use futures_util::future::BoxFuture;
use palisade_guard::item::Item;
use palisade_guard::refusal::Refusal;

/// Asks the access taps whether the current principal may read an item.
pub(crate) trait AccessTaps: Send + Sync {
    /// The item, unless a tap denies it.
    fn readable(&self, item: Item) -> BoxFuture<'static, Result<Option<Item>, Refusal>>;
}

/// What a plugin sees of items: all that no access tap denies. View taps are for callers.
pub(crate) struct PluginSight<'a>(pub(crate) Option<&'a dyn AccessTaps>);

impl Sight for PluginSight<'_> {
    type Error = Refusal;

    fn has_say(&self) -> bool {
        self.0.is_some()
    }

    async fn see(&self, item: Item) -> Result<Option<Item>, Refusal> {
        match self.0 {
            Some(taps) => taps.readable(item).await,
            None => Ok(Some(item)),
        }
    }
}

//! What the statements of one request for items work with: a transaction, an account, and randomness.

use super::Items;
use crate::backend::postgres::session::Session;
use crate::backend::{At, Item, Viewer};
use crate::content::Content;
use crate::error::{CallError, Refusal};
use crate::guard::item::{ItemId, ItemScope};
use crate::kind::Kind;
use crate::ledger::Ledger;
use crate::limits::Limits;
use crate::random::Random;
use std::collections::BTreeSet;

/// What the statements of one request work with.
pub(super) struct Work {
    pub(super) session: Session,
    pub(super) ledger: Ledger,
    pub(super) random: Random,
}

impl Work {
    pub(super) fn new(items: &Items<'_>, session: Session) -> Self {
        let random = Random::new(Kind::Mutation, items.setting.seed);
        Self { session, ledger: Ledger::new(Limits::default()), random }
    }

    fn at<'a>(&'a mut self, items: &Items<'_>) -> At<'a> {
        At {
            session: &mut self.session,
            ledger: &mut self.ledger,
            plugin: None,
            now: items.setting.clock.now(),
        }
    }

    pub(super) fn content<'a>(&'a mut self, items: &'a Items<'_>) -> Content<'a> {
        let Self { session, ledger, random } = self;
        let backends = &items.core.backends;
        Content {
            at: At { session, ledger, plugin: None, now: items.setting.clock.now() },
            items: &*backends.items,
            users: &*backends.users,
            request: &items.setting.request,
            scope: ItemScope::All,
            random,
        }
    }

    /// An item, whoever may see it.
    pub(super) async fn any(&mut self, items: &Items<'_>, id: ItemId) -> Result<Option<Item>, Refusal> {
        let nothing = BTreeSet::new();
        let viewer = Viewer { user: None, permissions: &nothing, is_host: true, scope: ItemScope::All };
        let store = &items.core.backends.items;
        Ok(store.get(&mut self.at(items), &[id], &viewer).await?.pop())
    }
}

pub(super) fn lost_session() -> CallError {
    CallError::internal(anyhow::anyhow!("a tap returned without its transaction"))
}

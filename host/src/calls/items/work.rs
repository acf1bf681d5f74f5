//! What the statements of one request for items need: a transaction, a ledger and randomness.

use crate::request::content::Content;
use crate::request::random::Random;
use crate::request::setting::Setting;
use palisade_guard::item::{Item, ItemId, ItemScope};
use palisade_guard::kind::Kind;
use palisade_guard::ledger::Ledger;
use palisade_guard::limits::Limits;
use palisade_guard::refusal::Refusal;
use palisade_store::postgres::session::Session;
use palisade_store::{Backends, Viewer, at};
use std::borrow::BorrowMut;
use std::collections::BTreeSet;

/// What the statements of one request for items need.
pub(super) struct Work<'a, S> {
    backends: &'a Backends,
    setting: &'a Setting,
    session: S,
    ledger: Ledger,
    random: Random,
}

impl<'a, S: BorrowMut<Session>> Work<'a, S> {
    pub(super) fn new(backends: &'a Backends, setting: &'a Setting, session: S) -> Self {
        let random = Random::new(Kind::Mutation, setting.seed);
        Self { backends, setting, session, ledger: Ledger::new(Limits::default()), random }
    }

    /// What the next `Work` of this request continues with, while taps borrow the transaction.
    pub(super) fn into_parts(self) -> (Ledger, Random) {
        (self.ledger, self.random)
    }

    pub(super) fn with(self, (ledger, random): (Ledger, Random)) -> Self {
        Self { ledger, random, ..self }
    }

    pub(super) fn content(&mut self) -> Content<'_> {
        let Self { backends, setting, session, ledger, random } = self;
        Content {
            at: at(session.borrow_mut(), ledger, None, setting.clock.now()),
            items: &*backends.items,
            users: &*backends.users,
            request: &setting.request,
            scope: ItemScope::All,
            random,
        }
    }

    /// An item, whether or not the caller may see it.
    pub(super) async fn any(&mut self, id: ItemId) -> Result<Option<Item>, Refusal> {
        let nothing = BTreeSet::new();
        let viewer = Viewer { user: None, permissions: &nothing, is_host: true, scope: ItemScope::All };
        let mut content = self.content();
        Ok(content.items.get(&mut content.at, &[id], &viewer).await?.pop())
    }
}

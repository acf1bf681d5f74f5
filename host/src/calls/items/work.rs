//! What the statements of one request for items need: a transaction, a ledger and randomness.

use super::Write;
use crate::request::content::{Content, starved};
use crate::request::random::Random;
use crate::request::setting::Setting;
use palisade_guard::item::{Item, ItemId, ItemScope};
use palisade_guard::kind::Kind;
use palisade_guard::ledger::Ledger;
use palisade_guard::limits::{ITEM_WRITE_COPIES, Limits};
use palisade_guard::memory::Reservation;
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
    pub(super) fn new(backends: &'a Backends, setting: &'a Setting, session: S, memory: Reservation) -> Self {
        let random = Random::new(Kind::Mutation, setting.seed);
        Self { backends, setting, session, ledger: Ledger::within(memory, Limits::default()), random }
    }

    /// Reserves what a write holds besides what it reads: its fields, and copies of them for taps and for the server.
    pub(super) fn hold(&mut self, write: &Write) -> Result<(), Refusal> {
        let fields = match write {
            Write::Create(draft) => Some(&draft.fields),
            Write::Patch(_, patch) => patch.fields.as_ref(),
            Write::Delete(..) => None,
        };
        let bytes = fields.map_or(0, |fields| fields.as_str().len() as u64);
        Ok(self.ledger.hold(bytes.saturating_mul(ITEM_WRITE_COPIES))?)
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
        let found = content.items.get(&mut content.at, &[id], &viewer).await;
        Ok(found.map_err(|refusal| starved(content.at.ledger, refusal))?.pop())
    }
}

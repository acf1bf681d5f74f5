//! The ways into a component: an exported function, called with component values, or a tap, called with its Rust types.

use super::route::Handler;
use super::{Function, Program, origin::Origin, profile::Profile};
use crate::api;
use crate::api::bindings::exports::palisade::plugin as taps;
use crate::api::bindings::palisade::plugin::tap_types;
use crate::engine::lane::Lane;
use crate::state::{EntryName, State};
use palisade_guard::caller::Caller;
use palisade_guard::kind::Kind;
use palisade_guard::limits::{JSON_INLINE_BYTES_MAX, REFUSAL_BYTES_MAX};
use palisade_guard::manifest::Taps;
use palisade_guard::routes::{InboundRequest, RawResponse};
use std::sync::Arc;
use wasmtime::Store;
use wasmtime::component::{InstancePre, Val};

pub(crate) use crate::api::bindings::palisade::plugin::item::{Draft as WitDraft, Item};
pub(crate) use taps::tap_item_access::{Decision, Operation};
pub(crate) use taps::tap_item_changed::{Change as ItemChange, Update};

/// What an invocation enters.
pub(crate) enum Entry {
    /// `is_large` says that the arguments are more than a thread that answers callers converts.
    Function {
        function: Arc<Function>,
        arguments: Arc<[Val]>,
        is_large: bool,
    },
    Access {
        operation: Operation,
        item: Item,
    },
    View {
        item: Item,
    },
    Presave {
        previous: Option<Item>,
        draft: WitDraft,
    },
    Changed {
        change: ItemChange,
    },
    Cron {
        scheduled: i64,
    },
    Route {
        handler: Arc<Handler>,
        request: Arc<InboundRequest>,
    },
}

impl Entry {
    /// The name that the operator's log shows.
    pub(crate) fn name(&self) -> EntryName {
        match self {
            Self::Function { function, .. } => EntryName::Function(Arc::clone(&function.path)),
            Self::Access { .. } => EntryName::Tap("tap-item-access"),
            Self::View { .. } => EntryName::Tap("tap-item-view"),
            Self::Presave { .. } => EntryName::Tap("tap-item-presave"),
            Self::Changed { .. } => EntryName::Tap("tap-item-changed"),
            Self::Cron { .. } => EntryName::Tap("tap-cron"),
            Self::Route { handler, .. } => EntryName::Function(Arc::clone(&handler.name)),
        }
    }

    /// Who or what brings the invocation about. A tap that is asked about an item is asked because of the item's author, so
    /// the items of one author count as one.
    pub(crate) fn origin(&self, caller: &Caller) -> Origin {
        let user = caller.as_user().map(|user| user.id);
        match (self, user) {
            (Self::Access { item, .. } | Self::View { item }, _) => {
                Origin::of(item.author.as_ref().unwrap_or(&item.id))
            }
            (_, Some(user)) => Origin::of(&user),
            (Self::Function { arguments, .. }, None) => Origin::Arguments(Arc::clone(arguments)),
            (Self::Presave { draft, .. }, None) => Origin::of(&draft.title),
            (Self::Changed { change }, None) => Origin::of(match change {
                ItemChange::Created(item) | ItemChange::Deleted(item) => &item.id,
                ItemChange::Updated(update) => &update.after.id,
            }),
            (Self::Cron { scheduled }, None) => Origin::of(scheduled),
            (Self::Route { request, .. }, None) => Origin::Request(Arc::clone(request)),
        }
    }

    /// Whether the guest gets so much that copying it alone keeps other callers waiting.
    fn is_large(&self) -> bool {
        let fields = match self {
            Self::Function { is_large, .. } => return *is_large,
            Self::Access { item, .. } | Self::View { item } => item.fields.len(),
            Self::Presave { previous, draft } => {
                draft.fields.len().max(previous.as_ref().map_or(0, |item| item.fields.len()))
            }
            Self::Changed { change } => match change {
                ItemChange::Created(item) | ItemChange::Deleted(item) => item.fields.len(),
                ItemChange::Updated(update) => update.before.fields.len().max(update.after.fields.len()),
            },
            // A request's body is passed in pieces.
            Self::Cron { .. } | Self::Route { .. } => 0,
        };
        fields > JSON_INLINE_BYTES_MAX
    }
}

/// What the guest returned.
pub(crate) enum Reply {
    Values(Vec<Val>),
    Decision(Decision),
    View(String),
    Draft(Result<WitDraft, String>),
    Done(Result<(), String>),
    Response(RawResponse),
}

/// The taps and the handler of a component, looked up once.
#[derive(Default)]
pub(super) struct TapIndices {
    access: Option<taps::tap_item_access::GuestIndices>,
    view: Option<taps::tap_item_view::GuestIndices>,
    presave: Option<taps::tap_item_presave::GuestIndices>,
    changed: Option<taps::tap_item_changed::GuestIndices>,
    cron: Option<taps::tap_cron::GuestIndices>,
    routes: Option<taps::routes::GuestIndices>,
}

impl TapIndices {
    /// Finds the taps that the manifest lists, and the handler if there are routes. Fails if the component exports one with
    /// other types than the contract's.
    pub(super) fn find(pre: &InstancePre<State>, taps: &Taps, has_routes: bool) -> wasmtime::Result<Self> {
        use self::taps as export;
        Ok(Self {
            access: taps.item_access.map(|_| export::tap_item_access::GuestIndices::new(pre)).transpose()?,
            view: taps.item_view.map(|_| export::tap_item_view::GuestIndices::new(pre)).transpose()?,
            presave: taps
                .item_presave
                .map(|_| export::tap_item_presave::GuestIndices::new(pre))
                .transpose()?,
            changed: taps
                .item_changed
                .map(|_| export::tap_item_changed::GuestIndices::new(pre))
                .transpose()?,
            cron: taps.cron.map(|_| export::tap_cron::GuestIndices::new(pre)).transpose()?,
            routes: has_routes.then(|| export::routes::GuestIndices::new(pre)).transpose()?,
        })
    }
}

impl Program {
    /// The lane in which an invocation begins: a large one in the slow lane, and any other as its entry's profile says. How long
    /// it takes says something about the next one only if it is not large.
    pub(crate) fn lane(&self, entry: &Entry) -> Lane {
        match entry {
            _ if entry.is_large() => Lane::Slow,
            Entry::Function { function, .. } => function.profile.lane(),
            Entry::Route { handler, .. } => handler.profile.lane(),
            _ => self.tap_profile(entry).map_or(Lane::Usual, Profile::lane),
        }
    }

    /// The profile of the tap that an entry is, unless it is large.
    pub(crate) fn tap_profile(&self, entry: &Entry) -> Option<&Profile> {
        let [access, view, presave, changed, cron] = &self.tap_profiles;
        let profile = match entry {
            Entry::Function { .. } | Entry::Route { .. } => return None,
            Entry::Access { .. } => access,
            Entry::View { .. } => view,
            Entry::Presave { .. } => presave,
            Entry::Changed { .. } => changed,
            Entry::Cron { .. } => cron,
        };
        (!entry.is_large()).then_some(profile)
    }

    /// Instantiates the component and calls it.
    pub(crate) async fn enter(
        &self,
        store: &mut Store<State>,
        kind: Kind,
        entry: Entry,
    ) -> wasmtime::Result<Reply> {
        let pre = self.instances.get(&kind).ok_or_else(|| absent("instance"))?;
        let instance = pre.instantiate_async(&mut *store).await?;
        let taps = &self.tap_indices;
        Ok(match entry {
            Entry::Function { function, arguments, .. } => {
                let Function { export, signature, .. } = &*function;
                let function = instance.get_func(&mut *store, *export).ok_or_else(|| absent("function"))?;
                let mut results = vec![Val::Bool(false); signature.results_len()];
                function.call_async(&mut *store, &arguments, &mut results).await?;
                Reply::Values(results)
            }
            Entry::Access { operation, item } => {
                let tap = taps.access.as_ref().ok_or_else(|| absent("tap"))?.load(&mut *store, &instance)?;
                Reply::Decision(tap.call_check(&mut *store, operation, &item).await?)
            }
            Entry::View { item } => {
                let tap = taps.view.as_ref().ok_or_else(|| absent("tap"))?.load(&mut *store, &instance)?;
                Reply::View(tap.call_view(&mut *store, &item).await?)
            }
            Entry::Presave { previous, draft } => {
                let tap = taps.presave.as_ref().ok_or_else(|| absent("tap"))?.load(&mut *store, &instance)?;
                let result = tap.call_presave(&mut *store, previous.as_ref(), &draft).await?;
                Reply::Draft(result.map_err(sentence))
            }
            Entry::Changed { change } => {
                let tap = taps.changed.as_ref().ok_or_else(|| absent("tap"))?.load(&mut *store, &instance)?;
                Reply::Done(tap.call_changed(&mut *store, &change).await?.map_err(sentence))
            }
            Entry::Cron { scheduled } => {
                let tap = taps.cron.as_ref().ok_or_else(|| absent("tap"))?.load(&mut *store, &instance)?;
                Reply::Done(tap.call_run(&mut *store, scheduled).await?.map_err(sentence))
            }
            Entry::Route { request, .. } => {
                let handler =
                    taps.routes.as_ref().ok_or_else(|| absent("handler"))?.load(&mut *store, &instance)?;
                let request = api::routes::passed(store.data_mut(), &request)?;
                Reply::Response(handler.call_handle(&mut *store, &request).await?.into())
            }
        })
    }
}

/// A tap's refusal as the caller reads it: one line of bounded length.
#[allow(clippy::needless_pass_by_value, reason = "`map_err` passes by value")]
fn sentence(refusal: tap_types::Refusal) -> String {
    let mut text: String = refusal.message.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    let end =
        (0..=REFUSAL_BYTES_MAX.min(text.len())).rev().find(|end| text.is_char_boundary(*end)).unwrap_or(0);
    text.truncate(end);
    text
}

/// Loading has checked that this exists. The error is for a bug in the host, which must not panic.
fn absent(what: &str) -> wasmtime::Error {
    wasmtime::Error::msg(format!("the {what} existed when the plugin was loaded and does not exist now"))
}

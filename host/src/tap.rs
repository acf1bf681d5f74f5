//! Taps: plugins that the host asks, in their order, and what it makes of their answers.
//!
//! Contract: `wit/taps.wit`. A tap that fails never passes for consent: a failed access tap denies, a failed view hides the
//! item, a failed presave or changed refuses the write. Who is asked when is in [`crate::items`].

use crate::api::item::parse_draft;
use crate::backend::Item;
use crate::backend::postgres::session::Session;
use crate::core::Core;
use crate::error::CallError;
use crate::guard::item::{Draft, Fields, ItemScope};
use crate::invocation::{self, Setting};
use crate::kind::Kind;

use crate::plugin::{Decision, Entry, ItemChange, Operation, Plugin, Reply};
use crate::transaction::unreached;
use std::sync::Arc;

/// What the access taps say together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    Neutral,
    Grant,
    Deny,
}

/// Asks every access tap. One that denies or fails ends it.
pub(crate) async fn access(
    core: &Core,
    plugins: &[Arc<Plugin>],
    setting: &Setting,
    operation: Operation,
    item: &Item,
) -> Result<Verdict, CallError> {
    let mut verdict = Verdict::Neutral;
    for plugin in plugins {
        let entry = Entry::Access { operation, item: item.clone().into() };
        match ask(core, plugin, setting, entry).await {
            Ok(Reply::Decision(Decision::Neutral)) => {}
            Ok(Reply::Decision(Decision::Grant)) => verdict = Verdict::Grant,
            Ok(Reply::Decision(Decision::Deny)) => return Ok(Verdict::Deny),
            // The database is nobody's answer, and neither is a plugin that is not asked: the request fails as a whole.
            Err(error) if error.is_passing() => return Err(error),
            Ok(_) | Err(_) => {
                tracing::warn!(plugin = plugin.name.as_str(), "an access tap failed, which denies");
                return Ok(Verdict::Deny);
            }
        }
    }
    Ok(verdict)
}

/// Folds an item's fields through the view taps.
pub(crate) async fn view(
    core: &Core,
    plugins: &[Arc<Plugin>],
    setting: &Setting,
    mut item: Item,
) -> Result<Item, CallError> {
    for plugin in plugins {
        let entry = Entry::View { item: item.clone().into() };
        let Reply::View(fields) = ask(core, plugin, setting, entry).await? else {
            return Err(mismatch(plugin));
        };
        item.fields = Fields::parse(&fields).map_err(|refusal| CallError::Trapped {
            plugin: plugin.name.to_string(),
            reason: format!("its view is not acceptable: {refusal}"),
        })?;
    }
    Ok(item)
}

/// Folds a draft through the presave taps, within the write's transaction.
pub(crate) async fn presave(
    core: &Core,
    plugins: &[Arc<Plugin>],
    setting: &Setting,
    mut session: Session,
    previous: Option<&Item>,
    mut draft: Draft,
) -> (Option<Session>, Result<Draft, CallError>) {
    for plugin in plugins {
        let entry =
            Entry::Presave { previous: previous.cloned().map(Into::into), draft: draft.clone().into() };
        let (returned, reply) = take_part(core, plugin, setting, session, entry).await;
        let next = reply.and_then(|reply| match reply {
            Reply::Draft(Ok(next)) => checked(plugin, &draft, &next),
            Reply::Draft(Err(message)) => Err(refused(plugin, message)),
            _ => Err(mismatch(plugin)),
        });
        match (returned, next) {
            (Some(returned), Ok(next)) => (session, draft) = (returned, next),
            (returned, Err(error)) => return (returned, Err(error)),
            (None, Ok(_)) => return (None, Err(mismatch(plugin))),
        }
    }
    (Some(session), Ok(draft))
}

/// Tells the changed taps, within the write's transaction.
pub(crate) async fn changed(
    core: &Core,
    plugins: &[Arc<Plugin>],
    setting: &Setting,
    mut session: Session,
    change: &ItemChange,
) -> (Option<Session>, Result<(), CallError>) {
    for plugin in plugins {
        let entry = Entry::Changed { change: change.clone() };
        let (returned, reply) = take_part(core, plugin, setting, session, entry).await;
        let done = reply.and_then(|reply| match reply {
            Reply::Done(result) => result.map_err(|message| refused(plugin, message)),
            _ => Err(mismatch(plugin)),
        });
        match (returned, done) {
            (Some(returned), Ok(())) => session = returned,
            (returned, Err(error)) => return (returned, Err(error)),
            (None, Ok(())) => return (None, Err(mismatch(plugin))),
        }
    }
    (Some(session), Ok(()))
}

/// Runs one plugin's cron tap, as nobody.
pub(crate) async fn cron(
    core: &Core,
    plugin: &Arc<Plugin>,
    setting: &Setting,
    scheduled: i64,
) -> Result<(), CallError> {
    let admitted = core.admit(plugin).await?;
    let session = plugin.session(Kind::Action);
    let entry = Entry::Cron { scheduled };
    let ended = invocation::run(core, &admitted, Kind::Action, setting, session, entry).await;
    match ended.reply? {
        Reply::Done(result) => result.map_err(|message| refused(plugin, message)),
        _ => Err(mismatch(plugin)),
    }
}

/// Enters a plugin as a query, with a snapshot of its own.
async fn ask(core: &Core, plugin: &Arc<Plugin>, setting: &Setting, entry: Entry) -> Result<Reply, CallError> {
    let admitted = core.admit(plugin).await?;
    let session = plugin.session(Kind::Query);
    let ended = invocation::run(core, &admitted, Kind::Query, &own(setting, plugin), session, entry).await;
    match (ended.session, ended.reply) {
        (Some(session), Err(error)) => Err(unreached(error, session.absence())),
        (_, reply) => reply,
    }
}

/// Enters a plugin as a mutation, within the transaction that is handed to it.
async fn take_part(
    core: &Core,
    plugin: &Arc<Plugin>,
    setting: &Setting,
    session: Session,
    entry: Entry,
) -> (Option<Session>, Result<Reply, CallError>) {
    let admitted = match core.admit(plugin).await {
        Ok(admitted) => admitted,
        Err(error) => return (Some(session), Err(error)),
    };
    let ended = invocation::run(core, &admitted, Kind::Mutation, &own(setting, plugin), session, entry).await;
    (ended.session, ended.reply)
}

/// The request's setting, with the plugin's own wall time where that is shorter.
fn own(setting: &Setting, plugin: &Plugin) -> Setting {
    setting.for_plugin(plugin)
}

/// A presave tap may change everything but the type, within the bounds of any draft.
fn checked(plugin: &Plugin, before: &Draft, after: &crate::plugin::WitDraft) -> Result<Draft, CallError> {
    let draft = parse_draft(after, ItemScope::All).map_err(|refusal| CallError::Trapped {
        plugin: plugin.name.to_string(),
        reason: format!("its draft is not acceptable: {refusal}"),
    })?;
    if draft.item_type == before.item_type {
        return Ok(draft);
    }
    Err(CallError::Trapped {
        plugin: plugin.name.to_string(),
        reason: "it changed the item's type, which never changes".into(),
    })
}

fn refused(plugin: &Plugin, message: String) -> CallError {
    CallError::Refused { plugin: plugin.name.to_string(), message }
}

fn mismatch(plugin: &Plugin) -> CallError {
    CallError::internal(anyhow::anyhow!("a tap of {} gave the answer of another", plugin.name))
}

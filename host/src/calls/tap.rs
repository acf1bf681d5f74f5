//! Taps: functions of plugins that the host calls around items and on a schedule, and what it does with their replies.
//!
//! Contract: `wit/taps.wit`. A failed tap never counts as consent: a failed access tap denies, a failed view tap hides the
//! item, a failed presave or changed tap refuses the write. Which taps run when is in [`crate::calls::items`]. Tests:
//! `tests/taps.rs`.

use crate::api::item::parse_draft;
use crate::calls::transaction::{Ran, SharedTransaction};
use crate::error::CallError;
use crate::invocation::{self, unreached};
use crate::plugin::Plugin;
use crate::program::Program;
use crate::program::entry::{Decision, Entry, ItemChange, Operation, Reply, WitDraft};
use crate::request::setting::Setting;
use crate::runtime::Runtime;
use palisade_guard::item::{Draft, Fields, Item, ItemScope};
use palisade_guard::kind::Kind;
use palisade_guard::ledger::Exceeded;
use palisade_guard::refusal::Refusal;
use std::sync::Arc;

/// The combined decision of the access taps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    Neutral,
    Grant,
    Deny,
}

/// Runs the access taps. The first that denies or fails decides.
pub(crate) async fn access(
    runtime: &Runtime,
    programs: &[Arc<Program>],
    setting: &Setting,
    operation: Operation,
    item: &Item,
) -> Result<Verdict, CallError> {
    let mut verdict = Verdict::Neutral;
    for program in programs {
        let plugin = &*program.plugin;
        let entry = Entry::Access { operation, item: item.clone().into() };
        match run_as_query(runtime, program, setting, entry).await {
            Ok(Reply::Decision(Decision::Neutral)) => {}
            Ok(Reply::Decision(Decision::Grant)) => verdict = Verdict::Grant,
            Ok(Reply::Decision(Decision::Deny)) => return Ok(Verdict::Deny),
            // Neither an unreachable database nor a plugin that is not served is a decision: the request fails.
            Err(error) if error.is_passing() => return Err(error),
            Ok(_) | Err(_) => {
                plugin.availability.report("an access tap failed", || {
                    tracing::warn!(plugin = plugin.name.as_str(), "an access tap failed, which denies");
                });
                return Ok(Verdict::Deny);
            }
        }
    }
    Ok(verdict)
}

/// Passes an item's fields through the view taps, one after the other.
pub(crate) async fn view(
    runtime: &Runtime,
    programs: &[Arc<Program>],
    setting: &Setting,
    mut item: Item,
) -> Result<Item, CallError> {
    for program in programs {
        let plugin = &*program.plugin;
        let entry = Entry::View { item: item.clone().into() };
        let fields = match run_as_query(runtime, program, setting, entry).await {
            Ok(Reply::View(fields)) => Fields::parse(&fields, &plugin.limits)
                .map_err(|refusal| unacceptable(plugin, "view", &refusal)),
            Ok(_) => Err(mismatch(plugin)),
            Err(error) => Err(error),
        };
        item.fields = fields.inspect_err(|error| hidden(plugin, error))?;
    }
    Ok(item)
}

/// Reports why an item, or all of its fields, are not shown.
fn hidden(plugin: &Plugin, error: &CallError) {
    if !error.is_passing() {
        plugin.availability.report("a view tap failed", || {
            tracing::warn!(plugin = plugin.name.as_str(), %error, "a view tap failed, which hides its item's fields");
        });
    }
}

/// Passes a draft through the presave taps, one after the other, within the write's transaction.
pub(crate) async fn presave(
    runtime: &Runtime,
    programs: &[Arc<Program>],
    setting: &Setting,
    transaction: &mut SharedTransaction,
    previous: Option<&Item>,
    mut draft: Draft,
) -> Result<Draft, CallError> {
    for program in programs {
        let plugin = &*program.plugin;
        let entry =
            Entry::Presave { previous: previous.cloned().map(Into::into), draft: draft.clone().into() };
        draft = match run_in_transaction(runtime, program, setting, transaction, entry).await? {
            Reply::Draft(Ok(next)) => checked(plugin, &draft, &next)?,
            Reply::Draft(Err(message)) => return Err(refused(plugin, message)),
            _ => return Err(mismatch(plugin)),
        };
    }
    Ok(draft)
}

/// Runs the changed taps within the write's transaction.
pub(crate) async fn changed(
    runtime: &Runtime,
    programs: &[Arc<Program>],
    setting: &Setting,
    transaction: &mut SharedTransaction,
    change: &ItemChange,
) -> Result<(), CallError> {
    for program in programs {
        let plugin = &*program.plugin;
        let entry = Entry::Changed { change: change.clone() };
        match run_in_transaction(runtime, program, setting, transaction, entry).await? {
            Reply::Done(result) => result.map_err(|message| refused(plugin, message))?,
            _ => return Err(mismatch(plugin)),
        }
    }
    Ok(())
}

/// Runs one plugin's cron tap, as an anonymous caller.
pub(crate) async fn cron(
    runtime: &Runtime,
    program: &Arc<Program>,
    setting: &Setting,
    scheduled: i64,
) -> Result<(), CallError> {
    let plugin = &*program.plugin;
    let admitted = runtime.admit(program).await?;
    let session = plugin.session(Kind::Action).until(setting.deadline);
    let entry = Entry::Cron { scheduled };
    let ended = invocation::run(runtime, &admitted, Kind::Action, setting, session, entry).await;
    match ended.reply? {
        Reply::Done(result) => result.map_err(|message| refused(plugin, message)),
        _ => Err(mismatch(plugin)),
    }
}

/// Runs a tap as a query, with its own snapshot of the database.
async fn run_as_query(
    runtime: &Runtime,
    program: &Arc<Program>,
    setting: &Setting,
    entry: Entry,
) -> Result<Reply, CallError> {
    let admitted = runtime.admit(program).await?;
    let own = own(setting, program);
    let session = program.plugin.session(Kind::Query).until(own.deadline);
    let ended = invocation::run(runtime, &admitted, Kind::Query, &own, session, entry).await;
    match (ended.session, ended.reply) {
        (Some(session), Err(error)) => Err(unreached(error, &session)),
        (_, reply) => reply,
    }
}

/// Runs a tap as a mutation, within a transaction that it shares with other taps.
async fn run_in_transaction(
    runtime: &Runtime,
    program: &Arc<Program>,
    setting: &Setting,
    transaction: &mut SharedTransaction,
    entry: Entry,
) -> Result<Reply, CallError> {
    let admitted = runtime.admit(program).await?;
    let own = own(setting, program);
    let run = async |session| {
        let ended = invocation::run(runtime, &admitted, Kind::Mutation, &own, session, entry).await;
        Ran { session: ended.session, result: ended.reply }
    };
    transaction.lend(run).await
}

/// The request's setting, with the plugin's seed, and with its wall time if that is shorter.
fn own(setting: &Setting, program: &Program) -> Setting {
    setting.for_plugin(&program.plugin.name, &program.plugin.limits)
}

/// Checks the draft that a presave tap returned: it may change everything but the type, within the bounds of any draft.
fn checked(plugin: &Plugin, before: &Draft, after: &WitDraft) -> Result<Draft, CallError> {
    let draft = parse_draft(after, ItemScope::All, &plugin.limits)
        .map_err(|refusal| unacceptable(plugin, "draft", &refusal))?;
    if draft.item_type == before.item_type {
        return Ok(draft);
    }
    Err(CallError::Trapped {
        plugin: plugin.name.to_string(),
        reason: "it changed the item's type, which never changes".into(),
    })
}

/// What a tap returned is rejected: over one of its limits, or malformed.
fn unacceptable(plugin: &Plugin, what: &str, refusal: &Refusal) -> CallError {
    let name = plugin.name.to_string();
    if let Refusal::Exceeded(Exceeded(usage)) = *refusal {
        plugin.availability.hit_limit(usage.limit);
        plugin.tally.hit_limit(usage.limit);
        return CallError::LimitExceeded { plugin: name, usage };
    }
    CallError::Trapped { plugin: name, reason: format!("its {what} is not acceptable: {refusal}") }
}

fn refused(plugin: &Plugin, message: String) -> CallError {
    CallError::Refused { plugin: plugin.name.to_string(), message }
}

fn mismatch(plugin: &Plugin) -> CallError {
    CallError::internal(anyhow::anyhow!("a tap of {} returned the reply of another tap", plugin.name))
}

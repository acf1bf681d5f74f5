//! Taps: functions of plugins that the host calls around items and on a schedule, and what it does with their replies.
//!
//! Contract: `wit/taps.wit`. A failed tap never counts as consent: a failed access tap denies, a failed view tap hides the
//! item, a failed presave or changed tap refuses the write. Which taps run when is in [`crate::calls::items`]. Tests:
//! `tests/taps.rs`.

use crate::api::item::parse_draft;
use crate::calls::transaction::{Ran, SharedTransaction};
use crate::engine::lane;
use crate::error::CallError;
use crate::invocation::{self, unreached};
use crate::plugin::Plugin;
use crate::program::Program;
use crate::program::entry::{Decision, Entry, ItemChange, Operation, Reply, WitDraft};
use crate::request::setting::Setting;
use crate::request::taps::AccessTaps;
use crate::runtime::{Admitted, Current, Runtime};
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use palisade_guard::item::{Draft, Fields, Item, ItemScope};
use palisade_guard::kind::Kind;
use palisade_guard::ledger::Exceeded;
use palisade_guard::refusal::Refusal;
use palisade_guard::request_context::RequestId;
use std::sync::Arc;

/// The combined decision of the access taps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    Neutral,
    Grant,
    Deny,
}

/// The setting of an invocation whose own reads of items ask the access taps, if there are any.
///
/// Such a tap runs while the invocation waits for it: on the permits of that invocation, until its deadline, and with a ledger
/// and a connection of its own. It asks no taps itself, so nothing is nested deeper, and nothing waits in a circle.
pub(crate) fn asking(runtime: &Arc<Runtime>, admitted: &Admitted, setting: Setting) -> Setting {
    let Some(plugins) = runtime.registry.asked() else { return setting };
    let lender = admitted.clone();
    let asker =
        Asker(Arc::new(Asking { runtime: Arc::clone(runtime), plugins, lender, setting: setting.clone() }));
    Setting { access: Some(Arc::new(asker)), ..setting }
}

/// Asks the access taps on behalf of a running invocation.
struct Asker(Arc<Asking>);

struct Asking {
    runtime: Arc<Runtime>,
    plugins: Arc<Current>,
    lender: Admitted,
    setting: Setting,
}

impl AccessTaps for Asker {
    fn readable(&self, item: Item) -> BoxFuture<'static, Result<Option<Item>, Refusal>> {
        let asking = Arc::clone(&self.0);
        async move {
            // The waiting invocation neither lends its stack nor pays for the tap's time.
            let asked = lane::beside(async move {
                let Asking { runtime, plugins, lender, setting } = &*asking;
                let asked = Asked { runtime, lender: Some(lender) };
                let verdict = access(asked, plugins.access(), setting, Operation::Read, &item).await?;
                Ok((verdict != Verdict::Deny).then_some(item))
            });
            match asked.await {
                Ok(seen) => seen.map_err(unasked),
                Err(_panic) => Err(Refusal::internal("the host panicked while it asked an access tap")),
            }
        }
        .boxed()
    }
}

/// The refusal that a plugin gets when its read cannot ask an access tap: neither plugin has done anything wrong.
fn unasked(error: CallError) -> Refusal {
    match error {
        CallError::Unavailable { source } => Refusal::Unavailable(source.to_string()),
        CallError::Overloaded { .. } => Refusal::Busy,
        CallError::TimedOut => Refusal::Timeout,
        error => Refusal::Other { guest: "access-tap".into(), log: error.to_string() },
    }
}

/// Who runs a tap: a request, or an invocation that waits for it and lends its permits.
#[derive(Clone, Copy)]
pub(crate) struct Asked<'a> {
    runtime: &'a Arc<Runtime>,
    lender: Option<&'a Admitted>,
}

impl<'a> Asked<'a> {
    /// A tap of a request.
    pub(crate) fn by_request(runtime: &'a Arc<Runtime>) -> Self {
        Self { runtime, lender: None }
    }
}

/// Runs the access taps. The first that denies or fails decides.
pub(crate) async fn access(
    asked: Asked<'_>,
    programs: &[Arc<Program>],
    setting: &Setting,
    operation: Operation,
    item: &Item,
) -> Result<Verdict, CallError> {
    let mut verdict = Verdict::Neutral;
    for program in programs {
        let plugin = &*program.plugin;
        let entry = Entry::Access { operation, item: item.clone().into() };
        let decided = |plugin: &Plugin, reply| match reply {
            Reply::Decision(decision) => Ok(decision),
            _ => Err(mismatch(plugin)),
        };
        match run_as_query(asked, program, setting, entry, decided).await {
            Ok(Decision::Neutral) => {}
            Ok(Decision::Grant) => verdict = Verdict::Grant,
            Ok(Decision::Deny) => return Ok(Verdict::Deny),
            // Neither an unreachable database nor a plugin that is not served is a decision: the request fails.
            Err(error) if error.is_passing() => return Err(error),
            Err(error) => {
                let request = &setting.request.id;
                plugin.availability.report("an access tap failed", || {
                    tracing::warn!(
                        plugin = plugin.name.as_str(), request = request.as_str(), %error, "an access tap failed, which denies"
                    );
                });
                let plugin = Some(&*plugin.availability);
                asked.runtime.supervision.report_failure(plugin, "tap-item-access", Some(request), &error);
                return Ok(Verdict::Deny);
            }
        }
    }
    Ok(verdict)
}

/// Passes an item's fields through the view taps, one after the other.
pub(crate) async fn view(
    runtime: &Arc<Runtime>,
    programs: &[Arc<Program>],
    setting: &Setting,
    mut item: Item,
) -> Result<Item, CallError> {
    for program in programs {
        let entry = Entry::View { item: item.clone().into() };
        let parsed = |plugin: &Plugin, reply| match reply {
            Reply::View(fields) => Fields::parse(&fields, &plugin.limits)
                .map_err(|refusal| unacceptable(plugin, "view", &refusal)),
            _ => Err(mismatch(plugin)),
        };
        let fields = run_as_query(Asked::by_request(runtime), program, setting, entry, parsed).await;
        item.fields = fields.inspect_err(|error| hidden(&program.plugin, &setting.request.id, error))?;
    }
    Ok(item)
}

/// Reports why an item, or all of its fields, are not shown.
fn hidden(plugin: &Plugin, request: &RequestId, error: &CallError) {
    if !error.is_passing() {
        plugin.availability.report("a view tap failed", || {
            tracing::warn!(plugin = plugin.name.as_str(), request = request.as_str(), %error, "a view tap failed, which hides its item's fields");
        });
    }
}

/// Passes a draft through the presave taps, one after the other, within the write's transaction.
pub(crate) async fn presave(
    runtime: &Arc<Runtime>,
    programs: &[Arc<Program>],
    setting: &Setting,
    transaction: &mut SharedTransaction,
    previous: Option<&Item>,
    mut draft: Draft,
) -> Result<Draft, CallError> {
    for program in programs {
        let entry =
            Entry::Presave { previous: previous.cloned().map(Into::into), draft: draft.clone().into() };
        let next = move |plugin: &Plugin, reply| match reply {
            Reply::Draft(Ok(next)) => checked(plugin, &draft, &next),
            Reply::Draft(Err(message)) => Err(refused(plugin, message)),
            _ => Err(mismatch(plugin)),
        };
        draft = run_in_transaction(runtime, program, setting, transaction, entry, next).await?;
    }
    Ok(draft)
}

/// Runs the changed taps within the write's transaction.
pub(crate) async fn changed(
    runtime: &Arc<Runtime>,
    programs: &[Arc<Program>],
    setting: &Setting,
    transaction: &mut SharedTransaction,
    change: &ItemChange,
) -> Result<(), CallError> {
    for program in programs {
        let entry = Entry::Changed { change: change.clone() };
        run_in_transaction(runtime, program, setting, transaction, entry, done).await?;
    }
    Ok(())
}

/// Runs one plugin's cron tap, as an anonymous caller.
pub(crate) async fn cron(
    runtime: &Arc<Runtime>,
    program: &Arc<Program>,
    setting: &Setting,
    scheduled: i64,
) -> Result<(), CallError> {
    let plugin = &*program.plugin;
    let admitted = runtime.admit(program).await?;
    let session = plugin.session(Kind::Action).until(setting.deadline);
    let entry = Entry::Cron { scheduled };
    let setting = asking(runtime, &admitted, setting.clone());
    invocation::run(runtime, &admitted, Kind::Action, &setting, session, entry, done).await.reply
}

/// What a tap that only succeeds or refuses returned.
fn done(plugin: &Plugin, reply: Reply) -> Result<(), CallError> {
    match reply {
        Reply::Done(result) => result.map_err(|message| refused(plugin, message)),
        _ => Err(mismatch(plugin)),
    }
}

/// Runs a tap as a query, with its own snapshot of the database.
async fn run_as_query<T: Send + 'static>(
    Asked { runtime, lender }: Asked<'_>,
    program: &Arc<Program>,
    setting: &Setting,
    entry: Entry,
    accept: impl FnOnce(&Plugin, Reply) -> Result<T, CallError> + Send + 'static,
) -> Result<T, CallError> {
    let (admitted, session) = match lender {
        None => (runtime.admit(program).await?, program.plugin.session(Kind::Query)),
        Some(lender) => (lender.lend(program)?, program.plugin.nested_session()),
    };
    let mut own = own(setting, program);
    if !matches!(entry, Entry::Access { .. }) {
        own = asking(runtime, &admitted, own);
    }
    let session = session.until(own.deadline);
    let ended = invocation::run(runtime, &admitted, Kind::Query, &own, session, entry, accept).await;
    match (ended.session, ended.reply) {
        (Some(session), Err(error)) => Err(unreached(error, &session)),
        (_, reply) => reply,
    }
}

/// Runs a tap as a mutation, within a transaction that it shares with other taps.
async fn run_in_transaction<T: Send + 'static>(
    runtime: &Arc<Runtime>,
    program: &Arc<Program>,
    setting: &Setting,
    transaction: &mut SharedTransaction,
    entry: Entry,
    accept: impl FnOnce(&Plugin, Reply) -> Result<T, CallError> + Send + 'static,
) -> Result<T, CallError> {
    let admitted = runtime.admit(program).await?;
    let own = asking(runtime, &admitted, own(setting, program));
    let run = async |session| {
        let ended = invocation::run(runtime, &admitted, Kind::Mutation, &own, session, entry, accept).await;
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

//! One call of a plugin's function: JSON in, JSON out, one transaction.

use crate::caller::Caller;
use crate::core::{Admitted, Core};
use crate::error::CallError;
use crate::guard::request_context::RequestId;
use crate::host::Outcome;
use crate::invocation::{self, Ended, Setting};
use crate::kind::Kind;
use crate::ledger::Exceeded;
use crate::limits::Limit;
use crate::moment::Moment;
use crate::plugin::{Entry, Function, Plugin, Reply};
use crate::request::Request;
use crate::transaction::{Ran, Unit, transact};
use crate::value::{Outcome as Lifted, Signature};
use serde_json::Value;
use std::sync::Arc;
use wasmtime::component::Val;

/// Calls `interface/function` of a plugin, at a moment that somebody chose or at the present one.
pub(crate) async fn call(
    core: &Core,
    (plugin, path): (&str, &str),
    arguments: Value,
    caller: Caller,
    request: RequestId,
    moment: Option<Moment>,
) -> Result<Outcome, CallError> {
    let (plugin, function) = core.find(plugin, path)?;
    if moment.is_some() && function.kind == Kind::Action {
        return Err(CallError::BadArguments(format!(
            "`{path}` is an action: it meets real time and the system's randomness, so it has no seed and no instant"
        )));
    }
    let lowered =
        function.signature.lower(arguments).map_err(|error| CallError::BadArguments(error.to_string()))?;
    let admitted = core.admit(&plugin).await?;
    let setting = Setting::new(Arc::new(Request::new(request, caller)), function.kind, &plugin.limits);
    let setting = moment.iter().fold(setting, Setting::at);
    let unit =
        Call { core, admitted: &admitted, function: &function, arguments: lowered.into(), setting: &setting };
    let (value, usage) = transact(&setting, unit).await?;
    Ok(Outcome { value, usage })
}

struct Call<'a> {
    core: &'a Core,
    admitted: &'a Admitted,
    function: &'a Arc<Function>,
    arguments: Arc<[Val]>,
    setting: &'a Setting,
}

impl Unit for Call<'_> {
    type Output = (Value, Vec<Exceeded>);

    fn lost_race(&self) {
        self.admitted.plugin.tally.lost_race();
    }

    async fn run(&mut self) -> Ran<Self::Output> {
        let plugin = &self.admitted.plugin;
        let Function { kind, signature, habit, .. } = &**self.function;
        let entry =
            Entry::Function { function: Arc::clone(self.function), arguments: Arc::clone(&self.arguments) };
        let mut session = plugin.session(*kind);
        if habit.is_one() {
            session.expect_one();
        }
        let Ended { session, ledger, reply } =
            invocation::run(self.core, self.admitted, *kind, self.setting, session, entry).await;
        // What was refused as the second is counted as well.
        habit.learn(ledger.used(Limit::DbStatements));
        habit.ran(ledger.used(Limit::GuestTime));
        let usage = ledger.usages().collect();
        (session, reply.and_then(|reply| lift(plugin, signature, reply)).map(|value| (value, usage)))
    }
}

/// The guest's own `ok` or `err`.
fn lift(plugin: &Plugin, signature: &Signature, reply: Reply) -> Result<Value, CallError> {
    let Reply::Values(values) = reply else {
        return Err(CallError::internal(anyhow::anyhow!("a function gave a tap's answer")));
    };
    match signature.lift(values) {
        Ok(Lifted::Ok(value)) => Ok(value),
        Ok(Lifted::Err(value)) => Err(CallError::Returned(value)),
        Err(error) => Err(CallError::Trapped { plugin: plugin.name.to_string(), reason: error.to_string() }),
    }
}

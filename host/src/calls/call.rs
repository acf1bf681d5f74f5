//! One call of a plugin's function: JSON in, JSON out, one transaction.

use crate::calls::tap;
use crate::calls::transaction::{Ran, UnitOfWork, transact};
use crate::error::CallError;
use crate::invocation::{self, Ended};
use crate::plugin::Plugin;
use crate::program::entry::{Entry, Reply};
use crate::program::{Function, Program};
use crate::request::Request;
use crate::request::record::RecordedCall;
use crate::request::replay::Replay;
use crate::request::setting::Setting;
use crate::runtime::{Admitted, Runtime};
use crate::value::{BadArguments, BadResult, Integers, Returned, Signature};
use palisade_guard::caller::Caller;
use palisade_guard::kind::Kind;
use palisade_guard::ledger::Usage;
use palisade_guard::limits::{ADMISSION_WAIT_MS, Limit};
use palisade_guard::memory::Reservation;
use palisade_guard::request_context::RequestId;
use serde_json::{Map, Value};
use std::pin::Pin;
use std::sync::Arc;
use std::time::{Duration, Instant};
use wasmtime::component::Val;

/// A call that starts when it is awaited: `host.call("blog", "posts/list").arguments(json).caller(caller).await`. Defaults:
/// no arguments, an anonymous caller, a random request id, the current time.
#[must_use = "a call does nothing until it is awaited"]
pub struct Call<'a> {
    runtime: &'a Arc<Runtime>,
    plugin: &'a str,
    function: &'a str,
    arguments: Value,
    context: CallContext,
}

/// The options of a call besides its arguments.
#[derive(Clone)]
pub(crate) struct CallContext {
    pub(crate) caller: Caller,
    pub(crate) request: Option<RequestId>,
    pub(crate) replay: Option<Replay>,
    pub(crate) integers: Integers,
    pub(crate) is_undone: bool,
}

/// What a call returned, and what it used.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// The function's result as JSON; `null` if it has none.
    pub value: Value,
    /// What the invocation used of each limit.
    pub usage: Vec<Usage>,
    /// The bytes of the host's memory that the value holds, and once more as text: keep it until the text is sent.
    pub memory: Arc<Reservation>,
}

impl<'a> Call<'a> {
    pub(crate) fn new(runtime: &'a Arc<Runtime>, plugin: &'a str, function: &'a str) -> Self {
        Self {
            runtime,
            plugin,
            function,
            arguments: Value::Object(Map::new()),
            context: CallContext::default(),
        }
    }

    /// The arguments: an object with a member for each parameter, named in lowerCamelCase.
    pub fn arguments(mut self, arguments: Value) -> Self {
        self.arguments = arguments;
        self
    }

    /// The caller. Default: anonymous.
    pub fn caller(mut self, caller: Caller) -> Self {
        self.context.caller = caller;
        self
    }

    /// The request's id, which plugins see and which their log records carry. Default: a random id.
    pub fn request(mut self, id: RequestId) -> Self {
        self.context.request = Some(id);
        self
    }

    /// How 64-bit integers are written in the result. Default: as JSON numbers. Arguments may use both forms.
    pub fn integers(mut self, integers: Integers) -> Self {
        self.context.integers = integers;
        self
    }

    /// Runs the call with a given seed at a given instant. A query or mutation then returns the same bytes as before if the
    /// caller, the request's id and the rows are the same. A mutation changes rows, so replay it on the rows as they were. An
    /// action is rejected; [`Replay`] says why.
    ///
    /// ```standalone_crate
    /// # use palisade::store::private::PrivateOptions;
    /// # use palisade::guard::request_context::RequestId;
    /// # use palisade::{Host, Policy, Replay};
    /// # #[tokio::main]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # palisade::compile_if_asked();
    /// # let host = Host::builder()
    /// #     .private_database(PrivateOptions::temporary())
    /// #     .plugin("../target/guests/example-plugins/greeter", Policy::harmless())
    /// #     .build()
    /// #     .await?;
    /// // Drawn before the call, so that a failed call can be replayed, too.
    /// let (replay, request) = (Replay::draw(), RequestId::random());
    /// let arguments = serde_json::json!({ "name": "Ada" });
    /// let greet = || {
    ///     host.call("greeter", "greeting/greet").arguments(arguments.clone()).request(request.clone()).replay(replay)
    /// };
    /// assert_eq!(greet().await?.value, greet().await?.value);
    /// # host.stop().await;
    /// # Ok(())
    /// # }
    /// ```
    pub fn replay(mut self, replay: Replay) -> Self {
        self.context.replay = Some(replay);
        self
    }

    /// Runs the call and then undoes what it has changed, as if it had failed: to replay a mutation on the rows as they are. What a
    /// plugin keeps in its cache stays, and so do numbers that a sequence has given. An action is rejected, because what it has sent
    /// to other servers cannot be undone.
    pub fn undone(mut self) -> Self {
        self.context.is_undone = true;
        self
    }

    /// Whether the function exists and its plugin is served now, without a call: a server finds out before it reads the arguments.
    pub fn check(&self) -> Result<(), CallError> {
        let (program, _) = self.runtime.find(self.plugin, self.function)?;
        let Plugin { availability, tally, .. } = &*program.plugin;
        availability.check().inspect_err(|_| tally.turned_away())
    }

    async fn run(self) -> Result<Outcome, CallError> {
        let (program, function) = self.runtime.find(self.plugin, self.function)?;
        call(self.runtime, &program, &function, self.arguments, self.context).await
    }
}

impl<'a> IntoFuture for Call<'a> {
    type Output = Result<Outcome, CallError>;
    type IntoFuture = Pin<Box<dyn Future<Output = Self::Output> + Send + 'a>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(self.run())
    }
}

impl Default for CallContext {
    fn default() -> Self {
        Self {
            caller: Caller::Anonymous,
            request: None,
            replay: None,
            integers: Integers::default(),
            is_undone: false,
        }
    }
}

/// Calls a function that is already resolved.
pub(crate) async fn call(
    runtime: &Arc<Runtime>,
    program: &Arc<Program>,
    function: &Arc<Function>,
    arguments: Value,
    context: CallContext,
) -> Result<Outcome, CallError> {
    let CallContext { caller, request, replay, integers, is_undone } = context;
    // Small arguments alone: they are held once more until the call ends.
    let recorded = runtime
        .recorder
        .as_ref()
        .filter(|_| function.kind != Kind::Action && !is_undone && function.signature.is_quick(&arguments));
    let recorded =
        recorded.map(|recorder| (recorder, arguments.clone(), replay.unwrap_or_else(Replay::draw)));
    let replay = recorded.as_ref().map(|(.., replay)| *replay).or(replay);
    let request = Arc::new(Request::new(request.unwrap_or_else(RequestId::random), caller));
    let called = run(runtime, program, function, arguments, (&request, replay, integers, is_undone)).await;
    if let Some((recorder, arguments, replay)) = recorded
        && !matches!(called, Err(CallError::BadArguments(_)))
    {
        recorder.record(&RecordedCall {
            plugin: program.plugin.name.as_str(),
            version: &program.plugin.version.to_string(),
            function: &function.path,
            arguments: &arguments,
            caller: &request.caller,
            request: &request.id,
            replay,
            integers,
            outcome: called.as_ref().map(|outcome| &outcome.value),
        });
    }
    called.inspect_err(|error| {
        if let CallError::BadArguments(_) = error {
            let (plugin, entered) = (program.plugin.name.as_str(), &*function.path);
            tracing::debug!(target: "palisade::call", plugin, entered, outcome = "rejected", %error, "a call was rejected");
        }
        let plugin = Some(&*program.plugin.availability);
        runtime.supervision.report_failure(plugin, &function.path, Some(&request.id), error);
    })
}

async fn run(
    runtime: &Arc<Runtime>,
    program: &Arc<Program>,
    function: &Arc<Function>,
    arguments: Value,
    (request, replay, integers, is_undone): (&Arc<Request>, Option<Replay>, Integers, bool),
) -> Result<Outcome, CallError> {
    if replay.is_some() && function.kind == Kind::Action {
        return Err(CallError::BadArguments(format!(
            "`{}` is an action: it sees real time and the system's randomness, so it has no seed and no instant",
            function.path
        )));
    }
    if is_undone && function.kind == Kind::Action {
        return Err(CallError::BadArguments(format!(
            "`{}` is an action: what it has sent to other servers cannot be undone",
            function.path
        )));
    }
    let held = runtime.memory.reservation(Some(&program.plugin.memory), &request.caller);
    let is_large = !function.signature.is_quick(&arguments);
    // Both are kept until the call ends: it passes the arguments to the guest again if it runs again.
    let (arguments, held) = lower(runtime, program, function, arguments, is_large, held).await?;
    let admitted = runtime.admit(program).await?;
    let setting = Setting::new(Arc::clone(request), function.kind, &program.plugin.limits);
    let setting = tap::asking(runtime, &admitted, replay.iter().fold(setting, Setting::at));
    let arguments = arguments.into();
    let unit = FunctionCall {
        runtime,
        admitted: &admitted,
        function,
        arguments,
        held,
        is_large,
        setting: &setting,
        integers,
        is_undone,
    };
    let (value, usage, memory) = transact(&setting, unit).await?;
    Ok(Outcome { value, usage, memory: Arc::new(memory) })
}

/// Arguments as values, for which `held` grows: large ones in the slow lane, because this thread answers other callers.
async fn lower(
    runtime: &Runtime,
    program: &Arc<Program>,
    function: &Arc<Function>,
    arguments: Value,
    is_large: bool,
    mut held: Reservation,
) -> Result<(Vec<Val>, Reservation), CallError> {
    let plugin = &program.plugin;
    if !is_large {
        let began = Instant::now();
        let lowered = function.signature.lower(arguments, &mut held)?;
        plugin.tally.processed(began.elapsed());
        return Ok((lowered, held));
    }
    let function = Arc::clone(function);
    let work = move || function.signature.lower(arguments, &mut held).map(|lowered| (lowered, held));
    // On the heap, so that the future of each call is not larger for the sake of a few.
    let lowering = Box::pin(runtime.lanes.aside(plugin.owner(), work));
    match tokio::time::timeout(Duration::from_millis(ADMISSION_WAIT_MS), lowering).await {
        Ok(Some((lowered, used))) => {
            plugin.tally.processed(used);
            Ok(lowered?)
        }
        Ok(None) => Err(CallError::internal(anyhow::anyhow!("the host was stopped during a call"))),
        Err(_) => {
            plugin.tally.overloaded();
            Err(CallError::Overloaded { retry_after_ms: ADMISSION_WAIT_MS })
        }
    }
}

impl From<BadArguments> for CallError {
    fn from(error: BadArguments) -> Self {
        match error {
            BadArguments::Argument(bad) => Self::BadArguments(bad.to_string()),
            BadArguments::OutOfMemory(out) => out.into(),
        }
    }
}

struct FunctionCall<'a> {
    runtime: &'a Arc<Runtime>,
    admitted: &'a Admitted,
    function: &'a Arc<Function>,
    arguments: Arc<[Val]>,
    /// What the arguments hold.
    held: Reservation,
    is_large: bool,
    setting: &'a Setting,
    integers: Integers,
    is_undone: bool,
}

impl UnitOfWork for FunctionCall<'_> {
    type Output = (Value, Vec<Usage>, Reservation);

    fn lost_race(&self) {
        self.admitted.program.plugin.tally.lost_race();
    }

    fn is_undone(&self) -> bool {
        self.is_undone
    }

    async fn run(&mut self) -> Ran<Self::Output> {
        let plugin = &self.admitted.program.plugin;
        let Function { kind, profile, .. } = &**self.function;
        let entry = Entry::Function {
            function: Arc::clone(self.function),
            arguments: Arc::clone(&self.arguments),
            is_large: self.is_large,
        };
        let mut session = plugin.session(*kind).until(self.setting.deadline);
        if profile.sends_one() {
            session.expect_one();
        }
        let (lifting, integers) = (Arc::clone(self.function), self.integers);
        // Of what was taken for the arguments there is usually enough left for the result.
        let mut memory = self.held.spare();
        let accept = move |plugin: &Plugin, reply| {
            let value = lift(plugin, &lifting.signature, reply, integers, &mut memory)?;
            Ok((value, memory))
        };
        let Ended { session, ledger, reply } =
            invocation::run(self.runtime, self.admitted, *kind, self.setting, session, entry, accept).await;
        // The ledger also counts a second statement that was refused because only one was expected.
        profile.record_statements(ledger.used(Limit::DbStatements));
        if !self.is_large {
            profile.record_time(ledger.used(Limit::GuestTime));
        }
        let usage = ledger.usages().collect();
        Ran { session, result: reply.map(|(value, memory)| (value, usage, memory)) }
    }
}

/// The guest's reply as JSON; its `err` is an error.
fn lift(
    plugin: &Plugin,
    signature: &Signature,
    reply: Reply,
    integers: Integers,
    memory: &mut Reservation,
) -> Result<Value, CallError> {
    let Reply::Values(values) = reply else {
        return Err(CallError::internal(anyhow::anyhow!("a function returned a tap's reply")));
    };
    match signature.lift(values, integers, memory) {
        Ok(Returned::Ok(value)) => Ok(value),
        Ok(Returned::Err(value)) => Err(CallError::Returned(value)),
        Err(BadResult::OutOfMemory(out)) => Err(out.into()),
        Err(error @ BadResult::Mismatch { .. }) => {
            Err(CallError::internal(anyhow::anyhow!(error.to_string())))
        }
        Err(error) => {
            Err(CallError::Oversized { plugin: plugin.name.to_string(), reason: error.to_string() })
        }
    }
}

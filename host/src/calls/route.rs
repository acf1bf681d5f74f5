//! One request for a plugin's route: the handler runs once in one transaction, and its answer is checked.
//!
//! An answer whose status is an error rolls a mutation back, as an `err` does to a function's. Contract: `wit/routes.wit`; what
//! may be answered: [`palisade_guard::routes`]. Not here: HTTP itself, and the body's arrival, which are the server's
//! (`host/server/src/hooks.rs`). Tests: `tests/routes.rs`.

use crate::calls::call::CallContext;
use crate::calls::tap;
use crate::calls::transaction::{Ran, UnitOfWork, transact};
use crate::error::CallError;
use crate::invocation::{self, Ended};
use crate::plugin::Plugin;
use crate::program::entry::{Entry, Reply};
use crate::program::{self, Program};
use crate::request::Request;
use crate::request::replay::Replay;
use crate::request::setting::Setting;
use crate::runtime::{Admitted, Runtime};
use bytes::Bytes;
use http::HeaderMap;
use palisade_guard::caller::Caller;
use palisade_guard::kind::Kind;
use palisade_guard::ledger::Usage;
use palisade_guard::limits::{BODY_BYTES_MAX, Limit};
use palisade_guard::memory::Reservation;
use palisade_guard::request_context::RequestId;
use palisade_guard::routes::{InboundRequest, Method, OutboundResponse, RequestPath, seen};
use serde_json::Value;
use std::pin::Pin;
use std::sync::Arc;

/// The route of a plugin that a request reaches.
pub struct Route<'a> {
    runtime: &'a Arc<Runtime>,
    program: Arc<Program>,
    found: Arc<program::route::Route>,
    path: RequestPath,
}

/// A request that the plugin's handler gets when it is awaited. Defaults: no query, no headers, no body, an anonymous
/// caller, a random request id, the current time.
#[must_use = "a request does nothing until it is awaited"]
pub struct RouteCall<'a> {
    runtime: &'a Arc<Runtime>,
    program: Arc<Program>,
    route: Arc<program::route::Route>,
    handler: Arc<program::route::Handler>,
    request: InboundRequest,
    context: CallContext,
}

/// What a plugin answered, and what it used.
#[derive(Clone, Debug)]
pub struct RouteOutcome {
    /// The answer, with the headers that keep it from acting in the origin of the host's API. All of them must be sent.
    pub response: OutboundResponse,
    /// What the invocation used of each limit.
    pub usage: Vec<Usage>,
    /// The bytes of the host's memory that the answer holds: keep it until the answer is sent.
    pub memory: Arc<Reservation>,
}

impl<'a> Route<'a> {
    pub(crate) fn find(runtime: &'a Arc<Runtime>, plugin: &str, path: &str) -> Result<Self, CallError> {
        let program = runtime.program(plugin)?;
        let path = RequestPath::parse(path).map_err(CallError::BadArguments)?;
        match program.route(&path).cloned() {
            Some(route) => Ok(Self { runtime, program, found: route, path }),
            None => Err(CallError::NoRoute { plugin: plugin.to_owned(), hint: hint(&program) }),
        }
    }

    /// The methods that a request may have, as the header `allow` lists them: HEAD beside GET, and OPTIONS, which is
    /// answered without the plugin.
    pub fn allow(&self) -> &str {
        &self.found.allow
    }

    /// A request with this method; `None` if the route does not have it.
    pub fn call(self, method: Method) -> Option<RouteCall<'a>> {
        let Self { runtime, program, found: route, path } = self;
        let handler = Arc::clone(route.handler(method)?);
        let request = InboundRequest { method, path, query: None, headers: Vec::new(), body: Bytes::new() };
        Some(RouteCall { runtime, program, route, handler, request, context: CallContext::default() })
    }
}

impl RouteCall<'_> {
    /// The query, as it was sent, without the `?`.
    pub fn query(mut self, query: Option<&str>) -> Self {
        self.request.query = query.map(str::to_owned);
        self
    }

    /// The headers as they were sent. The handler sees those that its grant names, and never a credential.
    pub fn headers(mut self, headers: &HeaderMap) -> Self {
        self.request.headers = seen(headers, &self.route.headers);
        self
    }

    /// The body as it was sent, at most [`BODY_BYTES_MAX`] bytes. Whoever holds it has
    /// [reserved](crate::Host::reservation) its bytes.
    pub fn body(mut self, body: impl Into<Bytes>) -> Self {
        self.request.body = body.into();
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

    /// Runs the handler with a given seed at a given instant, as [`Call::replay`](crate::Call::replay) does.
    pub fn replay(mut self, replay: Replay) -> Self {
        self.context.replay = Some(replay);
        self
    }

    /// Whether the plugin is served now, without a call: a server finds out before it reads the body.
    pub fn check(&self) -> Result<(), CallError> {
        let Plugin { availability, tally, .. } = &*self.program.plugin;
        availability.check().inspect_err(|_| tally.turned_away())
    }

    async fn run(self) -> Result<RouteOutcome, CallError> {
        let Self { runtime, program, handler, request, context, .. } = self;
        let CallContext { caller, request: id, replay, .. } = context;
        let by = Arc::new(Request::new(id.unwrap_or_else(RequestId::random), caller));
        let ran = run(runtime, &program, &handler, request, &by, replay).await;
        ran.inspect_err(|error| {
            let plugin = Some(&*program.plugin.availability);
            runtime.supervision.report_failure(plugin, &handler.name, Some(&by.id), error);
        })
    }
}

impl<'a> IntoFuture for RouteCall<'a> {
    type Output = Result<RouteOutcome, CallError>;
    type IntoFuture = Pin<Box<dyn Future<Output = Self::Output> + Send + 'a>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(self.run())
    }
}

/// The routes of a plugin, as the end of a sentence.
fn hint(program: &Program) -> String {
    let routes = program.routes().iter().map(|route| format!("`{}`", route.path.as_str()));
    match routes.collect::<Vec<_>>().join(", ") {
        none if none.is_empty() => "it handles no requests".to_owned(),
        routes => format!("it has {routes}"),
    }
}

async fn run(
    runtime: &Arc<Runtime>,
    program: &Arc<Program>,
    handler: &Arc<program::route::Handler>,
    request: InboundRequest,
    by: &Arc<Request>,
    replay: Option<Replay>,
) -> Result<RouteOutcome, CallError> {
    if replay.is_some() && handler.kind == Kind::Action {
        return Err(CallError::BadArguments(format!(
            "`{}` is an action: it sees real time and the system's randomness, so it has no seed and no instant",
            handler.name
        )));
    }
    if request.body.len() > BODY_BYTES_MAX {
        return Err(CallError::BadArguments(format!("a body has at most {BODY_BYTES_MAX} bytes")));
    }
    let admitted = runtime.admit(program).await?;
    let setting = Setting::new(Arc::clone(by), handler.kind, &program.plugin.limits);
    let setting = tap::asking(runtime, &admitted, replay.iter().fold(setting, Setting::at));
    let mut undone = None;
    let unit = Handling {
        runtime,
        admitted: &admitted,
        handler,
        request: Arc::new(request),
        setting: &setting,
        undone: &mut undone,
    };
    match (transact(&setting, unit).await, undone) {
        (Err(CallError::Returned(_)), Some(outcome)) => Ok(outcome),
        (result, _) => result,
    }
}

struct Handling<'a> {
    runtime: &'a Arc<Runtime>,
    admitted: &'a Admitted,
    handler: &'a Arc<program::route::Handler>,
    request: Arc<InboundRequest>,
    setting: &'a Setting,
    /// The answer of a run that is rolled back because of it.
    undone: &'a mut Option<RouteOutcome>,
}

impl UnitOfWork for Handling<'_> {
    type Output = RouteOutcome;

    fn lost_race(&self) {
        self.admitted.program.plugin.tally.lost_race();
    }

    async fn run(&mut self) -> Ran<RouteOutcome> {
        let Self { runtime, admitted, handler, request, setting, undone } = self;
        **undone = None;
        let (plugin, kind) = (&admitted.program.plugin, handler.kind);
        let entry = Entry::Route { handler: Arc::clone(handler), request: Arc::clone(request) };
        let mut session = plugin.session(kind).until(setting.deadline);
        if handler.profile.sends_one() {
            session.expect_one();
        }
        let memory = runtime.memory.reservation(Some(&plugin.memory), &setting.request.caller);
        let accept = move |plugin: &Plugin, reply| checked(plugin, reply, memory);
        let Ended { session, ledger, reply } =
            invocation::run(runtime, admitted, kind, setting, session, entry, accept).await;
        handler.profile.record_statements(ledger.used(Limit::DbStatements));
        handler.profile.record_time(ledger.used(Limit::GuestTime));
        let usage = ledger.usages().collect();
        let result = match reply {
            Ok((response, memory)) => {
                let commits = response.commits();
                let outcome = RouteOutcome { response, usage, memory: Arc::new(memory) };
                if commits {
                    Ok(outcome)
                } else {
                    **undone = Some(outcome);
                    // What `transact` does with a guest's own error is what is to be done here.
                    Err(CallError::Returned(Value::Null))
                }
            }
            Err(error) => Err(error),
        };
        Ran { session, result }
    }
}

/// The guest's answer, if it may leave the host, and what it holds.
fn checked(
    plugin: &Plugin,
    reply: Reply,
    mut memory: Reservation,
) -> Result<(OutboundResponse, Reservation), CallError> {
    let Reply::Response(raw) = reply else {
        return Err(CallError::internal(anyhow::anyhow!("a handler returned a tap's reply")));
    };
    memory.grow(raw.body.len() as u64)?;
    match OutboundResponse::parse(raw) {
        Ok(response) => Ok((response, memory)),
        Err(rule) => Err(CallError::Trapped {
            plugin: plugin.name.to_string(),
            reason: format!("its answer is not acceptable: {rule}"),
        }),
    }
}

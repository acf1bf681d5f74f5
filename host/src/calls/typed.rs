//! Calls that take and return Rust types instead of JSON.

use super::call::{self, CallContext};
use crate::error::CallError;
use crate::program::{Function, Program};
use crate::request::replay::Replay;
use crate::runtime::Runtime;
use arc_swap::ArcSwap;
use palisade_guard::caller::Caller;
use palisade_guard::request_context::RequestId;
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::marker::PhantomData;
use std::pin::Pin;
use std::sync::Arc;

/// A function that takes and returns Rust types: resolved once by [`Host::typed`](crate::Host::typed), and called any number
/// of times. After another version of the plugin is loaded, the next call runs that version.
pub struct Typed<Arguments, Answer> {
    runtime: Arc<Runtime>,
    plugin: String,
    function: String,
    found: ArcSwap<Found>,
    types: PhantomData<fn(Arguments) -> Answer>,
}

struct Found {
    program: Arc<Program>,
    function: Arc<Function>,
}

/// A typed call that starts when it is awaited. Its options have the defaults of [`Call`](crate::Call).
#[must_use = "a call does nothing until it is awaited"]
pub struct TypedCall<'a, Arguments, Answer> {
    function: &'a Typed<Arguments, Answer>,
    arguments: &'a Arguments,
    context: CallContext,
}

impl<Arguments: Serialize + Sync, Answer: DeserializeOwned> Typed<Arguments, Answer> {
    pub(crate) fn resolve(runtime: Arc<Runtime>, plugin: &str, function: &str) -> Result<Self, CallError> {
        let found = ArcSwap::from_pointee(Found::by(&runtime, plugin, function)?);
        let (plugin, function) = (plugin.to_owned(), function.to_owned());
        Ok(Self { runtime, plugin, function, found, types: PhantomData })
    }

    /// Starts a call. `Arguments` must serialize to an object with a member for each parameter, named in lowerCamelCase.
    /// `Answer` is deserialized from the function's result, or from its `ok` side if the function returns a `result`.
    pub fn call<'a>(&'a self, arguments: &'a Arguments) -> TypedCall<'a, Arguments, Answer> {
        TypedCall { function: self, arguments, context: CallContext::default() }
    }

    /// The function of the plugin's current version.
    fn current(&self) -> Result<Arc<Found>, CallError> {
        let found = self.found.load_full();
        let is_current = |current: Arc<Program>| Arc::ptr_eq(&current, &found.program);
        if self.runtime.registry.find(&self.plugin).is_some_and(is_current) {
            return Ok(found);
        }
        let found = Arc::new(Found::by(&self.runtime, &self.plugin, &self.function)?);
        self.found.store(Arc::clone(&found));
        Ok(found)
    }
}

impl Found {
    fn by(runtime: &Runtime, plugin: &str, function: &str) -> Result<Self, CallError> {
        let (program, function) = runtime.find(plugin, function)?;
        Ok(Self { program, function })
    }
}

impl<Arguments, Answer> TypedCall<'_, Arguments, Answer> {
    /// The caller. Default: anonymous.
    pub fn caller(mut self, caller: Caller) -> Self {
        self.context.caller = caller;
        self
    }

    /// The request's id. Default: a random id.
    pub fn request(mut self, id: RequestId) -> Self {
        self.context.request = Some(id);
        self
    }

    /// Runs the call with a given seed at a given instant; see [`Call::replay`](crate::Call::replay).
    pub fn replay(mut self, replay: Replay) -> Self {
        self.context.replay = Some(replay);
        self
    }
}

impl<'a, Arguments: Serialize + Sync, Answer: DeserializeOwned> IntoFuture
    for TypedCall<'a, Arguments, Answer>
{
    type Output = Result<Answer, CallError>;
    type IntoFuture = Pin<Box<dyn Future<Output = Self::Output> + Send + 'a>>;

    fn into_future(self) -> Self::IntoFuture {
        let Self { function, arguments, context } = self;
        Box::pin(async move {
            let Found { program, function: found } = &*function.current()?;
            let arguments = serde_json::to_value(arguments).map_err(|error| {
                CallError::BadArguments(format!("the arguments of `{}` are not JSON: {error}", found.path))
            })?;
            let outcome = call::call(&function.runtime, program, found, arguments, context).await?;
            serde_json::from_value(outcome.value).map_err(|error| CallError::UnexpectedAnswer {
                plugin: function.plugin.clone(),
                function: function.function.clone(),
                reason: error.to_string(),
            })
        })
    }
}

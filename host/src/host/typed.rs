//! Calls that take and return Rust types instead of JSON.

use super::Host;
use crate::calls::call::{self, CallContext};
use crate::error::CallError;
use crate::program::{Function, Program};
use crate::request::replay::Replay;
use arc_swap::ArcSwap;
use palisade_guard::caller::Caller;
use palisade_guard::request_context::RequestId;
use palisade_guard::text::quoted;
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::marker::PhantomData;
use std::pin::Pin;
use std::sync::{Arc, Weak};

/// A function that takes and returns Rust types: resolved once by [`Host::typed`](crate::Host::typed), and called any number
/// of times. After another version of the plugin is loaded, the next call runs that version.
pub struct Typed<Arguments, Answer> {
    /// A clone, so that what watches over the host lives as long as a function that can be called.
    host: Host,
    plugin: String,
    function: String,
    found: ArcSwap<Found>,
    types: PhantomData<fn(Arguments) -> Answer>,
}

/// Where the function was found. A version that is replaced or unloaded is gone, whether or not it is called again.
struct Found {
    program: Weak<Program>,
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
    pub(super) fn resolve(host: Host, plugin: &str, function: &str) -> Result<Self, CallError> {
        let (program, found) = host.runtime.find(plugin, function)?;
        let found = ArcSwap::from_pointee(Found { program: Arc::downgrade(&program), function: found });
        let (plugin, function) = (plugin.to_owned(), function.to_owned());
        Ok(Self { host, plugin, function, found, types: PhantomData })
    }

    /// Starts a call. `Arguments` must serialize to an object with a member for each parameter, named in lowerCamelCase.
    /// `Answer` is deserialized from the function's result, or from its `ok` side if the function returns a `result`. When that
    /// fails, the call has happened: a mutation is committed.
    pub fn call<'a>(&'a self, arguments: &'a Arguments) -> TypedCall<'a, Arguments, Answer> {
        TypedCall { function: self, arguments, context: CallContext::default() }
    }

    /// The plugin's current version, and the function in it.
    fn current(&self) -> Result<(Arc<Program>, Arc<Function>), CallError> {
        let found = self.found.load();
        let current = self.host.runtime.registry.find(&self.plugin);
        if let Some(program) =
            current.filter(|program| std::ptr::eq(Arc::as_ptr(program), found.program.as_ptr()))
        {
            return Ok((program, Arc::clone(&found.function)));
        }
        let (program, function) = self.host.runtime.find(&self.plugin, &self.function)?;
        let found = Found { program: Arc::downgrade(&program), function: Arc::clone(&function) };
        self.found.store(Arc::new(found));
        Ok((program, function))
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
            let (program, found) = function.current()?;
            let arguments = serde_json::to_value(arguments).map_err(|error| {
                CallError::BadArguments(format!("the arguments of `{}` are not JSON: {error}", found.path))
            })?;
            let outcome = call::call(&function.host.runtime, &program, &found, arguments, context).await?;
            serde_json::from_value(outcome.value).map_err(|error| CallError::UnexpectedAnswer {
                plugin: function.plugin.clone(),
                function: function.function.clone(),
                // It can repeat the plugin's text.
                reason: format!(
                    "expected {}; {}",
                    std::any::type_name::<Answer>(),
                    quoted(&error.to_string())
                ),
            })
        })
    }
}

//! What a host reports about a loaded plugin.

use crate::plugin::passport::Passport;
use crate::program::{Function, Program};
use crate::supervision::ServingStatus;
use crate::value::{Integers, Schemas};
use palisade_guard::grant::Grants;
use palisade_guard::kind::Kind;
use serde_json::Value;

/// What an operator or caller may know about a loaded plugin.
#[derive(Clone, Debug)]
pub struct PluginInfo {
    /// Its name.
    pub name: String,
    /// Its version.
    pub version: String,
    /// A description of one line.
    pub description: String,
    /// What the plugin can do.
    pub passport: Passport,
    /// What the plugin is granted.
    pub grants: Grants,
    /// The migrations that have not run yet. There can be some only on a host that [only looks](crate::HostBuilder::only_look).
    pub pending: Vec<String>,
    /// Whether the plugin is served.
    pub status: ServingStatus,
    /// The functions that callers can call.
    pub functions: Vec<FunctionInfo>,
}

/// A function that callers can call.
#[derive(Clone, Debug)]
pub struct FunctionInfo {
    /// `interface/function`.
    pub path: String,
    /// Whether it is a query, a mutation or an action.
    pub kind: Kind,
    /// Its type as WIT writes it.
    pub signature: String,
    /// JSON Schema of its arguments.
    pub parameters: Value,
    /// JSON Schema of its result.
    pub result: Value,
    /// JSON Schema of its error, if it can return one.
    pub error: Option<Value>,
}

impl PluginInfo {
    pub(super) fn of(program: &Program) -> Self {
        let functions = program.paths().filter_map(|path| {
            let Function { kind, signature, .. } = &**program.function(&path)?;
            let spelled_out = &mut Schemas::default();
            Some(FunctionInfo {
                kind: *kind,
                signature: signature.to_string(),
                parameters: signature.arguments_schema(spelled_out),
                result: signature.result_schema(spelled_out, Integers::Numbers),
                error: signature.error_schema(spelled_out, Integers::Numbers),
                path,
            })
        });
        let plugin = &program.plugin;
        Self {
            name: plugin.name.to_string(),
            version: plugin.version.to_string(),
            description: program.description.clone(),
            passport: program.passport.clone(),
            grants: plugin.grants.clone(),
            pending: program.pending.clone(),
            status: plugin.availability.status(),
            functions: functions.collect(),
        }
    }
}

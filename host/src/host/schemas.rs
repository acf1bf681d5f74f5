//! A plugin's functions as `OpenAPI` describes them: the types have the names and the docs of their WIT, and each has one schema.

use crate::program::{Function, Program};
use crate::value::{Integers, Schemas, camel_id};
use palisade_guard::kind::Kind;
use palisade_guard::text::prose;
use serde_json::Value;
use std::collections::BTreeMap;
use std::fmt::Write as _;

/// A plugin's functions as `OpenAPI` describes them. What it says in prose is the plugin's text, without HTML and links.
#[derive(Clone, Debug)]
pub struct PluginSchemas {
    /// The plugin's name.
    pub name: String,
    /// What its manifest and its WIT say of it, in Markdown; empty if they say nothing.
    pub description: String,
    /// JSON Schema of each type that has a name. The keys are unique among all plugins: `Blog_Posts_Post` is the type `post` in the
    /// interface `posts` of the plugin `blog` as functions return it. Where they take it in another form, `…_Input` is that form,
    /// and where 64-bit integers are strings, `…_Strings`.
    pub types: BTreeMap<String, Value>,
    /// The functions that callers can call. A type with a name is a reference to `#/components/schemas/` and its key.
    pub functions: Vec<FunctionSchemas>,
}

/// A function as `OpenAPI` describes it.
#[derive(Clone, Debug)]
pub struct FunctionSchemas {
    /// `interface/function`.
    pub path: String,
    /// A name for generated code, unique among all plugins: `blog_posts_list`.
    pub id: String,
    /// Whether it is a query, a mutation or an action.
    pub kind: Kind,
    /// Its type as WIT writes it.
    pub signature: String,
    /// What its WIT says, in Markdown.
    pub docs: Option<String>,
    /// JSON Schema of its arguments.
    pub arguments: Value,
    /// JSON Schema of its result.
    pub result: Value,
    /// The same where 64-bit integers are strings of digits; `None` if it has none.
    pub result_strings: Option<Value>,
    /// JSON Schema of its error, if it can return one.
    pub error: Option<Value>,
    /// The same where 64-bit integers are strings of digits; `None` if it has none.
    pub error_strings: Option<Value>,
}

impl PluginSchemas {
    pub(super) fn of(program: &Program) -> Self {
        let name = program.plugin.name.to_string();
        let mut schemas = Schemas::named(&name, &program.docs);
        let mut functions = Vec::new();
        let mut description = prose(&program.description);
        let mut interface = "";
        let paths: Vec<String> = program.paths().collect();
        for path in &paths {
            let (Some((exported, function)), Some(found)) = (path.split_once('/'), program.function(path))
            else {
                continue;
            };
            let Function { kind, signature, .. } = &**found;
            if interface != exported {
                interface = exported;
                if let Some(said) = program.docs.interface(interface) {
                    let gap = if description.is_empty() { "" } else { "\n\n" };
                    let _infallible = write!(description, "{gap}`{interface}`: {said}");
                }
            }
            let result = signature.result_schema(&mut schemas, Integers::Numbers);
            let strings = signature.result_schema(&mut schemas, Integers::Strings);
            let error = signature.error_schema(&mut schemas, Integers::Numbers);
            let error_strings = signature.error_schema(&mut schemas, Integers::Strings);
            functions.push(FunctionSchemas {
                path: path.clone(),
                id: format!("{}_{}_{}", camel_id(&name), camel_id(interface), camel_id(function)),
                kind: *kind,
                signature: signature.to_string(),
                docs: program.docs.function(interface, function).map(ToOwned::to_owned),
                arguments: signature.arguments_schema(&mut schemas),
                result_strings: Some(strings).filter(|strings| *strings != result),
                result,
                error_strings: error_strings.filter(|strings| Some(strings) != error.as_ref()),
                error,
            });
        }
        let types = schemas.types;
        Self { name, description, types, functions }
    }
}

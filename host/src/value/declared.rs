//! What a component's binary says of its exported interfaces besides the structure of their types: the types' names, and the docs
//! that `palisade build` keeps.
//!
//! wasmtime's types have no names: there, two records with the same fields are one type. The binary has a name for each record,
//! variant, enum and set of flags of an exported function, so it is read a second time, without the bodies of functions. That
//! happens when the compiler's process has accepted the component: the parser recurses over types, which `engine/types.rs` bounds.
//!
//! Docs are the plugin's text. They are kept without what a viewer of Markdown or a generator of code could take for more than
//! text ([`prose`]). What is wrong with them is no reason to refuse a plugin.

use super::{Field, Shape};
use palisade_guard::kind::DOCS_SECTION;
use palisade_guard::limits::DOCS_BYTES_MAX;
use palisade_guard::text::prose;
use serde_json::Value;
use std::collections::{BTreeMap, HashMap};
use std::iter;
use std::sync::Arc;
use wasmparser::component_types::{
    ComponentAnyTypeId, ComponentDefinedType, ComponentDefinedTypeId, ComponentEntityType, ComponentFuncType,
    ComponentInstanceTypeId, ComponentValType,
};
use wasmparser::types::{Types, TypesRef};
use wasmparser::{Parser, Payload, ValidPayload, Validator, WasmFeatures};

/// The versions of the section with docs that are read: it is a byte for its version, then JSON. They differ in what they have besides
/// docs.
const VERSIONS: [u8; 2] = [0, 1];

/// The name that an exported interface gives to a type.
#[derive(Debug, PartialEq)]
pub struct TypeName {
    /// The interface's name, without its package.
    pub interface: Box<str>,
    /// The type's name.
    pub name: Box<str>,
}

/// The names in a type, in the order of its shape.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Names {
    /// The type's own name.
    pub(super) name: Option<Arc<TypeName>>,
    /// Those of its elements, fields or cases; empty if none has a name.
    parts: Box<[Names]>,
}

impl Names {
    pub(super) fn part(&self, index: usize) -> Option<&Self> {
        self.parts.get(index)
    }

    fn is_empty(&self) -> bool {
        self.name.is_none() && self.parts.is_empty()
    }
}

/// What a component's binary says of its exported interfaces.
pub struct Declared {
    types: Option<Types>,
    /// The instances by the names under which they are exported.
    instances: HashMap<String, ComponentInstanceTypeId>,
    names: HashMap<ComponentDefinedTypeId, Arc<TypeName>>,
    /// The docs, or why there are none.
    pub docs: Result<Docs, String>,
}

impl Declared {
    /// Reads a component that the compiler has accepted.
    pub fn of(bytes: &[u8]) -> Self {
        let mut declared =
            Self { types: None, instances: HashMap::new(), names: HashMap::new(), docs: Ok(Docs::default()) };
        let mut validator = Validator::new_with_features(WasmFeatures::all());
        let (mut depth, mut exports) = (0_usize, Vec::new());
        for payload in Parser::new(0).parse_all(bytes) {
            // The compiler has accepted it, perhaps with other features; without its types, they have no names.
            let Ok(payload) = payload else { return declared };
            match validator.payload(&payload) {
                Ok(ValidPayload::End(types)) => declared.types = Some(types),
                Ok(_) => {}
                Err(_) => return declared,
            }
            match payload {
                Payload::ModuleSection { .. } | Payload::ComponentSection { .. } => {
                    depth = depth.saturating_add(1);
                }
                Payload::End(_) => depth = depth.saturating_sub(1),
                Payload::ComponentExportSection(section) if depth == 0 => {
                    exports.extend(section.into_iter().flatten().map(|export| export.name.name.to_owned()));
                }
                Payload::CustomSection(section) if depth == 0 && section.name() == DOCS_SECTION => {
                    declared.docs = Docs::parse(section.data());
                }
                _ => {}
            }
        }
        declared.name(exports);
        declared
    }

    /// Gives each type the name under which an interface exports it first: an interface that uses another one's type exports it
    /// again as an alias, and comes later.
    fn name(&mut self, exports: Vec<String>) {
        let Some(types) = self.types.as_ref().map(Types::as_ref) else { return };
        for export in exports {
            let Some(item) = types.component_item_for_export(&export) else { continue };
            let ComponentEntityType::Instance(id) = item.ty else { continue };
            let plain = export.split('@').next().unwrap_or_default();
            let interface = plain.rsplit('/').next().unwrap_or_default();
            for (name, item) in types.get(id).into_iter().flat_map(|instance| &instance.exports) {
                let ComponentEntityType::Type {
                    referenced: ComponentAnyTypeId::Defined(referenced),
                    created: ComponentAnyTypeId::Defined(created),
                } = item.ty
                else {
                    continue;
                };
                let mut aliases = iter::successors(Some(referenced), |aliased| types.peel_alias(*aliased));
                let known = aliases.find_map(|aliased| self.names.get(&aliased).cloned());
                let own = || Arc::new(TypeName { interface: interface.into(), name: name.as_str().into() });
                self.names.insert(created, known.unwrap_or_else(own));
            }
            self.instances.insert(export, id);
        }
    }

    /// The names in the types of an exported function, for its parameters and its result.
    pub(super) fn names_of(
        &self,
        export: &str,
        function: &str,
        parameters: &[Field],
        result: Option<&Shape>,
    ) -> (Box<[Option<Names>]>, Option<Names>) {
        let Some((types, function)) = self.function(export, function) else { return (Box::default(), None) };
        let of = |shape: &Shape, ty: &ComponentValType| {
            Some(self.names(types, shape, *ty)).filter(|names| !names.is_empty())
        };
        let parameters = parameters.iter().zip(function.params.iter());
        let result = result.zip(function.result.as_ref());
        (
            parameters.map(|(field, (_, ty))| of(&field.shape, ty)).collect(),
            result.and_then(|(shape, ty)| of(shape, ty)),
        )
    }

    fn function(&self, export: &str, function: &str) -> Option<(TypesRef<'_>, &ComponentFuncType)> {
        let types = self.types.as_ref()?.as_ref();
        let instance = types.get(*self.instances.get(export)?)?;
        let ComponentEntityType::Func(id) = instance.exports.get(function)?.ty else { return None };
        Some((types, types.get(id)?))
    }

    /// The names in a type. The recursion follows the shape, whose depth is bounded.
    fn names(&self, types: TypesRef<'_>, shape: &Shape, ty: ComponentValType) -> Names {
        let ComponentValType::Type(id) = ty else { return Names::default() };
        let Some(defined) = types.get(id) else { return Names::default() };
        let of = |shape: &Shape, ty: &ComponentValType| self.names(types, shape, *ty);
        let maybe = |shape: Option<&Shape>, ty: Option<&ComponentValType>| match (shape, ty) {
            (Some(shape), Some(ty)) => of(shape, ty),
            _ => Names::default(),
        };
        let parts: Vec<Names> = match (shape, defined) {
            (Shape::List(inner), ComponentDefinedType::List { element: ty, .. })
            | (Shape::Option(inner), ComponentDefinedType::Option { ty, .. }) => vec![of(inner, ty)],
            (Shape::Tuple(shapes), ComponentDefinedType::Tuple(tuple)) => {
                shapes.iter().zip(tuple.types.iter()).map(|(shape, ty)| of(shape, ty)).collect()
            }
            (Shape::Record(fields), ComponentDefinedType::Record(record)) => {
                fields.iter().zip(record.fields.values()).map(|(field, ty)| of(&field.shape, ty)).collect()
            }
            (Shape::Variant(cases), ComponentDefinedType::Variant(variant)) => cases
                .iter()
                .zip(variant.cases.values())
                .map(|(case, ty)| maybe(case.shape.as_ref(), ty.ty.as_ref()))
                .collect(),
            (Shape::Result { ok, err }, ComponentDefinedType::Result { ok: ok_ty, err: err_ty, .. }) => {
                vec![maybe(ok.as_deref(), ok_ty.as_ref()), maybe(err.as_deref(), err_ty.as_ref())]
            }
            _ => Vec::new(),
        };
        let parts = if parts.iter().all(Names::is_empty) { Box::default() } else { parts.into() };
        Names { name: self.names.get(&id).cloned(), parts }
    }
}

/// What the WIT of a plugin says of its exported interfaces.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Docs(BTreeMap<String, String>);

impl Docs {
    fn parse(section: &[u8]) -> Result<Self, String> {
        if section.len() > DOCS_BYTES_MAX {
            return Err(format!("they have {} bytes, and at most {DOCS_BYTES_MAX} are read", section.len()));
        }
        let Some((version, json)) = section.split_first() else { return Err("they are empty".into()) };
        if !VERSIONS.contains(version) {
            return Err(format!(
                "they have version {version} of their format, which this host does not read"
            ));
        }
        let json: Value =
            serde_json::from_slice(json).map_err(|error| format!("they are not JSON: {error}"))?;
        let mut docs = Self::default();
        for (interface, said) in members(&json, "interfaces") {
            docs.add(interface.clone(), said);
            for (function, said) in members(said, "funcs") {
                docs.add(of_function(interface, function), said);
            }
            for (ty, said) in members(said, "types") {
                docs.add(of_type(interface, ty), said);
                for (member, said) in members(said, "items") {
                    docs.add(of_member(interface, ty, member), said);
                }
            }
        }
        Ok(docs)
    }

    /// What has nothing but docs is its text, in some versions of the format.
    fn add(&mut self, key: String, said: &Value) {
        let text = said.as_str().or_else(|| said.get("docs")?.as_str()).map(prose).unwrap_or_default();
        if !text.is_empty() {
            self.0.insert(key, text);
        }
    }

    /// Of an interface.
    pub fn interface(&self, interface: &str) -> Option<&str> {
        self.get(interface)
    }

    /// Of a function.
    pub fn function(&self, interface: &str, function: &str) -> Option<&str> {
        self.get(&of_function(interface, function))
    }

    /// Of a type.
    pub fn ty(&self, ty: &TypeName) -> Option<&str> {
        self.get(&of_type(&ty.interface, &ty.name))
    }

    /// Of a type's field, case or flag.
    pub fn member(&self, ty: &TypeName, member: &str) -> Option<&str> {
        self.get(&of_member(&ty.interface, &ty.name, member))
    }

    fn get(&self, key: &str) -> Option<&str> {
        self.0.get(key).map(String::as_str)
    }
}

fn members<'a>(value: &'a Value, key: &str) -> impl Iterator<Item = (&'a String, &'a Value)> {
    value.get(key).and_then(Value::as_object).into_iter().flatten()
}

fn of_function(interface: &str, function: &str) -> String {
    format!("{interface} function {function}")
}

fn of_type(interface: &str, ty: &str) -> String {
    format!("{interface} type {ty}")
}

fn of_member(interface: &str, ty: &str, member: &str) -> String {
    format!("{interface} type {ty} {member}")
}

//! JSON Schema (draft 2020-12, which `OpenAPI` 3.1 uses) of a type's JSON form. JSON that fits the schema of an argument is
//! accepted by lowering, except for what a schema cannot check: strings of digits beyond the range of 64-bit integers, and what a
//! call may have in all. Results fit theirs.
//!
//! A type has more than one form: an argument may leave out a key that stands for `none` or `false`, and may write a 64-bit integer
//! as a string; a result has every key, and its 64-bit integers are all numbers or all strings ([`Integers`]). A type with a name
//! has one schema for each of its forms that is used, and only where they differ; wherever it is used, it is a reference.

use super::declared::{Docs, Names, TypeName};
use super::name::pascal;
use super::{Case, Field, Flag, Int, Integers, Shape};
use palisade_guard::limits::OPENAPI_NAME_BYTES_MAX;
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;

/// Standard base64 with padding, as the decoder takes it: the bits that the last character does not need are zero.
pub(super) const BASE64: &str =
    "^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/][AQgw]==|[A-Za-z0-9+/]{2}[AEIMQUYcgkosw048]=)?$";

/// Where JSON of a type stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    Argument,
    Result(Integers),
}

impl Form {
    /// Whether a type's JSON may differ from that in a result with numbers.
    fn differs(self, shape: &Shape) -> bool {
        let is_wide = |shape: &Shape| matches!(shape, Shape::Int(int) if int.is_wide());
        match self {
            Self::Result(Integers::Numbers) => false,
            Self::Result(Integers::Strings) => shape.any(&is_wide),
            Self::Argument => {
                shape.any(&|shape| is_wide(shape) || matches!(shape, Shape::Option(_) | Shape::Flags(_)))
            }
        }
    }

    fn suffix(self) -> &'static str {
        match self {
            Self::Result(Integers::Numbers) => "",
            Self::Result(Integers::Strings) => "_Strings",
            Self::Argument => "_Input",
        }
    }

    /// Whether a key of this type may be absent.
    fn may_omit(self, shape: &Shape) -> bool {
        self == Self::Argument && matches!(shape, Shape::Option(_))
    }
}

/// Makes schemas, and collects those of types with names.
#[derive(Default)]
pub struct Schemas<'a> {
    /// The plugin whose types they are, and its docs. Without them, every type is spelled out where it is used.
    plugin: Option<(&'a str, &'a Docs)>,
    /// The schemas of the types that have names, by the names that `OpenAPI` has for them.
    pub types: BTreeMap<String, Value>,
}

impl<'a> Schemas<'a> {
    /// Schemas in which the types of a plugin have names.
    pub fn named(plugin: &'a str, docs: &'a Docs) -> Self {
        Self { plugin: Some((plugin, docs)), types: BTreeMap::new() }
    }

    /// The schema of a type, or a reference to it.
    pub(super) fn of(&mut self, shape: &Shape, names: Option<&Names>, form: Form) -> Value {
        let name = names.and_then(|names| names.name.as_deref());
        let (Some((plugin, docs)), Some(name)) = (self.plugin, name) else {
            return self.spelled_out(shape, names, form);
        };
        let suffix = if form.differs(shape) { form.suffix() } else { "" };
        let id = format!("{}_{}_{}{suffix}", pascal(plugin), pascal(&name.interface), pascal(&name.name));
        if id.len() > OPENAPI_NAME_BYTES_MAX {
            return self.spelled_out(shape, names, form);
        }
        if !self.types.contains_key(&id) {
            let schema = described(self.spelled_out(shape, names, form), docs.ty(name));
            self.types.insert(id.clone(), schema);
        }
        json!({"$ref": format!("#/components/schemas/{id}")})
    }

    fn spelled_out(&mut self, shape: &Shape, names: Option<&Names>, form: Form) -> Value {
        let part = |index| names.and_then(|names| names.part(index));
        match shape {
            Shape::Bool => json!({"type": "boolean"}),
            Shape::Int(int) => integer(*int, form),
            Shape::F32 => {
                // As results have it: with the digits that tell it from other floats of 32 bits.
                let most = f32::MAX.to_string().parse::<f64>().ok();
                let least = most.map(|most| -most);
                float(json!({"type": "number", "format": "float", "minimum": least, "maximum": most}))
            }
            Shape::F64 => float(json!({"type": "number", "format": "double"})),
            Shape::Char => json!({"type": "string", "minLength": 1, "maxLength": 1}),
            Shape::String => json!({"type": "string"}),
            Shape::Bytes => json!({"type": "string", "contentEncoding": "base64", "pattern": BASE64}),
            Shape::List(element) => json!({"type": "array", "items": self.of(element, part(0), form)}),
            Shape::Tuple(shapes) => {
                let parts = shapes.iter().enumerate().map(|(i, shape)| self.of(shape, part(i), form));
                json!({
                    "type": "array",
                    "prefixItems": parts.collect::<Vec<_>>(),
                    "items": false,
                    "minItems": shapes.len(),
                    "maxItems": shapes.len(),
                })
            }
            Shape::Record(fields) => self.record(fields, names, form),
            Shape::Flags(flags) => self.set(flags, names, form),
            Shape::Enum(cases) => json!({"type": "string", "enum": cases}),
            Shape::Variant(cases) => {
                let cases = cases.iter().enumerate().map(|(i, case)| self.case(case, part(i), names, form));
                any_of(&cases.collect::<Vec<_>>())
            }
            Shape::Option(some) if matches!(**some, Shape::Option(_)) => {
                let some = self.tagged("some", Some((&**some, part(0))), form);
                let none = self.tagged("none", None, form);
                // As an argument, `null` is `none` wherever it stands.
                if form == Form::Argument { any_of(&[null(), none, some]) } else { any_of(&[none, some]) }
            }
            Shape::Option(some) => any_of(&[self.of(some, part(0), form), null()]),
            Shape::Result { ok, err } => {
                let ok = self.tagged("ok", ok.as_deref().map(|ok| (ok, part(0))), form);
                let err = self.tagged("err", err.as_deref().map(|err| (err, part(1))), form);
                any_of(&[ok, err])
            }
        }
    }

    fn record(&mut self, fields: &[Field], names: Option<&Names>, form: Form) -> Value {
        let ty = names.and_then(|names| names.name.as_deref());
        let fields = fields
            .iter()
            .enumerate()
            .map(|(i, field)| (field, names.and_then(|names| names.part(i)), self.said(ty, &field.name)));
        let fields: Vec<_> = fields.collect();
        self.object(fields.into_iter(), form)
    }

    /// An object with these fields and no others.
    pub(super) fn object<'f>(
        &mut self,
        fields: impl Iterator<Item = (&'f Field, Option<&'f Names>, Option<&'a str>)>,
        form: Form,
    ) -> Value {
        let (mut properties, mut required) = (Map::new(), Vec::new());
        for (field, names, said) in fields {
            let schema = described(self.of(&field.shape, names, form), said);
            properties.insert(field.key.to_string(), schema);
            if !form.may_omit(&field.shape) {
                required.push(&*field.key);
            }
        }
        json!({
            "type": "object",
            "properties": properties,
            "required": required,
            "additionalProperties": false,
        })
    }

    fn set(&self, flags: &[Flag], names: Option<&Names>, form: Form) -> Value {
        let ty = names.and_then(|names| names.name.as_deref());
        let flag = |flag: &Flag| {
            let schema = described(json!({"type": "boolean"}), self.said(ty, &flag.name));
            (flag.key.to_string(), schema)
        };
        let properties: Map<_, _> = flags.iter().map(flag).collect();
        let mut set = json!({"type": "object", "properties": properties, "additionalProperties": false});
        if let (Form::Result(_), Some(set)) = (form, set.as_object_mut()) {
            set.insert("required".into(), flags.iter().map(|flag| &*flag.key).collect());
        }
        set
    }

    fn case(&mut self, case: &Case, payload: Option<&Names>, names: Option<&Names>, form: Form) -> Value {
        let ty = names.and_then(|names| names.name.as_deref());
        let said = self.said(ty, &case.name);
        described(self.tagged(&case.name, case.shape.as_ref().map(|shape| (shape, payload)), form), said)
    }

    fn tagged(&mut self, tag: &str, payload: Option<(&Shape, Option<&Names>)>, form: Form) -> Value {
        let mut properties = Map::new();
        properties.insert("tag".into(), json!({"type": "string", "const": tag}));
        let mut required = vec!["tag"];
        if let Some((shape, names)) = payload {
            properties.insert("val".into(), self.of(shape, names, form));
            if !form.may_omit(shape) {
                required.push("val");
            }
        }
        json!({
            "type": "object",
            "properties": properties,
            "required": required,
            "additionalProperties": false,
        })
    }

    /// What the docs say of a field, case or flag.
    fn said(&self, ty: Option<&TypeName>, member: &str) -> Option<&'a str> {
        self.plugin?.1.member(ty?, member)
    }
}

/// The schema with a description, if there is one. `OpenAPI` 3.1 allows one beside a reference, too.
fn described(mut schema: Value, said: Option<&str>) -> Value {
    if let (Some(said), Some(schema)) = (said, schema.as_object_mut()) {
        schema.insert("description".into(), said.into());
    }
    schema
}

/// The schema of no value.
pub(super) fn null() -> Value {
    json!({"type": "null"})
}

fn any_of(schemas: &[Value]) -> Value {
    json!({"anyOf": schemas})
}

fn integer(int: Int, form: Form) -> Value {
    let (min, max) = int.range();
    let number = json!({"type": "integer", "format": int.format(), "minimum": min, "maximum": max});
    if !int.is_wide() {
        return number;
    }
    let pattern = match int {
        Int::U64 => "^(0|[1-9][0-9]{0,19})$",
        _ => "^(0|-?[1-9][0-9]{0,18})$",
    };
    let text = json!({"type": "string", "pattern": pattern});
    match form {
        Form::Argument => any_of(&[number, text]),
        Form::Result(Integers::Numbers) => number,
        Form::Result(Integers::Strings) => text,
    }
}

fn float(number: Value) -> Value {
    any_of(&[number, json!({"type": "string", "enum": ["NaN", "Infinity", "-Infinity"]})])
}

//! JSON Schema (draft 2020-12, which `OpenAPI` 3.1 uses) of a type's JSON form. JSON that fits the schema is accepted by
//! lowering, except for what a schema cannot check: base64 text, and strings of digits beyond the range of 64-bit integers.

use super::{Case, Field, Flag, Int, Shape};
use serde_json::{Map, Value, json};

impl Shape {
    /// JSON Schema of the type's JSON form.
    pub fn schema(&self) -> Value {
        match self {
            Shape::Bool => json!({"type": "boolean"}),
            Shape::Int(int) => integer(*int),
            Shape::F32 => float("float"),
            Shape::F64 => float("double"),
            Shape::Char => json!({"type": "string", "minLength": 1, "maxLength": 1}),
            Shape::String => json!({"type": "string"}),
            Shape::Bytes => json!({"type": "string", "contentEncoding": "base64"}),
            Shape::List(element) => json!({"type": "array", "items": element.schema()}),
            Shape::Tuple(shapes) => json!({
                "type": "array",
                "prefixItems": shapes.iter().map(Shape::schema).collect::<Vec<_>>(),
                "items": false,
                "minItems": shapes.len(),
            }),
            Shape::Record(fields) => record(fields),
            Shape::Flags(flags) => set(flags),
            Shape::Enum(names) => json!({"type": "string", "enum": names}),
            Shape::Variant(cases) => any_of(&cases.iter().map(case).collect::<Vec<_>>()),
            Shape::Option(some) if matches!(**some, Shape::Option(_)) => {
                any_of(&[null(), tagged("none", None), tagged("some", Some(some))])
            }
            Shape::Option(some) => any_of(&[some.schema(), null()]),
            Shape::Result { ok, err } => {
                any_of(&[tagged("ok", ok.as_deref()), tagged("err", err.as_deref())])
            }
        }
    }
}

/// An object with these fields and no others. Fields of an `option` type may be absent.
pub(super) fn record(fields: &[Field]) -> Value {
    let properties: Map<_, _> =
        fields.iter().map(|field| (field.key.to_string(), field.shape.schema())).collect();
    let required: Vec<_> = fields
        .iter()
        .filter(|field| !matches!(field.shape, Shape::Option(_)))
        .map(|field| &*field.key)
        .collect();
    json!({
        "type": "object",
        "properties": properties,
        "required": required,
        "additionalProperties": false,
    })
}

/// The schema of a payload, or of `null` if there is none.
pub(super) fn payload(shape: Option<&Shape>) -> Value {
    shape.map_or_else(null, Shape::schema)
}

fn null() -> Value {
    json!({"type": "null"})
}

fn any_of(schemas: &[Value]) -> Value {
    json!({"anyOf": schemas})
}

fn integer(int: Int) -> Value {
    let (min, max) = int.range();
    let number = json!({"type": "integer", "minimum": min, "maximum": max});
    if !int.is_wide() {
        return number;
    }
    let pattern = match int {
        Int::U64 => "^(0|[1-9][0-9]{0,19})$",
        _ => "^(0|-?[1-9][0-9]{0,18})$",
    };
    any_of(&[number, json!({"type": "string", "pattern": pattern})])
}

fn float(format: &str) -> Value {
    let number = json!({"type": "number", "format": format});
    any_of(&[number, json!({"type": "string", "enum": ["NaN", "Infinity", "-Infinity"]})])
}

fn set(flags: &[Flag]) -> Value {
    let properties: Map<_, _> =
        flags.iter().map(|flag| (flag.key.to_string(), json!({"type": "boolean"}))).collect();
    json!({"type": "object", "properties": properties, "additionalProperties": false})
}

fn case(case: &Case) -> Value {
    tagged(&case.name, case.shape.as_ref())
}

fn tagged(tag: &str, shape: Option<&Shape>) -> Value {
    let mut properties = Map::new();
    properties.insert("tag".into(), json!({"type": "string", "const": tag}));
    let mut required = vec!["tag"];
    if let Some(shape) = shape {
        properties.insert("val".into(), shape.schema());
        if !matches!(shape, Shape::Option(_)) {
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

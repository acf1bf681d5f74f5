//! Guard of `variables`: a name must be declared in the manifest, and a value must have the declared type.
//!
//! Contract: `wit/variables.wit`. A [`NewValue`] can only be made from a declaration and a value of its type.

use crate::limits::{Limit, Limits, VARIABLE_TEXT_BYTES_MAX};
use crate::refusal::Refusal;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

#[cfg(test)]
use crate::tests::reference;

/// A value of a variable.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(untagged, expecting = "expected true or false, a number or a text")]
pub enum Value {
    /// `boolean`.
    Boolean(bool),
    /// `integer`.
    Integer(i64),
    /// `number`: finite.
    Number(f64),
    /// `text`.
    Text(String),
}

/// The type of a variable.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum VariableType {
    /// `true` or `false`.
    Boolean,
    /// A signed integer of 64 bits.
    Integer,
    /// A finite number.
    Number,
    /// A text.
    Text,
}

/// A variable as the manifest declares it.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(try_from = "RawDeclaration")]
pub struct Declaration {
    kind: VariableType,
    default: Value,
}

/// A setting.
#[derive(Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields, expecting = "a table such as { type = \"integer\", default = 20 }")]
pub(crate) struct RawDeclaration {
    /// The type of the values.
    #[cfg_attr(test, schemars(example = &"integer"))]
    r#type: VariableType,
    /// The value until an operator, or the plugin with the grant `variables`, sets another. It is of the type; a `number`
    /// may be written without a point.
    #[cfg_attr(test, schemars(example = reference::DEFAULT))]
    default: Value,
}

impl TryFrom<RawDeclaration> for Declaration {
    type Error = String;

    fn try_from(raw: RawDeclaration) -> Result<Self, String> {
        match fit(raw.r#type, raw.default) {
            Ok(default) => Ok(Self { kind: raw.r#type, default }),
            Err(_) => Err(format!("the default is not of the declared type {}", word(raw.r#type))),
        }
    }
}

/// The declared variables of a plugin.
#[derive(Clone, Debug, Default)]
pub struct Declarations(BTreeMap<String, Declaration>);

/// A declared variable, found by its exact name.
#[derive(Clone, Copy, Debug)]
pub struct Variable<'a> {
    name: &'a str,
    declaration: &'a Declaration,
}

/// A variable's name with a value of its type.
#[derive(Clone, Debug)]
pub struct NewValue<'a> {
    name: &'a str,
    value: Value,
}

impl Declarations {
    /// The variables of a manifest.
    pub fn new(declared: BTreeMap<String, Declaration>) -> Self {
        Self(declared)
    }

    /// Finds a variable by a name from a guest.
    pub fn find(&self, name: &str) -> Result<Variable<'_>, Refusal> {
        let found = self.0.get_key_value(name);
        let (name, declaration) = found.ok_or_else(|| {
            Refusal::Invalid("the variable is not declared: add it to [variables] in palisade.toml".into())
        })?;
        Ok(Variable { name, declaration })
    }
}

impl<'a> Variable<'a> {
    /// The variable's name.
    pub fn name(self) -> &'a str {
        self.name
    }

    /// The variable's value until somebody sets another.
    pub fn default(self) -> Value {
        self.declaration.default.clone()
    }

    /// Checks a new value for the variable.
    pub fn set(self, value: Value, limits: &Limits) -> Result<NewValue<'a>, Refusal> {
        if let Value::Text(text) = &value {
            limits.check(Limit::VariableTextBytes, text.len() as u64)?;
        }
        Ok(NewValue { name: self.name, value: fit(self.declaration.kind, value)? })
    }

    /// The stored value, or the default if there is none, if it is too long, or if its type is one that an earlier manifest
    /// declared.
    pub fn stored(self, value: Option<Value>) -> Value {
        let is_short = |value: &Value| !matches!(value, Value::Text(text) if text.len() as u64 > VARIABLE_TEXT_BYTES_MAX);
        let stored = value.filter(is_short).and_then(|value| fit(self.declaration.kind, value).ok());
        stored.unwrap_or_else(|| self.default())
    }
}

impl NewValue<'_> {
    /// The variable's name.
    pub fn name(&self) -> &str {
        self.name
    }

    /// The value.
    pub fn value(&self) -> &Value {
        &self.value
    }
}

fn fit(kind: VariableType, value: Value) -> Result<Value, Refusal> {
    match (kind, value) {
        (VariableType::Text, Value::Text(text)) if text.contains('\0') => {
            Err(Refusal::Invalid("a text variable cannot contain NUL: remove it".into()))
        }
        (VariableType::Boolean, value @ Value::Boolean(_))
        | (VariableType::Integer, value @ Value::Integer(_))
        | (VariableType::Text, value @ Value::Text(_)) => Ok(value),
        (VariableType::Number, Value::Number(number)) if number.is_finite() => Ok(Value::Number(number)),
        // TOML distinguishes 1 from 1.0 and JSON does not, so a `number` accepts an integer.
        #[allow(clippy::cast_precision_loss, reason = "a number is approximate by its type")]
        (VariableType::Number, Value::Integer(number)) => Ok(Value::Number(number as f64)),
        (kind, _) => Err(Refusal::Invalid(format!(
            "the variable is of type {0}: give a value of type {0}",
            word(kind)
        ))),
    }
}

fn word(kind: VariableType) -> &'static str {
    match kind {
        VariableType::Boolean => "boolean",
        VariableType::Integer => "integer",
        VariableType::Number => "number",
        VariableType::Text => "text",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn declarations() -> Declarations {
        Declarations::new(
            toml::from_str(
                "flag = { type = \"boolean\", default = true }\nsize = { type = \"integer\", default = 20 }\n\
                 rate = { type = \"number\", default = 1 }\nname = { type = \"text\", default = \"x\" }",
            )
            .unwrap(),
        )
    }

    #[test]
    fn undeclared_variable_is_refused() {
        for name in ["", "Size", "size ", "size\0", "blog:size", "unknown"] {
            assert!(matches!(declarations().find(name), Err(Refusal::Invalid(_))), "{name:?}");
        }
    }

    #[test]
    fn value_of_another_type_is_refused() {
        let declared = declarations();
        for (name, value) in [
            ("flag", Value::Integer(1)),
            ("size", Value::Number(1.0)),
            ("size", Value::Text("1".into())),
            ("rate", Value::Number(f64::NAN)),
            ("rate", Value::Number(f64::INFINITY)),
            ("name", Value::Text("a\0b".into())),
            ("name", Value::Integer(1)),
        ] {
            let variable = declared.find(name).unwrap();
            assert!(
                matches!(variable.set(value.clone(), &Limits::default()), Err(Refusal::Invalid(_))),
                "{name} {value:?}"
            );
            let refusal = variable.set(value.clone(), &Limits::default()).unwrap_err();
            assert!(matches!(refusal, Refusal::Invalid(_)), "{name} {value:?}");
            let is_nul = matches!(&value, Value::Text(text) if text.contains('\0'));
            let of_type = match name {
                "flag" => "of type boolean",
                "size" => "of type integer",
                "rate" => "of type number",
                _ if is_nul => "cannot contain NUL",
                _ => "of type text",
            };
            assert!(refusal.to_string().contains(of_type), "{refusal}");
        }
    }

    #[test]
    fn value_of_the_declared_type_is_accepted() {
        let declared = declarations();
        for (name, value) in [
            ("flag", Value::Boolean(false)),
            ("size", Value::Integer(i64::MIN)),
            ("rate", Value::Number(-0.5)),
            ("name", Value::Text(String::new())),
        ] {
            let variable = declared.find(name).unwrap();
            let setting = variable.set(value.clone(), &Limits::default()).unwrap();
            assert_eq!((variable.name(), setting.name(), setting.value()), (name, name, &value));
        }
        let whole = declared.find("rate").unwrap().set(Value::Integer(2), &Limits::default()).unwrap();
        assert_eq!(whole.value(), &Value::Number(2.0));
    }

    #[test]
    fn text_over_the_limit_is_refused() {
        let declared = declarations();
        let text = |length: u64| Value::Text("x".repeat(usize::try_from(length).unwrap()));
        let name = declared.find("name").unwrap();
        assert!(matches!(
            name.set(text(VARIABLE_TEXT_BYTES_MAX + 1), &Limits::default()),
            Err(Refusal::Exceeded(_))
        ));
        assert!(name.set(text(VARIABLE_TEXT_BYTES_MAX), &Limits::default()).is_ok());
    }

    #[test]
    fn stored_value_of_an_earlier_type_gives_the_default() {
        let declared = declarations();
        let size = declared.find("size").unwrap();
        assert_eq!(size.stored(Some(Value::Text("old".into()))), Value::Integer(20));
        assert_eq!(size.stored(None), Value::Integer(20));
        assert_eq!(size.stored(Some(Value::Integer(5))), Value::Integer(5));
    }

    #[test]
    fn stored_text_over_the_limit_gives_the_default_and_one_at_it_is_kept() {
        let declared = declarations();
        let name = declared.find("name").unwrap();
        let text = |length: u64| Value::Text("x".repeat(usize::try_from(length).unwrap()));
        assert_eq!(name.stored(Some(text(VARIABLE_TEXT_BYTES_MAX + 1))), name.stored(None));
        assert_eq!(name.stored(Some(text(VARIABLE_TEXT_BYTES_MAX))), text(VARIABLE_TEXT_BYTES_MAX));
    }
}

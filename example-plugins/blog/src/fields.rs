//! The fields of a post: `body`, which the author writes in Markdown; and `slug` and `summary`, which the plugin
//! derives. All other fields of the item stay unchanged.

use serde_json::{Map, Value};

use crate::markdown;

/// The largest length of a summary in characters: about two lines of a list.
const SUMMARY_CHARS: usize = 160;

/// An item's fields.
pub struct Fields(Map<String, Value>);

impl Fields {
    /// Parses the fields from their JSON text.
    pub fn parse(json: &str) -> Result<Self, String> {
        serde_json::from_str(json)
            .map(Self)
            .map_err(|error| format!("the fields are not a JSON object: {error}"))
    }

    /// Builds fields that contain only a body.
    pub fn of_body(body: String) -> Self {
        Self(Map::from_iter([("body".to_owned(), Value::String(body))]))
    }

    /// Returns the text of a field, or an empty text when the field is absent or not a text.
    pub fn text(&self, name: &str) -> String {
        self.0.get(name).and_then(Value::as_str).unwrap_or_default().to_owned()
    }

    /// Returns whether a field is `true`.
    pub fn is_true(&self, name: &str) -> bool {
        self.0.get(name) == Some(&Value::Bool(true))
    }

    /// Returns the body. A post without a body is an error.
    pub fn body(&self) -> Result<String, String> {
        let body = self.text("body");
        if body.trim().is_empty() {
            return Err("A post needs a text: set the field `body`.".to_owned());
        }
        Ok(body)
    }

    /// Derives `slug` and `summary` from the title and the body.
    pub fn derive(&mut self, title: &str) -> Result<(), String> {
        let body = self.body()?;
        self.set("slug", slug(title));
        self.set("summary", markdown::plain_text(&body, SUMMARY_CHARS));
        Ok(())
    }

    /// Sets a field to a text.
    pub fn set(&mut self, name: &str, text: String) {
        self.0.insert(name.to_owned(), Value::String(text));
    }

    /// Returns the fields as JSON text.
    pub fn into_json(self) -> String {
        Value::Object(self.0).to_string()
    }
}

/// Returns the title's letters and digits in lower case, with `-` in place of all other characters between them.
fn slug(title: &str) -> String {
    let words = title.split(|letter: char| !letter.is_alphanumeric()).filter(|word| !word.is_empty());
    words.map(str::to_lowercase).collect::<Vec<_>>().join("-")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn derive_without_a_body_is_rejected() {
        for json in ["{}", r#"{"body": ""}"#, r#"{"body": " \n"}"#, r#"{"body": 5}"#] {
            assert!(Fields::parse(json).unwrap().derive("Title").is_err(), "{json}");
        }
    }

    #[test]
    fn derive_sets_slug_and_summary_and_keeps_other_fields() {
        let mut fields = Fields::parse(r#"{"body": "*Hello*, world.", "tags": ["a"]}"#).unwrap();
        fields.derive("Größer,  & better!").unwrap();
        let expected =
            r#"{"body":"*Hello*, world.","slug":"größer-better","summary":"Hello, world.","tags":["a"]}"#;
        assert_eq!(fields.into_json(), expected);
    }
}

//! The fields of a post: `body` in Markdown, which its author writes; `slug` and `summary`, which are derived; and
//! whatever else an item holds, which is left as it is.

use serde_json::{Map, Value};

use crate::markdown;

/// Length of a summary in characters: two lines of a list.
const SUMMARY_CHARS: usize = 160;

/// An item's fields.
pub struct Fields(Map<String, Value>);

impl Fields {
    /// The fields in their JSON form.
    pub fn parse(json: &str) -> Result<Self, String> {
        serde_json::from_str(json)
            .map(Self)
            .map_err(|error| format!("the fields are not a JSON object: {error}"))
    }

    /// Fields that hold nothing but a body.
    pub fn of_body(body: String) -> Self {
        Self(Map::from_iter([("body".to_owned(), Value::String(body))]))
    }

    /// The text of a field, empty when it is absent or no text.
    pub fn text(&self, name: &str) -> String {
        self.0.get(name).and_then(Value::as_str).unwrap_or_default().to_owned()
    }

    /// Whether a field is `true`.
    pub fn is_true(&self, name: &str) -> bool {
        self.0.get(name) == Some(&Value::Bool(true))
    }

    /// The body, which no post is without.
    pub fn body(&self) -> Result<String, String> {
        let body = self.text("body");
        if body.trim().is_empty() {
            return Err("A post needs a text: set the field `body`.".to_owned());
        }
        Ok(body)
    }

    /// Derives what is derived from the title and the body.
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

    /// The fields in their JSON form.
    pub fn into_json(self) -> String {
        Value::Object(self.0).to_string()
    }
}

/// The title's letters and digits in lower case, with `-` for what is between them.
fn slug(title: &str) -> String {
    let words = title.split(|letter: char| !letter.is_alphanumeric()).filter(|word| !word.is_empty());
    words.map(str::to_lowercase).collect::<Vec<_>>().join("-")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn derive_without_a_text_is_refused() {
        for json in ["{}", r#"{"body": ""}"#, r#"{"body": " \n"}"#, r#"{"body": 5}"#] {
            assert!(Fields::parse(json).unwrap().derive("Title").is_err(), "{json}");
        }
    }

    #[test]
    fn derive_sets_slug_and_summary_and_keeps_the_rest() {
        let mut fields = Fields::parse(r#"{"body": "*Hello*, world.", "tags": ["a"]}"#).unwrap();
        fields.derive("Größer,  & better!").unwrap();
        let expected =
            r#"{"body":"*Hello*, world.","slug":"größer-better","summary":"Hello, world.","tags":["a"]}"#;
        assert_eq!(fields.into_json(), expected);
    }
}

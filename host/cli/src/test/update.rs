//! `--update`: writes what the tests got in the place of what they expect, and changes nothing else in the file.

use super::form::{File, Span};
use crate::output;
use anyhow::{Context, Result, bail};
use palisade_guard::limits::TEST_LINE_CHARS_MAX;
use palisade_test::Row;
use serde_json::Value;
use std::fs;
use std::io::Write;
use std::path::Path;

/// A change of a file: the part from a key to the end of its value becomes this text.
pub(super) struct Edit {
    pub(super) span: Span,
    pub(super) text: String,
}

/// `key = value`, in several lines if it is long; empty for null, which TOML does not have. What TOML cannot hold becomes
/// `key-json`.
pub(super) fn entry(key: &str, value: &Value) -> String {
    if value.is_null() {
        return String::new();
    }
    let begin = format!("{} = ", self::key(key));
    match written(value, 0, begin.len()) {
        Some(text) => begin + &text,
        None => format!("{key}-json = {}", quoted(&value.to_string())),
    }
}

/// The rows of a table, with the columns that the old ones name.
pub(super) fn rows(name: &str, old: &[&Row], stored: &[Row]) -> Option<String> {
    let kept = stored.iter().map(|row| {
        let named = row
            .iter()
            .filter(|(column, _)| old.is_empty() || old.iter().any(|old| old.contains_key(*column)));
        Value::Object(named.map(|(column, value)| (column.clone(), value.clone())).collect())
    });
    let begin = format!("{} = ", key(name));
    Some(format!("{begin}{}", written(&kept.collect(), 0, begin.len())?))
}

/// Writes the changed file beside the old one and puts it in its place. What cannot be changed in place is refused.
pub(super) fn write(path: &Path, file: &File, mut edits: Vec<Edit>) -> Result<()> {
    edits.sort_by_key(|edit| edit.span.start);
    let mut text = String::new();
    let mut from = 0;
    for Edit { span, text: new } in &edits {
        let old = file.text.get(span.clone()).unwrap_or_default();
        let is_entry = old.split_once('=').is_some_and(|(key, _)| {
            let key = key.trim().trim_matches(['"', '\'']);
            !key.is_empty() && !key.contains(['.', '[', ']', '\n'])
        });
        if !is_entry || span.start < from {
            bail!(
                "{}: --update changes only values that are written as `key = value`",
                file.line(span.start)
            );
        }
        text.push_str(&file.text[from..span.start]);
        text.push_str(new);
        from = span.end;
        if new.is_empty() {
            // The line goes, too.
            let rest = &file.text[from..];
            from += rest.strip_prefix("\r\n").map_or_else(|| usize::from(rest.starts_with('\n')), |_| 2);
        }
    }
    text.push_str(&file.text[from..]);
    File::parse(&file.name, text.clone())
        .context("the changed file would be malformed, and is not written")?;
    let now = fs::read_to_string(path).with_context(|| format!("cannot read {}", file.name))?;
    if now != file.text {
        return Err(output::usage(format!("{} has changed while its tests ran: run them again", file.name)));
    }
    let cannot = || format!("cannot write {}", file.name);
    // A link stays one.
    let path = path.canonicalize().with_context(cannot)?;
    let folder = path.parent().unwrap_or(Path::new("."));
    let mut beside = tempfile::NamedTempFile::new_in(folder).with_context(cannot)?;
    beside.write_all(text.as_bytes()).with_context(cannot)?;
    let mode = fs::metadata(&path).with_context(cannot)?.permissions();
    beside.as_file().set_permissions(mode).with_context(cannot)?;
    beside.persist(&path).with_context(cannot)?;
    Ok(())
}

/// A value in TOML: on one line, or a list with a line for each element if it is longer. `None` if TOML cannot hold it.
fn written(value: &Value, indent: usize, before: usize) -> Option<String> {
    let line = inline(value)?;
    let Value::Array(list) = value else { return Some(line) };
    if list.is_empty() || indent + before + line.chars().count() <= TEST_LINE_CHARS_MAX {
        return Some(line);
    }
    let inner = indent + 4;
    let mut lines = "[\n".to_owned();
    for element in list {
        lines.push_str(&" ".repeat(inner));
        lines.push_str(&written(element, inner, 0)?);
        lines.push_str(",\n");
    }
    lines.push_str(&" ".repeat(indent));
    lines.push(']');
    Some(lines)
}

fn inline(value: &Value) -> Option<String> {
    Some(match value {
        // TOML has no null.
        Value::Null => return None,
        Value::Bool(truth) => truth.to_string(),
        // TOML's integers have 64 bits with a sign.
        Value::Number(number) if number.is_u64() && !number.is_i64() => return None,
        Value::Number(number) => number.to_string(),
        Value::String(text) => quoted(text),
        Value::Array(list) => {
            let list: Option<Vec<_>> = list.iter().map(inline).collect();
            format!("[{}]", list?.join(", "))
        }
        Value::Object(object) => {
            let entries = object.iter().filter(|(_, value)| !value.is_null());
            let entries: Option<Vec<_>> =
                entries.map(|(name, value)| Some(format!("{} = {}", key(name), inline(value)?))).collect();
            match entries?.join(", ") {
                none if none.is_empty() => "{}".to_owned(),
                some => format!("{{ {some} }}"),
            }
        }
    })
}

fn key(name: &str) -> String {
    let is_bare = |letter: char| letter.is_ascii_alphanumeric() || letter == '_' || letter == '-';
    if !name.is_empty() && name.chars().all(is_bare) { name.to_owned() } else { quoted(name) }
}

fn quoted(text: &str) -> String {
    // On one line, as everything in an inline table.
    let escaped = |letter: char| match letter {
        '"' => "\\\"".to_owned(),
        '\\' => "\\\\".to_owned(),
        '\n' => "\\n".to_owned(),
        '\t' => "\\t".to_owned(),
        '\r' => "\\r".to_owned(),
        // wire: TOML 1.0, basic strings
        letter if palisade_guard::text::is_unsafe(letter) => match u32::from(letter) {
            // wire: TOML 1.0, basic strings
            code @ ..=0xffff => format!("\\u{code:04x}"),
            code => format!("\\U{code:08x}"),
        },
        letter => letter.to_string(),
    };
    format!("\"{}\"", text.chars().map(escaped).collect::<String>())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    const FILE: &str = "# A comment.\n[[test]]\nname = \"a\"  # kept\n\n[[test.steps]]\ncall = \"a/b\"\nanswer = [1,\n  2]\n\n\
                        [test.after]\n\"entries\" = [{ id = 1 }]\n";

    fn parsed(text: &str) -> File {
        File::parse("tests/a.toml", text.to_owned()).unwrap()
    }

    #[test]
    fn written_value_reads_back_as_the_same() {
        let long = "x".repeat(90);
        for value in [
            json!(1),
            json!(-1.5),
            json!(true),
            json!("a \"b\" \\ c\n\t\r\u{1}\u{7f}\u{202e}\u{e0001} ü 😀"),
            json!([]),
            json!({}),
            json!([1, [2, "x"], { "a b": 1, "ü": [true], "c-d_1": {} }]),
            json!([{ "id": 1, "text": long }, { "id": 2, "text": long }]),
            json!([null]),
            json!([{ "a": [null] }]),
            json!(u64::MAX),
            json!({ "a": u64::MAX }),
            json!(i64::MIN),
        ] {
            let text = format!(
                "[[test]]\nname = \"a\"\n[[test.steps]]\ncall = \"a/b\"\n{}\n",
                entry("answer", &value)
            );
            let file = parsed(&text);
            let expected = file.tests[0].steps[0].expected.as_ref().unwrap();
            assert_eq!(expected.value, value, "{text}");
        }
        // A key that is null is left out, and so is a null.
        assert_eq!(entry("answer", &json!({ "a": null })), "answer = {}");
        assert_eq!(entry("answer", &Value::Null), "");
    }

    #[test]
    fn long_list_has_a_line_for_each_element() {
        let long = "x".repeat(60);
        assert_eq!(
            entry("answer", &json!([{ "a": long }, { "a": long }])),
            format!("answer = [\n    {{ a = \"{long}\" }},\n    {{ a = \"{long}\" }},\n]")
        );
    }

    #[test]
    fn update_changes_the_named_values_and_nothing_else() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.toml");
        fs::write(&path, FILE).unwrap();
        let file = parsed(FILE);
        let (step, table) = (&file.tests[0].steps[0], &file.tests[0].after[0]);
        let step = step.expected.as_ref().unwrap().span.clone();
        let stored = [json!({ "id": 1, "n": "a" }), json!({ "id": 2, "n": "b" })];
        let stored: Vec<Row> = stored.iter().map(|row| row.as_object().unwrap().clone()).collect();
        let old: Vec<&Row> = table.rows.iter().map(|(_, row)| row).collect();
        let edits = vec![
            Edit { span: table.span.clone(), text: rows("entries", &old, &stored).unwrap() },
            Edit { span: step, text: entry("error", &json!("no")) },
        ];
        write(&path, &file, edits).unwrap();
        let expected = FILE
            .replace("answer = [1,\n  2]", "error = \"no\"")
            .replace("\"entries\" = [{ id = 1 }]", "entries = [{ id = 1 }, { id = 2 }]");
        assert_eq!(fs::read_to_string(&path).unwrap(), expected);
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn null_answer_takes_its_line_along() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.toml");
        fs::write(&path, FILE).unwrap();
        let file = parsed(FILE);
        let span = file.tests[0].steps[0].expected.as_ref().unwrap().span.clone();
        write(&path, &file, vec![Edit { span, text: entry("answer", &Value::Null) }]).unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), FILE.replace("answer = [1,\n  2]\n", ""));
    }

    #[test]
    fn value_that_is_not_written_as_key_and_value_or_a_changed_file_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.toml");
        for text in [
            "[[test]]\nname = \"a\"\n[[test.steps]]\ncall = \"a/b\"\n[test.steps.answer]\na = 1\n",
            "[[test]]\nname = \"a\"\n[[test.steps]]\ncall = \"a/b\"\nanswer.a = 1\n",
        ] {
            fs::write(&path, text).unwrap();
            let file = parsed(text);
            let span = file.tests[0].steps[0].expected.as_ref().unwrap().span.clone();
            let refused = write(&path, &file, vec![Edit { span, text: "answer = 1".into() }]).unwrap_err();
            assert!(refused.to_string().contains("written as `key = value`"), "{refused}");
            assert_eq!(fs::read_to_string(&path).unwrap(), text);
        }
        let file = parsed(FILE);
        let span = file.tests[0].steps[0].expected.as_ref().unwrap().span.clone();
        let refused = write(&path, &file, vec![Edit { span, text: "answer = 1".into() }]).unwrap_err();
        assert!(refused.to_string().contains("has changed while its tests ran"), "{refused}");
    }
}

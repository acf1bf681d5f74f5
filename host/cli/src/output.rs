//! How commands print results, and failures with their exit code.
//!
//! All that the command prints goes through this file, which escapes it: names, descriptions, sentences and file names come
//! from plugins, callers and servers. Only the styles are not escaped. No other file prints; a test below checks that.

use crate::check::finding::Finding;
use annotate_snippets::renderer::DecorStyle;
use annotate_snippets::{AnnotationKind, Group, Level, Origin, Renderer, Snippet};
use anstyle::{AnsiColor, Style};
use palisade::{CallError, LoadError};
use palisade_guard::limits::SHOWN_LINE_CHARS_MAX;
use palisade_guard::text;
use palisade_store::private::PrivateError;
use serde_json::Value;
use std::fmt::{self, Write as _};
use std::io::IsTerminal;
use std::process::ExitCode;

const FAILED: u8 = 1;
const USAGE_ERROR: u8 = 2;
const PLUGIN_ERROR: u8 = 3;

/// A failure whose exit code is not the usual one.
#[derive(Debug)]
struct Coded {
    code: u8,
    sentence: String,
}

impl fmt::Display for Coded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.sentence)
    }
}

impl std::error::Error for Coded {}

/// A usage error.
pub(super) fn usage(sentence: impl Into<String>) -> anyhow::Error {
    Coded { code: USAGE_ERROR, sentence: sentence.into() }.into()
}

/// The plugin returned an error or refused.
pub(super) fn plugin_error(sentence: impl Into<String>) -> anyhow::Error {
    Coded { code: PLUGIN_ERROR, sentence: sentence.into() }.into()
}

/// A failed call.
pub(super) fn of_call(error: CallError) -> anyhow::Error {
    match error {
        CallError::NoPlugin { .. }
        | CallError::NoFunction { .. }
        | CallError::NoRoute { .. }
        | CallError::BadArguments(_) => usage(error.to_string()),
        CallError::Returned(_) | CallError::Refused { .. } => plugin_error(error.to_string()),
        other => other.into(),
    }
}

/// A host that could not be built.
pub(super) fn of_load(error: LoadError) -> anyhow::Error {
    if is_in_use(&error) {
        return anyhow::anyhow!(
            "a `palisade serve` of this folder is running and uses its database: stop it, set DATABASE_URL to a server for \
             both, or call it over HTTP (`palisade call --url http://127.0.0.1:8080 …`)"
        );
    }
    error.into()
}

/// Whether a private database cannot be used because a host that runs has it.
pub(super) fn is_in_use(error: &LoadError) -> bool {
    matches!(error, LoadError::Database { source, .. } if matches!(source.downcast_ref(), Some(PrivateError::InUse(_))))
}

/// A line of output, from parts.
#[derive(Default)]
pub(super) struct Line(String);

impl Line {
    /// A line that begins with this text.
    pub(super) fn of(text: impl fmt::Display) -> Self {
        Self::default().text(text)
    }

    /// Adds text.
    pub(super) fn text(self, text: impl fmt::Display) -> Self {
        self.styled(Style::new(), text)
    }

    /// Adds text in a style.
    pub(super) fn styled(mut self, style: Style, text: impl fmt::Display) -> Self {
        let text = text.to_string();
        let _infallible = write!(self.0, "{style}{}{style:#}", text::plain(&text));
        self
    }

    /// Prints the line as a result.
    pub(super) fn print(self) {
        anstream::println!("{}", self.0);
    }

    /// Prints a text of several lines as a result, each behind the same margin. It is escaped line by line.
    pub(super) fn block(margin: &str, text: &str) {
        for line in text.lines() {
            Self::of(margin).text(line.replace('\t', "    ")).print();
        }
    }

    /// Prints the line to stderr, as a remark.
    pub(super) fn remark(self) {
        anstream::eprintln!("{}", self.0);
    }
}

/// Prints a finding as a result: its sentence, and the line of its place with a caret below.
pub(super) fn finding(finding: &Finding) {
    // The same on every terminal, and in a file.
    let renderer = Renderer::styled().decor_style(DecorStyle::Ascii).term_width(SHOWN_LINE_CHARS_MAX * 2);
    anstream::println!("{}", rendered(finding, &renderer));
}

fn rendered(finding: &Finding, renderer: &Renderer) -> String {
    let sentence = text::plain(&finding.sentence);
    let title = Level::ERROR.primary_title(sentence.as_ref());
    let Some(place) = &finding.place else { return renderer.render(&[Group::with_title(title)]) };
    let file = text::plain(&place.file);
    let Some(at) = &place.at else {
        return renderer.render(&[title.element(Origin::path(file.as_ref()))]);
    };
    // One character for one, so that the caret stays where it is.
    let shown: String =
        at.shown.chars().map(|letter| if text::is_unsafe(letter) { '\u{fffd}' } else { letter }).collect();
    let byte = |letters: usize| shown.char_indices().nth(letters).map_or(shown.len(), |(at, _)| at);
    let span = byte(at.offset)..byte(at.offset.saturating_add(at.length));
    let snippet = Snippet::source(shown.as_str()).line_start(at.line).fold(false);
    let snippet = snippet.annotation(AnnotationKind::Primary.span(span));
    let is_whole = at.column == at.offset.saturating_add(1);
    let group = if is_whole {
        title.element(snippet.path(file.as_ref()))
    } else {
        // The column is that of the file, and not that of the part that is shown.
        let origin = Origin::path(file.as_ref()).line(at.line).char_column(at.column);
        title.element(origin).element(snippet)
    };
    renderer.render(&[group])
}

/// Prints a text of several lines that the host wrote.
pub(super) fn verbatim(text: &'static str) {
    anstream::print!("{text}");
}

/// Prints a failure and gives its exit code.
pub(super) fn failed(error: &anyhow::Error) -> ExitCode {
    let style = AnsiColor::Red.on_default().bold();
    anstream::eprintln!("{style}error{style:#}: {}", text::plain_lines(&sentence(error)));
    ExitCode::from(error.downcast_ref::<Coded>().map_or(FAILED, |coded| coded.code))
}

/// The whole chain of causes, each of them once.
fn sentence(error: &anyhow::Error) -> String {
    let mut text = error.to_string();
    for cause in error.chain().skip(1) {
        let cause = cause.to_string();
        if !text.contains(&cause) {
            text.push_str(": ");
            text.push_str(&cause);
        }
    }
    text
}

/// Prints JSON: indented on a terminal, otherwise on one line.
pub(super) fn json(value: &Value) {
    let is_terminal = std::io::stdout().is_terminal();
    if !is_terminal {
        anstream::println!("{}", text::plain_json(&value.to_string()));
        return;
    }
    // Line by line, because the line breaks between them are ours.
    for line in format!("{value:#}").lines() {
        anstream::println!("{}", text::plain_json(line));
    }
}

/// Prints a usage error of the command line, or the help or version that was asked for, and gives its exit code.
pub(super) fn usage_of(error: &clap::Error) -> ExitCode {
    if !error.use_stderr() {
        let _printed = error.print();
        return ExitCode::SUCCESS;
    }
    // Without styles, because it repeats arguments, which may have been pasted or expanded from names of files.
    anstream::eprintln!("{}", text::plain_lines(error.to_string().trim_end()));
    ExitCode::from(USAGE_ERROR)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn failure_has_the_exit_code_of_its_cause() {
        let code =
            |error: CallError| of_call(error).downcast_ref::<Coded>().map_or(FAILED, |coded| coded.code);
        assert_eq!(code(CallError::NoPlugin { plugin: String::new(), hint: String::new() }), USAGE_ERROR);
        assert_eq!(code(CallError::BadArguments(String::new())), USAGE_ERROR);
        assert_eq!(code(CallError::Returned(Value::Null)), PLUGIN_ERROR);
        assert_eq!(code(CallError::Refused { plugin: String::new(), message: String::new() }), PLUGIN_ERROR);
        assert_eq!(code(CallError::Denied), FAILED);
        assert_eq!(code(CallError::Unavailable { source: anyhow::anyhow!("gone") }), FAILED);
    }

    #[test]
    fn line_escapes_all_but_its_styles() {
        let bold = Style::new().bold();
        let Line(line) = Line::of("a\u{1b}[2J\nb").styled(bold, "\u{202e}c\u{9b}");
        assert_eq!(line, format!("a\\u{{1b}}[2J\\nb{bold}\\u{{202e}}c\\u{{9b}}{bold:#}"));
    }

    #[test]
    fn no_other_file_prints() {
        fn files(folder: &std::path::Path, found: &mut Vec<std::path::PathBuf>) {
            for entry in std::fs::read_dir(folder).unwrap() {
                let path = entry.unwrap().path();
                if path.is_dir() { files(&path, found) } else { found.push(path) }
            }
        }
        let mut found = Vec::new();
        files(std::path::Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/src")), &mut found);
        assert!(found.len() > 10);
        for path in found.iter().filter(|path| !path.ends_with("output.rs")) {
            let text = std::fs::read_to_string(path).unwrap();
            for word in ["print!(", "println!(", "stdout()", "dbg!("] {
                assert!(!text.contains(word), "{} has {word}", path.display());
            }
        }
    }

    #[test]
    fn each_cause_is_printed_once() {
        let error =
            anyhow::anyhow!("no such file").context("cannot read a: no such file").context("no policy");
        assert_eq!(sentence(&error), "no policy: cannot read a: no such file");
    }

    #[test]
    fn database_in_use_is_reported_with_the_way_around() {
        let source = anyhow::Error::new(PrivateError::InUse("x".into()));
        let message = of_load(LoadError::Database { sentence: String::new(), source }).to_string();
        assert!(message.contains("--url"), "{message}");
    }
}

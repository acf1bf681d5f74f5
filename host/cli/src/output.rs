//! How commands print results, and failures with their exit code.

use anstyle::AnsiColor;
use palisade::{CallError, LoadError};
use palisade_store::private::PrivateError;
use serde_json::Value;
use std::fmt;
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
        CallError::NoPlugin { .. } | CallError::NoFunction { .. } | CallError::BadArguments(_) => {
            usage(error.to_string())
        }
        CallError::Returned(_) | CallError::Refused { .. } => plugin_error(error.to_string()),
        other => other.into(),
    }
}

/// A host that could not be built.
pub(super) fn of_load(error: LoadError) -> anyhow::Error {
    if let LoadError::Database { source, .. } = &error
        && let Some(PrivateError::InUse(_)) = source.downcast_ref()
    {
        return anyhow::anyhow!(
            "a `palisade serve` of this folder is running and uses its database: stop it, set DATABASE_URL to a server for \
             both, or call it over HTTP (`palisade call --url http://127.0.0.1:8080 …`)"
        );
    }
    error.into()
}

/// Prints a failure and gives its exit code.
pub(super) fn failed(error: &anyhow::Error) -> ExitCode {
    let style = AnsiColor::Red.on_default().bold();
    anstream::eprintln!("{style}error{style:#}: {}", sentence(error));
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
    anstream::println!("{}", if is_terminal { format!("{value:#}") } else { value.to_string() });
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

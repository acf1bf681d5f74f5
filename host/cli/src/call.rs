//! `palisade call`.

use super::remote;
use super::replay::ReplayArgs;
use crate::folder::FolderArgs;
use crate::{host, output};
use anyhow::{Context, Result};
use clap::Args;
use palisade::BadArgument;
use palisade::CallError;
use palisade::Host;
use palisade_guard::caller::Caller;
use palisade_guard::json;
use serde_json::{Value, json};
use std::io::Read;

/// Calls a function of a plugin and prints its result as JSON
///
/// What the plugin logs and prints is on stderr, from the level `info` on; `PALISADE_LOG=palisade::plugin=trace` shows more.
///
/// Without --url the plugins are loaded for this one call. A query or mutation gives the same answer, to the byte, for
/// the same --seed, --at and --request if its rows are the same; a server does not take these options.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  palisade call greeter greeting/greet '{\"name\": \"Ada\"}' --dir plugins\n  \
    palisade call blog posts/list '{\"limit\": 3}' --url http://127.0.0.1:8080\n  \
    palisade call greeter greeting/greet '{\"name\": \"Ada\"}' --at 2026-01-31T12:00:00Z --seed $(printf %064d 7)"
)]
pub(super) struct CallArgs {
    /// The plugin's name
    plugin: String,
    /// Its interface and function
    #[arg(value_name = "INTERFACE/FUNCTION")]
    function: String,
    /// The arguments, an object of named parameters; `-` reads them from stdin
    #[arg(value_name = "JSON", default_value = "{}")]
    arguments: String,
    #[command(flatten)]
    folder: FolderArgs,
    /// Call through a running server, such as `http://127.0.0.1:8080`
    #[arg(long, conflicts_with_all = ["dir", "policy", "secrets"])]
    url: Option<url::Url>,
    /// Leave out what the plugin logs and prints
    #[arg(long, short)]
    pub(super) quiet: bool,
    /// The bearer token of the user to call as; anonymous unless given
    #[arg(long, env = "PALISADE_TOKEN", hide_env_values = true)]
    token: Option<String>,
    #[command(flatten)]
    replay: ReplayArgs,
}

/// Runs the command.
pub(super) async fn run(args: CallArgs) -> Result<()> {
    let arguments = read(&args.arguments)?;
    let result = match &args.url {
        Some(url) => {
            let request = args.replay.request();
            let token = args.token.as_deref();
            let answer = remote::call(url, &args.plugin, &args.function, &arguments, token, &request).await?;
            if !args.quiet {
                let request = request.as_str();
                output::Line::of(format_args!(
                    "what the plugin logged is in the server's log, under request={request}"
                ))
                .remark();
            }
            answer
        }
        None => locally(&args, arguments).await?,
    };
    match result {
        Ok(value) => {
            output::json(&value);
            Ok(())
        }
        Err(value) => {
            output::json(&value);
            Err(output::plugin_error("the plugin returned an error; stdout has its value"))
        }
    }
}

/// The function's own `ok` or `err`.
async fn locally(args: &CallArgs, arguments: Value) -> Result<Result<Value, Value>> {
    let host = host::open(args.folder.find()?.with_plugins()?).await?;
    let called = called(&host, args, arguments).await;
    host.stop().await;
    called
}

async fn called(host: &Host, args: &CallArgs, arguments: Value) -> Result<Result<Value, Value>> {
    let caller = match &args.token {
        None => Caller::Anonymous,
        Some(token) => host
            .identify(token)
            .await?
            .context("no user has this token; make one with `palisade user add`")?,
    };
    let call = host.call(&args.plugin, &args.function).arguments(arguments).caller(caller);
    let call = call.request(args.replay.request());
    let call = match args.replay.replay()? {
        Some(replay) => call.replay(replay),
        None => call,
    };
    match call.await {
        Ok(outcome) => Ok(Ok(outcome.value)),
        Err(CallError::Returned(value)) => Ok(Err(value)),
        Err(error) => Err(output::of_call(error)),
    }
}

fn read(text: &str) -> Result<Value> {
    let mut piped = Vec::new();
    let text = if text == "-" {
        std::io::stdin().read_to_end(&mut piped).context("cannot read the arguments from stdin")?;
        &piped
    } else {
        text.as_bytes()
    };
    if text.is_empty() {
        return Ok(json!({}));
    }
    json::parse(text).map_err(|error| output::usage(BadArgument::from(error).to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arguments_that_are_not_json_are_rejected() {
        for text in ["{", "name=Ada", "{'name': 1}", "{\"a\":1,\"a\":2}"] {
            assert!(read(text).is_err(), "{text}");
        }
        assert_eq!(read("").unwrap(), json!({}));
        assert_eq!(read("{\"a\": [1]}").unwrap(), json!({"a": [1]}));
    }
}

//! `palisade replay`: lists the kept calls, or runs one again.

use super::{Kept, Outcome};
use crate::folder::FolderArgs;
use crate::host;
use crate::output::{self, Line};
use anyhow::{Context, Result, bail};
use clap::Args;
use palisade::Integers;
use serde_json::{Value, json};

/// Runs a call again that `palisade serve --record` has kept, or lists them
///
/// The call has the same arguments, caller, request, seed and instant. On the same rows it gives the same outcome, to the byte. It
/// runs on the rows as they are now, and what it changes is undone. The rows themselves are not kept.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  palisade replay --dir plugins\n  palisade replay 17 --dir plugins")]
pub(crate) struct RecordedArgs {
    /// The number of the call; without it, the kept calls are listed
    id: Option<u64>,
    #[command(flatten)]
    folder: FolderArgs,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// Runs the command.
pub(crate) async fn run(args: RecordedArgs) -> Result<()> {
    match args.id {
        None => list(&args),
        Some(id) => again(&args, id).await,
    }
}

fn list(args: &RecordedArgs) -> Result<()> {
    let folder = super::folder(&args.folder.bare()?.path)?;
    let mut all = Vec::new();
    for id in super::ids(&folder) {
        // One that is removed or written meanwhile is left out.
        let Ok(kept) = super::read(&folder, id) else { continue };
        if args.json {
            all.push(described(id, &kept));
        } else {
            let at = jiff::Timestamp::from_microsecond(kept.instant)
                .map_or_else(|_| String::new(), |at| at.to_string());
            let Kept { plugin, function, request, outcome, .. } = &kept;
            let ended = match outcome {
                Outcome::Answer(_) => "answer",
                Outcome::Error(_) => "error",
                Outcome::Fails(_) => "fails",
            };
            Line::of(format_args!("{id} {at} {plugin} {function} {ended} request={request}")).print();
        }
    }
    if args.json {
        output::json(&Value::Array(all));
    }
    Ok(())
}

fn described(id: u64, kept: &Kept) -> Value {
    json!({
        "id": id, "plugin": kept.plugin, "version": kept.version, "function": kept.function, "request": kept.request,
        "seed": kept.seed, "instant": kept.instant, "arguments": kept.arguments, "outcome": kept.outcome,
        "caller": kept.caller,
    })
}

async fn again(args: &RecordedArgs, id: u64) -> Result<()> {
    let folder = args.folder.find()?.with_plugins()?;
    let kept = super::kept(&folder.path, id)?;
    let (replay, request, caller) = (kept.replay(), kept.request(), kept.caller());
    let broken = || format!("the kept call {id} is damaged");
    let (replay, request) = (replay.with_context(broken)?, request.with_context(broken)?);
    let caller = caller.with_context(broken)?;
    let host = host::open(folder).await?;
    if let Some(plugin) = host.plugin(&kept.plugin)
        && plugin.version != kept.version
    {
        let Kept { plugin: name, version, .. } = &kept;
        let now = plugin.version;
        Line::of(format_args!("warning: the call ran in {name} {version}, and this is {now}")).remark();
    }
    let call = host.call(&kept.plugin, &kept.function).arguments(kept.arguments.clone()).caller(caller);
    let integers = if kept.integers_as_strings { Integers::Strings } else { Integers::Numbers };
    let ended = call.request(request).replay(replay).integers(integers).undone().await;
    let outcome = Outcome::of(ended.as_ref().map(|outcome| &outcome.value));
    drop(ended);
    host.stop().await;
    let is_same = outcome == kept.outcome;
    if args.json {
        output::json(&json!({ "same": is_same, "outcome": outcome, "kept": described(id, &kept) }));
    } else {
        match &outcome {
            Outcome::Answer(value) | Outcome::Error(value) => output::json(value),
            Outcome::Fails(sentence) => Line::of(sentence).remark(),
        }
    }
    if is_same {
        Line::of("this is what the call returned when it was kept").remark();
        return Ok(());
    }
    let before = match &kept.outcome {
        Outcome::Answer(value) => format!("the answer {value}"),
        Outcome::Error(value) => format!("the error {value}"),
        Outcome::Fails(sentence) => sentence.clone(),
    };
    bail!(
        "when it was kept, the call returned something else: {before}. The rows or the plugin have changed since"
    )
}

//! `palisade plugins`.

use super::place::PlaceArgs;
use super::{open, say};
use crate::host::PluginInfo;
use anstyle::Style;
use anyhow::Result;
use clap::Args;
use serde_json::{Value, json};

/// Loads the plugins of a folder and prints what each can do
///
/// What cannot be loaded is refused with the reason, so this also checks a plugin before it is served.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  palisade plugins --dir plugins --json")]
pub(super) struct PluginsArgs {
    #[command(flatten)]
    place: PlaceArgs,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// Runs the command.
pub(super) async fn run(args: PluginsArgs) -> Result<()> {
    let host = open::open(&args.place.find()?.with_plugins()?).await?;
    let plugins = host.plugins();
    host.stop().await;
    if args.json {
        say::json(&plugins.iter().map(describe).collect());
    } else {
        plugins.iter().for_each(print);
    }
    Ok(())
}

fn describe(plugin: &PluginInfo) -> Value {
    let functions = plugin.functions.iter().map(|function| {
        json!({
            "path": function.path,
            "kind": function.kind,
            "signature": function.signature,
            "parameters": function.parameters,
            "result": function.result,
            "error": function.error,
        })
    });
    json!({
        "name": plugin.name,
        "version": plugin.version,
        "description": plugin.description,
        "functions": functions.collect::<Vec<_>>(),
        "passport": {
            "imports": plugin.passport.imports,
            "wasi": plugin.passport.wasi,
            "exports": plugin.passport.exports,
            "taps": plugin.passport.taps,
            "database": { "missing": plugin.passport.database.missing },
        },
        "grants": plugin.grants,
    })
}

fn print(plugin: &PluginInfo) {
    let (bold, dim) = (Style::new().bold(), Style::new().dimmed());
    let PluginInfo { name, version, description, passport, grants, functions } = plugin;
    let gap = if description.is_empty() { "" } else { "  " };
    anstream::println!("{bold}{name}{bold:#} {version}{gap}{description}");
    for function in functions {
        let (kind, path, signature) = (function.kind.to_string(), &function.path, &function.signature);
        anstream::println!("  {kind:<8} {path}  {dim}{signature}{dim:#}");
    }
    for (tap, kind) in &passport.taps {
        anstream::println!("  {:<8} {tap}", kind.to_string());
    }
    for (table, grant) in &grants.db.tables {
        anstream::println!("  {dim}table    {table}: {grant}{dim:#}");
    }
    let imports: Vec<&str> = passport.imports.keys().chain(&passport.wasi).map(String::as_str).collect();
    if !imports.is_empty() {
        anstream::println!("  {dim}imports  {}{dim:#}", imports.join(", "));
    }
    for sentence in &passport.database.missing {
        anstream::println!("  {dim}missing  {sentence}{dim:#}");
    }
}

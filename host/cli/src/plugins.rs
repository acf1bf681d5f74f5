//! `palisade plugins`.

use super::remote;
use super::switch::ThroughArgs;
use crate::folder::FolderArgs;
use crate::host;
use crate::output::{self, Line};
use anstyle::Style;
use anyhow::{Context, Result, bail};
use clap::Args;
use palisade::{PluginInfo, PluginStatus, ServingStatus};
use serde_json::{Value, json};

/// Shows what each plugin of a folder can do, and changes nothing
///
/// Migrations that have not run are listed and not run. A plugin that cannot be loaded is listed with the reason, and the command then fails, so this also checks a plugin before
/// it is served. With --url it asks a running server which plugins it serves, and which are quarantined or disabled.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  palisade plugins --dir plugins --json\n  palisade plugins --url http://127.0.0.1:8080"
)]
pub(super) struct PluginsArgs {
    #[command(flatten)]
    through: ThroughArgs,
    #[command(flatten)]
    folder: FolderArgs,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// Runs the command.
pub(super) async fn run(args: PluginsArgs) -> Result<()> {
    if let Some(url) = &args.through.url {
        return listed(&remote::plugins(url, args.through.token.as_deref()).await?, args.json);
    }
    let folder = args.folder.find()?.with_plugins()?;
    let host = host::look(folder).await?;
    let (plugins, statuses) = (host.plugins(), host.statuses());
    host.stop().await;
    let broken: Vec<_> =
        statuses.iter().filter(|plugin| matches!(plugin.status, ServingStatus::NotLoaded { .. })).collect();
    if args.json {
        let loaded = plugins.iter().map(describe);
        output::json(&loaded.chain(broken.iter().map(|plugin| not_loaded(plugin))).collect());
    } else {
        plugins.iter().for_each(print);
    }
    match broken.len() {
        0 => Ok(()),
        count => {
            let reasons = broken.iter().map(|plugin| match &plugin.status {
                ServingStatus::NotLoaded { reason, .. } => format!("\n  {reason}"),
                _ => String::new(),
            });
            bail!("{count} of {} plugins cannot be loaded:{}", statuses.len(), reasons.collect::<String>())
        }
    }
}

/// A plugin that cannot be loaded, of which only the status is known.
fn not_loaded(plugin: &PluginStatus) -> Value {
    json!({ "name": plugin.name, "version": plugin.version, "status": palisade_server::described(plugin) })
}

/// Prints the plugins that a server lists.
fn listed(answer: &Value, json: bool) -> Result<()> {
    let plugins =
        answer.get("plugins").and_then(Value::as_array).context("not a Palisade server; check --url")?;
    if json {
        output::json(&Value::Array(plugins.clone()));
        return Ok(());
    }
    for plugin in plugins {
        let text = |name: &str| plugin.get(name).and_then(Value::as_str).unwrap_or_default();
        let mut line = Line::default().styled(Style::new().bold(), text("name"));
        line = line.text(format_args!(" {}  {}", text("version"), text("state")));
        for (word, name) in [("since", "since"), ("until", "until"), ("because", "reason")] {
            if !text(name).is_empty() {
                line = line.text(format_args!(", {word} {}", text(name)));
            }
        }
        line.print();
    }
    Ok(())
}

fn status(plugin: &PluginInfo) -> Value {
    let (name, version, status) = (plugin.name.clone(), plugin.version.clone(), plugin.status.clone());
    // A host that has just started has quarantined nothing.
    palisade_server::described(&PluginStatus { name, version, status, entries: Vec::new(), running_on: 0 })
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
        "status": status(plugin),
        "functions": functions.collect::<Vec<_>>(),
        "passport": {
            "imports": plugin.passport.imports,
            "denied": plugin.passport.denied,
            "wasi": plugin.passport.wasi,
            "exports": plugin.passport.exports,
            "taps": plugin.passport.taps,
            "routes": plugin.passport.routes,
            "database": { "missing": plugin.passport.database.missing },
            "compiler": { "missing": plugin.passport.compiler.missing },
        },
        "grants": plugin.grants,
        "pending": plugin.pending,
    })
}

fn print(plugin: &PluginInfo) {
    let (bold, dim) = (Style::new().bold(), Style::new().dimmed());
    let PluginInfo { name, version, description, passport, grants, functions, pending, status } = plugin;
    let gap = if description.is_empty() { "" } else { "  " };
    Line::default().styled(bold, name).text(format_args!(" {version}{gap}{description}")).print();
    if let ServingStatus::Disabled { reason, .. } = status {
        Line::of("  ").styled(bold, "disabled").text(format_args!(", because {reason}")).print();
    }
    for function in functions {
        let (kind, path, signature) = (function.kind.to_string(), &function.path, &function.signature);
        Line::of(format_args!("  {kind:<8} {path}  ")).styled(dim, signature).print();
    }
    for (tap, kind) in &passport.taps {
        Line::of(format_args!("  {:<8} {tap}", kind.to_string())).print();
    }
    for (route, kind) in &passport.routes {
        let (method, path) = route.split_once(' ').unwrap_or_default();
        Line::of(format_args!("  {:<8} {method} /hooks/{name}{path}", kind.to_string())).print();
    }
    for (table, grant) in &grants.db.tables {
        Line::of("  ").styled(dim, format_args!("table    {table}: {grant}")).print();
    }
    for extension in &grants.db.extensions {
        Line::of("  ").styled(dim, format_args!("uses     extension {}", extension.name())).print();
    }
    for file in pending {
        Line::of("  ").styled(dim, format_args!("pending  migrations/{file}")).print();
    }
    let imports: Vec<&str> = passport.imports.keys().chain(&passport.wasi).map(String::as_str).collect();
    if !imports.is_empty() {
        Line::of("  ").styled(dim, format_args!("imports  {}", imports.join(", "))).print();
    }
    for (interface, functions) in &passport.denied {
        let functions: Vec<String> = functions.iter().map(|name| format!("{interface}.{name}")).collect();
        Line::of("  ")
            .styled(dim, format_args!("denied   {}, imported without a grant", functions.join(", ")))
            .print();
    }
    for sentence in passport.database.missing.iter().chain(&passport.compiler.missing) {
        Line::of("  ").styled(dim, format_args!("missing  {sentence}")).print();
    }
}

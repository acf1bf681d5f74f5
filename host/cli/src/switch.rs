//! `palisade disable` and `palisade enable`: an operator's switch for a plugin.

use super::remote;
use crate::folder::FolderArgs;
use crate::host;
use crate::output::{self, Line};
use anyhow::{Result, bail};
use clap::Args;
use palisade::DisabledWhere;

/// How a command reaches a host: through a server or through its database.
#[derive(Debug, Args)]
pub(super) struct ThroughArgs {
    /// Use a running server, such as `http://127.0.0.1:8080`, as a user with the permission `host:operate`; without
    /// this option, use the database, which each of its servers reads once a second
    #[arg(long, conflicts_with_all = ["dir", "policy", "secrets"])]
    pub(super) url: Option<url::Url>,
    /// The bearer token of that user
    #[arg(long, env = "PALISADE_TOKEN", hide_env_values = true)]
    pub(super) token: Option<String>,
}

/// Disables a plugin at once, on every server of the database
///
/// Running calls are cut off, and their changes are undone. The plugin stays disabled until `palisade enable`, also
/// after a restart.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  palisade disable blog --reason 'leaks drafts'\n  \
    palisade disable blog --reason 'leaks drafts' --url http://127.0.0.1:8080")]
pub(super) struct DisableArgs {
    /// The plugin's name
    plugin: String,
    /// Why: for other operators and the audit log, never for callers
    #[arg(long)]
    reason: String,
    #[command(flatten)]
    through: ThroughArgs,
    #[command(flatten)]
    folder: FolderArgs,
}

/// Enables a plugin that is disabled, and lifts its quarantine
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  palisade enable blog --url http://127.0.0.1:8080")]
pub(super) struct EnableArgs {
    /// The plugin's name
    plugin: String,
    #[command(flatten)]
    through: ThroughArgs,
    #[command(flatten)]
    folder: FolderArgs,
}

/// How the audit log names an operator who uses the command line and the database.
const BY: &str = "by the command line";

/// Runs `disable`.
pub(super) async fn disable(args: DisableArgs) -> Result<()> {
    let DisableArgs { plugin, reason, through, folder } = args;
    let said = match switch(&plugin, Some(&reason), &through, &folder).await? {
        None => Line::of(format_args!("`{plugin}` is disabled")),
        Some(pending) => Line::of(format_args!("`{plugin}`: {pending}")),
    };
    said.print();
    Ok(())
}

/// Runs `enable`.
pub(super) async fn enable(args: EnableArgs) -> Result<()> {
    let EnableArgs { plugin, through, folder } = args;
    switch(&plugin, None, &through, &folder).await?;
    Line::of(format_args!("`{plugin}` is enabled")).print();
    Ok(())
}

async fn switch(
    plugin: &str,
    reason: Option<&str>,
    through: &ThroughArgs,
    folder: &FolderArgs,
) -> Result<Option<String>> {
    if let Some(url) = &through.url {
        return remote::switch(url, plugin, reason, through.token.as_deref()).await;
    }
    let host = host::audited(folder.bare()?, None).await?;
    let done = match reason {
        Some(reason) => host.disable_by(plugin, reason, BY).await,
        None => host.enable_by(plugin, BY).await.map(|()| DisabledWhere::Everywhere),
    };
    host.stop().await;
    match done.map_err(output::of_call)? {
        DisabledWhere::Everywhere => Ok(None),
        // This command ends now, and its host with it.
        DisabledWhere::Here => {
            bail!("the database does not answer, so `{plugin}` is not disabled: try again")
        }
    }
}

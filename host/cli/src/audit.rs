//! `palisade audit-log`: checks that the audit log is intact.

use crate::folder::FolderArgs;
use crate::host;
use crate::output::{self, Line};
use anyhow::{Context, Result};
use clap::{Args, Subcommand};
use palisade::audit::{self, Verified};
use std::path::PathBuf;

/// Checks the audit log
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  palisade audit-log verify --dir plugins")]
pub(super) struct AuditArgs {
    #[command(subcommand)]
    command: AuditCommand,
}

#[derive(Debug, Subcommand)]
enum AuditCommand {
    /// Reads the log from beginning to end, and reports whether a line was altered, removed, inserted or moved
    ///
    /// Needs the key beside the log. Note the last hash elsewhere: it reveals that both log and head record were
    /// replaced by older ones.
    #[command(after_help = "Example:\n  palisade audit-log verify audit.jsonl")]
    Verify {
        /// The log [default: the one that `palisade serve DIR` writes]
        path: Option<PathBuf>,
        #[command(flatten)]
        folder: FolderArgs,
    },
}

/// Runs the command.
pub(super) fn run(args: &AuditArgs) -> Result<()> {
    let AuditCommand::Verify { path, folder } = &args.command;
    let path = match path {
        Some(path) => path.clone(),
        None => host::audit_log(&folder.bare()?)
            .ok_or_else(|| output::usage("there is no default file for the audit log: name the file"))?,
    };
    let verified = audit::verify(&path)
        .with_context(|| format!("cannot read the audit log {} and its key beside it", path.display()))?;
    let Verified { entries, torn, last } =
        verified.map_err(|damage| anyhow::anyhow!("{}: {damage}", path.display()))?;
    let tears = if torn == 0 { String::new() } else { format!(", {torn} torn lines that the log records") };
    Line::of(format_args!("{entries} entries{tears}, the last one {last}: the log is intact")).print();
    Ok(())
}

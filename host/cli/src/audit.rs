//! `palisade audit-log`: checks that the audit log is intact, and begins a new file.

use crate::folder::FolderArgs;
use crate::host;
use crate::output::{self, Line};
use anyhow::{Context, Result};
use clap::{Args, Subcommand};
use palisade::audit::{self, Verified};
use std::path::{Path, PathBuf};

/// Checks the audit log, or begins a new file of it
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  palisade audit-log verify --dir plugins\n  palisade audit-log rotate --dir plugins"
)]
pub(super) struct AuditArgs {
    #[command(subcommand)]
    command: AuditCommand,
}

#[derive(Debug, Subcommand)]
enum AuditCommand {
    /// Reads the log from beginning to end, and reports whether a line was altered, removed, inserted or moved
    ///
    /// Needs the key beside the log, and the files that it continues. With --database it also finds that the log, its
    /// key and its head record were all deleted, or replaced by older ones.
    #[command(
        after_help = "Example:\n  palisade audit-log verify audit.jsonl --database postgresql://localhost/blog"
    )]
    Verify {
        /// The log [default: the one that `palisade serve DIR` writes]
        path: Option<PathBuf>,
        /// The database that knows the log's last entry [default: `DATABASE_URL`; without it the log is not compared]
        #[arg(long, value_name = "URL")]
        database: Option<String>,
        /// Read only the latest file: the earlier ones are kept elsewhere
        #[arg(long, conflicts_with = "database")]
        latest: bool,
        #[command(flatten)]
        folder: FolderArgs,
    },
    /// Moves the log's file away and begins a new one, which continues it
    ///
    /// Running hosts notice. The system's log rotation may do the same by renaming the file.
    #[command(after_help = "Example:\n  palisade audit-log rotate audit.jsonl")]
    Rotate {
        /// The log [default: the one that `palisade serve DIR` writes]
        path: Option<PathBuf>,
        #[command(flatten)]
        folder: FolderArgs,
    },
}

/// Runs the command.
pub(super) async fn run(args: AuditArgs) -> Result<()> {
    match args.command {
        AuditCommand::Verify { path, database, latest, folder } => {
            let path = named(path, &folder)?;
            let database = database.or_else(|| std::env::var("DATABASE_URL").ok().filter(|_| !latest));
            verify(&path, database.filter(|url| !url.is_empty()), latest).await
        }
        AuditCommand::Rotate { path, folder } => {
            let path = named(path, &folder)?;
            let old = audit::rotate(&path)
                .with_context(|| format!("cannot rotate the audit log {}", path.display()))?;
            Line::of(format_args!("the entries so far are in {}", old.display())).print();
            Ok(())
        }
    }
}

fn named(path: Option<PathBuf>, folder: &FolderArgs) -> Result<PathBuf> {
    match path {
        Some(path) => Ok(path),
        None => host::audit_log(&folder.bare()?)
            .ok_or_else(|| output::usage("there is no default file for the audit log: name the file")),
    }
}

async fn verify(path: &Path, database: Option<String>, latest: bool) -> Result<()> {
    let compared =
        if database.is_some() { "and the database agrees" } else { "not compared with a database" };
    let verified = match database {
        Some(url) => audit::verify_with(path, &url).await.map_err(output::of_load)?,
        None if latest => audit::verify_latest(path),
        None => audit::verify(path),
    };
    let verified = verified
        .with_context(|| format!("cannot read the audit log {} and its key beside it", path.display()))?;
    let Verified { entries, files, torn, last } = verified.map_err(|damage| anyhow::anyhow!("{damage}"))?;
    let tears = if torn == 0 { String::new() } else { format!(", {torn} torn lines that the log records") };
    let files = if files == 1 { String::new() } else { format!(" in {files} files") };
    Line::of(format_args!(
        "{entries} entries{files}{tears}, the last one {last}: the log is intact, {compared}"
    ))
    .print();
    Ok(())
}

//! `palisade import`.

use super::content;
use crate::folder::FolderArgs;
use crate::host;
use crate::output::{self, Line};
use anyhow::{Result, bail};
use clap::Args;
use serde_json::json;
use std::path::PathBuf;

/// Imports a folder of Markdown files as items
///
/// Each `.md` file becomes one published item, through the taps of the plugins in --dir. A file that was imported
/// before updates its item if the file has changed. Nothing is deleted.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  palisade import docs --dir plugins --type post")]
pub(super) struct ImportArgs {
    /// The folder of the files
    #[arg(value_name = "MARKDOWN_DIR")]
    files: PathBuf,
    /// The type of the items
    #[arg(long = "type", value_name = "TYPE", default_value = content::TYPE)]
    item_type: String,
    #[command(flatten)]
    folder: FolderArgs,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// Runs the command.
pub(super) async fn run(args: ImportArgs) -> Result<()> {
    let host = host::open(&args.folder.find()?).await?;
    let imported = content::import(&host, &args.files, &args.item_type).await;
    host.stop().await;
    let report = imported?;
    if args.json {
        let refused: Vec<_> =
            report.refused.iter().map(|(path, why)| json!({"source": path, "message": why})).collect();
        output::json(&json!({
            "imported": report.imported, "updated": report.updated, "unchanged": report.unchanged, "refused": refused,
        }));
    } else {
        Line::of(format_args!("{report}")).print();
        for (path, sentence) in &report.refused {
            Line::of(format_args!("{path}: {sentence}")).remark();
        }
    }
    if report.refused.is_empty() {
        return Ok(());
    }
    bail!("{} files are not imported: correct them and import again", report.refused.len())
}

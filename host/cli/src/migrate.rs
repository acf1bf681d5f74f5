//! `palisade migrate`.

use crate::folder::FolderArgs;
use crate::host::{self, whole};
use crate::output::{self, Line};
use anyhow::{Result, bail};
use clap::Args;
use palisade::Migrated;
use serde_json::{Value, json};

/// Runs the migrations of a folder's plugins, and loads nothing
///
/// `palisade serve` does so as well when it starts. With --check they are only tried, in a transaction that is rolled back: it
/// waits for the same locks, and holds them for as long as it runs.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  palisade migrate --dir plugins --check\n  palisade migrate --dir plugins --json"
)]
pub(super) struct MigrateArgs {
    #[command(flatten)]
    folder: FolderArgs,
    /// Change nothing, and fail if a migration would
    #[arg(long)]
    check: bool,
    /// Migrate a plugin even if it is older than the version that was installed in the database last
    #[arg(long)]
    allow_downgrade: bool,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// Runs the command.
pub(super) async fn run(args: MigrateArgs) -> Result<()> {
    let folder = args.folder.find()?.with_plugins()?;
    let all = host::migrate(folder, args.check, args.allow_downgrade).await?;
    let verb = if args.check { "would run" } else { "ran" };
    if args.json {
        output::json(&all.iter().map(described).collect());
    } else {
        for Migrated { plugin, files } in &all {
            match files {
                Ok(files) if files.is_empty() => Line::of(format_args!("{plugin}: is up to date")).print(),
                Ok(files) => Line::of(format_args!("{plugin}: {verb} {}", files.join(", "))).print(),
                Err(_) => {}
            }
        }
    }
    let refused: Vec<String> =
        all.iter().filter_map(|one| Some(format!("\n  {}", whole(one.files.as_ref().err()?)))).collect();
    match refused.len() {
        0 => Ok(()),
        count => bail!("{count} of {} plugins cannot be migrated:{}", all.len(), refused.concat()),
    }
}

fn described(Migrated { plugin, files }: &Migrated) -> Value {
    match files {
        Ok(files) => json!({ "name": plugin, "files": files }),
        Err(error) => json!({ "name": plugin, "error": whole(error) }),
    }
}

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
/// waits for the same locks, and holds them for as long as it runs. Without a database, and with --new, all files are tried in a
/// private database that is gone afterwards.
#[allow(clippy::struct_excessive_bools, reason = "each is a flag of the command line")]
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  palisade migrate --dir plugins --check\n  palisade migrate --dir plugins --check --new\n  palisade migrate --dir plugins --json"
)]
pub(super) struct MigrateArgs {
    #[command(flatten)]
    folder: FolderArgs,
    /// Change nothing, and fail if a migration would
    #[arg(long)]
    check: bool,
    /// Try all files in a new private database, each committed, as they run where no file has run yet
    #[arg(long, requires = "check")]
    new: bool,
    /// Migrate a plugin even if it is older than the version that was installed in the database last
    #[arg(long)]
    allow_downgrade: bool,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// Runs the command.
pub(super) async fn run(args: MigrateArgs) -> Result<()> {
    let MigrateArgs { folder, check, new, allow_downgrade, json } = args;
    let folder = folder.find()?.with_plugins()?;
    let all = if check {
        host::rehearse(folder, new, allow_downgrade).await?
    } else {
        host::migrate(folder, allow_downgrade).await?
    };
    let verb = if check { "would run" } else { "ran" };
    if json {
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

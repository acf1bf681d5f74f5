//! `palisade db`: what a database's administrator does for a host.

use crate::folder::FolderArgs;
use crate::host;
use crate::output::{self, Line};
use anyhow::Result;
use clap::{Args, Subcommand};
use palisade_store::error::InstallError;
use palisade_store::postgres::DatabaseUrl;
use palisade_store::postgres::harden::{self, Hardened};
use palisade_store::private::{self, DataDir, PrivateError};
use std::io::{self, BufRead, IsTerminal};

/// Hardens the database that plugins use, or makes a private one anew
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  palisade db harden --print-sql | psql -U postgres app\n  \
    palisade db harden --apply --database-url postgresql://postgres@localhost/app")]
pub(super) struct DbArgs {
    #[command(subcommand)]
    command: DbCommand,
}

#[derive(Debug, Subcommand)]
enum DbCommand {
    /// Takes rights from PUBLIC that every login has by default, and that no plugin needs
    ///
    /// It changes the database for everybody in it: grant the role `palisade_trusted` to the logins of other
    /// applications there. It can run again at any time. A private database does not need this command: the host
    /// hardens it at each start.
    #[command(
        after_help = "Example:\n  palisade db harden --apply --database-url postgresql://postgres@localhost/app"
    )]
    Harden(HardenArgs),
    /// Deletes the private database of a folder, with all its rows, users and tokens
    ///
    /// The next `palisade serve` makes it anew, with all migrations. It is for development: a migration that ran nowhere else can
    /// be edited and run again. A database that `DATABASE_URL` names is never touched, and the audit log stays.
    #[command(after_help = "Example:\n  palisade db reset --dir plugins --yes")]
    Reset(ResetArgs),
}

#[derive(Debug, Args)]
struct ResetArgs {
    /// Delete without asking
    #[arg(long)]
    yes: bool,
    #[command(flatten)]
    folder: FolderArgs,
}

#[derive(Debug, Args)]
struct HardenArgs {
    /// Print the SQL, for the administrator of the server
    #[arg(long, required_unless_present = "apply", conflicts_with = "apply")]
    print_sql: bool,
    /// Run it, as a superuser
    #[arg(long)]
    apply: bool,
    /// The database, as a superuser of its server [default: `DATABASE_URL`; without it the private one of --dir]
    #[arg(long, value_name = "URL", conflicts_with = "print_sql")]
    database_url: Option<String>,
    #[command(flatten)]
    folder: FolderArgs,
}

/// Runs the command.
pub(super) async fn run(args: DbArgs) -> Result<()> {
    match args.command {
        DbCommand::Harden(args) => harden(args).await,
        DbCommand::Reset(args) => reset(&args),
    }
}

fn reset(args: &ResetArgs) -> Result<()> {
    if host::named().is_some() {
        return Err(output::usage(
            "DATABASE_URL names a server that Palisade did not make, and only a private database is reset: unset the variable, \
             or drop that database yourself",
        ));
    }
    let data = DataDir::of_project(&args.folder.bare()?.path)?;
    let DataDir::Persistent(path) = &data else { return Ok(()) };
    if !args.yes
        && !agreed(&format!("Delete the private database in {}, with all its rows?", path.display()))?
    {
        Line::of("nothing is deleted").print();
        return Ok(());
    }
    let was_there = private::reset(&data).map_err(|error| match error {
        PrivateError::InUse(_) => {
            anyhow::anyhow!(
                "a `palisade serve` of this folder is running and uses its database: stop it first"
            )
        }
        other => other.into(),
    })?;
    Line::of(if was_there { "the private database is deleted" } else { "there is no private database" })
        .print();
    Ok(())
}

/// Asks on the terminal.
fn agreed(question: &str) -> Result<bool> {
    if !io::stdin().is_terminal() {
        return Err(output::usage(format!("{question} Nobody can answer here: add --yes")));
    }
    Line::of(format_args!("{question} [y/N]")).remark();
    let mut answer = String::new();
    io::stdin().lock().read_line(&mut answer)?;
    Ok(matches!(answer.trim(), "y" | "Y" | "yes"))
}

async fn harden(args: HardenArgs) -> Result<()> {
    if args.print_sql {
        output::verbatim(harden::SQL);
        return Ok(());
    }
    let named = args.database_url.or_else(|| std::env::var("DATABASE_URL").ok());
    let Some(url) = named.filter(|url| !url.is_empty()) else {
        // A host on a private database hardens it when it starts.
        host::open(args.folder.bare()?).await?.stop().await;
        Line::of("the private database is hardened").print();
        return Ok(());
    };
    let url: DatabaseUrl = url.parse().map_err(|error: InstallError| output::usage(error.to_string()))?;
    report(&harden::apply(&url).await.map_err(|error| output::of_load(error.into()))?);
    Ok(())
}

fn report(hardened: &Hardened) {
    Line::of(format_args!("database `{}` is hardened", hardened.database)).print();
    if hardened.host.is_none() {
        Line::of("no host has used it yet: `GRANT palisade_trusted TO` the login that one will use").print();
    }
}

//! `palisade user`: who may call, and what their roles may do.

use crate::folder::FolderArgs;
use crate::host;
use crate::output::{self, Line};
use anyhow::Result;
use clap::{Args, Subcommand};
use palisade::CallError;
use palisade::Host;
use palisade_guard::caller::User;
use palisade_guard::limits::DAY_S;
use palisade_guard::refusal::Refusal;
use palisade_guard::user::{Permission, UserId};
use serde_json::json;
use std::time::Duration;

/// Adds users, makes tokens, and gives roles permissions
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  palisade user add ada --role editor --token --dir plugins\n  \
    palisade user permit editor item:create:post item:edit:post\n  palisade user permit anonymous item:create:post")]
pub(super) struct UserArgs {
    #[command(subcommand)]
    command: UserCommand,
}

#[derive(Debug, Subcommand)]
enum UserCommand {
    /// Adds a user and prints the user's id, and a token if asked to
    #[command(after_help = "Example:\n  palisade user add ada --role editor --token")]
    Add {
        /// The name, for display
        name: String,
        /// A role of the user; may be given several times
        #[arg(long = "role", value_name = "ROLE")]
        roles: Vec<String>,
        /// Make a bearer token. It is printed once and stored nowhere
        #[arg(long)]
        token: bool,
        #[command(flatten)]
        lifetime: Lifetime,
        #[command(flatten)]
        folder: FolderArgs,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Makes another bearer token for a user and prints it, once
    #[command(after_help = "Example:\n  palisade user token 0190a5f0-0000-7000-8000-000000000000 --days 30")]
    Token {
        /// The user's id
        id: String,
        #[command(flatten)]
        lifetime: Lifetime,
        #[command(flatten)]
        folder: FolderArgs,
    },
    /// Gives a role permissions; the role `anonymous` is every caller without a token
    #[command(
        after_help = "Example:\n  palisade user permit editor item:create:post item:edit:post item:delete:post"
    )]
    Permit {
        /// The role
        role: String,
        /// The permissions
        #[arg(required = true, value_name = "PERMISSION")]
        permissions: Vec<String>,
        #[command(flatten)]
        folder: FolderArgs,
    },
}

#[derive(Debug, Args)]
struct Lifetime {
    /// Days until the token expires; without this option it never expires
    #[arg(long, value_name = "DAYS")]
    days: Option<u32>,
}

impl Lifetime {
    fn get(&self) -> Option<Duration> {
        self.days.map(|days| Duration::from_secs(u64::from(days) * DAY_S))
    }
}

/// Runs the command.
pub(super) async fn run(args: UserArgs) -> Result<()> {
    match args.command {
        UserCommand::Add { name, roles, token, lifetime, folder, json } => {
            let lifetime = token.then_some(lifetime);
            let (user, token) = with(&folder, async |host| add(host, &name, &roles, lifetime).await).await?;
            print(&user, token.as_deref(), json);
        }
        UserCommand::Token { id, lifetime, folder } => {
            let id = UserId::parse(&id).map_err(refused)?;
            let token = with(&folder, async |host| host.users().token(id, lifetime.get()).await).await?;
            Line::of(format_args!("{token}")).print();
        }
        UserCommand::Permit { role, permissions, folder } => {
            let permissions: Result<Vec<_>, _> =
                permissions.iter().map(|name| Permission::parse(name)).collect();
            let permissions = permissions.map_err(refused)?;
            with(&folder, async |host| host.users().permit(&role, &permissions).await).await?;
        }
    }
    Ok(())
}

#[allow(clippy::option_option, reason = "a token or none, and with it a lifetime or none")]
async fn add(
    host: &Host,
    name: &str,
    roles: &[String],
    token: Option<Lifetime>,
) -> Result<(User, Option<String>), Refusal> {
    let user = host.users().add(name, roles).await?;
    let token = match token {
        Some(lifetime) => Some(host.users().token(UserId::from(user.id), lifetime.get()).await?),
        None => None,
    };
    Ok((user, token))
}

/// Runs `work` on a host without plugins, then stops the host.
async fn with<T>(folder: &FolderArgs, work: impl AsyncFnOnce(&Host) -> Result<T, Refusal>) -> Result<T> {
    let host = host::open(&folder.bare()?).await?;
    let done = work(&host).await;
    host.stop().await;
    done.map_err(refused)
}

fn refused(refusal: Refusal) -> anyhow::Error {
    match refusal {
        Refusal::Violation(_) => output::usage("no user has this id: `palisade user add` prints it"),
        other => output::of_call(CallError::from(other)),
    }
}

fn print(user: &User, token: Option<&str>, json: bool) {
    if json {
        output::json(
            &json!({"id": user.id.to_string(), "name": user.name, "roles": user.roles, "token": token}),
        );
        return;
    }
    Line::of(format_args!("user {}", user.id)).print();
    if let Some(token) = token {
        Line::of(format_args!("token {token}")).print();
        Line::of("Keep the token: it is not shown again.").remark();
    }
}

//! The `palisade` command.
//!
//! Results go to stdout, everything else to stderr; with `--json` a result is JSON for scripts. Each command is a file
//! here. They share three files: [`folder`] finds plugins and policies in a folder, [`host`] builds a host from them,
//! and [`output`] prints results and failures. A command does nothing that an integrator could not do with the library.

mod audit;
mod build;
mod call;
mod check;
mod content;
mod db;
mod dev;
mod folder;
mod host;
mod import;
mod log;
mod migrate;
mod new;
mod output;
mod plugins;
mod policy;
mod record;
mod reload;
mod remote;
mod replay;
mod secrets;
mod serve;
mod sql;
mod switch;
mod test;
mod user;
mod watch;

use clap::{Parser, Subcommand};
use palisade_guard::limits::STOP_MS;
use std::process::ExitCode;
use std::time::{Duration, Instant};

const EXIT_CODES: &str = "\
Exit codes:
  0  done
  1  failed: the host, the database or a plugin; stderr says what to do
  2  usage error: an unknown option, plugin or function, or arguments that do not fit
  3  the plugin returned an error or refused; `call` prints a returned error's value on stdout

Environment:
  DATABASE_URL    the PostgreSQL server to use; without it a private one starts for the folder (`test` always starts one)
  PALISADE_LOG    what to log, such as `debug` or `palisade::plugin=trace`
  PALISADE_TOKEN  the bearer token of the user to act as";

/// Runs server-side plugins built as WebAssembly components, on PostgreSQL
#[derive(Debug, Parser)]
#[command(name = "palisade", version, after_help = EXIT_CODES, arg_required_else_help = true)]
struct Cli {
    #[command(subcommand)]
    command: Command,
    /// How log lines are written
    #[arg(long, global = true, value_enum, default_value_t = log::Format::Text)]
    log_format: log::Format,
}

#[derive(Debug, Subcommand)]
enum Command {
    New(new::NewArgs),
    Dev(dev::DevArgs),
    Serve(serve::ServeArgs),
    Call(call::CallArgs),
    Plugins(plugins::PluginsArgs),
    Migrate(migrate::MigrateArgs),
    Import(import::ImportArgs),
    Disable(switch::DisableArgs),
    Enable(switch::EnableArgs),
    User(user::UserArgs),
    Db(db::DbArgs),
    AuditLog(audit::AuditArgs),
    #[command(
        after_help = "Examples:\n  palisade build plugins/blog\n  palisade build target/wasm32-unknown-unknown/release/blog.wasm --out blog.wasm"
    )]
    Build(build::BuildArgs),
    Check(check::CheckArgs),
    Sql(sql::SqlArgs),
    Test(test::TestArgs),
    Replay(record::replay::RecordedArgs),
}

/// The whole program.
pub fn main() -> ExitCode {
    let began = Instant::now();
    let Cli { command, log_format } = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => return output::usage_of(&error),
    };
    let (filter, is_quiet) = match &command {
        Command::Serve(_) => (log::SERVER, false),
        Command::Call(call) => (log::CALL, call.quiet),
        Command::Replay(_) => (log::CALL, false),
        Command::Test(_) => (log::TEST, false),
        _ => (log::COMMAND, false),
    };
    match &command {
        Command::Dev(_) => dev::screen::start(),
        _ => log::start(log_format, filter, is_quiet),
    }
    let done = match command {
        Command::New(args) => new::run(&args),
        Command::Build(args) => build::run(&args),
        Command::Sql(args) => sql::run(&args),
        other => run(other, began),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => output::failed(&error),
    }
}

fn run(command: Command, began: Instant) -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let done = runtime.block_on(async {
        match command {
            Command::New(args) => new::run(&args),
            Command::Dev(args) => dev::run(args).await,
            Command::Serve(args) => Box::pin(serve::run(args, began)).await,
            Command::Call(args) => call::run(args).await,
            Command::Plugins(args) => plugins::run(args).await,
            Command::Migrate(args) => migrate::run(args).await,
            Command::Import(args) => import::run(args).await,
            Command::Disable(args) => switch::disable(args).await,
            Command::Enable(args) => switch::enable(args).await,
            Command::User(args) => user::run(args).await,
            Command::Db(args) => db::run(args).await,
            Command::Build(args) => build::run(&args),
            Command::Check(args) => check::run(args).await,
            Command::Sql(args) => sql::run(&args),
            Command::AuditLog(args) => audit::run(args).await,
            Command::Test(args) => test::run(args).await,
            Command::Replay(args) => record::replay::run(args).await,
        }
    });
    // A thread that still waits, such as for a locked file, does not keep the process.
    runtime.shutdown_timeout(Duration::from_millis(STOP_MS));
    done
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn command_line_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn every_command_has_an_example_in_its_help() {
        let mut without = Vec::new();
        for command in Cli::command().get_subcommands_mut() {
            let name = command.get_name().to_owned();
            if !command.render_long_help().to_string().contains("Example") {
                without.push(name);
            }
        }
        assert!(without.is_empty(), "{without:?}");
    }
}

//! Why a private server does not start. Each error names the fix.

use palisade_guard::limits::{MS_PER_S, PRIVATE_START_MS};
use std::io;
use std::path::PathBuf;

/// Why a private server does not start.
#[derive(Debug, thiserror::Error)]
pub enum PrivateError {
    /// PostgreSQL's server programs are not installed.
    #[error(
        "PostgreSQL's server programs are not installed: install them (`apt-get install postgresql`), or set \
         DATABASE_URL to a running server"
    )]
    NotInstalled,
    /// The data was made by a major version that is not installed.
    #[error(
        "the database in {} was made by PostgreSQL {major}, which is not installed: install it (`apt-get install \
         postgresql-{major}`), or remove the folder to begin with an empty database", data.display()
    )]
    WrongVersion {
        /// The folder of the data.
        data: PathBuf,
        /// The version that made it.
        major: u32,
    },
    /// The program `setpriv` is missing.
    #[error("the program `setpriv` is missing: install util-linux, or set DATABASE_URL to a running server")]
    NoSetpriv,
    /// The host runs as root, and there is no unprivileged user to run the server as.
    #[error(
        "PostgreSQL refuses to run as root, and there is no user `postgres` or `nobody` to run it as: make one \
         (`useradd --system postgres`), or set DATABASE_URL to a running server"
    )]
    NoAccount,
    /// There is no home folder to keep data in.
    #[error("no folder to keep the database in: set HOME or XDG_STATE_HOME, or name a folder")]
    NoHome,
    /// The folder cannot be trusted or used.
    #[error("the folder {} cannot hold the database: {why}", path.display())]
    Folder {
        /// The folder.
        path: PathBuf,
        /// What is wrong, and what to do.
        why: String,
    },
    /// Another host uses the folder.
    #[error(
        "another host is using the database in {}: stop it, give this one a folder of its own, or set DATABASE_URL \
         to a server for both", .0.display()
    )]
    InUse(PathBuf),
    /// An operation on a file or process failed.
    #[error("cannot {doing} {}: {source}", path.display())]
    Io {
        /// The operation.
        doing: &'static str,
        /// The path.
        path: PathBuf,
        /// The cause.
        source: io::Error,
    },
    /// A program ended with an error.
    #[error("PostgreSQL's `{program}` failed; it says: {text}")]
    Failed {
        /// Which program.
        program: &'static str,
        /// The end of its log.
        text: String,
    },
    /// The server neither became ready nor ended in time.
    #[error("PostgreSQL was not ready within {} s; it says: {text}", PRIVATE_START_MS / MS_PER_S)]
    NotReady {
        /// The end of its log.
        text: String,
    },
}

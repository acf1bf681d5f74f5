//! The user that a private server runs as: the host's own user, or an unprivileged one if the host runs as root,
//! because PostgreSQL refuses to run as root.

use std::env;
use std::fs;
use std::os::unix::fs::{MetadataExt as _, chown};
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{Command, Stdio};

use crate::private::error::PrivateError;

/// The user and group of the server's processes and files.
pub(super) struct Account {
    /// `None` means the host's own user.
    other: Option<(u32, u32)>,
}

impl Account {
    pub(super) fn find() -> Result<Self, PrivateError> {
        if !rustix::process::geteuid().is_root() {
            return Ok(Self { other: None });
        }
        let users =
            fs::read_to_string("/etc/passwd").map_err(PrivateError::io("read", Path::new("/etc/passwd")))?;
        let other = ["postgres", "nobody"].iter().find_map(|name| ids(&users, name));
        other.map(|ids| Self { other: Some(ids) }).ok_or(PrivateError::NoAccount)
    }

    /// A command that runs a program as this account. The program gets `signal` when the thread that spawned it ends.
    /// It inherits neither the host's environment, which may hold secrets, nor its process group: Ctrl-C in the
    /// terminal is for the host, which still needs its database while it drains.
    pub(super) fn command(&self, program: &Path, signal: &str) -> Command {
        let mut command = Command::new("setpriv");
        command.arg(format!("--pdeathsig={signal}")).arg("--no-new-privs");
        if let Some((user, group)) = self.other {
            command.arg(format!("--reuid={user}")).arg(format!("--regid={group}")).arg("--clear-groups");
        }
        let path = env::var_os("PATH").unwrap_or_else(|| "/usr/local/bin:/usr/bin:/bin".into());
        command.arg("--").arg(program).env_clear().env("PATH", path).current_dir("/").process_group(0);
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
        command
    }

    /// Makes the server the owner of a folder.
    pub(super) fn give(&self, path: &Path) -> Result<(), PrivateError> {
        let Some((user, group)) = self.other else { return Ok(()) };
        chown(path, Some(user), Some(group)).map_err(PrivateError::io("change the owner of", path))
    }

    /// Makes the server's group the group of a file or folder that the host owns. Returns `false` if the server runs as
    /// the host's user.
    pub(super) fn share(&self, path: &Path) -> Result<bool, PrivateError> {
        let Some((_, group)) = self.other else { return Ok(false) };
        chown(path, None, Some(group)).map_err(PrivateError::io("change the group of", path))?;
        Ok(true)
    }

    /// Whether the server can enter every folder above this one. It cannot if one of them is root's home.
    pub(super) fn reaches(&self, path: &Path) -> bool {
        let Some((user, group)) = self.other else { return true };
        path.ancestors().skip(1).all(|above| {
            fs::metadata(above).is_ok_and(|meta| {
                let class = match () {
                    () if meta.uid() == user => 0o100,
                    () if meta.gid() == group => 0o010,
                    () => 0o001,
                };
                meta.mode() & class != 0
            })
        })
    }
}

/// The user and group ids of a name in the text of `/etc/passwd`. They are never root's: an alias of root would be root
/// again.
fn ids(users: &str, name: &str) -> Option<(u32, u32)> {
    let line = users.lines().find(|line| line.split(':').next() == Some(name))?;
    let mut fields = line.split(':').skip(2);
    let (user, group) = (fields.next()?.parse().ok()?, fields.next()?.parse().ok()?);
    (user != 0).then_some((user, group))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_of_a_user_are_its_own_and_never_roots() {
        let users = "root:x:0:0:root:/root:/bin/bash\npostgres2:x:9:9::/:\npostgres:x:101:104:P,,,:/var/lib:/bin/sh\n\
                     alias:x:0:0::/:\nbroken:x:\n";
        assert_eq!(ids(users, "alias"), None);
        assert_eq!(ids(users, "broken"), None);
        assert_eq!(ids(users, "nobody"), None);
        assert_eq!(ids(users, "postgres"), Some((101, 104)));
    }
}

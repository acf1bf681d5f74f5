//! The connection string: where the database is, and whether a PgBouncer is in front of it.
//!
//! The syntax is PostgreSQL's, with one more parameter: `pgbouncer=true` says that the connection goes through a
//! PgBouncer in transaction mode. Behind one, nothing stays on a connection from one transaction to the next:
//! statements are unnamed, and a statement that needs a name is removed before its transaction ends.

use crate::error::InstallError;
use tokio_postgres::Config;

/// A parsed connection string.
#[derive(Clone, Debug)]
pub struct DatabaseUrl {
    pub(crate) config: Config,
    pub(crate) is_pooled: bool,
}

/// The parameter that PostgreSQL does not know.
const PGBOUNCER: &str = "pgbouncer";

impl From<Config> for DatabaseUrl {
    fn from(config: Config) -> Self {
        Self { config, is_pooled: false }
    }
}

impl std::str::FromStr for DatabaseUrl {
    type Err = InstallError;

    /// Parses `postgresql://USER:PASSWORD@HOST/DATABASE?…` or a list of `key=value`.
    fn from_str(text: &str) -> Result<Self, InstallError> {
        let refuse =
            |sentence: &str, source| InstallError::Database { sentence: sentence.to_owned(), source };
        let (text, value) = split_pgbouncer(text);
        let is_pooled = match value.as_deref() {
            None | Some("false") => false,
            Some("true") => true,
            Some(other) => {
                let source = anyhow::anyhow!("pgbouncer={other}");
                return Err(refuse("in DATABASE_URL, `pgbouncer` must be true or false", source));
            }
        };
        let sentence =
            "DATABASE_URL is not a connection string: write postgresql://USER:PASSWORD@HOST/DATABASE";
        let config = text.parse().map_err(|error| refuse(sentence, anyhow::Error::new(error)))?;
        Ok(Self { config, is_pooled })
    }
}

/// The text without the parameter `pgbouncer`, and the value of that parameter.
fn split_pgbouncer(text: &str) -> (String, Option<String>) {
    let (head, separator, parameters) = match text.split_once('?') {
        Some((head, parameters)) if text.contains("://") => (head, '&', parameters),
        _ => ("", ' ', text),
    };
    let mut value = None;
    let others = parameters.split(separator).filter(|parameter| match parameter.split_once('=') {
        Some((PGBOUNCER, given)) => {
            value = Some(given.to_owned());
            false
        }
        _ => true,
    });
    let others = others.collect::<Vec<_>>().join(&separator.to_string());
    (if head.is_empty() { others } else { format!("{head}?{others}") }, value)
}

/// The error for a database that does not answer, with its address.
pub(super) fn unreachable_at(config: &Config, error: impl std::fmt::Display) -> InstallError {
    let hosts: Vec<String> = config
        .get_hosts()
        .iter()
        .map(|host| match host {
            tokio_postgres::config::Host::Tcp(name) => name.clone(),
            tokio_postgres::config::Host::Unix(path) => path.display().to_string(),
        })
        .collect();
    InstallError::Database {
        sentence: format!(
            "the database at {} does not answer: start it, correct DATABASE_URL, or unset it for a private server",
            hosts.join(", ")
        ),
        source: anyhow::anyhow!("{error}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn malformed_pgbouncer_parameter_is_rejected() {
        let error = "postgres://h/d?pgbouncer=yes".parse::<DatabaseUrl>().unwrap_err().to_string();
        assert!(error.contains("true or false"), "{error}");
        let error = "postgres://h/d?pgbouncers=true".parse::<DatabaseUrl>().unwrap_err().to_string();
        assert!(error.contains("not a connection string"), "{error}");
    }

    #[test]
    fn pgbouncer_parameter_is_read_from_a_url_and_a_list_and_nothing_else_changes() {
        for (text, is_pooled) in [
            ("postgres://u:p@h:1/d", false),
            ("postgres://u:p@h:1/d?pgbouncer=false", false),
            ("postgres://u:p@h:1/d?pgbouncer=true", true),
            ("postgres://u:p@h:1/d?connect_timeout=5&pgbouncer=true", true),
            ("host=h port=1 user=u password=p dbname=d pgbouncer=true", true),
        ] {
            let url: DatabaseUrl = text.parse().unwrap();
            assert_eq!(url.is_pooled, is_pooled, "{text}");
            assert_eq!(url.config.get_dbname(), Some("d"), "{text}");
            assert_eq!(url.config.get_ports(), [1], "{text}");
        }
    }
}

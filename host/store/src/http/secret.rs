//! Secrets: headers that the host adds and the guest only names.
//!
//! The grants decide which secret goes to which URL, see [`palisade_guard::http`].

use http::{HeaderName, HeaderValue};
use palisade_guard::http::{RequestRefusal, parse_header};
use std::collections::HashMap;

/// A header that no guest sees. Its `Debug` does not show the value.
#[derive(Clone, Debug)]
pub struct Secret {
    header: HeaderName,
    value: HeaderValue,
}

impl Secret {
    /// Makes a secret, under the rules of any other header. The error never holds the value.
    pub fn new(header: &str, value: &str) -> Result<Self, String> {
        let (header, mut value) =
            parse_header(header, value.as_bytes()).map_err(|refusal| match refusal {
                RequestRefusal::Invalid(rule) | RequestRefusal::Denied(rule) => rule,
            })?;
        value.set_sensitive(true);
        Ok(Self { header, value })
    }

    /// The header's name.
    pub fn header(&self) -> &HeaderName {
        &self.header
    }

    /// The header's value.
    pub fn value(&self) -> &HeaderValue {
        &self.value
    }
}

/// Finds the secrets of plugins.
pub trait SecretStore: Send + Sync {
    /// Returns the secret that the operator gave this plugin under this name.
    fn get(&self, plugin: &str, name: &str) -> Option<Secret>;
}

/// Secrets in memory.
#[derive(Clone, Debug, Default)]
pub struct Secrets(HashMap<(String, String), Secret>);

impl Secrets {
    /// Adds a secret.
    pub fn with(mut self, plugin: &str, name: &str, secret: Secret) -> Self {
        self.0.insert((plugin.to_owned(), name.to_owned()), secret);
        self
    }
}

impl SecretStore for Secrets {
    fn get(&self, plugin: &str, name: &str) -> Option<Secret> {
        self.0.get(&(plugin.to_owned(), name.to_owned())).cloned()
    }
}

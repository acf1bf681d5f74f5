//! Allowances: the requests that a grant of `http` covers.
//!
//! An allowance names one exact host. A grant for all names under a domain would be a grant for everyone who can
//! register a name there.

use super::Method;
use super::target::Target;
use crate::address::AddressPolicy;
use std::fmt;

/// The servers that one plugin may reach: those that its grants cover, at addresses that the operator allows.
#[derive(Clone, Debug, Default)]
pub struct Egress {
    /// The plugin's grants. Every request needs a grant that covers it.
    pub allowances: Vec<Allowance>,
    /// The operator's exceptions to the table of special-purpose addresses. The HTTP client must have the same ones.
    pub addresses: AddressPolicy,
}

/// A parsed grant such as `{ url = "https://api.example.com/v1/", methods = ["GET"], secret = "api-key" }`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Allowance {
    base: Target,
    methods: Vec<Method>,
    secret: Option<String>,
}

/// Why a grant is invalid: a sentence for the author of the manifest or policy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InvalidAllowance(String);

impl fmt::Display for InvalidAllowance {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for InvalidAllowance {}

impl Allowance {
    /// Parses a grant. `url` covers its own scheme, host and port, and every path at or below its own path, where paths
    /// are compared segment by segment. Without `methods` the grant covers `GET` and `HEAD`.
    pub fn parse<S: AsRef<str>>(
        url: &str,
        methods: Option<&[S]>,
        secret: Option<&str>,
    ) -> Result<Self, InvalidAllowance> {
        let refuse = |rule: &str| InvalidAllowance(format!("http grant `{url}`: {rule}"));
        let base = Target::parse(url).map_err(|rule| refuse(&format!("the URL {rule}")))?;
        if base.url().query().is_some() || url.contains('#') {
            return Err(refuse("the URL must have no query and no fragment; a grant covers all of them"));
        }
        let methods = match methods {
            None => vec![Method::Get, Method::Head],
            Some([]) => return Err(refuse("`methods` is empty; leave it out for GET and HEAD")),
            Some(names) => names
                .iter()
                .map(|name| Method::parse(name.as_ref()))
                .collect::<Option<Vec<_>>>()
                .ok_or_else(|| refuse("`methods` takes GET, HEAD, POST, PUT, PATCH and DELETE"))?,
        };
        if secret == Some("") {
            return Err(refuse("`secret` is empty"));
        }
        if secret.is_some() && base.is_exposed() {
            return Err(refuse("a secret needs https"));
        }
        Ok(Self { base, methods, secret: secret.map(str::to_owned) })
    }

    /// The URL at or below which the allowed URLs are.
    pub fn url(&self) -> &str {
        self.base.url().as_str()
    }

    /// The allowed methods.
    pub fn methods(&self) -> &[Method] {
        &self.methods
    }

    /// The name of the secret that requests may carry.
    pub fn secret(&self) -> Option<&str> {
        self.secret.as_deref()
    }

    fn covers(&self, method: Method, target: &Target) -> bool {
        self.methods.contains(&method) && target.is_below(&self.base)
    }
}

impl Egress {
    /// Whether a grant covers the method and URL.
    pub(super) fn covers(&self, method: Method, target: &Target) -> bool {
        self.allowances.iter().any(|allowance| allowance.covers(method, target))
    }

    /// Whether a single grant covers the method, the URL and the secret. Two grants never add up to one.
    pub(super) fn covers_with(&self, method: Method, target: &Target, secret: &str) -> bool {
        self.allowances
            .iter()
            .any(|allowance| allowance.secret() == Some(secret) && allowance.covers(method, target))
    }
}

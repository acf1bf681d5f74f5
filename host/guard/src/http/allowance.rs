//! What a grant `http` allows.
//!
//! Exact hosts only: a grant for every name under a domain is a grant for whoever can register one there.

use super::Method;
use super::target::Target;
use crate::address::AddressPolicy;
use std::fmt;

/// What one plugin may reach: its grants, within what the host may dial at all.
#[derive(Clone, Debug, Default)]
pub struct Egress {
    /// The grants. A request needs one that covers it.
    pub allowances: Vec<Allowance>,
    /// The operator's changes to the table of addresses. The client must be given the same.
    pub addresses: AddressPolicy,
}

/// One grant: `{ url = "https://api.example.com/v1/", methods = ["GET"], secret = "api-key" }`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Allowance {
    base: Target,
    methods: Vec<Method>,
    secret: Option<String>,
}

/// Why a grant is not one. A sentence for whoever wrote it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InvalidAllowance(String);

impl fmt::Display for InvalidAllowance {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for InvalidAllowance {}

impl Allowance {
    /// Parses a grant. `url` covers its own scheme, host and port and every path at or below its own, at borders of
    /// segments; without `methods` it covers `GET` and `HEAD`.
    pub fn parse<S: AsRef<str>>(
        url: &str,
        methods: Option<&[S]>,
        secret: Option<&str>,
    ) -> Result<Self, InvalidAllowance> {
        let refuse = |rule: &str| InvalidAllowance(format!("http grant `{url}`: {rule}"));
        let base = Target::parse(url).map_err(|rule| refuse(&format!("the URL {rule}")))?;
        if base.url().query().is_some() || url.contains('#') {
            return Err(refuse("the URL must have no query and no fragment, it covers all of them"));
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

    /// The URL at and below which requests may go.
    pub fn url(&self) -> &str {
        self.base.url().as_str()
    }

    /// The methods.
    pub fn methods(&self) -> &[Method] {
        &self.methods
    }

    /// The secret that requests may carry.
    pub fn secret(&self) -> Option<&str> {
        self.secret.as_deref()
    }

    fn covers(&self, method: Method, target: &Target) -> bool {
        self.methods.contains(&method) && target.is_below(&self.base)
    }
}

impl Egress {
    /// Whether a grant covers the URL and method.
    pub(super) fn covers(&self, method: Method, target: &Target) -> bool {
        self.allowances.iter().any(|allowance| allowance.covers(method, target))
    }

    /// Whether a grant covers the URL, the method and the secret: the same grant, so that two of them never add up.
    pub(super) fn covers_with(&self, method: Method, target: &Target, secret: &str) -> bool {
        self.allowances
            .iter()
            .any(|allowance| allowance.secret() == Some(secret) && allowance.covers(method, target))
    }
}

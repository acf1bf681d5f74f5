//! Allowances: the requests that a grant of `http` covers.
//!
//! An allowance names one exact host. A grant for all names under a domain would be a grant for everyone who can
//! register a name there.

use super::Method;
use super::target::Target;
use crate::address::AddressPolicy;
use crate::text::quoted;
use serde::de::Error as _;
use serde::{Deserialize, Deserializer};
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

impl InvalidAllowance {
    fn of(url: &str, rule: &str) -> Self {
        Self(format!("http grant `{url}`: {rule}"))
    }
}

/// Parses the URL of a grant, whatever else the grant says.
fn base(url: &str) -> Result<Target, InvalidAllowance> {
    let refuse = |rule: &str| InvalidAllowance::of(url, &format!("the URL {rule}"));
    let base = Target::parse(url).map_err(|rule| refuse(&rule))?;
    if base.url().query().is_some() || url.contains('#') {
        return Err(refuse("must have no query and no fragment; a grant covers all of them"));
    }
    match base.pattern() {
        None => Ok(base),
        Some(rule) => Err(refuse(&rule)),
    }
}

/// Reads the URL of a grant from a manifest or policy, and refuses one that no request could match.
pub(crate) fn grant_url<'de, D: Deserializer<'de>>(source: D) -> Result<String, D::Error> {
    let url = String::deserialize(source)?;
    base(&url).map_err(D::Error::custom)?;
    Ok(url)
}

impl Allowance {
    /// Parses a grant. `url` covers its own scheme, host and port, and every path at or below its own path, where paths
    /// are compared segment by segment. Without `methods` the grant covers `GET` and `HEAD`.
    pub fn parse<S: AsRef<str>>(
        url: &str,
        methods: Option<&[S]>,
        secret: Option<&str>,
    ) -> Result<Self, InvalidAllowance> {
        let refuse = |rule: &str| InvalidAllowance::of(url, rule);
        let base = base(url)?;
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

    /// Why no grant covers a request, with what to add to the manifest. The guest chose the URL; its path and its query, which may
    /// hold a secret, are left out.
    pub(super) fn uncovered(&self, method: Method, target: &Target) -> String {
        let (verb, origin) = (method.as_str(), target.url().origin().ascii_serialization());
        if let Some(other) = self.allowances.iter().find(|allowance| target.is_below(&allowance.base)) {
            let url = other.url();
            let methods = other.methods.iter().copied().chain([method]);
            let methods: Vec<String> = methods.map(|method| format!("{:?}", method.as_str())).collect();
            return format!(
                "the grant of {url} does not cover {verb}: write `methods = [{}]` there in [grants] of palisade.toml",
                methods.join(", ")
            );
        }
        let paths = match self.allowances.iter().find(|allowance| target.has_origin_of(&allowance.base)) {
            Some(other) => format!(" outside of {}", other.url()),
            None => String::new(),
        };
        let methods = match method {
            Method::Get | Method::Head => String::new(),
            other => format!(", methods = [{:?}]", other.as_str()),
        };
        format!(
            "no grant covers {verb} {origin}{paths}: add `{{ url = \"{origin}/\"{methods} }}` to `http` in [grants] of palisade.toml, \
             and see that the operator's policy allows it"
        )
    }

    /// Why no grant covers a request with a secret, although one covers it without.
    pub(super) fn uncovered_secret(&self, method: Method, target: &Target, secret: &str) -> String {
        let secret = quoted(secret);
        let covering = self.allowances.iter().find(|allowance| allowance.covers(method, target));
        let url = covering.map_or("the URL", Allowance::url);
        format!(
            "no grant covers the secret {secret} with {} {url}: write `secret = {secret}` there in [grants] of palisade.toml",
            method.as_str()
        )
    }

    /// Whether a single grant covers the method, the URL and the secret. Two grants never add up to one.
    pub(super) fn covers_with(&self, method: Method, target: &Target, secret: &str) -> bool {
        self.allowances
            .iter()
            .any(|allowance| allowance.secret() == Some(secret) && allowance.covers(method, target))
    }
}

//! The routes of a plugin, as loading makes them from its grants: nothing is parsed or named per request.
//!
//! Which route a request gets is the guard's to say ([`palisade_guard::routes`]). Tests: `tests/routes.rs`.

use super::Profile;
use palisade_guard::grant::RouteGrant;
use palisade_guard::kind::Kind;
use palisade_guard::routes::{Method, RoutePath, SeenHeader};
use std::collections::BTreeSet;
use std::sync::Arc;

/// One route.
pub(crate) struct Route {
    pub(crate) path: RoutePath,
    /// The headers that its handler sees beside those that every one sees.
    pub(crate) headers: BTreeSet<SeenHeader>,
    /// The methods that a request may have, as the header `allow` lists them.
    pub(crate) allow: String,
    handlers: Vec<Arc<Handler>>,
}

/// One method of a route. Each fails, is quarantined and is measured by itself.
pub(crate) struct Handler {
    /// Such as `POST /stripe`: what the log and the breaker call it.
    pub(crate) name: Arc<str>,
    pub(crate) method: Method,
    pub(crate) kind: Kind,
    pub(crate) profile: Profile,
}

impl Route {
    pub(super) fn of(grant: &RouteGrant) -> Self {
        let RouteGrant { path, methods, headers } = grant;
        let handlers = methods.iter().map(|(method, kind)| {
            let name = format!("{method} {}", path.as_str()).into();
            Arc::new(Handler { name, method: *method, kind: *kind, profile: Profile::default() })
        });
        let names = methods.keys().map(|method| match method {
            Method::Get => "GET, HEAD",
            other => other.as_str(),
        });
        let allow = names.chain(["OPTIONS"]).collect::<Vec<_>>().join(", ");
        Self { path: path.clone(), headers: headers.clone(), allow, handlers: handlers.collect() }
    }

    /// The handler of a method, if the route has it.
    pub(crate) fn handler(&self, method: Method) -> Option<&Arc<Handler>> {
        self.handlers.iter().find(|handler| handler.method == method)
    }
}

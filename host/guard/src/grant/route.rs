//! How manifests and policies write the routes of a plugin: `{ path = "/stripe", methods = { POST = "mutation" } }`.
//!
//! What the words mean, and which request a route gets, is in [`crate::routes`].

use crate::kind::Kind;
use crate::limits::{ROUTE_HEADERS_MAX, ROUTES_MAX};
use crate::routes::{Method, RoutePath, SeenHeader};
use serde::de::Error;
use serde::{Deserialize, Deserializer, Serialize};
use std::collections::{BTreeMap, BTreeSet};

#[cfg(test)]
use crate::tests::reference;

/// One route: the requests that a plugin's handler gets, with the kind of each method.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct RouteGrant {
    /// A path below `/hooks/PLUGIN`. The route gets requests for it and for every path below it, unless another route's
    /// path is longer. Capital letters differ from small ones.
    #[cfg_attr(test, schemars(schema_with = "reference::route_path"))]
    pub path: RoutePath,
    /// The methods that the route has, each with the kind of the invocation. GET, which HEAD goes with, is a query.
    #[serde(deserialize_with = "methods")]
    #[cfg_attr(test, schemars(schema_with = "reference::route_methods"))]
    pub methods: BTreeMap<Method, Kind>,
    /// Headers that the handler sees beside those that it always sees, such as one with a signature, in lower case.
    /// `authorization` and `cookie` are for the host alone.
    #[serde(default, deserialize_with = "headers", skip_serializing_if = "BTreeSet::is_empty")]
    #[cfg_attr(test, schemars(schema_with = "reference::route_headers"))]
    pub headers: BTreeSet<SeenHeader>,
}

impl RouteGrant {
    /// The part of a route that an allowed one of the same path contains: methods of at most its kinds, and its headers.
    fn within(&self, allowed: &Self) -> Option<Self> {
        let is_allowed =
            |method: &Method, kind: &Kind| allowed.methods.get(method).is_some_and(|most| kind <= most);
        let methods = self.methods.iter().filter(|(method, kind)| is_allowed(method, kind));
        let methods: BTreeMap<Method, Kind> = methods.map(|(method, kind)| (*method, *kind)).collect();
        let headers = self.headers.intersection(&allowed.headers).cloned().collect();
        (!methods.is_empty()).then(|| Self { path: self.path.clone(), methods, headers })
    }
}

/// The part of the requested routes that a policy allows.
pub(super) fn within(requested: &[RouteGrant], allowed: &[RouteGrant]) -> Vec<RouteGrant> {
    let both = requested.iter().filter_map(|route| {
        let same = allowed.iter().find(|allowed| allowed.path == route.path)?;
        route.within(same)
    });
    both.collect()
}

/// Parses routes, each with a path of its own.
pub(super) fn routes<'de, D: Deserializer<'de>>(source: D) -> Result<Vec<RouteGrant>, D::Error> {
    let routes = Vec::<RouteGrant>::deserialize(source)?;
    if routes.len() > ROUTES_MAX {
        return Err(D::Error::custom(format!("a plugin has at most {ROUTES_MAX} routes")));
    }
    let mut paths = BTreeSet::new();
    match routes.iter().find(|route| !paths.insert(&route.path)) {
        None => Ok(routes),
        Some(twice) => Err(D::Error::custom(format!(
            "two routes have the path {:?}: write their methods into one",
            twice.path.as_str()
        ))),
    }
}

fn methods<'de, D: Deserializer<'de>>(source: D) -> Result<BTreeMap<Method, Kind>, D::Error> {
    let methods = BTreeMap::<Method, Kind>::deserialize(source)?;
    if methods.is_empty() {
        return Err(D::Error::custom("a route has at least one method, such as `POST = \"mutation\"`"));
    }
    // A web page of any origin can make a browser send a GET.
    match methods.get(&Method::Get) {
        None | Some(Kind::Query) => Ok(methods),
        Some(kind) => Err(D::Error::custom(format!(
            "GET is a query, because it must change nothing: use POST for {} {kind}",
            kind.article()
        ))),
    }
}

fn headers<'de, D: Deserializer<'de>>(source: D) -> Result<BTreeSet<SeenHeader>, D::Error> {
    let headers = BTreeSet::<SeenHeader>::deserialize(source)?;
    if headers.len() > ROUTE_HEADERS_MAX {
        return Err(D::Error::custom(format!("a route names at most {ROUTE_HEADERS_MAX} headers")));
    }
    Ok(headers)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::grant::{Grants, Policy};

    fn parse(routes: &str) -> Result<Grants, String> {
        toml::from_str::<Grants>(&format!("routes = [{routes}]")).map_err(|error| error.message().to_owned())
    }

    #[test]
    fn malformed_routes_are_rejected_with_a_sentence() {
        let many = |count: usize| {
            let route = |n| format!("{{ path = \"/r{n}\", methods = {{ GET = \"query\" }} }}");
            (0..count).map(route).collect::<Vec<_>>().join(", ")
        };
        let named = |count: usize| {
            let names: Vec<String> = (0..count).map(|n| format!("\"x-{n}\"")).collect();
            format!("{{ path = \"/a\", methods = {{ GET = \"query\" }}, headers = [{}] }}", names.join(", "))
        };
        for (routes, expected) in [
            ("{ path = \"/a\" }", "missing field `methods`"),
            ("{ path = \"/a\", methods = {} }", "at least one method"),
            ("{ path = \"/a\", methods = { GET = \"mutation\" } }", "GET is a query"),
            ("{ path = \"/a\", methods = { GET = \"action\" } }", "use POST for an action"),
            ("{ path = \"/a\", methods = { HEAD = \"query\" } }", "unknown variant `HEAD`"),
            ("{ path = \"/a\", methods = { post = \"query\" } }", "unknown variant `post`"),
            ("{ path = \"/a\", methods = { POST = \"write\" } }", "unknown variant `write`"),
            ("{ path = \"/a\", methods = [\"POST\"] }", "expected a map"),
            ("{ path = \"a\", methods = { GET = \"query\" } }", "begins with `/`"),
            (
                "{ path = \"/a\", methods = { GET = \"query\" }, headers = [\"cookie\"] }",
                "for the host alone",
            ),
            ("{ path = \"/a\", methods = { GET = \"query\" }, header = [] }", "unknown field `header`"),
            (
                "{ path = \"/a\", methods = { GET = \"query\" } }, { path = \"/a\", methods = { POST = \"query\" } }",
                "two routes have the path \"/a\"",
            ),
            (&many(ROUTES_MAX + 1), "at most 32 routes"),
            (&named(ROUTE_HEADERS_MAX + 1), "at most 16 headers"),
        ] {
            let refusal = parse(routes).unwrap_err();
            assert!(refusal.contains(expected), "{routes}: {refusal}");
        }
        assert!(parse(&many(ROUTES_MAX)).is_ok() && parse(&named(ROUTE_HEADERS_MAX)).is_ok());
    }

    #[test]
    fn policy_narrows_the_methods_kinds_and_headers_of_a_route() {
        let requested = parse(
            "{ path = \"/a\", methods = { GET = \"query\", POST = \"mutation\", PUT = \"action\" }, headers = [\"x-a\", \"x-b\"] }, \
             { path = \"/b\", methods = { POST = \"action\" } }",
        )
        .unwrap();
        for (allowed, granted) in [
            (
                "{ path = \"/a\", methods = { POST = \"action\", PUT = \"mutation\", DELETE = \"action\" }, headers = [\"x-b\", \"x-c\"] }",
                "{ path = \"/a\", methods = { POST = \"mutation\" }, headers = [\"x-b\"] }",
            ),
            ("{ path = \"/a/b\", methods = { POST = \"action\" } }", ""),
            ("{ path = \"/b\", methods = { POST = \"query\" } }", ""),
            (
                "{ path = \"/b\", methods = { POST = \"action\" } }",
                "{ path = \"/b\", methods = { POST = \"action\" } }",
            ),
        ] {
            assert_eq!(
                Policy::only(parse(allowed).unwrap()).grant(&requested),
                parse(granted).unwrap(),
                "{allowed}"
            );
        }
        assert_eq!(Policy::harmless().grant(&requested), Grants::default());
        assert_eq!(Policy::as_asked().grant(&requested), requested);
        let again: Grants = serde_json::from_value(serde_json::to_value(&requested).unwrap()).unwrap();
        assert_eq!(again, requested);
    }
}

//! Who or what brings an invocation about, as the [breaker](crate::supervision) counts failures.

use crate::supervision::Cause;
use palisade_guard::limits::CAUSE_BYTES_MAX;
use palisade_guard::routes::InboundRequest;
use std::fmt::{self, Write as _};
use std::hash::{BuildHasher, BuildHasherDefault, DefaultHasher, Hash, Hasher};
use std::sync::Arc;
use wasmtime::component::Val;

/// Who or what brings an invocation about.
pub(crate) enum Origin {
    /// A user, or the author of an item.
    Known(Cause),
    /// A caller without a name, who is known only by the arguments.
    Arguments(Arc<[Val]>),
    /// A sender without a name, who is known only by the request.
    Request(Arc<InboundRequest>),
}

impl Origin {
    pub(super) fn of(origin: &impl Hash) -> Self {
        Self::Known(Cause(BuildHasherDefault::<DefaultHasher>::default().hash_one(origin)))
    }

    /// The cause to count. Arguments and bodies are read only now, up to [`CAUSE_BYTES_MAX`] bytes of them.
    pub(crate) fn cause(&self) -> Cause {
        match self {
            Self::Known(cause) => *cause,
            Self::Arguments(arguments) => {
                let mut digest = Digest { hasher: DefaultHasher::new(), left: CAUSE_BYTES_MAX };
                // It ends with an error where the text is cut.
                let _cut = write!(digest, "{arguments:?}");
                Cause(digest.hasher.finish())
            }
            Self::Request(request) => {
                let InboundRequest { method, path, query, body, .. } = &**request;
                let mut hasher = DefaultHasher::new();
                let body = body.get(..CAUSE_BYTES_MAX).unwrap_or(body);
                (method, path.as_str(), query, body).hash(&mut hasher);
                Cause(hasher.finish())
            }
        }
    }
}

/// Hashes the beginning of a text.
struct Digest {
    hasher: DefaultHasher,
    left: usize,
}

impl fmt::Write for Digest {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        let (bytes, left) = (text.as_bytes(), self.left);
        self.hasher.write(bytes.get(..left).unwrap_or(bytes));
        self.left = left.checked_sub(bytes.len()).ok_or(fmt::Error)?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use palisade_guard::routes::{Method, RequestPath};

    fn cause(text: &str) -> Cause {
        Origin::Arguments(Arc::from([Val::U8(1), Val::String(text.into())])).cause()
    }

    #[test]
    fn equal_arguments_are_one_cause_and_others_are_another() {
        assert_eq!(cause("a"), cause("a"));
        assert_ne!(cause("a"), cause("b"));
        assert_ne!(Origin::of(&"a").cause(), Origin::of(&"b").cause());
    }

    #[test]
    fn equal_requests_are_one_cause_whatever_their_headers_and_others_are_another() {
        let cause = |path: &str, query: Option<&str>, header: &str, body: String| {
            let request = InboundRequest {
                method: Method::Post,
                path: RequestPath::parse(path).unwrap(),
                query: query.map(str::to_owned),
                headers: vec![("x-id".into(), header.into())],
                body: body.into(),
            };
            Origin::Request(Arc::new(request)).cause()
        };
        let first = cause("/a", None, "1", "x".into());
        assert_eq!(first, cause("/a", None, "2", "x".into()));
        for other in [
            cause("/b", None, "1", "x".into()),
            cause("/a", Some("q"), "1", "x".into()),
            cause("/a", None, "1", "y".into()),
        ] {
            assert_ne!(first, other);
        }
        let long = "x".repeat(CAUSE_BYTES_MAX);
        assert_eq!(cause("/a", None, "", long.clone()), cause("/a", None, "", format!("{long}y")));
    }

    #[test]
    fn arguments_count_up_to_their_bound() {
        let long = "x".repeat(CAUSE_BYTES_MAX);
        assert_eq!(cause(&long), cause(&format!("{long}y")));
        assert_ne!(cause(&long), cause(&format!("y{long}")));
    }
}

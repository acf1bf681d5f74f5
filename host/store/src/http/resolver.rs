//! Names to addresses, with every address checked before one is dialled.
//!
//! The connector dials what this resolver returns and asks nobody else, so there is no moment between check and dial in
//! which a name can change its mind. Hosts that are addresses already do not come here: the guard and the client check
//! those.

use async_trait::async_trait;
use palisade_guard::address::{AddressPolicy, PublicAddress};
use palisade_guard::limits::HTTP_LOOKUPS_MAX;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use std::io;
use std::net::{IpAddr, SocketAddr, ToSocketAddrs};
use std::sync::Arc;
use tokio::sync::Semaphore;

/// What looks names up.
#[async_trait]
pub trait Names: Send + Sync {
    /// Returns every address of a host.
    async fn lookup(&self, host: &str) -> io::Result<Vec<IpAddr>>;
}

/// The system's resolver.
#[derive(Clone, Debug)]
pub struct SystemNames {
    permits: Arc<Semaphore>,
}

impl Default for SystemNames {
    fn default() -> Self {
        Self { permits: Arc::new(Semaphore::new(HTTP_LOOKUPS_MAX)) }
    }
}

#[async_trait]
impl Names for SystemNames {
    async fn lookup(&self, host: &str) -> io::Result<Vec<IpAddr>> {
        let permit = Arc::clone(&self.permits).acquire_owned().await.map_err(io::Error::other)?;
        let host = host.to_owned();
        let lookup = move || {
            // A look-up that nobody waits for any more still holds its thread, and its permit as long.
            let _permit = permit;
            (host.as_str(), 0).to_socket_addrs().map(|found| found.map(|address| address.ip()).collect())
        };
        tokio::task::spawn_blocking(lookup).await.map_err(io::Error::other)?
    }
}

/// Answers with checked addresses or not at all.
pub(super) struct CheckedNames {
    pub(super) names: Arc<dyn Names>,
    pub(super) addresses: Arc<AddressPolicy>,
}

impl Resolve for CheckedNames {
    fn resolve(&self, name: Name) -> Resolving {
        let (names, addresses) = (Arc::clone(&self.names), Arc::clone(&self.addresses));
        Box::pin(async move {
            let found = names.lookup(name.as_str()).await?;
            if found.is_empty() {
                return Err(io::Error::new(io::ErrorKind::NotFound, "the name has no address").into());
            }
            // One private address among public ones is a name that plays games: all are refused.
            let checked = found
                .into_iter()
                .map(|ip| PublicAddress::parse(ip, &addresses))
                .collect::<Result<Vec<_>, _>>()?;
            // The connector puts the URL's port in place of 0.
            let dialled: Addrs = Box::new(checked.into_iter().map(|public| SocketAddr::new(public.ip(), 0)));
            Ok(dialled)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures_util::FutureExt;

    #[tokio::test]
    async fn lookup_over_the_limit_waits_until_another_one_ends() {
        let names = SystemNames::default();
        let most = u32::try_from(HTTP_LOOKUPS_MAX).unwrap();
        let others = Arc::clone(&names.permits).acquire_many_owned(most).await.unwrap();
        let mut lookup = names.lookup("localhost");
        assert!((&mut lookup).now_or_never().is_none());
        assert_eq!(names.permits.available_permits(), 0);
        drop(others);
        assert!(!lookup.await.unwrap().is_empty());
        assert_eq!(names.permits.available_permits(), HTTP_LOOKUPS_MAX);
    }
}

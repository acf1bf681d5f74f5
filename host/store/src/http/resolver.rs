//! Resolves names to addresses, and checks every address before one is dialled.
//!
//! The connector dials only what this resolver returns, so a name cannot change its address between the check and the
//! dial. A host that is already an address does not come here; the guard and the client check it.

use async_trait::async_trait;
use palisade_guard::address::{AddressPolicy, PublicAddress};
use palisade_guard::limits::HTTP_LOOKUPS_MAX;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use std::io;
use std::net::{IpAddr, SocketAddr, ToSocketAddrs};
use std::sync::Arc;
use tokio::sync::Semaphore;

/// Looks up the addresses of names.
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
            // An abandoned look-up still occupies its thread, so it keeps its permit until it ends.
            let _permit = permit;
            (host.as_str(), 0).to_socket_addrs().map(|found| found.map(|address| address.ip()).collect())
        };
        tokio::task::spawn_blocking(lookup).await.map_err(io::Error::other)?
    }
}

/// Returns checked addresses or an error.
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
            // A private address among public ones is suspicious, so one such address refuses the whole name.
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

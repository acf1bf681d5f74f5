//! The socket to the server. It is dialled here and not by the driver, so that the bytes that arrive on it can be
//! counted.
//!
//! A value of one gigabyte is one message, and the driver buffers a whole message before it returns it. So each
//! connection has an allowance: the bytes that the server may still send. The session sets the allowance before each
//! statement, and a connection that exceeds it is cut off in the middle of the message. The ledger, and not the
//! allowance, counts what is spent from a budget.

use palisade_guard::limits::{DIAL_MS, DIAL_RETRY_MAX_MS, DIAL_RETRY_MS, TCP_USER_TIMEOUT_MS};
use std::io;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll, ready};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpStream, UnixStream};
use tokio_postgres::Config;
use tokio_postgres::config::Host;
use tokio_util::either::Either;

/// A connected socket.
pub(super) type Socket = Either<TcpStream, UnixStream>;

/// The port of a server whose URL names none.
const DEFAULT_PORT: u16 = 5432; // wire: PostgreSQL's own

/// One address at which a server may listen.
#[derive(Clone, Debug)]
pub(super) enum Target {
    /// A name or address, and a port.
    Tcp(String, u16),
    /// A socket's path.
    Unix(PathBuf),
}

/// How many bytes the server may still send.
#[derive(Clone, Debug)]
pub(super) struct Allowance(Arc<AtomicU64>);

/// A socket that is cut off when it has received more than its allowance.
pub(super) struct Counted<S> {
    socket: S,
    allowance: Allowance,
}

/// The addresses that a configuration names, in its order.
pub(super) fn targets(config: &Config) -> Vec<Target> {
    let (hosts, addresses, ports) = (config.get_hosts(), config.get_hostaddrs(), config.get_ports());
    let port = |index: usize| ports.get(index).or(ports.first()).copied().unwrap_or(DEFAULT_PORT);
    let target = |index: usize| match (addresses.get(index), hosts.get(index)) {
        (Some(address), _) => Target::Tcp(IpAddr::to_string(address), port(index)),
        (None, Some(Host::Unix(folder))) => Target::Unix(folder.join(format!(".s.PGSQL.{}", port(index)))),
        (None, Some(Host::Tcp(name))) => Target::Tcp(name.clone(), port(index)),
        (None, None) => Target::Tcp("localhost".into(), port(index)),
    };
    (0..hosts.len().max(addresses.len()).max(1)).map(target).collect()
}

impl Target {
    /// Connects within the time that the configuration gives, or within 5 s.
    pub(super) async fn dial(&self, config: &Config) -> io::Result<Socket> {
        let wait = config.get_connect_timeout().copied().unwrap_or(Duration::from_millis(DIAL_MS));
        tokio::time::timeout(wait, self.open(config))
            .await
            .map_err(|_| io::Error::from(io::ErrorKind::TimedOut))?
    }

    async fn open(&self, config: &Config) -> io::Result<Socket> {
        match self {
            Self::Unix(path) => dial_unix(path).await.map(Either::Right),
            Self::Tcp(name, port) => {
                let stream = TcpStream::connect((name.as_str(), *port)).await?;
                stream.set_nodelay(true)?;
                let socket = socket2::SockRef::from(&stream);
                // Detects a server that vanished silently sooner than the kernel would.
                let timeout = Duration::from_millis(TCP_USER_TIMEOUT_MS);
                socket
                    .set_tcp_user_timeout(Some(config.get_tcp_user_timeout().copied().unwrap_or(timeout)))?;
                if config.get_keepalives() {
                    let keepalive = socket2::TcpKeepalive::new().with_time(config.get_keepalives_idle());
                    socket.set_tcp_keepalive(&keepalive)?;
                }
                Ok(Either::Left(stream))
            }
        }
    }
}

/// Connects to a Unix socket. If the server's queue is full, which Linux says at once, it waits and tries again until the
/// caller gives up; a TCP socket waits by itself.
async fn dial_unix(path: &Path) -> io::Result<UnixStream> {
    let mut wait = Duration::from_millis(DIAL_RETRY_MS);
    loop {
        match UnixStream::connect(path).await {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => tokio::time::sleep(wait).await,
            other => return other,
        }
        wait = wait.saturating_mul(2).min(Duration::from_millis(DIAL_RETRY_MAX_MS));
    }
}

impl Allowance {
    pub(super) fn unlimited() -> Self {
        Self(Arc::new(AtomicU64::new(u64::MAX)))
    }

    /// Sets what may arrive from now on, in bytes.
    pub(super) fn set(&self, bytes: u64) {
        self.0.store(bytes, Ordering::Relaxed);
    }

    /// Lets at least this much arrive from now on, in bytes, unless the connection is cut off already.
    pub(super) fn raise(&self, bytes: u64) {
        let raised = |left: u64| (left > 0).then_some(left.max(bytes));
        let _raised = self.0.fetch_update(Ordering::Relaxed, Ordering::Relaxed, raised);
    }

    /// Whether more has arrived than was allowed.
    pub(super) fn is_overdrawn(&self) -> bool {
        self.0.load(Ordering::Relaxed) == 0
    }

    fn take(&self, bytes: u64) -> io::Result<()> {
        let left = |left: u64| Some(left.saturating_sub(bytes));
        let before = self.0.fetch_update(Ordering::Relaxed, Ordering::Relaxed, left).unwrap_or_default();
        if before > bytes { Ok(()) } else { Err(io::Error::other("the server sent more than was allowed")) }
    }
}

impl<S> Counted<S> {
    pub(super) fn new(socket: S, allowance: Allowance) -> Self {
        Self { socket, allowance }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Counted<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buf.filled().len();
        ready!(Pin::new(&mut self.socket).poll_read(cx, buf))?;
        let arrived = buf.filled().len().saturating_sub(before) as u64;
        // A failed read must not leave bytes in the buffer.
        let taken = self.allowance.take(arrived).inspect_err(|_| buf.set_filled(before));
        Poll::Ready(taken)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Counted<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.socket).poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.socket).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.socket).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    async fn received(bytes: usize, allowed: u64) -> (io::Result<usize>, bool) {
        let (near, mut far) = tokio::io::duplex(1024);
        let allowance = Allowance::unlimited();
        allowance.set(allowed);
        let mut counted = Counted::new(near, allowance.clone());
        let send = tokio::spawn(async move { far.write_all(&vec![7; bytes]).await.map(|()| drop(far)) });
        let mut buffer = Vec::new();
        let result = counted.read_to_end(&mut buffer).await;
        drop(counted);
        let _sent = send.await.unwrap();
        (result, allowance.is_overdrawn())
    }

    #[tokio::test]
    async fn socket_over_its_allowance_is_cut_off_and_one_within_it_is_not() {
        let (result, overdrawn) = received(5_000, 4_999).await;
        assert!(result.is_err() && overdrawn);
        let (result, overdrawn) = received(5_000, 5_001).await;
        assert_eq!(result.unwrap(), 5_000);
        assert!(!overdrawn);
    }

    #[test]
    fn targets_are_those_of_the_url_with_their_ports() {
        let of = |url: &str| format!("{:?}", targets(&url.parse().unwrap()));
        assert_eq!(of("postgres://a:1,b:2/d"), r#"[Tcp("a", 1), Tcp("b", 2)]"#);
        assert_eq!(of("host=a,b port=7"), r#"[Tcp("a", 7), Tcp("b", 7)]"#);
        assert_eq!(of("host=a hostaddr=127.0.0.1"), r#"[Tcp("127.0.0.1", 5432)]"#);
        assert_eq!(of("host=/run/x port=7"), r#"[Unix("/run/x/.s.PGSQL.7")]"#);
    }
}

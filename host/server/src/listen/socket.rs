//! The socket under a connection: it gives up on callers who do not take their answers, and sees when a caller leaves.
//!
//! The rule: while the socket is too full to write to, a caller takes [`WRITE_WINDOW_BYTES_MIN`] bytes in each window of time.
//! Only the time that the server waits counts, so a caller who is asked for nothing is never too slow.
//! hyper looks for the end of a connection only while its own buffer is empty, and a caller can fill that with a second request.
//! So [`hung_up`] asks the kernel, whatever is still unread.

use super::seats::Seat;
use palisade_guard::limits::{BODY_DISCARD_BYTES_MAX, BODY_DISCARD_MS, WRITE_WINDOW_BYTES_MIN};
use socket2::SockRef;
use std::io::{self, IoSlice, Read};
use std::net::Shutdown;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::{Context, Poll, ready};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite, Interest, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::{Instant, Sleep, sleep};

/// Bytes of what a caller still sends after the answer that are thrown away at once.
const DISCARD_BYTES: usize = 16_384; // wire: four pages of memory

/// A socket that hyper reads and writes.
pub(super) struct Socket {
    stream: Arc<TcpStream>,
    seat: Arc<Seat>,
    progress: Progress,
    discard: Option<Discard>,
}

/// How fast the caller takes what is written.
struct Progress {
    window: Duration,
    /// Since when the socket has been too full to write to.
    blocked: Option<Instant>,
    /// How long it was so in this window before that.
    waited: Duration,
    /// Bytes written in this window.
    taken: u64,
    timer: Option<Pin<Box<Sleep>>>,
}

/// The end of a connection whose caller may still be sending.
struct Discard {
    until: Pin<Box<Sleep>>,
    left: usize,
}

/// Completes when the caller has closed the connection, or the sending half of it.
pub(super) async fn hung_up(stream: &TcpStream) {
    // Of all interests only this one becomes ready with the end of the connection and not with bytes to read. The socket is not
    // registered for urgent data, which is the other event that the interest is for.
    #[cfg(any(target_os = "linux", target_os = "android"))]
    let _ = stream.ready(Interest::PRIORITY).await;
    #[cfg(not(any(target_os = "linux", target_os = "android")))]
    let _ = stream.ready(Interest::ERROR).await;
}

impl Socket {
    pub(super) fn new(stream: Arc<TcpStream>, seat: Arc<Seat>, window: Duration) -> Self {
        let progress = Progress { window, blocked: None, waited: Duration::ZERO, taken: 0, timer: None };
        Self { stream, seat, progress, discard: None }
    }

    fn poll_write_with(
        &mut self,
        cx: &mut Context<'_>,
        write: impl Fn(&TcpStream) -> io::Result<usize>,
    ) -> Poll<io::Result<usize>> {
        loop {
            match write(&self.stream) {
                Ok(bytes) => {
                    self.progress.took(bytes);
                    return Poll::Ready(Ok(bytes));
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(error) => return Poll::Ready(Err(error)),
            }
            match self.stream.poll_write_ready(cx) {
                Poll::Ready(Ok(())) => {}
                Poll::Ready(Err(error)) => return Poll::Ready(Err(error)),
                Poll::Pending => {
                    ready!(self.progress.poll_too_slow(cx));
                    // The kernel forgets at once what it has not sent.
                    let _ = self.stream.set_zero_linger();
                    return Poll::Ready(Err(io::Error::new(
                        io::ErrorKind::TimedOut,
                        "the caller does not take the answer",
                    )));
                }
            }
        }
    }
}

impl Progress {
    fn took(&mut self, bytes: usize) {
        self.taken = self.taken.saturating_add(bytes as u64);
        if let Some(since) = self.blocked.take() {
            self.waited += since.elapsed();
        }
    }

    /// Waits, and completes when the caller has taken too little in a window.
    fn poll_too_slow(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let mut since = *self.blocked.get_or_insert_with(Instant::now);
        let timer = self.timer.get_or_insert_with(|| Box::pin(sleep(self.window)));
        loop {
            timer.as_mut().reset(since + self.window.saturating_sub(self.waited));
            ready!(timer.as_mut().poll(cx));
            if self.taken < WRITE_WINDOW_BYTES_MIN {
                return Poll::Ready(());
            }
            since = Instant::now();
            (self.blocked, self.waited, self.taken) = (Some(since), Duration::ZERO, 0);
        }
    }
}

impl AsyncRead for Socket {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        loop {
            match read(&this.stream, buffer) {
                Ok(()) => return Poll::Ready(Ok(())),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(error) => return Poll::Ready(Err(error)),
            }
            ready!(this.stream.poll_read_ready(cx))?;
        }
    }
}

/// Reads what is there. A socket that had less than there is room for is empty until the kernel says otherwise, so that nobody
/// has to ask it again to find that out.
fn read(stream: &TcpStream, buffer: &mut ReadBuf<'_>) -> io::Result<()> {
    let mut had = None;
    let room = buffer.initialize_unfilled();
    let read = stream.try_io(Interest::READABLE, || {
        let bytes = (&*SockRef::from(stream)).read(room)?;
        had = Some(bytes);
        // The kind of error with which tokio notes that the socket is empty.
        if (1..room.len()).contains(&bytes) { Err(io::ErrorKind::WouldBlock.into()) } else { Ok(()) }
    });
    match had {
        Some(bytes) => buffer.advance(bytes),
        None => read?,
    }
    Ok(())
}

impl AsyncWrite for Socket {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.get_mut().poll_write_with(cx, |stream| stream.try_write(bytes))
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.get_mut().poll_write_with(cx, |stream| stream.try_write_vectored(slices))
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    /// Closes the sending half. If the caller may still be sending a body that nobody reads, throws away what arrives for a
    /// while: a socket that is closed with bytes unread takes the answer back from the caller.
    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        if this.discard.is_none() {
            SockRef::from(&*this.stream).shutdown(Shutdown::Write)?;
            if !this.seat.is_unread.load(Ordering::Relaxed) {
                return Poll::Ready(Ok(()));
            }
        }
        let discard = this.discard.get_or_insert_with(|| Discard {
            until: Box::pin(sleep(Duration::from_millis(BODY_DISCARD_MS))),
            left: BODY_DISCARD_BYTES_MAX,
        });
        let mut thrown = [0; DISCARD_BYTES];
        while discard.left > 0 && discard.until.as_mut().poll(cx).is_pending() {
            match this.stream.try_read(&mut thrown) {
                Ok(0) => break,
                Ok(bytes) => discard.left = discard.left.saturating_sub(bytes),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    ready!(this.stream.poll_read_ready(cx))?;
                }
                Err(error) => return Poll::Ready(Err(error)),
            }
        }
        Poll::Ready(Ok(()))
    }
}

//! A server on the loopback that sends exactly what a test gives it, well-formed or not.

use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Notify;
use tokio::task::JoinHandle;

/// What a server does with a request.
pub(super) enum Answer {
    /// Writes this and closes.
    Reply(String),
    /// Writes this and waits until the client closes.
    Hold(String),
    /// Writes the first, then the second again and again until the client closes.
    Endless(&'static str, &'static str),
}

type Behaviour = dyn Fn(&str) -> Answer + Send + Sync;

pub(super) struct Server {
    pub(super) address: SocketAddr,
    /// Every request as text, in order. A connection without a request is an empty string.
    seen: Arc<Mutex<Vec<String>>>,
    closed: Arc<Notify>,
    accepting: JoinHandle<()>,
}

impl Server {
    pub(super) async fn start(behaviour: impl Fn(&str) -> Answer + Send + Sync + 'static) -> Self {
        Self::start_at((Ipv4Addr::LOCALHOST, 0).into(), behaviour).await
    }

    pub(super) async fn start_at(
        address: SocketAddr,
        behaviour: impl Fn(&str) -> Answer + Send + Sync + 'static,
    ) -> Self {
        let listener = TcpListener::bind(address).await.unwrap();
        let address = listener.local_addr().unwrap();
        let (seen, closed) = (Arc::new(Mutex::new(Vec::new())), Arc::new(Notify::new()));
        let behaviour: Arc<Behaviour> = Arc::new(behaviour);
        let (log, notify) = (Arc::clone(&seen), Arc::clone(&closed));
        let accepting = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let index = {
                    let mut log = log.lock().unwrap();
                    log.push(String::new());
                    log.len() - 1
                };
                let (log, notify, behaviour) =
                    (Arc::clone(&log), Arc::clone(&notify), Arc::clone(&behaviour));
                tokio::spawn(async move {
                    // The client may close at any moment; that is what some tests wait for.
                    let _ = serve(stream, &*behaviour, |text| log.lock().unwrap()[index] = text).await;
                    notify.notify_one();
                });
            }
        });
        Self { address, seen, closed, accepting }
    }

    pub(super) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    pub(super) fn seen(&self) -> Vec<String> {
        self.seen.lock().unwrap().clone()
    }

    /// Waits until a connection has ended.
    pub(super) async fn closed(&self) {
        self.closed.notified().await;
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

async fn serve(mut stream: TcpStream, behaviour: &Behaviour, log: impl FnOnce(String)) -> io::Result<()> {
    let request = read_request(&mut stream).await?;
    let answer = behaviour(&request);
    log(request);
    match answer {
        Answer::Reply(text) => {
            stream.write_all(text.as_bytes()).await?;
            stream.shutdown().await
        }
        Answer::Hold(text) => {
            stream.write_all(text.as_bytes()).await?;
            stream.read(&mut [0]).await.map(drop)
        }
        Answer::Endless(head, again) => {
            stream.write_all(head.as_bytes()).await?;
            loop {
                stream.write_all(again.as_bytes()).await?;
            }
        }
    }
}

async fn read_request(stream: &mut TcpStream) -> io::Result<String> {
    let mut text = String::new();
    let mut piece = [0; 4096];
    loop {
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
            if length.is_none_or(|length| body.len() >= length.parse().unwrap()) {
                return Ok(text);
            }
        }
        match stream.read(&mut piece).await? {
            0 => return Err(io::ErrorKind::UnexpectedEof.into()),
            // Bytes that are not text are a TLS handshake and no request.
            read => text.push_str(std::str::from_utf8(&piece[..read]).map_err(io::Error::other)?),
        }
    }
}

pub(super) fn ok(body: &str) -> Answer {
    Answer::Reply(format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{body}", body.len()))
}

pub(super) fn redirect(location: &str) -> Answer {
    Answer::Reply(format!("HTTP/1.1 302 Found\r\nlocation: {location}\r\ncontent-length: 0\r\n\r\n"))
}

/// A resolver that returns its answers in order and then repeats the last one.
pub(super) struct FakeNames {
    answers: Vec<Vec<IpAddr>>,
    lookups: Mutex<usize>,
}

impl FakeNames {
    pub(super) fn new(answers: &[&[&str]]) -> Arc<Self> {
        let parse = |ips: &&[&str]| ips.iter().map(|ip| ip.parse().unwrap()).collect();
        Arc::new(Self { answers: answers.iter().map(parse).collect(), lookups: Mutex::new(0) })
    }

    pub(super) fn lookups(&self) -> usize {
        *self.lookups.lock().unwrap()
    }
}

#[async_trait::async_trait]
impl super::Names for FakeNames {
    async fn lookup(&self, _: &str) -> io::Result<Vec<IpAddr>> {
        let mut lookups = self.lookups.lock().unwrap();
        *lookups += 1;
        let answer = self.answers.get(*lookups - 1).or(self.answers.last()).cloned();
        answer.ok_or_else(|| io::ErrorKind::NotFound.into())
    }
}

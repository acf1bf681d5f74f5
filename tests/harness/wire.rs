//! Connections to a server, byte by byte, for what no HTTP client sends.

use std::net::SocketAddr;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};

/// Longer than a server takes to answer or to close. A wait that reaches it is a hang.
const WAIT_MAX: Duration = Duration::from_mins(1);

/// A connection of which nothing is read unless the test does.
pub struct Wire(pub TcpStream);

impl Wire {
    /// Connects, with so small a buffer that the server soon notices when nobody reads.
    pub async fn to(address: SocketAddr) -> Self {
        Self::from(address, "127.0.0.1").await
    }

    /// Connects from an address of this machine.
    pub async fn from(address: SocketAddr, own: &str) -> Self {
        let socket = TcpSocket::new_v4().unwrap();
        socket.set_recv_buffer_size(4_096).unwrap();
        socket.bind(format!("{own}:0").parse().unwrap()).unwrap();
        Self(socket.connect(address).await.unwrap())
    }

    pub async fn send(&mut self, bytes: impl AsRef<[u8]>) {
        self.0.write_all(bytes.as_ref()).await.unwrap();
    }

    /// All that the server sends until it closes, also with a reset.
    pub async fn rest(&mut self) -> String {
        let mut all = Vec::new();
        let read = async {
            let mut some = vec![0; 65_536];
            while let Ok(bytes @ 1..) = self.0.read(&mut some).await {
                all.extend_from_slice(&some[..bytes]);
            }
        };
        tokio::time::timeout(WAIT_MAX, read).await.expect("the server closes the connection");
        String::from_utf8_lossy(&all).into_owned()
    }

    /// The head of the next answer.
    pub async fn head(&mut self) -> String {
        let mut head = Vec::new();
        let read = async {
            while !head.ends_with(b"\r\n\r\n") {
                match self.0.read_u8().await {
                    Ok(byte) => head.push(byte),
                    Err(_) => break,
                }
            }
        };
        tokio::time::timeout(WAIT_MAX, read).await.expect("the server answers");
        String::from_utf8_lossy(&head).into_owned()
    }
}

/// The status of an answer; 0 if there is none.
pub fn status(answer: &str) -> u16 {
    answer.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or_default()
}

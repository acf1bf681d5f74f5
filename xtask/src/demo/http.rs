//! Sends one HTTP request at a time to the demo's server on loopback. It speaks HTTP/1.0: the end of the connection ends the
//! answer, which is never chunked.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use anyhow::{Context, Result};

const CONNECT_MAX: Duration = Duration::from_secs(2);
const ANSWER_MAX: Duration = Duration::from_mins(1);

#[derive(Debug, PartialEq, Eq)]
pub struct Answer {
    pub status: u16,
    pub body: String,
}

impl Answer {
    pub fn is_ok(&self) -> bool {
        (200..300).contains(&self.status)
    }
}

/// Sends a request; a body is JSON.
pub fn send(to: SocketAddr, method: &str, path: &str, body: &str) -> Result<Answer> {
    let mut stream =
        TcpStream::connect_timeout(&to, CONNECT_MAX).with_context(|| format!("no server on {to}"))?;
    stream.set_read_timeout(Some(ANSWER_MAX))?;
    // One write: a server may answer and close the connection before a second one.
    let request = format!(
        "{method} {path} HTTP/1.0\r\nHost: {to}\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    );
    stream.write_all(request.as_bytes())?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).with_context(|| format!("{path}: the answer is incomplete"))?;
    parse(&String::from_utf8_lossy(&answer)).with_context(|| format!("{path}: the answer is not HTTP"))
}

fn parse(answer: &str) -> Option<Answer> {
    let (head, body) = answer.split_once("\r\n\r\n")?;
    let status = head.strip_prefix("HTTP/1.")?.split(' ').nth(1)?.parse().ok()?;
    Some(Answer { status, body: body.to_owned() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_that_is_not_http_is_rejected() {
        for text in ["", "hello", "HTTP/1.1 200 OK\r\n", "HTTP/1.1 many OK\r\n\r\n", "SSH-2.0\r\n\r\n"] {
            assert_eq!(parse(text), None, "{text}");
        }
    }

    #[test]
    fn status_and_body_are_parsed() {
        let answer =
            parse("HTTP/1.0 503 Service Unavailable\r\nserver: x\r\n\r\nlater\r\n\r\n").expect("an answer");
        assert_eq!(answer, Answer { status: 503, body: "later\r\n\r\n".to_owned() });
        assert!(!answer.is_ok());
    }
}

//! `cargo xtask demo`: builds and starts Palisade on a fresh clone, and sends it requests.
//!
//! `palisade serve` does the work: it starts its own database and imports the Markdown files before it is ready.

mod http;
mod server;

use std::fs;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener};
use std::path::PathBuf;

use anyhow::{Context, Result, bail};
use serde_json::Value;

use crate::guests::{self, Set};
use crate::{postgres, repo};
use server::Server;

const LISTEN: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 8080);
const ANY_PORT: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 0);
/// The documents to import as content.
const DOCUMENTS: [&str; 4] = ["README.md", "ARCHITECTURE.md", "CHANGELOG.md", "SECURITY.md"];
const REQUESTS: [Request; 3] = [
    Request {
        what: "Call a plugin",
        method: "POST",
        path: "/call/greeter/greeting/greet",
        body: r#"{"name":"Ada"}"#,
    },
    Request { what: "List content", method: "GET", path: "/items?type=post&limit=1", body: "" },
    Request {
        what: "Call a plugin that reads content",
        method: "POST",
        path: "/call/blog/posts/list",
        body: r#"{"limit":3}"#,
    },
];

struct Request {
    what: &'static str,
    method: &'static str,
    path: &'static str,
    body: &'static str,
}

/// Runs the demo. With `once` it sends the requests itself and stops the server.
pub fn run(once: bool, listen: Option<SocketAddr>) -> Result<()> {
    let wanted = listen.unwrap_or(if once { ANY_PORT } else { LISTEN });
    // Checked before the build, which takes minutes, and again after it.
    free(wanted)?;
    if std::env::var_os("DATABASE_URL").is_none() {
        postgres::ensure()?;
    }
    guests::build_host()?;
    guests::build(Set::Examples)?;
    let listen = free(wanted)?;
    let mut server = Server::start(listen, &content()?, once)?;
    let done = server
        .wait_until_ready()
        .and_then(|()| if once { drive(listen) } else { invite(listen, &mut server) });
    let stopped = server.stop();
    done.and(stopped)
}

/// Copies the documents to a folder of their own: `serve` imports a whole folder, and most files of the repository are not
/// content.
fn content() -> Result<PathBuf> {
    let folder = repo::target().join("demo/content");
    // It may be absent; any other error shows in the next line.
    let _ = fs::remove_dir_all(&folder);
    fs::create_dir_all(&folder)?;
    for name in DOCUMENTS {
        let document = repo::root().join(name);
        if document.exists() {
            fs::copy(&document, folder.join(name)).with_context(|| format!("cannot copy {name}"))?;
        }
    }
    Ok(folder)
}

/// Characters of a text that the demo prints: whole documents would hide the structure of the answer.
const TEXT_CHARS_MAX: usize = 60;

/// Prints the requests as curl commands, and waits for Ctrl-C.
fn invite(listen: SocketAddr, server: &mut Server) -> Result<()> {
    println!("\nPalisade serves on http://{listen}. In another terminal:\n");
    for request in &REQUESTS {
        println!("# {}\n{}\n", request.what, request.curl(listen));
    }
    println!("Ctrl-C stops it.");
    server.wait_for_signal()
}

/// Sends the requests and prints them with their answers.
fn drive(listen: SocketAddr) -> Result<()> {
    let mut failed = Vec::new();
    for request in &REQUESTS {
        println!("\n$ {}", request.curl(listen));
        let answer = http::send(listen, request.method, request.path, request.body)?;
        println!("HTTP {}\n{}", answer.status, pretty(&answer.body));
        if !answer.is_ok() {
            failed.push(format!("{} answered {}", request.path, answer.status));
        }
    }
    if !failed.is_empty() {
        bail!("{}; the server's log is {}", failed.join(", "), server::log().display());
    }
    Ok(())
}

impl Request {
    fn curl(&self, listen: SocketAddr) -> String {
        let Self { method, path, body, .. } = self;
        if body.is_empty() {
            return format!("curl -s 'http://{listen}{path}'");
        }
        format!("curl -s -X {method} 'http://{listen}{path}' -H 'content-type: application/json' -d '{body}'")
    }
}

/// JSON with indentation and with long texts cut. Other text is returned unchanged.
fn pretty(body: &str) -> String {
    let json =
        serde_json::from_str::<Value>(body).and_then(|value| serde_json::to_string_pretty(&brief(value)));
    json.unwrap_or_else(|_| body.to_owned())
}

fn brief(value: Value) -> Value {
    match value {
        Value::String(text) if text.chars().count() > TEXT_CHARS_MAX => {
            Value::String(text.chars().take(TEXT_CHARS_MAX).chain(['…']).collect())
        }
        Value::Array(values) => Value::Array(values.into_iter().map(brief).collect()),
        Value::Object(fields) => {
            Value::Object(fields.into_iter().map(|(key, value)| (key, brief(value))).collect())
        }
        other => other,
    }
}

/// Returns the address if no process listens on it; port 0 becomes a free port. If another process takes the port before
/// `serve` does, `serve` reports it.
fn free(listen: SocketAddr) -> Result<SocketAddr> {
    let listener = TcpListener::bind(listen).with_context(|| {
        format!("cannot listen on {listen}; stop the process that does, or pass --listen 127.0.0.1:PORT")
    })?;
    Ok(listener.local_addr()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn printed_curl_command_sends_the_same_request() {
        let [call, list, _] = &REQUESTS;
        assert_eq!(
            call.curl(LISTEN),
            "curl -s -X POST 'http://127.0.0.1:8080/call/greeter/greeting/greet' \
             -H 'content-type: application/json' -d '{\"name\":\"Ada\"}'"
        );
        assert_eq!(list.curl(LISTEN), "curl -s 'http://127.0.0.1:8080/items?type=post&limit=1'");
    }

    #[test]
    fn port_in_use_is_rejected_with_the_option_to_change_it() {
        let taken = TcpListener::bind(ANY_PORT).expect("a port");
        let error = free(taken.local_addr().expect("its address")).expect_err("an error");
        assert!(error.to_string().contains("--listen"), "{error}");
    }

    #[test]
    fn answer_that_is_not_json_is_printed_unchanged() {
        assert_eq!(pretty("<html>"), "<html>");
    }
}

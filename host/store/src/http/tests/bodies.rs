//! Response bodies: read in pieces, never more than requested, within the deadline.

use super::*;

fn size(max: u32) -> ReadSize {
    ReadSize::parse(max).unwrap()
}

#[tokio::test]
async fn body_is_read_in_pieces_of_at_most_the_requested_size_and_stays_at_its_end() {
    let server = Server::start(|_| {
        Answer::Reply(
            "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhello\r\n1\r\n!\r\n0\r\n\r\n".into(),
        )
    })
    .await;
    let mut body = Plugin::of(&server).get(&server.url("/")).await.unwrap().body;
    let mut pieces = Vec::new();
    while let Some(piece) = Some(body.read(size(2)).await.unwrap()).filter(|piece| !piece.is_empty()) {
        assert!(piece.len() <= 2);
        pieces.extend_from_slice(&piece);
    }
    assert_eq!(pieces, b"hello!");
    assert!(body.read(size(2)).await.unwrap().is_empty());
    assert!(body.read(size(65_536)).await.unwrap().is_empty());
}

#[tokio::test]
async fn body_arrives_as_sent_even_if_it_claims_to_be_compressed() {
    let server = Server::start(|request| {
        assert!(!request.contains("accept-encoding"));
        Answer::Reply("HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\ncontent-length: 3\r\n\r\nabc".into())
    })
    .await;
    let response = Plugin::of(&server).get(&server.url("/")).await.unwrap();
    assert_eq!(response.headers["content-encoding"], "gzip");
    assert_eq!(text(response).await, "abc");
}

#[tokio::test]
async fn body_that_never_ends_closes_its_connection_when_it_is_dropped() {
    let server = Server::start(|_| Answer::Endless("HTTP/1.1 200 OK\r\n\r\n", "0123456789abcdef")).await;
    let mut body = Plugin::of(&server).get(&server.url("/")).await.unwrap().body;
    for _ in 0..3 {
        assert!((1..=65_536).contains(&body.read(size(65_536)).await.unwrap().len()));
    }
    drop(body);
    server.closed().await;
}

#[tokio::test]
async fn body_that_is_cut_short_is_an_error_that_stays() {
    let server =
        Server::start(|_| Answer::Reply("HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nabc".into())).await;
    let mut body = Plugin::of(&server).get(&server.url("/")).await.unwrap().body;
    assert_eq!(body.read(size(9)).await.unwrap(), "abc");
    for _ in 0..2 {
        assert!(is_other(&body.read(size(9)).await));
    }
}

#[tokio::test]
async fn stalled_body_times_out_and_closes_its_connection() {
    let server =
        Server::start(|_| Answer::Hold("HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nabc".into())).await;
    let raw = RawRequest { timeout_ms: Some(500), ..get(&server.url("/")) };
    let mut body = Plugin::of(&server).fetch(raw).await.unwrap().body;
    assert_eq!(body.read(size(9)).await.unwrap(), "abc");
    for _ in 0..2 {
        assert_eq!(body.read(size(9)).await, Err(FetchError::Timeout));
    }
    server.closed().await;
}

#[tokio::test]
async fn server_that_does_not_answer_times_out() {
    let server = Server::start(|_| Answer::Hold(String::new())).await;
    let raw = RawRequest { timeout_ms: Some(50), ..get(&server.url("/")) };
    assert_eq!(Plugin::of(&server).fetch(raw).await.unwrap_err(), FetchError::Timeout);
}

#[tokio::test]
async fn invocation_that_ends_before_the_requests_own_timeout_ends_the_exchange() {
    let server = Server::start(|_| Answer::Hold(String::new())).await;
    let mut plugin = Plugin::of(&server);
    plugin.until = Instant::now() + Duration::from_millis(50);
    let raw = RawRequest { timeout_ms: Some(u32::MAX), ..get(&server.url("/")) };
    assert_eq!(plugin.fetch(raw).await.unwrap_err(), FetchError::Timeout);
}

#[tokio::test]
async fn redirects_share_one_timeout() {
    let server = Server::start(|request| {
        if request.starts_with("GET /slow") { Answer::Hold(String::new()) } else { server::redirect("/slow") }
    })
    .await;
    let raw = RawRequest { timeout_ms: Some(200), ..get(&server.url("/")) };
    assert_eq!(Plugin::of(&server).fetch(raw).await.unwrap_err(), FetchError::Timeout);
}

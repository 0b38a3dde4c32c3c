//! Connections: heads, order, limits and ends.

use super::*;

#[tokio::test]
async fn a_slow_head_is_closed() {
    let server = start(Limits { header_timeout: Duration::from_millis(100), ..limits() });
    let mut client = Client::connect(&server).await;
    client.send("GET /echo HTTP/1.1\r\nhost:").await;
    assert!(client.is_closed().await);
    let mut idle = Client::connect(&server).await;
    assert_eq!(idle.ask(get("/echo", "")).await.status, 200);
    assert!(idle.is_closed().await);
}

#[tokio::test]
async fn a_head_request_gets_the_length_alone() {
    let server = start(limits());
    let mut client = Client::connect(&server).await;
    for (path, length) in [("/echo?text=abc", echoed("abc").len()), ("/file", FILE_BYTES)] {
        client.send(get(path, "").replacen("GET", "HEAD", 1)).await;
        let head = client.head().await;
        assert!(head.contains(&format!("content-length: {length}\r\n")), "{head}");
    }
    assert_eq!(client.ask(get("/echo?text=next", "")).await.text(), echoed("next"));
}

#[tokio::test]
async fn pipelined_requests_are_answered_in_order() {
    let server = start(limits());
    let mut client = Client::connect(&server).await;
    let requests: String =
        (0..50).map(|number| post("/echo", FORM, &format!("text={number}")) + &get("/ignore", "")).collect();
    client.send(requests).await;
    for number in 0..50 {
        assert_eq!(client.answer().await.text(), echoed(&number.to_string()));
        assert_eq!(client.answer().await.status, 200);
    }
}

#[tokio::test]
async fn a_client_that_stops_sending_still_gets_its_answer() {
    let server = start(limits());
    let mut client = Client::connect(&server).await;
    client.send(get("/gate", "")).await;
    client.stream.shutdown().await.unwrap();
    server.gate.add_permits(1);
    assert_eq!(client.answer().await.status, 200);
    assert!(client.is_closed().await);
}

#[tokio::test]
async fn a_panic_answers_500_and_closes() {
    let server = start(limits());
    let mut client = Client::connect(&server).await;
    let answer = client.ask(get("/panic", "")).await;
    assert_eq!(answer.status, 500);
    assert_eq!(answer.text(), r#"{"status_code":100015,"status_msg":"internal error"}"#);
    assert!(client.is_closed().await);
    assert_eq!(Client::connect(&server).await.ask(get("/echo", "")).await.status, 200);
}

#[tokio::test]
async fn shutdown_finishes_what_is_under_way() {
    let server = start(limits());
    let mut idle = Client::connect(&server).await;
    assert_eq!(idle.ask(get("/echo", "")).await.status, 200);
    let mut busy = Client::connect(&server).await;
    // Both come in one packet, and the server reads on before it yields: the first answer proves the second is under way.
    busy.send(get("/echo?text=read", "") + &get("/gate", "")).await;
    assert_eq!(busy.answer().await.text(), echoed("read"));
    server.stop.send(()).unwrap();
    assert!(idle.is_closed().await);
    assert!(TcpStream::connect(server.address).await.is_err(), "still listening");
    server.gate.add_permits(1);
    assert_eq!(busy.answer().await.status, 200);
    assert!(busy.is_closed().await);
    server.running.await.unwrap();
}

#[tokio::test]
async fn shutdown_cuts_off_what_does_not_finish() {
    let server = start(Limits { shutdown_timeout: Duration::from_millis(100), ..limits() });
    let mut busy = Client::connect(&server).await;
    busy.send(get("/echo", "") + &get("/gate", "")).await;
    assert_eq!(busy.answer().await.status, 200);
    server.stop.send(()).unwrap();
    server.running.await.unwrap();
    assert!(busy.is_closed().await);
}

#[tokio::test]
async fn connections_over_the_limit_wait_their_turn() {
    let server = start(Limits { connections: Arc::new(Semaphore::new(1)), ..limits() });
    let mut first = Client::connect(&server).await;
    assert_eq!(first.ask(get("/echo", "")).await.status, 200);
    let mut second = Client::connect(&server).await;
    second.send(get("/echo?text=second", "")).await;
    assert_eq!(first.ask(get("/echo?text=first", "")).await.text(), echoed("first"));
    drop(first);
    assert_eq!(second.answer().await.text(), echoed("second"));
}

#[tokio::test]
async fn heads_are_bounded_but_hold_a_long_message() {
    let server = start(limits());
    let mut client = Client::connect(&server).await;
    let message = "%F0%9F%98%80".repeat(2048);
    assert_eq!(client.ask(get(&format!("/ignore?content={message}"), "")).await.status, 200);
    let refused = client.ask(get("/ignore", &format!("x-long: {}\r\n", "x".repeat(70_000)))).await;
    assert_eq!(refused.status, 431);
}

#[tokio::test]
async fn files_are_sent_whole_in_part_or_not_again() {
    let server = start(limits());
    let mut client = Client::connect(&server).await;
    let whole: Vec<u8> = (0..FILE_BYTES).map(file_byte).collect();
    for (headers, status, expect, content_range) in [
        ("", 200, &whole[..], ""),
        ("range: bytes=0-0\r\n", 206, &whole[..1], "bytes 0-0/1000000"),
        ("range: bytes=131071-400000\r\n", 206, &whole[131_071..=400_000], "bytes 131071-400000/1000000"),
        ("range: bytes=-5\r\n", 206, &whole[FILE_BYTES - 5..], "bytes 999995-999999/1000000"),
        ("range: bytes=1000000-\r\n", 416, b"", "bytes */1000000"),
        ("range: bytes=0-1,3-4\r\n", 200, &whole[..], ""),
        ("if-none-match: \"e\"\r\n", 304, b"", ""),
        ("range: bytes=0-0\r\nif-range: \"old\"\r\n", 200, &whole[..], ""),
    ] {
        let answer = client.ask(get("/file", headers)).await;
        assert_eq!(answer.status, status, "{headers}");
        assert!(answer.body == expect, "{headers}: {} bytes", answer.body.len());
        assert!(answer.head.contains("etag: \"e\"") && answer.head.contains("nosniff"), "{}", answer.head);
        let found = answer.head.split("content-range: ").nth(1).map_or("", |rest| rest.split("\r\n").next().unwrap());
        assert_eq!(found, content_range);
    }
}

#[tokio::test]
async fn two_listeners_share_one_port() {
    let first = bind("127.0.0.1:0".parse().unwrap(), true).unwrap();
    let address = first.local_addr().unwrap();
    let _second = bind(address, true).unwrap();
    assert!(bind(address, false).is_err());
    let unused = |_: Request| ready(answer::not_found()).boxed();
    let listener = tokio::net::TcpListener::from_std(first).unwrap();
    serve(listener, limits(), unused, ready(())).await;
}

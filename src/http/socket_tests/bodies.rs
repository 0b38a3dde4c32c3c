//! Request bodies of every kind, size and pace.

use super::*;

#[tokio::test]
async fn every_kind_of_body_is_read_on_one_connection() {
    let server = start(limits());
    let mut client = Client::connect(&server).await;
    let multipart = "--XX\r\nContent-Disposition: form-data; name=text\r\n\r\nmulti\r\n--XX--\r\n";
    for (content_type, body, expect) in [
        (FORM, "text=a+form", "a form"),
        (MULTIPART, multipart, "multi"),
        ("application/json", r#"{"text":7}"#, "7"),
        ("application/json; charset=utf-8", r#"{"text":"broken"#, ""),
        ("text/plain", "text=guessed", "guessed"),
        ("text/plain", "text=not guessed", ""),
        ("multipart/form-data", multipart, ""),
        (MULTIPART, &multipart[..multipart.len() - 8], ""),
        (FORM, "", ""),
    ] {
        let answer = client.ask(post("/echo", content_type, body)).await;
        assert_eq!((answer.status, answer.text()), (200, &*echoed(expect)), "{content_type} {body}");
    }
    let answer = client.ask(post("/echo?text=query", FORM, "text=body")).await;
    assert_eq!(answer.text(), echoed("query"));
    let answer = client.ask(post("/echo?text=", FORM, "text=body")).await;
    assert_eq!(answer.text(), echoed("body"));
}

#[tokio::test]
async fn a_get_with_a_body_keeps_its_connection() {
    let server = start(limits());
    let mut client = Client::connect(&server).await;
    for path in ["/echo", "/ignore"] {
        let request = post(path, FORM, "text=hidden").replacen("POST", "GET", 1);
        assert_eq!(client.ask(request).await.status, 200);
        assert_eq!(client.ask(get("/echo?text=next", "")).await.text(), echoed("next"));
    }
}

#[tokio::test]
async fn a_small_unread_body_may_arrive_after_its_answer() {
    let server = start(limits());
    let mut client = Client::connect(&server).await;
    let request = post("/ignore", FORM, &"x".repeat(1000));
    let (first, second) = request.split_at(request.len() - 500);
    assert_eq!(client.ask(first).await.status, 200);
    client.send(second).await;
    assert_eq!(client.ask(get("/echo?text=next", "")).await.text(), echoed("next"));
}

#[tokio::test]
async fn a_client_reads_its_refusal_while_it_still_sends() {
    let server = start(limits());
    let mut client = Client::connect(&server).await;
    client.send("POST /echo HTTP/1.1\r\nhost: h\r\ncontent-length: 2000000\r\n\r\n").await;
    let answer = client.answer().await;
    assert_eq!(answer.status, 413);
    assert!(answer.head.contains("connection: close"), "{}", answer.head);
    client.send(vec![0; 2_000_000]).await;
    client.stream.shutdown().await.unwrap();
    assert!(client.is_closed().await);
}

#[tokio::test]
async fn a_client_that_waits_for_continue_never_sends_too_much() {
    let server = start(limits());
    let head = |length: u64| {
        format!(
            "POST /echo HTTP/1.1\r\nhost: h\r\nexpect: 100-continue\r\ncontent-type: {FORM}\r\ncontent-length: {length}\r\n\r\n"
        )
    };
    let mut client = Client::connect(&server).await;
    assert_eq!(client.ask(head(BODY_BYTES_MAX + 1)).await.status, 413);
    client.stream.shutdown().await.unwrap();
    assert!(client.is_closed().await);

    let mut client = Client::connect(&server).await;
    client.send(head(6)).await;
    assert!(client.head().await.starts_with("http/1.1 100"));
    assert_eq!(client.ask("text=a").await.text(), echoed("a"));
}

#[tokio::test]
async fn a_chunked_body_over_the_limit_is_too_large() {
    let server = start(limits());
    let mut client = Client::connect(&server).await;
    client.send("POST /echo HTTP/1.1\r\nhost: h\r\ntransfer-encoding: chunked\r\n\r\n").await;
    for _ in 0..11 {
        client.send(format!("2710\r\n{}\r\n", "x".repeat(10_000))).await;
    }
    assert_eq!(client.answer().await.status, 413);
    client.send("0\r\n\r\n").await;
    assert_eq!(client.ask(get("/echo?text=next", "")).await.text(), echoed("next"));
}

#[tokio::test]
async fn broken_chunking_is_refused_and_closed() {
    let server = start(limits());
    let mut client = Client::connect(&server).await;
    let answer = client.ask("POST /echo HTTP/1.1\r\nhost: h\r\ntransfer-encoding: chunked\r\n\r\nnonsense\r\n").await;
    assert!(answer.text().contains("100001"), "{}", answer.text());
    client.stream.shutdown().await.unwrap();
    assert!(client.is_closed().await);
}

#[tokio::test]
async fn a_slow_body_is_refused_and_closed() {
    let server = start(Limits { body_timeout: Duration::from_millis(100), ..limits() });
    let mut client = Client::connect(&server).await;
    let answer = client.ask("POST /echo HTTP/1.1\r\nhost: h\r\ncontent-length: 10\r\n\r\ntext").await;
    assert!(answer.text().contains("body: sent too slowly"), "{}", answer.text());
    client.stream.shutdown().await.unwrap();
    assert!(client.is_closed().await);
}

#[tokio::test]
async fn an_upload_streams_and_a_dying_client_is_an_error() {
    let server = start(limits());
    let mut client = Client::connect(&server).await;
    let file = "f".repeat(3_000_000);
    let field = "--XX\r\nContent-Disposition: form-data; name=text\r\n\r\nt\r\n";
    let body =
        format!("--XX\r\nContent-Disposition: form-data; name=data; filename=a\r\n\r\n{file}\r\n{field}--XX--\r\n");
    let expect = r#"{"status_code":0,"status_msg":"success","text":"t","file_bytes":3000000}"#;
    for _ in 0..2 {
        assert_eq!(client.ask(post("/upload", MULTIPART, &body)).await.text(), expect);
    }
    let form = client.ask(post("/upload", FORM, "text=t")).await;
    assert!(form.text().contains(r#""text":"t","file_bytes":0"#), "{}", form.text());

    let mut dying = Client::connect(&server).await;
    let request = post("/upload", MULTIPART, &body);
    dying.send(&request[..request.len() / 2]).await;
    dying.stream.shutdown().await.unwrap();
    let answer = dying.answer().await;
    assert!(answer.text().contains("100001"), "{}", answer.text());
}

#[tokio::test]
async fn endless_part_heads_and_many_fields_are_bounded() {
    let server = start(limits());
    let mut client = Client::connect(&server).await;
    let endless = format!("--XX\r\nX-Header: {}", "x".repeat(90_000));
    let answer = client.ask(post("/upload", MULTIPART, &endless)).await;
    assert!(answer.text().contains("endless part head"), "{}", answer.text());

    let many: String = (0..10_000).map(|number| format!("k{number}=v&")).collect();
    assert_eq!(client.ask(post("/echo?text=first", FORM, &many)).await.text(), echoed("first"));
}

#[tokio::test]
async fn a_trickling_body_is_refused() {
    let server = start(Limits { body_timeout: Duration::from_millis(500), ..limits() });
    let mut client = Client::connect(&server).await;
    client.send("POST /echo HTTP/1.1\r\nhost: h\r\ncontent-length: 90000\r\n\r\n").await;
    let (mut reading, mut writing) = client.stream.into_split();
    let trickling = tokio::spawn(async move {
        while writing.write_all(b"x").await.is_ok() {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    });
    let mut answer = Vec::new();
    while !String::from_utf8_lossy(&answer).contains("body: sent too slowly") {
        let read = tokio::time::timeout(PATIENCE, reading.read_buf(&mut answer)).await;
        assert!(read.unwrap().unwrap() > 0, "closed without an answer");
    }
    trickling.abort();
}

//! The server over real sockets, spoken to in raw bytes.

mod bodies;
mod connections;

use std::future::ready;
use std::io::{Seek, Write};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use serde::Serialize;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::{Semaphore, oneshot};
use tokio::task::JoinHandle;

use super::*;
use crate::error::Result;

/// Fails a test that would hang; nothing depends on its length.
const PATIENCE: Duration = Duration::from_secs(60);
const BODY_BYTES_MAX: u64 = 100_000;

#[derive(Default, Serialize)]
struct Seen {
    text: String,
    file_bytes: u64,
}

impl FileSink for Seen {
    async fn begin(&mut self, _: &Params) -> Result<()> {
        Ok(())
    }

    async fn write(&mut self, chunk: Bytes) -> Result<()> {
        self.file_bytes += chunk.len() as u64;
        Ok(())
    }
}

/// Released by the test: a request under way at shutdown.
type Gate = Arc<Semaphore>;

fn handle(request: Request, gate: Gate) -> BoxFuture<'static, Response> {
    async move {
        match request.head.uri.path() {
            "/echo" => echo(request).await,
            "/upload" => upload(request).await,
            "/ignore" => answer::success(&answer::Empty {}),
            "/panic" => panic!("on purpose"),
            "/gate" => {
                gate.acquire().await.unwrap().forget();
                answer::success(&answer::Empty {})
            }
            "/file" => file(&request),
            _ => answer::not_found(),
        }
    }
    .boxed()
}

async fn echo(mut request: Request) -> Response {
    match Params::read(&mut request, BODY_BYTES_MAX).await {
        Ok(params) => {
            let text = params.text("text").unwrap().unwrap_or_default().to_owned();
            answer::success(&Seen { text, file_bytes: 0 })
        }
        Err(error) => answer::failure::<Seen>(&error),
    }
}

async fn upload(mut request: Request) -> Response {
    let mut seen = Seen::default();
    match read_upload(&mut request, 10 << 20, "data", &mut seen).await {
        Ok(params) => {
            seen.text = params.text("text").unwrap().unwrap_or_default().to_owned();
            answer::success(&seen)
        }
        Err(error) => answer::failure::<Seen>(&error),
    }
}

fn file_byte(position: usize) -> u8 {
    (position % 251) as u8
}

const FILE_BYTES: usize = 1_000_000;

fn file(request: &Request) -> Response {
    let mut file = tempfile::tempfile().unwrap();
    file.write_all(&(0..FILE_BYTES).map(file_byte).collect::<Vec<u8>>()).unwrap();
    file.rewind().unwrap();
    let info = FileInfo {
        bytes: FILE_BYTES as u64,
        etag: "\"e\"".to_owned(),
        modified: SystemTime::UNIX_EPOCH,
        content_type: "video/mp4",
        cache_control: "public, max-age=60",
    };
    serve_file(&request.head, file, info)
}

struct Server {
    address: SocketAddr,
    gate: Gate,
    stop: oneshot::Sender<()>,
    running: JoinHandle<()>,
}

fn limits() -> Limits {
    Limits {
        connections: Arc::new(Semaphore::new(100)),
        header_timeout: PATIENCE,
        body_timeout: PATIENCE,
        shutdown_timeout: PATIENCE,
    }
}

fn start(limits: Limits) -> Server {
    let listener = bind("127.0.0.1:0".parse().unwrap(), true).unwrap();
    let address = listener.local_addr().unwrap();
    let (stop, stopped) = oneshot::channel();
    let gate = Arc::new(Semaphore::new(0));
    let handler = {
        let gate = gate.clone();
        move |request| handle(request, gate.clone())
    };
    let listener = tokio::net::TcpListener::from_std(listener).unwrap();
    let running = tokio::spawn(serve(listener, limits, handler, stopped.map(|_| ())));
    Server { address, gate, stop, running }
}

struct Client {
    stream: TcpStream,
    received: Vec<u8>,
}

struct Answer {
    status: u16,
    head: String,
    body: Vec<u8>,
}

impl Answer {
    fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap()
    }
}

impl Client {
    async fn connect(server: &Server) -> Client {
        Client { stream: TcpStream::connect(server.address).await.unwrap(), received: Vec::new() }
    }

    async fn send(&mut self, bytes: impl AsRef<[u8]>) {
        self.stream.write_all(bytes.as_ref()).await.unwrap();
    }

    /// False at the end of the connection, be it closed or reset.
    async fn receive(&mut self) -> bool {
        let read = tokio::time::timeout(PATIENCE, self.stream.read_buf(&mut self.received)).await;
        read.expect("the server went silent").is_ok_and(|bytes| bytes > 0)
    }

    async fn head(&mut self) -> String {
        loop {
            if let Some(end) = self.received.windows(4).position(|window| window == b"\r\n\r\n") {
                return String::from_utf8(self.received.drain(..end + 4).collect()).unwrap().to_lowercase();
            }
            assert!(self.receive().await, "closed before a whole head: {:?}", self.received);
        }
    }

    async fn answer(&mut self) -> Answer {
        let head = self.head().await;
        let status = head[9..12].parse().unwrap();
        let length = head.split("content-length: ").nth(1).map_or("0", |rest| rest.split("\r\n").next().unwrap());
        let length: usize = length.parse().unwrap();
        while self.received.len() < length {
            assert!(self.receive().await, "closed within the body");
        }
        Answer { status, head, body: self.received.drain(..length).collect() }
    }

    async fn ask(&mut self, request: impl AsRef<[u8]>) -> Answer {
        self.send(request).await;
        self.answer().await
    }

    async fn is_closed(&mut self) -> bool {
        while self.receive().await {}
        self.received.is_empty()
    }
}

fn post(path: &str, content_type: &str, body: &str) -> String {
    let length = body.len();
    format!("POST {path} HTTP/1.1\r\nhost: h\r\ncontent-type: {content_type}\r\ncontent-length: {length}\r\n\r\n{body}")
}

fn get(path: &str, headers: &str) -> String {
    format!("GET {path} HTTP/1.1\r\nhost: h\r\n{headers}\r\n")
}

const FORM: &str = "application/x-www-form-urlencoded";
const MULTIPART: &str = "multipart/form-data; boundary=XX";

fn echoed(text: &str) -> String {
    format!(r#"{{"status_code":0,"status_msg":"success","text":"{text}","file_bytes":0}}"#)
}

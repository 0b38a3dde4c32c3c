//! An HTTP/1.1 client that hides nothing: what a test gives is what goes over the wire.

use std::io::Read;
use std::net::SocketAddr;
use std::time::Duration;

use flate2::read::GzDecoder;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::multipart::{BOUNDARY, Part, multipart, urlencoded};

/// No answer may take this long; a test that hangs says so.
/// Long: a machine in a slow phase stores half a gigabyte meanwhile.
const REPLY_MAX: Duration = Duration::from_secs(120);

/// One connection for each request. Paths are sent as given, query string included.
#[derive(Debug, Clone, Copy)]
pub struct Client {
    address: SocketAddr,
}

impl Client {
    pub fn to(address: SocketAddr) -> Client {
        Client { address }
    }

    pub async fn get(&self, path: &str) -> Reply {
        self.request(head("GET", path, &[]).as_bytes()).await
    }

    pub async fn get_with(&self, path: &str, headers: &[(&str, &str)]) -> Reply {
        self.request(head("GET", path, headers).as_bytes()).await
    }

    pub async fn head(&self, path: &str, headers: &[(&str, &str)]) -> Reply {
        let mut connection = self.connect().await;
        connection.send(head("HEAD", path, headers).as_bytes()).await;
        connection.reply_to_head().await
    }

    pub async fn post(&self, path: &str) -> Reply {
        self.post_body(path, &[], b"").await
    }

    pub async fn post_form(&self, path: &str, fields: &[(&str, &str)]) -> Reply {
        self.request(&form(path, fields)).await
    }

    pub async fn post_multipart(&self, path: &str, parts: &[Part<'_>]) -> Reply {
        self.request(&multipart_form(path, parts)).await
    }

    pub async fn post_body(&self, path: &str, headers: &[(&str, &str)], body: &[u8]) -> Reply {
        self.request(&post(path, headers, body)).await
    }

    /// Any bytes at all, then one answer.
    pub async fn request(&self, bytes: &[u8]) -> Reply {
        let mut connection = self.connect().await;
        connection.send(bytes).await;
        connection.reply().await
    }

    /// The same where the server may be gone, or go in the middle: None, then.
    pub async fn try_request(&self, bytes: &[u8]) -> Option<Reply> {
        timeout(REPLY_MAX, try_request(self.address, bytes)).await.expect("no answer, and no end")
    }

    pub async fn connect(&self) -> Connection {
        let stream = TcpStream::connect(self.address).await.unwrap();
        stream.set_nodelay(true).unwrap();
        Connection { stream: BufReader::new(stream) }
    }
}

async fn try_request(address: SocketAddr, bytes: &[u8]) -> Option<Reply> {
    let mut stream = TcpStream::connect(address).await.ok()?;
    stream.write_all(bytes).await.ok()?;
    let mut answer = Vec::new();
    let head = loop {
        match stream.read_buf(&mut answer).await {
            Ok(0) | Err(_) => return None,
            Ok(_) => {}
        }
        if let Some(head) = answer.windows(4).position(|four| four == b"\r\n\r\n") {
            break head;
        }
    };
    let text = String::from_utf8(answer[..head].to_vec()).unwrap().to_ascii_lowercase();
    let length = text.lines().find_map(|line| line.strip_prefix("content-length: ")).unwrap().parse().unwrap();
    let mut body = answer.split_off(head + 4);
    let held = body.len();
    body.resize(length, 0);
    stream.read_exact(&mut body[held..]).await.ok()?;
    Some(Reply { status: text["http/1.1 ".len()..][..3].parse().unwrap(), headers: Vec::new(), body })
}

/// The head of a request, closed by its empty line.
pub fn head(method: &str, path: &str, headers: &[(&str, &str)]) -> String {
    let headers: String = headers.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
    format!("{method} {path} HTTP/1.1\r\nHost: riffle.test\r\n{headers}\r\n")
}

/// A whole request.
pub fn post(path: &str, headers: &[(&str, &str)], body: &[u8]) -> Vec<u8> {
    let length = body.len().to_string();
    let mut all = vec![("Content-Length", length.as_str())];
    all.extend(headers);
    let mut request = head("POST", path, &all).into_bytes();
    request.extend_from_slice(body);
    request
}

pub fn form(path: &str, fields: &[(&str, &str)]) -> Vec<u8> {
    let kind = ("Content-Type", "application/x-www-form-urlencoded");
    post(path, &[kind], urlencoded(fields).as_bytes())
}

pub fn multipart_form(path: &str, parts: &[Part<'_>]) -> Vec<u8> {
    let kind = format!("multipart/form-data; boundary={BOUNDARY}");
    post(path, &[("Content-Type", &kind)], &multipart(parts))
}

/// A connection that stays open between requests.
pub struct Connection {
    stream: BufReader<TcpStream>,
}

impl Connection {
    /// The server may have closed already, having said why: an error here is no failure of the test.
    pub async fn send(&mut self, bytes: &[u8]) {
        let _ = timeout(REPLY_MAX, self.stream.write_all(bytes)).await.expect("the server reads nothing more");
    }

    /// The next answer.
    pub async fn reply(&mut self) -> Reply {
        self.reply_with_body(true).await
    }

    /// The next answer where it is one to HEAD: it names a length, and nothing follows.
    pub async fn reply_to_head(&mut self) -> Reply {
        self.reply_with_body(false).await
    }

    /// Waits for the server to close, and returns what came before it did.
    pub async fn read_to_end(&mut self) -> Vec<u8> {
        let mut bytes = Vec::new();
        // A reset is an end too.
        let _ = timeout(REPLY_MAX, self.stream.read_to_end(&mut bytes)).await.expect("the connection stays open");
        bytes
    }

    async fn reply_with_body(&mut self, body_follows: bool) -> Reply {
        timeout(REPLY_MAX, self.read_reply(body_follows)).await.expect("no answer")
    }

    async fn read_reply(&mut self, body_follows: bool) -> Reply {
        let status_line = self.line().await;
        let (version, rest) = status_line.split_once(' ').unwrap_or_else(|| panic!("not HTTP: {status_line:?}"));
        assert_eq!(version, "HTTP/1.1");
        let status = rest.get(..3).and_then(|status| status.parse().ok()).unwrap_or_else(|| panic!("{status_line:?}"));
        let mut reply = Reply { status, headers: Vec::new(), body: Vec::new() };
        loop {
            let line = self.line().await;
            if line.is_empty() {
                break;
            }
            let (name, value) = line.split_once(':').unwrap_or_else(|| panic!("not a header: {line:?}"));
            reply.headers.push((name.to_ascii_lowercase(), value.trim().to_owned()));
        }
        if !body_follows || status < 200 || status == 204 || status == 304 {
            return reply;
        }
        reply.body = if reply.header("transfer-encoding") == Some("chunked") {
            self.chunks().await
        } else if let Some(length) = reply.header("content-length") {
            let length = length.parse().unwrap();
            self.bytes(length).await
        } else {
            self.read_to_end().await
        };
        reply
    }

    async fn chunks(&mut self) -> Vec<u8> {
        let mut body = Vec::new();
        loop {
            let line = self.line().await;
            let length = usize::from_str_radix(&line, 16).unwrap_or_else(|_| panic!("not a chunk's length: {line:?}"));
            body.extend(self.bytes(length).await);
            assert_eq!(self.line().await, "", "a chunk is longer than it says");
            if length == 0 {
                return body;
            }
        }
    }

    async fn bytes(&mut self, length: usize) -> Vec<u8> {
        let mut bytes = vec![0; length];
        self.stream.read_exact(&mut bytes).await.expect("the answer is cut short");
        bytes
    }

    async fn line(&mut self) -> String {
        let mut line = String::new();
        self.stream.read_line(&mut line).await.expect("the connection broke");
        let text = line.strip_suffix("\r\n");
        text.unwrap_or_else(|| panic!("the connection ended in the middle of an answer, after {line:?}")).to_owned()
    }
}

#[derive(Debug, Clone)]
pub struct Reply {
    pub status: u16,
    /// Names in lower case, in the order they came.
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
}

impl Reply {
    /// The first of this name, given in lower case.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    /// `status_code` of the envelope.
    pub fn code(&self) -> u64 {
        let json = self.json();
        json["status_code"].as_u64().unwrap_or_else(|| panic!("no envelope: {json}"))
    }

    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    pub fn json(&self) -> serde_json::Value {
        let mut body = self.body.clone();
        if self.header("content-encoding") == Some("gzip") {
            body.clear();
            GzDecoder::new(&self.body[..]).read_to_end(&mut body).expect("not gzip, though it says so");
        }
        serde_json::from_slice(&body).unwrap_or_else(|error| panic!("{error}: {self:?} {:?}", self.text()))
    }
}

//! An HTTP connection that survives the death of its server: the harness's own fails the test.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use serde_json::Value;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;
use tokio::time::timeout;

/// No fault lasts as long: whoever waits longer was forgotten.
const ANSWER_MAX: Duration = Duration::from_secs(20);

pub enum Answer {
    /// `status` of HTTP and the answer's JSON.
    Came(u16, Value),
    /// Nothing was sent.
    NoServer,
    /// It was sent, or a part of it, and nobody knows what became of it.
    Lost,
    Hung,
}

/// One connection that stays open between requests, and is made anew when it broke.
#[derive(Default)]
pub struct Wire {
    stream: Option<(SocketAddr, BufReader<TcpStream>)>,
}

impl Wire {
    pub async fn ask(&mut self, address: SocketAddr, request: &[u8]) -> Answer {
        let mut stream = match self.stream.take() {
            Some((connected, stream)) if connected == address => stream,
            _ => match TcpStream::connect(address).await {
                Ok(stream) => {
                    stream.set_nodelay(true).unwrap();
                    BufReader::new(stream)
                }
                Err(_) => return Answer::NoServer,
            },
        };
        match timeout(ANSWER_MAX, exchange(&mut stream, request)).await {
            Ok(Ok((status, json))) => {
                self.stream = Some((address, stream));
                Answer::Came(status, json)
            }
            Ok(Err(_)) => Answer::Lost,
            Err(_) => Answer::Hung,
        }
    }
}

async fn exchange(stream: &mut BufReader<TcpStream>, request: &[u8]) -> io::Result<(u16, Value)> {
    stream.get_mut().write_all(request).await?;
    let status_line = line(stream).await?;
    let status = status_line.split(' ').nth(1).and_then(|status| status.parse().ok());
    let mut length = 0;
    loop {
        let header = line(stream).await?.to_ascii_lowercase();
        if header.is_empty() {
            break;
        }
        if let Some(value) = header.strip_prefix("content-length:") {
            length = value.trim().parse().unwrap();
        }
    }
    let mut body = vec![0; length];
    stream.read_exact(&mut body).await?;
    let json = serde_json::from_slice(&body);
    Ok((
        status.unwrap_or_else(|| panic!("not HTTP: {status_line:?}")),
        json.unwrap_or_else(|error| panic!("{error}: {:?}", String::from_utf8_lossy(&body))),
    ))
}

async fn line(stream: &mut BufReader<TcpStream>) -> io::Result<String> {
    let mut line = String::new();
    stream.read_line(&mut line).await?;
    match line.strip_suffix("\r\n") {
        Some(line) => Ok(line.to_owned()),
        None => Err(io::ErrorKind::UnexpectedEof.into()),
    }
}

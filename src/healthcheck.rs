//! `riffle healthcheck`: asks the server of this machine whether it can serve; for images, which have no curl.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::config::Config;
use crate::error::{Error, Result};

const TIMEOUT: Duration = Duration::from_secs(3);
const ANSWER_BYTES_MAX: u64 = 64 << 10;

/// Its settings are for the caller to add.
pub fn command() -> clap::Command {
    clap::Command::new("healthcheck").about("Ask the server at RIFFLE_LISTEN whether it can serve").long_about(
        "Asks /readyz of the server at RIFFLE_LISTEN on this machine. Exit code: 0 it can serve, 1 it cannot, or does not \
         answer within 3 seconds.",
    )
}

pub async fn run(config: &Config) -> Result<()> {
    let address = reachable(config.listen);
    let answer = tokio::time::timeout(TIMEOUT, ask(address)).await;
    let answer = answer.map_err(|_| Error::unavailable(format!("{address} does not answer")))?;
    let answer = answer.map_err(|error| Error::unavailable(format!("{address}: {error}")))?;
    let (head, body) = answer.split_once("\r\n\r\n").unwrap_or((&answer, ""));
    match head.split_whitespace().nth(1) {
        Some("200") => Ok(()),
        _ => Err(Error::unavailable(format!("{address}: {body}"))),
    }
}

async fn ask(address: SocketAddr) -> std::io::Result<String> {
    let mut stream = TcpStream::connect(address).await?;
    stream.write_all(b"GET /readyz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n").await?;
    let mut answer = String::new();
    stream.take(ANSWER_BYTES_MAX).read_to_string(&mut answer).await?;
    Ok(answer)
}

/// A server that listens on every address of the machine is asked on the loopback one.
fn reachable(listen: SocketAddr) -> SocketAddr {
    let address = match listen.ip() {
        IpAddr::V4(address) if address.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(address) if address.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        address => address,
    };
    SocketAddr::new(address, listen.port())
}

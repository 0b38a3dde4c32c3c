//! Forwarding bytes: a proxy before the servers, as the one of the compose file; and Postgres over TCP.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use percent_encoding::percent_decode_str;
use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream, UnixStream};

/// Gives each connection to the servers by turns, and to the next one where the first cannot be reached. Ends with the
/// test's runtime.
pub struct Proxy {
    pub address: SocketAddr,
}

impl Proxy {
    pub async fn start(servers: Vec<SocketAddr>) -> Proxy {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let turn = Arc::new(AtomicUsize::new(0));
        tokio::spawn(async move {
            loop {
                let (mut client, _) = listener.accept().await.unwrap();
                let (servers, turn) = (servers.clone(), turn.fetch_add(1, Ordering::Relaxed));
                tokio::spawn(async move {
                    for place in 0..servers.len() {
                        if let Ok(mut server) = TcpStream::connect(servers[(turn + place) % servers.len()]).await {
                            // A connection that breaks is one for the client, too.
                            let _ = copy_bidirectional(&mut client, &mut server).await;
                            return;
                        }
                    }
                });
            }
        });
        Proxy { address }
    }
}

/// The TCP address of a Postgres whose URL names a socket.
pub async fn forward_to_socket(postgres_url: &str) -> String {
    let (user, rest) = postgres_url.strip_prefix("postgres://").unwrap().split_once('@').unwrap();
    let (folder, database) = rest.split_once('/').unwrap();
    let socket = PathBuf::from(percent_decode_str(folder).decode_utf8().unwrap().as_ref()).join(".s.PGSQL.5432");
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        loop {
            let (mut client, _) = listener.accept().await.unwrap();
            if let Ok(mut server) = UnixStream::connect(&socket).await {
                tokio::spawn(async move { copy_bidirectional(&mut client, &mut server).await });
            }
        }
    });
    format!("postgres://{user}:any@{address}/{database}")
}

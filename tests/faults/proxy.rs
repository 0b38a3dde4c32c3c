//! A proxy before Redis that holds answers back, or cuts the connection in the middle of one.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt, copy};
use tokio::net::{TcpListener, TcpStream, UnixStream};
use tokio::task::JoinSet;

use crate::rounds::let_pass;

#[derive(Default)]
struct Faults {
    /// Milliseconds by which every piece of an answer comes later.
    delay_ms: AtomicU64,
    /// Bytes until the next cut; 0: none is wanted.
    cut_after: AtomicU64,
}

/// Ends with all its connections when it is dropped.
pub struct Proxy {
    pub url: String,
    faults: Arc<Faults>,
    _connections: JoinSet<()>,
}

impl Proxy {
    /// `redis_url` names a socket.
    pub async fn start(redis_url: &str) -> Proxy {
        let socket = PathBuf::from(redis_url.strip_prefix("redis+unix://").unwrap());
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("redis://{}", listener.local_addr().unwrap());
        let faults = Arc::new(Faults::default());
        let mut listening = JoinSet::new();
        listening.spawn(accept(listener, socket, faults.clone()));
        Proxy { url, faults, _connections: listening }
    }

    pub fn delay(&self, time: Duration) {
        self.faults.delay_ms.store(time.as_millis() as u64, Ordering::Relaxed);
    }

    /// Lets so many bytes of answers through, then cuts the connection that has the next one.
    pub fn cut_after(&self, bytes: u64) {
        self.faults.cut_after.store(bytes.max(1), Ordering::Relaxed);
    }
}

async fn accept(listener: TcpListener, socket: PathBuf, faults: Arc<Faults>) {
    let mut connections = JoinSet::new();
    loop {
        let (client, _) = listener.accept().await.unwrap();
        client.set_nodelay(true).unwrap();
        if let Ok(redis) = UnixStream::connect(&socket).await {
            connections.spawn(pass(client, redis, faults.clone()));
        }
    }
}

async fn pass(client: TcpStream, redis: UnixStream, faults: Arc<Faults>) {
    let (mut from_client, mut to_client) = client.into_split();
    let (mut from_redis, mut to_redis) = redis.into_split();
    let answers = async {
        let mut piece = vec![0; 16 * 1024];
        loop {
            let length = match from_redis.read(&mut piece).await {
                Ok(0) | Err(_) => return,
                Ok(length) => length,
            };
            let_pass(Duration::from_millis(faults.delay_ms.load(Ordering::Relaxed))).await;
            let left = faults.cut_after.load(Ordering::Relaxed);
            let (shown, cut) = if left > 0 && left <= length as u64 { (left as usize, true) } else { (length, false) };
            let after = if cut || left == 0 { 0 } else { left - length as u64 };
            faults.cut_after.store(after, Ordering::Relaxed);
            if to_client.write_all(&piece[..shown]).await.is_err() || cut {
                return;
            }
        }
    };
    // The end of either direction is the end of both.
    tokio::select! {
        () = answers => {}
        _ = copy(&mut from_client, &mut to_redis) => {}
    }
}

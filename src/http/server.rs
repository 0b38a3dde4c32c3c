//! Accepting connections and ending them well.

use std::io;
use std::net::{SocketAddr, TcpListener as StdListener};
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use futures_util::future::BoxFuture;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use socket2::{Domain, Protocol, SockRef, Socket, Type};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

use super::limits::{
    CONNECTION_BUFFER_BYTES_MAX, DRAIN_TIMEOUT, HEAD_BYTES_MAX, LINGER_BYTES_MAX, Limits, READER_TIMEOUT_FACTOR,
};
use super::service::Handling;
use super::{Request, Response};

/// Connections that may wait to be accepted; the kernel cuts it to `net.core.somaxconn`.
const BACKLOG: i32 = 4096;
/// Pause after an accept that failed for want of descriptors or memory: it would fail again at once.
const ACCEPT_BACKOFF: Duration = Duration::from_millis(100);

/// A non-blocking listener. With `reuse_port` several may share one address, each with its own share of the
/// connections; for port 0 bind one, and the others to the port it got.
pub fn bind(address: SocketAddr, reuse_port: bool) -> io::Result<StdListener> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    socket.set_reuse_address(true)?;
    if reuse_port {
        socket.set_reuse_port(true)?;
    }
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    Ok(socket.into())
}

/// What the connections are told.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Phase {
    Serving,
    /// Answer what is under way, take nothing new.
    Draining,
    Cut,
}

/// Serves until `shutdown` resolves, then gives requests under way `shutdown_timeout` to finish, and returns when
/// they are answered or cut off.
///
/// The handler's future runs to its end even if the client hangs up, so that a write is not left half-way.
pub async fn serve<H, F>(listener: TcpListener, limits: Limits, handler: H, shutdown: F)
where
    H: Fn(Request) -> BoxFuture<'static, Response> + Clone + Send + Sync + 'static,
    F: Future<Output = ()>,
{
    let (phase, _) = watch::channel(Phase::Serving);
    tokio::select! {
        () = accept_all(&listener, &limits, &handler, &phase) => {}
        () = shutdown => {}
    }
    drop(listener);
    phase.send_replace(Phase::Draining);
    // Every connection holds a receiver for as long as it lives.
    if tokio::time::timeout(limits.shutdown_timeout, phase.closed()).await.is_err() {
        tracing::warn!("{} connections cut off at shutdown", phase.receiver_count());
        phase.send_replace(Phase::Cut);
        phase.closed().await;
    }
}

async fn accept_all<H>(listener: &TcpListener, limits: &Limits, handler: &H, phase: &watch::Sender<Phase>)
where
    H: Fn(Request) -> BoxFuture<'static, Response> + Clone + Send + Sync + 'static,
{
    let protocol = protocol(limits);
    loop {
        let stream = match listener.accept().await {
            Ok((stream, _)) => stream,
            Err(error) if concerns_one_client(&error) => continue,
            Err(error) => {
                tracing::warn!("cannot accept connections: {error}");
                tokio::time::sleep(ACCEPT_BACKOFF).await;
                continue;
            }
        };
        // Accepted first: a listener that kept a permit while it waits would take it from the others.
        let Ok(permit) = limits.connections.clone().acquire_owned().await else { return };
        if let Err(error) = tune(&stream, limits) {
            tracing::debug!("a connection ended before it began: {error}");
            continue;
        }
        let unread = Arc::new(AtomicBool::new(false));
        let handling = Handling { handler: handler.clone(), body_timeout: limits.body_timeout, unread: unread.clone() };
        let connection = protocol.serve_connection(TokioIo::new(stream), handling);
        let phase = phase.subscribe();
        tokio::spawn(async move {
            run(connection, phase, &unread).await;
            drop(permit);
        });
    }
}

/// Not `pipeline_flush`: with it hyper 1.12 drops the last answer of a connection if unread bytes lie behind the
/// request, so that refusals of a bad head or body would be lost.
fn protocol(limits: &Limits) -> http1::Builder {
    let mut protocol = http1::Builder::new();
    protocol
        .timer(TokioTimer::new())
        .header_read_timeout(limits.header_timeout)
        .keep_alive(true)
        .half_close(true)
        .max_header_size(HEAD_BYTES_MAX)
        .max_buf_size(CONNECTION_BUFFER_BYTES_MAX);
    protocol
}

fn concerns_one_client(error: &io::Error) -> bool {
    use io::ErrorKind::*;
    matches!(error.kind(), ConnectionAborted | ConnectionReset | ConnectionRefused | Interrupted)
}

fn tune(stream: &TcpStream, limits: &Limits) -> io::Result<()> {
    stream.set_nodelay(true)?;
    SockRef::from(stream).set_tcp_user_timeout(Some(limits.body_timeout * READER_TIMEOUT_FACTOR))
}

type Connection<H> = http1::Connection<TokioIo<TcpStream>, Handling<H>>;

async fn run<H>(mut connection: Connection<H>, mut phase: watch::Receiver<Phase>, unread: &AtomicBool)
where
    H: Fn(Request) -> BoxFuture<'static, Response>,
{
    let result = loop {
        tokio::select! {
            biased;
            result = &mut connection => break result,
            changed = phase.changed() => {
                if changed.is_err() || *phase.borrow_and_update() == Phase::Cut {
                    return;
                }
                std::pin::Pin::new(&mut connection).graceful_shutdown();
            }
        }
    };
    if let Err(error) = &result {
        tracing::debug!("a connection ended early: {error}");
    }
    let refused_by_hyper = result.is_err_and(|error| error.is_parse());
    if !refused_by_hyper && !unread.load(Ordering::Relaxed) {
        return;
    }
    let stream = connection.into_parts().io.into_inner();
    let mut lingering = pin!(tokio::time::timeout(DRAIN_TIMEOUT, linger(&stream)));
    tokio::select! {
        _ = &mut lingering => {}
        _ = phase.wait_for(|phase| *phase == Phase::Cut) => {}
    }
}

/// Waits for the client to hang up, throwing away what it still sends: closing over unread bytes makes the kernel
/// reset the connection, and the client may never see the answer that is on its way.
async fn linger(stream: &TcpStream) {
    let mut bytes = 0;
    while bytes < LINGER_BYTES_MAX && stream.readable().await.is_ok() {
        match stream.try_read(&mut [0; 16 << 10]) {
            Ok(0) => return,
            Ok(read) => bytes += read,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            Err(_) => return,
        }
    }
}

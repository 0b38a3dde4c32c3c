//! The shape of the process: one thread per core, each with its own runtime, listener and connection to Redis; one more
//! runtime for whatever no request waits for (relay, covers, sweeping); and a thread that Redis tells of changes.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use futures_util::FutureExt;
use tokio::runtime::{Builder, Handle, Runtime, RuntimeMetrics};
use tokio::sync::{Notify, Semaphore, watch};
use tracing::{error, info, warn};

use crate::api::{self, Service};
use crate::auth::password::Passwords;
use crate::auth::token::Tokens;
use crate::config::Durability;
use crate::error::{Error, Result};
use crate::feed::Feed;
use crate::http::{self, Cors, Limits};
use crate::media::Prober;
use crate::store::{Cards, Slot};
use crate::sync::admission::{Gate, supervise};
use crate::sync::{World, flush, pending, prepare, recoverer, sweep};

/// How long the line that says where it listens waits for Redis to be admitted.
const READY_WAIT: Duration = Duration::from_secs(3);
/// How long the end waits for what was loaded just now to be admitted; longer than servers take to look again, and no reason to
/// wait for a node that is away.
const WHOLE_WAIT: Duration = Duration::from_secs(1);

/// Connections to the stores, uploads under way, the program's own.
const FILES_BESIDE_CONNECTIONS: u64 = 200;

/// Serves until `stop` says so; then lets requests under way finish. Runs on the background runtime.
pub async fn serve(world: World, token_secret: &[u8], mut stop: watch::Receiver<bool>) -> Result<()> {
    let config = &world.config;
    raise_open_files_limit(config.connections_max);
    let listeners = listen(config.listen, config.threads())
        .map_err(|error| Error::unavailable(format!("cannot listen on {}: {error}", config.listen)))?;
    let address = listeners[0].local_addr().map_err(Error::internal)?;
    let store_base = prepare::prepare(&world.media).await;
    let media_base = config.media_url.clone().or(store_base).unwrap_or_else(|| format!("http://{address}/media"));
    let cards = Arc::new(Cards::new(world.marks.clone(), config.cache_bytes_max));
    let (left, snapshot) = (Cards::left_to_feed(config.cache_bytes_max), config.feed_snapshot);
    let feed = Arc::new(Feed::new(cards.clone(), world.archive.clone(), media_base.clone(), snapshot, left)?);
    let tokens = Tokens::new(token_secret, config.token_ttl_s);
    let passwords = Passwords::start(config.password_threads, config.password_queue_max)?;
    let prober = Arc::new(Prober::new("/proc/self/exe".into(), config.probe_timeout_ms));
    let uploads = Arc::new(Semaphore::new(config.uploads_max));
    let published = Arc::new(Notify::new());
    let draining = Arc::new(AtomicBool::new(false));
    let limits = Limits {
        connections: Arc::new(Semaphore::new(config.connections_max)),
        header_timeout: config.header_timeout_ms,
        body_timeout: config.body_timeout_ms,
        shutdown_timeout: config.shutdown_timeout_ms,
    };

    let slots: Arc<[Arc<Slot>]> = listeners.iter().map(|_| Arc::default()).collect();
    let runtime = || Builder::new_current_thread().enable_all().build().map_err(Error::internal);
    let runtimes: Vec<Runtime> = listeners.iter().map(|_| runtime()).collect::<Result<_>>()?;
    let watching = runtime()?;
    let beside = [watching.metrics(), Handle::current().metrics()];
    let work: Arc<[RuntimeMetrics]> = runtimes.iter().map(Runtime::metrics).chain(beside).collect();
    let mut threads = Vec::new();
    for ((listener, runtime), slot) in listeners.into_iter().zip(runtimes).zip(slots.iter()) {
        let service = Arc::new(Service {
            config: config.clone(),
            slot: slot.clone(),
            slots: slots.clone(),
            work: work.clone(),
            archive: world.archive.clone(),
            feed: feed.clone(),
            cards: cards.clone(),
            marks: world.marks.clone(),
            media: world.media.clone(),
            prober: prober.clone(),
            tokens: tokens.clone(),
            passwords: passwords.clone(),
            uploads: uploads.clone(),
            connections: limits.connections.clone(),
            backlog: world.backlog.clone(),
            durable: (config.durability == Durability::Strict).then(|| world.durable.clone()),
            published: published.clone(),
            media_base: media_base.clone(),
            cors: Cors::new(config.cors_origins.clone()),
            draining: draining.clone(),
        });
        threads.push(spawn_thread(listener, runtime, limits.clone(), world.gate.clone(), service, stop.clone())?);
    }

    let background = Arc::new(Slot::default());
    let watch = world.gate.clone().watch(background.clone(), world.marks.clone());
    // Ends with the process.
    std::thread::Builder::new()
        .name("watch".into())
        .spawn(move || watching.block_on(watch))
        .map_err(Error::internal)?;
    let orphan_age = config.orphan_age_s;
    let tasks = [
        tokio::spawn(supervise(world.gate.clone(), background.clone())),
        tokio::spawn(recoverer::work(world.gate.clone())),
        tokio::spawn(pending::relay(
            background.clone(),
            world.archive.clone(),
            config.pending_after_ms,
            config.feed_window,
        )),
        tokio::spawn(world.flusher(background.clone()).work()),
        tokio::spawn(world.backlog.clone().measure(background.clone(), world.archive.clone())),
        tokio::spawn(world.durable.clone().serve(background.clone(), world.archive.clone())),
        tokio::spawn(world.covers(background.clone(), published).work()),
        tokio::spawn(sweep::work(world.archive.clone(), world.media.clone(), orphan_age)),
    ];

    let all_ready = futures_util::future::join_all(slots.iter().map(|slot| slot.whole()));
    tokio::select! {
        _ = all_ready => println!("riffle listening on http://{address}"),
        () = tokio::time::sleep(READY_WAIT) => {
            let missing = slots.iter().find_map(|slot| slot.missing()).unwrap_or("redis loading");
            println!("riffle listening on http://{address} (not ready: {missing})");
        }
        _ = stop.wait_for(|stop| *stop) => {}
    }
    // The sender is gone only when the program is.
    let _ = stop.wait_for(|stop| *stop).await;
    draining.store(true, Ordering::Relaxed);
    info!("stopping: requests under way are finished first");
    tokio::task::spawn_blocking(move || {
        for thread in threads {
            if thread.join().is_err() {
                error!("a serving thread panicked");
            }
        }
    })
    .await
    .map_err(Error::internal)?;
    // So that the next start finds nothing to do. Redis keeps what is not written in time. Whoever has a part of it only cannot
    // tell that all is written.
    let _ = tokio::time::timeout(WHOLE_WAIT, background.whole()).await;
    if let Ok(run) = background.run() {
        let drained = async { flush::wait_until_written(&run, &world.archive.session().await?).await };
        match tokio::time::timeout(config.shutdown_timeout_ms, drained).await {
            Ok(Ok(_)) => {}
            Ok(Err(error)) => warn!("the outbox was not drained: {error}"),
            Err(_) => warn!("the outbox was not drained in time"),
        }
    }
    for task in tasks {
        task.abort();
    }
    Ok(())
}

/// As many open files as the system lets us have: the usual limit of 1 024 is for programs that use `select`.
fn raise_open_files_limit(connections_max: usize) {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let Rlimit { maximum, .. } = getrlimit(Resource::Nofile);
    if let Err(fault) = setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum }) {
        warn!("the limit on open files stays as it is: {fault}");
    }
    let files = getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX);
    if files < connections_max as u64 + FILES_BESIDE_CONNECTIONS {
        warn!("{files} open files are allowed: too few for {connections_max} connections (connections_max)");
    }
}

/// One listener for each thread, on the same address.
fn listen(address: SocketAddr, threads: usize) -> std::io::Result<Vec<std::net::TcpListener>> {
    let first = http::bind(address, threads > 1)?;
    // Port 0 became a real one.
    let address = first.local_addr()?;
    let mut listeners = vec![first];
    for _ in 1..threads {
        listeners.push(http::bind(address, true)?);
    }
    Ok(listeners)
}

fn spawn_thread(
    listener: std::net::TcpListener,
    runtime: Runtime,
    limits: Limits,
    gate: Arc<Gate>,
    service: Arc<Service>,
    mut stop: watch::Receiver<bool>,
) -> Result<JoinHandle<()>> {
    std::thread::Builder::new()
        .name("serve".into())
        .spawn(move || {
            runtime.block_on(async move {
                let listener = match tokio::net::TcpListener::from_std(listener) {
                    Ok(listener) => listener,
                    Err(fault) => return error!("cannot listen: {fault}"),
                };
                let supervisor = tokio::spawn(supervise(gate, service.slot.clone()));
                let handler = move |request| api::handle(service.clone(), request).boxed();
                let stopped = async move {
                    // The sender is gone only when the program is.
                    let _ = stop.wait_for(|stop| *stop).await;
                };
                http::serve(listener, limits, handler, stopped).await;
                supervisor.abort();
            });
        })
        .map_err(Error::internal)
}
